#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Back ends are killed, and others go on where they were: the driver notices a pause, no more.
# CRASH_KILLS is the number of kills in a case (default 15). By hand, a thousand:
#   CRASH_KILLS=1000 test/emu/vduse-emu run ctrl_vq=1 -- test/native/crash.sh BUILD
. "$(dirname "$0")/lib.sh"

kills=${CRASH_KILLS:-$(often 15 5)}

# app_start NAME OPTION...: dpdk-vduse-net with a port that gives back what it is sent; sets app_pid. $more is of EAL.
app_start() {
	local name=$1
	shift
	fresh "$work/app.log"
	# shellcheck disable=SC2086
	LD_PRELOAD=$preload RUNTIME_DIRECTORY=$run "$app" -l 0 --no-pci --no-telemetry --no-huge \
		--no-shconf -m 128 --vdev net_ring0 ${more:-} -- --port net_ring0 --name "$name" \
		--attach vhost --keep "${app_keep:-0}" "$@" >"$work/app.log" 2>&1 </dev/null &
	app_pid=$!
	background+=("$app_pid")
}

app_ready() {
	wait_for "$patience" grep -q 'forwarding' "$work/app.log" || { log app; fail "the program does not start"; }
}

# app_kill: between any two instructions.
app_kill() {
	kill -KILL "$app_pid"
	wait "$app_pid" 2>/dev/null || true
}

app_end() {
	local status=0
	kill -TERM "$app_pid"
	ended "$app_pid" || status=$?
	[ $status = 0 ] || { log app; fail "status $status"; }
}

# echo_start FORMAT: the driver (test/tools/echo.c).
echo_start() {
	rm -f "$work/echo.in" "$work/echo.out"
	mkfifo "$work/echo.in" "$work/echo.out"
	wait_for "$patience" emu_has_vhost || fail "no vhost-vdpa device: $(emu show)"
	fresh "$work/echo.log"
	LD_PRELOAD=$preload "$tools/echo" /dev/vhost-vdpa-0 "$1" \
		<"$work/echo.in" >"$work/echo.out" 2>"$work/echo.log" &
	echo_pid=$!
	background+=("$echo_pid")
	exec 9>"$work/echo.in" 4<"$work/echo.out"
}

emu_has_vhost() {
	emu show | grep -q ' minor 0 '
}

# echo_ok COMMAND: or the case fails; the answer is in $answer.
echo_ok() {
	echo "$*" >&9
	answer="no answer"
	read -r -t "$patience" answer <&4 || true
	[[ $answer = ok* ]] || { log echo; log app; fail "$*: $answer"; }
}

echo_end() {
	echo quit >&9
	exec 9>&- 4<&-
	ended "$echo_pid" || fail "the driver ends badly"
	driver_gone
}

# killed FORMAT OPTION...: a process is killed under traffic, and followed by another. Traffic goes
# on in under a second after the new one polls; of the time that both it and the driver, who poll without
# a rest, had a processor for, whatever else the machine has to do.
killed() {
	local format=$1 n ms both slowest=0 busiest=0
	shift
	mkdir -p -m 700 "$run"
	app_start k1 --ring "$format" --idle poll "$@"
	app_ready
	echo_start "$format"
	echo_ok start
	echo_ok back
	for ((n = 0; n < kills; n++)); do
		app_kill
		emu show | grep -q '^k1: closed' || fail "the device is gone: $(emu show)"
		app_start k1 --ring "$format" --idle poll "$@"
		app_ready
		echo_ok back "$app_pid"
		read -r _ ms _ both _ <<<"$answer"
		[ "$both" -lt 1000 ] || fail "traffic took $both ms to come back"
		slowest=$((ms > slowest ? ms : slowest)) busiest=$((both > busiest ? both : busiest))
	done
	grep -q 'k1: resumed after the previous process' "$work/app.log" || fail "it was not taken over"
	echo_ok full
	echo_ok show
	say "$kills kills, traffic at most $slowest ms after the start, $busiest ms of both: $answer"
	echo_end
	app_end
	nothing_left
	[ ! -e "$run/k1.state" ] || fail "its state file is left"
}

# taken FORMAT: a new process takes the device over from the one that runs; not a frame is lost
# between them, but for those that the first one's port had.
taken() {
	local format=$1 n first
	mkdir -p -m 700 "$run"
	app_start k1 --ring "$format"
	app_ready
	echo_start "$format"
	echo_ok start
	echo_ok back
	for n in 1 2 3; do
		first=$app_pid
		mv "$work/app.log" "$work/app-before.log"
		app_start k1 --ring "$format" --takeover
		# it goes when the other one has started
		wait_for "$patience" is_gone running "$first" || { log app; fail "the first one does not go"; }
		ended "$first" || { log app-before; fail "the first one does not end well"; }
		app_ready
		echo_ok back
		grep -q 'k1: taken over; it rested for' "$work/app.log" || { log app; fail "not taken over"; }
	done
	say "$(grep 'it rested for' "$work/app.log")"
	echo_ok full
	echo_ok show
	say "$answer"
	echo_end
	app_end
	nothing_left
	[ ! -e "$run/k1.state" ] && [ ! -e "$run/k1.sock" ] || fail "left: $(ls "$run")"
}

# Nobody to take over from: as without it.
case_nobody() {
	mkdir -p -m 700 "$run"
	app_start k1 --takeover
	app_ready
	grep -q 'k1: no process serves it' "$work/app.log" || { log app; fail "not a word about it"; }
	app_end
	nothing_left
}

# A file that cannot be used is in nobody's way: one line, and a clean start.
stale() {
	local what=$1
	mkdir -p -m 700 "$run"
	rm -rf "$run/k1.state"
	case $what in
	empty) : >"$run/k1.state" ;;
	short) echo VDUSE >"$run/k1.state" ;;
	foreign) head -c 100000 /dev/urandom >"$run/k1.state" ;;
	link) ln -s /etc/passwd "$run/k1.state" ;;
	folder) mkdir "$run/k1.state" ;;
	esac
	[ -L "$run/k1.state" ] || chmod 600 "$run/k1.state"
	app_start k1
	app_ready
	if [ "$what" != empty ]; then
		[ "$(grep -c 'state file k1.state: .*: it is ignored' "$work/app.log")" = 1 ] ||
			{ log app; fail "$what: not one line"; }
	fi
	app_end
	nothing_left
}

case_stale() {
	local what
	for what in empty short foreign link folder; do
		stale $what
	done
	grep -q root /etc/passwd || fail "the file behind the link was touched"
}

# A second process, which is to fail: $more is of EAL, $as what runs it. Its log is second.log.
second() {
	fresh "$work/second.log"
	# shellcheck disable=SC2086
	LD_PRELOAD=$preload RUNTIME_DIRECTORY=$run ${as:-} "$app" -l 0 --no-pci --no-telemetry \
		--no-huge --no-shconf -m 128 --vdev net_ring0 ${more:-} -- --port "${port:-net_ring0}" \
		--name k1 --attach vhost --keep 0 "$@" >"$work/second.log" 2>&1 </dev/null &
	second_pid=$!
	background+=("$second_pid")
}

# fails WHAT: it has failed, and the first one serves the driver, which noticed nothing.
fails() {
	local status=0
	wait_for "$patience" is_gone running "$second_pid" || { log second; fail "$1: it does not end"; }
	wait "$second_pid" || status=$?
	[ $status != 0 ] || { log second; fail "$1: it does not fail"; }
	running "$app_pid" || { log app; fail "$1: the process that served has ended"; }
	echo_ok back
	[ -S "$run/k1.sock" ] && [ -e "$run/k1.state" ] || fail "left: $(ls "$run")"
}

# serve_first [OPTION...]
serve_first() {
	mkdir -p -m 700 "$run"
	app_start k1 "$@"
	app_ready
	echo_start split
	echo_ok start
	echo_ok back
}

serve_end() {
	echo_ok full
	echo_end
	app_end
	nothing_left
	[ ! -e "$run/k1.state" ] && [ ! -e "$run/k1.sock" ] || fail "left: $(ls "$run")"
}

# Each step of a new process fails; the last one is with the device in its hands.
case_steps() {
	serve_first
	port=net_none second --takeover
	fails "a port that is not there"
	second --takeover --mbufs 60000000
	fails "no memory"
	as='prlimit --nofile=24:24' second --takeover
	fails "no descriptors"
	second --takeover --sandbox nonsense
	fails "no sandbox"
	second --takeover --idle nonsense
	fails "an option that is none"
	emu fault ioctl ioctl=VQ_GET_INFO times=1 errno=EINVAL
	second --takeover
	fails "another device than was promised"
	emu clear
	grep -q 'k1: .*this one goes on where it stopped' "$work/app.log" || { log app; fail "not a word"; }
	serve_end
}

# All wires change hands or none: the second one's device is another than was promised when the first one's is in
# the new process's hands already.
case_wires() {
	local more='--vdev net_null1' other=(--port net_null1 --name k2 --attach none --keep 0)
	serve_first "${other[@]}"
	emu fault ioctl ioctl=VQ_GET_INFO nth=2 times=1 errno=EINVAL
	second --takeover "${other[@]}" --takeover
	fails "another second device than was promised"
	emu clear
	grep -q 'k2: what was handed over is another device' "$work/second.log" || { log second; fail "not the second one"; }
	[ "$(grep -c 'k[12]: .*this one goes on where it stopped' "$work/app.log")" = 2 ] || { log app; fail "not both"; }
	[ -S "$run/k2.sock" ] && [ -e "$run/k2.state" ] || fail "left: $(ls "$run")"
	second --takeover "${other[@]}" --takeover
	wait_for "$patience" is_gone running "$app_pid" || { log second; fail "the first one does not go"; }
	app_pid=$second_pid
	wait_for "$patience" grep -q 'forwarding 2 wire' "$work/second.log" || { log second; fail "it does not start"; }
	echo_ok back
	serve_end
	[ ! -e "$run/k2.state" ] && [ ! -e "$run/k2.sock" ] || fail "left: $(ls "$run")"
}

# Whoever comes to the socket and goes again: it is no request.
case_peers() {
	local what
	serve_first
	for what in '' x hello; do
		/usr/bin/python3 - "$run/k1.sock" "$what" <<'PYTHON'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
if sys.argv[2]:
    s.send(sys.argv[2].encode())
    s.recv(1000)
s.close()
PYTHON
		echo_ok back
		running "$app_pid" || { log app; fail "the process that served has ended"; }
	done
	serve_end
}

# A start that resumed a device and fails leaves it as it was found.
case_resumed() {
	serve_first
	app_kill
	second --mbufs 60000000
	wait_for "$patience" is_gone running "$second_pid" || { log second; fail "it does not end"; }
	wait "$second_pid" && fail "it does not fail"
	emu show | grep -q '^k1: closed' || fail "the device is gone: $(emu show)"
	[ -e "$run/k1.state" ] || fail "its state file is gone"
	app_start k1
	app_ready
	echo_ok back
	serve_end
}

# An end in order, with --keep 1: the device stays, and the next start goes on. --destroy ends it.
case_kept() {
	local n
	local app_keep=1
	serve_first
	for n in 1 2 3; do
		app_end
		emu show | grep -q '^k1: closed' || fail "the device is gone: $(emu show)"
		[ -e "$run/k1.state" ] && [ ! -e "$run/k1.sock" ] || fail "left: $(ls "$run")"
		app_start k1
		app_ready
		grep -q 'k1: resumed after the previous process' "$work/app.log" || fail "it was not resumed"
		echo_ok back
	done
	echo_ok full
	echo_end
	app_end
	LD_PRELOAD=$preload RUNTIME_DIRECTORY=$run "$app" --destroy k1 >"$work/destroy.log" 2>&1 ||
		{ log destroy; fail "--destroy"; }
	nothing_left
	[ ! -e "$run/k1.state" ] || fail "its state file is left"
}

case_run crash/stale case_stale
case_run crash/nobody case_nobody
case_run crash/split killed split
case_run crash/packed killed packed
for format in split packed; do
	case_run "crash/takeover-$format" taken $format
done
case_run crash/steps case_steps
case_run crash/wires case_wires
case_run crash/peers case_peers
case_run crash/resumed case_resumed
case_run crash/kept case_kept
exit $group_status
