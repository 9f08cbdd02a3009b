#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Run: all
# Kernels: one
# Memory: 3072
# A node with many containers that is killed with all of its processes, and has them back with all their rules.
# 200 of them where that is named, as test/run system/many/killed-200: to add one takes the machine half a second.
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh

# add NUMBER: each with rules of its own; the first four are somewhere, two of them in the same VLAN.
add() {
	local n=$1 where=() vlan=$((100 + $1 / 2))
	if [ "$n" -le 4 ]; then
		ip netns add "c$n"
		ip -n "c$n" link set lo up
		where=(netns "/run/netns/c$n" ifname eth0 address "10.0.0.$n/24")
		vlan=$((n == 4 ? 8 : 7))
	fi
	$ctl container add "c$n" network net0 mac "$(printf '02:00:00:00:%02x:%02x' $((n / 256)) $((n % 256)))" \
		vlan $vlan max-tx-rate $((1000 + n)) bum-rate $((5000 + n)) ip "10.0.$((n / 256)).$((n % 256))" \
		profile latency queue-size 64 "${where[@]}" ||
		fail "c$n: not added: $(tail -n 3 "$VM_RESULT/node.log")"
}

attached() {
	[ "$($ctl container show | grep -c ' link up .*attached$')" = $containers ]
}

# Every process of it, at once.
kill_all() {
	local children
	read -ra children <"/proc/$node_pid/task/$node_pid/children" || true
	kill -KILL "$node_pid" "${children[@]}"
	wait_for "$patience" is_gone running "$node_pid"
}

# case_killed CONTAINERS
case_killed() {
	local n killed containers=$1
	modules virtio_vdpa virtio_net
	ulimit -n 65536
	node_run
	$ctl network add net0 || fail "no network"
	for ((n = 1; n <= containers; n++)); do
		add $n
	done
	wait_for "$patience" attached || fail "not all are attached"
	$ctl show config >/tmp/before
	ping_ok c1 10.0.0.2 3
	stream_start c1 c2 10.0.0.2
	wait_for "$patience" received_more c2 500000 || fail "nothing arrives"
	kill_all
	killed=$EPOCHREALTIME
	node_run
	wait_for "$patience" attached || fail "not all are back: $($ctl container show | grep -c attached)"
	say "$containers containers are back $(((${EPOCHREALTIME/./} - ${killed/./}) / 1000)) ms after the kill"
	wait_for "$patience" received_more c2 "$(received_bytes c2)" || fail "the stream does not go on"
	stream_end
	$ctl show config >/tmp/after
	cmp /tmp/before /tmp/after || fail "other rules: $(diff /tmp/before /tmp/after | head -n 5)"
	# c3 is in the VLAN of c1, c4 is not
	ping_ok c1 10.0.0.3 3
	! in_ns c1 ping -q -c 2 -i 0.2 -W 1 10.0.0.4 >/dev/null || fail "a frame crosses from a VLAN to another"
	# a machine that goes down waits for half a minute for each device that nobody serves
	for ((n = 1; n <= containers; n++)); do
		$ctl container del "c$n" || fail "c$n: not removed"
	done
	stop "$node_pid" || fail "the node ends with status $?"
	nothing_left
}

after_case() {
	clean_slate
}

case_run many/killed case_killed 32
[ -z "${TEST_CASES:-}" ] || case_run many/killed-200 case_killed 200
exit 0
