/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A Varlink service (varlink.org) on a unix socket: clients, calls, deadlines, and the interface
 * org.varlink.service. One thread; never blocks; one descriptor for the owner's loop.
 *
 * A client's calls are answered in their order, one at a time: the next is not looked at before the
 * answer of the one before has left, so what a client can make this process keep is one message and
 * one reply. A method's function may answer later; until then the client waits, and nobody else
 * does.
 */

#ifndef VARLINK_SERVER_H
#define VARLINK_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "method.h"
#include "peer.h"

struct varlink_server;

struct varlink_server_conf {
	const struct varlink_interface *const *interfaces;
	unsigned int nb_interfaces;
	void *ctx; /* for the methods: varlink_call_ctx() */
	const char *vendor, *product, *version, *url;
	/* fully qualified errors for what is no call at all, and for a deadline that passed */
	const char *error_malformed, *error_timeout;
	gid_t group;                /* may connect, beside root; VARLINK_NO_GROUP: none */
	uint64_t (*now)(void *ctx); /* ms; NULL: the monotonic clock */
	unsigned int max_clients;   /* 0: 1024 */
	unsigned int max_observers; /* of them; 0: 64 */
	size_t max_message;         /* bytes of a call; 0: 65536 */
	size_t max_output;          /* bytes that a stream may wait with; 0: 262144 */
	uint32_t stall;             /* ms for a message to become whole, or for a client to read;
				     * 0: 30000
				     */
};

/* Since creation. */
struct varlink_stats {
	uint64_t clients;   /* now */
	uint64_t accepted;  /* clients */
	uint64_t refused;   /* of them: by their rights */
	uint64_t evicted;   /* at rest, for a newcomer where there were too many */
	uint64_t malformed; /* messages: no JSON, no call, or too long */
	uint64_t calls;
	uint64_t errors;   /* answers that were an error */
	uint64_t timeouts; /* calls whose deadline passed */
	uint64_t stalled;  /* clients cut off that sent half a message, or did not read */
	uint64_t slow;     /* streams cut off that were too far behind */
};

/** @return 0, -ENOMEM, or -errno */
int varlink_server_create(const struct varlink_server_conf *conf, struct varlink_server **server);

/** Close all clients; calls under way are gone. */
void varlink_server_free(struct varlink_server *server);

/**
 * Make the socket, mode 0660, of the conf's group where it has one; one that nobody listens on any
 * more is replaced. Nobody can connect before it has its rights.
 *
 * @return 0; -EADDRINUSE: somebody listens there; -ENAMETOOLONG; another -errno
 */
int varlink_server_listen(struct varlink_server *server, const char *path);

/** A socket that listens already; belongs to the server from now on. @return 0 or -errno */
int varlink_server_listen_fd(struct varlink_server *server, int fd);

/**
 * A second socket, as that of varlink_server_listen(), for clients that may call the methods with
 * `looks` and no others. They take no place of other clients.
 *
 * @param group may connect, beside root; VARLINK_NO_GROUP: none
 */
int varlink_server_observe(struct varlink_server *server, const char *path, gid_t group);

/** To wait for in the owner's loop: readable when varlink_server_run() has something to do. */
int varlink_server_fd(const struct varlink_server *server);

/** Do what can be done now, for a bounded time. */
void varlink_server_run(struct varlink_server *server);

void varlink_server_stats(const struct varlink_server *server, struct varlink_stats *stats);

/*
 * Calls, for the methods. A call ends with varlink_reply() or varlink_error(); after it, and
 * after its gone(), it is no more.
 */

void *varlink_call_ctx(const struct varlink_call *call);
const struct varlink_method *varlink_call_method(const struct varlink_call *call);

/** Checked by the method's tables. Belongs to the call. */
json_t *varlink_call_parameters(const struct varlink_call *call);

/** A descriptor that came with it, by a parameter of type VARLINK_FD. @return the caller's, or -1
 */
int varlink_call_take_fd(struct varlink_call *call, const char *parameter);

/** What the method's function keeps with a call that it answers later; NULL at first. */
void varlink_call_set_user(struct varlink_call *call, void *user);
void *varlink_call_user(const struct varlink_call *call);

/** Called when the client is gone, or the deadline has passed: then there is no answer to give. */
void varlink_call_on_gone(struct varlink_call *call, void (*gone)(struct varlink_call *call));

/** The answer. Takes the object; NULL: an empty one. */
void varlink_reply(struct varlink_call *call, json_t *parameters);

/**
 * One of several answers, of a method with `stream`. A client that does not read is cut off: then
 * gone() was called, and the call is no more.
 *
 * @return 0, or -EPIPE
 */
int varlink_reply_continues(struct varlink_call *call, json_t *parameters);

/** An error by its full name. Takes the object; NULL: an empty one. */
void varlink_error(struct varlink_call *call, const char *id, json_t *parameters);

/** InvalidParameter of org.varlink.service. */
void varlink_error_parameter(struct varlink_call *call, const struct varlink_wrong *wrong);

/** MethodNotImplemented of org.varlink.service. */
void varlink_error_not_implemented(struct varlink_call *call);

/** A string for an answer; what is cut in the middle of a character, or no UTF-8, becomes '?'. */
json_t *varlink_text(const char *text);

#endif /* VARLINK_SERVER_H */
