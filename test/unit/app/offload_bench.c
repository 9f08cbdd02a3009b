/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "offload_bench.h"

/* A port that no driver has. */
#define EGRESS_PORT (RTE_MAX_ETHPORTS - 1)

struct bench bench;

static uint16_t
prepare(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct bench_egress *e = queue;

	(void)pkts;
	assert_int_equal(n, 1);
	e->prepared++;
	if (e->refuse-- > 0) {
		rte_errno = ENOTSUP;
		return 0;
	}
	return n;
}

int
bench_open(char *program)
{
	char *eal[] = { program, (char[]){ "-l0" }, (char[]){ "--no-huge" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },
		(char[]){ "-m" }, (char[]){ "128" }, NULL };
	static void *queues[] = { &bench.egress };

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return -1;
	bench.pool = rte_pktmbuf_pool_create("pool", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	bench.small = rte_pktmbuf_pool_create("small", 4095, 0, 0, 256 + RTE_PKTMBUF_HEADROOM, 0);
	bench.indirect = rte_pktmbuf_pool_create("indirect", 4095, 0, 0, 0, 0);
	rte_eth_fp_ops[EGRESS_PORT].tx_pkt_prepare = prepare;
	rte_eth_fp_ops[EGRESS_PORT].txq.data = queues;
	return bench.pool == NULL || bench.small == NULL || bench.indirect == NULL;
}

void
bench_egress(uint64_t tx)
{
	offload_init(&bench.offload, tx, bench.pool, bench.indirect);
	bench.offload.port = EGRESS_PORT;
	bench.offload.queue = 0;
	memset(&bench.egress, 0, sizeof(bench.egress));
}

struct rte_mbuf *
bench_mbuf(const uint8_t *bytes, uint32_t len, const uint16_t *cuts)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t n;

	while (head == NULL || len != 0) {
		m = rte_pktmbuf_alloc(bench.pool);
		assert_non_null(m);
		n = cuts != NULL && *cuts != 0 ? *cuts++ : rte_pktmbuf_tailroom(m);
		n = RTE_MIN(n, len);
		memcpy(rte_pktmbuf_append(m, n), bytes, n);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		bytes += n;
		len -= n;
	}
	return head;
}

struct rte_mbuf *
bench_receive(const struct ref *r, const uint16_t *cuts)
{
	static const uint32_t types[REF_TUNNELS] = { 0, RTE_PTYPE_TUNNEL_VXLAN,
		RTE_PTYPE_TUNNEL_GENEVE, RTE_PTYPE_TUNNEL_GRE, RTE_PTYPE_TUNNEL_NVGRE,
		RTE_PTYPE_TUNNEL_IP };
	static uint8_t bytes[REF_MAX];
	struct rte_mbuf *m = bench_mbuf(bytes, ref_whole(r, 0x1bad, bytes), cuts);

	struct ref_offsets at;

	ref_offsets(r, &at);
	m->outer_l2_len = at.outer_ip;
	m->outer_l3_len = at.outer_l4 - at.outer_ip;
	m->l2_len = at.ip - at.outer_l4;
	m->l3_len = at.l4 - at.ip;
	m->packet_type = types[r->tunnel];
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE | (r->mss != 0 ? RTE_MBUF_F_RX_LRO : 0);
	m->tso_segsz = r->mss;
	return m;
}

static void
collect(struct offload_out *out)
{
	assert_true(out->n > 0 && out->n <= OFFLOAD_OUT);
	assert_true(bench.n + out->n <= BENCH_FRAMES);
	memcpy(&bench.frames[bench.n], out->pkts, out->n * sizeof(out->pkts[0]));
	bench.n += out->n;
	bench.flushes++;
	out->n = 0;
}

int
bench_run(struct rte_mbuf *m)
{
	struct offload_out out = { .flush = collect };
	int ret = offload_frame(&bench.offload, m, &out);

	if (out.n != 0)
		collect(&out);
	return ret;
}

void
bench_expect(const char *what, unsigned int i, const uint8_t *bytes, uint32_t len)
{
	static uint8_t copy[REF_MAX];
	const uint8_t *got;
	uint32_t at;

	assert_true(i < bench.n);
	rte_mbuf_sanity_check(bench.frames[i], 1);
	got = rte_pktmbuf_read(bench.frames[i], 0, bench.frames[i]->pkt_len, copy);
	for (at = 0; at < len && at < bench.frames[i]->pkt_len; at++)
		if (got[at] != bytes[at])
			fail_msg("%s, frame %u: byte %u is %02x, not %02x", what, i, at, got[at],
					bytes[at]);
	if (bench.frames[i]->pkt_len != len)
		fail_msg("%s, frame %u: %u bytes, not %u", what, i, bench.frames[i]->pkt_len, len);
}

void
bench_clear(void)
{
	rte_pktmbuf_free_bulk(bench.frames, bench.n);
	bench.n = 0;
	bench.flushes = 0;
	assert_int_equal(rte_mempool_in_use_count(bench.pool), 0);
	assert_int_equal(rte_mempool_in_use_count(bench.small), 0);
	assert_int_equal(rte_mempool_in_use_count(bench.indirect), 0);
}

int
bench_fresh(void **state)
{
	(void)state;
	rte_pktmbuf_free_bulk(bench.frames, bench.n);
	bench.n = 0;
	bench.flushes = 0;
	return 0;
}
