# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What groups with somebody else's daemon on the PMD share. Such a group defines
#   counter NAME WHAT    of a port: rx_packets or rx_errors, as the daemon's own statistics tell it
#   daemon_lives         fails where it has ended
#   lying_add, lying_del port c6, whose device is a vhost-vdpa
# and sets log, the daemon's.

# shellcheck source=lib-tcp.sh
. /vm/system/lib-tcp.sh

# frames_of NAMESPACE rx|tx: "BYTES PACKETS" of its eth0.
frames_of() {
	in_ns "$1" cat "/sys/class/net/eth0/statistics/$2_bytes" "/sys/class/net/eth0/statistics/$2_packets" |
		tr '\n' ' '
}

# size_since BEFORE NOW, both of frames_of: bytes of a frame on the average.
size_since() {
	# shellcheck disable=SC2086 # two words each
	set -- $1 $2
	echo $((($3 - $1) / ($4 > $2 ? $4 - $2 : 1)))
}

ifindexes() {
	in_ns c1 cat /sys/class/net/eth0/ifindex
	in_ns c2 cat /sys/class/net/eth0/ifindex
}

resumed_lines() {
	grep -c "$1: resumed after the previous process" "$log" || true
}

resumed_before() {
	local name
	declare -gA resumed
	for name in c1 c2; do
		resumed[$name]=$(resumed_lines "$name")
	done
}

# resumed_by NAME: whether the daemon that runs now has said so.
resumed_by() {
	[ "$(resumed_lines "$1")" -gt "${resumed[$1]}" ]
}

both_resumed() {
	local name
	for name in c1 c2; do
		wait_for "$patience" resumed_by "$name" ||
			fail "$name: not resumed: $(grep vduse "$log" | tail -n 5)"
	done
}

more_lines() {
	[ "$(wc -l <"$1")" -gt "$2" ]
}

# front COMMAND...: of the driver that lies (test/tools/front.c); waits for the answer.
front() {
	local lines
	lines=$(wc -l </tmp/front.out)
	echo "$*" >&9
	wait_for "$patience" more_lines /tmp/front.out "$lines" || fail "no answer to: $*"
	tail -n 1 /tmp/front.out | grep -qx ok || fail "$*: $(tail -n 1 /tmp/front.out)"
}

# front_start: negotiates VIRTIO_NET_F_CSUM, and sends nothing back of what comes.
front_start() {
	front features 1
	front start
	front quiet
}

counted() {
	[ "$(counter "$1" "$2")" -ge "$3" ]
}

# good_frames N: they arrive.
good_frames() {
	local before
	before=$(counter c6 rx_packets)
	front send "$1" good
	wait_for "$patience" counted c6 rx_packets $((before + $1)) ||
		fail "good frames do not arrive: $before before, $(counter c6 rx_packets) of $1 now"
}

# lies KIND: frames of it are dropped, and the daemon's own statistics have each.
lies() {
	local before
	before=$(counter c6 rx_errors)
	front send 25 "$1"
	wait_for "$patience" counted c6 rx_errors $((before + 25)) ||
		fail "25 of $1: rx_errors $before, then $(counter c6 rx_errors)"
	[ "$(counter c6 rx_errors)" = $((before + 25)) ]
	say "$1: 25 dropped and counted"
}

malformed() {
	grep -c 'c6: queue .*malformed ring' "$log" || true
}

more_malformed() {
	[ "$(malformed)" -gt "$1" ]
}

# breaks KIND: the ring is none any more; after the driver's reset it is one again.
breaks() {
	local before
	before=$(malformed)
	front break "$1"
	wait_for "$patience" more_malformed "$before" || fail "$1 is not said: $(tail -n 5 "$log")"
	front_start
	good_frames 5
	say "$1: said, and served again after a reset"
}

# others_go_on: the pings between the other containers. How many were answered is said, not judged: a daemon
# may drop frames while it makes a port or looks a flow up.
others_go_on() {
	pings_go_on || fail "the others' pings do not go on"
	say "the others: $(answers) answers of $(sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' /tmp/pings | sort -n | tail -n 1)"
}

# A driver that sends what it must not, from an address that no container has. The daemon lives, and the
# others' pings, from c1 to the address $1, go on meanwhile; what is dropped is counted, and a ring that is
# none stops that port only, until its driver resets it.
lying() {
	local kind
	pings_start c1 "$1"
	lying_add
	wait_for "$patience" test -c /dev/vhost-vdpa-0 || fail "no /dev/vhost-vdpa-0"
	: >/tmp/front.out
	rm -f /tmp/front.in
	mkfifo /tmp/front.in
	fresh /tmp/front.out
	"$tools/front" /dev/vhost-vdpa-0 </tmp/front.in >/tmp/front.out 2>&1 &
	background+=($!)
	exec 9>/tmp/front.in
	front_start
	good_frames 25
	for kind in long short csum tso huge; do
		lies "$kind"
		others_go_on
	done
	for kind in loop outside write jump; do
		breaks "$kind"
		others_go_on
	done
	daemon_lives
	echo quit >&9
	exec 9>&-
	lying_del
	ping_ok c1 "$1" 10
}
