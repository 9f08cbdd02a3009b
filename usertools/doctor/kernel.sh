# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Whether the running kernel has VDUSE for network devices, and another that would do.

kernel_read() {
	local file
	release=$(line /proc/sys/kernel/osrelease)
	system=$(sed -n 's/^ID="\{0,1\}\([a-z]*\).*/\1/p' "$root/etc/os-release" 2>/dev/null)
	system_version=$(sed -n 's/^VERSION_ID="\{0,1\}\([0-9.]*\).*/\1/p' "$root/etc/os-release" 2>/dev/null)
	machine="Linux ${release:-?}, ${system:-unknown distribution}${system_version:+ $system_version}"
	modules=
	for file in "$root/lib/modules/$release" "$root/usr/lib/modules/$release"; do
		[ -z "$modules" ] && [ -r "$file/modules.dep" ] && modules=$file
	done
	kernel_options=
	kernel_options_from=
	for file in "/boot/config-$release" "/lib/modules/$release/config" /proc/config.gz; do
		[ -r "$root$file" ] || continue
		kernel_options=$(zcat -f <"$root$file" 2>/dev/null | grep 'CONFIG_')
		kernel_options_from=$file
		return
	done
}

# option NAME: y, m or n; nothing where the kernel's options are not to be had.
option() {
	[ -n "$kernel_options" ] || return 0
	case $'\n'$kernel_options in
	*$'\n'CONFIG_$1=y*) echo y ;;
	*$'\n'CONFIG_$1=m*) echo m ;;
	*) echo n ;;
	esac
}

# module NAME: loaded, builtin, file (can be loaded) or none; "?" where that cannot be told.
module() {
	local file="/${1//_/[-_]}\\.ko"
	if [ -d "$root/sys/module/$1" ]; then
		echo loaded
	elif [ -n "$modules" ] && grep -q "$file" "$modules/modules.builtin" 2>/dev/null; then
		echo builtin
	elif [ -n "$modules" ]; then
		grep -q "$file" "$modules/modules.dep" && echo file || echo none
	else
		echo '?'
	fi
}

# is_recent RELEASE: whether VDUSE serves network devices there, which begins with 6.10.
is_recent() {
	local major minor
	IFS=. read -r major minor _ <<<"$1"
	minor=${minor%%[!0-9]*}
	[[ $major =~ ^[0-9]+$ ]] || return 1
	[ "$major" -gt 6 ] || { [ "$major" = 6 ] && [ "${minor:-0}" -ge 10 ]; }
}

# better_kernel: one that is installed and would do.
better_kernel() {
	local file
	for file in "$root"/boot/config-*; do
		[ "${file##*/config-}" != "$release" ] && is_recent "${file##*/config-}" &&
			grep -q '^CONFIG_VDPA_USER=[ym]' "$file" && echo "${file##*/config-}"
	done | tail -n 1
}

# kernel_commands: sets commands, which bring a kernel that does.
kernel_commands() {
	local other
	other=$(better_kernel)
	case $system${system_version%%.*} in
	debian12) commands=('apt-get install linux-image-6.12-amd64' reboot) ;;
	debian*) commands=('apt-get install linux-image-amd64' reboot) ;;
	ubuntu24) commands=('apt-get install linux-generic-hwe-24.04' reboot) ;;
	*) commands=('install a kernel from 6.10 on with CONFIG_VDPA_USER=m and CONFIG_VIRTIO_VDPA=m, and boot it') ;;
	esac
	[ -z "$other" ] || commands=("reboot    # into $other, which is installed")
}

# kernel_is_less: whether it can serve no network device; says so.
kernel_is_less() {
	local why='VDUSE makes the devices of containers, and serves network devices from Linux 6.10 on' commands
	local vduse has
	vduse=$(option VDPA_USER)
	has=$(module vduse)
	kernel_commands
	if ! is_recent "$release"; then
		found fault kernel "${release:-its release} is older than 6.10" "$why" "${commands[@]}"
	elif [ "$has" = loaded ] || [ "$has" = builtin ]; then
		return 1
	elif [ "$vduse" = n ]; then
		found fault kernel "$release is built without CONFIG_VDPA_USER ($kernel_options_from)" "$why" "${commands[@]}"
	elif [ "$has" = none ] && [ -n "$vduse" ]; then
		[ "$system" != ubuntu ] || commands=("apt-get install linux-modules-extra-$release")
		[ "$system" != debian ] || commands=("apt-get install --reinstall linux-image-$release")
		found fault kernel "the module vduse belongs to $release, and its file is not in /lib/modules/$release" "$why" \
			"${commands[@]}"
	elif [ "$has" = none ]; then
		found fault kernel "$release has no module vduse in /lib/modules/$release" "$why" "${commands[@]}"
	else
		return 1
	fi
}

# Inside of a container much of what follows is the host's.
look_at_machine() {
	local file
	for file in /.dockerenv /run/.containerenv /run/systemd/container; do
		[ -e "$root$file" ] || continue
		found unseen machine "this is the inside of a container ($file)" \
			'modules, hugepages, the vDPA bus and NICs are the host'\''s' 'vduse-doctor    # on the host'
		return
	done
}

look_at_kernel() {
	local word
	kernel_serves=false
	! kernel_is_less || return 0
	kernel_serves=true
	word=$(option VIRTIO_VDPA)
	if [ "$word" = n ] || { [ "$(module virtio_vdpa)" = none ]; }; then
		local commands
		kernel_commands
		found fault kernel "$release has VDUSE, but no virtio_vdpa" \
			'it makes an interface of a device; without it only virtual machines and DPDK applications are served (vhost_vdpa)' \
			"${commands[@]}"
		return
	fi
	if [ -z "$kernel_options$modules" ] && [ "$(module vduse)" = '?' ]; then
		found unseen kernel "$release is recent enough; whether it has VDUSE cannot be told" \
			'there is neither its configuration (/boot, /proc/config.gz) nor /lib/modules' 'modprobe vduse'
		return
	fi
	found ok kernel "$release serves network devices by VDUSE"
}
