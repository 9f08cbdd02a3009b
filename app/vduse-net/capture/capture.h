/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A member of a bridge, watched: lcores copy the frames that a filter takes, cut to a length, into
 * memory of a fixed size, a thread writes them as pcapng to a descriptor. Nobody waits: what
 * finds no room is left out, and counted.
 */

#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "program.h"
#include "veb.h"

/* Bytes of a frame that are kept, at most: the longest frame there is, with two tags. */
#define CAPTURE_SNAPLEN_MAX 262144

/* Bytes of all frames that wait for the reader, over all lcores; each has its part of it. */
#define CAPTURE_BYTES       (4u << 20)
#define CAPTURE_BYTES_LEAST (256u << 10)

/* The filter looks at so many bytes of a frame, and at all of its first buffer. */
#define CAPTURE_LOOK 2048

struct capture_conf {
	const char *name;        /* of the interface */
	const char *description; /* of it */
	const uint8_t *mac;      /* its address, or NULL */
	struct program *filter;  /* the capture's from now on; NULL: all frames */
	uint32_t snaplen;        /* bytes of a frame that are kept; 0: all */
	uint64_t count;          /* it ends after so many; 0: it does not */
	bool in, out;            /* frames that the interface receives, that it sends */
	bool uplink;             /* it receives what comes from the member; else, what goes to it */
	bool drops; /* those too that it was not given; why one was dropped is a comment */
	int fd;     /* a pipe or a stream socket, of which a copy is taken */
	unsigned int nb_lcores;     /* that forward */
	uint64_t (*now)(void *arg); /* cycles of the TSC, as in struct veb_sight */
	/* Nanoseconds since 1970, when `now` gave these cycles; NULL: the kernel's. */
	uint64_t (*wall)(void *arg, uint64_t cycles);
	void *now_arg;
};

struct capture;

/**
 * Begin. Nothing is written before the tap is somebody's.
 *
 * @return 0; -ENOMEM; -EINVAL: the descriptor is neither; another -errno. The filter is freed then.
 */
int capture_begin(const struct capture_conf *conf, struct capture **capture);

/** What a member is watched with, veb_member_watch(). */
struct veb_tap *capture_tap(struct capture *capture);

/** Bytes that wait for the reader at most. */
uint64_t capture_room(const struct capture *capture);

/** Whether it is at its end: the reader has gone or wants no more, or there were so many. */
bool capture_wants_end(const struct capture *capture);

/** The tap is nobody's any more: what there is is written, then it is over. */
void capture_end(struct capture *capture);

/** Whether all is written, and the descriptor closed. */
bool capture_is_over(const struct capture *capture);

/** At once: what the reader does not take now is lost. The tap is nobody's. */
void capture_free(struct capture *capture);

#endif /* CAPTURE_H */
