#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vdusectl capture at the daemon itself, read by tcpdump. The port makes frames as fast as they are taken, for nobody: each is dropped.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"

need_tcpdump() {
	command -v tcpdump >/dev/null || skip "no tcpdump"
}

# capture_start NAME OPTION...: to $work/NAME.pcapng; sets capture_pid.
capture_start() {
	local name=$1
	shift
	fresh "$work/$name.log"
	fresh "$work/$name.pcapng"
	"$vdusectl" -S "$run/control" capture net_null0 "$@" >"$work/$name.pcapng" 2>"$work/$name.log" &
	capture_pid=$!
	background+=("$capture_pid")
}

# frames NAME: of a file, as tcpdump counts them.
frames() {
	tcpdump -n -r "$work/$1.pcapng" 2>/dev/null | wc -l
}

# read_as NAME OPTION...: a line a frame.
read_as() {
	local name=$1
	shift
	tcpdump -n -e "$@" -r "$work/$name.pcapng" 2>"$work/tcpdump.log" || { log tcpdump; fail "tcpdump does not read $name"; }
}

net0_there() {
	node network show net0 2>/dev/null | grep -q '^net0: '
}

begin() {
	echo 'network add net0 uplinks net_null0' >"$work/node.conf"
	# shellcheck disable=SC2119 # no option is more than enough
	node_start
	wait_for "$patience" net0_there || { log node; fail "no network"; }
}

end() {
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

# counters: frames that the port has received, as the daemon prints them now.
counters() {
	local n
	n=$(grep -c '^uplink net_null0 of net0' "$work/node.log" || true)
	kill -USR1 "$app_pid"
	wait_for "$patience" printed $((n + 1)) || fail "no counters"
	sed -n 's/^uplink net_null0 of net0 .*: rx \([0-9]*\) .*/\1/p' "$work/node.log" | tail -n 1
}

printed() {
	[ "$(grep -c '^uplink net_null0 of net0' "$work/node.log")" -ge "$1" ]
}

more_than() {
	[ "$(counters)" -gt "$1" ]
}

# moves [N]: frames go on, N of them.
moves() {
	wait_for "$patience" more_than $(($(counters) + ${1:-0})) || { log node; fail "frames do not go on"; }
}

# A number of frames, whole: as tcpdump prints them.
case_read() {
	need_tcpdump
	begin
	node capture net_null0 -c 50 -w "$work/read.pcapng" 2>"$work/read.log" || { log read; log node; fail "its status"; }
	grep -q '^50 frames captured, ' "$work/read.log" || { log read; fail "not said"; }
	[ "$(frames read)" = 50 ] || fail "$(frames read) frames"
	[ "$(read_as read | grep -c "00:00:00:00:00:00 > 00:00:00:00:00:00")" = 50 ] || { read_as read; fail "other frames"; }
	# the text of options is in the file as it is
	grep -qa 'uplink net_null0 of net0' "$work/read.pcapng"
	! grep -qa 'dropped: ' "$work/read.pcapng" || fail "a reason nobody asked for"
	node capture net_null0 -c 5 --drops -s 20 -w "$work/drops.pcapng" 2>"$work/drops.log" || { log drops; fail "its status"; }
	[ "$(grep -oa 'dropped: unknown address' "$work/drops.pcapng" | wc -l)" = 5 ] || fail "no reasons"
	[ "$(read_as drops -xx | grep -c '0x0010')" = 5 ] || { read_as drops -xx; fail "not cut to 20 bytes"; }
	# as it comes, by a pipe
	[ "$(node capture net_null0 -c 5 -w - 'len == 64' 2>"$work/live.log" | tcpdump -n -r - 2>"$work/tcpdump.log" | wc -l)" = 5 ] ||
		{ log live; log tcpdump; fail "no five frames by a pipe"; }
	# what the port sends: nothing
	capture_start out -Q out
	moves
	kill "$capture_pid"
	wait "$capture_pid" || { log out; fail "its status"; }
	[ "$(frames out)" = 0 ] || fail "$(frames out) frames"
	end
}

# Filters take and leave, and one that is none is refused by whom it concerns.
case_filter() {
	need_tcpdump
	local status
	begin
	node capture net_null0 -c 20 -w "$work/some.pcapng" 'len == 64 and not tcp port 80' 2>"$work/some.log" ||
		{ log some; fail "its status"; }
	[ "$(frames some)" = 20 ] || fail "$(frames some) frames"
	capture_start none 'tcp port 80'
	moves
	kill "$capture_pid"
	wait "$capture_pid" || { log none; fail "its status"; }
	grep -Eq '^0 frames captured, [1-9][0-9]* seen, 0 left out' "$work/none.log" || { log none; fail "not said"; }
	[ "$(frames none)" = 0 ] || fail "$(frames none) frames"
	status=0
	node capture net_null0 -w "$work/bad.pcapng" 'ip6 protochain 6' 2>"$work/bad.log" || status=$?
	[ "$status" = 2 ] && grep -q 'protochain' "$work/bad.log" || { log bad; fail "status $status"; }
	status=0
	node capture net_null7 -w "$work/bad.pcapng" 2>"$work/bad.log" || status=$?
	[ "$status" = 2 ] && grep -q 'no container and no uplink net_null7' "$work/bad.log" || { log bad; fail "status $status"; }
	end
}

# Who does not read holds up nobody, and hears how much was left out.
case_slow() {
	need_tcpdump
	local counts captured seen left
	begin
	capture_start slow
	wait_for "$patience" test -s "$work/slow.pcapng" || { log slow; fail "nothing comes"; }
	kill -STOP "$capture_pid"
	# more than there is room for
	moves 400000
	node network show >/dev/null || fail "the daemon waits"
	kill -CONT "$capture_pid"
	kill "$capture_pid"
	wait "$capture_pid" || { log slow; fail "its status"; }
	counts=$(tail -n 1 "$work/slow.log")
	captured=${counts%% frames*}
	seen=${counts#*captured, }
	seen=${seen%% *}
	left=${counts#*seen, }
	left=${left%% *}
	[ "$left" -gt 0 ] || fail "nothing was left out: $counts"
	[ $((captured + left)) = "$seen" ] || fail "$captured and $left are not $seen"
	[ "$(frames slow)" = "$captured" ] || fail "$(frames slow) frames, not $captured"
	end
}

no_capture() {
	[ -z "$(cat "/proc/$1/task/"*/comm | grep -x capture || true)" ]
}

poller_fds() {
	find "/proc/$1/fd" -type l | wc -l
}

fds_are() {
	[ "$(poller_fds "$1")" = "$2" ]
}

# A reader that is killed ends it, and leaves nothing; so does one that has closed its end.
case_killed() {
	local poller fds
	begin
	poller=$(poller_of "$app_pid")
	fds=$(poller_fds "$poller")
	capture_start killed
	wait_for "$patience" test -s "$work/killed.pcapng" || { log killed; fail "nothing comes"; }
	! no_capture "$poller" || fail "no thread"
	kill -KILL "$capture_pid"
	wait "$capture_pid" || true
	wait_for "$patience" no_capture "$poller" || fail "its thread is left"
	wait_for "$patience" fds_are "$poller" "$fds" || fail "descriptors are left"
	node capture net_null0 2>"$work/killed.log" | head -c 1000 >/dev/null
	wait_for "$patience" no_capture "$poller" || fail "its thread is left"
	wait_for "$patience" fds_are "$poller" "$fds" || fail "descriptors are left"
	# the process that forwards is killed: it is said
	capture_start lost
	wait_for "$patience" test -s "$work/lost.pcapng" || { log lost; fail "nothing comes"; }
	kill -KILL "$poller"
	local status=0
	wait "$capture_pid" || status=$?
	[ "$status" = 3 ] || { log lost; fail "status $status"; }
	grep -q 'the process that forwards has ended, and the capture with it' "$work/lost.log" || { log lost; fail "not said"; }
	end
}

case_run capture/read case_read
case_run capture/filter case_filter
case_run capture/slow case_slow
case_run capture/killed case_killed
exit $group_status
