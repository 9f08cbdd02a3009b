#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-vduse-net: wrong input gets one line with cause and cure and exit status 1, and
# leaves nothing; signals and crashes leave nothing that cannot be removed.
# shellcheck source=lib.sh
. /vm/system/lib.sh

port=(--vdev net_null0)

# refused PATTERN PROGRAM-ARGUMENT...: with a port that is there.
refused() {
	local pattern=$1
	shift
	refused_with "$pattern" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- "$@"
}

# refused_with PATTERN ARGUMENT...: of the program's lines, the first must match.
refused_with() {
	local pattern=$1 status=0 line
	shift
	timeout -s KILL "$patience" "$app" "$@" >/tmp/refused 2>&1 </dev/null || status=$?
	line=$(grep -m 1 "^$app: \|^vduse\|^VDUSE\|net_vduse" /tmp/refused || true)
	say "${*: -4}: $line"
	if [ "$status" != 1 ] || ! grep -v '^EAL:' /tmp/refused | grep -qiE -- "$pattern"; then
		sed 's/^/# /' /tmp/refused
		fail "exit status $status, wanted 1 and a line with '$pattern'"
	fi
	[ ! -d /dev/vduse ] || nothing_left
}

case_no_module() {
	[ ! -e /dev/vduse/control ] || fail "vduse is there already"
	refused 'modprobe' --port net_null0 --name c1
}

case_options() {
	refused 'no --port' --mtu 1400
	refused 'no such port: there are: .*net_null0' --port net_none
	refused 'no such port' --port 7
	refused 'needs a value' --port
	refused 'no option' --port net_null0 --colour blue
	refused 'stray' --port net_null0 red
	refused 'mac.*02:00' --port net_null0 --mac 02:00:00:00:00
	refused 'mac.*02:00' --port net_null0 --mac 00:00:00:00:00:00
	refused 'multicast' --port net_null0 --mac 01:00:5e:00:00:01
	refused 'mtu.*68' --port net_null0 --mtu 67
	refused 'mtu.*65535' --port net_null0 --mtu 65536
	refused 'mtu' --port net_null0 --mtu 1500x
	refused 'power of two' --port net_null0 --queue-size 1000
	refused 'power of two' --port net_null0 --queue-size 65536
	refused 'virtio, vhost or none' --port net_null0 --attach pci
	refused 'twice' --port net_null0 --name a --name b
	refused 'twice' --port net_null0 --mbufs 8192 --mbufs 8192
	refused 'twice' --port net_null0 --name a --port net_null0 --name b
	refused 'name' --port net_null0 --name a/b
	refused 'name.*255' --port net_null0 --name "$(printf 'n%.0s' $(seq 256))"
}

case_permission() {
	modules virtio_vdpa virtio_net
	echo 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >>/etc/passwd
	local status=0
	su nobody -s /bin/sh -c "exec $app -l 1 --no-pci --no-telemetry ${no_huge[*]} ${port[*]} -- \
		--port net_null0 --name c1" >/tmp/refused 2>&1 </dev/null || status=$?
	sed 's/^/# /' /tmp/refused
	[ "$status" = 1 ]
	grep -v '^EAL' /tmp/refused | grep -qiE 'root|CAP_|permission'
	nothing_left
}

# status_is PID FIELD VALUE: of every thread.
status_is() {
	local task
	for task in /proc/"$1"/task/*; do
		[ "$(sed -n "s/^$2:[[:space:]]*//p" "$task/status" | cut -f 1)" = "$3" ] ||
			fail "$(cat "$task/comm"): $(grep "^$2:" "$task/status"), wanted $3"
	done
}

frames_come() {
	[ "$(cat "/sys/class/net/$1/statistics/rx_packets")" -gt 0 ]
}

# A helper with privileges makes the device and attaches it; nobody serves it.
case_unprivileged() {
	local wire=(--port net_null0 --name c1 --mac 02:00:00:00:00:01) server
	modules virtio_vdpa virtio_net
	echo 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >>/etc/passwd
	"$app" --setup create --owner nobody "${wire[@]}"
	say "$(ls -l /dev/vduse/c1)"
	run unprivileged su nobody -s /bin/sh -c "exec $app ${eal[*]} ${no_huge[*]} ${port[*]} -- \
		--adopt ${wire[*]}"
	server=$pid
	wait_for "$patience" grep -q forwarding "$VM_RESULT/unprivileged.log" ||
		fail "$(tail -n 5 "$VM_RESULT/unprivileged.log")"
	"$app" --setup attach "${wire[@]}"
	need_netdev c1 unprivileged "$server"
	status_is "$server" Uid 65534
	status_is "$server" CapEff 0000000000000000
	status_is "$server" NoNewPrivs 1
	status_is "$server" Seccomp 2
	ip link set "$dev" up
	wait_for "$patience" frames_come "$dev" || fail "no frames at $dev"
	stop "$server"
	[ -c /dev/vduse/c1 ] || fail "the device has gone with its server"
	"$app" --setup destroy "${wire[@]}"
	nothing_left
}

# What a device of one's own needs for its end, and nothing else, with a real kernel.
case_confined() {
	modules virtio_vdpa virtio_net
	run confined "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- \
		--port net_null0 --name c1 --sandbox kill
	need_netdev c1 confined "$pid"
	wait_for "$patience" grep -q forwarding "$VM_RESULT/confined.log"
	status_is "$pid" CapEff 0000000000001000
	status_is "$pid" CapBnd 0000000000001000
	status_is "$pid" NoNewPrivs 1
	status_is "$pid" Seccomp 2
	ip link set "$dev" up
	wait_for "$patience" frames_come "$dev" || fail "no frames at $dev"
	stop "$pid" # with anything that is not in the list it would be killed
	nothing_left
}

case_name_in_use() {
	modules virtio_vdpa virtio_net
	run first "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- --port net_null0 --name c1
	local first=$pid status=0
	need_netdev c1 first "$first"
	timeout -s KILL "$patience" "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- \
		--port net_null0 --name c1 >/tmp/refused 2>&1 </dev/null || status=$?
	sed 's/^/# /' /tmp/refused
	[ "$status" = 1 ]
	grep -v '^EAL' /tmp/refused | grep -qiE 'c1.*(in use|exists|already)'
	netdev_there c1 || fail "the first one's device has gone"
	running "$first"
	stop "$first"
	nothing_left
}

case_memory() {
	modules virtio_vdpa virtio_net
	refused '(--mbufs|memory)' --port net_null0 --name c1 --mbufs 4000000
	echo 0 >/proc/sys/vm/nr_hugepages
	refused_with 'hugepages|--no-huge' -l 1 --no-pci --no-telemetry --in-memory "${port[@]}" -- \
		--port net_null0 --name c1
}

# The kernel refuses more than one queue pair: said, and done with one where allowed.
case_queues() {
	modules virtio_vdpa virtio_net
	refused 'queue' --port net_null0 --name c1 --queues 2
	run queues "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- \
		--port net_null0 --name c1 --queues 2 --mq-fallback
	need_netdev c1 queues "$pid"
	grep -iE 'queue pair|CTRL_VQ' "$VM_RESULT/queues.log" | sed 's/^/# /'
	grep -qiE 'queue pair|CTRL_VQ' "$VM_RESULT/queues.log"
	stop "$pid"
	nothing_left
}

# ends_on SIGNAL ATTACH
ends_on() {
	run "end-$1-$2" "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- \
		--port net_null0 --name c1 --attach "$2"
	wait_for "$patience" grep -q forwarding "$VM_RESULT/end-$1-$2.log" ||
		fail "$(tail -n 5 "$VM_RESULT/end-$1-$2.log")"
	[ "$2" != virtio ] || need_netdev c1 "end-$1-$2" "$pid"
	[ "$2" != vhost ] || wait_for "$patience" test -c /dev/vhost-vdpa-0 || fail "no /dev/vhost-vdpa-0"
	[ -c /dev/vduse/c1 ]
	stop "$pid" "$1" || fail "exit status $? on $1"
	nothing_left
	[ ! -e /sys/class/net/eth0 ] || fail "the interface stays"
}

case_signals() {
	local signal
	modules virtio_vdpa virtio_net
	for signal in INT TERM HUP QUIT; do
		ends_on "$signal" virtio
		ends_on "$signal" none
	done
	rmmod virtio_vdpa
	modprobe vhost_vdpa
	ends_on TERM vhost
	rmmod vhost_vdpa
}

case_crash() {
	modules virtio_vdpa virtio_net
	run crash "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- --port net_null0 --name c1
	need_netdev c1 crash "$pid"
	stop "$pid" KILL || true
	[ -c /dev/vduse/c1 ] || fail "the device should outlive its process"
	timeout "$patience" "$app" --destroy c1
	nothing_left
	# And the name is free again.
	ends_on TERM virtio
}

# The interface's driver is loaded later: the line says what to do, and has the name once there is one.
case_late_driver() {
	rmmod virtio_net 2>/dev/null || true
	modules virtio_vdpa
	run late "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- --port net_null0 --name c1
	wait_for "$patience" grep -q 'no interface yet: .*modprobe virtio_net' "$VM_RESULT/late.log" ||
		fail "$(tail -n 5 "$VM_RESULT/late.log")"
	wait_for "$patience" grep -q forwarding "$VM_RESULT/late.log" || fail "$(tail -n 5 "$VM_RESULT/late.log")"
	modprobe virtio_net
	need_netdev c1 late "$pid"
	wait_for "$patience" grep -q "c1: attached to virtio_vdpa as interface $dev" "$VM_RESULT/late.log" ||
		fail "$(tail -n 5 "$VM_RESULT/late.log")"
	stop "$pid"
	nothing_left
}

# elsewhere ARGUMENT...: in a network namespace of its own, where the vDPA bus cannot be asked.
elsewhere() {
	local status=0
	in_ns other "$app" "$@" >/tmp/elsewhere 2>&1 || status=$?
	sed 's/^/# /' /tmp/elsewhere
	[ "$status" = 1 ] || fail "status $status"
	grep -q 'this network namespace has no vDPA' /tmp/elsewhere || fail "the cause is not said"
	! grep -qE 'not loaded|has it open' /tmp/elsewhere || fail "another cause is said"
}

case_namespace() {
	modules virtio_vdpa virtio_net
	ip netns add other
	elsewhere "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- --port net_null0 --name c1
	nothing_left
	run namespace "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- --port net_null0 --name c1
	need_netdev c1 namespace "$pid"
	wait_for "$patience" grep -q forwarding "$VM_RESULT/namespace.log"
	# who has it is said
	"$app" --destroy c1 >/tmp/elsewhere 2>&1 && fail "a device in use is destroyed"
	grep -q "c1: process $pid (dpdk-vduse-net) serves it" /tmp/elsewhere || fail "$(cat /tmp/elsewhere)"
	stop "$pid" KILL || true
	elsewhere --destroy c1
	[ -c /dev/vduse/c1 ] || fail "it is gone"
	"$app" --destroy c1
	ip netns del other
	nothing_left
}

# Landlock is in this kernel: the end was in order with it, and root's files are out of reach.
case_files() {
	modules virtio_vdpa virtio_net
	run files "$app" "${eal[@]}" "${no_huge[@]}" "${port[@]}" -- --port net_null0 --name c1 --sandbox kill
	need_netdev c1 files "$pid"
	wait_for "$patience" grep -q forwarding "$VM_RESULT/files.log"
	! grep -q 'stay open to it' "$VM_RESULT/files.log" || fail "this kernel has no Landlock"
	stop "$pid"
	nothing_left
}

after_case() {
	clean_slate
}

for name in no_module options permission late_driver name_in_use memory queues signals crash unprivileged confined files namespace; do
	case $name in
	signals) case_long "app/$name" "case_$name" ;;
	*) case_run "app/$name" "case_$name" ;;
	esac
done
exit 0
