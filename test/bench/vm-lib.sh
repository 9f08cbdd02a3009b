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
	ns_exec "$1" iperf3 -s >/dev/null 2>&1 &
	server=$!
	background+=("$server")
	wait_for 10 listening "$1" 5201
	"${@:2}"
	kill "$server"
	wait "$server" || true
}

# ticks PID: hundredths of a second that it has computed.
ticks() {
	cat "/proc/$1/task/"*/stat | awk '{ sub(/.*\) /, ""); n += $12 + $13 } END { print n + 0 }'
}

# sent TEST COMMAND...: what it prints, and the back end's time for each of these bytes.
sent() {
	local name=$1 before=0 after=0 line
	shift
	[ -z "$pid" ] || before=$(ticks "$pid")
	line=$("$@" 10.0.0.2) && [ -n "$line" ] || line=failed=1
	[ -z "$pid" ] || after=$(ticks "$pid")
	line+=$(awk -v t=$((after - before)) -v s="$span" '{ sub(/mbps=/, "", $1)
		if ($1 > 0 && t > 0) printf " ns_byte=%.2f", t * 1e7 / ($1 * 1e6 / 8 * s) }' <<<"$line")
	echo "result kind=$what round=$round column=$column nic=$kind test=$name $line"
}

# kernel_nic ADDRESS: the kernel's driver has it; sets nic_dev.
kernel_nic() {
	local path=/sys/bus/pci/devices/$1
	modprobe -a igb bridge veth macvlan
	[ ! -e "$path/driver" ] || echo "$1" >"$path/driver/unbind"
	echo >"$path/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	wait_for 60 test -e "$path/net" || fail "no interface of the NIC"
	nic_dev=$(ls "$path/net")
}

# bridge_container: c1 by veth on a bridge with the NIC.
bridge_container() {
	ip link add br0 type bridge
	ip link add port1 type veth peer name side1
	ip link set port1 master br0 up
	ip link set "$nic_dev" master br0 up
	ip link set br0 up
	container c1 side1 1
	pid=
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
	local test status=0
	what=$1
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
