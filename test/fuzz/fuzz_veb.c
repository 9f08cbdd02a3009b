/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A bridge: members of any rules come, change and go, and send frames of any bytes in buffers of
 * any shape. No frame leaves its VLAN, or comes to somebody who is not meant; each is in one
 * counter, and each buffer comes back.
 */

#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "fuzz.h"
#include "gro.h"
#include "veb.h"

#define PORTS   8
#define UPLINKS 2 /* the last ones may be uplinks */
#define MBUFS   1023
#define ROOM    512 /* of a frame's buffers */
#define COPIES  255
#define COPY    4096

/* In the mbuf of a frame on its way: who sent it, and its VLAN; NOWHERE: it must not arrive. */
#define NOWHERE 0xffff

struct port {
	struct veb_member *member; /* NULL: not there */
	struct veb_rules rules;
	struct veb_vlans trunk;
	struct veb_prefix prefixes[2];
	bool uplink;
	uint16_t room;
	uint16_t nb;
	struct rte_mbuf *in[VEB_BURST];
};

static const uint16_t vlans[] = { 0, 5, 7, VEB_VLAN_MAX };
static struct port ports[PORTS];
static struct rte_mempool *frames, *copies;
static struct rte_rcu_qsbr *qsbr;
static struct veb *veb;
static struct veb_lcore *lcore;
static struct veb_stats sum;
static uint64_t now;

/* The other allocators of DPDK's are in fuzz.c. */
void *__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket);
void *__wrap_rte_calloc_socket(
		const char *type, size_t n, size_t size, unsigned int align, int socket);

void *
__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	(void)socket;
	return rte_zmalloc(type, size, align);
}

void *
__wrap_rte_calloc_socket(const char *type, size_t n, size_t size, unsigned int align, int socket)
{
	(void)socket;
	return rte_zmalloc(type, n * size, align);
}

static uint32_t
number(const struct port *port)
{
	return port - ports;
}

static uint16_t
read16(const struct rte_mbuf *m, uint32_t at)
{
	uint8_t copy[2];
	const uint8_t *bytes = rte_pktmbuf_read(m, at, 2, copy);

	return bytes != NULL ? bytes[0] << 8 | bytes[1] : 0;
}

static bool
is_tag(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 ||
	       (type >= 0x9100 && type <= 0x9300 && type % 256 == 0);
}

static bool
has_vlan(const struct port *port, uint16_t vlan)
{
	if (port->uplink)
		return vlan <= VEB_VLAN_MAX;
	if (port->rules.trunk != NULL)
		return vlan <= VEB_VLAN_MAX && (port->trunk.bits[vlan / 64] >> vlan % 64 & 1) != 0;
	return port->rules.vlan == vlan;
}

/* As the rules of who sends have it. */
static uint16_t
vlan_of(const struct port *port, const struct rte_mbuf *m)
{
	const uint16_t type = read16(m, 12), vlan = read16(m, 14) & 0xfff;
	const bool tagged = type == 0x8100 && m->data_len >= 18;

	if (is_tag(type) && !tagged)
		return NOWHERE;
	if (port->uplink || port->rules.trunk != NULL)
		return has_vlan(port, tagged ? vlan : 0) ? tagged ? vlan : 0 : NOWHERE;
	if (tagged && (vlan != 0 || is_tag(read16(m, 16))))
		return NOWHERE;
	return port->rules.vlan;
}

static uint16_t
port_receive(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct port *port = priv;
	uint16_t i;

	FUZZ_CHECK(queue == 0 && n >= port->nb);
	n = port->nb;
	port->nb = 0;
	for (i = 0; i < n; i++) {
		pkts[i] = port->in[i];
		pkts[i]->hash.usr = number(port) << 16 | vlan_of(port, pkts[i]);
	}
	return n;
}

static bool
is_mirror(const struct port *port)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++)
		if (ports[i].member != NULL && ports[i].rules.mirror == port->member)
			return true;
	return false;
}

static bool
is_own(const struct port *port, const struct rte_mbuf *m, uint32_t at)
{
	uint8_t copy[6];
	const uint8_t *mac = rte_pktmbuf_read(m, at, 6, copy);

	return mac != NULL && memcmp(mac, &port->rules.mac, 6) == 0;
}

/* It may come here. */
static void
check_frame(const struct port *to, const struct rte_mbuf *m)
{
	const struct port *from = &ports[m->hash.usr >> 16];
	const uint16_t vlan = m->hash.usr & 0xffff;

	rte_mbuf_sanity_check(m, 1);
	if (is_mirror(to))
		return;
	FUZZ_CHECK(from != to);
	FUZZ_CHECK(vlan != NOWHERE && has_vlan(to, vlan));
	FUZZ_CHECK(!from->uplink || !to->uplink);
	if (!to->uplink && !from->uplink)
		FUZZ_CHECK(!from->rules.isolated && !to->rules.isolated);
	if (!from->uplink && from->rules.spoofchk && !from->rules.trust)
		FUZZ_CHECK(is_own(from, m, 6));
	if (!to->uplink && !to->rules.trust)
		FUZZ_CHECK(is_own(to, m, 0) || (read16(m, 0) & 0x100) != 0);
}

static uint16_t
port_send(void *priv, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct port *port = priv;
	uint16_t i;

	FUZZ_CHECK(queue == 0 && n > 0 && n <= VEB_BURST);
	n = RTE_MIN(n, port->room);
	port->room -= n;
	for (i = 0; i < n; i++)
		check_frame(port, pkts[i]);
	if (port->uplink)
		rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint16_t
port_gro(void *priv, struct rte_mbuf **pkts, uint16_t n, uint64_t *bytes)
{
	(void)priv;
	return gro_burst(pkts, n, GRO_TCP4 | GRO_TCP6, bytes);
}

static void
port_set_link(void *priv, bool up)
{
	(void)priv;
	(void)up;
}

static const struct veb_ops container_ops = { .receive = port_receive,
	.send = port_send,
	.gro = port_gro,
	.set_link = port_set_link,
	.copies = true };
static const struct veb_ops uplink_ops = {
	.receive = port_receive, .send = port_send, .set_link = port_set_link
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	FUZZ_CHECK(unit_eal(NULL) == 0);
	frames = fuzz_pool_create("frames", MBUFS, ROOM);
	copies = fuzz_pool_create("copies", COPIES, COPY);
	FUZZ_CHECK(posix_memalign((void **)&qsbr, RTE_CACHE_LINE_SIZE,
				   rte_rcu_qsbr_get_memsize(1)) == 0);
	rte_rcu_qsbr_init(qsbr, 1);
	lcore = veb_lcore_create(0, SOCKET_ID_ANY);
	FUZZ_CHECK(lcore != NULL);
	return 0;
}

static void
begin(void)
{
	const struct veb_conf conf = { .mtu = 1500,
		.max_members = PORTS,
		.nb_lcores = 1,
		.qsbr = qsbr,
		.pool = copies,
		.socket = SOCKET_ID_ANY };

	FUZZ_CHECK(veb_create(&conf, &veb) == 0);
	memset(&sum, 0, sizeof(sum));
	now = rte_get_tsc_hz();
	veb_lcore_tick(lcore, now);
}

static struct port *
port_at(uint32_t n)
{
	return &ports[n % PORTS];
}

/* Bits of a record, one set of rules. */
static void
make_rules(struct port *port, const struct fuzz_rec *rec, struct veb_rules *rules)
{
	const struct port *mirror = port_at(rec->d >> 40);

	*rules = (struct veb_rules){
		.mac.addr_bytes = { 2, 0, 0, 0, 0,
				1 + ((rec->b & 1) != 0 ? rec->d : number(port)) % PORTS },
		.vlan = vlans[rec->c % RTE_DIM(vlans)],
		.qos = rec->c >> 2 & 7,
		.spoofchk = (rec->b & 2) != 0,
		.trust = (rec->b & 4) != 0,
		.isolated = (rec->b & 8) != 0,
		.gro = (rec->b & 0x10) != 0,
		.link = rec->b >> 5 & 3,
		.nb_prefixes = (rec->b & 0x80) != 0 ? rec->c >> 5 & 3 : 0,
		.prefixes = port->prefixes,
		.max_macs = rec->d >> 8 & 7,
		.max_tx_rate = (rec->b & 0x100) != 0,
		.max_rx_rate = (rec->b & 0x200) != 0,
		.bum_rate = (rec->b & 0x400) != 0,
		.mirror = (rec->b & 0x800) != 0 && mirror != port ? mirror->member : NULL,
	};
	memcpy(port->prefixes[0].addr, &rec->d, sizeof(rec->d));
	port->prefixes[0].len = rec->c >> 8 & 0x3f;
	port->prefixes[0].ipv6 = false;
	port->prefixes[1] = port->prefixes[0];
	port->prefixes[1].ipv6 = true;
	if ((rec->b & 0x1000) == 0)
		return;
	memset(&port->trunk, 0, sizeof(port->trunk));
	port->trunk.bits[0] = rec->c >> 16 & 0xff;
	port->trunk.bits[63] = (rec->c & 0x2000) != 0 ? RTE_BIT64(62) : 0;
	rules->trunk = &port->trunk;
	rules->vlan = (rec->c & 0x4000) != 0 ? rules->vlan : 0;
}

static void
add(const struct fuzz_rec *rec, bool uplink)
{
	struct port *port = port_at(rec->a);
	struct veb_member_conf conf = { .name = "m",
		.ops = uplink ? &uplink_ops : &container_ops,
		.priv = port,
		.nb_rxq = 1,
		.nb_txq = 1,
		.uplink = uplink,
		.socket = SOCKET_ID_ANY };

	if (port->member != NULL)
		return;
	memset(port, 0, sizeof(*port));
	if (!uplink)
		make_rules(port, rec, &conf.rules);
	if (veb_member_add(veb, &conf, &port->member) != 0)
		return;
	port->rules = conf.rules;
	port->uplink = uplink;
	port->room = UINT16_MAX;
}

static void
set(const struct fuzz_rec *rec)
{
	struct port *port = port_at(rec->a), next;
	struct veb_rules rules;

	if (port->member == NULL || port->uplink)
		return;
	next = *port;
	make_rules(&next, rec, &rules);
	if (veb_member_set(port->member, &rules) != 0)
		return;
	*port = next;
	port->rules = rules;
	port->rules.prefixes = port->prefixes;
	port->rules.trunk = rules.trunk != NULL ? &port->trunk : NULL;
}

static void
del(struct port *port)
{
	struct veb_stats last;
	unsigned int i;

	if (port->member == NULL)
		return;
	for (i = 0; i < PORTS; i++)
		if (ports[i].rules.mirror == port->member)
			ports[i].rules.mirror = NULL;
	veb_member_del(port->member, &last);
	rte_pktmbuf_free_bulk(port->in, port->nb);
	memset(port, 0, sizeof(*port));
	sum.in += last.in;
	sum.more += last.more;
	sum.out += last.out;
	sum.merged += last.merged;
	for (i = 0; i < VEB_DROPS; i++)
		sum.drops[i] += last.drops[i];
}

static void
poll(struct port *port)
{
	if (port->member != NULL)
		veb_poll(lcore, port->member, 0);
}

/* Bytes in buffers of these lengths, the last of which is repeated. */
static void
put(struct port *port, const uint8_t *data, uint32_t len, uint64_t shape)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t n;

	if (port->member == NULL || port->nb == VEB_BURST)
		return;
	do {
		m = rte_pktmbuf_alloc(frames);
		if (m == NULL) {
			rte_pktmbuf_free(head);
			return;
		}
		n = RTE_MIN(len, (shape & 0xff) != 0 ? 2 * (uint32_t)(shape & 0xff) : ROOM);
		m->data_off = RTE_PKTMBUF_HEADROOM - (shape >> 63 != 0 ? RTE_PKTMBUF_HEADROOM : 0);
		memcpy(rte_pktmbuf_append(m, n), data, n);
		if (head == NULL)
			head = m;
		else
			FUZZ_CHECK(rte_pktmbuf_chain(head, m) == 0);
		data += n;
		len -= n;
		shape >>= (shape >> 8 & 0xff) != 0 ? 8 : 0;
	} while (len > 0);
	port->in[port->nb++] = head;
}

/* Addresses that are somebody's, tags, and a protocol; the rest are the record's bits. */
static void
put_frame(const struct fuzz_rec *rec)
{
	static const uint8_t groups[][6] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 1, 0, 0x5e, 0, 0, 1 }, { 1, 0x80, 0xc2, 0, 0, 2 }, { 0x33, 0x33, 0, 0, 0, 1 } };
	static const uint16_t types[] = { 0x0800, 0x0806, 0x86dd, 0x88b5, 0x8100, 0x88a8, 0x9100,
		5 };
	uint8_t data[2048];
	uint32_t at = 12, len = rec->b % 1600, i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = rec->d >> i % 8 * 8;
	memset(data, 0, 12);
	data[0] = data[6] = 2;
	data[5] = 1 + (rec->c & 15);
	data[11] = 1 + ((rec->c & 0x10) != 0 ? rec->c >> 5 : rec->a) % PORTS;
	if ((rec->c & 0x100) != 0)
		memcpy(data, groups[rec->c & 3], 6);
	for (i = rec->c >> 9 & 3; i > 0; i--, at += 4) {
		data[at] = types[rec->c >> 11 & 7] >> 8;
		data[at + 1] = types[rec->c >> 11 & 7];
		data[at + 2] = vlans[rec->c >> 14 & 3] >> 8;
		data[at + 3] = vlans[rec->c >> 14 & 3];
	}
	data[at] = types[rec->c >> 16 & 7] >> 8;
	data[at + 1] = types[rec->c >> 16 & 7];
	put(port_at(rec->a), data, len, rec->d);
}

/* As they stand in the input. */
static void
put_bytes(const struct fuzz_rec *rec, struct fuzz_input *in)
{
	const uint32_t len = RTE_MIN((size_t)rec->b % 512, in->left);

	put(port_at(rec->a), in->data, len, rec->d);
	in->data += len;
	in->left -= len;
}

/* The last frame is to be cut, or is somebody else's, too. */
static void
mark(const struct fuzz_rec *rec)
{
	struct port *port = port_at(rec->a);
	struct rte_mbuf *m, *clone;

	if (port->nb == 0)
		return;
	m = port->in[port->nb - 1];
	if ((rec->b & 1) != 0) {
		m->ol_flags |= RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
		m->tso_segsz = rec->c;
		m->l3_len = rec->d;
		m->l4_len = rec->d >> 16;
	}
	if ((rec->b & 2) != 0)
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	if ((rec->b & 4) == 0)
		return;
	clone = rte_pktmbuf_clone(m, frames);
	if (clone == NULL)
		return;
	rte_pktmbuf_free(m);
	port->in[port->nb - 1] = clone;
}

static void
step(const struct fuzz_rec *rec, struct fuzz_input *in)
{
	struct port *port = port_at(rec->a);

	switch (rec->op % 12) {
	case 0:
		add(rec, false);
		break;
	case 1:
		add(rec, rec->a % PORTS >= PORTS - UPLINKS);
		break;
	case 2:
		set(rec);
		break;
	case 3:
		if (rec->b % 4 == 0)
			del(port);
		break;
	case 4:
		now += rec->c % 1000 * rte_get_tsc_hz() / 1000;
		veb_lcore_tick(lcore, now);
		if (rec->b % 4 == 0)
			veb_age(veb, now + rec->b % 512 * rte_get_tsc_hz());
		break;
	case 5:
		if (rec->b % 4 == 0)
			veb_set_mtu(veb, 68 + rec->c % 1500);
		else if (port->member != NULL && port->uplink)
			veb_set_uplink(port->member, rec->b % 4 == 1);
		else
			port->room = rec->c;
		break;
	case 6:
		put_bytes(rec, in);
		break;
	case 7:
		mark(rec);
		break;
	case 8:
		poll(port);
		break;
	default:
		put_frame(rec);
		break;
	}
}

static void
end(void)
{
	uint64_t drops = 0;
	unsigned int i;

	for (i = 0; i < PORTS; i++)
		poll(&ports[i]);
	for (i = 0; i < PORTS; i++)
		del(&ports[i]);
	for (i = 0; i < VEB_DROPS; i++)
		drops += sum.drops[i];
	FUZZ_CHECK(sum.in + sum.more == sum.out + sum.merged + drops);
	veb_destroy(veb);
	FUZZ_CHECK(rte_mempool_avail_count(frames) == MBUFS);
	FUZZ_CHECK(rte_mempool_avail_count(copies) == COPIES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_rec rec;

	begin();
	while (fuzz_next(&in, &rec))
		step(&rec, &in);
	end();
	return 0;
}
