/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Messages over a stream socket: JSON objects, each ended by a zero byte, and file descriptors
 * beside them (SCM_RIGHTS). What Varlink is made of (varlink.org, "Method Call"), for both ends.
 * Not one call blocks. One thread a connection.
 *
 * Descriptors belong to the message that the last byte received with them is part of: who sends
 * a message with descriptors gives sendmsg(2) that message alone.
 */

#ifndef VARLINK_CONN_H
#define VARLINK_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define VARLINK_FDS_MAX   8   /* of one message */
#define VARLINK_DEPTH_MAX 16u /* objects and lists inside of each other */
/* What a client takes for a reply, as systemd does. */
#define VARLINK_REPLY_MAX (16u << 20)

/* A descriptor and the bytes, as positions in a buffer, that it travels with. */
struct varlink_fd {
	size_t begin;
	size_t end; /* received: one behind the last byte; to be sent: behind the message */
	int fd;
};

struct varlink_buf {
	char *data;
	size_t len;
	size_t size;
	struct varlink_fd fds[2 * VARLINK_FDS_MAX];
	unsigned int nb_fds;
};

struct varlink_conn {
	int fd;
	size_t max;     /* bytes of a message that is received, with its zero */
	size_t scanned; /* bytes of in that have no zero */
	struct varlink_buf in;
	struct varlink_buf out;
};

/* One that was received: the taker frees it with varlink_message_clear(). */
struct varlink_message {
	json_t *json; /* an object */
	int fds[VARLINK_FDS_MAX];
	unsigned int nb_fds;
	char error[160]; /* what is wrong with it, where varlink_conn_next() fails */
};

/**
 * @param fd  a connected SOCK_STREAM socket; belongs to the connection from now on
 * @param max bytes of the longest message that is taken
 */
void varlink_conn_init(struct varlink_conn *conn, int fd, size_t max);

/** Close it, with every descriptor that was received or not sent. */
void varlink_conn_close(struct varlink_conn *conn);

/**
 * Receive once.
 *
 * @return bytes; 0: the other side sends no more; -EAGAIN: nothing is there; -EPROTO: more than
 *   VARLINK_FDS_MAX descriptors; -ENOMEM; another -errno of recvmsg(2)
 */
int varlink_conn_read(struct varlink_conn *conn);

/**
 * The next whole message of what was received.
 *
 * @return 1: *msg is one; 0: it is not whole yet; -EMSGSIZE: it is longer than what is taken;
 *   -EBADMSG: it is no JSON object, or nested too deep. A connection is of no use behind an error.
 */
int varlink_conn_next(struct varlink_conn *conn, struct varlink_message *msg);

/** Whether the beginning of a message is there. */
bool varlink_conn_partial(const struct varlink_conn *conn);

/** Take a descriptor out of a message. @return it, the caller's now; -1: there is none */
int varlink_message_take(struct varlink_message *msg, unsigned int index);

void varlink_message_clear(struct varlink_message *msg);

/**
 * Append a message to what is to be sent; varlink_conn_flush() sends.
 *
 * @param fds go with it, as duplicates: they stay the caller's
 * @return 0, -ENOMEM, -EMSGSIZE: too many descriptors; -errno of fcntl(2). On an error nothing was
 *   appended.
 */
int varlink_conn_send(
		struct varlink_conn *conn, const json_t *json, const int *fds, unsigned int nb_fds);

/** @return 0: all is sent; -EAGAIN: the socket is full; -errno of sendmsg(2) */
int varlink_conn_flush(struct varlink_conn *conn);

/** Bytes that are still to be sent. */
size_t varlink_conn_pending(const struct varlink_conn *conn);

#endif /* VARLINK_CONN_H */
