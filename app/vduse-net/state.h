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

/*
 * The folder of the state: dir, or with NULL the one as above. *folder is empty where there is
 * none. Return: 0, or -ENAMETOOLONG.
 */
int state_folder(const char *dir, char *folder, size_t len);

#endif /* STATE_H */
