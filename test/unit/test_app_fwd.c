/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ports, streams and pools of dpdk-vduse-net, on ports made of rings: what is
 * put into a port's rx ring arrives at it, what it transmits is in its tx ring.
 */

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <rte_vduse_net.h>

#include "filter.h"
#include "fwd.h"
#include "pool.h"
#include "port.h"

#define RX_QUEUES 3
/* Frames that fit the tx ring of the far port. */
#define TX_SPACE 63

/* The near port has three receive queues, the far port one transmit queue. */
struct bench {
	struct rte_ring *in[RX_QUEUES];
	struct rte_ring *out;
	struct rte_ring *unused[RX_QUEUES + 1];
	struct port near, far;
	struct pool_set pools;
	struct rte_mempool *pool;
	struct fwd fwd;
	struct fwd_stream *stream;
};

static struct rte_ring *
make_ring(const char *what, unsigned int i, unsigned int size)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s%u", what, i);
	ring = rte_ring_create(name, size, SOCKET_ID_ANY, 0);
	assert_non_null(ring);
	return ring;
}

static void
make_ports(struct bench *b)
{
	const struct port_want want = { .queues = RX_QUEUES, .promiscuous = true };
	unsigned int i;
	int near, far;

	for (i = 0; i < RX_QUEUES; i++)
		b->in[i] = make_ring("in", i, 1024);
	for (i = 0; i < RX_QUEUES + 1; i++)
		b->unused[i] = make_ring("unused", i, 64);
	b->out = make_ring("out", 0, TX_SPACE + 1);
	near = rte_eth_from_rings("near", b->in, RX_QUEUES, b->unused, RX_QUEUES, 0);
	far = rte_eth_from_rings("far", &b->unused[RX_QUEUES], 1, &b->out, 1, 0);
	assert_true(near >= 0 && far >= 0);
	assert_int_equal(port_plan(&b->near, near, &want), 0);
	assert_int_equal(port_plan(&b->far, far, &want), 0);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	make_ports(b);
	pool_need(&b->pools, 0, 4096, 2000);
	assert_int_equal(pool_create(&b->pools, 0, 2), 0);
	b->pool = b->pools.sockets[0].pool;
	assert_int_equal(port_start(&b->near, b->pool), 0);
	assert_int_equal(port_start(&b->far, b->pool), 0);
	assert_int_equal(fwd_init(&b->fwd), 0);
	b->stream = rte_zmalloc("stream", sizeof(*b->stream), RTE_CACHE_LINE_SIZE);
	assert_non_null(b->stream);
	*b->stream = (struct fwd_stream){
		.rx_port = b->near.id,
		.tx_port = b->far.id,
		.rx_step = 1,
		.rx_end = RX_QUEUES,
		.gate.pool = b->pool,
	};
	assert_int_equal(fwd_add(&b->fwd, b->stream, 0), 0);
	*state = b;
	return 0;
}

static void
drain(struct rte_ring *ring)
{
	void *m;

	while (rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
}

static uint32_t
in_use(const struct bench *b)
{
	uint32_t used, total;

	pool_usage(&b->pools, &used, &total);
	assert_true(used <= total);
	return used;
}

/* Each frame is in one counter. */
static void
expect_balance(const struct bench *b)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	assert_int_equal(c.rx + c.more, c.tx + fwd_drops(&c));
}

static int
teardown(void **state)
{
	struct bench *b = *state;
	unsigned int i;

	expect_balance(b);
	drain(b->out);
	assert_int_equal(in_use(b), 0);
	rte_free(b->stream);
	fwd_fini(&b->fwd);
	port_stop(&b->far);
	port_stop(&b->near);
	assert_int_equal(rte_eal_hotplug_remove("vdev", b->far.name), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", b->near.name), 0);
	pool_destroy(&b->pools);
	rte_ring_free(b->out);
	for (i = 0; i < RX_QUEUES; i++)
		rte_ring_free(b->in[i]);
	for (i = 0; i < RX_QUEUES + 1; i++)
		rte_ring_free(b->unused[i]);
	free(b);
	return 0;
}

/* A frame of len bytes in segments of at most seg bytes; byte i is i + seed. */
static struct rte_mbuf *
make_frame(const struct bench *b, uint32_t len, uint16_t seg, uint8_t seed)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t at = 0, i;
	uint16_t n;
	uint8_t *data;

	while (at < len) {
		n = RTE_MIN(len - at, (uint32_t)seg);
		m = rte_pktmbuf_alloc(b->pool);
		assert_non_null(m);
		data = (uint8_t *)rte_pktmbuf_append(m, n);
		assert_non_null(data);
		for (i = 0; i < n; i++)
			data[i] = at + i + seed;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		at += n;
	}
	return head;
}

/* An Ethernet frame of TCP over IPv4 with len bytes of payload, to be cut. */
static struct rte_mbuf *
make_tcp(const struct bench *b, uint16_t len, uint16_t mss)
{
	static const uint8_t headers[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,                          /* Ethernet */
		0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
		0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0,  /* TCP */
	};
	struct rte_mbuf *m = make_frame(b, sizeof(headers) + len, 2000, 0);
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

	memcpy(data, headers, sizeof(headers));
	data[16] = (40 + len) >> 8;
	data[17] = 40 + len;
	m->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	m->tso_segsz = mss;
	return m;
}

static void
receive(const struct bench *b, unsigned int queue, struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_enqueue(b->in[queue], m), 0);
}

/* The next frame transmitted, checked byte by byte and freed. */
static void
expect_frame(const struct bench *b, uint32_t len, uint8_t seed)
{
	struct rte_mbuf *m;
	uint8_t byte;
	uint32_t i;
	void *obj;

	assert_int_equal(rte_ring_dequeue(b->out, &obj), 0);
	m = obj;
	assert_int_equal(m->pkt_len, len);
	for (i = 0; i < len; i++)
		assert_int_equal(*(const uint8_t *)rte_pktmbuf_read(m, i, 1, &byte),
				(uint8_t)(i + seed));
	rte_pktmbuf_free(m);
}

static void
expect_counters(const struct bench *b, uint64_t rx, uint64_t tx, uint64_t drops)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	assert_int_equal(c.rx, rx);
	assert_int_equal(c.tx, tx);
	assert_int_equal(fwd_drops(&c), drops);
}

static void
expect_drops(const struct bench *b, enum fwd_drop why, uint64_t n)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	assert_int_equal(c.drops[why], n);
}

static void
frames_of_a_queue_stay_in_order(void **state)
{
	struct bench *b = *state;
	unsigned int i;

	for (i = 0; i < TX_SPACE; i++)
		receive(b, 0, make_frame(b, 60 + i, 2000, i));
	fwd_poll(&b->fwd);
	expect_counters(b, TX_SPACE, TX_SPACE, 0);
	for (i = 0; i < TX_SPACE; i++)
		expect_frame(b, 60 + i, i);
}

static void
every_receive_queue_is_polled(void **state)
{
	struct bench *b = *state;
	unsigned int q;

	for (q = 0; q < RX_QUEUES; q++)
		receive(b, q, make_frame(b, 100, 2000, q));
	fwd_poll(&b->fwd);
	expect_counters(b, RX_QUEUES, RX_QUEUES, 0);
}

static void
what_does_not_fit_is_dropped_and_freed(void **state)
{
	struct bench *b = *state;
	unsigned int i;

	for (i = 0; i < 500; i++)
		receive(b, i % RX_QUEUES, make_frame(b, 60, 2000, 0));
	fwd_poll(&b->fwd);
	expect_counters(b, 500, TX_SPACE, 500 - TX_SPACE);
	expect_drops(b, FWD_DROP_FULL, 500 - TX_SPACE);
	assert_int_equal(in_use(b), TX_SPACE);
}

static void
a_chain_passes_as_it_is(void **state)
{
	struct bench *b = *state;

	receive(b, 0, make_frame(b, 5000, 1000, 7));
	fwd_poll(&b->fwd);
	expect_counters(b, 1, 1, 0);
	assert_int_equal(in_use(b), 5);
	expect_frame(b, 5000, 7);
}

static void
a_chain_is_made_linear_where_it_must(void **state)
{
	struct bench *b = *state;

	b->stream->gate.segs = 1;
	receive(b, 0, make_frame(b, 1900, 700, 3));
	receive(b, 0, make_frame(b, 5000, 1000, 4)); /* fits no single buffer */
	receive(b, 0, make_frame(b, 300, 2000, 5));
	fwd_poll(&b->fwd);
	expect_counters(b, 3, 2, 1);
	expect_drops(b, FWD_DROP_PIECES, 1);
	assert_int_equal(in_use(b), 2);
	expect_frame(b, 1900, 3);
	expect_frame(b, 300, 5);
}

/* Towards the port goes what its MTU allows, tags apart, and only that. */
static void
what_is_longer_than_the_mtu_is_a_drop(void **state)
{
	static const uint32_t lens[] = { 60, 1514, 1515, 9000, 1000 };
	struct bench *b = *state;
	struct rte_mbuf *m;
	unsigned int i;

	b->stream->gate.mtu = 1500;
	b->stream->gate.segs = UINT16_MAX;
	for (i = 0; i < RTE_DIM(lens); i++)
		receive(b, 0, make_frame(b, lens[i], 2000, 0));
	m = make_frame(b, 1518, 2000, 0);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 12) = 0x81;
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 13) = 0;
	receive(b, 0, m);
	fwd_poll(&b->fwd);
	expect_counters(b, 6, 4, 2);
	expect_drops(b, FWD_DROP_LONG, 2);
}

/* Segments too: it is the driver that chose their size. */
static void
segments_longer_than_the_mtu_are_drops(void **state)
{
	struct bench *b = *state;

	b->stream->gate.mtu = 1500;
	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	receive(b, 0, make_tcp(b, 4380, 1460));
	receive(b, 0, make_tcp(b, 4380, 2000)); /* the last is short */
	fwd_poll(&b->fwd);
	expect_counters(b, 2, 4, 2);
	expect_drops(b, FWD_DROP_LONG, 2);
}

/* With the pool empty there is nothing to copy into: a drop, and no leak. */
static void
no_buffer_for_the_copy_is_a_drop(void **state)
{
	struct bench *b = *state;
	struct rte_mbuf *m, *held = NULL;

	b->stream->gate.segs = 1;
	receive(b, 0, make_frame(b, 1900, 700, 3));
	while ((m = rte_pktmbuf_alloc(b->pool)) != NULL) {
		m->next = held;
		held = m;
	}
	fwd_poll(&b->fwd);
	expect_counters(b, 1, 0, 1);
	expect_drops(b, FWD_DROP_NO_BUFFER, 1);
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
	struct bench *b = *state;
	struct rte_mbuf *m;
	unsigned int i;
	void *obj = NULL;

	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	receive(b, 0, make_frame(b, 60, 2000, 1));
	receive(b, 0, make_tcp(b, 1000, 300));
	receive(b, 0, make_frame(b, 61, 2000, 2));
	m = make_tcp(b, 100, 0); /* no segment size: cannot be cut */
	receive(b, 0, m);
	receive(b, 0, make_frame(b, 62, 2000, 3));
	fwd_poll(&b->fwd);
	expect_counters(b, 5, 7, 1);
	expect_drops(b, FWD_DROP_BAD, 1);
	expect_frame(b, 60, 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(rte_ring_dequeue(b->out, &obj), 0);
		m = obj;
		assert_int_equal(m->pkt_len, 54 + (i < 3 ? 300 : 100));
		rte_pktmbuf_free(m);
	}
	expect_frame(b, 61, 2);
	expect_frame(b, 62, 3);
}

/* More segments than the transmit queue takes: dropped, counted, not leaked. */
static void
segments_that_do_not_fit_are_dropped(void **state)
{
	struct bench *b = *state;

	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	receive(b, 0, make_tcp(b, 1600, 8));
	fwd_poll(&b->fwd);
	expect_counters(b, 1, TX_SPACE, 200 - TX_SPACE);
	expect_drops(b, FWD_DROP_FULL, 200 - TX_SPACE);
	assert_int_equal(in_use(b), TX_SPACE);
}

/* A second stream of the lcore, the other way, behind the first one. */
static struct fwd_stream *
add_neighbour(struct bench *b)
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
leave(struct bench *b)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	return c.tx + c.drops[FWD_DROP_FULL];
}

/* Segments in the far port's ring: those of one frame, and frames, in order after *last. */
static void
expect_order(struct bench *b, uint64_t *last)
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
	struct bench *b = *state;
	struct fwd_stream *neighbour = add_neighbour(b);
	uint64_t before = 0, last = 0, now, rounds = 0;
	struct fwd_counters c;
	struct rte_mbuf *m;
	unsigned int i;

	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	for (i = 1; i <= FWD_BURST; i++) {
		m = make_tcp(b, 65000, RTE_VDUSE_NET_TCP_SEGMENT_MIN);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 35) = i;
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 41) = 1; /* sequence numbers from 1 */
		receive(b, 0, m);
	}
	do {
		assert_int_equal(rte_ring_enqueue(b->unused[RX_QUEUES], make_frame(b, 60, 60, 0)),
				0);
		assert_true(fwd_round(&b->fwd.lcores[0]) != 0);
		now = leave(b);
		assert_in_range(now - before, 1, FWD_ROUND_SEGMENTS);
		before = now;
		memset(&c, 0, sizeof(c));
		fwd_read(neighbour, &c);
		assert_int_equal(c.tx, ++rounds);
		drain(b->unused[0]);
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
	struct bench *b = *state;
	struct fwd_counters c;
	struct rte_mbuf *m;
	unsigned int i;
	uint64_t sent = 0;

	offload_init(&b->stream->offload, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	for (i = 0; i < FWD_BURST; i++) {
		m = make_tcp(b, 65000, 0);
		m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
		receive(b, 0, m);
	}
	do {
		fwd_round(&b->fwd.lcores[0]);
		memset(&c, 0, sizeof(c));
		fwd_read(b->stream, &c);
		assert_in_range(c.tx - sent, 1, FWD_ROUND_WORK / 65000 + 1);
		sent = c.tx;
	} while (b->fwd.lcores[0].held != 0);
	expect_counters(b, FWD_BURST, FWD_BURST, 0);
}

/* What is held when forwarding stops: usual frames are sent, of others some, and none is lost. */
static void
what_is_held_is_sent_or_dropped_at_the_end(void **state)
{
	struct bench *b = *state;
	struct fwd_counters c = { 0 };
	uint64_t stopped = 0;
	unsigned int i, usual;

	b->stream->rx_end = 1;
	offload_init(&b->stream->offload, 0, b->pool, NULL);
	b->stream->offload.port = b->far.id;
	for (usual = 0; usual < 2; usual++) {
		for (i = 0; i < FWD_BURST; i++)
			receive(b, 0, make_tcp(b, 65000, usual ? 1448 : 8));
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
		drain(b->out);
		assert_int_equal(in_use(b), 0);
		assert_int_equal(fwd_round(&b->fwd.lcores[0]), 0);
	}
}

static void
a_worker_forwards_until_told_to_stop(void **state)
{
	struct bench *b = *state;
	uint64_t deadline = rte_get_timer_cycles() + 120 * rte_get_timer_hz();
	struct fwd_counters c;
	unsigned int i;

	assert_false(b->fwd.on_main);
	assert_int_equal(fwd_prepare(&b->fwd), 0);
	assert_int_equal(fwd_start(&b->fwd), 0);
	for (i = 0; i < TX_SPACE; i++)
		receive(b, i % RX_QUEUES, make_frame(b, 60, 2000, 0));
	do {
		sched_yield();
		memset(&c, 0, sizeof(c));
		fwd_read(b->stream, &c);
	} while (c.rx < TX_SPACE && rte_get_timer_cycles() < deadline);
	fwd_stop(&b->fwd);
	expect_counters(b, TX_SPACE, TX_SPACE, 0);
	/* Nobody polls any more. */
	receive(b, 0, make_frame(b, 60, 2000, 0));
	expect_counters(b, TX_SPACE, TX_SPACE, 0);
	drain(b->in[0]);
}

static void
a_plan_keeps_to_what_the_driver_has(void **state)
{
	struct bench *b = *state;
	struct port_bounds bounds;

	assert_int_equal(b->near.nb_rxq, RX_QUEUES);
	assert_int_equal(b->near.nb_txq, RX_QUEUES);
	assert_int_equal(b->far.nb_rxq, 1);
	assert_int_equal(b->far.nb_txq, 1);
	assert_true(b->far.nb_rxd > 0 && b->far.nb_txd > 0);
	assert_true(b->far.multi_segs);
	assert_false(b->far.chains);
	assert_true(port_is_up(&b->far));
	assert_true(b->far.frame >= 1514);
	port_bounds(&b->far, &bounds);
	assert_int_equal(bounds.mtu, 1500);
	assert_int_equal(bounds.segs, 0);
	b->far.multi_segs = false;
	port_bounds(&b->far, &bounds);
	assert_int_equal(bounds.segs, 1);
	assert_int_equal(bounds.tso_segs, 1);
}

static void
a_port_is_found_by_name_and_number(void **state)
{
	struct bench *b = *state;
	char number[8];
	uint16_t id = UINT16_MAX;

	snprintf(number, sizeof(number), "%u", b->far.id);
	assert_int_equal(port_find(number, &id), 0);
	assert_int_equal(id, b->far.id);
	assert_int_equal(port_find(b->near.name, &id), 0);
	assert_int_equal(id, b->near.id);
	assert_int_equal(port_find("31", &id), -ENODEV);
	assert_int_equal(port_find("65536", &id), -ENODEV);
	assert_int_equal(port_find("0x0", &id), -ENODEV);
	assert_int_equal(port_find("nothing", &id), -ENODEV);
}

/* What is asked of a port depends on who drives it. */
static void
offloads_are_asked_for_by_driver(void **state)
{
	struct rte_eth_dev_info info = { .rx_offload_capa = UINT64_MAX,
		.tx_offload_capa = UINT64_MAX };
	const uint64_t rx = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
			    RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	const uint64_t tx = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO |
			    RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	struct rte_eth_conf conf;

	(void)state;
	info.driver_name = "net_vduse";
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_true((conf.rxmode.offloads & rx) == rx);
	assert_true((conf.txmode.offloads & tx) == tx);
	info.driver_name = "net_ixgbe";
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_int_equal(conf.rxmode.offloads, RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_true((conf.txmode.offloads & tx) == tx);
	assert_true((conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) == 0);
	info.driver_name = "net_tap";
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_int_equal(conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	info.tx_offload_capa = 0;
	info.rx_offload_capa = 0;
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_int_equal(conf.txmode.offloads | conf.rxmode.offloads, 0);
}

static void
a_pool_too_big_is_refused_whole(void **state)
{
	struct pool_set pools = { 0 };

	(void)state;
	pool_need(&pools, 0, 1024, 2000);
	assert_int_not_equal(pool_create(&pools, 1 << 26, 1), 0);
	assert_null(pools.sockets[0].pool);
}

int
main(int argc, char *argv[])
{
	/* Both lcores on one CPU: it takes no more to show that a worker works. */
	char *eal[] = { argv[0], (char[]){ "--lcores=0@0,1@0" }, (char[]){ "--no-huge" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },
		(char[]){ "-m" }, (char[]){ "128" }, NULL };
	const struct CMUnitTest tests[] = {
#define WITH_PORTS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		WITH_PORTS(frames_of_a_queue_stay_in_order),
		WITH_PORTS(every_receive_queue_is_polled),
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
		WITH_PORTS(a_plan_keeps_to_what_the_driver_has),
		WITH_PORTS(a_port_is_found_by_name_and_number),
		cmocka_unit_test(offloads_are_asked_for_by_driver),
		cmocka_unit_test(a_pool_too_big_is_refused_whole),
	};
	int ret;

	(void)argc;
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return EXIT_FAILURE;
	ret = FILTER_RUN("app_fwd", tests, NULL, NULL);
	rte_eal_cleanup();
	return ret;
}
