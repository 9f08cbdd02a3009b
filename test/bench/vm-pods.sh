#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In the test machine: pods are added by dpdk-vduse-cni and by the plug-in bridge of the CNI project, with veth(4),
# both with host-local, in turns; then as many at once by each, with what memory they take. Started by test/bench/vm.sh.
#
#   vm-pods.sh ROUNDS PODS
#
# Prints two lines "result KEY=VALUE..." for each round and column.
# shellcheck source=../system/lib.sh
. /vm/system/lib.sh
# shellcheck source=../system/lib-node.sh
. /vm/system/lib-node.sh

rounds=$1 pods=$2
eal=(-l 0-1 --no-pci --no-telemetry)
columns=(ours bridge)
declare -A plugin=([ours]=/usr/local/lib/cni/dpdk-vduse-cni [bridge]=/usr/lib/cni/bridge)
declare -A words=(
	[ours]='"type": "dpdk-vduse-cni", "network": "net0", "profile": "latency", "queue_size": 256'
	[bridge]='"type": "bridge", "bridge": "br0"'
)

# conf COLUMN
conf() {
	cat <<-JSON
		{ "cniVersion": "1.0.0", "name": "$1", ${words[$1]},
		  "ipam": { "type": "host-local", "dataDir": "/tmp/leases",
		    "ranges": [[{ "subnet": "10.9.0.0/16", "gateway": "10.9.0.1" }]], "routes": [{ "dst": "0.0.0.0/0" }] } }
	JSON
}

# cni COMMAND COLUMN NUMBER: of the pod that has this number.
cni() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2$3 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$2$3 CNI_PATH=/usr/local/lib/cni:/usr/lib/cni \
		"${plugin[$2]}" <"/tmp/$2.conf" >"/tmp/answer-$2$3" 2>&1
}

is_up() {
	in_ns "$1" ip -o link show eth0 | grep -q LOWER_UP && in_ns "$1" ip -o -4 addr show eth0 | grep -q 'inet 10\.9\.'
}

# timed COLUMN NUMBER: milliseconds from the call to the interface that is up, with its address, into times.
timed() {
	local begin end
	begin=${EPOCHREALTIME/./}
	cni ADD "$1" "$2" || fail "$1: $(cat "/tmp/answer-$1$2"); $(tail -n 3 "$VM_RESULT/node.log")"
	end=${EPOCHREALTIME/./}
	# it is when the plug-in has come back: else the time goes on
	if ! is_up "$1$2"; then
		wait_for "$patience" is_up "$1$2" || fail "$1$2 is not up"
		end=${EPOCHREALTIME/./}
	fi
	echo $(((end - begin) / 1000)) >>"/tmp/times-$1"
}

# of PERCENT COLUMN: that percentile.
of() {
	sort -n "/tmp/times-$2" | awk -v p="$1" '{ t[NR] = $1 } END { n = int((NR * p + 99) / 100); print t[n > 0 ? n : 1] }'
}

# spaces COMMAND: ip netns add or del, for all pods.
spaces() {
	local column i
	for column in "${columns[@]}"; do
		for ((i = 0; i < pods; i++)); do
			ip netns "$1" "$column$i"
		done
	done
}

# all_gone COLUMN
all_gone() {
	local i
	for ((i = 0; i < pods; i++)); do
		cni DEL "$1" $i || fail "DEL: $(cat "/tmp/answer-$1$i")"
	done
}

# persists COLUMN NUMBER: what is asked to try again, does.
persists() {
	until cni ADD "$1" "$2"; do
		grep -q '"code": 11' "/tmp/answer-$1$2" || return
		echo "$2" >>"/tmp/again-$1"
	done
}

free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree:/ { print $2 }' /proc/meminfo
}

# rss_kib: of the daemon's three processes, without the bounce memory.
rss_kib() {
	local pid children
	children=$(cat "/proc/$node_pid/task/$node_pid/children")
	for pid in "$node_pid" $children; do
		cat "/proc/$pid/smaps"
	done | awk '/^[0-9a-f]+-/ { bounce = /vduse-domain/ } /^Rss:/ && !bounce { all += $2 } END { print all }'
}

# bounce: of the kernel's bounce memory, what the daemon has read or written a pod (it is no memory of its own, though its
# VmRSS counts it), and what the kernel has given (of ten, which are then read), in KiB.
bounce() {
	local pid
	pid=$(poller)
	awk -v pods="$pods" '/^[0-9a-f]+-/ { bounce = /vduse-domain/ } /^Size:/ && $2 < 1024 { bounce = 0 } bounce && /^Rss:/ { all += $2 } END { print "seen_kib=" int(all / pods) }' \
		"/proc/$pid/smaps"
	"$tools/touched" "$pid" 10 | sed 's/.*touched_kib=\([0-9]*\) .*/bounce_kib=\1/'
}

# at_once COLUMN: sets took, in milliseconds, and more, what memory a pod takes, with what the daemon has of it.
at_once() {
	local i pids=() free rss begin
	: >"/tmp/again-$1"
	free=$(free_kib) rss=$(rss_kib)
	begin=${EPOCHREALTIME/./}
	for ((i = 0; i < pods; i++)); do
		persists "$1" $i &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "$1, at once: $(grep -h -A1 '"msg"' /tmp/answer-"$1"* | head -n 4)"
	done
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	for ((i = 0; i < pods; i++)); do
		is_up "$1$i" || wait_for "$patience" is_up "$1$i" || fail "$1$i is not up"
	done
	more="again=$(wc -l <"/tmp/again-$1") machine_kib=$(((free - $(free_kib)) / pods))"
	[ "$1" != ours ] || more+=" rss_kib=$((($(rss_kib) - rss) / pods)) $(bounce | xargs)"
}

case_pods() {
	local i column
	# each device is some of the daemon's descriptors
	ulimit -n 65536
	# shellcheck disable=SC2119 # without options
	node_start
	modprobe -a bridge veth
	for column in "${columns[@]}"; do
		conf "$column" >"/tmp/$column.conf"
		rm -f "/tmp/times-$column"
	done
	spaces add
	for ((i = 0; i < pods; i++)); do
		for column in "${columns[@]}"; do
			timed "$column" $i
		done
	done
	for column in "${columns[@]}"; do
		echo "result kind=pods round=$round column=$column pods=$pods p50=$(of 50 "$column") p99=$(of 99 "$column")"
		all_gone "$column"
	done
	# a namespace that was used is none that is new
	spaces del
	spaces add
	for column in "${columns[@]}"; do
		at_once "$column"
		echo "result kind=pods round=$round column=$column pods=$pods once_ms=$took $more"
		all_gone "$column"
	done
	spaces del
	$ctl network del net0
	stop "$node_pid" || fail "the daemon ends with status $?"
	ip link del br0
	nothing_left
}

status=0
for ((round = 1; round <= rounds; round++)); do
	case_run "$round/pods" case_pods || {
		status=1
		echo "result kind=pods round=$round column=ours failed=1"
	}
done
exit "$status"
