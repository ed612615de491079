#!/bin/sh
# sources.sh DIR - the C files of a folder, for meson; empty when there are none
set -eu
[ -d "$1" ] || exit 0
find "$1" -maxdepth 1 -name '*.c' | LC_ALL=C sort
