/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The methods of org.dpdk.vduse on a socket. What they do is a table of functions, the backend's;
 * here parameters are read and checked, answers written, events told. One thread.
 */

#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "server.h"
#include "words.h"

#define CONTROL_INTERFACE "org.dpdk.vduse"

/* Its description, and its methods. */
extern const char control_description[];
extern const struct varlink_interface control_interface;

/* Parameters of Capture, of which the first is required. */
extern const struct varlink_params control_capture_words;

/* Bytes of a filter as text, most. */
#define CONTROL_FILTER_MAX 49152

struct control;

/* Every word of a container with two values. */
#define CONTROL_TEXT_SIZE 4096

struct control_error {
	char id[48];                  /* as CONTROL_INTERFACE ".NoSuchNetwork" */
	char parameter[32];           /* which, or "" */
	char text[CONTROL_TEXT_SIZE]; /* a sentence: cause and cure */
};

/* What a method asks of the backend. It is there until control_done(), or gone(). */
struct control_request {
	void *ctx; /* the backend's */
	union {
		struct control_network network;
		struct control_container container;
	} conf;                   /* of add, set and del: what was given */
	bool force;               /* container_set, reload */
	bool statistics;          /* containers, uplinks, lcores */
	const json_t *parameters; /* as they came, and are checked */
	/* check: what the file is called, "": none is given; open, the request's own, or -1;
	 * capture: its pipe */
	char file[CONTROL_PATH_MAX + 1];
	int file_fd;
	/*
	 * The answer's parameters, for the backend to fill in; for lists an array. Those of add,
	 * set and del are made of what the function returns.
	 */
	json_t *reply;
	struct control_error error; /* filled in where a function returns less than 0 */
	void *user;                 /* the backend's, for a request that is answered later */
	struct varlink_call *call;
};

/* Instead of an answer: control_done() follows. */
#define CONTROL_LATER 2

/**
 * Each returns 0; 1: it is so already, nothing changed; CONTROL_LATER; or less than 0 with
 * request->error. A function that is NULL is MethodNotImplemented. On an error nothing has changed.
 */
struct control_ops {
	int (*network_add)(struct control_request *request);
	int (*network_set)(struct control_request *request); /* conf.network.given: what */
	int (*network_del)(struct control_request *request);
	int (*container_add)(struct control_request *request);
	int (*container_set)(struct control_request *request);
	int (*container_del)(struct control_request *request);
	/* reply: an array of the interface's Network, Container, FdbEntry, Uplink, Lcore and
	 * Latency; for those given by name */
	int (*networks)(struct control_request *request);
	int (*containers)(struct control_request *request);
	int (*fdb)(struct control_request *request);
	int (*uplinks)(struct control_request *request);
	int (*lcores)(struct control_request *request);
	int (*check)(struct control_request *request);
	/* reply: the members that the interface says */
	int (*rebalance)(struct control_request *request);
	int (*config)(struct control_request *request);
	int (*reload)(struct control_request *request);
	int (*capture)(struct control_request *request);
	int (*load)(struct control_request *request);
	int (*latency)(struct control_request *request);
	/* The deadline has passed: undo it. The request is no more when this returns. May be NULL.
	 */
	void (*gone)(struct control_request *request);
};

struct control_conf {
	const struct control_ops *ops;
	void *ctx;
	const char *version;
	gid_t group;                /* VARLINK_NO_GROUP: root only */
	uint64_t (*now)(void *ctx); /* ms; NULL: the monotonic clock */
};

/* An event of Monitor; "" and NULL: not of this event. */
struct control_event {
	const char *event; /* a word of the interface */
	const char *network;
	const char *container;
	const char *uplink;
	const char *text;
};

/** @return 0, -ENOMEM, or -errno */
int control_create(const struct control_conf *conf, struct control **control);
void control_free(struct control *control);

/** Listen, wait, run: as those of the server. */
struct varlink_server *control_server(struct control *control);

/** The answer to a request that was left for later: what the function would have returned. */
void control_done(struct control_request *request, int ret);

/** Tell all who monitor. A client that does not read is cut off. */
void control_event(struct control *control, const struct control_event *event);

/** Fill in a request's error. @return -EINVAL, for the function of the backend to return */
__attribute__((format(printf, 4, 5))) int control_fail(struct control_request *request,
		const char *id, const char *parameter, const char *fmt, ...);

#endif /* CONTROL_H */
