#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Kernels: one
# Debian's own Open vSwitch with DPDK on the PMD: an application that nobody here wrote, with two
# containers on one of its bridges. Groups ovs-SUITE run the same cases with another suite's.
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-daemon.sh
. /vm/system/lib-daemon.sh
# shellcheck source=lib-cni.sh
. /vm/system/lib-cni.sh

group=${group:-ovs}
vswitchd=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
[ ! -d /peer ] || vswitchd=ovs-vswitchd-dpdk
log=$VM_RESULT/vswitchd.log
ctl=/run/openvswitch/vswitchd.ctl
state=/run/vduse
cni_log=$log
conf=/etc/cni/net.d/10-green.conf
other_conf=/etc/cni/net.d/20-blue.conf
page=doc/ovs.md

# ovs_start: the database stays what it is between two lives of the daemon.
ovs_start() {
	"$vswitchd" unix:/run/openvswitch/db.sock --pidfile=/run/openvswitch/vswitchd.pid \
		--unixctl="$ctl" --detach --no-chdir --log-file="$log" \
		>>"$VM_RESULT/vswitchd.out" 2>&1 || {
		tail -n 30 "$log" "$VM_RESULT/vswitchd.out" | sed 's/^/# /'
		fail "ovs-vswitchd does not start"
	}
	ovs_pid >/tmp/ovs-pid
}

ovs_pid() {
	cat /run/openvswitch/vswitchd.pid
}

# A daemon that has ended by itself has a successor that nobody started: there is none here.
daemon_lives() {
	[ "$(ovs_pid)" = "$(cat /tmp/ovs-pid)" ] && running "$(ovs_pid)" ||
		fail "ovs-vswitchd has ended: $(tail -n 5 "$log")"
}

ovs_stop() {
	local pid
	pid=$(ovs_pid)
	ovs-appctl -t "$ctl" -T 20 exit
	wait_for "$patience" is_gone running "$pid" || fail "ovs-vswitchd does not end"
}

# page_does WORDS: the command of doc/ovs.md that has them; NAME in it is the container c1.
page_does() {
	doc_command $page "$1"
	timeout 60 bash -e -c "${documented//NAME/c1}" || fail "the document's command fails"
}

setup() {
	modules virtio_vdpa vhost_vdpa virtio_net tun
	mkdir -p /run/openvswitch /var/log/openvswitch /etc/openvswitch
	peer_programs /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk ovs-vsctl ovs-appctl ovsdb-tool ovsdb-server
	ovsdb-tool create /tmp/conf.db /usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server /tmp/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach \
		--no-chdir --log-file="$VM_RESULT/ovsdb.log"
	ovs-vsctl --no-wait init
	page_does 'dpdk-init=true'
	ovs-vsctl --no-wait set Open_vSwitch . other_config:dpdk-extra="--no-pci --no-telemetry"
	ovs_start
	page_does 'add-br br0'
	say "$(ovs-vsctl -t 60 get Open_vSwitch . ovs_version dpdk_version | tr '\n' ' ')"
}

# port_add NAME NUMBER [DEVARGS] [OVSDB-SETTING...]: a device on the bridge, in container NAME as eth0.
port_add() {
	local name=$1 number=$2 devargs=${3:-}
	shift 2
	[ $# = 0 ] || shift
	ovs-vsctl -t 60 add-port br0 "$name" -- set Interface "$name" type=dpdk \
		"options:dpdk-devargs=net_vduse_$name,name=$name,mac=02:00:00:00:00:0$number,attach=${attach:-virtio}${devargs:+,$devargs}" \
		"$@"
	say "$name: $(ovs-vsctl -t 60 get Interface "$name" error mtu | tr '\n' ' ')"
	[ "${attach:-virtio}" = virtio ] || return 0
	wait_for "$patience" netdev_there "$name" || {
		grep -E 'vduse|dpdk|WARN|ERR' "$log" | tail -n 20 | sed 's/^/# /'
		fail "no interface of $name"
	}
	container "$name" "$(netdev "$name")" "$number"
}

port_del() {
	ovs-vsctl -t 60 del-port br0 "$1"
	ip netns del "$1"
}

# The ports that stay until the end have a state folder, and so their devices outlive the daemon.
case_start() {
	setup
	mkdir -p -m 700 $state
	page_does 'add-port br0 c1'
	wait_for "$patience" netdev_there c1 || fail "no interface of c1"
	ip netns add c1
	page_does 'netns NAME'
	container_up c1 1
	port_add c2 2 state-dir=$state
	ping_back c1 10.0.0.2
	ifindexes >/tmp/ifindexes
}

case_ping() {
	ping_ok c1 10.0.0.2 20
	ping_ok c2 10.0.0.1 20 -s 1400
	ping_ok c1 fd00::2 10
}

case_tcp() {
	tcp c1 c2 10.0.0.2
	tcp c2 c1 10.0.0.1
}

counter() {
	ovs-vsctl -t 60 get Interface "$1" "statistics:$2"
}

more_errors() {
	[ "$(counter "$1" rx_errors)" -gt "$2" ]
}

# The MTU of the bridge's ports up and down while frames pass; what the container sends beyond it is
# dropped and counted, and the daemon lives.
case_mtu() {
	local before
	ns_exec c1 ping -n -q -i 0.02 -s 1400 10.0.0.2 >/dev/null &
	background+=($!)
	ovs-vsctl -t 60 set Interface c1 mtu_request=9000 -- set Interface c2 mtu_request=9000
	[ "$(ovs-vsctl -t 60 get Interface c1 mtu)" = 9000 ]
	ping_back c1 10.0.0.2
	ovs-vsctl -t 60 set Interface c1 mtu_request=1500 -- set Interface c2 mtu_request=1500
	[ "$(ovs-vsctl -t 60 get Interface c1 mtu)" = 1500 ]
	ping_back c1 10.0.0.2
	daemon_lives
}

# A container that was made with an MTU of 9000, and sends that after the port's fell to 1500.
case_too_long() {
	local before
	port_add c3 3 "" mtu_request=9000
	[ "$(in_ns c3 cat /sys/class/net/eth0/mtu)" = 9000 ]
	ping_back c3 10.0.0.1
	ovs-vsctl -t 60 set Interface c3 mtu_request=1500
	before=$(counter c3 rx_errors)
	in_ns c3 ping -n -q -c 5 -i 0.1 -W 1 -M "do" -s 8000 10.0.0.1 >/dev/null && fail "answered"
	wait_for "$patience" more_errors c3 "$before" || fail "no drop is counted"
	ping_ok c3 10.0.0.1 10 -s 1400
	ping_ok c1 10.0.0.2 10
	daemon_lives
	port_del c3
}

lying_add() {
	attach=vhost port_add c6 6
}

lying_del() {
	ovs-vsctl -t 60 del-port br0 c6
}

# 64 KiB frames, with userspace-tso-enable and our profile tx: those of the bridge's own interface come to
# the container as they are; a container, whose frames are as long as the MTU, is served with such.
case_large() {
	local before size
	ovs-vsctl --no-wait set Open_vSwitch . other_config:userspace-tso-enable=true
	ovs_stop
	ovs_start
	port_add c7 7 profile=tx
	ip link set br0 up
	ip addr replace 10.0.0.9/24 dev br0
	ping_back c7 10.0.0.9
	in_ns c7 ethtool -k eth0 | grep -q '^tcp-segmentation-offload: off' || fail "c7 segments by its device"
	before=$(frames_of c7 rx)
	tcp 1 c7 10.0.0.7
	size=$(size_since "$before" "$(frames_of c7 rx)")
	say "br0 > c7: $size bytes a frame"
	[ "$size" -gt 1514 ] || fail "no frame is longer than the MTU"
	before=$(frames_of c7 tx)
	tcp c7 1 10.0.0.9
	size=$(size_since "$before" "$(frames_of c7 tx)")
	say "c7 > br0: $size bytes a frame"
	[ "$size" -le 1514 ] || fail "frames longer than the MTU"
	# to one that takes none that long they are cut, or go as they came
	tcp c1 c7 10.0.0.7
	tcp c7 c1 10.0.0.1
	if [ "$group" != ovs ]; then
		before=$(frames_of c1 rx)
		tcp 1 c1 10.0.0.1
		size=$(size_since "$before" "$(frames_of c1 rx)")
		say "br0 > c1: $size bytes a frame"
		[ "$size" -le 1514 ] || fail "c1 is given what it did not negotiate"
	fi
	daemon_lives
	ip addr del 10.0.0.9/24 dev br0
	port_del c7
}

# Profiles that OVS cannot serve are refused, with the reason in its log.
case_refused() {
	ovs-vsctl -t 60 add-port br0 c4 -- set Interface c4 type=dpdk \
		options:dpdk-devargs=net_vduse_c4,name=c4,profile=bulk,attach=virtio || true
	wait_for "$patience" grep -qE 'profile=bulk receives frames of up to 64 KiB' "$log" ||
		fail "no reason is logged"
	netdev_there c4 && fail "a port that was refused has an interface"
	ovs-vsctl -t 60 del-port br0 c4
	ping_ok c1 10.0.0.2 5
}

case_ports() {
	for _ in 1 2 3; do
		port_add c5 5
		ping_back c5 10.0.0.1
		port_del c5
		[ ! -e /dev/vduse/c5 ] || fail "left behind: /dev/vduse/c5"
	done
}

# resumes: after another start of the daemon the containers have the interfaces of before, and traffic:
# pings, and TCP that is whole.
resumes() {
	ovs_start
	both_resumed
	pings_go_on || fail "ping does not go on"
	ifindexes | cmp - /tmp/ifindexes || fail "other interfaces"
	ping_ok c2 10.0.0.1 10
	tcp c1 c2 10.0.0.2
	tcp c2 c1 10.0.0.1
	daemon_lives
}

# What an upgrade of the package does: an end in order, and a start, with pings under way.
case_restart() {
	pings_start c1 10.0.0.2
	pings_go_on || fail "no answer"
	resumed_before
	ovs_stop
	[ -c /dev/vduse/c1 ] && [ -c /dev/vduse/c2 ] || fail "a device is gone"
	resumes
}

case_kill() {
	local pid
	pings_start c1 10.0.0.2
	pings_go_on || fail "no answer"
	resumed_before
	pid=$(ovs_pid)
	kill -KILL "$pid"
	wait_for "$patience" is_gone running "$pid" || fail "it survives"
	resumes
}

pods_left() {
	find /dev/vduse /var/lib/cni/networks /run/dpdk-vduse-cni $state -name 'pod*' -o -name '10.*' -o -name 'cni:*' 2>/dev/null || true
	ovs-vsctl --bare --columns=name find Interface type=system
	ovs-vsctl list-ports br0 | grep '^pod' || true
}

# The page's network, and another VLAN on the same bridge: pods of one hear each other, and keep their interfaces
# while ovs-vswitchd is started anew.
case_pods() {
	local index db
	mkdir -p /etc/cni/net.d
	doc_block doc/ovs.md '"dataplane": "ovs"' >$conf || fail "no configuration in the page"
	sed 's/"green"/"blue"/; s/"vlan": 10/"vlan": 20/; s/"gateway"/"rangeStart": "10.8.0.100", &/' \
		$conf >$other_conf
	doc_run doc/ovs.md 'CNI_COMMAND=ADD' || fail "a command of the page fails"
	ip netns del web
	pod web
	pod db
	pod other $other_conf
	[ "$(ovs-vsctl list-ports br0 | grep -c '^pod')" = 3 ] || fail "ports: $(ovs-vsctl show)"
	ip -n web route show default | grep -q 'via 10.8.0.1' || fail "no route: $(ip -n web route)"
	db=$(ip -n db -o -4 addr show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
	ping_ok web "$db" 5
	index=$(in_ns web cat /sys/class/net/eth0/ifindex)
	! in_ns other ping -q -c 2 -i 0.2 -W 1 "$db" >/dev/null || fail "a frame crosses from a VLAN to another"
	ovs_stop
	ovs_start
	ping_back web "$db"
	[ "$(in_ns web cat /sys/class/net/eth0/ifindex)" = "$index" ] || fail "another interface"
	! in_ns other ping -q -c 2 -i 0.2 -W 1 "$db" >/dev/null || fail "the VLAN is forgotten"
	daemon_lives
	cni DEL web
	cni DEL db
	cni DEL db || fail "DEL twice"
	# a namespace that goes first
	ip netns del other
	cni DEL other $other_conf
	[ -z "$(pods_left)" ] || fail "left: $(pods_left)"
	ip netns del web
	ip netns del db
	daemon_lives
}

case_stop() {
	ovs_stop
	[ -c /dev/vduse/c1 ] && [ -c /dev/vduse/c2 ] || fail "a device is gone"
	"$app" --destroy c1 --state-dir $state
	"$app" --destroy c2 --state-dir $state
	nothing_left
	[ -z "$(ls -A $state)" ] || fail "left: $(ls -A $state)"
}

case_first "$group/start" case_start || exit 1
for name in ping tcp mtu too_long refused ports restart kill large; do
	case_run "$group/$name" "case_$name"
done
case_run "$group/lying" lying 10.0.0.2
case_run "$group/pods" case_pods
case_run "$group/stop" case_stop
exit 0
