/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A process that serves the rings dies after any of its instructions: it runs
 * in single steps, and from what it has left in shared memory after each step
 * that changed something a successor goes on. No frame comes twice, none is
 * lost that was not published, and every descriptor comes back.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash.h"

#define FRAMES  5
#define BUFFERS 9
#define ROOM    144 /* of a receive buffer: a longer frame needs two */
#define LONG    200
#define SHORT   100

/* A run of a child, as a series of what it left. */
struct run {
	uint8_t *left;
	size_t bytes;
	unsigned int nb, max;
	unsigned long steps;
};

static void
run_add(struct run *r, const struct crash *c)
{
	if (r->nb == r->max) {
		r->max = r->max * 2 + 64;
		r->left = realloc(r->left, r->max * r->bytes);
		assert_non_null(r->left);
	}
	crash_save(c, r->left + r->nb++ * r->bytes);
}

/* Let the child do it, one instruction after the other. */
static void
run_steps(struct run *r, struct crash *c, void (*body)(struct crash *c))
{
	pid_t child;
	int status;

	memset(r, 0, sizeof(*r));
	r->bytes = crash_bytes(c);
	run_add(r, c);
	child = crash_fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		raise(SIGSTOP);
		body(c);
		c->note->done = true;
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* ptrace is not allowed here */
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSTOPPED(status));
		r->steps++;
		if (crash_differs(c, r->left + (r->nb - 1) * r->bytes))
			run_add(r, c);
		if (c->note->done)
			break;
		assert_int_equal(WSTOPSIG(status), SIGTRAP);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(r->nb > 3);
}

/* For each of what it left: a successor, and `check`. */
static void
run_check(struct run *r, struct crash *c, void (*check)(struct crash *c))
{
	struct crash_driver driver;
	unsigned int i;

	crash_driver_save(c, &driver);
	for (i = 0; i < r->nb; i++) {
		crash_restore(c, r->left + i * r->bytes);
		crash_driver_restore(c, &driver);
		crash_recover(c);
		check(c);
		crash_assert_full_ring(c);
	}
	crash_driver_free(&driver);
	free(r->left);
}

/* Every format and manner, begun where the ring wraps within the burst. */
static void
run_variants(bool receive, void (*prepare)(struct crash *c), void (*body)(struct crash *c),
		void (*check)(struct crash *c))
{
	static const unsigned int passed[] = { CRASH_QUEUE_SIZE - 3, CRASH_QUEUE_SIZE };
	struct rig_conf conf;
	struct crash c;
	unsigned int v, s;
	struct run r;

	for (v = 0; v < RIG_VARIANTS; v++) {
		/* what has no part in it */
		if (rig_variants[v].event_idx || (rig_variants[v].mergeable && !receive) ||
				(rig_variants[v].indirect && receive))
			continue;
		for (s = 0; s < RTE_DIM(passed); s++) {
			conf = (struct rig_conf){ .variant = rig_variants[v] };
			/* a split ring's indices go round as well */
			if (!conf.variant.packed)
				conf.start = UINT16_MAX - CRASH_QUEUE_SIZE;
			crash_up(&c, &conf);
			crash_pass(&c, passed[s]);
			prepare(&c);
			run_steps(&r, &c, body);
			run_check(&r, &c, check);
			crash_down(&c);
		}
	}
}

static void
dequeue_prepare(struct crash *c)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		crash_send(c, i, i);
}

static void
dequeue_body(struct crash *c)
{
	struct rte_mbuf *pkts[FRAMES];

	c->note->nb = rte_vduse_net_dequeue(c->b.net, 0, unit_pool, pkts, FRAMES);
}

/* The driver gets n buffers back, each once. */
static void
collect(struct crash *c, unsigned int n)
{
	bool seen[CRASH_QUEUE_SIZE] = { false };
	struct mock_used used;

	while (mock_vq_get(rig_tx(&c->b), &used)) {
		assert_true(n-- > 0);
		assert_false(seen[used.id]);
		seen[used.id] = true;
	}
	assert_int_equal(n, 0);
}

/* The burst was, and its frames died with the process, or was not, and all come again. */
static void
dequeue_check(struct crash *c)
{
	uint32_t seed = crash_receive(c), next;

	assert_true(seed == 0 || seed == CRASH_NONE);
	if (c->note->done || c->note->nb > 0)
		assert_int_equal(seed, CRASH_NONE);
	for (next = 1; seed != CRASH_NONE && next < FRAMES; next++)
		assert_int_equal(crash_receive(c), next);
	assert_int_equal(crash_receive(c), CRASH_NONE);
	collect(c, FRAMES);
}

static void
test_dequeue(void **state)
{
	(void)state;
	run_variants(false, dequeue_prepare, dequeue_body, dequeue_check);
}

static uint32_t
enqueue_len(const struct crash *c, unsigned int i)
{
	return c->conf.variant.mergeable && i % 2 == 0 ? LONG : SHORT;
}

static void
enqueue_prepare(struct crash *c)
{
	unsigned int i;

	for (i = 0; i < BUFFERS; i++)
		rig_offer(&c->b, RIG_BUFFERS + 256 * i, ROOM);
}

static void
enqueue_body(struct crash *c)
{
	struct rte_mbuf *pkts[FRAMES];
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		pkts[i] = rte_pktmbuf_alloc(unit_pool);
		pkts[i]->data_len = pkts[i]->pkt_len = enqueue_len(c, i);
		crash_frame(rte_pktmbuf_mtod(pkts[i], uint8_t *), i, enqueue_len(c, i));
	}
	c->note->nb = rte_vduse_net_enqueue(c->b.net, 0, pkts, FRAMES);
}

/* The driver receives a frame, in as many buffers as its header says: seed, or CRASH_NONE. */
static uint32_t
driver_receive(struct crash *c, unsigned int *buffers)
{
	uint8_t frame[RIG_HDR_LEN + 512];
	struct mock_used used;
	uint32_t len, more;
	uint16_t n;

	if (!mock_vq_get(rig_rx(&c->b), &used))
		return CRASH_NONE;
	guest_read(&c->b.guest, RIG_BUFFERS + 256 * (*buffers)++, frame, used.len);
	memcpy(&n, frame + 10, sizeof(n));
	for (len = used.len; n > 1; n--, len += more) {
		assert_true(mock_vq_get(rig_rx(&c->b), &used));
		more = used.len;
		guest_read(&c->b.guest, RIG_BUFFERS + 256 * (*buffers)++, frame + len, more);
	}
	return crash_seed(frame + RIG_HDR_LEN, len - RIG_HDR_LEN);
}

/* The driver sees all of the burst or nothing, and the next frame behind it. */
static void
enqueue_check(struct crash *c)
{
	unsigned int buffers = 0, i;
	uint32_t seed;

	seed = driver_receive(c, &buffers);
	assert_true(seed == 0 || seed == CRASH_NONE);
	if (c->note->nb > 0)
		assert_int_equal(seed, 0);
	for (i = 1; seed != CRASH_NONE && i < FRAMES; i++)
		assert_int_equal(driver_receive(c, &buffers), i);
	assert_int_equal(driver_receive(c, &buffers), CRASH_NONE);
	while (buffers < BUFFERS) {
		assert_int_equal(crash_transmit(c, 1000 + buffers, SHORT), 1);
		seed = 1000 + buffers;
		assert_int_equal(driver_receive(c, &buffers), seed);
	}
	assert_int_equal(crash_transmit(c, 0, SHORT), 0);
}

static void
test_enqueue(void **state)
{
	(void)state;
	run_variants(true, enqueue_prepare, enqueue_body, enqueue_check);
}

/* Frames that stay out when their burst ends, as a back end without copies has them. */
static void
inflight_burst(struct crash *c, struct vduse_chain *chains, const bool packed)
{
	struct vduse_vq *vq = c->b.net->dev->vqs[1];
	uint32_t seed;
	unsigned int i;

	assert_true(vduse_vq_burst_begin(vq));
	for (i = 0; i < FRAMES; i++) {
		struct vduse_pos pos = vq->pos.avail;

		vduse_chain_init(vq, &chains[i], 0);
		if (vduse_ring_ready(vq, &pos, packed) != 1 ||
				vduse_ring_fetch(vq, &pos, &chains[i], packed) != 0 ||
				!vduse_journal_inflight_set(vq, chains[i].id, chains[i].slots))
			_exit(1);
		vq->pos.avail = pos;
	}
	vduse_journal_take(vq, packed);
	for (i = 0; i < FRAMES; i++) {
		seed = i;
		c->note->seeds[i] = seed;
		__atomic_store_n(&c->note->nb, i + 1, __ATOMIC_RELAXED);
	}
	vduse_ring_flush(vq, packed);
	vduse_vq_burst_end(vq);
}

/* All but two come back, in another order than they went, in two bursts. */
static void
inflight_body(struct crash *c)
{
	static const unsigned int order[] = { 4, 1, 0 };
	const bool packed = c->conf.variant.packed;
	struct vduse_vq *vq = c->b.net->dev->vqs[1];
	struct vduse_chain chains[FRAMES];
	unsigned int i;

	inflight_burst(c, chains, packed);
	for (i = 0; i < RTE_DIM(order); i++) {
		vduse_ring_put(vq, chains[order[i]].id, chains[order[i]].slots, 0, packed);
		if (i == 1)
			vduse_ring_flush(vq, packed);
	}
	vduse_ring_flush(vq, packed);
}

/* What was handed on does not come again, what was not taken does; all is given back once. */
static void
inflight_check(struct crash *c)
{
	const uint32_t handed = c->note->nb;
	uint32_t seed = crash_receive(c), next;

	assert_true(seed == 0 || seed == CRASH_NONE);
	if (handed > 0)
		assert_int_equal(seed, CRASH_NONE);
	for (next = 1; seed != CRASH_NONE && next < FRAMES; next++)
		assert_int_equal(crash_receive(c), next);
	assert_int_equal(crash_receive(c), CRASH_NONE);
	collect(c, FRAMES);
}

static void
test_inflight(void **state)
{
	(void)state;
	run_variants(false, dequeue_prepare, inflight_body, inflight_check);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_dequeue),
		UNIT_TEST(test_enqueue),
		UNIT_TEST(test_inflight),
	};

	return UNIT_RUN("steps", tests);
}
