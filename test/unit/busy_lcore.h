/* SPDX-License-Identifier: BSD-3-Clause */

/* An lcore that is in the midst of a round, and how often the owner waited for that. In one file of
 * a test. */
#ifndef BUSY_LCORE_H
#define BUSY_LCORE_H

#include <sched.h>

#include <rte_rcu_qsbr.h>

static struct rte_rcu_qsbr *busy;
static unsigned int waited;

/* In the place of libc's: then the round ends. */
int
sched_yield(void)
{
	waited++;
	if (busy != NULL)
		rte_rcu_qsbr_quiescent(busy, 0);
	return 0;
}

/* Lcore 0 of these, which is registered. */
static inline void
busy_begin(struct rte_rcu_qsbr *qsbr)
{
	busy = qsbr;
	waited = 0;
	rte_rcu_qsbr_thread_online(busy, 0);
}

static inline void
busy_end(void)
{
	rte_rcu_qsbr_thread_offline(busy, 0);
	busy = NULL;
}

#endif /* BUSY_LCORE_H */
