# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Cases of cni with the daemon itself, whose devices have interfaces here: the plug-in and the daemon's two
# processes are killed between any two of their steps (test/tools/kill_at.c), and nothing is left.

kill_at=$tools/kill-at
conf_file=$work/steps.conf

daemon_listens() {
	! running "$daemon" || node network show >/dev/null 2>&1
}

# daemon_start: dpdk-vduse-net on the emulator, with net0 where there is none yet; sets daemon.
daemon_start() {
	fresh "$work/daemon.log"
	RUNTIME_DIRECTORY=$run LD_PRELOAD=$preload "$app" -d "$pmd" -l 0,1 --no-pci --no-huge --no-shconf -m 128 \
		--iova-mode=va --no-telemetry >"$work/daemon.log" 2>&1 &
	daemon=$!
	background+=("$daemon")
	wait_for "$patience" daemon_listens && running "$daemon" || { log daemon; fail "the daemon does not start"; }
	node network add net0 || fail "no network"
}

daemon_end() {
	kill "$daemon"
	ended "$daemon" || { log daemon; fail "the daemon ends badly"; }
	nothing_left
	rm -rf "${run:?}"/*
}

# steps_start: a daemon, a pod, and what there is before anything is added, in $work/before.
steps_start() {
	[ -x $plugins/host-local ] || skip "no $plugins/host-local: apt-get install containernetworking-plugins"
	emu set interfaces=1
	mkdir -m 0700 -p "$run"
	rm -rf "${run:?}"/*
	ip netns add "$pod"
	conf >"$conf_file"
	daemon_start
	census >"$work/before"
}

# census: devices, the vDPA bus, interfaces here and in the pod, leases, what is locked, containers.
census() {
	emu show
	ls "$VDUSE_EMU_DIR/dev/vduse" "$VDUSE_EMU_DIR/sys/bus/vdpa/devices"
	# the emulator's, which has the same parent as this
	ip -o link show | grep -o "\(emu\|far\)$(($(pgrep -P "$PPID" -x vduse-emu) % 1000000))-[0-9]*" || true
	ip -n "$pod" -o link show | cut -d : -f 2
	find "$work/leases" /run/dpdk-vduse-cni -name '10.*' -o -name 'cni:pods:*' 2>/dev/null || true
	node container show
	node show config
}

is_as_before() {
	census >"$work/after" && cmp "$work/before" "$work/after"
}

# as_before WORDS...: nothing is left of what the words say.
as_before() {
	is_as_before >/dev/null || fail "$*: left behind: $(diff "$work/before" "$work/after")"
}

add_ok() {
	cni ADD pod1 <"$conf_file" || { log daemon; fail "ADD: $(cat "$work/answer")"; }
	ip -n "$pod" -o addr show dev eth0 | grep -q 'inet 10.9.0' || fail "no address in the pod"
}

# until_done COMMAND: again where the daemon is on its way back.
until_done() {
	SECONDS=0
	until cni "$1" pod1 <"$2"; do
		[ "$(member 'answer["code"]')" = 11 ] && [ $SECONDS -lt "$patience" ] || {
			log daemon
			fail "$1: $(cat "$work/answer")"
		}
	done
}

gc_conf() {
	conf 1.1.0 '"cni.dev/valid-attachments": [],' >"$work/gc.conf"
}

# killed N COMMAND: the plug-in at its Nth step. Returns 1 where it is not killed any more.
killed() {
	local status=0
	plugin_at=$1 cni "$2" pod1 <"$conf_file" 2>"$work/killed" || status=$?
	[ $status = 99 ] || [ $status = 0 ] || fail "step $1 of $2: status $status: $(cat "$work/answer" "$work/killed")"
	[ $status != 0 ]
}

# The plug-in is killed at each step of ADD; DEL, or where nobody says that, GC takes back all.
case_steps_add() {
	local n
	steps_start
	gc_conf
	for ((n = 1; ; n++)); do
		killed $n ADD || break
		until_done DEL "$conf_file"
		as_before "ADD, $(cat "$work/killed"), and DEL"
		killed $n ADD || break
		wait_for "$patience" gc_leaves_nothing || as_before "ADD, $(cat "$work/killed"), and GC"
	done
	[ $n -gt 20 ] || fail "ADD has $n steps only"
	say "ADD has $((n - 1)) steps"
	cni DEL pod1 <"$conf_file" || fail "$(cat "$work/answer")"
	as_before "ADD and DEL"
	daemon_end
}

# What was asked of the daemon by one that is gone may still be on its way.
gc_leaves_nothing() {
	cni GC '' '' <"$work/gc.conf" && is_as_before
}

# The same of DEL; the next DEL does the rest.
case_steps_del() {
	local n
	steps_start
	for ((n = 1; ; n++)); do
		add_ok
		killed $n DEL || break
		cni DEL pod1 <"$conf_file" || fail "DEL after one that was $(cat "$work/killed"): $(cat "$work/answer")"
		as_before "DEL, $(cat "$work/killed"), and DEL"
	done
	[ $n -gt 8 ] || fail "DEL has $n steps only"
	say "DEL has $((n - 1)) steps"
	as_before "ADD and DEL"
	daemon_end
}

# An IPAM plug-in that outlives the one of ours that was killed, as it is not killed with it: what it still reserves
# is taken back by a DEL that comes meanwhile, or GC.
case_orphan() {
	local how pid
	steps_start
	gc_conf
	rm -f "$work/go"
	mkfifo "$work/go"
	cat >"$work/slow" <<-SH
		#!/bin/bash
		if [ "\$CNI_COMMAND" = ADD ]; then echo >"$work/started"; read -r _ <"$work/go"; fi
		exec $plugins/host-local
	SH
	chmod +x "$work/slow"
	sed -i 's/"host-local"/"slow"/' "$conf_file" "$work/gc.conf"
	for how in DEL GC; do
		rm -f "$work/started"
		cni ADD pod1 <"$conf_file" 2>/dev/null &
		pid=$!
		wait_for "$patience" test -e "$work/started" || fail "the IPAM plug-in is not called"
		kill -KILL "$(pgrep -P "$pid" -f dpdk-vduse-cni || echo "$pid")"
		wait "$pid" || true
		if [ $how = DEL ]; then cni DEL pod1 <"$conf_file" & else cni GC '' '' <"$work/gc.conf" & fi
		pid=$!
		wait_for "$patience" waits_or_ended "$pid"
		echo >"$work/go"
		ended "$pid" || fail "$how: $(cat "$work/answer")"
		as_before "$how while the IPAM plug-in of one that was killed is at work"
	done
	daemon_end
}

# Whether it waits for a lock, or has ended. In a PID namespace /proc/locks leaves out a lock whose taker is dead, with
# all who wait for it.
waits_or_ended() {
	local waiter
	! running "$1" && return
	waiter=$(plugin_of "$1")
	grep -qs -- "-> FLOCK .* $waiter " /proc/locks || grep -qs lock "/proc/$waiter/wchan"
}

# plugin_of PID: of the shell that runs it, or itself.
plugin_of() {
	pgrep -P "$1" -f "$plugin" || echo "$1"
}

# process_of WHO: the broker's or the poller's, which has EAL's threads.
process_of() {
	local pid who
	cat "/proc/$daemon/task/"*/children | tr ' ' '\n' | while read -r pid; do
		who=broker
		! has_eal "$pid" || who=poller
		[ "$who" != "$1" ] || [ -z "$pid" ] || echo "$pid"
	done
}

# watched N WHO COMMAND: the command while this process of the daemon is killed at its Nth step; the other
# that follows it does the rest. Returns 1 where it is not killed any more.
watched() {
	local pid killer
	pid=$(process_of "$2")
	[ -n "$pid" ] || fail "no $2"
	fresh "$work/watch" "$work/killed"
	"$kill_at" "$1" -p "$pid" <"$work/hold" >"$work/watch" 2>"$work/killed" &
	killer=$!
	background+=("$killer")
	exec 8>"$work/hold"
	wait_for "$patience" grep -qx ready "$work/watch" || fail "$2 cannot be watched: $(cat "$work/killed")"
	cni "$3" pod1 <"$conf_file" || [ "$(member 'answer["code"]')" = 11 ] || fail "$3: $(cat "$work/answer")"
	exec 8>&-
	ended "$killer" >/dev/null || true
	[ -s "$work/killed" ]
}

# steps_of WHO BY: a process of the daemon is killed at each step, or each so manieth, that it does for ADD, and for
# DEL. Another daemon comes for the next one: who is killed often is begun again later and later.
steps_of() {
	local n=0 adds=true dels=true by=$2
	steps_start
	rm -f "$work/hold"
	mkfifo "$work/hold"
	while $adds || $dels; do
		n=$((n + by))
		if $adds; then
			watched $n "$1" ADD || adds=false
			! $adds || say "ADD: step $n of the $1: $(cat "$work/killed"); $(tr -d '\n' <"$work/answer" | head -c 100)"
			until_done DEL "$conf_file"
			as_before "ADD, the $1 $(cat "$work/killed"), and DEL"
		fi
		if $dels; then
			until_done ADD "$conf_file"
			watched $n "$1" DEL || dels=false
			! $dels || say "DEL: step $n of the $1: $(cat "$work/killed"); $(tr -d '\n' <"$work/answer" | head -c 100)"
			until_done DEL "$conf_file"
			as_before "DEL, the $1 $(cat "$work/killed"), and DEL"
		fi
		daemon_end
		daemon_start
	done
	[ $n -gt 10 ] || fail "$n steps only"
	daemon_end
}

# each_or N: every step where the case is named, every third in test/run all, else every Nth.
each_or() {
	if [ -n "${TEST_CASES:-}" ]; then echo 1; else often 3 "$1"; fi
}

case_steps_broker() {
	steps_of broker "$(each_or 12)"
}

case_steps_poller() {
	steps_of poller "$(each_or 6)"
}

# The daemon is stopped, or killed, between ADD and DEL, and another comes.
case_restarted() {
	local how
	steps_start
	for how in TERM KILL; do
		add_ok
		kill -$how "$daemon"
		wait_for "$patience" is_gone running "$daemon" || fail "it does not end"
		wait "$daemon" || true
		refused 11 'dpdk-vduse-net does not answer' cni DEL pod1 <"$conf_file"
		daemon_start
		until_done DEL "$conf_file"
		as_before "DEL after $how"
	done
	daemon_end
}
