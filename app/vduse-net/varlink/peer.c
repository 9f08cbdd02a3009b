/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* linux/asm-generic/socket.h */
#endif

int
varlink_peer_get(int fd, struct varlink_peer *peer)
{
	socklen_t len = sizeof(peer->groups);
	struct ucred cred;
	socklen_t cred_len = sizeof(cred);

	memset(peer, 0, sizeof(*peer));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) != 0)
		return -errno;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->pid = cred.pid;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &len) == 0)
		peer->nb_groups = len / sizeof(gid_t);
	return 0;
}

bool
varlink_peer_allowed(const struct varlink_peer *peer, gid_t group)
{
	unsigned int i;

	if (peer->uid == 0 || peer->uid == geteuid())
		return true;
	if (group == VARLINK_NO_GROUP)
		return false;
	if (peer->gid == group)
		return true;
	for (i = 0; i < peer->nb_groups; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}
