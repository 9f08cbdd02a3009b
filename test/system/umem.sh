#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Hugepages as the bounce region (umem=1): traffic, drivers that come and go, and going on
# without where they are not to be had.
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-tcp.sh
. /vm/system/lib-tcp.sh

times=${UMEM_TIMES:-10}
bus=/sys/bus/vdpa/drivers/virtio_vdpa
region_kib=65536 # the kernel's default bounce region
size=           # of another one, bytes
ring=any

# setup LOG EAL-ARGUMENT...: two containers joined by the application, both with umem.
setup() {
	log=$1
	shift
	modules virtio_vdpa virtio_net
	run "$log" "$app" "${eal[@]}" "$@" \
		--vdev net_vduse_p,name=c2,mac=02:00:00:00:00:02,umem=1${size:+,bounce-size=$size},ring=$ring,attach=virtio -- \
		--port net_vduse_p --name c1 --mac 02:00:00:00:00:01 --umem --attach virtio \
		--ring "$ring" ${size:+--bounce-size "$size"}
	app_pid=$pid
	need_netdev c1 "$log" "$app_pid"
	container c1 "$dev" 1
	need_netdev c2 "$log" "$app_pid"
	container c2 "$dev" 2
	ping_back c1 10.0.0.2 || fail "no traffic at all"
}

teardown() {
	stop "$app_pid"
	ip netns del c1
	ip netns del c2
	nothing_left
}

# What the kernel counts as pinned of the application's memory, KiB.
pinned() {
	awk '$1 == "VmPin:" { print $2 }' "/proc/$app_pid/status"
}

pinned_is() {
	[ "$(pinned)" = "$1" ]
}

need_pinned() {
	wait_for "$patience" pinned_is "$1" && return
	tail -n 20 "$VM_RESULT/$log.log" | sed 's/^/# /'
	fail "$(pinned) KiB are registered instead of $1"
}

pages_free() {
	awk '$1 == "HugePages_Free:" { print $2 }' /proc/meminfo
}

# state: what must be the same again, one line.
state() {
	echo "$(resources "$app_pid") mappings $(wc -l <"/proc/$app_pid/maps")" \
		"pinned $(pinned) free-hugepages $(pages_free)"
}

state_is() {
	[ "$(state)" = "$1" ]
}

case_traffic() {
	local free
	free=$(pages_free)
	setup traffic "${huge[@]}"
	need_pinned $((2 * region_kib))
	ping_ok c1 10.0.0.2 50
	ping_ok c2 10.0.0.1 20 -s 1400
	tcp_data 10
	tcp c1 c2 10.0.0.2
	tcp c2 c1 10.0.0.1
	rm /tmp/data
	# Of the kernel's bounce file nothing may be mapped: it has no pages now.
	grep -c 'vduse-domain' "/proc/$app_pid/maps" | sed 's/^/# mapped rings: /'
	! awk '/vduse-domain/ && $3 == "00000000"' "/proc/$app_pid/maps" | grep . ||
		fail "the bounce file is mapped"
	teardown
	say "hugepages free: $free before, $(pages_free) after"
	[ "$(pages_free)" = "$free" ]
}

rebind() {
	echo c1 >"$bus/unbind"
	wait_for "$patience" is_gone netdev_there c1 || fail "the interface stays after unbind"
	need_pinned $region_kib
	echo c1 >"$bus/bind"
	need_netdev c1 "$log" "$app_pid"
	ip link set "$dev" netns c1 name eth0
	container_up c1 1
	ping_back c1 10.0.0.2 || fail "no traffic after a rebind"
	need_pinned $((2 * region_kib))
}

case_rebind() {
	local i before
	setup rebind "${huge[@]}"
	need_pinned $((2 * region_kib))
	# Once without counting: what is made for the first time only is no leak.
	rebind
	before=$(state)
	run rebind-traffic ip netns exec c2 ping -n -q -i 0.002 -s 1000 10.0.0.1
	traffic=$pid
	for ((i = 1; i <= times; i++)); do
		rebind
		running "$app_pid" || fail "the application ended in rebind number $i"
	done
	stop "$traffic" INT || true
	say "traffic: $(tail -n 2 "$VM_RESULT/rebind-traffic.log" | tr '\n' ' ')"
	say "before: $before"
	say "after: $(state)"
	wait_for "$patience" state_is "$before" || fail "something piled up"
	teardown
}

# The process dies with the memory registered, and another one takes the devices over.
case_crash() {
	local free
	free=$(pages_free)
	ring="split" # which tells another process where this one was
	setup crash "${huge[@]}"
	need_pinned $((2 * region_kib))
	kill -KILL "$app_pid"
	wait_for "$patience" is_gone running "$app_pid"
	wait_for "$patience" pages_are "$free" || fail "$(pages_free) hugepages free, $free before"
	run adopt "$app" "${eal[@]}" "${huge[@]}" \
		--vdev net_vduse_p,name=c2,mac=02:00:00:00:00:02,umem=1,ring=split,adopt=1 -- \
		--port net_vduse_p --name c1 --mac 02:00:00:00:00:01 --umem --adopt --attach none \
		--ring split --link up
	log=adopt
	app_pid=$pid
	ping_back c1 10.0.0.2 || { tail -n 20 "$VM_RESULT/adopt.log"; fail "no traffic after a crash"; }
	need_pinned $((2 * region_kib))
	ping_ok c1 10.0.0.2 20
	stop "$app_pid"
}

pages_are() {
	[ "$(pages_free)" = "$1" ]
}

# Without it the devices work, and a line for each says why.
without() {
	local pattern=$1
	wait_for "$patience" said_twice "$pattern" || fail "no two lines with '$pattern'"
	[ "$(grep -c 'no umem' "$VM_RESULT/$log.log")" = 2 ]
	grep 'no umem' "$VM_RESULT/$log.log" | sed 's/^/# /'
	need_pinned 0
	ping_ok c1 10.0.0.2 20
	teardown
}

said_twice() {
	[ "$(grep -c -- "$1" "$VM_RESULT/$log.log")" = 2 ]
}

case_memlock() {
	ulimit -l 65535
	setup memlock "${huge[@]}"
	without 'may lock 65535 KiB and needs 65536 KiB more'
}

case_no_huge() {
	setup no_huge "${no_huge[@]}"
	without 'without hugepages (--no-huge)'
}

case_no_pages() {
	local all
	all=$(cat /proc/sys/vm/nr_hugepages)
	# Enough for the application, not for a region.
	size=$((1 << 30))
	setup no_pages "${huge[@]}" --socket-limit 512
	without 'DPDK has no 1048576 KiB of hugepage memory left'
	[ "$(cat /proc/sys/vm/nr_hugepages)" = "$all" ]
}

after_case() {
	clean_slate
}

ulimit -l unlimited
for name in traffic rebind crash memlock no_huge no_pages; do
	case $name in
	crash) case_run "umem/$name" "case_$name" ;;
	*) case_long "umem/$name" "case_$name" ;;
	esac
done
exit 0
