#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The control socket from outside: systemd's varlinkctl, of the trixie tree that DPDK 24.11 comes from,
# vdusectl as it is installed, and its completion. The networks behind it are played.
. "$(dirname "$0")/lib.sh"
. "$pages/usertools/folders.sh"

tree=$(folders_cache)/trixie-tree
lib=$tree/usr/lib/x86_64-linux-gnu
vdusectl=$subject/app/vdusectl/vdusectl
interface=org.dpdk.vduse

# serve: the server, on $run/control; sets server.
serve() {
	mkdir -m 0700 -p "$run"
	rm -f "$work/net.conf"
	"$subject/test/unit/app/control_server" "$run/control" "$work/net.conf" >"$work/server.log" 2>&1 &
	server=$!
	background+=("$server")
	wait_for "$patience" grep -qx ready "$work/server.log" || { log server; fail "the server does not start"; }
}

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
	serve
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
	serve
	answers '{"changed":true}' AddNetwork '{"name":"net0","mtu":9000}'
	answers '{"changed":false}' AddNetwork '{"name":"net0","mtu":9000}'
	answers '{"changed":true}' AddContainer '{"name":"c1","network":"net0","vlan":100,"trust":true}'
	answers '{"networks":[{"name":"net0","uplinks":[],"mtu":9000,"link_state":"up","containers":1}]}' \
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
	serve
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
	serve
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
	serve
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

case_run control/introspect case_introspect
case_run control/call case_call
case_run control/more case_more
case_run control/tool case_tool
case_run control/completion case_completion
exit $group_status
