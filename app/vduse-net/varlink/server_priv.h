/* SPDX-License-Identifier: BSD-3-Clause */

/* Insides of the server: server.c accepts and waits, client.c reads and dispatches, call.c answers.
 */

#ifndef VARLINK_SERVER_PRIV_H
#define VARLINK_SERVER_PRIV_H

#include <stdbool.h>
#include <sys/queue.h>

#include "conn.h"
#include "server.h"

#define SERVICE "org.varlink.service"

struct varlink_call {
	struct varlink_client *client;
	const struct varlink_method *method;
	struct varlink_message msg;
	json_t *parameters; /* of msg */
	void (*gone)(struct varlink_call *call);
	void *user;
	bool oneway;
};

struct varlink_listener {
	int fd;         /* -1: there is none */
	bool observers; /* its clients may only look */
	bool paused;    /* no descriptor is left for a newcomer */
	gid_t group;
	char path[108]; /* of the socket, to be removed; "": not ours */
};

struct varlink_client {
	TAILQ_ENTRY(varlink_client) next;
	struct varlink_server *server;
	const struct varlink_listener *listener; /* by which it came */
	struct varlink_conn conn;
	struct varlink_call *call; /* that is under way */
	uint32_t events;           /* that epoll looks for */
	uint64_t due;              /* ms: the call's or the stall's end; UINT64_MAX: none */
	bool allowed;
	bool half_closed; /* it sends no more */
	bool eof;         /* and all of it was read */
	bool hung_up;     /* nor does it read; not in the epoll set any more */
	bool closing;     /* once all is sent */
	bool ready;       /* it has to be looked at without an event */
	bool running;     /* varlink_client_run() is at it */
	bool dead;        /* cut off; freed at the end of varlink_server_run() */
};

TAILQ_HEAD(varlink_clients, varlink_client);

struct varlink_server {
	struct varlink_server_conf conf;
	struct varlink_stats stats;
	struct varlink_clients clients; /* the one at rest for longest first; and dead ones */
	unsigned int nb_dead;
	int epoll;
	struct varlink_listener listeners[2]; /* for all calls; for observers */
	unsigned int nb_observers;
	int timer;
	uint64_t timer_due; /* ms: when the timer fires; UINT64_MAX: never */
};

uint64_t varlink_now(const struct varlink_server *server);

/* Have the clients looked at no later than then. */
void varlink_timer(struct varlink_server *server, uint64_t due);

/* A connected socket. Return: 0 or -errno; the socket is taken in any case. */
int varlink_client_new(
		struct varlink_server *server, const struct varlink_listener *listener, int fd);

/* Cut it off; its call is gone. */
void varlink_client_kill(struct varlink_client *client);

/* Go on: send, read, dispatch. */
void varlink_client_run(struct varlink_client *client, uint32_t events);

/* Its time has come. */
void varlink_client_due(struct varlink_client *client);

/* There is something to send; pending: bytes that were before. */
void varlink_client_answered(struct varlink_client *client, size_t pending);

/* What is waited for now, and until when. */
void varlink_client_settle(struct varlink_client *client, size_t pending);

/* A whole message of a client. Takes it. */
void varlink_dispatch(struct varlink_client *client, struct varlink_message *msg);

/* What was no call is answered so. */
void varlink_malformed(struct varlink_client *client, const char *text);

/* The call under way ends without an answer, or with the error of a deadline: gone() is called. */
void varlink_call_drop(struct varlink_client *client);
void varlink_call_timeout(struct varlink_call *call);

/* org.varlink.service, and its description. */
extern const char varlink_service_description[];
extern const struct varlink_interface varlink_service;
const struct varlink_interface *varlink_interface_find(
		const struct varlink_server *server, const char *name, size_t len);

#endif /* VARLINK_SERVER_PRIV_H */
