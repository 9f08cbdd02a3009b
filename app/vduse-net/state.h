/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the state of devices is kept when nobody said. */

#ifndef STATE_H
#define STATE_H

#include <stddef.h>

/*
 * Append the folder that systemd made for the service (RuntimeDirectory=, the first of
 * $RUNTIME_DIRECTORY) to devargs without a state-dir.
 * Return: 0, or -ENAMETOOLONG when it does not fit into len bytes.
 */
int state_default(char *devargs, size_t len);

/* Remove the state of a device that is gone: in dir, or with NULL in the folder as above. */
void state_remove(const char *dir, const char *name);

#endif /* STATE_H */
