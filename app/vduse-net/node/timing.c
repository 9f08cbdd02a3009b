/* SPDX-License-Identifier: BSD-3-Clause */

/* Members whose frames are timed, because somebody asks. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "latency.h"
#include "node_priv.h"

static uint64_t
now(const struct node *node)
{
	return node->workers.now(node->workers.now_arg);
}

static struct timing *
find_timing(const struct node *node, const struct veb_member *member)
{
	struct timing *t;

	LIST_FOREACH (t, &node->timings, next)
		if (t->member == member)
			return t;
	return NULL;
}

/* Lcores tell it of the kicks of these, or nobody. */
static void
set_seats(const struct timing *t, struct latency *latency)
{
	unsigned int i;

	/* release: pairs with the acquire in tell_kick() */
	for (i = 0; i < t->nb_seats; i++)
		__atomic_store_n(&t->seats[i].latency, latency, __ATOMIC_RELEASE);
}

static void
end(struct node *node, struct timing *t)
{
	LIST_REMOVE(t, next);
	node->nb_timings--;
	if (node->nb_timings == 0)
		workers_measure(&node->workers, WORKER_TIMES, false);
	set_seats(t, NULL);
	veb_member_time(t->member, NULL);
	workers_wait(&node->workers);
	latency_free(t->latency);
	free(t);
}

static struct timing *
begin(struct node *node, const struct subject *s)
{
	const struct latency_conf conf = { .nb_lcores = node->workers.nb,
		.hz = rte_get_tsc_hz(),
		.now = node->workers.now,
		.now_arg = node->workers.now_arg };
	struct timing *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->latency = latency_create(&conf);
	if (t->latency == NULL) {
		free(t);
		return NULL;
	}
	t->member = s->member;
	t->seats = s->seats;
	t->nb_seats = s->nb_seats;
	LIST_INSERT_HEAD(&node->timings, t, next);
	node->nb_timings++;
	set_seats(t, t->latency);
	veb_member_time(t->member, latency_timer(t->latency));
	workers_measure(&node->workers, WORKER_TIMES, true);
	return t;
}

void
timings_look(struct node *node)
{
	struct timing *t, *next;

	for (t = LIST_FIRST(&node->timings); t != NULL; t = next) {
		next = LIST_NEXT(t, next);
		if (now(node) >= t->until)
			end(node, t);
	}
}

void
timings_leave(struct node *node, const struct veb_member *member)
{
	struct timing *t = find_timing(node, member);

	if (t != NULL)
		end(node, t);
}

int
node_latency(struct node *node, const char *name, struct histogram sums[LATENCY_KINDS],
		struct node_error *error)
{
	struct subject s;
	struct timing *t;
	unsigned int i;
	int ret;

	ret = node_find_subject(node, name, &s, error);
	if (ret != 0)
		return ret;
	t = find_timing(node, s.member);
	if (t == NULL && node->nb_timings == NODE_TIMINGS_MAX)
		return node_fail(error, -EBUSY, NODE_WHY("Busy", ""),
				"frames of %u are timed, and of no more at a time: it ends %u "
				"seconds after who asks has gone",
				NODE_TIMINGS_MAX, NODE_MEASURE_S);
	if (t == NULL)
		t = begin(node, &s);
	if (t == NULL)
		return node_fail(error, -ENOMEM, NODE_WHY("Kernel", ""), "no memory");
	t->until = now(node) + NODE_MEASURE_S * rte_get_tsc_hz();
	memset(sums, 0, LATENCY_KINDS * sizeof(sums[0]));
	for (i = 0; i < LATENCY_KINDS; i++)
		latency_read(t->latency, i, &sums[i]);
	return 0;
}
