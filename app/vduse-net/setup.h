/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What needs privileges, in a process of its own that ends at once: it makes the
 * devices, puts them on the vDPA bus, and removes them; another, without
 * privileges, serves them (--adopt, --fd).
 */

#ifndef SETUP_H
#define SETUP_H

#include "args.h"

/* --setup STEP, for every wire. Return: 0, or -errno after saying why. */
int setup_run(const struct args *args);

/*
 * --destroy NAME: the device, and its state in state_dir, or with NULL in the service's folder.
 * Return: 0, or -errno after saying why.
 */
int setup_destroy(const char *name, const char *state_dir);

#endif /* SETUP_H */
