/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_atomic.h>
#include <rte_cycles.h>

#include "clock.h"
#include "compat.h"
#include "len.h"
#include "lock.h"
#include "log.h"
#include "ring/notify.h"

/* A call that is held back is the polling lcore's; the thread comes so much later. */
#define CALL_LATE_MS 1

#define CALL_NEVER UINT64_MAX

/* Milliseconds of one sleep at most; behind it there is another. */
#define CALL_WAIT_MAX_MS 60000

/* The thread; lcores see it by vq->caller, as long as it looks after their queue. */
struct vduse_caller {
	vduse_thread_t thread;
	int fd;      /* eventfd */
	bool stop;   /* atomic */
	bool asleep; /* atomic; who posts a call wakes it */
	/* atomic; TSC when it looks again by itself at what is held back, CALL_NEVER: it does not
	 */
	uint64_t looks_at;
};

/* Of the queues in the list too, while the thread is at them. */
MUTEX_KIND(call_mutex);

static struct {
	struct call_mutex lock;
	TAILQ_HEAD(call_queues, vduse_vq) queues GUARDED_BY(call_mutex);
	struct vduse_caller *caller GUARDED_BY(call_mutex); /* NULL: the list is empty */
} call = {
	.lock = MUTEX_INITIALIZER,
	.queues = TAILQ_HEAD_INITIALIZER(call.queues),
};

static void
call_wake(const struct vduse_caller *caller)
{
	eventfd_write(caller->fd, 1);
}

static int
call_inject(struct vduse_vq *vq)
{
	uint32_t index = vq->ring.index;
	int fd, ret;

	/* vduse_notify_wait() sees this one, or this one sees that the device is gone */
	__atomic_fetch_add(&vq->notify.calling, 1, __ATOMIC_SEQ_CST);
	fd = __atomic_load_n(&vq->env->fd, __ATOMIC_SEQ_CST);
	ret = fd < 0 ? -ENODEV : vq->env->sys->ioctl(fd, VDUSE_IOC_VQ_IRQ, &index);
	__atomic_fetch_sub(&vq->notify.calling, 1, __ATOMIC_RELEASE);
	/* an lcore that polls and the thread may meet here */
	__atomic_fetch_add(
			ret < 0 ? &vq->stats.calls_failed : &vq->stats.calls, 1, __ATOMIC_RELAXED);
	return ret;
}

static void
call_post(struct vduse_vq *vq)
{
	struct vduse_caller *caller = vq->notify.caller;

	__atomic_store_n(&vq->notify.posted, true, __ATOMIC_RELEASE);
	/* the thread sees the post, or we see it asleep */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&caller->asleep, __ATOMIC_RELAXED) &&
			__atomic_exchange_n(&caller->asleep, false, __ATOMIC_RELAXED))
		call_wake(caller);
}

void
vduse_notify(struct vduse_vq *vq)
{
	if (vq->notify.by_thread) {
		vduse_vq_set_call_pending(vq, false);
		call_post(vq);
	} else {
		vduse_vq_set_call_pending(vq, call_inject(vq) < 0);
	}
}

void
vduse_notify_due(struct vduse_vq *vq)
{
	uint64_t deadline = __atomic_load_n(&vq->poll.coal_deadline, __ATOMIC_RELAXED);

	if (deadline == 0 || vduse_clock() < deadline)
		return;
	/* one of those who look takes it */
	if (__atomic_compare_exchange_n(&vq->poll.coal_deadline, &deadline, 0, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		vduse_notify(vq);
}

void
vduse_notify_held_now(struct vduse_vq *vq)
{
	if (__atomic_exchange_n(&vq->poll.coal_deadline, 0, __ATOMIC_RELAXED) != 0)
		vduse_notify(vq);
}

/* The control thread may change them meanwhile: each value is the old one or the new one. */
static uint32_t
coal_frames(const struct vduse_vq *vq)
{
	return __atomic_load_n(&vq->notify.frames, __ATOMIC_RELAXED);
}

static uint64_t
coal_cycles(const struct vduse_vq *vq)
{
	return __atomic_load_n(&vq->notify.cycles, __ATOMIC_RELAXED);
}

/* Whether calls are worth holding back: by the rate of the last usecs, none after a rest so long.
 */
static bool
call_is_busy(struct vduse_vq *vq, uint16_t used)
{
	const uint64_t now = vduse_clock();
	const uint64_t rest = now - vq->notify.last, window = now - vq->notify.window;
	const uint64_t cycles = coal_cycles(vq);

	vq->notify.last = now;
	vq->notify.seen += used;
	if (rest < cycles && window < cycles)
		return vq->notify.busy;
	/* without a rest the window is shorter than two, and the products fit */
	vq->notify.busy = rest < cycles && vq->notify.seen * cycles >= coal_frames(vq) * window / 2;
	vq->notify.window = now;
	vq->notify.seen = 0;
	return vq->notify.busy;
}

/* The thread looks no later than at this time. Return: it would have looked later. */
static bool
call_look_at(struct vduse_caller *caller, uint64_t deadline)
{
	uint64_t at = __atomic_load_n(&caller->looks_at, __ATOMIC_RELAXED);

	while (deadline < at)
		if (__atomic_compare_exchange_n(&caller->looks_at, &at, deadline, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

static void
call_hold(struct vduse_vq *vq)
{
	struct vduse_caller *caller = vq->notify.caller;
	uint64_t deadline;

	vduse_count(&vq->stats.calls_held, 1);
	if (vduse_notify_held(vq)) {
		vduse_notify_due(vq);
		return;
	}
	deadline = vduse_clock() + coal_cycles(vq);
	__atomic_store_n(&vq->poll.coal_deadline, deadline, __ATOMIC_RELAXED);
	/* the thread sees the deadline, or we see that it does not look in time */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (call_look_at(caller, deadline))
		call_wake(caller);
}

void
vduse_notify_used(struct vduse_vq *vq, uint16_t used)
{
	/* acquire: pairs with the release in vduse_notify_set_coalesce() */
	bool hold = __atomic_load_n(&vq->notify.usecs, __ATOMIC_ACQUIRE) != 0;

	if (hold && __atomic_load_n(&vq->notify.adaptive, __ATOMIC_RELAXED))
		hold = call_is_busy(vq, used) || vduse_notify_held(vq);
	/* none is held: the last one was made, at its time by another lcore perhaps */
	if (!vduse_notify_held(vq))
		vq->notify.pending = 0;
	vq->notify.pending += used;
	if (hold && vq->notify.pending < coal_frames(vq)) {
		call_hold(vq);
		return;
	}
	vq->notify.pending = 0;
	__atomic_store_n(&vq->poll.coal_deadline, 0, __ATOMIC_RELAXED);
	vduse_notify(vq);
}

/* What the thread found at all queues. */
struct call_round {
	bool again;    /* there was something to do, there may be more */
	bool failed;   /* a call is to be tried again */
	uint64_t next; /* TSC when the first call that is held back is due, or CALL_NEVER */
};

static void
call_serve(struct vduse_vq *vq, struct call_round *round)
{
	uint64_t deadline = __atomic_load_n(&vq->poll.coal_deadline, __ATOMIC_RELAXED);

	if (deadline != 0 && vduse_clock() >= deadline &&
			__atomic_compare_exchange_n(&vq->poll.coal_deadline, &deadline, 0, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		__atomic_store_n(&vq->notify.posted, true, __ATOMIC_RELAXED);
		deadline = 0;
	}
	if (deadline != 0)
		round->next = RTE_MIN(round->next, deadline);
	/* acquire: pairs with the release in call_post() */
	if (!__atomic_exchange_n(&vq->notify.posted, false, __ATOMIC_ACQUIRE))
		return;
	if (call_inject(vq) == 0) {
		__atomic_fetch_add(&vq->stats.calls_thread, 1, __ATOMIC_RELAXED);
		round->again = true;
	} else if (__atomic_load_n(&vq->poll.running, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&vq->notify.posted, true, __ATOMIC_RELAXED);
		round->failed = true;
	}
}

static struct call_round
call_serve_all(void)
{
	struct call_round round = { .next = CALL_NEVER };
	struct vduse_vq *vq;

	call_mutex_lock(&call.lock);
	TAILQ_FOREACH (vq, &call.queues, notify.next)
		call_serve(vq, &round);
	call_mutex_unlock(&call.lock);
	return round;
}

/* Milliseconds to sleep, -1: until woken. */
static int
call_timeout(const struct call_round *round)
{
	const uint64_t now = vduse_clock();
	uint64_t wait;

	if (round->failed)
		return CALL_LATE_MS;
	if (round->next == CALL_NEVER)
		return -1;
	wait = round->next > now ? (round->next - now) * MS_PER_S / rte_get_tsc_hz() : 0;
	return CALL_LATE_MS + vduse_len_min16(wait, CALL_WAIT_MAX_MS);
}

static VDUSE_THREAD_RET
call_main(void *arg)
{
	struct vduse_caller *caller = arg;
	struct pollfd pfd = { .fd = caller->fd, .events = POLLIN };
	struct call_round round;
	eventfd_t value;

	while (!__atomic_load_n(&caller->stop, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&caller->asleep, true, __ATOMIC_RELAXED);
		__atomic_store_n(&caller->looks_at, CALL_NEVER, __ATOMIC_RELAXED);
		/* pairs with the fences in call_post() and call_hold() */
		rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
		round = call_serve_all();
		if (round.again)
			continue;
		/* what was held back meanwhile, and is due before, has woken us */
		call_look_at(caller, round.next);
		poll(&pfd, 1, call_timeout(&round));
		eventfd_read(caller->fd, &value);
	}
	return VDUSE_THREAD_DONE;
}

/* Mirror: call_stop(). */
REQUIRES(call_mutex)
static int
call_start(void)
{
	struct vduse_caller *caller = calloc(1, sizeof(*caller));
	int ret;

	if (caller == NULL)
		return -ENOMEM;
	caller->looks_at = CALL_NEVER;
	caller->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (caller->fd < 0) {
		ret = -errno;
		goto free_caller;
	}
	ret = vduse_thread_create(&caller->thread, "vduse-call", call_main, caller);
	if (ret != 0) {
		ret = ret < 0 ? ret : -ret;
		goto close_fd;
	}
	call.caller = caller;
	return 0;

close_fd:
	close(caller->fd);
free_caller:
	free(caller);
	return ret;
}

static void
call_stop(struct vduse_caller *caller)
{
	__atomic_store_n(&caller->stop, true, __ATOMIC_RELEASE);
	call_wake(caller);
	vduse_thread_join(caller->thread);
	close(caller->fd);
	free(caller);
}

/* Have the thread look after the queue, from now to vduse_notify_fini(). */
static int
call_watch(struct vduse_vq *vq)
{
	int ret = 0;

	call_mutex_lock(&call.lock);
	if (vq->notify.caller == NULL && call.caller == NULL)
		ret = call_start();
	if (vq->notify.caller == NULL && ret == 0) {
		TAILQ_INSERT_TAIL(&call.queues, vq, notify.next);
		vq->notify.caller = call.caller;
	}
	call_mutex_unlock(&call.lock);
	if (ret < 0)
		VDUSE_LOG(ERR, "queue %u: no thread for its interrupts: %s", vq->ring.index,
				strerror(-ret));
	return ret;
}

int
vduse_notify_set_coalesce(struct vduse_vq *vq, uint32_t frames, uint32_t usecs, bool adaptive)
{
	int ret = usecs != 0 ? call_watch(vq) : 0;

	if (ret < 0)
		return ret;
	__atomic_store_n(&vq->notify.frames, RTE_MAX(frames, 1u), __ATOMIC_RELAXED);
	__atomic_store_n(&vq->notify.cycles, (uint64_t)usecs * rte_get_tsc_hz() / US_PER_S,
			__ATOMIC_RELAXED);
	__atomic_store_n(&vq->notify.adaptive, adaptive, __ATOMIC_RELAXED);
	/* release: whoever holds a call back sees the thread that looks after it */
	__atomic_store_n(&vq->notify.usecs, usecs, __ATOMIC_RELEASE);
	return 0;
}

int
vduse_notify_set_thread(struct vduse_vq *vq, bool on)
{
	int ret = on ? call_watch(vq) : 0;

	if (ret == 0)
		vq->notify.by_thread = on;
	return ret;
}

void
vduse_notify_reset(struct vduse_vq *vq)
{
	vduse_vq_set_call_pending(vq, false);
	vq->notify.pending = 0;
	vq->notify.seen = 0;
	vq->notify.busy = false;
	__atomic_store_n(&vq->poll.coal_deadline, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->notify.posted, false, __ATOMIC_RELAXED);
}

void
vduse_notify_wait(const struct vduse_vq *vq)
{
	/* acquire: pairs with the release in call_inject() */
	while (__atomic_load_n(&vq->notify.calling, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
}

void
vduse_notify_fini(struct vduse_vq *vq)
{
	struct vduse_caller *last = NULL;

	if (vq->notify.caller == NULL)
		return;
	call_mutex_lock(&call.lock);
	TAILQ_REMOVE(&call.queues, vq, notify.next);
	if (TAILQ_EMPTY(&call.queues)) {
		last = call.caller;
		call.caller = NULL;
	}
	call_mutex_unlock(&call.lock);
	vq->notify.caller = NULL;
	if (last != NULL)
		call_stop(last);
}
