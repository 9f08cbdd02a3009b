/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_RIG_H
#define CONTROL_RIG_H

/*
 * A control socket with the mock backend behind it, and clients, all on one thread: the server has
 * its turns while a client waits.
 */

#include <stdbool.h>
#include <stddef.h>

#include "control_mock.h"
#include "open_files.h"

/* Calls and answers; members of answers in the order of their names. */
#define SERVICE  "org.varlink.service"
#define CALL(to) "{\"method\":\"org.dpdk.vduse." to "\"}"
#define WITH(to, parameters) \
	"{\"method\":\"org.dpdk.vduse." to "\",\"parameters\":{" parameters "}}"
#define ADD_NET0          WITH("AddNetwork", "\"name\":\"net0\"")
#define ADD_C1            WITH("AddContainer", "\"name\":\"c1\",\"network\":\"net0\"")
#define CHANGED           "{\"parameters\":{\"changed\":true}}"
#define UNCHANGED         "{\"parameters\":{\"changed\":false}}"
#define NOTHING           "{\"parameters\":{\"networks\":[]}}"
#define MONITOR           "{\"method\":\"org.dpdk.vduse.Monitor\",\"more\":true}"
#define READY             "{\"continues\":true,\"parameters\":{\"event\":\"ready\"}}"
#define MALFORMED         "{\"error\":\"org.dpdk.vduse.InvalidMessage\",\"parameters\":{\"text\":\"%s\"}}"
#define ERROR(id, fields) "{\"error\":\"" id "\",\"parameters\":{" fields "}}"

struct rig {
	struct mock mock;
	char folder[32];
	char path[64];
};

/* Includes cmocka.h before: these fail the test. */
void rig_open(struct rig *rig, gid_t group);
void rig_close(struct rig *rig);

/* A test that begins with an open rig, the file's own, for no group, and ends with it closed. */
#define RIG_TEST(name) cmocka_unit_test_prestate_setup_teardown(name, rig_setup, rig_teardown, &rig)
int rig_setup(void **state);
int rig_teardown(void **state);

/* As many turns as the server wants. */
void rig_run(struct rig *rig);

/* A connected socket that does not block. */
int rig_connect(struct rig *rig);

/* Send bytes; text: with the zero behind it. */
void rig_send(int fd, const void *data, size_t len);
void rig_text(int fd, const char *text);
void rig_text_fds(int fd, const char *text, const int *fds, unsigned int nb);

/* The next message; NULL: the server has closed, or says nothing more. To be freed. */
char *rig_receive(struct rig *rig, int fd);

/* Whether the server has closed the connection. */
bool rig_closed(struct rig *rig, int fd);

/* One call on a connection, and its answer, word for word: members are sorted. */
void rig_expect(struct rig *rig, int fd, const char *call, const char *answer);

struct varlink_stats rig_stats(const struct rig *rig);

#endif /* CONTROL_RIG_H */
