/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members of a bridge that copy frames out of their memory and into it, as VDUSE devices do,
 * without a ring or a driver.
 */
#ifndef BENCH_MEMBERS_H
#define BENCH_MEMBERS_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "veb.h"

#define MEMBERS_MAX    1024
#define MEMBER_QUEUES  2
#define MEMBER_HEADERS 64
/* Bytes of memory that a queue receives into: 8 buffers, so that 256 members fit a usual L3. */
#define MEMBER_MEMORY (8 * 2048)

/* Where frames of a queue go to. */
struct __rte_cache_aligned member_queue {
	uint8_t *memory;
	uint32_t at;
};

struct member {
	struct veb_member *veb;
	struct member_queue queues[MEMBER_QUEUES];
	uint32_t from; /* in the memory of its first queue, of the next frame that it sends */
	uint32_t len;  /* of its frames */
	uint32_t number;
	/* of its next frames, one after the other; in whole, as a device's copy comes */
	uint8_t headers[MEMBER_HEADERS][16];
	uint16_t peers[MEMBER_HEADERS]; /* whom each is for */
	uint32_t next;
};

/* A bridge and its members. */
struct members_conf {
	uint32_t n;
	uint32_t len;   /* bytes of each frame */
	uint32_t peers; /* the first ones of the members: a frame is for one of them, at random; 0:
			   for a group */
	uint16_t nb_lcores, nb_txq;
	uint16_t vlan;                 /* access */
	const struct veb_vlans *trunk; /* NULL: none */
};

extern struct member members[MEMBERS_MAX];
extern struct rte_mempool *members_pool;
extern const struct veb_ops members_ops;

/* A burst of the member's frames; as veb_ops.receive. */
uint16_t members_receive(void *member, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
/* Frames into the member's memory; as veb_ops.send. */
uint16_t members_send(void *member, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);

/* All frames of a member are for that one. */
void members_aim(struct member *m, uint32_t to);

/* Once, before any bridge. What cannot be had ends the process. */
void members_init(void);
struct veb *members_bridge(const struct members_conf *conf);
/* One more, with functions of its own or members_ops. */
void members_add(struct veb *veb, const struct members_conf *conf, uint32_t number,
		const struct veb_ops *ops);
/* The first n, and the bridge. */
void members_end(struct veb *veb, uint32_t n);

#endif /* BENCH_MEMBERS_H */
