#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian sid's grout, a router on DPDK 25.11, on the PMD, with two containers in networks of their own.
# Run: named
# Memory: 4096
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-daemon.sh
. /vm/system/lib-daemon.sh

log=$VM_RESULT/grout.log
state=/run/vduse

# grout_start: it has no file of its own; what there was is said again. Its pools and tables are made for the memory
# of a test machine.
grout_start() {
	GROUT_MEMPOOL_CHUNK_SIZE=8191 GROUT_MAX_ROUTES=1024 grout -u 9000 -M unix:/run/grout.metrics -- --no-pci >>"$log" 2>&1 </dev/null &
	echo $! >/tmp/grout-pid
	wait_for "$patience" test -S /run/grout.sock || { tail -n 20 "$log"; fail "grout does not start"; }
	wait_for "$patience" grcli interface show || { tail -n 20 "$log"; fail "grout does not answer"; }
}

grout_pid() {
	cat /tmp/grout-pid
}

daemon_lives() {
	running "$(grout_pid)" && grcli interface show >/dev/null ||
		fail "grout has ended: $(tail -n 5 "$log")"
}

# grout_end SIGNAL
grout_end() {
	local pid
	pid=$(grout_pid)
	kill "-$1" "$pid"
	wait_for "$patience" is_gone running "$pid" || fail "grout does not end"
	rm -f /run/grout.sock
}

# port NAME NUMBER [DEVARGS]: a port of grout's.
port() {
	grcli -e interface add port "$1" devargs \
		"net_vduse_$1,name=$1,mac=02:00:00:00:00:0$2,attach=${attach:-virtio}${3:+,$3}" ||
		{ tail -n 20 "$log"; fail "no port $1"; }
}

port_runs() {
	grcli interface show name "$1" | grep -q '^flags:.* running'
}

# addresses NAME NUMBER: 10.0.NUMBER.1/24 and fd00:NUMBER::1/64 on a port, which grout takes once it has a link.
addresses() {
	wait_for "$patience" port_runs "$1" || fail "$1 has no link: $(grcli interface show name "$1")"
	grcli -e address add "10.0.$2.1/24" iface "$1"
	grcli -e address add "fd00:$2::1/64" iface "$1"
}

# routed NAME NUMBER: the container behind the port, 10.0.NUMBER.2 and fd00:NUMBER::2. The port has the
# address that the driver was made with: the container's own is another.
routed() {
	wait_for "$patience" netdev_there "$1" || { tail -n 20 "$log"; fail "no interface of $1"; }
	addresses "$1" "$2"
	container "$1" "$(netdev "$1")" "$2"
	ip -n "$1" addr flush dev eth0
	ip -n "$1" link set eth0 address "02:00:00:00:01:0$2"
	ip -n "$1" addr add "10.0.$2.2/24" dev eth0
	ip -n "$1" addr add "fd00:$2::2/64" dev eth0 nodad
	ip -n "$1" route add default via "10.0.$2.1"
	ip -n "$1" -6 route add default via "fd00:$2::1"
}

case_start() {
	modules virtio_vdpa vhost_vdpa virtio_net tun
	peer_programs grout grcli
	mkdir -p -m 700 $state
	grout_start
	port c1 1 state-dir=$state
	port c2 2 state-dir=$state
	routed c1 1
	routed c2 2
	say "$(grout -V 2>&1 | head -n 1)"
	ping_back c1 10.0.2.2 || { grcli interface show; grcli stats show software; fail "no answer"; }
	ifindexes >/tmp/ifindexes
}

case_ping() {
	ping_ok c1 10.0.1.1 10
	ping_ok c1 10.0.2.2 20
	ping_ok c2 10.0.1.2 20 -s 1400
	ping_back c1 fd00:2::2
	ping_ok c1 fd00:2::2 10
}

# What the driver leaves to the device is completed: grout switches RX checksum offload on and completes none.
case_tcp() {
	in_ns c1 ethtool -k eth0 | grep -q '^tx-checksumming: on' || fail "c1 completes checksums itself"
	tcp c1 c2 10.0.2.2
	tcp c2 c1 10.0.1.2
}

counter() {
	local value
	case $2 in
	rx_packets) value=$(grcli stats show hardware | sed -n "s/^$1\.rx_good_packets: //p") ;;
	*) value=$(grcli stats show hardware | sed -n "s/^$1\.$2: //p") ;;
	esac
	echo "${value:-0}"
}

mtu_is() {
	grcli interface show name "$1" | grep -qx "mtu: $2"
}

# The MTU of the ports up and down while frames pass.
case_mtu() {
	local mtu name
	pings_start c1 10.0.2.2
	for mtu in 9000 1500; do
		for name in c1 c2; do
			grcli -e interface set port "$name" mtu "$mtu"
			mtu_is "$name" "$mtu"
		done
		pings_go_on || fail "no answer at MTU $mtu"
		ping_back c1 10.0.2.2
		ping_ok c1 10.0.2.2 10 -s 1400
	done
	daemon_lives
}

# A container that was made with an MTU of 9000, and sends that after the port's fell to 1500.
case_too_long() {
	local before
	grcli -e interface add port c3 devargs net_vduse_c3,name=c3,mac=02:00:00:00:00:03,mtu=9000,attach=virtio mtu 9000
	routed c3 3
	[ "$(in_ns c3 cat /sys/class/net/eth0/mtu)" = 9000 ] || fail "MTU $(in_ns c3 cat /sys/class/net/eth0/mtu)"
	ping_back c3 10.0.1.2
	grcli -e interface set port c3 mtu 1500
	before=$(counter c3 rx_errors)
	in_ns c3 ping -n -q -c 5 -i 0.1 -W 1 -M "do" -s 8000 10.0.3.1 >/dev/null && fail "answered"
	wait_for "$patience" counted c3 rx_errors $((before + 5)) || fail "no drop is counted"
	ping_ok c3 10.0.1.2 10 -s 1400
	daemon_lives
	grcli -e interface del c3
	ip netns del c3
}

# 64 KiB frames: grout asks for no LRO, so a container is told to send none; with a profile that would the port
# is refused, with the reason in grout's log.
case_large() {
	local before size
	before=$(frames_of c1 tx)
	tcp c1 c2 10.0.2.2
	size=$(size_since "$before" "$(frames_of c1 tx)")
	say "c1 > grout: $size bytes a frame"
	[ "$size" -le 1514 ] || fail "frames longer than the MTU"
	grcli -e interface add port c4 devargs net_vduse_c4,name=c4,profile=bulk,attach=virtio && fail "it is not refused"
	grep -q 'profile=bulk receives frames of up to 64 KiB' "$log" || fail "no reason is logged"
	netdev_there c4 && fail "a port that was refused has an interface"
	port c5 5 profile=tx
	routed c5 5
	ping_back c5 10.0.1.2
	tcp c5 c1 10.0.1.2
	tcp c1 c5 10.0.5.2
	grcli -e interface del c5
	ip netns del c5
	daemon_lives
}

lying_add() {
	attach=vhost port c6 6
}

lying_del() {
	grcli -e interface del c6
}

# resumes: grout is told its ports again; the containers have the interfaces of before, and traffic.
resumes() {
	grout_start
	port c1 1 state-dir=$state
	port c2 2 state-dir=$state
	addresses c1 1
	addresses c2 2
	both_resumed
	pings_go_on || fail "ping does not go on"
	ifindexes | cmp - /tmp/ifindexes || fail "other interfaces"
	ping_ok c2 10.0.1.2 10
	tcp c1 c2 10.0.2.2
	tcp c2 c1 10.0.1.2
	daemon_lives
}

# again SIGNAL: grout ends by it and is started again, with pings under way.
again() {
	pings_start c1 10.0.2.2
	pings_go_on || fail "no answer"
	resumed_before
	grout_end "$1"
	[ -c /dev/vduse/c1 ] && [ -c /dev/vduse/c2 ] || fail "a device is gone"
	resumes
}

case_stop() {
	grout_end TERM
	[ -c /dev/vduse/c1 ] && [ -c /dev/vduse/c2 ] || fail "a device is gone"
	"$app" --destroy c1 --state-dir $state
	"$app" --destroy c2 --state-dir $state
	nothing_left
	[ -z "$(ls -A $state)" ] || fail "left: $(ls -A $state)"
}

case_first grout/start case_start || exit 1
for name in ping tcp mtu too_long large; do
	case_run "grout/$name" "case_$name"
done
case_run grout/lying lying 10.0.2.2
case_run grout/restart again TERM
case_run grout/kill again KILL
case_run grout/stop case_stop
exit 0
