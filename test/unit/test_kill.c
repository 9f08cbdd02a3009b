/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Processes that serve the rings are killed at any moment, hundreds of them, while the driver
 * goes on; the last one finds every descriptor, no frame came twice, and each kill cost no more
 * than the burst that was in the process. KILLS in the environment: another number.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash.h"

#define BURST 8

/* Where frames to the driver have the number of the process, above its own count. */
#define EPOCH_SHIFT 18

struct kills {
	struct crash c;
	uint32_t sent;     /* frames of the driver */
	uint32_t epoch;    /* processes so far */
	uint32_t received; /* frames at the driver */
	uint32_t last;     /* its last one */
	uint32_t back;     /* transmit buffers that came back */
	uint64_t slots;    /* of CRASH_QUEUE_SIZE places for frames: taken */
	uint64_t buffers;  /* the same, posted to receive into */
};

/* A process: both directions until it is killed. What it has handed on is noted. */
static void
serve(struct kills *k)
{
	struct crash_note *note = k->c.note;
	struct rte_mbuf *pkts[BURST];
	uint32_t count = 0;
	uint16_t i, n;

	for (;;) {
		n = rte_vduse_net_dequeue(k->c.b.net, 0, unit_pool, pkts, BURST);
		for (i = 0; i < n; i++)
			note->seeds[note->nb + i] =
					crash_seed(rte_pktmbuf_mtod(pkts[i], const uint8_t *),
							pkts[i]->pkt_len);
		__atomic_store_n(&note->nb, note->nb + n, __ATOMIC_RELEASE);
		rte_pktmbuf_free_bulk(pkts, n);
		for (i = 0; i < BURST; i++) {
			pkts[i] = rte_pktmbuf_alloc(unit_pool);
			pkts[i]->data_len = pkts[i]->pkt_len = CRASH_FRAME;
			crash_frame(rte_pktmbuf_mtod(pkts[i], uint8_t *),
					k->epoch << EPOCH_SHIFT | (count + i), CRASH_FRAME);
		}
		count += rte_vduse_net_enqueue(k->c.b.net, 0, pkts, BURST);
		rte_pktmbuf_free_bulk(pkts, BURST);
	}
}

/* A frame at the driver: behind the last one of its process, or the first of a later one. */
static void
arrived(struct kills *k, uint32_t seed)
{
	const uint32_t epoch = seed >> EPOCH_SHIFT, count = seed & ((1u << EPOCH_SHIFT) - 1);

	if (k->received > 0 && epoch == k->last >> EPOCH_SHIFT)
		assert_int_equal(seed, k->last + 1);
	else
		assert_true(count == 0 && epoch <= k->epoch &&
				(k->received == 0 || epoch > k->last >> EPOCH_SHIFT));
	k->last = seed;
	k->received++;
}

static void
drive(struct kills *k)
{
	const uint64_t receive = RIG_BUFFERS + (1ull << 20);
	struct mock_used used;
	uint8_t frame[RIG_HDR_LEN + CRASH_FRAME];

	while (mock_vq_get(rig_tx(&k->c.b), &used))
		k->back++;
	while (k->sent - k->back < CRASH_QUEUE_SIZE / 2 && k->sent < CRASH_NOTES) {
		crash_send(&k->c, k->sent % CRASH_QUEUE_SIZE, k->sent);
		k->sent++;
	}
	while (mock_vq_get(rig_rx(&k->c.b), &used)) {
		const uintptr_t place = (uintptr_t)used.cookie - 1;

		if (used.len != 0) {
			assert_int_equal(used.len, sizeof(frame));
			guest_read(&k->c.b.guest, receive + 256 * place, frame, sizeof(frame));
			arrived(k, crash_seed(frame + RIG_HDR_LEN, CRASH_FRAME));
		}
		k->buffers &= ~(UINT64_C(1) << place);
	}
	while (k->buffers != UINT64_MAX) {
		const unsigned int place = __builtin_ctzll(~k->buffers);
		const struct mock_desc desc = {
			.iova = receive + 256 * place, .len = 256, .write = true
		};

		assert_int_equal(mock_vq_add(rig_rx(&k->c.b), &desc, 1,
						 (void *)((uintptr_t)place + 1)),
				0);
		k->buffers |= UINT64_C(1) << place;
	}
}

static void
live_and_die(struct kills *k, struct unit_rng *rng)
{
	const uint32_t from = k->c.note->nb, received = k->received;
	const time_t limit = time(NULL) + UNIT_LIMIT_S;
	uint32_t steps = unit_random(rng, 0, 60);
	int status;
	pid_t child;

	k->epoch++;
	child = crash_fork();
	if (child == 0)
		serve(k);
	/* it has begun, both ways; then the driver goes on for some steps */
	do
		drive(k);
	while ((__atomic_load_n(&k->c.note->nb, __ATOMIC_ACQUIRE) == from ||
			       k->received == received) &&
			time(NULL) < limit);
	for (; steps > 0; steps--)
		drive(k);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	crash_recover(&k->c);
}

/* All that the driver sent: once, in order, and no more missing than the kills can have cost. */
static void
check_notes(const struct kills *k, unsigned int kills)
{
	const struct crash_note *note = k->c.note;
	uint32_t i;

	for (i = 1; i < note->nb; i++)
		assert_true(note->seeds[i] > note->seeds[i - 1]);
	assert_true(note->nb <= k->sent && k->sent - note->nb <= kills * BURST);
}

static void
kill_all(const struct rig_variant *variant, unsigned int kills)
{
	struct rig_conf conf = { .variant = *variant, .start = variant->packed ? 0 : 65000 };
	struct unit_rng rng = { .state = 0x6b696c6c };
	struct kills *k = calloc(1, sizeof(*k));
	uint32_t seed, i;

	assert_non_null(k);
	crash_up(&k->c, &conf);
	for (i = 0; i < kills; i++)
		live_and_die(k, &rng);
	/* the last one serves what is left */
	while ((seed = crash_receive(&k->c)) != CRASH_NONE)
		k->c.note->seeds[k->c.note->nb++] = seed;
	k->epoch++;
	for (i = 0; crash_transmit(&k->c, k->epoch << EPOCH_SHIFT | i, CRASH_FRAME) == 1; i++)
		;
	check_notes(k, kills);
	while (k->buffers != 0) {
		struct mock_used used;

		if (!mock_vq_get(rig_rx(&k->c.b), &used))
			break;
		k->buffers &= ~(UINT64_C(1) << ((uintptr_t)used.cookie - 1));
	}
	assert_int_equal(k->buffers, 0);
	while (k->back < k->sent) {
		struct mock_used used;

		assert_true(mock_vq_get(rig_tx(&k->c.b), &used));
		k->back++;
	}
	print_message("%s: %u kills, %u frames sent, %u handed on, %u received\n", variant->name,
			kills, k->sent, k->c.note->nb, k->received);
	assert_true(k->received >= kills);
	crash_assert_full_ring(&k->c);
	crash_down(&k->c);
	free(k);
}

static unsigned int
kills_wanted(void)
{
	const char *n = getenv("KILLS");

	return n != NULL ? atoi(n) : 100;
}

static void
test_split(void **state)
{
	(void)state;
	kill_all(&rig_variants[0], kills_wanted());
}

static void
test_split_indirect(void **state)
{
	(void)state;
	kill_all(&rig_variants[2], kills_wanted());
}

static void
test_packed(void **state)
{
	(void)state;
	kill_all(&rig_variants[8], kills_wanted());
}

static void
test_packed_indirect(void **state)
{
	(void)state;
	kill_all(&rig_variants[10], kills_wanted());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_split),
		UNIT_TEST(test_split_indirect),
		UNIT_TEST(test_packed),
		UNIT_TEST(test_packed_indirect),
	};

	return UNIT_RUN("kill", tests);
}
