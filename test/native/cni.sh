#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-vduse-cni as a runtime calls it, with Debian's host-local for addresses. The networks behind the
# control socket are played; a dummy interface is in the pod's place where CHECK looks at it.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/lib-plugin.sh"
. "$(dirname "$0")/lib-steps.sh"
. "$(dirname "$0")/lib-ovs.sh"

plugins=/usr/lib/cni

serve() {
	[ -x $plugins/host-local ] || skip "no $plugins/host-local: apt-get install containernetworking-plugins"
	control_serve
	node network add net0 || fail "no network"
	ip netns add "$pod"
	ip -n "$pod" link set lo up
}

# conf [VERSION [MEMBERS [IPAM]]]: a configuration; MEMBERS and IPAM are JSON members, each with a comma behind.
conf() {
	cat <<JSON
{ "cniVersion": "${1:-1.1.0}", "name": "pods", "type": "dpdk-vduse-cni", "network": "net0",
  "socket": "$run/control", ${2:-}
  "ipam": { "type": "${ipam:-host-local}", ${3:-} "dataDir": "$work/leases",
    "ranges": [[{ "subnet": "10.9.0.0/24", "gateway": "10.9.0.1" }]], "routes": [{ "dst": "0.0.0.0/0" }] } }
JSON
}

# cni COMMAND CONTAINER [IFNAME]: the configuration is stdin; the answer is in $work/answer.
cni() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_IFNAME=${3-eth0} CNI_NETNS=${netns-/run/netns/$pod} \
		CNI_PATH=${path-$work:$plugins} ${sees_fake[@]+"${sees_fake[@]}"} \
		${plugin_at:+"$kill_at" "$plugin_at"} "$plugin" >"$work/answer"
}

# refused CODE TEXT COMMAND...: with this error, whose msg and details have the text.
refused() {
	local code=$1 text=$2
	shift 2
	! "$@" || fail "$*: it is not refused"
	is 'answer["code"]' "$code"
	grep -qF -- "$text" "$work/answer" || fail "no \"$text\" in $(cat "$work/answer")"
}

leases() {
	find "$work/leases" -name '10.*' 2>/dev/null | wc -l
}

nothing_reserved() {
	[ "$(leases)" = 0 ] || fail "leases are left: $(find "$work/leases" -type f)"
	[ "$(containers)" = 0 ] || fail "containers are left: $(node container show)"
}

case_version() {
	serve
	echo '{ "cniVersion": "1.0.0" }' | CNI_COMMAND=VERSION "$plugin" >"$work/answer"
	is 'answer' '{"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0", "1.1.0"]}'
}

# Every verb and error of the specification, a row each, in every version.
case_table() {
	serve
	mkdir -p "$work/table"
	"$here/cni_table.py" "$(realpath "$plugin")" "$run/control" "/run/netns/$pod" "$vdusectl" "$work/table" >"$work/wrong" 2>&1 ||
		fail "$(cat "$work/wrong")"
	nothing_reserved
}

# What ADD answers in each version, and what is there afterwards; DEL takes it back, twice too.
case_add() {
	local version
	serve
	for version in 0.4.0 1.0.0 1.1.0; do
		conf $version '"mac": "02:00:00:00:00:07", "vlan": 5, "max_tx_rate": 100,' | cni ADD "pod-$version" ||
			fail "$version: $(cat "$work/answer")"
		is 'answer["cniVersion"]' $version
		is 'answer["interfaces"][0]["name"]' eth0
		is 'answer["interfaces"][0]["mac"]' 02:00:00:00:00:07
		is 'answer["interfaces"][0]["sandbox"]' "/run/netns/$pod"
		is 'answer["ips"][0]["interface"]' 0
		is 'answer["ips"][0]["gateway"]' 10.9.0.1
		is 'answer["routes"]' '[{"dst": "0.0.0.0/0"}]'
		is 'answer["ips"][0].get("version")' "$([ $version = 0.4.0 ] && echo 4 || echo None)"
		is 'answer["interfaces"][0].get("mtu")' "$([ $version = 1.1.0 ] && echo 1500 || echo None)"
		node container show "cni:pods:eth0:pod-$version" >"$work/shown"
		node show config | grep -q "cni:pods:eth0:pod-$version .*vlan 5 .*ip 10.9.0.* .*max-tx-rate 100 .*route \"0.0.0.0/0 via 10.9.0.1\"" ||
			fail "not as it was asked for: $(node show config)"
		[ "$(leases)" = 1 ] || fail "no lease"
		conf $version | cni DEL "pod-$version" || fail "$version: $(cat "$work/answer")"
		[ ! -s "$work/answer" ] || fail "DEL prints something"
		nothing_reserved
		conf $version | netns='' cni DEL "pod-$version" || fail "twice: $(cat "$work/answer")"
	done
}

# Behind another plug-in its result stays in front; what the runtime adds to the configuration is heeded.
case_more() {
	serve
	conf 1.0.0 '"prevResult": { "cniVersion": "1.0.0", "interfaces": [{ "name": "lo" }], "dns": {} },
		"runtimeConfig": { "mac": "02:00:00:00:00:09", "bandwidth": { "ingressRate": 1500000, "egressRate": 1,
		"ingressBurst": 16384 } }, "vlanTrunk": [{ "id": 5 }, { "minID": 10, "maxID": 12 }], "spoofchk": "off",
		"trust": "on", "portIsolation": true, "link_state": "enable",' | cni ADD pod1 || fail "$(cat "$work/answer")"
	is 'answer["interfaces"][0]["name"]' lo
	is 'answer["interfaces"][1]["mac"]' 02:00:00:00:00:09
	is 'answer["ips"][0]["interface"]' 1
	node show config >"$work/config"
	for word in 'mac 02:00:00:00:00:09' 'max-rx-rate 2 ' 'max-tx-rate 1 ' 'burst 2 ' 'trunk 5,10-12' 'spoofchk off' \
		'trust on' 'isolated on' 'link up'; do
		grep -qF "$word" "$work/config" || fail "no '$word' in $(cat "$work/config")"
	done
	! grep -q ' ip 10' "$work/config" || fail "a guard without spoofchk"
	conf 1.0.0 | cni DEL pod1
	# without addresses
	conf 1.0.0 | sed 's/"host-local"/null/' | CNI_ARGS='K=V;MAC=02:00:00:00:00:0a' cni ADD pod1 || fail "$(cat "$work/answer")"
	is 'answer["interfaces"][0]["mac"]' 02:00:00:00:00:0a
	is 'answer.get("ips")' None
	conf 1.0.0 | sed 's/"host-local"/null/' | cni DEL pod1
	# the network comes with it
	conf 1.1.0 '"uplinks": [], "mtu": 1400,' | sed 's/"net0"/"net1"/' | cni ADD pod1 || fail "$(cat "$work/answer")"
	is 'answer["interfaces"][0]["mtu"]' 1400
	conf | sed 's/"net0"/"net1"/' | cni DEL pod1
	nothing_reserved
}

# A list of plug-ins, which a person has at hand: ours of it is meant.
case_list() {
	serve
	cat >"$work/list" <<-JSON
		{ "cniVersion": "1.0.0", "name": "pods", "plugins": [
		  { "type": "tuning", "mac": "02:00:00:00:00:01", "network": "net9" },
		  $(conf | sed 's/"cniVersion": "1.1.0", "name": "pods",/"mac": "02:00:00:00:00:07",/') ] }
	JSON
	cni ADD pod1 <"$work/list" || fail "$(cat "$work/answer")"
	is 'answer["cniVersion"]' 1.0.0
	is 'answer["interfaces"][0]["mac"]' 02:00:00:00:00:07
	[ "$(containers)" = 1 ] && [ "$(leases)" = 1 ] || fail "it is not added"
	sed 's/1\.0\.0/1.1.0/; s,"plugins","cni.dev/valid-attachments": []\, &,' "$work/list" | cni GC '' '' ||
		fail "$(cat "$work/answer")"
	nothing_reserved
	sed 's/dpdk-vduse-cni/bridge/' "$work/list" | refused 7 'one of type dpdk-vduse-cni' cni ADD pod1
	echo '{ "cniVersion": "1.0.0", "name": "pods", "plugins": 5 }' | refused 7 'one of type' cni ADD pod1
}

# The runtime died, and starts the same container anew, in another namespace: what is there is of nobody.
case_again() {
	local addresses
	serve
	conf | cni ADD pod1 || fail "$(cat "$work/answer")"
	addresses=$(member 'answer["ips"][0]["address"]')
	ip netns add "$pod-2"
	conf | netns=/run/netns/$pod-2 cni ADD pod1 || fail "$(cat "$work/answer")"
	is 'answer["interfaces"][0]["sandbox"]' "/run/netns/$pod-2"
	addresses+=" $(member 'answer["ips"][0]["address"]')"
	[ "$addresses" = '10.9.0.2/24 10.9.0.3/24' ] || fail "addresses: $addresses"
	[ "$(containers)" = 1 ] && [ "$(leases)" = 1 ] || fail "$(containers) containers, $(leases) leases"
	conf | netns=/run/netns/$pod-2 refused 4 'DEL comes first' cni ADD pod1
	conf | netns=/run/netns/$pod-2 cni DEL pod1 || fail "$(cat "$work/answer")"
	nothing_reserved
}

# A namespace that the daemon sees nowhere, but that the plug-in has open: as one of /proc/PID/ns/net, where the
# daemon may not look. Its name goes before its addresses come.
case_hidden() {
	serve
	cat >"$work/hider" <<-SH
		#!/bin/bash
		if [ "\$CNI_COMMAND" = ADD ]; then ip netns del "$pod"; fi
		exec $plugins/host-local
	SH
	chmod +x "$work/hider"
	ipam=hider conf | cni ADD pod1 || fail "$(cat "$work/answer")"
	node show config | grep -q 'address 10.9.0.2/24' || fail "no address: $(node show config)"
	conf | cni DEL pod1 || fail "$(cat "$work/answer")"
	nothing_reserved
}

# Bad input: a code, and what is wrong, and nothing is left.
case_errors() {
	serve
	echo 'no JSON' | refused 6 'line 1' cni ADD pod1
	echo '[]' | refused 6 'no JSON object' cni ADD pod1
	echo '{}' | refused 7 'no cniVersion' cni ADD pod1
	conf 0.3.1 | refused 1 'from 0.4.0 to 1.1.0' cni ADD pod1
	conf 1.0.0 | refused 1 'GC with 1.0.0' cni GC pod1
	conf | refused 4 'FLY' cni FLY pod1
	conf | refused 4 'CNI_CONTAINERID' cni ADD ''
	conf | refused 4 'CNI_CONTAINERID' cni ADD a:b
	conf | refused 4 'CNI_IFNAME' cni ADD pod1 a/b
	conf | refused 4 'CNI_IFNAME' cni ADD pod1 a234567890123456
	conf | netns='' refused 4 'CNI_NETNS' cni ADD pod1
	conf | path='' refused 4 'CNI_PATH' cni ADD pod1
	conf | netns=/run/netns/none refused 3 '/run/netns/none' cni ADD pod1
	conf | refused 7 'may have' cni ADD "$(printf '%0250d' 1)"
	conf | sed 's/"pods"/"-x"/' | refused 7 'no good name' cni ADD pod1
	conf 1.1.0 '"vlan": "five",' | refused 7 'vlan: give a number' cni ADD pod1
	conf 1.1.0 '"vlan": 5000,' | refused 7 'vlan' cni ADD pod1
	conf 1.1.0 '"vlanTrunk": [{ "minID": 5 }],' | refused 7 'vlanTrunk' cni ADD pod1
	conf 1.1.0 '"link_state": "sideways",' | refused 7 'link_state' cni ADD pod1
	conf 1.1.0 '"spoofchk": 5,' | refused 7 'spoofchk' cni ADD pod1
	conf 1.1.0 '"min_tx_rate": 5,' | refused 2 'min_tx_rate' cni ADD pod1
	conf 1.1.0 '"mtu": 9000,' | refused 7 'net0 has 1500' cni ADD pod1
	conf | sed 's/"net0"/"net7"/' | refused 7 'NoSuchNetwork' cni ADD pod1
	ipam=none conf | refused 7 'ipam.type none' cni ADD pod1
	ipam=../x conf | refused 7 'ipam.type ../x' cni ADD pod1
	conf 1.1.0 '' '"subnet": "nonsense",' | refused 999 'nonsense' cni ADD pod1
	conf | cni ADD pod1 || fail "$(cat "$work/answer")"
	conf | refused 4 'DEL comes first' cni ADD pod1
	[ "$(containers)" = 1 ] && [ "$(leases)" = 1 ] || fail "the attachment that was there has gone"
	conf | cni DEL pod1
	# the range has no address left
	conf 1.1.0 '' | sed 's/10.9.0.0.24", "gateway": "10.9.0.1"/10.9.0.0\/24", "rangeStart": "10.9.0.5", "rangeEnd": "10.9.0.5"/' >"$work/one"
	sed 's/"routes".*\]/"routes": []/' "$work/one" >"$work/one.conf"
	cni ADD pod1 <"$work/one.conf" || fail "$(cat "$work/answer")"
	refused 999 'no IP addresses available' cni ADD pod2 <"$work/one.conf"
	cni DEL pod1 <"$work/one.conf"
	nothing_reserved
}

# An IPAM plug-in that fails with an error that is none: it is named as such, and nothing is left.
case_ipam_errors() {
	local wrong
	serve
	for wrong in '' '[]' '{ "code": 15, "msg": "" }' '{ "code": 15 }' '{ "msg": "no" }' '{ "code": 0, "msg": "no" }' \
		'{ "code": -1, "msg": "no" }' '{ "code": 2147483648, "msg": "no" }' '{ "code": 4294967296, "msg": "no" }'; do
		printf '#!/bin/sh\necho %s\nexit 3\n' "'$wrong'" >"$work/says"
		chmod +x "$work/says"
		ipam=says conf 1.0.0 | refused 5 'says: status 3, and no error' cni ADD pod1
		[ "$(containers)" = 0 ] || fail "$wrong: $(node container show)"
	done
}

case_away() {
	serve
	kill -KILL "$server"
	wait "$server" 2>/dev/null || true
	conf | refused 11 'is dpdk-vduse-net running' cni ADD pod1
	conf | refused 11 'is dpdk-vduse-net running' cni DEL pod1
	conf | refused 50 'is dpdk-vduse-net running' cni STATUS pod1
	[ "$(leases)" = 0 ] || fail "a lease is left"
}

case_status() {
	serve
	conf | cni STATUS '' '' || fail "$(cat "$work/answer")"
	[ ! -s "$work/answer" ] || fail "it prints something"
	conf | sed 's/"net0"/"net7"/' | refused 50 'vdusectl network add net7' cni STATUS '' ''
}

# check: CHECK with what ADD said.
check() {
	conf 1.1.0 "\"mac\": \"02:00:00:00:00:07\", \"prevResult\": $(cat "$work/result")," | cni CHECK pod1
}

case_check() {
	local address
	serve
	conf | refused 7 'prevResult' cni CHECK pod1
	conf 1.1.0 '"mac": "02:00:00:00:00:07",' | cni ADD pod1 || fail "$(cat "$work/answer")"
	cp "$work/answer" "$work/result"
	address=$(member 'answer["ips"][0]["address"]')
	ip -n "$pod" link add eth0 type veth peer name far
	ip -n "$pod" link set eth0 address 02:00:00:00:00:07 up
	ip -n "$pod" addr add "$address" dev eth0
	ip -n "$pod" route add default via 10.9.0.1
	check || fail "as it is: $(cat "$work/answer")"
	ip -n "$pod" route del default
	refused 101 'lost a route' check
	ip -n "$pod" addr del "$address" dev eth0
	refused 101 "eth0: $address" check
	ip -n "$pod" link set eth0 address 02:00:00:00:00:08
	refused 101 'another MAC' check
	ip -n "$pod" link set eth0 name eth7
	refused 101 'the interface is gone' check
	node container del cni:pods:eth0:pod1
	refused 101 'does not know the container' check
	conf | cni DEL pod1
	nothing_reserved
}

# Of three attachments one is valid; those of another network, and what is no attachment, stay.
case_gc() {
	local one
	serve
	for one in pod1 pod2 pod3; do
		conf | cni ADD $one || fail "$(cat "$work/answer")"
	done
	conf | sed 's/"pods"/"others"/' | cni ADD pod1 || fail "$(cat "$work/answer")"
	node container add c1 network net0
	conf | refused 7 valid-attachments cni GC '' ''
	conf 1.1.0 '"cni.dev/valid-attachments": [{ "containerID": "pod2", "ifname": "eth0" }],' | cni GC '' '' ||
		fail "$(cat "$work/answer")"
	[ "$(node -j container show | grep -o '"name":"[^"]*"' | sort | xargs)" = \
		'name:c1 name:cni:others:eth0:pod1 name:cni:pods:eth0:pod2' ] || fail "left: $(node container show)"
	[ "$(leases)" = 2 ] || fail "leases: $(find "$work/leases" -type f)"
}

# The plug-in is killed before, and after, its IPAM plug-in reserved an address; DEL or GC take back all.
case_killed() {
	local when how
	serve
	cat >"$work/killer" <<-SH
		#!/bin/bash
		if [ "\$CNI_COMMAND" != ADD ]; then exec $plugins/host-local; fi
		if [ "\$(cat "$work/when")" = after ]; then $plugins/host-local; fi
		kill -KILL \$PPID
	SH
	chmod +x "$work/killer"
	for when in before after; do
		echo $when >"$work/when"
		for how in DEL GC; do
			! conf | conf_killed || fail "it is not killed"
			[ "$(containers)" = 1 ] || fail "nothing is there to be found"
			conf 1.1.0 '"cni.dev/valid-attachments": [],' | sed 's/"host-local"/"killer"/' | cni $how pod1 ||
				fail "$how: $(cat "$work/answer")"
			nothing_reserved
		done
	done
}

conf_killed() {
	sed 's/"host-local"/"killer"/' | cni ADD pod1 2>/dev/null
}

# Fifty at once: each has an address of its own.
case_at_once() {
	local i pids=()
	serve
	for ((i = 1; i <= 50; i++)); do
		fresh "$work/answer-$i"
		conf | CNI_COMMAND=ADD CNI_CONTAINERID=pod$i CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$pod \
			CNI_PATH=$plugins "$plugin" >"$work/answer-$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "one failed: $(grep -h -A1 '"msg"' "$work"/answer-*)"
	done
	[ "$(containers)" = 50 ] && [ "$(leases)" = 50 ] || fail "$(containers) containers, $(leases) leases"
	[ "$(grep -h '"address"' "$work"/answer-* | sort -u | wc -l)" = 50 ] || fail "an address is given twice"
	conf 1.1.0 '"cni.dev/valid-attachments": [],' | cni GC '' '' || fail "$(cat "$work/answer")"
	nothing_reserved
}

pod=vduse-cni-$$
after_case() {
	ip netns del "$pod" 2>/dev/null || true
	ip netns del "$pod-2" 2>/dev/null || true
	emu set interfaces=0
	ovs_end
	rm -rf "$work/leases"
}

for name in version table add more list again hidden errors away status check gc killed at_once ipam_errors; do
	case_run "cni/${name//_/-}" "case_$name"
done
for name in orphan restarted steps_add steps_del steps_broker steps_poller \
	ovs_add ovs_check ovs_errors ovs_steps; do
	case_run "cni/${name//_/-}" "case_$name"
done
