# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Where this tree is built. EAL loads no plugin that lies below a folder which others may write to,
# as /tmp: a clone there is built in the cache instead. Sourced by usertools/vduse-demo and the tests.

# folders_cache: where what is made once is kept.
folders_cache() {
	echo "${VDUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dpdk-vduse}"
}

# folders_open DIRECTORY: whether others may write to it, or to one above it.
folders_open() {
	local dir
	dir=$(readlink -m "$1")
	while :; do
		[ -z "$(find "$dir" -maxdepth 0 -perm -o+w 2>/dev/null)" ] || return 0
		[ "$dir" != / ] || return 1
		dir=$(dirname "$dir")
	done
}

# folders_build TOP NAME: the folder to build in, TOP/NAME where EAL takes plugins from there. Returns
# 1, with cause and cure on stderr, where there is none.
folders_build() {
	local place
	place=$1/$2
	if folders_open "$1"; then
		place=$(folders_cache)/build/$(readlink -f "$1" | sha256sum | cut -c 1-16)/$2
		if folders_open "$place"; then
			echo "others may write to a folder above $1 and to one above $(folders_cache), and" \
				"EAL takes no plugins from there: set VDUSE_CACHE to a folder of your own" >&2
			return 1
		fi
	fi
	echo "$place"
}
