#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# examples/vduse-blk as a disk of Linux: a file system on it, whose files have known checksums, while
# the program is killed and started again. BLK_KILLS or the first argument: how often (default 6).
# Kernels: one
# shellcheck source=lib.sh
. /vm/system/lib.sh

kills=${BLK_KILLS:-${1:-$(often 6 2)}}
state=/run/vduse-blk
image=/tmp/disk
mount=/mnt/disk
pid= # of the program that serves the disk
files=200 # names; the oldest is written over

# serve RUN OPTION...: the same command each time.
serve() {
	run "blk-$1" /vm/tools/vduse-blk "${eal[@]}" "${no_huge[@]}" -- \
		--name d1 --attach virtio "${@:2}"
}

serve_file() {
	serve "$1" --file "$image" --state-dir "$state"
}

# serves RUN: it is ready; the device was recreated or is gone on with.
serves() {
	wait_for "$patience" grep -q '^d1: .* sectors' "$VM_RESULT/blk-$1.log" ||
		{ tail -n 20 "$VM_RESULT/blk-$1.log"; fail "run $1 does not start"; }
}

# need_disk: sets disk, /dev/vdX.
need_disk() {
	local path
	wait_for "$patience" disk_there || fail "no disk for vDPA device d1"
	for path in /sys/bus/vdpa/devices/d1/virtio*/block/*; do
		disk=/dev/${path##*/}
	done
}

disk_there() {
	compgen -G '/sys/bus/vdpa/devices/d1/virtio*/block/*' >/dev/null
}

begin() {
	modules virtio_vdpa virtio_blk
	mkdir -p -m 700 "$state"
	mkdir -p "$mount"
	rm -rf /tmp/stop /tmp/sums "$image"
	mkdir /tmp/sums
}

# Files with contents of their own, each on the disk before the next one begins: until told to stop.
# /tmp/sums has the checksum of each, which was taken before.
write_files() {
	local n=0 name
	set -e
	until [ -e /tmp/stop ]; do
		name=$((n % files))
		seq "$n" $((n + 20000)) >/tmp/source
		sha256sum </tmp/source >/tmp/sums/$name
		dd if=/tmp/source of="$mount/$name" bs=16k conv=fsync 2>/dev/null
		n=$((n + 1))
		echo "$n" >/tmp/written
	done
}

# Long writes beside them, so that there is always a request under way.
write_load() {
	until [ -e /tmp/stop ]; do
		dd if=/dev/zero of="$mount/load" bs=1M count=8 conv=fsync 2>/dev/null
	done
}

# Requests that the driver has not had back.
in_flight() {
	local reads writes
	read -r reads writes <"/sys/block/${disk##*/}/inflight"
	[ $((reads + writes)) -gt 0 ]
}

written_more() {
	[ "$(cat /tmp/written)" -gt "$1" ]
}

check_files() {
	local name
	for name in /tmp/sums/*; do
		sha256sum <"$mount/${name##*/}" | cmp -s - "$name" || fail "file ${name##*/}: other bytes"
	done
}

# The file system and all that is in it, as read from the disk.
check_disk() {
	umount "$mount"
	e2fsck -fn "$disk" >"$VM_RESULT/e2fsck" 2>&1 || { cat "$VM_RESULT/e2fsck"; fail "the file system is damaged"; }
	echo 3 >/proc/sys/vm/drop_caches
	mount -t ext4 "$disk" "$mount"
	check_files
	umount "$mount"
	! dmesg | grep -E 'I/O error|EXT4-fs (error|warning)' || fail "the kernel complains of the disk"
}

all_gone() {
	stop "$pid" || fail "status $?"
	nothing_left
	[ ! -e "$state/d1.state" ] || fail "left: $(ls "$state")"
	wait_for "$patience" rmmod virtio_vdpa || fail "virtio_vdpa is in use: $(lsmod)"
	wait_for "$patience" rmmod vduse || fail "vduse is in use: $(lsmod)"
}

case_kills() {
	local n at writer load
	begin
	truncate -s 256M "$image"
	serve_file 0
	serves 0
	need_disk
	mkfs.ext4 -q "$disk"
	mount -t ext4 "$disk" "$mount"
	echo 0 >/tmp/written
	write_files &
	writer=$!
	write_load &
	load=$!
	background+=("$writer" "$load")
	for ((n = 1; n <= kills; n++)); do
		at=$(cat /tmp/written)
		wait_for "$patience" written_more $((at + 1)) || fail "nothing is written before kill $n"
		stop "$pid" KILL || true
		wait_for "$patience" in_flight || fail "nothing waits for who comes after kill $n"
		serve_file "$n"
		serves "$n"
		grep -q 'd1: resumed after the previous process' "$VM_RESULT/blk-$n.log"
		at=$(cat /tmp/written)
		wait_for "$patience" written_more "$at" || { tail "$VM_RESULT/blk-$n.log"; fail "nothing is written after kill $n"; }
	done
	touch /tmp/stop
	wait "$writer" || fail "the writer ends with status $?"
	wait "$load" || fail "the load ends with status $?"
	check_disk
	say "$kills kills, $(cat /tmp/written) files"
	all_gone
	# and what is in the file is what the disk was
	e2fsck -fn "$image" >/dev/null 2>&1 || fail "the file has another file system"
}

case_memory() {
	local sig
	begin
	for sig in TERM INT HUP QUIT; do
		serve "memory-$sig" --memory 64
		serves "memory-$sig"
		need_disk
		mkfs.ext4 -q "$disk"
		mount -t ext4 "$disk" "$mount"
		seq 100000 >"$mount/0"
		seq 100000 | sha256sum >/tmp/sums/0
		check_disk
		stop "$pid" "$sig" || fail "status $? at $sig"
		nothing_left
	done
}

case_readonly() {
	begin
	truncate -s 16M "$image"
	mkfs.ext4 -q "$image"
	serve readonly --file "$image" --read-only
	serves readonly
	need_disk
	[ "$(cat "/sys/block/${disk##*/}/ro")" = 1 ] || fail "Linux would write to it"
	! dd if=/dev/zero of="$disk" bs=4k count=1 conv=fsync 2>/dev/null || fail "it can be written to"
	[ "$(cat "/sys/block/${disk##*/}/serial")" = d1 ] || fail "its id: $(cat "/sys/block/${disk##*/}/serial")"
	e2fsck -fn "$disk" >/dev/null 2>&1 || fail "no file system to read"
	all_gone
}

# doc/device.md: the example and a file system on it, in a clone that is built.
case_documented() {
	begin
	mkdir -p /tmp/clone/build/examples/vduse-blk
	ln -sf /vm/tools/vduse-blk /tmp/clone/build/examples/vduse-blk/vduse-blk
	doc_command doc/device.md 'build/examples/vduse-blk/vduse-blk'
	fresh "$VM_RESULT/blk-documented.log"
	(cd /tmp/clone && exec bash -c "exec $documented") >"$VM_RESULT/blk-documented.log" 2>&1 </dev/null &
	pid=$!
	background+=("$pid")
	serves documented
	need_disk
	doc_command doc/device.md 'mkfs.ext4'
	bash -c "$documented" >/dev/null
	e2fsck -fn "$disk" >/dev/null 2>&1 || fail "no file system on the disk"
	all_gone
}

# A disk's driver waits for who serves it, and so would whoever takes it off the bus: of a case that
# failed, the program is the last one to end.
case_end() {
	local p
	for p in "${background[@]}"; do
		[ "$p" = "$pid" ] || ! running "$p" || kill -KILL "$p"
	done
	[ -c /dev/vduse/d1 ] || return 0
	running "$pid" || serve_file left
	! grep -q " $mount " /proc/mounts || umount "$mount" || true
	stop "$pid" || true
}

after_case() {
	clean_slate
}

case_run blk/kills case_kills
case_run blk/documented case_documented
case_long blk/memory case_memory
case_long blk/readonly case_readonly
exit 0
