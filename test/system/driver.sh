#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The driver comes and goes, the interface goes down and up, while the other side keeps sending: traffic
# comes back, and nothing piles up. What a time leaves behind shows in the figures, which must be equal.
# DRIVER_TIMES is how often (default 15).
# shellcheck source=lib.sh
. /vm/system/lib.sh

times=${DRIVER_TIMES:-$(often 15 5)}
bus=/sys/bus/vdpa/drivers/virtio_vdpa

setup() {
	modules virtio_vdpa virtio_net
	run "$1" "$app" "${eal[@]}" "${huge[@]}" \
		--vdev net_vduse_p,name=c2,mac=02:00:00:00:00:02,attach=virtio -- \
		--port net_vduse_p --name c1 --mac 02:00:00:00:00:01 --attach virtio
	log=$1
	app_pid=$pid
	need_netdev c1 "$log" "$app_pid"
	container c1 "$dev" 1
	need_netdev c2 "$log" "$app_pid"
	container c2 "$dev" 2
	ping_back c1 10.0.0.2 || fail "no traffic at all"
	# Sent whether anyone answers or not.
	ip -n c2 neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
}

teardown() {
	stop "$app_pid"
	ip netns del c1
	ip netns del c2
	nothing_left
}

traffic_start() {
	run "$log-traffic" ip netns exec c2 ping -n -q -i 0.001 -s 1000 10.0.0.1
	traffic=$pid
}

traffic_stop() {
	stop "$traffic" INT || true
	say "traffic: $(tail -n 2 "$VM_RESULT/$log-traffic.log" | tr '\n' ' ')"
}

resources_are() {
	[ "$(resources "$app_pid")" = "$1" ]
}

mbufs_are() {
	[ "$(app_mbufs "$log" "$app_pid")" = "$1" ]
}

rebind() {
	echo c1 >"$bus/unbind"
	wait_for "$patience" is_gone netdev_there c1 || fail "the interface stays after unbind"
	echo c1 >"$bus/bind"
	need_netdev c1 "$log" "$app_pid"
	ip link set "$dev" netns c1 name eth0
	container_up c1 1
}

down_up() {
	ip -n c1 link set eth0 down
	ip -n c1 link set eth0 up
}

# repeat STEP: with a look at traffic after each, and at resources before and after all.
repeat() {
	local step=$1 i before mbufs
	setup "$step"
	# Once without counting: what is made for the first time only is no leak.
	"$step"
	ping_back c1 10.0.0.2 || fail "no traffic after the first $step"
	before=$(resources "$app_pid")
	mbufs=$(app_mbufs "$log" "$app_pid")
	traffic_start
	for ((i = 1; i <= times; i++)); do
		"$step"
		ping_back c1 10.0.0.2 || fail "no traffic after $step number $i of $times"
		running "$app_pid" || fail "the application ended in $step number $i"
	done
	traffic_stop
	say "before: $before; mbufs $mbufs"
	say "after: $(resources "$app_pid"); mbufs $(app_mbufs "$log" "$app_pid")"
	wait_for "$patience" resources_are "$before" || fail "file descriptors or mappings have changed"
	wait_for "$patience" mbufs_are "$mbufs" || fail "mbufs have changed"
	teardown
}

case_rebind() {
	repeat rebind
}

case_down_up() {
	repeat down_up
}

# The driver goes for good while packets are under way.
case_unload() {
	setup unload
	traffic_start
	rmmod virtio_vdpa || fail "the driver does not unload"
	wait_for "$patience" is_gone netdev_there c1 || fail "the interface stays"
	modprobe virtio_vdpa
	need_netdev c1 "$log" "$app_pid"
	ip link set "$dev" netns c1 name eth0
	container_up c1 1
	need_netdev c2 "$log" "$app_pid"
	ip link set "$dev" netns c2 name eth0
	container_up c2 2
	ping_back c1 10.0.0.2 || fail "no traffic after the driver came back"
	traffic_stop
	teardown
}

after_case() {
	clean_slate
}

for name in rebind down_up unload; do
	case $name in
	rebind) case_run "driver/$name" "case_$name" ;;
	*) case_long "driver/$name" "case_$name" ;;
	esac
done
exit 0
