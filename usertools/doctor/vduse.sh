# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# VDUSE's device, the vDPA bus, this project's programs and what VDUSE tells them.

look_at_device() {
	$kernel_serves && [ "$(module vduse)" != file ] || return 0
	if [ -e "$root/dev/vduse/control" ]; then
		found ok VDUSE '/dev/vduse/control is there'
	elif [ "$(module vduse)" = '?' ]; then
		found fault VDUSE 'no /dev/vduse/control, and no /lib/modules to see why' \
			'devices are made there. This looks like the inside of a container: the host has the kernel' \
			'vduse-doctor    # on the host' 'podman run --device /dev/vduse/control …    # give it to the container'
	else
		found fault VDUSE 'the module is loaded, but /dev/vduse/control is not there' \
			'devices are made there; udev or devtmpfs has not made the file, or a container does not have it' \
			'udevadm trigger --action=add --subsystem-match=vduse' 'ls -l /dev/vduse'
	fi
}

# What iproute2 says of the vDPA bus.
look_at_bus() {
	local said
	$kernel_serves && [ "$(module vduse)" != file ] || return 0
	if ! has_command vdpa; then
		found ok 'vDPA bus' 'the command vdpa (iproute2) is not there; it is for looking only'
		return
	fi
	if ! said=$(vdpa mgmtdev show 2>&1); then
		found unseen 'vDPA bus' "vdpa mgmtdev show: $(head -n 1 <<<"$said")" \
			'without it, it is not known whether devices can be put on the bus' 'sudo vduse-doctor'
	elif ! grep -q '^vduse:' <<<"$said"; then
		found fault 'vDPA bus' 'vdpa mgmtdev show has no vduse' \
			'a device is put on the bus by vduse'\''s entry there' 'modprobe -r vduse && modprobe vduse'
	elif grep -q 'supported_classes' <<<"$said" && ! grep -A 1 '^vduse:' <<<"$said" | grep -qw net; then
		found fault 'vDPA bus' 'vduse has no network devices there (supported_classes)' \
			'this kernel serves disks by VDUSE only' 'vdpa mgmtdev show'
	else
		found ok 'vDPA bus' 'vduse is there, with network devices'
	fi
}

# What they could be built with.
look_at_dpdk() {
	local version
	version=$(pkg-config --modversion libdpdk 2>/dev/null | grep -oE '^[0-9]+\.[0-9]+')
	if [ -z "$version" ]; then
		found fault DPDK 'there is no libdpdk-dev' 'the programs are built with it' \
			'apt-get install libdpdk-dev pkg-config    # of Debian 12 or later, or your distribution'\''s package from 22.11 on'
	elif [ "${version/./}" -lt 2211 ]; then
		found fault DPDK "libdpdk is $version" 'the programs are built with 22.11 and later' \
			'apt-get install libdpdk-dev    # of a later release of the distribution'
	else
		found ok DPDK "$version, to build the programs with"
	fi
}

look_at_programs() {
	local said tool
	if ! has_command dpdk-vduse-net; then
		look_at_dpdk
		found fault programs 'dpdk-vduse-net is not in PATH' 'it is what serves the containers' \
			'config/fetch-sdk && meson setup build && ninja -C build install && ldconfig    # in its source tree'
		return
	fi
	if ! said=$(dpdk-vduse-net --version 2>&1); then
		found fault programs "dpdk-vduse-net does not start: $(head -n 1 <<<"$said")" \
			'a library is missing, or of another release than that it was built for' ldconfig \
			"ldd $(command -v dpdk-vduse-net) | grep 'not found'"
		return
	fi
	found ok programs "$(tail -n 1 <<<"$said")"
	tool=$(vdusectl -V 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)
	if [ -z "$tool" ]; then
		found fault programs 'vdusectl is not in PATH' 'networks and containers are added by it' \
			'ninja -C build install && ldconfig    # in the source tree'
	elif ! grep -q "dpdk-vduse-net $tool," <<<"$said"; then
		found note programs "vdusectl is $tool, the daemon is not" 'one of the two was left over by an upgrade' \
			'ninja -C build install && ldconfig    # in the source tree'
	fi
	look_at_probe
}

look_at_probe() {
	local said name
	[ -e "$root/dev/vduse/control" ] || return 0
	if ! said=$(dpdk-vduse-net --probe 2>&1); then
		if grep -qE 'Permission denied|Operation not permitted' <<<"$said"; then
			found unseen VDUSE 'only root may ask it' 'what it offers, and whose its devices are, was not looked at' \
				'sudo vduse-doctor'
		else
			found fault VDUSE "$(grep -v '^dpdk-vduse-net: --probe' <<<"$said" | head -n 1)" \
				'no device can be made' 'dpdk-vduse-net --probe'
		fi
		return
	fi
	if ! grep -q '^network devices: yes' <<<"$said"; then
		found fault VDUSE 'it takes no network devices' 'that needs Linux 6.10 or later' 'dpdk-vduse-net --probe'
	elif grep -q '^more than one queue pair: yes' <<<"$said"; then
		found ok VDUSE 'network devices, with several queue pairs'
	else
		found ok VDUSE 'network devices, with one queue pair each (the kernel refuses VIRTIO_NET_F_CTRL_VQ)'
	fi
	while IFS=: read -r name _; do
		name=${name// /}
		[ -n "$name" ] || continue
		found note VDUSE "nobody serves the device $name" \
			'its container has an interface that sends nothing; a start of what served it goes on with it' \
			'systemctl start dpdk-vduse-node    # or what served it' \
			"dpdk-vduse-net --destroy $name    # with --state-dir as it had: to remove it for good"
	done <<<"$(grep '^  .*: served by nobody;' <<<"$said")"
}
