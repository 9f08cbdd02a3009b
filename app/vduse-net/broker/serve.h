/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_SERVE_H
#define BROKER_SERVE_H

/*
 * The side of the process that polls: it listens, has one who asks at a time, and answers.
 * When that one ends, it goes on with its work and waits for the next.
 */

#include <stdbool.h>

#include <jansson.h>

#include "broker/link.h"

struct serve;

struct serve_request {
	const char *method;
	json_t *parameters;         /* not the callee's to free */
	int fd;                     /* that came along, the callee's; -1: none */
	json_t *reply;              /* of the callee's making; NULL: none */
	struct control_error error; /* filled in where it fails */
};

/** Do what is asked. @return 0; 1: it was so already; negative, with the error filled in */
typedef int (*serve_call_t)(void *ctx, struct serve_request *request);

/** @param listen_fd a listening stream socket, not blocking; stays the caller's */
struct serve *serve_create(int listen_fd, serve_call_t call, void *ctx);
void serve_free(struct serve *serve);

/** To wait for: readable when serve_run() has something to do. */
int serve_fd(const struct serve *serve);

/** Accept, read, answer; as much as can be now, a bounded number of requests. */
void serve_run(struct serve *serve);

/** Tell who asks, where there is one. Takes the object. One that does not read is cut off. */
void serve_event(struct serve *serve, json_t *event);

#endif /* BROKER_SERVE_H */
