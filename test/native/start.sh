#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Several of dpdk-vduse-net on one machine, with EAL's defaults: each finds a runtime folder of its own,
# also while a device is taken over; what one leaves does not hinder the next; and why EAL does not start.
. "$(dirname "$0")/lib.sh"

lcores=0,1

# serve NAME LOG OPTION... [-- EAL-OPTION...]: sets app_pid, and serves is 0 once it forwards.
serve() {
	local name=$1 log=$2 options=() eal=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# = 0 ] || eal=("${@:2}")
	mkdir -m 0700 -p "$run" "$run/state"
	fresh "$work/$log.log"
	RUNTIME_DIRECTORY=$run LD_PRELOAD=$preload "$app" -d "$pmd" --no-pci -l "$lcores" --no-huge -m 64 \
		${eal[@]+"${eal[@]}"} --vdev net_null0 -- --port net_null0 --name "$name" \
		--mac 02:00:00:00:00:01 --attach vhost --state-dir "$run/state" --keep 0 \
		${options[@]+"${options[@]}"} >"$work/$log.log" 2>&1 &
	app_pid=$!
	background+=("$app_pid")
	wait_for "$patience" decided "$log" || { log "$log"; fail "$name neither serves nor ends"; }
}

decided() {
	grep -q forwarding "$work/$1.log" || ! running "$app_pid"
}

serves() {
	grep -q forwarding "$work/$1.log" || { log "$1"; fail "$1 does not serve"; }
}

end() {
	local status=0
	kill -TERM "$1"
	ended "$1" || status=$?
	[ $status = 0 ] || { log app; fail "status $status"; }
}

# Neither a device nor a folder of EAL's.
all_gone() {
	nothing_left
	[ -z "$(ls "$run/dpdk")" ] || fail "left of EAL: $(ls "$run"/dpdk/*)"
}

case_two() {
	local first
	serve c1 app
	serves app
	first=$app_pid
	serve c2 second
	serves second
	end "$app_pid"
	end "$first"
	all_gone
}

case_takeover() {
	local first
	serve c1 app
	serves app
	first=$app_pid
	serve c1 second --takeover
	serves second
	ended "$first" || { log app; fail "the first ends with status $?"; }
	first=$app_pid
	serve c1 third --takeover
	serves third
	ended "$first" || { log second; fail "the second ends with status $?"; }
	end "$app_pid"
	all_gone
}

case_killed() {
	serve c1 app
	serves app
	kill -KILL "$app_pid"
	wait "$app_pid" 2>/dev/null || true
	[ -e "$run/dpdk/c1/config" ] || fail "nothing is left to test with"
	serve c1 second
	serves second
	end "$app_pid"
	all_gone
}

# refused_with WORDS OPTION...: one line of the program, with the cause and what to do.
refused_with() {
	local words=$1 status=0
	shift
	serve c9 refused -- "$@"
	ended "$app_pid" || status=$?
	say "$(grep '^dpdk-vduse-net:' "$work/refused.log")"
	[ $status = 1 ] || fail "status $status"
	[ "$(grep -c '^dpdk-vduse-net:' "$work/refused.log")" = 1 ] || fail "not one line"
	grep -q "^dpdk-vduse-net: EAL does not start: .*$words" "$work/refused.log" || fail "not: $words"
	! grep -q Success "$work/refused.log" || fail "Success"
}

case_causes() {
	local first
	serve c1 app -- --file-prefix mine
	serves app
	first=$app_pid
	refused_with 'mine.*a process runs with --file-prefix mine: stop that one, or give another' --file-prefix mine
	refused_with 'mine.*a process runs with --file-prefix mine' --file-prefix=mine
	refused_with 'l[^ ]* should not occur multiple times\|lcore 100 unavailable' -l 0,100
	lcores=0,100
	refused_with 'lcore 100 unavailable'
	end "$first"
	nothing_left
}

case_run start/two case_two
case_run start/takeover case_takeover
case_run start/killed case_killed
case_run start/causes case_causes
exit $group_status
