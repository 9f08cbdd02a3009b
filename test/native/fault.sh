#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What goes wrong in the kernel or the driver: the back end lives, says so, and when the fault is
# gone, so is its effect.
. "$(dirname "$0")/lib.sh"

# A driver of our own with traffic.
traffic() {
	small_start 8
	small_ok features 0
	small_ok start
	back_ok link up
	back_ok run 1518 500
}

alive() {
	running "$back_pid" || fail "the back end has ended"
}

# during_start WORD...: a fault while a driver starts; the next driver gets a working device.
during_start() {
	local before
	back_start x1 1 ""
	traffic
	small_end
	back_ok link down
	before=$(resources "$back_pid")
	emu fault "$@"
	small_start 8
	# it may be refused, or get a device that does not work; that is all
	small features 0 || true
	small start || true
	back patience 1
	back run 64 10 || true
	back patience 60
	emu clear
	small_end
	alive
	say "$(grep -E '^vduse: ' "$work/back.log" | tail -n 1 || true)"
	traffic
	small_end
	back_ok link down
	resources_back "$before" "$back_pid"
	back_end
}

# during_remap WORD...: a fault while memory is mapped under traffic.
during_remap() {
	back_start x2 1 mtu=2000
	traffic
	back_ok start 1999
	emu fault "$@"
	small_ok remap
	emu clear
	small_ok remap
	back patience 1
	back stop || true
	alive
	small_ok untouched
	back_ok patience 60
	small_ok reset
	small_ok features 0
	small_ok start
	back_ok link up
	back_ok run 1518 1000
	small_end
	back_end
}

# create_fault WORD...: no device, one line, status 1, nothing left; without the fault it works.
create_fault() {
	local status=0
	emu fault "$@"
	LD_PRELOAD=$preload "$loopback" -d "$pmd" -l 0 --no-pci --no-huge --no-shconf -m 64 \
		--no-telemetry --vdev net_vduse0,name=x3 -- </dev/null >"$work/create.log" 2>&1 ||
		status=$?
	emu clear
	say "$*: $(grep -E '^(net_)?vduse: ' "$work/create.log" || true)"
	[ "$status" = 1 ] || fail "status $status"
	grep -qE '^(net_)?vduse: ' "$work/create.log" || fail "not a word about it: $(tail -n 3 "$work/create.log")"
	nothing_left
}

case_create() {
	local ioctl
	# every version is tried before it gives up
	create_fault ioctl ioctl=SET_API_VERSION times=2 errno=EINVAL
	for ioctl in CREATE_DEV VQ_SETUP DEV_SET_CONFIG; do
		create_fault ioctl ioctl=$ioctl errno=ENOMEM
	done
	create_fault open errno=EACCES
	create_fault open nth=2 errno=EMFILE
	back_start x3 1 ""
	traffic
	small_end
	back_end
}

# What was not offered is refused at FEATURES_OK, and the driver may try again with less.
case_features() {
	local bit
	back_start x4 1 ring=split,profile=none
	small_start 8
	# CSUM GUEST_CSUM HOST_TSO4 CTRL_VQ MQ PACKED RING_RESET HASH_REPORT RSS STANDBY
	for bit in 0 1 11 17 22 34 40 57 60 62; do
		small features "$(printf %x $((1 << bit)))" && fail "bit $bit was not offered, and is kept"
		status_is x4 0x3 || fail "bit $bit: $(emu show | head -n 1)"
	done
	grep -qE '^vduse: x4: ' "$work/back.log" || fail "not a word about it"
	say "$(grep -E '^vduse: x4: ' "$work/back.log" | tail -n 1)"
	traffic_again
	small_end
	back_end
}

traffic_again() {
	small_ok features 0
	small_ok start
	back_ok link up
	back_ok run 1518 500
}

# The device is gone from under the back end: nothing more passes, and the process lives.
gone() {
	back_start x5 1 mtu=2000
	traffic
	back_ok start 1999
	emu "$1" x5
	wait_for "$patience" link_is_down || fail "the link stays up: $answer"
	back patience 1
	back stop || true
	alive
	say "$(grep -E '^vduse: x5: ' "$work/back.log" | tail -n 1)"
	kill -KILL "$small_pid"
	wait "$small_pid" 2>/dev/null || true
	echo quit >&6
	exec 6>&- 5<&-
	ended "$back_pid" || true
	[ ! -e /proc/"$back_pid" ] || fail "the back end does not end"
}

link_is_down() {
	back link down
}

# The front end cuts its memory's file short under traffic: that is SIGBUS for whoever touches it.
# This device stops and says why; the process, and its other device, go on.
case_cut() {
	local before i
	back_start x7 1 mtu=2000
	for i in 1 2 3; do
		before=$(resources "$back_pid")
		traffic
		back_ok start 1999
		small_ok cut
		back patience 1
		back stop || true
		alive
		wait_for "$patience" grep -q "x7: the driver's memory is gone" "$work/back.log" ||
			fail "not a word about it"
		small_end
		back_ok link down
		back_ok patience 60
		resources_back "$before" "$back_pid"
	done
	say "$(grep -c "memory is gone" "$work/back.log") times: $(grep -m 1 "memory is gone" "$work/back.log")"
	traffic
	small_end
	back_end
}

# No address space for another mapping while a driver starts. When there is, the next driver gets a
# working device.
case_no_memory() {
	local before
	back_start x8 1 ""
	traffic
	small_end
	back_ok link down
	before=$(resources "$back_pid")
	prlimit --pid "$back_pid" --as=1:
	small_start 8
	small features 0 || true
	small start && fail "the driver starts without memory"
	alive
	prlimit --pid "$back_pid" --as="$(prlimit --pid "$back_pid" -o HARD --noheadings --as)":
	small_end
	grep -q "^vduse: x8: the memory of its driver cannot be mapped: .*allow more" "$work/back.log" ||
		fail "not a word about it"
	traffic
	small_end
	back_ok link down
	resources_back "$before" "$back_pid"
	back_end
}

# An answer that cannot be given: the kernel waits for it until it gives the device up. That is
# said at once, and the next device works.
case_write() {
	emu set msg_timeout=2
	back_start x9 1 ""
	traffic
	emu fault write "errno=$1"
	small reset || true
	emu clear
	wait_for "$patience" link_is_down || fail "the link stays up: $answer"
	alive
	grep -E '^vduse: x9: .*given the device up' "$work/back.log" >/dev/null || fail "not a word about it"
	kill -KILL "$small_pid"
	wait "$small_pid" 2>/dev/null || true
	exec 9>&- 4<&-
	driver_gone
	back_end
	emu set msg_timeout=30
	back_start x9 1 ""
	traffic
	small_end
	back_end
}

# The kernel gives a device up that we had put on the bus: it is there again, and a driver passes
# frames as before.
case_anew() {
	back_attach=no back_start x7 1 attach=vhost,mac=02:00:00:00:00:77
	wait_for "$patience" attached || { log back; fail "not on the bus: $(emu show)"; }
	traffic
	emu break x7
	wait_for "$patience" link_is_down || fail "the link stays up: $answer"
	# the front end has to let it go
	kill -KILL "$small_pid"
	wait "$small_pid" 2>/dev/null || true
	exec 9>&- 4<&-
	wait_for "$patience" grep -q 'x7: recreated, and back' "$work/back.log" || { log back; fail "not recreated"; }
	traffic
	small_end
	back_gone
	nothing_left
}

attached() {
	emu show | grep -q '^x7: open .* minor [0-9]'
}

case_slow() {
	back_start x6 1 ""
	emu fault ioctl times=50 delay=20
	traffic
	emu clear
	small_end
	back_end
}

for fault in "ioctl ioctl=IOTLB_GET_FD times=3 errno=ENOMEM" "mmap times=3 errno=ENOMEM" \
	"ioctl ioctl=VQ_GET_INFO errno=EIO" "ioctl ioctl=DEV_GET_FEATURES errno=EIO" \
 "ioctl ioctl=VQ_SETUP_KICKFD errno=ENOMEM" \
	"read errno=EINTR" "read errno=EAGAIN" "write errno=EINTR"; do
	name=${fault#*ioctl=}
	name=${name/ times=3/}
	# shellcheck disable=SC2086
	case_run "fault/start-${name// errno=/-}" during_start $fault
done
for fault in "ioctl ioctl=IOTLB_GET_FD times=3 errno=EMFILE" "mmap times=3 errno=ENOMEM"; do
	name=${fault#*ioctl=}
	name=${name/ times=3/}
	# shellcheck disable=SC2086
	case_run "fault/remap-${name// errno=/-}" during_remap $fault
done
case_run fault/create case_create
case_run fault/features case_features
case_run fault/slow case_slow
case_run fault/write-EINVAL case_write EINVAL
case_run fault/write-EFAULT case_write EFAULT
if ordinary; then
	case_run fault/no-memory case_no_memory
fi
case_run fault/cut case_cut
case_run fault/break gone break
case_run fault/anew case_anew
# Last: a device that is lost is in nobody's way, and cannot be destroyed either.
case_run fault/lose gone lose
exit $group_status
