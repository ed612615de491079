#!/bin/sh
# spin.sh hold.pml - check the model, then that each planted error is found
#
# Without spin it says so and is skipped (77 is meson's word for that).
set -eu
if ! command -v spin >/dev/null; then
	echo "spin is not installed: the model was not checked"
	exit 77
fi
model=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# pan FLAGS: leaves its report in pan.out
run() {
	rm -f pan.*
	# shellcheck disable=SC2086
	spin -a $1 "$model" >pan.log 2>&1 || { cat pan.log; exit 1; }
	${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c
	./pan -n -m10000 >pan.out 2>&1 || true
}

report() {
	printf '%-44s %s, %s\n' "$1" "$(sed -n \
	    's/^ *\([0-9]*\) states, stored.*/\1 states/p' pan.out)" "$2"
}

holds() {
	run "$2"
	if ! grep -q 'errors: 0' pan.out || grep -q 'not completed' pan.out
	then
		cat pan.out
		exit 1
	fi
	report "$1" ok
}

found() {
	run "-DBUG_$1"
	if ! grep -q 'assertion violated' pan.out; then
		echo "planted error $1 was not found"
		cat pan.out
		exit 1
	fi
	report "planted: $2" found
}

holds 'two workers and a recorder, any two die' -DDEATHS=2
holds 'three workers, nobody dies' '-DWORKERS=3 -DDEATHS=0'
found 1 'no second look after the mark'
found 2 'the column goes down before the outcome'
found 3 'repair adds'
found 4 'repair zeroes first'
found 5 'repair does not look for its predecessor'
found 6 'replay without a cursor'
found 7 'marks are taken for settled money'
