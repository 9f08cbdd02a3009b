/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef STATS_H
#define STATS_H

#include <stdio.h>

#include "pool.h"
#include "wire.h"

/*
 * One line for each wire, frames since the start:
 *   wire 0: PORT (up) > NAME (down): rx 9 tx 7 drops 2 (queue full 2); NAME > PORT: rx 5
 *   tx 48 drops 1 (rx drop_header 1), 44 more by cutting
 * It accounts for every frame, those that a driver lost included: while nothing is forwarded
 * rx + more = tx + drops, and drops is the sum of what is in brackets.
 */
void stats_print(FILE *out, const struct wire *wires, unsigned int nb_wires);

/* The line "mbufs: N in use of M"; see pool_usage() for how exact it is. */
void stats_print_mbufs(FILE *out, const struct pool_set *pools);

/* The line "idle: N sleeps, N naps, N wake-ups". */
void stats_print_idle(FILE *out, const struct fwd *fwd);

#endif /* STATS_H */
