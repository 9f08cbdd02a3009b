/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

/*
 * The process with the privileges: it owns the control socket, makes and places what
 * containers get, keeps what was asked for, and tells it to the process that polls, whichever
 * that is at the time.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "broker/device.h"

struct broker_conf {
	const char *control;   /* path of the control socket */
	const char *observe;   /* path of that of observers; NULL: none */
	const char *poller;    /* path of the socket where the poller listens */
	const char *state_dir; /* NULL: nothing outlives this process */
	const char *config;    /* file of commands, for reload; NULL: there is none */
	bool apply;            /* it is applied when the poller is there, or that is the end */
	const char *devices;   /* the poller's folder of devices' state; NULL: it has none */
	const char *version;
	gid_t group;                     /* may use the control socket */
	gid_t observers;                 /* that of observers */
	const struct device_ops *device; /* NULL: the kernel's */
	uint64_t (*now)(void *ctx);      /* clients' deadlines, ms; NULL: the monotonic clock */
};

struct broker;

/** Read the state, listen. @return 0 or -errno, said */
int broker_create(const struct broker_conf *conf, struct broker **broker);

struct broker_fds {
	int end;    /* readable: to end */
	int reload; /* a signalfd: each signal reads the configuration file again; -1: none */
	int ready;  /* an eventfd: written once all is as it is to be; -1: none */
	int alive;  /* an eventfd: written */
	unsigned int alive_ms; /* at least so often; 0: never */
};

/**
 * Serve until the end.
 *
 * @return 0 or -errno, said
 */
int broker_run(struct broker *broker, const struct broker_fds *fds);

/** Close; devices stay as they are. */
void broker_free(struct broker *broker);

#endif /* BROKER_BROKER_H */
