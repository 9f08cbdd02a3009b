/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef EAL_H
#define EAL_H

#include <stdbool.h>

/*
 * Start EAL with argv[1] to argv[argc - 1], which all must be its own; without
 * --file-prefix it is chosen by the name of a device, so that each process has another,
 * and nothing is left of its folder when the process exits. Mirror: rte_eal_cleanup().
 * Return: 0, or -errno after saying why; then there is no EAL.
 */
int eal_start(int argc, char *argv[], const char *name);

/* The same without hugepages, files and devices, for work that needs threads only. */
int eal_start_bare(void);

/*
 * Open files up to the hard limit: each device needs some, and what runs out of them is shared by
 * all. eal_start() does it; nothing here uses select(2), which is what the soft limit is for.
 */
void eal_raise_files(void);

/* Whether -h or --help is among EAL's arguments: it prints its options and exits. */
bool eal_asks_help(int argc, char *const argv[]);

#endif /* EAL_H */
