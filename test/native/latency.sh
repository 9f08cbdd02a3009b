#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vdusectl latency at the daemon itself, with a container that answers pings of this host.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"
. "$(dirname "$0")/lib-uplink.sh"

# With its signals heard of, it ends by one with what there is.
hears_signals() {
	grep -q '^SigBlk:.*4002$' "/proc/$tool/status"
}

has_answers() {
	[ "$(grep -c 'bytes from' "$work/ping.log")" -ge "$1" ]
}

# Each answer is a frame to the container and one from it; between two its queue is left, so that a kick brings it back.
timed() {
	"$vdusectl" -S "$1" -j latency c1 -t 1 >"$work/timed.log" 2>&1 || return 1
	/usr/bin/python3 - "$work/timed.log" <<-'END'
		import json, sys
		kinds = json.load(open(sys.argv[1], encoding='utf-8'))
		assert [k['what'] for k in kinds] == ['in', 'out', 'kick']
		for k in kinds:
		    assert k['count'] > 0
		    assert sum(t['count'] for t in k['times']) == k['count']
		    assert 0 < k['p50'] <= k['p90'] <= k['p99'] <= k['longest'] < 60 * 10**9
		    assert k['times'][-1]['up_to'] >= k['longest']
	END
}

case_pings() {
	need_tun
	port_start net_tap0,iface=out0
	node network add net0 uplink net_tap0
	node container add c1 network net0 mac 02:00:00:00:00:01 attach none
	emu attach c1
	front_start 1 ,mac=02:00:00:00:00:01
	front set fwd icmpecho
	front start
	pings out0
	fresh "$work/ping.log"
	ip netns exec "$ns" ping -i 0.1 10.9.0.2 >"$work/ping.log" 2>&1 &
	ping=$!
	background+=("$ping")
	wait_for "$patience" timed "$run/control" || { log timed; log node; fail "no times"; }
	# who may look may look at these
	wait_for "$patience" timed "$run/observe" || { log timed; log node; fail "no times for an observer"; }
	fresh "$work/latency.log"
	"$vdusectl" -S "$run/control" latency c1 >"$work/latency.log" 2>&1 &
	tool=$!
	background+=("$tool")
	wait_for "$patience" hears_signals || fail "it does not listen"
	wait_for "$patience" has_answers $(($(grep -c 'bytes from' "$work/ping.log") + 5)) || { log ping; fail "no answers"; }
	kill -INT "$tool"
	ended "$tool" || { log latency; fail "its status"; }
	[ "$(grep -cE '^(in|out|kick): [0-9]+' "$work/latency.log")" = 3 ] || { log latency; fail "not three kinds"; }
	! node latency c9 -t 1 2>"$work/none.log" || fail "of one that there is not"
	grep -q '^vdusectl: NoSuchContainer: no container and no uplink c9: ' "$work/none.log" || { log none; fail "the error"; }
	# its end, while it is measured
	"$vdusectl" -S "$run/control" latency c1 >"$work/latency.log" 2>&1 &
	tool=$!
	background+=("$tool")
	wait_for "$patience" hears_signals || fail "it does not listen"
	kill "$ping"
	front stop
	front_end
	node container del c1
	ended "$tool" && { log latency; fail "it does not see the end"; }
	grep -q '^vdusectl: NoSuchContainer: ' "$work/latency.log" || { log latency; fail "not said why"; }
	node network del net0
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

ordinary || exit 0
case_run latency/pings case_pings
exit $group_status
