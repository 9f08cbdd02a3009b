/* SPDX-License-Identifier: BSD-3-Clause */

/* Streams of dpdk-vduse-net, on ports made of rings. */

#include <sched.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_malloc.h>

#include <rte_vduse_net.h>

#include "fwd_rig.h"

static void
frames_of_a_queue_stay_in_order(void **state)
{
	struct fwd_rig *b = *state;
	unsigned int i;

	for (i = 0; i < TX_SPACE; i++)
		fwd_rig_receive(b, 0, fwd_rig_frame(b, 60 + i, 2000, i));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, TX_SPACE, TX_SPACE, 0);
	for (i = 0; i < TX_SPACE; i++)
		fwd_rig_expect_frame(b, 60 + i, i);
}

static void
every_receive_queue_is_polled(void **state)
{
	struct fwd_rig *b = *state;
	unsigned int q;

	for (q = 0; q < RX_QUEUES; q++)
		fwd_rig_receive(b, q, fwd_rig_frame(b, 100, 2000, q));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, RX_QUEUES, RX_QUEUES, 0);
}

static void
what_does_not_fit_is_dropped_and_freed(void **state)
{
	struct fwd_rig *b = *state;
	unsigned int i;

	for (i = 0; i < 500; i++)
		fwd_rig_receive(b, i % RX_QUEUES, fwd_rig_frame(b, 60, 2000, 0));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 500, TX_SPACE, 500 - TX_SPACE);
	fwd_rig_expect_drops(b, FWD_DROP_FULL, 500 - TX_SPACE);
	assert_int_equal(fwd_rig_in_use(b), TX_SPACE);
}

static void
a_chain_passes_as_it_is(void **state)
{
	struct fwd_rig *b = *state;

	fwd_rig_receive(b, 0, fwd_rig_frame(b, 5000, 1000, 7));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 1, 1, 0);
	assert_int_equal(fwd_rig_in_use(b), 5);
	fwd_rig_expect_frame(b, 5000, 7);
}

static void
a_chain_is_made_linear_where_it_must(void **state)
{
	struct fwd_rig *b = *state;

	b->stream->gate.segs = 1;
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 1900, 700, 3));
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 5000, 1000, 4)); /* fits no single buffer */
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 300, 2000, 5));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 3, 2, 1);
	fwd_rig_expect_drops(b, FWD_DROP_PIECES, 1);
	assert_int_equal(fwd_rig_in_use(b), 2);
	fwd_rig_expect_frame(b, 1900, 3);
	fwd_rig_expect_frame(b, 300, 5);
}

/* Towards the port goes what its MTU allows, tags apart, and only that. */
static void
what_is_longer_than_the_mtu_is_a_drop(void **state)
{
	static const uint32_t lens[] = { 60, 1514, 1515, 9000, 1000 };
	struct fwd_rig *b = *state;
	struct rte_mbuf *m;
	unsigned int i;

	b->stream->gate.mtu = 1500;
	b->stream->gate.segs = UINT16_MAX;
	for (i = 0; i < RTE_DIM(lens); i++)
		fwd_rig_receive(b, 0, fwd_rig_frame(b, lens[i], 2000, 0));
	m = fwd_rig_frame(b, 1518, 2000, 0);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 12) = 0x81;
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 13) = 0;
	fwd_rig_receive(b, 0, m);
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 6, 4, 2);
	fwd_rig_expect_drops(b, FWD_DROP_LONG, 2);
}

/* Segments too: it is the driver that chose their size. */
static void
segments_longer_than_the_mtu_are_drops(void **state)
{
	struct fwd_rig *b = *state;

	b->stream->gate.mtu = 1500;
	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	fwd_rig_receive(b, 0, fwd_rig_tcp(b, 4380, 1460));
	fwd_rig_receive(b, 0, fwd_rig_tcp(b, 4380, 2000)); /* the last is short */
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 2, 4, 2);
	fwd_rig_expect_drops(b, FWD_DROP_LONG, 2);
}

/* With the pool empty there is nothing to copy into: a drop, and no leak. */
static void
no_buffer_for_the_copy_is_a_drop(void **state)
{
	struct fwd_rig *b = *state;
	struct rte_mbuf *m, *held = NULL;

	b->stream->gate.segs = 1;
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 1900, 700, 3));
	while ((m = rte_pktmbuf_alloc(b->pool)) != NULL) {
		m->next = held;
		held = m;
	}
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 1, 0, 1);
	fwd_rig_expect_drops(b, FWD_DROP_NO_BUFFER, 1);
	while (held != NULL) {
		m = held;
		held = m->next;
		m->next = NULL;
		rte_pktmbuf_free(m);
	}
}

/* What is to be completed and what is not leave in the order in which they came. */
static void
frames_to_cut_keep_their_place(void **state)
{
	struct fwd_rig *b = *state;
	struct rte_mbuf *m;
	unsigned int i;
	void *obj = NULL;

	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 60, 2000, 1));
	fwd_rig_receive(b, 0, fwd_rig_tcp(b, 1000, 300));
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 61, 2000, 2));
	m = fwd_rig_tcp(b, 100, 0); /* no segment size: cannot be cut */
	fwd_rig_receive(b, 0, m);
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 62, 2000, 3));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 5, 7, 1);
	fwd_rig_expect_drops(b, FWD_DROP_BAD, 1);
	fwd_rig_expect_frame(b, 60, 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(rte_ring_dequeue(b->out, &obj), 0);
		m = obj;
		assert_int_equal(m->pkt_len, 54 + (i < 3 ? 300 : 100));
		rte_pktmbuf_free(m);
	}
	fwd_rig_expect_frame(b, 61, 2);
	fwd_rig_expect_frame(b, 62, 3);
}

/* More segments than the transmit queue takes: dropped, counted, not leaked. */
static void
segments_that_do_not_fit_are_dropped(void **state)
{
	struct fwd_rig *b = *state;

	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	fwd_rig_receive(b, 0, fwd_rig_tcp(b, 1600, 8));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 1, TX_SPACE, 200 - TX_SPACE);
	fwd_rig_expect_drops(b, FWD_DROP_FULL, 200 - TX_SPACE);
	assert_int_equal(fwd_rig_in_use(b), TX_SPACE);
}

/* A second stream of the lcore, the other way, behind the first one. */
static struct fwd_stream *
add_neighbour(struct fwd_rig *b)
{
	struct fwd_stream *s = rte_zmalloc("stream", sizeof(*s), RTE_CACHE_LINE_SIZE);

	assert_non_null(s);
	*s = (struct fwd_stream){
		.rx_port = b->far.id,
		.tx_port = b->near.id,
		.rx_step = 1,
		.rx_end = 1,
		.gate.pool = b->pool,
	};
	assert_int_equal(fwd_add(&b->fwd, s, 0), 0);
	return s;
}

/* What left in a round, and what would have with a longer queue. */
static uint64_t
leave(struct fwd_rig *b)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	return c.tx + c.drops[FWD_DROP_FULL];
}

/* Segments in the far port's ring: those of one frame, and frames, in order after *last. */
static void
expect_order(struct fwd_rig *b, uint64_t *last)
{
	struct rte_mbuf *m;
	uint64_t place;
	uint32_t seq;
	void *obj;

	while (rte_ring_dequeue(b->out, &obj) == 0) {
		m = obj;
		memcpy(&seq, rte_pktmbuf_mtod_offset(m, uint8_t *, 38), sizeof(seq));
		place = (uint64_t)*rte_pktmbuf_mtod_offset(m, uint8_t *, 35) << 32 |
			rte_be_to_cpu_32(seq);
		assert_true(place > *last);
		*last = place;
		rte_pktmbuf_free(m);
	}
}

/*
 * The most work that a driver can ask for, counted: a burst of frames of 64 KiB, in the
 * smallest segments. Of that a round makes its share, and the neighbour has its turn in
 * each. Everything leaves in order.
 */
static void
a_round_has_a_budget_of_segments(void **state)
{
	struct fwd_rig *b = *state;
	struct fwd_stream *neighbour = add_neighbour(b);
	uint64_t before = 0, last = 0, now, rounds = 0;
	struct fwd_counters c;
	struct rte_mbuf *m;
	unsigned int i;

	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	for (i = 1; i <= FWD_BURST; i++) {
		m = fwd_rig_tcp(b, 65000, RTE_VDUSE_NET_TCP_SEGMENT_MIN);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 35) = i;
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 41) = 1; /* sequence numbers from 1 */
		fwd_rig_receive(b, 0, m);
	}
	do {
		assert_int_equal(
				rte_ring_enqueue(b->unused[RX_QUEUES], fwd_rig_frame(b, 60, 60, 0)),
				0);
		assert_true(fwd_round(&b->fwd.lcores[0]) != 0);
		now = leave(b);
		assert_in_range(now - before, 1, FWD_ROUND_SEGMENTS);
		before = now;
		memset(&c, 0, sizeof(c));
		fwd_read(neighbour, &c);
		assert_int_equal(c.tx, ++rounds);
		fwd_rig_drain(b->unused[0]);
		expect_order(b, &last);
	} while (b->fwd.lcores[0].held != 0);
	assert_int_equal(now, FWD_BURST * 65000 / RTE_VDUSE_NET_TCP_SEGMENT_MIN);
	assert_true(rounds >= now / FWD_ROUND_SEGMENTS);
	assert_int_equal(last >> 32, FWD_BURST);
	rte_free(neighbour);
	b->fwd.lcores[0].nb_streams = 1;
}

/* The same of bytes that are summed up. */
static void
a_round_has_a_budget_of_bytes(void **state)
{
	struct fwd_rig *b = *state;
	struct fwd_counters c;
	struct rte_mbuf *m;
	unsigned int i;
	uint64_t sent = 0;

	offload_init(&b->stream->offload, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	for (i = 0; i < FWD_BURST; i++) {
		m = fwd_rig_tcp(b, 65000, 0);
		m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
		fwd_rig_receive(b, 0, m);
	}
	do {
		fwd_round(&b->fwd.lcores[0]);
		memset(&c, 0, sizeof(c));
		fwd_read(b->stream, &c);
		assert_in_range(c.tx - sent, 1, FWD_ROUND_WORK / 65000 + 1);
		sent = c.tx;
	} while (b->fwd.lcores[0].held != 0);
	fwd_rig_expect_counters(b, FWD_BURST, FWD_BURST, 0);
}

/* What is held when forwarding stops: usual frames are sent, of others some, and none is lost. */
static void
what_is_held_is_sent_or_dropped_at_the_end(void **state)
{
	struct fwd_rig *b = *state;
	struct fwd_counters c = { 0 };
	uint64_t stopped = 0;
	unsigned int i, usual;

	b->stream->rx_end = 1;
	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	for (usual = 0; usual < 2; usual++) {
		for (i = 0; i < FWD_BURST; i++)
			fwd_rig_receive(b, 0, fwd_rig_tcp(b, 65000, usual ? 1448 : 8));
		fwd_round(&b->fwd.lcores[0]);
		assert_int_equal(b->fwd.lcores[0].held, 1);
		fwd_stop(&b->fwd);
		memset(&c, 0, sizeof(c));
		fwd_read(b->stream, &c);
		assert_int_equal(c.rx, (usual + 1) * FWD_BURST);
		if (!usual)
			assert_in_range(c.drops[FWD_DROP_STOPPED], 1, FWD_BURST);
		else
			assert_int_equal(c.drops[FWD_DROP_STOPPED], stopped);
		stopped = c.drops[FWD_DROP_STOPPED];
		fwd_rig_drain(b->out);
		assert_int_equal(fwd_rig_in_use(b), 0);
		assert_int_equal(fwd_round(&b->fwd.lcores[0]), 0);
	}
}

static void
wait_for_frames(const struct fwd_rig *b, uint64_t rx)
{
	const uint64_t deadline = rte_get_timer_cycles() + 120 * rte_get_timer_hz();
	struct fwd_counters c;

	do {
		sched_yield();
		memset(&c, 0, sizeof(c));
		fwd_read(b->stream, &c);
	} while (c.rx < rx && rte_get_timer_cycles() < deadline);
	assert_int_equal(c.rx, rx);
}

int __real_rte_epoll_wait(int epfd, struct rte_epoll_event *events, int max, int timeout);
int __wrap_rte_epoll_wait(int epfd, struct rte_epoll_event *events, int max, int timeout);

/* As DPDK 25.11 has it: while something is ready, as many events as there is room for. */
int
__wrap_rte_epoll_wait(int epfd, struct rte_epoll_event *events, int max, int timeout)
{
	return __real_rte_epoll_wait(epfd, events, max, timeout) > 0 ? max : 0;
}

static void
a_worker_forwards_until_told_to_stop(void **state)
{
	struct fwd_rig *b = *state;
	unsigned int i;

	assert_false(b->fwd.on_main);
	assert_int_equal(fwd_prepare(&b->fwd), 0);
	assert_int_equal(fwd_start(&b->fwd), 0);
	for (i = 0; i < TX_SPACE; i++)
		fwd_rig_receive(b, i % RX_QUEUES, fwd_rig_frame(b, 60, 2000, 0));
	wait_for_frames(b, TX_SPACE);
	fwd_stop(&b->fwd);
	fwd_rig_expect_counters(b, TX_SPACE, TX_SPACE, 0);
	/* Nobody polls any more. */
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 60, 2000, 0));
	fwd_rig_expect_counters(b, TX_SPACE, TX_SPACE, 0);
	fwd_rig_drain(b->in[0]);
}

/* Of a device that is pulled out nothing is polled, and what is for it is dropped and counted. */
static void
a_stream_does_without_a_port(void **state)
{
	struct fwd_rig *b = *state;
	struct fwd_counters c = { 0 };
	unsigned int i;

	fwd_unplug(b->stream, false);
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 60, 2000, 0));
	fwd_rig_receive(b, 1, fwd_rig_tcp(b, 4000, 1000));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 2, 0, 2);
	fwd_rig_expect_drops(b, FWD_DROP_UNPLUGGED, 2);
	assert_int_equal(fwd_rig_in_use(b), 0);
	fwd_plug(b->stream, false, b->far.id);
	fwd_unplug(b->stream, true);
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 61, 2000, 1));
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 2, 0, 2);
	fwd_plug(b->stream, true, b->near.id);
	fwd_poll(&b->fwd);
	fwd_rig_expect_counters(b, 3, 1, 2);
	fwd_rig_expect_frame(b, 61, 1);
	/* what it holds goes with the port */
	b->stream->rx_queue = 0;
	b->stream->rx_end = 1;
	offload_init(&b->stream->offload, 0, b->pool, NULL);
	for (i = 0; i < FWD_BURST; i++)
		fwd_rig_receive(b, 0, fwd_rig_tcp(b, 65000, 8));
	fwd_round(&b->fwd.lcores[0]);
	assert_int_equal(b->fwd.lcores[0].held, 1);
	fwd_unplug(b->stream, false);
	fwd_read(b->stream, &c);
	assert_true(c.drops[FWD_DROP_UNPLUGGED] > 2);
	assert_int_equal(fwd_round(&b->fwd.lcores[0]), 0);
}

/* Of a device whose frames a NIC reads: buffers that its driver waits for, whether the NIC has read
 * them. */
static uint16_t owed, owed_pair;
static int has_sent;
static unsigned int given_back;

uint16_t __wrap_rte_vduse_net_owed(const struct rte_vduse_net *net, uint16_t pair);
void __wrap_rte_vduse_net_frames_read(struct rte_vduse_net *net, uint16_t pair);
int __wrap_port_has_sent(uint16_t id, uint16_t queue, uint16_t nb_txd);

uint16_t
__wrap_rte_vduse_net_owed(const struct rte_vduse_net *net, uint16_t pair)
{
	(void)net;
	return pair == owed_pair ? owed : 0;
}

void
__wrap_rte_vduse_net_frames_read(struct rte_vduse_net *net, uint16_t pair)
{
	(void)net;
	assert_int_equal(pair, owed_pair);
	owed = 0;
	given_back++;
}

int
__wrap_port_has_sent(uint16_t id, uint16_t queue, uint16_t nb_txd)
{
	(void)id;
	assert_int_equal(queue, 0);
	assert_int_equal(nb_txd, 512);
	assert_true(has_sent >= 0);
	return has_sent;
}

/* However long a round takes: the first without frames after the NIC has read the frame. */
static void
a_buffer_is_given_back_in_the_next_round(void **state)
{
	struct fwd_rig *b = *state;
	struct fwd_lcore *lcore = &b->fwd.lcores[0];
	uint64_t start;
	unsigned int i;

	b->stream->rx_end = 1;
	b->stream->lender = (struct rte_vduse_net *)b;
	b->stream->tx_descs = 512;
	owed = 1;
	has_sent = 0;
	given_back = 0;
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 1000, 2000, 0));
	assert_int_equal(fwd_round(lcore), 1);
	assert_int_equal(fwd_round(lcore), 0);
	assert_int_equal(given_back, 0);
	/* meanwhile the lcore does not sleep, for nothing would wake it */
	assert_true(lcore->idle.looks);
	start = rte_get_tsc_cycles();
	for (i = 0; i < 1000; i++)
		fwd_round(lcore);
	print_message("# a round without frames: %.1f ns\n",
			(double)(rte_get_tsc_cycles() - start) * 1e6 / (double)rte_get_tsc_hz());
	has_sent = 1;
	assert_int_equal(fwd_round(lcore), 0);
	assert_int_equal(given_back, 1);
	assert_int_equal(fwd_round(lcore), 0);
	assert_int_equal(given_back, 1);
	assert_false(lcore->idle.looks);
	/* of a NIC that is unplugged nothing is asked: it gives all back when it is closed */
	owed = 1;
	has_sent = -1;
	fwd_unplug(b->stream, false);
	assert_int_equal(fwd_round(lcore), 0);
	assert_true(lcore->idle.looks);
	owed = 0;
	assert_int_equal(fwd_round(lcore), 0);
	assert_false(lcore->idle.looks);
}

/* A queue that is owed nothing does not let the lcore sleep while another one is. */
static void
a_buffer_of_any_queue_is_waited_for(void **state)
{
	struct fwd_rig *b = *state;
	struct fwd_lcore *lcore = &b->fwd.lcores[0];
	unsigned int i;

	b->stream->lender = (struct rte_vduse_net *)b;
	b->stream->tx_descs = 512;
	owed = 1;
	owed_pair = 0;
	has_sent = 0;
	given_back = 0;
	assert_int_equal(b->stream->rx_end, RX_QUEUES);
	for (i = 0; i < 4 * RX_QUEUES; i++) {
		assert_int_equal(fwd_round(lcore), 0);
		assert_true(lcore->idle.looks);
	}
	has_sent = 1;
	for (i = 0; i < 3 * RX_QUEUES; i++)
		assert_int_equal(fwd_round(lcore), 0);
	assert_int_equal(given_back, 1);
	assert_false(lcore->idle.looks);
}

static void
lcores_stand_still_and_go_on(void **state)
{
	struct fwd_rig *b = *state;
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		assert_int_equal(fwd_prepare(&b->fwd), 0);
		assert_int_equal(fwd_start(&b->fwd), 0);
		fwd_rig_receive(b, 0, fwd_rig_frame(b, 60, 2000, 0));
		wait_for_frames(b, i);
		fwd_halt(&b->fwd);
		assert_int_equal(b->fwd.stopfd, -1);
	}
	fwd_rig_receive(b, 0, fwd_rig_frame(b, 60, 2000, 0));
	fwd_rig_expect_counters(b, 3, 3, 0);
	fwd_rig_drain(b->in[0]);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
#define WITH_PORTS(f) cmocka_unit_test_setup_teardown(f, fwd_rig_setup, fwd_rig_teardown)
		WITH_PORTS(frames_of_a_queue_stay_in_order),
		WITH_PORTS(every_receive_queue_is_polled),
		WITH_PORTS(a_buffer_of_any_queue_is_waited_for),
		WITH_PORTS(what_does_not_fit_is_dropped_and_freed),
		WITH_PORTS(a_chain_passes_as_it_is),
		WITH_PORTS(a_chain_is_made_linear_where_it_must),
		WITH_PORTS(no_buffer_for_the_copy_is_a_drop),
		WITH_PORTS(what_is_longer_than_the_mtu_is_a_drop),
		WITH_PORTS(segments_longer_than_the_mtu_are_drops),
		WITH_PORTS(frames_to_cut_keep_their_place),
		WITH_PORTS(a_round_has_a_budget_of_segments),
		WITH_PORTS(a_round_has_a_budget_of_bytes),
		WITH_PORTS(what_is_held_is_sent_or_dropped_at_the_end),
		WITH_PORTS(segments_that_do_not_fit_are_dropped),
		WITH_PORTS(a_worker_forwards_until_told_to_stop),
		WITH_PORTS(a_stream_does_without_a_port),
		WITH_PORTS(a_buffer_is_given_back_in_the_next_round),
		WITH_PORTS(lcores_stand_still_and_go_on),
	};

	(void)argc;
	return FWD_RIG_RUN("app_fwd", tests, argv);
}
