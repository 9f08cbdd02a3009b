/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Find out what the kernel's VDUSE can do and print it, for people or as one
 * JSON object. Returns 0 or -errno; the cause is on stderr then.
 */
int probe_print(FILE *out, bool json);

#endif /* PROBE_H */
