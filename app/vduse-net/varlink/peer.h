/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is at the other end of a socket, and whether it may give orders. */

#ifndef VARLINK_PEER_H
#define VARLINK_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#define VARLINK_GROUPS_MAX 256 /* of a process, that are looked at */
#define VARLINK_NO_GROUP   ((gid_t)-1)

struct varlink_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t groups[VARLINK_GROUPS_MAX]; /* supplementary */
	unsigned int nb_groups;
};

/**
 * As the kernel noted it at connect(2): SO_PEERCRED, SO_PEERGROUPS. Where the kernel does not tell
 * the supplementary groups, or has too many, there are none.
 *
 * @return 0, or -errno of getsockopt(2)
 */
int varlink_peer_get(int fd, struct varlink_peer *peer);

/** Whether it is root, this process's own user, or in the group (VARLINK_NO_GROUP: none is). */
bool varlink_peer_allowed(const struct varlink_peer *peer, gid_t group);

#endif /* VARLINK_PEER_H */
