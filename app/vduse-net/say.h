/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SAY_H
#define SAY_H

#include <stdio.h>

#define APP_NAME "dpdk-vduse-net"

/* One line for the user on stderr; any thread. */
#define SAY(fmt, ...) fprintf(stderr, APP_NAME ": " fmt "\n", ##__VA_ARGS__)

#endif /* SAY_H */
