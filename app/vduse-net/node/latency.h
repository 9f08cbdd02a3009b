/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How long frames of a member are here, and its kicks wait. Each lcore has histograms of its own,
 * of one size, and waits for nobody.
 */

#ifndef LATENCY_H
#define LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "veb.h"

/* Of what a time is. */
enum latency_kind {
	LATENCY_IN,   /* frames to the member */
	LATENCY_OUT,  /* frames from it */
	LATENCY_KICK, /* from when its descriptor was heard of to the burst that was for it */
	LATENCY_KINDS,
};

struct latency_conf {
	unsigned int nb_lcores;
	uint64_t hz;                /* cycles in a second */
	uint64_t (*now)(void *arg); /* cycles */
	void *now_arg;
};

struct latency;

/* NULL: no memory. */
struct latency *latency_create(const struct latency_conf *conf);
/* No lcore has it any more. */
void latency_free(struct latency *l);

/* For veb_member_time(). */
struct veb_timer *latency_timer(struct latency *l);

/* A kick that waited for so many cycles. On the lcore of that number. */
void latency_kick(struct latency *l, unsigned int lcore, uint64_t cycles);

/* What there is by now. */
void latency_read(const struct latency *l, enum latency_kind kind, struct histogram *sum);

#endif /* LATENCY_H */
