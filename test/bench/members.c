/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "members.h"

struct member members[MEMBERS_MAX];
struct rte_mempool *members_pool;

static struct rte_rcu_qsbr *qsbr;

static void
write_address(uint8_t *address, uint32_t number)
{
	memset(address, 0, RTE_ETHER_ADDR_LEN);
	address[0] = 2;
	address[4] = (uint8_t)(number >> 8);
	address[5] = (uint8_t)number;
}

static void
write_header(struct member *m, uint32_t i, uint32_t to)
{
	uint8_t *data = m->headers[i];

	write_address(data, to);
	m->peers[i] = (uint16_t)to;
	write_address(data + RTE_ETHER_ADDR_LEN, m->number);
	data[12] = 8;
	data[13] = 0;
}

void
members_aim(struct member *m, uint32_t to)
{
	uint32_t i;

	for (i = 0; i < MEMBER_HEADERS; i++)
		write_header(m, i, to);
}

static void
write_headers(struct member *m, uint32_t peers)
{
	uint32_t i, random = m->number;

	if (peers == 0) {
		members_aim(m, 0);
		for (i = 0; i < MEMBER_HEADERS; i++)
			memset(m->headers[i], 0xff, RTE_ETHER_ADDR_LEN);
		return;
	}
	for (i = 0; i < MEMBER_HEADERS; i++) {
		random = random * 1664525 + 1013904223;
		write_header(m, i, (m->number + 1 + (random >> 8) % (peers - 1)) % peers);
	}
}

uint16_t
members_receive(void *member, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct member *m = member;
	uint8_t *data;
	uint16_t i;

	(void)queue;
	if (rte_pktmbuf_alloc_bulk(members_pool, pkts, n) != 0)
		rte_panic("no buffers\n");
	for (i = 0; i < n; i++) {
		data = rte_pktmbuf_mtod(pkts[i], uint8_t *);
		memcpy(data, m->queues[0].memory + (m->from & (MEMBER_MEMORY - 1)), m->len);
		memcpy(data, m->headers[m->next++ % MEMBER_HEADERS], 16);
		pkts[i]->data_len = (uint16_t)m->len;
		pkts[i]->pkt_len = m->len;
	}
	return n;
}

uint16_t
members_send(void *member, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct member_queue *q = &((struct member *)member)->queues[queue];
	uint16_t i;

	for (i = 0; i < n; i++) {
		memcpy(q->memory + (q->at & (MEMBER_MEMORY - 1)), rte_pktmbuf_mtod(pkts[i], void *),
				pkts[i]->data_len);
		q->at += 2048;
	}
	return n;
}

const struct veb_ops members_ops = {
	.receive = members_receive, .send = members_send, .copies = true
};

void
members_add(struct veb *veb, const struct members_conf *conf, uint32_t number,
		const struct veb_ops *ops)
{
	struct veb_member_conf c = { .name = "m",
		.ops = ops,
		.nb_rxq = 1,
		.nb_txq = conf->nb_txq,
		.socket = SOCKET_ID_ANY,
		.rules = { .spoofchk = true, .vlan = conf->vlan, .trunk = conf->trunk } };
	struct member *m = &members[number];

	m->len = conf->len;
	m->number = number;
	write_headers(m, conf->peers);
	c.priv = m;
	write_address(c.rules.mac.addr_bytes, number);
	if (veb_member_add(veb, &c, &m->veb) != 0)
		rte_panic("no member\n");
}

struct veb *
members_bridge(const struct members_conf *conf)
{
	const struct veb_conf c = { .mtu = 1500,
		.max_members = MEMBERS_MAX,
		.nb_lcores = conf->nb_lcores,
		.qsbr = qsbr,
		.pool = members_pool,
		.socket = SOCKET_ID_ANY };
	struct veb *veb;
	uint32_t i;

	if (veb_create(&c, &veb) != 0)
		rte_panic("no bridge\n");
	for (i = 0; i < conf->n; i++)
		members_add(veb, conf, i, &members_ops);
	return veb;
}

void
members_end(struct veb *veb, uint32_t n)
{
	while (n > 0)
		veb_member_del(members[--n].veb, NULL);
	veb_destroy(veb);
}

void
members_init(void)
{
	unsigned int i, q;

	members_pool = rte_pktmbuf_pool_create(
			"veb", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (members_pool == NULL || qsbr == NULL)
		rte_panic("no memory: give EAL more\n");
	rte_rcu_qsbr_init(qsbr, 1);
	for (i = 0; i < MEMBERS_MAX; i++) {
		for (q = 0; q < MEMBER_QUEUES; q++) {
			members[i].queues[q].memory = calloc(1, MEMBER_MEMORY);
			if (members[i].queues[q].memory == NULL)
				rte_panic("no memory\n");
		}
	}
}
