# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What a QEMU guest on the emulator boots: busybox, Linux's driver, and one script of the test.

guest_modules="virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover
	net_failover virtio_net"

# guest_root_begin FOLDER KERNEL: the root of a kernel of test/vm's cache; its /init is the caller's, which
# begins with ". /begin": the driver is there then, and eth0 is up.
guest_root_begin() {
	local root=$1 module file
	mkdir -p "$root"/{bin,proc,sys,dev}
	cp -L "$(command -v busybox)" "$root/bin/busybox"
	for module in $guest_modules; do
		file=$(find "$2/modules" -name "$module.ko*" | head -n 1)
		case $file in
		*.xz) xz -dc "$file" >"$root/$module.ko" ;;
		?*) cp "$file" "$root/$module.ko" ;;
		esac
	done
	{
		echo guest_modules=\"$guest_modules\"
		cat <<'END'
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev # a job in the background reads /dev/null
for m in $guest_modules; do
	[ ! -f /$m.ko ] || insmod /$m.ko
done
ip link set eth0 up
END
	} >"$root/begin"
}

# guest_root_end FOLDER FILE: packed, for -initrd.
guest_root_end() {
	chmod +x "$1/init"
	(cd "$1" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$2"
}
