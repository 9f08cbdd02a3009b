/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

#include "capture.h"
#include "lane.h"
#include "pcapng.h"

/* Bytes that are written at once: the longest record and more; and up to where frames go. */
#define OUT_BYTES  (256u << 10)
#define OUT_FRAMES (OUT_BYTES - PCAPNG_BLOCK_MAX)

/* How often rings are looked at that were empty, in milliseconds: lcores wake nobody. */
#define LOOK_MS 10

#define COMMENT_SIZE 96

/* Cycles and the time of day at one moment. */
struct clock {
	uint64_t cycles;
	uint64_t ns;
};

struct capture {
	struct veb_tap tap;
	struct lane_rules rules;
	struct lane *lanes;
	unsigned int nb_lanes;
	struct program *filter;
	uint64_t count;
	bool uplink;
	uint64_t (*now)(void *arg);
	uint64_t (*wall)(void *arg, uint64_t cycles);
	void *now_arg;
	pthread_t thread;
	int fd;
	int wake_fd;    /* eventfd: ended or hurry is another */
	bool wants_end; /* atomic: the thread's */
	bool over;      /* atomic: the thread's */
	bool ended;     /* atomic: the owner's: no lcore writes any more */
	bool hurry;     /* atomic: the owner's: nor is anybody waited for */
	/* the thread's */
	struct clock clock;
	uint64_t begun; /* ns */
	uint64_t told;  /* frames that were left out, as the reader knows */
	uint64_t delivered;
	bool closed; /* the last block is written */
	bool lost;   /* there is no reader */
	size_t at, n;
	uint8_t out[OUT_BYTES];
};

static bool
is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void
set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static void
on_frames(struct veb_tap *tap, const struct veb_sight *sight, struct rte_mbuf **pkts, uint16_t n)
{
	struct capture *c = (struct capture *)tap;

	lane_frames(&c->lanes[sight->lcore], &c->rules, sight, pkts, n);
}

static void
on_dropped(struct veb_tap *tap, const struct veb_sight *sight, const struct rte_mbuf *pkt,
		enum veb_drop why)
{
	struct capture *c = (struct capture *)tap;

	lane_dropped(&c->lanes[sight->lcore], &c->rules, sight, pkt, why);
}

static void
on_done(struct veb_tap *tap, const struct veb_sight *sight)
{
	struct capture *c = (struct capture *)tap;

	lane_done(&c->lanes[sight->lcore]);
}

static uint64_t
wall_of_kernel(void *arg, uint64_t cycles)
{
	struct timespec now;

	(void)arg;
	(void)cycles;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void
read_clock(struct capture *c)
{
	c->clock.cycles = c->now(c->now_arg);
	c->clock.ns = c->wall(c->now_arg, c->clock.cycles);
}

/* Before the last look at the clock, or behind it. */
static uint64_t
ns_of(const struct capture *c, uint64_t cycles)
{
	const double ns = (double)(int64_t)(cycles - c->clock.cycles) * NS_PER_S /
			  (double)rte_get_tsc_hz();

	return c->clock.ns + (uint64_t)(int64_t)ns;
}

/* The oldest frame and its lane, or NULL. */
static const struct record *
oldest(const struct capture *c, struct lane **from)
{
	const struct record *r, *found = NULL;
	struct lane *lane;

	for (lane = c->lanes; lane < c->lanes + c->nb_lanes; lane++) {
		r = ring_read(&lane->ring);
		if (r == NULL || (found != NULL && r->when >= found->when))
			continue;
		found = r;
		*from = lane;
	}
	return found;
}

/* Return: its comment, in buf, or NULL: there is nothing to be said. */
static const char *
comment_of(const struct capture *c, const struct record *r, char buf[COMMENT_SIZE])
{
	size_t n = 0;

	if (c->rules.drops && r->why != VEB_DROPS)
		n = snprintf(buf, COMMENT_SIZE, "dropped: %s", veb_drop_name(r->why));
	if (r->partial)
		n += snprintf(buf + n, COMMENT_SIZE - n, "%spartial checksum", n > 0 ? ", " : "");
	if (r->gso_size != 0)
		n += snprintf(buf + n, COMMENT_SIZE - n, "%sgso_size %u", n > 0 ? ", " : "",
				(unsigned int)r->gso_size);
	return n > 0 ? buf : NULL;
}

static void
put_record(struct capture *c, const struct record *r)
{
	char comment[COMMENT_SIZE];
	const struct pcapng_packet packet = {
		.ns = ns_of(c, r->when),
		.bytes = r->bytes,
		.caplen = r->caplen,
		.len = r->len,
		.in = (r->way == VEB_WAY_IN) != c->uplink,
		.queue = r->queue,
		.partial = r->partial,
		.gso = r->gso_size != 0,
		.comment = comment_of(c, r, comment),
	};

	c->n += pcapng_packet(c->out + c->n, &packet);
	c->delivered++;
}

/* What it was not given after all is of interest to who asks for drops. */
static bool
is_shown(const struct capture *c, const struct record *r)
{
	return r->why == VEB_DROPS || r->way == VEB_WAY_OUT || c->rules.drops;
}

static bool
has_all(const struct capture *c)
{
	return c->count != 0 && c->delivered == c->count;
}

static void
put_statistics(struct capture *c, bool last)
{
	struct pcapng_statistics s = {
		.ns = c->clock.ns,
		.begun = c->begun,
		.ended = last ? c->clock.ns : 0,
		.delivered = c->delivered,
	};
	const struct lane *lane;

	for (lane = c->lanes; lane < c->lanes + c->nb_lanes; lane++) {
		s.received += __atomic_load_n(&lane->received, __ATOMIC_RELAXED);
		s.accepted += __atomic_load_n(&lane->accepted, __ATOMIC_RELAXED);
		s.dropped += __atomic_load_n(&lane->dropped, __ATOMIC_RELAXED);
	}
	if (!last && s.dropped == c->told)
		return;
	c->told = s.dropped;
	c->n += pcapng_statistics(c->out + c->n, &s);
}

/* Frames to be written, as many as there is room for. Return: whether all were taken. */
static bool
fill(struct capture *c)
{
	const struct record *r;
	struct lane *lane = NULL;

	while ((r = oldest(c, &lane)) != NULL && !has_all(c)) {
		if (c->n + r->caplen + PCAPNG_PACKET_MAX > OUT_FRAMES)
			return false;
		if (is_shown(c, r))
			put_record(c, r);
		ring_next(&lane->ring);
	}
	return true;
}

/* Return: whether there is nothing left to be written. */
static bool
flush(struct capture *c)
{
	ssize_t n = 0;

	while (c->at < c->n && !c->lost) {
		n = write(c->fd, c->out + c->at, c->n - c->at);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0 && errno != EINTR)
			c->lost = true;
		c->at += n > 0 ? (size_t)n : 0;
	}
	c->at = c->n = 0;
	return true;
}

/* What the other end has to tell: it reads no more, or is gone. */
static void
look_at_reader(struct capture *c, short events)
{
	c->lost = c->lost || (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
	if (c->lost || has_all(c) || (events & POLLRDHUP) != 0)
		set(&c->wants_end);
}

static void
wait_for(struct capture *c, bool flushed)
{
	struct pollfd fds[] = { { .fd = c->lost ? -1 : c->fd }, { c->wake_fd, POLLIN, 0 } };
	eventfd_t value;
	int ms = LOOK_MS;

	fds[0].events = flushed ? 0 : POLLOUT;
	if (!is_set(&c->wants_end))
		fds[0].events |= POLLRDHUP;
	/* nobody takes what there is: the rings fill meanwhile */
	if (c->lost || !flushed)
		ms = -1;
	if (poll(fds, RTE_DIM(fds), ms) > 0 && fds[1].revents != 0)
		eventfd_read(c->wake_fd, &value);
	look_at_reader(c, fds[0].revents);
}

/* Write what there is, and after the end the last block. Return: whether it is over. */
static bool
turn(struct capture *c)
{
	const bool ended = is_set(&c->ended); /* before the look at the rings */
	bool all, flushed;

	read_clock(c);
	all = fill(c);
	if (c->n <= OUT_FRAMES)
		put_statistics(c, false);
	if (ended && all && !c->closed) {
		put_statistics(c, true);
		c->closed = true;
	}
	flushed = flush(c);
	look_at_reader(c, 0);
	if (ended && (c->lost || (c->closed && flushed) || (is_set(&c->hurry) && !flushed)))
		return true;
	if (!all && flushed)
		return false;
	wait_for(c, flushed);
	return false;
}

static void *
run(void *arg)
{
	struct capture *c = arg;
	sigset_t all;

	/* who reads no more is heard of by write() */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	/* by itself: who began it would have to write to a file in /proc */
	pthread_setname_np(pthread_self(), "capture");
	while (!turn(c))
		;
	close(c->fd);
	set(&c->over);
	return NULL;
}

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
static uint32_t
run_control(void *arg)
{
	run(arg);
	return 0;
}
#endif

/* A thread of EAL's, on none of the processors of lcores. Return: 0 or -errno. */
static int
start(struct capture *c)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	rte_thread_t thread;
	const int ret = rte_thread_create_control(&thread, "capture", run_control, c);

	c->thread = (pthread_t)thread.opaque_id;
	return -ret;
#else
	const int ret = rte_ctrl_thread_create(&c->thread, "capture", NULL, run, c);

	return ret > 0 ? -ret : ret;
#endif
}

static void
release(struct capture *c)
{
	unsigned int i;

	for (i = 0; i < c->nb_lanes && c->lanes != NULL; i++)
		ring_fini(&c->lanes[i].ring);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	program_free(c->filter);
	free(c->lanes);
	free(c);
}

static uint32_t
lane_bytes(const struct capture *c)
{
	return RTE_MAX(rte_align32prevpow2(CAPTURE_BYTES / c->nb_lanes), CAPTURE_BYTES_LEAST);
}

static int
make_lanes(struct capture *c)
{
	unsigned int i;
	int ret = 0;

	c->lanes = aligned_alloc(RTE_CACHE_LINE_SIZE, c->nb_lanes * sizeof(c->lanes[0]));
	if (c->lanes == NULL)
		return -ENOMEM;
	memset(c->lanes, 0, c->nb_lanes * sizeof(c->lanes[0]));
	for (i = 0; i < c->nb_lanes && ret == 0; i++)
		ret = ring_init(&c->lanes[i].ring, lane_bytes(c));
	return ret;
}

static bool
is_stream(int fd)
{
	socklen_t len = sizeof(int);
	struct stat st;
	int type = 0;

	if (fstat(fd, &st) != 0)
		return false;
	if (S_ISFIFO(st.st_mode))
		return true;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* That it does not block is so for whoever has the same end of the pipe. */
static int
take_fd(struct capture *c, int fd)
{
	int ret;

	if (!is_stream(fd))
		return -EINVAL;
	c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0)
		return 0;
	ret = -errno;
	close(c->fd);
	return ret;
}

static void
put_head(struct capture *c, const struct capture_conf *conf)
{
	const struct pcapng_interface interface = { conf->name, conf->description, conf->mac,
		conf->snaplen };

	read_clock(c);
	c->begun = c->clock.ns;
	c->n = pcapng_section(c->out, "dpdk-vduse-net");
	c->n += pcapng_interface(c->out + c->n, &interface);
}

static struct capture *
make(const struct capture_conf *conf)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		program_free(conf->filter);
		return NULL;
	}
	c->tap = (struct veb_tap){ on_frames, on_dropped, on_done };
	c->filter = conf->filter;
	c->rules = (struct lane_rules){ .filter = conf->filter,
		.ways = { [VEB_WAY_IN] = conf->uplink ? conf->out : conf->in,
				[VEB_WAY_OUT] = conf->uplink ? conf->in : conf->out },
		.snaplen = conf->snaplen == 0 ? CAPTURE_SNAPLEN_MAX : conf->snaplen,
		.drops = conf->drops };
	c->nb_lanes = conf->nb_lcores;
	/* with what is beside it in a ring, and in what is written at once */
	c->rules.snaplen = RTE_MIN(c->rules.snaplen, CAPTURE_BYTES_LEAST / 2 - PCAPNG_BLOCK_MAX);
	c->count = conf->count;
	c->uplink = conf->uplink;
	c->now = conf->now;
	c->wall = conf->wall != NULL ? conf->wall : wall_of_kernel;
	c->now_arg = conf->now_arg;
	c->wake_fd = -1;
	return c;
}

int
capture_begin(const struct capture_conf *conf, struct capture **capture)
{
	struct capture *c = make(conf);
	int ret;

	*capture = NULL;
	if (c == NULL)
		return -ENOMEM;
	ret = make_lanes(c);
	if (ret != 0)
		goto free_capture;
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = c->wake_fd < 0 ? -errno : take_fd(c, conf->fd);
	if (ret != 0)
		goto free_capture;
	put_head(c, conf);
	ret = start(c);
	if (ret != 0)
		goto close_fd;
	*capture = c;
	return 0;

close_fd:
	close(c->fd);
free_capture:
	release(c);
	return ret;
}

struct veb_tap *
capture_tap(struct capture *capture)
{
	return &capture->tap;
}

uint64_t
capture_room(const struct capture *capture)
{
	return (uint64_t)capture->nb_lanes * lane_bytes(capture);
}

bool
capture_wants_end(const struct capture *capture)
{
	return is_set(&capture->wants_end);
}

void
capture_end(struct capture *capture)
{
	set(&capture->ended);
	eventfd_write(capture->wake_fd, 1);
}

bool
capture_is_over(const struct capture *capture)
{
	return is_set(&capture->over);
}

void
capture_free(struct capture *capture)
{
	set(&capture->hurry);
	capture_end(capture);
	pthread_join(capture->thread, NULL);
	release(capture);
}
