/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

/*
 * The process with the privileges: it owns the control socket, makes and places what
 * containers get, keeps what was asked for, and tells it to the process that polls, whichever
 * that is at the time.
 */

#include <sys/types.h>

#include "broker/device.h"

struct broker_conf {
	const char *control;   /* path of the control socket */
	const char *poller;    /* path of the socket where the poller listens */
	const char *state_dir; /* NULL: nothing outlives this process */
	const char *devices;   /* the poller's folder of devices' state; NULL: it has none */
	const char *version;
	gid_t group;                     /* may use the control socket */
	const struct device_ops *device; /* NULL: the kernel's */
	uint64_t (*now)(void *ctx);      /* clients' deadlines, ms; NULL: the monotonic clock */
};

struct broker;

/** Read the state, listen. @return 0 or -errno, said */
int broker_create(const struct broker_conf *conf, struct broker **broker);

/**
 * Serve until end_fd is readable.
 *
 * @return 0 or -errno, said
 */
int broker_run(struct broker *broker, int end_fd);

/** Close; devices stay as they are. */
void broker_free(struct broker *broker);

#endif /* BROKER_BROKER_H */
