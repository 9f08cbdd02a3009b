#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A node: networks and containers are added and removed by vdusectl, and come back after a kill.
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-daemon.sh
. /vm/system/lib-daemon.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh

node_end() {
	local name
	for name; do
		del "$name"
	done
	$ctl network del net0
	stop "$node_pid" || fail "the node ends with status $?"
	nothing_left
}

case_containers() {
	node_start
	add c1 1
	add c2 2
	add c3 3
	ping_ok c1 10.0.0.2 5
	ping_ok c2 10.0.0.3 5
	ping_ok c3 10.0.0.1 5
	# as it is: nothing changes; otherwise: the difference is named
	$ctl container add c1 network net0 || fail "as it is, it is refused"
	! $ctl container add c1 network net0 vlan 5 2>/tmp/differs || fail "another VLAN is taken"
	grep -q 'vlan' /tmp/differs || fail "the difference is not named: $(cat /tmp/differs)"
	node_end c1 c2 c3
}

# capture_web OPTION...: to /tmp/web.pcapng; sets capture.
capture_web() {
	fresh /tmp/web.pcapng
	fresh /tmp/capture.log
	$ctl capture web -w /tmp/web.pcapng "$@" 2>/tmp/capture.log &
	capture=$!
	background+=("$capture")
	wait_for "$patience" test -s /tmp/web.pcapng || fail "no capture: $(cat /tmp/capture.log)"
}

captured() {
	tcpdump -n -r /tmp/web.pcapng "$@" 2>/dev/null | wc -l
}

# The page's commands, while a ping goes from one to the other; then TCP, with what its kernel left to be done.
case_capture() {
	node_start
	add web 1
	add db 2
	doc_command doc/capture.md 'vdusectl capture web'
	ns_exec web ping -q -i 0.2 10.0.0.2 >/dev/null &
	background+=("$!")
	PATH=$tools:$PATH bash -c "$documented" 2>/tmp/capture.log || fail "the page's command: $(cat /tmp/capture.log)"
	grep -q '^4 frames captured, ' /tmp/capture.log || fail "not said: $(cat /tmp/capture.log)"
	doc_command doc/capture.md 'tcpdump -n -r'
	bash -c "$documented" >/tmp/read.log 2>&1 || fail "tcpdump: $(cat /tmp/read.log)"
	[ "$(grep -c 'IP 10.0.0.[12] > 10.0.0.[12]: ICMP echo re' /tmp/read.log)" = 4 ] || fail "other frames: $(cat /tmp/read.log)"
	kill "${background[-1]}"
	capture_web -Q in -c 5 icmp
	ping_ok web 10.0.0.2 5
	wait "$capture" || fail "$(cat /tmp/capture.log)"
	[ "$(captured icmp and src 10.0.0.2)" = 5 ] || fail "in is not what it receives"
	capture_web -Q out -s 96 -c 20 'tcp and greater 4000'
	tcp web db 10.0.0.2 || fail "other bytes than were sent"
	wait "$capture" || fail "$(cat /tmp/capture.log)"
	[ "$(captured src 10.0.0.1 and greater 4000)" = 20 ] || fail "long frames are not seen as they are"
	grep -qa 'partial checksum, gso_size 1448' /tmp/web.pcapng || fail "what is left to be done is not said"
	node_end web db
}

case_vlan() {
	node_start
	add c1 1
	add c2 2 vlan 7
	add c3 3
	no_answer c1 10.0.0.2 || fail "a frame crosses from a VLAN to another"
	$ctl container set c3 vlan 7 || fail "its VLAN cannot be set"
	ip netns exec c3 ip neigh flush all
	ping_ok c3 10.0.0.2 5
	no_answer c3 10.0.0.1 || fail "a frame crosses from a VLAN to another"
	node_end c1 c2 c3
}

case_spoofed() {
	local before
	node_start
	add c1 1
	add c2 2
	ping_ok c1 10.0.0.2 3
	before=$(counter c1 'drop spoofed MAC')
	ip -n c1 link set eth0 address 02:00:00:00:00:99
	no_answer c1 10.0.0.2 || fail "a frame from another MAC address is forwarded"
	wait_for "$patience" more_than c1 'drop spoofed MAC' "$before" || fail "it is not counted"
	node_end c1 c2
}

# What fails leaves nothing: the name is taken in the namespace.
case_undone() {
	node_start
	add c1 1
	! $ctl container add c2 network net0 netns /run/netns/c1 ifname eth0 2>/tmp/refused ||
		fail "a name that is taken is given twice"
	grep -q 'eth0: the name is taken' /tmp/refused || fail "not said: $(cat /tmp/refused)"
	[ ! -e /dev/vduse/c2 ] && [ ! -e /sys/bus/vdpa/devices/c2 ] || fail "its device is left"
	$ctl container add c2 network net0 netns /run/netns/c1 ifname eth1 || fail "it cannot be added afterwards"
	$ctl container del c2 || fail "c2 is not removed"
	node_end c1
}

# sent TO ADDRESS: from outside, by TCP; sets size, of a frame that the container got on the average, and
# merged, frames that were put together with others.
sent() {
	local before frames
	before=$(counter c1 gro_packets)
	frames=$(frames_of c1 rx)
	tcp far "$1" "$2" || fail "other bytes than were sent"
	size=$(size_since "$frames" "$(frames_of c1 rx)")
	merged=$(($(counter c1 gro_packets) - before))
	say "$size bytes a frame, $merged put together with others"
}

# What comes from outside has 1500 bytes a packet; the container gets more at once, and the same bytes. The
# uplink is a device whose driver cuts its frames itself.
case_gro() {
	dd if=/dev/urandom of=/tmp/data bs=100000 count=10 2>/dev/null
	sha256sum </tmp/data >/tmp/sum
	node_start --vdev net_vduse_up,name=up,profile=none
	uplink_far
	add c1 1
	$ctl container set c1 address 10.0.0.1/24,fd00::1/64 || fail "no second address"
	ping_ok c1 10.0.0.9 3
	ping_back c1 fd00::9
	sent c1 10.0.0.1
	[ "$merged" -gt 0 ] && [ "$size" -gt 1514 ] || fail "nothing is put together"
	sent c1 fd00::1
	[ "$merged" -gt 0 ] && [ "$size" -gt 1514 ] || fail "nothing of IPv6 is put together"
	tcp c1 far 10.0.0.9 || fail "other bytes than were sent"
	$ctl container set c1 gro off || fail "it cannot be switched off"
	sent c1 10.0.0.1
	[ "$merged" = 0 ] && [ "$size" -le 1514 ] || fail "it is not switched off"
	# a driver that does not take it gets frames as they came
	$ctl container set c1 gro on profile latency force || fail "it cannot be set"
	ping_back c1 10.0.0.9
	sent c1 10.0.0.1
	[ "$merged" = 0 ] && [ "$size" -le 1514 ] || fail "it is for a driver that does not take it"
	vdpa dev del up
	ip netns del far
	node_end c1
}

# Either process, and both, are killed: interfaces stay, and frames go on.
case_killed() {
	local was
	node_start
	add c1 1
	add c2 2 vlan 7
	add c3 3
	ping_ok c1 10.0.0.3 3
	was=$(broker)
	kill -KILL "$was"
	ping_ok c1 10.0.0.3 10
	wait_for "$patience" is_another broker "$was" || fail "no other broker"
	$ctl container show c1 | grep -q c1 || fail "the broker does not know c1"
	was=$(poller)
	kill -KILL "$was"
	wait_for "$patience" is_another poller "$was" || fail "no other poller"
	ping_back c1 10.0.0.3
	ping_ok c1 10.0.0.3 5
	no_answer c1 10.0.0.2 || fail "the VLAN of c2 is forgotten"
	kill -KILL "$(poller)" "$(broker)"
	ping_back c1 10.0.0.3
	kill -KILL "$node_pid"
	wait_for "$patience" is_gone running "$node_pid"
	node_run
	ping_back c1 10.0.0.3
	no_answer c1 10.0.0.2 || fail "the VLAN of c2 is forgotten"
	node_end c1 c2 c3
}

after_case() {
	clean_slate
	rm -rf "$folder"
}

case_run node/containers case_containers
case_run node/capture case_capture
case_run node/vlan case_vlan
case_run node/spoofed case_spoofed
case_run node/undone case_undone
case_long node/gro case_gro
case_run node/killed case_killed
exit 0
