/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "latency.h"
#include "worker.h"

/* Descriptors looked at in one go. */
#define EVENTS_MAX 64

static struct seat **
active(struct seats *seats)
{
	return &seats->of[seats->room];
}

/* Others may look. */
static void
set_asleep(struct seat *seat, bool asleep)
{
	__atomic_store_n(&seat->asleep, asleep, __ATOMIC_RELAXED);
}

static void
wake(struct seats *seats, struct seat *seat, uint64_t now)
{
	set_asleep(seat, false);
	seat->last = now;
	active(seats)[seats->nb_active++] = seat;
}

/* The owner has changed what is polled: the first n are, and those that are new are looked at. */
static void
begin_with(struct worker *w, struct seats *seats, unsigned int n)
{
	struct seat *seat;

	w->known = seats;
	w->last = w->now;
	for (; seats->nb_begun < n; seats->nb_begun++) {
		seat = seats->of[seats->nb_begun];
		if (seat->asleep)
			seat->ops->wake_disable(seat->priv, seat->queue);
		wake(seats, seat, w->now);
	}
}

static uint64_t
time_of(const struct worker *w)
{
	return w->all->now(w->all->now_arg);
}

static uint32_t
measures(const struct worker *w)
{
	return __atomic_load_n(&w->all->measures, __ATOMIC_RELAXED);
}

/* When it was heard of what descriptors tell; 0: nobody wants to know. */
static uint64_t
heard(const struct worker *w)
{
	if ((measures(w) & WORKER_TIMES) == 0)
		return 0;
	return w->woke != 0 ? w->woke : time_of(w);
}

/* Those whose descriptors have something to tell. */
static void
look(struct worker *w, struct seats *seats)
{
	struct epoll_event events[EVENTS_MAX];
	eventfd_t value;
	struct seat *seat;
	int i, n;

	w->looked = w->now;
	do {
		n = epoll_wait(w->epfd, events, EVENTS_MAX, 0);
		for (i = 0; i < n; i++) {
			seat = events[i].data.ptr;
			if (seat == NULL) {
				eventfd_read(w->wakefd, &value);
			} else if (seat->asleep) {
				seat->ops->wake_disable(seat->priv, seat->queue);
				wake(seats, seat, w->now);
				seat->kicked = heard(w);
				seat->woken = w->rounds;
			}
		}
	} while (n == EVENTS_MAX);
	w->woke = 0;
}

static unsigned int
poll_seat(struct worker *w, struct seat *seat)
{
	const uint16_t n = veb_poll(w->veb, seat->member, seat->queue);

	if (n == 0)
		return 0;
	seat->last = w->now;
	__atomic_store_n(&seat->frames, seat->frames + n, __ATOMIC_RELAXED);
	return n;
}

/*
 * Whether what is polled next is timed, and when it was taken. A burst is timed until its last
 * frame has left, or not at all.
 */
static void
set_taken(const struct worker *w, struct seat *seat)
{
	const bool waits = seat->ops->waits != NULL && seat->ops->waits(seat->priv, seat->queue);

	if (seat->woken != w->rounds)
		seat->kicked = 0;
	/* a round without a look: what waits is of another burst than was looked at */
	if (waits && seat->timed + 1 != w->rounds)
		seat->taken = 0;
	if (!waits)
		seat->taken = w->samples || seat->kicked != 0 ? time_of(w) : 0;
	seat->timed = w->rounds;
}

/* How long its kick waited, if there was one, and not for nothing. */
static void
tell_kick(const struct worker *w, struct seat *seat, unsigned int n)
{
	/* acquire: pairs with the release of who measures */
	struct latency *latency = __atomic_load_n(&seat->latency, __ATOMIC_ACQUIRE);

	if (seat->kicked != 0 && n != 0 && latency != NULL)
		latency_kick(latency, w->index, seat->taken - seat->kicked);
	seat->kicked = 0;
}

static unsigned int
poll_timed(struct worker *w, struct seat *seat)
{
	unsigned int n;

	set_taken(w, seat);
	veb_lcore_taken(w->veb, seat->taken);
	n = poll_seat(w, seat);
	veb_lcore_taken(w->veb, 0);
	tell_kick(w, seat, n);
	return n;
}

/* With a look at the time, as somebody wants to know. Cycles are of those that had frames. */
static __rte_noinline unsigned int
poll_measured(struct worker *w, struct seat *seat, uint32_t what)
{
	const uint64_t begun = (what & WORKER_LOADS) != 0 ? time_of(w) : 0;
	const unsigned int n =
			(what & WORKER_TIMES) != 0 ? poll_timed(w, seat) : poll_seat(w, seat);
	uint64_t took;

	if (n == 0 || (what & WORKER_LOADS) == 0)
		return n;
	took = time_of(w) - begun;
	__atomic_store_n(&seat->cycles, seat->cycles + took, __ATOMIC_RELAXED);
	__atomic_store_n(&w->busy, w->busy + took, __ATOMIC_RELAXED);
	return n;
}

static inline unsigned int
poll_one(struct worker *w, struct seat *seat, uint32_t what)
{
	return unlikely(what != 0) ? poll_measured(w, seat, what) : poll_seat(w, seat);
}

/* A seat that is quiet is left, but for a frame that came while its descriptor was armed. */
static unsigned int
leave(struct worker *w, struct seat *seat, uint32_t what)
{
	unsigned int n;

	seat->ops->wake_enable(seat->priv, seat->queue);
	n = poll_one(w, seat, what);
	if (n != 0)
		seat->ops->wake_disable(seat->priv, seat->queue);
	else
		set_asleep(seat, true);
	return n;
}

static unsigned int
round_of(struct worker *w, struct seats *seats)
{
	const uint32_t what = measures(w);
	struct seat **of = active(seats);
	unsigned int i, kept = 0, n, all = 0;

	if (unlikely(what != 0))
		w->samples = w->now >= w->sample_at;
	for (i = 0; i < seats->nb_active; i++) {
		n = poll_one(w, of[i], what);
		if (n == 0 && of[i]->can_wake && w->now - of[i]->last > w->all->spin)
			n = leave(w, of[i], what);
		all += n;
		if (!of[i]->asleep)
			of[kept++] = of[i];
	}
	seats->nb_active = kept;
	if (unlikely(what != 0) && w->samples && all != 0)
		w->sample_at = w->now + w->all->sample;
	return all;
}

/* Once round. Online. Return: frames. */
static unsigned int
go_round(struct worker *w)
{
	/* acquire: pairs with the release in publish(), and in grow() */
	struct seats *seats = __atomic_load_n(&w->seats, __ATOMIC_ACQUIRE);
	const unsigned int nb = __atomic_load_n(&seats->n, __ATOMIC_ACQUIRE);
	unsigned int n;

	w->now = w->all->now(w->all->now_arg);
	veb_lcore_tick(w->veb, w->now);
	if (w->known != seats || seats->nb_begun != nb)
		begin_with(w, seats, nb);
	if (w->looked == 0 || (seats->nb_active < nb && w->now - w->looked >= w->all->look))
		look(w, seats);
	n = round_of(w, seats);
	if (n != 0) {
		w->last = w->now;
		__atomic_store_n(&w->frames, w->frames + n, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&w->rounds, w->rounds + 1, __ATOMIC_RELAXED);
	return n;
}

/* Until a descriptor has something to tell, or so long. What, is looked at online. */
static void
sleep_for(struct worker *w, uint32_t us)
{
	struct pollfd pfd = { .fd = w->epfd, .events = POLLIN };
	const struct timespec time = idle_timespec(us);

	__atomic_store_n(&w->sleeps, w->sleeps + 1, __ATOMIC_RELAXED);
	rte_rcu_qsbr_thread_offline(w->all->qsbr, w->index);
	ppoll(&pfd, 1, &time, NULL);
	if ((measures(w) & WORKER_TIMES) != 0)
		w->woke = time_of(w);
	rte_rcu_qsbr_thread_online(w->all->qsbr, w->index);
	w->looked = 0;
}

/* Nothing came for a while. */
static void
rest(struct worker *w)
{
	if (w->all->idle.mode != IDLE_SLEEP) {
		rte_pause();
		return;
	}
	if (w->known->nb_active == 0) {
		sleep_for(w, IDLE_SLEEP_US);
		return;
	}
	rte_pause();
	if (w->now - w->last <= w->all->spin) {
		w->nap_us = IDLE_NAP_MIN_US;
		return;
	}
	/* only those are left that cannot wake */
	sleep_for(w, w->nap_us);
	w->nap_us = RTE_MIN(2 * w->nap_us, w->all->idle.usecs);
}

static int
worker_main(void *arg)
{
	struct worker *w = arg;

	rte_rcu_qsbr_thread_online(w->all->qsbr, w->index);
	while (!__atomic_load_n(&w->all->stop, __ATOMIC_RELAXED)) {
		if (go_round(w) == 0)
			rest(w);
		rte_rcu_qsbr_quiescent(w->all->qsbr, w->index);
	}
	rte_rcu_qsbr_thread_offline(w->all->qsbr, w->index);
	return 0;
}

unsigned int
workers_round(struct workers *workers)
{
	struct worker *w = &workers->of[0];
	unsigned int n;

	rte_rcu_qsbr_thread_online(workers->qsbr, w->index);
	n = go_round(w);
	rte_rcu_qsbr_thread_offline(workers->qsbr, w->index);
	return n;
}

static void
worker_fini(struct worker *w)
{
	rte_rcu_qsbr_thread_unregister(w->all->qsbr, w->index);
	close(w->epfd);
	close(w->wakefd);
	free(w->seats);
	veb_lcore_destroy(w->veb);
}

/* Mirror: worker_fini(), also of what was made in part. */
static int
worker_init(struct worker *w, struct workers *all, unsigned int index, unsigned int lcore)
{
	struct epoll_event event = { .events = EPOLLIN };

	w->all = all;
	w->index = index;
	w->lcore = lcore;
	w->nap_us = IDLE_NAP_MIN_US;
	w->veb = veb_lcore_create(index, (int)rte_lcore_to_socket_id(lcore));
	w->seats = calloc(1, sizeof(*w->seats));
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->veb == NULL || w->seats == NULL)
		return -ENOMEM;
	if (w->epfd < 0 || w->wakefd < 0 ||
			epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->wakefd, &event) != 0)
		return -errno;
	return rte_rcu_qsbr_thread_register(all->qsbr, index) != 0 ? -EINVAL : 0;
}

static void
free_all(struct workers *workers, unsigned int n)
{
	while (n > 0)
		worker_fini(&workers->of[--n]);
	rte_free(workers->of);
	rte_free(workers->qsbr);
}

static int
make_all(struct workers *workers)
{
	unsigned int lcore, n = 0;
	int ret;

	if (workers->on_main) {
		ret = worker_init(&workers->of[0], workers, 0, rte_get_main_lcore());
		if (ret != 0)
			free_all(workers, 1);
		return ret;
	}
	RTE_LCORE_FOREACH_WORKER (lcore) {
		ret = worker_init(&workers->of[n], workers, n, lcore);
		n++;
		if (ret != 0) {
			free_all(workers, n);
			return ret;
		}
	}
	return 0;
}

static int
launch(struct workers *workers)
{
	unsigned int i;
	int ret;

	for (i = 0; i < workers->nb && !workers->on_main; i++) {
		ret = rte_eal_remote_launch(worker_main, &workers->of[i], workers->of[i].lcore);
		if (ret != 0)
			return ret;
	}
	return 0;
}

int
workers_init(struct workers *workers)
{
	int ret;

	workers->nb = workers->on_main ? 1 : rte_lcore_count() - 1;
	workers->stop = false;
	workers->spin = IDLE_SPIN_US * rte_get_tsc_hz() / US_PER_S;
	workers->look = WORKER_LOOK_US * rte_get_tsc_hz() / US_PER_S;
	workers->sample = WORKER_SAMPLE_US * rte_get_tsc_hz() / US_PER_S;
	workers->of = rte_calloc(
			"workers", workers->nb, sizeof(workers->of[0]), RTE_CACHE_LINE_SIZE);
	workers->qsbr = rte_zmalloc(
			"qsbr", rte_rcu_qsbr_get_memsize(workers->nb), RTE_CACHE_LINE_SIZE);
	if (workers->of == NULL || workers->qsbr == NULL) {
		free_all(workers, 0);
		return -ENOMEM;
	}
	rte_rcu_qsbr_init(workers->qsbr, workers->nb);
	ret = make_all(workers);
	if (ret != 0)
		return ret;
	ret = launch(workers);
	if (ret != 0)
		workers_fini(workers);
	return ret;
}

static void
poke(const struct worker *w)
{
	eventfd_write(w->wakefd, 1);
}

void
workers_fini(struct workers *workers)
{
	unsigned int i;

	__atomic_store_n(&workers->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < workers->nb && !workers->on_main; i++) {
		poke(&workers->of[i]);
		rte_eal_wait_lcore(workers->of[i].lcore);
	}
	free_all(workers, workers->nb);
}

void
workers_wait(struct workers *workers)
{
	const uint64_t token = rte_rcu_qsbr_start(workers->qsbr);

	while (!rte_rcu_qsbr_check(workers->qsbr, token, false))
		sched_yield();
}

static void
publish(struct worker *w, struct seats *seats)
{
	struct seats *old = w->seats;

	/* release: pairs with the acquire in go_round() */
	__atomic_store_n(&w->seats, seats, __ATOMIC_RELEASE);
	poke(w);
	workers_wait(w->all);
	free(old);
}

/* Its descriptor wakes the lcore. Where it has none, it is polled. */
static void
watch(const struct worker *w, struct seat *seat)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = seat };
	const int fd = seat->ops->wake_fd != NULL ? seat->ops->wake_fd(seat->priv, seat->queue)
						  : -1;

	seat->asleep = false;
	seat->can_wake = fd >= 0 && epoll_ctl(w->epfd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void
unwatch(const struct worker *w, const struct seat *seat)
{
	if (seat->can_wake)
		epoll_ctl(w->epfd, EPOLL_CTL_DEL, seat->ops->wake_fd(seat->priv, seat->queue),
				NULL);
}

static struct seats *
make_seats(unsigned int room)
{
	struct seats *seats = calloc(1, sizeof(*seats) + 2 * room * sizeof(struct seat *));

	if (seats != NULL)
		seats->room = room;
	return seats;
}

/* Those that are there, and room for as many. */
static struct seats *
make_more_seats(const struct seats *from, unsigned int n)
{
	struct seats *seats = make_seats(2 * (from->n + n));

	if (seats == NULL)
		return NULL;
	memcpy(seats->of, from->of, from->n * sizeof(struct seat *));
	seats->n = from->n;
	return seats;
}

/* The lcore knows the others, and hears of these when it comes round: nobody has to wait for it. */
static void
grow(struct worker *w, struct seats *seats, unsigned int n)
{
	/* release: pairs with the acquire in go_round() */
	__atomic_store_n(&seats->n, seats->n + n, __ATOMIC_RELEASE);
	if (seats == w->seats)
		poke(w);
	else
		publish(w, seats);
}

int
worker_seat(struct worker *w, struct seat *more, unsigned int n)
{
	struct seats *seats = w->seats;
	unsigned int i;

	if (seats->n + n > seats->room)
		seats = make_more_seats(seats, n);
	if (seats == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		seats->of[seats->n + i] = &more[i];
		more[i].worker = w;
		watch(w, &more[i]);
	}
	grow(w, seats, n);
	return 0;
}

static void
take_away(struct seats *to, const struct seats *from, const struct seat *first, unsigned int n)
{
	unsigned int i, kept = 0;

	for (i = 0; i < from->n; i++)
		if (from->of[i] < first || from->of[i] >= first + n)
			to->of[kept++] = from->of[i];
	to->n = kept;
}

int
worker_unseat(struct worker *w, struct seat *gone, unsigned int n)
{
	struct seats *seats = make_seats(w->seats->room);
	unsigned int i;

	if (seats == NULL)
		return -ENOMEM;
	/* first: a lcore that has the list without a seat hears of its descriptor no more */
	for (i = 0; i < n; i++)
		unwatch(w, &gone[i]);
	take_away(seats, w->seats, gone, n);
	publish(w, seats);
	for (i = 0; i < n; i++)
		gone[i].worker = NULL;
	return 0;
}

static uint64_t
rounds_of(const struct worker *w)
{
	return __atomic_load_n(&w->rounds, __ATOMIC_RELAXED);
}

void
workers_measure(struct workers *workers, uint32_t what, bool on)
{
	const uint32_t before = workers->measures;

	__atomic_store_n(&workers->measures, on ? before | what : before & ~what, __ATOMIC_RELAXED);
}

bool
workers_progress(struct workers *workers)
{
	struct worker *w;

	for (w = workers->of; w < workers->of + workers->nb; w++)
		if (rounds_of(w) == w->seen)
			return false;
	for (w = workers->of; w < workers->of + workers->nb; w++)
		w->seen = rounds_of(w);
	return true;
}
