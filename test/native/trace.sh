#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the control path tells DPDK's traces, read by babeltrace (CTF); and bpftrace at the probes that are in what was built.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"

# events FOLDER: of the one trace that is below it, without times.
events() {
	babeltrace --no-delta --clock-seconds "$1"/* 2>"$work/babeltrace.log" | sed 's/^\[[^]]*\] *//' >"$work/events" ||
		{ log babeltrace; fail "babeltrace does not read it"; }
}

# tells PATTERN: an event is there.
tells() {
	grep -Eq "$1" "$work/events" || { sed 's/^/# /' "$work/events" | head -n 60; fail "no event $1"; }
}

need_babeltrace() {
	command -v babeltrace >/dev/null || skip "no babeltrace"
}

# A device's whole life: made, driven, let go.
case_life() {
	local dir=$work/trace fd
	need_babeltrace
	mkdir "$dir"
	back_start traced 1 "" '--trace=lib.vduse.*' --trace-dir="$dir"
	front_start 1 ""
	front start
	back_ok run 64 100
	front stop
	front_end
	driver_gone
	back_end
	events "$dir"
	tells 'lib\.vduse\.device\.created: .*name = "traced", fd = [0-9]+, queues = 0x[23], api = 0x[01] '
	fd=$(sed -n 's/.*lib\.vduse\.device\.created: .* fd = \([0-9]*\),.*/\1/p' "$work/events")
	tells 'lib\.vduse\.phase: .*name = "traced", from = "[a-z ]+", to = "[a-z ]+"'
	tells 'lib\.vduse\.message: .*name = "traced", type = 0x1, result = 0, ns = 0x[1-9A-F]'
	tells "lib\.vduse\.map: .*fd = $fd, start = 0x[0-9A-F]+, last = 0x[0-9A-F]+, perm = 0x[123] "
	tells "lib\.vduse\.unmap: .*fd = $fd, start = "
	tells 'lib\.vduse\.queue: .*name = "traced", queue = 0x0, ready = 0x1 '
	tells 'lib\.vduse\.queue: .*name = "traced", queue = 0x0, ready = 0x0 '
	tells 'lib\.vduse\.device\.destroyed: .*name = "traced"'
	[ "$(grep -c 'device\.created' "$work/events")" = 1 ] || fail "made more than once"
	# nobody asked for DPDK's own
	! grep -v 'lib\.vduse\.' "$work/events" | grep . || fail "other events"
}

# Not asked for, there is none.
case_off() {
	local dir=$work/off
	mkdir "$dir"
	back_start untraced 1 "" --trace-dir="$dir"
	back_end
	[ -z "$(ls "$dir")" ] || fail "$(ls "$dir")"
}

# Of the program, which writes at its end what its sandbox would not let it.
case_program() {
	local dir=$work/program
	need_babeltrace
	mkdir "$dir"
	: >"$work/node.conf"
	node_ports=(--vdev net_null0 '--trace=lib.vduse.*' --trace-dir="$dir")
	node_start --sandbox off
	wait_for "$patience" node_serves || { log node; fail "nobody forwards"; }
	node network add net0 uplinks net_null0
	node container add c1 network net0 attach none
	node container del c1
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	events "$dir"
	tells 'lib\.vduse\.device\.created: .*name = "c1"'
	tells 'lib\.vduse\.device\.destroyed: .*name = "c1"'
	nothing_left
}

need_bpftrace() {
	command -v bpftrace >/dev/null || skip "no bpftrace"
	[ -e /sys/bus/event_source/devices/uprobe ] || skip "a kernel without uprobes"
	readelf -n "$app" | grep -q 'Provider: vduse_bridge' || skip "built without systemtap-sdt-dev"
}

# look: the page's command $documented, with the program where it is installed, to $work/look.log; sets look_pid. The
# file system below /usr/bin, and that of traces, are its own.
look() {
	fresh "$work/look.log"
	unshare --mount bash -e -c 'mount -t tracefs tracefs /sys/kernel/tracing
		mount -t overlay -o "lowerdir=$1:/usr/bin" overlay /usr/bin
		exec bash -c "$2"' - "$(dirname "$(realpath "$app")")" "$documented" >"$work/look.log" 2>&1 &
	look_pid=$!
	background+=("$look_pid")
	wait_for "$patience" looks || { log look; fail "bpftrace does not begin"; }
}

looks() {
	grep -q '^Attaching [1-9][0-9]* probes\?\.\.\.' "$work/look.log" || ! running "$look_pid"
}

# It prints its maps as it is interrupted.
look_end() {
	kill -INT "$look_pid"
	ended "$look_pid" || { log look; fail "bpftrace's end"; }
}

# attached: it has an event of the kernel for each of its probes.
attached() {
	local probes
	probes=$(sed -n 's/^Attaching \([0-9]*\) probes.*/\1/p' "$work/look.log")
	[ "$(find "/proc/$look_pid/fd" -lname '*perf_event*' | wc -l)" -ge "$probes" ]
}

# summed: it has looked at some frames. One that was ended before the next came is begun another time.
summed() {
	local name sum
	look
	wait_for "$patience" attached || return 1
	look_end
	sum=$(sed -n 's/^@\[usdt:.*:vduse_bridge:unknown_address, net_null0\]: \([0-9]*\)$/\1/p' "$work/look.log")
	[ -n "$sum" ]
}

spoofed() {
	small_ok send 1 good
	grep -qx c1 "$work/look.log"
}

# A container that sends from an address that is not its own, and a port whose frames are for nobody.
case_bpftrace() {
	need_bpftrace
	cat >"$work/node.conf" <<-END
		network add net0 uplinks net_null0
		network add net1
		container add c1 network net1 mac 02:00:00:00:00:67 attach none
	END
	# shellcheck disable=SC2119 # without options
	node_start
	has_all c1
	doc_command doc/traces.md 'vduse_bridge:*'
	wait_for "$patience" summed || { log look; log node; fail "it has no drops of the port"; }
	emu attach c1
	small_start 8
	small_ok features 0
	small_ok start
	doc_command doc/traces.md 'spoofed_MAC'
	look
	wait_for "$patience" spoofed || { log look; fail "it has no spoofed address"; }
	look_end
	# not the port's, which are dropped for another reason
	! grep -q net_null0 "$work/look.log" || { log look; fail "other drops"; }
	small_end
	emu detach c1
	node container del c1
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

ordinary || exit 0
case_run trace/life case_life
case_run trace/off case_off
case_run trace/program case_program
case_run trace/bpftrace case_bpftrace
exit $group_status
