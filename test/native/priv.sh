#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the application may do once it forwards: capabilities, no_new_privs and the filter of
# system calls, thread by thread, while frames go through.
. "$(dirname "$0")/lib.sh"

cap_net_admin=0000000000001000
no_caps=0000000000000000

driver_start() {
	small_start 8
	small_ok features 0
	small_ok start
}

# fields TID: what says how it is confined, a word each.
fields() {
	awk '/^(NoNewPrivs|Seccomp|CapEff|CapPrm|CapInh|CapAmb):/ { printf "%s%s ", $1, $2 }' \
		"/proc/$app_pid/task/$1/status"
}

# threads_are CAPS: of every thread.
threads_are() {
	local task n=0 want
	want="CapInh:0000000000000000 CapPrm:$1 CapEff:$1 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2 "
	for task in /proc/"$app_pid"/task/*; do
		[ "$(fields "${task##*/}")" = "$want" ] ||
			fail "$(cat "$task/comm"): $(fields "${task##*/}"), wanted $want"
		n=$((n + 1))
	done
	say "$n threads: $want"
	[ "$n" -ge 5 ] # two lcores, interrupts, telemetry, control
}

# Each thread refuses what the list does not have, and goes on.
attempts() {
	local task got
	[ -x "$tools/inject" ] || skip "no tool to make another process's system calls here"
	for task in /proc/"$app_pid"/task/*; do
		got=$("$tools/inject" "${task##*/}" socket 2 1 0) || fail "$(cat "$task/comm"): no answer"
		[ "$got" = -1 ] || fail "$(cat "$task/comm"): socket(AF_INET): $got, not -EPERM"
		got=$("$tools/inject" "${task##*/}" execve 0 0 0)
		[ "$got" = -1 ] || fail "$(cat "$task/comm"): execve: $got, not -EPERM"
		got=$("$tools/inject" "${task##*/}" getppid)
		[ "$got" = "$BASHPID" ] || fail "$(cat "$task/comm"): getppid: $got, not $BASHPID"
		traffic
	done
}

# landlock_there: whether this kernel has it.
landlock_there() {
	/usr/bin/python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)'
}

# refused_file TID CALL PATH [ARGUMENT...]: with EACCES, which is Landlock's word.
refused_file() {
	local got
	got=$("$tools/inject" "$@") || fail "thread $1: $2 $3: no answer"
	[ "$got" = -13 ] || fail "thread $1: $2 $3: $got, not -EACCES"
}

# As root: nobody's files but the device's own, and no code by way of /proc.
case_files() {
	local task tid got
	landlock_there || skip "this kernel has no Landlock"
	[ -x "$tools/inject" ] || skip "no tool to make another process's system calls here"
	app_start f1 --attach vhost
	driver_start
	for task in /proc/"$app_pid"/task/*; do
		tid=${task##*/}
		refused_file "$tid" open /etc/shadow 2
		refused_file "$tid" open /etc/shadow 0
		refused_file "$tid" open /proc/self/mem 2
		refused_file "$tid" open "/proc/$app_pid/task/$tid/mem" 1
		refused_file "$tid" open "/proc/$PPID/environ" 0
		refused_file "$tid" open /proc/sys/kernel/core_pattern 1
		refused_file "$tid" open /sys/devices/system/cpu/uevent 1
		refused_file "$tid" open /etc/vduse-intruder 0101 0644
		refused_file "$tid" mkdir /etc/vduse-intruder 0755
		refused_file "$tid" unlink /etc/hostname
		got=$("$tools/inject" "$tid" open /proc/self/maps 0)
		[ "$got" -gt 2 ] || fail "/proc/self/maps: $got"
		[ "$("$tools/inject" "$tid" close "$got")" = 0 ] || fail "close $got"
		traffic
	done
	small_end
	app_end
	nothing_left
	# kept by --sandbox off alone
	app_start f1 --attach vhost --sandbox off
	got=$("$tools/inject" "$app_pid" open /proc/self/mem 2)
	[ "$got" -gt 2 ] || fail "nothing would refuse it: $got"
	app_end
	nothing_left
}

# A device of its own: CAP_NET_ADMIN is needed for its end, nothing else.
case_confined() {
	app_start p1 --attach vhost
	driver_start
	traffic
	threads_are $cap_net_admin
	attempts
	telemetry
	small_end
	app_end
	nothing_left
}

# Telemetry's threads are made later, confined as their maker is.
telemetry() {
	/usr/bin/python3 - "$run/dpdk/p1/dpdk_telemetry.v2" "$app_pid" <<'PYTHON' || fail telemetry
import glob, json, socket, stat, os, sys
path, pid = sys.argv[1:]
assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, oct(os.stat(path).st_mode)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(10)
s.connect(path)
s.recv(1024)
s.send(b'/vduse/list')
assert json.loads(s.recv(16384)) == {'/vduse/list': ['p1']}
for status in glob.glob('/proc/%s/task/*/status' % pid):
    assert '\nSeccomp:\t2\n' in open(status).read(), status
PYTHON
}

# setup STEP NAME [OPTION...]: the privileged helper.
setup() {
	local step=$1 name=$2
	shift 2
	LD_PRELOAD=$preload "$app" --setup "$step" --port any --name "$name" \
		--mac 02:00:00:00:00:07 "$@" >"$work/setup.log" 2>&1 || { log setup; fail "--setup $step"; }
}

# handed_over NAME OPTION...: served by a process that has no capability at all.
handed_over() {
	local name=$1
	shift
	app_start "$name" --mac 02:00:00:00:00:07 --attach vhost "$@"
	setup attach "$name" --attach vhost
	setup attach "$name" --attach vhost # on the bus already: nothing to do
	driver_start
	traffic
	threads_are $no_caps
	small_end
	app_end
	# it is not the server's to remove; after a crash, not the helper's either
	emu show | grep -q "^$name: closed" || fail "the device has gone: $(emu show)"
	SERVICE_RESULT=signal setup destroy "$name"
	emu show | grep -q "^$name: closed" || fail "gone after a crash: $(emu show)"
	SERVICE_RESULT=success setup destroy "$name"
	nothing_left
}

case_adopted_by_name() {
	setup create h1
	setup create h1 # there already: stays
	emu show | grep -q '^h1: closed' || fail "no device: $(emu show)"
	app_as=(setpriv --bounding-set=-all --inh-caps=-all)
	handed_over h1 --adopt
}

# As a service manager does it: open before the program, at 3, with a name.
case_adopted_by_descriptor() {
	setup create h2
	# shellcheck disable=SC2016
	app_as=(setpriv --bounding-set=-all --inh-caps=-all /usr/bin/python3 -c '
import os, sys
fd = os.open("/dev/vduse/h2", os.O_RDWR)
os.dup2(fd, 3)
if fd != 3:
    os.close(fd)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="h2")
os.execv(sys.argv[1], sys.argv[1:])')
	handed_over h2 --fd systemd
	setup create h2
	handed_over h2 --fd 3
}

case_no_descriptor() {
	local status=0
	(app_start h3 --mac 02:00:00:00:00:07 --fd systemd) >/dev/null || status=$?
	[ $status != 0 ] || fail "it runs without a device"
	grep -q 'h3: no descriptor of this name.*OpenFile=' "$work/app.log" || { log app; fail "no cure"; }
	nothing_left
}

case_run priv/confined case_confined
case_run priv/files case_files
case_run priv/adopted-by-name case_adopted_by_name
case_run priv/adopted-by-descriptor case_adopted_by_descriptor
case_run priv/no-descriptor case_no_descriptor
exit $group_status
