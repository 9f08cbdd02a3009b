#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian's containerd with dpdk-vduse-cni, as "ctr run --cni" calls it: doc/containers.md. This machine's, 1.6, and then trixie's,
# 1.7, which comes as by an upgrade.
# Run: all
# Kernels: one
# Seconds: again-100 3000
# Seconds: again-100-1.7 3000
# shellcheck disable=SC2034 # of lib-runtime.sh
suite_later=yes
# shellcheck source=lib-runtime.sh
. /vm/system/lib-runtime.sh

answers_ctr() {
	ctr version
}

# containerd_runs VERSION
containerd_runs() {
	run containerd containerd
	echo "$pid" >/tmp/containerd-pid
	background=()
	wait_for "$patience" answers_ctr || fail "containerd does not answer: $(tail -n 3 "$VM_RESULT/containerd.log")"
	ctr version | grep -A 1 '^Server:' | grep -q "Version: *$1" || fail "it is another: $(ctr version | xargs)"
}

containerd_ends() {
	local daemon
	daemon=$(cat /tmp/containerd-pid)
	kill "$daemon"
	wait_for "$patience" is_gone running "$daemon" || fail "containerd does not end"
}

case_start() {
	# shellcheck disable=SC2119 # without options
	serve
	containerd_runs 1.6
	conf_of '"net.core.somaxconn"' 10-pods.conflist
	doc_run $page 'mkdir -p /srv/busybox' || fail "no root file system"
	doc_run $page 'ln -s /usr/local/lib/cni' || fail "no plug-ins"
}

# One that stays, and one that ctr waits for; then the first is killed, and ctr is no help.
case_containers() {
	local web
	doc_run $page 'ctr run -d --rootfs --cni' || fail "a command of the page fails"
	doc_answered
	[ "$($ctl container show | grep -c '^cni:pods:eth0:default-')" = 1 ] || fail "not one: $($ctl container show)"
	web=$(ctr task ls | awk '$1 == "web" { print $2 }')
	[ "$(nsenter -t "$web" -n cat /proc/sys/net/core/somaxconn)" = 500 ] || fail "the plug-in behind was not called"
	ip netns attach web "$web"
	ping_ok far 10.9.0.2 5
	tcp far web 10.9.0.2 || fail "other bytes come from the uplink"
	tcp web far 10.9.0.1 || fail "other bytes go to the uplink"
	ip netns del web
	doc_run $page 'ctr task kill' || fail "it is not removed"
	nothing_of_containers
}

# ctr and the container are killed, and the interface comes back to the host, where it goes with DEL.
case_killed() {
	local runner
	run waits ctr run --rm --rootfs --cni /srv/busybox db /bin/sleep 1000000
	runner=$pid
	wait_for "$patience" sleeping_db || fail "it does not run: $(cat "$VM_RESULT/waits.log")"
	kill -KILL "$runner"
	$ctl container show | grep -q '^cni:pods:eth0:default-db: ' || fail "ADD was not called"
	ctr task kill -s KILL db
	ctr task rm db
	ctr container rm db
	CNI_COMMAND=DEL CNI_CONTAINERID=default-db CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
		/usr/local/lib/cni/dpdk-vduse-cni </etc/cni/net.d/10-pods.conflist || fail "DEL fails"
	rm -f /var/lib/cni/results/pods-default-db-eth0
	nothing_of_containers
}

sleeping_db() {
	ctr task ls | grep -q '^db .*RUNNING'
}

# once NUMBER: a container that tells its address, and has an answer of the uplink.
once() {
	ctr run --rm --rootfs --cni /srv/busybox "again$1" /bin/sh -c \
		'ip -o -4 address show dev eth0 && ping -c 1 10.9.0.1' >/tmp/again || fail "$1: $(cat /tmp/again)"
	grep -q ' inet 10\.9\.0\.[0-9]*/24 ' /tmp/again || fail "$1: no address: $(cat /tmp/again)"
}

case_upgrade() {
	containerd_ends
	suite_comes
	containerd_runs 1.7
	# host-local goes on behind the last address that it gave, and the page's ping is to the first one
	rm -f /var/lib/cni/networks/*/last_reserved_ip.*
}

end_all() {
	serve_end
	containerd_ends
}

# cases SUFFIX
cases() {
	case_run "containerd/containers$1" case_containers
	case_run "containerd/killed$1" case_killed
	case_run "containerd/again$1" again 2 once
	[ -z "${TEST_CASES:-}" ] || case_run "containerd/again-100$1" again 100 once
}

after_case() {
	all_well || {
		ctr task ls -q | xargs -r -n 1 ctr task rm -f
		ctr container ls -q | xargs -r -n 1 ctr container rm
		serve_clear
	}
}

case_first containerd/start case_start || { serve_stop; exit 0; }
cases ""
case_first containerd/upgrade case_upgrade || { serve_stop; exit 0; }
cases -1.7
case_first containerd/end end_all || serve_stop
exit 0
