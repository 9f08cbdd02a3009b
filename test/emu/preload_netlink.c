/* SPDX-License-Identifier: BSD-3-Clause */
/* A generic netlink socket: requests go to the broker, answers come out of the stand-in socket. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "preload.h"

#define EXPORT __attribute__((visibility("default")))

#define NEXT(var, name)                                            \
	do {                                                       \
		if ((var) == NULL)                                 \
			*(void **)&(var) = dlsym(RTLD_NEXT, name); \
	} while (0)

static struct emu_fd *
genl_find(int fd)
{
	struct emu_fd *dev = fd_find(fd);

	return dev != NULL && dev->kind == EMU_GENL ? dev : NULL;
}

EXPORT int
socket(int domain, int type, int protocol)
{
	int flags = 0;

	if (emu_dir() == NULL || domain != AF_NETLINK || protocol != NETLINK_GENERIC)
		return real.socket(domain, type, protocol);
	if (type & SOCK_CLOEXEC)
		flags |= O_CLOEXEC;
	if (type & SOCK_NONBLOCK)
		flags |= O_NONBLOCK;
	return emu_result(fd_open("genl", flags));
}

EXPORT int
bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	static int (*next)(int, const struct sockaddr *, socklen_t);

	NEXT(next, "bind");
	return genl_find(fd) != NULL ? 0 : next(fd, addr, len);
}

EXPORT int
setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	static int (*next)(int, int, int, const void *, socklen_t);

	NEXT(next, "setsockopt");
	if (genl_find(fd) != NULL && level == SOL_NETLINK)
		return 0;
	return next(fd, level, name, value, len);
}

EXPORT int
getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	static int (*next)(int, struct sockaddr *, socklen_t *);
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = getpid() };

	NEXT(next, "getsockname");
	if (genl_find(fd) == NULL)
		return next(fd, addr, len);
	memcpy(addr, &nl, *len < sizeof(nl) ? *len : sizeof(nl));
	*len = sizeof(nl);
	return 0;
}

static ssize_t
request(struct emu_fd *dev, const struct iovec *iov, size_t count)
{
	struct emu_req req = { .op = EMU_NETLINK, .file = dev->file, .ino = dev->ino };
	struct emu_rsp rsp;

	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > sizeof(req.data) - req.len)
			return emu_result(-EMSGSIZE);
		memcpy(req.data + req.len, iov[i].iov_base, iov[i].iov_len);
		req.len += iov[i].iov_len;
	}
	return emu_result(emu_call(&req, NULL, &rsp, NULL));
}

EXPORT ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static ssize_t (*next)(int, const struct msghdr *, int);
	struct emu_fd *dev = genl_find(fd);

	NEXT(next, "sendmsg");
	return dev != NULL ? request(dev, msg->msg_iov, msg->msg_iovlen) : next(fd, msg, flags);
}

EXPORT ssize_t
sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t size)
{
	static ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct emu_fd *dev = genl_find(fd);

	NEXT(next, "sendto");
	return dev != NULL ? request(dev, &iov, 1) : next(fd, buf, len, flags, addr, size);
}

EXPORT ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	static ssize_t (*next)(int, const void *, size_t, int);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct emu_fd *dev = genl_find(fd);

	NEXT(next, "send");
	return dev != NULL ? request(dev, &iov, 1) : next(fd, buf, len, flags);
}

/* From the kernel: port 0. */
static void
fill_name(void *name, socklen_t *len)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };

	if (name == NULL)
		return;
	memcpy(name, &nl, *len < sizeof(nl) ? *len : sizeof(nl));
	*len = sizeof(nl);
}

EXPORT ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	static ssize_t (*next)(int, struct msghdr *, int);
	void *name = msg->msg_name;
	socklen_t len = msg->msg_namelen;
	ssize_t ret;

	NEXT(next, "recvmsg");
	ret = next(fd, msg, flags);
	if (ret >= 0 && genl_find(fd) != NULL) {
		fill_name(name, &len);
		msg->msg_namelen = len;
	}
	return ret;
}

EXPORT ssize_t
recvfrom(int fd, void *restrict buf, size_t len, int flags, struct sockaddr *restrict addr,
		socklen_t *restrict size)
{
	static ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	socklen_t room = size != NULL ? *size : 0;
	ssize_t ret;

	NEXT(next, "recvfrom");
	ret = next(fd, buf, len, flags, addr, size);
	if (ret >= 0 && addr != NULL && genl_find(fd) != NULL) {
		fill_name(addr, &room);
		*size = room;
	}
	return ret;
}
