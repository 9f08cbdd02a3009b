/* SPDX-License-Identifier: BSD-3-Clause */

/* The multicast groups that a virtual function names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"
#include "vf.h"

static void
is_group(const struct vf_groups *groups, unsigned int i, const char *text)
{
	struct rte_ether_addr mac;

	assert_in_range(i + 1, 1, groups->nb);
	assert_int_equal(rte_ether_unformat_addr(text, &mac), 0);
	assert_memory_equal(&groups->of[i], &mac, sizeof(mac));
}

/* Each once, however many addresses share it. */
static void
test_groups(void **state)
{
	const uint8_t ipv6[][16] = { { 0xfd, [13] = 0x12, 0x34, 0x56 },
		{ 0xfe, 0x80, [13] = 0x12, 0x34, 0x56 }, { 0xfe, 0x80, [15] = 0x01 } };
	const struct rte_ether_addr mac = { { 0x02, 0x11, 0x22, 0x12, 0x34, 0x56 } },
				    other = { { 0x02, 0x11, 0x22, 0xaa, 0xbb, 0xcc } };
	struct vf_groups groups = { 0 };

	(void)state;
	assert_int_equal(vf_groups_hosts(&groups), 0);
	assert_int_equal(groups.nb, 2);
	is_group(&groups, 0, "33:33:00:00:00:01");
	is_group(&groups, 1, "01:00:5e:00:00:01");
	assert_int_equal(vf_groups_mac(&groups, &mac), 0);
	is_group(&groups, 2, "33:33:ff:12:34:56");
	assert_int_equal(vf_groups_ipv6(&groups, ipv6[0]), 0);
	assert_int_equal(vf_groups_ipv6(&groups, ipv6[1]), 0);
	assert_int_equal(groups.nb, 3);
	assert_int_equal(vf_groups_ipv6(&groups, ipv6[2]), 0);
	assert_int_equal(vf_groups_mac(&groups, &other), 0);
	is_group(&groups, 3, "33:33:ff:00:00:01");
	is_group(&groups, 4, "33:33:ff:aa:bb:cc");
	vf_groups_free(&groups);
	assert_int_equal(groups.nb, 0);
}

/* As many as a network has containers. */
static void
test_many(void **state)
{
	struct vf_groups groups = { 0 };
	uint8_t ipv6[16] = { 0xfd };
	unsigned int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		ipv6[14] = (uint8_t)(i >> 8);
		ipv6[15] = (uint8_t)i;
		assert_int_equal(vf_groups_ipv6(&groups, ipv6), 0);
	}
	assert_int_equal(groups.nb, 2000);
	is_group(&groups, 0, "33:33:ff:00:00:00");
	is_group(&groups, 1999, "33:33:ff:00:07:cf");
	vf_groups_free(&groups);
}

/* A port without a device, or that is not there. */
static void
test_none(void **state)
{
	(void)state;
	assert_false(vf_is(0));
	assert_false(vf_is(UINT16_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_none),
	};

	return FILTER_RUN("app_vf", tests, NULL, NULL);
}
