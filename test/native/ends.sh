#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The end of dpdk-vduse-net: whichever of EAL's options it runs with, whatever signal asks for it, and
# whoever has read its output, it ends in order under the sandbox and leaves nothing.
. "$(dirname "$0")/lib.sh"

# own_start NAME EAL-OPTION... -- OPTION...: with EAL's defaults but for what is given; sets app_pid.
own_start() {
	local name=$1 eal=()
	shift
	while [ "$1" != -- ]; do
		eal+=("$1")
		shift
	done
	shift
	mkdir -m 0700 -p "$run"
	fresh "$work/app.log" "$work/app.err.log"
	RUNTIME_DIRECTORY=$run LD_PRELOAD=$preload ${app_as[@]+"${app_as[@]}"} "$app" -d "$pmd" \
		-l 0,1 --no-pci --iova-mode=va ${eal[@]+"${eal[@]}"} --vdev net_null0 -- \
		--port net_null0 --name "$name" --attach vhost --keep 0 "$@" >"${app_out:-$work/app.log}" \
		2>"$work/app.err.log" &
	app_pid=$!
	background+=("$app_pid")
	wait_for "$patience" own_serves || { log app; log app.err; fail "it does not forward"; }
}

# Whoever reads the output may be gone: it is confined, and then it forwards.
own_serves() {
	! running "$app_pid" || grep -q '^Seccomp:[[:space:]]*2' "/proc/$app_pid/status"
}

# ended_well [SIGNAL]: asked by the signal, status 0, nothing left, and what it has refused nothing.
ended_well() {
	local status=0
	kill "-${1:-TERM}" "$app_pid"
	ended "$app_pid" || status=$?
	[ $status = 0 ] || { log app; log app.err; fail "on SIG${1:-TERM}: status $status"; }
	nothing_left
}

# case_eal SANDBOX EAL-OPTION...: with "kill" a call that is not in the list would be the end.
case_eal() {
	local how=$1
	shift
	own_start e1 "$@" -- --sandbox "$how"
	small_start 8
	small_ok features 0
	small_ok start
	small_end
	kill -USR1 "$app_pid"
	ended_well
}

# case_signal SIGNAL: each that would end it half way.
case_signal() {
	own_start s1 --no-huge --no-shconf -m 128 --
	ended_well "$1"
}

# What would stop it, or end it with a write, does not.
case_unmoved() {
	local signal
	own_start u1 --no-huge --no-shconf -m 128 --
	for signal in PIPE XFSZ TSTP TTIN TTOU; do
		kill "-$signal" "$app_pid"
	done
	app_sent >/dev/null
	ended_well
}

# nohup(1): the end of the terminal is not the end of the process.
case_nohup() {
	app_as=(nohup)
	own_start n1 --no-huge --no-shconf -m 128 --
	kill -HUP "$app_pid"
	app_sent >/dev/null
	ended_well
}

read_one() {
	head -n 1 <"$work/out" >"$work/first"
}

# As `| head` and `| tee`: nobody reads any more, statistics go on, and then the signal comes.
case_reader_gone() {
	local reader
	rm -f "$work/out"
	mkfifo "$work/out"
	read_one &
	reader=$!
	app_out=$work/out own_start r1 --no-huge --no-shconf -m 128 -- --stats-interval 1
	wait "$reader"
	# each prints a line or two to nobody
	kill -USR1 "$app_pid"
	wait_for "$patience" statistics_done || fail "the statistics are not asked for"
	running "$app_pid" || fail "it has ended with its reader"
	small_start 8
	small_ok features 0
	small_ok start
	small_end
	ended_well "$1"
}

# No signal waits to be read.
statistics_done() {
	grep -q '^ShdPnd:[[:space:]]*0*$' "/proc/$app_pid/status"
}

# A command that nobody reads leaves no throw-away device, and neither does one that is to end.
case_command() {
	local status=0
	rm -f "$work/probe.out"
	mkfifo "$work/probe.out"
	true <"$work/probe.out" &
	LD_PRELOAD=$preload "$app" --probe >"$work/probe.out" 2>"$work/probe.log" || status=$?
	[ $status -lt 128 ] || fail "--probe ends by signal: $status"
	nothing_left
	own_start c1 --no-huge --no-shconf -m 128 --
	kill -KILL "$app_pid"
	wait "$app_pid" 2>/dev/null || true
	# it waits for a front end, until a signal says that it shall not
	small_start 8
	fresh "$work/destroy.log"
	LD_PRELOAD=$preload "$app" --destroy c1 >"$work/destroy.log" 2>&1 &
	app_pid=$!
	background+=("$app_pid")
	wait_for "$patience" grep -q 'waiting for the front end' "$work/destroy.log" || { log destroy; fail "it does not wait"; }
	kill "-$1" "$app_pid"
	app_ended 1
	kill -KILL "$small_pid"
	wait "$small_pid" 2>/dev/null || true
	exec 9>&- 4<&-
	LD_PRELOAD=$preload "$app" --destroy c1 >"$work/destroy.log" 2>&1 || { log destroy; fail "--destroy"; }
	nothing_left
}

for sandbox in on kill; do
	case_run "ends/default-$sandbox" case_eal $sandbox --no-huge -m 128
	case_run "ends/no-telemetry-$sandbox" case_eal $sandbox --no-huge -m 128 --no-telemetry
	case_run "ends/no-shconf-$sandbox" case_eal $sandbox --no-huge -m 128 --no-shconf
	case_run "ends/in-memory-$sandbox" case_eal $sandbox --in-memory -m 128
done
for signal in INT TERM HUP QUIT USR2 ALRM VTALRM PROF XCPU PWR IO STKFLT; do
	case_run "ends/$signal" case_signal $signal
done
case_run ends/unmoved case_unmoved
case_run ends/nohup case_nohup
case_run ends/reader-gone case_reader_gone TERM
case_run ends/reader-gone-INT case_reader_gone INT
case_run ends/command case_command HUP
exit $group_status
