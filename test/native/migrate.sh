#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Run: all
# A virtual machine that moves: QEMU migrates a guest from the device of one daemon to that of another. Host
# and daemons are joined by a bridge, in a namespace of its own.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"
. "$(dirname "$0")/../emu/guest.sh"

ns=vduse-migrate-$$
kernel=${VDUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dpdk-vduse}/kernel/6.12

# QEMU's, whose shadow virtqueues are needed: of 8 and later. Sets qemu.
need_qemu() {
	local word
	[ -f "$kernel/vmlinuz" ] || skip "no kernel 6.12; cure: test/vm/vm fetch 6.12"
	command -v busybox >/dev/null || skip "no busybox"
	"$pages/test/vm/vm" qemu >"$work/qemu" 2>"$work/qemu.log" || { log qemu; skip "no QEMU of 8 or later"; }
	qemu="env LD_PRELOAD=$preload "
	while read -r word; do qemu+="$(printf %q "$word") "; done <"$work/qemu"
}

# The frames that the host sends have whole checksums: net_af_packet hands them on as they are.
bridge_make() {
	ip netns add "$ns"
	ip -n "$ns" link set lo up
	ip -n "$ns" link add br0 type bridge
	ip -n "$ns" addr add 10.9.0.1/24 dev br0
	ip -n "$ns" link set br0 up
	ip netns exec "$ns" ethtool -K br0 tx off >"$work/ethtool.log"
}

# a_node NAME PROFILE: a daemon with the device of the machine.
a_node() {
	local name=$1 profile=$2
	ip -n "$ns" link add "$name" type veth peer name "up$name"
	ip -n "$ns" link set "$name" master br0 up
	ip -n "$ns" link set "up$name" up
	ip netns exec "$ns" ethtool -K "$name" tx off >"$work/ethtool.log"
	run=$work/$name
	rm -rf "$run" # with what the case before has left
	: >"$work/node.conf"
	node_as=(ip netns exec "$ns") node_ports=(--vdev "net_af_packet0,iface=up$name")
	# shellcheck disable=SC2119 # none of its options
	node_start
	wait_for "$patience" node_serves || { log node; fail "nobody forwards"; }
	doc_command doc/migration.md 'vdusectl network add'
	documented=${documented/0000:01:00.0/net_af_packet0}
	# shellcheck disable=SC2086 # words
	node ${documented#vdusectl }
	doc_command doc/migration.md 'vdusectl container add'
	documented=${documented/vm1/$name}
	documented=${documented/attach vhost/attach none}
	documented=${documented/profile migrate/profile $profile}
	# shellcheck disable=SC2086 # words
	node ${documented#vdusectl }
	emu attach "$name"
	mv "$work/node.log" "$work/$name.log" # where it goes on
}

# case_moves SUSPEND TURNS PROFILE PROFILE: whether the kernel has it; of the two nodes.
case_moves() {
	local status=0 suspend=$1
	shift
	emu set api=1 "vduse_features=$((suspend ? 3 : 1))"
	need_qemu
	guest_echo "$work/root" "$kernel" "$work/root.gz"
	bridge_make
	a_node vm-a "$2"
	a_node vm-b "$3"
	guest_moves "$work/qemu.sh" "$qemu" "$kernel/vmlinuz" "$work/root.gz"
	ip netns exec "$ns" "$pages/test/native/migrate.py" "$work" "$1" 0 1 >"$work/moves.log" 2>&1 || status=$?
	sed 's/^#* */# /' "$work/moves.log"
	[ $status = 0 ] || { log vm-a; log vm-b; log qemu0; log qemu1; fail "status $status"; }
	[ "$1" = 0 ] || [ "$suspend" = 0 ] || grep -q 'suspended by its driver' "$work/vm-a.log" || { log vm-a; fail "no word of it in the log"; }
}

after_case() {
	ip netns del "$ns" 2>/dev/null
	local name
	emu clear
	for name in vm-a vm-b; do
		! emu show | grep -q "^$name: " || LD_PRELOAD=$preload "$app" --destroy "$name"
	done
}

ordinary || exit 0

case_run migrate/before-7.3 case_moves 0 3 migrate migrate
case_run migrate/twenty case_moves 1 20 migrate migrate
case_run migrate/bulk case_moves 1 0 bulk migrate
case_run migrate/less case_moves 1 0 migrate latency
exit $group_status
