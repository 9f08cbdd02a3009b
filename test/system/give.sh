#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Interfaces that are given to containers by hand: every line of doc/give.md, by the programs that it names.
# Run: all
# Kernels: one
# shellcheck source=lib-podman.sh
. /vm/system/lib-podman.sh

page=doc/give.md

case_start() {
	storage
	# shellcheck disable=SC2119 # without options
	serve
	image
	doc_run $page 'mkdir -p /srv/busybox/bin /srv/busybox/proc' || fail "no root file system"
	# a host has these, which nspawn asks for
	echo 5f0d8c6a2b1e4f3798a0c1d2e3f40516 >/etc/machine-id
	mkdir -p /usr/lib
	echo ID=test >/usr/lib/os-release
	ln -s ../usr/lib/os-release /etc/os-release
	# udevd by the name that it goes by
	mkdir -p /run/udev
	cp /bin/udevadm /usr/bin/systemd-udevd
	systemd-udevd --daemon || fail "udevd does not start"
	background=()
}

# answers NUMBER: both ways, as far as the container pings by itself.
answers() {
	wait_for "$patience" ip netns exec far ping -q -c 1 -W 1 "10.9.0.$1" || fail "10.9.0.$1 does not answer"
	ping_ok far "10.9.0.$1" 3
}

# back NAME: the kernel has given it to the host.
back() {
	wait_for "$patience" ip link show "$1" || fail "$1 is not back: $(ip -br link)"
}

# taken NAME: it is not the host's.
taken() {
	! ip link show "$1" 2>/dev/null || fail "$1 is still the host's"
}

case_netns() {
	doc_run $page 'network net0 ifname c1' || fail "it is not added"
	ip link show c1 || fail "there is no c1"
	doc_run $page 'ip link set c1 netns web' || fail "it is not moved"
	answers 11
	doc_run $page 'netns /run/netns/db' || fail "it is not added"
	answers 12
	ping_ok web 10.9.0.12 3
	ping_ok db 10.9.0.11 3
	in_ns db ip route show default | grep -q 'via 10.9.0.1' || fail "no route"
	ip netns del web
	back eth0
	doc_run $page 'container del c1' || fail "it does not go"
	$ctl container del c2
	ip netns del db
	nothing_of_containers
}

case_none() {
	doc_run $page 'network none' || fail "a command of the page fails"
	doc_answered
	answers 13
	doc_run $page 'container del c3' || fail "it does not go"
	nothing_of_containers
}

# inside_pid: the process of the container; 1 where there is none.
inside_pid() {
	local process
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' <"$process/cmdline") in
		'sleep 1000000 ' | '/bin/sleep 1000000 ') echo "${process#/proc/}"; return ;;
		esac
	done 2>/dev/null
	return 1
}

case_nspawn() {
	doc_run $page 'network-interface=c4 ' || fail "it does not start"
	wait_for "$patience" inside_pid || fail "it does not run: $(cat /tmp/doc)"
	answers 14
	taken c4
	nsenter -t "$(inside_pid)" -n ping -q -c 3 10.9.0.1 || fail "no answer to it"
	kill -KILL "$(inside_pid)"
	back c4
	$ctl container del c4
	nothing_of_containers
}

case_lxc() {
	mkdir -p /var/lib/lxc/web
	doc_block $page 'lxc.net.0.type' >/var/lib/lxc/web/config || fail "no configuration"
	# the machine has no profiles for AppArmor
	printf '%s\n' 'lxc.apparmor.profile = unconfined' 'lxc.log.file = /tmp/lxc.log' 'lxc.log.level = INFO' >>/var/lib/lxc/web/config
	doc_run $page 'lxc-start' || fail "it does not start: $(grep ERROR /tmp/lxc.log)"
	answers 15
	taken c5
	nsenter -t "$(inside_pid)" -n ping -q -c 3 10.9.0.1 || fail "no answer to it"
	doc_run $page 'lxc-stop' || fail "it does not stop"
	back c5
	$ctl container del c5
	nothing_of_containers
}

case_crun() {
	crun --version | sed 's/^/# /' | head -n 1
	mkdir -p /srv/web
	doc_block $page '"netDevices"' >/srv/web/config.json || fail "no configuration"
	doc_run $page 'crun run' || fail "it does not start: $(cat /tmp/doc)"
	taken c6
	nsenter -t "$(inside_pid)" -n ip -o address show dev eth0 | grep -q 'inet 10.9.0.16/24' || fail "its address has not come along"
	answers 16
	nsenter -t "$(inside_pid)" -n ping -q -c 3 10.9.0.1 || fail "no answer to it"
	doc_run $page 'crun delete' || fail "it does not end"
	$ctl container del c6
	nothing_of_containers
}

after_case() {
	local name
	all_well || {
		podman rm -fa -t 0
		inside_pid | xargs -r kill -KILL
		for name in c1 c2 c3 c4 c5 c6; do
			$ctl container del $name
		done
		serve_clear
	}
}

end_all() {
	udevadm control --exit
	serve_end
}

case_first give/start case_start || { serve_stop; exit 0; }
for name in netns none nspawn lxc crun; do
	case_run "give/$name" "case_$name"
done
case_first give/end end_all || serve_stop
exit 0
