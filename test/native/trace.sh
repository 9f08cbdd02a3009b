#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the control path tells DPDK's traces, read by babeltrace2 (CTF); and the probes that are in what was built.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"

# events FOLDER: of the one trace that is below it, without times.
events() {
	babeltrace2 --no-delta --clock-seconds "$1"/* 2>"$work/babeltrace.log" | sed 's/^\[[^]]*\] *//' >"$work/events" ||
		{ log babeltrace; fail "babeltrace2 does not read it"; }
}

# tells PATTERN: an event is there.
tells() {
	grep -Eq "$1" "$work/events" || { sed 's/^/# /' "$work/events" | head -n 60; fail "no event $1"; }
}

need_babeltrace() {
	command -v babeltrace2 >/dev/null || skip "no babeltrace2"
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

ordinary || exit 0
case_run trace/life case_life
case_run trace/off case_off
case_run trace/program case_program
exit $group_status
