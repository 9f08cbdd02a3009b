# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The Debian packages this project needs, by what they are needed for, and
# their installation. Sourced by usertools/vduse-demo and test/run.

# To build; dpkg-dev is for config/fetch-sdk, pyelftools for the PMD information.
deps_build="gcc libc6-dev meson ninja-build pkg-config libdpdk-dev libmnl-dev libjansson-dev libmicrohttpd-dev libpcap-dev
	libseccomp-dev libsystemd-dev systemtap-sdt-dev dpkg-dev python3-pyelftools"
# To use what was built, and to look at it.
deps_run="kmod iproute2 ethtool iputils-ping iperf3"
# To build for another processor and run its unit tests (test/cross).
deps_cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static debian-archive-keyring"
# For a virtual machine of that processor, where it is asked for.
deps_arm64="qemu-system-arm"
# For a virtual machine with a kernel that has vduse (test/vm).
deps_vm="qemu-system-x86 busybox-static kmod cpio xz-utils tcpdump debian-archive-keyring"
# Podman for a virtual machine, with what it runs containers with; unpacked, and not installed (test/reach/programs).
deps_podman="podman conmon crun golang-github-containers-common golang-github-containers-image
	libgpgme11 libassuan0 libgpg-error0 libsubid4 libdevmapper1.02.1 libyajl2 libglib2.0-0"
# The same of Debian 13 and later, whose Podman goes by netavark.
deps_podman5="podman netavark conmon crun golang-github-containers-common golang-github-containers-image
	libgpgme11t64 libassuan9 libgpg-error0 libsubid5 libdevmapper1.02.1 libyajl2 libglib2.0-0t64 libsqlite3-0"
# For the demo's Podman in such a machine.
deps_demo="containernetworking-plugins"
# For the tests: unit, static (dpdk has dpdk-pmdinfo.py), and Debian's own testpmd as an application.
deps_test="libcmocka-dev shellcheck clang clang-format clang-tidy cppcheck relacy-dev dpdk dpdk-dev debootstrap systemd e2fsprogs
	libnss-systemd containernetworking-plugins python3-yaml python3-prometheus-client curl rpm tmux babeltrace bpftrace abigail-tools
	gpg gpg-agent"
# For the manual (doc/build), and its pictures (doc/pictures/draw).
deps_manual="python3-sphinx python3-myst-parser doxygen mandoc graphviz"

# Seconds for another's apt-get to end.
deps_patience=600

# deps_sanitizers: the package with clang's, which has the number of the suite's clang in its name. clang is there.
deps_sanitizers() {
	echo "libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev"
}

# deps_deb [SUITE]: to make Debian packages, and to look at them, by debian/control; of this machine's suite without. Of
# alternatives the last is bookworm's.
deps_deb() {
	local suite=${1:-$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")}
	echo build-essential fakeroot lintian
	sed -n '/^Build-Depends:/,/^[A-Z]/p' "$(dirname "${BASH_SOURCE[0]}")/../debian/control" | sed -n 's/^ \(.*\),$/\1/p' |
		grep -v '^dh-sequence-' | sed -E 's/debhelper-compat.*/debhelper/; s/ \([^)]*\)//g' |
		if [ "$suite" = bookworm ]; then sed 's/.* | //'; else sed 's/ | .*//'; fi
}

# deps_missing PACKAGE...: those that are not installed, a line each.
deps_missing() {
	local package
	for package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			echo "$package"
	done | sort -u
}

# deps_lists LOG: the package lists, fetched anew. Another's apt-get that does so is waited for, which apt-get itself does for
# dpkg's lock only.
deps_lists() {
	local end=$((SECONDS + deps_patience))
	until LC_ALL=C apt-get -q update >"$1" 2>&1 || ! grep -q 'Unable to lock directory' "$1" || [ $SECONDS -ge $end ]; do
		sleep 1
	done
}

# deps_install PACKAGE...: install what is missing; says so, and is silent and
# quick when nothing is. Returns 1, with the cause on stderr, if it cannot.
deps_install() {
	local log missing
	missing=$(deps_missing "$@")
	[ -n "$missing" ] || return 0
	missing=$(echo "$missing" | tr '\n' ' ')
	if [ "$(id -u)" != 0 ]; then
		echo "missing packages; as root: apt-get install $missing" >&2
		return 1
	fi
	echo "Installing with apt: $missing"
	log=$(mktemp)
	# The package lists are fetched first: those at hand may be outdated.
	# A mirror of something else that fails does not matter.
	deps_lists "$log"
	# shellcheck disable=SC2086
	if ! DEBIAN_FRONTEND=noninteractive apt-get -q -y -o "DPkg::Lock::Timeout=$deps_patience" --no-install-recommends \
		install $missing >>"$log" 2>&1; then
		tail -n 30 "$log" >&2
		echo "apt-get could not install: $missing" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}
