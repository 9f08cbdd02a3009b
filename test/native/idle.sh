#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-vduse-net without frames: its lcores sleep, and a frame, a signal or the end wakes them.
. "$(dirname "$0")/lib.sh"

# app_start CORES VDEV PORT [OPTION...]: a wire from PORT to a new device i1; sets app_pid.
app_start() {
	local cores=$1 vdev=$2 port=$3
	shift 3
	fresh "$work/app.log"
	LD_PRELOAD=$preload "$app" -l "$cores" --no-pci --no-telemetry --no-huge --no-shconf -m 128 \
		--vdev "$vdev" -- --port "$port" --name i1 --attach vhost "$@" \
		>"$work/app.log" 2>&1 </dev/null &
	app_pid=$!
	background+=("$app_pid")
	wait_for "$patience" grep -q forwarding "$work/app.log" || { log app; fail "the program does not start"; }
}

app_end() {
	local status=0
	kill -TERM "$app_pid"
	ended "$app_pid" || status=$?
	[ $status = 0 ] || { log app; fail "the program ends with status $status"; }
	nothing_left
}

counters_after() {
	[ "$(grep -c '^idle:' "$work/app.log")" -gt "$1" ]
}

# counters: sets sleeps, naps, wakes; main answers to the signal though it may be asleep.
counters() {
	local before
	before=$(grep -c '^idle:' "$work/app.log" || true)
	kill -USR1 "$app_pid"
	wait_for "$patience" counters_after "$before" || { log app; fail "no statistics on SIGUSR1"; }
	read -r sleeps naps wakes < <(sed -n 's/^idle: \([0-9]*\) sleeps, \([0-9]*\) naps, \([0-9]*\) wake.*/\1 \2 \3/p' \
		"$work/app.log" | tail -n 1)
	say "$sleeps sleeps, $naps naps, $wakes wake-ups"
}

counter_grows() {
	local before=${!1}
	counters
	[ "${!1}" -gt "$before" ]
}

# grows COUNTER: wait until it is more than now.
grows() {
	counters
	wait_for "$patience" counter_grows "$1" || fail "no more $1"
}

# counted_frames N: the statistics, taken anew, say that the device's driver sent so many.
counted_frames() {
	counters
	grep -q "i1 > net_vduse9: rx $1 " "$work/app.log"
}

# wake_frames N USECS: frames that find it asleep; sets latency.
wake_frames() {
	echo "wake $1 $2" >&9
	read -r -t "$patience" latency <&4 || fail "no answer of the small driver"
	read -r -t "$patience" small_answer <&4
	[ "$small_answer" = ok ] || { log app; fail "small driver: $latency $small_answer"; }
	say "$latency"
}

small_up() {
	small_start 64
	small_ok features 0
	small_ok start
	small_ok quiet
}

# Both sides of the wire are VDUSE devices: nothing but a queue wakes the lcores.
wakes_on() {
	local cores=$1
	app_start "$cores" net_vduse9,name=i2,attach=none net_vduse9
	grows sleeps
	small_up
	counters
	local before=$wakes rounds=0
	# where other work keeps it from falling asleep between two, they come slower
	until [ "$wakes" -ge $((before + 25)) ]; do
		[ $rounds -lt 20 ] || fail "$((wakes - before)) wake-ups for $((50 * rounds)) frames"
		wake_frames 50 $((20000 * (rounds + 1)))
		rounds=$((rounds + 1))
		counters
	done
	[ "$naps" = 0 ] || fail "$naps naps where every port can wake"
	# the lcore counts a frame behind its way
	wait_for "$patience" counted_frames $((50 * rounds)) || { log app; fail "not $((50 * rounds)) frames"; }
	grows sleeps
	small_end
	app_end
}

case_sleep() {
	wakes_on 0,1
}

# The main lcore forwards too, and sleeps: signals still reach it.
case_main() {
	wakes_on 0
}

# A ring port wakes nobody: naps.
case_nap() {
	app_start 0,1 net_ring0 net_ring0 --idle sleep,20000
	grows naps
	small_up
	wake_frames 20 50000
	counters
	[ "$sleeps" = 0 ] || fail "$sleeps sleeps beside a port that cannot wake"
	small_end
	app_end
}

# Neither sleeps nor naps.
case_poll() {
	local how
	for how in poll pause; do
		app_start 0,1 net_vduse9,name=i2,attach=none net_vduse9 --idle "$how"
		small_up
		wake_frames 20 1000
		counters
		[ "$sleeps $naps" = "0 0" ] || fail "--idle $how sleeps"
		small_end
		app_end
	done
}

# Memory changes, and drivers come and go, while the lcores sleep.
case_changes() {
	local i
	app_start 0,1 net_vduse9,name=i2,attach=none net_vduse9
	for i in 1 2; do
		grows sleeps
		small_up
		small_ok remap
		wake_frames 3 5000
		grows sleeps
		small_ok reset
		small_end
	done
	app_end
}

case_run idle/sleep case_sleep
case_run idle/main case_main
case_run idle/nap case_nap
case_run idle/poll case_poll
case_run idle/changes case_changes
exit $group_status
