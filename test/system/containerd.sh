#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian's containerd with dpdk-vduse-cni, as "ctr run --cni" calls it: doc/containers.md. The group
# containerd-trixie runs the same cases with trixie's.
# Run: all
# Kernels: one
# shellcheck source=lib-runtime.sh
. /vm/system/lib-runtime.sh

group=${group:-containerd}

answers_ctr() {
	ctr version
}

case_start() {
	# shellcheck disable=SC2119 # without options
	serve
	run containerd containerd
	echo "$pid" >/tmp/containerd-pid
	background=()
	wait_for "$patience" answers_ctr || fail "containerd does not answer: $(tail -n 3 "$VM_RESULT/containerd.log")"
	conf_of '"type": "tuning"' 10-pods.conflist
	doc_run $page 'mkdir -p /srv/busybox' || fail "no root file system"
	doc_run $page 'ln -s /usr/local/lib/cni' || fail "no plug-ins"
}

# One that stays, and one that ctr waits for; then the first is killed, and ctr is no help.
case_containers() {
	local web
	doc_run $page 'ctr run -d --rootfs --cni' || fail "a command of the page fails"
	grep -q ' 3 packets received' /tmp/doc || fail "no answers: $(cat /tmp/doc)"
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

case_again() {
	local n
	for ((n = 1; n <= $1; n++)); do
		ctr run --rm --rootfs --cni /srv/busybox "again$n" /bin/ping -c 1 10.9.0.1 >/tmp/again ||
			fail "$n: $(cat /tmp/again)"
		nothing_of_containers
	done
}

end_all() {
	local daemon
	serve_end
	daemon=$(cat /tmp/containerd-pid)
	kill "$daemon"
	wait_for "$patience" is_gone running "$daemon" || fail "containerd does not end"
}

after_case() {
	all_well || {
		ctr task ls -q | xargs -r -n 1 ctr task rm -f
		ctr container ls -q | xargs -r -n 1 ctr container rm
		serve_clear
	}
}

case_first "$group/start" case_start || { serve_stop; exit 0; }
case_run "$group/containers" case_containers
case_run "$group/killed" case_killed
case_run "$group/again" case_again 1
[ -z "${TEST_CASES:-}" ] || case_run "$group/again-100" case_again 100
case_first "$group/end" end_all || serve_stop
exit 0
