#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The packages on a machine where nothing of the project is: installed, the services started, upgraded under
# containers with TCP, removed and purged, by the commands of doc/packages.md and doc/security.md; from the second case on
# with AppArmor's profile in force.
# Kernels: one
# Init: /lib/systemd/systemd
# Build: none
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-systemd.sh
. /vm/system/lib-systemd.sh

node=dpdk-vduse-node
wire=dpdk-vduse-net@w1
packages='librte-vduse1 librte-net-vduse librte-vduse-dev dpdk-vduse-net dpdk-vduse-cni dpdk-vduse-metrics'

# files: all that there are, but what systemd, dpkg and apt write for themselves, and the lists of users, of which
# the contents count.
files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /result -o -path /vm \
		-o -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/systemd -o -path /var/cache \
		-o -path /run/systemd \) -prune -o -print |
		grep -vxE '/etc/(group|gshadow|passwd|shadow)-|/etc/(gshadow|\.pwd\.lock|ld\.so\.cache)|/var/(lib/private|tmp)' | sort
	find /run /var/lib -path /run/systemd -prune -o -path '*dpdk-vduse*' -print | sort
	cat /etc/passwd /etc/group
}

# doc_at_top WORDS: a block of the page, as in the tree where the packages were built.
doc_at_top() {
	(cd /vm && doc_run doc/packages.md "$1")
}

case_install() {
	rm -rf /vm/unpacked
	mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial /etc/dpkg /etc/apt/apt.conf.d /etc/apt/preferences.d
	mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
	echo 'systemd-network:x:998:998::/:/bin/false' >>/etc/passwd
	echo 'systemd-network:x:998:' >>/etc/group
	chown -R systemd-network:systemd-network /run/systemd/netif
	/lib/systemd/systemd-udevd --daemon
	files >/tmp/before
	doc_at_top 'apt-get install ./build-deb' || fail "they are not installed"
	dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' $packages >/tmp/packages
	[ "$(grep -c ' ii $' /tmp/packages)" = 6 ] || fail "$(cat /tmp/packages)"
	getent group dpdk-vduse || fail "no group"
	getent group dpdk-vduse-observers || fail "no group of observers"
	[ -d /run/dpdk-vduse-net ] || fail "no folder of the socket"
	# without a configuration it waits for one
	systemctl is-enabled $node || fail "the node is not enabled"
	is_state $node inactive || { said $node; fail "it is $(property $node ActiveState)"; }
	grep -x 'dpdk-vduse-net (complain)' /sys/kernel/security/apparmor/profiles || fail "AppArmor has no profile: $(apparmor_parser -r /etc/apparmor.d/dpdk-vduse-net 2>&1)"
}

# The packages' own test, as autopkgtest runs it in a machine.
case_containers() {
	run containers env AUTOPKGTEST_TMP=/tmp /vm/tests/containers
	wait "$pid" || { sed 's/^/# /' "$VM_RESULT/containers.log"; fail "it ends with status $?"; }
	grep -q '3 packets transmitted, 3 received' "$VM_RESULT/containers.log" || fail "$(cat "$VM_RESULT/containers.log")"
	nothing_left
	rm -f /tmp/node.log
	nothing_told
}

# nothing_told: what the daemon did is in its profile.
nothing_told() {
	dmesg | grep -E 'apparmor="(ALLOWED|DENIED)"' >/tmp/told || return 0
	fail "AppArmor tells $(wc -l </tmp/told) times: $(sed 's/.*apparmor/apparmor/' /tmp/told | sort | uniq -c | sort -rn | head -n 30)"
}

# The same with what is beyond the profile refused; and from here on.
case_enforce() {
	doc_run doc/packages.md 'apparmor_parser -r' || { sed 's/^/# /' /tmp/doc; fail "a command of the page fails"; }
	aa-status --json | grep -q '"dpdk-vduse-net": *"enforce"' || fail "$(aa-status)"
	case_containers
}

# In an emulated machine everything takes longer.
slow_machine() {
	local unit
	for unit in dpdk-vduse-net@ $node; do
		mkdir -p "/run/systemd/system/$unit.service.d"
		printf '[Service]\nWatchdogSec=600\nTimeoutStartSec=600\nTimeoutStopSec=600\n' \
			>"/run/systemd/system/$unit.service.d/slow.conf"
	done
	systemctl daemon-reload
}

ifindexes() {
	local name
	for name in n1 n2; do
		in_ns $name cat /sys/class/net/eth0/ifindex
	done
	cat "/sys/class/net/$(netdev w1)/ifindex"
}

# The group's container, which stays in the machine's own namespace: udev has told NetworkManager and networkd.
is_marked() {
	udevadm info -q property -p "/sys/class/net/$1" >/tmp/properties
	grep -qx NM_UNMANAGED=1 /tmp/properties && grep -qx DPDK_VDUSE=1 /tmp/properties
}

case_serve() {
	slow_machine
	doc_run doc/security.md "systemctl enable --now $node" || { said $node; fail "the node does not start"; }
	ping_back n1 10.1.0.2 || { said $node; fail "no answer"; }
	echo 'passwd: files systemd' >/etc/nsswitch.conf
	cat >/etc/dpdk-vduse-net/w1.conf <<-END
		EAL=-l 0 --in-memory --no-telemetry --no-pci --vdev net_null0 --iova-mode va
		WIRES=--port net_null0 --name w1 --mac 02:00:00:00:00:01
	END
	systemctl enable --now $wire || { said $wire; fail "the wire does not start"; }
	wait_for "$patience" netdev_there w1 || fail "no interface"
	wait_for "$patience" is_marked "$(netdev w1)" || fail "udev says of it $(cat /tmp/properties)"
}

# journal_has WORDS: in the entries that the page's command finds.
journal_has() {
	bash -e -c "$question" >/tmp/doc && grep -qF "$1" /tmp/doc
}

# What happened to n1 has its fields, from a process without privileges and with a filter of system calls; and so has a line of the library's.
case_journal() {
	question=$(doc_block doc/traces.md 'journalctl VDUSE_DEVICE') || fail "no question"
	wait_for "$patience" journal_has '"MESSAGE":"dpdk-vduse-net: network node0: container n1: attached"' ||
		{ said $node; fail "the journal has of it: $(cat /tmp/doc)"; }
	grep -F '"VDUSE_NETWORK":"node0"' /tmp/doc | grep -F '"PRIORITY":"6"' | grep -F "\"_SYSTEMD_UNIT\":\"$node.service\"" |
		grep -qF '"SYSLOG_IDENTIFIER":"dpdk-vduse-net"' || fail "$(cat /tmp/doc)"
	journalctl --no-pager -o cat -u $wire VDUSE_DEVICE=w1 PRIORITY=5 >/tmp/lines
	grep -q '^vduse: w1: ' /tmp/lines || fail "of the library: $(cat /tmp/lines)"
}

# metrics_have LINE: as they are served by the service.
metrics_have() {
	{ printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && cat <&3; } 3<>/dev/tcp/127.0.0.1/9112 >/tmp/metrics && grep -qxF "$1" /tmp/metrics
}

# The service, which may do nothing else.
case_metrics() {
	local unit=dpdk-vduse-metrics
	ip link set lo up
	doc_run doc/metrics.md "systemctl enable --now $unit" || { said $unit; said $node; fail "it does not start"; }
	wait_for "$patience" metrics_have 'vduse_container_attached{container="n1",network="node0"} 1' || {
		said $unit
		grep ^vduse_up /tmp/metrics
		fail "no metrics"
	}
	grep -qx $'CapBnd:\t0000000000000000' "/proc/$(main_pid $unit)/status" || fail "it has capabilities"
	grep -qx $'Uid:\t0\t.*' "/proc/$(main_pid $unit)/status" && fail "it is root"
	ping_back n1 10.1.0.2 || { said $node; fail "no answer"; }
}

# managed INTERFACE WORD: as networkd says of it.
managed() {
	grep -qx "ADMIN_STATE=$2" "/run/systemd/netif/links/$(cat "/sys/class/net/$1/ifindex")"
}

# With a file that is for each interface, networkd takes a new one, and not a container's.
case_networkd() {
	mkdir -p /run/systemd/network
	printf '[Match]\nName=*\n[Network]\nLinkLocalAddressing=ipv6\n' >/run/systemd/network/90-all.network
	fresh "$VM_RESULT/networkd.log"
	/lib/systemd/systemd-networkd >"$VM_RESULT/networkd.log" 2>&1 &
	background+=($!)
	modprobe veth
	ip link add other type veth peer name far
	ip link set far up
	ip link set other up
	wait_for "$patience" managed other configured || fail "networkd takes nothing: $(tail -n 3 "$VM_RESULT/networkd.log")"
	wait_for "$patience" managed "$(netdev w1)" unmanaged || fail "$(cat /run/systemd/netif/links/*)"
	ip link del other
	rm /run/systemd/network/90-all.network
}

# confined PID: by the profile, which is in force.
confined() {
	grep -qx 'dpdk-vduse-net (enforce)' "/proc/$1/attr/current" || fail "process $1: $(cat "/proc/$1/attr/current")"
}

# node_poller, node_broker: the node's two others.
node_poller() {
	poller_of "$(main_pid $node)"
}

node_broker() {
	broker_of "$(main_pid $node)"
}

# What the daemon does in a life is in its profile: processes that are killed, a container that comes and goes, a capture,
# a reload, metrics; and before that what the cases before have done.
case_apparmor() {
	local who was
	for who in "$(main_pid $wire)" "$(main_pid $node)" "$(node_poller)" "$(node_broker)"; do
		confined "$who"
	done
	for who in node_poller node_broker; do
		was=$($who)
		kill -KILL "$was"
		wait_for "$patience" is_another $who "$was" || { said $node; fail "no other $who"; }
		confined "$($who)"
	done
	ping_back n1 10.1.0.2 || { said $node; fail "no answer"; }
	ip netns add n3
	vdusectl container add n3 network node0 netns /run/netns/n3 ifname eth0 address 10.1.0.3/24
	ping_back n3 10.1.0.1 || { said $node; fail "n3 has no answer"; }
	pings_start n3 10.1.0.1
	vdusectl capture n3 -c 4 -w /tmp/capture icmp || { said $node; fail "the capture ends with status $?"; }
	kill "$pings"
	[ -s /tmp/capture ] || fail "nothing is captured"
	wait_for "$patience" metrics_have 'vduse_container_attached{container="n3",network="node0"} 1' || fail "no metrics of n3"
	systemctl reload $node || { said $node; fail "no reload"; }
	! vdusectl container show n3 || vdusectl container del n3
	ip netns del n3
	kill -KILL "$(main_pid $wire)"
	wait_for "$patience" is_state $wire active || { said $wire; fail "the wire does not start again"; }
	nothing_told
}

# Uplinks that are interfaces of the machine, by the page's drop-in: with a veth pair behind which is a namespace, then TAP.
case_uplink() {
	modprobe -a veth tun af_packet || true
	ip netns add far
	ip link add up0 type veth peer name eth0 netns far
	ip link set up0 up
	container_up far 9
	ip -n far address add 10.1.0.9/24 dev eth0
	in_ns far ethtool -K eth0 tx off tso off gso off >/dev/null
	doc_run doc/security.md 'net_af_packet0,iface=up0' || { said $node; fail "a command of the page fails"; }
	ping_back n1 10.1.0.9 || { said $node; fail "no answer behind net_af_packet"; }
	vdusectl network set node0 uplinks net_tap0
	ip address add 10.1.0.8/24 dev tap0
	ip link set tap0 up
	ping_back n1 10.1.0.8 || { said $node; fail "no answer behind net_tap"; }
	confined "$(child_of "$(main_pid $node)" 0000000000001000)"
	ip netns del far
	rm -r /etc/systemd/system/$node.service.d
	nothing_told
}

# restarted UNIT PID
restarted() {
	[ "$(main_pid "$1")" != "$2" ] && is_state "$1" active
}

# upgraded WORDS: by the page's block with these; services are other processes, interfaces and connections are not.
upgraded() {
	local main_node main_wire at
	main_node=$(main_pid $node)
	main_wire=$(main_pid $wire)
	doc_at_top "$1" || fail "they are not installed again"
	wait_for "$patience" restarted $node "$main_node" || { said $node; fail "the node is the one of before"; }
	wait_for "$patience" restarted $wire "$main_wire" || { said $wire; fail "the wire is the one of before"; }
	ifindexes | cmp - /tmp/ifindexes || fail "other interfaces"
	pings_go_on || { said $node; fail "ping does not go on"; }
	at=$(received_bytes n2)
	wait_for "$patience" received_more n2 $((at + 100000)) || { said $node; fail "TCP does not go on"; }
	say "$1: $(answers) answers of $(sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' /tmp/pings | tail -n 1), $(received_bytes n2) bytes"
}

versions() {
	dpkg-query -W -f '${Version}\n' $packages | sort -u
}

# By the same packages once more, and by newer ones, below one TCP connection, whose bytes are the same at both ends.
case_upgrade() {
	local at before
	before=$(versions)
	# as much as leaves an emulated processor to who installs
	sed -i 's/^container add n1 .*/& max-tx-rate 2/' /etc/dpdk-vduse-node/networks.conf
	systemctl reload $node
	ifindexes >/tmp/ifindexes
	pings_start n1 10.1.0.2
	pings_go_on
	at=$(received_bytes n2)
	stream_start n1 n2 10.1.0.2
	wait_for "$patience" received_more n2 $((at + 100000)) || fail "no traffic"
	upgraded 'apt-get install --reinstall'
	[ "$(versions)" = "$before" ] || fail "versions are $(versions)"
	rm -r /vm/build-deb/here
	mv /vm/build-deb/newer /vm/build-deb/here
	upgraded 'dpkg -i ./build-deb'
	[ "$(versions)" = "$before+1" ] || fail "versions are $(versions)"
	kill "$pings"
	stream_end
	say "$(cat /tmp/sent)"
}

# With containers on it: they lose what nobody could give them any more.
case_purge() {
	doc_at_top 'apt-get -y purge' || fail "they are not removed"
	! in_ns n1 test -e /sys/class/net/eth0 || fail "a container's interface stays"
	nothing_left
	ip netns del n1
	ip netns del n2
	rm -f /etc/nsswitch.conf
	files >/tmp/after
	diff /tmp/before /tmp/after >/tmp/left || fail "left, or gone: $(cat /tmp/left)"
}

case_first packages/install case_install || exit 0
case_run packages/containers case_containers
case_run packages/enforce case_enforce
if case_first packages/serve case_serve; then
	case_run packages/journal case_journal
	case_first packages/metrics case_metrics
	case_run packages/networkd case_networkd
	case_run packages/upgrade case_upgrade
	case_run packages/apparmor case_apparmor
	case_run packages/uplink case_uplink
	case_run packages/purge case_purge
fi
exit 0
