#!/bin/sh
# embed.sh FILE NAME OUT.c - a file's bytes as a C array, with its length
set -eu
{
	echo "#include <stddef.h>"
	echo "extern const unsigned char $2[];"
	echo "extern const size_t $2_len;"
	echo "const unsigned char $2[] = {"
	od -An -v -tu1 "$1" | sed 's/  */,/g; s/^,//; s/$/,/'
	echo "};"
	echo "const size_t $2_len = sizeof($2);"
} >"$3"
