/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "life/handover.h"
#include "life/handover_msg.h"
#include "life/serve.h"
#include "log.h"
#include "os/bus.h"

/* Devices of this process that another has now: it comes for the others at once. */
static unsigned int handover_gone;

static void
handover_set_step(struct vduse_handover *h, enum vduse_handover_step step)
{
	__atomic_store_n(&h->step, step, __ATOMIC_RELEASE);
}

static enum vduse_handover_step
handover_step(const struct vduse_handover *h)
{
	return __atomic_load_n(&h->step, __ATOMIC_ACQUIRE);
}

static void
handover_drop_peer(struct vduse_handover *h)
{
	vduse_ctl_del(h->peer_id);
	h->peer_id = 0;
	if (h->peer_fd >= 0)
		close(h->peer_fd);
	h->peer_fd = -1;
	handover_set_step(h, VDUSE_HANDOVER_NOBODY);
}

/* The other went away, or makes no sense: the device is served as before. */
static void
handover_stay(struct rte_vduse_dev *dev, const char *why)
{
	struct vduse_handover *h = &dev->handover;
	const bool sent = h->step == VDUSE_HANDOVER_SENT;

	handover_drop_peer(h);
	if (sent)
		vduse_serve_again(dev);
	/* last: who reads it finds it so */
	VDUSE_LOG(NOTICE, "%s: the process that wanted to take it over %s: this one goes on%s",
			dev->name, why, sent ? " where it stopped" : "");
}

/* Why the device cannot be given away now; NULL: it can. */
static const char *
handover_unfit(const struct rte_vduse_dev *dev, const struct vduse_handover_msg *hello)
{
	if (hello->store_version != VDUSE_STATEFILE_VERSION)
		return "its state file has another version: stop it and start the new one";
	if (hello->device_id != dev->store->head->desc.device_id)
		return "it is a device of another type";
	if (!vduse_serve_is_watched(dev))
		return "it is not served at this moment: try again";
	return NULL;
}

static int
handover_say_refused(int fd, const char *why)
{
	struct vduse_handover_msg msg;

	vduse_handover_init_msg(&msg, VDUSE_HANDOVER_REFUSED);
	snprintf(msg.reason, sizeof(msg.reason), "%s", why);
	return vduse_handover_send(fd, &msg, NULL, 0);
}

static void
handover_on_hello(struct rte_vduse_dev *dev, const struct vduse_handover_msg *hello)
{
	struct vduse_handover *h = &dev->handover;
	const char *why = handover_unfit(dev, hello);
	struct vduse_handover_msg msg;

	if (why != NULL) {
		VDUSE_LOG(NOTICE, "%s: another process may not take it over: %s", dev->name, why);
		handover_say_refused(h->peer_fd, why);
		handover_drop_peer(h);
		return;
	}
	vduse_handover_init_msg(&msg, VDUSE_HANDOVER_WELCOME);
	if (vduse_handover_send(h->peer_fd, &msg, &dev->store->fd, 1) < 0) {
		handover_stay(dev, "is gone");
		return;
	}
	handover_set_step(h, VDUSE_HANDOVER_WAITS);
	VDUSE_LOG(NOTICE, "%s: another process prepares to take it over", dev->name);
}

static uint64_t
handover_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

/* The one moment at which nobody serves the device. */
static void
handover_on_ready(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;
	const int fds[] = { dev->fd, h->listen_fd };
	struct vduse_handover_msg msg;

	if (!vduse_serve_is_watched(dev)) {
		handover_say_refused(h->peer_fd, "it is not served at this moment: try again");
		handover_stay(dev, "came at a bad moment");
		return;
	}
	vduse_handover_init_msg(&msg, VDUSE_HANDOVER_COMMIT);
	msg.stopped_ns = handover_now();
	/* nobody changes the configuration from here on */
	vduse_recreation_mutex_lock(&dev->recreation.lock);
	handover_set_step(h, VDUSE_HANDOVER_SENT);
	vduse_phase_set(dev, VDUSE_PHASE_OFFERED);
	vduse_recreation_mutex_unlock(&dev->recreation.lock);
	vduse_serve_rest(dev);
	if (vduse_handover_send(h->peer_fd, &msg, fds, RTE_DIM(fds)) < 0)
		handover_stay(dev, "is gone");
}

static void
handover_on_done(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;

	VDUSE_LOG(NOTICE, "%s: another process has taken it over", dev->name);
	vduse_ctl_del(h->listen_id);
	h->listen_id = 0;
	close(h->listen_fd);
	h->listen_fd = -1;
	vduse_phase_set(dev, VDUSE_PHASE_LEFT);
	__atomic_fetch_add(&handover_gone, 1, __ATOMIC_RELAXED);
	handover_drop_peer(h);
	if (dev->ops.successor != NULL)
		dev->ops.successor(dev->priv);
}

/* The other says the next word, or went away. */
static void
handover_on_peer(void *arg, __rte_unused uint32_t events)
{
	static const uint32_t awaited[] = {
		[VDUSE_HANDOVER_ASKED] = VDUSE_HANDOVER_HELLO,
		[VDUSE_HANDOVER_WAITS] = VDUSE_HANDOVER_READY,
		[VDUSE_HANDOVER_SENT] = VDUSE_HANDOVER_DONE,
	};
	struct rte_vduse_dev *dev = arg;
	struct vduse_handover *h = &dev->handover;
	int fds[VDUSE_HANDOVER_FDS_MAX] = { -1, -1 };
	struct vduse_handover_msg msg;
	unsigned int i;
	int ret;

	ret = vduse_handover_receive(h->peer_fd, &msg, fds);
	if (ret == -EAGAIN)
		return;
	/* what it may send has no descriptors */
	for (i = 0; i < RTE_DIM(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (ret == -EPROTONOSUPPORT)
		handover_say_refused(h->peer_fd,
				"its protocol of take-over has another version: stop it and "
				"start the new one");
	if (ret <= 0 || msg.type != awaited[h->step]) {
		handover_stay(dev, ret == 0 ? "is gone" : "does not speak as this one");
		return;
	}
	if (h->step == VDUSE_HANDOVER_ASKED)
		handover_on_hello(dev, &msg);
	else if (h->step == VDUSE_HANDOVER_WAITS)
		handover_on_ready(dev);
	else
		handover_on_done(dev);
}

static void
handover_on_connect(void *arg, __rte_unused uint32_t events)
{
	struct rte_vduse_dev *dev = arg;
	struct vduse_handover *h = &dev->handover;
	int fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!vduse_handover_is_trusted(fd)) {
		close(fd);
		return;
	}
	if (h->peer_fd >= 0) {
		handover_say_refused(fd, "another process takes it over already");
		close(fd);
		return;
	}
	if (vduse_ctl_add(fd, EPOLLIN | EPOLLRDHUP, handover_on_peer, dev, &h->peer_id) < 0) {
		close(fd);
		return;
	}
	h->peer_fd = fd;
	handover_set_step(h, VDUSE_HANDOVER_ASKED);
}

/* Returns a descriptor or -errno. */
static int
handover_bind(const struct vduse_statefile *store)
{
	struct sockaddr_un addr;
	int fd, ret;

	ret = vduse_handover_address(&addr, store->dir_fd, store->socket);
	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* the lock is ours: what is there is a dead process's */
	unlinkat(store->dir_fd, store->socket, 0);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
			fchmodat(store->dir_fd, store->socket, 0600, 0) == 0 && listen(fd, 1) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int
vduse_handover_listen(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;
	int ret;

	if (dev->store == NULL || h->never)
		return 0;
	if (h->listen_fd < 0) {
		ret = handover_bind(dev->store);
		if (ret < 0)
			return ret;
		h->listen_fd = ret;
	}
	ret = vduse_ctl_add(h->listen_fd, EPOLLIN, handover_on_connect, dev, &h->listen_id);
	if (ret < 0) {
		close(h->listen_fd);
		h->listen_fd = -1;
	}
	return ret;
}

/* Whether somebody is to be waited for: the next word is his, and comes at once. */
static bool
handover_is_awaited(const struct rte_vduse_dev *dev)
{
	const enum vduse_handover_step step = handover_step(&dev->handover);

	return step == VDUSE_HANDOVER_SENT ||
	       (step == VDUSE_HANDOVER_WAITS &&
			       __atomic_load_n(&handover_gone, __ATOMIC_RELAXED) > 0);
}

void
vduse_handover_wait(const struct rte_vduse_dev *dev)
{
	uint32_t waited = 0;

	while (handover_is_awaited(dev) && vduse_bus_wait(&waited))
		;
}

void
vduse_handover_close(struct rte_vduse_dev *dev)
{
	struct vduse_handover *h = &dev->handover;

	vduse_handover_wait(dev);
	vduse_ctl_del(h->listen_id); /* adds the peer */
	vduse_ctl_del(h->peer_id);
	h->listen_id = 0;
	/* with the device in its hands, whether it said so or not: no other may touch it */
	if (vduse_dev_is_out(dev))
		vduse_phase_set(dev, VDUSE_PHASE_LEFT);
	if (h->listen_fd >= 0) {
		/* what was sent away is the other's */
		if (!vduse_dev_is_out(dev))
			unlinkat(dev->store->dir_fd, dev->store->socket, 0);
		close(h->listen_fd);
		h->listen_fd = -1;
	}
	handover_drop_peer(h);
}
