/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A driver for /dev/vhost-vdpa-N that sends frames with sequence numbers, and expects each to come
 * back, once or never: whoever serves the device may be killed at any moment.
 *
 *   echo DEVICE split|packed
 *
 * Half of the frames are sent in two descriptors and every third by an indirect table. Commands are
 * lines on stdin, each answered by a line that begins with "ok" or "not ok":
 *   start   negotiate, rings, DRIVER_OK, and traffic from here on
 *   back [PID]  wait until frames sent from now on come back; says after how many ms, and for how
 * many of them both this program and that one had a processor show    counters: "not ok" where a
 * frame came twice, was damaged, or overtook another full    no more traffic; all descriptors come
 * back, and a ring's worth of frames passes at once quit
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "mock_driver.h"
#include "vhost_front.h"

#define SIZE    256 /* of a ring */
#define BASE    0x7654000000
#define MEMORY  (4u << 20)
#define RING(q) (BASE + (q)*0x10000ull)
#define AREA(q) (BASE + 0x100000 + (q)*0x100000ull)
#define BUFFER  512
#define TABLE   480 /* in a buffer */
#define HEADER  12  /* virtio 1.2, 5.1.6.1: with VERSION_1 */
#define FRAME   200
#define WINDOW  48    /* frames under way */
#define STALL   500   /* ms without a frame: what is under way is lost */
#define LONGEST 20000 /* ms that anything is waited for */
#define SEEN    (1u << 24)
#define RX      0
#define TX      1

static struct {
	int fd, kick[2];
	uint8_t *mem;
	struct mock_mem map;
	struct mock_vq vq[2];
	bool packed, running;
	uint16_t free[SIZE]; /* buffers for frames */
	unsigned int nb_free;
	uint32_t next, under_way, last;
	uint8_t seen[SEEN / 8];
	uint64_t sent, returned, twice, damaged, overtook;
	uint64_t heard; /* when the last frame came, ms */
} e;

static uint64_t
clock_ms(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static uint64_t
now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* Who polls without a rest has as much of its processor's time as goes by while it runs. */
struct busy {
	clockid_t other;
	uint64_t own_begin, other_begin;
};

static void
busy_begin(struct busy *busy, pid_t pid)
{
	if (pid == 0 || clock_getcpuclockid(pid, &busy->other) != 0)
		busy->other = CLOCK_PROCESS_CPUTIME_ID;
	busy->own_begin = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	busy->other_begin = clock_ms(busy->other);
}

static uint64_t
busy_ms(const struct busy *busy)
{
	const uint64_t own = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - busy->own_begin;
	const uint64_t other = clock_ms(busy->other) - busy->other_begin;

	return own < other ? own : other;
}

static void *
at(void *arg, uint64_t iova)
{
	(void)arg;
	return e.mem + (iova - BASE);
}

static void
copy_in(void *arg, uint64_t iova, const void *data, size_t len)
{
	memcpy(at(arg, iova), data, len);
}

static void
fill(uint8_t *frame, uint32_t number)
{
	memset(frame, 0, 12);
	frame[0] = frame[6] = 2;
	frame[12] = 0x88; /* IEEE 802: local experimental */
	frame[13] = 0xb5;
	memcpy(frame + 14, &number, sizeof(number));
	for (unsigned int i = 18; i < FRAME; i++)
		frame[i] = (number * 2654435761u + i * 40503u) >> 11;
}

static int
offer(uintptr_t slot)
{
	const struct mock_desc desc = {
		.iova = AREA(RX) + slot * BUFFER, .len = BUFFER, .write = true
	};

	return mock_vq_add(&e.vq[RX], &desc, 1, (void *)(slot + 1));
}

/* A frame, in whole or, where it may be, by the number in other manners. */
static bool
send_one(bool whole)
{
	const uintptr_t slot = e.nb_free > 0 ? e.free[e.nb_free - 1] : 0;
	const uint64_t iova = AREA(TX) + slot * BUFFER;
	const struct mock_desc two[] = { { .iova = iova, .len = HEADER },
		{ .iova = iova + HEADER, .len = FRAME } };
	const struct mock_desc one = { .iova = iova, .len = HEADER + FRAME };
	void *cookie = (void *)(slot + 1);
	int ret;

	if (e.nb_free == 0)
		return false;
	memset(at(NULL, iova), 0, HEADER);
	fill(at(NULL, iova + HEADER), e.next);
	if (!whole && e.next % 3 == 0)
		ret = mock_vq_add_indirect(&e.vq[TX], two, 2, iova + TABLE, cookie);
	else if (!whole && e.next % 2 == 0)
		ret = mock_vq_add(&e.vq[TX], two, 2, cookie);
	else
		ret = mock_vq_add(&e.vq[TX], &one, 1, cookie);
	if (ret < 0)
		return false;
	e.nb_free--;
	e.next++;
	e.sent++;
	e.under_way++;
	return true;
}

static void
check(const uint8_t *frame, uint32_t len)
{
	uint8_t wanted[FRAME];
	uint32_t number;

	memcpy(&number, frame + 14, sizeof(number));
	fill(wanted, number);
	if (len != FRAME || memcmp(frame, wanted, FRAME) != 0 || number >= e.next ||
			e.next - number > SEEN / 2) {
		e.damaged++;
		return;
	}
	if (e.seen[number % SEEN / 8] & 1 << number % 8) {
		e.twice++;
		return;
	}
	e.seen[number % SEEN / 8] |= 1 << number % 8;
	e.overtook += e.returned > 0 && number < e.last;
	e.last = number;
	e.returned++;
	if (e.under_way > 0)
		e.under_way--;
}

/* What came back of both rings. */
static void
collect(void)
{
	struct mock_used used;
	bool any = false;

	while (mock_vq_get(&e.vq[TX], &used))
		e.free[e.nb_free++] = (uintptr_t)used.cookie - 1;
	while (mock_vq_get(&e.vq[RX], &used)) {
		const uintptr_t slot = (uintptr_t)used.cookie - 1;

		/* nothing in it: a process that died had it, and the next one gave it back */
		if (used.len != 0)
			check((uint8_t *)at(NULL, AREA(RX) + slot * BUFFER) + HEADER,
					used.len - HEADER);
		offer(slot);
		any = true;
	}
	if (!any)
		return;
	e.heard = now_ms();
	vhost_front_kick_if(&e.vq[RX], e.kick[RX]);
}

static void
turn(void)
{
	collect();
	if (now_ms() - e.heard > STALL) {
		e.under_way = 0;
		e.heard = now_ms();
	}
	while (e.running && e.under_way < WINDOW && send_one(false))
		;
	vhost_front_kick_if(&e.vq[TX], e.kick[TX]);
}

static int
set_queue(unsigned int index)
{
	const struct mock_vq_conf conf = { .mem = &e.map,
		.iova = RING(index),
		.size = SIZE,
		.packed = e.packed,
		.start_wrap = e.packed };

	if (mock_vq_init(&e.vq[index], &conf) < 0)
		return -ENOMEM;
	return vhost_front_queue(e.fd, index, &e.vq[index], e.kick[index], -1);
}

static int
start(void)
{
	uint64_t bits = 1ULL << VIRTIO_RING_F_INDIRECT_DESC;
	int ret;

	if (e.packed)
		bits |= 1ULL << VIRTIO_F_RING_PACKED;
	ret = vhost_front_features(e.fd, bits);
	if (ret < 0)
		return ret;
	for (unsigned int queue = 0; queue < 2; queue++) {
		ret = set_queue(queue);
		if (ret < 0)
			return ret;
	}
	for (e.nb_free = 0; e.nb_free < SIZE; e.nb_free++) {
		e.free[e.nb_free] = e.nb_free;
		if (offer(e.nb_free) < 0)
			return -ENOSPC;
	}
	e.heard = now_ms();
	ret = vhost_front_ready(e.fd);
	e.running = ret == 0;
	return ret;
}

/* Frames that are sent after this moment. */
static int
back(pid_t pid, uint64_t *ms, uint64_t *both_ms)
{
	const uint64_t begin = now_ms();
	const uint32_t from = e.next;
	struct busy busy;

	busy_begin(&busy, pid);
	while (now_ms() - begin < LONGEST) {
		turn();
		if (e.last >= from && e.returned > 0) {
			*ms = now_ms() - begin;
			*both_ms = busy_ms(&busy);
			return 0;
		}
		/* what was under way may be lost: make room for what comes now */
		if (e.under_way >= WINDOW && now_ms() - e.heard > 5)
			e.under_way = 0;
	}
	return -ETIMEDOUT;
}

/* Whether all descriptors of the transmit ring are the driver's within the time. */
static int
drain(void)
{
	const uint64_t begin = now_ms();

	while (e.vq[TX].nb_free < SIZE) {
		if (now_ms() - begin > LONGEST)
			return -ETIMEDOUT;
		collect();
		vhost_front_kick_if(&e.vq[TX], e.kick[TX]);
	}
	return e.nb_free == SIZE ? 0 : -EBADMSG;
}

/* All descriptors are used at once. */
static int
full(void)
{
	unsigned int n;
	int ret;

	e.running = false;
	ret = drain();
	for (n = 0; ret == 0 && n < SIZE; n++)
		ret = send_one(true) ? 0 : -ENOSPC;
	return ret == 0 ? drain() : ret;
}

static int
open_device(const char *path)
{
	int ret, memfd;

	e.mem = vhost_front_memory(MEMORY, &memfd);
	if (e.mem == NULL)
		return -errno;
	e.map = (struct mock_mem){ .write = copy_in, .at = at };
	e.fd = vhost_front_open(path);
	if (e.fd < 0)
		return e.fd;
	ret = vhost_front_eventfds(e.kick);
	if (ret < 0)
		return ret;
	return vhost_front_iotlb(e.fd, VHOST_IOTLB_UPDATE, BASE, MEMORY, e.mem);
}

static void
command(const char *line)
{
	uint64_t ms = 0, both_ms = 0;
	int ret = -EINVAL;

	if (strncmp(line, "start", 5) == 0)
		ret = start();
	else if (strncmp(line, "back", 4) == 0)
		ret = back(atoi(line + 4), &ms, &both_ms);
	else if (strncmp(line, "full", 4) == 0)
		ret = full();
	else if (strncmp(line, "show", 4) == 0)
		ret = e.twice + e.damaged + e.overtook > 0 ? -EBADMSG : 0;
	if (ret < 0)
		printf("not ok: %s", strerror(-ret));
	else
		printf("ok %" PRIu64 " ms, %" PRIu64 " ms of both", ms, both_ms);
	printf(" sent=%" PRIu64 " returned=%" PRIu64 " lost=%" PRIu64 " twice=%" PRIu64
	       " damaged=%" PRIu64 " overtook=%" PRIu64 " descriptors=%u\n",
			e.sent, e.returned, e.sent - e.returned, e.twice, e.damaged, e.overtook,
			e.vq[TX].nb_free);
}

int
main(int argc, char **argv)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];
	int ret;

	if (argc != 3 || (strcmp(argv[2], "split") != 0 && strcmp(argv[2], "packed") != 0)) {
		fprintf(stderr, "usage: echo DEVICE split|packed\n");
		return 1;
	}
	e.packed = argv[2][0] == 'p';
	ret = open_device(argv[1]);
	if (ret < 0) {
		fprintf(stderr, "echo: %s: %s\n", argv[1], strerror(-ret));
		return 1;
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		if (e.running)
			turn();
		if (poll(&input, 1, e.running ? 0 : 10) <= 0)
			continue;
		if (fgets(line, sizeof(line), stdin) == NULL || strncmp(line, "quit", 4) == 0)
			return 0;
		command(line);
	}
}
