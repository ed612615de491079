#!/bin/sh
# tidy.sh BUILD - clang-tidy over the program and the simulator
set -eu
cd "$(dirname "$0")/.."
find src sim -name '*.c' | LC_ALL=C sort |
    xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p "$1" 2>/dev/null |
    grep -v '^$'  && exit 1
exit 0
