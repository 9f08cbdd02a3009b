#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# CPUs: 3
# A vDPA device that is not this process's as the port: DPDK's virtio-user on its /dev/vhost-vdpa-N, as it would be on that
# of a NIC. What plays the NIC is another process with a device of ours.
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh

# node_of DEVICE: its character device.
node_of() {
	local path
	for path in /sys/bus/vdpa/devices/"$1"/vhost-vdpa-*; do
		echo "/dev/${path##*/}"
		return
	done
	return 1
}

# nic_start: "hardware" h1, with the container c2 on its other side; sets nic_pid and nic_node.
nic_start() {
	modules virtio_vdpa vhost_vdpa virtio_net
	run nic "$app" -l 2 --no-pci --no-telemetry --in-memory --file-prefix nic -m 128 \
		--vdev net_vduse_p,name=c2,mac=02:00:00:00:00:02,attach=virtio -- \
		--port net_vduse_p --name h1 --attach vhost
	nic_pid=$pid
	need_netdev c2 nic "$nic_pid"
	container c2 "$dev" 2
	wait_for "$patience" node_of h1 || fail "no /dev/vhost-vdpa-N of h1"
	nic_node=$(node_of h1)
}

# on_nic: the application on it, with the container c1; sets app_pid. virtio-user up to 22.11 does not read the link of a
# vhost-vdpa device and says that it is down: --link up.
on_nic() {
	run app "$app" "${eal[@]}" --in-memory --single-file-segments --iova-mode=va --file-prefix app -m 256 \
		--vdev "net_virtio_user0,path=$nic_node,queues=1,queue_size=1024" -- \
		--port net_virtio_user0 --name c1 --mac 02:00:00:00:00:01 --attach virtio --link up
	app_pid=$pid
	need_netdev c1 app "$app_pid"
	container c1 "$dev" 1
}

case_uplink() {
	nic_start
	on_nic
	ping_back c1 10.0.0.2 || { tail -n 20 "$VM_RESULT/app.log"; fail "no traffic through the vDPA device"; }
	ping_ok c1 10.0.0.2 20 -s 1400
	"$tools/frames" c1 eth0 c2 eth0
	"$tools/frames" c2 eth0 c1 eth0
	stop "$app_pid" || fail "the application ends with status $?"
	ip netns del c1
	stop "$nic_pid" || fail "the other ends with status $?"
	ip netns del c2
	nothing_left
}

# The application goes and comes: the device serves the next driver.
case_again() {
	local i
	nic_start
	for i in 1 2 3; do
		on_nic
		ping_back c1 10.0.0.2 || fail "no traffic, start $i"
		ping_ok c1 10.0.0.2 10
		stop "$app_pid" || fail "the application ends with status $?"
		ip netns del c1
	done
	stop "$nic_pid" || fail "the other ends with status $?"
	ip netns del c2
	nothing_left
}

after_case() {
	clean_slate
}

case_run vdpa/uplink case_uplink
case_run vdpa/again case_again
exit 0
