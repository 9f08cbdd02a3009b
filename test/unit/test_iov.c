/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes of a chain, whatever its segments are. */

#include <string.h>

#include "rte_vduse_iov.h"
#include "unit.h"

/* What the device reads, "abcdefgh" in three segments; and what it writes, in three. */
static char from[] = "abcdefgh", to[8];
static struct iovec iov[6];
static const struct rte_vduse_vq_chain chain = { .iov = iov, .nb_read = 3, .nb_write = 3 };

static int
setup(void **state)
{
	(void)state;
	memset(to, '.', sizeof(to));
	iov[0] = (struct iovec){ from, 1 };
	iov[1] = (struct iovec){ from + 1, 4 };
	iov[2] = (struct iovec){ from + 5, 3 };
	iov[3] = (struct iovec){ to, 3 };
	iov[4] = (struct iovec){ to + 3, 4 };
	iov[5] = (struct iovec){ to + 7, 1 };
	return 0;
}

static void
is_read_across_segments(void **state)
{
	struct rte_vduse_iov data = rte_vduse_iov_readable(&chain);
	char buf[16] = { 0 };

	(void)state;
	assert_int_equal(rte_vduse_iov_len(&data), 8);
	assert_true(rte_vduse_iov_read(&data, buf, 6));
	assert_string_equal(buf, "abcdef");
	assert_int_equal(rte_vduse_iov_len(&data), 2);
	/* there is less: what there is */
	assert_false(rte_vduse_iov_read(&data, buf, 3));
	assert_string_equal(buf, "ghcdef");
	assert_int_equal(data.nb, 0);
	assert_int_equal(rte_vduse_iov_len(&data), 0);
	assert_false(rte_vduse_iov_read(&data, buf, 1));
	assert_true(rte_vduse_iov_read(&data, buf, 0));
}

static void
is_written_across_segments(void **state)
{
	struct rte_vduse_iov data = rte_vduse_iov_writable(&chain);

	(void)state;
	assert_true(rte_vduse_iov_write(&data, "123", 3));
	assert_memory_equal(to, "123.....", 8);
	assert_int_equal(data.nb, 2);
	assert_false(rte_vduse_iov_write(&data, "456789", 6));
	assert_memory_equal(to, "12345678", 8);
	assert_int_equal(data.nb, 0);
}

static void
is_left_out(void **state)
{
	struct rte_vduse_iov data = rte_vduse_iov_readable(&chain);
	char c;

	(void)state;
	rte_vduse_iov_skip(&data, 0);
	assert_int_equal(data.nb, 3);
	rte_vduse_iov_skip(&data, 3);
	assert_int_equal(data.nb, 2);
	assert_true(rte_vduse_iov_read(&data, &c, 1));
	assert_int_equal(c, 'd');
	rte_vduse_iov_skip(&data, 100);
	assert_int_equal(data.nb, 0);
}

/* The last byte may be a segment, or the end of one. */
static void
the_last_byte_is_cut(void **state)
{
	struct rte_vduse_iov data = rte_vduse_iov_writable(&chain);

	(void)state;
	assert_ptr_equal(rte_vduse_iov_cut(&data), to + 7);
	assert_int_equal(data.nb, 2);
	assert_ptr_equal(rte_vduse_iov_cut(&data), to + 6);
	assert_int_equal(data.nb, 2);
	assert_int_equal(rte_vduse_iov_len(&data), 6);
	rte_vduse_iov_skip(&data, 6);
	assert_null(rte_vduse_iov_cut(&data));
}

/* Only the length is looked at. */
static void
a_length_has_64_bits(void **state)
{
	struct iovec large[] = { { from, UINT32_MAX }, { from, UINT32_MAX } };
	const struct rte_vduse_iov data = { large, 2 };

	(void)state;
	assert_int_equal(rte_vduse_iov_len(&data), 2 * (uint64_t)UINT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(is_read_across_segments, setup),
		cmocka_unit_test_setup(is_written_across_segments, setup),
		cmocka_unit_test_setup(is_left_out, setup),
		cmocka_unit_test_setup(the_last_byte_is_cut, setup),
		cmocka_unit_test_setup(a_length_has_64_bits, setup),
	};

	return cmocka_run_group_tests_name("iov", tests, NULL, NULL);
}
