/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_MOCK_H
#define CONTROL_MOCK_H

/*
 * A backend that keeps networks and containers, and refuses what a node would, without one frame.
 * And the clock that deadlines go by, which stands.
 */

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "control_config.h"

#define MOCK_NETWORKS   8
#define MOCK_CONTAINERS 256

struct mock {
	unsigned int loads, latencies; /* calls of load(), of latency() */
	struct control *control;
	struct control_ops ops;
	struct control_network networks[MOCK_NETWORKS];
	unsigned int nb_networks;
	struct control_container containers[MOCK_CONTAINERS];
	unsigned int nb_containers;
	uint64_t now;                    /* ms */
	bool later;                      /* the next is answered by mock_finish() */
	struct control_request *waiting; /* for it */
	unsigned int gone;               /* requests whose deadline passed */
	const char *config;              /* file that reload reads, or NULL */
	struct control_config before;    /* what it said the last time */
	int netns;                       /* the last descriptor of one that came, or -1 */
};

/* A backend without anything, and what it is controlled by. */
void mock_open(struct mock *mock, gid_t group);

/* Of its ops: answers of calls a second apart. */
int mock_load(struct control_request *request);
int mock_latency(struct control_request *request);
void mock_close(struct mock *mock);

/* Answer the request that was left for later. */
void mock_finish(struct mock *mock);

#endif /* CONTROL_MOCK_H */
