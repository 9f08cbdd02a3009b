#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The application as a service: what it tells the service manager, a watchdog that means something,
# and an end that leaves nothing, also where a front end does not let go.
. "$(dirname "$0")/lib.sh"

# manager_start: takes what services tell it, each line into manager.log.
manager_start() {
	fresh "$work/manager.log"
	/usr/bin/python3 -u - "vduse-notify-$$" <<'PYTHON' >"$work/manager.log" 2>&1 &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\0' + sys.argv[1])
print('listening')
while True:
    print(s.recv(4096).decode())
PYTHON
	background+=("$!")
	wait_for "$patience" grep -q listening "$work/manager.log" || { log manager; fail "no manager"; }
	app_as=(env "NOTIFY_SOCKET=@vduse-notify-$$" WATCHDOG_USEC=200000)
}

# manager_heard: all that was told before this is in manager.log.
manager_heard() {
	marks=$((${marks:-0} + 1))
	/usr/bin/python3 - "vduse-notify-$$" "MARK=$marks" <<'PYTHON'
import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), '\0' + sys.argv[1])
PYTHON
	need_told "MARK=$marks"
}

told() {
	grep -q "^$1" "$work/manager.log"
}

# need_told LINE: within a while.
need_told() {
	wait_for "$patience" told "$1" || { log manager; log app; fail "not told: $1"; }
}

alive_count() {
	grep -c '^WATCHDOG=1' "$work/manager.log" || true
}

more_alive() {
	[ "$(alive_count)" -gt "$1" ]
}

complaints() {
	[ "$(grep -c "no progress of $1" "$work/app.log")" -ge "$2" ]
}

# stuck THREAD CALLED: while it stands still the manager hears nothing; then it does again.
stuck() {
	local before complained
	hold "$1"
	complained=$(grep -c "no progress of $2" "$work/app.log" || true)
	# one sign of life may have been on its way
	wait_for "$patience" complaints "$2" $((complained + 1)) || { log app; fail "$1 is not missed"; }
	manager_heard
	before=$(alive_count)
	wait_for "$patience" complaints "$2" $((complained + 6)) || { log app; fail "$1 is not missed any more"; }
	manager_heard
	[ "$(alive_count)" = "$before" ] || fail "$1 stands still and the manager hears of life"
	let_go
	wait_for "$patience" more_alive "$before" || { log app; fail "$1 goes on and the manager does not hear"; }
}

case_watchdog() {
	manager_start
	app_start w1 --attach vhost
	need_told READY=1
	need_told 'STATUS=forwarding 1 wire(s) on 1 lcore(s)'
	wait_for "$patience" more_alive 2 || { log manager; fail "no sign of life"; }
	stuck "$thread_lcore" 'a lcore'
	stuck vduse-ctl 'the control thread'
	say "$(grep -c 'no progress' "$work/app.log") complaints, $(alive_count) signs of life"
	told STOPPING=1 && fail "it is not stopping"
	app_end
	need_told STOPPING=1
	nothing_left
}

# main_switches: how often the main thread has gone to sleep.
main_switches() {
	sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$app_pid/task/$app_pid/status"
}

main_went_on() {
	[ "$(main_switches)" -ge "$1" ]
}

# What the driver has sent is forwarded before the end.
case_drain() {
	local n switches
	manager_start
	app_port=net_null0,no-rx=1 app_start d1 --attach vhost --profile latency
	need_told READY=1
	front_start 1 "" --total-num-mbufs=6144
	hold "$thread_lcore"
	front "set fwd io"
	front "start tx_first 5"
	[ "$(app_sent)" = 0 ] || fail "frames were taken already"
	kill -TERM "$app_pid"
	need_told STOPPING=1
	# it has seen several times that the lcore stands still, and does not give the frames up
	switches=$(main_switches)
	wait_for "$patience" main_went_on $((switches + 20)) || { log app; fail "it does not wait for the lcore"; }
	let_go
	wait_for "$patience" grep -q '^mbufs:' "$work/app.log" || { log app; fail "no statistics at the end"; }
	front_end
	app_ended 0
	n=$(grep '^wire 0' "$work/app.log" | tail -n 1)
	say "$n"
	grep -q 'd1 > net_null0: rx 160 tx 160' <<<"$n" || fail "not all 160 frames"
	nothing_left
}

waits_for_front() {
	grep -q 'waiting for the front end to close it' "$work/app.log"
}

# A front end keeps its device open: the end waits for it, and a second signal ends that.
case_second_signal() {
	app_start b1 --attach vhost
	small_start 8
	small_ok features 0
	small_ok start
	kill -TERM "$app_pid"
	wait_for "$patience" waits_for_front || { log app; fail "it does not wait"; }
	kill -TERM "$app_pid"
	app_ended 1
	grep -q 'b1: stays in /dev/vduse.*--destroy b1' "$work/app.log" || { log app; fail "no cure"; }
	[ ! -e "$run/dpdk/b1/dpdk_telemetry.v2" ] || fail "the telemetry socket stays"
	kill -KILL "$small_pid"
	wait "$small_pid" 2>/dev/null || true
	exec 9>&- 4<&-
	LD_PRELOAD=$preload "$app" --destroy b1 >"$work/destroy.log" 2>&1 || { log destroy; fail "--destroy"; }
	nothing_left
}

# It lets go in time: nothing is left.
case_busy_front() {
	app_start b2 --attach vhost
	small_start 8
	small_ok features 0
	small_ok start
	kill -TERM "$app_pid"
	wait_for "$patience" waits_for_front || { log app; fail "it does not wait"; }
	small_end
	app_ended 0
	nothing_left
}

# Somebody has the file open for a moment, as udev may.
case_busy_file() {
	app_start b3 --attach vhost
	emu fault ioctl ioctl=DESTROY_DEV times=3 errno=EBUSY
	app_end
	nothing_left
}

# On the bus by another hand than ours: off it all the same, for nobody serves it there.
case_others_attach() {
	app_start b4 --attach none
	emu attach b4
	small_start 8
	small_ok features 0
	small_ok start
	small_end
	app_end
	nothing_left
}

case_run service/watchdog case_watchdog
case_run service/drain case_drain
case_run service/second-signal case_second_signal
case_run service/busy-front case_busy_front
case_run service/busy-file case_busy_file
case_run service/others-attach case_others_attach
exit $group_status
