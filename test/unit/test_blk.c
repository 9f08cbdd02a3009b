/* SPDX-License-Identifier: BSD-3-Clause */

/* The example of a device type from outside, examples/vduse-blk: its requests, good and bad. */

#include <sched.h>

#include "owner.h"

int blk_main(int argc, char **argv);
#define main blk_main
#include "../../examples/vduse-blk/main.c"
#undef main

#define NAME    "a disk with a name of more than 20 bytes"
#define SECTORS 64

#define AT     (GUEST_MAIN + (8ull << 20)) /* headers, status */
#define DATA   (GUEST_MAIN + (10ull << 20))
#define STATUS (AT + 4096)

/* A status that the device never writes. */
#define NONE 0x5a

static struct blk blk;
static struct owner o;

static void
up(const struct rig_variant *variant, uint64_t features)
{
	blk = (struct blk){
		.name = NAME, .memory = SECTORS * BLK_SECTOR, .read_only = blk.read_only
	};
	assert_int_equal(blk_open(&blk), 0);
	assert_int_equal(blk.sectors, SECTORS);
	assert_int_equal(blk_create(&blk), 0);
	assert_int_equal(rte_vduse_dev_ready(blk.dev), 0);
	owner_up(&o, NAME, variant, features);
}

static void
down(void)
{
	owner_down(&o);
	assert_int_equal(rte_vduse_dev_destroy(blk.dev), 0);
	close(blk.fd);
}

static void
write_hdr(uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr hdr = { .type = type, .sector = sector };
	const uint8_t none = NONE;

	guest_write(&o.guest, AT, &hdr, sizeof(hdr));
	guest_write(&o.guest, STATUS, &none, 1);
}

static uint8_t
status(void)
{
	uint8_t byte;

	guest_read(&o.guest, STATUS, &byte, 1);
	return byte;
}

/* One request with data in one piece; returns its status, *len: bytes that were written. */
static uint8_t
request(uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *len)
{
	const bool write = type == VIRTIO_BLK_T_OUT;
	const struct mock_desc descs[] = { { AT, sizeof(struct virtio_blk_outhdr), false },
		{ DATA, bytes, !write }, { STATUS, 1, true } };
	const struct mock_desc no_data[] = { descs[0], descs[2] };
	struct mock_used used;

	write_hdr(type, sector);
	if (bytes > 0)
		owner_add(&o, descs, 3, 0);
	else
		owner_add(&o, no_data, 2, 0);
	assert_int_equal(blk_serve(&blk), 1);
	assert_true(mock_vq_get(&o.vq, &used));
	*len = used.len;
	return status();
}

static void
fill(uint32_t seed, uint32_t bytes)
{
	uint8_t *at = guest_at(&o.guest, DATA);
	uint32_t i;

	for (i = 0; i < bytes; i++)
		at[i] = unit_byte(seed, i);
}

static void
check(uint32_t seed, uint32_t bytes)
{
	const uint8_t *at = guest_at(&o.guest, DATA);
	uint32_t i;

	for (i = 0; i < bytes; i++)
		assert_int_equal(at[i], unit_byte(seed, i));
}

/* What is written is read, with a driver that asks for flushes and one that does not. */
static void
test_contents(void **state)
{
	const uint32_t bytes = 4 * BLK_SECTOR;
	unsigned int v, flush;
	uint32_t len;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		for (flush = 0; flush < 2; flush++) {
			if (rig_variants[v].mergeable)
				continue;
			up(&rig_variants[v], flush ? 1ULL << VIRTIO_BLK_F_FLUSH : 0);
			assert_int_equal(blk.has_flush, flush);
			fill(v, bytes);
			assert_int_equal(request(VIRTIO_BLK_T_OUT, SECTORS - 4, bytes, &len),
					VIRTIO_BLK_S_OK);
			assert_int_equal(len, 1);
			assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, &len), VIRTIO_BLK_S_OK);
			assert_int_equal(len, 1);
			assert_int_equal(request(VIRTIO_BLK_T_IN, 0, bytes, &len), VIRTIO_BLK_S_OK);
			assert_int_equal(*(uint8_t *)guest_at(&o.guest, DATA + 7), 0);
			assert_int_equal(request(VIRTIO_BLK_T_IN, SECTORS - 4, bytes, &len),
					VIRTIO_BLK_S_OK);
			assert_int_equal(len, bytes + 1);
			check(v, bytes);
			down();
		}
	}
}

/* No layout of a request in descriptors is assumed (virtio 1.2, 2.7.4): byte by byte. */
static void
test_layout(void **state)
{
	struct mock_desc descs[2 * BLK_SECTOR];
	const uint32_t hdr = sizeof(struct virtio_blk_outhdr);
	uint16_t i, n;

	(void)state;
	up(&rig_variants[2], 0);
	fill(1, BLK_SECTOR);
	/* to be written: header and data meet in one descriptor */
	write_hdr(VIRTIO_BLK_T_OUT, 3);
	guest_write(&o.guest, DATA - 1, guest_at(&o.guest, AT + hdr - 1), 1);
	descs[0] = (struct mock_desc){ AT, hdr - 1, false };
	descs[1] = (struct mock_desc){ DATA - 1, 1 + BLK_SECTOR, false };
	descs[2] = (struct mock_desc){ STATUS, 1, true };
	owner_add(&o, descs, 3, 0);
	assert_int_equal(blk_serve(&blk), 1);
	assert_int_equal(status(), VIRTIO_BLK_S_OK);
	owner_got(&o, 1);
	/* to be read: every byte has a descriptor */
	memset(guest_at(&o.guest, DATA), 0, BLK_SECTOR);
	write_hdr(VIRTIO_BLK_T_IN, 3);
	for (n = 0; n < hdr; n++)
		descs[n] = (struct mock_desc){ AT + n, 1, false };
	for (i = 0; i < BLK_SECTOR; i++)
		descs[n++] = (struct mock_desc){ DATA + i, 1, true };
	descs[n++] = (struct mock_desc){ STATUS, 1, true };
	owner_add(&o, descs, n, 1);
	assert_int_equal(blk_serve(&blk), 1);
	assert_int_equal(status(), VIRTIO_BLK_S_OK);
	owner_got(&o, BLK_SECTOR + 1);
	check(1, BLK_SECTOR);
	/* and with the status in one piece with the data, across regions */
	descs[1] = (struct mock_desc){ GUEST_PATCH + GUEST_PATCH_SIZE - 100, BLK_SECTOR + 1, true };
	descs[0] = (struct mock_desc){ AT, hdr, false };
	owner_add(&o, descs, 2, 2);
	assert_int_equal(blk_serve(&blk), 1);
	owner_got(&o, BLK_SECTOR + 1);
	guest_read(&o.guest, descs[1].iova, guest_at(&o.guest, DATA), BLK_SECTOR + 1);
	check(1, BLK_SECTOR);
	assert_int_equal(*(uint8_t *)guest_at(&o.guest, DATA + BLK_SECTOR), VIRTIO_BLK_S_OK);
	down();
}

static void
test_id(void **state)
{
	uint32_t len;

	(void)state;
	up(&rig_variants[0], 0);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, &len),
			VIRTIO_BLK_S_OK);
	assert_int_equal(len, VIRTIO_BLK_ID_BYTES + 1);
	assert_memory_equal(guest_at(&o.guest, DATA), NAME, VIRTIO_BLK_ID_BYTES);
	/* room for a part of it only */
	memset(guest_at(&o.guest, DATA), 0, VIRTIO_BLK_ID_BYTES);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 3, &len), VIRTIO_BLK_S_OK);
	assert_memory_equal(guest_at(&o.guest, DATA), NAME, 3);
	assert_int_equal(*(uint8_t *)guest_at(&o.guest, DATA + 3), 0);
	down();
}

/* What a driver has no right to: an answer, and the contents stay as they are. */
static void
test_refused(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		uint32_t bytes;
		uint8_t status;
	} cases[] = {
		{ VIRTIO_BLK_T_OUT, SECTORS, BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, SECTORS - 1, 2 * BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, UINT64_MAX, BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, UINT64_MAX / BLK_SECTOR + 1, BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, 0, BLK_SECTOR - 1, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, SECTORS, BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, 1, SECTORS * BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, UINT64_MAX - 1, 4 * BLK_SECTOR, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_IN, 0, 1, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_DISCARD, 0, 16, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_SCSI_CMD, 0, 0, VIRTIO_BLK_S_UNSUPP },
		{ UINT32_MAX, UINT64_MAX, 0, VIRTIO_BLK_S_UNSUPP },
	};
	uint8_t was[SECTORS * BLK_SECTOR], is[SECTORS * BLK_SECTOR];
	uint32_t len;
	size_t i;

	(void)state;
	up(&rig_variants[0], 0);
	fill(5, sizeof(was));
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, sizeof(was), &len), VIRTIO_BLK_S_OK);
	assert_int_equal(pread(blk.fd, was, sizeof(was), 0), sizeof(was));
	for (i = 0; i < RTE_DIM(cases); i++) {
		fill((uint32_t)i + 6, sizeof(was));
		assert_int_equal(request(cases[i].type, cases[i].sector, cases[i].bytes, &len),
				cases[i].status);
		assert_int_equal(len, 1);
		check((uint32_t)i + 6, cases[i].bytes);
	}
	assert_int_equal(lseek(blk.fd, 0, SEEK_END), sizeof(was));
	assert_int_equal(pread(blk.fd, is, sizeof(is), 0), sizeof(is));
	assert_memory_equal(was, is, sizeof(is));
	down();
}

static void
test_read_only(void **state)
{
	uint32_t len;

	(void)state;
	blk.read_only = true;
	up(&rig_variants[0], 1ULL << VIRTIO_BLK_F_RO);
	fill(1, BLK_SECTOR);
	assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, BLK_SECTOR, &len), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 0, BLK_SECTOR, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(*(uint8_t *)guest_at(&o.guest, DATA + 7), 0);
	down();
	blk.read_only = false;
}

/* What cannot be answered stops the device, and no process; the next driver is served. */
static void
test_hostile(void **state)
{
	static struct mock_desc many[RTE_VDUSE_VQ_SEGS_MAX + 1];
	const uint32_t hdr = sizeof(struct virtio_blk_outhdr);
	const struct {
		struct mock_desc descs[2];
		uint16_t n;
		const char *what;
	} cases[] = {
		{ { { AT, hdr, false } }, 1, "without header or status" },
		{ { { STATUS, 1, true } }, 1, "without header or status" },
		{ { { AT, hdr - 1, false }, { STATUS, 1, true } }, 2, "without header or status" },
		{ { { AT, hdr, false }, { STATUS, 0, true } }, 2, "descriptor of no length" },
		{ { { AT, hdr, false }, { UINT64_MAX, 1, true } }, 2, "outside of every IOVA" },
		{ { { AT, hdr, false }, { GUEST_RO, 1, true } }, 2, "against its permission" },
	};
	struct rte_vduse_info info;
	uint32_t len;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(many); i++)
		many[i] = (struct mock_desc){ AT, 1, false };
	up(&rig_variants[2], 0);
	for (i = 0; i <= RTE_DIM(cases); i++) {
		unit_log_clear();
		if (i < RTE_DIM(cases))
			owner_add(&o, cases[i].descs, cases[i].n, 0);
		else
			owner_add(&o, many, RTE_DIM(many), 0);
		assert_int_equal(blk_serve(&blk), 0);
		rig_settle();
		rte_vduse_dev_info(blk.dev, &info);
		assert_true(info.broken);
		unit_assert_logged_once(
				i < RTE_DIM(cases) ? cases[i].what : "of too many segments");
		owner_got_none(&o);
		assert_int_equal(blk_serve(&blk), 0);
		owner_down(&o);
		owner_up(&o, NAME, &rig_variants[2], 0);
		assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, &len), VIRTIO_BLK_S_OK);
	}
	down();
}

/* The file was cut short meanwhile: an error for the driver. */
static void
test_short_file(void **state)
{
	uint32_t len;

	(void)state;
	up(&rig_variants[0], 0);
	assert_int_equal(ftruncate(blk.fd, 3 * BLK_SECTOR), 0);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 2, 2 * BLK_SECTOR, &len), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 8, BLK_SECTOR, &len), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_IN, 2, BLK_SECTOR, &len), VIRTIO_BLK_S_OK);
	down();
}

/* The thread sleeps, is woken by a kick, and ends. */
static void
test_thread(void **state)
{
	const struct mock_desc descs[] = { { AT, sizeof(struct virtio_blk_outhdr), false },
		{ STATUS, 1, true } };
	const time_t limit = time(NULL) + UNIT_LIMIT_S;
	struct mock_used used;
	unsigned int i;

	(void)state;
	up(&rig_variants[4], 0);
	blk.stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(blk.stop_fd >= 0);
	unit_thread(&blk.thread, blk_run, &blk);
	for (i = 0; i < 100; i++) {
		write_hdr(VIRTIO_BLK_T_FLUSH, 0);
		owner_add(&o, descs, 2, 0);
		if (mock_vq_need_kick(&o.vq))
			fk_kick(o.dev, 0);
		while (!mock_vq_get(&o.vq, &used) && time(NULL) < limit)
			sched_yield();
		assert_int_equal(status(), VIRTIO_BLK_S_OK);
	}
	__atomic_store_n(&blk.stop, true, __ATOMIC_RELAXED);
	eventfd_write(blk.stop_fd, 1);
	pthread_join(blk.thread, NULL);
	close(blk.stop_fd);
	down();
}

static void
test_args(void **state)
{
	static const struct {
		const char *line[8];
		bool good;
	} cases[] = {
		{ { "--name", "x", "--memory", "4" }, true },
		{ { "--name", "x", "--file", "y", "--state-dir", "z", "--read-only" }, true },
		{ { "--name", "x", "--file", "y", "--attach", "vhost" }, true },
		{ { "--memory", "4" }, false },
		{ { "--name", "x" }, false },
		{ { "--name", "x", "--memory", "4", "--file", "y" }, false },
		{ { "--name", "x", "--memory", "four" }, false },
		{ { "--name", "x", "--memory", "4", "--state-dir", "z" }, false },
		{ { "--name", "x", "--memory", "4", "--attach", "tape" }, false },
		{ { "--name", "x", "--memory", "4", "more" }, false },
		{ { "--name", "x", "--memory", "4", "--size" }, false },
	};
	char *argv[10] = { (char *)(uintptr_t) "vduse-blk" };
	struct blk to;
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		for (argc = 1; argc <= 8 && cases[i].line[argc - 1] != NULL; argc++)
			argv[argc] = (char *)(uintptr_t)cases[i].line[argc - 1];
		argv[argc] = NULL;
		memset(&to, 0, sizeof(to));
		assert_int_equal(blk_args(&to, argc, argv), cases[i].good ? 0 : -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_contents),
		UNIT_TEST(test_layout),
		UNIT_TEST(test_id),
		UNIT_TEST(test_refused),
		UNIT_TEST(test_read_only),
		UNIT_TEST(test_hostile),
		UNIT_TEST(test_short_file),
		UNIT_TEST(test_thread),
		UNIT_TEST(test_args),
	};

	return UNIT_RUN("blk", tests);
}
