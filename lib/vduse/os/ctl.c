/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "compat.h"
#include "lock.h"
#include "log.h"
#include "os/ctl.h"
#include "rte_vduse.h"

struct ctl_entry {
	TAILQ_ENTRY(ctl_entry) next;
	vduse_ctl_id_t id;
	int fd;
	vduse_ctl_handler_t handler;
	void *arg;
};

/* What the thread knows of itself; another may be started while it ends. */
struct ctl_loop {
	int epfd;
	int wakefd; /* eventfd: a sign of life is wanted, or with CTL_END in it the end */
};

/* More than all the signs of life that are not answered yet. */
#define CTL_END (1ULL << 32)

/* Everything but the handlers' run. */
MUTEX_KIND(ctl_mutex);

static struct {
	struct ctl_mutex lock;
	TAILQ_HEAD(ctl_entries, ctl_entry) entries GUARDED_BY(ctl_mutex);
	vduse_ctl_id_t last_id GUARDED_BY(ctl_mutex);
	vduse_thread_t thread GUARDED_BY(ctl_mutex);
	bool started GUARDED_BY(ctl_mutex);
	struct ctl_loop *loop GUARDED_BY(ctl_mutex); /* while started */
	bool asked GUARDED_BY(ctl_mutex);            /* for a sign of life, and not answered */
	void *running GUARDED_BY(ctl_mutex);         /* argument of the handler that runs */
	pthread_cond_t done;                         /* running became NULL */
} ctl = {
	.lock = MUTEX_INITIALIZER,
	.entries = TAILQ_HEAD_INITIALIZER(ctl.entries),
	.done = PTHREAD_COND_INITIALIZER,
};

REQUIRES(ctl_mutex)
static struct ctl_entry *
ctl_find(vduse_ctl_id_t id)
{
	struct ctl_entry *entry;

	TAILQ_FOREACH (entry, &ctl.entries, next)
		if (entry->id == id)
			return entry;
	return NULL;
}

/* An event may be older than the removal of its entry: ids are never used twice. */
static void
ctl_dispatch(vduse_ctl_id_t id, uint32_t events)
{
	vduse_ctl_handler_t handler;
	struct ctl_entry *entry;
	void *arg;

	ctl_mutex_lock(&ctl.lock);
	entry = ctl_find(id);
	if (entry != NULL) {
		handler = entry->handler;
		arg = entry->arg;
		ctl.running = arg;
		ctl_mutex_unlock(&ctl.lock);
		handler(arg, events);
		ctl_mutex_lock(&ctl.lock);
		ctl.running = NULL;
		pthread_cond_broadcast(&ctl.done);
	}
	ctl_mutex_unlock(&ctl.lock);
}

/* Return: whether to go on. */
static bool
ctl_wake(const struct ctl_loop *loop)
{
	eventfd_t value = 0;

	eventfd_read(loop->wakefd, &value);
	if (value >= CTL_END)
		return false;
	ctl_mutex_lock(&ctl.lock);
	if (loop == ctl.loop)
		ctl.asked = false;
	ctl_mutex_unlock(&ctl.lock);
	return true;
}

static VDUSE_THREAD_RET
ctl_main(void *arg)
{
	const struct ctl_loop *loop = arg;
	struct epoll_event event;
	int n;

	for (;;) {
		n = epoll_wait(loop->epfd, &event, 1, -1);
		if (n < 0 && errno != EINTR) {
			VDUSE_LOG(ERR, "control thread: epoll_wait: %s", strerror(errno));
			break;
		}
		if (n <= 0)
			continue;
		if (event.data.u64 == 0 && !ctl_wake(loop))
			break;
		ctl_dispatch(event.data.u64, event.events);
	}
	return VDUSE_THREAD_DONE;
}

static int
ctl_watch(int epfd, int fd, uint32_t events, vduse_ctl_id_t id)
{
	struct epoll_event event = { .events = events, .data.u64 = id };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Mirror: ctl_stop(). */
REQUIRES(ctl_mutex)
static int
ctl_start(void)
{
	struct ctl_loop *loop;
	int ret;

	loop = malloc(sizeof(*loop));
	if (loop == NULL)
		return -ENOMEM;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0) {
		ret = -errno;
		goto free_loop;
	}
	loop->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wakefd < 0) {
		ret = -errno;
		goto close_epfd;
	}
	ret = ctl_watch(loop->epfd, loop->wakefd, EPOLLIN, 0);
	if (ret < 0)
		goto close_wakefd;
	ret = vduse_thread_create(&ctl.thread, "vduse-ctl", ctl_main, loop);
	if (ret != 0) {
		ret = ret < 0 ? ret : -ret;
		goto close_wakefd;
	}
	ctl.loop = loop;
	ctl.asked = false;
	ctl.started = true;
	return 0;

close_wakefd:
	close(loop->wakefd);
close_epfd:
	close(loop->epfd);
free_loop:
	free(loop);
	return ret;
}

/* It is without the lock for a while. Not on the thread itself. */
REQUIRES(ctl_mutex)
static void
ctl_stop(void)
{
	const vduse_thread_t thread = ctl.thread;
	struct ctl_loop *loop = ctl.loop;

	ctl.started = false;
	ctl.loop = NULL;
	if (eventfd_write(loop->wakefd, CTL_END) < 0)
		VDUSE_LOG(ERR, "control thread: cannot be told to end: %s", strerror(errno));
	ctl_mutex_unlock(&ctl.lock);
	vduse_thread_join(thread);
	close(loop->wakefd);
	close(loop->epfd);
	free(loop);
	ctl_mutex_lock(&ctl.lock);
}

int
vduse_ctl_add(int fd, uint32_t events, vduse_ctl_handler_t handler, void *arg, vduse_ctl_id_t *id)
{
	struct ctl_entry *entry;
	int ret;

	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return -ENOMEM;
	entry->fd = fd;
	entry->handler = handler;
	entry->arg = arg;

	ctl_mutex_lock(&ctl.lock);
	ret = ctl.started ? 0 : ctl_start();
	if (ret < 0)
		goto free_entry;
	entry->id = ++ctl.last_id;
	TAILQ_INSERT_TAIL(&ctl.entries, entry, next);
	*id = entry->id;
	ret = ctl_watch(ctl.loop->epfd, fd, events, entry->id);
	if (ret < 0)
		goto remove_entry;
	ctl_mutex_unlock(&ctl.lock);
	return 0;

remove_entry:
	TAILQ_REMOVE(&ctl.entries, entry, next);
	*id = 0;
	if (TAILQ_EMPTY(&ctl.entries) && !vduse_thread_is_self(ctl.thread))
		ctl_stop();
free_entry:
	ctl_mutex_unlock(&ctl.lock);
	free(entry);
	return ret;
}

void
vduse_ctl_del(vduse_ctl_id_t id)
{
	struct ctl_entry *entry;
	void *arg;
	bool self;

	if (id == 0)
		return;
	ctl_mutex_lock(&ctl.lock);
	entry = ctl_find(id);
	if (entry == NULL)
		goto unlock;
	self = vduse_thread_is_self(ctl.thread);
	epoll_ctl(ctl.loop->epfd, EPOLL_CTL_DEL, entry->fd, NULL);
	TAILQ_REMOVE(&ctl.entries, entry, next);
	arg = entry->arg;
	free(entry);
	while (!self && ctl.running == arg)
		ctl_mutex_wait(&ctl.lock, &ctl.done);
	if (!self && ctl.started && TAILQ_EMPTY(&ctl.entries))
		ctl_stop();
unlock:
	ctl_mutex_unlock(&ctl.lock);
}

bool
rte_vduse_control_alive(void)
{
	bool alive;

	ctl_mutex_lock(&ctl.lock);
	alive = !ctl.started || !ctl.asked;
	if (ctl.started && !ctl.asked)
		ctl.asked = eventfd_write(ctl.loop->wakefd, 1) == 0;
	ctl_mutex_unlock(&ctl.lock);
	return alive;
}
