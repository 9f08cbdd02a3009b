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

#include "offload_rig.h"

/* A port that no driver has. */
#define EGRESS_PORT (RTE_MAX_ETHPORTS - 1)

struct rig rig;

static uint16_t
prepare(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct rig_egress *e = queue;

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
rig_open(char *program)
{
	char *eal[] = { program, (char[]){ "-l0" }, (char[]){ "--no-huge" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },
		(char[]){ "-m" }, (char[]){ "128" }, NULL };
	static void *queues[] = { &rig.egress };

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return -1;
	rig.pool = rte_pktmbuf_pool_create("pool", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	rig.small = rte_pktmbuf_pool_create("small", 4095, 0, 0, 256 + RTE_PKTMBUF_HEADROOM, 0);
	rig.indirect = rte_pktmbuf_pool_create("indirect", 4095, 0, 0, 0, 0);
	rte_eth_fp_ops[EGRESS_PORT].tx_pkt_prepare = prepare;
	rte_eth_fp_ops[EGRESS_PORT].txq.data = queues;
	return rig.pool == NULL || rig.small == NULL || rig.indirect == NULL;
}

void
rig_egress(uint64_t tx)
{
	offload_init(&rig.offload, tx, rig.pool, rig.indirect);
	rig.offload.port = EGRESS_PORT;
	rig.offload.queue = 0;
	memset(&rig.egress, 0, sizeof(rig.egress));
}

struct rte_mbuf *
rig_mbuf(const uint8_t *bytes, uint32_t len, const uint16_t *cuts)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t n;

	while (head == NULL || len != 0) {
		m = rte_pktmbuf_alloc(rig.pool);
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
rig_receive(const struct ref *r, const uint16_t *cuts)
{
	static const uint32_t types[REF_TUNNELS] = { 0, RTE_PTYPE_TUNNEL_VXLAN,
		RTE_PTYPE_TUNNEL_GENEVE, RTE_PTYPE_TUNNEL_GRE, RTE_PTYPE_TUNNEL_NVGRE,
		RTE_PTYPE_TUNNEL_IP };
	static uint8_t bytes[REF_MAX];
	struct rte_mbuf *m = rig_mbuf(bytes, ref_whole(r, 0x1bad, bytes), cuts);

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
	assert_true(rig.n + out->n <= RIG_FRAMES);
	memcpy(&rig.frames[rig.n], out->pkts, out->n * sizeof(out->pkts[0]));
	rig.n += out->n;
	rig.flushes++;
	out->n = 0;
}

int
rig_run(struct rte_mbuf *m)
{
	struct offload_out out = { .flush = collect };
	int ret = offload_frame(&rig.offload, m, &out);

	if (out.n != 0)
		collect(&out);
	return ret;
}

void
rig_expect(const char *what, unsigned int i, const uint8_t *bytes, uint32_t len)
{
	static uint8_t copy[REF_MAX];
	const uint8_t *got;
	uint32_t at;

	assert_true(i < rig.n);
	rte_mbuf_sanity_check(rig.frames[i], 1);
	got = rte_pktmbuf_read(rig.frames[i], 0, rig.frames[i]->pkt_len, copy);
	for (at = 0; at < len && at < rig.frames[i]->pkt_len; at++)
		if (got[at] != bytes[at])
			fail_msg("%s, frame %u: byte %u is %02x, not %02x", what, i, at, got[at],
					bytes[at]);
	if (rig.frames[i]->pkt_len != len)
		fail_msg("%s, frame %u: %u bytes, not %u", what, i, rig.frames[i]->pkt_len, len);
}

void
rig_clear(void)
{
	rte_pktmbuf_free_bulk(rig.frames, rig.n);
	rig.n = 0;
	rig.flushes = 0;
	assert_int_equal(rte_mempool_in_use_count(rig.pool), 0);
	assert_int_equal(rte_mempool_in_use_count(rig.small), 0);
	assert_int_equal(rte_mempool_in_use_count(rig.indirect), 0);
}

int
rig_fresh(void **state)
{
	(void)state;
	rte_pktmbuf_free_bulk(rig.frames, rig.n);
	rig.n = 0;
	rig.flushes = 0;
	return 0;
}
