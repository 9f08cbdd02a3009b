/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a poll costs that finds nothing: every device of the process on one lcore, one after the
 * other, as an application does that serves many containers. IDLE_DEVICES says what is polled:
 * ethdev ports (idle_ethdev.h), or the devices of one of the libraries.
 *
 *   idle EAL-OPTIONS -- SECONDS DEVICES NAME
 *
 * A library's devices are called NAME.0, NAME.1 and so on. It says "ready" when they are started,
 * waits for a line on stdin and for every link, polls, and prints one line of key=value. Device 0
 * may be busy; the others are the idle ones, or device 0 itself if it is alone. It ends when stdin
 * does, so that drivers can go first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#define IDLE_MAX  64
#define IDLE_NAME 64

#ifndef IDLE_DEVICES
#define IDLE_DEVICES "idle_ethdev.h"
#endif
#include IDLE_DEVICES

#define BURST 32
#define MBUFS 8191
/* Rounds through the devices in one sample; the figure is the median of the samples, so that an
 * lcore that was interrupted does not count. */
#define SAMPLE  256
#define SAMPLES 65536
/* Seconds for the drivers. */
#define LINK_WAIT 20

struct idle {
	unsigned int devices;
	/* Written by the main thread. */
	volatile bool stop;
	/* TSC cycles between two readings of the counter with nothing between; each waits for what
	 * is before it, or a short poll would hide in the readings around it. */
	double reading;
	/* Of the sample under way: polls that found nothing. */
	uint64_t cycles;
	uint64_t polls;
	unsigned int rounds;
	/* Cycles per idle poll. */
	double samples[SAMPLES];
	unsigned int num_samples;
	/* Of device 0, in calls that moved packets. */
	uint64_t busy_cycles;
	uint64_t packets;
	uint64_t start;
	uint64_t end;
};

static unsigned int
poll_one(unsigned int i)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = device_poll(i, pkts, BURST);

	if (unlikely(n != 0))
		rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static void
count_idle(struct idle *idle, uint64_t cycles, unsigned int polls)
{
	double own;

	idle->cycles += cycles;
	idle->polls += polls;
	if (++idle->rounds < SAMPLE)
		return;
	own = (double)idle->cycles - SAMPLE * idle->reading;
	if (idle->num_samples < SAMPLES)
		idle->samples[idle->num_samples++] = RTE_MAX(own, 0.0) / (double)idle->polls;
	idle->rounds = 0;
	idle->cycles = 0;
	idle->polls = 0;
}

/* What a reading of the clock takes: the least of many tries, the others were disturbed. */
static void
read_cost(struct idle *idle)
{
	uint64_t begin, least = UINT64_MAX;
	unsigned int try, i;

	for (try = 0; try < SAMPLE; try++) {
		begin = rte_rdtsc_precise();
		for (i = 0; i < SAMPLE - 1; i++)
			(void)rte_rdtsc_precise();
		least = RTE_MIN(least, rte_rdtsc_precise() - begin);
	}
	idle->reading = (double)least / SAMPLE;
}

static int
poll_all(void *arg)
{
	struct idle *idle = arg;
	uint64_t begin, middle, end;
	unsigned int first, others, i;

	read_cost(idle);
	idle->start = rte_rdtsc_precise();
	while (!idle->stop) {
		begin = rte_rdtsc_precise();
		first = poll_one(0);
		middle = rte_rdtsc_precise();
		others = 0;
		for (i = 1; i < idle->devices; i++)
			others += poll_one(i);
		end = rte_rdtsc_precise();
		if (first != 0) {
			idle->busy_cycles += middle - begin;
			idle->packets += first;
		}
		if (idle->devices == 1 && first == 0)
			count_idle(idle, middle - begin, 1);
		else if (idle->devices > 1 && others == 0)
			count_idle(idle, end - middle, idle->devices - 1);
	}
	idle->end = rte_rdtsc_precise();
	return 0;
}

/* Every driver has come; -1 if one does not. */
static int
drivers_there(const struct idle *idle)
{
	uint64_t end = rte_get_tsc_cycles() + LINK_WAIT * rte_get_tsc_hz();
	unsigned int i = 0;

	while (i < idle->devices) {
		if (device_up(i)) {
			i++;
		} else if (rte_get_tsc_cycles() > end) {
			fprintf(stderr, "idle: device %u has no driver\n", i);
			return -1;
		} else {
			rte_delay_us_sleep(1000);
		}
	}
	return 0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Returns 0, or -1 if there is no figure. */
static int
measure(struct idle *idle, unsigned int lcore, double seconds)
{
	double passed;

	if (drivers_there(idle) != 0)
		return -1;
	rte_eal_remote_launch(poll_all, idle, lcore);
	rte_delay_us_sleep((unsigned int)(seconds * 1e6));
	idle->stop = true;
	rte_eal_wait_lcore(lcore);
	if (idle->num_samples == 0) {
		fprintf(stderr, "idle: no poll was idle\n");
		return -1;
	}
	qsort(idle->samples, idle->num_samples, sizeof(idle->samples[0]), by_value);
	passed = (double)(idle->end - idle->start) / (double)rte_get_tsc_hz();
	printf("devices=%u idle=%.2f mpps=%.6f cycles=%.2f\n", idle->devices,
			idle->samples[idle->num_samples / 2], (double)idle->packets / passed / 1e6,
			idle->packets == 0 ? 0.0
					   : (double)idle->busy_cycles / (double)idle->packets);
	fflush(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct idle idle;
	int n = rte_eal_init(argc, argv), status = 0;
	struct rte_mempool *pool;
	unsigned int lcore, i;
	double seconds;
	char line[16];

	if (n < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start\n");
	lcore = rte_get_next_lcore(-1, 1, 0);
	seconds = argc - n == 4 ? strtod(argv[n + 1], NULL) : 0;
	idle.devices = argc - n == 4 ? (unsigned int)strtoul(argv[n + 2], NULL, 10) : 0;
	if (seconds <= 0 || idle.devices == 0 || idle.devices > IDLE_MAX || lcore == RTE_MAX_LCORE)
		rte_exit(EXIT_FAILURE,
				"usage: idle EAL-OPTIONS -- SECONDS DEVICES NAME, with two "
				"lcores and up to %d devices\n",
				IDLE_MAX);
	pool = rte_pktmbuf_pool_create(
			"idle", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (pool == NULL || devices_start(pool, idle.devices, argv[n + 3]) != 0)
		rte_exit(EXIT_FAILURE, "the devices do not start\n");
	puts("ready");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) != NULL)
		status = measure(&idle, lcore, seconds);
	while (fgets(line, sizeof(line), stdin) != NULL)
		continue;
	for (i = 0; i < idle.devices; i++) {
		if (device_stop(i) != 0)
			status = -1;
	}
	rte_eal_cleanup();
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
