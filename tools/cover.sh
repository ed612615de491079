#!/bin/sh
# cover.sh REPORT - a folder's line coverage may only go up
#
# tests/coverage.ratchet holds "folder percent"; a rise is written back.
set -eu
cd "$(dirname "$0")/.."
ratchet=tests/coverage.ratchet
touch "$ratchet"
awk '$1 ~ /^src\// && $2 ~ /^[0-9]+$/ {
	split($1, p, "/"); lines[p[2]] += $2; run[p[2]] += $3
}
END { for (f in lines) printf "%s %.1f\n", f, 100 * run[f] / lines[f] }' "$1" |
    LC_ALL=C sort >"$1.folders"
cat "$1.folders"
awk 'FNR == NR { was[$1] = $2; next }
	$1 in was && $2 + 0.2 < was[$1] {
		print $1 ": " $2 " % of lines, was " was[$1]; bad = 1
	}
	END { exit bad }' "$ratchet" "$1.folders"
awk 'FNR == NR { was[$1] = $2; next }
	{ print $1, ($1 in was && was[$1] > $2) ? was[$1] : $2 }' \
    "$ratchet" "$1.folders" >"$ratchet.new"
mv "$ratchet.new" "$ratchet"
