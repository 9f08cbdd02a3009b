/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_RIG_H
#define CAPTURE_RIG_H

/* A capture of a member of a bridge that the test plays, and its reader. */

#include <sched.h>

#include "capture.h"
#include "pcapng_read.h"
#include "veb_rig.h"

/* ether[15] = 7: the second byte behind the header. */
#define SEVENS "4,48 0 0 15,21 0 1 7,6 0 0 65535,6 0 0 0"

extern struct read_capture captured; /* what the reader has got */
extern struct capture *the_capture;
extern int capture_reader; /* its end of the socket */

int capture_rig_setup(void **state);
/* No descriptor is left. */
int capture_rig_teardown(void **state);

/* Both directions, all bytes, one lcore. */
struct capture_conf capture_usual(struct veb_rig *r);
struct program *capture_program(const char *text);

void capture_watch(struct rig_port *port, struct capture_conf *conf);
void capture_until_it_wants_end(void);
/* It has come to its end, and is freed. */
void capture_finish(void);
/* Nobody watches it any more; what was written is in `captured`, and is freed. */
void capture_unwatch(struct rig_port *port);

/* What has come out of the port is nobody's. */
void capture_take(struct rig_port *port);

/* Packet n went this way, and has this comment. */
void capture_expect(unsigned int n, uint32_t way, const char *comment);

#define CAPTURE_TEST(f) cmocka_unit_test_setup_teardown(f, capture_rig_setup, capture_rig_teardown)

#endif /* CAPTURE_RIG_H */
