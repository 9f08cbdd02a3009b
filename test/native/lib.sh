# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the native tests share. They run on this machine, as root, below a broker of the
# emulator (test/emu): `vduse-emu run ctrl_vq=1 -- test/native/GROUP.sh BUILD`.
#
# A group sources this file, defines functions and calls `case_run NAME FUNCTION` for each
# (cases.sh).

set -u
shopt -s nullglob
export LC_ALL=C
build=${1:?build folder}
emu=$build/test/emu/vduse-emu
emu_dir=$build/test/emu
# The back ends are of the build under test, which may be one with sanitizers; the emulator and the
# drivers, which also run in programs of Debian's, are of the ordinary one.
subject=${NATIVE_SUBJECT:-$build}
pmd=$subject/drivers/net/vduse/librte_net_vduse.so
app=$subject/app/vduse-net/dpdk-vduse-net
loopback=$subject/test/tools/loopback
tools=$build/test/tools
preload=${VDUSE_EMU_LIB:?not below vduse-emu run}
unset LD_PRELOAD

# Whether that is the ordinary one: Debian's programs cannot load a PMD with sanitizers, and these need
# more address space than a limit of a test leaves.
ordinary() {
	[ "$subject" = "$build" ]
}

# what test/run was told to run them with
more_devargs=${TEST_DEVARGS:+,$TEST_DEVARGS}
. "$(dirname "${BASH_SOURCE[0]}")/../cases.sh"
pages=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=
# Seconds until what has to come counts as missing: there to fail at last, however slow the machine.
patience=120

# Whether a child runs: one that has ended and was not waited for does not.
running() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	stat=${stat##*) }
	[ "${stat%% *}" != Z ]
}

# ended PID: wait for its end; its exit status.
ended() {
	if ! wait_for "$patience" is_gone running "$1"; then
		say "process $1 does not end"
		kill -KILL "$1"
		wait "$1" 2>/dev/null || true
		return 99
	fi
	wait "$1"
}

# log NAME: the end of a program's log, as comment.
log() {
	tail -n "${2:-15}" "$work/$1.log" 2>/dev/null | sed "s/^/# $1: /"
}

# emu COMMAND...: to the broker; fails if it refuses.
emu() {
	"$emu" "$@"
}

device_there() {
	emu show | grep -q "^$1: open"
}

# status_is NAME STATUS: as `vduse-emu show` prints it.
status_is() {
	emu show | grep -q "^$1: .* status $2 "
}

# negotiated NAME BIT
negotiated() {
	local word
	word=$(emu show | sed -n "s/^$1: .* features \([0-9a-fx]*\)\/.*/\1/p")
	[ $((word >> $2 & 1)) = 1 ]
}

# A driver that ended is gone when the back end has heard of it.
driver_there() {
	emu show | grep -q 'open status 0x'
}

driver_gone() {
	wait_for "$patience" is_gone driver_there || fail "the driver is still there: $(emu show)"
}

nothing_left() {
	local left
	left=$(emu show)
	[ -z "$left" ] || fail "left behind: $left"
}

# resources PID: file descriptors and mappings, one line.
resources() {
	echo "fds $(ls "/proc/$1/fd" | wc -l)" \
		"device-mappings $(grep -cE 'hugepage|memfd|vduse|/dev/shm' "/proc/$1/maps" || true)"
}

# resources_back BEFORE PID: none more than before. A file descriptor may be open for a moment
# while memory is mapped, also at the look before.
resources_back() {
	wait_for "$patience" resources_are "$@" || fail "now $(resources "$2"), before $1"
}

resources_are() {
	local fds mappings fds_before mappings_before
	read -r _ fds_before _ mappings_before <<<"$1"
	read -r _ fds _ mappings <<<"$(resources "$2")"
	[ "$fds" -le "$fds_before" ] && [ "$mappings" -le "$mappings_before" ]
}

eal=(--no-pci --in-memory --iova-mode=va --main-lcore 0)

# back_start NAME QUEUES DEVARGS [EAL OPTION...]: our PMD in the loopback program; sets back_pid.
back_start() {
	local name=$1 queues=$2 devargs=$3
	shift 3
	back_name=$name
	rm -f "$work/back.in" "$work/back.out"
	mkfifo "$work/back.in" "$work/back.out"
	fresh "$work/back.log"
	# shellcheck disable=SC2086
	LD_PRELOAD=$preload "$loopback" -d "$pmd" -l 0 "${eal[@]}" -m 128 \
		--file-prefix "nb$$" ${TEST_EAL:-} "$@" \
		--vdev "net_vduse0,name=$name,queues=$queues${devargs:+,$devargs}$more_devargs" \
		-- --queues "$queues" <"$work/back.in" >"$work/back.out" 2>"$work/back.log" &
	back_pid=$!
	background+=("$back_pid")
	exec 6>"$work/back.in" 5<"$work/back.out"
	back_reads "$patience" || { log back; fail "the back end does not start"; }
	[ "${back_attach:-yes}" = no ] || emu attach "$name"
}

# back_reads SECONDS: up to the next answer, which is in $answer; what was before it in $lines.
back_reads() {
	lines=
	while read -r -t "$1" answer <&5; do
		case $answer in
		ok* ) return 0 ;;
		not\ ok*) return 1 ;;
		esac
		lines+=$answer$'\n'
	done
	answer="no answer"
	return 1
}

# back COMMAND...: a command to the loopback program; 0 if the answer is "ok".
back() {
	echo "$*" >&6
	back_reads "$patience"
}

# back_ok COMMAND...: or the case fails.
back_ok() {
	back "$@" || { log back; fail "$*: $answer"; }
}

# back_end: off the bus, out of the kernel, and nothing is left.
back_end() {
	emu detach "$back_name"
	back_gone
	nothing_left
}

# back_gone: the process has ended well.
back_gone() {
	local status=0
	echo quit >&6
	exec 6>&- 5<&-
	ended "$back_pid" || status=$?
	[ $status = 0 ] || { log back; fail "the back end ends with status $status"; }
}

# front_start QUEUES VIRTIO-USER-DEVARGS [TESTPMD OPTION...]: testpmd on vhost-vdpa-0, sending
# every frame back as it came (csum without a swap of addresses, which also can split frames).
# It lets the device choose the driver's queues by RSS only if $rss is `--rss-udp`. $front_from is `here` (this machine's testpmd) or `peer` (DPDK 24.11's); sets front_pid.
front_start() {
	local queues=$1 devargs=$2 testpmd=(dpdk-testpmd)
	shift 2
	[ "${front_from:-here}" = here ] || testpmd=("$emu_dir/peer-testpmd")
	testpmd_start "${testpmd[@]}" -l 0-1 "${eal[@]}" --no-telemetry -m 160 \
		--single-file-segments --force-max-simd-bitwidth=512 "--log-level=pmd.net.virtio.*:info" \
		--file-prefix "nf$$" \
		--vdev "net_virtio_user0,path=/dev/vhost-vdpa-0,queues=$queues,queue_size=256$devargs" \
		-- -i --nb-cores=1 --forward-mode=csum --no-mlockall \
		--rxd=256 --txd=256 --rxq="$queues" --txq="$queues" ${rss:---disable-rss} "$@"
	front "csum mac-swap off 0"
}

# testpmd_start COMMAND...: with a prompt, for front(); sets front_pid.
testpmd_start() {
	rm -f "$work/front.in"
	mkfifo "$work/front.in"
	fresh "$work/front.log"
	LD_PRELOAD=$preload "$@" <"$work/front.in" >"$work/front.log" 2>&1 &
	front_pid=$!
	background+=("$front_pid")
	exec 8>"$work/front.in"
	prompts=0
	front_waits || { log front; fail "testpmd does not start"; }
	grep 'Fail to start port' "$work/front.log" && { log front; fail "testpmd's port does not start"; }
	return 0
}

prompts_are() {
	[ "$(grep -o 'testpmd>' "$work/front.log" | wc -l)" -ge "$1" ]
}

front_waits() {
	prompts=$((prompts + 1))
	local deadline=$((SECONDS + patience))
	until prompts_are "$prompts"; do
		running "$front_pid" && [ $SECONDS -lt $deadline ] || return 1
		sleep 0.02
	done
}

# front COMMAND...: at testpmd's prompt; waits until it is done.
front() {
	echo "$*" >&8
	front_waits || { log front; fail "testpmd does not answer to: $*"; }
}

front_end() {
	local status=0
	echo quit >&8
	exec 8>&-
	ended "$front_pid" || status=$?
	[ $status = 0 ] || { log front; fail "the front end ends with status $status"; }
	driver_gone
}

# small_start [PAGES]: the small driver (test/tools/front.c) on vhost-vdpa-0; sets small_pid.
small_start() {
	rm -f "$work/small.in" "$work/small.out"
	mkfifo "$work/small.in" "$work/small.out"
	fresh "$work/small.log"
	LD_PRELOAD=$preload "$tools/front" /dev/vhost-vdpa-0 ${1:+"$1"} \
		<"$work/small.in" >"$work/small.out" 2>"$work/small.log" &
	small_pid=$!
	background+=("$small_pid")
	exec 9>"$work/small.in" 4<"$work/small.out"
}

# small COMMAND...: 0 if the answer is "ok".
small() {
	echo "$*" >&9
	small_answer="no answer"
	read -r -t "$patience" small_answer <&4 || return 1
	[ "$small_answer" = ok ]
}

small_ok() {
	small "$@" || { log small; log back; fail "small driver: $*: $small_answer"; }
}

small_end() {
	local status=0
	echo quit >&9
	exec 9>&- 4<&-
	ended "$small_pid" || status=$?
	[ $status = 0 ] || { log small; fail "the small driver ends with status $status"; }
	driver_gone
}

# app_start NAME [OPTION...]: the application between a port, $app_port (net_null, which sends
# without end), and a device, with EAL's options in app_eal and what runs it in app_as; sets
# app_pid.
app_start() {
	local name=$1 port=${app_port:-net_null0}
	shift
	mkdir -m 0700 -p "$run"
	fresh "$work/app.log"
	RUNTIME_DIRECTORY=$run LD_PRELOAD=$preload ${app_as[@]+"${app_as[@]}"} "$app" \
		-d "$pmd" -l 0,1 --no-pci --no-huge --no-shconf -m 128 --iova-mode=va \
		${app_eal[@]+"${app_eal[@]}"} --vdev "$port" -- --port "${port%%,*}" --name "$name" --keep 0 "$@" \
		>"$work/app.log" 2>&1 &
	app_pid=$!
	background+=("$app_pid")
	wait_for "$patience" app_forwards_or_ended || true
	grep -q forwarding "$work/app.log" || { log app; fail "it does not forward"; }
}

app_forwards_or_ended() {
	grep -q forwarding "$work/app.log" || ! running "$app_pid"
}

# app_sent: frames from the driver so far.
app_sent() {
	local before
	before=$(grep -c '^wire 0' "$work/app.log" || true)
	kill -USR1 "$app_pid"
	wait_for "$patience" more_lines "$before" || { log app; fail "no statistics"; }
	grep '^wire 0' "$work/app.log" | tail -n 1 | sed 's/.*: rx \([0-9]*\) tx \([0-9]*\) .*; .*: rx \([0-9]*\).*/\3/'
}

more_lines() {
	[ "$(grep -c '^wire 0' "$work/app.log")" -gt "$1" ]
}

# Frames come back from the driver, now.
traffic() {
	local before
	before=$(app_sent)
	wait_for "$patience" frames_since "$before" || { log app; fail "no more frames than $before"; }
}

frames_since() {
	[ "$(app_sent)" -gt "$1" ]
}

# app_end: on SIGTERM, with status 0.
app_end() {
	kill -TERM "$app_pid"
	app_ended 0
}

# app_ended STATUS
app_ended() {
	local status=0
	ended "$app_pid" || status=$?
	[ $status = "$1" ] || { log app; fail "it ends with status $status, not $1"; }
}

# EAL's threads, as DPDK calls them from 23.11 on, and before: that of interrupts, and lcore 1's.
thread_interrupts='dpdk-intr|eal-intr-thread'
thread_lcore='dpdk-worker1|rte-worker-1'

# has_eal PID: a process has EAL's threads.
has_eal() {
	grep -qsxE "$thread_interrupts" "/proc/$1/task/"*/comm
}

# app_thread NAME: the thread's id; NAME: a pattern.
app_thread() {
	local task
	for task in /proc/"$app_pid"/task/*; do
		! grep -qxE "$1" "$task/comm" || { echo "${task##*/}"; return; }
	done
	return 1
}

# hold NAME: a thread of the application stands still until let_go.
hold() {
	local said
	[ -x "$tools/inject" ] || skip "no tool to hold a thread of another process here"
	rm -f "$work/hold.in" "$work/hold.out"
	mkfifo "$work/hold.in" "$work/hold.out"
	fresh "$work/hold.log"
	"$tools/inject" "$(app_thread "$1")" hold <"$work/hold.in" >"$work/hold.out" 2>"$work/hold.log" &
	hold_pid=$!
	background+=("$hold_pid")
	exec 7>"$work/hold.in" 3<"$work/hold.out"
	read -r -t "$patience" said <&3 && [ "$said" = held ] || { log hold; fail "thread $1 is not held"; }
}

let_go() {
	exec 7>&- 3<&-
	ended "$hold_pid" || fail "the one that held it ends with status $?"
}

# prometheus_program NAME: of Debian's Prometheus, which is unpacked into the cache and installed nowhere.
prometheus_program() {
	local where packages=(prometheus)
	# Debian 13 has it in a package of its own
	! apt-cache show promtool >/dev/null 2>&1 || packages+=(promtool)
	where=$("$pages/test/reach/programs" prometheus "${packages[@]}" -- "/usr/bin/$1" 2>"$work/programs.log") ||
		skip "no Prometheus: $(tail -n 1 "$work/programs.log")"
	echo "${where%%:*}"
}

# need_peer: DPDK 24.11 in the cache.
need_peer() {
	local why
	why=$("$emu_dir/peer-testpmd" --fetch 2>&1) || skip "no DPDK 24.11: $why"
}

# front_of_many: sets front_from, for more than one queue pair: 22.11's virtio-user does not hand the control queue of a
# vhost-vdpa device over.
front_of_many() {
	local version
	version=$(pkg-config --modversion libdpdk)
	front_from=here
	[ "${version%%.*}" -ge 24 ] || { need_peer; front_from=peer; }
}

# shell_on FILE: on a terminal of its own, for who connects to the socket.
shell_on() {
	"$pages/test/parts/shell.py" serve "$TEST_SHELL" bash --rcfile "$1" -i
}

# The last started goes first: a front end that ends is heard by the back end.
case_end() {
	local i
	for ((i = ${#background[@]} - 1; i >= 0; i--)); do
		running "${background[i]}" || continue
		kill -KILL "${background[i]}"
		wait "${background[i]}" 2>/dev/null || true
		[ "$i" = 0 ] || wait_for 10 is_gone driver_there || true
	done
	return 0
}

# A failed case must not fail the next one.
after_case() {
	local name
	emu clear
	emu show | sed -n 's/^\([^ :]*\): .*/\1/p' | while read -r name; do
		emu detach "$name" 2>/dev/null
		LD_PRELOAD=$preload "$app" --destroy "$name" >/dev/null 2>&1 || say "cannot destroy $name"
		rm -f "/var/run/vduse/$name"
	done
}

group_end() {
	rm -rf "$run" "/var/run/dpdk/nb$$" "/var/run/dpdk/nf$$" # EAL leaves them with --in-memory
	[ -z "$work" ] || [ -n "${NATIVE_LOGS:-}" ] || rm -rf "$work"
}

# control_serve: a control socket, $run/control, whose networks are played; sets server. It reads $work/net.conf.
control_serve() {
	mkdir -m 0700 -p "$run"
	rm -f "$work/net.conf"
	fresh "$work/server.log"
	"$subject/test/unit/app/control_server" "$run/control" "$work/net.conf" >"$work/server.log" 2>&1 &
	server=$!
	background+=("$server")
	wait_for "$patience" grep -qx ready "$work/server.log" || { log server; fail "the server does not start"; }
}

if [ -n "${NATIVE_LOGS:-}" ]; then
	work=$NATIVE_LOGS
	mkdir -p "$work"
else
	work=$(mktemp -d "${TMPDIR:-/tmp}/vduse-native.XXXXXX")
fi
skip_reason=$work/skip-reason
# The programs' runtime and state folder: names of sockets are short, and those of logs may be long.
run=/run/vduse-native-$$
trap group_end EXIT
trap 'exit 143' TERM INT HUP
