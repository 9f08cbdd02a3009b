#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian's Podman 4.3 with dpdk-vduse-cni, and the CNI project's own plug-ins behind it: doc/containers.md.
# Run: all
# Kernels: one
# shellcheck source=lib-podman.sh
. /vm/system/lib-podman.sh

case_start() {
	storage
	# shellcheck disable=SC2119 # without options
	serve
	conf_of '"type": "tuning"' 10-pods.conflist
	image
}

# Two containers, one with an address of host-local, one with addresses of static.
case_containers() {
	local web db
	web_runs
	[ "$(in_ns "$web" cat /proc/sys/net/core/somaxconn)" = 500 ] || fail "the plug-in behind was not called"
	conf_of '"type": "static"' 20-db.conflist
	doc_run $page 'podman run -d --name db' || fail "a command of the page fails"
	[ "$(address db db)" = 10.9.0.200 ] || fail "inspect shows another address: $(address db db)"
	db=$(space db)
	in_ns "$db" ip -6 -o addr show dev eth0 | grep -q 'inet6 fd00:9::200/64' || fail "no second address"
	ping_ok "$db" 10.9.0.2 5
	tcp "$web" "$db" 10.9.0.200 || fail "other bytes come from container to container"
	tcp far "$web" 10.9.0.2 || fail "other bytes come from the uplink"
	tcp "$web" far 10.9.0.1 || fail "other bytes go to the uplink"
	doc_run $page 'podman rm -f -t 0 web' || fail "they are not removed"
	nothing_of_containers
}

# chain NAME MEMBERS: another network, with another plug-in behind ours; MEMBERS are its JSON members.
chain() {
	sed "s/\"name\": \"pods\"/\"name\": \"$1\"/; s/\"type\": \"tuning\",/$2/; /\"sysctl\"/d" \
		/etc/cni/net.d/10-pods.conflist >"/etc/cni/net.d/30-$1.conflist"
}

# Restarted, stopped and started, with an address and a MAC address of its own; behind ours the plug-in bandwidth,
# which has no rate to set.
case_restarted() {
	local name
	chain idle '"type": "bandwidth", "capabilities": { "bandwidth": true }'
	started web idle --ip 10.9.0.77 --mac-address 02:00:00:00:00:77
	[ "$(address web idle)" = 10.9.0.77 ] || fail "another address: $(address web idle)"
	name=$(space web)
	[ "$(in_ns "$name" cat /sys/class/net/eth0/address)" = 02:00:00:00:00:77 ] || fail "another MAC address"
	podman restart -t 0 web
	ping_ok far 10.9.0.77 3
	podman stop -t 0 web
	nothing_of_containers
	podman start web
	[ "$(address web idle)" = 10.9.0.77 ] || fail "another address: $(address web idle)"
	ping_ok far 10.9.0.77 3
	podman rm -f -t 0 web
	nothing_of_containers
}

# A plug-in behind ours that fails: bandwidth wants one end of a veth(4) pair on the host.
case_refused() {
	chain slow '"type": "bandwidth", "ingressRate": 1000000, "ingressBurst": 1000000'
	! started web slow 2>/tmp/refused || fail "it is not refused"
	grep -q 'has no veth peer' /tmp/refused || fail "refused for another reason: $(cat /tmp/refused)"
	nothing_of_containers
	podman rm web
}

# killer: a plug-in that kills Podman in the command that /tmp/kill-in has.
killer() {
	cat >/usr/lib/cni/killer <<-'SH'
		#!/bin/sh
		if [ "$CNI_COMMAND" = VERSION ]; then
			echo '{ "cniVersion": "1.0.0", "supportedVersions": ["1.0.0"] }'
		elif [ "$CNI_COMMAND" = "$(cat /tmp/kill-in)" ]; then
			kill -KILL $PPID
		elif [ "$CNI_COMMAND" = ADD ]; then
			sed 's/.*"prevResult":\(.*}\),"type".*/\1/'
		fi
	SH
	chmod +x /usr/lib/cni/killer
	chain frail '"type": "killer"'
}

# Podman is killed between the ADD of ours and of the plug-in behind. It is killed in the middle of a removal, and
# conmon and the container too.
case_killed() {
	killer
	killed_and_started ADD frail
	podman inspect -f '{{.State.ConmonPid}} {{.State.Pid}}' web | xargs kill -KILL
	killed_in DEL rm -f -t 0 web
	$ctl container show | grep -q '^cni:frail:' || fail "DEL was called before"
	podman rm -f -t 0 web
	nothing_of_containers
}

# Killed as before, but then the container is removed: nobody says DEL, and the page's loop does.
case_forgotten() {
	killer
	started db frail
	killed_in ADD run -d --name web --network frail busybox sleep 1000000
	forget web
	[ "$($ctl container show | grep -c '^cni:')" = 2 ] || fail "Podman knows it: $($ctl container show)"
	doc_run $page 'podman container exists' || fail "a command of the page fails"
	[ "$($ctl container show | grep -c '^cni:')" = 1 ] || fail "not one is left: $($ctl container show)"
	ping_ok far "$(address db frail)" 3
	ip netns del "$(spaces | grep -v "$(space db)")"
	podman rm -f -t 0 db
	nothing_of_containers
}

after_case() {
	rm -f /etc/cni/net.d/30-*
	all_well || {
		podman rm -fa -t 0
		serve_clear
	}
}

case_first podman/start case_start || { serve_stop; exit 0; }
case_run podman/containers case_containers
case_run podman/restarted case_restarted
case_run podman/refused case_refused
case_run podman/killed case_killed
case_run podman/forgotten case_forgotten
case_run podman/again case_again 2
[ -z "${TEST_CASES:-}" ] || case_run podman/again-100 case_again 100
case_first podman/end serve_end || serve_stop
exit 0
