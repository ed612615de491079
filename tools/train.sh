#!/bin/sh
# train.sh DIR - calls of every kind through the instrumented programs in DIR
#
# What the compiler learns from: which functions a call runs through and which
# way their branches go.  The demo's instance, its simulator, and no network.
set -eu
cd "$(dirname "$0")/.."
dir=$1
home=$(mktemp -d)
demo=
clean() {
	if [ -n "$demo" ]; then
		kill "$demo" 2>/dev/null || :
		wait "$demo" 2>/dev/null || :
	fi
	rm -rf "$home"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cc -O2 -D_GNU_SOURCE -o "$home/load" tests/bench/load.c -lssl -lcrypto

"$dir/kontor" demo --dir "$home/demo" --json >"$home/said" 2>"$home/log" &
demo=$!
tries=0
until [ -s "$home/said" ]; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || { cat "$home/log"; exit 1; }
	sleep 0.1
done
said() {
	sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}
port=$(said gateway <"$home/said")
port=${port##*:}
# Under a budget that this does not use up, as the demo's own would be.
key=$("$dir/kontor" key create train --budget 1000000/month --json \
    -c "$home/demo/kontor.yaml" | said key)
kilo=$(printf 'word %.0s' $(seq 180))

# calls N PATH HEADER BODY [CONNECTIONS]
calls() {
	printf 'POST %s HTTP/1.1\r\nHost: train\r\nAuthorization: Bearer %s\r\n%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
	    "$2" "$key" "$3" "${#4}" "$4" >"$home/request"
	got=$("$home/load" 127.0.0.1 "$port" "$home/request" "${5:-32}" "$1" 2>&1) || :
	case $got in
	*'"bad":0,'*) ;;
	*) echo "train: $2, $3: $got"; exit 1 ;;
	esac
}

# everywhere N DIALECT-PATH BODY DEPLOYMENT...
everywhere() {
	n=$1 path=$2 body=$3
	shift 3
	for to; do
		calls "$n" "$path" "x-kontor-deployment: $to" "$body"
	done
}

gpt='gpt-5.4-openai gpt-5.4-azure gpt-5.4-bedrock gpt-5.4-converse
    gpt-5.4-messages'
text="\"content\":\"$kilo\""
ask="\"messages\":[{\"role\":\"user\",$text}]"
stream='"stream":true,"stream_options":{"include_usage":true}'
long=$(printf "$kilo%.0s" $(seq 32))

chat=/v1/chat/completions
calls 6000 $chat 'Accept: */*' "{\"model\":\"gpt-5.4\",$ask}"
calls 1000 $chat 'Accept: */*' "{\"model\":\"gpt-5.4\",$ask}" 1
calls 500 $chat 'Accept: */*' \
    "{\"model\":\"gpt-5.4\",\"messages\":[{\"role\":\"user\",\"content\":\"$long\"}]}"
# shellcheck disable=SC2086
{
	everywhere 1000 $chat "{\"model\":\"gpt-5.4\",$ask}" $gpt
	everywhere 100 $chat "{\"model\":\"gpt-5.4\",$ask,$stream}" $gpt
	everywhere 500 /v1/messages \
	    "{\"model\":\"gpt-5.4\",\"max_tokens\":200,$ask}" $gpt
	everywhere 500 /v1/responses \
	    "{\"model\":\"gpt-5.4\",\"store\":false,\"input\":\"$kilo\"}" $gpt
}
