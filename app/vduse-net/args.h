/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line of dpdk-vduse-net: one table of options that parsing and
 * help are both made from. Pure: reads argv, touches no device.
 */

#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_build_config.h>
#include <rte_ether.h>

#include "idle.h"
#include "sandbox.h"

/* Every wire takes two ethdev ports: the one given and the VDUSE device. */
#define ARGS_MAX_WIRES (RTE_MAX_ETHPORTS / 2)
/* VDUSE_NAME_MAX of the kernel without the closing zero. */
#define ARGS_NAME_MAX 255
/* Holds every string that args_devargs() can write. */
#define ARGS_DEVARGS_MAX 1536
#define ARGS_ERROR_MAX   512
/* Holds the devargs that are passed on as they are. */
#define ARGS_EXTRA_MAX 768

/* One --port and what was said about it. */
struct wire_args {
	const char *port;             /* ethdev id or name as given; points into argv */
	char name[ARGS_NAME_MAX + 1]; /* of the VDUSE device */
	struct rte_ether_addr mac;    /* all zero: the PMD chooses one */
	const char *attach;           /* virtio, vhost or none */
	const char *profile;          /* of offloads: bulk, latency, xdp, tx or none */
	bool link_up;                 /* the device's link is up whatever the port's is */
	bool adopt;                   /* a device that is there is taken over, and stays */
	bool adopt_fd;                /* that behind a descriptor is */
	bool fd_by_name;              /* it comes from the service manager, with the name */
	bool standby;                 /* offer to be the standby of a passed-through device */
	uint16_t mtu;                 /* bytes; 0: the PMD's default, the port keeps its own */
	uint16_t queue_size;          /* descriptors; 0: the PMD's default */
	uint16_t queues;              /* queue pairs; 0: the PMD's default */
	bool zero_copy;               /* long frames are not copied on their way from the device */
	bool mq_fallback;             /* one queue pair will do where the kernel allows no more */
	char extra[ARGS_EXTRA_MAX];   /* more devargs, each with a comma before it */
	uint64_t seen;                /* bit i: option i of the table was given here */
};

/* What --setup does. */
enum args_setup { ARGS_SETUP_NONE, ARGS_SETUP_CREATE, ARGS_SETUP_ATTACH, ARGS_SETUP_DESTROY };

/* What --probe prints. */
enum args_probe { ARGS_PROBE_NONE, ARGS_PROBE_TEXT, ARGS_PROBE_JSON };

struct args {
	struct wire_args wires[ARGS_MAX_WIRES];
	unsigned int nb_wires;
	uint32_t stats_interval; /* seconds; 0: off */
	uint32_t mbufs;          /* per pool; 0: computed */
	enum sandbox_mode sandbox;
	struct idle_conf idle; /* --idle */
	enum args_probe probe; /* --probe */
	enum args_setup setup; /* --setup */
	const char *owner;     /* of the device files that are made, or NULL; points into argv */
	const char *state_dir; /* the last that was given, for --destroy, or NULL; into argv */
	const char *control;   /* socket of a node, without --port; NULL: the usual; into argv */
	const char *config;    /* file of commands of a node, or NULL; points into argv */
	const char *group;     /* that may use it beside root, or NULL; points into argv */
	const char *observers; /* group that may look, or NULL; points into argv */
	const char *destroy;   /* name of a device to destroy, or NULL; points into argv */
	bool help;
	bool version;
	char error[ARGS_ERROR_MAX]; /* one line without newline when args_parse() fails */
};

/*
 * Where the program's own arguments start: the index of the first "--"; 0, so
 * that all are the program's, when there is none and the first argument is an
 * option that needs no EAL (--help, --version, --destroy, --setup, --probe); else argc.
 */
int args_split(int argc, char *const argv[]);

/*
 * Read argv[1] and up into *args; argv[0] is skipped, as getopt does. argc may be 0.
 * Uses getopt_long and leaves it reset for the next user.
 * Return: 0, or -EINVAL with the cause and the cure in args->error.
 */
int args_parse(int argc, char *argv[], struct args *args);

/*
 * The devargs of the VDUSE device of one wire, as drivers/net/vduse reads them;
 * speed in Mbit/s, 0: not known.
 * Return: 0, or -ENAMETOOLONG when they do not fit into len bytes.
 */
int args_devargs(const struct wire_args *wire, uint32_t speed, char *buf, size_t len);

/* Usage and one entry for each option of the table. */
void args_help(FILE *out);

#endif /* ARGS_H */
