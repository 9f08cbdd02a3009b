# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# NICs of the machine (test/vm/nic.sh), for groups with a line "NICs:" and benchmarks. Sourced after lib.sh.

IFS=, read -ra kinds <<<"$(tr ' ' '\n' </proc/cmdline | sed -n 's/^vm_nics=//p')"

# number KIND: where it is in the list.
number() {
	local i
	for i in "${!kinds[@]}"; do
		[ "${kinds[$i]}" != "$1" ] || echo "$i"
	done
}

# address KIND: its PCI address; of a NIC with virtual functions the physical one's.
address() {
	local path
	for path in "/sys/bus/pci/devices/0000:00:1$(number "$1").0"/0000:??:??.?; do
		[ -e "$path/physfn" ] || basename "$path"
	done
}

# takes_vfio ADDRESS: a try. The kernel may be about to give a NIC that has just come to another driver.
takes_vfio() {
	local path=/sys/bus/pci/devices/$1
	echo vfio-pci >"$path/driver_override"
	[ ! -e "$path/driver" ] || echo "$1" >"$path/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink -f "$path/driver")")" = vfio-pci ]
}

# to_vfio ADDRESS: vfio-pci has it; as "dpdk-devbind.py -b vfio-pci ADDRESS" does.
to_vfio() {
	wait_for "$patience" takes_vfio "$1" || fail "vfio-pci does not take $1"
}

# far_dev KIND: the interface at the other end of the cable.
far_dev() {
	local path
	for path in /sys/class/net/*; do
		[ "$(cat "$path/address")" != "52:54:00:00:0$(number "$1"):02" ] || basename "$path"
	done
}

far_there() {
	[ -n "$(far_dev "$1")" ]
}
