#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-vduse-cni with a real daemon, a real kernel and Debian's host-local: doc/containers.md.
# Kernels: one
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh
# shellcheck source=lib-cni.sh
. /vm/system/lib-cni.sh

cni_log=$VM_RESULT/node.log
conf=/etc/cni/net.d/10-pods.conf

# A node, and the page's configuration.
serve() {
	# shellcheck disable=SC2119 # without options
	node_start
	mkdir -p "${conf%/*}"
	doc_block doc/containers.md#a-configuration '"type": "dpdk-vduse-cni"' >$conf || fail "no configuration in the page"
}

# checks POD: CHECK with what ADD said.
checks() {
	sed "\$s/^}/, \"prevResult\": $(tr -d '\n' <"/tmp/result-$1" | sed 's,/,\\/,g') }/" $conf >/tmp/check.conf
	cni CHECK "$1" /tmp/check.conf
}

leases() {
	find /var/lib/cni/networks/pods -name '10.*' 2>/dev/null | wc -l
}

node_end() {
	[ "$($ctl -j container show)" = '[]' ] || fail "containers are left: $($ctl container show)"
	[ "$(leases)" = 0 ] || fail "leases are left"
	$ctl network del net0
	stop "$node_pid" || fail "the node ends with status $?"
	nothing_left
}

case_pods() {
	serve
	pod web
	pod db
	ip -n web route show default | grep -q 'via 10.9.0.1' || fail "no route: $(ip -n web route)"
	ip -n db -o addr show dev eth0 | grep -q 'inet 10.9.0.3/24' || fail "no address: $(ip -n db addr)"
	ping_ok web 10.9.0.3 5
	ping_ok db 10.9.0.2 5
	checks web || fail "as it is"
	ip -n web addr del 10.9.0.2/24 dev eth0
	! checks web || fail "it lost its address"
	ip -n web addr add 10.9.0.2/24 dev eth0
	ip -n web route add default via 10.9.0.1
	# another source address than that it was given goes nowhere
	ip -n web addr add 10.9.0.9/24 dev eth0
	! in_ns web ping -q -c 2 -i 0.2 -W 1 -I 10.9.0.9 10.9.0.3 >/dev/null || fail "it sends from another address"
	# the driver lets nobody delete its interface; who takes the device off the bus does
	! ip -n web link del eth0 2>/dev/null || fail "the interface can be deleted"
	vdpa dev del cni:pods:eth0:web
	! checks web || fail "its interface is gone"
	grep -q '"code": 101' /tmp/answer && grep -q 'the interface is gone' /tmp/answer || fail "CHECK: $(cat /tmp/answer)"
	cni DEL web || fail "web: not removed"
	! ip -n web link show eth0 2>/dev/null || fail "the interface of web is still there"
	# a namespace that goes first
	ip netns del db
	cni DEL db || fail "db: not removed"
	cni DEL db || fail "db: not removed twice"
	node_end
}

# The page's commands, as a reader runs them.
case_documented() {
	serve
	doc_run doc/containers.md 'CNI_COMMAND=ADD' || fail "a command of the page fails"
	grep -q '"address": "10.9.0.[0-9]*/24"' /tmp/doc || fail "no result: $(cat /tmp/doc)"
	node_end
}

# census: devices, the vDPA bus, interfaces, namespaces, what IPAM has reserved and what is locked, containers.
census() {
	ls /dev/vduse /sys/bus/vdpa/devices /sys/class/net /run/netns
	ip netns list | sed 's/ .*//' | sort | while read -r name; do
		ip -n "$name" -o link show | cut -d : -f 2 | sort
	done
	find /var/lib/cni /run/dpdk-vduse-cni -name '10.*' -o -name 'cni:*' 2>/dev/null | sort
	$ctl container show
}

# fails CODE TEXT CONTAINER: ADD does, with this code and text in its error; nothing is there that was not before, and
# GC finds nothing that is left.
fails() {
	census >/tmp/before
	! cni ADD "$3" || fail "$2: it is not refused"
	grep -q "\"code\": $1,\$" /tmp/answer && grep -q "$2" /tmp/answer && grep -q '"msg": "..*"' /tmp/answer &&
		grep -q '"details": "..*"' /tmp/answer || fail "not code $1 and '$2': $(cat /tmp/answer)"
	census >/tmp/after
	cmp /tmp/before /tmp/after || fail "$2: left: $(diff /tmp/before /tmp/after)"
	sed 's/"cniVersion": "1.0.0"/"cniVersion": "1.1.0", "cni.dev\/valid-attachments": [{ "containerID": "db", "ifname": "eth0" }]/' \
		$conf >/tmp/gc.conf
	cni GC '' /tmp/gc.conf || fail "$2: GC: $(cat /tmp/answer)"
	census >/tmp/after
	cmp /tmp/before /tmp/after || fail "$2: GC found: $(diff /tmp/before /tmp/after)"
}

# full FOLDER: a file in it takes what is left of its room.
full() {
	dd if=/dev/zero of="$1/fill" bs=4096 2>/dev/null || true
	[ -s "$1/fill" ] || fail "$1 had no room"
}

# What is taken, gone, or full: each a clear error, and nothing left.
case_faults() {
	mkdir -p $folder /var/lib/cni
	mount -t tmpfs -o size=8m tmpfs $folder
	mount -t tmpfs -o size=64k tmpfs /var/lib/cni
	serve
	pod db
	ip netns add web
	modprobe veth
	ip -n web link add eth0 type veth peer name far
	fails 100 'eth0: the name is taken in the network namespace' web
	ip -n web link del eth0
	CNI_ARGS=IP=10.9.0.2 fails 999 '10.9.0.2 is not available' web
	full /var/lib/cni
	fails 999 'no space left on device' web
	rm /var/lib/cni/fill
	full $folder
	fails 100 'No space left on device' web
	rm $folder/fill
	ip netns del web
	fails 3 '/run/netns/web: No such file or directory' web
	# and then it goes
	pod web
	ping_ok web 10.9.0.2 3
	cni DEL web && cni DEL db || fail "not removed"
	ip netns del web
	ip netns del db
	node_end
	umount /var/lib/cni
	umount $folder
}

# persists NUMBER: what is told to try again, does.
persists() {
	until CNI_COMMAND=$1 CNI_CONTAINERID=pod$2 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/pod$2 \
		CNI_PATH=/usr/local/lib/cni:/usr/lib/cni /usr/local/lib/cni/dpdk-vduse-cni <$conf >"/tmp/answer-$2"; do
		grep -q '"code": 11' "/tmp/answer-$2" || return
	done
}

# all_at_once COMMAND PODS
all_at_once() {
	local i pids=()
	for ((i = 1; i <= $2; i++)); do
		persists "$1" $i &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "$1: $(grep -h -A1 '"msg"' /tmp/answer-* | head -n 4)"
	done
}

case_at_once() {
	local i
	ulimit -n 65536
	serve
	for ((i = 1; i <= $1; i++)); do
		ip netns add pod$i
	done
	census >/tmp/before
	all_at_once ADD "$1"
	[ "$(leases)" = "$1" ] && [ "$(grep -h '"address"' /tmp/answer-* | sort -u | wc -l)" = "$1" ] ||
		fail "$(leases) leases for $1 pods"
	for ((i = 1; i <= $1; i++)); do
		ip -n pod$i -o -4 addr show dev eth0 | grep -q ' 10\.9\.0\.' || fail "pod$i has no address"
	done
	ping_ok pod1 "$(ip -n "pod$1" -o -4 addr show dev eth0 | sed 's,.*inet \(.*\)/.*,\1,')" 3
	all_at_once DEL "$1"
	census >/tmp/after
	cmp /tmp/before /tmp/after || fail "left: $(diff /tmp/before /tmp/after)"
	for ((i = 1; i <= $1; i++)); do
		ip netns del pod$i
	done
	node_end
}

# each_killed WHO FIRST BY: the plug-in, or a process of the daemon (kill_at.c), is killed at some of its steps of
# ADD, while the kernel does its own; DEL takes back all.
each_killed() {
	local n pid killer
	for ((n = $2; ; n += $3)); do
		fresh /tmp/killed /tmp/watch
		if [ "$1" = plugin ]; then
			cni_by=("$tools/kill-at" "$n")
			cni ADD web 2>/tmp/killed || true
			cni_by=()
		else
			pid=$("$1")
			mkfifo /tmp/hold
			"$tools/kill-at" "$n" -p "$pid" </tmp/hold >/tmp/watch 2>/tmp/killed &
			killer=$!
			background+=("$killer")
			exec 8>/tmp/hold
			wait_for "$patience" grep -qx ready /tmp/watch || fail "$1 cannot be watched"
			cni ADD web || true
			exec 8>&-
			rm /tmp/hold
			wait "$killer" || true
		fi
		wait_for "$patience" cni DEL web || fail "DEL after $1 was $(cat /tmp/killed)"
		[ "$(ls /dev/vduse)" = control ] && [ -z "$(ls /sys/bus/vdpa/devices)" ] && [ "$(leases)" = 0 ] &&
			[ "$(ls /sys/class/net)" = "$(cat /tmp/interfaces)" ] && ! ip -n web link show eth0 2>/dev/null ||
			fail "left behind by $1, $(cat /tmp/killed): $(ls /dev/vduse /sys/bus/vdpa/devices /sys/class/net)"
		[ -s /tmp/killed ] || break
		say "$1, step $n: $(cat /tmp/killed)"
	done
	[ "$n" -gt "$2" ] || fail "$1 was not killed"
}

case_killed() {
	serve
	ls /sys/class/net >/tmp/interfaces
	ip netns add web
	each_killed plugin 8 24
	each_killed broker 20 60
	each_killed poller 10 45
	node_end
}

after_case() {
	clean_slate
	umount /var/lib/cni 2>/dev/null || true
	umount $folder 2>/dev/null || true
	rm -rf "$folder" /var/lib/cni
}

for name in pods documented; do
	case_run "cni/$name" "case_$name"
done
case_long cni/faults case_faults
case_long cni/at-once case_at_once 12
[ -z "${TEST_CASES:-}" ] || case_run cni/at-once-50 case_at_once 50
case_long cni/killed case_killed
exit 0
