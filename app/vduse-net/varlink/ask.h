/* SPDX-License-Identifier: BSD-3-Clause */

/* A call to the daemon, and its answers: waits for them. */

#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "conn.h"

#define ASK_SOCKET "/run/dpdk-vduse-net/control"
/* For who only looks. */
#define ASK_OBSERVE "/run/dpdk-vduse-net/observe"

struct ask {
	struct varlink_conn conn;
	uint64_t due;    /* of the monotonic clock, ms: until then; UINT64_MAX: for ever */
	char error[256]; /* a sentence, where a function fails */
};

/**
 * @param ms all of it, with the calls that follow, has so long; 0: no limit. Behind it functions
 *   fail with -ETIMEDOUT
 * @return 0, or -errno with a sentence
 */
int ask_open(struct ask *ask, const char *path, unsigned int ms);
void ask_close(struct ask *ask);

/**
 * Send a call.
 *
 * @param fd a descriptor to go along, or -1
 * @param more several answers are wanted
 */
int ask_call(struct ask *ask, const char *method, const json_t *parameters, int fd, bool more);

/** The next answer: an object to be freed. @return 0, or -errno with a sentence */
int ask_answer(struct ask *ask, json_t **answer);

#endif /* ASK_H */
