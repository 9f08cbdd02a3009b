/* SPDX-License-Identifier: BSD-3-Clause */

/* A node: networks and containers that are added and removed by the control socket. */

#ifndef DAEMON_H
#define DAEMON_H

#include "args.h"

/*
 * Until SIGTERM or SIGINT. Before EAL; argv is EAL's.
 * Return: 0 or -errno, said.
 */
int daemon_run(struct args *args, int argc, char *argv[]);

#endif /* DAEMON_H */
