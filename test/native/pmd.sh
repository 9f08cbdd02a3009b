#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Device arguments of the PMD that are wrong: one line says what and why, the program ends with
# status 1, and no device is left.
. "$(dirname "$0")/lib.sh"

# refused TEXT DEVARGS [PROGRAM [OPTION...]]: the program, ours without a port to use or testpmd,
# ends with status 1.
refused() {
	local text=$1 devargs=$2 program=("${@:3}") status=0 lines
	[ $# -gt 2 ] || program=("$loopback")
	LD_PRELOAD=$preload timeout -s KILL "$patience" "${program[0]}" -d "$pmd" -l 0-1 --no-pci \
		--no-telemetry --no-huge --no-shconf -m 64 --vdev "net_vduse0${devargs:+,$devargs}" \
		-- "${program[@]:1}" </dev/null >"$work/refused.log" 2>&1 || status=$?
	lines=$(grep -E '^(net_)?vduse: ' "$work/refused.log" || true)
	say "$devargs: $lines"
	grep -qF -- "$text" <<<"$lines" || fail "no '$text'; the end: $(tail -n 3 "$work/refused.log")"
	[ "$(wc -l <<<"$lines")" = 1 ] || fail "more than one line"
	[ "$status" = 1 ] || fail "${program[0]} ends with status $status"
	nothing_left
}

# What each key refuses: unknown, empty, and just out of range.
case_values() {
	refused 'unknown argument colour' colour=blue
	refused 'name has no value' name=
	refused 'cannot be a file' name=a/b
	refused 'longer than' "name=$(printf 'x%.0s' $(seq 1 300))"
	refused 'queues=0: not a number from 1' queues=0
	refused 'queues=1x: not a number' queues=1x
	refused 'queues=-1: not a number' queues=-1
	refused 'queues=99999: not a number' queues=99999
	refused 'queue-size=32: not a number from 64' queue-size=32
	refused 'queue-size=32769: not a number from 64 to 32768' queue-size=32769
	refused 'ring=round: not one of any, split, packed' ring=round
	refused 'mac=1:2:3: not a unicast MAC' mac=1:2:3
	refused 'mac=01:00:00:00:00:01: not a unicast MAC' mac=01:00:00:00:00:01
	refused 'mac=00:00:00:00:00:00: not a unicast MAC' mac=00:00:00:00:00:00
	refused 'mtu=67: not a number from 68' mtu=67
	refused 'mtu=65536: not a number' mtu=65536
	refused 'attach=pci: not one of virtio, vhost, none' attach=pci
	refused 'mq-fallback=2: not a number from 0 to 1' mq-fallback=2
	refused 'profile=fast: not one of latency, bulk, xdp, none, tx, migrate' profile=fast
	refused 'csum=half: not one of whole, partial' csum=half
	refused 'speed=2147483648: not a number' speed=2147483648
	refused 'standby=yes: not a number' standby=yes
	refused 'msg-timeout=-1: not a number' msg-timeout=-1
	refused 'bounce-size=1: not a number' bounce-size=1
	refused 'umem=2: not a number from 0 to 1' umem=2
	refused 'irq-affinity=xyz: not a mask of CPUs' irq-affinity=xyz
	refused 'irq-affinity=0: not a mask of CPUs' irq-affinity=0
	refused 'rx-coalesce=5: not FRAMES:USECS' rx-coalesce=5
	refused 'rx-coalesce=32769:1: not FRAMES:USECS' rx-coalesce=32769:1
	refused 'tx-coalesce=1:1000001: not FRAMES:USECS' tx-coalesce=1:1000001
	refused 'tx-coalesce=1:1:now: not FRAMES:USECS' tx-coalesce=1:1:now
	refused 'inject=timer: not one of lcore, thread' inject=timer
	refused 'adopt=maybe: not a number' adopt=maybe
	refused 'fd=9999: not an open file descriptor' fd=9999
}

# Each key twice, with values that are right.
case_twice() {
	local pair
	for pair in name=a queues=1 queue-size=256 ring=any mac=02:00:00:00:00:01 mtu=1500 attach=none csum=whole \
		mq-fallback=1 profile=none speed=1000 standby=1 msg-timeout=5 bounce-size=2097152 \
		umem=0 irq-affinity=1 rx-coalesce=1:1 tx-coalesce=1:1 inject=lcore adopt=0 fd=0; do
		refused "${pair%%=*} is given twice" "$pair,$pair"
	done
}

# Right each for itself, and not together.
case_together() {
	refused 'queue-size=1000: not a power of two' queue-size=1000
	refused 'queue-size=1000: not a power of two' queue-size=1000,ring=split
	refused 'enable the RX offloads' name=t1,profile=bulk dpdk-testpmd --total-num-mbufs=2048
	refused 'enable the RX offloads' name=t1,profile=xdp dpdk-testpmd --total-num-mbufs=2048
	refused 'enable the RX offload SCATTER' name=t1,zero-copy=1 dpdk-testpmd --total-num-mbufs=2048
	refused 'frames of up to 9022 bytes (MTU 9000) do not fit' name=t1,mtu=9000 dpdk-testpmd \
		--total-num-mbufs=2048
	emu set ctrl_vq=0
	refused 'refuses VIRTIO_NET_F_CTRL_VQ' name=t1,queues=4
	emu set ctrl_vq=1
}

# Every one of these is taken: a value at the end of its range is in it.
case_ends() {
	local devargs
	for devargs in queue-size=64 queue-size=32768 queue-size=65,ring=packed mtu=68 mtu=65535 \
		speed=0 speed=2147483647 msg-timeout=0 ring=split,profile=none,standby=1 \
		rx-coalesce=0:0,tx-coalesce=32768:1000000:adaptive,inject=thread,irq-affinity=auto; do
		back_start e1 1 "$devargs"
		say "$devargs: $(emu show | sed 's/ status.*features/ features/' | head -n 2 | tr '\n' ' ')"
		back_end
	done
}

case_run pmd/values case_values
case_run pmd/twice case_twice
case_run pmd/together case_together
case_run pmd/ends case_ends
exit $group_status
