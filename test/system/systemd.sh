#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The services under systemd, which is the machine's first process: the units as they are installed, set up by
# the commands of doc/security.md, are killed, stopped and started with containers' traffic on them.
# Kernels: one
# Init: /lib/systemd/systemd
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-systemd.sh
. /vm/system/lib-systemd.sh

unit=dpdk-vduse-net@web

# user_of NAME: the number of an instance's user.
user_of() {
	getent passwd "dpdk-vduse-$1" | cut -d : -f 3
}

# uplink NAME NUMBER: the host's interface NAME0, and behind it a network namespace NAME-far, 10.0.0.NUMBER.
uplink() {
	ip netns add "$1-far"
	ip link add "$1"0 type veth peer name eth0 netns "$1-far"
	ip link set "$1"0 up
	container_up "$1-far" "$2"
	# what a packet socket reads must be ready for the wire
	in_ns "$1-far" ethtool -K eth0 tx off tso off gso off >/dev/null
}

ifindex() {
	in_ns "$1" cat /sys/class/net/eth0/ifindex
}

carrier() {
	in_ns "$1" cat /sys/class/net/eth0/carrier | grep -qx "$2"
}

# In an emulated machine everything takes longer; a watchdog that bites is no part of these cases.
slow_machine() {
	mkdir -p /etc/systemd/system/dpdk-vduse-net@.service.d
	cat >/etc/systemd/system/dpdk-vduse-net@.service.d/slow.conf <<-END
		[Service]
		WatchdogSec=600
		TimeoutStartSec=600
		TimeoutStopSec=600
	END
	systemctl daemon-reload
}

case_start() {
	echo 'passwd: files systemd' >/etc/nsswitch.conf
	modprobe -a veth af_packet || true
	uplink web 2
	slow_machine
	doc_run doc/security.md 'web.conf' || { said "$unit"; exit 1; }
	[ "$(cat /proc/1/comm)" = systemd ] || fail "the first process is $(cat /proc/1/comm)"
	is_state "$unit" active || { said "$unit"; fail "it is $(property "$unit" ActiveState)"; }
	need_netdev c1 none "$(main_pid "$unit")"
	container c1 "$dev" 1
	ping_back c1 10.0.0.2 || { said "$unit"; fail "no answer"; }
	ping_ok c1 10.0.0.2 10
	ifindex c1 >/tmp/ifindex
	in_ns c1 cat /sys/class/net/eth0/address | grep -qx 02:00:00:00:00:01
}

# The one who serves has neither root nor, once it does, a capability.
case_user() {
	local main uid
	main=$(main_pid "$unit")
	uid=$(user_of web)
	[ -n "$uid" ] && [ "$uid" -ge 61184 ] && [ "$uid" -le 65519 ] || fail "user $uid is none of systemd's dynamic ones"
	grep -qE "^Uid:[[:space:]]${uid}[[:space:]]${uid}[[:space:]]" "/proc/$main/status"
	grep -q '^CapEff:[[:space:]]*0000000000000000' "/proc/$main/status" || fail "$(grep Cap "/proc/$main/status")"
	[ "$(stat -c '%u %a' /dev/vduse/c1)" = "$uid 600" ] || fail "$(ls -l /dev/vduse/c1)"
	# without the C library's module for such users it is said what is missing
	echo 'passwd: files' >/etc/nsswitch.conf
	"$app" --setup create --owner dpdk-vduse-web --port net_null0 --name c1 --mac 02:00:00:00:00:01 \
		>/tmp/refused 2>&1 && fail "a user is known that cannot be"
	echo 'passwd: files systemd' >/etc/nsswitch.conf
	grep -q 'no such user.*libnss-systemd' /tmp/refused || fail "$(cat /tmp/refused)"
}

# goes_on: the same interface, with pings and the stream of before.
goes_on() {
	local at
	is_state "$unit" active || { said "$unit"; fail "it is $(property "$unit" ActiveState)"; }
	ifindex c1 | cmp - /tmp/ifindex || fail "another interface"
	pings_go_on || { said "$unit"; fail "ping does not go on"; }
	at=$(received_bytes web-far)
	wait_for "$patience" received_more web-far "$at" || { said "$unit"; fail "TCP does not go on"; }
}

another_main() {
	local now
	now=$(main_pid "$unit")
	[ "$now" != 0 ] && [ "$now" != "$1" ] && is_state "$unit" active
}

traffic() {
	local at
	pings_start c1 10.0.0.2
	stream_start c1 web-far 10.0.0.2
	at=$(received_bytes web-far)
	wait_for "$patience" received_more web-far $((at + 100000)) || fail "no traffic"
}

resumed_lines() {
	journalctl --no-pager -o cat -u "$unit" | grep -c 'c1: resumed after the previous process' || true
}

case_crash() {
	local main before n at kills
	kills=$(often 3 1)
	traffic
	for ((n = 1; n <= kills; n++)); do
		main=$(main_pid "$unit")
		before=$(resumed_lines)
		kill -KILL "$main"
		wait_for "$patience" another_main "$main" || { said "$unit"; fail "kill $n: it is not started again"; }
		[ "$(property "$unit" NRestarts)" = "$n" ]
		goes_on
		[ "$(resumed_lines)" -gt "$before" ] || { said "$unit"; fail "kill $n: not resumed"; }
		at=$(received_bytes web-far)
		wait_for "$patience" received_more web-far $((at + 100000)) || fail "no traffic after kill $n"
	done
	kill "$pings"
	stream_end
	say "$kills kills, $(received_bytes web-far) bytes, $(answers) answers"
}

case_restart() {
	local main before
	traffic
	main=$(main_pid "$unit")
	before=$(resumed_lines)
	systemctl restart "$unit" || { said "$unit"; fail "systemctl restart"; }
	[ "$(main_pid "$unit")" != "$main" ]
	goes_on
	[ "$(resumed_lines)" -gt "$before" ] || { said "$unit"; fail "not resumed"; }
	kill "$pings"
	stream_end
}

case_stop() {
	traffic
	systemctl stop "$unit" || { said "$unit"; fail "systemctl stop"; }
	is_state "$unit" inactive || { said "$unit"; fail "it is $(property "$unit" ActiveState)"; }
	[ -c /dev/vduse/c1 ] || fail "the device is gone"
	ifindex c1 | cmp - /tmp/ifindex || fail "the interface is gone"
	wait_for "$patience" carrier c1 0 || fail "the link stays up"
	[ -s /run/dpdk-vduse-net-web/c1.state ] || fail "the state is gone: $(ls -lR /run/private)"
	systemctl start "$unit" || { said "$unit"; fail "systemctl start"; }
	wait_for "$patience" carrier c1 1 || fail "the link stays down"
	goes_on
	kill "$pings"
	stream_end
}

# web_user COMMAND...: as the instance's user, who sees all of the file system.
web_user() {
	local uid
	uid=$(user_of web)
	setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --bounding-set=-all \
		--no-new-privs "$@"
}

# as_web COMMAND...: as somebody who has taken the instance web over: its user, its view of the file system.
as_web() {
	local uid
	uid=$(user_of web)
	nsenter -t "$(main_pid "$unit")" -m setpriv --reuid "$uid" --regid "$uid" --clear-groups \
		--inh-caps=-all --bounding-set=-all --no-new-privs "$@"
}

# not_for WHO COMMAND...: it fails for want of permission.
not_for() {
	"$@" >/tmp/refused 2>&1 && fail "it may: $*"
	grep -qiE 'permission denied|no such file' /tmp/refused || fail "$*: $(cat /tmp/refused)"
}

second_start() {
	uplink db 4
	cp -r /etc/systemd/system/dpdk-vduse-net@{web,db}.service.d
	systemctl daemon-reload
	sed 's/web0/db0/; s/--name c1/--name c2/; s/02:00:00:00:00:01/02:00:00:00:00:02/' \
		/etc/dpdk-vduse-net/web.conf >/etc/dpdk-vduse-net/db.conf
	systemctl start dpdk-vduse-net@db || { said dpdk-vduse-net@db; fail "the second does not start"; }
	need_netdev c2 none "$(main_pid dpdk-vduse-net@db)"
	container c2 "$dev" 3
	ping_back c2 10.0.0.4
}

case_two() {
	local other state=/run/dpdk-vduse-net-db
	second_start
	other=$(main_pid dpdk-vduse-net@db)
	[ "$(user_of web)" != "$(user_of db)" ] || fail "one user for both"
	as_web test -r /run/dpdk-vduse-net-web/c1.state || fail "web does not see its own"
	[ -s $state/c2.state ] && [ -S $state/c2.sock ] || fail "$(ls -lR /run/private)"
	not_for as_web ls $state/
	not_for as_web cat $state/c2.state
	not_for as_web cat /run/private/dpdk-vduse-net-db/c2.state
	not_for as_web dd if=/dev/vduse/c2 count=1
	not_for as_web cat "/proc/$other/mem"
	# with its folder open to all, the files and the socket are still its own
	chmod 0711 /run/private /run/private/dpdk-vduse-net-db
	web_user ls -l /run/private/dpdk-vduse-net-db/c2.state
	not_for web_user cat /run/private/dpdk-vduse-net-db/c2.state
	chmod 0700 /run/private /run/private/dpdk-vduse-net-db
	as_web "$app" -l 1 --no-pci --no-telemetry --in-memory --vdev net_null0 -- --port net_null0 --name c2 \
		--takeover --state-dir $state >/tmp/refused 2>&1 && fail "web takes c2 over"
	grep -q 'c2: the VDUSE device cannot be made' /tmp/refused || fail "$(cat /tmp/refused)"
	[ "$(main_pid dpdk-vduse-net@db)" = "$other" ] && is_state dpdk-vduse-net@db active
	ping_ok c2 10.0.0.4 10
	ping_ok c1 10.0.0.2 10
}

case_remove() {
	doc_run doc/security.md 'systemctl disable --now dpdk-vduse-net@web'
	ip netns exec c1 test ! -e /sys/class/net/eth0 || fail "the interface stays"
	[ ! -e /dev/vduse/c1 ] || fail "the device stays"
	[ -z "$(find /run/private/dpdk-vduse-net-web -name 'c1.*')" ] || fail "left: $(ls /run/dpdk-vduse-net-web/)"
	ip netns del c1
	# the other one does not notice, and a new one begins
	[ ! -e /run/netns/c2 ] || ping_ok c2 10.0.0.4 5
	systemctl start "$unit" || { said "$unit"; fail "it does not start again"; }
	need_netdev c1 none "$(main_pid "$unit")"
	container c1 "$dev" 1
	ping_back c1 10.0.0.2
	ifindex c1 >/tmp/ifindex
}

# The node: three processes, of which systemd knows the first.
node=dpdk-vduse-node
node_names='n1 n2'

poller() {
	poller_of "$(main_pid $node)"
}

broker() {
	broker_of "$(main_pid $node)"
}

first() {
	main_pid $node
}

node_indexes() {
	local name
	for name in $node_names; do
		ifindex "$name"
	done
}

# node_goes_on: the same interfaces, with the pings of before.
node_goes_on() {
	is_state $node active || { said $node; fail "it is $(property $node ActiveState)"; }
	node_indexes | cmp - /tmp/node-ifindex || fail "another interface"
	pings_go_on || { said $node; fail "ping does not go on"; }
}

case_node() {
	mkdir -p /etc/systemd/system/$node.service.d
	cp /etc/systemd/system/dpdk-vduse-net@.service.d/slow.conf /etc/systemd/system/$node.service.d/
	doc_run doc/security.md 'systemctl enable --now dpdk-vduse-node' || { said $node; exit 1; }
	is_state $node active || { said $node; fail "it is $(property $node ActiveState)"; }
	# it is ready when all of it is there
	node_indexes >/tmp/node-ifindex || { said $node; fail "an interface is missing"; }
	ping_back n1 10.1.0.2 || { said $node; fail "no answer"; }
	ping_ok n1 10.1.0.2 10
	[ "$(property $node NotifyAccess)" = main ]
	[ "$(property $node StatusText)" = 'waiting for commands at /run/dpdk-vduse-net/control' ] ||
		fail "its status is $(property $node StatusText)"
}

case_node_killed() {
	local who was
	pings_start n1 10.1.0.2
	for who in poller broker first; do
		was=$($who) || { said $node; fail "no $who"; }
		pings_go_on
		kill -KILL "$was"
		wait_for "$patience" is_another "$who" "$was" || { said $node; fail "no other $who"; }
		wait_for "$patience" is_state $node active || { said $node; fail "$who: not active again"; }
		node_goes_on
		say "$who: $(answers) answers"
	done
	[ "$(property $node NRestarts)" = 1 ] || fail "$(property $node NRestarts) restarts"
	kill "$pings"
}

case_node_reload() {
	pings_start n1 10.1.0.2
	doc_run doc/security.md 'systemctl reload dpdk-vduse-node' || { said $node; exit 1; }
	ping_back n1 10.1.0.3 || { said $node; fail "n3 does not answer"; }
	node_goes_on
	# a bad line: nothing is changed, and it is said
	echo 'container add n4 network node0 vlan 5000' >>/etc/dpdk-vduse-node/networks.conf
	! systemctl reload $node || fail "a bad line is taken"
	sed -i '/n4/d' /etc/dpdk-vduse-node/networks.conf
	journalctl --no-pager -o cat -u $node |
		grep -q 'networks.conf:5: vlan 5000: out of range: give 0 to 4094' || { said $node; fail "not said"; }
	node_goes_on
	kill "$pings"
}

case_node_stop() {
	pings_start n1 10.1.0.2
	pings_go_on
	systemctl stop $node || { said $node; fail "systemctl stop"; }
	[ "$(property $node Result)" = success ] || { said $node; fail "its end: $(property $node Result)"; }
	node_indexes | cmp - /tmp/node-ifindex || fail "the interfaces are gone"
	systemctl start $node || { said $node; fail "systemctl start"; }
	node_goes_on
	kill "$pings"
}

case_node_remove() {
	doc_run doc/security.md 'systemctl disable --now dpdk-vduse-node' || { said $node; exit 1; }
	[ -z "$(find /dev/vduse -name 'n?')" ] || fail "devices are left: $(ls /dev/vduse)"
	! ip -n n1 link show eth0 2>/dev/null || fail "an interface is left"
}

node_wanted() {
	local name
	for name in node node-killed node-reload node-stop node-remove; do
		! case_wanted "systemd/$name" || return 0
	done
	return 1
}

if ! case_first systemd/start case_start; then
	said "$unit"
	exit 1
fi
case_run systemd/user case_user
case_run systemd/crash case_crash
case_run systemd/stop case_stop
case_long systemd/restart case_restart
case_run systemd/two case_two
case_run systemd/remove case_remove
if node_wanted && case_first systemd/node case_node; then
	case_run systemd/node-killed case_node_killed
	case_run systemd/node-reload case_node_reload
	case_run systemd/node-stop case_node_stop
	case_run systemd/node-remove case_node_remove
fi
exit 0
