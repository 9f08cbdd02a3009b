/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_RIG_H
#define VEB_RIG_H

/*
 * A bridge with members that the test plays: what it puts into one is taken by a poll, what
 * comes out of one is kept until it is looked at. At the end every frame is accounted for.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter.h"
#include "veb.h"

#define RIG_PORTS 48
#define RIG_MTU   1500
#define RIG_MBUFS 4095

/* A tag, or none. */
#define RIG_UNTAGGED (-1)

/* A frame, as it goes in or comes out. */
struct rig_frame {
	uint8_t dst[6], src[6];
	int tci; /* of its tag, or RIG_UNTAGGED */
	uint16_t type;
	uint32_t len; /* whole, without the tag; 0: 60 */
	uint8_t payload[128];
};

struct rig_port {
	struct veb_member *member;
	struct veb_ops ops;
	struct rte_mbuf *in[VEB_BURST]; /* to be received */
	uint16_t nb_in;
	struct rte_mbuf *out[256]; /* sent to it; of what it copies a clone */
	uint16_t nb_out;
	/* where the last one's second segment was; NULL: it had none */
	const void *behind;
	/* called before it copies what it is sent; may be NULL */
	void (*before)(struct rig_port *port);
	uint16_t looked;     /* frames of out that were looked at */
	uint16_t room;       /* frames that it still takes */
	unsigned int bursts; /* calls of send() */
	bool up;
	unsigned int links; /* calls of set_link() */
};

struct veb_rig {
	struct rte_rcu_qsbr *qsbr;
	struct veb *veb;
	struct veb_lcore *lcore;
	uint64_t now; /* cycles; atomic: a capture reads it */
	struct rig_port ports[RIG_PORTS];
	unsigned int nb_ports;
	struct veb_stats gone; /* of members that were removed */
};

extern struct rte_mempool *rig_pool;

/* Once a process; setup and teardown of each test. */
int veb_rig_eal(void **state);
int veb_rig_setup(void **state);
int veb_rig_teardown(void **state);

/* Addresses: 02:00:00:00:00:n. */
#define RIG_MAC(n)               \
	{                        \
		2, 0, 0, 0, 0, n \
	}
#define RIG_BROADCAST                              \
	{                                          \
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff \
	}
#define RIG_MULTICAST               \
	{                           \
		1, 0, 0x5e, 0, 0, 7 \
	}

/* Rules of a container with that address: spoofchk, nothing else. */
struct veb_rules rig_rules(uint8_t mac);

/* A container, which copies; NULL rules: rig_rules(). */
struct rig_port *rig_container(struct veb_rig *r, uint8_t mac, const struct veb_rules *rules);
/* An uplink, which takes. */
struct rig_port *rig_uplink(struct veb_rig *r);
void rig_remove(struct veb_rig *r, struct rig_port *port);
int rig_set(struct rig_port *port, const struct veb_rules *rules);

/* An mbuf of the frame. */
struct rte_mbuf *rig_mbuf(const struct rig_frame *frame);

/* Put frames into a port, without a poll. */
void rig_put(struct rig_port *port, const struct rig_frame *frame);
void rig_put_mbuf(struct rig_port *port, struct rte_mbuf *m);
/* All that was put in is forwarded. */
void rig_poll(struct veb_rig *r, struct rig_port *port);
/* Both. */
void rig_send(struct veb_rig *r, struct rig_port *port, const struct rig_frame *frame);

/* A frame from the container with address n to address m. */
struct rig_frame rig_unicast(uint8_t from, uint8_t to);
/* To a group. */
struct rig_frame rig_group(uint8_t from, bool broadcast);

/* The next frame that came out of the port is this one, whole. */
void rig_expect(struct rig_port *port, const struct rig_frame *frame);
/* Nothing else did. */
void rig_expect_none(struct veb_rig *r);

struct veb_stats rig_stats(const struct rig_port *port);
uint64_t rig_drops(const struct rig_port *port, enum veb_drop why);

/* Time passes. */
void rig_pass_ms(struct veb_rig *r, uint64_t ms);

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, veb_rig_setup, veb_rig_teardown)

#endif /* VEB_RIG_H */
