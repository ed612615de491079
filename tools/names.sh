#!/bin/sh
# names.sh - words that may not stand in the source, and names that must
#
# Banned calls (in the programs; tests may) name their replacement.  A header's
# functions begin with its stem, its folder, a struct it speaks of or, in a
# header that a folder keeps for itself, the stem of the file they are in;
# tools/names.allow lists the few that do not.
set -eu
cd "$(dirname "$0")/.."
bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

find src sim tests -path '*/node_modules' -prune -o -name '*.[ch]' -print |
    LC_ALL=C sort >"$tmp/files"
xargs awk -f tools/strip.awk <"$tmp/files" >"$tmp/code"

report() { # text; hits on stdin
	if [ -s "$tmp/hits" ]; then
		sed "s|\$|    <- $1|" "$tmp/hits"
		bad=1
	fi
}

# word and what to use instead; whole words followed by a parenthesis
while read -r word instead; do
	grep -E "^(src|sim)/.*[^A-Za-z0-9_.>]${word}[[:space:]]*\\(" "$tmp/code" \
	    >"$tmp/hits" || :
	report "$word is banned: $instead"
done <<'EOF'
gets fgets into a sized buffer, or buf
strcpy slice and buf_add
strncpy slice and buf_add
stpcpy slice and buf_add
strcat buf_add
strncat buf_add
sprintf snprintf or buf_printf
vsprintf vsnprintf
strtok slice_cut
strtok_r slice_cut
atoi slice_u64
atol slice_u64
atof money_parse
strtod money_parse
strtof money_parse
scanf slice_cut and slice_u64
sscanf slice_cut and slice_u64
alloca arena
localtime localtime_r
gmtime gmtime_r
asctime clock's text forms
ctime clock's text forms
rand the crypto folder's random
srand the crypto folder's random
random the crypto folder's random
mktemp mkstemp
tmpnam mkstemp
system fork and exec
popen fork and exec
gethostbyname the resolver in io
getaddrinfo the resolver in io
setjmp one exit by goto out
longjmp one exit by goto out
EOF

# Binary fractions cannot hold money; also not on the way to it.
grep -E '^src/(ledger|model|recorder|journal|store|admin|provider)/' \
    "$tmp/code" | grep -wE 'double|float|long double|pow|round|floor|ceil' \
    >"$tmp/hits" || :
report "no floating point near money: struct money"

grep -E ':[[:space:]]*typedef[[:space:]]+(struct|enum|union)[[:space:]][^(]*$' \
    "$tmp/code" >"$tmp/hits" || :
report "structs, enums and unions keep their tag"

# Comments too: unfinished work has an issue number or does not exist.
xargs grep -nwE '(TODO|FIXME|XXX)' <"$tmp/files" |
    grep -vE '(TODO|FIXME|XXX)[ (]*#[0-9]+' >"$tmp/hits" || :
report "unfinished work without an issue number"

grep -E '\.(h):[0-9]+:(extern )?(static inline )?[a-z]' "$tmp/code" |
    grep -E '^(src|sim)/' |
    grep -vE ':[0-9]+:(typedef|struct [a-z_0-9]+ \{|else|return|for|if)' |
    awk -F: '
	FNR == NR {
		if ($0 !~ /^#/ && NF) { split($0, w, " "); allow[w[1] " " w[2]] = 1 }
		next
	}
	{
		file = $1
		line = $0
		sub(/^[^:]*:[^:]*:/, "", line)
		if (!match(line, /[a-z_][a-z_0-9]*\(/))
			next
		name = substr(line, RSTART, RLENGTH - 1)
		if (name ~ /^__/)
			next
		n = split(file, part, "/")
		stem = part[n]
		sub(/\.h$/, "", stem)
		folder = part[n - 1]
		if (index(name, stem) == 1 || index(name, folder "_") == 1 ||
		    name ~ /_f$/ || (file " " name) in allow)
			next
		first = name
		sub(/_.*/, "", first)
		if (length(first) > 2 && index(stem, first) == 1)
			next
		p = name
		ok = 0
		while (p != "") {
			if ((file " " p "_") in allow || (file, p) in tag)
				ok = 1
			if (!sub(/_[^_]*$/, "", p))
				break
		}
		if (!ok)
			print file ":" $2 ": " name
	}' tools/names.allow - >"$tmp/protos" || :
# A prefix is also good when a struct or a file beside it has that name.
while IFS=: read -r file line name; do
	p=${name# }
	good=0
	while :; do
		if grep -qE "(struct|union|enum) ${p%s}\\b" "$file" ||
		    [ -f "${file%/*}/$p.c" ] || [ -f "${file%/*}/${p%s}.c" ]; then
			good=1
			break
		fi
		case $p in *_*) p=${p%_*} ;; *) break ;; esac
	done
	[ $good = 1 ] || echo "$file:$line:$name"
done <"$tmp/protos" >"$tmp/hits"
report "prefix is not the header's stem, folder or a struct of it"

exit $bad
