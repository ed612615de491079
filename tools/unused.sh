#!/bin/sh
# unused.sh - functions that a header declares and no program calls; rows of
# what may happen that nothing says ever happened
#
# A use stands on an indented line: a definition and a prototype begin at the
# margin.  Rows of a .def are uses, and so is whatever a macro may build a
# name for with ##.  What only its own file and no test calls is to be static.
# tools/unused.allow lists what is there for tests alone.
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

strip() { # folders; files by their endings
	find "$@" -path '*/node_modules' -prune -o \
	    \( -name '*.[ch]' -o -name '*.def' \) -print |
	    LC_ALL=C sort | xargs awk -f tools/strip.awk
}

strip src sim >"$tmp/programs"
strip tests >"$tmp/tests"

awk '
	FILENAME ~ /allow$/ {
		if (!/^#/)
			allow[$1] = 1
		next
	}
	{
		match($0, /^[^:]*:[0-9]+:/)
		file = substr($0, 1, RLENGTH)
		sub(/:.*/, "", file)
		text = substr($0, RLENGTH + 1)
		test = FILENAME ~ /tests$/
	}
	!test && file ~ /\.h$/ && text ~ /^[a-z]/ && text !~ /^typedef/ &&
	    match(text, /[a-z_][a-z_0-9]*\(/) {
		name = substr(text, RSTART, RLENGTH - 1)
		if (name !~ /^__/)
			header[name] = file
	}
	text ~ /^[a-z]/ && file !~ /\.def$/ {
		if (match(text, /^[a-z_][a-z_0-9]*\(/))
			home[substr(text, 1, RLENGTH - 1)] = file
		next
	}
	{
		while (match(text, /[a-z_][a-z_0-9]*(_##)?/)) {
			word = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH)
			if (sub(/##$/, "", word))
				pasted[word] = 1
			else if (test)
				tested[word] = 1
			else
				used[word, file] = 1
		}
	}
	END {
		for (key in used) {
			split(key, part, SUBSEP)
			if (part[2] == home[part[1]] && part[2] ~ /c$/)
				here[part[1]] = 1
			else
				there[part[1]] = 1
		}
		for (name in allow)
			if (!(name in header) || name in there || name in here)
				print "tools/unused.allow: " name " is not needed"
		for (name in header) {
			if (name in there || name in allow)
				continue
			for (p in pasted)
				if (index(name, p) == 1)
					break
			if (index(name, p) == 1)
				continue
			if (!(name in here))
				print header[name] ": " name " is used by " \
				    (name in tested ? "tests alone" : "nobody")
			else if (!(name in tested))
				print header[name] ": " name " could be static"
		}
	}' tools/unused.allow "$tmp/programs" "$tmp/tests" |
    LC_ALL=C sort >"$tmp/hits"
# FAULT(NAME, ...) is FAULT_NAME where it happens.
for def in src/base/faults.def src/model/losses.def src/model/incidents.def \
    src/model/counters.def; do
	sed -nE 's/^([A-Z]+)\(([0-9]+, *)?([A-Z0-9_]+),.*/\1_\3/p' "$def" |
	    while read -r row; do
		grep -qw "$row" "$tmp/programs" ||
		    echo "$def: nothing says $row"
	    done
done >>"$tmp/hits"
cat "$tmp/hits"
[ ! -s "$tmp/hits" ]
