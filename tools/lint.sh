#!/bin/sh
# lint.sh - what a machine can say about the source without running it
#
# One line per check, "ok NAME" or "not ok NAME", after what it has to say.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
PATH=$PATH:/usr/sbin:/sbin

c_files() {
	find src sim tests -path '*/node_modules' -prune -o \
	    -name '*.[ch]' -print | LC_ALL=C sort
}

lint_layers() {
	sh tools/layers.sh src/LAYERS "$tmp"
}

lint_losses() {
	sh tools/losses.sh check
}

lint_names() {
	sh tools/names.sh
}

lint_unused() {
	sh tools/unused.sh
}

lint_headers() {
	sh tools/headers.sh
}

lint_format() {
	c_files | xargs clang-format-14 --dry-run -Werror 2>"$tmp/format" &&
	    return 0
	grep -E 'error|warning' "$tmp/format" | cut -d: -f1 | sort | uniq -c
	return 1
}

# Where a mistake costs money or trust, each file has its tests, under its own
# name or under that which tools/tested.by gives.
lint_tests() {
	none=0
	for src in src/base/*.c src/model/*.c src/ledger/*.c \
	    src/audit/*.c src/dialect/*.c src/provider/*.c; do
		[ -f "$src" ] || continue
		name=${src#src/}
		[ -f "tests/unit/${name%.c}_test.c" ] && continue
		by=$(sed -n "s|^$name  *||p" tools/tested.by)
		[ -n "$by" ] && [ -f "tests/unit/$by" ] && continue
		echo "no tests/unit/${name%.c}_test.c"
		none=1
	done
	return "$none"
}

lint_shell() {
	shellcheck -S warning -s sh tools/*.sh && shellcheck -S warning .ci/run
}

# 1 is nothing found; more is git refusing to look.
lint_commit_text() {
	git grep -nIE '/(work|home|root)/[a-z]' -- ':!*.json' ':!LICENSE' \
	    ':!*.lock' ':!tools/lint.sh'
	[ $? = 1 ]
}

skip() {
	echo "ok lint.$1 # skip no $2"
}

run() {
	if "lint_$1" >"$tmp/out" 2>&1; then
		echo "ok lint.$1"
	else
		cat "$tmp/out"
		echo "not ok lint.$1"
		bad=1
	fi
}

run layers
run names
run unused
run losses
run headers
if command -v clang-format-14 >/dev/null; then
	run format
else
	skip format clang-format-14
fi
run tests
if command -v shellcheck >/dev/null; then
	run shell
else
	skip shell shellcheck
fi
if [ -d .git ]; then
	run commit_text
fi
echo "longest functions:"
find src sim -name '*.c' -print0 | xargs -0 awk -f tools/longest.awk |
    sed 's/^/    /'
exit $bad
