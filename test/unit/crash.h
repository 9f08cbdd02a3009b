/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRASH_H
#define CRASH_H

#include <sys/types.h>

#include "rig.h"

/*
 * A device with a state file whose process dies. The test is the process that
 * follows: it forks one that serves the rings and kills it, or looks at what it
 * has left in shared memory after each of its instructions.
 */

/* Of the rings, so that little has to be compared. */
#define CRASH_QUEUE_SIZE 64

/* Bytes behind RIG_BUFFERS that belong to what a process leaves. */
#define CRASH_BUFFERS 16384

#define CRASH_FRAME 100 /* bytes of a frame from the driver */

#define CRASH_NOTES (1u << 22)

/* What parent and child share besides. */
struct crash_note {
	bool done;   /* the child has done all that it does */
	uint32_t nb; /* frames that it handed on, atomic */
	uint32_t seeds[CRASH_NOTES];
};

struct crash {
	struct rig b;
	struct rig_conf conf;
	char dir[64];
	struct crash_note *note;
};

/* Device, rings and driver. Mirror: crash_down(). */
void crash_up(struct crash *c, const struct rig_conf *conf);
void crash_down(struct crash *c);

/*
 * fork(), and in the child DPDK's memory is its own: what a killed child leaves in it must not be
 * seen, as it is not of a real process. What the two share is in struct crash.
 */
pid_t crash_fork(void);

/* Both data queues as the process that follows finds them. */
void crash_recover(struct crash *c);

/* What the driver shares with the process, and what is in the state file. */
size_t crash_bytes(const struct crash *c);
void crash_save(const struct crash *c, uint8_t *to);
void crash_restore(struct crash *c, const uint8_t *from);
bool crash_differs(const struct crash *c, const uint8_t *from);

/* The driver's own idea of its rings. */
struct crash_driver {
	struct mock_vq vq[2];
	void *ids[2];
};
void crash_driver_save(const struct crash *c, struct crash_driver *to);
void crash_driver_restore(struct crash *c, const struct crash_driver *from);
void crash_driver_free(struct crash_driver *driver);

/* The driver sends a frame in the variant's manner: in two descriptors, or by a table. */
void crash_send(struct crash *c, uint32_t at, uint32_t seed);

/* n frames pass each way, up to a ring's worth. */
void crash_pass(struct crash *c, unsigned int n);

/* A ring's worth of frames and of buffers pass: no descriptor has leaked. */
void crash_assert_full_ring(struct crash *c);

/* Frames with a seed of their own in them; crash_seed() also checks every byte. */
void crash_frame(uint8_t *frame, uint32_t seed, uint32_t len);
uint32_t crash_seed(const uint8_t *frame, uint32_t len);

/* Dequeue a frame of crash_send(): its seed, or CRASH_NONE. */
#define CRASH_NONE UINT32_MAX
uint32_t crash_receive(struct crash *c);

/* Enqueue one: 1, or 0. */
uint16_t crash_transmit(struct crash *c, uint32_t seed, uint32_t len);

#endif /* CRASH_H */
