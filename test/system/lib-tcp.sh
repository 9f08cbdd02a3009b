# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# TCP between namespaces, by its bytes. Sourced after lib.sh.

# at NAMESPACE COMMAND...; 1: this machine itself, which is no namespace of a container.
at() {
	if [ "$1" = 1 ]; then
		shift
		"$@"
	else
		in_ns "$@"
	fi
}

listening() {
	at "$1" netstat -ltn | grep -q ":$2 "
}

# tcp_data MEGABYTES: what tcp sends from now on.
tcp_data() {
	dd if=/dev/urandom of=/tmp/data bs=1000000 count="$1" 2>/dev/null
	sha256sum </tmp/data >/tmp/sum
}

# tcp FROM TO ADDRESS: send the file (5 MB, unless it was made before), compare its SHA-256 at the other end.
tcp() {
	local receiver sum
	[ -p /tmp/silence ] || mkfifo /tmp/silence
	[ -f /tmp/data ] || tcp_data 5
	fresh /tmp/received
	# an input that never ends: with it, the receiver would end the connection
	at "$2" timeout "$patience" busybox nc -l -p 5001 <>/tmp/silence >/tmp/received &
	receiver=$!
	wait_for "$patience" listening "$2" 5001
	at "$1" timeout "$patience" busybox nc "$3" 5001 </tmp/data
	wait "$receiver"
	say "$1 > $2: $(stat -c %s /tmp/received) bytes"
	sum=$(sha256sum </tmp/received)
	rm /tmp/received
	[ "$sum" = "$(cat /tmp/sum)" ]
}
