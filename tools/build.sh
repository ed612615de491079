#!/bin/sh
# build.sh DIR [MESON-OPTION...] - configure where needed, then build all
#
# Sources are globbed when meson configures, so a list that changed means to
# configure again; so does a directory made by another checkout or meson.
set -eu
cd "$(dirname "$0")/.."
dir=$1
shift
list=$(find src sim tests -path '*/node_modules' -prune -o \
    \( -name '*.c' -o -name meson.build -o -name LAYERS \) -print |
    LC_ALL=C sort | cksum)
want="$PWD $(meson --version) $* $list"
have=$(cat "$dir/.configured" 2>/dev/null || :)
if [ "$have" != "$want" ]; then
	if [ ! -f "$dir/build.ninja" ]; then
		meson setup "$dir" "$@" >"$dir.log" 2>&1 ||
		    { cat "$dir.log"; rm -rf "$dir" "$dir.log"; exit 1; }
	elif ! meson setup --reconfigure "$dir" "$@" >"$dir.log" 2>&1; then
		rm -rf "$dir"
		meson setup "$dir" "$@" >"$dir.log" 2>&1 ||
		    { cat "$dir.log"; rm -rf "$dir" "$dir.log"; exit 1; }
	fi
	mv "$dir.log" "$dir/configure.log"
	echo "$want" >"$dir/.configured"
fi
[ -e "$dir/kontor" ] || echo "build: $dir, the first time takes a while" >&2
said=$(ninja -C "$dir" --quiet) || { printf '%s\n' "$said" >&2; exit 1; }
printf '%s\n' "$said" | grep -v -e '^$' -e 'ninja: no work to do' >&2 || :
# One place for the programs: kontor looks for kontor-sim beside itself.
for exe in src/kontor sim/kontor-sim; do
	if [ -f "$dir/$exe" ]; then
		ln -f "$dir/$exe" "$dir/${exe##*/}"
	fi
done
