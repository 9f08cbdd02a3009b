#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Run: all
# Kernels: one
# A network with an uplink and three containers, over the kernel's own TCP/IP: who hears whom, by each rule.
#
#   c1, c2, c3   10.0.0.1 to 3, fd00::1 to 3       far   10.0.0.9, fd00::9, behind the uplink
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-daemon.sh
. /vm/system/lib-daemon.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh

# The node is started once for the group; each case finds its rules as by default, and leaves them so.
start() {
	local n
	node_start --vdev net_vduse_up,name=up,profile=none
	uplink_far
	for n in 1 2 3; do
		add c$n $n
		$ctl container set c$n address 10.0.0.$n/24,fd00::$n/64 || fail "no second address"
	done
	ping_back c1 10.0.0.9
	echo "$node_pid" >/tmp/node-pid
	background=()
}

# host NUMBER: the namespace of 10.0.0.NUMBER.
host() {
	[ "$1" = 9 ] && echo far || echo "c$1"
}

# Each hears each, found by ARP and by neighbour discovery.
case_each() {
	local from to
	for from in 1 2 3 9; do
		ip -n "$(host $from)" neigh flush all
		for to in 1 2 3 9; do
			[ $from = $to ] || ping_ok "$(host $from)" 10.0.0.$to 2
			[ $from = $to ] || ping_ok "$(host $from)" fd00::$to 2
		done
	done
}

case_tcp() {
	dd if=/dev/urandom of=/tmp/data bs=100000 count=5 2>/dev/null
	sha256sum </tmp/data >/tmp/sum
	tcp c1 c2 10.0.0.2
	tcp c2 c3 fd00::3
	tcp far c3 10.0.0.3
	tcp c1 far 10.0.0.9
}

# all_answer FAMILY ADDRESS: the other three, to one ping of c1 after the other.
all_answer() {
	[ "$(in_ns c1 ping -n -b "$1" -c 2 -i 0.2 -W 2 -I eth0 "$2" 2>/dev/null | grep -oE 'bytes from [^ ]+' | sort -u |
		wc -l)" = 3 ]
}

# echoes 0|1: whether the other three leave pings to groups without an answer; c1 does.
echoes() {
	local ns
	for ns in c2 c3 far; do
		in_ns $ns sh -c "echo $1 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts"
	done
	in_ns c1 sh -c "echo 1 >/proc/sys/net/ipv6/icmp/echo_ignore_multicast"
}

# Broadcast and multicast are heard by all, and by nobody of another VLAN.
case_groups() {
	echoes 0
	wait_for "$patience" all_answer -4 10.0.0.255 || fail "not all hear a broadcast"
	wait_for "$patience" all_answer -4 224.0.0.1 || fail "not all hear a multicast of IPv4"
	wait_for "$patience" all_answer -6 ff02::1 || fail "not all hear a multicast of IPv6"
	$ctl container set c2 vlan 7
	! all_answer -4 10.0.0.255 || fail "another VLAN hears it"
	$ctl container set c2 vlan 0
	echoes 1
}

# tagged NAMESPACE ID NUMBER: an interface of this VLAN, with 10.ID.0.NUMBER.
tagged() {
	ip -n "$1" link add link eth0 name "eth0.$2" type vlan id "$2"
	ip -n "$1" addr add "10.$2.0.$3/24" dev "eth0.$2"
	ip -n "$1" link set "eth0.$2" up
}

# c2 has VLAN 7 without knowing; c3 and the wire have tags, of which c3 may use 7 and 8.
case_vlan() {
	local before
	modprobe 8021q
	$ctl container set c2 vlan 7
	$ctl container set c3 trunk 7-8
	ip -n c2 addr add 10.7.0.2/24 dev eth0
	tagged c3 7 3
	tagged far 7 9
	tagged c3 9 3
	tagged far 9 9
	ping_ok c3 10.7.0.2 3
	ping_ok far 10.7.0.2 3
	ping_ok c2 10.7.0.9 3
	no_answer c1 10.0.0.2 || fail "a frame crosses from a VLAN to another"
	before=$(counter c3 'drop wrong VLAN')
	no_answer c3 10.9.0.9 || fail "c3 uses a VLAN that it may not"
	wait_for "$patience" more_than c3 'drop wrong VLAN' "$before" || fail "it is not counted"
	$ctl container set c3 trunk 7-9
	ping_ok c3 10.9.0.9 3
	$ctl container set c3 trunk ''
	$ctl container set c2 vlan 0
	ip -n c2 addr del 10.7.0.2/24 dev eth0
	for before in c3 far; do
		ip -n $before link del eth0.7
		ip -n $before link del eth0.9
	done
	ping_back c1 10.0.0.2
}

case_isolated() {
	local before
	before=$(counter c1 'drop isolated')
	$ctl container set c1 isolated on
	no_answer c1 10.0.0.2 || fail "it speaks with a container"
	no_answer c3 10.0.0.1 || fail "a container speaks with it"
	wait_for "$patience" more_than c1 'drop isolated' "$before" || fail "it is not counted"
	ping_ok c1 10.0.0.9 3
	ping_ok far 10.0.0.1 3
	$ctl container set c1 isolated off
	ping_back c1 10.0.0.2
}

# forged COUNTER COMMAND...: what comes of it is dropped and counted.
forged() {
	local before
	before=$(counter c1 "$1")
	"${@:2}" || fail "it is heard"
	wait_for "$patience" more_than c1 "$1" "$before" || fail "it is not counted as $1"
}

# c1 may be 10.0.0.1, fd00::1 and what it makes of its MAC; it takes more, which is seen without a guard.
case_spoofed() {
	ip -n c1 addr add 10.0.0.77/24 dev eth0
	ip -n c1 addr add fd00::77/64 dev eth0 nodad
	ping_ok c2 10.0.0.77 3
	ping_ok c2 fd00::77 3
	$ctl container set c1 ip 10.0.0.1,fd00::1,fe80::/64
	ip -n c2 neigh flush all
	ping_ok c2 10.0.0.1 3
	ping_ok c2 fd00::1 3
	# ARP and neighbour discovery: its answers
	forged 'drop spoofed IP' no_answer c2 10.0.0.77
	forged 'drop spoofed IP' no_answer c2 fd00::77
	# IP: they know each other's MAC
	ip -n c1 neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0
	ip -n c2 neigh replace 10.0.0.77 lladdr 02:00:00:00:00:01 dev eth0
	forged 'drop spoofed IP' no_answer c2 10.0.0.77
	ip -n c1 neigh replace fd00::2 lladdr 02:00:00:00:00:02 dev eth0
	ip -n c2 neigh replace fd00::77 lladdr 02:00:00:00:00:01 dev eth0
	forged 'drop spoofed IP' no_answer c2 fd00::77
	$ctl container set c1 ip ''
	ping_ok c2 10.0.0.77 3
	ping_ok c2 fd00::77 3
	ip -n c1 addr del 10.0.0.77/24 dev eth0
	ip -n c1 addr del fd00::77/64 dev eth0
	ip -n c1 neigh flush nud permanent dev eth0
	ip -n c2 neigh flush nud permanent dev eth0
	ip -n c1 link set eth0 address 02:00:00:00:00:99
	forged 'drop spoofed MAC' no_answer c1 10.0.0.2
	ip -n c1 link set eth0 address 02:00:00:00:00:01
	ping_back c1 10.0.0.2
}

# learned: of c1, with an age.
learned() {
	$ctl fdb show network net0 | grep -q '^02:00:00:00:00:51 .* port c1 age '
}

# A macvlan in a container has an address of its own, which is learned of one that is trusted.
case_trusted() {
	modprobe macvlan
	ip -n c1 link add link eth0 name mv0 address 02:00:00:00:00:51 type macvlan mode bridge
	ip -n c1 addr add 10.1.0.1/24 dev mv0
	ip -n c1 link set mv0 up
	ip -n c2 addr add 10.1.0.2/24 dev eth0
	ip -n far addr add 10.1.0.9/24 dev eth0
	forged 'drop spoofed MAC' no_answer c1 10.1.0.2
	! learned || fail "it is learned of one that is not trusted"
	$ctl container set c1 trust on
	ping_back c1 10.1.0.2
	ping_ok c1 10.1.0.2 3
	ping_ok far 10.1.0.1 3
	learned || fail "it is not learned: $($ctl fdb show network net0)"
	$ctl container set c1 trust off
	ip -n c1 link del mv0
	ip -n c2 addr del 10.1.0.2/24 dev eth0
	ip -n far addr del 10.1.0.9/24 dev eth0
}

# us_since START: microseconds since then, an EPOCHREALTIME.
us_since() {
	echo $((${EPOCHREALTIME/./} - ${1/./}))
}

# rate_is NAME COUNTER WANTED SECONDS: never more than 5 % above that, and no more than 5 % below in some stretch of so
# many seconds: in others the machine may have stood still.
rate_is() {
	local begun before rate i
	for ((i = 0; i < 3; i++)); do
		begun=$EPOCHREALTIME
		before=$(counter "$1" "$2")
		sleep "$4"
		rate=$(($(counter "$1" "$2") - before))
		rate=$((rate * 1000000 / $(us_since "$begun")))
		say "$rate $2 of $1 a second, $3 wanted"
		[ $((rate * 100)) -le $(($3 * 105)) ] || fail "more than was set"
		[ $((rate * 100)) -lt $(($3 * 95)) ] || return 0
	done
	fail "less than was set, each time"
}

# limited WORD VALUE WHO COUNTER: the rate is set of who, and holds back.
limited() {
	local before
	before=$(counter "$3" "$4")
	$ctl container set "$3" "$1" "$2"
	wait_for "$patience" more_than "$3" "$4" "$before" || fail "nothing is beyond $1 $2"
}

# From c1 comes more than it may; what arrives is what was set. What a machine that stands still for a second does not
# send has its place in the burst, which is less than 5 % of what is counted.
case_rates() {
	$ctl container set c1 burst 128
	$ctl container set c2 burst 128
	ns_exec c2 iperf3 -s >/dev/null 2>&1 &
	background+=("$!")
	wait_for "$patience" listening c2 5201
	ns_exec c1 iperf3 -c 10.0.0.2 -u -b 8M -l 1400 -t 1000 >/dev/null 2>&1 &
	background+=("$!")
	limited max-tx-rate 1 c1 'drop tx rate'
	rate_is c2 rx_bytes 125000 40
	$ctl container set c1 max-tx-rate 0
	limited max-rx-rate 1 c2 'drop rx rate'
	rate_is c2 rx_bytes 125000 40
	$ctl container set c2 max-rx-rate 0
	kill "${background[@]}"
	ns_exec c1 ping -n -q -b -i 0.002 10.0.0.255 >/dev/null 2>&1 &
	background+=("$!")
	limited bum-rate 50 c1 'drop bum rate'
	rate_is c3 rx_packets 50 20
	$ctl container set c1 bum-rate 0 burst 0
	$ctl container set c2 burst 0
}

case_mtu() {
	local before
	ping_ok c1 10.0.0.2 3 -M "do" -s 1472
	$ctl network set net0 mtu 1400
	before=$(counter c1 'drop too long')
	! in_ns c1 ping -n -q -c 2 -i 0.2 -W 1 -M "do" -s 1373 10.0.0.2 >/dev/null || fail "a longer frame passes"
	wait_for "$patience" more_than c1 'drop too long' "$before" || fail "it is not counted"
	ping_ok c1 10.0.0.2 3 -M "do" -s 1372
	$ctl network set net0 mtu 1500
	ping_ok c1 10.0.0.2 3 -M "do" -s 1472
}

carrier_of() {
	[ "$(in_ns "$1" cat /sys/class/net/eth0/carrier)" = "$2" ]
}

# The other end of the wire goes, and comes back; c2 is to have a carrier whatever happens.
case_uplink() {
	node_pid=$(cat /tmp/node-pid)
	$ctl container set c2 link up
	vdpa dev del up
	wait_for "$patience" carrier_of c1 0 || fail "c1 keeps its carrier"
	carrier_of c2 1 || fail "c2 loses its carrier"
	$ctl container set c3 link up
	ping_ok c2 10.0.0.3 3
	ip netns del far
	far_up
	wait_for "$patience" carrier_of c1 1 || fail "the carrier does not come back"
	ping_back c1 10.0.0.9
	$ctl container set c2 link auto
	$ctl container set c3 link auto
	carrier_of c2 1
}

# gaps: numbers of answers that are missing between others.
gaps() {
	sed -n 's/.*bytes from.*icmp_seq=\([0-9]*\).*/\1/p' /tmp/pings | sort -un | awk 'NR > 1 && $1 != last + 1 { n++ } { last = $1 }
		END { print n + 0 }'
}

# One comes and goes, while others speak: no frame of theirs is lost, and no descriptor or mapping is left. SWITCH_TIMES
# is how often; a thousand times natively, by native/uplink/churn.
case_churn() {
	local i before times=${SWITCH_TIMES:-10}
	node_pid=$(cat /tmp/node-pid)
	fresh /tmp/pings
	ns_exec c1 ping -n -i 0.02 10.0.0.2 >/tmp/pings &
	pings=$!
	background+=("$pings")
	stream_start c3 far 10.0.0.9
	add c4 4
	del c4
	before="$(resources "$(poller)"), $(resources "$(broker)")"
	for ((i = 0; i < times; i++)); do
		add c4 4
		ping_back c4 10.0.0.2
		del c4
	done
	pings_go_on
	stream_end
	kill -INT "$pings"
	wait "$pings" || true
	say "$times times; $(grep transmitted /tmp/pings)"
	[ "$(gaps)" = 0 ] || fail "frames are lost"
	[ "$(resources "$(poller)"), $(resources "$(broker)")" = "$before" ] ||
		fail "before: $before; now: $(resources "$(poller)"), $(resources "$(broker)")"
}

# The kernel takes the end of who had it first.
case_end_all() {
	local n
	node_pid=$(cat /tmp/node-pid)
	for n in 1 2 3; do
		del c$n
	done
	vdpa dev del up
	ip netns del far
	kill "$node_pid"
	wait_for "$patience" is_gone running "$node_pid" || fail "the node does not end"
	nothing_left
}

case_first switch/start start || exit 1
for name in each tcp groups vlan isolated spoofed trusted rates mtu uplink churn; do
	case_run "switch/$name" "case_$name"
done
case_first switch/end case_end_all
exit 0
