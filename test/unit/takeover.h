/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "bench.h"

/*
 * The socket where a device changes hands, for tests that play one of the two processes. poll(2)
 * and sendmsg(2) of the library are wrapped: the test has its turn within them.
 */

/* As vduse_handover.c sends it. */
#define TAKEOVER_MAGIC UINT64_C(0x7664757365303031)

/* Descriptors of a message at most. */
#define TAKEOVER_FDS_MAX 3

extern char takeover_dir[64]; /* state folder */
extern struct sockaddr_un takeover_place;

/* What the other side does while the library waits for it, or is about to send. NULL: nothing. */
struct takeover_other {
	void (*turn)(void);
	unsigned int waits, interrupts;
};

extern struct takeover_other takeover_other;

int __real_poll(struct pollfd *fds, nfds_t nfds, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t nfds, int ms);
ssize_t __real_sendmsg(int fd, const struct msghdr *hdr, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *hdr, int flags);

/* A new folder, and nobody at its socket. */
void takeover_folder(void);

/* Connect or listen as a user that is neither root nor this one. */
void takeover_as_nobody(int fd, bool listening);

/* The device "unit", with its state in the folder. */
int takeover_create(struct rte_vduse_net **net, bool takeover);

/* The descriptor is that file, and is closed on exec; closes it. */
void takeover_assert_file(int fd, ino_t ino);

#endif /* TAKEOVER_H */
