#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The packages on a machine where nothing of the project is: installed, the services started, upgraded under
# containers, removed and purged, by the commands of doc/packages.md and doc/security.md.
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
}

# The same with what is beyond the profile refused, and then again as it is installed.
case_enforce() {
	doc_run doc/packages.md 'apparmor_parser -r' || { sed 's/^/# /' /tmp/doc; fail "a command of the page fails"; }
	aa-status --json | grep -q '"dpdk-vduse-net": *"enforce"' || fail "$(aa-status)"
	case_containers
	! dmesg | grep -q 'apparmor="DENIED"' || fail "$(dmesg | grep 'apparmor="DENIED"' | tail -n 5)"
	sed -i '/^profile/s/flags=(/&complain,/' /etc/apparmor.d/dpdk-vduse-net
	apparmor_parser -r /etc/apparmor.d/dpdk-vduse-net
	grep -x 'dpdk-vduse-net (complain)' /sys/kernel/security/apparmor/profiles
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

# What the daemon did is in its profile.
case_apparmor() {
	local unit
	for unit in $node $wire; do
		grep -qx 'dpdk-vduse-net (complain)' "/proc/$(main_pid $unit)/attr/current" ||
			fail "$unit: $(cat "/proc/$(main_pid $unit)/attr/current")"
	done
	dmesg | grep -E 'apparmor="(ALLOWED|DENIED)"' >/tmp/told || return 0
	fail "AppArmor tells $(wc -l </tmp/told) times: $(sed 's/.*apparmor/apparmor/' /tmp/told | sort | uniq -c | sort -rn | head -n 30)"
}

# restarted UNIT PID
restarted() {
	[ "$(main_pid "$1")" != "$2" ] && is_state "$1" active
}

case_upgrade() {
	local main_node main_wire
	ifindexes >/tmp/ifindexes
	main_node=$(main_pid $node)
	main_wire=$(main_pid $wire)
	pings_start n1 10.1.0.2
	pings_go_on
	doc_at_top 'apt-get install --reinstall' || fail "they are not installed again"
	wait_for "$patience" restarted $node "$main_node" || { said $node; fail "the node is the one of before"; }
	wait_for "$patience" restarted $wire "$main_wire" || { said $wire; fail "the wire is the one of before"; }
	ifindexes | cmp - /tmp/ifindexes || fail "other interfaces"
	pings_go_on || { said $node; fail "ping does not go on"; }
	say "$(answers) answers of $(sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' /tmp/pings | tail -n 1)"
	kill "$pings"
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
	case_run packages/metrics case_metrics
	case_run packages/networkd case_networkd
	case_run packages/upgrade case_upgrade
	case_run packages/apparmor case_apparmor
	case_run packages/purge case_purge
fi
exit 0
