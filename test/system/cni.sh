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
	doc_block doc/containers.md '"type": "dpdk-vduse-cni"' >$conf || fail "no configuration in the page"
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
	# another source address than that it was given goes nowhere
	ip -n web addr add 10.9.0.9/24 dev eth0
	! in_ns web ping -q -c 2 -i 0.2 -W 1 -I 10.9.0.9 10.9.0.3 >/dev/null || fail "it sends from another address"
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
	rm -rf "$folder" /var/lib/cni
}

for name in pods documented; do
	case_run "cni/$name" "case_$name"
done
case_long cni/killed case_killed
exit 0
