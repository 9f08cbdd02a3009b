/* SPDX-License-Identifier: BSD-3-Clause */

/* What goes through the gate towards a port, what is copied for it, and what is not let through. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_eal.h>

#include "filter.h"
#include "gate.h"

static struct rte_mempool *pool;

/* A frame with these tags, in buffers of seg bytes. */
static struct rte_mbuf *
make(uint32_t len, uint16_t seg, const uint16_t *tags)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t at, i;
	uint8_t *data;
	uint16_t n;

	for (at = 0; at < len; at += n) {
		n = RTE_MIN(len - at, (uint32_t)seg);
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		data = (uint8_t *)rte_pktmbuf_append(m, n);
		assert_non_null(data);
		for (i = 0; i < n; i++)
			data[i] = at + i;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	data = rte_pktmbuf_mtod_offset(head, uint8_t *, 12);
	for (; tags != NULL && *tags != 0; tags++, data += 4) {
		data[0] = *tags >> 8;
		data[1] = *tags & 0xff;
	}
	data[0] = 8;
	data[1] = 0;
	return head;
}

/* As fwd.c does. */
static int
through(const struct gate *g, struct rte_mbuf **m)
{
	return gate_wants(g, *m) ? gate_check(g, m) : 0;
}

static void
the_mtu_counts_what_is_behind_tags(void **state)
{
	static const struct {
		uint16_t tags[9];
		unsigned int n;
	} cases[] = {
		{ { 0 }, 0 },
		{ { 0x8100 }, 1 },
		{ { 0x88a8 }, 1 },
		{ { 0x88a8, 0x8100 }, 2 },
		{ { 0x8100, 0x8100 }, 2 },
		{ { 0x9100, 0x88a8, 0x8100 }, 3 },
		{ { 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100 }, 8 },
	};
	const struct gate g = { .mtu = 1500, .segs = UINT16_MAX };
	struct rte_mbuf *m;
	unsigned int i;
	int longer;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++)
		for (longer = 0; longer < 2; longer++) {
			m = make(1514 + 4 * cases[i].n + longer, 100, cases[i].tags);
			assert_int_equal(through(&g, &m), longer ? -EMSGSIZE : 0);
			rte_pktmbuf_free(m);
		}
}

/* A frame that the port cuts may be long; what leaves it may not. */
static void
segments_are_measured(void **state)
{
	const struct gate g = { .mtu = 1500, .segs = UINT16_MAX };
	static const struct {
		uint32_t len;
		uint16_t outer, size;
		int ret;
	} cases[] = {
		{ 9000, 0, 1460, 0 },
		{ 9000, 0, 1461, -EMSGSIZE },
		{ 9000, 0, 60000, -EMSGSIZE },
		{ 1514, 0, 60000, 0 }, /* it is one segment */
		{ 9000, 50, 1410, 0 },
		{ 9000, 50, 1411, -EMSGSIZE },
	};
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		m = make(cases[i].len, 2000, NULL);
		m->ol_flags = i % 2 ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
		m->outer_l2_len = cases[i].outer != 0 ? 14 : 0;
		m->outer_l3_len = cases[i].outer != 0 ? 20 : 0;
		m->l2_len = cases[i].outer != 0 ? 30 : 14;
		m->l3_len = 20;
		m->l4_len = 20;
		m->tso_segsz = cases[i].size;
		assert_int_equal(through(&g, &m), cases[i].ret);
		rte_pktmbuf_free(m);
	}
}

static void
more_buffers_than_the_port_takes_are_copied_into_fewer(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t seg, segs, tso_segs;
		bool tso;
		int ret;
		uint16_t after;
	} cases[] = {
		{ 1000, 100, 4, 4, false, 0, 1 },
		{ 1000, 100, 10, 4, false, 0, 10 },
		{ 1000, 100, 1, 1, false, 0, 1 },
		{ 5000, 100, 3, 1, false, 0, 3 },
		{ 5000, 100, 2, 9, false, -E2BIG, 50 },
		{ 2048, 2000, 1, 1, false, 0, 1 },
		{ 2049, 2000, 1, 1, false, -E2BIG, 2 },
		{ 5000, 100, 2, 9, true, 0, 3 },
		{ 5000, 100, 2, 2, true, -E2BIG, 50 },
		{ 5000, 100, 0, 0, false, 0, 50 },
	};
	struct rte_mbuf *m;
	unsigned int i;
	uint8_t byte;
	uint32_t at;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		const struct gate g = {
			.segs = cases[i].segs, .tso_segs = cases[i].tso_segs, .pool = pool
		};

		m = make(cases[i].len, cases[i].seg, NULL);
		m->ol_flags = cases[i].tso ? RTE_MBUF_F_TX_TCP_SEG : 0;
		m->tso_segsz = 1000;
		assert_int_equal(through(&g, &m), cases[i].ret);
		assert_int_equal(m->nb_segs, cases[i].after);
		assert_int_equal(m->pkt_len, cases[i].len);
		assert_int_equal(m->tso_segsz, 1000);
		for (at = 14; at < cases[i].len; at++)
			assert_int_equal(*(const uint8_t *)rte_pktmbuf_read(m, at, 1, &byte),
					(uint8_t)at);
		rte_pktmbuf_free(m);
		assert_int_equal(rte_mempool_in_use_count(pool), 0);
	}
}

static void
without_a_buffer_the_frame_stays(void **state)
{
	const struct gate g = { .segs = 1, .pool = pool };
	struct rte_mbuf *m, *held[255];
	unsigned int n = 0;

	(void)state;
	m = make(1000, 100, NULL);
	while ((held[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	assert_int_equal(through(&g, &m), -ENOMEM);
	assert_int_equal(m->nb_segs, 10);
	rte_pktmbuf_free(m);
	rte_pktmbuf_free_bulk(held, n);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

int
main(int argc, char *argv[])
{
	char *eal[] = { argv[0], (char[]){ "-l0" }, (char[]){ "--no-huge" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },
		(char[]){ "-m" }, (char[]){ "64" }, NULL };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mtu_counts_what_is_behind_tags),
		cmocka_unit_test(segments_are_measured),
		cmocka_unit_test(more_buffers_than_the_port_takes_are_copied_into_fewer),
		cmocka_unit_test(without_a_buffer_the_frame_stays),
	};

	(void)argc;
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return EXIT_FAILURE;
	pool = rte_pktmbuf_pool_create("pool", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return EXIT_FAILURE;
	return FILTER_RUN("app_gate", tests, NULL, NULL);
}
