/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RESUME_H
#define RESUME_H

/* A device whose process ends without a word, and the one that goes on by its state file. */

#include "bench.h"

/* The folder of the state file, from resume_up() on. */
extern char resume_dir[64];

void resume_up(struct bench *b, struct bench_conf *conf);

/* As by a kill: the descriptor is closed, and nothing is said to anybody. */
void resume_die(struct bench *b);

struct rte_vduse_net_conf resume_conf(void);

void resume_again(struct bench *b);

void resume_wait(struct bench *b, bool (*is)(struct bench *b));

bool resume_is_started(struct bench *b);

/* Recovery is another thread's: the device starts first, then its queues. */
bool resume_is_served(struct bench *b);

void resume_down(struct bench *b);

#endif /* RESUME_H */
