#!/bin/sh
# embed_console.sh DIST OUT.c - the console's files, compressed, as a C table
#
# DIST may be missing: then the table is empty.
set -eu
dist=$1
out=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

kind() {
	case $1 in
	*.html) echo "text/html; charset=utf-8" ;;
	*.js) echo "text/javascript; charset=utf-8" ;;
	*.css) echo "text/css; charset=utf-8" ;;
	*.svg) echo "image/svg+xml" ;;
	*) echo "application/octet-stream" ;;
	esac
}

files=$(cd "$dist" 2>/dev/null && find . -type f ! -name '.*' |
    LC_ALL=C sort) || files=
n=0
{
	echo '#include "admin/asset.h"'
	for f in $files; do
		gzip -9 -n -c "$dist/$f" >"$dir/one"
		echo "static const unsigned char file_${n}[] = {"
		od -An -v -tu1 "$dir/one" | sed 's/  */,/g; s/^,//; s/$/,/'
		echo "};"
		n=$((n + 1))
	done
	echo "const struct asset assets[] = {"
	n=0
	for f in $files; do
		echo "{ \"${f#.}\", \"$(kind "$f")\", file_$n," \
		    "sizeof(file_$n) },"
		n=$((n + 1))
	done
	echo "{ 0 } };"
} >"$dir/out.c"
cmp -s "$dir/out.c" "$out" || cp "$dir/out.c" "$out"
