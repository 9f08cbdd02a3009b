/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "life/handover_msg.h"
#include "rig.h"

/*
 * The socket where a device changes hands, for tests that play one of the two processes. poll(2)
 * and sendmsg(2) of the library are wrapped: the test has its turn within them.
 */

extern char takeover_dir[64]; /* state folder */
extern struct sockaddr_un takeover_place;

/* What the other side does while the library waits for it, or is about to send. NULL: nothing. */
struct takeover_other {
	void (*turn)(void);
	void (*before_send)(void);
	unsigned int waits, interrupts;
	bool deaf; /* a wait ends at once, as if it had been long */
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
int takeover_create(struct rte_vduse_net **net, bool takeover, bool keep);

/* Say a word of the protocol, with so many descriptors of empty files. */
void takeover_say(int fd, const struct vduse_handover_msg *msg, size_t len, unsigned int nb_fds);

/* A word without more. */
void takeover_say_type(int fd, enum vduse_handover_type type);

/* The next word is this one; its descriptors are the caller's. */
void takeover_hear(int fd, enum vduse_handover_type type, int *fds);

/* The number of the descriptor's file. */
ino_t takeover_file(int fd);

#endif /* TAKEOVER_H */
