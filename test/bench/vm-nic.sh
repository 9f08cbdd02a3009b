#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In the test machine with a NIC behind an IOMMU: a container sends out of it, by us with copies and without, by
# DPDK's own back end, and by a kernel bridge with veth, one after the other in the same boot. Started by test/bench/vm.sh.
#
#   vm-nic.sh ROUNDS SECONDS COLUMN...
#
# Prints a line "result KEY=VALUE..." for each measurement.
# shellcheck source=../system/lib.sh
. /vm/system/lib.sh
# shellcheck source=../system/lib-nic.sh
. /vm/system/lib-nic.sh
# shellcheck source=vm-lib.sh
. /vm/bench/vm-lib.sh

rounds=$1 span=$2
shift 2
columns=("$@")
kind=${kinds[0]}
nic=$(address "$kind")

# vduse_container: the device c1.
vduse_container() {
	need_netdev c1 "$column" "$pid"
	container c1 "$dev" 1
}

start_copy() {
	to_vfio "$nic"
	run "$column" "$app" -l 1 --no-telemetry "${huge[@]}" -a "$nic" -- --port "$nic" --name c1 \
		--mac 02:00:00:00:00:01 --attach virtio "$@"
	vduse_container
}

start_umem() {
	start_copy --zero-copy --umem
}

# Frames from the container have no checksum yet, and io forwarding makes none: the container does.
start_net_vhost() {
	to_vfio "$nic"
	testpmd_run "$peer/lib/librte_net_vhost.so.25" -d "$peer/lib/librte_bus_pci.so.25" -d "$peer/lib/librte_net_e1000.so.25" \
		-a "$nic" --vdev "net_vhost0,iface=/dev/vduse/c1,queues=1"
	wait_for 60 test -c /dev/vduse/c1
	wait_for 20 vdpa dev add name c1 mgmtdev vduse
	vduse_container
	in_ns c1 ethtool -K eth0 tx off tso off gso off >/dev/null
}

# The kernel's driver has the NIC.
start_bridge() {
	kernel_nic "$nic"
	bridge_container
}

end_column() {
	ip netns del far
	if [ "$column" = bridge ]; then
		ip netns del c1
		ip link del br0
		return
	fi
	[ "$column" != net_vhost ] || vdpa dev del c1
	stop "$pid" || say "$column ends with status $?"
	ip netns del c1
	nothing_left
}

# frames SERVER-ADDRESS: UDP of 1472 bytes, frames of 1514; what the receiver got.
frames() {
	in_ns c1 iperf3 -f m -c "$1" -u -b 0 -l 1472 -t "$span" >"$VM_RESULT/$column-frames.log" 2>&1 || return
	awk '/receiver/ { print "mbps=" $7 }' "$VM_RESULT/$column-frames.log"
}

traffic() {
	sent tcp tcp
	sent frames frames
}

# one_frame: the container sends one and waits for its buffer, again and again. Its interrupts are for its own processor.
one_frame() {
	local path line
	for path in /sys/class/vduse/c1/vq*/irq_cb_affinity; do
		[ ! -e "$path" ] || echo 1 >"$path"
	done
	line=$(taskset 1 /vm/bench/bench-one c1 10.0.0.2 far 2000) || line=failed=1
	echo "result kind=$what round=$round column=$column nic=$kind test=one $line"
}

case_column() {
	modules virtio_vdpa virtio_net
	modprobe -a vfio-pci vfio_iommu_type1
	wait_for "$patience" far_there "$kind" || fail "no interface at the other end"
	container far "$(far_dev "$kind")" 2
	"start_$column"
	ping_back c1 10.0.0.2 || fail "no answer to ping: $(tail -n 5 "$VM_RESULT/$column.log")"
	served far traffic
	one_frame
	end_column
}

ulimit -l unlimited
measure_columns nic tcp frames one
