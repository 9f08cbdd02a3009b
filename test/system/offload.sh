#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Offloads between containers, and between a container and a port that has none; native
# XDP; the port's link in the container.
# Kernels: one
# Run: all
# shellcheck source=lib.sh
. /vm/system/lib.sh

# In one direction of an exchange: some thousand frames of an Ethernet's length.
megabytes=4

# start PROFILE...: the application, its container c1 with the first profile. A second
# one makes a second container c2, which is its port.
start() {
	modules virtio_vdpa virtio_net
	run app "$app" "${eal[@]}" "${huge[@]}" \
		--vdev "net_vduse_p,name=c2,mac=02:00:00:00:00:02,profile=$2,csum=partial,attach=virtio" -- \
		--port net_vduse_p --name c1 --mac 02:00:00:00:00:01 --profile "$1"
	need_netdev c1 app "$pid"
	container c1 "$dev" 1
	need_netdev c2 app "$pid"
	container c2 "$dev" 2
	ping_back c1 10.0.0.2
}

# start_tap OPTION...: container c1, and the interface tap0 of this machine as port.
start_tap() {
	modules virtio_vdpa virtio_net
	modprobe tun
	run app "$app" "${eal[@]}" "${huge[@]}" --vdev net_tap0,iface=tap0 -- \
		--port net_tap0 --name c1 "$@"
	need_netdev c1 app "$pid"
	container c1 "$dev" 1
	ip addr add 10.0.0.2/24 dev tap0
	ip addr add fd00::2/64 dev tap0 nodad
	ip link set tap0 up
	wait_for "$patience" carrier 1 || fail "no carrier in the container"
	ping_back c1 10.0.0.2
}

# start_veth: container c1, and a veth pair by net_af_packet to container c2 as port.
start_veth() {
	modules virtio_vdpa virtio_net
	modprobe -a veth af_packet || true
	ip netns add c2
	ip link add veth0 type veth peer name eth0 netns c2
	ip link set veth0 up
	container_up c2 2
	# What a packet socket reads must be ready for the wire: it is told no offloads.
	in_ns c2 ethtool -K eth0 tx off tso off gso off >/dev/null
	run app "$app" "${eal[@]}" "${huge[@]}" --vdev net_af_packet0,iface=veth0 -- \
		--port net_af_packet0 --name c1
	need_netdev c1 app "$pid"
	container c1 "$dev" 1
	ping_back c1 10.0.0.2
}

carrier() {
	in_ns c1 cat /sys/class/net/eth0/carrier | grep -qx "$1"
}

listening() {
	$1 netstat -ltn | grep -q ":$2 "
}

# transfer FROM TO ADDRESS: FROM and TO are prefixes of commands. The SHA-256 must agree.
transfer() {
	local receiver start=$EPOCHREALTIME
	[ -p /tmp/silence ] || mkfifo /tmp/silence
	fresh /tmp/received
	# An input that never ends: with it, the receiver would end the connection.
	$2 busybox nc -l -p 5001 <>/tmp/silence >/tmp/received &
	receiver=$!
	wait_for "$patience" listening "$2" 5001
	$1 busybox nc "$3" 5001 </tmp/data
	wait "$receiver"
	say "${1:-here} > ${2:-here}, $3: $(stat -c %s /tmp/received) bytes in" \
		"$(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) ms"
	[ "$(sha256sum </tmp/received)" = "$sum" ] || fail "other bytes than were sent"
}

# exchange FAR: both ways, IPv4 and IPv6; FAR is the prefix of commands at the other end.
exchange() {
	dd if=/dev/urandom of=/tmp/data bs=1000000 count=$megabytes 2>/dev/null
	sum=$(sha256sum </tmp/data)
	transfer "in_ns c1" "$1" 10.0.0.2
	transfer "$1" "in_ns c1" 10.0.0.1
	transfer "in_ns c1" "$1" fd00::2
	transfer "$1" "in_ns c1" fd00::1
	rm /tmp/data /tmp/received
	no_bad_checksums "in_ns c1"
	no_bad_checksums "$1"
}

# Neither end may have met a wrong checksum.
no_bad_checksums() {
	$1 cat /proc/net/snmp | awk '
		/^(Ip|Tcp|Udp):/ {
			if (!($1 in names)) { names[$1] = $0; next }
			n = split(names[$1], name, " ")
			for (i = 2; i <= n; i++)
				if ((name[i] == "InCsumErrors" || name[i] == "InHdrErrors") && $i > 0) {
					print "# " $1, name[i], $i
					bad = 1
				}
		}
		END { exit bad }' || fail "wrong checksums arrived at ${1:-this machine}"
}

here() {
	"$@"
}

# counters FROM: "rx tx drops" of the direction from that name, as the application says.
counters() {
	app_mbufs app "$pid" >/dev/null
	sed -n 's/^wire 0: //p' "$VM_RESULT/app.log" | tail -n 1 | tr ';' '\n' |
		sed -nE "s/^ ?$1 .*: rx ([0-9]+) tx ([0-9]+) drops ([0-9]+).*/\1 \2 \3/p"
}

# cut_in_software FROM: more frames went out than came in.
cut_in_software() {
	local rx tx drops
	read -r rx tx drops <<<"$(counters "$1")"
	say "from $1: rx $rx tx $tx drops $drops"
	[ "$tx" -gt "$((rx + rx / 10))" ]
}

# bulk: frames of 64 KiB pass as they are.
passed_whole() {
	local rx tx drops
	read -r rx tx drops <<<"$(counters "$1")"
	say "from $1: rx $rx tx $tx drops $drops"
	[ "$tx" -le "$rx" ] && [ "$rx" -lt "$((2 * megabytes * 1000000 / 1448))" ]
}

# The last line of the wire accounts for every frame, in both directions.
accounted() {
	awk '
		/^wire 0: / { line = $0 }
		END {
			n = split(line, side, ";")
			for (i = 1; i <= n; i++) {
				if (!match(side[i], /: rx [0-9]+ tx [0-9]+ drops [0-9]+/)) { bad = 1; continue }
				split(substr(side[i], RSTART, RLENGTH), c, " ")
				more = match(side[i], /[0-9]+ more by cutting/) ? substr(side[i], RSTART) + 0 : 0
				if (c[3] + more != c[5] + c[7]) { print "# " c[3] " + " more " != " c[5] " + " c[7]; bad = 1 }
			}
			exit bad || n != 2
		}' "$VM_RESULT/app.log" ||
		fail "frames are missing in: $(grep '^wire 0: ' "$VM_RESULT/app.log" | tail -n 1)"
}

finish() {
	stop "$pid"
	accounted
	say "$(tail -n 2 "$VM_RESULT/app.log" | tr '\n' ' ')"
	nothing_left
}

case_bulk() {
	start bulk bulk
	exchange "in_ns c2"
	passed_whole c1
	passed_whole net_vduse_p
	finish
}

case_none() {
	start none none
	in_ns c1 ethtool -k eth0 | grep -x 'tx-checksumming: off'
	in_ns c1 ethtool -k eth0 | grep -x 'tcp-segmentation-offload: off'
	exchange "in_ns c2"
	finish
}

# What one driver sends the other does not take: both must meet in the application.
case_mixed() {
	local pair
	for pair in "bulk none" "bulk latency" "bulk xdp"; do
		say "profiles $pair"
		# shellcheck disable=SC2086
		start $pair
		exchange "in_ns c2"
		cut_in_software c1
		finish
		clean_slate
	done
	start latency latency
	exchange "in_ns c2"
	finish
}

# vlan_up NAMESPACE NUMBER NAME TAG...: interfaces above eth0, one in the other; the last
# one's address ends in NUMBER, in network $net. The driver's offloads stay on.
vlan_up() {
	local ns=$1 number=$2 below=eth0 name=$3 tag proto id
	shift 3
	for tag; do
		proto=${tag%:*} id=${tag#*:}
		ip -n "$ns" link add link "$below" name "$name$id" type vlan proto "$proto" id "$id"
		ip -n "$ns" link set "$name$id" up
		below=$name$id
	done
	# a device takes two tags beside its MTU
	[ $# -le 2 ] || ip -n "$ns" link set "$below" mtu "$((1500 - 4 * ($# - 2)))"
	ip -n "$ns" addr add "10.0.$net.$number/24" dev "$below"
	ip -n "$ns" addr add "fd00:$net::$number/64" dev "$below" nodad
	in_ns "$ns" ethtool -k "$below" | grep -x 'tcp-segmentation-offload: on' >/dev/null ||
		say "$below of $ns: without segmentation"
}

# exchange_tagged NET TAG...: through interfaces with these tags in both containers.
exchange_tagged() {
	local net=$1
	shift
	say "tags $*"
	vlan_up c1 1 "v$net." "$@"
	vlan_up c2 2 "v$net." "$@"
	ping_back c1 "10.0.$net.2"
	dd if=/dev/urandom of=/tmp/data bs=1000000 count="$megabytes" 2>/dev/null
	sum=$(sha256sum </tmp/data)
	transfer "in_ns c1" "in_ns c2" "10.0.$net.2"
	transfer "in_ns c2" "in_ns c1" "10.0.$net.1"
	transfer "in_ns c1" "in_ns c2" "fd00:$net::2"
	transfer "in_ns c2" "in_ns c1" "fd00:$net::1"
	rm /tmp/data /tmp/received
	no_bad_checksums "in_ns c1"
	no_bad_checksums "in_ns c2"
}

# Tags of both kinds, alone and in each other: with offloads passed on, and done here.
case_vlan() {
	local pair
	modprobe 8021q
	for pair in "bulk bulk" "bulk none"; do
		say "profiles $pair"
		# shellcheck disable=SC2086
		start $pair
		megabytes=2 exchange_tagged 5 802.1Q:5
		megabytes=2 exchange_tagged 6 802.1ad:6
		megabytes=2 exchange_tagged 7 802.1Q:7 802.1Q:8
		megabytes=2 exchange_tagged 9 802.1ad:9 802.1Q:10 802.1Q:11
		finish
		clean_slate
	done
}

# only FEATURE...: of what ethtool can switch off, only these stay on.
only() {
	local ns feature
	for ns in c1 c2; do
		in_ns "$ns" ethtool -K eth0 tx off sg off tso off gso off gro off >/dev/null
		in_ns "$ns" ethtool -K eth0 tx-tcp6-segmentation off tx-udp-segmentation off \
			>/dev/null 2>&1 || true
		for feature; do
			in_ns "$ns" ethtool -K eth0 "$feature" on >/dev/null ||
				fail "$feature cannot be switched on"
		done
	done
}

# Each offload of the driver by itself, with what it cannot do without.
case_alone() {
	local set
	start bulk bulk
	for set in "" "sg" "tx" "tx sg" "gro" "sg gso" "tx sg tx-tcp-segmentation" \
		"tx sg tx-tcp6-segmentation" "tx sg tx-tcp-segmentation tx-tcp-ecn-segmentation" \
		"tx sg tx-udp-segmentation"; do
		say "only: ${set:-none}"
		# shellcheck disable=SC2086
		only $set
		megabytes=1 exchange "in_ns c2"
	done
	finish
}

# Congestion notification: CWR is in the first segment only.
case_ecn() {
	start bulk none
	in_ns c1 sysctl -qw net.ipv4.tcp_ecn=1
	in_ns c2 sysctl -qw net.ipv4.tcp_ecn=1
	exchange "in_ns c2"
	cut_in_software c1
	finish
}

# A port without TSO: rte_gso, our segmenter, and checksums in software.
case_tap() {
	start_tap
	exchange here
	cut_in_software c1
	finish
}

case_packet_socket() {
	start_veth
	exchange "in_ns c2"
	cut_in_software c1
	finish
}

# has_link NAMESPACE WORD: what `ip link` shows of eth0 has the word.
has_link() {
	ip -n "$1" link show eth0 | grep -q -- "$2"
}

case_xdp() {
	start xdp bulk
	in_ns c1 "$tools/xdp" eth0 on
	ip -n c1 -d link show eth0 | grep -q 'prog/xdp' || fail "$(ip -n c1 link show eth0)"
	is_gone has_link c1 xdpgeneric || fail "XDP is the generic one: $(ip -n c1 link show eth0)"
	ping_back c1 10.0.0.2
	exchange "in_ns c2"
	in_ns c1 "$tools/xdp" eth0 off
	is_gone has_link c1 prog/xdp || fail "XDP stays: $(ip -n c1 link show eth0)"
	# The other container's driver was given GUEST_ offloads.
	if in_ns c2 "$tools/xdp" eth0 on 2>/tmp/xdp; then
		fail "native XDP loads in spite of the profile bulk"
	fi
	sed 's/^/# /' /tmp/xdp
	finish
}

case_link() {
	start_tap
	in_ns c1 ethtool eth0 | grep -E 'Speed|Duplex|Link detected' | sed 's/^/# /'
	in_ns c1 ethtool eth0 | grep -q 'Speed: 10000Mb/s'
	in_ns c1 ethtool eth0 | grep -q 'Link detected: yes'
	ip link set tap0 down
	wait_for "$patience" carrier 0 || fail "the container still sees a carrier"
	in_ns c1 ethtool eth0 | grep -q 'Link detected: no'
	ip link set tap0 up
	wait_for "$patience" carrier 1 || fail "the carrier does not come back"
	ping_back c1 10.0.0.2
	finish
}

port_seen_down() {
	app_mbufs app "$pid" && grep -q '^wire 0: net_tap0 (down)' "$VM_RESULT/app.log"
}

# --link up: whatever the port's link is.
case_link_up() {
	start_tap --link up
	ip link set tap0 down
	wait_for "$patience" port_seen_down || fail "the application does not see the port's link"
	# Three seconds in which the application looks at the link each second.
	in_ns c1 ping -n -q -c 3 -W 1 10.0.0.2 >/dev/null || true
	carrier 1
	finish
}

# The other container's driver goes: no carrier here, as with a cable pulled out.
case_link_peer() {
	local bus
	start bulk bulk
	carrier 1
	bus=$(basename /sys/bus/vdpa/devices/c2/virtio*)
	echo "$bus" >/sys/bus/virtio/drivers/virtio_net/unbind
	wait_for "$patience" carrier 0 || fail "carrier without a driver at the other end"
	echo "$bus" >/sys/bus/virtio/drivers/virtio_net/bind
	wait_for "$patience" carrier 1 || fail "the carrier does not come back"
	finish
}

after_case() {
	clean_slate
	ip link del veth0 2>/dev/null
	return 0
}

for name in bulk none mixed alone ecn vlan tap packet_socket xdp link link_up link_peer; do
	case $name in
	bulk | ecn | vlan | xdp | link) case_run "offload/$name" "case_$name" ;;
	*) case_long "offload/$name" "case_$name" ;;
	esac
done
exit 0
