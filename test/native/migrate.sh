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
	qemu=
	while read -r word; do qemu+="$(printf %q "$word") "; done <"$work/qemu"
}

guest_make() {
	guest_root_begin "$work/root" "$kernel"
	cat >"$work/root/init" <<'END'
#!/bin/busybox sh
. /begin
ip link set lo up
ip addr add 10.9.0.2/24 dev eth0
echo "guest up"
while true; do nc -l -p 7 -e cat; done
END
	guest_root_end "$work/root" "$work/root.gz"
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

# $work/qemu.sh DEVICE MONITOR CONSOLE [OPTION...]: the document's command. Both nodes are on this host,
# the program may be another's, and a program speaks with the monitor.
qemu_script() {
	doc_command doc/migration.md qemu-system-x86_64
	documented=${documented/#qemu-system-x86_64/$qemu}
	documented=${documented/\/dev\/vhost-vdpa-0/\/dev\/vhost-vdpa-\$1}
	documented=${documented/\/run\/vm1.monitor/\$2}
	documented=${documented/-monitor/-qmp}
	cat >"$work/qemu.sh" <<END
#!/bin/bash
# one argument a line
machine='$(printf '%s\n' -accel tcg,thread=multi -cpu max -nodefaults -nographic -no-reboot \
		-kernel "$kernel/vmlinuz" -initrd "$work/root.gz" -append "console=ttyS0 quiet panic=-1")'
IFS=\$'\n'
export LD_PRELOAD=$preload
exec $documented -serial "file:\$3" "\${@:4}"
END
}

# case_moves SUSPEND TURNS PROFILE PROFILE: whether the kernel has it; of the two nodes.
case_moves() {
	local status=0 suspend=$1
	shift
	emu set api=1 "vduse_features=$((suspend ? 3 : 1))"
	need_qemu
	guest_make
	bridge_make
	a_node vm-a "$2"
	a_node vm-b "$3"
	qemu_script
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
