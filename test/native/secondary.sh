#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# DPDK's own tools beside testpmd with the PMD: dpdk-proc-info and dpdk-dumpcap are secondary processes,
# and see its port; what such a process may not do, it is refused.
. "$(dirname "$0")/lib.sh"

prefix=c1 # as the page has it
huge=$work/huge

# Secondary processes need files in a hugetlbfs, of which this machine may have none.
mount_huge() {
	unmount_huge # of a case that failed
	mkdir -p "$huge"
	mount -t hugetlbfs -o pagesize=2M none "$huge" || skip "no hugetlbfs can be mounted"
}

unmount_huge() {
	! mountpoint -q "$huge" || umount "$huge"
	rm -rf "/var/run/dpdk/$prefix"
}

trap 'unmount_huge; group_end' EXIT

# pmd_testpmd NAME [OPTION...]: testpmd with a port of ours, and the small driver behind it, which takes
# what it is sent and sends nothing back.
pmd_testpmd() {
	local name=$1
	shift
	ordinary || skip "Debian's programs cannot load a PMD with sanitizers"
	mount_huge
	debian_tools
	testpmd_start stdbuf -oL dpdk-testpmd -d "$pmd" -l 0-1 --no-pci --iova-mode=va -m 96 --huge-dir "$huge" \
		--file-prefix "$prefix" --vdev "net_vduse0,name=$name,mac=02:00:00:00:00:7b$more_devargs" \
		-- -i --nb-cores=1 --no-mlockall --total-num-mbufs=4096 --forward-mode=io "$@"
	emu attach "$name"
	small_start 8
	small_ok features 0
	small_ok start
	small_ok quiet
}

pmd_end() {
	small_end
	emu detach "$1"
	echo quit >&8
	exec 8>&-
	ended "$front_pid" || { log front; fail "testpmd's status"; }
	nothing_left
	unmount_huge
}

# An installed PMD is found by EAL; this one is not. And a pool of mbufs names its kind by a number, the order in
# which a process has loaded the libraries of kinds: Debian's testpmd is linked with one, which the tools load later.
debian_tools() {
	local program first
	first=$(ldd "$(command -v dpdk-testpmd)" | awk '/librte_mempool_/ { printf "%s ", $3 }')
	mkdir -p "$work/bin"
	for program in dpdk-proc-info dpdk-dumpcap; do
		printf '#!/bin/sh\nLD_PRELOAD="%s" exec %s "$@"\n' "$first$pmd" "$(command -v $program)" \
			>"$work/bin/$program"
		chmod +x "$work/bin/$program"
	done
}

page=doc/telemetry.md

# page_does WORDS: a command of the page; what it says is in $work/secondary.log
page_does() {
	doc_command "$page" "$1"
	PATH=$work/bin:$PATH timeout -s KILL "$patience" bash -c "$documented" </dev/null \
		>"$work/secondary.log" 2>&1 || { log secondary 30; fail "its status"; }
}

# said PATTERN...: lines of the secondary process
said() {
	local pattern
	for pattern; do
		grep -Eq -- "$pattern" "$work/secondary.log" ||
			{ log secondary 60; fail "no line '$pattern'"; }
	done
}

# testpmd_counts FRAMES: of ethdev's, not of the forwarding's
testpmd_counts() {
	front "show port stats 0"
	wait_for "$patience" grep -Eq "^ +RX-packets: $1 +RX-missed" "$work/front.log" ||
		{ log front 30; fail "testpmd has not received $1 frames"; }
}

# Numbers, information and their reset; the primary process goes on as if nothing was.
case_info() {
	pmd_testpmd i1
	front start
	small_ok send 7 good
	page_does '--stats'
	said 'RX-packets: 7 +RX-errors: +0 +RX-bytes: +420 ' 'TX-packets: 7 +TX-errors: +0 +TX-bytes: +420 '
	small_ok send 3 short
	small_ok send 2 good
	page_does '--stats'
	said 'RX-packets: 9 +RX-errors: +3 +RX-bytes: +540 ' 'TX-packets: 9 '
	page_does '--xstats'
	said '^rx_q0_packets: 9$' '^rx_q0_drop_short: 3$' '^rx_q0_broadcast_packets: 9$' \
		'^tx_q0_packets: 9$' '^rx_q0_undersize_packets: 9$'
	page_does '--show-port'
	said 'Driver name: net_vduse|driver_name.*net_vduse|net_vduse0' 'mac.*02:00:00:00:00:7B|02:00:00:00:00:7B'
	page_does '--stats-reset'
	page_does '--stats'
	said 'RX-packets: 0 ' 'TX-packets: 0 '
	small_ok send 4 good
	page_does '--stats'
	said 'RX-packets: 4 ' 'TX-packets: 4 '
	testpmd_counts 4
	front stop
	pmd_end i1
}

# The driver takes 256 frames back, and no more: they are sent once the callbacks are there.
capturing() {
	grep -q 'Packets captured' "$work/dumpcap.log"
}

capture_ended() {
	! running "$capture_pid"
}

# Frames of both directions in a file, by callbacks in testpmd.
case_dumpcap() {
	pmd_testpmd d1
	front start
	doc_command "$page" dpdk-dumpcap
	rm -f "$work/c1.pcapng" # it would be written over, not anew
	fresh "$work/dumpcap.log"
	PATH=$work/bin:$PATH bash -c "exec ${documented/\/tmp/$work}" </dev/null >"$work/dumpcap.log" 2>&1 &
	capture_pid=$!
	background+=("$capture_pid")
	wait_for "$patience" capturing || { log dumpcap; fail "dpdk-dumpcap does not begin"; }
	small_ok send 40 good
	wait_for "$patience" capture_ended || { log dumpcap; fail "dpdk-dumpcap does not end"; }
	ended "$capture_pid" || { log dumpcap; fail "its status"; }
	front stop
	tcpdump -n -e -r "$work/c1.pcapng" >"$work/d1.log" 2>"$work/tcpdump.log" || { log tcpdump; fail "no file"; }
	[ "$(grep -c ' > ' "$work/d1.log")" -ge 20 ] || { log d1; fail "too few frames"; }
	! grep ' > ' "$work/d1.log" | grep -v '02:00:00:00:00:66 > ff:ff:ff:ff:ff:ff, ethertype Unknown (0x88b5), length 60' ||
		fail "other frames than were sent"
	pmd_end d1
}

secondary() {
	fresh "$work/secondary.log"
	timeout -s KILL "$patience" "$tools/secondary" -d "$pmd" --proc-type=secondary --file-prefix "$prefix" "$@" \
		</dev/null >"$work/secondary.log" 2>&1
}

tries() {
	secondary -- net_vduse0 || { log secondary; fail "its status"; }
}

case_refused() {
	local not='Operation not supported'
	pmd_testpmd r1
	front start
	small_ok send 1 good
	tries
	said '^rx 0$' '^prepared 0$' '^tx 0$' "^configure $not$" "^rx-queue $not$" "^tx-queue $not$" \
		'^start Success$' "^stop $not$" "^down $not$" "^mtu $not$" "^mac $not$" '^close Success$' \
		'net_vduse0: this is a secondary process, .*start, stop and link are the primary'
	small_ok send 2 good
	front stop
	front "port stop 0"
	tries
	said "^configure $not$" "^start $not$" '^stop Success$'
	front "port start 0"
	front start
	small_ok send 3 good
	testpmd_counts 6
	front stop
	# what the primary process has not
	! secondary --vdev net_vduse7 -- net_vduse7 || fail "a port of its own"
	said 'net_vduse7: the primary process has no such port'
	pmd_end r1
}

case_run secondary/info case_info
case_run secondary/dumpcap case_dumpcap
case_run secondary/refused case_refused
exit $group_status
