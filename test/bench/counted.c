/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Around the rounds of dpdk-vduse-net's lcores, at link time: the TSC cycles of those that moved
 * frames, and the frames, of a wire or of networks. At the end of forwarding a line is printed:
 *
 *   counted frames=N cycles=CYCLES-A-FRAME undisturbed=CYCLES-A-FRAME
 *
 * The second is without rounds of more than AWAY_US, in which somebody else had the processor: no
 * burst of frames of up to 9000 bytes takes so long. Of longer ones COUNTED_AWAY_US in the
 * environment says how many microseconds it is.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "fwd.h"
#include "node/node.h"
#include "veb.h"

#define AWAY_US 200

/* Of an lcore, its own. */
static struct __rte_cache_aligned counted {
	uint64_t began; /* its round */
	uint64_t frames, cycles;
	uint64_t own_frames, own_cycles; /* of rounds in which it had the processor */
	unsigned int now;                /* frames of this round */
} lcores[RTE_MAX_LCORE];

void __real_veb_lcore_tick(struct veb_lcore *lcore, uint64_t now);
uint16_t __real_veb_poll(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue);
void __real_node_destroy(struct node *node);
bool __real_idle_round(struct idle *idle, unsigned int n);
void __real_fwd_stop(struct fwd *fwd);

void __wrap_veb_lcore_tick(struct veb_lcore *lcore, uint64_t now);
uint16_t __wrap_veb_poll(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue);
void __wrap_node_destroy(struct node *node);
bool __wrap_idle_round(struct idle *idle, unsigned int n);
void __wrap_fwd_stop(struct fwd *fwd);

static uint64_t away;

/* Before there is an lcore. */
RTE_INIT(counted_away)
{
	const char *given = getenv("COUNTED_AWAY_US");

	away = given == NULL ? AWAY_US : strtoull(given, NULL, 10);
}

static void
round_ends(struct counted *c, bool moved, uint64_t now)
{
	const uint64_t cycles = now - c->began;

	if (moved) {
		c->cycles += cycles;
		c->frames += c->now;
	}
	if (moved && cycles < rte_get_tsc_hz() / US_PER_S * away) {
		c->own_cycles += cycles;
		c->own_frames += c->now;
	}
	c->now = 0;
	c->began = now;
}

static double
of_frame(uint64_t cycles, uint64_t frames)
{
	return frames == 0 ? 0 : (double)cycles / frames;
}

static void
print(void)
{
	struct counted sum = { 0 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(lcores); i++) {
		sum.frames += lcores[i].frames;
		sum.cycles += lcores[i].cycles;
		sum.own_frames += lcores[i].own_frames;
		sum.own_cycles += lcores[i].own_cycles;
	}
	printf("counted frames=%" PRIu64 " cycles=%.2f undisturbed=%.2f\n", sum.frames,
			of_frame(sum.cycles, sum.frames), of_frame(sum.own_cycles, sum.own_frames));
	fflush(stdout);
}

/* A network's round begins with it, and with the time. */
void
__wrap_veb_lcore_tick(struct veb_lcore *lcore, uint64_t now)
{
	struct counted *c = &lcores[rte_lcore_id()];

	round_ends(c, c->now != 0, now);
	__real_veb_lcore_tick(lcore, now);
}

uint16_t
__wrap_veb_poll(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue)
{
	const uint16_t n = __real_veb_poll(lcore, member, queue);

	lcores[rte_lcore_id()].now += n;
	return n;
}

void
__wrap_node_destroy(struct node *node)
{
	__real_node_destroy(node);
	print();
}

/* A wire's round ends with it. n: frames, and streams that hold some. */
bool
__wrap_idle_round(struct idle *idle, unsigned int n)
{
	const struct fwd_lcore *lcore = container_of(idle, struct fwd_lcore, idle);
	struct counted *c = &lcores[rte_lcore_id()];
	bool slept;

	c->now = n - lcore->held;
	round_ends(c, n != 0, rte_rdtsc());
	slept = __real_idle_round(idle, n);
	if (n == 0)
		c->began = rte_rdtsc();
	return slept;
}

void
__wrap_fwd_stop(struct fwd *fwd)
{
	__real_fwd_stop(fwd);
	print();
}
