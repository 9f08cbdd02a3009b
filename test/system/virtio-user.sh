#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# CPUs: 3
# DPDK's virtio-user as the driver of the device, through vhost-vdpa.
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh

node=/dev/vhost-vdpa-0

# Small pools: the kernel keeps the memory files of a front end that was killed until the
# next one maps its own.
# front NAME ARGUMENT...: testpmd with virtio-user on the node, on lcores 0 and 2.
front() {
	local name=$1
	shift
	wait_for "$patience" test -c "$node" || fail "no $node"
	run "$name" dpdk-testpmd -l 0,2 --no-pci --no-telemetry --in-memory --single-file-segments \
		--iova-mode=va --file-prefix front -m 128 \
		--vdev "net_virtio_user0,path=$node,queues=1,queue_size=1024" "$@"
}

veth() {
	ip netns add "$1"
	ip link add "$2" type veth peer name eth0 netns "$1"
	ip link set "$2" up
	container_up "$1" "$3"
	# af_packet sees what the kernel would have finished later: checksums must be there.
	in_ns "$1" ethtool -K eth0 tx off rx off gso off gro off tso off >/dev/null
	ethtool -K "$2" tx off rx off gso off gro off tso off >/dev/null
}

# c1 - veth - af_packet - application - vduse - vhost-vdpa - virtio-user - testpmd -
# af_packet - veth - c2
case_wire() {
	modules vhost_vdpa veth
	veth c1 va 1
	veth c2 vb 2
	run app "$app" "${eal[@]}" --in-memory -m 512 --vdev net_af_packet0,iface=va -- \
		--port net_af_packet0 --name u1 --attach vhost
	local app_pid=$pid
	front front --vdev net_af_packet0,iface=vb -- --total-num-mbufs=20000 --forward-mode=io --auto-start --stats-period 5
	local front_pid=$pid
	ping_back c1 10.0.0.2 || {
		tail -n 20 "$VM_RESULT/front.log" "$VM_RESULT/app.log"
		fail "no traffic through virtio-user"
	}
	ping_ok c1 10.0.0.2 20
	"$tools/frames" c1 eth0 c2 eth0
	"$tools/frames" c2 eth0 c1 eth0
	stop "$front_pid" INT || fail "the front end ends with status $?"
	stop "$app_pid" || fail "the application ends with status $?"
	nothing_left
	ip netns del c1
	ip netns del c2
}

# stat_of LOG NAME: the last value of a counter in testpmd's output, of all ports.
stat_of() {
	grep -oE "$2-total: +[0-9]+|$2-packets: +[0-9]+" "$VM_RESULT/$1.log" |
		awk '{ print $2 }' | sort -n | tail -n 1
}

# Blocks of statistics in testpmd's output so far.
stat_blocks() {
	grep -c 'NIC statistics for port' "$VM_RESULT/$1.log"
}

# more_blocks LOG N: whether there are more than N.
more_blocks() {
	[ "$(stat_blocks "$1")" -gt "$2" ]
}

# flow MODE MODE: backend and front end, one sending and one receiving.
flow() {
	local receiver=back back_pid front_pid
	modules vhost_vdpa
	run back dpdk-testpmd -l 0,1 --no-pci --no-telemetry --in-memory --file-prefix back -m 128 \
		--vdev net_vduse0,name=u1,attach=vhost -- --total-num-mbufs=20000 --forward-mode="$1" --auto-start --stats-period 1
	back_pid=$pid
	front front -- --total-num-mbufs=20000 --forward-mode="$2" --auto-start --stats-period 1
	front_pid=$pid
	[ "$1" = rxonly ] || receiver=front
	wait_for "$patience" received "$receiver" 100000 || {
		tail -n 30 "$VM_RESULT/back.log" "$VM_RESULT/front.log"
		fail "$receiver did not receive 100000 packets"
	}
	say "$2 at the driver, $1 at the backend: $(stat_of "$receiver" RX) frames"
	stop "$front_pid" INT || fail "the front end ends with status $?"
	stop "$back_pid" INT || fail "the backend ends with status $?"
	nothing_left
}

received() {
	[ "$(stat_of "$1" RX)" -ge "$2" ]
}

case_to_host() {
	flow rxonly txonly
}

case_to_driver() {
	flow txonly rxonly
}

# The front end is killed, not stopped: the next one gets a working device.
case_again() {
	modules vhost_vdpa
	run back dpdk-testpmd -l 0,1 --no-pci --no-telemetry --in-memory --file-prefix back -m 128 \
		--vdev net_vduse0,name=u1,attach=vhost -- --total-num-mbufs=20000 --forward-mode=rxonly --auto-start --stats-period 1
	local back_pid=$pid i before=0 blocks
	for i in 1 2 3; do
		front "front$i" -- --total-num-mbufs=20000 --forward-mode=txonly --auto-start --stats-period 1
		wait_for "$patience" received back $((before + 50000)) || {
			tail -n 20 "$VM_RESULT/front$i.log" "$VM_RESULT/back.log" | sed 's/^/# /'
			fail "nothing from front end $i"
		}
		stop "$pid" KILL || true
		# A block begun after the kill, and whole: what the killed one sent is in it.
		blocks=$(stat_blocks back)
		wait_for "$patience" more_blocks back $((blocks + 1)) || fail "no statistics"
		before=$(stat_of back RX)
		say "front end $i killed, packets so far: $before"
	done
	stop "$back_pid" INT || fail "the backend ends with status $?"
	nothing_left
}

after_case() {
	clean_slate
}

for name in wire to_host to_driver again; do
	case $name in
	wire | again) case_run "virtio-user/$name" "case_$name" ;;
	*) case_long "virtio-user/$name" "case_$name" ;;
	esac
done
exit 0
