# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Cases of cni where Open vSwitch is the data plane. It is played: what it is told, and how it says no, is of
# interest here; the real one is in system/ovs.

fake=$work/fake
ovs_port=
PATH=$fake:$PATH

ovs_start() {
	[ -x $plugins/host-local ] || skip "no $plugins/host-local: apt-get install containernetworking-plugins"
	rm -rf "$fake"
	mkdir -p "$fake/rows" "$fake/sys"
	# the program itself, and not what chooses one
	sed "1s,.*,#!$(python3 -c 'import sys; print(sys.executable)') -IS," "$here/fake-ovs-vsctl" >"$fake/ovs-vsctl"
	chmod +x "$fake/ovs-vsctl"
	cat >"$fake/dpdk-vduse-net" <<-'SH'
		#!/bin/sh
		echo "$0 $*" >>"$FAKE_OVS/calls"
		rm -r "/sys/class/vduse/$2" "/sys/bus/vdpa/devices/$2"
		ip link del "$(echo "$2" | sed 's/pod/q-/')"
	SH
	chmod +x "$fake/dpdk-vduse-net"
	printf '[]' >"$fake/error"
	export FAKE_OVS=$fake
	ip netns add "$pod"
	ip -n "$pod" link set lo up
	# its own /sys, in which the devices of ports are
	sees_fake=(unshare -m sh -c 'mount --bind "$0/sys" /sys && exec "$@"' "$fake")
	ovs_conf >"$conf_file"
}

# ovs_end: interfaces of ports that are left.
ovs_end() {
	local name
	for name in "$fake/rows/"*; do
		ip link del "$(basename "$name" | sed 's/pod/q-/')" 2>/dev/null || true
	done
}

# ovs_conf [MEMBERS]: JSON members, each with a comma behind.
ovs_conf() {
	conf 1.1.0 "\"dataplane\": \"ovs\", \"bridge\": \"br0\", \"stateDir\": \"$fake/state\", ${1:-}" |
		sed 's/"network": "net0",//'
}

called() {
	grep -qxF -- "$1" "$fake/calls" || fail "not called: $1; but: $(cat "$fake/calls")"
}

ovs_nothing_left() {
	[ "$(leases)" = 0 ] || fail "leases are left: $(find "$work/leases" -type f)"
	[ -z "$(ls "$fake/rows")" ] || fail "ports are left: $(cat "$fake/rows/"*)"
	[ ! -e "$fake/sys/class/vduse" ] || [ -z "$(ls "$fake/sys/class/vduse")" ] || fail "a device is left"
	! ip -n "$pod" link show eth0 2>/dev/null || fail "an interface is left"
	[ -z "$(find /run/dpdk-vduse-cni -name 'cni:pods:*' 2>/dev/null)" ] || fail "a lock is left"
}

# What ovs-vsctl is told, what the pod has then, and what the runtime is answered; DEL, and DEL once more.
case_ovs_add() {
	local mac=02:00:00:00:00:07
	ovs_start
	ovs_conf "\"mac\": \"$mac\", \"mtu\": 1400, \"trunk\": [{ \"id\": 5 }, { \"minID\": 10, \"maxID\": 12 }],
		\"queue_size\": 512, \"profile\": \"tx\"," | cni ADD pod1 || fail "$(cat "$work/answer")"
	ovs_port=$(ls "$fake/rows")
	[ ${#ovs_port} = 15 ] || fail "the port is called $ovs_port"
	called "-t 30 --may-exist add-port br0 $ovs_port tag=[] trunks=[5,10,11,12] -- set Interface $ovs_port type=dpdk options:dpdk-devargs=net_vduse_$ovs_port,name=$ovs_port,mac=$mac,attach=virtio,state-dir=$fake/state,profile=tx,queue-size=512 mtu_request=1400 external_ids:dpdk-vduse-cni=\"cni:pods:eth0:pod1\" external_ids:dpdk-vduse-sandbox=\"/run/netns/$pod\""
	[ "$(stat -c %a "$fake/state")" = 700 ] || fail "its state folder is open: $(ls -ld "$fake/state")"
	is 'answer["interfaces"][0]["mac"]' "$mac"
	is 'answer["interfaces"][0]["mtu"]' 1400
	is 'answer["interfaces"][0]["sandbox"]' "/run/netns/$pod"
	is 'answer["ips"][0]["address"]' 10.9.0.2/24
	is 'answer["routes"]' '[{"dst": "0.0.0.0/0"}]'
	ip -n "$pod" -o addr show dev eth0 | grep -q 'mtu 1400' || ip -n "$pod" -o link show eth0 | grep -q 'mtu 1400' ||
		fail "another MTU: $(ip -n "$pod" link show eth0)"
	ip -n "$pod" -o addr show dev eth0 | grep -q 'inet 10.9.0.2/24' || fail "no address"
	ip -n "$pod" route show default | grep -q 'via 10.9.0.1' || fail "no route"
	refused 4 'DEL comes first' cni ADD pod1 <"$conf_file"
	[ "$(ls "$fake/rows")" = "$ovs_port" ] && [ "$(leases)" = 1 ] || fail "the attachment that was there has gone"
	cni DEL pod1 <"$conf_file" || fail "$(cat "$work/answer")"
	called "-t 30 --if-exists set Interface $ovs_port type=system"
	called "$fake/dpdk-vduse-net --destroy $ovs_port --state-dir $fake/state"
	called "-t 30 --if-exists del-port $ovs_port"
	ovs_nothing_left
	netns='' cni DEL pod1 <"$conf_file" || fail "twice: $(cat "$work/answer")"
	# a VLAN of its own, and what is chosen where nothing is asked for
	ovs_conf '"vlan": 7,' | cni ADD pod1 || fail "$(cat "$work/answer")"
	grep -q "add-port br0 $ovs_port tag=7 trunks=\[\] .*mac=[0-9a-f][26ae]:.*profile=latency mtu_request=\[\]" "$fake/calls" ||
		fail "otherwise: $(tail -n 3 "$fake/calls")"
	cni DEL pod1 <"$conf_file" || fail "$(cat "$work/answer")"
	ovs_nothing_left
}

case_ovs_check() {
	ovs_start
	cni ADD pod1 <"$conf_file" || fail "$(cat "$work/answer")"
	ovs_port=$(ls "$fake/rows")
	cp "$work/answer" "$work/result"
	ovs_conf "\"prevResult\": $(cat "$work/result")," >"$work/check.conf"
	cni CHECK pod1 <"$work/check.conf" || fail "as it is: $(cat "$work/answer")"
	ip -n "$pod" addr flush dev eth0
	refused 101 'lost an address' cni CHECK pod1 <"$work/check.conf"
	sed -i 's/"bridge": "br0"/"bridge": "br1"/' "$fake/rows/$ovs_port"
	refused 101 'another bridge' cni CHECK pod1 <"$work/check.conf"
	mv "$fake/rows/$ovs_port" "$work/row"
	refused 101 'does not know the port' cni CHECK pod1 <"$work/check.conf"
	sed 's/eth0/eth1/' "$work/row" >"$fake/rows/$ovs_port"
	refused 100 'is of cni:pods:eth1:pod1' cni CHECK pod1 <"$work/check.conf"
	mv "$work/row" "$fake/rows/$ovs_port"
	# started anew in another namespace: what is there goes
	ip netns add "$pod-2"
	netns=/run/netns/$pod-2 cni ADD pod1 <"$conf_file" || fail "$(cat "$work/answer")"
	[ "$(leases)" = 1 ] || fail "$(leases) leases"
	# GC: of two attachments one is valid
	cni ADD pod2 <"$conf_file" || fail "$(cat "$work/answer")"
	refused 7 'valid-attachments' cni GC '' '' <"$conf_file"
	ovs_conf '"cni.dev/valid-attachments": [{ "containerID": "pod2", "ifname": "eth0" }],' | cni GC '' '' ||
		fail "$(cat "$work/answer")"
	grep -q pod2 "$fake/rows/"* && [ "$(leases)" = 1 ] || fail "not one is left: $(cat "$fake/rows/"*)"
	cni DEL pod2 <"$conf_file" || fail "$(cat "$work/answer")"
	ovs_nothing_left
}

# fails STATUS TEXT: what ovs-vsctl says from now on.
fails() {
	echo "$*" >"$fake/fail"
}

case_ovs_errors() {
	ovs_start
	ovs_conf | sed 's/"ovs"/"vpp"/' | refused 7 'dataplane: give' cni ADD pod1
	ovs_conf | sed 's/"bridge": "br0",//' | refused 7 'bridge: give' cni ADD pod1
	ovs_conf '"vlan": 5000,' | refused 7 'vlan' cni ADD pod1
	ovs_conf '"vlan": 5, "trunk": [{ "id": 6 }],' | refused 7 'trunk' cni ADD pod1
	ovs_conf '"trunk": [{ "minID": 6 }],' | refused 7 'vlanTrunk: give a list' cni ADD pod1
	ovs_conf '"max_tx_rate": 5,' | refused 2 "max_tx_rate is dpdk-vduse-net's" cni ADD pod1
	ovs_conf | sed "s,$fake/state,$fake/none/state," | refused 5 'stateDir' cni ADD pod1
	netns=/run/netns/none refused 3 '/run/netns/none' cni ADD pod1 <"$conf_file"
	! grep -q add-port "$fake/calls" || fail "a port is made all the same"
	ovs_conf | sed 's/"br0"/"br7"/' | refused 50 'ovs-vsctl add-br br7' cni STATUS '' ''
	cni STATUS '' '' <"$conf_file" || fail "$(cat "$work/answer")"
	fails 1 "ovs-vsctl: no bridge named br0"
	refused 100 'no bridge named br0' cni ADD pod1 <"$conf_file"
	fails 1 "ovs-vsctl: unix:/run/openvswitch/db.sock: database connection failed (No such file or directory)"
	refused 11 'is ovsdb-server running' cni ADD pod1 <"$conf_file"
	refused 11 'is ovsdb-server running' cni DEL pod1 <"$conf_file"
	refused 50 'is ovsdb-server running' cni STATUS '' '' <"$conf_file"
	fails hang 'ovs-vsctl: terminating with signal 14 (Alarm clock)'
	refused 11 'is ovs-vswitchd running' cni ADD pod1 <"$conf_file"
	rm "$fake/fail"
	echo '"Error attaching device to DPDK"' >"$fake/error"
	refused 100 'Error attaching device to DPDK' cni ADD pod1 <"$conf_file"
	printf '[]' >"$fake/error"
	ovs_nothing_left
	# the name is taken in the pod
	ip -n "$pod" link add eth0 type veth peer name far
	refused 100 'eth0: the name is taken' cni ADD pod1 <"$conf_file"
	ip -n "$pod" link del eth0
	ovs_nothing_left
	mv "$fake/ovs-vsctl" "$fake/none"
	refused 7 'has to be in a folder of PATH' cni ADD pod1 <"$conf_file"
}

# As of the daemon's networks: killed at each step, DEL or GC takes back all.
case_ovs_steps() {
	local n how by
	by=$(each_or 4)
	ovs_start
	ovs_conf '"cni.dev/valid-attachments": [],' >"$work/gc.conf"
	for how in ADD DEL; do
		for ((n = 1; ; n += by)); do
			[ $how = ADD ] || cni ADD pod1 <"$conf_file" || fail "$(cat "$work/answer")"
			killed $n $how || break
			cni DEL pod1 <"$conf_file" || fail "DEL: $(cat "$work/answer")"
			ovs_nothing_left
			[ $how = ADD ] || cni ADD pod1 <"$conf_file" || fail "$(cat "$work/answer")"
			killed $n $how || break
			cni GC '' '' <"$work/gc.conf" || fail "GC: $(cat "$work/answer")"
			# before its port is there it has a lock, and nothing else
			cni DEL pod1 <"$conf_file" || fail "DEL: $(cat "$work/answer")"
			ovs_nothing_left
		done
		[ $n -gt 10 ] || fail "$how has $n steps only"
		say "$how has $((n - 1)) steps"
		cni DEL pod1 <"$conf_file" || fail "DEL: $(cat "$work/answer")"
	done
}
