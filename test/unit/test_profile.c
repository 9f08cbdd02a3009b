/* SPDX-License-Identifier: BSD-3-Clause */

/* What is offered, with which rings, and what a change of the configuration does. */

#include <errno.h>
#include <string.h>

#include "ctrlq.h"

#define BIT(n) (1ULL << (n))

/* By number: a list of its own (virtio 1.2, 5.1.3 and 6; 1.3 for 52 to 56). */
#define BASE                                                                                     \
	(BIT(3) | BIT(5) | BIT(15) | BIT(16) | BIT(28) | BIT(29) | BIT(32) | BIT(33) | BIT(34) | \
			BIT(35) | BIT(63))
#define CHECKSUMS (BIT(0) | BIT(1))
#define HOST_SEG  (BIT(0) | BIT(11) | BIT(12) | BIT(13) | BIT(56) | BIT(59))
#define GUEST_SEG (BIT(1) | BIT(7) | BIT(8) | BIT(9) | BIT(54) | BIT(55))
#define MULTI                                                                                     \
	(BIT(2) | BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | BIT(22) | BIT(23) | BIT(52) | \
			BIT(53) | BIT(57) | BIT(60))

static const struct rte_vduse_net_conf good_conf = {
	.dev.adopt_fd = -1,
	.dev.tuning.msg_timeout = -1,
	.dev.name = "unit",
	.queue_pairs = 1,
	.dev.queue_size = 256,
	.mac = { { 2, 0, 0, 0, 0, 1 } },
	.mtu = 1500,
};

static uint64_t
offered(const struct rte_vduse_net_conf *conf)
{
	struct rte_vduse_net *net;
	uint64_t features;

	assert_int_equal(rte_vduse_net_create(conf, &net), 0);
	features = fk_offered(fk_find("unit"));
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	return features;
}

static void
test_features(void **state)
{
	static const uint64_t profiles[] = {
		[RTE_VDUSE_NET_PROFILE_LATENCY] = CHECKSUMS,
		[RTE_VDUSE_NET_PROFILE_BULK] = HOST_SEG | GUEST_SEG,
		[RTE_VDUSE_NET_PROFILE_XDP] = HOST_SEG & ~BIT(59),
		[RTE_VDUSE_NET_PROFILE_NONE] = 0,
		[RTE_VDUSE_NET_PROFILE_TX] = BIT(0) | BIT(59) | GUEST_SEG,
	};
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;
	unsigned int p;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	for (p = 0; p < RTE_DIM(profiles); p++) {
		conf = good_conf;
		conf.profile = p;
		assert_int_equal(offered(&conf), BASE | profiles[p]);
		conf.ring = RTE_VDUSE_NET_RING_SPLIT;
		assert_int_equal(offered(&conf), (BASE | profiles[p]) & ~BIT(34));
		conf.ring = RTE_VDUSE_NET_RING_PACKED;
		assert_int_equal(offered(&conf), BASE | profiles[p]);
		conf.standby = true;
		assert_int_equal(offered(&conf), BASE | profiles[p] | BIT(62));
		conf.queue_pairs = 2;
		assert_int_equal(offered(&conf), BASE | profiles[p] | BIT(62) | MULTI);
	}
	conf = good_conf;
	conf.profile = RTE_VDUSE_NET_PROFILE_MIGRATE + 1;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
	unit_assert_logged_once("unknown profile");
}

/* What QEMU's shadow virtqueues carry: no INDIRECT_DESC, RING_PACKED, IN_ORDER, USO. */
static void
test_migrate(void **state)
{
	static const uint64_t not_carried = BIT(28) | BIT(34) | BIT(35) | BIT(54) | BIT(55) |
					    BIT(56) | BIT(59) | BIT(52);
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	conf.profile = RTE_VDUSE_NET_PROFILE_MIGRATE;
	assert_int_equal(offered(&conf), (BASE | HOST_SEG | GUEST_SEG) & ~not_carried);
	conf.queue_pairs = 2;
	assert_int_equal(offered(&conf), (BASE | HOST_SEG | GUEST_SEG | MULTI) & ~not_carried);
	conf.ring = RTE_VDUSE_NET_RING_PACKED;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
	unit_assert_logged_once("has split rings: leave the ring format out");
}

/* Each name once, and none for a bit that is not offered by mistake. */
static void
test_names(void **state)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{ 0, "VIRTIO_NET_F_CSUM" },
		{ 11, "VIRTIO_NET_F_HOST_TSO4" },
		{ 15, "VIRTIO_NET_F_MRG_RXBUF" },
		{ 17, "VIRTIO_NET_F_CTRL_VQ" },
		{ 22, "VIRTIO_NET_F_MQ" },
		{ 32, "VIRTIO_F_VERSION_1" },
		{ 34, "VIRTIO_F_RING_PACKED" },
		{ 52, "VIRTIO_NET_F_VQ_NOTF_COAL" },
		{ 57, "VIRTIO_NET_F_HASH_REPORT" },
		{ 60, "VIRTIO_NET_F_RSS" },
		{ 62, "VIRTIO_NET_F_STANDBY" },
		{ 63, "VIRTIO_NET_F_SPEED_DUPLEX" },
	};
	const uint64_t all = BASE | CHECKSUMS | HOST_SEG | GUEST_SEG | MULTI | BIT(62);
	const char *a, *b;
	unsigned int i, k;

	(void)state;
	for (i = 0; i < RTE_DIM(names); i++)
		assert_string_equal(rte_vduse_net_feature_name(names[i].bit), names[i].name);
	for (i = 0; i < 64; i++) {
		a = rte_vduse_net_feature_name(i);
		if (all >> i & 1)
			assert_non_null(a);
		for (k = 0; a != NULL && k < i; k++) {
			b = rte_vduse_net_feature_name(k);
			assert_true(b == NULL || strcmp(a, b) != 0);
		}
	}
	assert_null(rte_vduse_net_feature_name(4));
	assert_null(rte_vduse_net_feature_name(49));
}

/* A driver that cannot do the one format that is offered is refused. */
static void
test_ring_refused(void **state)
{
	struct rig_conf rig_conf = { .variant.packed = true };
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;
	struct rig b;

	(void)state;
	conf.ring = RTE_VDUSE_NET_RING_PACKED;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rig_take(&b, &rig_conf, net);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
	unit_log_clear();
	fk_set_features(b.dev, rig_features(&rig_conf) & ~BIT(VIRTIO_F_RING_PACKED));
	assert_int_equal(fk_set_status(b.dev, RIG_FEATURES_OK), -EIO);
	unit_assert_logged_once("takes no packed ring");
	assert_int_equal(fk_reset(b.dev), 0);
	/* it may think again */
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);

	conf.ring = RTE_VDUSE_NET_RING_SPLIT;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rig_take(&b, &rig_conf, net);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
	fk_set_features(b.dev, rig_features(&rig_conf));
	assert_int_equal(fk_set_status(b.dev, RIG_FEATURES_OK), -EIO);
	unit_assert_logged_once("that were not offered");
	rig_down(&b);
}

/* Several laps of a ring, in bursts, both ways. */
static void
laps_run(struct rig *b, unsigned int size)
{
	struct rte_mbuf *pkts[32], *m;
	struct mock_used used;
	unsigned int done, n, i;

	for (done = 0; done < 4 * size; done += n) {
		n = 1 + done % RTE_DIM(pkts);
		for (i = 0; i < n; i++)
			rig_send(b, RIG_BUFFERS + 256 * i, done + i, 64);
		assert_int_equal(rig_dequeue_burst(b, pkts, n), n);
		for (i = 0; i < n; i++) {
			rig_mbuf_check(pkts[i], done + i, 64);
			rte_pktmbuf_free(pkts[i]);
			assert_true(mock_vq_get(rig_tx(b), &used));
			rig_offer(b, RIG_BUFFERS, 256);
			m = rig_mbuf(i, 64, 64);
			assert_int_equal(rig_enqueue(b, m), 1);
			assert_true(mock_vq_get(rig_rx(b), &used));
		}
	}
}

static void
test_odd_sizes(void **state)
{
	static const uint16_t sizes[] = { 65, 100, 1000, 32767 };
	const struct rig_conf rig_conf = { .variant = { .packed = true, .event_idx = true } };
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;
	struct rig b;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(sizes); i++) {
		conf.dev.queue_size = sizes[i];
		conf.ring = RTE_VDUSE_NET_RING_ANY;
		assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
		conf.ring = RTE_VDUSE_NET_RING_SPLIT;
		assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
		conf.ring = RTE_VDUSE_NET_RING_PACKED;
		assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
		assert_int_equal(fk_vq_max(fk_find("unit"), 0), sizes[i]);
		if (sizes[i] > 1000) { /* more than the rig has room for */
			assert_int_equal(rte_vduse_net_destroy(net), 0);
			continue;
		}
		rig_take(&b, &rig_conf, net);
		rig_drive(&b);
		laps_run(&b, sizes[i]);
		rig_down(&b);
	}
}

/* Every setter, before a driver is there, and told to the one that is. */
static void
test_config(void **state)
{
	const struct rte_ether_addr mac = { { 2, 1, 2, 3, 4, 5 } };
	struct rte_vduse_net_conf conf = good_conf;
	const struct rig_conf rig_conf = { 0 };
	struct virtio_net_config config;
	struct rte_vduse_net *net;
	struct rig b;
	unsigned int i;

	(void)state;
	conf.speed = 25000;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rig_take(&b, &rig_conf, net);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_int_equal(config.speed, 25000);
	assert_int_equal(config.duplex, 1);
	for (i = 0; i < 2; i++) {
		const unsigned int irqs = fk_config_irqs(b.dev);

		assert_int_equal(rte_vduse_net_set_link(net, true), 0);
		assert_int_equal(rte_vduse_net_set_mac(net, &mac), 0);
		assert_int_equal(rte_vduse_net_set_mtu(net, 2000 + i), 0);
		assert_int_equal(rte_vduse_net_set_speed(net, 40000 + i), 0);
		assert_int_equal(fk_config_irqs(b.dev), i == 0 ? 0 : irqs + 4);
		fk_config(b.dev, 0, &config, sizeof(config));
		assert_int_equal(config.status, VIRTIO_NET_S_LINK_UP);
		assert_memory_equal(config.mac, &mac, 6);
		assert_int_equal(config.mtu, 2000 + i);
		assert_int_equal(config.speed, 40000 + i);
		assert_int_equal(rte_vduse_net_set_link(net, false), 0);
		fk_config(b.dev, 0, &config, sizeof(config));
		assert_int_equal(config.status, 0);
		if (i == 1)
			break;
		rig_negotiate(&b);
		rig_rings(&b, true);
		/* FEATURES_OK is not yet a driver that can be told */
		assert_int_equal(rte_vduse_net_set_link(net, false), 0);
		assert_int_equal(fk_config_irqs(b.dev), 0);
		assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	}
	assert_int_equal(rte_vduse_net_set_speed(net, UINT32_MAX), 0);
	fk_fail(VDUSE_IOC_CONFIG_IRQ, 0, 1, -EIO);
	assert_int_equal(rte_vduse_net_set_link(net, true), -EIO);
	fk_fail(VDUSE_IOC_SET_CONFIG, 0, 1, -EIO);
	assert_int_equal(rte_vduse_net_set_speed(net, 1), -EIO);
	rig_down(&b);
}

static struct rte_mbuf *
tso_mbuf(void)
{
	static const uint8_t ipv4[] = { 0x45, 0, 0x0f, 0xa0, 0, 0, 0, 0, 64, 6 };
	struct rte_mbuf *m = rig_mbuf(1, 14 + 4000, 2000);

	memcpy(rte_pktmbuf_mtod_offset(m, void *, 14), ipv4, sizeof(ipv4));
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 0) = 2;
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 20 + 13) = 0x10;
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = 1000;
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM;
	return m;
}

/* Segmentation and checksums follow what the driver switches on and off, the check too. */
static void
test_guest_offloads(void **state)
{
	const uint64_t on = BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4);
	const struct rig_conf rig_conf = {
		.variant.mergeable = true,
		.pairs = 4,
		.features = on | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
	};
	const uint64_t words[] = { 0, on, BIT(1), on | BIT(8) };
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;
	struct rte_mbuf *m;
	struct rig b;
	unsigned int i;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	conf.queue_pairs = 4;
	conf.profile = RTE_VDUSE_NET_PROFILE_BULK;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rig_take(&b, &rig_conf, net);
	m = tso_mbuf();
	assert_int_equal(rte_vduse_net_check(net, m), -ENOTSUP);
	rig_drive(&b);
	assert_int_equal(rte_vduse_net_check(net, m), 0);
	for (i = 0; i < RTE_DIM(words); i++) {
		const bool refused = words[i] & BIT(8), tso = words[i] == on;
		const uint64_t dropped = rig_stats(&b, false).drop_offload;

		/* refused: as it was before, which is without segmentation */
		assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
						 VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &words[i], 8),
				refused ? VIRTIO_NET_ERR : VIRTIO_NET_OK);
		assert_int_equal(rte_vduse_net_check(net, m), tso ? 0 : -ENOTSUP);
		rig_offer(&b, RIG_BUFFERS, 8000);
		assert_int_equal(rte_vduse_net_enqueue(net, 0, &m, 1), 1);
		assert_int_equal(rig_stats(&b, false).drop_offload, dropped + !tso);
	}
	rte_pktmbuf_free(m);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_features),
		UNIT_TEST(test_migrate),
		UNIT_TEST(test_names),
		UNIT_TEST(test_ring_refused),
		UNIT_TEST(test_odd_sizes),
		UNIT_TEST(test_config),
		UNIT_TEST(test_guest_offloads),
	};

	return UNIT_RUN("profile", tests);
}
