# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Who uses it: Open vSwitch with the driver, and container runtimes with the CNI plug-in.

# driver_releases: releases of DPDK, as 22.11, for which the PMD is installed.
driver_releases() {
	local folder abi month=(03 07)
	for folder in "$root"/usr/{lib,local/lib}{,64}{,/*}/dpdk/pmds-*; do
		local files=("$folder"/librte_net_vduse.so*)
		[ ${#files[@]} -gt 0 ] || continue
		abi=${folder##*/pmds-}
		# the folder is named after the ABI: 23.0 of 22.11, 23.1 of 23.03, 23.2 of 23.07
		case $abi in
		*.0) echo "$((${abi%.*} - 1)).11" ;;
		*) echo "${abi%.*}.${month[${abi#*.} - 1]:-?}" ;;
		esac
	done | sort -u
}

look_at_ovs() {
	local said version dpdk drivers
	has_command ovs-vswitchd || return 0
	said=$(ovs-vswitchd --version 2>/dev/null)
	version=$(sed -n 's/^ovs-vswitchd (Open vSwitch) //p' <<<"$said")
	dpdk=$(sed -nE 's/^DPDK ([0-9]+\.[0-9]+).*/\1/p' <<<"$said")
	drivers=$(driver_releases)
	if [ -z "$dpdk" ]; then
		found ok 'Open vSwitch' "$version, without DPDK: it cannot serve containers by this driver"
	elif grep -qxF "$dpdk" <<<"$drivers"; then
		found ok 'Open vSwitch' "$version, on DPDK $dpdk, for which the driver is installed"
	else
		found note 'Open vSwitch' "$version is on DPDK $dpdk; the driver is installed for ${drivers:-none}" \
			'a port with net_vduse fails there: a driver belongs to one series of DPDK' \
			"meson setup build-$dpdk && ninja -C build-$dpdk install && ldconfig    # with libdpdk-dev of $dpdk (doc/ovs.md)"
	fi
}

# plugin_at FILE: whether the plug-in, or a link to it, is there.
plugin_at() {
	[ -e "$root$1" ] || [ -L "$root$1" ]
}

# plugin_place: where it is installed.
plugin_place() {
	local folder
	for folder in /usr/local/lib/cni /usr/lib/cni /opt/cni/bin /usr/libexec/cni /usr/local/libexec/cni; do
		[ ! -f "$root$folder/dpdk-vduse-cni" ] || { echo "$folder"; return; }
	done
}

# look_at_plugin WHAT RUNTIME NAME FOLDER...: it has this name in one of these, in which the runtime looks.
look_at_plugin() {
	local what=$1 runtime=$2 name=$3 folder place there=''
	shift 3
	place=$(plugin_place)
	for folder; do
		! plugin_at "$folder/$name" || there=$folder
	done
	if [ -n "$there" ]; then
		found ok "$what" "$runtime finds $name in $there"
	elif [ -z "$place" ]; then
		found note "$what" "dpdk-vduse-cni is not installed, $runtime is" 'its containers get no interface by themselves' \
			'ninja -C build install    # in the source tree'
	else
		found note "$what" "$runtime does not look for plug-ins in $place" \
			'its containers get no interface by themselves' "mkdir -p $1 && ln -s $place/dpdk-vduse-cni $1/$name"
	fi
}

look_at_podman() {
	local version
	has_command podman || return 0
	version=$(podman --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+')
	if [ "${version%%.*}" -ge 5 ] 2>/dev/null; then
		found ok Podman "$version, which calls netavark's drivers"
		look_at_plugin netavark Podman dpdk-vduse /usr/local/lib/netavark /usr/local/libexec/netavark \
			/usr/libexec/netavark /usr/lib/netavark
	else
		found ok Podman "$version"
		look_at_plugin CNI Podman dpdk-vduse-cni /usr/local/libexec/cni /usr/libexec/cni /usr/local/lib/cni \
			/usr/lib/cni /opt/cni/bin
		look_at_backend
	fi
}

# Podman 4 takes netavark where that is there and it is not told otherwise; its netavark has no drivers of others.
look_at_backend() {
	[ -e "$root/usr/lib/podman/netavark" ] || [ -e "$root/usr/libexec/podman/netavark" ] || return 0
	! grep -qsE '^[[:space:]]*network_backend[[:space:]]*=[[:space:]]*"cni"' "$root"/etc/containers/containers.conf{,.d/*.conf} || return 0
	found note CNI 'Podman 4 goes by netavark, which is installed, and not by CNI' 'it knows no network of dpdk-vduse-cni' \
		'mkdir -p /etc/containers/containers.conf.d' \
		"printf '[network]\nnetwork_backend = \"cni\"\n' >/etc/containers/containers.conf.d/cni.conf"
}

# Configurations that name the plug-in, and the plug-in that they need for addresses.
look_at_cni_files() {
	local file ipam folder there
	for file in "$root"/etc/cni/net.d/*.{conf,conflist}; do
		grep -qs '"type"[[:space:]]*:[[:space:]]*"dpdk-vduse-cni"' "$file" || continue
		[ -n "$(plugin_place)" ] || found fault CNI "${file#"$root"} is for dpdk-vduse-cni, which is not installed" \
			'no container of this network starts' 'ninja -C build install    # in the source tree'
		ipam=$(tr -d '\n' <"$file" | sed -nE 's/.*"ipam"[[:space:]]*:[[:space:]]*\{[^}]*"type"[[:space:]]*:[[:space:]]*"([^"]*)".*/\1/p')
		there=false
		for folder in /usr/lib/cni /opt/cni/bin /usr/libexec/cni /usr/local/lib/cni /usr/local/libexec/cni; do
			[ ! -e "$root$folder/$ipam" ] || there=true
		done
		[ -z "$ipam" ] || $there || found fault CNI "${file#"$root"} has addresses by $ipam, which is not installed" \
			'no container of this network starts' 'apt-get install containernetworking-plugins'
	done
}

look_at_runtimes() {
	look_at_podman
	! runs containerd || look_at_plugin CNI containerd dpdk-vduse-cni /opt/cni/bin /usr/lib/cni
	! runs crio || look_at_plugin CNI CRI-O dpdk-vduse-cni /opt/cni/bin /usr/libexec/cni
	look_at_cni_files
}
