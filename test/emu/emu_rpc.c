/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "emu_rpc.h"
#include "emu_wire.h"

/* Past close(), which the library stands in for. */
static void
raw_close(int fd)
{
	syscall(SYS_close, fd);
}

void
emu_fds_close(struct emu_fds *fds)
{
	for (unsigned int i = 0; i < fds->count; i++)
		raw_close(fds->fd[i]);
	fds->count = 0;
}

int
emu_send(int sock, const void *buf, size_t len, const struct emu_fds *fds)
{
	char ctl[CMSG_SPACE(sizeof(int) * EMU_FDS_MAX)] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (fds != NULL && fds->count > 0) {
		msg.msg_control = ctl;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds->count);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fds->count);
		memcpy(CMSG_DATA(cmsg), fds->fd, sizeof(int) * fds->count);
	}
	do {
		n = syscall(SYS_sendmsg, sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void
take_fds(struct msghdr *msg, struct emu_fds *fds)
{
	struct cmsghdr *cmsg;
	unsigned int count;

	fds->count = 0;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (count > EMU_FDS_MAX)
			count = EMU_FDS_MAX;
		memcpy(fds->fd, CMSG_DATA(cmsg), count * sizeof(int));
		fds->count = count;
	}
}

int
emu_recv(int sock, void *buf, size_t len, struct emu_fds *fds)
{
	char ctl[CMSG_SPACE(sizeof(int) * EMU_FDS_MAX)];
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)
	};
	struct emu_fds none;
	ssize_t n;

	do {
		n = syscall(SYS_recvmsg, sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&msg, fds != NULL ? fds : &none);
	if (fds == NULL)
		emu_fds_close(&none);
	return (int)n;
}

int
emu_connect(const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock;

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" EMU_SOCK, dir) >=
			(int)sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	sock = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int err = -errno;

		raw_close(sock);
		return err;
	}
	return sock;
}
