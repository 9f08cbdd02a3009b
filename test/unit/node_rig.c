/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eth_ring.h>

#include "node_rig.h"

/* Of a pool: the least that lcores and one port need. */
#define MBUFS 2048
/* Buffers that each driver receives into, and sends from. */
#define BUFFERS   64
#define BUFFER    2048
#define RECEIVING RIG_BUFFERS
#define SENDING   (RIG_BUFFERS + BUFFERS * BUFFER)

unsigned int node_rig_macs, node_rig_macs_max;

int
__wrap_rte_eth_dev_mac_addr_add(uint16_t port, struct rte_ether_addr *mac, uint32_t pool)
{
	(void)port;
	(void)pool;
	assert_true(rte_is_valid_assigned_ether_addr(mac));
	if (node_rig_macs == node_rig_macs_max)
		return -ENOSPC;
	node_rig_macs++;
	return 0;
}

int
__wrap_rte_eth_dev_mac_addr_remove(uint16_t port, struct rte_ether_addr *mac)
{
	(void)port;
	(void)mac;
	assert_true(node_rig_macs > 0);
	node_rig_macs--;
	return 0;
}

bool node_rig_removed;

int
__wrap_rte_eth_dev_is_removed(uint16_t port)
{
	(void)port;
	return node_rig_removed;
}

bool node_rig_refuses;

int
__wrap_rte_eth_dev_start(uint16_t port)
{
	return node_rig_refuses ? -EIO : __real_rte_eth_dev_start(port);
}

/* "net_ring_up0" of "up0". */
#define RING_DRIVER "net_ring_"

static void
join_port(struct node_rig *r, const char *name)
{
	const int port = rte_eth_from_rings(name, r->ins, r->nb_queues, r->outs, r->nb_queues, 0);

	assert_true(port >= 0);
	r->port = port;
	assert_int_equal(rte_eth_dev_get_name_by_port(port, r->uplink), 0);
}

static void
make_port(struct node_rig *r)
{
	static unsigned int id;
	char name[32];
	unsigned int i;

	for (i = 0; i < r->nb_queues; i++) {
		snprintf(name, sizeof(name), "in%u_%u", id, i);
		r->ins[i] = rte_ring_create(name, 256, SOCKET_ID_ANY, 0);
		snprintf(name, sizeof(name), "out%u_%u", id, i);
		r->outs[i] = rte_ring_create(name, 256, SOCKET_ID_ANY, 0);
		assert_true(r->ins[i] != NULL && r->outs[i] != NULL);
	}
	r->in = r->ins[0];
	r->out = r->outs[0];
	snprintf(name, sizeof(name), "up%u", id++);
	join_port(r, name);
}

bool node_rig_back;
static struct node_rig *the_rig;

int
__wrap_plug_pull(struct plug *plug)
{
	assert_int_equal(rte_eal_hotplug_remove("vdev", plug->port), 0);
	plug->out = the_rig->port_out = true;
	node_rig_removed = false;
	return 0;
}

bool
__wrap_plug_is_back(struct plug *plug)
{
	assert_true(plug->out);
	return node_rig_back;
}

int
__wrap_plug_in(struct plug *plug, uint16_t *port)
{
	join_port(the_rig, plug->port + strlen(RING_DRIVER));
	assert_string_equal(the_rig->uplink, plug->port);
	plug->out = the_rig->port_out = false;
	*port = the_rig->port;
	return 0;
}

static struct {
	lcore_function_t *f;
	void *arg;
	bool begun, ended; /* atomic */
} launched[RTE_MAX_LCORE];

static int
run_launched(void *arg)
{
	const unsigned int lcore = rte_lcore_id();
	int ret;

	(void)arg;
	while (!__atomic_load_n(&launched[lcore].begun, __ATOMIC_ACQUIRE))
		;
	ret = launched[lcore].f(launched[lcore].arg);
	__atomic_store_n(&launched[lcore].ended, true, __ATOMIC_RELEASE);
	return ret;
}

int
__wrap_rte_eal_remote_launch(lcore_function_t *f, void *arg, unsigned int lcore)
{
	__atomic_store_n(&launched[lcore].begun, false, __ATOMIC_RELAXED);
	launched[lcore].f = f;
	launched[lcore].arg = arg;
	__atomic_store_n(&launched[lcore].ended, false, __ATOMIC_RELAXED);
	__atomic_store_n(&launched[lcore].begun, true, __ATOMIC_RELEASE);
	return __real_rte_eal_remote_launch(run_launched, NULL, lcore);
}

int
__wrap_rte_eal_wait_lcore(unsigned int lcore)
{
	const int ret = __real_rte_eal_wait_lcore(lcore);

	while (launched[lcore].f != NULL &&
			!__atomic_load_n(&launched[lcore].ended, __ATOMIC_ACQUIRE))
		;
	launched[lcore].f = NULL;
	return ret;
}

static uint64_t
rig_now(void *arg)
{
	struct node_rig *r = arg;

	/* threads of captures look, too */
	return __atomic_fetch_add(&r->now, r->step, __ATOMIC_RELAXED);
}

static void
on_event(void *arg, const struct node_news *news)
{
	const bool is_fault =
			news->event == NODE_CONTAINER_FAULT || news->event == NODE_UPLINK_FAULT;
	struct node_rig *r = arg;

	assert_int_equal(strncmp(news->network, "net", 3), 0);
	assert_true(news->name[0] != '\0');
	assert_int_equal(news->text != NULL, is_fault);
	r->events[news->event]++;
	if (is_fault)
		snprintf(r->text, sizeof(r->text), "%.15s: %.200s", news->name, news->text);
}

struct node_container_conf
node_rig_conf(unsigned int n)
{
	struct node_container_conf conf;

	node_container_defaults(&conf);
	snprintf(conf.name, sizeof(conf.name), "c%u", n + 1);
	snprintf(conf.network, sizeof(conf.network), "net0");
	conf.mac.addr_bytes[0] = 2;
	conf.mac.addr_bytes[5] = n + 1;
	conf.queue_size = RIG_QUEUE_SIZE;
	conf.attach = RTE_VDUSE_ATTACH_NONE;
	return conf;
}

static int
setup(void **state, unsigned int nb_queues, bool live, enum idle_mode idle)
{
	static struct node_rig rig;
	struct node_rig *r = &rig;
	struct node_conf conf = { .mbufs = MBUFS,
		.max_containers = 8,
		.on_main = !live,
		.idle.mode = idle,
		.now = live ? NULL : rig_now,
		.now_arg = r };
	struct node_network_conf network = { .name = "net0", .nb_uplinks = 1 };
	struct node_container_conf container;
	struct node_error error;
	unsigned int i;

	if (unit_setup(state) != 0)
		return -1;
	memset(r, 0, sizeof(*r));
	r->nb_queues = nb_queues;
	/* long ago: nobody is to look at the true time */
	r->now = rte_get_tsc_hz();
	node_rig_macs_max = RIG_CONTAINERS;
	node_rig_removed = node_rig_refuses = node_rig_back = false;
	the_rig = r;
	make_port(r);
	assert_int_equal(node_create(&conf, &r->node), 0);
	node_on_event(r->node, on_event, r);
	memcpy(network.uplinks[0], r->uplink, sizeof(network.uplinks[0]));
	assert_int_equal(node_network_add(r->node, &network, &error), 0);
	for (i = 0; i < RIG_CONTAINERS; i++) {
		container = node_rig_conf(i);
		assert_int_equal(node_container_add(r->node, &container, &error), 0);
		node_rig_drive(r, i, 0);
	}
	*state = r;
	return 0;
}

int
node_rig_setup(void **state)
{
	return setup(state, 1, false, IDLE_SLEEP);
}

int
node_rig_setup_live(void **state)
{
	return setup(state, 1, true, IDLE_SLEEP);
}

int
node_rig_setup_queues(void **state)
{
	return setup(state, RIG_QUEUES, true, IDLE_SLEEP);
}

int
node_rig_setup_awake(void **state)
{
	return setup(state, 1, true, IDLE_POLL);
}

int
node_rig_teardown(void **state)
{
	struct node_rig *r = *state;
	struct rig_bytes frame;
	unsigned int i;

	for (i = 0; i < RIG_CONTAINERS; i++)
		if (r->drivers[i].rig.dev != NULL)
			node_rig_undrive(r, i);
	while (node_rig_get_wire(r, &frame))
		;
	node_destroy(r->node);
	assert_int_equal(node_rig_macs, 0);
	/* one that was pulled out is gone already */
	assert_int_equal(rte_eal_hotplug_remove("vdev", r->uplink), r->port_out ? -EINVAL : 0);
	for (i = 0; i < r->nb_queues; i++) {
		rte_ring_free(r->ins[i]);
		rte_ring_free(r->outs[i]);
	}
	return unit_teardown(state);
}

void
node_rig_drive(struct node_rig *r, unsigned int n, uint64_t features)
{
	struct rig_driver *d = &r->drivers[n];
	struct rig_conf conf = { .features = features };
	struct mock_desc desc = { .len = BUFFER, .write = true };
	unsigned int i;

	snprintf(d->name, sizeof(d->name), "c%u", n + 1);
	conf.name = d->name;
	rig_take(&d->rig, &conf, node_find_container(r->node, d->name)->net);
	rig_drive(&d->rig);
	d->sent = 0;
	for (i = 0; i < BUFFERS; i++) {
		desc.iova = RECEIVING + i * BUFFER;
		assert_int_equal(mock_vq_add(rig_rx(&d->rig), &desc, 1,
						 (void *)(uintptr_t)desc.iova),
				0);
	}
}

void
node_rig_undrive(struct node_rig *r, unsigned int n)
{
	struct rig_driver *d = &r->drivers[n];

	assert_int_equal(fk_reset(d->rig.dev), 0);
	rig_give_back(&d->rig);
	d->rig.dev = NULL;
}

struct rig_bytes
node_rig_frame(uint8_t from, uint8_t to)
{
	struct rig_bytes f = { .len = 64 };

	if (to == 0)
		memset(f.data, 0xff, 6);
	else
		f.data[0] = 2;
	f.data[5] = to != 0 ? to : 0xff;
	f.data[6] = 2;
	f.data[11] = from;
	f.data[12] = 0x88;
	f.data[13] = 0xb5;
	f.data[20] = from;
	f.data[21] = to;
	return f;
}

void
node_rig_send_hdr(struct node_rig *r, unsigned int n, const void *hdr, const struct rig_bytes *f)
{
	struct rig_driver *d = &r->drivers[n];
	const struct mock_desc desc = { .iova = SENDING + d->sent++ % BUFFERS * BUFFER,
		.len = RIG_HDR_LEN + f->len };
	struct mock_used used;

	while (mock_vq_get(rig_tx(&d->rig), &used))
		;
	guest_write(&d->rig.guest, desc.iova, hdr, RIG_HDR_LEN);
	guest_write(&d->rig.guest, desc.iova + RIG_HDR_LEN, f->data, f->len);
	assert_int_equal(mock_vq_add(rig_tx(&d->rig), &desc, 1, NULL), 0);
}

void
node_rig_send(struct node_rig *r, unsigned int n, const struct rig_bytes *frame)
{
	const uint8_t hdr[RIG_HDR_LEN] = { 0 };

	node_rig_send_hdr(r, n, hdr, frame);
}

/* net_ring, through which a frame comes to its worker, is not instrumented. */
#if VDUSE_TSAN
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#else
#define AnnotateIgnoreWritesBegin(file, line)
#define AnnotateIgnoreWritesEnd(file, line)
#endif

void
node_rig_send_queue(struct node_rig *r, unsigned int queue, const struct rig_bytes *frame)
{
	struct rte_mbuf *m;
	char *data;

	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	m = rte_pktmbuf_alloc(unit_pool);
	assert_non_null(m);
	data = rte_pktmbuf_append(m, frame->len);
	assert_non_null(data);
	memcpy(data, frame->data, frame->len);
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	assert_int_equal(rte_ring_enqueue(r->ins[queue], m), 0);
}

void
node_rig_send_wire(struct node_rig *r, const struct rig_bytes *frame)
{
	node_rig_send_queue(r, 0, frame);
}

/* What misses a mapping is looked up by the control thread, and tried again. */
void
node_rig_kick(struct node_rig *r, unsigned int n)
{
	struct rig *b = &r->drivers[n].rig;

	if (mock_vq_need_kick(rig_tx(b)))
		fk_kick(b->dev, 1);
}

void
node_rig_run(struct node_rig *r)
{
	unsigned int i, round;

	for (round = 0; round < 4; round++) {
		node_poll(r->node);
		for (i = 0; i < RIG_CONTAINERS; i++)
			if (r->drivers[i].rig.dev != NULL)
				rig_settle_misses(&r->drivers[i].rig);
	}
}

bool
node_rig_get(struct node_rig *r, unsigned int n, struct rig_bytes *frame)
{
	uint8_t hdr[RIG_HDR_LEN];

	return node_rig_get_hdr(r, n, hdr, frame);
}

bool
node_rig_get_hdr(struct node_rig *r, unsigned int n, void *hdr, struct rig_bytes *frame)
{
	struct rig *b = &r->drivers[n].rig;
	struct mock_desc desc = { .len = BUFFER, .write = true };
	struct mock_used used;

	if (!mock_vq_get(rig_rx(b), &used))
		return false;
	desc.iova = (uintptr_t)used.cookie;
	frame->len = used.len - RIG_HDR_LEN;
	assert_true(frame->len <= sizeof(frame->data));
	guest_read(&b->guest, desc.iova, hdr, RIG_HDR_LEN);
	guest_read(&b->guest, desc.iova + RIG_HDR_LEN, frame->data, frame->len);
	assert_int_equal(mock_vq_add(rig_rx(b), &desc, 1, used.cookie), 0);
	return true;
}

bool
node_rig_get_wire(struct node_rig *r, struct rig_bytes *frame)
{
	unsigned int queue = 0;
	struct rte_mbuf *m;
	void *obj = NULL;

	while (queue < r->nb_queues && rte_ring_dequeue(r->outs[queue], &obj) != 0)
		queue++;
	if (obj == NULL)
		return false;
	m = obj;
	frame->len = m->pkt_len;
	assert_true(frame->len <= sizeof(frame->data) && m->nb_segs == 1);
	memcpy(frame->data, rte_pktmbuf_mtod(m, void *), frame->len);
	rte_pktmbuf_free(m);
	return true;
}

static void
is_same(const struct rig_bytes *got, const struct rig_bytes *wanted)
{
	assert_int_equal(got->len, wanted->len);
	assert_memory_equal(got->data, wanted->data, wanted->len);
}

void
node_rig_expect(struct node_rig *r, unsigned int n, const struct rig_bytes *frame)
{
	struct rig_bytes got = { .len = 0 };

	assert_true(node_rig_get(r, n, &got));
	is_same(&got, frame);
}

void
node_rig_expect_wire(struct node_rig *r, const struct rig_bytes *frame)
{
	struct rig_bytes got = { .len = 0 };

	assert_true(node_rig_get_wire(r, &got));
	is_same(&got, frame);
}

void
node_rig_expect_none(struct node_rig *r)
{
	struct rig_bytes got;
	unsigned int i;

	for (i = 0; i < RIG_CONTAINERS; i++)
		if (r->drivers[i].rig.dev != NULL)
			assert_false(node_rig_get(r, i, &got));
	assert_false(node_rig_get_wire(r, &got));
}

struct veb_stats
node_rig_stats(struct node_rig *r, unsigned int n)
{
	struct veb_stats stats;

	veb_member_stats(node_find_container(r->node, r->drivers[n].name)->member, &stats);
	return stats;
}
