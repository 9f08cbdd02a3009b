/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_SUPERVISE_H
#define BROKER_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The process that was started begins two others, the broker and the poller, and waits. It
 * reads nothing that another process says but that it is there (eventfds), so that there is nothing
 * to make it end: either of the two is started again where it was killed, with the privileges and
 * the environment that there were at first, while the other goes on. Where this one is killed both
 * end at once, and what they have made stays for the next start.
 */

/* What a process is begun with. */
struct supervise_life {
	int end_fd;        /* readable once it is to end */
	int reload_fd;     /* the broker's: a signalfd of SIGHUP */
	int stats_fd;      /* the poller's: a signalfd of SIGUSR1 */
	int ready_fd;      /* an eventfd: written once it does what it is there for */
	int alive_fd;      /* an eventfd: written as long as it moves on, */
	uint64_t alive_ms; /* more than once in so long; 0: nobody asks */
	bool first;        /* it follows none that was killed */
};

/* For the service manager, which knows the process above the two only. */
enum supervise_news {
	SUPERVISE_READY,    /* both are, for the first time */
	SUPERVISE_ALIVE,    /* both have moved on since the last look */
	SUPERVISE_STILL,    /* who has not */
	SUPERVISE_STOPPING, /* the end begins */
};

struct supervise_conf {
	/**
	 * The bodies of the two, each in a process of its own.
	 *
	 * @return 0; -errno: said, and of no use to try again
	 */
	int (*broker)(void *ctx, const struct supervise_life *life);
	/** @param listen_fd where the broker connects to: the same in each life of the poller */
	int (*poller)(void *ctx, int listen_fd, const struct supervise_life *life);
	void *ctx;
	const char *path;  /* of the socket between them; made here, removed at the end */
	uint64_t alive_ms; /* how often they are looked at; 0: never */
	/** @param who stands still */
	void (*tell)(void *ctx, enum supervise_news news, const char *who);
	bool reloads; /* SIGHUP is passed on to the broker; else it is as SIGTERM */
};

/**
 * Until SIGTERM or SIGINT, which end the broker and then the poller in order, a second one at
 * once; or until one of the two ends by itself.
 *
 * @return 0 or -errno: a process could not be begun, or has failed for good
 */
int supervise(const struct supervise_conf *conf);

#endif /* BROKER_SUPERVISE_H */
