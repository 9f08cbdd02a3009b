#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In the test machine: two containers joined through one lcore, by our wire and by DPDK's
# alternatives, one after the other, in the same boot. Started by test/bench/vm.sh.
#
#   vm-inside.sh ROUNDS SECONDS COLUMN...
#
# Prints a line "result KEY=VALUE..." for each measurement.
# shellcheck source=../system/lib.sh
. /vm/system/lib.sh
# shellcheck source=vm-lib.sh
. /vm/bench/vm-lib.sh

rounds=$1 span=$2
shift 2
columns=("$@")
testpmd+=(--no-pci)
# vduse_containers: of the devices c1 and c2.
vduse_containers() {
	need_netdev c1 "$column" "$pid"
	container c1 "$dev" 1
	need_netdev c2 "$column" "$pid"
	container c2 "$dev" 2
}

start_ours() {
	modules virtio_vdpa virtio_net
	run "$column" "$app" "${eal[@]}" "${huge[@]}" --vdev net_vduse_p,name=c2,profile=bulk,csum=partial,attach=virtio \
		-- --port net_vduse_p --name c1
	vduse_containers
}

start_ours_testpmd() {
	modules virtio_vdpa virtio_net
	testpmd_run "$peer/lib/librte_net_vduse.so" --vdev net_vduse0,name=c1,attach=virtio \
		--vdev net_vduse1,name=c2,attach=virtio
	vduse_containers
}

start_net_vhost() {
	local name more=${1-}
	modules virtio_vdpa virtio_net
	testpmd_run "$peer/lib/librte_net_vhost.so.25" \
		--vdev "net_vhost0,iface=/dev/vduse/c1,queues=1$more" \
		--vdev "net_vhost1,iface=/dev/vduse/c2,queues=1$more"
	for name in c1 c2; do
		wait_for 60 test -c "/dev/vduse/$name"
		wait_for 20 vdpa dev add name "$name" mgmtdev vduse
	done
	vduse_containers
}

# With segments as large as TCP makes them.
start_net_vhost_tso() {
	start_net_vhost ,tso=1
}

start_net_tap() {
	local n
	modprobe tun
	testpmd_run "$peer/lib/librte_net_tap.so.25" --vdev net_tap0,iface=tap1 --vdev net_tap1,iface=tap2
	# started, before the interfaces move away
	wait_for 60 grep -q 'testpmd>' "$VM_RESULT/$column.log"
	for n in 1 2; do
		container "c$n" "tap$n" "$n"
	done
}

# A veth pair for each. Frames that are read from a packet socket have no checksum yet, and it
# has no segmentation: the container does both itself.
start_net_af_packet() {
	local n
	modprobe veth
	for n in 1 2; do
		ip link add "port$n" type veth peer name "side$n"
		ip link set "port$n" up
		container "c$n" "side$n" "$n"
		in_ns "c$n" ethtool -K eth0 tx off tso off gso off >/dev/null
	done
	testpmd_run "$peer/lib/librte_net_af_packet.so.25" --vdev net_af_packet0,iface=port1 \
		--vdev net_af_packet1,iface=port2
	wait_for 60 grep -q 'testpmd>' "$VM_RESULT/$column.log"
}

# The drivers go first: a back end cannot remove a device that is attached.
end_column() {
	local node
	for node in /sys/bus/vdpa/devices/*; do
		[[ $column = ours* ]] || vdpa dev del "${node##*/}"
	done
	stop "$pid" || say "$column ends with status $?"
	for node in c1 c2; do
		ip netns del "$node"
	done
	nothing_left
	measured drops dropped
}

# udp SERVER-ADDRESS: 64 bytes with all headers, as fast as the sender can; what the receiver got.
udp() {
	in_ns c1 iperf3 -f k -c "$1" -u -b 0 -l 22 -t "$span" >"$VM_RESULT/$column-udp.log" 2>&1 || return
	awk '/receiver/ { split($3, time, "-"); split($11, n, "/")
		printf "kpps=%.2f lost=%d sent=%d\n", (n[2] - n[1]) / time[2] / 1000, n[1], n[2] }' \
		"$VM_RESULT/$column-udp.log"
}

# dropped: frames the back end could not pass on, as it says itself at its end.
dropped() {
	local log=$VM_RESULT/$column.log
	if [ "$column" = ours ]; then
		grep '^wire ' "$log" | tail -n 1 | grep -oE 'drops [0-9]+' |
			awk '{ n += $2 } END { print "dropped=" n + 0 }'
	else
		sed -n '/Accumulated/,$p' "$log" | grep -oE 'TX-dropped: [0-9]+' | head -n 1 |
			awk '{ print "dropped=" $2 }'
	fi
}

# measured TEST FUNCTION: one line of result, or that there is none.
measured() {
	local line
	line=$("$2" 10.0.0.2) && [ -n "$line" ] || {
		tail -n 5 "$VM_RESULT/$column-$1.log" 2>/dev/null | sed 's/^/# /'
		line=failed=1
	}
	echo "result kind=vm round=$round column=$column test=$1 $line"
}

traffic() {
	measured tcp tcp
	measured udp udp
}

case_column() {
	"start_${column//-/_}"
	wait_for 20 ip netns exec c1 ping -n -q -c 1 -W 1 10.0.0.2 || {
		tail -n 20 "$VM_RESULT/$column.log" | sed 's/^/# /'
		fail "no answer to ping"
	}
	served c2 traffic
	end_column
}

measure_columns vm tcp udp
