/* SPDX-License-Identifier: BSD-3-Clause */

/* The hash of a frame, and where it takes the frame. */

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "ctrlq.h"
#include "hdr_frame.h"

#define FEATURES ((1ULL << VIRTIO_NET_F_RSS) | (1ULL << VIRTIO_NET_F_HASH_REPORT))

#define IPV4 VIRTIO_NET_RSS_HASH_TYPE_IPv4
#define TCP4 VIRTIO_NET_RSS_HASH_TYPE_TCPv4
#define UDP4 VIRTIO_NET_RSS_HASH_TYPE_UDPv4
#define IPV6 VIRTIO_NET_RSS_HASH_TYPE_IPv6
#define TCP6 VIRTIO_NET_RSS_HASH_TYPE_TCPv6
#define UDP6 VIRTIO_NET_RSS_HASH_TYPE_UDPv6

/* "Verifying the RSS hash calculation": the key and every row of both tables. */
static const uint8_t suite_key[40] = {
	0x6d,
	0x5a,
	0x56,
	0xda,
	0x25,
	0x5b,
	0x0e,
	0xc2,
	0x41,
	0x67,
	0x25,
	0x3d,
	0x43,
	0xa3,
	0x8f,
	0xb0,
	0xd0,
	0xca,
	0x2b,
	0xcb,
	0xae,
	0x7b,
	0x30,
	0xb4,
	0x77,
	0xcb,
	0x2d,
	0xa3,
	0x80,
	0x30,
	0xf2,
	0x0c,
	0x6a,
	0x42,
	0xb7,
	0x3b,
	0xbe,
	0xac,
	0x01,
	0xfa,
};

static const struct suite_row {
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint32_t with_ports, addresses;
} suite4[] = {
	{ { 66, 9, 149, 187 }, { 161, 142, 100, 80 }, 2794, 1766, 0x51ccc178, 0x323e8fc2 },
	{ { 199, 92, 111, 2 }, { 65, 69, 140, 83 }, 14230, 4739, 0xc626b0ea, 0xd718262a },
	{ { 24, 19, 198, 95 }, { 12, 22, 207, 184 }, 12898, 38024, 0x5c2b394a, 0xd2d0a5de },
	{ { 38, 27, 205, 30 }, { 209, 142, 163, 6 }, 48228, 2217, 0xafc7327f, 0x82989176 },
	{ { 153, 39, 163, 191 }, { 202, 188, 127, 2 }, 44251, 1303, 0x10e828a2, 0x5d1809c5 },
}, suite6[] = {
	{ { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7 },
			{ 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, 0, 0, 0, 0, 0, 0, 0, 1 },
			2794, 1766, 0x40207d3d, 0x2cc18cd5 },
	{ { 0x3f, 0xfe, 0x05, 0x01, 0, 8, 0, 0, 0x02, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab },
			{ 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 14230, 4739,
			0xdde51bbf, 0x0f0c461c },
	{ { 0x3f, 0xfe, 0x19, 0x00, 0x45, 0x45, 0, 3, 0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67,
			  0xcf },
			{ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67,
					0xcf },
			44251, 38024, 0x02d1feef, 0x4b61e985 },
};

static struct rte_mbuf *
suite_mbuf(const struct suite_row *row, const struct frame_spec *spec, uint32_t first)
{
	const uint32_t len = spec->ipv6 ? 16 : 4;
	struct frame f;
	uint8_t *at;

	frame_build(&f, spec);
	at = f.data + f.ip + (spec->ipv6 ? 8 : 12);
	memcpy(at, row->src, len);
	memcpy(at + len, row->dst, len);
	frame_put16(f.data + f.l4, row->src_port);
	frame_put16(f.data + f.l4 + 2, row->dst_port);
	return frame_mbuf(f.data, f.len, first, 7);
}

static void
assert_hash(const struct net_rss *rss, const struct suite_row *row, const struct frame_spec *spec,
		uint32_t hash, uint16_t report)
{
	static const uint32_t cuts[] = { 2000, 20, 27, 36, 60 };
	struct rte_mbuf *m;
	uint16_t got;
	size_t i;

	for (i = 0; i < RTE_DIM(cuts); i++) {
		m = suite_mbuf(row, spec, cuts[i]);
		assert_int_equal(net_rss_hash(rss, m, &got), hash);
		assert_int_equal(got, report);
		rte_pktmbuf_free(m);
	}
}

static void
suite_run(const struct suite_row *row, bool ipv6, enum frame_wrap wrap)
{
	const uint32_t ip = ipv6 ? IPV6 : IPV4, tcp = ipv6 ? TCP6 : TCP4, udp = ipv6 ? UDP6 : UDP4;
	const uint16_t ip_report = ipv6 ? VIRTIO_NET_HASH_REPORT_IPv6 : VIRTIO_NET_HASH_REPORT_IPv4;
	struct frame_spec spec = { .ipv6 = ipv6, .wrap = wrap, .payload = 10 };
	struct net_rss rss = { .types = NET_RSS_TYPES };

	memcpy(rss.key, suite_key, sizeof(suite_key));
	spec.protocol = FRAME_TCP;
	assert_hash(&rss, row, &spec, row->with_ports,
			ipv6 ? VIRTIO_NET_HASH_REPORT_TCPv6 : VIRTIO_NET_HASH_REPORT_TCPv4);
	rss.types = ip | udp;
	assert_hash(&rss, row, &spec, row->addresses, ip_report);
	rss.types = udp;
	assert_hash(&rss, row, &spec, 0, VIRTIO_NET_HASH_REPORT_NONE);
	spec.protocol = FRAME_UDP;
	assert_hash(&rss, row, &spec, row->with_ports,
			ipv6 ? VIRTIO_NET_HASH_REPORT_UDPv6 : VIRTIO_NET_HASH_REPORT_UDPv4);
	rss.types = ip | tcp;
	assert_hash(&rss, row, &spec, row->addresses, ip_report);
	rss.types = tcp;
	assert_hash(&rss, row, &spec, 0, VIRTIO_NET_HASH_REPORT_NONE);
	rss.types = NET_RSS_TYPES;
	spec.protocol = FRAME_LITE;
	assert_hash(&rss, row, &spec, row->addresses, ip_report);
	rss.types = NET_RSS_TYPES & ~ip;
	assert_hash(&rss, row, &spec, 0, VIRTIO_NET_HASH_REPORT_NONE);
	rss.types = 0;
	assert_hash(&rss, row, &spec, 0, VIRTIO_NET_HASH_REPORT_NONE);
}

static void
test_suite(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(suite4); i++) {
		suite_run(&suite4[i], false, FRAME_PLAIN);
		suite_run(&suite4[i], false, FRAME_VLAN);
		/* what the tree's own reader of headers knows, and DPDK's does not */
		suite_run(&suite4[i], false, FRAME_TAGS);
	}
	for (i = 0; i < RTE_DIM(suite6); i++) {
		suite_run(&suite6[i], true, FRAME_PLAIN);
		suite_run(&suite6[i], true, FRAME_QINQ);
	}
}

/* A fragment has no ports, the first one neither: all of a packet go the same way. */
static void
test_fragment(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_UDP, .payload = 10 };
	static const uint16_t offsets[] = { 0x2000, 0x2001, 0x0001 };
	struct net_rss rss = { .types = NET_RSS_TYPES };
	struct rte_mbuf *m;
	uint16_t report;
	size_t i;

	(void)state;
	memcpy(rss.key, suite_key, sizeof(suite_key));
	for (i = 0; i < RTE_DIM(offsets); i++) {
		m = suite_mbuf(&suite4[0], &spec, 2000);
		frame_put16(rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 6), offsets[i]);
		assert_int_equal(net_rss_hash(&rss, m, &report), suite4[0].addresses);
		assert_int_equal(report, VIRTIO_NET_HASH_REPORT_IPv4);
		rte_pktmbuf_free(m);
	}
}

/* A command's data: struct virtio_net_rss_config or virtio_net_hash_config. */
struct config {
	uint8_t data[512];
	uint32_t len;
};

static void
config_add(struct config *c, uint32_t value, unsigned int bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		c->data[c->len++] = value & 0xff;
}

static void
config_key(struct config *c, unsigned int len)
{
	config_add(c, len, 1);
	memcpy(c->data + c->len, suite_key, RTE_MIN(len, sizeof(suite_key)));
	c->len += len;
}

/* The table: entry i is pair i modulo `pairs`. */
static struct config
config_rss(uint32_t types, uint16_t entries, uint16_t unclassified, uint16_t pairs, uint16_t active)
{
	struct config c = { .len = 0 };
	uint16_t i;

	config_add(&c, types, 4);
	config_add(&c, entries - 1, 2);
	config_add(&c, unclassified, 2);
	for (i = 0; i < entries; i++)
		config_add(&c, i % pairs, 2);
	config_add(&c, active, 2);
	config_key(&c, sizeof(suite_key));
	return c;
}

static struct config
config_hash(uint32_t types)
{
	struct config c = { .len = 0 };

	config_add(&c, types, 4);
	config_add(&c, 0, 4);
	config_add(&c, 0, 4);
	config_key(&c, sizeof(suite_key));
	return c;
}

static uint8_t
ask_rss(struct rig *b, const struct config *c)
{
	return ctrlq_ask(b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, c->data, c->len);
}

static uint8_t
ask_hash(struct rig *b, const struct config *c)
{
	return ctrlq_ask(b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG, c->data, c->len);
}

/* Which pair the frame comes out of, whichever the caller names. */
static uint16_t
steered(struct rig *b, struct rte_mbuf *m, uint16_t from)
{
	uint16_t pair, at = CTRLQ_PAIRS;
	uint32_t len;

	for (pair = 0; pair < CTRLQ_PAIRS; pair++)
		ctrlq_offer(b, pair);
	assert_int_equal(rte_vduse_net_enqueue(b->net, from, &m, 1), 1);
	for (pair = 0; pair < CTRLQ_PAIRS; pair++) {
		if (ctrlq_got(b, pair, &len) == NULL)
			continue;
		assert_int_equal(at, CTRLQ_PAIRS);
		assert_int_equal(len, m->pkt_len);
		at = pair;
	}
	assert_true(at < CTRLQ_PAIRS);
	return at;
}

static void
steer_run(unsigned int variant)
{
	const struct frame_spec tcp = { .protocol = FRAME_TCP, .payload = 10 };
	struct config c = config_rss(NET_RSS_TYPES, 128, 3, CTRLQ_PAIRS, 2);
	struct rte_mbuf *m;
	struct rig b;
	uint16_t from;
	size_t i;

	ctrlq_up(&b, variant, FEATURES);
	assert_int_equal(ask_rss(&b, &c), VIRTIO_NET_OK);
	assert_int_equal(rig_info(&b).active_pairs, 2);
	for (i = 0; i < RTE_DIM(suite4); i++) {
		m = suite_mbuf(&suite4[i], &tcp, 2000);
		for (from = 0; from < CTRLQ_PAIRS; from++)
			assert_int_equal(steered(&b, m, from),
					(suite4[i].with_ports & 127) % CTRLQ_PAIRS);
		rte_pktmbuf_free(m);
	}
	/* no type fits */
	m = rig_mbuf(1, 100, 100);
	frame_put16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), 0x88b5);
	assert_int_equal(steered(&b, m, 0), 3);
	/* pairs by number again: the caller's choice counts */
	assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
					 (const uint8_t[]){ CTRLQ_PAIRS, 0 }, 2),
			VIRTIO_NET_OK);
	for (from = 0; from < CTRLQ_PAIRS; from++)
		assert_int_equal(steered(&b, m, from), from);
	rte_pktmbuf_free(m);
	/* a reset forgets the table */
	assert_int_equal(ask_rss(&b, &c), VIRTIO_NET_OK);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(rig_info(&b).active_pairs, 2);
	rig_drive(&b);
	m = rig_mbuf(1, 100, 100);
	assert_int_equal(rig_info(&b).active_pairs, 1);
	assert_int_equal(steered(&b, m, 3), 0);
	rte_pktmbuf_free(m);
	rig_down(&b);
}

static void
test_steer(void **state)
{
	(void)state;
	steer_run(0);
	steer_run(7);
	steer_run(15);
}

/* Every length but the right one, and contents that are not allowed; what was set stays. */
static void
test_malformed(void **state)
{
	static const uint16_t bad_masks[] = { 2, 4, 5, 126, 128, 255, 0x7fff, 0xffff };
	struct config c = config_rss(NET_RSS_TYPES, 8, 1, CTRLQ_PAIRS, 3), bad;
	struct rig b;
	uint32_t len;
	size_t i;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	assert_int_equal(ask_rss(&b, &c), VIRTIO_NET_OK);
	for (len = 0; len < sizeof(c.data); len++) {
		bad = c;
		bad.len = len;
		assert_int_equal(ask_rss(&b, &bad),
				len >= c.len && len < c.len + 4 ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
		bad = config_hash(IPV4);
		assert_int_equal(bad.len, 53);
		bad.len = len;
		if (len < 53 || len >= 53 + 4)
			assert_int_equal(ask_hash(&b, &bad), VIRTIO_NET_ERR);
	}
	for (i = 0; i < RTE_DIM(bad_masks); i++) {
		bad = c;
		bad.data[4] = bad_masks[i] & 0xff;
		bad.data[5] = bad_masks[i] >> 8;
		assert_int_equal(ask_rss(&b, &bad), VIRTIO_NET_ERR);
	}
	bad = config_rss(NET_RSS_TYPES, 8, CTRLQ_PAIRS, CTRLQ_PAIRS, 3);
	assert_int_equal(ask_rss(&b, &bad), VIRTIO_NET_ERR);
	bad = config_rss(NET_RSS_TYPES, 8, 0, CTRLQ_PAIRS + 1, 3);
	assert_int_equal(ask_rss(&b, &bad), VIRTIO_NET_ERR);
	bad = config_rss(NET_RSS_TYPES, 8, 0, CTRLQ_PAIRS, 0);
	assert_int_equal(ask_rss(&b, &bad), VIRTIO_NET_ERR);
	bad = config_rss(NET_RSS_TYPES, 8, 0, CTRLQ_PAIRS, CTRLQ_PAIRS + 1);
	assert_int_equal(ask_rss(&b, &bad), VIRTIO_NET_ERR);
	for (i = 0; i < 32; i++) {
		bad = config_rss(1u << i, 8, 0, CTRLQ_PAIRS, 3);
		assert_int_equal(ask_rss(&b, &bad),
				NET_RSS_TYPES >> i & 1 ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
	}
	/* a key of 41 bytes */
	bad = c;
	bad.data[bad.len - 41] = 41;
	bad.len++;
	assert_int_equal(ask_rss(&b, &bad), VIRTIO_NET_ERR);
	assert_int_equal(rig_info(&b).active_pairs, 3);
	rig_down(&b);
}

static void
test_not_negotiated(void **state)
{
	struct config rss = config_rss(NET_RSS_TYPES, 8, 0, CTRLQ_PAIRS, 3);
	struct config hash = config_hash(IPV4);
	struct rig b;

	(void)state;
	ctrlq_up(&b, 0, 1ULL << VIRTIO_NET_F_HASH_REPORT);
	assert_int_equal(ask_rss(&b, &rss), VIRTIO_NET_ERR);
	assert_int_equal(ask_hash(&b, &hash), VIRTIO_NET_OK);
	rig_down(&b);
	ctrlq_up(&b, 0, 1ULL << VIRTIO_NET_F_RSS);
	assert_int_equal(ask_rss(&b, &rss), VIRTIO_NET_OK);
	assert_int_equal(ask_hash(&b, &hash), VIRTIO_NET_ERR);
	rig_down(&b);
}

/* struct virtio_net_hdr_v1_hash, both ways. */
static void
report_run(unsigned int variant)
{
	const struct frame_spec tcp = { .protocol = FRAME_TCP, .payload = 10 };
	struct config c = config_hash(NET_RSS_TYPES);
	const struct mock_desc desc = { .iova = RIG_BUFFERS, .len = 20 + 60 };
	uint8_t hdr[20] = { 0 }, byte;
	struct rte_mbuf *m;
	const uint8_t *at;
	struct rig b;
	uint32_t len, i;

	ctrlq_up(&b, variant, FEATURES);
	assert_int_equal(ask_hash(&b, &c), VIRTIO_NET_OK);
	for (i = 0; i < RTE_DIM(suite4) + 1; i++) {
		m = i < RTE_DIM(suite4) ? suite_mbuf(&suite4[i], &tcp, 30) : rig_mbuf(1, 80, 80);
		ctrlq_offer(&b, 0);
		assert_int_equal(rte_vduse_net_enqueue(b.net, 0, &m, 1), 1);
		at = ctrlq_got(&b, 0, &len);
		assert_non_null(at);
		assert_int_equal(len, m->pkt_len);
		frame_check(m, at, len);
		memcpy(hdr, at - sizeof(hdr), sizeof(hdr));
		assert_int_equal(hdr[10] | hdr[11] << 8, 1);
		assert_int_equal(hdr[12] | hdr[13] << 8 | hdr[14] << 16 | (uint32_t)hdr[15] << 24,
				i < RTE_DIM(suite4) ? suite4[i].with_ports : 0);
		assert_int_equal(hdr[16] | hdr[17] << 8,
				i < RTE_DIM(suite4) ? VIRTIO_NET_HASH_REPORT_TCPv4
						    : VIRTIO_NET_HASH_REPORT_NONE);
		assert_int_equal(hdr[18] | hdr[19], 0);
		rte_pktmbuf_free(m);
	}
	memset(hdr, 0, sizeof(hdr));
	guest_write(&b.guest, RIG_BUFFERS, hdr, sizeof(hdr));
	for (i = 0; i < 60; i++) {
		byte = unit_byte(9, i);
		guest_write(&b.guest, RIG_BUFFERS + 20 + i, &byte, 1);
	}
	assert_int_equal(mock_vq_add(rig_tx(&b), &desc, 1, NULL), 0);
	m = rig_dequeue(&b);
	assert_non_null(m);
	rig_mbuf_check(m, 9, 60);
	rte_pktmbuf_free(m);
	rig_down(&b);
}

static void
test_report(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3)
		report_run(v);
}

/* Sends the same frame again and again, as a lcore does. */
struct steering {
	struct rte_vduse_net *net;
	struct rte_mbuf *m;
	bool stop;      /* atomic */
	uint32_t tries; /* the same */
};

static void *
steering_main(void *arg)
{
	struct steering *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		rte_vduse_net_enqueue(s->net, 0, &s->m, 1);
		__atomic_fetch_add(&s->tries, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* What came, and where: only to the pairs that some table has. */
static unsigned int
collect(struct rig *b)
{
	unsigned int n = 0;
	uint16_t pair;
	uint32_t len;

	for (pair = 0; pair < CTRLQ_PAIRS; pair++) {
		if (ctrlq_got(b, pair, &len) == NULL)
			continue;
		assert_in_range(pair, 1, 2);
		ctrlq_offer(b, pair);
		n++;
	}
	return n;
}

/* A frame goes by one table, all of it, while the next one is set. */
static void
test_changed_meanwhile(void **state)
{
	const struct frame_spec tcp = { .protocol = FRAME_TCP, .payload = 10 };
	struct config tables[2] = { config_rss(NET_RSS_TYPES, 1, 1, 1, 4),
		config_rss(NET_RSS_TYPES, 128, 2, 1, 4) };
	struct steering s = { 0 };
	pthread_t thread;
	struct rig b;
	uint32_t seen, i, got = 0;
	uint16_t pair;

	(void)state;
	/* little-endian entries behind types, mask and the pair of what has no type */
	for (i = 0; i < 128; i++)
		tables[1].data[8 + 2 * i] = 2;
	tables[0].data[8] = 1;
	ctrlq_up(&b, 0, FEATURES);
	for (pair = 0; pair < CTRLQ_PAIRS; pair++)
		ctrlq_offer(&b, pair);
	assert_int_equal(ask_rss(&b, &tables[0]), VIRTIO_NET_OK);
	s.net = b.net;
	s.m = suite_mbuf(&suite4[0], &tcp, 2000);
	unit_thread(&thread, steering_main, &s);
	for (i = 0; i < 200; i++) {
		seen = __atomic_load_n(&s.tries, __ATOMIC_RELAXED);
		while (__atomic_load_n(&s.tries, __ATOMIC_RELAXED) - seen < 4)
			sched_yield();
		assert_int_equal(ask_rss(&b, &tables[i & 1]), VIRTIO_NET_OK);
		got += collect(&b);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(got > 0);
	rte_pktmbuf_free(s.m);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_suite),
		UNIT_TEST(test_fragment),
		UNIT_TEST(test_steer),
		UNIT_TEST(test_malformed),
		UNIT_TEST(test_not_negotiated),
		UNIT_TEST(test_report),
		UNIT_TEST(test_changed_meanwhile),
	};

	return UNIT_RUN("rss", tests);
}
