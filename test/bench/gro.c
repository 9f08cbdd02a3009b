/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What it costs to put TCP segments together: cycles of a segment of 1448 bytes, in bursts of 32,
 * of so many connections in turns, by gro_burst() and by rte_gro.
 *
 *   bench-gro EAL-OPTIONS -- [ROUNDS]
 *
 * Each figure is the median of all rounds; both take turns. Of rte_gro frames have the lengths of
 * their headers already, and checksums are nobody's matter, as it looks at neither.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_gro.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "begin.h"
#include "gro.h"
#include "median.h"

#define BURST   32
#define PAYLOAD 1448
#define HEADERS (sizeof(struct headers))
#define ROUNDS  20000

struct headers {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t stamps[12];
};

static struct rte_mempool *pool;
static uint64_t bytes, left;

/* Segment i of a burst of so many connections. */
static struct rte_mbuf *
segment(unsigned int i, unsigned int flows, uint64_t flags)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct headers *h;

	if (m == NULL)
		rte_panic("no buffer\n");
	h = (struct headers *)rte_pktmbuf_append(m, HEADERS + PAYLOAD);
	memset(h, 0, HEADERS);
	h->eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	h->ip = (struct rte_ipv4_hdr){ .version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(HEADERS - sizeof(h->eth) + PAYLOAD),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = 6,
		.src_addr = 1,
		.dst_addr = 2 };
	h->tcp = (struct rte_tcp_hdr){ .src_port = i % flows,
		.dst_port = 80,
		.sent_seq = rte_cpu_to_be_32(i / flows * PAYLOAD),
		.data_off = 0x80,
		.tcp_flags = RTE_TCP_ACK_FLAG };
	memset(h + 1, i, PAYLOAD);
	h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
	if ((flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD) == 0)
		h->tcp.cksum = rte_ipv4_udptcp_cksum(&h->ip, &h->tcp);
	m->ol_flags |= flags;
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	m->l2_len = sizeof(h->eth);
	m->l3_len = sizeof(h->ip);
	m->l4_len = sizeof(h->tcp) + sizeof(h->stamps);
	return m;
}

static uint16_t
ours(struct rte_mbuf **pkts)
{
	return gro_burst(pkts, BURST, GRO_TCP4, &bytes);
}

static uint16_t
theirs(struct rte_mbuf **pkts)
{
	const struct rte_gro_param param = {
		.gro_types = RTE_GRO_TCP_IPV4, .max_flow_num = BURST, .max_item_per_flow = 1
	};

	return rte_gro_reassemble_burst(pkts, BURST, &param);
}

static double
time_of(uint16_t (*way)(struct rte_mbuf **pkts), unsigned int flows, uint64_t flags)
{
	struct rte_mbuf *pkts[BURST];
	uint64_t start, cycles;
	unsigned int i;
	uint16_t n;

	for (i = 0; i < BURST; i++)
		pkts[i] = segment(i, flows, flags);
	start = rte_rdtsc_precise();
	n = way(pkts);
	cycles = rte_rdtsc_precise() - start;
	left += n;
	if (n != flows)
		rte_panic("%u frames are left, not %u\n", n, flows);
	rte_pktmbuf_free_bulk(pkts, n);
	return (double)cycles / BURST;
}

static void
compare(unsigned int flows, unsigned int rounds)
{
	const uint64_t good = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	double *values = calloc(3 * (size_t)rounds, sizeof(*values));
	unsigned int i;

	if (values == NULL)
		rte_panic("no memory\n");
	for (i = 0; i < rounds; i++) {
		values[i] = time_of(ours, flows, good);
		values[rounds + i] = time_of(theirs, flows, good);
		values[2 * rounds + i] = time_of(ours, flows, 0);
	}
	printf("gro connections=%u ours=%.0f rte_gro=%.0f ours-with-checksums=%.0f cycles a "
	       "segment\n",
			flows, median(values, rounds), median(values + rounds, rounds),
			median(values + 2 * (size_t)rounds, rounds));
	free(values);
}

int
main(int argc, char *argv[])
{
	const unsigned int rounds = bench_begin(argc, argv, ROUNDS);

	pool = rte_pktmbuf_pool_create(
			"gro", 1023, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		rte_panic("no memory: give EAL more\n");
	compare(1, rounds);
	compare(4, rounds);
	compare(8, rounds);
	rte_eal_cleanup();
	return left == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
