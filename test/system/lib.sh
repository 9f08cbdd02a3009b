# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the system tests share. They run as root inside a test machine
# (test/vm), which is thrown away after each group of cases.
#
# A group sources this file, defines functions and calls `case_run NAME FUNCTION`
# for each (cases.sh).

set -u
shopt -s nullglob
export LC_ALL=C
tools=/vm/tools
app=dpdk-vduse-net
# A poll-mode lcore keeps a CPU to itself; the other is for the kernel and the containers.
# shellcheck disable=SC2206
eal=(-l 1 --no-pci --no-telemetry ${TEST_EAL:-})
huge=(--in-memory)
# EAL does not take --no-huge together with --in-memory (DPDK 22.11 to 25.11).
no_huge=(--no-huge --no-shconf -m 256)
skip_reason=/tmp/skip-reason
pages=/vm/pages
# Seconds until what has to come counts as missing: there to fail at last, however slow the machine.
patience=120
# shellcheck source=../cases.sh
. /vm/cases.sh

# with_options COMMAND...: sets command, which has what test/run was told to run the tests with.
with_options() {
	local word options=() key value
	command=()
	for word; do
		case $word in
		net_vduse*,*) command+=("$word${TEST_DEVARGS:+,$TEST_DEVARGS}") ;;
		*) command+=("$word") ;;
		esac
	done
	[ "$1" = "$app" ] || return 0
	# the wire's options of the same names; true or false is a word by itself there
	IFS=, read -r -a options <<<"${TEST_DEVARGS:-}"
	for word in ${options[@]+"${options[@]}"}; do
		IFS='=' read -r key value <<<"$word"
		case $word in
		zero-copy=1 | umem=1) command+=("--$key") ;;
		*) command+=("--$key" "$value") ;;
		esac
	done
	# shellcheck disable=SC2206
	command+=(${TEST_APP:-})
}

# run NAME COMMAND...: in the background with its output in $VM_RESULT/NAME.log;
# sets pid. stop() or the end of the group ends it.
run() {
	local name=$1 command
	shift
	with_options "$@"
	say "run ${command[*]}"
	fresh "$VM_RESULT/$name.log"
	"${command[@]}" >"$VM_RESULT/$name.log" 2>&1 </dev/null &
	pid=$!
	background+=("$pid")
}

alive() {
	kill -0 "$1" 2>/dev/null
}

# stop PID [SIGNAL]: ask a process of ours to end, and wait; returns its exit status.
stop() {
	kill "-${2:-TERM}" "$1" 2>/dev/null || true
	if ! wait_for "$patience" is_gone running "$1"; then
		say "process $1 does not end on ${2:-TERM}:"
		cat "/proc/$1/status" "/proc/$1"/task/*/stack 2>/dev/null | head -n 60
		kill -KILL "$1"
		return 99
	fi
	wait "$1"
}

# Whether a child runs: one that has ended and was not waited for does not.
running() {
	[ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null
}

# netdev NAME: the network interface of a vDPA device, here or in namespace $2.
netdev() {
	local path
	if [ $# = 1 ]; then
		for path in /sys/bus/vdpa/devices/"$1"/virtio*/net/*; do
			basename "$path"
			return
		done
		return 1
	fi
	ip netns exec "$2" sh -c "ls /sys/bus/vdpa/devices/$1/virtio*/net" 2>/dev/null | head -n 1
}

netdev_there() {
	[ -n "$(netdev "$@")" ]
}

# need_netdev NAME LOG PID: wait for the interface; sets dev.
need_netdev() {
	local deadline=$((SECONDS + patience))
	until netdev_there "$1"; do
		running "$3" || { tail -n 20 "$VM_RESULT/$2.log"; fail "the backend of $1 has ended"; }
		if [ "$SECONDS" -ge "$deadline" ]; then
			tail -n 20 "$VM_RESULT/$2.log"
			fail "no network interface for vDPA device $1"
		fi
		usleep 20000
	done
	dev=$(netdev "$1")
}

# container NAME DEVICE NUMBER: a network namespace with the interface in it as eth0,
# 10.0.0.NUMBER/24 and fd00::NUMBER/64.
container() {
	ip netns add "$1"
	ip link set "$2" netns "$1" name eth0
	container_up "$1" "$3"
}

# two_containers [OPTION...]: the application, with these options for both devices, and containers c1
# and c2 on it that answer each other: 10.0.0.1 and 10.0.0.2, fd00::1 and fd00::2. Sets app_pid.
two_containers() {
	local devargs="" word
	for word; do
		[ "${word#--}" = "$word" ] && devargs+="=$word" || devargs+=",${word#--}"
	done
	modules virtio_vdpa virtio_net
	run app "$app" "${eal[@]}" "${huge[@]}" \
		--vdev "net_vduse_p,name=c2,mac=02:00:00:00:00:02,attach=virtio$devargs" -- \
		--port net_vduse_p --name c1 --mac 02:00:00:00:00:01 --attach virtio "$@"
	app_pid=$pid
	need_netdev c1 app "$app_pid"
	container c1 "$dev" 1
	need_netdev c2 app "$app_pid"
	container c2 "$dev" 2
	ping_back c1 10.0.0.2
}

container_up() {
	ip -n "$1" link set lo up
	# Static addresses only; they must be usable at once.
	ip netns exec "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad;
		echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
	ip -n "$1" addr replace "10.0.0.$2/24" dev eth0
	ip -n "$1" addr replace "fd00::$2/64" dev eth0 nodad
	ip -n "$1" link set eth0 up
}

in_ns() {
	ip netns exec "$@"
}

# ns_exec NAMESPACE COMMAND...: the same for what goes on behind, with an & at its end: $! is the command's own, and who
# ends it ends the command. Of in_ns it would be a shell's that waits for it.
ns_exec() {
	exec ip netns exec "$@"
}

# ping_ok NAMESPACE ADDRESS COUNT [OPTION...]: each of the first COUNT is answered. One process, until it is so:
# with -c, ping does not wait for the last answers longer than for those before.
ping_ok() {
	local ns=$1 address=$2 count=$3 answered=true pinger
	shift 3
	fresh /tmp/ping-ok
	ns_exec "$ns" ping -n -i 0.05 "$@" "$address" >/tmp/ping-ok 2>&1 &
	pinger=$!
	wait_for "$patience" pinged "$count" || answered=false
	kill -INT "$pinger"
	wait "$pinger" || true
	say "$(grep -E 'transmitted' /tmp/ping-ok), the first $count: $answered"
	$answered
}

# pinged COUNT: whether each of the first COUNT of ping_ok has its answer.
pinged() {
	[ "$(sed -n 's/.*bytes from.*icmp_seq=\([0-9]*\).*/\1/p' /tmp/ping-ok | sort -un | head -n "$1" | tail -n 1)" = "$1" ]
}

# ping_back NAMESPACE ADDRESS: traffic is there (again); one answer at last.
ping_back() {
	wait_for "$patience" ip netns exec "$1" ping -n -q -c 1 -W 1 "$2"
}

# pings_start NAMESPACE ADDRESS: one process that pings until it is stopped; sets pings.
pings_start() {
	fresh /tmp/pings
	ns_exec "$1" ping -n -D -i 0.2 "$2" >/tmp/pings &
	pings=$!
	background+=("$pings")
}

# answers: to pings_start, so far.
answers() {
	grep -c 'bytes from' /tmp/pings || true
}

more_answers() {
	[ "$(answers)" -gt "$1" ]
}

pings_go_on() {
	wait_for "$patience" more_answers "$(answers)"
}

# doc_answered: who the page's commands ping answers. What comes later than two round trips, or a second, BusyBox
# calls lost.
doc_answered() {
	grep -qE ' [1-9][0-9]* packets received' /tmp/doc || fail "no answers: $(cat /tmp/doc)"
}

# stream_start FROM TO ADDRESS: TCP from namespace to namespace until stream_end; its SHA-256 is taken at
# both ends.
stream_start() {
	rm -f /tmp/stop /tmp/sent /tmp/received /tmp/fifo /tmp/endless
	mkfifo /tmp/fifo /tmp/endless
	fresh /tmp/received /tmp/sent
	# an input that never ends: with it, the receiver would end the connection
	ns_exec "$2" sh -c 'busybox nc -l -p 5001 <>/tmp/endless | sha256sum >/tmp/received' &
	receiver=$!
	background+=("$receiver")
	wait_for "$patience" tcp_listens "$2" 5001
	ns_exec "$1" bash -c '
		sha256sum </tmp/fifo >/tmp/sent &
		n=0
		until [ -e /tmp/stop ]; do
			seq $n $((n + 20000))
			n=$((n + 20000))
		done | tee /tmp/fifo | busybox nc "$1" 5001
		wait' - "$3" &
	sender=$!
	background+=("$sender")
}

tcp_listens() {
	in_ns "$1" netstat -ltn | grep -q ":$2 "
}

stream_end() {
	touch /tmp/stop
	wait "$sender" || fail "the sender ends with status $?"
	wait "$receiver" || fail "the receiver ends with status $?"
	[ -s /tmp/sent ] && cmp /tmp/sent /tmp/received || fail "other bytes than were sent"
}

# received_bytes NAMESPACE: of its eth0.
received_bytes() {
	in_ns "$1" cat /sys/class/net/eth0/statistics/rx_bytes
}

received_more() {
	[ "$(received_bytes "$1")" -gt "$2" ]
}

# leftovers: nothing of ours is in /dev/vduse or on the vDPA bus.
nothing_left() {
	local node path
	for node in /dev/vduse/*; do
		[ "$node" = /dev/vduse/control ] || fail "left behind: $node"
	done
	for path in /sys/bus/vdpa/devices/*; do
		fail "left behind: $path"
	done
}

# child_of PID CAPABILITIES: which of a node's two processes below the first has these in force.
child_of() {
	local status
	for status in /proc/[0-9]*/status; do
		grep -qs "^PPid:[[:space:]]*$1\$" "$status" || continue
		grep -q "^CapEff:[[:space:]]*$2\$" "$status" && grep -q '^Seccomp:[[:space:]]*2$' "$status" || continue
		status=${status%/status}
		echo "${status#/proc/}"
		return
	done
	return 1
}

# The one with none polls.
poller_of() {
	child_of "$1" 0000000000000000
}

broker_of() {
	child_of "$1" 0000000000201000
}

# is_another WHO PID: what the function WHO says is a process, and not this one.
is_another() {
	local now
	now=$("$1") && [ "$now" != 0 ] && [ "$now" != "$2" ]
}

# resources PID: file descriptors and mappings of VDUSE, one line.
resources() {
	echo "fds $(ls "/proc/$1/fd" | wc -l)" \
		"vduse-mappings $(grep -c vduse "/proc/$1/maps" || true)"
}

# app_mbufs LOG PID: "N in use of M", as the application says on SIGUSR1.
app_mbufs() {
	local before
	before=$(grep -c '^mbufs:' "$VM_RESULT/$1.log" || true)
	kill -USR1 "$2"
	wait_for "$patience" more_mbufs_lines "$1" "$before" || return 1
	sed -n 's/^mbufs: //p' "$VM_RESULT/$1.log" | tail -n 1
}

more_mbufs_lines() {
	[ "$(grep -c '^mbufs:' "$VM_RESULT/$1.log")" -gt "$2" ]
}

# peer_programs NAME...: programs of another Debian suite (test/reach/peer), where the machine has them: by
# their names they run in that suite's tree, with this machine's devices, folders and namespaces.
peer_programs() {
	local at name
	[ -d /peer ] || return 0
	for at in dev proc sys run tmp result mnt/huge etc/openvswitch; do
		mkdir -p "/$at" "/peer/$at"
		mount --rbind "/$at" "/peer/$at"
	done
	for name; do
		printf '#!/bin/sh\nexec chroot /peer %s "$@"\n' "$name" >"/usr/bin/${name##*/}"
		chmod +x "/usr/bin/${name##*/}"
	done
}

# of another DPDK than this machine's
[ -z "${TEST_CELL:-}" ] || peer_programs dpdk-vduse-net dpdk-testpmd

modules() {
	modprobe -a vduse "$@"
}

# shell_on FILE: on the machine's second serial port, for who connects there with a line.
shell_on() {
	local word
	exec 3<>"$TEST_SHELL"
	stty -F "$TEST_SHELL" 115200
	echo "shell open"
	read -r word <&3
	setsid -c bash --rcfile "$1" -i <&3 >&3 2>&3
	exec 3>&-
	echo "shell closed"
}

case_end() {
	local p
	for p in "${background[@]}"; do
		running "$p" && kill -KILL "$p"
	done
	return 0
}
trap case_end EXIT

# clean_slate: what a failed case left must not fail the next one. For groups whose
# cases start everything themselves; called after each case as `after_case`.
clean_slate() {
	local ns node
	for ns in /run/netns/*; do
		ip netns del "${ns##*/}"
	done
	for node in /dev/vduse/*; do
		[ "$node" = /dev/vduse/control ] || "$app" --destroy "${node##*/}"
	done
}

after_case() {
	:
}
