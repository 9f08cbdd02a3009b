/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vduse_dev.h"
#include "vduse_log.h"
#include "vduse_run.h"

/* How long the one before may take to stop its application in order. */
#define HANDOVER_WAIT_MS 20000

#define HANDOVER_MAGIC 0x7664757365303031 /* of this form of the message */

struct handover_msg {
	uint64_t magic;
	uint64_t stopped_ns;
};

/* Devices of this process that somebody asked for: the others are left to it as well. */
static unsigned int handover_asked;

static bool
handover_peer_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* The socket's name in the folder, by way of the folder's descriptor: names of folders are long. */
static int
handover_address(struct sockaddr_un *addr, int dir_fd, const char *file)
{
	int n;

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", dir_fd, file);
	return n < (int)sizeof(addr->sun_path) ? 0 : -ENAMETOOLONG;
}

/* Whoever asked went away. */
static void
handover_on_peer(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	struct vduse_handover *h = &dev->handover;

	vduse_ctl_del(h->peer_id);
	h->peer_id = 0;
	close(h->peer_fd);
	h->peer_fd = -1;
	__atomic_fetch_sub(&handover_asked, 1, __ATOMIC_RELAXED);
	VDUSE_LOG(NOTICE, "%s: the process that wanted to take it over is gone", dev->name);
}

static void
handover_on_connect(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	struct vduse_handover *h = &dev->handover;
	int fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!handover_peer_is_trusted(fd) || h->peer_fd >= 0 || dev->ops.successor == NULL ||
			vduse_ctl_add(fd, EPOLLIN | EPOLLRDHUP, handover_on_peer, dev,
					&h->peer_id) < 0) {
		close(fd);
		return;
	}
	h->peer_fd = fd;
	__atomic_fetch_add(&handover_asked, 1, __ATOMIC_RELAXED);
	VDUSE_LOG(NOTICE, "%s: another process wants to take it over", dev->name);
	dev->ops.successor(dev->priv);
}

void
vduse_handover_init(struct rte_vduse_dev *dev)
{
	dev->handover.listen_fd = -1;
	dev->handover.peer_fd = -1;
}

int
vduse_handover_listen(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;
	struct sockaddr_un addr;
	int ret;

	if (dev->store == NULL)
		return 0;
	ret = handover_address(&addr, dev->store->dir_fd, dev->store->socket);
	if (ret < 0)
		return ret;
	h->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->listen_fd < 0)
		return -errno;
	/* the lock is ours: what is there is a dead process's */
	unlinkat(dev->store->dir_fd, dev->store->socket, 0);
	if (bind(h->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
			fchmodat(dev->store->dir_fd, dev->store->socket, 0600, 0) < 0 ||
			listen(h->listen_fd, 1) < 0)
		ret = -errno;
	else
		ret = vduse_ctl_add(h->listen_fd, EPOLLIN, handover_on_connect, dev, &h->listen_id);
	if (ret < 0) {
		close(h->listen_fd);
		h->listen_fd = -1;
	}
	return ret;
}

static void
handover_unlisten(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;

	if (h->listen_fd < 0)
		return;
	vduse_ctl_del(h->listen_id);
	unlinkat(dev->store->dir_fd, dev->store->socket, 0);
	close(h->listen_fd);
	h->listen_fd = -1;
}

void
vduse_handover_close(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;

	handover_unlisten(dev);
	vduse_ctl_del(h->peer_id);
	if (h->peer_fd < 0)
		return;
	close(h->peer_fd);
	h->peer_fd = -1;
	__atomic_fetch_sub(&handover_asked, 1, __ATOMIC_RELAXED);
}

static uint64_t
handover_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

static int
handover_send(const struct rte_vduse_dev *dev)
{
	const int fds[2] = { dev->fd, dev->store->fd };
	struct handover_msg msg = { .magic = HANDOVER_MAGIC, .stopped_ns = handover_now() };
	struct iovec iov = { .iov_base = &msg, .iov_len = sizeof(msg) };
	char room[CMSG_SPACE(sizeof(fds))] __rte_aligned(sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	return sendmsg(dev->handover.peer_fd, &hdr, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int
rte_vduse_dev_hand_over(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;
	bool gone;

	if (h->left)
		return 0;
	if (dev->store == NULL || __atomic_load_n(&handover_asked, __ATOMIC_RELAXED) == 0)
		return -ENOENT;
	pthread_mutex_lock(&dev->renewal.lock);
	gone = dev->renewal.gone;
	pthread_mutex_unlock(&dev->renewal.lock);
	if (gone)
		return -ENOENT;
	handover_unlisten(dev);
	vduse_renew_stop(dev);
	vduse_run_end(dev);
	h->left = true;
	vduse_ctl_del(h->peer_id);
	h->peer_id = 0;
	/* one that asked for another device finds this one as a killed process leaves it */
	if (h->peer_fd >= 0 && (dev->renewal.gone || handover_send(dev) < 0))
		VDUSE_LOG(WARNING, "%s: the process that wanted it is gone; it stays for the next",
				dev->name);
	return 0;
}

static int
handover_connect(const char *dir, const char *file)
{
	struct sockaddr_un addr;
	int dir_fd, fd, ret;

	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	/* whoever does not accept must not hold us up either */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret = fd < 0 ? -errno : handover_address(&addr, dir_fd, file);
	if (ret == 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = -errno;
	close(dir_fd);
	if (ret == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Not what it must be: what came along is closed. There is room for a message's descriptors, no
 * more. */
static int
handover_refuse(struct msghdr *hdr)
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
	return -EPROTO;
}

/* Whether there is something to read, or the other went away. */
static bool
handover_wait(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = poll(&wait, 1, HANDOVER_WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n != 0;
}

/* Returns 1; 0: the other went away; -errno. */
static int
handover_receive(int fd, struct vduse_handover_gift *gift)
{
	struct handover_msg msg = { 0 };
	struct iovec iov = { .iov_base = &msg, .iov_len = sizeof(msg) };
	int fds[2];
	char room[CMSG_SPACE(sizeof(fds))] __rte_aligned(sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	const struct cmsghdr *cmsg;
	ssize_t n;

	if (!handover_wait(fd))
		return -ETIMEDOUT;
	n = recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return 0;
	cmsg = CMSG_FIRSTHDR(&hdr);
	if (n == 0 && cmsg == NULL)
		return 0;
	if (n != sizeof(msg) || (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
			msg.magic != HANDOVER_MAGIC || cmsg == NULL ||
			cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
			cmsg->cmsg_len != CMSG_LEN(sizeof(fds)))
		return handover_refuse(&hdr);
	memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
	gift->device_fd = fds[0];
	gift->store_fd = fds[1];
	gift->stopped_ns = msg.stopped_ns;
	return 1;
}

int
vduse_handover_take(const char *dir, const char *name, struct vduse_handover_gift *gift)
{
	char file[NAME_MAX + 1];
	int fd, ret;

	vduse_store_file_name(file, sizeof(file), name, "sock");
	fd = handover_connect(dir, file);
	if (fd == -EAGAIN) {
		VDUSE_LOG(ERR, "%s: others ask the process that serves it for it already", name);
		return -EBUSY;
	}
	if (fd < 0) {
		VDUSE_LOG(NOTICE, "%s: no process serves it from %s: nothing to take over", name,
				dir);
		return 0;
	}
	ret = handover_peer_is_trusted(fd) ? handover_receive(fd, gift) : -EPERM;
	close(fd);
	if (ret == -EPERM)
		VDUSE_LOG(ERR, "%s: the process that serves it is another user's", name);
	else if (ret < 0)
		VDUSE_LOG(ERR, "%s: the process that serves it does not let it go: %s; stop it",
				name, strerror(-ret));
	return ret;
}
