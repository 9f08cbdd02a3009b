/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The soak's end behind an ethdev port: sends numbered frames and checks each byte of what comes
 * back, while its link flaps, its MTU, MAC address and offloads change and the port is stopped and
 * started, at random.
 *
 *   back [EAL option...] -- SEED [FILE]   FILE: where the counters are, for the process that
 *                                         follows when this one is killed
 *
 * It says "ok ready". Commands are lines on stdin: "stop" ends sending and changes ("ok"),
 * "show" prints the counters, "finish" prints them and ends.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "soak_frame.h"

#define BURST  32
#define MBUFS  4095
#define RING   256
#define PAUSES 256 /* turns of the loop between two looks at stdin */

/* Milliseconds between two changes. */
#define CHANGE_MIN_MS 2
#define CHANGE_MAX_MS 60

struct totals {
	uint64_t sent, received, corrupt, reordered;
	uint64_t flaps, mtus, macs, restarts, failed;
	uint64_t opackets, oerrors, ipackets, ierrors; /* the port's */
};

static struct {
	struct rte_mempool *pool;
	uint64_t random;
	bool sending;
	bool link_down;       /* until the next change */
	uint64_t next_change; /* TSC */
	struct totals now;    /* without what the port counts since it was set up */
} back;

/*
 * Outlives the process. The numbers move on before a burst; the totals are
 * of the end of a turn: what a process that is killed did since is not in them.
 */
static struct shared {
	uint64_t number;   /* of the next frame */
	uint64_t expected; /* number, at least, of the next that comes back */
	uint32_t current;
	struct totals totals[2];
} * shared;

static void
send_some(void)
{
	const uint64_t first = shared->number;
	struct rte_mbuf *pkts[BURST];
	uint16_t i, n;

	if (rte_pktmbuf_alloc_bulk(back.pool, pkts, BURST) < 0)
		return;
	for (i = 0; i < BURST; i++) {
		const uint64_t number = first + i;

		soak_write((uint8_t *)rte_pktmbuf_append(pkts[i], soak_length(number)), number);
	}
	__atomic_store_n(&shared->number, first + BURST, __ATOMIC_RELEASE);
	n = rte_eth_tx_burst(0, 0, pkts, BURST);
	back.now.sent += n;
	rte_pktmbuf_free_bulk(&pkts[n], BURST - n);
}

static void
receive_some(void)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t i, n = rte_eth_rx_burst(0, 0, pkts, BURST);
	uint8_t room[SOAK_FRAME_MAX];
	uint64_t number = 0;

	back.now.received += n;
	for (i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_read(
				pkts[i], 0, RTE_MIN(pkts[i]->pkt_len, sizeof(room)), room);

		if (!soak_check(frame, pkts[i]->pkt_len, &number)) {
			back.now.corrupt++;
			continue;
		}
		back.now.reordered += number < shared->expected;
		shared->expected = number + 1;
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

/* A random choice of the port's offloads. */
static uint64_t
some_of(uint64_t capable)
{
	const uint64_t mask = ((uint64_t)soak_random(&back.random, UINT32_MAX) << 32) |
			      soak_random(&back.random, UINT32_MAX);

	return capable & mask;
}

static int
port_start(void)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	int ret = rte_eth_dev_info_get(0, &info);

	if (ret < 0)
		return ret;
	conf.rxmode.offloads = some_of(info.rx_offload_capa);
	if (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO)
		conf.rxmode.max_lro_pkt_size = info.max_lro_pkt_size;
	conf.txmode.offloads = some_of(info.tx_offload_capa);
	ret = rte_eth_dev_configure(0, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(0, 0, RING, SOCKET_ID_ANY, NULL, back.pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(0, 0, RING, SOCKET_ID_ANY, NULL);
	return ret == 0 ? rte_eth_dev_start(0) : ret;
}

/* What the port counts is added: it begins anew when it is set up. */
static void
stats_add(struct totals *sum)
{
	struct rte_eth_stats port;

	memset(&port, 0, sizeof(port));
	sum->failed += rte_eth_stats_get(0, &port) != 0;
	sum->opackets += port.opackets;
	sum->oerrors += port.oerrors;
	sum->ipackets += port.ipackets;
	sum->ierrors += port.ierrors;
}

/* The end of a turn, for the process that follows. */
static void
totals_keep(void)
{
	const uint32_t other = !shared->current;

	shared->totals[other] = back.now;
	stats_add(&shared->totals[other]);
	__atomic_store_n(&shared->current, other, __ATOMIC_RELEASE);
}

/* Return: 0, or -errno. */
static int
totals_open(const char *path)
{
	int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)
			      : memfd_create("totals", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(*shared)) < 0)
		return -errno;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return -errno;
	close(fd);
	back.now = shared->totals[shared->current];
	return 0;
}

static int
change_restart(void)
{
	int ret = rte_eth_dev_stop(0);

	back.now.restarts++;
	if (ret < 0)
		return ret;
	stats_add(&back.now);
	return port_start();
}

static int
change_link(void)
{
	back.now.flaps++;
	back.link_down = true;
	return rte_eth_dev_set_link_down(0);
}

static int
change_mtu(void)
{
	back.now.mtus++;
	/* as the frames need, and as its mbufs hold: the port may be without SCATTER */
	return rte_eth_dev_set_mtu(0, 1500 + soak_random(&back.random, 500));
}

static int
change_mac(void)
{
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 1, soak_random(&back.random, 256) } };

	back.now.macs++;
	return rte_eth_dev_default_mac_addr_set(0, &mac);
}

static void
change(void)
{
	static int (*const changes[])(
			void) = { change_restart, change_link, change_mtu, change_mac };
	const uint32_t ms =
			CHANGE_MIN_MS + soak_random(&back.random, CHANGE_MAX_MS - CHANGE_MIN_MS);
	int ret;

	back.next_change = rte_get_timer_cycles() + ms * rte_get_timer_hz() / 1000;
	if (back.link_down) {
		back.link_down = false;
		ret = rte_eth_dev_set_link_up(0);
	} else {
		ret = changes[soak_random(&back.random, RTE_DIM(changes))]();
	}
	if (ret < 0) {
		fprintf(stderr, "back: change: %s\n", strerror(-ret));
		back.now.failed++;
	}
}

static void
show(const char *result)
{
	struct totals t = back.now;

	stats_add(&t);
	printf("%s sent=%" PRIu64 " received=%" PRIu64 " corrupt=%" PRIu64 " reordered=%" PRIu64
	       " opackets=%" PRIu64 " oerrors=%" PRIu64 " ipackets=%" PRIu64 " ierrors=%" PRIu64
	       " flaps=%" PRIu64 " mtus=%" PRIu64 " macs=%" PRIu64 " restarts=%" PRIu64
	       " failed=%" PRIu64 " mbufs_out=%u\n",
			result, t.sent, t.received, t.corrupt, t.reordered, t.opackets, t.oerrors,
			t.ipackets, t.ierrors, t.flaps, t.mtus, t.macs, t.restarts, t.failed,
			rte_mempool_in_use_count(back.pool));
}

/* Return: false to end. */
static bool
command(const char *line)
{
	if (strncmp(line, "finish", 6) == 0) {
		show("ok");
		return false;
	}
	if (strncmp(line, "stop", 4) == 0) {
		back.sending = false;
		printf("ok\n");
	} else {
		show("ok");
	}
	return true;
}

static void
serve(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned int turns = 0;
	char line[64];

	/* stdio must not hold back a second line: poll() would not see it */
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ok ready\n");
	for (;;) {
		if (back.sending)
			send_some();
		receive_some();
		totals_keep();
		if (turns++ % PAUSES != 0)
			continue;
		if (back.sending && rte_get_timer_cycles() >= back.next_change)
			change();
		if (poll(&input, 1, 0) > 0 &&
				(fgets(line, sizeof(line), stdin) == NULL || !command(line)))
			return;
	}
}

int
main(int argc, char **argv)
{
	int ret = rte_eal_init(argc, argv);

	if (ret < 0 || argc - ret < 2) {
		fprintf(stderr, "usage: back [EAL option...] -- SEED\n");
		return 1;
	}
	argv += ret;
	argc -= ret;
	ret = totals_open(argc > 2 ? argv[2] : NULL);
	if (ret < 0) {
		fprintf(stderr, "back: %s: %s\n", argc > 2 ? argv[2] : "memfd", strerror(-ret));
		return 1;
	}
	back.random = (strtoull(argv[1], NULL, 0) + shared->number) | 1;
	back.sending = true;
	back.pool = rte_pktmbuf_pool_create(
			"soak", MBUFS, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (back.pool == NULL || rte_eth_dev_count_avail() != 1) {
		fprintf(stderr, "back: needs memory and one port (--vdev)\n");
		return 1;
	}
	ret = port_start();
	if (ret < 0) {
		fprintf(stderr, "back: cannot start the port: %s\n", strerror(-ret));
		return 1;
	}
	serve();
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	return rte_eal_cleanup() == 0 ? 0 : 1;
}
