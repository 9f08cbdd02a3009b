/* SPDX-License-Identifier: BSD-3-Clause */

/* Several pairs: those that the driver does not use, and many lcores at one of those it does. */

#include <sched.h>
#include <string.h>

#include "ctrlq.h"
#include "hdr_frame.h"

static void
pairs_set(struct rig *b, uint16_t pairs)
{
	const uint8_t data[] = { pairs, 0 };

	assert_int_equal(ctrlq_ask(b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, data,
					 sizeof(data)),
			VIRTIO_NET_OK);
}

/* A frame given to a pair that is not used goes to one that is, and each gets its share. */
static void
test_inactive(void **state)
{
	uint16_t active, pair, to, at;
	struct rte_mbuf *m;
	struct rig b;
	unsigned int v;
	uint32_t len;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		ctrlq_up(&b, v, 0);
		m = rig_mbuf(v, 100, 100);
		for (active = 1; active <= CTRLQ_PAIRS; active++) {
			pairs_set(&b, active);
			for (pair = 0; pair < CTRLQ_PAIRS; pair++) {
				to = pair < active ? pair : pair % active;
				ctrlq_offer(&b, to);
				assert_int_equal(rte_vduse_net_enqueue(b.net, pair, &m, 1), 1);
				for (at = 0; at < CTRLQ_PAIRS; at++)
					assert_int_equal(ctrlq_got(&b, at, &len) != NULL, at == to);
			}
		}
		rte_pktmbuf_free(m);
		rig_down(&b);
	}
}

#define SENDERS 2
#define FRAMES  20000
#define BURST   16

struct sender {
	struct rte_vduse_net *net;
	uint16_t pair;
	bool failed;
};

/* Numbered frames, again and again until they are taken. */
static void *
sender_main(void *arg)
{
	struct rte_mbuf *pkts[BURST];
	struct sender *s = arg;
	uint32_t seq = 0, i, taken, at;

	for (i = 0; i < BURST; i++) {
		pkts[i] = rte_pktmbuf_alloc(unit_pool);
		s->failed |= pkts[i] == NULL;
	}
	while (!s->failed && seq < FRAMES) {
		for (i = 0; i < BURST; i++) {
			uint8_t *data = rte_pktmbuf_mtod(pkts[i], uint8_t *);

			memset(data, 0, 64);
			data[0] = 2;
			data[20] = s->pair;
			at = seq + i;
			memcpy(data + 24, &at, sizeof(at));
			pkts[i]->data_len = pkts[i]->pkt_len = 64;
		}
		taken = rte_vduse_net_enqueue(s->net, s->pair, pkts, RTE_MIN(BURST, FRAMES - seq));
		seq += taken;
		if (taken == 0)
			sched_yield();
	}
	rte_pktmbuf_free_bulk(pkts, BURST);
	return NULL;
}

/* The driver: buffers of 128 bytes, each offered again where it was. */
static void
collect(struct rig *b)
{
	uint32_t next[SENDERS] = { 0 }, seq, n = 0;
	struct mock_vq *vq = &b->vq[0];
	struct mock_used used;
	uint8_t frame[64];

	while (n < SENDERS * FRAMES) {
		struct mock_desc desc = { .len = 128, .write = true };

		if (!mock_vq_get(vq, &used)) {
			sched_yield();
			continue;
		}
		assert_int_equal(used.len, RIG_HDR_LEN + sizeof(frame));
		desc.iova = (uintptr_t)used.cookie;
		guest_read(&b->guest, desc.iova + RIG_HDR_LEN, frame, sizeof(frame));
		assert_in_range(frame[20], 0, SENDERS - 1);
		memcpy(&seq, frame + 24, sizeof(seq));
		if (seq != next[frame[20]]++)
			fail_msg("frame %u of sender %u instead of %u", seq, frame[20],
					next[frame[20]] - 1);
		assert_int_equal(mock_vq_add(vq, &desc, 1, used.cookie), 0);
		n++;
	}
}

static void
many_run(unsigned int variant)
{
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	struct rig b;
	uint16_t i;

	ctrlq_up(&b, variant, 0);
	pairs_set(&b, 1);
	for (i = 0; i < b.vq[0].conf.size; i++) {
		const struct mock_desc desc = {
			.iova = RIG_BUFFERS + 256 * i, .len = 128, .write = true
		};

		assert_int_equal(mock_vq_add(&b.vq[0], &desc, 1, (void *)(uintptr_t)desc.iova), 0);
	}
	for (i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .net = b.net, .pair = i };
		unit_thread(&threads[i], sender_main, &senders[i]);
	}
	collect(&b);
	for (i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
		assert_false(senders[i].failed);
	}
	assert_int_equal(rig_stats(&b, false).packets, SENDERS * FRAMES);
	rig_down(&b);
}

static void
test_many_lcores(void **state)
{
	(void)state;
	many_run(1);
	many_run(13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_inactive),
		UNIT_TEST(test_many_lcores),
	};

	return UNIT_RUN("pairs", tests);
}
