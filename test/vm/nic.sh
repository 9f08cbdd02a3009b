# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# NICs of a machine, behind an IOMMU. Each is one of a pair whose frames go from one to the other: the
# first, for DPDK, behind a root port of its own at 00:10.0, 00:11.0 ... in the order of the list; the
# other, a virtio NIC without IOMMU, for the kernel inside. Their addresses end in N:01 and N:02.

# What there may be. igb needs QEMU 8 or later; igbvf is one whose virtual functions are DPDK's, and the
# physical one the kernel's.
nic_kinds="e1000e igb virtio vmxnet3 igbvf"
# QEMU, and where its files are.
nic_qemu=(qemu-system-x86_64)

# nic_check KIND...
nic_check() {
	local kind
	for kind; do
		case " $nic_kinds " in
		*" $kind "*) ;;
		*) vm_die "no such NIC: $kind; there are: $nic_kinds" ;;
		esac
	done
}

# The program of this machine where it has igb, else trixie's out of the tree.
nic_find_qemu() {
	local tree=$vm_cache/qemu-tree library
	! qemu-system-x86_64 -machine none -device help 2>&1 | grep '"igb"' >"$work/igb" || return 0
	nic_fetch_qemu "$tree"
	library=$tree/usr/lib/x86_64-linux-gnu
	nic_qemu=(env "QEMU_MODULE_DIR=$library/qemu" "$tree/usr/lib64/ld-linux-x86-64.so.2"
		--library-path "$library" "$tree/usr/bin/qemu-system-x86_64"
		-L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios")
}

# nic_fetch_qemu TREE: trixie's QEMU with its libraries, unpacked there; nothing is installed.
nic_fetch_qemu() {
	local new deb
	[ ! -d "$1" ] || return 0
	kernel_apt_begin
	new=$(mktemp -d "$vm_cache/.qemu-XXXXXX")
	vm_temporary+=("$new")
	echo "Downloading QEMU" >&2
	kernel_apt apt-get -y --no-install-recommends --download-only install \
		qemu-system-x86/trixie >>"$work/apt/log" 2>&1 || {
		tail -n 20 "$work/apt/log" >&2
		vm_die "cannot download trixie's QEMU"
	}
	for deb in "$work"/apt/cache/archives/*.deb; do
		dpkg -x "$deb" "$new"
	done
	chmod 755 "$new"
	# Another run may have been quicker.
	mv -T "$new" "$1" 2>/dev/null || [ -d "$1" ] || vm_die "cannot write to $1"
}

# nic_device KIND: what QEMU calls it, with what it needs behind an IOMMU.
nic_device() {
	case $1 in
	virtio) echo virtio-net-pci,iommu_platform=on,disable-legacy=on ;;
	igbvf) echo igb ;;
	*) echo "$1" ;;
	esac
}

# nic_options KIND...: sets nic_machine, nic_threads, nic_append and nic_arguments, QEMU's, and nic_known, a pattern
# of faults that are DPDK's own. The device of number N is on the kernel's command line as vm_nicN, for who
# plugs it in again.
nic_options() {
	local i=0 kind way device
	nic_machine=q35
	nic_threads=multi
	nic_append=
	nic_arguments=()
	nic_known='^$'
	[ $# -gt 0 ] || return 0
	nic_machine=q35,kernel-irqchip=split
	# One emulated processor after the other: of two at once, beside an IOMMU, an idle one loses its timer's
	# interrupt now and then, and with it the machine stands still.
	nic_threads=single
	# The kernel's look whether the timer ticks through the IOMMU is too short for a busy host.
	nic_append=" no_timer_check intel_iommu=on vm_nics=$(IFS=,; echo "$*")"
	nic_arguments=(-device "intel-iommu,intremap=on,aw-bits=48"
		-chardev "socket,id=monitor,path=$work/monitor,server=on,wait=off"
		-mon "chardev=monitor,mode=readline"
		-chardev "socket,id=inside,path=$work/monitor"
		-device "virtserialport,chardev=inside,name=monitor")
	for kind; do
		for way in "in $i out" "out $i in"; do
			# shellcheck disable=SC2086
			set -- $way
			nic_arguments+=(-netdev "dgram,id=$1$2,local.type=unix,local.path=$work/$1$2,remote.type=unix,remote.path=$work/$3$2")
		done
		device="$(nic_device "$kind"),id=nic$i,bus=port$i,netdev=in$i,mac=52:54:00:00:0$i:01,romfile="
		nic_append+=" vm_nic$i=$device"
		nic_arguments+=(-device "pcie-root-port,id=port$i,chassis=$((i + 1)),addr=0x1$i" -device "$device"
			-device "virtio-net-pci,id=far$i,netdev=out$i,mac=52:54:00:00:0$i:02,romfile=")
		i=$((i + 1))
		# DPDK's driver reads address 0 when it starts the device; testpmd has that too. Newer kernels
		# say the PCI domain as well.
		[ "$kind" != vmxnet3 ] || nic_known="DMAR: \\[DMA Read .* device \\[(0000:)?0$i:00\\.0\\] fault addr 0x0 "
	done
}
