#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Devices and drivers come and go: a name left over, fewer queues than offered, every API version,
# the control queue, and a back end from elsewhere on the same emulator.
. "$(dirname "$0")/lib.sh"

# killed NAME: a back end with traffic, killed; its device is left.
killed() {
	back_start "$1" 1 "$2"
	front_start 1 "" --total-num-mbufs=6144
	front start
	back_ok link up
	back_ok run 64 100
	kill -KILL "$back_pid"
	wait "$back_pid" 2>/dev/null || true
	exec 6>&- 5<&-
	emu show | grep -q "^$1: closed" || fail "no device is left to test with"
}

# destroy_tried NAME: with a status other than that of a front end that did not close it in time.
destroy_tried() {
	destroy_status=0
	LD_PRELOAD=$preload "$app" --destroy "$1" >"$work/destroy.log" 2>&1 || destroy_status=$?
	[ $destroy_status = 0 ] || ! grep -q 'waiting for the front end to close it' "$work/destroy.log"
}

destroyed() {
	wait_for "$patience" destroy_tried "$1" || true
	[ $destroy_status = 0 ] || fail "--destroy: $(tail -n 3 "$work/destroy.log")"
	nothing_left
}

# The next one with that name says what to do, and what it says helps.
case_left_over() {
	local status=0
	killed l1 ""
	LD_PRELOAD=$preload "$app" --probe >"$work/probe.log" 2>&1 || { log probe; fail "--probe: exit $?"; }
	grep -qx '  l1: served by nobody; driver: vhost_vdpa; state file: none; at a start: adopted' "$work/probe.log" ||
		{ log probe; fail "--probe does not tell of l1"; }
	LD_PRELOAD=$preload "$loopback" -d "$pmd" -l 0 --no-pci --no-huge --no-shconf -m 64 \
		--no-telemetry --vdev net_vduse0,name=l1 -- </dev/null >"$work/again.log" 2>&1 || status=$?
	say "$(grep -E '^(net_)?vduse:' "$work/again.log")"
	[ "$status" = 1 ] || fail "status $status"
	[ "$(grep -cE '^(net_)?vduse:' "$work/again.log")" = 1 ] || fail "not one line"
	grep -qE 'l1.*--destroy l1' "$work/again.log" || fail "no cure"
	# the driver ends first; what its end asks the back end is answered by --destroy
	echo quit >&8
	exec 8>&-
	destroyed l1
	ended "$front_pid" || true
	back_start l1 1 ""
	small_start 8
	small_ok features 0
	small_ok start
	back_ok link up
	back_ok run 64 100
	small_end
	back_end
}

# adopt=1 goes on with the driver that is there, which notices nothing. What was adopted is
# not destroyed at the end. Its address has to be given: the kernel does not tell it.
case_adopt() {
	local status=0
	killed l2 mac=02:00:00:00:00:12
	LD_PRELOAD=$preload "$loopback" -d "$pmd" -l 0 --no-pci --no-huge --no-shconf -m 64 \
		--no-telemetry --vdev net_vduse0,name=l2,adopt=1 -- </dev/null >"$work/again.log" 2>&1 || status=$?
	[ "$status" = 1 ] || { log again; fail "no address, and status $status"; }
	grep -q 'l2.*does not tell.*MAC.*mac=ADDRESS' "$work/again.log" || { log again; fail "no cure"; }
	back_attach=no back_start l2 1 adopt=1,mac=02:00:00:00:00:12
	back_ok link up
	back_ok run 64 1000
	back_ok run 1518 1000
	say "$answer"
	front_end
	back_gone
	emu detach l2
	destroyed l2
}

# fewer PAIRS: of four offered, the driver uses some.
fewer() {
	front_of_many
	back_start f1 4 ""
	# the device has four, the driver asks for fewer; the back end polls all of them
	front_start 4 ",mrg_rxbuf=1" --total-num-mbufs=6144 --rxq="$1" --txq="$1"
	front start
	back_ok link up
	say "$(emu show | grep -c ready) queues ready"
	back_ok queues "$1"
	back_ok run 1518 1000
	back_ok run 64 1000
	say "$answer"
	front_end
	back_end
}

# A driver that enables one pair and nothing else, without the control queue.
case_one_of_four() {
	back_start f2 4 ""
	small_start 8
	small_ok features 0
	small_ok start
	back_ok link up
	[ "$(emu show | grep -c ready)" = 2 ] || fail "other queues: $(emu show)"
	back_ok queues 1
	back_ok run 1518 1000
	small_end
	back_end
}

# api_case API [VDUSE_FEATURES]
api_case() {
	emu set "api=$1" ${2:+"vduse_features=$2"}
	back_start a1 1 ""
	front_start 1 ",packed_vq=1" --total-num-mbufs=6144
	front start
	back_ok link up
	back_ok run 1518 1000
	front stop
	front "port stop 0"
	front "port start 0"
	front start
	back_ok link up
	back_ok run 64 1000
	front_end
	back_ok link down
	back_end
	emu set api=0
}

# none_back WHAT: ten frames, all of which the device has to drop; a second without one is their end.
none_back() {
	back_ok patience 1
	! back run 64 10 || fail "$1 was let through: $answer"
	[[ $answer = *' returned=0 '* ]] || fail "$1 was let through: $answer"
	back_ok patience 60
}

# Commands of the control queue, from testpmd's prompt through DPDK 24.11's virtio-user.
case_control() {
	front_of_many
	back_start c1 4 mac=02:00:00:00:00:11
	front_start 4 "" --total-num-mbufs=6144
	front "set promisc 0 off"
	front "set allmulti 0 off"
	front start
	back_ok link up
	# to its own address: passes
	back_ok run 64 200
	# to another: filtered, all of them
	back_ok to 02:00:00:00:00:99
	none_back "a frame for another address"
	front "set promisc 0 on"
	back_ok run 64 200
	front "set promisc 0 off"
	back_ok to 01:00:5e:00:00:05
	none_back "a multicast frame nobody asked for"
	front "set allmulti 0 on"
	back_ok run 64 200
	front "set allmulti 0 off"
	# another address, as VIRTIO_NET_CTRL_MAC_ADDR_SET says
	front "mac_addr set 0 02:00:00:00:00:22"
	back_ok to 02:00:00:00:00:22
	back_ok run 64 200
	# one more, by the MAC table
	front "mac_addr add 0 02:00:00:00:00:33"
	back_ok to 02:00:00:00:00:33
	back_ok run 64 200
	front "mac_addr remove 0 02:00:00:00:00:33"
	none_back "a frame for the address that was removed"
	# tagged frames only of the VLANs in the table, whatever else is set
	front "set promisc 0 on"
	front "vlan set filter on 0"
	back_ok vlan 5
	none_back "a frame of a VLAN nobody asked for"
	front "rx_vlan add 5 0"
	back_ok run 64 200
	back_ok vlan 6
	none_back "a frame of another VLAN"
	back_ok vlan 5
	front "rx_vlan rm 5 0"
	none_back "a frame of the VLAN that was removed"
	back_ok vlan 0
	back_ok run 64 200
	back xstats
	grep -E 'drop_filter' <<<"$lines" | sed 's/^/# /'
	grep -q drop_filter <<<"$lines" || fail "nothing counted in drop_filter"
	front_end
	back_end
}

# A driver that steers by RSS: what is no IP goes to the unclassified queue, which is its first.
case_rss() {
	front_of_many
	rss=--rss-udp
	back_start r1 4 ""
	front_start 4 "" --total-num-mbufs=6144
	front start
	back_ok link up
	negotiated r1 60 || fail "RSS is not negotiated: $(emu show | head -n 1)"
	back_ok steered 1
	back_ok run 1518 500
	back_ok xstats
	[ "$(sed -n 's/^rx_q0_packets //p' <<<"$lines")" = 2000 ] || fail "not all on the first: $lines"
	front_end
	back_end
}

# DPDK 24.11's net_vhost on the same emulator: what runs there is no child of our own mind.
case_peer() {
	need_peer
	pair net_vhost -b peer -m "$1"
	pair net_vduse -b "$pmd" -m "$1"
}

# pair NAME OPTION...: run-pair with a broker of its own; every frame sent has to arrive.
pair() {
	local name=$1
	shift
	if ! env -u VDUSE_EMU_DIR "$emu_dir/run-pair" -t 1 "$@" >"$work/pair.log" 2>&1; then
		grep '^run-pair:' "$work/pair.log" | sed 's/^/# /'
		log pair
		fail "$name"
	fi
	say "$name: $(tail -n 1 "$work/pair.log")"
}

# Linux's driver in a QEMU guest.
case_guest() {
	local status=0
	doc_command doc/start.md 'qemu-system-x86_64'
	env -u VDUSE_EMU_DIR "$emu_dir/run-guest" -b "$pmd" -q "$documented" >"$work/guest.log" 2>&1 || status=$?
	[ $status != 77 ] || skip "$(tail -n 1 "$work/guest.log")"
	[ $status = 0 ] || { log guest; fail "status $status"; }
	say "$(tail -n 1 "$work/guest.log")"
}

# The same by a QEMU of 8 or later: 10, trixie's, where this machine has an older one.
case_guest_10() {
	local qemu status=0
	qemu=$("$pages/test/vm/vm" qemu 2>"$work/vm.log") || skip "$(tail -n 1 "$work/vm.log")"
	qemu=${qemu//$'\n'/ }
	doc_command doc/start.md 'qemu-system-x86_64'
	env -u VDUSE_EMU_DIR "$emu_dir/run-guest" -b "$pmd" -q "${documented/qemu-system-x86_64/$qemu}" >"$work/guest.log" 2>&1 || status=$?
	[ $status != 77 ] || skip "$(tail -n 1 "$work/guest.log")"
	[ $status = 0 ] || { log guest; fail "status $status"; }
	say "$(sh -c "$qemu --version" | head -n 1): $(tail -n 1 "$work/guest.log")"
}

# What the kernel can do, as the program says; nothing stays of the throw-away device.
case_probe() {
	LD_PRELOAD=$preload "$app" --probe >"$work/probe.log" 2>&1 || { log probe; fail "exit $?"; }
	grep -q '^devices: none$' "$work/probe.log" || { log probe; fail "devices, where there are none"; }
	grep -q '^network devices: yes$' "$work/probe.log" || { log probe; fail "no network devices"; }
	LD_PRELOAD=$preload "$app" --probe=json >"$work/probe.json" 2>&1
	/usr/bin/python3 -c 'import json, sys
probe = json.load(open(sys.argv[1]))
assert probe["network_devices"] and probe["multi_queue"] and probe["devices"] == [], probe
assert "VIRTIO_NET_F_RSS" in probe["features"], probe' "$work/probe.json" || fail "json"
	nothing_left
}

case_run life/probe case_probe
case_run life/left-over case_left_over
case_run life/adopt case_adopt
case_run life/one-of-four case_one_of_four
for pairs in 1 2 3; do
	case_run "life/$pairs-of-4-pairs" fewer $pairs
done
case_run life/api-0 api_case 0
case_run life/api-1 api_case 1
case_run life/control case_control
case_run life/rss case_rss
if ordinary; then
	case_run life/peer-host case_peer host
	case_run life/peer-driver case_peer driver
	case_run life/guest case_guest
	case_long life/guest-10 case_guest_10
fi
# Last: once the ioctls of Linux 7.3 are there, they stay.
case_run life/queue-ready api_case 1 1
case_run life/suspend api_case 1 3
exit $group_status
