/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lcores and what each polls. A seat is a queue of a member. One without frames leaves the lcore's
 * round after a while, and comes back when its descriptor wakes it; one without a descriptor
 * stays, and the lcore naps beside it. So what is polled follows traffic.
 */

#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_rcu_qsbr.h>

#include "idle.h"
#include "veb.h"

/* Descriptors of those that were left are looked at so often by a busy lcore. */
#define WORKER_LOOK_US 10
/* One round in so long is timed, and each where fewer have frames. */
#define WORKER_SAMPLE_US 10

/* What lcores look at the time for, or-ed. */
#define WORKER_LOADS 0x1 /* before and after each burst: who uses them */
#define WORKER_TIMES 0x2 /* how long frames are here, and kicks wait */

struct latency;
struct worker;

struct seat {
	struct veb_member *member;
	const struct veb_ops *ops;
	void *priv;
	uint16_t queue;
	struct latency *latency; /* atomic: of its member, while that is measured; or NULL */
	/* the lcore's */
	bool can_wake;   /* it has a descriptor */
	bool asleep;     /* it waits for it; atomic */
	uint64_t last;   /* cycles: its last frame */
	uint64_t cycles; /* atomic: of bursts of its, while that is measured */
	uint64_t taken;  /* cycles: when its last burst was taken; 0: that is not timed */
	uint64_t timed;  /* rounds: when that was looked at last */
	uint64_t kicked; /* cycles: when its descriptor was heard of, if that is timed; else 0 */
	uint64_t woken;  /* rounds: when that was */
	uint64_t frames; /* atomic */
	/* the owner's */
	struct worker *worker; /* whose it is, or NULL */
	uint64_t weighed;      /* frames, when they were looked at last */
	uint64_t recent;       /* frames of a second, about */
};

/*
 * Of an lcore. It grows in place while there is room, and is replaced as a whole where there is
 * none, and where seats leave it. Behind the room there is as much for those that are polled.
 */
struct seats {
	unsigned int n; /* atomic */
	unsigned int room;
	/* the lcore's */
	unsigned int nb_begun; /* of n: the first ones, which it knows */
	unsigned int nb_active;
	struct seat *of[];
};

struct worker {
	struct workers *all;
	unsigned int index;
	unsigned int lcore;
	struct veb_lcore *veb;
	struct seats *seats; /* atomic */
	int epfd;            /* of descriptors, and of: */
	int wakefd;          /* eventfd: there is something new */
	uint64_t rounds;     /* atomic */
	uint64_t seen;       /* by workers_progress() */
	uint64_t sleeps;     /* atomic: how often it slept, naps too */
	uint64_t busy;       /* atomic: cycles of bursts, while that is measured */
	uint64_t frames;     /* atomic */
	/* the lcore's */
	const struct seats *known;  /* the one that it polls */
	uint64_t now, last, looked; /* cycles: this round, the last frame, the last look at epfd */
	uint64_t woke;              /* cycles: the end of the sleep before this round; 0: none */
	uint64_t sample_at;         /* cycles: when a round is to be timed again */
	bool samples;               /* this one is */
	uint32_t nap_us;            /* the next one */
};

struct workers {
	struct rte_rcu_qsbr *qsbr;
	struct worker *of;
	unsigned int nb;
	bool on_main;
	bool stop;             /* atomic */
	uint32_t measures;     /* atomic: WORKER_LOADS, WORKER_TIMES */
	struct idle_conf idle; /* usecs is not 0 */
	uint64_t spin, look;   /* cycles: without a frame before a seat is left; between looks */
	uint64_t sample;       /* cycles: between rounds that are timed */
	uint64_t (*now)(void *arg);
	void *now_arg;
};

/* Return: 0 or -errno. Set on_main, idle and now before. Mirror: workers_fini(). */
int workers_init(struct workers *workers);
void workers_fini(struct workers *workers);

/* Lcores leave what they do and have seen what was changed before. */
void workers_wait(struct workers *workers);

/* The lcore polls n seats more, or no more. Return: 0 or -ENOMEM, nothing changed. */
int worker_seat(struct worker *worker, struct seat *seats, unsigned int n);
int worker_unseat(struct worker *worker, struct seat *seats, unsigned int n);

/* Owner: what lcores look at the time for, besides or no more. */
void workers_measure(struct workers *workers, uint32_t what, bool on);

/* The worker of the main lcore goes round once, without a sleep. Return: frames. */
unsigned int workers_round(struct workers *workers);

bool workers_progress(struct workers *workers);

#endif /* WORKER_H */
