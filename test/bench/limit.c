/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The limit: the payloads of a measurement moved between two cores with nothing but rings of
 * pointers and one copy. No descriptors, no translation, no headers, no notifications.
 *
 *   limit EAL-OPTIONS -- SIZE host|driver|round SECONDS
 *
 * The front core, which stands for the driver, owns the buffers and hands pointers over. The back
 * core copies between a buffer and an mbuf of its own, as a device has to. One burst is one call;
 * cycles are counted in calls that moved packets, as testpmd does. Half of the time it copies with
 * DPDK's function, half with libc's, which knows the CPU. Prints one line of key=value, of the
 * one that took fewer cycles.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_ring.h>

#define BURST 32
/* In flight each way, as run-pair has it: a ring, or two bursts where large frames go round. */
#define BUFS       1024
#define BUFS_LARGE 64
#define LARGE      2048
/* What a sender writes of a frame: its headers. */
#define HEAD 64u
/* A frame of 64 KiB with its headroom is one mbuf here. */
#define SIZE_MAX_FRAME (UINT16_MAX - RTE_PKTMBUF_HEADROOM)

enum mode { MODE_HOST, MODE_DRIVER, MODE_ROUND };

static const char *const mode_names[] = {
	[MODE_HOST] = "host",
	[MODE_DRIVER] = "driver",
	[MODE_ROUND] = "round",
};

/* One direction: pointers to buffers the back core may use, and those it has done with. */
struct way {
	struct rte_ring *avail;
	struct rte_ring *used;
};

struct limit {
	enum mode mode;
	uint32_t size;
	unsigned int num_bufs;
	struct way to_host;
	struct way to_driver;
	struct rte_mempool *pool;
	uint8_t *bufs;
	bool libc;
	/* Written by the main thread, read by both cores. */
	volatile bool stop;
	/* Of the back core. */
	uint64_t cycles;
	uint64_t packets;
	uint64_t start;
	uint64_t end;
};

/* Packets per microsecond, and TSC cycles for each in calls that moved some; 0 without packets. */
struct figures {
	double mpps;
	double cycles;
};

static inline void
copy(const struct limit *lim, void *to, const void *from, uint32_t bytes)
{
	if (lim->libc)
		memcpy(to, from, bytes);
	else
		rte_memcpy(to, from, bytes);
}

/* A ring has room for every buffer, so that this cannot fail. */
static void
give(struct rte_ring *ring, void **bufs, unsigned int n)
{
	if (rte_ring_sp_enqueue_bulk(ring, bufs, n, NULL) != n)
		rte_panic("ring %s is full\n", ring->name);
}

static unsigned int
take(struct rte_ring *ring, void **bufs, unsigned int n)
{
	return rte_ring_sc_dequeue_burst(ring, bufs, n, NULL);
}

/* The front core: what was done with is handed over again, after a look or with new headers. */
static int
front(void *arg)
{
	struct limit *lim = arg;
	uint32_t head = RTE_MIN(HEAD, lim->size);
	uint64_t seen = 0;
	void *bufs[BURST];
	unsigned int i, n;

	while (!lim->stop) {
		n = take(lim->to_host.used, bufs, BURST);
		for (i = 0; i < n && lim->mode == MODE_HOST; i++)
			memset(bufs[i], (int)i, head);
		if (n != 0)
			give(lim->mode == MODE_ROUND ? lim->to_driver.avail : lim->to_host.avail,
					bufs, n);
		n = take(lim->to_driver.used, bufs, BURST);
		for (i = 0; i < n && lim->mode == MODE_DRIVER; i++)
			seen += *(const uint64_t *)bufs[i];
		if (n != 0)
			give(lim->mode == MODE_ROUND ? lim->to_host.avail : lim->to_driver.avail,
					bufs, n);
	}
	return seen == UINT64_MAX;
}

/* Towards the host: out of the buffers into mbufs. */
static unsigned int
receive(struct limit *lim, struct rte_mbuf **pkts, unsigned int n)
{
	void *bufs[BURST];
	unsigned int i;

	n = take(lim->to_host.avail, bufs, n);
	if (n == 0)
		return 0;
	if (rte_pktmbuf_alloc_bulk(lim->pool, pkts, n) != 0)
		rte_panic("no mbufs\n");
	for (i = 0; i < n; i++) {
		copy(lim, rte_pktmbuf_mtod(pkts[i], void *), bufs[i], lim->size);
		pkts[i]->data_len = (uint16_t)lim->size;
		pkts[i]->pkt_len = lim->size;
	}
	give(lim->to_host.used, bufs, n);
	return n;
}

/* Towards the driver: out of mbufs into as many buffers as there are. */
static unsigned int
transmit(struct limit *lim, struct rte_mbuf **pkts, unsigned int n)
{
	void *bufs[BURST];
	unsigned int i;

	n = take(lim->to_driver.avail, bufs, n);
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++)
		copy(lim, bufs[i], rte_pktmbuf_mtod(pkts[i], void *), pkts[i]->data_len);
	give(lim->to_driver.used, bufs, n);
	return n;
}

/* One call of the back core; the number of packets it moved. */
static unsigned int
back_host(struct limit *lim)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int n = receive(lim, pkts, BURST);

	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static unsigned int
back_driver(struct limit *lim)
{
	uint32_t head = RTE_MIN(HEAD, lim->size);
	struct rte_mbuf *pkts[BURST];
	unsigned int i, n;

	if (rte_pktmbuf_alloc_bulk(lim->pool, pkts, BURST) != 0)
		rte_panic("no mbufs\n");
	for (i = 0; i < BURST; i++) {
		memset(rte_pktmbuf_mtod(pkts[i], void *), (int)i, head);
		pkts[i]->data_len = (uint16_t)lim->size;
		pkts[i]->pkt_len = lim->size;
	}
	n = transmit(lim, pkts, BURST);
	rte_pktmbuf_free_bulk(pkts, BURST);
	return n;
}

/* Only as many as can go back at once: there are as many buffers either way. */
static unsigned int
back_round(struct limit *lim)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i, n, sent = 0;

	n = receive(lim, pkts, BURST);
	for (i = 0; i < n; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *);
		struct rte_ether_addr addr = eth->dst_addr;

		eth->dst_addr = eth->src_addr;
		eth->src_addr = addr;
	}
	while (sent < n && !lim->stop)
		sent += transmit(lim, pkts + sent, n - sent);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static int
back(void *arg)
{
	static unsigned int (*const calls[])(struct limit *) = {
		[MODE_HOST] = back_host,
		[MODE_DRIVER] = back_driver,
		[MODE_ROUND] = back_round,
	};
	struct limit *lim = arg;
	uint64_t begin;
	unsigned int n;

	lim->start = rte_rdtsc();
	while (!lim->stop) {
		begin = rte_rdtsc();
		n = calls[lim->mode](lim);
		if (n == 0)
			continue;
		lim->cycles += rte_rdtsc() - begin;
		lim->packets += n;
	}
	lim->end = rte_rdtsc();
	return 0;
}

static struct rte_ring *
ring_make(const char *name)
{
	struct rte_ring *ring = rte_ring_create(
			name, 4 * BUFS, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);

	if (ring == NULL)
		rte_exit(EXIT_FAILURE, "no memory for a ring\n");
	return ring;
}

/* Buffers for both directions, handed over where the mode begins. */
static void
limit_make(struct limit *lim)
{
	size_t stride = RTE_ALIGN_CEIL(lim->size, 64) + RTE_PKTMBUF_HEADROOM;
	unsigned int i;

	lim->to_host = (struct way){ ring_make("host_avail"), ring_make("host_used") };
	lim->to_driver = (struct way){ ring_make("driver_avail"), ring_make("driver_used") };
	lim->pool = rte_pktmbuf_pool_create("limit", 4 * BURST + 256, 128, 0,
			(uint16_t)RTE_MIN(stride, UINT16_MAX), (int)rte_socket_id());
	lim->num_bufs = lim->mode == MODE_ROUND && lim->size > LARGE ? BUFS_LARGE : BUFS;
	lim->bufs = rte_zmalloc(NULL, 2 * lim->num_bufs * stride, RTE_CACHE_LINE_SIZE);
	if (lim->pool == NULL || lim->bufs == NULL)
		rte_exit(EXIT_FAILURE, "no memory for %u buffers of %u bytes\n", 2 * lim->num_bufs,
				lim->size);
	for (i = 0; i < 2 * lim->num_bufs; i++) {
		void *buf = lim->bufs + i * stride;

		if (i < lim->num_bufs && lim->mode != MODE_DRIVER)
			give(lim->to_host.avail, &buf, 1);
		else if (i >= lim->num_bufs && lim->mode != MODE_HOST)
			give(lim->to_driver.avail, &buf, 1);
	}
}

/* Returns 0, or -1 if it is not understood. */
static int
limit_args(struct limit *lim, double *seconds, int argc, char **argv)
{
	unsigned int mode;

	if (argc != 4)
		return -1;
	lim->size = (uint32_t)strtoul(argv[1], NULL, 10);
	*seconds = strtod(argv[3], NULL);
	for (mode = 0; mode < RTE_DIM(mode_names); mode++) {
		if (strcmp(argv[2], mode_names[mode]) == 0) {
			lim->mode = mode;
			break;
		}
	}
	return mode < RTE_DIM(mode_names) && lim->size >= sizeof(struct rte_ether_hdr) &&
					       lim->size <= SIZE_MAX_FRAME && *seconds > 0
			       ? 0
			       : -1;
}

/* What is under way when it ends is taken up by the next one. */
static struct figures
measure(struct limit *lim, unsigned int front_lcore, unsigned int back_lcore, double seconds)
{
	struct figures found = { 0 };

	lim->cycles = 0;
	lim->packets = 0;
	lim->stop = false;
	rte_eal_remote_launch(front, lim, front_lcore);
	rte_eal_remote_launch(back, lim, back_lcore);
	rte_delay_us_sleep((unsigned int)(seconds * 1e6));
	lim->stop = true;
	rte_eal_mp_wait_lcore();
	if (lim->packets != 0) {
		found.mpps = (double)lim->packets * (double)rte_get_tsc_hz() /
			     (double)(lim->end - lim->start) / 1e6;
		found.cycles = (double)lim->cycles / (double)lim->packets;
	}
	return found;
}

int
main(int argc, char **argv)
{
	static struct limit lim;
	unsigned int front_lcore, back_lcore;
	struct figures best, other;
	double seconds;
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start\n");
	if (limit_args(&lim, &seconds, argc - n, argv + n) != 0)
		rte_exit(EXIT_FAILURE,
				"usage: limit EAL-OPTIONS -- SIZE host|driver|round SECONDS\n");
	front_lcore = rte_get_next_lcore(-1, 1, 0);
	back_lcore = rte_get_next_lcore(front_lcore, 1, 0);
	if (back_lcore == RTE_MAX_LCORE)
		rte_exit(EXIT_FAILURE, "needs two lcores beside the main one, which sleeps: "
				       "--lcores 0@0,1@0,2@1 on two CPUs\n");
	limit_make(&lim);
	best = measure(&lim, front_lcore, back_lcore, seconds / 2);
	lim.libc = true;
	other = measure(&lim, front_lcore, back_lcore, seconds / 2);
	if (best.cycles == 0 || (other.cycles > 0 && other.cycles < best.cycles))
		best = other;
	printf("mode=%s size=%" PRIu32 " mpps=%.6f cycles=%.2f\n", mode_names[lim.mode], lim.size,
			best.mpps, best.cycles);
	rte_eal_cleanup();
	return best.cycles == 0;
}
