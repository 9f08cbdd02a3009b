/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_common.h>

#include "life/handover_msg.h"
#include "life/statefile.h"

#define HANDOVER_MAGIC UINT64_C(0x76647573652d686f) /* "vduse-ho" */

bool
vduse_handover_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* By way of the folder's descriptor: names of folders are long. */
int
vduse_handover_address(struct sockaddr_un *addr, int dir_fd, const char *file)
{
	int n;

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", dir_fd, file);
	return n < (int)sizeof(addr->sun_path) ? 0 : -ENAMETOOLONG;
}

void
vduse_handover_init_msg(struct vduse_handover_msg *msg, enum vduse_handover_type type)
{
	memset(msg, 0, sizeof(*msg));
	msg->magic = HANDOVER_MAGIC;
	msg->protocol = VDUSE_HANDOVER_PROTOCOL;
	msg->type = type;
	msg->store_version = VDUSE_STATEFILE_VERSION;
}

int
vduse_handover_send(
		int fd, const struct vduse_handover_msg *msg, const int *fds, unsigned int nb_fds)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = sizeof(*msg) };
	char room[CMSG_SPACE(VDUSE_HANDOVER_FDS_MAX * sizeof(int))] __rte_aligned(
			sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (nb_fds > 0) {
		hdr.msg_control = room;
		hdr.msg_controllen = CMSG_SPACE(nb_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nb_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nb_fds * sizeof(int));
	}
	return sendmsg(fd, &hdr, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Not what it must be: what came along is closed. There is room for a message's descriptors, no
 * more. */
static int
handover_refuse(struct msghdr *hdr, int err)
{
	struct cmsghdr *cmsg;
	size_t at;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg != NULL; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (at = CMSG_LEN(0); at + sizeof(fd) <= cmsg->cmsg_len; at += sizeof(fd)) {
			memcpy(&fd, (const char *)cmsg + at, sizeof(fd));
			close(fd);
		}
	}
	return err;
}

static unsigned int
handover_nb_fds(uint32_t type)
{
	if (type == VDUSE_HANDOVER_WELCOME)
		return 1;
	return type == VDUSE_HANDOVER_COMMIT ? 2 : 0;
}

/* Whether just the descriptors came along that belong to the message. */
static bool
handover_has_fds(struct msghdr *hdr, unsigned int nb_fds)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr);

	if (nb_fds == 0)
		return cmsg == NULL;
	return cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	       cmsg->cmsg_len == CMSG_LEN(nb_fds * sizeof(int));
}

int
vduse_handover_receive(int fd, struct vduse_handover_msg *msg, int *fds)
{
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	char room[CMSG_SPACE(VDUSE_HANDOVER_FDS_MAX * sizeof(int))] __rte_aligned(
			sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	unsigned int nb_fds;
	ssize_t n;

	memset(msg, 0, sizeof(*msg));
	do
		n = recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	if (n == 0 && CMSG_FIRSTHDR(&hdr) == NULL)
		return 0;
	/* of another protocol the rest may be shorter or longer */
	if (n < (ssize_t)offsetof(struct vduse_handover_msg, device_id) ||
			msg->magic != HANDOVER_MAGIC ||
			msg->reason[sizeof(msg->reason) - 1] != '\0')
		return handover_refuse(&hdr, -EPROTO);
	if (msg->protocol != VDUSE_HANDOVER_PROTOCOL)
		return handover_refuse(&hdr, -EPROTONOSUPPORT);
	nb_fds = handover_nb_fds(msg->type);
	if (n != sizeof(*msg) || (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
			!handover_has_fds(&hdr, nb_fds))
		return handover_refuse(&hdr, -EPROTO);
	if (nb_fds > 0)
		memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&hdr)), nb_fds * sizeof(int));
	return 1;
}
