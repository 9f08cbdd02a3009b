#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The loopback matrix of DPDK's vhost/virtio test plan. Our PMD sends frames to virtio-user
# (Debian's own for one queue pair, and for four where it is 24.11's or later, else the peer's, as 22.11's does not
# hand the control queue over), which sends them back; every byte is compared, so both directions are checked.
. "$(dirname "$0")/lib.sh"

frames=1000

# DPDK's driver has a vector path for packed rings where the processor has AVX-512 only.
can_vectorise() {
	[ "$packed" = 0 ] || grep -qw avx512f /proc/cpuinfo || [ "$(uname -m)" != x86_64 ]
}

# matrix_case PAIRS RING MERGEABLE IN-ORDER VECTOR
matrix_case() {
	local pairs=$1 ring=$2 mrg=$3 order=$4 vector=$5 packed=0 options path
	[ "$ring" = split ] || packed=1
	front_from=here
	[ "$pairs" = 1 ] || front_of_many
	# One buffer takes a whole frame where frames are not spread over several; where they are,
	# each of the slots of the front end's transmit rings may hold five mbufs.
	options=(--total-num-mbufs=16384)
	[ "$mrg" = 1 ] || options=(--mbuf-size=10240 --total-num-mbufs=6144)
	back_start m0 "$pairs" mtu=9500
	front_start "$pairs" ",packed_vq=$packed,mrg_rxbuf=$mrg,in_order=$order,vectorized=$vector" \
		--txpkts=30,100,500,1400 "${options[@]}"
	# with zero-copy buffers come back later, in order later still: testpmd waits where its ring is full, and does
	# not drop what it has received
	if [[ ,${TEST_DEVARGS:-}, = *,zero-copy=1,* ]]; then
		front set fwd csum retry
		front set burst tx delay 100 retry 100000
	fi
	front start
	back_ok link up
	[ "$(bit 34)$(bit 15)$(bit 35)" = "$packed$mrg$order" ] || fail "other features: $(emu show)"
	path=$(grep -oE 'using .* Rx path' "$work/front.log" | tail -n 1)
	say "front end: $path"
	[[ $vector$mrg != 10 || $packed$order = 10 ]] || ! can_vectorise || [[ $path = *vectorized* ]] ||
		fail "the front end is not vectorised"
	back_ok run 64 $frames
	back_ok run 1518 $frames
	back_ok run 9000 $frames
	back_ok run 9000 $frames 1000
	# Frames that testpmd splits are in new mbufs, with anything before their data. The vectorised
	# packed path of net_virtio (virtqueue_enqueue_batch_packed_vec() of DPDK 22.11 and 24.11)
	# clears the header where it would be before it made room for it, so that now and then such a
	# frame has a header of old bytes, and is dropped.
	[ "$ring$vector" = packed1 ] || front set txsplit rand
	back_ok run 1999 $frames 333
	say "$answer"
	back_ok run 64 $frames 31
	[ "$mrg" = 1 ] || back_ok run 9000 $frames 999
	front stop
	front_end
	back_ok link down
	back_end
}

bit() {
	if negotiated m0 "$1"; then echo 1; else echo 0; fi
}

# What virtio-user itself has no vector path for (virtio_dev_configure() of DPDK's net_virtio): it
# would take the path of vectorized=0, which is in the matrix.
possible() { # RING MERGEABLE IN-ORDER VECTOR
	case $1$2$3$4 in
	split??0 | packed??0) ;;
	split??1) [ "$2$3" = 00 ] ;;
	packed?11) ;;
	packed?01) false ;;
	esac
}

for pairs in 1 4; do
	for ring in split packed; do
		for mrg in 0 1; do
			for order in 0 1; do
				for vector in 0 1; do
					name=matrix/$ring-mrg$mrg-order$order-vec$vector-q$pairs
					if possible $ring $mrg $order $vector; then
						case_run "$name" matrix_case $pairs $ring $mrg $order $vector
					elif [ $ring = split ]; then
						say "$name: not possible: virtio-user's split vector path" \
							"is neither for mergeable buffers nor for in-order"
					else
						say "$name: not possible: virtio-user's packed vector path" \
							"needs in-order"
					fi
				done
			done
		done
	done
done
exit $group_status
