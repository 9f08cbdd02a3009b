# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# NICs: those that are to be DPDK's, their drivers, IOMMU groups and NUMA nodes (doc/nics.md).

# nics_wanted [PCI-ADDRESS...]: lines ADDRESS FILE: what was given, and what configuration files allow or have as
# a port.
nics_wanted() {
	local file address
	for address; do
		echo "$address the command line"
	done
	for file in "$root"/etc/dpdk-vduse-node/*.conf "$root"/etc/dpdk-vduse-net/*.conf; do
		sed -E 's/#.*//; s/(-b|--block)[ =][^ ]*//g' "$file" 2>/dev/null |
			grep -oE '(^|[ =,])([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]\b' | sort -u |
			while read -r address; do
				echo "${address#[=,]} ${file#"$root"}"
			done
	done
}

pci=/sys/bus/pci/devices

nic_driver() {
	link "$pci/$1/driver" || echo none
}

# nic_name ADDRESS: the host's interface of it.
nic_name() {
	local path
	for path in "$root$pci/$1"/net/* "$root$pci/$1"/virtio*/net/*; do
		echo "${path##*/}"
		return
	done
}

# nics DRIVER...: addresses of network cards with one of these drivers; with "": all.
nics() {
	local device driver
	for device in "$root$pci"/*; do
		[[ $(line "$pci/${device##*/}/class") == 0x02* ]] || continue
		driver=$(nic_driver "${device##*/}")
		[[ -z $1 || " $* " == *" $driver "* ]] && echo "${device##*/}"
	done
}

has_iommu() {
	local groups=("$root"/sys/kernel/iommu_groups/*)
	[ ${#groups[@]} -gt 0 ]
}

# carries ADDRESS: what of the host goes over it, in words.
carries() {
	local name
	name=$(nic_name "$1")
	[ -n "$name" ] || return 0
	if awk -v name="$name" '$1 == name && $2 == "00000000" { found = 1 } END { exit !found }' \
		"$root/proc/net/route" 2>/dev/null; then
		echo ". CAREFUL: the host's default route goes over $name, and is lost by this: have another way in"
	elif [ "$(line "/sys/class/net/$name/operstate")" = up ]; then
		echo "; the host loses $name by this, which is up"
	fi
}

# look_at_nic ADDRESS WHERE: one that is to be DPDK's.
look_at_nic() {
	local address=$1 where=$2 driver
	if [ ! -d "$root$pci/$address" ]; then
		found fault NIC "$where has $address, which is not on the PCI bus" \
			'its network has no way out, or EAL does not start' "lspci -D | grep -i ethernet    # and correct $where"
		return
	fi
	driver=$(nic_driver "$address")
	case $driver in
	vfio-pci) look_at_group "$address" ;;
	mlx4_core | mlx5_core)
		found ok NIC "$address: $driver, which DPDK shares with the kernel"
		look_at_numa "$address"
		;;
	uio_pci_generic | igb_uio)
		if has_iommu; then
			found note NIC "$address has the driver $driver" 'it writes to any memory: with it, the IOMMU keeps nothing apart' \
				'modprobe -a vfio-pci vfio_iommu_type1' "dpdk-devbind.py -b vfio-pci $address"
		else
			look_at_no_iommu "$address"
		fi
		;;
	*) look_at_kernels_nic "$address" "$driver" ;;
	esac
}

# One that the kernel's driver has, or none.
look_at_kernels_nic() {
	local address=$1 why commands=('modprobe -a vfio-pci vfio_iommu_type1' "dpdk-devbind.py -b vfio-pci $1")
	why="DPDK opens a NIC by vfio-pci only$(carries "$address")"
	if [ "$(module vfio_pci)" = none ]; then
		kernel_commands
		[ "$system" != debian ] || [[ $release != *cloud* ]] || commands=('apt-get install linux-image-amd64' reboot)
		found fault NIC "this kernel has no vfio-pci, which $address needs" \
			'DPDK opens a NIC by vfio-pci only; kernels for the cloud are built without' "${commands[@]}"
		return
	fi
	if ! has_iommu; then
		look_at_no_iommu "$address"
	fi
	[ "$2" = none ] && found fault NIC "$address has no driver" "$why" "${commands[@]}" ||
		found fault NIC "$address has the kernel's driver $2" "$why" "${commands[@]}"
}

look_at_no_iommu() {
	local vendor=intel_iommu=on unsafe=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
	! grep -qs AuthenticAMD "$root/proc/cpuinfo" || vendor=amd_iommu=on
	if [ "$(line $unsafe)" = Y ] || [[ $(nic_driver "$1") == *uio* ]]; then
		found note NIC "$1: there is no IOMMU" \
			'the NIC can write to any memory, and EAL works with physical addresses: give it all memory at once (-m)' \
			"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&$vendor /' /etc/default/grub && update-grub && reboot    # and in the firmware: VT-d, AMD-Vi"
	else
		found fault NIC "$1: there is no IOMMU" 'vfio-pci keeps a NIC to the memory that it was given, by the IOMMU' \
			"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&$vendor /' /etc/default/grub && update-grub && reboot    # and in the firmware: VT-d, AMD-Vi" \
			"modprobe vfio && echo Y >$unsafe    # where there is none, as in a virtual machine: unsafe"
	fi
}

# One that vfio-pci has: the others of its group must not be the kernel's.
look_at_group() {
	local address=$1 group other driver bad=()
	group=$(link "$pci/$address/iommu_group") || { look_at_no_iommu "$address"; return; }
	for other in "$root/sys/kernel/iommu_groups/$group/devices"/*; do
		other=${other##*/}
		driver=$(nic_driver "$other")
		case $driver in
		vfio-pci | none | pcieport | pci-stub) ;;
		*) bad+=("$other ($driver)") ;;
		esac
	done
	if [ ${#bad[@]} -gt 0 ]; then
		found fault NIC "$address is in IOMMU group $group together with $(joined "${bad[@]}")" \
			'the group goes to vfio-pci as a whole: opening the NIC fails' \
			"dpdk-devbind.py -b vfio-pci ${bad[*]%% *}    # if the host can do without"
	else
		found ok NIC "$address: vfio-pci, IOMMU group $group"
	fi
	look_at_numa "$address"
}

# Memory and CPUs near it.
look_at_numa() {
	local node nodes=("$root"/sys/devices/system/node/node[0-9]*)
	node=$(line "$pci/$1/numa_node")
	[ ${#nodes[@]} -gt 1 ] && [ "${node:--1}" -ge 0 ] || return 0
	if [ "$(huge_mb nr_hugepages "$node")" = 0 ]; then
		found note NUMA "$1 is on node $node, which has no hugepages" \
			'its frames lie in memory of another node, and each of them crosses between the processors' \
			"echo 512 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
	else
		found ok NUMA "$1 is on node $node, as CPUs $(line "/sys/devices/system/node/node$node/cpulist"): give such ones with -l"
	fi
}

look_at_nics() {
	local address where wanted kernels=() all=''
	wanted=$(
		nics_wanted "$@"
		for address in $(nics vfio-pci uio_pci_generic igb_uio); do
			echo "$address its driver"
		done
	)
	while read -r address where; do
		[ -n "$address" ] || continue
		[[ $address == *:*:* ]] || address=0000:$address
		[[ $all != *" $address "* ]] || continue
		all+=" $address "
		look_at_nic "$address" "$where"
	done <<<"$wanted"
	for address in $(nics ''); do
		[[ $all == *" $address "* ]] || kernels+=("$address ($(nic_driver "$address"))")
	done
	[ ${#kernels[@]} = 0 ] || found ok NIC "of the kernel: $(joined "${kernels[@]}"); vduse-doctor ADDRESS says how one becomes DPDK's"
}
