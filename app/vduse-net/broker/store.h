/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

/*
 * What was asked for: networks and containers, and the file in the state folder that has
 * them when this process is no more. Not locked: its owner does that.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "broker/netns.h"
#include "words.h"

struct store_network {
	TAILQ_ENTRY(store_network) next;
	struct control_network conf;
	unsigned int told; /* the link's generation that the poller had when it was told */
	bool lost;         /* the poller has refused it, and so does not have its containers */
	bool in_file;      /* the configuration file had it when it was read last */
};

/* How far a container is. Written before each step that another process has to undo. */
enum store_stage {
	STORE_ADDING,   /* its device may be there; the poller may have it */
	STORE_THERE,    /* all of it is */
	STORE_REMOVING, /* as ADDING */
};

/* What an entry of the file was made of, and the entry. */
struct store_saved {
	struct control_container conf;
	uint32_t queues;
	char interface[16];
	enum store_stage stage;
	struct netns_id netns;
	bool in_file;
	char *text;
};

struct store_container {
	TAILQ_ENTRY(store_container) next;
	struct control_container conf; /* mac: chosen; netns_fd: -1 */
	uint32_t queues;               /* that the kernel has granted; 0: not made yet */
	char interface[16];            /* where it was placed; "": as it was found */
	enum store_stage stage;
	struct netns_id netns; /* of its namespace, where that came as a descriptor */
	bool served;           /* the poller is to have it */
	unsigned int told;     /* as of a network */
	bool in_file;
	struct store_saved *saved; /* in the file that was written last, or NULL */
};

TAILQ_HEAD(store_networks, store_network);
TAILQ_HEAD(store_containers, store_container);

struct store {
	char path[4096]; /* of the file; "": there is none */
	struct store_networks networks;
	struct store_containers containers;
	bool reloading; /* the configuration file is being applied */
};

/**
 * Read what a process before has left. A file that is none of ours is set aside as
 * PATH.bad.
 *
 * @param folder NULL or "": what there is lives as long as this process
 * @return 0, or -errno: the folder cannot be used
 */
int store_open(struct store *store, const char *folder);

/** Forget all; the file stays as it is. */
void store_close(struct store *store);

/** Replace the file by what there is now, or leave it as it was. @return 0 or -errno */
int store_write(const struct store *store);

/** @return NULL: none of that name */
struct store_network *store_network(struct store *store, const char *name);
struct store_container *store_container(struct store *store, const char *name);

/** A copy of conf, behind the others. @return NULL: no memory */
struct store_network *store_add_network(struct store *store, const struct control_network *conf);
struct store_container *store_add_container(
		struct store *store, const struct control_container *conf);

void store_del_network(struct store *store, struct store_network *network);
void store_del_container(struct store *store, struct store_container *container);

/** How many containers a network has. */
unsigned int store_members(const struct store *store, const char *network);

#endif /* BROKER_STORE_H */
