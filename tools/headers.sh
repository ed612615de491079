#!/bin/sh
# headers.sh - every header compiles alone, seeing only what its layer may,
# and all that a folder may see together with the headers of our dependencies
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sh tools/layers.sh src/LAYERS "$tmp"
flags="-std=c17 -D_GNU_SOURCE -msse4.2 -Wall -Wextra -Werror -fsyntax-only"
bad=0

find src -name '*.h' | LC_ALL=C sort >"$tmp/headers"
all_of() { # folder
	for dep in openssl/ssl.h ares.h sqlite3.h yaml.h zlib.h zstd.h \
	    seccomp.h; do
		echo "#include <$dep>"
	done
	for d in "$tmp/$1"/*; do
		d=${d##*/}
		sed -n "s|^src/\\($d/.*\\)|#include \"\\1\"|p" "$tmp/headers"
	done
}

check() { # folder header
	echo "#include \"$2\"" >"$tmp/$1.one.c"
	# shellcheck disable=SC2086
	${CC:-cc} $flags -I"$tmp/$1" "$tmp/$1.one.c"
}
while read -r h; do
	rel=${h#src/}
	check "${rel%%/*}" "$rel" || { echo "$h does not stand alone"; bad=1; }
done <"$tmp/headers"
for h in sim/*.h; do
	[ -f "$h" ] || continue
	echo "#include \"$h\"" >"$tmp/sim.one.c"
	# shellcheck disable=SC2086
	${CC:-cc} $flags -I. -Isrc "$tmp/sim.one.c" ||
	    { echo "$h does not stand alone"; bad=1; }
done
# The roles never meet but in main, which takes of each its front alone.
for folder in $(sed 's/#.*//; /^[[:space:]]*$/d' src/LAYERS | cut -d' ' -f1); do
	[ "$folder" != main ] || continue
	all_of "$folder" >"$tmp/all.c"
	# shellcheck disable=SC2086
	${CC:-cc} $flags -I"$tmp/$folder" "$tmp/all.c" ||
	    { echo "headers that $folder sees clash"; bad=1; }
done
exit $bad
