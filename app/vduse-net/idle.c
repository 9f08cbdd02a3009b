/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_power_intrinsics.h>

#include "idle.h"

/* Rounds without a frame before a lcore gives its hyper-thread sibling way. */
#define IDLE_ROUNDS 64
/* One pause, where the processor can: frames wait no longer. */
#define PAUSE_US 2

#define TAP_DRIVER "net_tap"

int
idle_parse(const char *value, struct idle_conf *conf)
{
	unsigned long n;
	char *end;

	conf->usecs = 0;
	if (strcmp(value, "poll") == 0) {
		conf->mode = IDLE_POLL;
	} else if (strcmp(value, "pause") == 0) {
		conf->mode = IDLE_PAUSE;
	} else if (strncmp(value, "sleep", 5) == 0 && (value[5] == '\0' || value[5] == ',')) {
		conf->mode = IDLE_SLEEP;
		if (value[5] == '\0')
			return 0;
		if (!isdigit((unsigned char)value[6]))
			return -EINVAL;
		errno = 0;
		n = strtoul(&value[6], &end, 10);
		if (errno != 0 || *end != '\0' || n < 1 || n > IDLE_MAX_USECS)
			return -EINVAL;
		conf->usecs = n;
	} else {
		return -EINVAL;
	}
	return 0;
}

int
idle_init(struct idle *idle, const struct idle_conf *conf, unsigned int max_queues)
{
	struct rte_cpu_intrinsics cpu;
	int ret;

	memset(idle, 0, sizeof(*idle));
	idle->conf = *conf;
	if (idle->conf.usecs == 0)
		idle->conf.usecs = IDLE_DEFAULT_USECS;
	rte_cpu_get_intrinsics_support(&cpu);
	idle->can_pause = cpu.power_pause;
	idle->pause_cycles = PAUSE_US * rte_get_tsc_hz() / US_PER_S;
	idle->spin_cycles = IDLE_SPIN_US * rte_get_tsc_hz() / US_PER_S;
	idle->nap_us = IDLE_NAP_MIN_US;
	idle->epfd = -1;
	if (conf->mode != IDLE_SLEEP)
		return 0;
	idle->queues = calloc(max_queues, sizeof(idle->queues[0]));
	if (idle->queues == NULL)
		return -ENOMEM;
	idle->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (idle->epfd >= 0)
		return 0;
	ret = -errno;
	free(idle->queues);
	idle->queues = NULL;
	return ret;
}

void
idle_fini(struct idle *idle)
{
	idle_drop_queues(idle);
	free(idle->queues);
	idle->queues = NULL;
	if (idle->epfd >= 0)
		close(idle->epfd);
	idle->epfd = -1;
}

/*
 * Whether rx interrupts were configured, and the driver has them. net_tap has
 * descriptors that a packet makes readable, and nothing to switch (22.11 to 25.11).
 */
static bool
can_wake(uint16_t port, uint16_t queue, bool *always_on)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int ret;

	if (rte_eth_dev_conf_get(port, &conf) != 0 || !conf.intr_conf.rxq)
		return false;
	ret = rte_eth_dev_rx_intr_enable(port, queue);
	if (ret == 0)
		rte_eth_dev_rx_intr_disable(port, queue);
	*always_on = ret == -ENOTSUP && rte_eth_dev_info_get(port, &info) == 0 &&
		     strcmp(info.driver_name, TAP_DRIVER) == 0;
	return ret == 0 || *always_on;
}

void
idle_add_queue(struct idle *idle, uint16_t port, uint16_t queue)
{
	struct idle_queue *q;

	if (idle->epfd < 0)
		return;
	q = &idle->queues[idle->nb_queues];
	q->port = port;
	q->queue = queue;
	if (can_wake(port, queue, &q->always_on) &&
			rte_eth_dev_rx_intr_ctl_q(
					port, queue, idle->epfd, RTE_INTR_EVENT_ADD, NULL) == 0)
		idle->nb_queues++;
	else
		idle->bounded = true;
}

int
idle_add_fd(struct idle *idle, int fd)
{
	struct rte_epoll_event *event = &idle->fds[idle->nb_fds];
	int ret;

	if (idle->epfd < 0)
		return 0;
	if (idle->nb_fds == IDLE_FDS_MAX)
		return -ENOSPC;
	event->epdata.event = EPOLLIN;
	ret = rte_epoll_ctl(idle->epfd, EPOLL_CTL_ADD, fd, event);
	if (ret == 0)
		idle->nb_fds++;
	return ret;
}

void
idle_drop_queues(struct idle *idle)
{
	unsigned int i;

	for (i = 0; i < idle->nb_queues; i++)
		rte_eth_dev_rx_intr_ctl_q(idle->queues[i].port, idle->queues[i].queue, idle->epfd,
				RTE_INTR_EVENT_DEL, NULL);
	idle->nb_queues = 0;
	idle->bounded = false;
}

/* One writer; a reader sees no half of it. */
static void
count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static void
arm(struct idle *idle)
{
	const struct idle_queue *q;

	for (q = idle->queues; q < idle->queues + idle->nb_queues; q++)
		if (!q->always_on)
			rte_eth_dev_rx_intr_enable(q->port, q->queue);
	idle->armed = true;
}

static void
disarm(struct idle *idle)
{
	const struct idle_queue *q;

	for (q = idle->queues; q < idle->queues + idle->nb_queues; q++)
		if (!q->always_on)
			rte_eth_dev_rx_intr_disable(q->port, q->queue);
	idle->armed = false;
}

/* EAL's own wait counts in milliseconds: too long for a nap. */
static void
wait_for_event(struct idle *idle)
{
	struct pollfd pfd = { .fd = idle->epfd, .events = POLLIN };
	const bool naps = idle->bounded || idle->looks;
	const struct timespec time = idle_timespec(naps ? idle->nap_us : IDLE_SLEEP_US);
	struct rte_epoll_event events[2 * IDLE_FDS_MAX];

	count(naps ? &idle->counters.naps : &idle->counters.sleeps);
	if (ppoll(&pfd, 1, &time, NULL) <= 0) {
		idle->nap_us = RTE_MIN(2 * idle->nap_us, idle->conf.usecs);
		return;
	}
	/*
	 * Edges are told of once: all are taken, as there is room for more than there are.
	 * DPDK 25.11 fills the room with what is still ready, as the descriptor that says stop:
	 * never until there is less.
	 */
	rte_epoll_wait(idle->epfd, events, RTE_DIM(events), 0);
	count(&idle->counters.wakes);
}

static void
pause_once(const struct idle *idle)
{
	if (idle->can_pause && idle->conf.mode != IDLE_POLL)
		rte_power_pause(rte_get_tsc_cycles() + idle->pause_cycles);
	else
		rte_pause();
}

static void
busy_again(struct idle *idle)
{
	if (idle->armed)
		disarm(idle);
	idle->rounds = 0;
	idle->since = 0;
	idle->nap_us = RTE_MIN(IDLE_NAP_MIN_US, idle->conf.usecs);
}

bool
idle_round(struct idle *idle, unsigned int n)
{
	uint64_t now;

	if (n != 0) {
		if (idle->rounds != 0)
			busy_again(idle);
		return false;
	}
	if (++idle->rounds <= IDLE_ROUNDS)
		return false;
	idle->rounds = IDLE_ROUNDS;
	if (idle->armed) {
		/* nothing came before the interrupts were on: whatever comes wakes */
		wait_for_event(idle);
		disarm(idle);
		return true;
	}
	if (idle->epfd < 0) {
		pause_once(idle);
		return false;
	}
	now = rte_get_tsc_cycles();
	if (idle->since == 0)
		idle->since = now;
	if (now - idle->since >= idle->spin_cycles)
		arm(idle);
	else
		pause_once(idle);
	return false;
}

void
idle_read(const struct idle *idle, struct idle_counters *sum)
{
	sum->sleeps += __atomic_load_n(&idle->counters.sleeps, __ATOMIC_RELAXED);
	sum->naps += __atomic_load_n(&idle->counters.naps, __ATOMIC_RELAXED);
	sum->wakes += __atomic_load_n(&idle->counters.wakes, __ATOMIC_RELAXED);
}
