# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Debian's kernels with vduse: find the newest of a series, download, unpack
# what a test machine needs. Nothing is installed.

# Series known to have vduse and net devices in it (6.10 and later), and the newest kernel of Debian sid, whatever its
# series.
kernel_series="6.12 7.2 7.3 sid"
# What a test may load; dependencies are found by modprobe.
kernel_modules="vduse virtio_vdpa vhost_vdpa virtio_net virtio_blk ext4 veth tun macvlan bridge 8021q"
# Besides these, of a kernel with NICs.
kernel_modules_nic="vfio-pci vfio_iommu_type1 igb"
# And of one for arm64, for the ports of the machine's script.
kernel_modules_arm64="virtio_pci virtio_console"
# Of these, what some kernels have built in.
kernel_built_in="ext4 virtio_pci virtio_console"

vm_cache=${VDUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dpdk-vduse}
# Suites beside the machine's own, whose packages are wanted.
kernel_suites="trixie trixie-backports"
kernel_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# mirror LABEL: the machine's own mirror of Debian ("Debian") or of its
# security updates ("Debian-Security").
kernel_mirror() {
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' -v label="$1" '$1 == "Debian" && $2 == label { print $3; exit }'
}

# kernel_sources FILE [SUITE]: the suites that carry the kernels, or that one.
kernel_sources() {
	local main security codename suite
	main=$(kernel_mirror Debian)
	if [ -z "$main" ]; then
		# A machine without package lists does not know whose mirror is whose.
		apt-get -q update >/dev/null 2>&1 || true
		main=$(kernel_mirror Debian)
	fi
	security=$(kernel_mirror Debian-Security)
	[ -n "$main" ] || vm_die "apt knows no Debian mirror; add one to /etc/apt/sources.list"
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ "$codename" = bookworm ] || codename=trixie
	[ -z "${2:-}" ] || {
		echo "deb [signed-by=$kernel_keyring] $main $2 main" >"$1"
		return
	}
	{
		for suite in $kernel_suites; do
			echo "deb [signed-by=$kernel_keyring] $main $suite main"
		done
		[ -z "$security" ] ||
			echo "deb [signed-by=$kernel_keyring] $security $codename-security main"
	} >"$1"
}

# kernel_apt COMMAND...: an apt of our own: the machine's package lists,
# sources and installed packages are neither read nor changed.
kernel_apt() {
	local dir=$work/apt command=$1
	shift
	"$command" -q ${arch_apt[@]+"${arch_apt[@]}"} -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$dir/lists" -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# kernel_apt_begin [SUITE]: have the package lists of the suites with kernels, or of one.
kernel_apt_begin() {
	mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
	: >"$work/apt/status"
	kernel_sources "$work/apt/sources.list" "$@"
	# Suites without what is wanted may be missing from a mirror.
	kernel_apt apt-get update >"$work/apt/log" 2>&1 || true
}

# kernel_release KERNEL: the release name (uname -r) of the newest kernel
# of a series that has an image and modules. The cloud flavour is the smallest; it has no VFIO.
kernel_release() {
	local series=${1%-arm64} flavour=cloud-${arch_debian:-amd64} release
	series=${series%-nic}
	[ "$1" != "$series-nic" ] || flavour=amd64
	release="${series//./\\.}\\.[0-9]+\\+deb[0-9]+"
	# those of sid say no suite
	[ "$series" != sid ] || release="[0-9]+\\.[0-9.]+(\\+deb[0-9]+)?"
	kernel_apt apt-cache search --names-only "^linux-(image|binary|binary-unsigned)-$release-$flavour\$" |
		sed -E 's/^linux-(image|binary|binary-unsigned)-([0-9][^ ]*) .*/\2/' | sort -Vu | tail -n 1
}

# kernel_packages RELEASE: the packages with the image and the modules. Up to
# 7.1 one package has both; after that the image is called linux-binary,
# or linux-binary-unsigned as long as it waits for its signature.
kernel_packages() {
	local names name
	names=$(kernel_apt apt-cache pkgnames linux- | grep -F -- "-$1" || true)
	if ! grep -qxF "linux-modules-$1" <<<"$names"; then
		echo "linux-image-$1"
		return
	fi
	for name in "linux-binary-$1" "linux-binary-unsigned-$1"; do
		if grep -qxF "$name" <<<"$names"; then
			echo "$name"
			break
		fi
	done
	echo "linux-modules-$1"
}

# kernel_download DIR KERNEL: fetch and unpack into DIR/root; prints the release.
kernel_download() {
	local dir=$1 release packages suite=
	mkdir -p "$dir/deb" "$dir/root"
	[ "${2%-*}" != sid ] || suite=sid
	kernel_apt_begin $suite
	release=$(kernel_release "$2")
	[ -n "$release" ] || {
		cat "$work/apt/log" >&2
		vm_die "no $2 kernel on the configured Debian mirrors"
	}
	packages=$(kernel_packages "$release")
	echo "Downloading" $packages >&2
	# shellcheck disable=SC2086
	(cd "$dir/deb" && kernel_apt apt-get download $packages) >>"$work/apt/log" 2>&1 || {
		tail -n 20 "$work/apt/log" >&2
		vm_die "cannot download" $packages
	}
	for deb in "$dir"/deb/*.deb; do
		dpkg -x "$deb" "$dir/root"
	done
	# One tree, wherever the package has its files.
	if [ -d "$dir/root/usr/lib/modules" ]; then
		mkdir -p "$dir/root/lib"
		mv "$dir/root/usr/lib/modules" "$dir/root/lib/"
	fi
	echo "$release"
}

# kernel_unpack_modules FROM TO RELEASE: those a test may load, decompressed.
kernel_unpack_modules() {
	local from=$1 to=$2 release=$3 module file name
	# Some packages come without the lists of built-in modules; depmod does not need them.
	depmod -b "$from" "$release" 2>"$work/depmod"
	for module in $kernel_modules; do
		modprobe -d "$from" -S "$release" --show-depends "$module" && continue
		case " $kernel_built_in " in
		*" $module "*) ;;
		*) vm_die "kernel $release has no module $module" ;;
		esac
	done >"$work/insmod"
	sed -n 's/^insmod \([^ ]*\).*/\1/p' "$work/insmod" | sort -u | while read -r file; do
		name=$to/${file#"$from"/}
		mkdir -p "$(dirname "$name")"
		case $file in
		*.xz) xz -dc "$file" >"${name%.xz}" ;;
		*) cp "$file" "$name" ;;
		esac
	done
	for name in order builtin builtin.modinfo; do
		file=$from/lib/modules/$release/modules.$name
		[ ! -f "$file" ] || cp "$file" "$to/lib/modules/$release/"
	done
	depmod -b "$to" "$release" 2>"$work/depmod"
}

# kernel_fetch KERNEL: make sure that the kernel is in the cache; sets kernel_dir, which
# has release, vmlinuz and modules/. Half a kernel never gets that name. KERNEL is a series, or
# SERIES-nic for one with VFIO, or SERIES-arm64.
kernel_fetch() {
	local series=$1 new release
	case " $kernel_series " in
	*" ${series%-*} "*) ;;
	*) vm_die "unknown kernel $series; there are: $kernel_series" ;;
	esac
	local kernel_modules=$kernel_modules
	[ "$series" = "${series%-nic}" ] || kernel_modules+=" $kernel_modules_nic"
	[ "$series" = "${series%-arm64}" ] || kernel_modules+=" $kernel_modules_arm64"
	kernel_dir=$vm_cache/kernel/$series
	[ "$(cat "$kernel_dir/wanted" 2>/dev/null)" != "$kernel_modules" ] || return 0
	[ "$(dpkg --print-architecture)" = amd64 ] || vm_die "only amd64 kernels are supported"
	[ -f "$kernel_keyring" ] ||
		vm_die "$kernel_keyring is missing; install debian-archive-keyring"
	mkdir -p "$vm_cache/kernel"
	new=$(mktemp -d "$vm_cache/kernel/.new-XXXXXX")
	vm_temporary+=("$new")
	release=$(kernel_download "$new" "$series")
	mkdir "$new/modules"
	kernel_unpack_modules "$new/root" "$new/modules" "$release"
	cp "$new/root/boot/vmlinuz-$release" "$new/vmlinuz" 2>/dev/null ||
		cp "$new/root/lib/modules/$release"/vmlinuz* "$new/vmlinuz" ||
		vm_die "no vmlinuz in the packages of $release"
	rm -rf "$new/deb" "$new/root"
	echo "$release" >"$new/release"
	echo "$kernel_modules" >"$new/wanted"
	# One with other modules goes.
	if [ -d "$kernel_dir" ]; then
		vm_temporary+=("$new.old")
		mv -T "$kernel_dir" "$new.old"
	fi
	# Another run may have been quicker.
	mv -T "$new" "$kernel_dir" 2>/dev/null || [ -f "$kernel_dir/release" ] ||
		vm_die "cannot write to $kernel_dir"
}
