/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ip.h>
#include <rte_thash.h>

#include "net/ctrl/rss.h"
#include "net/frame.h"
#include "net/headers.h"

/* Words of the longest input: two IPv6 addresses and two ports. */
#define TUPLE_WORDS 9

/* The tuple of a frame, and what it is: outer headers only, as the specification says. */
struct rss_tuple {
	uint32_t words[TUPLE_WORDS];
	uint32_t len; /* words */
	uint16_t report;
};

/* Copy 32-bit words in the frame's order into the processor's. */
static bool
tuple_add(struct rss_tuple *tuple, const struct rte_mbuf *m, uint32_t offset, uint32_t words)
{
	uint32_t copy[8], i;
	const uint32_t *from = net_frame_read(m, offset, words * sizeof(copy[0]), copy);

	if (from == NULL)
		return false;
	for (i = 0; i < words; i++) {
		uint32_t word;

		memcpy(&word, &from[i], sizeof(word));
		tuple->words[tuple->len++] = rte_be_to_cpu_32(word);
	}
	return true;
}

/* Ports where this protocol's type is wanted, else addresses alone. */
static bool
tuple_ports(struct rss_tuple *tuple, const struct rte_mbuf *m, uint32_t offset, uint16_t report)
{
	if (!tuple_add(tuple, m, offset, 1))
		return false;
	tuple->report = report;
	return true;
}

/* What a version of IP has its own of. */
struct rss_version {
	uint32_t addresses; /* offset in the IP header, bytes */
	uint32_t words;     /* both of them */
	uint32_t ip, tcp, udp;
	uint16_t report_ip, report_tcp, report_udp;
};

static const struct rss_version rss_ipv4 = {
	.addresses = offsetof(struct rte_ipv4_hdr, src_addr),
	.words = 2,
	.ip = VIRTIO_NET_RSS_HASH_TYPE_IPv4,
	.tcp = VIRTIO_NET_RSS_HASH_TYPE_TCPv4,
	.udp = VIRTIO_NET_RSS_HASH_TYPE_UDPv4,
	.report_ip = VIRTIO_NET_HASH_REPORT_IPv4,
	.report_tcp = VIRTIO_NET_HASH_REPORT_TCPv4,
	.report_udp = VIRTIO_NET_HASH_REPORT_UDPv4,
};

static const struct rss_version rss_ipv6 = {
	.addresses = offsetof(struct rte_ipv6_hdr, src_addr),
	.words = 8,
	.ip = VIRTIO_NET_RSS_HASH_TYPE_IPv6,
	.tcp = VIRTIO_NET_RSS_HASH_TYPE_TCPv6,
	.udp = VIRTIO_NET_RSS_HASH_TYPE_UDPv6,
	.report_ip = VIRTIO_NET_HASH_REPORT_IPv6,
	.report_tcp = VIRTIO_NET_HASH_REPORT_TCPv6,
	.report_udp = VIRTIO_NET_HASH_REPORT_UDPv6,
};

static bool
tuple_build(struct rss_tuple *tuple, const struct rte_mbuf *m, uint32_t types)
{
	const struct rss_version *v;
	struct rte_vduse_net_l3 ip;

	tuple->len = 0;
	if (net_headers_ip(m, &ip) < 0)
		return false;
	v = ip.ipv6 ? &rss_ipv6 : &rss_ipv4;
	if (!tuple_add(tuple, m, ip.at + v->addresses, v->words))
		return false;
	if (ip.proto == IPPROTO_TCP && (types & v->tcp))
		return tuple_ports(tuple, m, (uint32_t)ip.at + ip.len, v->report_tcp);
	if (ip.proto == IPPROTO_UDP && (types & v->udp))
		return tuple_ports(tuple, m, (uint32_t)ip.at + ip.len, v->report_udp);
	tuple->report = v->report_ip;
	return types & v->ip;
}

uint32_t
net_rss_hash(const struct net_rss *rss, const struct rte_mbuf *m, uint16_t *report)
{
	struct rss_tuple tuple;

	*report = VIRTIO_NET_HASH_REPORT_NONE;
	if (rss->types == 0 || !tuple_build(&tuple, m, rss->types))
		return 0;
	*report = tuple.report;
	return rte_softrss(tuple.words, tuple.len, rss->key);
}

uint16_t
net_rss_pair(const struct net_rss *rss, const struct rte_mbuf *m)
{
	uint16_t report;
	const uint32_t hash = net_rss_hash(rss, m, &report);

	if (report == VIRTIO_NET_HASH_REPORT_NONE)
		return rss->unclassified;
	return rss->table[hash & rss->mask];
}

/* What is left of a command's data. */
struct rss_reader {
	const uint8_t *data;
	size_t len;
	bool ok;
};

static void
rss_read(struct rss_reader *r, void *to, size_t len)
{
	memset(to, 0, len);
	r->ok = r->ok && len <= r->len;
	if (!r->ok)
		return;
	memcpy(to, r->data, len);
	r->data += len;
	r->len -= len;
}

static uint16_t
rss_read_le16(struct rss_reader *r)
{
	uint16_t value;

	rss_read(r, &value, sizeof(value));
	return rte_le_to_cpu_16(value);
}

int
net_rss_parse(struct net_rss *rss, const uint8_t *data, size_t len, bool steer, uint16_t pairs)
{
	struct rss_reader r = { .data = data, .len = len, .ok = true };
	uint16_t reserved[4], active = 0, i;
	uint8_t key_len;

	memset(rss, 0, sizeof(*rss));
	rss->steer = steer;
	rss_read(&r, &rss->types, sizeof(rss->types));
	rss->types = rte_le_to_cpu_32(rss->types);
	if (steer) {
		rss->mask = rss_read_le16(&r);
		rss->unclassified = rss_read_le16(&r);
		if (rss->mask >= NET_RSS_TABLE_MAX || (rss->mask & (rss->mask + 1)) != 0 ||
				rss->unclassified >= pairs)
			return -EINVAL;
		for (i = 0; i <= rss->mask; i++) {
			rss->table[i] = rss_read_le16(&r);
			if (rss->table[i] >= pairs)
				return -EINVAL;
		}
		active = rss_read_le16(&r);
		if (active == 0 || active > pairs)
			return -EINVAL;
	} else {
		rss_read(&r, reserved, sizeof(reserved));
	}
	rss_read(&r, &key_len, sizeof(key_len));
	if (key_len > NET_RSS_KEY_MAX)
		return -EINVAL;
	rss_read(&r, rss->key, key_len);
	/* DPDK sends the whole structure, with the padding at its end */
	return r.ok && r.len < sizeof(uint32_t) && (rss->types | NET_RSS_TYPES) == NET_RSS_TYPES
			       ? active
			       : -EINVAL;
}
