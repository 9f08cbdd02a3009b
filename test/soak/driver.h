/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SOAK_DRIVER_H
#define SOAK_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "mock_driver.h"

/* The soak's driver, and what it shares with the process that kills it. */

#define BASE       0x40000000ull /* IOVA */
#define MEMORY     (4ul << 20)
#define SIZE       256 /* of a ring */
#define BUFFER     2048
#define RING(q)    (BASE + (q) * (64ull << 10))
#define TABLES     (BASE + (512ull << 10)) /* indirect, one a buffer, both queues */
#define BUFFERS(q) (BASE + ((1ull + (q)) << 20))
#define RX         0
#define TX         1

/* What a life is told by the parent; then bytes that are commands. */
struct life {
	bool packed, event_idx, indirect, mergeable, calls;
	uint32_t pieces; /* regions of the memory */
};

/* Outlives the child. */
struct shared {
	uint64_t taken[2]; /* used buffers that the driver took in this life */
	uint32_t current;  /* memory */
	uint64_t corrupt, reordered;
	uint64_t expected; /* number, at least, of the next frame */
};

/* What the driver works on; copied into it when it is forked. */
struct driver_env {
	const char *path;      /* of the device */
	uint8_t *mem[2];       /* shared memory; struct shared says which is in use */
	struct shared *shared; /* shared memory */
	struct life life;
};

extern struct driver_env env;

/* Where an IOVA is in the memory in use. */
void *driver_at(void *unused, uint64_t iova);

/* A ring of this life, at its beginning. */
struct mock_vq_conf driver_ring(const struct mock_mem *mem, unsigned int q);

/*
 * Commands: l (and a struct life) begins a life, r remaps, z resets. Each is answered by a byte.
 * Ends the process, with status 0 when `in` ends.
 */
void driver_main(int in, int out) __attribute__((noreturn));

#endif /* SOAK_DRIVER_H */
