#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In the test machine with a NIC behind an IOMMU: TCP from the other end of its cable into a container, in frames of 1500 bytes,
# through a network with GRO and without, and through the kernel's driver by a bridge with veth and by macvlan, one
# after the other in the same boot. Started by test/bench/vm.sh.
#
#   vm-gro.sh ROUNDS SECONDS COLUMN...
#
# Prints a line "result KEY=VALUE..." for each measurement.
# shellcheck source=../system/lib.sh
. /vm/system/lib.sh
# shellcheck source=../system/lib-node.sh
. /vm/system/lib-node.sh
# shellcheck source=../system/lib-nic.sh
. /vm/system/lib-nic.sh
# shellcheck source=vm-lib.sh
. /vm/bench/vm-lib.sh

rounds=$1 span=$2
shift 2
columns=("$@")
kind=${kinds[0]}
nic=$(address "$kind")
eal=(-l 0-1 --no-telemetry)

# start_network on|off: c1 on a network of the NIC, with its GRO or without.
start_network() {
	to_vfio "$nic"
	node_run -a "$nic"
	$ctl network add net0 uplinks "$nic" || fail "no network"
	ip netns add c1
	$ctl container add c1 network net0 mac 02:00:00:00:00:01 netns /run/netns/c1 ifname eth0 \
		address 10.0.0.1/24 gro "$1" || fail "no container"
	pid=$(poller)
}

start_on() {
	start_network on
}

start_off() {
	start_network off
}

start_bridge() {
	kernel_nic "$nic"
	bridge_container
}

start_macvlan() {
	kernel_nic "$nic"
	ip link set "$nic_dev" up
	ip link add link "$nic_dev" name side1 type macvlan mode bridge
	container c1 side1 1
	pid=
}

end_column() {
	ip netns del far
	case $column in
	on | off)
		$ctl container del c1
		stop "$node_pid" || say "$column ends with status $?"
		ip netns del c1
		;;
	bridge)
		ip netns del c1
		ip link del br0
		;;
	macvlan)
		ip netns del c1
		ip link set "$nic_dev" down
		;;
	esac
	nothing_left
}

# from_far SERVER-ADDRESS: the other way round; what the container received.
from_far() {
	in_ns c1 iperf3 -f m -R -c "$1" -t "$span" >"$VM_RESULT/$column-tcp.log" 2>&1 || return
	awk '/receiver/ { print "mbps=" $7 }' "$VM_RESULT/$column-tcp.log"
}

# merged: frames that were put behind another, of all that came.
merged() {
	local all
	all=$($ctl -j -s container show c1 | tr -d ' \n')
	sed -n 's/.*"gro_packets":\([0-9]*\).*/\1/p' <<<"$all"
}

traffic() {
	sent tcp from_far
	[ "$column" != on ] || say "$(merged) frames were put behind another"
}

case_column() {
	modules virtio_vdpa virtio_net
	modprobe -a vfio-pci vfio_iommu_type1
	wait_for "$patience" far_there "$kind" || fail "no interface at the other end"
	container far "$(far_dev "$kind")" 2
	# what comes by the cable is 1500 bytes a packet, whoever cuts it
	"start_$column"
	ping_back c1 10.0.0.2 || fail "no answer to ping: $(tail -n 5 "$VM_RESULT/node.log")"
	served far traffic
	end_column
}

ulimit -l unlimited
measure_columns vm-gro tcp
