/* SPDX-License-Identifier: BSD-3-Clause */

/* What surrounds the device under test. */

#include <limits.h>
#include <string.h>

/* clang has it in a package of its own, which a build with no sanitizer does without. */
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#include "fuzz.h"
#include "mem/deferred.h"

/* Bytes behind an mbuf's data that may not be touched. */
#define RED_ZONE 64

struct rte_mempool *fuzz_pool;

static struct rig good;
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

struct rte_mempool *
fuzz_pool_create(const char *name, unsigned int n, uint16_t room)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
			name, n, 0, 0, RTE_PKTMBUF_HEADROOM + room + RED_ZONE, SOCKET_ID_ANY);
	struct rte_pktmbuf_pool_private *own;

	FUZZ_CHECK(pool != NULL);
	rte_mempool_obj_iter(pool, red_zone, NULL);
	/* what an mbuf gets back that was attached to other memory */
	own = rte_mempool_get_priv(pool);
	own->mbuf_data_room_size -= RED_ZONE;
	return pool;
}

void
fuzz_init(void)
{
	static const struct fk_conf kernel = {
		.api_newest = VDUSE_ABI_VERSION_1,
		.vduse_features = 1ULL << VDUSE_ABI_F_QUEUE_READY,
		.allow_ctrl_vq = true,
	};
	static const struct rig_conf conf = { .name = "good", .variant.mergeable = true };

	/* a check of the rig's that fails is a crash */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	FUZZ_CHECK(unit_eal(NULL) == 0);
	fuzz_pool = fuzz_pool_create("fuzz", FUZZ_MBUFS, FUZZ_DATA_ROOM);
	unit_clock_stop();
	fk_start(&kernel);
	fuzz_mem_init();
	rig_up(&good, &conf);
	fk_ledger(&ledger_before);
}

static struct rte_mbuf *held[64];
static unsigned int nb_held;

/* Each byte can be read, also where the driver's memory is gone. */
static void
mbuf_read(const struct rte_mbuf *m)
{
	volatile uint8_t sum = 0;
	uint16_t i;

	for (; m != NULL; m = m->next)
		for (i = 0; i < m->data_len; i++)
			sum = sum + *rte_pktmbuf_mtod_offset(m, const uint8_t *, i);
}

void
fuzz_held_free(unsigned int n)
{
	unsigned int i;

	if (n == UINT_MAX) {
		while (nb_held > 0)
			fuzz_held_free(0);
		return;
	}
	if (nb_held == 0)
		return;
	i = nb_held - 1 - n % nb_held;
	mbuf_read(held[i]);
	rte_pktmbuf_free(held[i]);
	held[i] = held[--nb_held];
}

/* The last one is what fuzz_held_free(0) gives back. */
void
fuzz_hold(struct rte_mbuf *m)
{
	if (nb_held == RTE_DIM(held))
		fuzz_held_free(nb_held - 1);
	held[nb_held++] = m;
}

void
fuzz_clock_pass(void)
{
	unit_clock_pass(rte_get_tsc_hz());
}

void
fuzz_check_rest(void)
{
	struct fk_ledger ledger;

	fuzz_mem_check();
	FUZZ_CHECK(vduse_deferred_reap() == 0);
	FUZZ_CHECK(rte_mempool_avail_count(fuzz_pool) == FUZZ_MBUFS);
	fuzz_clock_pass();
	rig_assert_traffic(&good);
	FUZZ_CHECK(rte_mempool_avail_count(unit_pool) == UNIT_MBUFS);
	fk_ledger(&ledger);
	if (ledger.errors != 0)
		fprintf(stderr, "%s\n", ledger.error);
	FUZZ_CHECK(ledger.errors == 0);
	if (ledger.maps != ledger_before.maps)
		fprintf(stderr, "%u mappings, before: %u\n", ledger.maps, ledger_before.maps);
	FUZZ_CHECK(ledger.maps == ledger_before.maps);
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
	if (posix_memalign(&ptr, RTE_MAX(align, 64u), size) != 0)
		return NULL;
	return ptr;
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
