/* SPDX-License-Identifier: BSD-3-Clause */

/* TCP segments of which one differs from its neighbours in a header: each stays as it came. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "filter.h"
#include "gro_rig.h"

#define TCP  IPPROTO_TCP
#define GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

/* A byte of a header in which two segments must not differ: offset from its header, and what it is
 * xor-ed with. */
struct difference {
	const char *of;
	enum { LINK, IP, L4 } header;
	uint32_t offset;
	uint8_t bits;
};

static const struct difference of_all[] = {
	{ "destination MAC", LINK, 5, 1 },
	{ "source MAC", LINK, 11, 1 },
	{ "source port", L4, 1, 1 },
	{ "destination port", L4, 3, 1 },
	{ "a gap of 1", L4, 7, 1 },
	{ "far away", L4, 4, 0x80 },
	{ "acknowledged", L4, 11, 1 },
	{ "length of options", L4, 12, 0xe0 },
	{ "reserved bits", L4, 12, 1 },
	{ "FIN", L4, 13, RTE_TCP_FIN_FLAG },
	{ "SYN", L4, 13, RTE_TCP_SYN_FLAG },
	{ "RST", L4, 13, RTE_TCP_RST_FLAG },
	{ "URG", L4, 13, RTE_TCP_URG_FLAG },
	{ "ECE", L4, 13, RTE_TCP_ECE_FLAG },
	{ "CWR", L4, 13, RTE_TCP_CWR_FLAG },
	{ "no ACK", L4, 13, RTE_TCP_ACK_FLAG },
	{ "window", L4, 15, 1 },
	{ "urgent pointer", L4, 19, 1 },
	{ "an option", L4, 31, 1 },
};

static const struct difference of_ip4[] = {
	{ "options", IP, 0, 3 },
	{ "DSCP", IP, 1, 0x80 },
	{ "congestion", IP, 1, 3 },
	{ "length", IP, 3, 1 },
	{ "may be cut", IP, 6, 0x40 },
	{ "a fragment", IP, 6, 0x20 },
	{ "a later fragment", IP, 7, 1 },
	{ "TTL", IP, 8, 1 },
	{ "protocol", IP, 9, 7 },
	{ "source", IP, 15, 7 },
	{ "destination", IP, 19, 7 },
};

static const struct difference of_ip6[] = {
	{ "version", IP, 0, 0x20 },
	{ "traffic class", IP, 0, 1 },
	{ "congestion", IP, 1, 0x30 },
	{ "flow label", IP, 3, 1 },
	{ "length", IP, 5, 1 },
	{ "an extension header", IP, 6, TCP ^ 43 },
	{ "hop limit", IP, 7, 1 },
	{ "source", IP, 23, 1 },
	{ "destination", IP, 39, 1 },
};

/* Segment 1 of 3 is another: all stay as they came. */
static void
one_that_differs(const struct ref *r, const struct difference *d)
{
	struct ref_offsets to;
	uint8_t changed;
	uint32_t offset, k;

	ref_offsets(r, &to);
	offset = (d->header == LINK ? 0 : d->header == IP ? to.ip : to.l4) + d->offset;
	gro_put_segments(r);
	for (k = 0; k < 3; k++)
		rig.frames[k]->ol_flags |= GOOD;
	*gro_at(rig.frames[1], offset) ^= d->bits;
	changed = *gro_at(rig.frames[1], offset);
	gro_seal(rig.frames[1], r);
	gro_merge(BOTH);
	if (rig.n != 3)
		fail_msg("%s, %s: %u frames, not 3", r->name, d->of, rig.n);
	gro_expect_segment(r, 0, 0);
	gro_expect_segment(r, 2, 2);
	assert_int_equal(rig.frames[1]->nb_segs, 1);
	assert_int_equal(*gro_at(rig.frames[1], offset), changed);
	rig_clear();
}

static void
what_differs_stays_apart(void **state)
{
	struct ref r = gro_kinds[GRO_IP4_OPTIONS], r6 = gro_kinds[GRO_IP6];
	unsigned int i;

	(void)state;
	r.payload = r6.payload = 3 * MSS;
	for (i = 0; i < RTE_DIM(of_all); i++) {
		one_that_differs(&r, &of_all[i]);
		one_that_differs(&r6, &of_all[i]);
	}
	for (i = 0; i < RTE_DIM(of_ip4); i++)
		one_that_differs(&r, &of_ip4[i]);
	for (i = 0; i < RTE_DIM(of_ip6); i++)
		one_that_differs(&r6, &of_ip6[i]);
	r = gro_kinds[GRO_IP4_VLAN];
	r.payload = 3 * MSS;
	one_that_differs(&r, &(const struct difference){ "VLAN", LINK, 15, 1 });
	one_that_differs(&r, &(const struct difference){ "priority", LINK, 14, 0x20 });
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(
			what_differs_stays_apart, rig_fresh) };

	(void)argc;
	if (rig_open(argv[0]) != 0)
		return EXIT_FAILURE;
	return FILTER_RUN("app_gro_differs", tests, NULL, NULL);
}
