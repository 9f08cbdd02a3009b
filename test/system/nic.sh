#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Kernels: one
# NICs: e1000e,virtio,igb,vmxnet3,igbvf
# A container on a PCI NIC that vfio-pci has, behind an IOMMU. The other end of the NIC's cable (test/vm/nic.sh)
# is in the namespace "far", with the kernel's driver. Any DMA outside of what was mapped fails the group.
# Seconds: rebind-1000/e1000e 7200
# Seconds: rebind-1000/igb 7200
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh
# shellcheck source=lib-nic.sh
. /vm/system/lib-nic.sh

# make_vf: a virtual function of the physical one, which the kernel has, as doc/nics.md makes it; sets nic, its
# address, and pf, the interface of the other.
make_vf() {
	local path
	path=/sys/bus/pci/devices/$(address igbvf)
	modprobe igb
	wait_for "$patience" test -e "$path/net" || fail "no interface of the physical function"
	pf=$(ls "$path/net")
	[ "$(cat "$path/sriov_numvfs")" = 1 ] || doc_run doc/nics.md sriov_numvfs
	ip link set "$pf" up
	nic=$(basename "$(readlink -f "$path/virtfn0")")
}

# set_up KIND [OPTION...]: the application with a container c1 on the NIC, and "far": 10.0.0.1 and
# 10.0.0.2, fd00::1 and fd00::2. Sets app_pid and nic.
set_up() {
	local kind=$1
	shift
	[ -n "$(number "$kind")" ] || skip "the machine has no such NIC"
	modules virtio_vdpa virtio_net
	modprobe -a vfio-pci vfio_iommu_type1
	wait_for "$patience" far_there "$kind" || fail "no interface at the other end"
	container far "$(far_dev "$kind")" 2
	nic=$(address "$kind")
	[ "$kind" != igbvf ] || make_vf
	to_vfio "$nic"
	run app "$app" -l 1 --no-telemetry "${huge[@]}" ${eal_more[@]+"${eal_more[@]}"} -a "$nic" -- \
		--port "$nic" --name c1 "${mac[@]}" --attach virtio "$@"
	app_pid=$pid
	need_netdev c1 app "$app_pid"
	container c1 "$dev" 1
	ping_back c1 10.0.0.2 || fail "no traffic at all: $(tail -n 5 "$VM_RESULT/app.log")"
}

eal_more=()
mac=(--mac 02:00:00:00:00:01)

# from_outside NAMESPACE: neighbours there find the container by ARP and by the solicited-node group of the address
# that it has made of its MAC.
from_outside() {
	local address
	ip -n far neigh flush all
	ping_ok far 10.0.0.1 5
	address=$(ip -n "$1" -6 -o addr show dev eth0 scope link | awk '{ sub("/.*", "", $4); print $4 }')
	[ -n "$address" ] || fail "it has no address of its own"
	ip -n far neigh flush all
	ping_ok far "$address%eth0" 5
}

# A virtual function hears its own address: a wire's container has that, or the function is given the container's.
# (Groups are all asked for, which QEMU's igb does not grant.)
case_vf() {
	mac=()
	set_up igbvf
	grep -q "^dpdk-vduse-net: device c1: it has the address of port $nic, a virtual function" "$VM_RESULT/app.log"
	ping_ok c1 10.0.0.2 5 -s 1400
	ping_ok far 10.0.0.1 5
	stop "$app_pid"
	nothing_left
	ip netns del c1
	ip netns del far
	mac=(--mac 02:00:00:00:00:01)
	set_up igbvf
	ip -n far neigh flush all
	ping_ok far 10.0.0.1 5
	stop "$app_pid"
	nothing_left
}

# In a network the first container has it, and the groups of its addresses are named; of another container, which
# the function does not hear, a line says so.
case_vf_network() {
	local free eal=(-l 1 --no-telemetry)
	modules virtio_vdpa virtio_net
	modprobe -a vfio-pci vfio_iommu_type1
	wait_for "$patience" far_there igbvf || fail "no interface at the other end"
	container far "$(far_dev igbvf)" 2
	make_vf
	to_vfio "$nic"
	node_run -a "$nic"
	$ctl network add net0 uplink "$nic"
	free=$($ctl network show | sed -n 's/.* vf-mac //p' | tr A-F a-f)
	[ -n "$free" ] || fail "the network shows no free address: $($ctl network show)"
	ip netns add c1
	$ctl container add c1 network net0 netns /run/netns/c1 ifname eth0 address 10.0.0.1/24,fd00::1/64 ip 10.0.0.1,fd00::1,fe80::/64
	[ "$(in_ns c1 cat /sys/class/net/eth0/address)" = "$free" ]
	ping_back c1 10.0.0.2
	from_outside c1
	ip -n far neigh flush all
	ping_ok far fd00::1 5
	if grep -q 'does not take the address' "$VM_RESULT/node.log"; then
		fail "c1 is said not to be heard"
	fi
	ip netns add c2
	$ctl container add c2 network net0 netns /run/netns/c2 ifname eth0 address 10.0.0.3/24
	wait_for "$patience" grep -q "the virtual function does not take the address .* of container c2" \
		"$VM_RESULT/node.log" || fail "nothing says that c2 is not heard"
	ping_ok c2 10.0.0.1 5
	# igb trusts it, and gives it no other's frames all the same
	ip link set "$pf" vf 0 trust on spoofchk off
	ip link show "$pf" | grep -q 'vf 0 .*spoof checking off, .*trust on' || fail "no trust: $(ip link show "$pf")"
	ping_back c1 10.0.0.2
	no_answer c2 10.0.0.2 || fail "c2 is heard: doc/nics.md says otherwise"
	$ctl container del c2
	$ctl container del c1
	$ctl network del net0
	stop "$node_pid"
	nothing_left
}

# packets LCORE: that it took so far.
packets() {
	$ctl -j -s lcore show | tr -d ' \n' | sed -n "s/.*\"lcore\":$1,[^}]*\"packets\":\([0-9]*\).*/\1/p"
}

shared_out() {
	[ "$(packets 1)" -gt "$1" ] && [ "$(packets 2)" -gt "$2" ]
}

# A NIC that hashes: each of two lcores has a queue of its, and gets flows of one container; its own network's, or
# another's no more. A stream beside them is the bytes that were sent.
case_rss() {
	local before eal=(--lcores '0@0,(1-2)@1' --no-telemetry)
	modules virtio_vdpa virtio_net
	modprobe -a vfio-pci vfio_iommu_type1
	wait_for "$patience" far_there "$1" || fail "no interface at the other end"
	container far "$(far_dev "$1")" 2
	nic=$(address "$1")
	to_vfio "$nic"
	node_run -a "$nic"
	$ctl network add net0 uplink "$nic"
	add c1 1
	ping_back c1 10.0.0.2
	$ctl uplink show | grep -q ' lcores 1,2 rss' || fail "$($ctl uplink show)"
	stream_start far c1 10.0.0.1
	before=("$(packets 1)" "$(packets 2)")
	in_ns far bash -c 'for port in {1..64}; do echo >/dev/udp/10.0.0.1/$port; done'
	wait_for "$patience" shared_out "${before[@]}" || fail "one lcore has all of it: $($ctl -s lcore show)"
	$ctl network set net0 lcores 2
	$ctl uplink show | grep -q ' lcores 2,2 rss' || fail "$($ctl uplink show)"
	wait_for "$patience" received_more c1 "$(received_bytes c1)" || fail "the stream stands still"
	$ctl network set net0 lcores ''
	[ "$($ctl rebalance)" != '0 moved' ] || fail "nothing moves"
	wait_for "$patience" received_more c1 "$(received_bytes c1)" || fail "the stream stands still"
	stream_end
	del c1
	$ctl network del net0
	stop "$node_pid"
	nothing_left
}

case_ping() {
	set_up "$1"
	ping_ok c1 10.0.0.2 20
	ping_ok far 10.0.0.1 20 -s 1400
	ping_ok far fd00::1 10
	stop "$app_pid"
	nothing_left
}

# Each length, and bytes that arrive as they were sent.
case_frames() {
	set_up "$1"
	"$tools/frames" -r 1 c1 eth0 far eth0
	"$tools/frames" -r 1 far eth0 c1 eth0
	stop "$app_pid"
}

# two_tags NAMESPACE NUMBER: 10.5.0.NUMBER behind an outer and an inner tag, without a shorter MTU.
two_tags() {
	ip -n "$1" link add link eth0 name outer type vlan proto 802.1ad id 5
	ip -n "$1" link add link outer name inner type vlan id 6
	ip -n "$1" addr add "10.5.0.$2/24" dev inner
	ip -n "$1" link set outer up
	ip -n "$1" link set inner up
}

# Frames of 1500 bytes behind two tags are no longer than the MTU allows.
case_qinq() {
	set_up "$1"
	modprobe 8021q
	two_tags c1 1
	two_tags far 2
	ping_ok c1 10.5.0.2 5 -M "do" -s 1472
	ping_ok far 10.5.0.1 5 -M "do" -s 1472
	stop "$app_pid"
}

# not_copied: frames that have left out of the container's memory so far, as the application says on SIGUSR1.
not_copied() {
	app_mbufs app "$app_pid" >/dev/null
	sed -n 's/^wire 0: .*, \([0-9]*\) not copied$/\1/p' "$VM_RESULT/app.log" | tail -n 1
}

# Frames stay where they are until the NIC has read them; the driver of Linux sends the next one only when it
# has its buffer back. A NIC that does not give them back, or does not reach them, is given copies.
case_zero_copy() {
	local frames
	set_up "$1" --zero-copy "${@:2}"
	"$tools/frames" -r 1 c1 eth0 far eth0
	"$tools/frames" -r 1 far eth0 c1 eth0
	ping_ok c1 10.0.0.2 20 -s 1400
	grep -- '--zero-copy' "$VM_RESULT/app.log" | sed 's/^/# /'
	frames=$(not_copied)
	say "$frames frames were not copied"
	case $* in
	igb\ --umem | e1000e\ --umem | igbvf\ --umem) [ "$frames" -ge 300 ] ;;
	*)
		[ "$frames" = 0 ]
		grep -q -- '--zero-copy: .* copied' "$VM_RESULT/app.log"
		;;
	esac
	stop "$app_pid"
	nothing_left
}

# monitor COMMAND...: QEMU's, of this machine.
monitor() {
	local path
	for path in /sys/class/virtio-ports/*; do
		[ "$(cat "$path/name")" != monitor ] || echo "$*" >"/dev/${path##*/}"
	done
}

# cable KIND on|off: at the NIC's end.
cable() {
	monitor "set_link nic$(number "$1") $2"
}

carrier_is() {
	[ "$(in_ns c1 cat /sys/class/net/eth0/carrier)" = "$1" ]
}

# Who pulls the cable out sees no carrier in the container.
case_link() {
	set_up "$1"
	cable "$1" off
	wait_for "$patience" carrier_is 0 || fail "the container keeps its carrier"
	cable "$1" on
	wait_for "$patience" carrier_is 1 || fail "the carrier does not come back"
	ping_back c1 10.0.0.2
	ping_ok c1 10.0.0.2 5
	stop "$app_pid"
}

# other_than KIND: another NIC of the machine.
other_than() {
	local kind
	for kind in "${kinds[@]}"; do
		[ "$kind" = "$1" ] || { echo "$kind"; return; }
	done
}

# unplug KIND: as the host does it, and back when it has it.
unplug() {
	monitor "device_del nic$(number "$1")"
	wait_for "$patience" is_gone test -e "/sys/bus/pci/devices/$nic" || fail "the host waits for the NIC"
}

# plug KIND: a new one in its place.
plug() {
	monitor "device_add $(tr ' ' '\n' </proc/cmdline | sed -n "s/^vm_nic$(number "$1")=//p")"
	wait_for "$patience" test -e "/sys/bus/pci/devices/$nic/driver_override" || fail "no NIC is plugged in"
	to_vfio "$nic"
}

# The host has its NIC back at once; the container of that NIC loses its carrier, the other goes on. With the
# NIC the link is there again; and both a second time.
case_unplug() {
	local other i
	other=$(other_than "$1")
	[ -n "$other" ] || skip "the machine has no other NIC"
	modprobe -a vfio-pci vfio_iommu_type1
	to_vfio "$(address "$other")"
	eal_more=(-a "$(address "$other")")
	set_up "$1" "${@:2}" --port "$(address "$other")" --name c2 --mac 02:00:00:00:00:02 --attach virtio
	need_netdev c2 app "$app_pid"
	container c2 "$dev" 1
	container far2 "$(far_dev "$other")" 2
	ping_back c2 10.0.0.2
	pings_start c2 10.0.0.2
	for i in first second; do
		unplug "$1"
		wait_for "$patience" carrier_is 0 || fail "the container keeps its carrier"
		pings_go_on || fail "the other container stands still"
		plug "$1"
		wait_for "$patience" carrier_is 1 || fail "the carrier does not come back"
		ping_back c1 10.0.0.2
		ping_ok c1 10.0.0.2 5
		ping_ok far 10.0.0.1 5
		pings_go_on || fail "the other container stands still"
		say "the $i time: $(grep -c 'is let go' "$VM_RESULT/app.log")"
	done
	stop "$app_pid"
	nothing_left
}

# rebind: the container's driver goes while the NIC has frames of its memory, and comes back.
rebind() {
	local flood bus=/sys/bus/vdpa/drivers/virtio_vdpa before
	before=$(received_bytes far)
	ns_exec c1 ping -f -q -s 1400 10.0.0.2 >/dev/null 2>&1 &
	flood=$!
	background+=("$flood")
	wait_for "$patience" received_more far "$before" || fail "no frame leaves"
	echo c1 >"$bus/unbind"
	kill "$flood" 2>/dev/null || true
	wait "$flood" || true
	wait_for "$patience" is_gone netdev_there c1 || fail "the interface stays after unbind"
	echo c1 >"$bus/bind"
	need_netdev c1 app "$app_pid"
	ip link set "$dev" netns c1 name eth0
	container_up c1 1
}

open_files() {
	find "/proc/$app_pid/fd" -type l -exec readlink {} \;
}

# kept: sets fds and maps, what the application has open and mapped: without hugepages, which are as many as memory
# needs now.
kept() {
	fds=$(open_files | grep -vcE 'memfd|huge')
	maps=$(grep -c vduse "/proc/$app_pid/maps")
}

# kept_less_than FILES MAPPINGS: a mapping may still be there for frames in the NIC's hands, and a driver has more
# of its memory mapped one time than another.
kept_less_than() {
	kept
	[ "$fds" -lt "$1" ] && [ "$maps" -lt "$2" ]
}

# mbufs_in_use: of the application, now.
mbufs_in_use() {
	app_mbufs app "$app_pid" | cut -d ' ' -f 1
}

# No frame reads what was unmapped, and no descriptor, file or buffer is lost: what a time leaves behind shows in
# the figures. A NIC's driver keeps of what it has sent as many buffers as its queue has descriptors, until it sends
# more.
case_rebind() {
	local i before mbufs fds maps times=${2:-$(often 10 3)}
	set_up "$1" --zero-copy --umem
	rebind
	ping_back c1 10.0.0.2
	kept
	before=("$fds" "$maps")
	mbufs=$(mbufs_in_use)
	for ((i = 1; i <= times; i++)); do
		rebind
		running "$app_pid" || fail "the application ended in number $i"
		[ $((i % 100)) != 0 ] || say "$i times so far"
	done
	ping_back c1 10.0.0.2 || fail "no traffic after number $times"
	ping_ok c1 10.0.0.2 5 -s 1400
	say "$times times: ${before[0]} files, ${before[1]} mappings, $mbufs mbufs; $(not_copied) frames were not copied"
	# what is lost each time is as many as there were times
	wait_for "$patience" kept_less_than $((before[0] + times)) $((before[1] + times)) ||
		fail "now $fds and $maps: $(open_files | grep -vE 'memfd|huge' | sort | uniq -c | tr '\n' ';')"
	[ "$(mbufs_in_use)" -le $((mbufs + 1024)) ] || fail "mbufs: $(mbufs_in_use)"
	[ "$(not_copied)" -ge "$times" ]
	stop "$app_pid"
	nothing_left
}

# A NIC can be open in one process only, so this is how one process follows the other (doc/crash.md): the old one
# ends in order and keeps the device, the new one goes on with its rings; the container has its interface all along.
case_restart() {
	local index options=(--mac 02:00:00:00:00:01 --attach virtio --state-dir /run/vduse)
	set_up "$1" "${options[@]:4}"
	index=$(in_ns c1 cat /sys/class/net/eth0/ifindex)
	pings_start c1 10.0.0.2
	pings_go_on
	stop "$app_pid"
	run app2 "$app" -l 1 --no-telemetry "${huge[@]}" -a "$nic" -- --port "$nic" --name c1 "${options[@]}"
	app_pid=$pid
	pings_go_on || fail "no traffic after the restart"
	[ "$(in_ns c1 cat /sys/class/net/eth0/ifindex)" = "$index" ]
	say "longest time without an answer: $(awk -F '[][]' '/bytes from/ { if (last && $2 - last > most) most = $2 - last; last = $2 }
		END { printf "%.1f s", most }' /tmp/pings)"
	ping_ok c1 10.0.0.2 5 -s 1400
	stop "$app_pid"
	"$app" --destroy c1 --state-dir /run/vduse
	nothing_left
}

# Whether DPDK's driver tells when a frame was read, by testpmd and nothing of ours.
case_testpmd() {
	local says='Desc status = DONE'
	case $1 in
	virtio | vmxnet3) says='Invalid input: queue id = 0, desc id = 0' ;;
	esac
	modprobe -a vfio-pci vfio_iommu_type1
	nic=$(address "$1")
	to_vfio "$nic"
	printf '%s\n' 'show port 0 txq 0 desc 0 status' 'port cleanup 0 txq 0 0' quit |
		timeout -s KILL "$patience" dpdk-testpmd -l 0,1 --no-telemetry "${huge[@]}" -a "$nic" -- -i >/tmp/testpmd 2>&1 ||
		fail "status $?: $(tail -n 3 /tmp/testpmd)"
	grep -iE 'desc|cleanup' /tmp/testpmd | sed 's/^/# /'
	grep -qF "$says" /tmp/testpmd
}

# An MTU that the NIC cannot have is refused, and nothing is left.
case_mtu() {
	local status=0
	modules virtio_vdpa virtio_net
	modprobe -a vfio-pci vfio_iommu_type1
	nic=$(address "$1")
	to_vfio "$nic"
	timeout -s KILL "$patience" "$app" -l 1 --no-telemetry "${huge[@]}" -a "$nic" -- --port "$nic" --name c1 \
		--mtu 20000 >/tmp/refused 2>&1 </dev/null || status=$?
	grep "^$app" /tmp/refused | sed 's/^/# /'
	[ "$status" = 1 ] || fail "status $status"
	grep -q "port $nic: MTU 20000 is too long for it: --mtu [0-9]* or less" /tmp/refused
	nothing_left
}

# The commands of doc/nics.md, word for word, but for dpdk-devbind.py, which is Python; the lines that do the same
# without it are run. A driver, vfio-pci itself, has the NIC already.
case_doc() {
	local page=doc/nics.md
	nic=0000:01:00.0
	modules virtio_vdpa virtio_net
	doc_command $page 'modprobe -a'
	bash -e -c "$documented"
	to_vfio $nic
	doc_run $page drivers_probe
	[ "$(basename "$(readlink -f /sys/bus/pci/devices/$nic/driver)")" = vfio-pci ]
	doc_command $page 'dpdk-vduse-net -l 0,1'
	fresh "$VM_RESULT/doc.log"
	bash -c "exec $documented" >"$VM_RESULT/doc.log" 2>&1 </dev/null &
	pid=$!
	background+=("$pid")
	need_netdev c1 doc "$pid"
	container c1 "$dev" 1
	wait_for "$patience" far_there "${kinds[0]}" || fail "no interface at the other end"
	container far "$(far_dev "${kinds[0]}")" 2
	ping_back c1 10.0.0.2
	stop "$pid"
	nothing_left
}

after_case() {
	clean_slate
}

ulimit -l unlimited
# The kinds that "test/run" has of a case; the others are of "test/run all".
declare -A usual=([ping]="e1000e igb virtio" [frames]=virtio [link]=e1000e [zero_copy]="e1000e igb" [mtu]=igb [qinq]=igb [unplug]=igb)
for name in ping frames link zero_copy mtu qinq unplug; do
	options=()
	[ "$name" != zero_copy ] || options=(--umem)
	for kind in "${kinds[@]}"; do
		# a virtual function has cases of its own, nic/vf, and those in which it is as any other NIC
		case $kind/$name in
		igbvf/frames | igbvf/link | igbvf/zero_copy) ;;
		igbvf/*) continue ;;
		esac
		case " ${usual[$name]} " in
		*" $kind "*) case_run "nic/$name/$kind" "case_$name" "$kind" ${options[@]+"${options[@]}"} ;;
		*) case_long "nic/$name/$kind" "case_$name" "$kind" ${options[@]+"${options[@]}"} ;;
		esac
	done
done
case_run nic/zero_copy_no_umem case_zero_copy igb
case_run nic/doc case_doc
case_run nic/vf/wire case_vf
case_run nic/vf/network case_vf_network
case_run nic/rss case_rss igb
case_run nic/restart/igb case_restart igb
case_long nic/rebind/igb case_rebind igb
# what doc/nics.md says of them, where they are named
for kind in e1000e virtio vmxnet3; do
	[ -z "${TEST_CASES:-}" ] || case_run "nic/restart/$kind" case_restart "$kind"
	[ -z "${TEST_CASES:-}" ] || case_run "nic/testpmd/$kind" case_testpmd "$kind"
done
[ -z "${TEST_CASES:-}" ] || case_run nic/testpmd/igb case_testpmd igb
[ -z "${TEST_CASES:-}" ] || case_run nic/rebind/e1000e case_rebind e1000e
for kind in e1000e igb; do
	[ -z "${TEST_CASES:-}" ] || case_run "nic/rebind-1000/$kind" case_rebind "$kind" 1000
done
exit 0
