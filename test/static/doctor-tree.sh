# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Machines that are made up for vduse-doctor: a folder as its --root, and one with the commands that are there. On
# the one that well() makes nothing is wrong.

# put PATH TEXT...: a file of the machine, with these lines.
put() {
	mkdir -p "$tree${1%/*}"
	printf '%s\n' "${@:2}" >"$tree$1"
}

# take PATH...: it is not there.
take() {
	local path
	for path; do
		rm -rf "$tree${path:?}"
	done
}

# leads PATH TO: a symbolic link, as sysfs has them.
leads() {
	mkdir -p "$tree${1%/*}"
	ln -sfn "$2" "$tree$1"
}

# says COMMAND [STATUS] <TEXT: a command of the machine that says this.
says() {
	cat >"$bin/$1.said"
	printf '#!/bin/bash\ncat "$0.said"\nexit %s\n' "${2:-0}" >"$bin/$1"
	chmod +x "$bin/$1"
}

# without COMMAND...: is not there.
without() {
	local name
	for name; do
		rm -f "$bin/$name"
	done
}

# loaded NAME...: modules.
loaded() {
	local name
	for name; do
		mkdir -p "$tree/sys/module/$name"
	done
}

# process NUMBER NAME
process() {
	# the kernel cuts it
	put "/proc/$1/comm" "${2:0:15}"
	put "/proc/$1/limits" 'Max locked memory         unlimited            unlimited            bytes     '
}

# nic ADDRESS DRIVER GROUP [INTERFACE]: a network card.
nic() {
	local at=/sys/bus/pci/devices/$1
	put "$at/class" 0x020000
	put "$at/numa_node" -1
	[ "$2" = none ] || leads "$at/driver" "../../../bus/pci/drivers/$2"
	if [ -n "$3" ]; then
		leads "$at/iommu_group" "../../../kernel/iommu_groups/$3"
		mkdir -p "$tree/sys/kernel/iommu_groups/$3/devices/$1"
	fi
	[ -z "${4:-}" ] || mkdir -p "$tree$at/net/$4"
}

# hugepages NODE|- TOTAL FREE: of 2 MB.
hugepages() {
	local at=/sys/kernel/mm/hugepages
	[ "$1" = - ] || at=/sys/devices/system/node/node$1/hugepages
	put "$at/hugepages-2048kB/nr_hugepages" "$2"
	put "$at/hugepages-2048kB/free_hugepages" "$3"
}

# The kernel, its files and modules.
well_kernel() {
	put /proc/sys/kernel/osrelease "$release"
	put /etc/os-release 'NAME="Debian GNU/Linux"' 'VERSION_ID="12"' 'ID=debian'
	put "/boot/config-$release" 'CONFIG_VDPA=m' 'CONFIG_VDPA_USER=m' 'CONFIG_VIRTIO_VDPA=m' 'CONFIG_VHOST_VDPA=m'
	put "/lib/modules/$release/modules.dep" kernel/drivers/vdpa/vdpa_user/vduse.ko.xz: \
		kernel/drivers/virtio/virtio_vdpa.ko.xz: kernel/drivers/vhost/vhost_vdpa.ko.xz: \
		kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/vfio/pci/vfio-pci.ko.xz:
	loaded vduse virtio_vdpa virtio_net vhost_vdpa
	put /etc/modules-load.d/vduse.conf vduse virtio_vdpa virtio_net
	put /dev/vduse/control ''
}

# probe [NETWORK-DEVICES [QUEUES]]: what dpdk-vduse-net --probe says.
probe() {
	says dpdk-vduse-net.probe <<-END
		kernel: $release
		VDUSE API: 0
		network devices: ${1:-yes}
		more than one queue pair: ${2:-no; the kernel refuses VIRTIO_NET_F_CTRL_VQ}
		devices:
		  c1: served by process 7 (dpdk-vduse-net); driver: virtio_vdpa; state file: none; at a start: adopted
	END
}

# What the commands say, those of the machine that the tool is made of included.
well_commands() {
	local name
	for name in awk basename bash cat cut dirname grep gzip head readlink sed sort tail tr zcat; do
		ln -s "$(command -v "$name")" "$bin/$name"
	done
	says vdpa <<-END
		vduse:
		  supported_classes net block
		  max_supported_vqs 0
	END
	probe yes
	says dpdk-vduse-net.version <<<'dpdk-vduse-net 0.1.0, DPDK 22.11.11'
	printf '#!/bin/bash\nexec "$0.${1#--}"\n' >"$bin/dpdk-vduse-net"
	says vdusectl.-V <<<'vdusectl 0.1.0'
	says vdusectl.-S <<<'ok: networks and containers are as they were asked for'
	printf '#!/bin/bash\nexec "$0.$1"\n' >"$bin/vdusectl"
	chmod +x "$bin/dpdk-vduse-net" "$bin/vdusectl"
}

# A node that runs as a service, with a NIC that is DPDK's.
well_node() {
	put /etc/dpdk-vduse-node/networks.conf 'network add net0 uplinks 0000:01:00.0'
	put /etc/dpdk-vduse-node/eal.conf '# EAL=-a 0000:09:00.0' 'EAL=-l 0-1 --in-memory -a 0000:01:00.0 -b 0000:08:00.0'
	put /usr/lib/systemd/system/dpdk-vduse-node.service '[Service]' 'ExecStart=/usr/local/bin/dpdk-vduse-net' \
		LimitMEMLOCK=infinity
	leads /etc/systemd/system/multi-user.target.wants/dpdk-vduse-node.service \
		/usr/lib/systemd/system/dpdk-vduse-node.service
	put /run/dpdk-vduse-net/control ''
	process 7 dpdk-vduse-net
	nic 0000:01:00.0 vfio-pci 4
}

# well: a machine of Debian 12 on which all is well; made once, and copied then.
well() {
	rm -rf "$work/machine"
	tree=$work/machine/root
	bin=$work/machine/bin
	release=6.12.117+deb12-amd64
	if [ -d "$work/well" ]; then
		cp -a "$work/well" "$work/machine"
		return
	fi
	mkdir -p "$tree" "$bin"
	well_kernel
	well_commands
	well_node
	hugepages - 512 256
	put /proc/mounts 'proc /proc proc rw 0 0' 'hugetlbfs /dev/hugepages hugetlbfs rw 0 0'
	put /proc/self/limits 'Max locked memory         8388608              8388608              bytes     '
	put /sys/module/apparmor/parameters/enabled Y
	put /sys/kernel/security/apparmor/profiles '/usr/sbin/ntpd (enforce)' 'dpdk-vduse-net (complain)'
	cp -a "$work/machine" "$work/well"
}
