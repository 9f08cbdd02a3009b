/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "compat.h"
#include "mbuf_pool.h"
#include "veb_rig.h"

#define DATA_ROOM 2048

struct rte_mempool *rig_pool;

int
veb_rig_eal(void **state)
{
	static char args[][16] = { "unit", "--no-huge", "--no-shconf", "-m", "128", "--no-pci",
		"--no-telemetry" };
	char *argv[RTE_DIM(args) + 1] = { NULL };
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(args); i++)
		argv[i] = args[i];
	if (rte_eal_init(RTE_DIM(args), argv) < 0 || unit_pool_register() < 0)
		return -1;
	rig_pool = rte_pktmbuf_pool_create_by_ops("rig", RIG_MBUFS, 0, 0,
			RTE_PKTMBUF_HEADROOM + DATA_ROOM, SOCKET_ID_ANY,
			VDUSE_TSAN ? UNIT_POOL_OPS : NULL);
	return rig_pool != NULL ? 0 : -1;
}

int
veb_rig_setup(void **state)
{
	struct veb_rig *r = calloc(1, sizeof(*r));
	struct veb_conf conf = {
		.mtu = RIG_MTU,
		.max_members = RIG_PORTS,
		.nb_lcores = 2,
		.pool = rig_pool,
		.socket = SOCKET_ID_ANY,
	};

	assert_non_null(r);
	assert_int_equal(posix_memalign((void **)&r->qsbr, RTE_CACHE_LINE_SIZE,
					 rte_rcu_qsbr_get_memsize(4)),
			0);
	assert_int_equal(rte_rcu_qsbr_init(r->qsbr, 4), 0);
	conf.qsbr = r->qsbr;
	assert_int_equal(veb_create(&conf, &r->veb), 0);
	r->lcore = veb_lcore_create(0, SOCKET_ID_ANY);
	assert_non_null(r->lcore);
	/* long ago: nobody is to look at the true time */
	__atomic_store_n(&r->now, rte_get_tsc_hz(), __ATOMIC_RELAXED);
	veb_lcore_tick(r->lcore, r->now);
	*state = r;
	return 0;
}

static void
add_up(struct veb_stats *sum, const struct veb_stats *one)
{
	unsigned int why;

	sum->in += one->in;
	sum->more += one->more;
	sum->out += one->out;
	sum->merged += one->merged;
	for (why = 0; why < VEB_DROPS; why++)
		sum->drops[why] += one->drops[why];
}

int
veb_rig_teardown(void **state)
{
	struct veb_rig *r = *state;
	uint64_t drops = 0;
	unsigned int i;

	for (i = 0; i < r->nb_ports; i++)
		if (r->ports[i].member != NULL)
			rig_remove(r, &r->ports[i]);
	for (i = 0; i < VEB_DROPS; i++)
		drops += r->gone.drops[i];
	assert_int_equal(r->gone.in + r->gone.more, r->gone.out + r->gone.merged + drops);
	veb_lcore_destroy(r->lcore);
	veb_destroy(r->veb);
	free(r->qsbr);
	free(r);
	assert_int_equal(rte_mempool_avail_count(rig_pool), RIG_MBUFS);
	return 0;
}

static uint16_t
port_receive(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct rig_port *port = priv;

	assert_int_equal(queue, 0);
	assert_true(port->nb_in <= n);
	n = port->nb_in;
	memcpy(pkts, port->in, n * sizeof(pkts[0]));
	port->nb_in = 0;
	return n;
}

static uint16_t
port_send(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct rig_port *port = priv;
	uint16_t i;

	assert_int_equal(queue, 0);
	port->bursts++;
	n = RTE_MIN(n, port->room);
	port->room -= n;
	if (port->before != NULL)
		port->before(port);
	for (i = 0; i < n; i++) {
		rte_mbuf_sanity_check(pkts[i], 1);
		assert_true(port->nb_out < RTE_DIM(port->out));
		port->out[port->nb_out] = pkts[i];
		port->behind = pkts[i]->next != NULL ? rte_pktmbuf_mtod(pkts[i]->next, void *)
						     : NULL;
		if (port->ops.copies)
			port->out[port->nb_out] =
					rte_pktmbuf_copy(pkts[i], rig_pool, 0, UINT32_MAX);
		assert_non_null(port->out[port->nb_out]);
		port->nb_out++;
	}
	return n;
}

static void
port_set_link(void *priv, bool up)
{
	struct rig_port *port = priv;

	port->up = up;
	port->links++;
}

static struct rig_port *
add(struct veb_rig *r, const char *name, bool uplink, const struct veb_rules *rules)
{
	struct rig_port *port = &r->ports[r->nb_ports++];
	struct veb_member_conf conf = {
		.name = name,
		.ops = &port->ops,
		.priv = port,
		.nb_rxq = 1,
		.nb_txq = 1,
		.uplink = uplink,
		.socket = SOCKET_ID_ANY,
	};

	assert_true(r->nb_ports <= RIG_PORTS);
	memset(port, 0, sizeof(*port));
	port->ops = (struct veb_ops){
		.receive = port_receive,
		.send = port_send,
		.set_link = port_set_link,
		.copies = !uplink,
	};
	port->room = UINT16_MAX;
	if (rules != NULL)
		conf.rules = *rules;
	assert_int_equal(veb_member_add(r->veb, &conf, &port->member), 0);
	assert_int_equal(port->links, 1);
	return port;
}

struct veb_rules
rig_rules(uint8_t mac)
{
	return (struct veb_rules){ .mac.addr_bytes = RIG_MAC(mac), .spoofchk = true };
}

struct rig_port *
rig_container(struct veb_rig *r, uint8_t mac, const struct veb_rules *rules)
{
	const struct veb_rules usual = rig_rules(mac);
	char name[16];

	snprintf(name, sizeof(name), "c%u", mac);
	return add(r, name, false, rules != NULL ? rules : &usual);
}

struct rig_port *
rig_uplink(struct veb_rig *r)
{
	return add(r, "uplink", true, NULL);
}

void
rig_remove(struct veb_rig *r, struct rig_port *port)
{
	struct veb_stats last;

	veb_member_del(port->member, &last);
	port->member = NULL;
	add_up(&r->gone, &last);
	port->looked = 0;
	while (port->nb_out != 0)
		rte_pktmbuf_free(port->out[--port->nb_out]);
	while (port->nb_in != 0)
		rte_pktmbuf_free(port->in[--port->nb_in]);
}

int
rig_set(struct rig_port *port, const struct veb_rules *rules)
{
	return veb_member_set(port->member, rules);
}

/* Its bytes. Return: how many. */
static uint32_t
write_frame(const struct rig_frame *frame, uint8_t *data)
{
	const uint32_t tag = frame->tci >= 0 ? 4 : 0;
	const uint32_t len = (frame->len != 0 ? frame->len : 60) + tag;

	memset(data, 0, len);
	memcpy(data, frame->dst, 6);
	memcpy(data + 6, frame->src, 6);
	if (tag != 0) {
		data[12] = 0x81;
		data[14] = frame->tci >> 8;
		data[15] = frame->tci & 0xff;
	}
	data[12 + tag] = frame->type >> 8;
	data[13 + tag] = frame->type & 0xff;
	memcpy(data + 14 + tag, frame->payload,
			RTE_MIN(len - 14 - tag, (uint32_t)sizeof(frame->payload)));
	return len;
}

struct rte_mbuf *
rig_mbuf(const struct rig_frame *frame)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig_pool);

	assert_non_null(m);
	m->data_len = write_frame(frame, rte_pktmbuf_mtod(m, uint8_t *));
	m->pkt_len = m->data_len;
	return m;
}

void
rig_put_mbuf(struct rig_port *port, struct rte_mbuf *m)
{
	assert_true(port->nb_in < RTE_DIM(port->in));
	port->in[port->nb_in++] = m;
}

void
rig_put(struct rig_port *port, const struct rig_frame *frame)
{
	rig_put_mbuf(port, rig_mbuf(frame));
}

void
rig_poll(struct veb_rig *r, struct rig_port *port)
{
	const uint16_t n = port->nb_in;

	assert_int_equal(veb_poll(r->lcore, port->member, 0), n);
}

void
rig_send(struct veb_rig *r, struct rig_port *port, const struct rig_frame *frame)
{
	rig_put(port, frame);
	rig_poll(r, port);
}

struct rig_frame
rig_unicast(uint8_t from, uint8_t to)
{
	return (struct rig_frame){
		.dst = RIG_MAC(to), .src = RIG_MAC(from), .tci = RIG_UNTAGGED, .type = 0x88b5
	};
}

struct rig_frame
rig_group(uint8_t from, bool broadcast)
{
	const struct rig_frame to_all = { .dst = RIG_BROADCAST },
			       to_some = { .dst = RIG_MULTICAST };
	struct rig_frame frame = broadcast ? to_all : to_some;

	frame.src[0] = 2;
	frame.src[5] = from;
	frame.tci = RIG_UNTAGGED;
	frame.type = 0x88b5;
	return frame;
}

void
rig_expect(struct rig_port *port, const struct rig_frame *frame)
{
	uint8_t bytes[DATA_ROOM];
	const struct rte_mbuf *m;
	uint32_t len;

	assert_true(port->looked < port->nb_out);
	m = port->out[port->looked++];
	len = write_frame(frame, bytes);
	assert_int_equal(m->pkt_len, len);
	assert_memory_equal(rte_pktmbuf_mtod(m, const void *), bytes, len);
}

void
rig_expect_none(struct veb_rig *r)
{
	unsigned int i;

	for (i = 0; i < r->nb_ports; i++)
		assert_int_equal(r->ports[i].looked, r->ports[i].nb_out);
}

struct veb_stats
rig_stats(const struct rig_port *port)
{
	struct veb_stats stats;

	veb_member_stats(port->member, &stats);
	return stats;
}

uint64_t
rig_drops(const struct rig_port *port, enum veb_drop why)
{
	return rig_stats(port).drops[why];
}

void
rig_pass_ms(struct veb_rig *r, uint64_t ms)
{
	__atomic_store_n(&r->now, r->now + ms * rte_get_tsc_hz() / 1000, __ATOMIC_RELAXED);
	veb_lcore_tick(r->lcore, r->now);
}
