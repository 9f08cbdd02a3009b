/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RESUME_H
#define RESUME_H

/* A device whose process ends without a word, and the one that goes on by its state file. */

#include "rig.h"

/* The folder of the state file, from resume_up() on. */
extern char resume_dir[64];

void resume_up(struct rig *b, struct rig_conf *conf);

/* As by a kill: the descriptor is closed, and nothing is said to anybody. */
void resume_die(struct rig *b);

struct rte_vduse_net_conf resume_conf(void);

void resume_again(struct rig *b);

void resume_wait(struct rig *b, bool (*is)(struct rig *b));

bool resume_is_started(struct rig *b);

/* Recovery is another thread's: the device starts first, then its queues. */
bool resume_is_served(struct rig *b);

void resume_down(struct rig *b);

#endif /* RESUME_H */
