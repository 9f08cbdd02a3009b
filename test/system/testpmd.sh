#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The PMD in an application nobody here wrote: Debian's testpmd, at its prompt.
# shellcheck source=lib.sh
. /vm/system/lib.sh

log=$VM_RESULT/testpmd.log

testpmd_start() {
	modules virtio_vdpa virtio_net
	rm -f /tmp/prompt
	mkfifo /tmp/prompt
	with_options dpdk-testpmd -l 0,1 --no-pci --no-telemetry --in-memory -m 512 "$@"
	# Its answers in the order of its prompts, though they go to a file.
	: >"$log"
	stdbuf -oL "${command[@]}" </tmp/prompt >>"$log" 2>&1 &
	pid=$!
	background+=("$pid")
	exec 8>/tmp/prompt
	marks=0
	mark
}

# mark: wait until testpmd has done everything so far; remembers the place in its log.
mark() {
	marks=$((marks + 1))
	echo "show port summary $((100 + marks))" >&8
	wait_for "$patience" grep -q "Invalid port $((100 + marks))\$" "$log" || {
		tail -n 30 "$log" | sed 's/^/# /'
		fail "testpmd does not answer"
	}
	since=$(wc -l <"$log")
}

# tell COMMAND...: give testpmd a command and wait until it is done; sets answer.
tell() {
	local from=$since
	say "testpmd> $*"
	echo "$*" >&8
	mark
	answer=$(sed -n "$((from + 1)),${since}p" "$log")
}

# expect PATTERN: in the answer.
expect() {
	grep -qE -- "$1" <<<"$answer" || {
		sed 's/^/# /' <<<"$answer"
		fail "no '$1' in the answer"
	}
}

testpmd_quit() {
	echo quit >&8
	exec 8>&-
	wait_for "$patience" is_gone running "$pid" || fail "testpmd does not quit"
	wait "$pid" || fail "testpmd ends with status $?"
	nothing_left
}

port_stat() {
	tell "show port stats $1"
	grep -oE "$2: +[0-9]+" <<<"$answer" | awk '{ print $2 }'
}

link_is() {
	tell "show port info 0"
	grep -q "Link status: $1" <<<"$answer"
}

# The interface in its container, or back here.
netdev_anywhere() {
	netdev_there c1 c1 || netdev_there c1
}

case_life() {
	testpmd_start --vdev net_vduse0,name=c1,queues=1,mac=02:00:00:00:00:01,attach=virtio -- \
		-i --forward-mode=icmpecho
	need_netdev c1 testpmd "$pid"
	container c1 "$dev" 1
	tell start
	ip -n c1 neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0
	ping_back c1 10.0.0.9 || fail "no traffic"
	ping_ok c1 10.0.0.9 20
	tell "show port info 0"
	expect 'MAC address: 02:00:00:00:00:01'
	expect 'Driver name: net_vduse'
	tell stop
	in_ns c1 ping -q -c 1 -W 1 10.0.0.9 && fail "an answer from a stopped testpmd"
	tell start
	ping_ok c1 10.0.0.9 10
	tell stop
	tell "port stop 0"
	tell "port start 0"
	tell start
	wait_for "$patience" netdev_anywhere || fail "no interface after restart"
	if netdev_there c1; then
		ip link set "$(netdev c1)" netns c1 name eth0
		container_up c1 1
		ip -n c1 neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0
	fi
	ping_back c1 10.0.0.9 || fail "no traffic after port stop and start"
	tell stop
	tell "port stop 0"
	tell "port close 0"
	nothing_left
	ip netns del c1
	testpmd_quit
}

case_link() {
	testpmd_start --vdev net_vduse0,name=c1,attach=virtio -- -i --forward-mode=rxonly
	need_netdev c1 testpmd "$pid"
	ip link set "$dev" up
	tell start
	wait_for "$patience" link_is up || fail "link is not up with a driver"
	echo c1 >/sys/bus/vdpa/drivers/virtio_vdpa/unbind
	wait_for "$patience" link_is down || fail "link is not down without a driver"
	echo c1 >/sys/bus/vdpa/drivers/virtio_vdpa/bind
	wait_for "$patience" link_is up || fail "link is not up again"
	# Three changes, or two if it was up before testpmd looked.
	[ "$(grep -c 'link state change event' "$log")" -ge 2 ] || fail "no link interrupts"
	testpmd_quit
}

case_stats() {
	testpmd_start --vdev net_vduse0,name=c1,attach=virtio -- -i --forward-mode=icmpecho
	need_netdev c1 testpmd "$pid"
	container c1 "$dev" 1
	ip -n c1 neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0
	tell start
	ping_back c1 10.0.0.9 || fail "no traffic"
	ping_ok c1 10.0.0.9 5
	# No more of the kernel's own packets after this.
	in_ns c1 sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
	tell "clear port stats 0"
	local tx rx tx_bytes
	tx=$(in_ns c1 cat /sys/class/net/eth0/statistics/tx_packets)
	tx_bytes=$(in_ns c1 cat /sys/class/net/eth0/statistics/tx_bytes)
	rx=$(in_ns c1 cat /sys/class/net/eth0/statistics/rx_packets)
	ping_ok c1 10.0.0.9 50 -s 500
	tx=$(($(in_ns c1 cat /sys/class/net/eth0/statistics/tx_packets) - tx))
	tx_bytes=$(($(in_ns c1 cat /sys/class/net/eth0/statistics/tx_bytes) - tx_bytes))
	rx=$(($(in_ns c1 cat /sys/class/net/eth0/statistics/rx_packets) - rx))
	say "container: tx $tx packets, $tx_bytes bytes, rx $rx packets"
	tell "show port stats 0"
	sed 's/^/# /' <<<"$answer"
	expect "RX-packets: $tx +RX-missed: 0 +RX-bytes: +$tx_bytes\$"
	expect "TX-packets: $rx "
	tell "clear port stats 0"
	tell "show port stats 0"
	expect 'RX-packets: 0 '
	tell "set promisc 0 off"
	tell "set allmulti 0 on"
	tell "show port info 0"
	expect 'Promiscuous mode: disabled'
	expect 'Allmulticast mode: enabled'
	tell "set promisc 0 on"
	tell "show port info 0"
	expect 'Promiscuous mode: enabled'
	ip netns del c1
	testpmd_quit
}

case_hotplug() {
	testpmd_start --vdev net_vduse0,name=c1,attach=virtio -- -i --forward-mode=io
	need_netdev c1 testpmd "$pid"
	container c1 "$dev" 1
	local i before after
	for i in 1 2 3; do
		tell "port attach net_vduse1,name=c2,mac=02:00:00:00:00:02,attach=virtio${TEST_DEVARGS:+,$TEST_DEVARGS}"
		expect 'Port 1 is attached'
		tell "port start 1"
		need_netdev c2 testpmd "$pid"
		container c2 "$dev" 2
		tell "set portlist 0,1"
		tell start
		ping_back c1 10.0.0.2 || fail "no traffic to the attached port"
		ping_ok c1 10.0.0.2 20
		tell stop
		tell "set portlist 0"
		tell "port stop 1"
		tell "port detach 1"
		wait_for "$patience" is_gone test -e /dev/vduse/c2 || fail "/dev/vduse/c2 stays"
		ip netns del c2
		after=$(resources "$pid")
		say "round $i: $after"
		[ "$i" = 1 ] || [ "$after" = "$before" ] || fail "file descriptors or mappings have changed"
		before=$after
	done
	ip netns del c1
	testpmd_quit
}

# Wrong devargs: the PMD says what and why for each, and there is no port.
case_devargs() {
	modules virtio_vdpa virtio_net
	local vdevs=() wanted=(
		colour=blue 'unknown argument colour'
		'name=a,name=b' 'name is given twice'
		mac=1:2:3 'mac=1:2:3: not a unicast MAC'
		mtu=12 'mtu=12: not a number from 68'
		queue-size=1000 'queue-size=1000: not a power of two'
		attach=pci 'attach=pci: not one of virtio, vhost, none'
		queues=0 'queues=0: not a number from 1'
		queues=1x 'queues=1x: not a number'
		name=a/b "a/b' cannot be a file"
		name= 'name has no value'
	)
	local i
	for ((i = 0; i < ${#wanted[@]}; i += 2)); do
		vdevs+=(--vdev "net_vduse$i,${wanted[i]}")
	done
	echo quit | timeout -s KILL "$patience" dpdk-testpmd -l 0,1 --no-pci --no-telemetry "${no_huge[@]}" \
		"${vdevs[@]}" -- -i --total-num-mbufs=2048 >/tmp/out 2>&1 || true
	grep -E '^(net_)?vduse' /tmp/out | sed 's/^/# /'
	for ((i = 0; i < ${#wanted[@]}; i += 2)); do
		grep -E '^(net_)?vduse' /tmp/out | grep -qF -- "${wanted[i + 1]}" ||
			fail "${wanted[i]}: no line with '${wanted[i + 1]}'"
	done
	grep -q 'takes no network device' /tmp/out && fail "this kernel does take network devices"
	grep -q 'No probed ethernet devices' /tmp/out || fail "there is a port"
	nothing_left
}

# The example, which knows nothing of VDUSE, between two containers.
case_l2fwd() {
	modules virtio_vdpa virtio_net
	run l2fwd /vm/tools/l2fwd -l 1 --no-pci --no-telemetry --in-memory -m 256 \
		--vdev net_vduse0,name=c1,mac=02:00:00:00:00:01,attach=virtio \
		--vdev net_vduse1,name=c2,mac=02:00:00:00:00:02,attach=virtio
	local l2fwd_pid=$pid i
	for i in 1 2; do
		need_netdev "c$i" l2fwd "$l2fwd_pid"
		container "c$i" "$dev" "$i"
	done
	ping_back c1 10.0.0.2 || fail "no traffic"
	ping_ok c1 10.0.0.2 20 -s 1400
	stop "$l2fwd_pid" || fail "it ends with status $?"
	nothing_left
	ip netns del c1
	ip netns del c2
}

after_case() {
	clean_slate
}

for name in life link stats hotplug devargs l2fwd; do
	# it is of this machine's DPDK
	[ "$name" != l2fwd ] || [ -z "${TEST_CELL:-}" ] || continue
	case $name in
	life | l2fwd) case_run "testpmd/$name" "case_$name" ;;
	*) case_long "testpmd/$name" "case_$name" ;;
	esac
done
exit 0
