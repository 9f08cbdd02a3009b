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
