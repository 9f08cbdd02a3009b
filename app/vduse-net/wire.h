/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A wire: an ethdev port, the VDUSE device made for it, and the streams between
 * the two. Main lcore only.
 */

#ifndef WIRE_H
#define WIRE_H

#include <rte_dev.h>

#include "args.h"
#include "fwd.h"
#include "plug.h"
#include "pool.h"
#include "port.h"

enum wire_dir {
	TO_DEVICE, /* from the port to the VDUSE device */
	TO_PORT,
	WIRE_DIRS,
};

struct wire {
	unsigned int id;
	const struct wire_args *args;
	bool wake;   /* lcores sleep: with rx interrupts where there are any */
	int socket;  /* of its pools */
	bool closed; /* the port: its device is out, or to be let go */
	struct port port;
	struct plug plug;                      /* the port's device; out: there is no port */
	struct port device;                    /* the ethdev port of the VDUSE device */
	char vdev[RTE_DEV_NAME_MAX_LEN];       /* its name on the vdev bus */
	struct fwd_stream *streams[WIRE_DIRS]; /* nb_streams[] of them, owned */
	unsigned int nb_streams[WIRE_DIRS];
	bool handed_over; /* its device was made by somebody else, who destroys it */
	bool device_up;   /* link of the device as it was last set */
	int link_error;   /* -errno of the last try to set it, or 0 */
};

/* The port's id is filled in. Return: 0, or -errno after saying why. Undone by nothing. */
int wire_find_port(struct wire *wire);

/* Create the VDUSE device and plan both sides. Return: 0, or -errno after saying why. */
int wire_attach(struct wire *wire, struct pool_set *pools);
/* Destroy the device. */
void wire_detach(struct wire *wire);

/*
 * Make the streams and start both sides. Return: 0, or -errno after saying why.
 * A port that was once started is closed by wire_stop(): there is no second start.
 */
int wire_start(struct wire *wire, struct pool_set *pools);
/* What other processes serve so far they have stopped: port_claim() of both sides. */
int wire_claim(struct wire *wire);
/*
 * Have what other processes serve so far: the last step. Return: 0, or -errno after saying
 * why. Undone by nothing.
 */
int wire_take_over(struct wire *wire);
/* Return: 0, or -errno after saying why: -EBUSY where the device stays in /dev/vduse. */
int wire_stop(struct wire *wire);

/* Give the device the link of the port, unless --link up. Started wires only. */
void wire_follow_link(struct wire *wire);

/* Take the device's link down, whatever the port's is. Started wires only. */
void wire_link_down(struct wire *wire);

/*
 * The device of the port was pulled out, or is wanted back. In three steps: streams do without,
 * while lcores stand still; the container loses its carrier and EAL lets go of the device, whom
 * -errno leaves with it; later, once it is there again, wire_return() starts it, and streams have
 * it, lcores standing still again.
 */
bool wire_is_unplugged(const struct wire *wire);
void wire_unplug(struct wire *wire);
int wire_let_go(struct wire *wire);
/* Return: 0, or -errno, and the device is out as before. */
int wire_return(struct wire *wire, struct pool_set *pools);
void wire_plug(struct wire *wire, struct pool_set *pools);

/* Sum of the streams of one direction. */
void wire_read(const struct wire *wire, enum wire_dir dir, struct fwd_counters *sum);

#endif /* WIRE_H */
