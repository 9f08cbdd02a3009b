# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What measurements inside of a machine share (vm-inside.sh, vm-nic.sh): the peer, traffic, rounds of columns. They set
# rounds, span, columns, and a function case_column. Sourced after lib.sh.
# shellcheck disable=SC2154 # these

peer=/vm/peer
testpmd=("$peer/ld.so" --library-path "$peer/lib" "$peer/dpdk-testpmd" -l 0-1 --main-lcore 0
	--no-telemetry "${huge[@]}" -m 512 -d "$peer/lib/librte_mempool_ring.so.25"
	-d "$peer/lib/librte_bus_vdev.so.25")

# testpmd_run PMD EAL-OPTION...: forwards between two ports; sets pid.
testpmd_run() {
	local pmd=$1
	shift
	rm -f /tmp/testpmd.in
	mkfifo /tmp/testpmd.in
	exec 8<>/tmp/testpmd.in
	"${testpmd[@]}" -d "$pmd" "$@" -- -i --nb-cores=1 --auto-start --forward-mode=io \
		--no-mlockall --total-num-mbufs=32768 <&8 >"$VM_RESULT/$column.log" 2>&1 &
	pid=$!
	background+=("$pid")
}

# tcp SERVER-ADDRESS: the receiver's figure.
tcp() {
	in_ns c1 iperf3 -f m -c "$1" -t "$span" >"$VM_RESULT/$column-tcp.log" 2>&1 || return
	awk '/receiver/ { print "mbps=" $7 }' "$VM_RESULT/$column-tcp.log"
}

listening() {
	in_ns "$1" netstat -ltn | grep -q ":$2 "
}

# served NAMESPACE COMMAND...: while iperf3 listens there. By itself, not by in_ns: the shell in between would be what is
# ended, and iperf3 would outlive the namespace.
served() {
	local server
	ip netns exec "$1" iperf3 -s >/dev/null 2>&1 &
	server=$!
	background+=("$server")
	wait_for 10 listening "$1" 5201
	"${@:2}"
	kill "$server"
	wait "$server" || true
}

after_case() {
	local name
	for name in /run/netns/*; do
		ip netns del "${name##*/}"
	done
	for name in /sys/bus/vdpa/devices/*; do
		vdpa dev del "${name##*/}"
	done
	clean_slate
}

# measure_columns KIND TEST...: each column, as often as there are rounds; and the end.
measure_columns() {
	local what=$1 test status=0
	shift
	for ((round = 1; round <= rounds; round++)); do
		for column in "${columns[@]}"; do
			case_run "$round/$column" case_column && continue
			status=1
			for test; do
				echo "result kind=$what round=$round column=$column test=$test failed=1"
			done
		done
	done
	exit $status
}
