#!/bin/sh
# deps.sh run|test|bench - install what this machine lacks for the purpose
#
# Idempotent and quiet: packages are looked up before anything is asked of
# the network, and what was installed leaves a stamp, so that a second call
# costs a few milliseconds.  Works as root or through sudo.
#
# All it says goes to stderr: stdout is the program's that make starts next.
set -eu
exec 1>&2
cd "$(dirname "$0")/.."
purpose=${1:-run}

# package, or package:command where another source of the command will do
build_pkgs="gcc:gcc libc6-dev make:make meson:meson ninja-build:ninja
    pkg-config:pkg-config ca-certificates libssl-dev libc-ares-dev zlib1g-dev
    libzstd-dev libnghttp2-dev libsqlite3-dev libyaml-dev libseccomp-dev
    libcmocka-dev"
test_pkgs="python3:python3 clang-format-14:clang-format-14
    shellcheck:shellcheck openssl:openssl procps:ps npm:npm spin:spin
    hledger:hledger nginx-light:nginx haproxy:haproxy curl:curl
    chromium:chromium fonts-dejavu-core"
run_pkgs="curl:curl"
bench_pkgs="nginx-light:nginx haproxy:haproxy"
lint_pkgs="clang-tidy-14:clang-tidy-14"
fuzz_pkgs="clang-14:clang-14 libclang-rt-14-dev"
cover_pkgs="gcovr:gcovr"

PATH=$PATH:/usr/sbin:/sbin
have() {
	command -v "$1" >/dev/null 2>&1
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
	    installed ]
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	elif have sudo; then
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	else
		echo "deps: need root or sudo for: $*" >&2
		exit 1
	fi
}

need_packages() {
	missing=
	for row in "$@"; do
		case $row in
		*:*) have "${row#*:}" && continue ;;
		*) installed "$row" && continue ;;
		esac
		missing="$missing ${row%%:*}"
	done
	[ -n "$missing" ] || return 0
	if ! have apt-get; then
		echo "deps: not a Debian system; please install:$missing" >&2
		exit 1
	fi
	echo "deps: installing$missing"
	as_root apt-get update -qq
	# shellcheck disable=SC2086
	as_root apt-get install -y -qq --no-install-recommends $missing \
	    >/dev/null
}

# Debian's interpreter first: a manager's shim may lack venv or its headers.
python_with_venv() {
	for py in /usr/bin/python3 python3; do
		"$py" -c 'import sys, venv, ensurepip
sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$py" && return
	done
	return 1
}

need_python() {
	want=$(cksum <tests/requirements.txt)
	[ "$(cat .venv/.stamp 2>/dev/null)" != "$want" ] || return 0
	python_with_venv >/dev/null || need_packages python3-venv
	py=$(python_with_venv) || {
		echo "deps: no python >= 3.11 with venv" >&2
		exit 1
	}
	echo "deps: python packages into .venv"
	rm -rf .venv
	"$py" -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check \
	    -r tests/requirements.txt
	echo "$want" >.venv/.stamp
}

# The SDK suites run on the npm package node@22, whatever node npm runs on.
need_node() {
	dir=tests/clients/js
	want=$(cat $dir/package.json $dir/package-lock.json | cksum)
	[ "$(cat $dir/node_modules/.stamp 2>/dev/null)" != "$want" ] || return 0
	echo "deps: node packages into $dir/node_modules"
	(cd $dir && npm ci --no-audit --no-fund --loglevel=error)
	# Some npm versions hold install scripts back; node's fetches itself.
	if ! $dir/node_modules/.bin/node --version >/dev/null 2>&1; then
		(cd $dir/node_modules/node && node installArchSpecificPackage)
	fi
	case $($dir/node_modules/.bin/node --version) in
	v22.*) echo "$want" >$dir/node_modules/.stamp ;;
	*)
		echo "deps: node@22 did not install" >&2
		exit 1
		;;
	esac
}

# Coding agents are large and fetch a program of their own: where they do not
# install, their tests are skipped and say so.
need_agents() {
	dir=tests/clients/agents
	want=$(cat $dir/package.json $dir/package-lock.json | cksum)
	[ "$(cat $dir/node_modules/.stamp 2>/dev/null)" != "$want" ] || return 0
	echo "deps: coding agents into $dir/node_modules"
	if (cd $dir && npm ci --no-audit --no-fund --loglevel=error); then
		echo "$want" >$dir/node_modules/.stamp
	else
		echo "deps: no coding agents: their tests will be skipped" >&2
	fi
}

# shellcheck disable=SC2086
case $purpose in
run) need_packages $build_pkgs $run_pkgs ;;
lint) need_packages $build_pkgs shellcheck:shellcheck \
	clang-format-14:clang-format-14 $lint_pkgs ;;
fuzz) need_packages $build_pkgs $fuzz_pkgs ;;
cover) need_packages $build_pkgs $cover_pkgs ;;
bench)
	need_packages $build_pkgs $test_pkgs $bench_pkgs
	need_python
	;;
test)
	need_packages $build_pkgs $test_pkgs
	need_python
	need_node
	need_agents
	;;
*)
	echo "usage: deps.sh run|test|bench|lint|fuzz|cover" >&2
	exit 2
	;;
esac
