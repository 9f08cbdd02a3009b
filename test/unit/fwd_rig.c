/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_malloc.h>

#include "fwd_rig.h"

#include "filter.h"

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
make_ports(struct fwd_rig *b)
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

int
fwd_rig_setup(void **state)
{
	struct fwd_rig *b = calloc(1, sizeof(*b));

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

void
fwd_rig_drain(struct rte_ring *ring)
{
	void *m;

	while (rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
}

uint32_t
fwd_rig_in_use(const struct fwd_rig *b)
{
	uint32_t used, total;

	pool_usage(&b->pools, &used, &total);
	assert_true(used <= total);
	return used;
}

/* Each frame is in one counter. */
static void
expect_balance(const struct fwd_rig *b)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	assert_int_equal(c.rx + c.more, c.tx + fwd_drops(&c));
}

int
fwd_rig_teardown(void **state)
{
	struct fwd_rig *b = *state;
	unsigned int i;

	expect_balance(b);
	fwd_rig_drain(b->out);
	assert_int_equal(fwd_rig_in_use(b), 0);
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
struct rte_mbuf *
fwd_rig_frame(const struct fwd_rig *b, uint32_t len, uint16_t seg, uint8_t seed)
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
struct rte_mbuf *
fwd_rig_tcp(const struct fwd_rig *b, uint16_t len, uint16_t mss)
{
	static const uint8_t headers[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,                          /* Ethernet */
		0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
		0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0,  /* TCP */
	};
	struct rte_mbuf *m = fwd_rig_frame(b, sizeof(headers) + len, 2000, 0);
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

	memcpy(data, headers, sizeof(headers));
	data[16] = (40 + len) >> 8;
	data[17] = 40 + len;
	m->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	m->tso_segsz = mss;
	return m;
}

void
fwd_rig_receive(const struct fwd_rig *b, unsigned int queue, struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_enqueue(b->in[queue], m), 0);
}

/* The next frame transmitted, checked byte by byte and freed. */
void
fwd_rig_expect_frame(const struct fwd_rig *b, uint32_t len, uint8_t seed)
{
	struct rte_mbuf *m;
	uint8_t byte;
	uint32_t i;
	void *obj = NULL;

	assert_int_equal(rte_ring_dequeue(b->out, &obj), 0);
	m = obj;
	assert_int_equal(m->pkt_len, len);
	for (i = 0; i < len; i++)
		assert_int_equal(*(const uint8_t *)rte_pktmbuf_read(m, i, 1, &byte),
				(uint8_t)(i + seed));
	rte_pktmbuf_free(m);
}

void
fwd_rig_expect_counters(const struct fwd_rig *b, uint64_t rx, uint64_t tx, uint64_t drops)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	assert_int_equal(c.rx, rx);
	assert_int_equal(c.tx, tx);
	assert_int_equal(fwd_drops(&c), drops);
}

void
fwd_rig_expect_drops(const struct fwd_rig *b, enum fwd_drop why, uint64_t n)
{
	struct fwd_counters c = { 0 };

	fwd_read(b->stream, &c);
	assert_int_equal(c.drops[why], n);
}

int
fwd_rig_run(const char *name, const struct CMUnitTest *tests, size_t n, char *argv[])
{
	char *eal[] = { argv[0], (char[]){ "--lcores=0@0,1@0" }, (char[]){ "--no-huge" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },
		(char[]){ "-m" }, (char[]){ "128" }, NULL };
	int ret;

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return EXIT_FAILURE;
	ret = filter_run(name, tests, n, NULL, NULL);
	rte_eal_cleanup();
	return ret;
}
