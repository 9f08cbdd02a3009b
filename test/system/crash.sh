#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-vduse-net is killed under TCP traffic and started again with the same command: the
# containers keep their interfaces, and every byte arrives. CRASH_KILLS or the first argument:
# how often (default 6). By hand, two hundred times:
#   test/vm/vm run -k 6.12 -b build -t 3000 -m 3072 -H 640 -c $PWD/test/system:/vm/system \
#       -c $PWD/test/cases.sh:/vm/cases.sh test/system/crash.sh 200
# shellcheck source=lib.sh
. /vm/system/lib.sh

kills=${CRASH_KILLS:-${1:-$(often 6 2)}}
state=/run/vduse

# The same command each time; the second argument: more of the port's devargs.
serve() {
	run "app-$1" "$app" "${eal[@]}" "${huge[@]}" \
		--vdev "net_vduse_p,name=c2,mac=02:00:00:00:00:02,attach=virtio,state-dir=$state,keep=0${2:-}" -- \
		--port net_vduse_p --name c1 --attach virtio --state-dir "$state" --keep 0 "${@:3}"
}

forwards() {
	wait_for "$patience" grep -q forwarding "$VM_RESULT/app-$1.log" ||
		{ tail -n 20 "$VM_RESULT/app-$1.log"; fail "run $1 does not start"; }
}

containers() {
	modules virtio_vdpa virtio_net
	mkdir -p -m 700 "$state"
	serve 0
	need_netdev c1 app-0 "$pid"
	container c1 "$dev" 1
	need_netdev c2 app-0 "$pid"
	container c2 "$dev" 2
	ping_back c1 10.0.0.2
	in_ns c1 cat /sys/class/net/eth0/address >/tmp/mac
}

same_interfaces() {
	in_ns c1 cat /sys/class/net/eth0/address | cmp - /tmp/mac || fail "another address"
	in_ns c2 grep -qx 02:00:00:00:00:02 /sys/class/net/eth0/address
}

case_kills() {
	local n at
	containers
	stream_start c1 c2 10.0.0.2
	for ((n = 1; n <= kills; n++)); do
		at=$(received_bytes c2)
		wait_for "$patience" received_more c2 $((at + 100000)) || fail "no traffic before kill $n"
		stop "$pid" KILL || true
		[ -c /dev/vduse/c1 ] && [ -c /dev/vduse/c2 ] || fail "a device is gone"
		serve "$n"
		forwards "$n"
		at=$(received_bytes c2)
		wait_for "$patience" received_more c2 "$at" || { tail "$VM_RESULT/app-$n.log"; fail "no traffic after kill $n"; }
	done
	grep -q 'c1: resumed after the previous process' "$VM_RESULT/app-$kills.log"
	grep -q 'c2: resumed after the previous process' "$VM_RESULT/app-$kills.log"
	same_interfaces
	stream_end
	say "$kills kills, $(received_bytes c2) bytes: $(cut -c 1-16 /tmp/sent)..."
	ping_ok c1 10.0.0.2 20
	all_gone
}

case_takeover() {
	local first device
	containers
	stream_start c1 c2 10.0.0.2
	first=$pid
	serve 1 ,takeover=1 --takeover
	wait_for "$patience" is_gone running "$first" || fail "the first one does not end"
	forwards 1
	grep 'it rested for' "$VM_RESULT/app-1.log" | sed 's/^/# /'
	for device in c1 c2; do
		grep -q "$device: taken over; it rested for" "$VM_RESULT/app-1.log" ||
			{ tail -n 20 "$VM_RESULT/app-1.log"; fail "$device is not taken over"; }
	done
	same_interfaces
	stream_end
	ping_ok c1 10.0.0.2 20
	all_gone
}

# In order: nothing is left, and no module is in use.
all_gone() {
	ip netns del c1
	ip netns del c2
	stop "$pid" || fail "status $?"
	nothing_left
	[ ! -e $state/c1.state ] && [ ! -e $state/c2.state ] || fail "left: $(ls $state)"
	wait_for "$patience" rmmod virtio_vdpa || fail "virtio_vdpa is in use: $(lsmod)"
	wait_for "$patience" rmmod vduse || fail "vduse is in use: $(lsmod)"
}

after_case() {
	clean_slate
}

case_run crash/kills case_kills
case_run crash/takeover case_takeover
exit 0
