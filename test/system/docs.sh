#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The commands of README.md and doc/, word for word, with EAL's defaults where they have them. Those of the
# service are in systemd.sh, those of the disk in blk.sh, those of the emulator in test/native/docs.sh.
# Kernels: one
# shellcheck source=lib.sh
. /vm/system/lib.sh

# behind NAME: the command that doc_command found, in the background.
behind() {
	fresh "$VM_RESULT/$1.log"
	bash -c "exec $documented" >"$VM_RESULT/$1.log" 2>&1 <"${2:-/dev/null}" &
	pid=$!
	background+=("$pid")
}

# log_has NAME PATTERN: in the output of a command, at last.
log_has() {
	wait_for "$patience" grep -qE -- "$2" "$VM_RESULT/$1.log" || {
		tail -n 20 "$VM_RESULT/$1.log" | sed 's/^/# /'
		fail "no '$2' in the output of the document's command"
	}
}

# README, "In testpmd, OVS-DPDK or your application"
case_testpmd() {
	modules virtio_vdpa virtio_net
	mkfifo /tmp/prompt
	doc_command README.md 'dpdk-testpmd -l 0-1'
	behind testpmd /tmp/prompt
	exec 8>/tmp/prompt
	need_netdev c1 testpmd "$pid"
	[ "$(cat "/sys/class/net/$dev/address")" = 02:00:00:00:00:01 ]
	doc_command README.md 'port attach net_vduse1'
	echo "$documented" >&8
	doc_command README.md 'port start 1'
	echo "$documented" >&8
	need_netdev c2 testpmd "$pid"
	echo quit >&8
	exec 8>&-
	wait_for "$patience" is_gone running "$pid" || fail "testpmd does not quit"
	nothing_left
}

# doc/security.md, "Without privileges, by hand": the helper's lines and the server's.
case_by_hand() {
	local page=doc/security.md wire server
	modules virtio_vdpa virtio_net
	echo 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >>/etc/passwd
	doc_command $page 'wire='
	eval "$documented"
	export wire
	doc_command $page 'setup create'
	bash -c "$documented"
	doc_command $page 'su nobody'
	behind server
	server=$pid
	log_has server forwarding
	doc_command $page 'setup attach'
	bash -c "$documented"
	need_netdev c1 server "$server"
	ip link set "$dev" up
	stop "$server"
	doc_command $page 'setup destroy'
	bash -c "$documented"
	nothing_left
}

# README: what the running kernel's VDUSE can do, and a device that stays.
case_commands() {
	modules virtio_vdpa virtio_net
	dpdk-vduse-net --help | grep -q -- --probe
	dpdk-vduse-net --probe | grep -q VIRTIO_F_VERSION_1
	dpdk-vduse-net --probe=json | grep -q VIRTIO_F_VERSION_1
	run app dpdk-vduse-net --no-huge --no-shconf -m 512 -l 0,1 --vdev net_null0 -- \
		--port 0 --name c1 --mac 02:00:00:00:00:01 --mtu 1500 --state-dir /run/vduse
	need_netdev c1 app "$pid"
	log_has app "vduse: c1: attached to virtio_vdpa as interface $dev"
	ip netns add web
	ip link set "$dev" netns web name eth0
	stop "$pid"
	[ -c /dev/vduse/c1 ] || fail "the device does not stay"
	dpdk-vduse-net --destroy c1 --state-dir /run/vduse
	nothing_left
}

# steps PAGE[#SECTION] WORDS: the block, in a reader's shell, one line behind the other; what ends with & goes on, as pid, and the next
# line waits for what it is to make: the node's socket, or the device's interface. What they print is in /tmp/doc.
steps() {
	local line
	doc_block "$1" "$2" >/tmp/block || fail "not one block of $1 has '$2'"
	: >/tmp/doc
	while read -r line; do
		say "$line"
		case $line in
		*'&') serve_by "$line" ;;
		*) bash -e -c "$line" >>/tmp/doc 2>&1 || fail "it fails: $(cat /tmp/doc)" ;;
		esac
	done </tmp/block
	sed 's/^/# /' /tmp/doc
}

# node_gone NAME...: these containers with it.
node_gone() {
	local name
	stop "$pid"
	vdusectl container show && fail "somebody listens still"
	for name; do
		dpdk-vduse-net --destroy "$name" --state-dir /run/dpdk-vduse-net/devices
	done
	rm -rf /run/dpdk-vduse-net
	nothing_left
}

# README, "A network with two containers"
case_node() {
	steps README.md 'vdusectl network add'
	node_gone web db
}

# doc/start.md: a node, a program that stands for the reader's own, a device for a virtual machine.
case_start() {
	local page=doc/start.md
	steps $page#you-have-podman-or-containerd 'vdusectl network add'
	steps $page#you-have-podman-or-containerd 'vdusectl container show'
	node_gone
	steps $page 'dpdk-testpmd -l 0-1'
	steps $page 'ip netns add web'
	grep -q ' 0% packet loss' /tmp/doc || fail "not every ping was answered"
	stop "$pid" INT
	ip netns del web
	nothing_left
	steps $page 'attach vhost'
	grep -q '^vhost-vdpa-0$' /tmp/doc || fail "there is no such device"
	[ -c /dev/vhost-vdpa-0 ]
	node_gone vm1
}

# doc/tuning.md
case_tuning() {
	local page=doc/tuning.md
	modules virtio_vdpa virtio_net
	steps $page nr_hugepages
	grep -q 'HugePages_Total: *512' /tmp/doc || fail "other hugepages"
	rm -f /etc/sysctl.d/80-hugepages.conf
	steps $page /sys/devices/system/cpu/isolated
	steps $page 'vdusectl -s container show c1'
	grep -q rx_packets /tmp/doc || fail "no counters"
	steps $page 'rps_cpus'
	[ "$(in_ns c2 cat /sys/class/net/eth0/queues/rx-0/rps_cpus)" = 3 ]
	node_gone c1 c2
	ip netns del c2
	steps $page '--bounce-size'
	grep -qx 134217728 /tmp/doc || fail "another size"
	stop "$pid"
	steps $page 'irq_cb_affinity'
	grep -qx 1 /tmp/doc || fail "other CPUs: $(cat /tmp/doc)"
	stop "$pid"
	nothing_left
	two_containers --bounce-size 8388608
	stop "$app_pid"
	ip netns del c1
	ip netns del c2
	bounce_full
}

# All of the region is the receive queue's: refused where it was given, said where it is the kernel's.
bounce_full() {
	run app "$app" "${eal[@]}" "${huge[@]}" --vdev net_null0 -- --port net_null0 --name c1 --bounce-size 4194304
	! wait "$pid" || fail "a region that is too small is not refused"
	grep -q 'bounce-size=4194304: 4096 KiB of it are taken by' "$VM_RESULT/app.log" || fail "$(tail -n 3 "$VM_RESULT/app.log")"
	run app "$app" "${eal[@]}" "${huge[@]}" --vdev net_null0 -- --port net_null0 --name c1 --queue-size 16384
	need_netdev c1 app "$pid"
	grep -q 'c1: buffers to receive take up to 65536 KiB, all of the bounce region' "$VM_RESULT/app.log" || fail "nothing is said"
	container c1 "$dev" 1
	wait_for "$patience" fifo_errors c1 || fail "it sends: $(ip -n c1 -s -s link show eth0)"
	dmesg | grep -q 'eth0: Unexpected TXQ (0) queue failure: -5' || fail "the kernel's log has nothing of it"
	stop "$pid"
	ip netns del c1
	nothing_left
}

# fifo_errors NAME: of what the container wants to send.
fifo_errors() {
	in_ns "$1" ping -c 1 -W 1 10.0.0.99 >/dev/null 2>&1
	[ "$(in_ns "$1" cat /sys/class/net/eth0/statistics/tx_fifo_errors)" -gt 0 ]
}

# first_cure: the commands of the doctor's first finding that is not well.
first_cure() {
	awk '/^[a-z]/ { n += !/^ok/ } n == 1 && /^       (Do:|   ) / { sub(/^ +(Do:)? +/, ""); print }' /tmp/doctor
}

# doctor: with what it said in comments.
doctor() {
	local status=0
	vduse-doctor >/tmp/doctor 2>&1 || status=$?
	sed 's/^/# /' /tmp/doctor
	return "$status"
}

# made COMMAND: what it is to make is there: the device that it names, with its interface, or else the node.
made() {
	local name
	name=$(sed -nE 's/.*(--name |[, ]name=)([a-z0-9]+).*/\2/p' <<<"$1")
	if [ -n "$name" ]; then netdev_there "$name"; else vdusectl network show; fi
}

# serve_by COMMAND: in the background, until it serves; sets pid.
serve_by() {
	fresh "$VM_RESULT/node.log"
	bash -c "exec ${1%&}" >"$VM_RESULT/node.log" 2>&1 </dev/null &
	pid=$!
	background+=("$pid")
	wait_for "$patience" made "$1" || fail "it does not serve: $(tail -n 5 "$VM_RESULT/node.log")"
}

# doc/doctor.md: who begins with nothing, and gives the first commands each time, has a machine on which all is well.
case_doctor() {
	local line rounds=0
	modprobe -r virtio_vdpa vduse || true
	mkdir -p /etc/modules-load.d /etc/sysctl.d
	until doctor; do
		rounds=$((rounds + 1))
		[ "$rounds" -le 10 ] || fail "all is never well"
		while IFS= read -r line; do
			say "$line"
			case $line in
			systemctl*) ;;
			*'&') serve_by "$line" ;;
			*) bash -e -c "$line" || fail "a command of the doctor's fails" ;;
			esac
		done <<<"$(first_cure)"
	done
	[ "$rounds" -ge 2 ] || fail "it found nothing, and there was nothing"
	# what its rule of udev goes by
	vdusectl network add net0
	vdusectl container add c1 network net0
	[[ $(readlink "/sys/class/net/$(netdev c1)") == */vduse/* ]] || fail "the interface is $(readlink /sys/class/net/*)"
	doctor || fail "a container is not well"
	kill -KILL "$pid"
	wait_for "$patience" is_gone vdusectl network show
	! doctor || fail "nothing of a daemon that is gone"
	grep -q '^fault  node: nobody answers at' /tmp/doctor
	rm -f /etc/modules-load.d/vduse.conf
	dpdk-vduse-net --destroy c1 --state-dir /run/dpdk-vduse-net/devices
	rm -rf /run/dpdk-vduse-net
	nothing_left
}

after_case() {
	clean_slate
}

for name in doctor testpmd by_hand commands node start; do
	case_run "docs/$name" "case_$name"
done
case_long docs/tuning case_tuning
exit $group_status
