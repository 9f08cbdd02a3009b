# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A node with an uplink that is an interface of this host, whose other end has a namespace of its own; the container is an
# application with virtio-user that answers pings.

ns=vduse-uplink-$$

need_tun() {
	[ -c /dev/net/tun ] || modprobe tun 2>/dev/null || skip "this kernel has no TUN/TAP"
}

# port_start VDEV...: in the namespace; the process that forwards is there.
port_start() {
	local vdev
	ip netns list | grep -q "^$ns" || ip netns add "$ns"
	rm -rf "$run" # with what the case before has left
	: >"$work/node.conf"
	node_as=(ip netns exec "$ns") node_ports=()
	for vdev; do
		node_ports+=(--vdev "$vdev")
	done
	# shellcheck disable=SC2119 # none of its options
	node_start
	wait_for "$patience" node_serves || { log node; fail "nobody forwards"; }
	running "$app_pid" || { log node; fail "it does not start"; }
}

answers() {
	ip netns exec "$ns" ping -q -c 1 -W 1 10.9.0.2
}

# pings INTERFACE: the host's end reaches the container behind the uplink.
pings() {
	ip -n "$ns" link set "$1" up
	ip -n "$ns" address replace 10.9.0.1/24 dev "$1"
	ip -n "$ns" neigh replace 10.9.0.2 lladdr 02:00:00:00:00:01 dev "$1"
	wait_for "$patience" answers || { log node; log front; fail "no answer"; }
}

after_case() {
	ip netns del "$ns" 2>/dev/null
	local name
	emu clear
	emu show | sed -n 's/^\([^ :]*\): .*/\1/p' | while read -r name; do
		emu detach "$name" 2>/dev/null
	done
}
