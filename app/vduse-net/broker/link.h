/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_LINK_H
#define BROKER_LINK_H

/*
 * The two processes talk: the one with the privileges asks, the one that polls answers and
 * tells events. JSON objects, each ended by a zero byte, over a stream socket, with
 * descriptors beside them:
 *
 *   {"id": 7, "method": "container_add", "parameters": {...}}   and perhaps a descriptor
 *   {"id": 7, "result": 0, "reply": {...}}                      1: it was so already
 *   {"id": 7, "error": {"id": "...", "parameter": "...", "text": "..."}}
 *   {"event": {...}}
 *
 * Each side takes what the other sends with the same care as a client's.
 */

#include <jansson.h>

#include "control.h"

/* Bytes of a message: a list of thousands of containers with their counters. */
#define LINK_MESSAGE_MAX (16u << 20)
/* Requests under way; the sender waits for the answers of these first. */
#define LINK_REQUESTS_MAX 256

/* Beside the words of a container, true: its mirror may be one that comes later. */
#define LINK_MIRROR_WAITS "mirror_waits"

struct link;

/**
 * The answer to a request.
 *
 * @param ret what the method returned; -ECONNRESET: the other side is gone, -ETIMEDOUT, -EPROTO
 * @param reply the method's, or NULL; the callee's
 * @param error where ret < 0
 */
typedef void (*link_done_t)(void *arg, int ret, json_t *reply, const struct control_error *error);

struct link_ops {
	/** It has to be closed: the other side is gone, or does not keep to the protocol. */
	void (*gone)(void *ctx, const char *why);
	void (*event)(void *ctx, json_t *event); /* not the callee's to free */
};

/** @param fd a connected stream socket, the link's from now on. @return NULL: no memory */
struct link *link_create(int fd, const struct link_ops *ops, void *ctx);

/** Every request under way is answered with -ECONNRESET. Mirror of link_create(). */
void link_free(struct link *link);

/** To poll for POLLIN, and POLLOUT where link_wants_out(). */
int link_fd(const struct link *link);
bool link_wants_out(const struct link *link);

/**
 * Ask. The answer comes from within link_run() or link_free(), never from here.
 *
 * @param parameters taken; NULL: none
 * @param fd goes along as a duplicate; -1: none
 * @param due when it has to be answered, as link_run()'s now
 * @return 0; -EBUSY: too many are under way; -ENOMEM, -errno: no answer will come
 */
struct link_request {
	const char *method;
	json_t *parameters;
	int fd;
	uint64_t due; /* ms */
	link_done_t done;
	void *arg;
};
int link_ask(struct link *link, const struct link_request *request);

/**
 * Send and receive what can be now, and give up what is late. gone() may be called, as the
 * last thing: the link may be freed by it.
 *
 * @param now ms
 */
void link_run(struct link *link, uint64_t now);

/** When link_run() is to be called at the latest; UINT64_MAX: whenever. */
uint64_t link_due(const struct link *link);

#endif /* BROKER_LINK_H */
