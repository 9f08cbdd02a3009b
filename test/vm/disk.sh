# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A machine with a disk: a Debian as debootstrap leaves it, with a kernel of that suite that has vduse. What a reader of doc/start.md
# installs is in its apt's cache, and what that depends on is there: unpacking takes long in an emulated machine. Made once, in the cache.

# What the reader types, as the page has it. What comes with the second is not recommended by it.
disk_typed=(podman containernetworking-plugins curl busybox-static)
disk_typed_bare=(prometheus)
# What the packages of this project depend on.
disk_depended=(dpdk libdpdk-dev librte-meta-net libjansson4 libmnl0 libpcap0.8 libmicrohttpd12 libnss-systemd libseccomp2 apparmor)
# What begins by itself some time after a start, and takes apt's lock, or the processor, from who waits.
disk_masked=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
	logrotate.timer man-db.timer systemd-timesyncd.service)
# Bytes; most of it is a hole.
disk_size=12G

# disk_kernel SUITE: the package with a kernel.
disk_kernel() {
	case $1 in
	bookworm) echo linux-image-6.12-amd64 ;;
	*) echo linux-image-amd64 ;;
	esac
}

# disk_wanted SUITE: what a disk in the cache is made of.
disk_wanted() {
	echo "$1 $(disk_kernel "$1") $disk_size"
	sha256sum <"$vm_dir/disk.sh"
}

# disk_in TREE COMMAND...
disk_in() {
	local tree=$1
	shift
	mkdir -p "$work/nothing"
	"$vm_dir/../reach/tree" --in "$tree" "$work/nothing" "$work/nothing" "$@"
}

# disk_apt TREE ARGUMENT...
disk_apt() {
	local tree=$1
	shift
	disk_in "$tree" apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# disk_sources SUITE TREE
disk_sources() {
	local security
	security=$(kernel_mirror Debian-Security)
	{
		echo "deb $(kernel_mirror Debian) $1 main"
		[ -z "$security" ] || echo "deb $security $1-security main"
	} >"$2/etc/apt/sources.list"
}

# disk_units TREE: the script, which comes on a disk of its own, and what is not to begin.
disk_units() {
	local etc=$1/etc/systemd/system unit
	echo vm >"$1/etc/hostname"
	printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$1/etc/hosts"
	echo '/dev/vda / ext4 defaults 0 1' >"$1/etc/fstab"
	mkdir -p "$etc/multi-user.target.wants" "$1/vm"
	cat >"$etc/vm-script.service" <<-'UNIT'
		[Unit]
		After=basic.target
		ConditionPathExists=/dev/vdb
		[Service]
		ExecStart=/bin/sh -c 'tar -C / -xf /dev/vdb && exec /vm/init script'
		LimitMEMLOCK=infinity
		TimeoutStopSec=5
	UNIT
	ln -s ../vm-script.service "$etc/multi-user.target.wants/"
	for unit in "${disk_masked[@]}"; do
		ln -sf /dev/null "$etc/$unit"
	done
}

# disk_boots SUITE TREE: its kernel, by an initramfs that is made once: the machine is booted by the file beside the disk, and of busybox'
# coming or going alone that would be made anew, here and in the machine.
disk_boots() {
	disk_apt "$2" --no-install-recommends install initramfs-tools zstd
	sed -i 's/^update_initramfs=.*/update_initramfs=no/' "$2/etc/initramfs-tools/update-initramfs.conf"
	disk_apt "$2" --no-install-recommends install "$(disk_kernel "$1")"
}

# disk_forget TREE PACKAGE...: as if they had never been installed, but what they depend on is, and they are in apt's cache.
disk_forget() {
	local tree=$1 package
	shift
	disk_apt "$tree" purge "$@"
	for package in "$tree"/var/cache/apt/archives/*.deb; do
		! disk_in "$tree" dpkg -s "$(dpkg-deb -f "$package" Package)" >/dev/null 2>&1 || rm "$package"
	done
}

# disk_tree SUITE TREE
disk_tree() {
	local suite=$1 tree=$2
	debootstrap "$suite" "$tree" "$(kernel_mirror Debian)"
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod +x "$tree/usr/sbin/policy-rc.d"
	disk_sources "$suite" "$tree"
	disk_apt "$tree" update
	disk_boots "$suite" "$tree"
	disk_apt "$tree" install "${disk_typed[@]}"
	disk_apt "$tree" --no-install-recommends install "${disk_typed_bare[@]}" "${disk_depended[@]}"
	disk_forget "$tree" "${disk_typed[@]}" "${disk_typed_bare[@]}"
	rm "$tree/usr/sbin/policy-rc.d"
	disk_units "$tree"
}

# disk_fetch SUITE: makes sure of the disk; sets disk_dir, with root.img, vmlinuz and initrd.
disk_fetch() {
	local new tree
	disk_dir=$vm_cache/disk-$1
	[ "$(cat "$disk_dir/wanted" 2>/dev/null)" != "$(disk_wanted "$1")" ] || return 0
	command -v debootstrap >/dev/null || vm_die "no debootstrap; cure: apt-get install debootstrap"
	[ -n "$(kernel_mirror Debian)" ] || apt-get -q update >/dev/null 2>&1 || true
	mkdir -p "$vm_cache"
	new=$(mktemp -d "$disk_dir.XXXXXX")
	vm_temporary+=("$new")
	tree=$new/tree
	mkdir "$tree"
	disk_tree "$1" "$tree" >"$new/log" 2>&1 || {
		tail -n 20 "$new/log" >&2
		vm_die "no disk of $1"
	}
	cp "$tree"/boot/vmlinuz-* "$new/vmlinuz"
	cp "$tree"/boot/initrd.img-* "$new/initrd"
	truncate -s "$disk_size" "$new/root.img"
	mkfs.ext4 -q -F -d "$tree" "$new/root.img"
	disk_wanted "$1" >"$new/wanted"
	rm -rf --one-file-system "$tree" "$disk_dir"
	chmod 755 "$new"
	mv -T "$new" "$disk_dir"
}

# disk_use COPY...: sets what boot_qemu takes of it; what is written is gone afterwards. Each COPY is SOURCE:DESTINATION.
disk_use() {
	local copy to root=$work/root
	for copy; do
		to=$root${copy##*:}
		mkdir -p "$(dirname "$to")"
		cp -rH --preserve=mode,links "${copy%:*}" "$to"
	done
	cp "$vm_dir/init" "$root/vm/init"
	tar -C "$root" -cf "$work/vm.tar" .
	kernel_dir=$disk_dir
	ln -s "$disk_dir/initrd" "$work/initrd"
	disk_append=" root=/dev/vda rw systemd.default_timeout_start_sec=1800 systemd.mask=serial-getty@ttyS0.service"
	disk_arguments=(-drive "file=$disk_dir/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe"
		-drive "file=$work/vm.tar,format=raw,if=virtio,readonly=on")
}
