#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-vduse-cni under the name dpdk-vduse, as Podman and netavark call it. The networks behind the control
# socket are played.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-plugin.sh"

here=$(dirname "$0")

serve() {
	control_serve
	node network add net0 || fail "no network"
	ip netns add "$pod"
	driver=$work/dpdk-vduse
	ln -sf "$(realpath "$plugin")" "$driver"
}

# sent [MEMBERS]: what netavark sends; MEMBERS are JSON members of the options of the network, each with a comma
# in front.
sent() {
	cat <<-JSON
		{ "container_id": "web", "container_name": "web", "port_mappings": null,
		  "network": { "name": "pods", "id": "1", "driver": "dpdk-vduse", "subnets": [{ "subnet": "10.9.0.0/24" }],
		    "ipv6_enabled": false, "internal": false, "dns_enabled": false,
		    "options": { "network": "net0", "socket": "$run/control"${1:-} } },
		  "network_options": { "interface_name": "eth0", "static_ips": ["10.9.0.5"] } }
	JSON
}

netavark() {
	"$driver" "$@" >"$work/answer"
}

# refused TEXT COMMAND...: with an error that has the text, and nothing besides.
refused() {
	local text=$1
	shift
	! "$@" || fail "$*: it is not refused"
	is 'list(answer)' '["error"]'
	grep -qF -- "$text" "$work/answer" || fail "no \"$text\" in $(cat "$work/answer")"
}

nothing_left_over() {
	[ "$(containers)" = 0 ] || fail "containers are left: $(node container show)"
}

case_info() {
	serve
	netavark info || fail "$(cat "$work/answer")"
	is 'answer' "{\"api_version\": \"1.0.0\", \"version\": \"$(cat "$pages/VERSION")\"}"
	netavark
	is 'answer["api_version"]' 1.0.0
}

# table COMMAND: the rows of netavark_table.py
table() {
	serve
	"$here/netavark_table.py" "$1" "$driver" "$run/control" "/run/netns/$pod" "$vdusectl" >"$work/wrong" ||
		fail "$(cat "$work/wrong")"
	nothing_left_over
}

case_errors() {
	serve
	refused 'give info, create, setup NETNS or teardown NETNS' netavark fly
	refused 'line 1' netavark create <<<'no JSON'
	refused 'no JSON object' netavark create <<<'[]'
	sent | refused 'setup NETNS' netavark setup
	sent | refused 'teardown NETNS' netavark teardown
	sent | refused '/run/netns/none' netavark setup /run/netns/none
	echo '{}' | refused 'container_id: no text' netavark teardown "/run/netns/$pod"
	nothing_left_over
}

# The runtime died before it was told, and starts the container anew, in another namespace.
case_again() {
	serve
	sent | netavark setup "/run/netns/$pod" || fail "$(cat "$work/answer")"
	sent | refused 'teardown comes first' netavark setup "/run/netns/$pod"
	[ "$(containers)" = 1 ] || fail "what was there has gone"
	ip netns add "$pod-2"
	sent | netavark setup "/run/netns/$pod-2" || fail "$(cat "$work/answer")"
	node show config | grep -q "netns /run/netns/$pod-2" || fail "it is where it was: $(node show config)"
	[ "$(containers)" = 1 ] || fail "not one: $(node container show)"
	# an option that went bad, and a namespace that is gone, keep nothing
	ip netns del "$pod-2"
	sent ', "vlan": "five"' | netavark teardown "/run/netns/$pod-2" || fail "$(cat "$work/answer")"
	[ ! -s "$work/answer" ] || fail "teardown prints something"
	nothing_left_over
}

# The answer does not come: the daemon goes behind the interface.
case_away() {
	serve
	kill -KILL "$server"
	wait "$server" 2>/dev/null || true
	sent | refused 'is dpdk-vduse-net running' netavark setup "/run/netns/$pod"
	sent | refused 'is dpdk-vduse-net running' netavark teardown "/run/netns/$pod"
}

# The metrics of other networks' default routes are passed over.
case_metric() {
	serve
	ip -n "$pod" link add eth9 type veth peer name far
	ip -n "$pod" link set eth9 up
	ip -n "$pod" addr add 10.7.0.2/24 dev eth9
	ip -n "$pod" route add default via 10.7.0.1 metric 100
	ip -n "$pod" route add default via 10.7.0.1 metric 101
	ip -n "$pod" route add 10.6.0.0/16 via 10.7.0.1 metric 102
	sent | sed 's,10.9.0.0/24",&\, "gateway": "10.9.0.1",' | netavark setup "/run/netns/$pod" || fail "$(cat "$work/answer")"
	node show config | grep -q 'route "0.0.0.0/0 via 10.9.0.1 metric 102"' || fail "$(node show config)"
	sent | netavark teardown "/run/netns/$pod"
	nothing_left_over
}

# A neighbour that knows the addresses by another MAC address hears whose they are now.
case_announced() {
	serve
	ip netns add "$pod-2"
	ip -n "$pod" link add eth0 address 02:00:00:00:00:07 type veth peer name far netns "$pod-2"
	ip -n "$pod" link set eth0 up
	ip -n "$pod-2" addr add 10.9.0.1/24 dev far
	ip -n "$pod-2" addr add fd00:9::1/64 dev far nodad
	ip -n "$pod-2" link set far up
	wait_for "$patience" listens || fail "$(ip -n "$pod-2" -6 route show table all)"
	ip -n "$pod-2" neigh add 10.9.0.5 lladdr 02:00:00:00:00:99 dev far nud reachable
	ip -n "$pod-2" neigh add fd00:9::5 lladdr 02:00:00:00:00:99 dev far nud reachable
	sent | sed 's,{ "subnet": "10.9.0.0/24" },&\, { "subnet": "fd00:9::/64" },; s,"10.9.0.5",&\, "fd00:9::5",' |
		netavark setup "/run/netns/$pod" || fail "$(cat "$work/answer")"
	wait_for "$patience" knows 10.9.0.5 || fail "not heard: $(ip -n "$pod-2" neigh)"
	wait_for "$patience" knows fd00:9::5 || fail "not heard: $(ip -n "$pod-2" neigh)"
	sent | netavark teardown "/run/netns/$pod"
	nothing_left_over
}

# listens: it takes what is sent to all.
listens() {
	ip -n "$pod-2" -6 route show table local | grep -q '^multicast ff00'
}

knows() {
	ip -n "$pod-2" neigh show "$1" | grep -q 'lladdr 02:00:00:00:00:07'
}

# Ports that are asked for are the matter of another network, if of any.
case_ports() {
	serve
	sent | sed 's/"port_mappings": null/"port_mappings": [{ "container_port": 80, "host_port": 8080 }]/' |
		netavark setup "/run/netns/$pod" 2>"$work/said" || fail "$(cat "$work/answer")"
	grep -q 'network pods publishes no ports' "$work/said" || fail "it is not said: $(cat "$work/said")"
	sent | netavark teardown "/run/netns/$pod"
	nothing_left_over
}

# A rootless Podman: root in a user namespace, which calls the driver where a folder of its own is at /run.
case_rootless() {
	serve
	sent | hidden setup || fail "$(cat "$work/answer")"
	[ "$(containers)" = 1 ] || fail "not one: $(node container show)"
	sent | hidden teardown || fail "$(cat "$work/answer")"
	nothing_left_over
	sent | refused 'control: No such file' orphan
}

# hidden COMMAND: the shell in the middle has the socket, and what it calls has not.
hidden() {
	# shellcheck disable=SC2016 # for the shells inside
	unshare --user --map-root-user bash -c \
		'unshare --mount bash -c "mount -t tmpfs tmpfs \$1; \$2 \$3 \$4" - "$@"; exit' - \
		"$run" "$driver" "$1" "/run/netns/$pod" >"$work/answer"
}

# orphan: with nobody above that has the socket.
orphan() {
	unshare --mount bash -c 'mount -t tmpfs tmpfs "$1"; exec unshare --pid --fork --mount-proc "$2" setup "$3"' - \
		"$run" "$driver" "/run/netns/$pod" >"$work/answer"
}

pod=vduse-netavark-$$
after_case() {
	ip netns del "$pod" 2>/dev/null || true
	ip netns del "$pod-2" 2>/dev/null || true
}

case_run netavark/info case_info
case_run netavark/create table create
case_run netavark/setup table setup
for name in errors again announced away metric ports rootless; do
	case_run "netavark/$name" "case_$name"
done
