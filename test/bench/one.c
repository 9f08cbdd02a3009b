/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One frame at a time: a container that sends one, and waits until its driver has the buffer back.
 *
 *   one NETNS ADDRESS NETNS FRAMES      from the first namespace to that address in the second
 *
 * A datagram counts against the socket that sent it until the driver frees its buffer (the kernel's
 * sock_wfree), which virtio_net does when it is told of the used buffer. The socket has room for
 * no second one, so that it can be written to again when the buffer is back: the process sleeps
 * until then. The other end's driver stamps what it receives; the NIC has read the frame by then.
 * So both times are the kernel's own, in microseconds, and nothing of ours is asked.
 *
 * Prints a line: frames, back_p50, back_p99 (from before the send until the buffer is back),
 * arrived_p50, arrived_p99 (until the other end has it), after_p50, after_p99 (from then until it
 * is back; less than nothing where the buffer comes back first).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
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
#include <time.h>
#include <unistd.h>

#include "median.h"

#define PORT       4789
#define PAYLOAD    1472 /* bytes: a frame of 1514 */
#define PATIENCE_S 60
#define WARM_UP    20 /* frames that find neighbours, and are not counted */

struct times {
	double *back, *arrived, *after; /* microseconds */
	unsigned int frames;
};

static void __attribute__((noreturn)) fatal(const char *what)
{
	fprintf(stderr, "one: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
socket_in(const char *netns)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		fatal(path);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fatal("socket");
	return fd;
}

/* Of the clock that frames are stamped by. */
static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

/* When it came to that machine; it is taken out of the socket. */
static double
stamp_us(int fd)
{
	char control[CMSG_SPACE(sizeof(struct timespec))], payload[PAYLOAD];
	struct iovec iov = { payload, sizeof(payload) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct timespec stamp;
	struct cmsghdr *cmsg;

	if (recvmsg(fd, &msg, 0) < 0)
		fatal("a frame did not arrive");
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(cmsg), sizeof(stamp));
		return stamp.tv_sec * 1e6 + stamp.tv_nsec / 1e3;
	}
	errno = ENODATA;
	fatal("a frame has no time");
}

static void
send_one(int from, int to, struct times *times, bool counts)
{
	static const char payload[PAYLOAD];
	struct pollfd room = { .fd = from, .events = POLLOUT };
	const double begin = now_us();
	double back, arrived;
	int held;

	if (send(from, payload, sizeof(payload), 0) != sizeof(payload))
		fatal("send");
	if (poll(&room, 1, PATIENCE_S * 1000) != 1)
		fatal("a buffer did not come back");
	back = now_us();
	if (ioctl(from, SIOCOUTQ, &held) != 0 || held != 0)
		fatal("the socket has room beside a frame that is out");
	arrived = stamp_us(to);
	if (!counts)
		return;
	times->back[times->frames] = back - begin;
	times->arrived[times->frames] = arrived - begin;
	times->after[times->frames++] = back - arrived;
}

static void
print_times(const char *name, double *values, unsigned int n)
{
	const double half = median(values, n);

	printf(" %s_p50=%.0f %s_p99=%.0f", name, half, name, values[n - 1 - n / 100]);
}

int
main(int argc, char **argv)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct times times = { 0 };
	unsigned int frames, i;
	const int on = 1, least = 1; /* the kernel's SOCK_MIN_SNDBUF */
	int from, to;

	frames = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
	if (frames == 0 || inet_pton(AF_INET, argv[2], &addr.sin_addr) != 1) {
		fprintf(stderr, "usage: one NETNS ADDRESS NETNS FRAMES\n");
		return 2;
	}
	times.back = calloc(3 * (size_t)frames, sizeof(*times.back));
	if (times.back == NULL)
		fatal("no memory");
	times.arrived = times.back + frames;
	times.after = times.arrived + frames;
	to = socket_in(argv[3]);
	if (bind(to, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
			setsockopt(to, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
			setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		fatal("the receiver");
	from = socket_in(argv[1]);
	if (setsockopt(from, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) != 0 ||
			connect(from, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		fatal("the sender");
	for (i = 0; i < WARM_UP + frames; i++)
		send_one(from, to, &times, i >= WARM_UP);
	printf("frames=%u", times.frames);
	print_times("back", times.back, times.frames);
	print_times("arrived", times.arrived, times.frames);
	print_times("after", times.after, times.frames);
	printf("\n");
	return 0;
}
