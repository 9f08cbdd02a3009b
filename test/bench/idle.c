/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a poll costs that finds nothing: every port of the process on one lcore, one after the
 * other, as an application does that serves many containers.
 *
 *   idle EAL-OPTIONS -- SECONDS
 *
 * Says "ready" when the ports are started, waits for a line on stdin and for every link, polls, and
 * prints one line of key=value. Port 0 may be busy; the others are the idle ones, or port 0
 * itself if it is alone. It ends when stdin does, so that drivers can go first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#define BURST 32
#define DESC  256
#define MBUFS 8191
/* Rounds through the ports in one sample; the figure is the median of the samples, so that an
 * lcore that was interrupted does not count. */
#define SAMPLE  256
#define SAMPLES 65536
/* Seconds for the drivers. */
#define LINK_WAIT 20

struct idle {
	uint16_t ports;
	/* Written by the main thread. */
	volatile bool stop;
	/* TSC cycles between two readings of the counter with nothing between. */
	uint64_t reading;
	/* Of the sample under way: polls that found nothing. */
	uint64_t cycles;
	uint64_t polls;
	unsigned int rounds;
	/* Cycles per idle poll. */
	double samples[SAMPLES];
	unsigned int num_samples;
	/* Of port 0, in calls that moved packets. */
	uint64_t busy_cycles;
	uint64_t packets;
	uint64_t start;
	uint64_t end;
};

static unsigned int
poll_port(uint16_t port)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = rte_eth_rx_burst(port, 0, pkts, BURST);

	if (unlikely(n != 0))
		rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static void
count_idle(struct idle *idle, uint64_t cycles, unsigned int polls)
{
	idle->cycles += cycles - RTE_MIN(cycles, idle->reading);
	idle->polls += polls;
	if (++idle->rounds < SAMPLE)
		return;
	if (idle->num_samples < SAMPLES)
		idle->samples[idle->num_samples++] = (double)idle->cycles / (double)idle->polls;
	idle->rounds = 0;
	idle->cycles = 0;
	idle->polls = 0;
}

static void
read_cost(struct idle *idle)
{
	uint64_t begin = rte_rdtsc();
	unsigned int i;

	for (i = 0; i < SAMPLE - 1; i++)
		(void)rte_rdtsc();
	idle->reading = (rte_rdtsc() - begin) / SAMPLE;
}

static int
poll_all(void *arg)
{
	struct idle *idle = arg;
	uint64_t begin, middle, end;
	unsigned int first, others;
	uint16_t port;

	read_cost(idle);
	idle->start = rte_rdtsc();
	while (!idle->stop) {
		begin = rte_rdtsc();
		first = poll_port(0);
		middle = rte_rdtsc();
		others = 0;
		for (port = 1; port < idle->ports; port++)
			others += poll_port(port);
		end = rte_rdtsc();
		if (first != 0) {
			idle->busy_cycles += middle - begin;
			idle->packets += first;
		}
		if (idle->ports == 1 && first == 0)
			count_idle(idle, middle - begin, 1);
		else if (idle->ports > 1 && others == 0)
			count_idle(idle, end - middle, idle->ports - 1);
	}
	idle->end = rte_rdtsc();
	return 0;
}

/* Returns 0, or -1 with a line that says which port. */
static int
ports_start(struct idle *idle)
{
	struct rte_mempool *pool;
	struct rte_eth_conf conf = { 0 };
	uint16_t port;

	idle->ports = rte_eth_dev_count_avail();
	pool = rte_pktmbuf_pool_create(
			"idle", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (idle->ports == 0 || pool == NULL) {
		fprintf(stderr, "idle: no ports, or no memory for mbufs\n");
		return -1;
	}
	for (port = 0; port < idle->ports; port++) {
		if (rte_eth_dev_configure(port, 1, 1, &conf) == 0 &&
				rte_eth_rx_queue_setup(port, 0, DESC, 0, NULL, pool) == 0 &&
				rte_eth_tx_queue_setup(port, 0, DESC, 0, NULL) == 0 &&
				rte_eth_dev_start(port) == 0)
			continue;
		fprintf(stderr, "idle: port %u does not start\n", port);
		return -1;
	}
	return 0;
}

/* Every driver has come; -1 if one does not. */
static int
links_up(const struct idle *idle)
{
	uint64_t end = rte_get_tsc_cycles() + LINK_WAIT * rte_get_tsc_hz();
	struct rte_eth_link link;
	uint16_t port = 0;

	while (port < idle->ports) {
		if (rte_eth_link_get_nowait(port, &link) == 0 && link.link_status) {
			port++;
		} else if (rte_get_tsc_cycles() > end) {
			fprintf(stderr, "idle: port %u has no driver\n", port);
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

	if (links_up(idle) != 0)
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
	printf("devices=%u idle=%.2f mpps=%.3f cycles=%.2f\n", idle->ports,
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
	unsigned int lcore;
	double seconds;
	uint16_t port;
	char line[16];

	if (n < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start\n");
	lcore = rte_get_next_lcore(-1, 1, 0);
	seconds = argc - n == 2 ? strtod(argv[n + 1], NULL) : 0;
	if (seconds <= 0 || lcore == RTE_MAX_LCORE)
		rte_exit(EXIT_FAILURE, "usage: idle EAL-OPTIONS -- SECONDS, with two lcores\n");
	if (ports_start(&idle) != 0)
		rte_exit(EXIT_FAILURE, "ports do not start\n");
	puts("ready");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) != NULL)
		status = measure(&idle, lcore, seconds);
	while (fgets(line, sizeof(line), stdin) != NULL)
		continue;
	for (port = 0; port < idle.ports; port++) {
		if (rte_eth_dev_stop(port) != 0 || rte_eth_dev_close(port) != 0)
			status = -1;
	}
	rte_eal_cleanup();
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
