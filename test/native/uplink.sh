#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Uplinks that are interfaces of this host: a TAP interface, and one end of a veth pair. The host's end has a
# namespace of its own; the container is an application with virtio-user that answers pings.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"
. "$(dirname "$0")/lib-uplink.sh"

three_lcores=(--lcores '0@0,(1-3)@(0-1)')

# keeps PID BIT: whether the process has the capability of this number.
keeps() {
	local caps
	caps=$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$1/status")
	[ $((0x$caps >> $2 & 1)) = 1 ]
}

link_is() {
	node container show c1 | grep -q " link $1 "
}

# echo_behind PORT: the uplink of a network, whose container answers pings; echo_end: all of it ends.
echo_behind() {
	node network add net0 uplink "$1"
	node container add c1 network net0 mac 02:00:00:00:00:01 attach none
	emu attach c1
	front_start 1 ,mac=02:00:00:00:00:01
	front set fwd icmpecho
	front start
}

echo_end() {
	front stop
	front_end
	node container del c1
	node network del net0
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

# case_uplink VDEV INTERFACE LCORES...: an uplink can be added, exchanged and taken away at run time.
case_uplink() {
	local port=${1%%,*} poller
	node_lcores=("${@:3}")
	ip netns add "$ns"
	[ "$port" = net_tap0 ] || ip -n "$ns" link add "$2" type veth peer name up0
	[ "$port" = net_tap0 ] || ip -n "$ns" link set up0 up
	port_start "$1"
	grep -q 'a port is an interface of this host: who forwards keeps CAP_NET_ADMIN to set it up' "$work/node.log" ||
		{ log node; fail "not said what it keeps"; }
	poller=$(poller_of "$app_pid")
	# CAP_NET_ADMIN, and neither CAP_NET_RAW nor CAP_SYS_ADMIN
	keeps "$poller" 12 && ! keeps "$poller" 13 && ! keeps "$poller" 21 || fail "$(grep Cap "/proc/$poller/status")"
	echo_behind "$port"
	pings "$2"
	node network set net0 uplinks ''
	node network set net0 uplinks "$port"
	pings "$2"
	if [ "$port" = net_tap0 ]; then
		ip -n "$ns" link set "$2" down
		wait_for "$patience" link_is down || fail "the container does not see that the link is down"
		pings "$2"
		link_is up || fail "the container does not see that the link is up"
	fi
	echo_end
}

case_tap() {
	need_tun
	case_uplink net_tap0,iface=out0 out0 -l 0,1
}

case_packet() {
	case_uplink net_af_packet0,iface=up0 out0 "${three_lcores[@]}"
	grep -q 'port net_af_packet0: its driver spreads nothing over several queues (RSS): one lcore of 3 takes' "$work/node.log" ||
		{ log node; fail "one queue is not said"; }
}

# packets LCORE: that it took so far.
packets() {
	node -j -s lcore show | tr -d ' \n' | sed -n "s/.*\"lcore\":$1,[^}]*\"packets\":\([0-9]*\).*/\1/p"
}

# flows_come: to 64 UDP ports, a flow of its own each; every lcore takes some of them.
flows_come() {
	local before
	before=("$(packets 1)" "$(packets 2)" "$(packets 3)")
	ip netns exec "$ns" bash -c 'for port in {1..64}; do echo >/dev/udp/10.9.0.2/$port; done'
	wait_for "$patience" shared_out "${before[@]}" || fail "an lcore has nothing of it: $(node -s lcore show)"
}

shared_out() {
	[ "$(packets 1)" -gt "$1" ] && [ "$(packets 2)" -gt "$2" ] && [ "$(packets 3)" -gt "$3" ]
}

lcores_are() {
	node uplink show | grep -q " lcores $1 rss"
}

# Three lcores: each has a queue of the port, over which the kernel spreads flows; a network has one for itself, and
# gives it back, while pings go on. One that is out of reach is refused.
case_queues() {
	need_tun
	ip netns add "$ns"
	node_lcores=("${three_lcores[@]}")
	port_start net_tap0,iface=out0
	echo_behind net_tap0
	pings out0
	lcores_are 1,2,3 || fail "$(node uplink show)"
	flows_come
	node network set net0 lcores 2
	lcores_are 2,2,2 || fail "$(node uplink show)"
	node network show | grep -q ' lcores 2$' || fail "$(node network show)"
	node show config | grep -qx 'network add net0 uplinks net_tap0 lcores 2' || fail "$(node show config)"
	pings out0
	! node network add net1 lcores 2-3 2>"$work/refused" || fail "an lcore has two networks"
	grep -q "lcore 2 is network net0's: there are 1,3 that no network has for itself" "$work/refused" || { log refused; fail "not said"; }
	! node network set net0 lcores 7 2>"$work/refused" || fail "an lcore that is not there"
	grep -q "lcore 7 moves no frames: there are 1,2,3, by EAL's -l" "$work/refused" || { log refused; fail "not said"; }
	node network set net0 lcores ''
	node rebalance network net0
	lcores_are 2,2,2 && fail "nothing moves: $(node uplink show)"
	pings out0
	echo_end
}

# A bond of two ports: who is behind the first, its active one, reaches the container.
case_bond() {
	local part=member
	need_tun
	ip netns add "$ns"
	node_lcores=(-l 0-1)
	# as DPDK before 23.11 calls it
	printf '%s\n' 23.11 "$(pkg-config --modversion libdpdk)" | sort -VC || part=slave
	port_start net_tap0,iface=out0 net_tap1,iface=out1 "net_bonding0,mode=1,$part=net_tap0,$part=net_tap1"
	echo_behind net_bonding0
	pings out0
	link_is up || fail "the container sees no link"
	echo_end
}

# gaps: numbers of answers that are missing between others.
gaps() {
	sed -n 's/.*bytes from.*icmp_seq=\([0-9]*\).*/\1/p' "$work/pings.log" | sort -un |
		awk 'NR > 1 && $1 != last + 1 { n++ } { last = $1 } END { print n + 0 }'
}

answers_more() {
	[ "$(grep -c 'bytes from' "$work/pings.log")" -gt "$1" ]
}

# held PID: its descriptors and mappings.
held() {
	echo "$(find "/proc/$1/fd" -mindepth 1 | wc -l) $(wc -l <"/proc/$1/maps")"
}

mac_of() {
	node container show "$1" | sed -n 's/.* mac \([^ ]*\) .*/\1/p' | tr A-F a-f
}

# One comes and goes a thousand times under another's traffic: no frame of that is lost, no descriptor and no mapping
# is left; buffers neither, of which there are not as many.
case_churn() {
	local i pinger poller before times
	times=$(often 1000 50)
	need_tun
	ip netns add "$ns"
	node_lcores=(-l 0-1)
	port_start net_tap0,iface=out0
	echo_behind net_tap0
	pings out0
	poller=$(poller_of "$app_pid")
	fresh "$work/pings.log"
	ip netns exec "$ns" ping -n -i 0.01 10.9.0.2 >"$work/pings.log" &
	pinger=$!
	background+=("$pinger")
	node container add c2 network net0 attach none
	[ "$(mac_of c2)" != "$(ip netns exec "$ns" cat /sys/class/net/out0/address)" ] || fail "c2 has the address of the port"
	node container del c2
	before=$(held "$poller")
	for ((i = 0; i < times; i++)); do
		node container add c2 network net0 attach none || fail "number $i is not added"
		node container del c2 || fail "number $i is not removed"
	done
	wait_for "$patience" answers_more "$(grep -c 'bytes from' "$work/pings.log")" || fail "no traffic any more"
	kill -INT "$pinger"
	wait "$pinger"
	say "$times times; $(grep transmitted "$work/pings.log")"
	[ "$(gaps)" = 0 ] || fail "frames are lost: $(node -s container show c1) $(node -s uplink show)"
	[ "$(held "$poller")" = "$before" ] || fail "before: $before; now: $(held "$poller")"
	echo_end
}

# Without such a port nothing is kept.
case_none() {
	node_lcores=(-l 0-1)
	port_start net_null0
	! keeps "$(poller_of "$app_pid")" 12 || fail "it keeps CAP_NET_ADMIN"
	! grep 'is an interface of this host' "$work/node.log" || fail "it says so"
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
}

ordinary || exit 0
case_run uplink/none case_none
case_run uplink/tap case_tap
case_run uplink/packet case_packet
case_run uplink/queues case_queues
case_run uplink/bond case_bond
case_run uplink/churn case_churn
exit $group_status
