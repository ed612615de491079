#!/bin/sh
# layers.sh LAYERS DIR - lay out DIR/<folder>/ with links to what it may include
set -eu
root=$(cd "$(dirname "$1")" && pwd)
seen=" "
sed 's/#.*//; /^[[:space:]]*$/d' "$1" | while read -r dir deps; do
	mkdir -p "$2/$dir"
	rm -f "$2/$dir"/*
	for d in $deps; do
		case "$seen" in *" $d "*) ;; *)
			echo "$1: $dir may not include $d: not below it" >&2
			exit 1 ;;
		esac
		ln -s "$root/$d" "$2/$dir/$d"
	done
	ln -s "$root/$dir" "$2/$dir/$dir"
	seen="$seen$dir "
done
