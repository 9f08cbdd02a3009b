/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Find out what the kernel's VDUSE can do, and which devices there are, and
 * print it, for people or as one JSON object. state_dir: folder of their state
 * files, or NULL for the service's, if there is one. Returns 0 or -errno; the
 * cause is on stderr then.
 */
int probe_print(FILE *out, bool json, const char *state_dir);

#endif /* PROBE_H */
