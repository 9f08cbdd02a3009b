#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Kernels: one
# Debian's own Open vSwitch with DPDK on the PMD: an application that nobody here wrote, with two
# containers on one of its bridges.
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh

vswitchd=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
log=$VM_RESULT/vswitchd.log
ctl=/run/openvswitch/vswitchd.ctl
state=/run/vduse

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
ovs_lives() {
	[ "$(ovs_pid)" = "$(cat /tmp/ovs-pid)" ] && running "$(ovs_pid)" ||
		fail "ovs-vswitchd has ended: $(tail -n 5 "$log")"
}

ovs_stop() {
	local pid
	pid=$(ovs_pid)
	ovs-appctl -t "$ctl" -T 20 exit
	wait_for "$patience" is_gone running "$pid" || fail "ovs-vswitchd does not end"
}

setup() {
	modules virtio_vdpa virtio_net tun
	mkdir -p /run/openvswitch /var/log/openvswitch /etc/openvswitch
	ovsdb-tool create /tmp/conf.db /usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server /tmp/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach \
		--no-chdir --log-file="$VM_RESULT/ovsdb.log"
	ovs-vsctl --no-wait init
	ovs-vsctl --no-wait set Open_vSwitch . other_config:dpdk-init=true \
		other_config:dpdk-lcore-mask=1 other_config:pmd-cpu-mask=2 \
		other_config:dpdk-socket-mem=512 \
		other_config:dpdk-extra="--no-pci --no-telemetry"
	ovs_start
	ovs-vsctl -t 30 add-br br0 -- set bridge br0 datapath_type=netdev
	say "$(ovs-vsctl get Open_vSwitch . ovs_version dpdk_version | tr '\n' ' ')"
}

# port_add NAME NUMBER [DEVARGS] [OVSDB-SETTING...]: a device on the bridge, in container NAME as eth0.
port_add() {
	local name=$1 number=$2 devargs=${3:-}
	shift 2
	[ $# = 0 ] || shift
	ovs-vsctl -t 60 add-port br0 "$name" -- set Interface "$name" type=dpdk \
		"options:dpdk-devargs=net_vduse_$name,name=$name,mac=02:00:00:00:00:0$number,attach=virtio${devargs:+,$devargs}" \
		"$@"
	say "$name: $(ovs-vsctl get Interface "$name" error mtu | tr '\n' ' ')"
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

ifindexes() {
	in_ns c1 cat /sys/class/net/eth0/ifindex
	in_ns c2 cat /sys/class/net/eth0/ifindex
}

# The ports that stay until the end have a state folder, and so their devices outlive the daemon.
case_start() {
	setup
	mkdir -p -m 700 $state
	port_add c1 1 state-dir=$state
	port_add c2 2 state-dir=$state
	ping_back c1 10.0.0.2
	ifindexes >/tmp/ifindexes
}

case_ping() {
	ping_ok c1 10.0.0.2 20
	ping_ok c2 10.0.0.1 20 -s 1400
	ping_ok c1 fd00::2 10
}

listening() {
	in_ns "$1" netstat -ltn | grep -q ":$2 "
}

# tcp FROM TO ADDRESS: send the file, compare its SHA-256 at the other end.
tcp() {
	local receiver sum
	[ -p /tmp/silence ] || mkfifo /tmp/silence
	if [ ! -f /tmp/data ]; then
		dd if=/dev/urandom of=/tmp/data bs=1000000 count=5 2>/dev/null
		sha256sum </tmp/data >/tmp/sum
	fi
	in_ns "$2" timeout "$patience" busybox nc -l -p 5001 <>/tmp/silence >/tmp/received &
	receiver=$!
	wait_for "$patience" listening "$2" 5001
	in_ns "$1" timeout "$patience" busybox nc "$3" 5001 </tmp/data
	wait "$receiver"
	say "$1 > $2: $(stat -c %s /tmp/received) bytes"
	sum=$(sha256sum </tmp/received)
	rm /tmp/received
	[ "$sum" = "$(cat /tmp/sum)" ]
}

case_tcp() {
	tcp c1 c2 10.0.0.2
	tcp c2 c1 10.0.0.1
}

stat_of() {
	ovs-vsctl get Interface "$1" "statistics:$2"
}

more_errors() {
	[ "$(stat_of "$1" rx_errors)" -gt "$2" ]
}

# The MTU of the bridge's ports up and down while frames pass; what the container sends beyond it is
# dropped and counted, and the daemon lives.
case_mtu() {
	local before
	in_ns c1 ping -n -q -i 0.02 -s 1400 10.0.0.2 >/dev/null &
	background+=($!)
	ovs-vsctl -t 60 set Interface c1 mtu_request=9000 -- set Interface c2 mtu_request=9000
	[ "$(ovs-vsctl get Interface c1 mtu)" = 9000 ]
	ping_back c1 10.0.0.2
	ovs-vsctl -t 60 set Interface c1 mtu_request=1500 -- set Interface c2 mtu_request=1500
	[ "$(ovs-vsctl get Interface c1 mtu)" = 1500 ]
	ping_back c1 10.0.0.2
	ovs_lives
}

# A container that was made with an MTU of 9000, and sends that after the port's fell to 1500.
case_too_long() {
	local before
	port_add c3 3 "" mtu_request=9000
	[ "$(in_ns c3 cat /sys/class/net/eth0/mtu)" = 9000 ]
	ping_back c3 10.0.0.1
	ovs-vsctl -t 60 set Interface c3 mtu_request=1500
	before=$(stat_of c3 rx_errors)
	in_ns c3 ping -n -q -c 5 -i 0.1 -W 1 -M "do" -s 8000 10.0.0.1 >/dev/null && fail "answered"
	wait_for "$patience" more_errors c3 "$before" || fail "no drop is counted"
	ping_ok c3 10.0.0.1 10 -s 1400
	ping_ok c1 10.0.0.2 10
	ovs_lives
	port_del c3
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

# resumed_by NAME: whether the daemon that runs now has said so.
resumed_by() {
	[ "$(grep -c "$1: resumed after the previous process" "$log")" -gt "${resumed[$1]}" ]
}

# resumes: after another start of the daemon the containers have the interfaces of before, and traffic:
# pings, and TCP that is whole.
resumes() {
	local name
	ovs_start
	for name in c1 c2; do
		wait_for "$patience" resumed_by "$name" ||
			fail "$name: not resumed: $(grep vduse "$log" | tail -n 5)"
	done
	pings_go_on || fail "ping does not go on"
	ifindexes | cmp - /tmp/ifindexes || fail "other interfaces"
	ping_ok c2 10.0.0.1 10
	tcp c1 c2 10.0.0.2
	tcp c2 c1 10.0.0.1
	ovs_lives
}

resumed_before() {
	local name
	declare -gA resumed
	for name in c1 c2; do
		resumed[$name]=$(grep -c "$name: resumed after the previous process" "$log" || true)
	done
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

case_stop() {
	ovs_stop
	[ -c /dev/vduse/c1 ] && [ -c /dev/vduse/c2 ] || fail "a device is gone"
	"$app" --destroy c1 --state-dir $state
	"$app" --destroy c2 --state-dir $state
	nothing_left
	[ -z "$(ls -A $state)" ] || fail "left: $(ls -A $state)"
}

case_first ovs/start case_start || exit 1
for name in ping tcp mtu too_long refused ports restart kill stop; do
	case_run "ovs/$name" "case_$name"
done
exit 0
