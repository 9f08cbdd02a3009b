/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sends frames on every queue of an ethdev port and checks each byte of what comes back. Whoever is
 * on the other side has to send every frame back unchanged, on the same queue.
 *
 *   loopback [EAL option...] -- [--queues N] [--seed N]
 *
 * Commands are lines on stdin; the answer ends with a line that starts with "ok" or "not ok":
 *   run SIZE COUNT [SEGMENT]  COUNT frames a queue, in mbufs of SEGMENT bytes (0: in one)
 *   start SIZE [SEGMENT]      frames until stop
 *   stop                      no more; what is under way is waited for
 *   show                      counters so far
 *   link up|down              wait until the driver is there or gone, up to 20 s
 *   queues N                  use only the first N from now on
 *   to ADDRESS                destination of the frames from now on; the port's own at first
 *   vlan ID                   their VLAN tag; 0: none
 *   steered 0|1               frames may come back on any queue: the driver uses RSS
 *   patience SECONDS          before what does not come back counts as lost; 60 at first
 *   port stop|start           ethdev's calls
 *   xstats                    all that are not 0, a line each
 *   quit
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define QUEUES_MAX 16
#define BURST      16
#define WINDOW     32 /* frames of a queue that are under way */
#define FRAME_MAX  9600
#define RX_MBUFS   8191
#define TX_MBUFS   2047
#define COMPLAINTS 5  /* frames that are described */
#define LINK_S     20 /* for a driver */
#define MAGIC      0x6c6f6f70
#define ETHER_TYPE 0x88b5 /* IEEE 802: local experimental */

/* In this machine's byte order, and without holes. */
struct head {
	struct rte_ether_hdr ether;
	struct rte_vlan_hdr tag; /* zero in frames without one */
	uint16_t queue;
	uint32_t magic;
	uint32_t sequence;
	uint32_t size;
};

struct queue {
	uint32_t next;     /* sequence number to send */
	uint32_t expected; /* to come back */
	uint32_t under_way;
	bool sent[UINT8_MAX + 1]; /* by the sequence number's last byte: WINDOW is less */
	uint64_t frames_sent, returned, lost, duplicated, reordered, corrupt, foreign;
};

static struct {
	uint16_t queues; /* in use */
	uint16_t queues_max;
	uint64_t seed;
	struct rte_mempool *rx_pool;
	struct rte_mempool *tx_pool;
	struct rte_ether_addr mac, to;
	bool steered;          /* the driver chose queues, by RSS: any will do */
	uint16_t vlan;         /* of the frames; 0: none */
	unsigned int patience; /* seconds without a frame, and what is under way is lost */
	struct queue queue[QUEUES_MAX];
	uint32_t size, segment;
	uint32_t limit; /* frames a queue; 0: none */
	bool sending;
	uint64_t last; /* when a frame came back, in cycles */
	unsigned int complaints;
} lb;

/* Bytes behind the header: a function of seed, queue, sequence number and size. */
static void
fill(uint8_t *frame, uint16_t queue, uint32_t sequence, uint32_t size)
{
	struct head head = {
		.ether = { .dst_addr = lb.to, .src_addr = lb.mac },
		.queue = queue,
		.magic = MAGIC,
		.sequence = sequence,
		.size = size,
	};
	uint64_t x = lb.seed ^ ((uint64_t)sequence << 32 | queue << 16 | size) * 0x9e3779b97f4a7c15;
	uint32_t i;

	head.ether.src_addr.addr_bytes[5] ^= 0xff;
	head.ether.ether_type = rte_cpu_to_be_16(lb.vlan ? RTE_ETHER_TYPE_VLAN : ETHER_TYPE);
	if (lb.vlan != 0) {
		head.tag.vlan_tci = rte_cpu_to_be_16(lb.vlan);
		head.tag.eth_proto = rte_cpu_to_be_16(ETHER_TYPE);
	}
	memcpy(frame, &head, sizeof(head));
	for (i = sizeof(head); i < size; i++) {
		if (i % 8 == 0 || i == sizeof(head)) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		frame[i] = x >> (i % 8 * 8);
	}
}

static struct rte_mbuf *
make(uint16_t queue, uint32_t sequence)
{
	struct rte_mbuf *head = NULL, *m;
	uint8_t frame[FRAME_MAX];
	uint32_t from, len;

	fill(frame, queue, sequence, lb.size);
	for (from = 0; from < lb.size; from += len) {
		len = RTE_MIN(lb.segment != 0 ? lb.segment : lb.size, lb.size - from);
		m = rte_pktmbuf_alloc(lb.tx_pool);
		if (m == NULL || rte_pktmbuf_append(m, len) == NULL)
			goto none;
		memcpy(rte_pktmbuf_mtod(m, void *), frame + from, len);
		if (head == NULL)
			head = m;
		else if (rte_pktmbuf_chain(head, m) < 0)
			goto none;
	}
	return head;
none:
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(head);
	return NULL;
}

static void
send_queue(uint16_t id)
{
	struct queue *q = &lb.queue[id];
	struct rte_mbuf *pkts[BURST];
	uint16_t n = 0, sent;

	while (n < BURST && q->under_way + n < WINDOW &&
			(lb.limit == 0 || q->frames_sent + n < lb.limit)) {
		pkts[n] = make(id, q->next + n);
		if (pkts[n] == NULL)
			break;
		n++;
	}
	sent = n > 0 ? rte_eth_tx_burst(0, id, pkts, n) : 0;
	for (uint16_t i = 0; i < sent; i++)
		q->sent[(uint8_t)(q->next + i)] = true;
	q->next += sent;
	q->frames_sent += sent;
	q->under_way += sent;
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void
complain(const char *what, uint16_t id, const struct rte_mbuf *m, const uint8_t *frame,
		const uint8_t *wanted)
{
	uint32_t at = 0;

	if (lb.complaints++ >= COMPLAINTS)
		return;
	while (wanted != NULL && at < m->pkt_len && frame[at] == wanted[at])
		at++;
	fprintf(stderr, "loopback: queue %u: %s: %u bytes in %u mbufs", id, what, m->pkt_len,
			m->nb_segs);
	if (wanted != NULL && at < m->pkt_len)
		fprintf(stderr, "; byte %u is %#x, not %#x", at, frame[at], wanted[at]);
	fprintf(stderr, "\n");
}

/* Is each byte of the frame and the sum of its mbufs what they should be? */
static bool
is_whole(uint16_t id, const struct rte_mbuf *m, const uint8_t *frame, const struct head *head)
{
	uint8_t wanted[FRAME_MAX];
	const struct rte_mbuf *seg;
	uint32_t sum = 0;

	for (seg = m; seg != NULL; seg = seg->next)
		sum += seg->data_len;
	if ((head->queue != id && !lb.steered) || head->queue >= lb.queues ||
			head->size != m->pkt_len || sum != m->pkt_len) {
		complain("wrong queue or length", id, m, frame, NULL);
		return false;
	}
	fill(wanted, head->queue, head->sequence, head->size);
	if (memcmp(frame, wanted, m->pkt_len) == 0)
		return true;
	complain("wrong bytes", id, m, frame, wanted);
	return false;
}

static void
check(uint16_t id, const struct rte_mbuf *m)
{
	struct queue *q = &lb.queue[id];
	uint8_t room[FRAME_MAX];
	const uint8_t *frame;
	struct head head;

	if (m->pkt_len < sizeof(head) || m->pkt_len > FRAME_MAX) {
		complain("no frame of ours", id, m, NULL, NULL);
		q->foreign++;
		return;
	}
	frame = rte_pktmbuf_read(m, 0, m->pkt_len, room);
	if (frame == NULL) {
		complain("mbufs shorter than the packet", id, m, NULL, NULL);
		q->corrupt++;
		return;
	}
	memcpy(&head, frame, sizeof(head));
	if (head.magic != MAGIC) {
		complain("no frame of ours", id, m, NULL, NULL);
		q->foreign++;
		return;
	}
	if (!is_whole(id, m, frame, &head)) {
		q->corrupt++;
		return;
	}
	q = &lb.queue[head.queue];
	if (!q->sent[(uint8_t)head.sequence] || q->next - head.sequence > UINT8_MAX) {
		q->duplicated++;
		return;
	}
	q->sent[(uint8_t)head.sequence] = false;
	q->under_way--;
	q->returned++;
	q->reordered += head.sequence != q->expected;
	q->expected = head.sequence + 1;
}

static void
receive_queue(uint16_t id)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t i, n = rte_eth_rx_burst(0, id, pkts, BURST);

	if (n == 0)
		return;
	lb.last = rte_get_timer_cycles();
	for (i = 0; i < n; i++)
		check(id, pkts[i]);
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
turn(void)
{
	for (uint16_t id = 0; id < lb.queues; id++) {
		if (lb.sending)
			send_queue(id);
		receive_queue(id);
	}
}

static struct queue
total(void)
{
	struct queue sum = { .next = 0 };

	for (uint16_t id = 0; id < lb.queues; id++) {
		const struct queue *q = &lb.queue[id];

		sum.frames_sent += q->frames_sent;
		sum.returned += q->returned;
		sum.lost += q->lost;
		sum.duplicated += q->duplicated;
		sum.reordered += q->reordered;
		sum.corrupt += q->corrupt;
		sum.foreign += q->foreign;
		sum.under_way += q->under_way;
	}
	return sum;
}

/* Counters in one line; "ok" when nothing is wrong. */
static void
answer(void)
{
	struct queue t = total();
	bool bad = t.lost + t.duplicated + t.reordered + t.corrupt + t.foreign > 0;

	printf("%s size=%u segment=%u queues=%u sent=%" PRIu64 " returned=%" PRIu64 " lost=%" PRIu64
	       " duplicated=%" PRIu64 " reordered=%" PRIu64 " corrupt=%" PRIu64 " foreign=%" PRIu64
	       " underway=%u\n",
			bad ? "not ok" : "ok", lb.size, lb.segment, lb.queues, t.frames_sent,
			t.returned, t.lost, t.duplicated, t.reordered, t.corrupt, t.foreign,
			t.under_way);
}

static int
prepare(uint32_t size, uint32_t count, uint32_t segment)
{
	if (size < RTE_MAX(sizeof(struct head), 60u) || size > FRAME_MAX)
		return -EINVAL;
	lb.size = size;
	lb.segment = segment;
	lb.limit = count;
	lb.complaints = 0;
	lb.last = rte_get_timer_cycles();
	for (uint16_t id = 0; id < lb.queues; id++) {
		struct queue *q = &lb.queue[id];
		uint32_t next = q->next;

		memset(q, 0, sizeof(*q));
		q->next = q->expected = next;
	}
	lb.sending = true;
	return 0;
}

static bool
is_stuck(void)
{
	return rte_get_timer_cycles() - lb.last > lb.patience * rte_get_timer_hz();
}

static bool
all_sent(void)
{
	for (uint16_t id = 0; id < lb.queues; id++)
		if (lb.queue[id].frames_sent < lb.limit)
			return false;
	return true;
}

/* Wait for what is under way; what does not come is lost. */
static void
drain(void)
{
	uint16_t id;

	lb.sending = false;
	lb.last = rte_get_timer_cycles();
	while (total().under_way > 0 && !is_stuck())
		turn();
	for (id = 0; id < lb.queues; id++) {
		lb.queue[id].lost += lb.queue[id].under_way;
		lb.queue[id].under_way = 0;
	}
}

static void
do_run(uint32_t size, uint32_t count, uint32_t segment)
{
	if (count == 0 || prepare(size, count, segment) < 0) {
		printf("not ok: run SIZE COUNT [SEGMENT], SIZE from 60 to %d\n", FRAME_MAX);
		return;
	}
	while (!all_sent() && !is_stuck())
		turn();
	drain();
	if (all_sent())
		answer();
	else
		printf("not ok: stuck: %" PRIu64 " of %u frames a queue sent, %" PRIu64
		       " returned\n",
				total().frames_sent, count, total().returned);
}

static void
do_link(bool up)
{
	const uint64_t end = rte_get_timer_cycles() + LINK_S * rte_get_timer_hz();
	struct rte_eth_link link;
	int ret;

	do {
		turn();
		ret = rte_eth_link_get_nowait(0, &link);
		if (ret < 0) {
			printf("not ok: link: %s\n", strerror(-ret));
			return;
		}
	} while (link.link_status != up && rte_get_timer_cycles() < end);
	printf("%s: link %s\n", link.link_status == up ? "ok" : "not ok",
			link.link_status ? "up" : "down");
}

static void
do_xstats(void)
{
	struct rte_eth_xstat_name names[2048];
	struct rte_eth_xstat values[2048];
	int i, n = rte_eth_xstats_get_names(0, names, RTE_DIM(names));

	if (n < 0 || n > (int)RTE_DIM(names) || rte_eth_xstats_get(0, values, n) != n) {
		printf("not ok: xstats: %d\n", n);
		return;
	}
	for (i = 0; i < n; i++)
		if (values[i].value != 0)
			printf("%s %" PRIu64 "\n", names[values[i].id].name, values[i].value);
	printf("ok: %d xstats\n", n);
}

static int
do_set(const char *word, const char *arg)
{
	if (strcmp(word, "queues") == 0) {
		if (atoi(arg) < 1 || atoi(arg) > lb.queues_max)
			return -EINVAL;
		lb.queues = atoi(arg);
		return 0;
	}
	if (strcmp(word, "to") == 0)
		return rte_ether_unformat_addr(arg, &lb.to);
	if (strcmp(word, "vlan") == 0)
		lb.vlan = atoi(arg);
	else if (strcmp(word, "steered") == 0)
		lb.steered = atoi(arg);
	else if (strcmp(word, "patience") == 0)
		lb.patience = atoi(arg);
	else if (strcmp(word, "port") == 0)
		return strcmp(arg, "stop") == 0 ? rte_eth_dev_stop(0) : rte_eth_dev_start(0);
	else
		return -ENOTSUP;
	return 0;
}

/* One line. Return: false to end. */
static bool
command(char *line)
{
	unsigned long number[3] = { 0, 0, 0 };
	char word[16] = "", arg[32] = "";
	int n = sscanf(line, "%15s %31s", word, arg), ret = 0;

	if (n > 0)
		(void)sscanf(line, "%*s %lu %lu %lu", &number[0], &number[1], &number[2]);
	if (strcmp(word, "run") == 0) {
		do_run(number[0], number[1], number[2]);
	} else if (strcmp(word, "stop") == 0) {
		drain();
		answer();
	} else if (strcmp(word, "show") == 0) {
		answer();
	} else if (strcmp(word, "link") == 0) {
		do_link(strcmp(arg, "up") == 0);
	} else if (strcmp(word, "xstats") == 0) {
		do_xstats();
	} else if (strcmp(word, "quit") == 0) {
		return false;
	} else {
		ret = strcmp(word, "start") == 0 ? prepare(number[0], 0, number[1])
						 : do_set(word, arg);
		printf("%s: %s: %d\n", ret == 0 ? "ok" : "not ok", word, ret);
	}
	fflush(stdout);
	return true;
}

static void
serve(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[128];

	/* stdio must not hold back a second line: poll() would not see it */
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		for (int i = 0; i < 64; i++)
			turn();
		if (poll(&input, 1, lb.sending ? 0 : 1) <= 0)
			continue;
		if (fgets(line, sizeof(line), stdin) == NULL || !command(line))
			return;
	}
}

static int
open_port(void)
{
	struct rte_eth_conf conf = { .rxmode.max_lro_pkt_size = UINT16_MAX };
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(0, &info);

	if (ret < 0)
		return ret;
	conf.rxmode.offloads = info.rx_offload_capa;
	conf.txmode.offloads = info.tx_offload_capa;
	conf.rxmode.max_lro_pkt_size = info.max_lro_pkt_size;
	rte_eth_dev_get_mtu(0, (uint16_t *)&conf.rxmode.mtu);
	ret = rte_eth_dev_configure(0, lb.queues, lb.queues, &conf);
	for (uint16_t id = 0; id < lb.queues && ret == 0; id++) {
		ret = rte_eth_rx_queue_setup(0, id, 512, SOCKET_ID_ANY, NULL, lb.rx_pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(0, id, 512, SOCKET_ID_ANY, NULL);
	}
	if (ret == 0)
		ret = rte_eth_macaddr_get(0, &lb.mac);
	lb.to = lb.mac;
	return ret < 0 ? ret : rte_eth_dev_start(0);
}

static int
options(int argc, char **argv)
{
	lb.queues = 1;
	lb.seed = 0x5eed;
	lb.patience = 60;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--queues") == 0)
			lb.queues = atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--seed") == 0)
			lb.seed = strtoull(argv[i + 1], NULL, 0);
		else
			return -EINVAL;
	}
	lb.queues_max = lb.queues;
	return argc % 2 == 0 || lb.queues == 0 || lb.queues > QUEUES_MAX ? -EINVAL : 0;
}

int
main(int argc, char **argv)
{
	int n = rte_eal_init(argc, argv), ret;

	if (n < 0)
		return 1;
	if (options(argc - n, argv + n) < 0) {
		fprintf(stderr, "usage: loopback [EAL option...] -- [--queues N] [--seed N]\n");
		return 1;
	}
	lb.rx_pool = rte_pktmbuf_pool_create(
			"rx", RX_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	lb.tx_pool = rte_pktmbuf_pool_create(
			"tx", TX_MBUFS, 128, 0, FRAME_MAX + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	if (lb.rx_pool == NULL || lb.tx_pool == NULL || rte_eth_dev_count_avail() != 1) {
		fprintf(stderr, "loopback: needs memory and one port (--vdev)\n");
		return 1;
	}
	ret = open_port();
	if (ret < 0) {
		fprintf(stderr, "loopback: cannot start the port: %s\n", strerror(-ret));
		rte_eal_cleanup();
		return 1;
	}
	printf("ok: ready\n");
	fflush(stdout);
	serve();
	ret = rte_eth_dev_stop(0);
	ret |= rte_eth_dev_close(0);
	return ret != 0 || rte_eal_cleanup() != 0;
}
