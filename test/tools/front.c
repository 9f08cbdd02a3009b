/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A small driver for /dev/vhost-vdpa-N that sends every frame back, from memory as awkward as the
 * rules allow: each 4 KiB page of its IOVA range is a region of its own, and pages that are
 * neighbours there are not in memory, so rings and buffers cross regions all the time. Split
 * rings, one queue pair, frames up to 2000 bytes.
 *
 *   front DEVICE [PAGES]      pages to a region (1)
 *
 * Commands are lines on stdin, each answered by a line "ok" or "not ok: ...":
 *   features BITS   negotiate exactly these (hexadecimal) besides VERSION_1 and ACCESS_PLATFORM,
 *                   and say whether the device kept FEATURES_OK
 *   start           rings, DRIVER_OK, and serve
 *   remap           the same contents in new memory at the same IOVA; the old is filled with a
 *                   pattern
 *   untouched       is the pattern of the memory remapped away from as it was?
 *   unmap           take all regions away; frames are lost, none is served
 *   map             and give them back
 *   cut             make the file behind the memory empty; nothing but quit works after that
 *   quiet           serve no more: frames are not sent back
 *   wake N USECS    send N frames, each USECS after the one before was taken, and print a line
 *                   with how long the device took from kick to used entry
 *   send N KIND     send N frames from 02:00:00:00:00:66, and wait until they were taken. KIND:
 * good, long (9000 bytes), short (10), or with a header that lies: csum (beyond the end), tso (of a
 * frame that is none of TCP), huge (60000 bytes, not to be segmented) break KIND      a chain that
 * is none: loop, outside (of the memory), write (a buffer to be written), jump (more entries than
 * the ring has) reset           status 0 quit
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

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "mock_driver.h"
#include "vhost_front.h"

#define PAGE      4096
#define PAGES     512
#define BASE      0x7654321000 /* IOVA of the first page */
#define SIZE      256          /* of a ring: its descriptors are a page, and lie on two */
#define BUFFER    2048
#define HEADER    12 /* virtio 1.2, 5.1.6.1: with VERSION_1 */
#define PATTERN   0x5a
#define RX        0
#define TX        1
#define TX_PIECES 4            /* descriptors of a frame that is sent back */
#define TAKEN_NS  120000000000 /* until a frame that is not taken counts as stuck */

/* Offsets in the IOVA range, of buffers IOVAs. Rings are aligned as virtio 1.2, 2.7 wants, and no
 * more. */
#define RING(q)    (0x810 + (q)*0x4000)
#define AVAIL(q)   (0x1ff2 + (q)*0x4000)
#define USED(q)    (0x2ff8 + (q)*0x4000) /* its first element lies on two pages */
#define BUFFERS(q) (BASE + 0x8000 + 777 + (q) * (SIZE / 2) * BUFFER)

static struct {
	int fd, memfd;
	uint8_t *mem;        /* pages in the order of the file */
	uint8_t *old;        /* of before the last remap */
	unsigned int region; /* pages */
	int kick[2];
	struct mock_vq vq[2];
	uint16_t slot; /* of the next frame that is sent back, free running */
	bool serving;
	uint64_t sum;
} front;

/* Neighbours in IOVA are far apart in the file: 167 and the number of regions have no common
 * factor. */
static unsigned int
file_page(unsigned int page)
{
	const unsigned int regions = PAGES / front.region;

	return page / front.region * 167 % regions * front.region + page % front.region;
}

static void *
at(void *arg, uint64_t iova)
{
	const uint64_t offset = iova - BASE;

	(void)arg;
	return front.mem + (size_t)file_page(offset / PAGE) * PAGE + offset % PAGE;
}

static void
copy(uint64_t iova, void *data, size_t len, bool write)
{
	uint8_t *bytes = data, *va;
	size_t n;

	for (; len > 0; iova += n, bytes += n, len -= n) {
		n = PAGE - iova % PAGE < len ? PAGE - iova % PAGE : len;
		va = at(NULL, iova);
		if (write)
			memcpy(va, bytes, n);
		else
			memcpy(bytes, va, n);
	}
}

static void
put(void *arg, uint64_t iova, const void *data, size_t len)
{
	uint8_t room[PAGE];

	(void)arg;
	memcpy(room, data, len);
	copy(iova, room, len, true);
}

static const struct mock_mem mem = { .write = put, .at = at };

static int
map_all(void)
{
	return vhost_front_map(front.fd, BASE, (uint64_t)PAGES * PAGE,
			(uint64_t)front.region * PAGE, &mem);
}

static int
unmap_all(void)
{
	return vhost_front_unmap(front.fd, BASE, (uint64_t)PAGES * PAGE);
}

static int
new_memory(void)
{
	front.mem = vhost_front_memory((size_t)PAGES * PAGE, &front.memfd);
	return front.mem == NULL ? -errno : 0;
}

/* The file behind all of it is empty: whoever touches it from now on has a SIGBUS. */
static int
cut(void)
{
	front.serving = false;
	return ftruncate(front.memfd, 0) < 0 ? -errno : 0;
}

/* Nothing is copied before the back end has agreed that the old memory is gone. */
static int
remap(void)
{
	int ret = unmap_all();

	if (ret < 0)
		return ret;
	front.old = front.mem;
	ret = new_memory();
	if (ret < 0)
		return ret;
	memcpy(front.mem, front.old, (size_t)PAGES * PAGE);
	memset(front.old, PATTERN, (size_t)PAGES * PAGE);
	return map_all();
}

static int
untouched(void)
{
	if (front.old == NULL)
		return -ENOENT;
	for (size_t i = 0; i < (size_t)PAGES * PAGE; i++)
		if (front.old[i] != PATTERN)
			return -EBADMSG;
	return 0;
}

static uint64_t
sum(void)
{
	const uint64_t *words = (const void *)front.mem;
	uint64_t value = 0;

	for (size_t i = 0; i < (size_t)PAGES * PAGE / sizeof(*words); i++)
		value = (value ^ words[i]) * 0x100000001b3;
	return value;
}

static uint64_t
buffer(int queue, uint16_t id)
{
	return BUFFERS(queue) + (uint64_t)id * BUFFER;
}

static bool
take(int queue, struct mock_used *used)
{
	return mock_vq_get(&front.vq[queue], used);
}

static int
offer(uintptr_t slot)
{
	const struct mock_desc desc = { .iova = buffer(RX, slot), .len = BUFFER, .write = true };

	return mock_vq_add(&front.vq[RX], &desc, 1, (void *)(slot + 1));
}

/* Header and frame in pieces of odd sizes, none empty. */
static int
send_back(const uint8_t *frame, uint32_t len)
{
	const uint32_t cut[TX_PIECES + 1] = { 0, 7, HEADER + 33, HEADER + len / 2 + 5,
		HEADER + len };
	const uint64_t iova = buffer(TX, front.slot++ % (SIZE / TX_PIECES));
	static const uint8_t header[HEADER];
	struct mock_desc pieces[TX_PIECES];

	put(NULL, iova, header, HEADER);
	put(NULL, iova + HEADER, frame, len);
	for (int i = 0; i < TX_PIECES; i++)
		pieces[i] = (struct mock_desc){ .iova = iova + cut[i], .len = cut[i + 1] - cut[i] };
	return mock_vq_add(&front.vq[TX], pieces, TX_PIECES, NULL);
}

/* All frames that came, as far as there are slots to send. */
static void
serve(void)
{
	struct mock_used used;
	uint8_t frame[BUFFER];
	bool any = false;

	while (take(TX, &used))
		;
	while (front.vq[TX].nb_free >= TX_PIECES && take(RX, &used)) {
		const uintptr_t slot = (uintptr_t)used.cookie - 1;

		copy(buffer(RX, slot) + HEADER, frame, used.len - HEADER, false);
		send_back(frame, used.len - HEADER);
		offer(slot);
		any = true;
	}
	if (any) {
		vhost_front_kick(front.kick[TX]);
		vhost_front_kick(front.kick[RX]);
	}
}

static int
set_queue(unsigned int index)
{
	const struct mock_vq_conf conf = { .mem = &mem,
		.iova = BASE + RING(index),
		.driver_iova = BASE + AVAIL(index),
		.device_iova = BASE + USED(index),
		.size = SIZE };
	struct mock_vq *vq = &front.vq[index];
	int ret;

	mock_vq_fini(vq);
	ret = mock_vq_init(vq, &conf);
	return ret < 0 ? ret : vhost_front_queue(front.fd, index, vq, front.kick[index], -1);
}

static int
start(void)
{
	int ret = 0;

	memset(front.mem, 0, (size_t)PAGES * PAGE);
	front.slot = 0;
	for (unsigned int queue = 0; queue < 2 && ret == 0; queue++)
		ret = set_queue(queue);
	for (uint16_t id = 0; id < SIZE / 2 && ret == 0; id++)
		ret = offer(id);
	if (ret == 0)
		ret = vhost_front_ready(front.fd);
	front.serving = ret == 0;
	return ret;
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * Frames one at a time, each so many microseconds after the one before was taken. Prints how
 * long the device took from the kick to the used entry.
 */
static int
wake(uint64_t count, uint64_t gap_us)
{
	const struct timespec gap = { .tv_sec = gap_us / 1000000,
		.tv_nsec = gap_us % 1000000 * 1000 };
	uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	static uint64_t ns[10000];
	struct mock_used used;
	uint64_t from;

	if (count == 0 || count > sizeof(ns) / sizeof(ns[0]))
		return -ERANGE;
	while (take(TX, &used))
		;
	for (uint64_t i = 0; i < count; i++) {
		nanosleep(&gap, NULL);
		from = now_ns();
		send_back(frame, sizeof(frame));
		/* the device asks for kicks when it sleeps */
		vhost_front_kick_if(&front.vq[TX], front.kick[TX]);
		while (!take(TX, &used))
			if (now_ns() - from > 10000000000)
				return -ETIMEDOUT;
		ns[i] = now_ns() - from;
	}
	qsort(ns, count, sizeof(ns[0]), compare);
	printf("us: p50 %.1f p90 %.1f p99 %.1f max %.1f\n", ns[count / 2] / 1e3,
			ns[count * 9 / 10] / 1e3, ns[count * 99 / 100] / 1e3, ns[count - 1] / 1e3);
	return 0;
}

static const struct {
	const char *name;
	uint32_t len;
	struct virtio_net_hdr_v1 header;
} kinds[] = {
	{ "good", 60, { 0 } },
	{ "long", 9000, { 0 } },
	{ "short", 10, { 0 } },
	{ "csum", 60,
			{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.csum_start = 50,
					.csum_offset = 50 } },
	{ "tso", 1400,
			{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.hdr_len = 54,
					.gso_size = 1,
					.csum_start = 34,
					.csum_offset = 16 } },
	{ "huge", 60000, { .hdr_len = 65535, .gso_size = 1448 } },
};

/* Until the device has given back all that was sent. */
static int
all_taken(void)
{
	const uint64_t from = now_ns();
	struct mock_used used;

	while (front.vq[TX].nb_free < SIZE)
		if (!take(TX, &used) && now_ns() - from > TAKEN_NS)
			return -ETIMEDOUT;
	return 0;
}

/* One descriptor a frame, all of the same bytes. */
static int
send_kind(uint64_t count, const char *kind)
{
	static const uint8_t ethernet[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x66,
		0x88, 0xb5 };
	struct mock_desc desc = { .iova = buffer(TX, 0) };
	int ret = all_taken();
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0]))
		return -EINVAL;
	put(NULL, desc.iova, &kinds[i].header, HEADER);
	put(NULL, desc.iova + HEADER, ethernet, sizeof(ethernet));
	desc.len = HEADER + kinds[i].len;
	for (uint64_t n = 0; n < count && ret == 0; n++) {
		ret = mock_vq_add(&front.vq[TX], &desc, 1, NULL);
		vhost_front_kick(front.kick[TX]);
		if (ret == 0)
			ret = all_taken();
	}
	return ret;
}

static void
describe(uint16_t id, uint64_t iova, uint16_t flags)
{
	*mock_vq_desc(&front.vq[TX], id) = (struct vring_desc){
		.addr = iova, .len = 100, .flags = flags, .next = !id
	};
}

static int
break_ring(const char *kind)
{
	const int ret = all_taken();

	describe(0, buffer(TX, 0), 0);
	if (strcmp(kind, "loop") == 0) {
		describe(0, buffer(TX, 0), VRING_DESC_F_NEXT);
		describe(1, buffer(TX, 1), VRING_DESC_F_NEXT);
	} else if (strcmp(kind, "outside") == 0) {
		describe(0, BASE + (uint64_t)PAGES * PAGE * 2, 0);
	} else if (strcmp(kind, "write") == 0) {
		describe(0, buffer(TX, 0), VRING_DESC_F_WRITE);
	} else if (strcmp(kind, "jump") == 0) {
		front.vq[TX].avail_idx += SIZE;
	} else {
		return -EINVAL;
	}
	front.serving = false;
	mock_vq_publish(&front.vq[TX], 0);
	vhost_front_kick(front.kick[TX]);
	return ret;
}

static int
command(const char *line)
{
	char name[16] = "", kind[16] = "";
	uint64_t bits = 0, count = 0, gap = 0;

	(void)sscanf(line, "%15s %" SCNx64, name, &bits);
	(void)sscanf(line, "%*s %" SCNu64 " %" SCNu64, &count, &gap);
	(void)sscanf(line, "send %*u %15s", kind);
	(void)sscanf(line, "break %15s", kind);
	if (strcmp(name, "quiet") == 0) {
		front.serving = false;
		return 0;
	}
	if (strcmp(name, "wake") == 0)
		return wake(count, gap);
	if (strcmp(name, "send") == 0)
		return send_kind(count, kind);
	if (strcmp(name, "break") == 0)
		return break_ring(kind);
	if (strcmp(name, "features") == 0)
		return vhost_front_features(front.fd, bits);
	if (strcmp(name, "start") == 0)
		return start();
	if (strcmp(name, "remap") == 0)
		return remap();
	if (strcmp(name, "untouched") == 0)
		return untouched();
	if (strcmp(name, "unmap") == 0) {
		front.serving = false;
		return unmap_all();
	}
	if (strcmp(name, "sum") == 0) {
		front.sum = sum();
		return 0;
	}
	if (strcmp(name, "same") == 0)
		return sum() == front.sum ? 0 : -EBADMSG;
	if (strcmp(name, "map") == 0) {
		front.serving = true;
		return map_all();
	}
	if (strcmp(name, "cut") == 0)
		return cut();
	if (strcmp(name, "reset") == 0) {
		front.serving = false;
		return vhost_front_status(front.fd, 0);
	}
	return -EINVAL;
}

static int
open_device(const char *path)
{
	int ret;

	front.fd = vhost_front_open(path);
	if (front.fd < 0)
		return front.fd;
	ret = vhost_front_eventfds(front.kick);
	if (ret == 0)
		ret = new_memory();
	return ret < 0 ? ret : map_all();
}

int
main(int argc, char **argv)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];
	int ret;

	front.region = argc > 2 ? atoi(argv[2]) : 1;
	if (argc < 2 || front.region == 0 || PAGES % front.region != 0) {
		fprintf(stderr, "usage: front DEVICE [PAGES]\n");
		return 1;
	}
	ret = open_device(argv[1]);
	if (ret < 0) {
		fprintf(stderr, "front: %s: %s\n", argv[1], strerror(-ret));
		return 1;
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		if (front.serving)
			serve();
		if (poll(&input, 1, front.serving ? 0 : 10) <= 0)
			continue;
		if (fgets(line, sizeof(line), stdin) == NULL || strncmp(line, "quit", 4) == 0)
			return 0;
		ret = command(line);
		if (ret < 0)
			printf("not ok: %s\n", strerror(-ret));
		else
			printf("ok\n");
	}
}
