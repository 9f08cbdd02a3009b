#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A virtual machine that moves, on a real kernel: in the test machine two daemons with a device each, and QEMU, which
# migrates a guest from one to the other and back: doc/migration.md. Emulated in an emulated machine, so it is by
# name only, as native/migrate does the same on the emulator of the kernel.
# Run: named
# Kernels: one
# Memory: 4096
# Seconds: 6000
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh
# shellcheck source=../emu/guest.sh
. /vm/emu/guest.sh

moves=/tmp/moves

# The frames that the host sends have whole checksums: net_af_packet hands them on as they are.
bridge_make() {
	modprobe -a bridge veth
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
	ethtool -K br0 tx off >/dev/null
}

# a_daemon NAME: with the device of the machine; the page's commands.
a_daemon() {
	local name=$1
	ip link add "$name" type veth peer name "up$name"
	ip link set "$name" master br0 up
	ip link set "up$name" up
	ethtool -K "$name" tx off >/dev/null
	run "$name" "$app" -l 1 --no-telemetry --in-memory --no-huge -m 256 --vdev "net_af_packet0,iface=up$name" -- \
		--control "/run/$name/control"
	daemons[$name]=$pid
	wait_for "$patience" test -S "/run/$name/control" || fail "$name: $(tail -n 3 "$VM_RESULT/$name.log")"
	doc_command doc/migration.md 'vdusectl network add'
	documented=${documented/0000:01:00.0/net_af_packet0}
	# shellcheck disable=SC2086 # words
	"$ctl" -S "/run/$name/control" ${documented#vdusectl }
	doc_command doc/migration.md 'vdusectl container add'
	documented=${documented/vm1/$name}
	# shellcheck disable=SC2086 # words
	"$ctl" -S "/run/$name/control" ${documented#vdusectl }
}

# case_moves TURNS
case_moves() {
	local name
	declare -A daemons=()
	mkdir -p "$moves"
	modules vhost_vdpa
	bridge_make
	for name in vm-a vm-b; do
		mkdir -p "/run/$name"
		a_daemon "$name"
	done
	guest_moves "$moves/qemu.sh" /vm/qemu/qemu /vm/guest/vmlinuz /vm/guest/root.gz
	if ! /usr/bin/python3 /vm/emu/migrate.py -p 1800 "$moves" "$1" 0 1 >"$moves/log" 2>&1; then
		sed 's/^#* */# /' "$moves/log"
		tail -n 20 "$moves"/*.log | sed 's/^/# /'
		fail "it does not move: $(tail -n 1 "$moves/log")"
	fi
	sed 's/^#* */# /' "$moves/log"
	! "$app" --probe | grep -q suspend || grep -q 'suspended by its driver' "$VM_RESULT/vm-a.log" ||
		fail "no word of it in the log"
	for name in vm-a vm-b; do
		"$ctl" -S "/run/$name/control" container del "$name"
		stop "${daemons[$name]}"
	done
	nothing_left
}

case_run migrate/turn case_moves 2
[ -z "${TEST_CASES:-}" ] || case_run migrate/twenty case_moves 20
exit 0
