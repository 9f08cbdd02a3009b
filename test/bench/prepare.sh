# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the benchmark needs: this project built for the DPDK of this machine and, so that both
# back ends run in one program, for the peer's, which is DPDK 24.11 out of a trixie tree.
# Sourced by run, which sets top, build, out, sdk and want_same. Sets same (true if both run in one
# testpmd), note (why not), run_pair, ours (its arguments for our back end), ours_before (for that of
# the revision before, if there is one), idle24 (where the program that polls is, if have_idle24).

bench_cache=${VDUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dpdk-vduse}
bench_tree=$bench_cache/trixie-tree
bench_tree_lib=$bench_tree/usr/lib/x86_64-linux-gnu
bench_dev=$bench_cache/trixie-dev
bench_ovs=$bench_cache/trixie-ovs
bench_pmd=drivers/net/vduse/librte_net_vduse.so

# quiet NAME COMMAND...: its output goes to a log, which is shown if it fails.
quiet() {
	local log=$out/$1.log
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		echo "bench: failed: $*; the whole log is $log" >&2
		return 1
	}
}

# trixie_apt FOLDER: apt of trixie alone, with its lists and packages in that folder; sets apt.
trixie_apt() {
	local new=$1 mirror key=/usr/share/keyrings/debian-archive-keyring.gpg
	# shellcheck disable=SC2016 # apt's variables
	mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' \
		'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
	[ -n "$mirror" ] || {
		echo "bench: apt knows no Debian mirror; cure: apt-get update" >&2
		return 1
	}
	mkdir -p "$new/lists/partial" "$new/cache/archives/partial"
	[ -f "$new/status" ] || : >"$new/status"
	echo "deb [signed-by=$key] $mirror trixie main" >"$new/sources.list"
	apt=(apt-get -q -y -o "Dir::Etc::sourcelist=$new/sources.list" -o Dir::Etc::sourceparts=-
		-o "Dir::State::Lists=$new/lists" -o "Dir::State::status=$new/status"
		-o "Dir::Cache=$new/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
	"${apt[@]}" update
}

# trixie_unpacked FOLDER NEW PACKAGE-FILE...: unpacked in NEW, not installed, which then is FOLDER.
trixie_unpacked() {
	local folder=$1 new=$2 package
	shift 2
	for package; do
		dpkg -x "$package" "$new" || return
	done
	rm -rf "$new/lists" "$new/cache" "$new"/*.deb "$folder"
	mv "$new" "$folder"
}

# The public headers: libdpdk-dev of trixie.
prepare_dev() {
	local new apt
	[ ! -d "$bench_dev/usr/include/dpdk" ] || return 0
	new=$(mktemp -d "$bench_cache/trixie-dev.XXXXXX")
	trixie_apt "$new" && (cd "$new" && "${apt[@]}" download libdpdk-dev) &&
		trixie_unpacked "$bench_dev" "$new" "$new"/libdpdk-dev_*.deb || {
		rm -rf "$new"
		return 1
	}
}

# Open vSwitch of trixie, with what the tree of its DPDK has not; its version beside it.
prepare_ovs() {
	local new apt file
	[ ! -x "$bench_ovs/usr/bin/ovs-vsctl" ] || return 0
	new=$(mktemp -d "$bench_cache/trixie-ovs.XXXXXX")
	cp "$bench_tree/var/lib/dpkg/status" "$new/status"
	trixie_apt "$new" &&
		"${apt[@]}" --no-install-recommends --download-only install openvswitch-switch-dpdk &&
		file=$(echo "$new"/cache/archives/openvswitch-switch-dpdk_*.deb) &&
		dpkg-deb -f "$file" Version >"$new/version" &&
		trixie_unpacked "$bench_ovs" "$new" "$new"/cache/archives/*.deb || {
		rm -rf "$new"
		return 1
	}
}

# pkg-config files and names without a version, that point into the tree.
prepare_pc() {
	local from=$bench_dev/usr/lib/x86_64-linux-gnu/pkgconfig name lib
	mkdir -p "$bench_dev/pc" "$bench_dev/lib"
	for name in libdpdk libdpdk-libs; do
		sed -e "s,^prefix=.*,prefix=$bench_dev/usr," -e "s,^libdir=.*,libdir=$bench_dev/lib," \
			-e '/^Requires.private:/d' -e '/^Libs.private:/d' "$from/$name.pc" >"$bench_dev/pc/$name.pc"
	done
	for lib in "$bench_tree_lib"/librte_*.so.*; do
		name=${lib##*/}
		ln -sfn "$lib" "$bench_dev/lib/${name%%.so.*}.so"
	done
}

# The driver headers: what the user gives, as they are or in a source tree, or the source package.
prepare_sdk() {
	local include=$bench_dev/usr/include/dpdk
	if [ -z "$sdk" ]; then
		"$top/config/fetch-sdk" --suite trixie --include "$include" "$bench_dev/sdk" || return
		sdk=$bench_dev/sdk
	elif [ ! -f "$sdk/ethdev_driver.h" ]; then
		"$top/config/fetch-sdk" --source "$sdk" --include "$include" "$build/bench/sdk" || return
		sdk=$build/bench/sdk
	fi
}

# prepare_pmd24 SOURCES FOLDER TARGET...: the tree's libraries need a newer libc than this machine's;
# they are found when they run.
prepare_pmd24() {
	local from=$1 folder=$2
	local options=(-Dtests=disabled "-Dc_link_args=-Wl,--allow-shlib-undefined" "-Dsdk=$sdk")
	shift 2
	if [ -f "$folder/build.ninja" ]; then
		meson configure "$folder" "${options[@]}"
	else
		PKG_CONFIG_PATH=$bench_dev/pc meson setup "$folder" "$from" "${options[@]}"
	fi && ninja -C "$folder" "$@"
}

# The program that polls, for the peer's DPDK: public headers will do. One for ports, one for
# its vhost library.
prepare_idle24() {
	local flags libs="-lrte_eal -lrte_mbuf -lrte_mempool -lrte_ring"
	flags=$(PKG_CONFIG_PATH=$bench_dev/pc pkg-config --cflags libdpdk) || return
	flags+=" -O3 -D_GNU_SOURCE -DALLOW_EXPERIMENTAL_API -L$bench_dev/lib -Wl,--allow-shlib-undefined"
	mkdir -p "$build/bench"
	# shellcheck disable=SC2086
	cc $flags "$top/test/bench/idle.c" -o "$idle24" $libs -lrte_ethdev &&
		cc $flags '-DIDLE_DEVICES="idle_vhost.h"' "$top/test/bench/idle.c" -o "$idle24-vhost" \
			$libs -lrte_vhost
}

prepare_here() {
	"$top/config/fetch-sdk" || return
	[ -f "$build/build.ninja" ] || meson setup "$build" "$top" || return
	ninja -C "$build"
}

# The parts of the peer's world; false leaves the cause in $note.
prepare_same() {
	if ! quiet headers prepare_dev || ! prepare_pc || ! quiet idle24 prepare_idle24; then
		note="the public headers of DPDK 24.11 (libdpdk-dev of trixie) cannot be had"
		return 1
	fi
	have_idle24=true
	$want_same || { note="not asked for (--here)"; return 1; }
	quiet sdk prepare_sdk 2>/dev/null || {
		note="no driver headers of DPDK 24.11: $(tail -n 1 "$out/sdk.log"); give them with --sdk DIR"
		return 1
	}
	quiet pmd24 prepare_pmd24 "$top" "$build24" "$bench_pmd" test/bench/idle-vduse ||
		{ note="this project does not build for DPDK 24.11"; return 1; }
}

# The revision before, for the DPDK that ours is measured with.
prepare_before() {
	local folder
	ours_before=()
	[ -n "$before" ] || return 0
	folder=$build/bench/before-$(cksum <<<"$before" | cut -d' ' -f1)
	if $same; then
		quiet before prepare_pmd24 "$before" "$folder-24.11" "$bench_pmd" || return
		ours_before=(-T -b "$folder-24.11/$bench_pmd")
	else
		"$before/config/fetch-sdk" || return
		[ -f "$folder/build.ninja" ] || quiet before meson setup "$folder" "$before" -Dtests=disabled || return
		quiet before ninja -C "$folder" "$bench_pmd" || return
		ours_before=(-b "$folder/$bench_pmd")
	fi
}

prepare() {
	quiet build prepare_here || return
	run_pair=$build/test/emu/run-pair
	build24=$build/bench/24.11
	idle24=$build/bench/idle-24.11
	have_idle24=false
	ours=(-b "$build/$bench_pmd")
	"$build/test/emu/peer-testpmd" --fetch || return
	same=false note=''
	if prepare_same; then
		same=true
		ours=(-T -b "$build24/$bench_pmd")
	fi
	prepare_before
}
