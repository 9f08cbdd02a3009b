/* SPDX-License-Identifier: BSD-3-Clause */

/* What the broker asks of a node, as its private protocol has it (broker/link.h). */

#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>

#include "broker/serve.h"
#include "node/node.h"

struct poller {
	struct node *node;
	struct serve *serve;
	const char *state_dir; /* of devices, NULL: none */
};

/** @param listen_fd where the broker connects to; stays the caller's. @return 0 or -errno */
int poller_create(struct poller *poller, struct node *node, int listen_fd, const char *state_dir);

/** The node stays the caller's. */
void poller_destroy(struct poller *poller);

#endif /* POLLER_H */
