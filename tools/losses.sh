#!/bin/sh
# losses.sh - the table of docs/dialects.md that src/model/losses.def is
#
# Prints it; with "check", says whether the page has it as it is.
set -u
cd "$(dirname "$0")/.." || exit 2

table() {
	echo '| name | what is said |'
	echo '|---|---|'
	sed -n 's/^LOSS(\([A-Z_]*\), *"\(.*\)")$/\1|\2/p' \
	    src/model/losses.def |
	    while IFS='|' read -r name text; do
		name=$(echo "$name" | tr '[:upper:]' '[:lower:]')
		printf '| \140%s\140 | %s |\n' "$name" "$text"
	    done
}

if [ "${1:-}" = check ]; then
	table >"${TMPDIR:-/tmp}/losses.$$"
	sed -n '/^<!-- losses -->$/,/^<!-- end -->$/p' docs/dialects.md |
	    sed '1d;$d' | cmp -s - "${TMPDIR:-/tmp}/losses.$$"
	same=$?
	rm -f "${TMPDIR:-/tmp}/losses.$$"
	[ $same -eq 0 ] ||
	    echo "docs/dialects.md: the losses are not those of losses.def"
	exit $same
fi
table
