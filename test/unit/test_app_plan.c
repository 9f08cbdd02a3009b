/* SPDX-License-Identifier: BSD-3-Clause */

/* What dpdk-vduse-net computes before it touches a device: devargs, pools, lcores. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "args.h"
#include "eal.h"
#include "filter.h"
#include "fwd.h"
#include "pool.h"
#include "port.h"

static void
devargs_say_what_was_given(void **state)
{
	struct wire_args wire = { .name = "c1", .attach = "virtio", .profile = "bulk" };
	char buf[ARGS_DEVARGS_MAX];

	(void)state;
	assert_int_equal(args_devargs(&wire, 0, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "name=c1,csum=partial,profile=bulk,attach=virtio");
	wire = (struct wire_args){
		.name = "c2",
		.mac = { { 0x02, 0, 0, 0, 0, 0xab } },
		.mtu = 9000,
		.queue_size = 512,
		.queues = 2,
		.mq_fallback = true,
		.attach = "none",
		.profile = "xdp",
		.standby = true,
	};
	assert_int_equal(args_devargs(&wire, 25000, buf, sizeof(buf)), 0);
	assert_string_equal(buf,
			"name=c2,mac=02:00:00:00:00:AB,mtu=9000,queue-size=512,queues=2,"
			"mq-fallback=1,csum=partial,profile=xdp,speed=25000,standby=1,attach=none");
}

static void
the_longest_devargs_fit(void **state)
{
	struct wire_args wire = {
		.mac = { { 0x02, 0, 0, 0, 0, 0xab } },
		.mtu = UINT16_MAX,
		.queue_size = 32768,
		.queues = UINT16_MAX,
		.mq_fallback = true,
		.attach = "virtio",
		.profile = "latency",
		.standby = true,
	};
	char buf[ARGS_DEVARGS_MAX];
	size_t len;

	(void)state;
	memset(wire.name, 'n', ARGS_NAME_MAX);
	assert_int_equal(args_devargs(&wire, INT32_MAX, buf, sizeof(buf)), 0);
	len = strlen(buf);
	/* One byte less than string and closing zero need is too few. */
	assert_int_equal(args_devargs(&wire, INT32_MAX, buf, len + 1), 0);
	assert_int_not_equal(args_devargs(&wire, INT32_MAX, buf, len), 0);
	assert_int_not_equal(args_devargs(&wire, INT32_MAX, buf, 3), 0);
}

static void
a_pool_fills_rings_and_caches(void **state)
{
	uint32_t n, lcores;

	(void)state;
	for (lcores = 1; lcores <= 128; lcores *= 2) {
		n = pool_default_size(4096, lcores, 0);
		/* A cache holds one and a half times its size before it is flushed. */
		assert_true(n >= 4096 + lcores * (pool_cache_size(n) * 3 / 2 + FWD_BURST));
		assert_true(n <= 4096 + lcores * 1024);
	}
	assert_int_equal(pool_default_size(8192, 2, 1) - pool_default_size(4096, 2, 1), 4096);
}

/* Two bursts of 64 KiB frames may be in the hands of each lcore. */
static void
a_pool_has_room_for_long_frames(void **state)
{
	struct pool_set set = { 0 };
	uint16_t chain;

	(void)state;
	pool_need_chains(&set, 1);
	chain = set.sockets[1].chain;
	assert_int_equal(set.sockets[0].chain, 0);
	assert_true(chain * RTE_MBUF_DEFAULT_DATAROOM >= 65535 + 22);
	assert_true(pool_default_size(0, 3, chain) >= 3u * 2 * FWD_BURST * chain);
}

static void
drops_are_summed_and_named(void **state)
{
	struct fwd_counters c = { .drops = { 1, 20, 300, 4000 } };
	unsigned int i, j;

	(void)state;
	assert_int_equal(fwd_drops(&c), 4321);
	for (i = 0; i < FWD_DROPS; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(fwd_drop_name(i), fwd_drop_name(j));
}

static void
a_small_pool_has_no_cache(void **state)
{
	(void)state;
	assert_int_equal(pool_cache_size(64), 0);
	assert_int_equal(pool_cache_size(65536), 256);
	assert_true(pool_cache_size(65536) <= RTE_MEMPOOL_CACHE_MAX_SIZE);
}

static void
a_frame_fits_its_buffer(void **state)
{
	static const uint32_t frames[] = { 64, 1518, 2048, 2049, 9022, 16000, 65000 };
	uint16_t room;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(frames); i++) {
		room = pool_room(frames[i]);
		assert_true(room >= frames[i] + RTE_PKTMBUF_HEADROOM);
		assert_true(room >= RTE_MBUF_DEFAULT_BUF_SIZE);
		assert_int_equal(room % RTE_CACHE_LINE_SIZE, 0);
	}
	assert_int_equal(pool_room(9022), 10240 + RTE_PKTMBUF_HEADROOM);
	/* An MTU of 65535 does not: it arrives as a chain. */
	assert_int_equal(pool_room(65535 + 22), RTE_ALIGN_FLOOR(UINT16_MAX, RTE_CACHE_LINE_SIZE));
}

static void
no_two_streams_share_a_transmit_queue(void **state)
{
	(void)state;
	assert_int_equal(fwd_nb_streams(1, 1), 1);
	assert_int_equal(fwd_nb_streams(4, 1), 1);
	assert_int_equal(fwd_nb_streams(1, 4), 1);
	assert_int_equal(fwd_nb_streams(3, 4), 3);
}

static void
streams_are_spread_evenly(void **state)
{
	unsigned int lcores, streams, i, count[16];

	(void)state;
	for (lcores = 1; lcores <= 16; lcores++) {
		for (streams = 1; streams <= 64; streams++) {
			memset(count, 0, sizeof(count));
			for (i = 0; i < streams; i++) {
				assert_true(fwd_spread(i, lcores) < lcores);
				count[fwd_spread(i, lcores)]++;
			}
			for (i = 0; i < lcores; i++)
				assert_in_range(count[i], streams / lcores,
						(streams + lcores - 1) / lcores);
		}
	}
	/* The first lcores are those in use: fwd_start() launches up to the first empty one. */
	assert_int_equal(fwd_spread(0, 4), 0);
	assert_int_equal(fwd_spread(1, 4), 1);
}

static void
open_files_up_to_the_hard_limit(void **state)
{
	struct rlimit limit, now;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max / 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	eal_raise_files();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur, limit.rlim_max);
}

/* Who reads by DMA, or gives frames to somebody else, must not get a container's memory. */
static void
frames_are_not_shown_to_a_nic(void **state)
{
	static const char *const copying[] = { "net_tap0", "net_af_packet_1", "net_pcap0",
		"net_null0", "net_vduse_app0", "net_vhost0" };
	static const char *const others[] = { "net_bonding0", "net_failsafe0", "net_virtio_user0",
		"net_ring0", "net_memif0", "net_af_xdp0", "eth_tap0", "" };
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(copying); i++)
		assert_true(rte_vduse_net_read_by_processor("vdev", copying[i]));
	for (i = 0; i < RTE_DIM(others); i++)
		assert_false(rte_vduse_net_read_by_processor("vdev", others[i]));
	assert_false(rte_vduse_net_read_by_processor("pci", "0000:01:00.0"));
	assert_false(rte_vduse_net_read_by_processor("pci", "net_tap0"));
	assert_false(rte_vduse_net_read_by_processor(NULL, "net_tap0"));
	assert_false(rte_vduse_net_read_by_processor("vdev", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devargs_say_what_was_given),
		cmocka_unit_test(the_longest_devargs_fit),
		cmocka_unit_test(a_pool_fills_rings_and_caches),
		cmocka_unit_test(a_pool_has_room_for_long_frames),
		cmocka_unit_test(drops_are_summed_and_named),
		cmocka_unit_test(a_small_pool_has_no_cache),
		cmocka_unit_test(a_frame_fits_its_buffer),
		cmocka_unit_test(no_two_streams_share_a_transmit_queue),
		cmocka_unit_test(streams_are_spread_evenly),
		cmocka_unit_test(open_files_up_to_the_hard_limit),
		cmocka_unit_test(frames_are_not_shown_to_a_nic),
	};

	return FILTER_RUN("app_plan", tests, NULL, NULL);
}
