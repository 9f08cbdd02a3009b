/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an application that is not ours may rely on when it receives from the
 * ethdev: lengths, mbufs, checksums; and what it is refused, with the reason.
 */

#include <errno.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "hdr_frame.h"
#include "pmd.h"
#include "rig.h"

#define VDEV "net_vduse_unit"
#define ARGS "name=unit,queue-size=256,mac=02:00:00:00:00:05"

#define CKSUM                                                           \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | \
			RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define LRO     (CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO)
#define SCATTER RTE_ETH_RX_OFFLOAD_SCATTER

#define CSUM      (1ULL << VIRTIO_NET_F_CSUM)
#define HOST_TSO4 (CSUM | 1ULL << VIRTIO_NET_F_HOST_TSO4)

#define OVERHEAD 22 /* Ethernet and two tags */

static uint16_t
port_probe(const char *args)
{
	uint16_t port;

	assert_int_equal(rte_vdev_init(VDEV, args), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(VDEV, &port), 0);
	return port;
}

static int
port_configure(uint16_t port, uint64_t offloads, uint16_t mtu)
{
	const struct rte_eth_conf conf = { .rxmode = { .offloads = offloads, .mtu = mtu } };

	return rte_eth_dev_configure(port, 1, 1, &conf);
}

static int
port_queues(uint16_t port, struct rte_mempool *pool)
{
	const int ret = rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, pool);

	return ret == 0 ? rte_eth_tx_queue_setup(port, 0, 256, 0, NULL) : ret;
}

static uint16_t
config_mtu(void)
{
	struct virtio_net_config config;

	fk_config(fk_find("unit"), 0, &config, sizeof(config));
	return config.mtu;
}

/* The port's MTU is what the application configures, and the driver is shown it. */
static void
test_mtu_configure(void **state)
{
	struct rte_eth_dev_info info;
	uint16_t port, mtu;

	(void)state;
	port = port_probe(ARGS ",mtu=4000");
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 4000);
	assert_int_equal(port_configure(port, SCATTER, 9000), 0);
	assert_int_equal(config_mtu(), 9000);
	unit_assert_logged_once("MTU 9000, as the application configures; it was 4000");
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 9000);
	assert_int_equal(port_configure(port, SCATTER, 1500), 0);
	assert_int_equal(config_mtu(), 1500);
	assert_int_not_equal(port_configure(port, SCATTER, 67), 0);
	assert_int_equal(config_mtu(), 1500);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	/* an application that says nothing, and what it asks of ethdev between */
	port = port_probe(ARGS ",mtu=4000");
	assert_int_equal(port_configure(port, SCATTER, 0), 0);
	assert_int_equal(config_mtu(), 4000);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(port_configure(port, SCATTER, 0), 0);
	assert_int_equal(config_mtu(), 4000);
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 4000);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Limits that ethdev checks by agree with each other. */
static void
test_info(void **state)
{
	struct rte_eth_dev_info info;
	uint16_t port;

	(void)state;
	port = port_probe(ARGS);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.min_mtu, 68);
	assert_int_equal(info.max_mtu, 65535);
	assert_int_equal(info.max_rx_pktlen, 65535 + OVERHEAD);
	assert_in_range(info.min_rx_bufsize, 1, UNIT_DATA_ROOM);
	assert_int_equal(info.rx_offload_capa, CKSUM | SCATTER);
	assert_int_equal(info.rx_queue_offload_capa, 0);
	assert_true((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0);
	assert_true((*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Profiles that the application does not serve are refused at once, with the cure. */
static void
test_profiles(void **state)
{
	static const struct {
		const char *args;
		uint64_t offloads;
		int ret;
		const char *text;
	} cases[] = {
		{ ARGS, 0, 0, NULL },
		{ ARGS ",profile=none", 0, 0, NULL },
		{ ARGS ",profile=tx", 0, 0, NULL },
		{ ARGS ",profile=tx", CKSUM, 0, NULL },
		{ ARGS ",profile=bulk", LRO | SCATTER, 0, NULL },
		{ ARGS ",profile=xdp", LRO | SCATTER, 0, NULL },
		{ ARGS ",profile=bulk", CKSUM | SCATTER, -EINVAL, "profile=bulk receives frames" },
		{ ARGS ",profile=bulk", CKSUM, -EINVAL, "TCP_LRO" },
		{ ARGS ",profile=xdp", 0, -EINVAL, "or use profile=tx or profile=latency" },
		{ ARGS ",zero-copy=1", CKSUM, -EINVAL, "enable the RX offload SCATTER" },
		{ ARGS ",zero-copy=1", SCATTER, 0, NULL },
	};
	unsigned int i;
	uint16_t port;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		unit_log_clear();
		port = port_probe(cases[i].args);
		assert_int_equal(port_configure(port, cases[i].offloads, 0), cases[i].ret);
		if (cases[i].text != NULL)
			unit_assert_logged_once(cases[i].text);
		assert_int_equal(rte_vdev_uninit(VDEV), 0);
	}
}

/* Segmentation towards the driver, and none from it. */
static void
test_profile_tx(void **state)
{
	const uint64_t tso = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO;
	struct rte_eth_dev_info info;
	uint16_t port;

	(void)state;
	port = port_probe(ARGS ",profile=tx");
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.tx_offload_capa & tso, tso);
	assert_int_equal(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Mbufs that do not hold the longest frame, and no SCATTER. */
static void
test_room(void **state)
{
	struct rte_mempool *large, *tiny;
	uint16_t port;

	(void)state;
	large = rte_pktmbuf_pool_create(
			"large", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 9000 + OVERHEAD, SOCKET_ID_ANY);
	tiny = rte_pktmbuf_pool_create("tiny", 63, 0, 0, RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	assert_non_null(large);
	assert_non_null(tiny);
	port = port_probe(ARGS);
	assert_int_equal(port_configure(port, 0, 9000), 0);
	assert_int_equal(port_queues(port, unit_pool), -EINVAL);
	unit_assert_logged_once("frames of up to 9022 bytes (MTU 9000) do not fit");
	assert_int_equal(port_queues(port, large), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_int_equal(rte_eth_devices[port].data->scattered_rx, 0);
	/* larger than the mbufs, while it runs */
	unit_log_clear();
	assert_int_equal(rte_eth_dev_set_mtu(port, 9001), -EINVAL);
	unit_assert_logged_once("MTU 9001");
	assert_int_equal(config_mtu(), 9000);
	assert_int_equal(rte_eth_dev_set_mtu(port, 1500), 0);
	assert_int_equal(config_mtu(), 1500);
	/* set while it is stopped, as OVS does: the queues' mbufs are looked at when it starts */
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_set_mtu(port, 9001), 0);
	assert_int_equal(rte_eth_dev_start(port), -EINVAL);
	assert_int_equal(port_configure(port, SCATTER, 9001), 0);
	assert_int_equal(port_queues(port, unit_pool), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_int_equal(rte_eth_devices[port].data->scattered_rx, 1);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	/* no room at all */
	assert_int_equal(port_configure(port, SCATTER, 1500), 0);
	assert_int_not_equal(port_queues(port, tiny), 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	rte_mempool_free(large);
	rte_mempool_free(tiny);
}

/* 64 KiB never fit one mbuf; less is what the application may limit them to. */
static void
test_room_lro(void **state)
{
	struct rte_eth_conf conf = { .rxmode = { .offloads = LRO } };
	struct rte_mempool *large;
	uint16_t port;

	(void)state;
	large = rte_pktmbuf_pool_create(
			"large", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 40000, SOCKET_ID_ANY);
	assert_non_null(large);
	port = port_probe(ARGS ",profile=bulk");
	assert_int_equal(port_configure(port, LRO, 1500), 0);
	assert_int_equal(port_queues(port, large), -EINVAL);
	unit_assert_logged_once("frames of up to 65557 bytes (MTU 1500, TCP_LRO)");
	conf.rxmode.max_lro_pkt_size = 40000;
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(port_queues(port, large), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	rte_mempool_free(large);
}

/* The driver's side of a port, up. */
static void
driver_up(struct rig *b, uint16_t port, const struct rig_conf *conf)
{
	const struct pmd_dev *pmd = rte_eth_devices[port].data->dev_private;

	rig_take(b, conf, pmd->net);
	rig_drive(b);
}

static uint16_t
port_up(struct rig *b, const char *args, uint64_t offloads, uint64_t features)
{
	const struct rig_conf conf = { .features = features };
	const uint16_t port = port_probe(args);

	assert_int_equal(port_configure(port, offloads, 0), 0);
	assert_int_equal(port_queues(port, unit_pool), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	driver_up(b, port, &conf);
	return port;
}

static void
port_down(struct rig *b)
{
	rig_give_back(b);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/*
 * What came of the one frame that the driver sent; NULL: its buffer came back, and nothing with
 * it. A queue may rest between two polls (ring/backoff.h).
 */
static struct rte_mbuf *
receive(struct rig *b, uint16_t port)
{
	const uint64_t end = rte_get_timer_cycles() + 60 * rte_get_timer_hz();
	struct rte_mbuf *m = NULL;
	struct mock_used used;

	while (rte_eth_rx_burst(port, 0, &m, 1) == 0) {
		if (mock_vq_get(rig_tx(b), &used))
			return NULL;
		assert_true(rte_get_timer_cycles() < end);
	}
	while (mock_vq_get(rig_tx(b), &used))
		;
	return m;
}

static uint64_t
ierrors(uint16_t port)
{
	struct rte_eth_stats stats;

	assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	return stats.ierrors;
}

/* Whether a frame of this length comes, whole and, without SCATTER, in one mbuf. */
static bool
comes(struct rig *b, uint16_t port, uint32_t len, bool scatter)
{
	const uint64_t errors = ierrors(port);
	struct rte_mbuf *m;

	rig_send(b, RIG_BUFFERS, len, len);
	m = receive(b, port);
	if (m == NULL) {
		assert_int_equal(ierrors(port), errors + 1);
		return false;
	}
	assert_int_equal(ierrors(port), errors);
	assert_true(scatter || m->nb_segs == 1);
	rig_mbuf_check(m, len, len);
	rte_pktmbuf_free(m);
	return true;
}

/* Lengths around the port's MTU, from a driver that has heard of no MTU. */
static void
mtu_run(const char *args, uint64_t offloads)
{
	const bool scatter = offloads & SCATTER;
	const uint32_t bad[] = { 1523, 2000, 2048, 2049, 4500, 9000, 60000 };
	const uint32_t good[] = { 64, 1400, 1514, 1518, 1522 };
	struct rig b;
	unsigned int i;
	uint16_t port;

	port = port_up(&b, args, offloads, 0);
	for (i = 0; i < RTE_DIM(good); i++)
		assert_true(comes(&b, port, good[i], scatter));
	for (i = 0; i < RTE_DIM(bad); i++)
		assert_false(comes(&b, port, bad[i], scatter));
	/* under traffic, up and down; what the mbufs hold */
	assert_int_equal(rte_eth_dev_set_mtu(port, 2000), 0);
	assert_true(comes(&b, port, 2022, scatter));
	assert_false(comes(&b, port, 2023, scatter));
	assert_int_equal(rte_eth_dev_set_mtu(port, 9000), scatter ? 0 : -EINVAL);
	assert_int_equal(comes(&b, port, 9014, scatter), scatter);
	assert_int_equal(rte_eth_dev_set_mtu(port, 1500), 0);
	assert_false(comes(&b, port, 9014, scatter));
	assert_true(comes(&b, port, 1514, scatter));
	port_down(&b);
}

static void
test_mtu(void **state)
{
	(void)state;
	mtu_run(ARGS, 0);
	mtu_run(ARGS, CKSUM);
	mtu_run(ARGS, SCATTER);
	mtu_run(ARGS ",zero-copy=1,zero-copy-min=256", SCATTER);
}

/* A driver that negotiated 9000 goes on sending that after the port's MTU fell. */
static void
test_mtu_negotiated(void **state)
{
	struct rig b;
	uint16_t port;

	(void)state;
	port = port_up(&b, ARGS ",mtu=9000", SCATTER, 1ULL << VIRTIO_NET_F_MTU);
	assert_true(comes(&b, port, 9014, true));
	assert_int_equal(rte_eth_dev_set_mtu(port, 1500), 0);
	assert_false(comes(&b, port, 9014, true));
	assert_true(comes(&b, port, 1514, true));
	/* up again: not beyond what it negotiated */
	assert_int_equal(rte_eth_dev_set_mtu(port, 9500), 0);
	assert_true(comes(&b, port, 9014, true));
	assert_false(comes(&b, port, 9500, true));
	port_down(&b);
}

/* A pool whose mbufs have buffers of their own elsewhere, and keep them. */
static void
test_pinned(void **state)
{
	const struct rte_pktmbuf_extmem mem = {
		.buf_ptr = rte_zmalloc(NULL, 64 * 2176, 64),
		.buf_iova = RTE_BAD_IOVA,
		.buf_len = 64 * 2176,
		.elt_size = 2176,
	};
	struct rte_mempool *pool;
	struct rte_mbuf *m;
	struct rig b;
	unsigned int i;
	uint16_t port;

	(void)state;
	assert_non_null(mem.buf_ptr);
	pool = rte_pktmbuf_pool_create_extbuf("pinned", 63, 0, 0, 2176, SOCKET_ID_ANY, &mem, 1);
	assert_non_null(pool);
	port = port_probe(ARGS ",zero-copy=1");
	assert_int_equal(port_configure(port, SCATTER, 0), 0);
	assert_int_equal(port_queues(port, pool), -EINVAL);
	unit_assert_logged_once("pinned external buffers");
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	port = port_probe(ARGS);
	assert_int_equal(port_configure(port, 0, 0), 0);
	assert_int_equal(port_queues(port, pool), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	driver_up(&b, port, &(struct rig_conf){ 0 });
	for (i = 0; i < 200; i++) {
		rig_send(&b, RIG_BUFFERS, i, 1000);
		m = receive(&b, port);
		assert_non_null(m);
		assert_true(RTE_MBUF_HAS_PINNED_EXTBUF(m));
		assert_true((m->ol_flags & RTE_MBUF_F_EXTERNAL) != 0);
		rig_mbuf_check(m, i, 1000);
		rte_pktmbuf_free(m);
		assert_int_equal(rte_mempool_in_use_count(pool), 0);
	}
	port_down(&b);
	rte_mempool_free(pool);
	rte_free(mem.buf_ptr);
}

/* The driver sends a frame and leaves the checksum to the device. */
static void
send_partial(struct rig *b, const struct frame *f, const struct virtio_net_hdr *gso)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = { .hdr = *gso };
	const struct mock_desc desc = { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + f->len };
	uint8_t data[FRAME_MAX];

	hdr.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr.hdr.csum_start = f->l4;
	hdr.hdr.csum_offset = f->field - f->l4;
	memcpy(data, f->data, f->len);
	frame_put16(data + f->field, frame_pseudo(f));
	guest_write(&b->guest, RIG_BUFFERS, &hdr, sizeof(hdr));
	guest_write(&b->guest, RIG_BUFFERS + RIG_HDR_LEN, data, f->len);
	assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, NULL), 0);
}

/* What ethdev's flags say of the checksums, for a frame with all of them right. */
static uint64_t
good_flags(const struct frame_spec *spec)
{
	return RTE_MBUF_F_RX_L4_CKSUM_GOOD | (spec->ipv6 ? 0 : RTE_MBUF_F_RX_IP_CKSUM_GOOD);
}

static void
csum_run(const char *args, uint64_t offloads, bool whole)
{
	const struct virtio_net_hdr none = { 0 };
	struct frame_spec spec = { .seed = 3 };
	struct rte_mbuf *m;
	struct frame f;
	struct rig b;
	unsigned int i;
	uint16_t port;

	port = port_up(&b, args, offloads, CSUM);
	for (spec.wrap = FRAME_PLAIN; spec.wrap <= FRAME_QINQ; spec.wrap++) {
		for (i = 0; i < 8; i++) {
			spec.ipv6 = i & 1;
			spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
			spec.payload = i & 4 ? 1001 : 0;
			frame_build(&f, &spec);
			send_partial(&b, &f, &none);
			m = receive(&b, port);
			assert_non_null(m);
			if (whole) {
				frame_check(m, f.data, f.len);
				assert_int_equal(m->ol_flags & ~RTE_MBUF_F_EXTERNAL,
						good_flags(&spec));
			} else {
				frame_put16(f.data + f.field, frame_pseudo(&f));
				frame_check(m, f.data, f.len);
				assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
			}
			rte_pktmbuf_free(m);
		}
	}
	port_down(&b);
}

/* RX checksum offload is a promise: partial checksums come only to who asked for them. */
static void
test_checksum(void **state)
{
	(void)state;
	csum_run(ARGS, 0, true);
	csum_run(ARGS, CKSUM, true);
	csum_run(ARGS ",profile=tx", CKSUM, true);
	csum_run(ARGS ",csum=whole", CKSUM, true);
	csum_run(ARGS ",zero-copy=1,zero-copy-min=256", CKSUM | SCATTER, true);
	csum_run(ARGS ",csum=partial", CKSUM, false);
	/* who does not ask for the offload cannot know what the flag means */
	csum_run(ARGS ",csum=partial", 0, true);
}

/* Nothing is said of what was not looked at; a wrong IP header is said to be wrong. */
static void
test_checksum_flags(void **state)
{
	const struct virtio_net_hdr none = { 0 };
	struct frame_spec spec = { .seed = 3, .protocol = FRAME_TCP, .payload = 100 };
	struct rte_mbuf *m;
	struct frame f;
	struct rig b;
	uint16_t port;

	(void)state;
	port = port_up(&b, ARGS, CKSUM, CSUM);
	frame_build(&f, &spec);
	f.data[f.ip + 10] ^= 1;
	send_partial(&b, &f, &none);
	m = receive(&b, port);
	assert_non_null(m);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD);
	frame_check(m, f.data, f.len);
	rte_pktmbuf_free(m);
	rig_send(&b, RIG_BUFFERS, 1, 100);
	m = receive(&b, port);
	assert_non_null(m);
	assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	/* no mbuf flag names it */
	spec.protocol = FRAME_LITE;
	frame_build(&f, &spec);
	send_partial(&b, &f, &none);
	m = receive(&b, port);
	assert_non_null(m);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, 0);
	frame_check(m, f.data, f.len);
	rte_pktmbuf_free(m);
	port_down(&b);
}

/* As DPDK's vhost has them: LRO, and a checksum that the segments will get. Without LRO: none. */
static void
test_lro(void **state)
{
	const struct virtio_net_hdr gso = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = 1000 };
	const struct rte_vduse_net_rx_limits none = { .max_len = 1522 };
	const struct frame_spec spec = { .seed = 9, .protocol = FRAME_TCP, .payload = 3000 };
	struct pmd_dev *pmd;
	struct rte_mbuf *m;
	struct frame f;
	struct rig b;
	uint16_t port;

	(void)state;
	port = port_up(&b, ARGS ",profile=bulk", LRO | SCATTER, HOST_TSO4);
	pmd = rte_eth_devices[port].data->dev_private;
	frame_build(&f, &spec);
	send_partial(&b, &f, &gso);
	m = receive(&b, port);
	assert_non_null(m);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE);
	assert_int_equal(m->tso_segsz, 1000);
	assert_int_equal(m->pkt_len, f.len);
	rte_pktmbuf_free(m);
	/* not to be cut, as long as that */
	assert_false(comes(&b, port, f.len, true));
	/* a process that takes none, and a driver that negotiated it with the one before */
	rte_vduse_net_set_rx_limits(pmd->net, &none);
	send_partial(&b, &f, &gso);
	assert_null(receive(&b, port));
	assert_int_equal(rte_eth_dev_stop(port), 0);
	pmd->conf.net.profile = RTE_VDUSE_NET_PROFILE_LATENCY;
	assert_int_equal(port_configure(port, CKSUM, 0), -EINVAL);
	unit_assert_logged_once("the driver negotiated segmentation before this process came");
	assert_int_equal(port_configure(port, LRO | SCATTER, 0), 0);
	port_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_mtu_configure),
		UNIT_TEST(test_info),
		UNIT_TEST(test_profiles),
		UNIT_TEST(test_profile_tx),
		UNIT_TEST(test_room),
		UNIT_TEST(test_room_lro),
		UNIT_TEST(test_mtu),
		UNIT_TEST(test_mtu_negotiated),
		UNIT_TEST(test_pinned),
		UNIT_TEST(test_checksum),
		UNIT_TEST(test_checksum_flags),
		UNIT_TEST(test_lro),
	};

	return UNIT_RUN("pmd_rx", tests);
}
