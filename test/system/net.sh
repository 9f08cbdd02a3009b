#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Kernels: all
# Two containers joined by dpdk-vduse-net: what goes in at one side comes out at the other.
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-tcp.sh
. /vm/system/lib-tcp.sh

# The application is started once for the group; each case finds it running.
start() {
	"$app" --version
	two_containers --mtu 9000
	echo "$app_pid" >/tmp/app-pid
	background=()
	in_ns c1 cat /sys/class/net/eth0/address | grep -qx 02:00:00:00:00:01
	in_ns c2 cat /sys/class/net/eth0/address | grep -qx 02:00:00:00:00:02
	in_ns c1 ethtool -i eth0 | grep -x 'driver: virtio_net'
	[ "$(in_ns c1 cat /sys/class/net/eth0/mtu)" = 9000 ]
	vdpa dev config show c1 | grep -E 'mac 02:00:00:00:00:01 link up .*mtu 9000'
	vdpa dev config show c2 | grep -E 'mac 02:00:00:00:00:02 link up .*mtu 9000'
}

mtu() {
	ip -n c1 link set eth0 mtu "$1"
	ip -n c2 link set eth0 mtu "$1"
}

case_ping() {
	ping_ok c1 10.0.0.2 50
	ping_ok c2 10.0.0.1 50
	ping_ok c1 10.0.0.2 20 -s 1400
}

case_arp() {
	for _ in 1 2 3 4 5; do
		ip -n c1 neigh flush dev eth0
		ip -n c2 neigh flush dev eth0
		in_ns c1 ping -n -q -c 1 -W "$patience" 10.0.0.2 >/dev/null
		ip -n c1 neigh show 10.0.0.2 dev eth0 | grep -q 02:00:00:00:00:02
		ip -n c2 neigh show 10.0.0.1 dev eth0 | grep -q 02:00:00:00:00:01
	done
}

case_ipv6() {
	ping_ok c1 fd00::2 20
	ping_ok c2 fd00::1 20
	# Multicast: all nodes on the link.
	in_ns c1 ping -n -q -c 2 -W "$patience" ff02::1%eth0 >/dev/null
}

case_frames() {
	mtu 1500
	"$tools/frames" -r 2 c1 eth0 c2 eth0
	"$tools/frames" -r 2 c2 eth0 c1 eth0
}

case_jumbo() {
	mtu 9000
	# 9014 bytes: an MTU of 9000 and the Ethernet header.
	"$tools/frames" -m 1515 -M 9014 -s 7 c1 eth0 c2 eth0
	"$tools/frames" -m 1515 -M 9014 -s 7 c2 eth0 c1 eth0
	"$tools/frames" -m 9014 -M 9014 -r 100 c1 eth0 c2 eth0
	ping_ok c1 10.0.0.2 10 -M "do" -s 8972
	ping_ok c2 10.0.0.1 10 -M "do" -s 8972
}

case_tcp() {
	mtu 1500
	tcp_data 30
	tcp c1 c2 10.0.0.2
	tcp c2 c1 10.0.0.1
	rm /tmp/data
}

quiet_mbufs() {
	[ "$(app_mbufs app "$pid")" = "$before" ]
}

# More than the other end can take: drops are fine, leaks are not.
case_flood() {
	local before length
	pid=$(cat /tmp/app-pid)
	before=$(app_mbufs app "$pid")
	say "mbufs before: $before"
	in_ns c2 iperf3 -s -D --logfile /dev/null
	wait_for "$patience" listening c2 5201
	for length in 18 1400 4000; do
		in_ns c1 iperf3 -c 10.0.0.2 -u -b 0 -l "$length" -t 2 2>/dev/null |
			grep -E 'sender|receiver' | sed 's/^/# /'
	done
	in_ns c1 iperf3 -c 10.0.0.2 -u -b 0 -l 1400 -t 2 -R | grep receiver | sed 's/^/# /'
	wait_for "$patience" quiet_mbufs || fail "mbufs after: $(app_mbufs app "$pid"), before: $before"
	say "mbufs after: $(app_mbufs app "$pid")"
	ping_ok c1 10.0.0.2 20
}

# Many flows at once, both ways, and one of them through jumbo frames.
case_iperf() {
	mtu 1500
	listening c2 5201 || in_ns c2 iperf3 -s -D --logfile /dev/null
	wait_for "$patience" listening c2 5201
	in_ns c1 iperf3 -c 10.0.0.2 -P 4 -t 3 | grep -E 'SUM.*(sender|receiver)' | sed 's/^/# /'
	in_ns c1 iperf3 -c 10.0.0.2 -P 4 -t 3 -R | grep -E 'SUM.*(sender|receiver)' | sed 's/^/# /'
	mtu 9000
	in_ns c1 iperf3 -c 10.0.0.2 -t 2 | grep receiver | sed 's/^/# /'
}

app_ended() {
	! [ -d "/proc/$1" ]
}

# Ends while both interfaces are up and in their containers.
case_stop() {
	pid=$(cat /tmp/app-pid)
	kill -TERM "$pid"
	wait_for "$patience" app_ended "$pid" || fail "the application does not end on SIGTERM"
	nothing_left
	[ ! -e /sys/class/net/eth0 ]
	tail -n 5 "$VM_RESULT/app.log" | sed 's/^/# /'
	grep -q '^mbufs: ' "$VM_RESULT/app.log"
}

case_first net/start start || exit 1
for name in ping arp ipv6 frames jumbo tcp flood iperf stop; do
	case $name in
	flood | iperf) case_long "net/$name" "case_$name" ;;
	*) case_run "net/$name" "case_$name" ;;
	esac
done
exit 0
