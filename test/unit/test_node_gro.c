/* SPDX-License-Identifier: BSD-3-Clause */

/* TCP segments of an uplink, on their way to containers whose drivers take them as one, and to
 * others. */

#include <string.h>

#include <linux/virtio_net.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "node_rig.h"

#define PAYLOAD 40
#define HEADERS (14 + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))
#define TSO4    (RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4))
#define TSO6    (RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6))

static struct node_error error;

/* Segment i of a connection, from outside to container 1. */
static struct rig_bytes
segment(unsigned int i)
{
	struct rig_bytes f = node_rig_frame(9, 1);
	struct rte_ipv4_hdr ip = { .version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(HEADERS - 14 + PAYLOAD),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = 6,
		.src_addr = RTE_BE32(RTE_IPV4(10, 0, 0, 9)),
		.dst_addr = RTE_BE32(RTE_IPV4(10, 0, 0, 1)) };
	struct rte_tcp_hdr tcp = { .src_port = RTE_BE16(80),
		.dst_port = RTE_BE16(8080),
		.sent_seq = rte_cpu_to_be_32(1000 + i * PAYLOAD),
		.data_off = 0x50,
		.tcp_flags = RTE_TCP_ACK_FLAG,
		.rx_win = RTE_BE16(100) };

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	f.data[12] = 8;
	f.data[13] = 0;
	memcpy(f.data + 14, &ip, sizeof(ip));
	memcpy(f.data + 34, &tcp, sizeof(tcp));
	memset(f.data + HEADERS, 'a' + i, PAYLOAD);
	f.len = HEADERS + PAYLOAD;
	tcp.cksum = rte_ipv4_udptcp_cksum((struct rte_ipv4_hdr *)(f.data + 14), f.data + 34);
	memcpy(f.data + 34, &tcp, sizeof(tcp));
	return f;
}

static void
send_segments(struct node_rig *r, unsigned int n)
{
	struct rig_bytes f;
	unsigned int i;

	for (i = 0; i < n; i++) {
		f = segment(i);
		node_rig_send_wire(r, &f);
	}
	node_rig_run(r);
}

static void
expect_segments(struct node_rig *r, unsigned int n)
{
	struct rig_bytes f;
	unsigned int i;

	for (i = 0; i < n; i++) {
		f = segment(i);
		node_rig_expect(r, 0, &f);
	}
	node_rig_expect_none(r);
}

/* Container 1 anew, with a driver that has these features. */
static void
drive(struct node_rig *r, uint64_t features)
{
	struct node_container_conf conf = node_rig_conf(0);

	node_rig_undrive(r, 0);
	assert_int_equal(node_container_del(r->node, "c1", &error), 0);
	conf.profile = RTE_VDUSE_NET_PROFILE_BULK;
	assert_int_equal(node_container_add(r->node, &conf, &error), 0);
	node_rig_drive(r, 0, features);
}

static void
one_who_takes_it_gets_one_frame(void **state)
{
	struct virtio_net_hdr_v1 hdr;
	struct node_rig *r = *state;
	struct veb_stats stats;
	struct rig_bytes f, s;
	unsigned int i;

	drive(r, TSO4);
	send_segments(r, 3);
	assert_true(node_rig_get_hdr(r, 0, &hdr, &f));
	node_rig_expect_none(r);
	assert_int_equal(f.len, HEADERS + 3 * PAYLOAD);
	assert_int_equal(hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(hdr.gso_size, PAYLOAD);
	assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(hdr.csum_start, 34);
	for (i = 0; i < 3; i++) {
		s = segment(i);
		assert_memory_equal(f.data + HEADERS + i * PAYLOAD, s.data + HEADERS, PAYLOAD);
	}
	assert_int_equal(f.data[16] << 8 | f.data[17], f.len - 14);
	assert_int_equal(rte_raw_cksum(f.data + 14, 20), UINT16_MAX);
	stats = node_rig_stats(r, 0);
	assert_int_equal(stats.out, 1);
	assert_int_equal(stats.merged, 2);
	assert_int_equal(stats.merged_bytes, 2 * PAYLOAD);
}

static void
one_who_does_not_gets_them_as_they_came(void **state)
{
	struct node_rig *r = *state;

	/* no offload at all; checksums only; another protocol's */
	send_segments(r, 3);
	expect_segments(r, 3);
	drive(r, RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM));
	send_segments(r, 3);
	expect_segments(r, 3);
	drive(r, TSO6);
	send_segments(r, 3);
	expect_segments(r, 3);
	assert_int_equal(node_rig_stats(r, 0).merged, 0);
}

static void
it_is_switched_off_and_on(void **state)
{
	struct node_container_conf conf = node_rig_conf(0);
	struct node_rig *r = *state;
	struct rig_bytes f;

	drive(r, TSO4);
	conf.gro = false;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_GRO, &error), 0);
	send_segments(r, 3);
	expect_segments(r, 3);
	conf.gro = true;
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_GRO, &error), 0);
	send_segments(r, 3);
	assert_true(node_rig_get(r, 0, &f));
	assert_int_equal(f.len, HEADERS + 3 * PAYLOAD);
	node_rig_expect_none(r);
}

/* What is put together is who it was for: one that mirrors it has what was on the wire. */
static void
a_mirror_gets_them_as_they_came(void **state)
{
	struct node_container_conf conf = node_rig_conf(1);
	struct node_rig *r = *state;
	struct rig_bytes f;
	unsigned int i;

	drive(r, TSO4);
	snprintf(conf.mirror, sizeof(conf.mirror), "c1");
	assert_int_equal(node_container_set(r->node, &conf, NODE_SET_MIRROR, &error), 0);
	for (i = 0; i < 3; i++) {
		f = segment(i);
		f.data[5] = 2;
		node_rig_send_wire(r, &f);
	}
	node_rig_run(r);
	for (i = 0; i < 3; i++) {
		f = segment(i);
		f.data[5] = 2;
		node_rig_expect(r, 0, &f);
		node_rig_expect(r, 1, &f);
	}
	node_rig_expect_none(r);
	assert_int_equal(node_rig_stats(r, 0).merged, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup, node_rig_teardown)
		NODE_TEST(one_who_takes_it_gets_one_frame),
		NODE_TEST(one_who_does_not_gets_them_as_they_came),
		NODE_TEST(it_is_switched_off_and_on),
		NODE_TEST(a_mirror_gets_them_as_they_came),
	};

	return UNIT_RUN("node_gro", tests);
}
