/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a lcore does while no frame comes: it polls for a moment, then pauses
 * between polls, then sleeps until a port's rx interrupt wakes it. Beside a port
 * that has none it naps, at most so long as --idle says.
 */

#ifndef IDLE_H
#define IDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_interrupts.h>

enum idle_mode {
	IDLE_SLEEP, /* the default */
	IDLE_PAUSE,
	IDLE_POLL,
};

#define IDLE_DEFAULT_USECS 1000
#define IDLE_MAX_USECS     1000000

/* So long it polls, with pauses, before it sleeps: longer than a peer takes to answer. */
#define IDLE_SPIN_US 500
/* The first nap; each one after it is twice as long. */
#define IDLE_NAP_MIN_US 50
/* A lcore that sleeps goes round so often all the same, for who watches its progress. */
#define IDLE_SLEEP_US 50000

struct idle_conf {
	enum idle_mode mode;
	uint32_t usecs; /* longest nap beside a port without rx interrupts; 0: the default */
};

/* Descriptors besides queues that end a sleep. */
#define IDLE_FDS_MAX 8

/* Written by the lcore alone, read by any. */
struct idle_counters {
	uint64_t sleeps; /* until something happens */
	uint64_t naps;   /* for a time, beside a port that cannot wake */
	uint64_t wakes;  /* of both, that a descriptor ended */
};

/* A queue that may wake the lcore. */
struct idle_queue {
	uint16_t port;
	uint16_t queue;
	bool always_on; /* its interrupt is not switched: a packet is told of in any case */
};

/* Of one lcore. */
struct idle {
	struct idle_conf conf;
	int epfd;             /* -1: it never sleeps */
	bool bounded;         /* a queue of the lcore cannot wake it */
	bool looks;           /* the lcore waits for something that does not wake it, now */
	bool armed;           /* interrupts are on: one more poll, then sleep */
	bool can_pause;       /* rte_power_pause() */
	uint32_t rounds;      /* without a frame */
	uint32_t nap_us;      /* length of the next nap */
	uint64_t since;       /* TSC of the first look at the clock since the last frame, 0: none */
	uint64_t spin_cycles; /* so long it polls before it sleeps */
	uint64_t pause_cycles; /* of one pause */
	struct idle_queue *queues;
	unsigned int nb_queues;
	struct rte_epoll_event fds[IDLE_FDS_MAX];
	unsigned int nb_fds;
	struct idle_counters counters;
};

static inline struct timespec
idle_timespec(uint64_t us)
{
	return (struct timespec){ .tv_sec = (time_t)(us / US_PER_S),
		.tv_nsec = (long)(us % US_PER_S * (NS_PER_S / US_PER_S)) };
}

/* "poll", "pause", "sleep" or "sleep,USECS". Return: 0 or -EINVAL. Pure. */
int idle_parse(const char *value, struct idle_conf *conf);

/*
 * Before the lcore runs, or by itself. Mirror: idle_fini().
 * Return: 0 or -errno.
 */
int idle_init(struct idle *idle, const struct idle_conf *conf, unsigned int max_queues);
void idle_fini(struct idle *idle);

/* The lcore polls this queue of a started port. */
void idle_add_queue(struct idle *idle, uint16_t port, uint16_t queue);

/* A descriptor that ends its sleep as long as it is readable. Return: 0 or -errno. */
int idle_add_fd(struct idle *idle, int fd);

/* The ports stop: none of their queues is waited for any more. */
void idle_drop_queues(struct idle *idle);

/*
 * The lcore went once round its queues and found n frames. Return: whether it slept.
 */
bool idle_round(struct idle *idle, unsigned int n);

/* Add the counters to *sum. Any thread. */
void idle_read(const struct idle *idle, struct idle_counters *sum);

#endif /* IDLE_H */
