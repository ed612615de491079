#!/bin/sh
# fuzz.sh BUILD TARGET|all SECONDS - run libFuzzer targets over their seeds
#
# New inputs stay in BUILD; a finding is copied to tests/fuzz/corpus/TARGET
# once it is mended, so that `make check` replays it for ever.
set -eu
cd "$(dirname "$0")/.."
build=$1 target=$2 seconds=$3
bad=0 ran=0
for exe in "$build"/tests/fuzz/fuzz_*; do
	[ -x "$exe" ] && [ -f "$exe" ] || continue
	name=${exe##*/fuzz_}
	[ "$target" = all ] || [ "$target" = "$name" ] || continue
	mkdir -p "$build/found/$name"
	echo "== $name, $seconds s"
	"$exe" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
	    -print_final_stats=1 -artifact_prefix="$build/$name." \
	    "$build/found/$name" "tests/fuzz/corpus/$name" \
	    2>"$build/$name.log" || bad=1
	grep -E 'ERROR|SUMMARY|number_of_executed|exec/s:.*DONE' \
	    "$build/$name.log" | tail -n 4
	ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || { echo "no fuzz target $target"; exit 2; }
exit $bad
