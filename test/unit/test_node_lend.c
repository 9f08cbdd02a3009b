/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Long frames from container to container go by one copy, out of the sender's memory. What the
 * sender, or the kernel, does in the middle of it.
 */

#include <string.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include "mem/deferred.h"
#include "net/zc.h"
#include "node_rig.h"

#define LONG        4000
#define TCP_HEADERS 54
/* Where they are sent from: behind the buffers of the rig. */
#define PLACE (RIG_BUFFERS + (4ull << 20))

static struct node_error error;

/* What happens between the look at frames and their copy into a receiver's buffers. */
static struct {
	struct node_rig *r;
	void (*act)(struct node_rig *r);
	unsigned int calls;
} meanwhile;

uint16_t __real_rte_vduse_net_enqueue(
		struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t n);
uint16_t __wrap_rte_vduse_net_enqueue(
		struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t n);

uint16_t
__wrap_rte_vduse_net_enqueue(
		struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t n)
{
	if (n != 0 && meanwhile.act != NULL) {
		meanwhile.act(meanwhile.r);
		meanwhile.calls++;
	}
	return __real_rte_vduse_net_enqueue(net, pair, pkts, n);
}

static uint8_t
byte(uint32_t at)
{
	return unit_byte(3, at);
}

/* A long frame of the first container's; its bytes behind the header are a pattern. */
static void
send_long(struct node_rig *r, uint8_t to, const struct virtio_net_hdr_v1 *hdr)
{
	struct rig *b = &r->drivers[0].rig;
	const struct mock_desc desc = { .iova = PLACE, .len = RIG_HDR_LEN + LONG };
	const struct rig_bytes head = node_rig_frame(1, to);
	uint8_t data[LONG];
	uint32_t i;

	for (i = 0; i < LONG; i++)
		data[i] = byte(i);
	memcpy(data, head.data, 14);
	guest_write(&b->guest, PLACE, hdr, RIG_HDR_LEN);
	guest_write(&b->guest, PLACE + RIG_HDR_LEN, data, LONG);
	assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, NULL), 0);
}

static void
scribble(struct node_rig *r)
{
	uint8_t junk[LONG];

	memset(junk, 0xee, sizeof(junk));
	guest_write(&r->drivers[0].rig.guest, PLACE + RIG_HDR_LEN, junk, sizeof(junk));
}

/* A whole frame, out of as many buffers as it took. Return: its length; 0: there is none. */
static uint32_t
get_long(struct node_rig *r, unsigned int n, uint8_t *data)
{
	struct rig *b = &r->drivers[n].rig;
	uint32_t len = 0, skip = RIG_HDR_LEN;
	struct virtio_net_hdr_v1 hdr = { .num_buffers = 1 };
	struct mock_used used;

	for (; hdr.num_buffers != 0 && mock_vq_get(rig_rx(b), &used); hdr.num_buffers--) {
		assert_true(len + used.len - skip <= LONG);
		if (len == 0)
			guest_read(&b->guest, (uintptr_t)used.cookie, &hdr, sizeof(hdr));
		guest_read(&b->guest, (uintptr_t)used.cookie + skip, data + len, used.len - skip);
		len += used.len - skip;
		skip = 0;
	}
	return len;
}

static uint64_t
lent(struct node_rig *r)
{
	return rig_stats(&r->drivers[0].rig, true).zero_copy;
}

/* The first has sent so many, and has all buffers back. */
static void
are_back(struct node_rig *r, unsigned int n)
{
	struct mock_used used;

	for (; n > 0; n--)
		assert_true(mock_vq_get(rig_tx(&r->drivers[0].rig), &used));
	assert_false(mock_vq_get(rig_tx(&r->drivers[0].rig), &used));
	assert_int_equal(rte_vduse_net_owed(r->drivers[0].rig.net, 0), 0);
}

static const struct virtio_net_hdr_v1 plain;

/* Frames of LONG bytes pass, in as many buffers as it takes; there is no wire. */
static struct node_rig *
long_ones(void **state)
{
	struct node_rig *r = *state;
	struct node_network_conf network = { .name = "net0" };
	unsigned int i;

	for (i = 0; i < RIG_CONTAINERS; i++)
		node_rig_undrive(r, i);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	network.mtu = 9000;
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	for (i = 0; i < RIG_CONTAINERS; i++)
		node_rig_drive(r, i, RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF));
	meanwhile.r = r;
	meanwhile.act = NULL;
	meanwhile.calls = 0;
	return r;
}

/* What came is what was sent, but for bytes behind the head, which are `behind` where it is not 0.
 */
static void
expect_long(struct node_rig *r, unsigned int n, uint8_t behind)
{
	uint8_t data[LONG];
	uint32_t i;

	assert_int_equal(get_long(r, n, data), LONG);
	for (i = 14; i < LONG; i++)
		assert_int_equal(data[i], i >= NET_ZC_HEAD && behind != 0 ? behind : byte(i));
}

static void
one_copy_makes_it(void **state)
{
	struct node_rig *r = long_ones(state);

	send_long(r, 2, &plain);
	node_rig_run(r);
	expect_long(r, 1, 0);
	assert_int_equal(lent(r), 1);
	are_back(r, 1);
	node_rig_expect_none(r);
}

/* The sender changes its frame: its headers are those that were looked at, the rest is its own. */
static void
the_sender_changes_it(void **state)
{
	struct node_rig *r = long_ones(state);

	meanwhile.act = scribble;
	send_long(r, 2, &plain);
	node_rig_run(r);
	expect_long(r, 1, 0xee);
	assert_int_equal(meanwhile.calls, 1);
	are_back(r, 1);
	node_rig_expect_none(r);
}

/* Who gets a frame beside others gets the bytes that those get. */
static void
many_get_the_same(void **state)
{
	struct node_rig *r = long_ones(state);

	meanwhile.act = scribble;
	send_long(r, 0, &plain);
	node_rig_run(r);
	expect_long(r, 1, 0);
	expect_long(r, 2, 0);
	assert_int_equal(lent(r), 1);
	are_back(r, 1);
}

/* The header of a TCP frame that is to be cut into segments of 1448 bytes. */
static const struct virtio_net_hdr_v1 to_cut = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	.hdr_len = TCP_HEADERS,
	.gso_size = 1448,
	.csum_start = 34,
	.csum_offset = 16,
};

/* The first container sends a frame that is to be cut. */
static void
send_to_cut(struct node_rig *r, uint8_t to)
{
	static const uint8_t headers[] = { 8, 0, 0x45, 0, (LONG - 14) >> 8, (LONG - 14) & 0xff, 0,
		1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0,
		0x50, 0x10 };
	struct node_container_conf conf = node_rig_conf(0);

	node_rig_undrive(r, 0);
	assert_int_equal(node_container_del(r->node, conf.name, &error), 0);
	conf.profile = RTE_VDUSE_NET_PROFILE_BULK;
	assert_int_equal(node_container_add(r->node, &conf, &error), 0);
	node_rig_drive(r, 0, RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO4));
	send_long(r, to, &to_cut);
	guest_write(&r->drivers[0].rig.guest, PLACE + RIG_HDR_LEN + 12, headers, sizeof(headers));
}

/* For a driver that takes whole ones only: cut out of a copy, each segment the sender's bytes. */
static void
it_is_cut(void **state)
{
	struct node_rig *r = long_ones(state);
	uint8_t data[LONG];
	uint32_t at, len, i;

	send_to_cut(r, 2);
	meanwhile.act = scribble;
	node_rig_run(r);
	for (at = TCP_HEADERS; at < LONG; at += len) {
		len = RTE_MIN(LONG - at, 1448u);
		assert_int_equal(get_long(r, 1, data), TCP_HEADERS + len);
		for (i = 0; i < len; i++)
			assert_int_equal(data[TCP_HEADERS + i], byte(at + i));
	}
	assert_int_equal(lent(r), 1);
	are_back(r, 1);
	node_rig_expect_none(r);
}

static void
unmap(struct node_rig *r)
{
	struct rig *b = &r->drivers[0].rig;

	fk_unmap_all(b->dev);
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	scribble(r);
	guest_map(&b->guest, b->dev);
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
}

/* The kernel takes the memory away: the frame keeps its bytes. */
static void
it_is_unmapped(void **state)
{
	struct node_rig *r = long_ones(state);

	meanwhile.act = unmap;
	send_long(r, 2, &plain);
	node_rig_run(r);
	expect_long(r, 1, 0);
	are_back(r, 1);
	assert_int_equal(vduse_deferred_reap(), 0);
	node_rig_expect_none(r);
}

static void
cut_short(struct node_rig *r)
{
	assert_int_equal(ftruncate(r->drivers[0].rig.guest.files[0], 0), 0);
}

/* The file behind it is cut short: zeroes, and the process lives. The others go on. */
static void
its_file_is_cut_short(void **state)
{
	struct node_rig *r = long_ones(state);
	const struct rig_bytes f = node_rig_frame(3, 2);
	uint8_t data[LONG];

	meanwhile.act = cut_short;
	send_long(r, 2, &plain);
	node_poll(r->node);
	assert_int_equal(get_long(r, 1, data), LONG);
	assert_int_equal(data[20], byte(20));
	assert_int_equal(data[LONG - 1], 0);
	meanwhile.act = NULL;
	rig_settle();
	assert_true(rig_info(&r->drivers[0].rig).dev.broken);
	node_rig_send(r, 2, &f);
	node_rig_run(r);
	assert_int_equal(get_long(r, 1, data), f.len);
	assert_int_equal(ftruncate(r->drivers[0].rig.guest.files[0], GUEST_MAIN_SIZE), 0);
}

static void
reset(struct node_rig *r)
{
	assert_int_equal(fk_reset(r->drivers[0].rig.dev), 0);
	scribble(r);
}

/* The sender's driver ends: its frame arrives, and nothing of it shows in the next one's ring. */
static void
its_queue_ends(void **state)
{
	struct node_rig *r = long_ones(state);
	struct mock_used used;

	meanwhile.act = reset;
	send_long(r, 2, &plain);
	node_rig_run(r);
	expect_long(r, 1, 0);
	meanwhile.act = NULL;
	node_rig_undrive(r, 0);
	node_rig_drive(r, 0, RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF));
	node_rig_run(r);
	assert_false(mock_vq_get(rig_tx(&r->drivers[0].rig), &used));
	send_long(r, 2, &plain);
	node_rig_run(r);
	expect_long(r, 1, 0);
	are_back(r, 1);
	assert_int_equal(vduse_deferred_reap(), 0);
}

/* Who keeps a frame has a copy: the buffer is back, and the segments are as they were sent. */
static void
the_wire_gets_a_copy(void **state)
{
	struct node_rig *r = *state;
	uint8_t copy[LONG];
	const uint8_t *data;
	uint32_t at, len, i;
	void *m = NULL;

	meanwhile.act = NULL;
	send_to_cut(r, 9);
	node_rig_run(r);
	are_back(r, 1);
	assert_int_equal(lent(r), 1);
	scribble(r);
	for (at = TCP_HEADERS; at < LONG; at += len) {
		len = RTE_MIN(LONG - at, 1448u);
		assert_int_equal(rte_ring_dequeue(r->out, &m), 0);
		assert_int_equal(rte_pktmbuf_pkt_len((struct rte_mbuf *)m), TCP_HEADERS + len);
		data = rte_pktmbuf_read(m, TCP_HEADERS, len, copy);
		for (i = 0; i < len; i++)
			assert_int_equal(data[i], byte(at + i));
		rte_pktmbuf_free(m);
	}
}

#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup, node_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(one_copy_makes_it),
		NODE_TEST(the_sender_changes_it),
		NODE_TEST(many_get_the_same),
		NODE_TEST(it_is_cut),
		NODE_TEST(it_is_unmapped),
		NODE_TEST(its_file_is_cut_short),
		NODE_TEST(its_queue_ends),
		NODE_TEST(the_wire_gets_a_copy),
	};

	return UNIT_RUN("node_lend", tests);
}
