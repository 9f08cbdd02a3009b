/* SPDX-License-Identifier: BSD-3-Clause */

#include <sched.h>
#include <time.h>

#include "ctrlq.h"

/* Bytes of a receive buffer, and their distance. */
#define RX_LEN    2048
#define RX_STRIDE 4096

void
ctrlq_up(struct rig *b, unsigned int variant, uint64_t features)
{
	const struct rig_conf conf = {
		.variant = rig_variants[variant],
		.pairs = CTRLQ_PAIRS,
		.features = features | (1ULL << VIRTIO_NET_F_CTRL_VQ) | (1ULL << VIRTIO_NET_F_MQ),
	};

	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_up(b, &conf);
}

uint16_t
ctrlq_index(const struct rig *b)
{
	const uint64_t many = 1ULL << VIRTIO_NET_F_MQ | 1ULL << VIRTIO_NET_F_RSS;

	return rig_features(&b->conf) & many ? CTRLQ_INDEX : 2;
}

void
ctrlq_add(struct rig *b, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	const struct virtio_net_ctrl_hdr hdr = { .class = class, .cmd = cmd };
	const struct mock_desc all[] = {
		{ .iova = CTRLQ_CMD, .len = sizeof(hdr) },
		{ .iova = CTRLQ_CMD + sizeof(hdr), .len = len },
		{ .iova = CTRLQ_ACK, .len = CTRLQ_ROOM, .write = true },
	};
	const struct mock_desc bare[] = { all[0], all[2] };
	const uint8_t none = 0xaa;

	guest_write(&b->guest, CTRLQ_CMD, &hdr, sizeof(hdr));
	guest_write(&b->guest, CTRLQ_ACK, &none, 1);
	if (len > 0) {
		guest_write(&b->guest, CTRLQ_CMD + sizeof(hdr), data, len);
		assert_int_equal(mock_vq_add(&b->vq[ctrlq_index(b)], all, 3, NULL), 0);
	} else {
		assert_int_equal(mock_vq_add(&b->vq[ctrlq_index(b)], bare, 2, NULL), 0);
	}
}

bool
ctrlq_wait(struct rig *b)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct mock_used used;

	while (!mock_vq_get(&b->vq[ctrlq_index(b)], &used)) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	/* the acknowledgement, and the one result there is: that of NOTF_COAL_VQ_GET */
	return used.len == 1 || used.len == 9;
}

uint8_t
ctrlq_ask(struct rig *b, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	uint8_t ack;

	ctrlq_add(b, class, cmd, data, len);
	if (mock_vq_need_kick(&b->vq[ctrlq_index(b)]))
		fk_kick(b->dev, ctrlq_index(b));
	assert_true(ctrlq_wait(b));
	guest_read(&b->guest, CTRLQ_ACK, &ack, 1);
	return ack;
}

void
ctrlq_offer(struct rig *b, uint16_t pair)
{
	const struct mock_desc desc = {
		.iova = RIG_BUFFERS + pair * RX_STRIDE, .len = RX_LEN, .write = true
	};

	assert_int_equal(mock_vq_add(&b->vq[2 * pair], &desc, 1, NULL), 0);
}

const uint8_t *
ctrlq_got(struct rig *b, uint16_t pair, uint32_t *len)
{
	const uint32_t hdr_len = rig_features(&b->conf) & (1ULL << VIRTIO_NET_F_HASH_REPORT)
						 ? NET_HDR_HASH_LEN
						 : NET_HDR_LEN;
	struct mock_used used;

	if (!mock_vq_get(&b->vq[2 * pair], &used))
		return NULL;
	assert_true(used.len > hdr_len);
	*len = used.len - hdr_len;
	return (const uint8_t *)guest_at(&b->guest, RIG_BUFFERS + pair * RX_STRIDE) + hdr_len;
}
