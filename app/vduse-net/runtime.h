/* SPDX-License-Identifier: BSD-3-Clause */

/* EAL's runtime folder, one for each --file-prefix, which two processes cannot share. */

#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

/* Longest --file-prefix that is chosen, with the closing zero: names of sockets are short. */
#define RUNTIME_PREFIX_MAX 40

/* The folder that EAL puts its own into, as it chooses it. */
const char *runtime_base(void);

/* The value of --file-prefix among EAL's options, or NULL. */
const char *runtime_given(int argc, char *const argv[]);

/*
 * One that no running process has: the name of a device as far as a file can have
 * it, and with a number behind it where a process has that one, as when its devices
 * are taken over.
 */
void runtime_choose(const char *name, char prefix[RUNTIME_PREFIX_MAX]);

/* Whether a process runs with it. */
bool runtime_in_use(const char *prefix);

/* Remove what EAL leaves in the folder of a prefix that is this process's. After rte_eal_cleanup().
 */
void runtime_remove(const char *prefix);

#endif /* RUNTIME_H */
