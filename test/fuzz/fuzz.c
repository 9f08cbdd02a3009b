/* SPDX-License-Identifier: BSD-3-Clause */

/* What surrounds the device under test. */

#include <string.h>

#include <sanitizer/asan_interface.h>

#include "fuzz.h"

/* Bytes behind an mbuf's data that may not be touched. */
#define RED_ZONE 64

struct rte_mempool *fuzz_pool;

static struct bench good;
static struct fk_ledger ledger_before;

bool
fuzz_next(struct fuzz_input *in, struct fuzz_rec *rec)
{
	const size_t n = RTE_MIN(in->left, sizeof(*rec));

	memset(rec, 0, sizeof(*rec));
	memcpy(rec, in->data, n);
	in->data += n;
	in->left -= n;
	return n > 0;
}

static void
red_zone(struct rte_mempool *pool, void *arg, void *obj, unsigned int i)
{
	struct rte_mbuf *m = obj;

	(void)pool;
	(void)arg;
	(void)i;
	m->buf_len -= RED_ZONE;
	ASAN_POISON_MEMORY_REGION((uint8_t *)m->buf_addr + m->buf_len, RED_ZONE);
}

void
fuzz_init(void)
{
	static const struct fk_conf kernel = {
		.api_newest = VDUSE_API_VERSION_1,
		.vduse_features = 1ULL << VDUSE_F_QUEUE_READY,
		.allow_ctrl_vq = true,
	};
	static const struct bench_conf conf = { .name = "good", .variant.mergeable = true };

	/* a check of the bench's that fails is a crash */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	FUZZ_CHECK(unit_eal(NULL) == 0);
	fuzz_pool = rte_pktmbuf_pool_create("fuzz", FUZZ_MBUFS, 0, 0,
			RTE_PKTMBUF_HEADROOM + FUZZ_DATA_ROOM + RED_ZONE, SOCKET_ID_ANY);
	FUZZ_CHECK(fuzz_pool != NULL);
	rte_mempool_obj_iter(fuzz_pool, red_zone, NULL);
	fk_start(&kernel);
	fuzz_mem_init();
	bench_up(&good, &conf);
	fk_ledger(&ledger_before);
}

void
fuzz_check_rest(void)
{
	struct fk_ledger ledger;

	fuzz_mem_check();
	FUZZ_CHECK(rte_mempool_avail_count(fuzz_pool) == FUZZ_MBUFS);
	bench_assert_traffic(&good);
	FUZZ_CHECK(rte_mempool_avail_count(unit_pool) == UNIT_MBUFS);
	fk_ledger(&ledger);
	FUZZ_CHECK(ledger.maps == ledger_before.maps && ledger.errors == 0);
	unit_log_clear();
}

/*
 * DPDK's heap is one block to the sanitizer: what the library asks it for comes
 * from the C library's instead (-Wl,--wrap).
 */
void *__wrap_rte_malloc(const char *type, size_t size, unsigned int align);
void *__wrap_rte_zmalloc(const char *type, size_t size, unsigned int align);
void __wrap_rte_free(void *ptr);

void *
__wrap_rte_malloc(const char *type, size_t size, unsigned int align)
{
	void *ptr = NULL;

	(void)type;
	return posix_memalign(&ptr, RTE_MAX(align, 64u), size) == 0 ? ptr : NULL;
}

void *
__wrap_rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	void *ptr = __wrap_rte_malloc(type, size, align);

	if (ptr != NULL)
		memset(ptr, 0, size);
	return ptr;
}

void
__wrap_rte_free(void *ptr)
{
	free(ptr);
}
