# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What a QEMU guest of a test boots: busybox, Linux's driver, and one script of the test.

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

# guest_echo FOLDER KERNEL FILE: one at 10.9.0.2 that sends back what is sent to port 7, made in FOLDER.
guest_echo() {
	guest_root_begin "$1" "$2"
	cat >"$1/init" <<'END'
#!/bin/busybox sh
. /begin
ip link set lo up
ip addr add 10.9.0.2/24 dev eth0
echo "guest up"
while true; do nc -l -p 7 -e cat; done
END
	guest_root_end "$1" "$3"
}

# guest_moves FILE QEMU VMLINUZ ROOT: a script DEVICE MONITOR CONSOLE [OPTION...], the command of doc/migration.md. Both
# hosts are one, the program (its words quoted) may be another's, and a program speaks with the monitor.
guest_moves() {
	doc_command doc/migration.md qemu-system-x86_64
	documented=${documented/#qemu-system-x86_64/$2}
	documented=${documented/\/dev\/vhost-vdpa-0/\/dev\/vhost-vdpa-\$1}
	documented=${documented/\/run\/vm1.monitor/\$2}
	documented=${documented/-monitor/-qmp}
	cat >"$1" <<END
#!/bin/bash
# one argument a line
machine='$(printf '%s\n' -accel tcg,thread=multi -cpu max -nodefaults -nographic -no-reboot \
		-kernel "$3" -initrd "$4" -append "console=ttyS0 quiet panic=-1 no_timer_check")'
IFS=\$'\n'
exec $documented -serial "file:\$3" "\${@:4}"
END
}
