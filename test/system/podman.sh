#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian's Podman 4.3 with dpdk-vduse-cni, and the CNI project's own plug-ins behind it: doc/containers.md.
# Run: all
# Kernels: one
# Seconds: again-100 3000
# shellcheck source=lib-podman.sh
. /vm/system/lib-podman.sh

case_start() {
	storage
	# shellcheck disable=SC2119 # without options
	serve
	conf_of '"net.core.somaxconn"' 10-pods.conflist
	image
}

# Two containers, one with an address of host-local, one with addresses of static.
case_containers() {
	local web db
	web_runs
	[ "$(in_ns "$web" cat /proc/sys/net/core/somaxconn)" = 500 ] || fail "the plug-in behind was not called"
	conf_of '"type": "static"' 20-db.conflist
	doc_run $page 'podman run -d --name db --network db' || fail "a command of the page fails"
	[ "$(address db db)" = 10.9.0.200 ] || fail "inspect shows another address: $(address db db)"
	db=$(space db)
	in_ns "$db" ip -6 -o addr show dev eth0 | grep -q 'inet6 fd00:9::200/64' || fail "no second address"
	ping_ok "$db" 10.9.0.2 5
	tcp "$web" "$db" 10.9.0.200 || fail "other bytes come from container to container"
	tcp far "$web" 10.9.0.2 || fail "other bytes come from the uplink"
	tcp "$web" far 10.9.0.1 || fail "other bytes go to the uplink"
	doc_run $page#podman-4 'podman rm -f -t 0 web' || fail "they are not removed"
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

# The page's list with both plug-ins behind ours: what each of the three does, and that its end takes it back.
case_chained() {
	local web
	conf_of '"type": "bandwidth"' 30-tuned.conflist
	doc_run $page 'network tuned' || fail "a command of the page fails"
	[ "$(address web tuned)" = 10.9.0.100 ] || fail "another address: $(address web tuned)"
	web=$(space web)
	[ "$(in_ns "$web" cat /sys/class/net/eth0/mtu)" = 1400 ] || fail "tuning has not set the MTU"
	[ "$(in_ns "$web" cat /proc/sys/net/ipv4/conf/eth0/arp_announce)" = 2 ] || fail "tuning has not set the interface's sysctl"
	[ "$(in_ns "$web" cat /sys/class/net/eth0/address)" = 02:00:00:00:00:64 ] || fail "another MAC address"
	[ -n "$(ls /run/cni/tuning)" ] || fail "tuning has nothing to take back"
	$ctl container show | grep -q 'ip 10.9.0.100/32 max-tx-rate 1 max-rx-rate 2 ' || fail "not as the list has it: $($ctl container show)"
	ping_ok far 10.9.0.100 3
	held_back "$web"
	podman rm -f -t 0 web
	nothing_of_containers
}

# held_back NAMESPACE: by ours, what is beyond the rate that is set, in each direction.
held_back() {
	local name
	name=$($ctl container show | sed -n 's/^\(cni:tuned:[^ ]*\): .*/\1/p')
	ns_exec far iperf3 -s >/dev/null 2>&1 &
	background+=("$!")
	wait_for "$patience" listening far 5201
	ns_exec "$1" iperf3 -c 10.9.0.1 -u -b 8M -l 1300 -t 1000 >/dev/null 2>&1 &
	background+=("$!")
	wait_for "$patience" more_than "$name" 'drop tx rate' 0 || fail "nothing is beyond max_tx_rate"
	kill "$!"
	ns_exec "$1" iperf3 -s >/dev/null 2>&1 &
	background+=("$!")
	wait_for "$patience" listening "$1" 5201
	ns_exec far iperf3 -c 10.9.0.100 -u -b 8M -l 1300 -t 1000 >/dev/null 2>&1 &
	background+=("$!")
	wait_for "$patience" more_than "$name" 'drop rx rate' 0 || fail "nothing is beyond max_rx_rate"
	kill "${background[@]}" || true
}

# The same with rates of bandwidth's own, and of a runtime for it: it wants one end of a veth(4) pair on the host, and
# what the two before it have done is taken back.
case_refused() {
	local rate
	for rate in '"ingressRate": 1000000, "ingressBurst": 1000000' '"egressRate": 1000000, "egressBurst": 1000000' \
		'"runtimeConfig": { "bandwidth": { "ingressRate": 1000000, "ingressBurst": 1000000 } }'; do
		conf_of '"type": "bandwidth"' 30-tuned.conflist
		sed -i "s/\"type\": \"bandwidth\"/&, $rate/" /etc/cni/net.d/30-tuned.conflist
		! started web tuned 2>/tmp/refused || fail "it is not refused"
		grep -q 'has no veth peer' /tmp/refused || fail "refused for another reason: $(cat /tmp/refused)"
		nothing_of_containers
		podman rm web
	done
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
	doc_run $page#podman-4 'podman container exists' || fail "a command of the page fails"
	[ "$($ctl container show | grep -c '^cni:')" = 1 ] || fail "not one is left: $($ctl container show)"
	ping_ok far "$(address db frail)" 3
	ip netns del "$(spaces | grep -v "$(space db)")"
	podman rm -f -t 0 db
	nothing_of_containers
}

# case_again TIMES
case_again() {
	sed 's/"name": "pods"/"name": "few"/; s,10.9.0.0/24,10.9.0.0/29,' /etc/cni/net.d/10-pods.conflist >/etc/cni/net.d/30-few.conflist
	again "$1" once
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
case_run podman/chained case_chained
case_run podman/refused case_refused
case_run podman/killed case_killed
case_run podman/forgotten case_forgotten
case_run podman/again case_again 2
[ -z "${TEST_CASES:-}" ] || case_run podman/again-100 case_again 100
case_first podman/end serve_end || serve_stop
exit 0
