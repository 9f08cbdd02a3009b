# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What groups with a node share: dpdk-vduse-net that networks and containers are added to.

folder=/run/dpdk-vduse-net
ctl=$tools/vdusectl

# Its socket may be that of one that was killed.
listens() {
	[ -S $folder/control ] && $ctl network show >/dev/null 2>&1
}

# node_run [EAL-OPTION...]: sets node_pid. With physical addresses (no IOMMU) memory does not grow in a process
# without privileges: -m.
node_run() {
	run node "$app" "${eal[@]}" "${huge[@]}" -m 512 "$@"
	node_pid=$pid
	wait_for "$patience" listens || fail "nobody listens at $folder/control: $(tail -n 3 "$VM_RESULT/node.log")"
}

# node_start [EAL-OPTION...]: with a network.
node_start() {
	modules virtio_vdpa virtio_net
	node_run "$@"
	$ctl network add net0 || fail "no network"
}

poller() {
	poller_of "$node_pid"
}

broker() {
	broker_of "$node_pid"
}

# uplink_far: an uplink of net0 whose other end is the namespace "far", 10.0.0.9 and fd00::9. It is a device
# (node_start --vdev net_vduse_up,name=up,profile=none) whose driver cuts its frames itself, to 1500 bytes.
uplink_far() {
	$ctl network set net0 uplinks net_vduse_up || fail "no uplink"
	far_up
}

far_up() {
	vdpa dev add name up mgmtdev vduse
	need_netdev up node "$node_pid"
	container far "$dev" 9
}

# add NAME NUMBER [WORD VALUE]...: a namespace, and the container's interface in it.
add() {
	local name=$1 number=$2
	shift 2
	ip netns add "$name"
	ip -n "$name" link set lo up
	$ctl container add "$name" network net0 mac "02:00:00:00:00:0$number" netns "/run/netns/$name" \
		ifname eth0 address "10.0.0.$number/24" "$@" ||
		fail "$name: not added: $(tail -n 3 "$VM_RESULT/node.log")"
}

del() {
	$ctl container del "$1" || fail "$1: not removed"
	! ip -n "$1" link show eth0 2>/dev/null || fail "$1: its interface is still there"
	ip netns del "$1"
}

# counter NAME COUNTER: of a container.
counter() {
	$ctl -j -s container show "$1" | grep -o "\"$2\": *[0-9]*" | grep -o '[0-9]*$'
}

more_than() {
	[ "$(counter "$1" "$2")" -gt "$3" ]
}

no_answer() {
	! ip netns exec "$1" ping -q -c 2 -i 0.2 -W 1 "$2" >/dev/null
}
