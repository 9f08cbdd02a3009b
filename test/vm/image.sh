# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The root file system of a test machine: an initramfs of busybox, the real
# network tools, Debian's DPDK, the kernel's modules and this build.

# Busybox has applets of these names too, which its own applets prefer; the real ones are wanted.
image_tools="bash ip vdpa ethtool iperf3 tcpdump ping unshare nsenter stdbuf"
# Wanted when they are installed on this machine.
image_optional="dpdk-testpmd"
# EAL loads every PMD it finds in its folder; these suffice.
image_pmds="bus_pci bus_vdev mempool_ring mempool_stack net_af_packet net_e1000 net_null net_pcap net_ring
	net_tap net_virtio net_vmxnet3"

# image_file FILE [DESTINATION]: copy into the root; FILE is the machine's.
image_file() {
	local to=$image_root${2:-$1}
	mkdir -p "$(dirname "$to")"
	cp -L --preserve=mode "$arch_tree$1" "$to"
}

image_skeleton() {
	local dir applet
	mkdir -p "$image_root"/{dev,etc,proc,run/netns,sys,tmp,usr/bin,usr/sbin,usr/lib,usr/lib64}
	mkdir -p "$image_root"/{var/log,mnt/huge,usr/local/bin}
	for dir in bin sbin lib lib64; do
		ln -s "usr/$dir" "$image_root/$dir"
	done
	ln -s ../run "$image_root/var/run"
	image_file "$(arch_find busybox)" /usr/bin/busybox
	for applet in $(busybox --list); do
		case " $image_tools sh busybox " in
		*" $applet "* | *" ${applet%6} "*) ;;
		*) ln -s busybox "$image_root/usr/bin/$applet" ;;
		esac
	done
	ln -s bash "$image_root/usr/bin/sh"
	# tcpdump becomes its user where it is root
	printf 'root:x:0:0:root:/:/bin/bash\ntcpdump:x:1:1::/:/bin/false\n' >"$image_root/etc/passwd"
	echo 'root:x:0:' >"$image_root/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$image_root/etc/hosts"
}

image_programs() {
	local tool path
	for tool in $image_tools; do
		path=$(arch_find "$tool") ||
			vm_die "$tool is missing; see usertools/deps.sh for the packages"
		image_file "$path" "/usr/bin/$tool"
	done
	image_file /usr/libexec/coreutils/libstdbuf.so
	# glibc loads it by itself at the first pthread_cancel()
	for path in "$arch_tree"/usr/lib/*-linux-gnu/libgcc_s.so.1 "$arch_tree"/lib/*-linux-gnu/libgcc_s.so.1; do
		[ ! -e "$path" ] || image_file "${path#"$arch_tree"}"
	done
	for tool in $image_optional; do
		path=$(arch_find "$tool") || continue
		image_file "$path" "/usr/bin/$tool"
	done
}

image_dpdk() {
	local dir pmd lib
	for dir in "$arch_tree"/usr/lib/*/dpdk/pmds-*; do
		mkdir -p "$image_root${dir#"$arch_tree"}"
		for pmd in $image_pmds; do
			# Links stay links: EAL loads librte_X.so.MAJOR.MINOR by path, others
			# ask for librte_X.so.MAJOR, and two files would be loaded twice.
			for lib in "$dir/librte_$pmd".so.* "${dir%/dpdk/*}/librte_$pmd".so.*; do
				[ ! -e "$lib" ] || cp -a "$lib" "$image_root${lib#"$arch_tree"}"
			done
		done
	done
	return 0
}

# image_libraries: everything that the ELF files in the root ask for; /peer has its own (test/reach/peer).
image_libraries() {
	local lib own
	# the loader of another processor says nothing of a file whose libraries it does not find, the build's own and the PMD among them
	own=$(find "$image_root/usr" -name '*.so*' ! -path '*/lib/modules/*' -printf '%h\n' | sort -u | tr '\n' :)
	# ldd objects to files that are not ELF.
	{ find "$image_root" -type f \( -perm -u+x -o -name '*.so*' \) \
		! -path '*/lib/modules/*' ! -path "$image_root/peer/*" ! -name busybox -print0 |
		image_needs "$own"; } |
		sed -nE 's,^\t([^/]* => )?(/[^ ]*) \(0x.*,\2,p' | sort -u | while read -r lib; do
		case $lib in
		"$image_root"/*) ;;
		*) [ -e "$image_root$lib" ] || [ ! -e "$arch_tree$lib" ] || image_file "$lib" ;;
		esac
	done
	cp -r /etc/ld.so.conf /etc/ld.so.conf.d "$image_root/etc/" 2>/dev/null || true
	arch_ldconfig "$image_root"
}

# image_needs FOLDERS: what the files whose names are on stdin need, with libraries in these folders too.
image_needs() {
	local files
	mapfile -d "" files
	LD_LIBRARY_PATH=$1 arch_needs "${files[@]}"
}

# image_build FILE BUILD COPY...: write the initramfs. BUILD is a meson build folder
# whose products are installed into it, or empty; each COPY is SOURCE:DESTINATION.
image_build() {
	local file=$1 build=$2 copy
	shift 2
	image_root=$work/root
	image_skeleton
	image_programs
	image_dpdk
	if [ -n "$build" ]; then
		DESTDIR=$image_root meson install -C "$build" --no-rebuild --quiet >"$work/install" 2>&1 || {
			cat "$work/install" >&2
			vm_die "meson install of $build failed"
		}
	fi
	for copy; do
		mkdir -p "$image_root$(dirname "${copy##*:}")"
		# the link of an applet is replaced, not what it leads to; those inside of a folder stay links
		cp -rH --preserve=mode,links --remove-destination "${copy%:*}" "$image_root${copy##*:}"
	done
	image_libraries
	cp "$vm_dir/init" "$image_root/init"
	cp -r "$kernel_dir/modules/lib/modules" "$image_root/lib/"
	(cd "$image_root" && find . -print0 | cpio -0 -o -H newc --quiet -R 0:0) >"$file"
}
