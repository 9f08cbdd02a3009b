#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The control socket from outside: systemd's varlinkctl, of the trixie tree that DPDK 24.11 comes from,
# vdusectl as it is installed, and its completion. The networks behind it are played.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"
. "$pages/usertools/folders.sh"

tree=$(folders_cache)/trixie-tree
lib=$tree/usr/lib/x86_64-linux-gnu
interface=org.dpdk.vduse

need_varlinkctl() {
	[ "$(uname -m)" = x86_64 ] || skip "the tree is for another processor"
	need_peer
	[ -x "$tree/usr/bin/varlinkctl" ] || skip "the tree has no varlinkctl"
}

# By the tree's own loader and libraries.
varlinkctl() {
	"$tree/lib64/ld-linux-x86-64.so.2" --library-path "$lib:$lib/systemd" "$tree/usr/bin/varlinkctl" \
		--no-pager "$@"
}

call() {
	varlinkctl --json=short call "unix:$run/control" "$interface.$1" "$2"
}

# answers WANT METHOD PARAMETERS
answers() {
	local got
	got=$(call "$2" "$3")
	[ "$got" = "$1" ] || fail "$2 $3: $got, not $1"
}

# refuses ERROR METHOD PARAMETERS
refuses() {
	! call "$2" "$3" >"$work/refused.log" 2>&1 || fail "$2 $3 is not refused"
	grep -qF -- "$1" "$work/refused.log" || { log refused; fail "no $1"; }
}

case_introspect() {
	need_varlinkctl
	control_serve
	varlinkctl info "unix:$run/control" >"$work/info"
	grep -q 'Product: dpdk-vduse-net' "$work/info"
	[ "$(varlinkctl list-interfaces "unix:$run/control" | sort | xargs)" = "$interface org.varlink.service" ]
	varlinkctl introspect "unix:$run/control" "$interface" >"$work/told"
	varlinkctl validate-idl "$pages/app/vduse-net/varlink/$interface.varlink" >"$work/file"
	cmp "$work/told" "$work/file"
	varlinkctl validate-idl "$pages/app/vduse-net/varlink/org.varlink.service.varlink" >/dev/null
}

case_call() {
	need_varlinkctl
	control_serve
	answers '{"changed":true}' AddNetwork '{"name":"net0","mtu":9000}'
	answers '{"changed":false}' AddNetwork '{"name":"net0","mtu":9000}'
	answers '{"changed":true}' AddContainer '{"name":"c1","network":"net0","vlan":100,"trust":true}'
	answers '{"networks":[{"name":"net0","uplinks":[],"mtu":9000,"lcores":[],"link_state":"up","containers":1}]}' \
		ListNetworks '{}'
	refuses "$interface.Differs" AddNetwork '{"name":"net0","mtu":1500}'
	refuses "$interface.NoSuchContainer" SetContainer '{"name":"c2"}'
	# systemd has errno for some of the standard ones
	refuses 'Invalid' AddNetwork '{"name":"net1","colour":1}'
	refuses org.varlink.service.MethodNotFound ListAll '{}'
	answers '{"changed":true}' RemoveContainer '{"name":"c1"}'
}

case_more() {
	local monitor
	need_varlinkctl
	control_serve
	fresh "$work/events.log"
	varlinkctl --json=short --timeout=infinity call --more "unix:$run/control" "$interface.Monitor" '{}' \
		>"$work/events.log" 2>&1 &
	monitor=$!
	background+=("$monitor")
	wait_for "$patience" grep -q '"event":"ready"' "$work/events.log" || { log events; fail "no event"; }
	"$vdusectl" -S "$run/control" network add net0
	wait_for "$patience" grep -qF '{"event":"network_added","network":"net0"}' "$work/events.log" ||
		{ log events; fail "no event of the network"; }
	kill "$monitor"
	wait "$monitor" || true
	# who is gone does not matter to the next
	"$vdusectl" -S "$run/control" network add net1
}

case_tool() {
	local status=0
	control_serve
	echo "network add net0 mtu 9000" >"$work/net.conf"
	"$vdusectl" -S "$run/control" reload | grep -qx '1 added, 0 changed, 0 removed'
	"$vdusectl" -S "$run/control" show config | cmp - "$work/net.conf"
	kill "$server"
	wait "$server" || true
	"$vdusectl" -S "$run/control" check 2>"$work/tool.log" || status=$?
	[ "$status" = 3 ] || fail "status $status without a server"
	grep -q 'Connection refused: is dpdk-vduse-net running' "$work/tool.log"
}

# completes WANT WORD...: the last word is being written.
completes() {
	local want=$1
	shift
	COMP_WORDS=(vdusectl "$@")
	COMP_CWORD=$#
	_vdusectl
	[ "${COMPREPLY[*]}" = "$want" ] || fail "$*: ${COMPREPLY[*]}, not $want"
}

case_completion() {
	control_serve
	. "$pages/app/vdusectl/vdusectl.bash"
	vdusectl() {
		"$vdusectl" "$@"
	}
	vdusectl -S "$run/control" network add net0
	vdusectl -S "$run/control" container add c1 network net0
	vdusectl -S "$run/control" container add c2 network net0
	completes 'rebalance reload' re
	completes 'add set del show' network ''
	completes 'config' show ''
	completes 'max-macs max-tx-rate max-rx-rate' container add c9 max
	completes 'auto up down' container set c9 link ''
	completes 'c1 c2' -S "$run/control" container del ''
	completes 'net0' -S "$run/control" network set n
	completes '' container add ''
}

# refused WORDS...: what a reload says, which changes nothing.
refused() {
	local before
	before=$(node show config)
	! node reload 2>"$work/refused.log" || fail "it is not refused"
	grep -qF -- "$*" "$work/refused.log" || { log refused; fail "not said: $*"; }
	[ "$(node show config)" = "$before" ] || fail "something has changed"
}

# Networks and containers without a command; what differs from the file is done on request, or on a signal.
case_config() {
	cat >"$work/node.conf" <<-END
		network add net0 uplinks net_null0
		container add c1 network net0 mac 02:00:00:00:00:01 attach none
		container add c2 network net0 mac 02:00:00:00:00:02 attach none
	END
	node_start
	has_all c1 c2
	node show config | cmp - "$work/node.conf"
	node check "$work/node.conf" | grep -qx "ok: $work/node.conf: all of it is there as it says"
	node reload | grep -qx '0 added, 0 changed, 0 removed'
	# the page's example, where its NIC is not
	doc_block doc/network.md 'network add net0 uplinks 0000:01:00.0' >"$work/page.conf" || fail "the page has no example"
	node check "$work/page.conf" >"$work/page" || true
	sed 's/^/# /' "$work/page"
	grep -q "^fault: $work/page.conf:2: network net0: no port 0000:01:00.0" "$work/page"
	grep -qx "note: $work/page.conf:4: container c2: reload: it is changed: .*" "$work/page"
	[ "$(grep -c "^[a-z]*: $work/page.conf:[234]: " "$work/page")" = 3 ]
	sed -i 's/mac 02:00:00:00:00:01/& vlan 5000/' "$work/node.conf"
	refused "Configuration: $work/node.conf:2: vlan 5000: out of range: give 0 to 4094"
	sed -i 's/vlan 5000/queues 2/' "$work/node.conf"
	refused "NeedsReattach: $work/node.conf:2: container c1: queues: its driver has negotiated them"
	sed -i 's/ queues 2/ vlan 5/; s/net_null0/net_null7/' "$work/node.conf"
	refused "NoSuchUplink: $work/node.conf:1: network net0: no port net_null7"
	sed -i 's/net_null7/net_null0/; /c2/d' "$work/node.conf"
	echo 'container add c3 network net0 attach none' >>"$work/node.conf"
	node check | grep -qx "note: $work/node.conf:2: container c1: reload: it is changed: vlan"
	node network set net0 uplinks net_null1
	node network show net0 | grep -q '^net0: uplinks net_null1 '
	node network set net0 uplinks net_null0
	kill -USR1 "$app_pid"
	wait_for "$patience" grep -q '^container c1 of net0 (up): rx [0-9]* tx 0 drops 0' "$work/node.log" ||
		{ log node; fail "no counters on SIGUSR1"; }
	kill -HUP "$app_pid"
	has_all c3
	wait_for "$patience" grep -qF "$work/node.conf: 1 added, 1 changed, 1 removed" "$work/node.log" ||
		{ log node; fail "not done on SIGHUP"; }
	has_not c2 || fail "c2 stays"
	: >"$work/node.conf"
	node reload | grep -qx '0 added, 0 changed, 3 removed'
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

hears() {
	wait_for "$patience" grep -qx -- "$1" "$work/events.log" || { log events; log node; fail "not told: $1"; }
}

# Who monitors is told what happens to containers, and of what nobody is answered.
case_events() {
	local monitor
	cat >"$work/node.conf" <<-END
		network add net0 uplinks net_null0
		container add c1 network net0 attach none
	END
	node_start
	has_all c1
	fresh "$work/events.log"
	node monitor >"$work/events.log" 2>&1 &
	monitor=$!
	background+=("$monitor")
	hears ready
	node container set c1 link down
	hears 'link_down network net0 container c1'
	node container set c1 link auto
	hears 'link_up network net0 container c1'
	kill -KILL "$(poller_of "$app_pid")"
	hears 'fault: the process that forwards: it has ended; containers wait for the next'
	has_all c1
	kill "$monitor"
	wait "$monitor" || true
	: >"$work/node.conf"
	node reload | grep -qx '0 added, 0 changed, 2 removed'
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

more_prints() {
	[ "$(grep -c '^network net0 (up): mtu 1500, 0 containers$' "$work/node.log")" -ge "$1" ]
}

# Lines for networks, uplinks and containers, so often as is asked for.
case_stats() {
	echo 'network add net0 uplinks net_null0' >"$work/node.conf"
	node_start --stats-interval 1
	wait_for "$patience" more_prints 2 || { log node; fail "no lines"; }
	grep -q '^uplink net_null0 of net0 (up): rx ' "$work/node.log" || { log node; fail "no line of the uplink"; }
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
}

# What cannot be is the end of the start, with the line.
case_config_bad() {
	local status=0
	echo 'network add net0 mtu 5' >"$work/node.conf"
	node_start
	ended "$app_pid" || status=$?
	[ "$status" = 1 ] || { log node; fail "status $status"; }
	grep -qF -- "--config: $work/node.conf:1: mtu 5: out of range: give 68 to 65535" "$work/node.log" ||
		{ log node; fail "not said"; }
	printf 'network add net0\nnetwork add net1 uplinks net_null7\n' >"$work/node.conf"
	status=0
	node_start
	ended "$app_pid" || status=$?
	[ "$status" = 1 ] || { log node; fail "status $status"; }
	grep -qF -- "$work/node.conf:2: network net1: no port net_null7" "$work/node.log" ||
		{ log node; fail "not said"; }
	nothing_left
}

case_run control/introspect case_introspect
case_run control/call case_call
case_run control/more case_more
case_run control/tool case_tool
case_run control/completion case_completion
case_run control/config case_config
case_run control/config-bad case_config_bad
case_run control/stats case_stats
case_run control/events case_events
exit $group_status
