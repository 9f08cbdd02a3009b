/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which lcore polls what. Containers, and the queues of uplinks, each go to the least busy lcore
 * that may serve their network, and move where others are asked for. A network that names lcores
 * has them for itself.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "node_priv.h"

/* Frames a second below which lcores are as busy as each other: then the fewest queues decide. */
#define QUIET 1024
/* "1,2,4," of as many as there may be. */
#define LCORES_SIZE 512

static const struct network *
owner_of(const struct node *node, unsigned int lcore)
{
	const struct network *n;

	LIST_FOREACH (n, &node->networks, next)
		if (n->conf.has_lcores && n->conf.lcores[lcore])
			return n;
	return NULL;
}

bool
lcores_serve(const struct network *network, const struct worker *w)
{
	return owner_of(network->node, w->lcore) == (network->conf.has_lcores ? network : NULL);
}

unsigned int
lcores_count(const struct network *network)
{
	const struct workers *all = &network->node->workers;
	const struct worker *w;
	unsigned int n = 0;

	for (w = all->of; w < all->of + all->nb; w++)
		n += lcores_serve(network, w);
	return n;
}

/* Frames of the last second. */
static uint64_t
recent_of(const struct seat *seats, unsigned int n)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += seats[i].recent;
	return sum;
}

static uint64_t
load_of(const struct worker *w)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < w->seats->n; i++)
		sum += w->seats->of[i]->recent;
	return sum;
}

/* Of these seats, those that the lcore polls. */
static unsigned int
has_of(const struct worker *w, const struct seat *seats, unsigned int n)
{
	unsigned int i, has = 0;

	for (i = 0; i < n; i++)
		has += seats[i].worker == w;
	return has;
}

/* What an lcore has to do already, the weightiest first. */
struct burden {
	unsigned int beside; /* of the seats that it had better not share */
	uint64_t load;
	unsigned int seats;
};

static bool
is_less(const struct burden *a, const struct burden *b)
{
	if (a->beside != b->beside)
		return a->beside < b->beside;
	if (a->load != b->load)
		return a->load < b->load;
	return a->seats < b->seats;
}

struct worker *
lcores_idlest(const struct network *network, const struct seat *beside, unsigned int n)
{
	const struct workers *all = &network->node->workers;
	struct burden has, least = { .beside = UINT_MAX };
	struct worker *w, *best = NULL;

	for (w = all->of; w < all->of + all->nb; w++) {
		if (!lcores_serve(network, w))
			continue;
		has = (struct burden){ has_of(w, beside, n), load_of(w) / QUIET, w->seats->n };
		if (is_less(&has, &least)) {
			best = w;
			least = has;
		}
	}
	return best;
}

/* The lcores that move frames, in words: "1,2"; @param free of no network's own only */
static const char *
lcores_text(const struct node *node, bool free, char text[LCORES_SIZE])
{
	const struct worker *w;
	size_t n = 0;

	snprintf(text, LCORES_SIZE, "none");
	for (w = node->workers.of; w < node->workers.of + node->workers.nb && n < LCORES_SIZE; w++)
		if (!free || owner_of(node, w->lcore) == NULL)
			n += (size_t)snprintf(text + n, LCORES_SIZE - n, "%s%u", n > 0 ? "," : "",
					w->lcore);
	return text;
}

static bool
moves_frames(const struct node *node, unsigned int lcore)
{
	const struct worker *w;

	for (w = node->workers.of; w < node->workers.of + node->workers.nb; w++)
		if (w->lcore == lcore)
			return true;
	return false;
}

/* Each that is named has to be there, and nobody else's. */
static int
check_named(const struct node *node, const struct node_network_conf *conf, struct node_error *error)
{
	const struct network *owner;
	char text[LCORES_SIZE];
	unsigned int lcore;

	for (lcore = 0; lcore < RTE_MAX_LCORE; lcore++) {
		if (!conf->lcores[lcore])
			continue;
		if (!moves_frames(node, lcore))
			return node_fail(error, -EINVAL, NODE_INVALID("lcores"),
					"lcore %u moves no frames: there are %s, by EAL's -l",
					lcore, lcores_text(node, false, text));
		owner = owner_of(node, lcore);
		if (owner != NULL && strcmp(owner->conf.name, conf->name) != 0)
			return node_fail(error, -EBUSY, NODE_WHY("Conflict", "lcores"),
					"lcore %u is network %s's: there are %s that no network "
					"has for itself",
					lcore, owner->conf.name, lcores_text(node, true, text));
	}
	return 0;
}

/* Who has none of its own needs one that nobody has. */
static const char *
who_shares(const struct node *node, const struct node_network_conf *conf)
{
	const struct network *n;

	if (!conf->has_lcores)
		return conf->name;
	LIST_FOREACH (n, &node->networks, next)
		if (!n->conf.has_lcores && strcmp(n->conf.name, conf->name) != 0)
			return n->conf.name;
	return NULL;
}

int
lcores_check(const struct node *node, const struct node_network_conf *conf,
		struct node_error *error)
{
	const char *shares = who_shares(node, conf);
	const struct network *owner;
	const struct worker *w;
	const int ret = check_named(node, conf, error);

	if (ret != 0 || shares == NULL)
		return ret;
	for (w = node->workers.of; w < node->workers.of + node->workers.nb; w++) {
		owner = owner_of(node, w->lcore);
		/* what it has now is free unless it names it again */
		if (owner != NULL && strcmp(owner->conf.name, conf->name) != 0)
			continue;
		if (!conf->has_lcores || !conf->lcores[w->lcore])
			return 0;
	}
	return node_fail(error, -EBUSY, NODE_WHY("Conflict", "lcores"),
			"no lcore is left for network %s: leave one to networks that have none for "
			"themselves, or give EAL more with -l",
			shares);
}

/* Return: whether they moved; where there is no memory for that, they stay. */
static bool
move(struct seat *seats, unsigned int n, struct worker *to)
{
	struct worker *from = seats->worker;

	if (worker_unseat(from, seats, n) != 0)
		return false;
	if (worker_seat(to, seats, n) == 0)
		return true;
	while (worker_seat(from, seats, n) != 0)
		workers_wait(from->all);
	return false;
}

/* What moves as one: a container, or a queue of an uplink. */
struct unit {
	const struct network *network;
	struct seat *seats;
	unsigned int n;
	uint64_t load;
};

typedef void (*unit_cb)(void *arg, const struct unit *unit);

static void
each_unit(struct network *network, unit_cb cb, void *arg)
{
	struct unit unit = { .network = network };
	struct container *c;
	struct uplink *u;
	uint16_t i;

	LIST_FOREACH (c, &network->containers, next) {
		unit.seats = c->seats;
		unit.n = c->nb_queues;
		unit.load = 1 + recent_of(unit.seats, unit.n);
		cb(arg, &unit);
	}
	LIST_FOREACH (u, &network->uplinks, next)
		for (i = 0; i < u->port.nb_rxq && !u->plug.out; i++) {
			unit.seats = &u->seats[i];
			unit.n = 1;
			unit.load = 1 + unit.seats->recent;
			cb(arg, &unit);
		}
}

/* Those whose lcore is no longer one of the network's. */
static void
settle(void *arg, const struct unit *unit)
{
	struct worker *to;

	(void)arg;
	if (lcores_serve(unit->network, unit->seats->worker))
		return;
	to = lcores_idlest(unit->network, NULL, 0);
	while (!move(unit->seats, unit->n, to))
		workers_wait(to->all);
}

void
lcores_settle(struct node *node)
{
	struct network *n;

	LIST_FOREACH (n, &node->networks, next)
		each_unit(n, settle, NULL);
}

/* All that may move, and how much lcores have to do. */
struct plan {
	struct unit *units;
	unsigned int nb, room;
	uint64_t load[RTE_MAX_LCORE]; /* by worker */
};

static void
count_unit(void *arg, const struct unit *unit)
{
	struct plan *plan = arg;

	plan->room++;
	plan->load[unit->seats->worker->index] += unit->load;
}

static void
note_unit(void *arg, const struct unit *unit)
{
	struct plan *plan = arg;

	plan->units[plan->nb++] = *unit;
}

static int
busier(const void *a, const void *b)
{
	const uint64_t one = ((const struct unit *)a)->load;
	const uint64_t other = ((const struct unit *)b)->load;

	return one < other ? 1 : one > other ? -1 : 0;
}

/* To the lcore that has least to do, where that is better by a tenth. */
static bool
place(struct plan *plan, const struct unit *unit)
{
	const struct workers *all = &unit->network->node->workers;
	struct worker *from = unit->seats->worker, *w, *to = from;
	uint64_t *load = plan->load;

	for (w = all->of; w < all->of + all->nb; w++)
		if (lcores_serve(unit->network, w) && load[w->index] < load[to->index])
			to = w;
	if (load[to->index] + unit->load + load[from->index] / 10 >= load[from->index] ||
			!move(unit->seats, unit->n, to))
		return false;
	load[from->index] -= unit->load;
	load[to->index] += unit->load;
	return true;
}

int
node_rebalance(struct node *node, const char *network, struct node_error *error)
{
	struct plan plan = { 0 };
	struct network *n;
	unsigned int i;
	int moved = 0;

	if (network != NULL && node_find_network(node, network) == NULL)
		return node_fail(error, -ENOENT, NODE_WHY("NoSuchNetwork", "network"),
				"no network %s: network show lists them", network);
	LIST_FOREACH (n, &node->networks, next)
		each_unit(n, count_unit, &plan);
	plan.units = calloc(plan.room + 1, sizeof(plan.units[0]));
	if (plan.units == NULL)
		return node_fail(error, -ENOMEM, NODE_WHY("Kernel", ""), "no memory");
	LIST_FOREACH (n, &node->networks, next)
		if (network == NULL || strcmp(n->conf.name, network) == 0)
			each_unit(n, note_unit, &plan);
	qsort(plan.units, plan.nb, sizeof(plan.units[0]), busier);
	for (i = 0; i < plan.nb; i++)
		moved += place(&plan, &plan.units[i]);
	free(plan.units);
	return moved;
}

/* Half of it is of the seconds before. */
static void
weigh(void *arg, const struct unit *unit)
{
	uint64_t frames;
	unsigned int i;

	(void)arg;
	for (i = 0; i < unit->n; i++) {
		frames = __atomic_load_n(&unit->seats[i].frames, __ATOMIC_RELAXED);
		unit->seats[i].recent =
				(unit->seats[i].recent + frames - unit->seats[i].weighed) / 2;
		unit->seats[i].weighed = frames;
	}
}

void
lcores_look(struct node *node)
{
	const uint64_t now = node->workers.now(node->workers.now_arg);
	struct network *n;

	if (now - node->weighed < rte_get_tsc_hz())
		return;
	node->weighed = now;
	LIST_FOREACH (n, &node->networks, next)
		each_unit(n, weigh, NULL);
}
