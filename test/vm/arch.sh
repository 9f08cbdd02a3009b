# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Machines of another processor than this one's, which a kernel's name says: SERIES-arm64. Their programs
# are Debian's for that processor, unpacked in the cache (test/cross/tree), and their build is one for it.

# Where programs and libraries of the machine come from; none: this machine's own.
arch_tree=
arch_console=ttyS0
arch_cpu=max
# Of apt.
arch_apt=()
arch_debian=amd64
# How a program of its processor is begun here.
arch_run=()

# arch_choose KERNEL
arch_choose() {
	case $1 in
	*-arm64) ;;
	*) return 0 ;;
	esac
	arch_debian=arm64
	arch_apt=(-o APT::Architecture=arm64 -o APT::Architectures::=arm64)
	arch_console=ttyAMA0
	# the architecture's own way to sign pointers costs an emulator most of its time
	arch_cpu=max,pauth-impdef=on
	arch_run=(qemu-aarch64-static)
}

# arch_programs: the tree of the machine's programs, and QEMU.
arch_programs() {
	[ "$arch_debian" = arm64 ] || return 0
	command -v qemu-system-aarch64 >/dev/null ||
		vm_die "no qemu-system-aarch64; cure: apt-get install qemu-system-arm"
	command -v qemu-aarch64-static >/dev/null || vm_die "no qemu-aarch64-static; cure: apt-get install qemu-user-static"
	arch_tree=$("$vm_dir/../cross/tree" arm64 programs) || vm_die "no programs of arm64"
	arch_run+=(-L "$arch_tree")
}

# arch_machine: after nic_options.
arch_machine() {
	[ "$arch_debian" = arm64 ] || return 0
	[ ${#nic_arguments[@]} = 0 ] || vm_die "no NICs for machines of arm64"
	nic_qemu=(qemu-system-aarch64)
	nic_machine=virt
}

# arch_find PROGRAM: its file, as the machine names it.
arch_find() {
	local dir
	if [ -z "$arch_tree" ]; then
		PATH=$PATH:/sbin:/usr/sbin command -v "$1"
		return
	fi
	for dir in /bin /sbin /usr/bin /usr/sbin; do
		[ ! -e "$arch_tree$dir/$1" ] || { echo "$dir/$1"; return; }
	done
	return 1
}

# arch_needs FILE...: the libraries that ELF files need, as the machine names them; others are no matter.
arch_needs() {
	if [ -z "$arch_tree" ]; then
		ldd "$@" 2>/dev/null || true
		return
	fi
	local file triplet=aarch64-linux-gnu libraries
	libraries=$arch_tree/lib/$triplet:$arch_tree/usr/lib/$triplet:${LD_LIBRARY_PATH:-}
	for file; do
		env -u LD_LIBRARY_PATH "${arch_run[@]}" "$arch_tree/lib/ld-linux-aarch64.so.1" --library-path "$libraries" \
			--list "$file" 2>/dev/null | sed "s,$arch_tree/,/," || true
	done
}

# arch_ldconfig ROOT: that of the machine's processor knows its libraries.
arch_ldconfig() {
	if [ -z "$arch_tree" ]; then
		ldconfig -r "$1"
		return
	fi
	"${arch_run[@]}" "$arch_tree/sbin/ldconfig" -r "$1"
}
