/* SPDX-License-Identifier: BSD-3-Clause */

/* Every command of the control queue: refused where it must be, and what it does to frames. */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrlq.h"
#include "hdr_frame.h"

#define BIT(name) (1ULL << (name))

#define FEATURES                                                                                   \
	(BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |                             \
			BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |            \
			BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | \
			BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_NOTF_COAL) |               \
			BIT(VIRTIO_NET_F_VQ_NOTF_COAL))

#define COAL 6 /* VIRTIO_NET_CTRL_NOTF_COAL */

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* What each needs, and data that is right. */
static const struct command {
	uint8_t class, cmd;
	unsigned int feature;
	uint32_t len;
	uint8_t data[16];
} commands[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, 1, { 1 } },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX, 1, { 1 } },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI, VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 1 } },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOMULTI, VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 0 } },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI, VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 0 } },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST, VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 0 } },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_F_CTRL_RX, 14,
			{ 1, 0, 0, 0, 2, 9, 9, 9, 9, 9, 0, 0, 0, 0 } },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR, 6,
			{ 2, 0, 0, 0, 0, 1 } },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, VIRTIO_NET_F_CTRL_VLAN, 2, { 7, 0 } },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, VIRTIO_NET_F_CTRL_VLAN, 2, { 7, 0 } },
	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, VIRTIO_NET_F_GUEST_ANNOUNCE, 0,
			{ 0 } },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ, 2, { 1, 0 } },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
			VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 8, { 2 } },
	{ COAL, 0, VIRTIO_NET_F_NOTF_COAL, 8, { 0 } },
	{ COAL, 1, VIRTIO_NET_F_NOTF_COAL, 8, { 0 } },
	{ COAL, 2, VIRTIO_NET_F_VQ_NOTF_COAL, 12, { 1 } },
};

static uint8_t
ask(struct rig *b, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	return ctrlq_ask(b, class, cmd, data, len);
}

static void
test_lengths(void **state)
{
	uint8_t data[64];
	struct rig b;
	uint32_t len;
	size_t i;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	for (i = 0; i < RTE_DIM(commands); i++) {
		const struct command *c = &commands[i];

		memset(data, 0, sizeof(data));
		memcpy(data, c->data, sizeof(c->data));
		for (len = 0; len < 40; len++)
			if (ask(&b, c->class, c->cmd, data, len) !=
					(len == c->len ? VIRTIO_NET_OK : VIRTIO_NET_ERR))
				fail_msg("class %u command %u with %u bytes", c->class, c->cmd,
						len);
	}
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_not_negotiated(void **state)
{
	struct rig_conf conf = { .pairs = CTRLQ_PAIRS };
	struct rig b;
	size_t i;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	for (i = 0; i < RTE_DIM(commands); i++) {
		const struct command *c = &commands[i];

		conf.features = (FEATURES | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ)) &
				~BIT(c->feature);
		rig_up(&b, &conf);
		assert_int_equal(ask(&b, c->class, c->cmd, c->data, c->len), VIRTIO_NET_ERR);
		rig_down(&b);
		/* its feature and the control queue are enough */
		conf.features = BIT(c->feature) | BIT(VIRTIO_NET_F_CTRL_VQ) |
				BIT(VIRTIO_NET_F_GUEST_CSUM);
		rig_up(&b, &conf);
		assert_int_equal(ask(&b, c->class, c->cmd, c->data, c->len), VIRTIO_NET_OK);
		rig_down(&b);
	}
}

/* Classes and commands that are none. */
static void
test_unknown(void **state)
{
	const uint8_t data[8] = { 1 };
	unsigned int class, cmd;
	struct rig b;
	bool known;
	size_t i;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	for (class = 0; class < 256; class += class < 8 ? 1 : 31) {
		for (cmd = 0; cmd < 256; cmd += cmd < 8 ? 1 : 31) {
			for (i = 0, known = false; i < RTE_DIM(commands); i++)
				known |= commands[i].class == class && commands[i].cmd == cmd;
			if (!known)
				assert_int_equal(ask(&b, class, cmd, data, 1), VIRTIO_NET_ERR);
		}
	}
	rig_down(&b);
}

/* A frame to this address, tagged or not (-1): whether it arrives. What does not is counted. */
static bool
arrives(struct rig *b, const uint8_t *to, int tci)
{
	const uint64_t dropped = rig_stats(b, false).drop_filter;
	uint8_t data[100] = { 0 };
	struct rte_mbuf *m;
	uint32_t len;
	bool got;

	memcpy(data, to, 6);
	data[6] = 2;
	frame_put16(data + 12, tci < 0 ? 0x0800 : 0x8100);
	if (tci >= 0)
		frame_put16(data + 14, tci);
	ctrlq_offer(b, 0);
	m = frame_mbuf(data, sizeof(data), sizeof(data), 0);
	assert_int_equal(rte_vduse_net_enqueue(b->net, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
	got = ctrlq_got(b, 0, &len) != NULL;
	assert_int_equal(rig_stats(b, false).drop_filter, dropped + !got);
	return got;
}

static void
rx_mode(struct rig *b, uint8_t cmd, bool on)
{
	const uint8_t data = on;

	assert_int_equal(ask(b, VIRTIO_NET_CTRL_RX, cmd, &data, 1), VIRTIO_NET_OK);
}

/* Every combination of the six modes, with a table of one address of each kind. */
static void
test_modes(void **state)
{
	static const uint8_t table[] = { 1, 0, 0, 0, 2, 9, 9, 9, 9, 9, 1, 0, 0, 0, 0x33, 0x33, 0, 0,
		0, 1 };
	static const uint8_t other[6] = { 2, 8, 8, 8, 8, 8 }, multi[6] = { 1, 0, 0x5e, 0, 0, 1 };
	unsigned int modes, cmd;
	struct rig b;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	assert_true(arrives(&b, other, -1)); /* it starts promiscuous */
	assert_int_equal(ask(&b, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table,
					 sizeof(table)),
			VIRTIO_NET_OK);
	for (modes = 0; modes < 64; modes++) {
		const bool promisc = modes & 1, allmulti = modes & 2, alluni = modes & 4;
		const bool nomulti = modes & 8, nouni = modes & 16, nobcast = modes & 32;

		/* two that exclude each other: not asked for at once */
		if ((allmulti && nomulti) || (alluni && nouni))
			continue;
		for (cmd = 0; cmd < 6; cmd++)
			rx_mode(&b, cmd, modes >> cmd & 1);
		assert_int_equal(arrives(&b, own_mac, -1), promisc || !nouni);
		assert_int_equal(arrives(&b, table + 4, -1), promisc || !nouni);
		assert_int_equal(arrives(&b, other, -1), promisc || alluni);
		assert_int_equal(arrives(&b, table + 14, -1), promisc || !nomulti);
		assert_int_equal(arrives(&b, multi, -1), promisc || allmulti);
		assert_int_equal(arrives(&b, broadcast, -1), promisc || !nobcast);
	}
	rig_down(&b);
}

static uint32_t
table_list(uint8_t *data, uint32_t n, uint8_t first)
{
	uint32_t i;

	memset(data, 0, 4);
	data[0] = n & 0xff;
	data[1] = n >> 8;
	for (i = 0; i < n; i++) {
		uint8_t *mac = data + 4 + 6 * i;

		memset(mac, 0, 6);
		mac[0] = first;
		frame_put16(mac + 4, i + 0x100);
	}
	return 4 + 6 * n;
}

/* A table of so many addresses of each kind; more than can be kept are all of their kind. */
static void
table_run(struct rig *b, uint32_t unicast, uint32_t multicast)
{
	static uint8_t data[4096];
	uint8_t mac[6] = { 2, 0, 0, 0, 0x77, 0x77 };
	uint32_t len, i;

	len = table_list(data, unicast, 2);
	len += table_list(data + len, multicast, 3);
	assert_int_equal(ask(b, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, data, len),
			VIRTIO_NET_OK);
	assert_int_equal(arrives(b, mac, -1), unicast > NET_FILTER_MACS);
	mac[0] = 3;
	assert_int_equal(arrives(b, mac, -1), multicast > NET_FILTER_MACS);
	for (i = 0; i < unicast; i++)
		assert_true(arrives(b, data + 4 + 6 * i, -1));
	for (i = 0; i < multicast; i++)
		assert_true(arrives(b, data + 4 + 6 * unicast + 4 + 6 * i, -1));
	assert_true(arrives(b, own_mac, -1));
}

static void
test_mac_table(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 2, NET_FILTER_MACS - 1, NET_FILTER_MACS,
		NET_FILTER_MACS + 1, 300 };
	uint8_t data[64] = { 0xff, 0xff, 0xff, 0xff };
	struct rig b;
	size_t i, k;

	(void)state;
	ctrlq_up(&b, 9, FEATURES);
	rx_mode(&b, VIRTIO_NET_CTRL_RX_PROMISC, false);
	for (i = 0; i < RTE_DIM(sizes); i++)
		for (k = 0; k < RTE_DIM(sizes); k++)
			table_run(&b, sizes[i], sizes[k]);
	/* counts that are more than there is, whatever they are multiplied to */
	assert_int_equal(ask(&b, 1, 0, data, 64), VIRTIO_NET_ERR);
	memcpy(data, (const uint8_t[]){ 0xab, 0xaa, 0xaa, 0x2a }, 4);
	assert_int_equal(ask(&b, 1, 0, data, 8), VIRTIO_NET_ERR);
	table_list(data, 2, 2);
	assert_int_equal(ask(&b, 1, 0, data, 16), VIRTIO_NET_ERR);
	assert_int_equal(ask(&b, 1, 0, data, 19), VIRTIO_NET_ERR);
	rig_down(&b);
}

static void
test_mac_addr(void **state)
{
	static const uint8_t bad[][6] = { { 0 }, { 1, 2, 3, 4, 5, 6 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	struct virtio_net_config config;
	struct rig b;
	size_t i;

	(void)state;
	ctrlq_up(&b, 4, FEATURES);
	rx_mode(&b, VIRTIO_NET_CTRL_RX_PROMISC, false);
	assert_int_equal(ask(&b, 1, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6), VIRTIO_NET_OK);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_memory_equal(config.mac, mac, 6);
	assert_true(arrives(&b, mac, -1));
	assert_false(arrives(&b, own_mac, -1));
	for (i = 0; i < RTE_DIM(bad); i++)
		assert_int_equal(ask(&b, 1, VIRTIO_NET_CTRL_MAC_ADDR_SET, bad[i], 6),
				VIRTIO_NET_ERR);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_memory_equal(config.mac, mac, 6);
	fk_fail(VDUSE_IOC_SET_CONFIG, 0, 1, -EPERM);
	assert_int_equal(ask(&b, 1, VIRTIO_NET_CTRL_MAC_ADDR_SET, own_mac, 6), VIRTIO_NET_ERR);
	rig_down(&b);
}

static uint8_t
vlan(struct rig *b, uint8_t cmd, uint16_t id)
{
	const uint8_t data[] = { id & 0xff, id >> 8 };

	return ask(b, VIRTIO_NET_CTRL_VLAN, cmd, data, sizeof(data));
}

static void
test_vlan(void **state)
{
	static const uint16_t ids[] = { 0, 1, 7, 8, 100, 2048, 4094, 4095 };
	struct rig b;
	size_t i, k;

	(void)state;
	ctrlq_up(&b, 8, FEATURES);
	for (i = 0; i < RTE_DIM(ids); i++) {
		assert_false(arrives(&b, own_mac, ids[i]));
		assert_int_equal(vlan(&b, VIRTIO_NET_CTRL_VLAN_ADD, ids[i]), VIRTIO_NET_OK);
		for (k = 0; k < RTE_DIM(ids); k++)
			assert_int_equal(arrives(&b, own_mac, ids[k]), k <= i);
		/* priority and the drop bit are not the id */
		assert_true(arrives(&b, own_mac, 0xf000 | ids[i]));
		assert_true(arrives(&b, own_mac, -1));
	}
	assert_int_equal(vlan(&b, VIRTIO_NET_CTRL_VLAN_ADD, 4096), VIRTIO_NET_ERR);
	assert_int_equal(vlan(&b, VIRTIO_NET_CTRL_VLAN_DEL, 0xffff), VIRTIO_NET_ERR);
	for (i = 0; i < RTE_DIM(ids); i++) {
		assert_int_equal(vlan(&b, VIRTIO_NET_CTRL_VLAN_DEL, ids[i]), VIRTIO_NET_OK);
		for (k = 0; k < RTE_DIM(ids); k++)
			assert_int_equal(arrives(&b, own_mac, ids[k]), k > i);
	}
	rig_down(&b);
	/* a driver that cannot fill the table gets every tag */
	ctrlq_up(&b, 8, FEATURES & ~BIT(VIRTIO_NET_F_CTRL_VLAN));
	for (i = 0; i < RTE_DIM(ids); i++)
		assert_true(arrives(&b, own_mac, ids[i]));
	rig_down(&b);
}

/* What a driver set is gone with it. */
static void
test_reset(void **state)
{
	static const uint8_t other[6] = { 2, 8, 8, 8, 8, 8 };
	struct rig b;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	rx_mode(&b, VIRTIO_NET_CTRL_RX_PROMISC, false);
	rx_mode(&b, VIRTIO_NET_CTRL_RX_NOBCAST, true);
	assert_int_equal(vlan(&b, VIRTIO_NET_CTRL_VLAN_ADD, 5), VIRTIO_NET_OK);
	assert_false(arrives(&b, other, -1) || arrives(&b, broadcast, -1));
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	assert_true(arrives(&b, other, -1));
	assert_true(arrives(&b, broadcast, -1));
	assert_false(arrives(&b, own_mac, 5));
	rx_mode(&b, VIRTIO_NET_CTRL_RX_PROMISC, false);
	assert_true(arrives(&b, broadcast, -1));
	rig_down(&b);
}

static uint16_t
config_status(struct rig *b)
{
	struct virtio_net_config config;

	fk_config(b->dev, 0, &config, sizeof(config));
	return config.status;
}

static void
test_announce(void **state)
{
	struct rig b;

	(void)state;
	ctrlq_up(&b, 0, FEATURES & ~BIT(VIRTIO_NET_F_GUEST_ANNOUNCE));
	assert_int_equal(rte_vduse_net_announce(b.net), -ENOTSUP);
	assert_int_equal(config_status(&b), VIRTIO_NET_S_LINK_UP);
	rig_down(&b);
	ctrlq_up(&b, 0, FEATURES);
	assert_int_equal(rte_vduse_net_announce(b.net), 0);
	assert_int_equal(config_status(&b), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	assert_int_equal(fk_config_irqs(b.dev), 1);
	/* other changes leave the wish there */
	assert_int_equal(rte_vduse_net_set_link(b.net, false), 0);
	assert_int_equal(config_status(&b), VIRTIO_NET_S_ANNOUNCE);
	assert_int_equal(ask(&b, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
			VIRTIO_NET_OK);
	assert_int_equal(config_status(&b), 0);
	rig_down(&b);
}

struct flood {
	struct mock_vq *vq;
	bool stop;
};

/* A driver that is ahead again at once: each entry of its ring is the same command. */
static void *
flood_main(void *arg)
{
	struct flood *flood = arg;
	struct mock_vq *vq = flood->vq;

	while (!__atomic_load_n(&flood->stop, __ATOMIC_RELAXED))
		__atomic_store_n(&vq->avail->idx,
				__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) + 250,
				__ATOMIC_RELEASE);
	return NULL;
}

static void
test_flood(void **state)
{
	struct vduse_abi_vq_state s;
	struct flood flood = { .stop = false };
	pthread_t thread;
	uint16_t before;
	struct rig b;
	unsigned int i;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	flood.vq = &b.vq[CTRLQ_INDEX];
	ctrlq_add(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
			(const uint8_t[]){ 2, 0 }, 2);
	for (i = 0; i < flood.vq->conf.size; i++)
		flood.vq->avail->ring[i] = flood.vq->avail->ring[0];
	unit_thread(&thread, flood_main, &flood);
	fk_kick(b.dev, CTRLQ_INDEX);
	for (i = 0; i < 30; i++) {
		before = __atomic_load_n(&flood.vq->used->idx, __ATOMIC_ACQUIRE);
		assert_int_equal(fk_get_vq_state(b.dev, 0, &s), 0);
		assert_int_equal(rte_vduse_net_set_mtu(b.net, 1400 + i), 0);
		/* and commands go on being served behind it */
		while (__atomic_load_n(&flood.vq->used->idx, __ATOMIC_ACQUIRE) == before)
			fk_kick(b.dev, CTRLQ_INDEX);
	}
	__atomic_store_n(&flood.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(fk_status(b.dev), RIG_DRIVER_OK);
	assert_false(rig_info(&b).dev.broken);
	rig_down(&b);
}

/* Calls that set the configuration, and those of them that another could have come into. */
static struct rte_vduse_net *config_net; /* atomic, as what follows */
static unsigned int config_sets, config_open;

static int
config_ioctl(int fd, unsigned long request, void *arg)
{
	struct rte_vduse_net *net = __atomic_load_n(&config_net, __ATOMIC_ACQUIRE);

	if (request == VDUSE_IOC_SET_CONFIG && net != NULL) {
		__atomic_fetch_add(&config_sets, 1, __ATOMIC_RELAXED);
		if (pthread_mutex_trylock(&net->config_lock.lock) == 0) {
			__atomic_fetch_add(&config_open, 1, __ATOMIC_RELAXED);
			pthread_mutex_unlock(&net->config_lock.lock);
		}
	}
	return fk_sys.ioctl(fd, request, arg);
}

/* The owner and the driver's commands change the configuration one after the other, as a whole. */
static void
test_config_lock(void **state)
{
	const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 9 } };
	static struct vduse_sys sys; /* the device's up to its end */
	struct rig b;

	(void)state;
	ctrlq_up(&b, 0, FEATURES);
	sys = *b.net->dev->sys;
	sys.ioctl = config_ioctl;
	b.net->dev->sys = &sys;
	__atomic_store_n(&config_net, b.net, __ATOMIC_RELEASE);
	assert_int_equal(rte_vduse_net_announce(b.net), 0);
	assert_int_equal(rte_vduse_net_set_link(b.net, false), 0);
	assert_int_equal(ask(&b, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
			VIRTIO_NET_OK);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 1400), 0);
	assert_int_equal(rte_vduse_net_set_speed(b.net, 1000), 0);
	assert_int_equal(rte_vduse_net_set_mac(b.net, &mac), 0);
	assert_int_equal(ask(&b, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, &mac,
					 sizeof(mac)),
			VIRTIO_NET_OK);
	assert_int_equal(__atomic_load_n(&config_sets, __ATOMIC_RELAXED), 7);
	assert_int_equal(__atomic_load_n(&config_open, __ATOMIC_RELAXED), 0);
	__atomic_store_n(&config_net, NULL, __ATOMIC_RELEASE);
	rig_down(&b);
}

static struct rte_vduse_net *owner_net;
static bool owner_stop;
static unsigned int owner_sets;

static void *
owner_run(void *arg)
{
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 1 } };

	(void)arg;
	while (!__atomic_load_n(&owner_stop, __ATOMIC_RELAXED)) {
		mac.addr_bytes[5]++;
		assert_int_equal(rte_vduse_net_set_mac(owner_net, &mac), 0);
		__atomic_fetch_add(&owner_sets, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
owner_wait_set(void)
{
	const unsigned int before = __atomic_load_n(&owner_sets, __ATOMIC_RELAXED);

	while (__atomic_load_n(&owner_sets, __ATOMIC_RELAXED) - before < 2)
		sched_yield();
}

/*
 * The owner sets its address while the driver's commands are kept in the state file, and while a
 * driver comes and goes. Frames are filtered by the address that the driver sees in the end.
 */
static void
test_mac_meanwhile(void **state)
{
	char dir[] = "/dev/shm/ctrl.XXXXXX";
	const struct rig_conf conf = { .pairs = CTRLQ_PAIRS,
		.features = FEATURES | (1ULL << VIRTIO_NET_F_CTRL_VQ) | (1ULL << VIRTIO_NET_F_MQ),
		.state_dir = mkdtemp(dir) };
	uint8_t id[2] = { 0, 0 };
	pthread_t thread;
	struct rig b;
	unsigned int i;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_up(&b, &conf);
	owner_net = b.net;
	unit_thread(&thread, owner_run, NULL);
	for (i = 0; i < 20; i++) {
		id[0] = (uint8_t)i;
		assert_int_equal(ask(&b, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, id, 2),
				VIRTIO_NET_OK);
		owner_wait_set();
		if (i % 4 != 3)
			continue;
		assert_int_equal(fk_reset(b.dev), 0);
		rig_drive(&b);
	}
	__atomic_store_n(&owner_stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(b.net->filter.mac, net_filter_mac(b.net->config.mac));
	rig_down(&b);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_lengths),
		UNIT_TEST(test_not_negotiated),
		UNIT_TEST(test_unknown),
		UNIT_TEST(test_modes),
		UNIT_TEST(test_mac_table),
		UNIT_TEST(test_mac_addr),
		UNIT_TEST(test_vlan),
		UNIT_TEST(test_reset),
		UNIT_TEST(test_announce),
		UNIT_TEST(test_flood),
		UNIT_TEST(test_config_lock),
		UNIT_TEST(test_mac_meanwhile),
	};

	return UNIT_RUN("ctrl_cmd", tests);
}
