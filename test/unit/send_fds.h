/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SEND_FDS_H
#define SEND_FDS_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_FDS_MAX 16

/* A piece of a stream, and descriptors that go along, SEND_FDS_MAX at most. Return: as sendmsg(2).
 */
static inline ssize_t
send_fds(int sock, const void *data, size_t len, const int *fds, unsigned int nb)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	union {
		char room[CMSG_SPACE(sizeof(int) * SEND_FDS_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (nb > 0) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * nb);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nb);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nb);
	}
	return sendmsg(sock, &hdr, MSG_NOSIGNAL);
}

#endif /* SEND_FDS_H */
