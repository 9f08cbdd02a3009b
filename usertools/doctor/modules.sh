# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The kernel's modules: loaded, forbidden, and loaded at the next boot.

# forbidden NAME: the file of modprobe.d that has it not loaded.
forbidden() {
	grep -lE "^[[:space:]]*install[[:space:]]+${1//_/[-_]}[[:space:]]+/(usr/)?bin/(true|false)" \
		"$root"/{etc,run,usr/lib,lib}/modprobe.d/*.conf 2>/dev/null | head -n 1
}

look_at_modules() {
	local name file missing=()
	$kernel_serves || return 0
	for name in vduse virtio_vdpa virtio_net; do
		case $(module "$name") in
		loaded | builtin) continue ;;
		esac
		missing+=("$name")
		file=$(forbidden "$name")
		[ -z "$file" ] || found fault modules "${file#"$root"} has $name not loaded" \
			'somebody has switched it off, as guides for hardening do' \
			"grep -n $name ${file#"$root"}    # and take that line out"
	done
	if [ ${#missing[@]} -gt 0 ]; then
		found fault modules "not loaded: $(joined "${missing[@]}")" \
			'vduse makes devices, virtio_vdpa puts the kernel'\''s driver on them, virtio_net is that driver' \
			"modprobe -a ${missing[*]}"
	else
		found ok modules 'vduse, virtio_vdpa and virtio_net are there'
	fi
	look_at_boot
	case $(module vhost_vdpa) in
	loaded | builtin) found ok modules 'vhost_vdpa is there, for virtual machines and DPDK applications' ;;
	none) found ok modules 'no vhost_vdpa: containers only, no virtual machines or DPDK applications' ;;
	*) found ok modules 'vhost_vdpa is not loaded; virtual machines and DPDK applications need it (modprobe vhost_vdpa)' ;;
	esac
}

# Whether they are there after the next boot, too.
look_at_boot() {
	local name missing=() files=("$root"/{etc,run,usr/lib,lib}/modules-load.d/*.conf "$root/etc/modules")
	for name in vduse virtio_vdpa virtio_net; do
		[ "$(module "$name")" = builtin ] ||
			grep -qsE "^[[:space:]]*${name//_/[-_]}([[:space:]]|$)" "${files[@]}" || missing+=("$name")
	done
	[ ${#missing[@]} = 0 ] || found note modules "not loaded at boot: $(joined "${missing[@]}")" \
		'after the next boot no container has its interface' \
		"printf '%s\\n' ${missing[*]} >>/etc/modules-load.d/vduse.conf"
}
