/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "latency.h"

#define NSEC 1000000000.0

/* An lcore's. */
struct __rte_cache_aligned lane {
	struct histogram of[LATENCY_KINDS];
};

struct latency {
	struct veb_timer timer;
	struct latency_conf conf;
	struct lane lanes[];
};

static void
add(struct latency *l, unsigned int lcore, enum latency_kind kind, uint64_t cycles, uint64_t n)
{
	const double ns = (double)cycles * NSEC / (double)l->conf.hz;

	histogram_add(&l->lanes[lcore].of[kind], (uint64_t)ns, n);
}

/* Clocks of two processors may differ a little; none goes back by much. */
static uint64_t
since(uint64_t begin, uint64_t end)
{
	return end > begin ? end - begin : 0;
}

static void
given(struct veb_timer *timer, const struct veb_lap *lap)
{
	struct latency *l = container_of(timer, struct latency, timer);

	add(l, lap->lcore, lap->way == VEB_WAY_IN ? LATENCY_IN : LATENCY_OUT,
			since(lap->taken, l->conf.now(l->conf.now_arg)), lap->n);
}

struct latency *
latency_create(const struct latency_conf *conf)
{
	const size_t size = sizeof(struct latency) + conf->nb_lcores * sizeof(struct lane);
	struct latency *l =
			aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN(size, RTE_CACHE_LINE_SIZE));

	if (l == NULL)
		return NULL;
	memset(l, 0, size);
	l->timer.given = given;
	l->conf = *conf;
	return l;
}

void
latency_free(struct latency *l)
{
	free(l);
}

struct veb_timer *
latency_timer(struct latency *l)
{
	return &l->timer;
}

void
latency_kick(struct latency *l, unsigned int lcore, uint64_t cycles)
{
	add(l, lcore, LATENCY_KICK, cycles, 1);
}

void
latency_read(const struct latency *l, enum latency_kind kind, struct histogram *sum)
{
	unsigned int i;

	for (i = 0; i < l->conf.nb_lcores; i++)
		histogram_merge(sum, &l->lanes[i].of[kind]);
}
