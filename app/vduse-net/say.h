/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lines for the user. Where standard error is systemd's journal, they are sent to it with fields
 * beside the text, by which journalctl finds them: PRIORITY, VDUSE_DEVICE and others.
 */

#ifndef SAY_H
#define SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define APP_NAME "dpdk-vduse-net"

/* Whom a line is about; each may be NULL: nobody, or not known. */
struct say_of {
	const char *device; /* of a container */
	const char *network;
	const char *uplink;
	const char *event; /* a word of Monitor's */
};

/* Look whether standard error is the journal (JOURNAL_STREAM, systemd.exec(5)). Before threads. */
void say_open(void);
/* Whether it is. */
bool say_has_fields(void);

/* A line, its end included, for SAY() and the others; any thread. of: or NULL. */
__attribute__((format(printf, 2, 3))) void say_line(const struct say_of *of, const char *fmt, ...);

/* Lines of EAL, the library and drivers, whole, as rte_log() writes them; any thread. */
void say_log(const char *lines, size_t len);
/* For rte_openlog_stream(), by which say_log() gets them. NULL where it is not the journal. */
FILE *say_stream(void);

/* One line for the user on stderr; any thread. */
#define SAY(fmt, ...) say_line(NULL, APP_NAME ": " fmt "\n", ##__VA_ARGS__)
/* One that is about OF. */
#define SAY_OF(of, fmt, ...) say_line(of, APP_NAME ": " fmt "\n", ##__VA_ARGS__)
/* One that is about a container; WORD is that of an event, or NULL. */
#define SAY_DEVICE(name, word, fmt, ...) \
	SAY_OF((&(const struct say_of){ .device = (name), .event = (word) }), fmt, ##__VA_ARGS__)

#endif /* SAY_H */
