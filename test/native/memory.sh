#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# IOVA regions: remapped and unmapped under traffic with the kernel's own [0, 2^64-1] message, and
# crossed by rings and buffers where they are neighbours by IOVA and not in memory.
. "$(dirname "$0")/lib.sh"

# crossing PAGES: regions of so many pages in an order of their own (test/tools/front.c).
crossing() {
	back_start m1 1 mtu=2000
	small_start "$1"
	small_ok features 0
	small_ok start
	back_ok link up
	say "$(emu show | head -n 1)"
	# the first frame of each buffer meets regions that are not cached, the next ones do
	back_ok run 64 1
	back_ok run 1999 3000
	back_ok run 1518 3000 700
	back_ok run 60 3000
	say "$answer"
	small_end
	back_end
}

# Remapped while frames are under way: not one is lost, and the old memory stays as it is.
case_remap() {
	local i before
	back_start m1 1 mtu=2000
	small_start 8
	small_ok features 0
	small_ok start
	back_ok link up
	back_ok run 1999 1000
	before=$(resources "$back_pid")
	back_ok start 1999
	for i in 1 2 3 4 5; do
		sent_more
		small_ok remap
		sent_more
		small_ok untouched
		resources_back "$before" "$back_pid"
	done
	back_ok stop
	say "$answer"
	small_ok untouched
	small_end
	back_end
}

# sent_more: another 1000 frames have come back.
sent_more() {
	local from
	back_ok show
	from=$(field returned)
	wait_for "$patience" returned_more $((from + 1000)) || { log back; fail "traffic has ended: $answer"; }
}

returned_more() {
	back show || return 1
	[ "$(field returned)" -ge "$1" ]
}

field() {
	sed -n "s/.* $1=\([0-9]*\).*/\1/p" <<<"$answer"
}

# What was unmapped is not touched: the driver's memory is as it was while the back end still has
# frames to send. When it is given back, they go on where they were.
case_unmap() {
	back_start m1 1 mtu=2000
	small_start 8
	small_ok features 0
	small_ok start
	back_ok link up
	back_ok start 1999
	sent_more
	small_ok unmap
	small_ok sum
	# as long as it takes for many bursts: each show is answered after some
	for _ in $(seq 1 50); do
		back_ok show
	done
	small_ok same
	small_ok map
	sent_more
	back_ok stop
	say "$answer"
	small_end
	back_end
}

# The message alone, as the kernel sends it for whatever it changes, in the middle of traffic.
case_update() {
	back_start m1 1 ""
	front_start 1 "" --total-num-mbufs=6144
	front start
	back_ok link up
	back_ok start 1518
	for _ in $(seq 1 20); do
		emu update m1
		emu update m1 0x1000 0x1fff
	done
	sent_more
	back_ok stop
	say "$answer"
	front_end
	back_end
}

# A thousand requests at once, which no kernel sends: answered in order, and traffic goes on.
case_burst() {
	emu set regions=1
	back_start m1 1 ""
	front_start 1 "" --total-num-mbufs=6144
	front start
	back_ok link up
	back_ok run 1518 1000
	emu burst m1 1000
	back_ok run 1518 1000
	front_end
	back_end
	emu set regions=0
}

# regions_case RING WORD: DPDK's front end, its memory cut where it suits nobody.
regions_case() {
	emu set "regions=$2"
	back_start m1 1 mtu=9500
	front_start 1 ",packed_vq=$1" --total-num-mbufs=16384
	front start
	back_ok link up
	say "$(emu show | head -n 1)"
	back_ok run 9000 1000 1000
	back_ok run 1518 2000
	back_ok run 64 2000
	front_end
	back_end
	emu set regions=0
}

# Every frame of memory that the driver gives up is given up here too: fds and mappings as before.
case_new_fronts() {
	local i before
	back_start m1 1 ""
	before=$(resources "$back_pid")
	for i in 1 2 3 4; do
		small_start
		small_ok features 0
		small_ok start
		back_ok link up
		back_ok run 1518 500
		[ $((i % 2)) = 1 ] || small_ok remap
		back_ok run 1518 500
		small_end
		back_ok link down
		resources_back "$before" "$back_pid"
	done
	back_end
}

case_run memory/pages crossing 1
case_run memory/two-pages crossing 2
case_run memory/remap case_remap
case_run memory/unmap case_unmap
case_run memory/update case_update
case_run memory/burst case_burst
case_run memory/new-fronts case_new_fronts
for ring in 0 1; do
	for regions in 1 7 61; do
		case_run "memory/regions-$regions-packed$ring" regions_case $ring $regions
	done
done
exit $group_status
