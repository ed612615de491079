#!/bin/sh
# migrations.sh [OUT] - write src/store/migrations.def from db/NNNN_*.sql
#
# The result is committed: the build needs no generator, and a unit test of
# store/ compares the two.
set -eu
cd "$(dirname "$0")/.."
{
	echo "/* MIGRATION(number, sql): written by tools/migrations.sh */"
	for f in db/[0-9][0-9][0-9][0-9]_*.sql; do
		n=$(basename "$f" | sed 's/_.*//; s/^0*//')
		echo "MIGRATION($n,"
		sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$/\\n"/' "$f"
		echo ")"
	done
} >"${1:-src/store/migrations.def}"
