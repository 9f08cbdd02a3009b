/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "fwd.h"
#include "port.h"
#include "usdt.h"

/* Rounds the main lcore forwards between two looks at signals and timers. */
#define MAIN_ROUNDS 1024
/* A round in which frames had to wait counts as so many: it was a long one. */
#define MAIN_HELD_ROUNDS 64

/* Rounds in which a stream that stops sends what it holds: two bursts of 64 KiB frames. */
#define STOP_ROUNDS 24

unsigned int
fwd_nb_streams(uint16_t nb_rxq, uint16_t nb_txq)
{
	return RTE_MIN(nb_rxq, nb_txq);
}

unsigned int
fwd_spread(unsigned int stream, unsigned int nb_lcores)
{
	return stream % nb_lcores;
}

unsigned int
fwd_max_lcores(void)
{
	return RTE_MAX(rte_lcore_count() - 1, 1u);
}

/* One writer: a plain add, made of accesses that a reader cannot see half of. */
static inline void
count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void
fwd_read(const struct fwd_stream *stream, struct fwd_counters *sum)
{
	unsigned int why;

	sum->rx += __atomic_load_n(&stream->counters.rx, __ATOMIC_RELAXED);
	sum->more += __atomic_load_n(&stream->counters.more, __ATOMIC_RELAXED);
	sum->tx += __atomic_load_n(&stream->counters.tx, __ATOMIC_RELAXED);
	for (why = 0; why < FWD_DROPS; why++)
		sum->drops[why] += __atomic_load_n(&stream->counters.drops[why], __ATOMIC_RELAXED);
}

uint64_t
fwd_drops(const struct fwd_counters *counters)
{
	uint64_t all = 0;
	unsigned int why;

	for (why = 0; why < FWD_DROPS; why++)
		all += counters->drops[why];
	return all;
}

const char *
fwd_drop_name(enum fwd_drop why)
{
	static const char *const names[] = {
		[FWD_DROP_FULL] = "queue full",
		[FWD_DROP_NO_BUFFER] = "no buffer",
		[FWD_DROP_LONG] = "too long",
		[FWD_DROP_PIECES] = "too many pieces",
		[FWD_DROP_BAD] = "bad offload",
		[FWD_DROP_STOPPED] = "stopped",
		[FWD_DROP_UNPLUGGED] = "unplugged",
	};

	return names[why];
}

/* A probe for each reason, as fwd_drop_name() has it. */
#define REASON(reason, name)                                \
	case FWD_DROP_##reason:                             \
		USDT(vduse_port, name, (int)s->tx_port, n); \
		break

static void
count_drops(struct fwd_stream *s, enum fwd_drop why, uint16_t n)
{
	count(&s->counters.drops[why], n);
	switch (why) {
		REASON(FULL, queue_full);
		REASON(NO_BUFFER, no_buffer);
		REASON(LONG, too_long);
		REASON(PIECES, too_many_pieces);
		REASON(BAD, bad_offload);
		REASON(STOPPED, stopped);
		REASON(UNPLUGGED, unplugged);
	case FWD_DROPS:
		break;
	}
}

#undef REASON

static void
drop(struct fwd_stream *s, enum fwd_drop why, struct rte_mbuf **pkts, uint16_t n)
{
	rte_pktmbuf_free_bulk(pkts, n);
	count_drops(s, why, n);
}

/* A frame that the port does not take as it is. Return: whether there is something to send. */
static bool
pass_gate(struct fwd_stream *s, struct rte_mbuf **m)
{
	const int ret = gate_check(&s->gate, m);

	if (ret == 0)
		return true;
	drop(s,
			ret == -EMSGSIZE ? FWD_DROP_LONG
			: ret == -E2BIG  ? FWD_DROP_PIECES
					 : FWD_DROP_NO_BUFFER,
			m, 1);
	return false;
}

/* Return: frames left in pkts, in order: those that the port takes. */
static uint16_t
pass(struct fwd_stream *s, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, out = 0;

	for (i = 0; i < n; i++) {
		pkts[out] = pkts[i];
		out += likely(!gate_wants(&s->gate, pkts[i])) || pass_gate(s, &pkts[out]);
	}
	return out;
}

/* Send or drop. */
static void
transmit(struct fwd_stream *s, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t sent;

	n = pass(s, pkts, n);
	if (n == 0)
		return;
	sent = rte_eth_tx_burst(s->tx_port, s->tx_queue, pkts, n);
	count(&s->counters.tx, sent);
	if (sent < n)
		drop(s, FWD_DROP_FULL, &pkts[sent], n - sent);
}

/* What offload_frame() puts together, and where it goes. */
struct fwd_out {
	struct offload_out out;
	struct fwd_stream *stream;
};

static void
flush(struct offload_out *out)
{
	transmit(container_of(out, struct fwd_out, out)->stream, out->pkts, out->n);
	out->n = 0;
}

static bool
holds(const struct fwd_stream *s)
{
	return s->next < s->held;
}

/* The next frame, or what is left of the last one. */
static void
work_on_one(struct fwd_stream *s, struct offload_out *out)
{
	struct rte_mbuf *m = s->pkts[s->next];
	int ret = 0;

	if (s->job.m != NULL)
		ret = offload_continue(&s->offload, &s->job, out);
	else if (offload_wanted(m->ol_flags))
		ret = offload_begin(&s->offload, &s->job, m, out);
	else
		offload_put(out, m);
	if (ret > 0)
		return;
	s->next++;
	if (ret < 0)
		count_drops(s, ret == -ENOMEM ? FWD_DROP_NO_BUFFER : FWD_DROP_BAD, 1);
}

/*
 * A burst with frames in it that the egress, or we, have to complete: in order, and a
 * round's work of them.
 */
static void
transmit_held(struct fwd_stream *s)
{
	struct fwd_out to;

	to.stream = s;
	to.out.flush = flush;
	to.out.work = 0;
	to.out.more = 0;
	to.out.n = 0;
	while (holds(s) && to.out.work < FWD_ROUND_WORK)
		work_on_one(s, &to.out);
	if (to.out.n != 0)
		flush(&to.out);
	count(&s->counters.more, to.out.more);
}

void
fwd_send(struct fwd_stream *s, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t flags = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		flags |= pkts[i]->ol_flags;
	if (!offload_wanted_any(flags)) {
		transmit(s, pkts, n);
		return;
	}
	memcpy(s->pkts, pkts, n * sizeof(struct rte_mbuf *));
	s->held = n;
	s->next = 0;
	while (holds(s))
		transmit_held(s);
}

/* Whether the driver of any of its queues waits for buffers. */
static bool
has_lent(const struct fwd_stream *s)
{
	uint16_t pair;

	for (pair = s->rx_first; pair < s->rx_end; pair += s->rx_step)
		if (rte_vduse_net_owed(s->lender, pair) != 0)
			return true;
	return false;
}

/*
 * The container's driver waits for its buffers (Linux's, from 6.11 on, sends nothing more), and a
 * NIC's driver frees what was sent when more is. All that came from the pair was sent, or freed.
 */
static void
take_back(struct fwd_stream *s, uint16_t pair)
{
	s->lent = has_lent(s);
	if (s->lent && rte_vduse_net_owed(s->lender, pair) != 0 && !s->no_tx &&
			port_has_sent(s->tx_port, s->tx_queue, s->tx_descs) == 1)
		rte_vduse_net_frames_read(s->lender, pair);
}

/* One burst of one receive queue, or more of the last one. Return: frames received. */
static uint16_t
stream_poll(struct fwd_stream *s)
{
	const uint16_t queue = s->rx_queue;
	uint64_t flags = 0;
	uint16_t i, n;

	if (unlikely(holds(s))) {
		transmit_held(s);
		return 0;
	}
	if (unlikely(s->no_rx))
		return 0;
	n = rte_eth_rx_burst(s->rx_port, s->rx_queue, s->pkts, FWD_BURST);
	s->rx_queue += s->rx_step;
	if (s->rx_queue >= s->rx_end)
		s->rx_queue = s->rx_first;
	if (n == 0) {
		if (s->lender != NULL)
			take_back(s, queue);
		return 0;
	}
	count(&s->counters.rx, n);
	if (unlikely(s->no_tx)) {
		drop(s, FWD_DROP_UNPLUGGED, s->pkts, n);
		return n;
	}
	for (i = 0; i < n; i++)
		flags |= s->pkts[i]->ol_flags;
	if (!offload_wanted_any(flags)) {
		transmit(s, s->pkts, n);
		return n;
	}
	s->held = n;
	s->next = 0;
	transmit_held(s);
	return n;
}

static void
drop_held(struct fwd_stream *s, enum fwd_drop why)
{
	if (offload_abandon(&s->job)) {
		count_drops(s, why, 1);
		s->next++;
	}
	drop(s, why, &s->pkts[s->next], s->held - s->next);
	s->next = s->held;
}

/* When no lcore polls it any more. */
static void
stream_stop(struct fwd_stream *s)
{
	unsigned int i;

	for (i = 0; i < STOP_ROUNDS && holds(s); i++)
		transmit_held(s);
	drop_held(s, FWD_DROP_STOPPED);
}

void
fwd_unplug(struct fwd_stream *s, bool rx)
{
	drop_held(s, FWD_DROP_UNPLUGGED);
	if (rx)
		s->no_rx = true;
	else
		s->no_tx = true;
}

void
fwd_plug(struct fwd_stream *s, bool rx, uint16_t port)
{
	if (rx) {
		s->rx_port = port;
		s->no_rx = false;
		return;
	}
	s->tx_port = port;
	s->offload.port = port;
	s->no_tx = false;
}

unsigned int
fwd_round(struct fwd_lcore *lcore)
{
	unsigned int i, n = 0;

	count(&lcore->rounds, 1);
	lcore->held = 0;
	lcore->idle.looks = false;
	for (i = 0; i < lcore->nb_streams; i++) {
		n += stream_poll(lcore->streams[i]);
		lcore->held += holds(lcore->streams[i]);
		lcore->idle.looks |= lcore->streams[i]->lent;
	}
	return n + lcore->held;
}

static int
lcore_main(void *arg)
{
	struct fwd_lcore *lcore = arg;

	while (!__atomic_load_n(lcore->stop, __ATOMIC_RELAXED))
		idle_round(&lcore->idle, fwd_round(lcore));
	return 0;
}

void
fwd_poll(struct fwd *fwd)
{
	struct fwd_lcore *lcore = &fwd->lcores[0];
	unsigned int i;

	for (i = 0; i < MAIN_ROUNDS; i += lcore->held != 0 ? MAIN_HELD_ROUNDS : 1)
		if (idle_round(&lcore->idle, fwd_round(lcore)))
			return;
}

static uint64_t
rounds_of(const struct fwd_lcore *lcore)
{
	return __atomic_load_n(&lcore->rounds, __ATOMIC_RELAXED);
}

bool
fwd_progress(struct fwd *fwd)
{
	struct fwd_lcore *lcore;

	for (lcore = fwd->lcores; lcore < fwd->lcores + fwd->nb_lcores; lcore++)
		if (lcore->nb_streams != 0 && rounds_of(lcore) == lcore->seen)
			return false;
	for (lcore = fwd->lcores; lcore < fwd->lcores + fwd->nb_lcores; lcore++)
		lcore->seen = rounds_of(lcore);
	return true;
}

int
fwd_init(struct fwd *fwd)
{
	unsigned int id, i = 0;

	fwd->nb_lcores = fwd_max_lcores();
	fwd->on_main = rte_lcore_count() == 1;
	fwd->stop = false;
	fwd->stopfd = -1;
	fwd->nb_wakefds = 0;
	fwd->lcores = calloc(fwd->nb_lcores, sizeof(*fwd->lcores));
	if (fwd->lcores == NULL)
		return -ENOMEM;
	for (i = 0; i < fwd->nb_lcores; i++)
		fwd->lcores[i].idle.epfd = -1;
	i = 0;
	if (fwd->on_main)
		fwd->lcores[0].id = rte_get_main_lcore();
	RTE_LCORE_FOREACH_WORKER (id) {
		fwd->lcores[i].id = id;
		fwd->lcores[i++].stop = &fwd->stop;
	}
	return 0;
}

void
fwd_fini(struct fwd *fwd)
{
	free(fwd->lcores);
	fwd->lcores = NULL;
}

int
fwd_add(struct fwd *fwd, struct fwd_stream *stream, unsigned int number)
{
	struct fwd_lcore *lcore = &fwd->lcores[fwd_spread(number, fwd->nb_lcores)];

	if (lcore->nb_streams == FWD_MAX_STREAMS)
		return -ENOSPC;
	lcore->streams[lcore->nb_streams++] = stream;
	return 0;
}

/* What the lcore waits for while it sleeps. */
static int
lcore_init_idle(struct fwd_lcore *lcore, const struct fwd *fwd)
{
	const struct idle_counters before = lcore->idle.counters;
	const struct fwd_stream *s;
	unsigned int i, q, nb_queues = 0;
	int ret;

	for (i = 0; i < lcore->nb_streams; i++) {
		s = lcore->streams[i];
		nb_queues += (s->rx_end - s->rx_first + s->rx_step - 1) / s->rx_step;
	}
	ret = idle_init(&lcore->idle, &fwd->idle, nb_queues);
	if (ret != 0)
		return ret;
	lcore->idle.counters = before;
	for (i = 0; i < lcore->nb_streams; i++) {
		s = lcore->streams[i];
		for (q = s->rx_first; q < s->rx_end && !s->no_rx; q += s->rx_step)
			idle_add_queue(&lcore->idle, s->rx_port, q);
	}
	ret = idle_add_fd(&lcore->idle, fwd->stopfd);
	for (i = 0; i < fwd->nb_wakefds && ret == 0; i++)
		ret = idle_add_fd(&lcore->idle, fwd->wakefds[i]);
	return ret;
}

static void
fini_idle(struct fwd *fwd)
{
	unsigned int i;

	for (i = 0; i < fwd->nb_lcores; i++)
		idle_fini(&fwd->lcores[i].idle);
	close(fwd->stopfd);
	fwd->stopfd = -1;
}

/* Mirror: fini_idle(). */
static int
init_idle(struct fwd *fwd)
{
	unsigned int i;
	int ret = 0;

	fwd->stopfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fwd->stopfd < 0)
		return -errno;
	for (i = 0; i < fwd->nb_lcores && fwd->lcores[i].nb_streams != 0 && ret == 0; i++)
		ret = lcore_init_idle(&fwd->lcores[i], fwd);
	if (ret != 0)
		fini_idle(fwd);
	return ret;
}

int
fwd_prepare(struct fwd *fwd)
{
	return init_idle(fwd);
}

int
fwd_start(struct fwd *fwd)
{
	unsigned int i;
	int ret;

	if (fwd->on_main)
		return 0;
	for (i = 0; i < fwd->nb_lcores && fwd->lcores[i].nb_streams != 0; i++) {
		ret = rte_eal_remote_launch(lcore_main, &fwd->lcores[i], fwd->lcores[i].id);
		if (ret != 0) {
			fwd_stop(fwd);
			return ret;
		}
	}
	return 0;
}

static void
wait_for_lcores(struct fwd *fwd)
{
	__atomic_store_n(&fwd->stop, true, __ATOMIC_RELAXED);
	eventfd_write(fwd->stopfd, 1);
	rte_eal_mp_wait_lcore();
}

void
fwd_halt(struct fwd *fwd)
{
	wait_for_lcores(fwd);
	fini_idle(fwd);
	fwd->stop = false;
}

void
fwd_stop(struct fwd *fwd)
{
	unsigned int i, k;

	wait_for_lcores(fwd);
	for (i = 0; i < fwd->nb_lcores; i++)
		for (k = 0; k < fwd->lcores[i].nb_streams; k++)
			stream_stop(fwd->lcores[i].streams[k]);
	fini_idle(fwd);
}

int
fwd_wake_on(struct fwd *fwd, int fd)
{
	if (fwd->nb_wakefds == RTE_DIM(fwd->wakefds))
		return -ENOSPC;
	fwd->wakefds[fwd->nb_wakefds++] = fd;
	return 0;
}

void
fwd_read_idle(const struct fwd *fwd, struct idle_counters *sum)
{
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < fwd->nb_lcores; i++)
		idle_read(&fwd->lcores[i].idle, sum);
}
