#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In the test machine: containers are added through the daemon's socket, each with its interface, named and
# with an address, in a network namespace; beside the same by the kernel alone (add.c). Started by
# test/bench/switch.sh.
#
#   vm-add.sh ROUNDS ADDS
#
# Prints a line "result KEY=VALUE..." for each round.
# shellcheck source=../system/lib.sh
. /vm/system/lib.sh
# shellcheck source=../system/lib-node.sh
. /vm/system/lib-node.sh

rounds=$1 adds=$2
eal=(-l 0-1 --no-pci --no-telemetry)

case_add() {
	local line
	# shellcheck disable=SC2119 # without options
	node_start
	ip netns add adds
	/vm/bench/bench-add -l 0 --no-pci --no-telemetry "${no_huge[@]}" -- $folder/control net0 "$adds" \
		/run/netns/adds >"$VM_RESULT/add.log" 2>&1 || fail "$(tail -n 5 "$VM_RESULT/add.log")"
	line=$(grep '^adds=' "$VM_RESULT/add.log")
	[ "$(in_ns adds ip -o -4 addr show | grep -c 'inet 10\.1\.')" = "$adds" ] || fail "not all have their address"
	echo "result kind=add round=$round column=network where=machine $line"
	for ((i = 0; i < adds; i++)); do
		$ctl container del "a$i"
	done
	stop "$node_pid" || fail "the daemon ends with status $?"
	ip netns del adds
	nothing_left
}

status=0
for ((round = 1; round <= rounds; round++)); do
	case_run "$round/add" case_add || {
		status=1
		echo "result kind=add round=$round column=network where=machine failed=1"
	}
done
exit "$status"
