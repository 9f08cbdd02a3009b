/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Send Ethernet frames of every size from one interface to another, each in a
 * network namespace of its own, and compare every byte that arrives.
 *
 *   frames [-m MIN] [-M MAX] [-s STEP] [-r ROUNDS] NETNS IFACE NETNS IFACE
 *
 * Sizes are of the whole frame without its check sequence. Frames go from the
 * first interface to the second, a window at a time, so that no queue can
 * overflow: a frame that is missing was lost by what is tested.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIN_FRAME   60
#define MAX_FRAME   65535
#define WINDOW      32
#define WAIT_MS     5000 /* emulated machines are slow; met only on a loss */
#define MAGIC       0x76647573u
#define ETHERTYPE   0x88b5 /* IEEE 802: for local experiments */
#define MAX_REPORTS 10

struct frame_head {
	struct ethhdr eth;
	uint32_t magic;
	uint32_t seq;
	uint32_t size;
} __attribute__((packed));

struct end {
	int fd;
	uint8_t mac[ETH_ALEN];
	char iface[IF_NAMESIZE];
};

struct plan {
	struct end from;
	struct end to;
	unsigned int min; /* bytes */
	unsigned int max;
	unsigned int step;
	unsigned int rounds;
};

/* What became of the frames of one window. */
struct window {
	uint32_t first; /* sequence number */
	unsigned int count;
	unsigned int missing;
	unsigned int sizes[WINDOW];
	bool seen[WINDOW];
};

struct tally {
	unsigned long sent;
	unsigned long lost;
	unsigned long twice;
	unsigned long wrong; /* length or bytes */
};

static unsigned int reports;

/* Every position of every frame has a byte of its own: xorshift32, seeded by the number. */
static void
fill(uint8_t *buf, size_t len, uint32_t seq)
{
	uint32_t x = seq * 2654435761u + 1;
	size_t i;

	for (i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		buf[i] = x >> 11;
	}
}

static void
build(const struct plan *plan, uint8_t *buf, uint32_t seq, unsigned int size)
{
	struct frame_head head = {
		.eth.h_proto = htons(ETHERTYPE),
		.magic = htonl(MAGIC),
		.seq = htonl(seq),
		.size = htonl(size),
	};

	memcpy(head.eth.h_dest, plan->to.mac, ETH_ALEN);
	memcpy(head.eth.h_source, plan->from.mac, ETH_ALEN);
	memcpy(buf, &head, sizeof(head));
	fill(buf + sizeof(head), size - sizeof(head), seq);
}

static void
report(const char *what, uint32_t seq, unsigned int size)
{
	if (reports++ < MAX_REPORTS)
		printf("frames: number %u, %u bytes: %s\n", seq, size, what);
}

/* Judge one received frame of the window. */
static void
take(const struct plan *plan, struct window *win, const uint8_t *got, size_t len,
		struct tally *tally)
{
	static uint8_t want[MAX_FRAME];
	struct frame_head head;
	uint32_t at;

	if (len < sizeof(head))
		return;
	memcpy(&head, got, sizeof(head));
	if (ntohl(head.magic) != MAGIC)
		return;
	at = ntohl(head.seq) - win->first;
	if (at >= win->count || win->seen[at]) {
		report(at < win->count ? "arrived twice" : "not one of those sent", ntohl(head.seq),
				len);
		tally->twice++;
		return;
	}
	win->seen[at] = true;
	win->missing--;
	build(plan, want, win->first + at, win->sizes[at]);
	if (len != win->sizes[at] || memcmp(got, want, len) != 0) {
		report(len != win->sizes[at] ? "wrong length" : "wrong bytes", win->first + at,
				len);
		tally->wrong++;
	}
}

/* Return: 0 when the window is complete or late, -errno if the socket fails. */
static int
receive(const struct plan *plan, struct window *win, struct tally *tally)
{
	static uint8_t buf[MAX_FRAME];
	struct pollfd pfd = { .fd = plan->to.fd, .events = POLLIN };
	ssize_t len;
	unsigned int i;

	while (win->missing > 0) {
		if (poll(&pfd, 1, WAIT_MS) == 0)
			break;
		len = recv(plan->to.fd, buf, sizeof(buf), MSG_TRUNC);
		if (len < 0)
			return -errno;
		take(plan, win, buf, len, tally);
	}
	for (i = 0; i < win->count; i++) {
		if (win->seen[i])
			continue;
		report("lost", win->first + i, win->sizes[i]);
		tally->lost++;
	}
	return 0;
}

static int
send_window(const struct plan *plan, struct window *win, struct tally *tally)
{
	static uint8_t buf[MAX_FRAME];
	unsigned int i;

	memset(win->seen, 0, sizeof(win->seen));
	win->missing = win->count;
	for (i = 0; i < win->count; i++) {
		build(plan, buf, win->first + i, win->sizes[i]);
		if (send(plan->from.fd, buf, win->sizes[i], 0) != (ssize_t)win->sizes[i]) {
			fprintf(stderr, "frames: send %u bytes on %s: %s\n", win->sizes[i],
					plan->from.iface, strerror(errno));
			return -errno;
		}
		tally->sent++;
	}
	return receive(plan, win, tally);
}

static int
run(const struct plan *plan, struct tally *tally)
{
	struct window win = { .first = 0 };
	unsigned int round, size;
	int ret;

	for (round = 0; round < plan->rounds; round++) {
		for (size = plan->min; size <= plan->max; size += plan->step) {
			win.sizes[win.count++] = size;
			if (win.count < WINDOW && size + plan->step <= plan->max)
				continue;
			ret = send_window(plan, &win, tally);
			if (ret != 0)
				return ret;
			win.first += win.count;
			win.count = 0;
		}
	}
	return 0;
}

static int
enter(const char *netns)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Open a packet socket on an interface of a namespace; this process stays there. */
static int
open_end(struct end *end, const char *netns, const char *iface)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE) };
	struct ifreq ifr = { 0 };
	int size = 16 << 20;
	int ret;

	ret = enter(netns);
	if (ret != 0)
		return ret;
	end->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));
	if (end->fd < 0)
		return -errno;
	snprintf(end->iface, sizeof(end->iface), "%s", iface);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", iface);
	if (ioctl(end->fd, SIOCGIFHWADDR, &ifr) != 0)
		return -errno;
	memcpy(end->mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	addr.sll_ifindex = if_nametoindex(iface);
	if (bind(end->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		return -errno;
	/* A window of jumbo frames must fit; root may exceed the system's limit. */
	if (setsockopt(end->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		return -errno;
	return setsockopt(end->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0 ? -errno
											 : 0;
}

static void
usage(void)
{
	fprintf(stderr, "usage: frames [-m MIN] [-M MAX] [-s STEP] [-r ROUNDS] "
			"NETNS IFACE NETNS IFACE\n");
	exit(2);
}

static void
parse(struct plan *plan, int argc, char *argv[])
{
	int c;

	while ((c = getopt(argc, argv, "m:M:s:r:")) != -1) {
		switch (c) {
		case 'm':
			plan->min = atoi(optarg);
			break;
		case 'M':
			plan->max = atoi(optarg);
			break;
		case 's':
			plan->step = atoi(optarg);
			break;
		case 'r':
			plan->rounds = atoi(optarg);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 4 || plan->min < MIN_FRAME || plan->max > MAX_FRAME ||
			plan->min > plan->max || plan->step == 0)
		usage();
}

int
main(int argc, char *argv[])
{
	struct plan plan = { .min = MIN_FRAME, .max = ETH_FRAME_LEN, .step = 1, .rounds = 1 };
	struct tally tally = { 0 };
	int ret;

	parse(&plan, argc, argv);
	argv += optind;
	ret = open_end(&plan.from, argv[0], argv[1]);
	if (ret == 0)
		ret = open_end(&plan.to, argv[2], argv[3]);
	if (ret == 0)
		ret = run(&plan, &tally);
	if (ret != 0)
		fprintf(stderr, "frames: %s\n", strerror(-ret));
	printf("frames: %s > %s: sent %lu, lost %lu, twice or foreign %lu, wrong %lu\n", argv[0],
			argv[2], tally.sent, tally.lost, tally.twice, tally.wrong);
	return ret != 0 || tally.sent == 0 || tally.lost + tally.twice + tally.wrong != 0;
}
