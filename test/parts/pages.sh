# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Hugepages of 2 MB for a run of tests or of a benchmark. Each adds its own to what there is, and takes as many away
# at its end: runs beside each other must not lose theirs to the one that ends first.

pages_at=/sys/kernel/mm/hugepages/hugepages-2048kB
# those of this run
pages_added=0

pages_set() {
	echo "$1" >"$pages_at/nr_hugepages"
}

# pages_change N: so many more, or fewer where it is below 0; of which the kernel may give less.
pages_change() {
	local lock before
	exec {lock}<"$pages_at/nr_hugepages"
	flock "$lock"
	before=$(cat "$pages_at/nr_hugepages")
	pages_set $((before + $1))
	pages_added=$((pages_added + $(cat "$pages_at/nr_hugepages") - before))
	exec {lock}<&-
}

# pages_reserve N: returns 1 where the kernel has not as many to give, and not as many are free either.
pages_reserve() {
	pages_change "$1"
	[ "$pages_added" -lt "$1" ] || return 0
	pages_give_back
	[ "$(cat "$pages_at/free_hugepages")" -ge "$1" ]
}

# mirror: pages_reserve; at the end
pages_give_back() {
	[ "$pages_added" = 0 ] || pages_change "-$pages_added"
	pages_added=0
}
