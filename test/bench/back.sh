# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A network's daemon is killed with containers on it: how long it takes until a new one serves them all
# again. Sourced by run-containers.

# shellcheck disable=SC2154 # build, dir, emu: of run-containers
ctl() { "$build/app/vdusectl/vdusectl" -S "$dir/run/control" "$@"; }

# back_add N: at run time, each with rules of its own and a driver
back_add() {
	local i
	for ((i = 0; i < $1; i++)); do
		ctl container add "r$i" network net0 mac "$(printf '02:00:00:01:%02x:%02x' $((i / 256)) $((i % 256)))" \
			vlan $((1 + i % 4000)) max-tx-rate $((1000 + i)) bum-rate $((5000 + i)) \
			ip "10.0.$((i / 256)).$((i % 256))" attach none profile latency queue-size 64 ||
			fail "r$i cannot be added"
		until_true 120 "$emu" attach "r$i" || fail "cannot attach r$i"
	done
	drivers_start "$1"
	until_true 120 back_served "$1" || fail "not all drivers are served"
}

back_served() { [ "$(ctl container show | grep -c ' attached$')" = "$1" ]; }

# back_again N: every process of the daemon is killed; prints how long the next one takes, from its start
back_again() {
	local begin children
	ctl show config >"$dir/before"
	read -ra children <"/proc/$back_pid/task/$back_pid/children"
	kill -KILL "$back_pid" "${children[@]}"
	wait "$back_pid" 2>/dev/null
	begin=$EPOCHREALTIME
	start_network
	until_true 120 back_served "$1" || fail "not all are back: $(ctl container show | grep -c ' attached$')"
	echo "mode=back containers=$1 back=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))"
	ctl show config >"$dir/after"
	cmp -s "$dir/before" "$dir/after" || fail "other rules: $(diff "$dir/before" "$dir/after" | head -n 3)"
}
