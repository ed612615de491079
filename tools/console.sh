#!/bin/sh
# console.sh [--need | --packages] - the web console into console/dist, where node is found
#
# Without node >= 20.19, or without its packages and a network to fetch them,
# the program embeds a page that says so; --need makes that an error.  With
# --packages it only fetches them.
set -eu
exec 1>&2
cd "$(dirname "$0")/../console"

cannot() {
	[ "${need:-}" = yes ] || { echo "console: not built: $1"; exit 0; }
	echo "console: $1"
	exit 1
}

[ "${1:-}" = "" ] || need=yes
want=$(find src public index.html ./*.json ./*.ts -type f -exec cksum {} + |
    LC_ALL=C sort | cksum)
[ "${1:-}" = --packages ] ||
    [ "$(cat dist/.stamp 2>/dev/null)" != "$want" ] || exit 0

# The SDK suites bring a node of their own.
bin=../tests/clients/js/node_modules/.bin
[ ! -x "$bin/node" ] || PATH="$(cd "$bin" && pwd):$PATH"
# shellcheck disable=SC2016
command -v node >/dev/null && node -e '
const [a, b] = process.versions.node.split(".").map(Number);
process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    cannot "no node >= 20.19"

have=$(cksum <package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null)" != "$have" ]; then
	command -v npm >/dev/null || cannot "no npm for its packages"
	echo "console: node packages"
	npm ci --no-audit --no-fund --loglevel=error ||
	    cannot "its packages cannot be fetched"
	echo "$have" >node_modules/.stamp
fi
[ "${1:-}" != --packages ] || exit 0
node node_modules/typescript/bin/tsc --noEmit
node node_modules/vite/bin/vite.js build --logLevel warn
echo "$want" >dist/.stamp
