/* SPDX-License-Identifier: BSD-3-Clause */

/* The state file: whose it is, whether it is whole, and who may have it. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

#define NAME "unit"

static char dir[64];
static char path[128];

static const struct vduse_statefile_desc good = {
	.device_id = 1, .nb_queues = 2, .queue_size = 64, .first_control_queue = 2, .nb_spaces = 1
};

static void
folder(void)
{
	strcpy(dir, "/dev/shm/store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/" NAME ".state", dir);
	unit_log_clear();
}

/* A file as a process leaves it that served a device. */
static void
leave(void)
{
	const struct vduse_statefile_id id = { .boot = "boot" };
	struct vduse_statefile *store;

	assert_int_equal(vduse_statefile_open(&store, dir, NAME, -1), 0);
	assert_int_equal(vduse_statefile_format(store, NAME, &good), 0);
	vduse_statefile_served(store, &id);
	vduse_statefile_close(store, false);
}

static enum vduse_statefile_stage
look(bool remove)
{
	struct vduse_statefile *store;
	enum vduse_statefile_stage stage;

	assert_int_equal(vduse_statefile_open(&store, dir, NAME, -1), 0);
	stage = vduse_statefile_stage(store);
	vduse_statefile_close(store, remove);
	return stage;
}

static void
test_good(void **state)
{
	struct stat st;

	(void)state;
	folder();
	assert_int_equal(look(false), VDUSE_STATEFILE_EMPTY);
	leave();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(look(true), VDUSE_STATEFILE_SERVED);
	assert_int_equal(unit_log_count("\n"), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
}

static void
overwrite(size_t offset, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, data, len, offset), len);
	close(fd);
}

static void
bad_magic(void)
{
	overwrite(0, "X", 1);
}

static void
bad_version(void)
{
	const uint32_t version = VDUSE_STATEFILE_VERSION + 1;

	overwrite(offsetof(struct vduse_statefile_head, version), &version, sizeof(version));
}

static void
bad_stage(void)
{
	const uint32_t stage = 7;

	overwrite(offsetof(struct vduse_statefile_head, stage), &stage, sizeof(stage));
}

static void
bad_name(void)
{
	overwrite(offsetof(struct vduse_statefile_head, name), "other", 5);
}

static void
bad_desc(void)
{
	const uint16_t nb_queues = 9;

	overwrite(offsetof(struct vduse_statefile_head, desc.nb_queues), &nb_queues,
			sizeof(nb_queues));
}

static void
bad_bytes(void)
{
	const uint64_t bytes = 1;

	overwrite(offsetof(struct vduse_statefile_head, bytes), &bytes, sizeof(bytes));
}

static void
bad_short(void)
{
	assert_int_equal(truncate(path, 100), 0);
}

static void
bad_cut(void)
{
	assert_int_equal(truncate(path, sizeof(struct vduse_statefile_head) + 64), 0);
}

static void
bad_long(void)
{
	assert_int_equal(truncate(path, 1 << 20), 0);
}

static void
bad_mode(void)
{
	assert_int_equal(chmod(path, 0644), 0);
}

static void
bad_link(void)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void
bad_hard_link(void)
{
	char other[160];

	snprintf(other, sizeof(other), "%s.other", path);
	assert_int_equal(link(path, other), 0);
}

static void
bad_fifo(void)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void
bad_folder(void)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* Each: one line, as good as none, and then a good one in its place. */
static void
test_bad(void **state)
{
	static void (*const bad[])(void) = { bad_magic, bad_version, bad_stage, bad_name, bad_desc,
		bad_bytes, bad_short, bad_cut, bad_long, bad_mode, bad_link, bad_hard_link,
		bad_fifo, bad_folder };
	char command[160];
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		folder();
		leave();
		bad[i]();
		assert_int_equal(look(false), VDUSE_STATEFILE_EMPTY);
		unit_assert_logged_once("it is ignored");
		assert_int_equal(unit_log_count("\n"), 1);
		leave();
		assert_int_equal(look(true), VDUSE_STATEFILE_SERVED);
		snprintf(command, sizeof(command), "rm -rf %s", dir);
		assert_int_equal(system(command), 0);
	}
}

static void
test_locked(void **state)
{
	struct vduse_statefile *one, *two;

	(void)state;
	folder();
	assert_int_equal(vduse_statefile_open(&one, dir, NAME, -1), 0);
	assert_int_equal(vduse_statefile_open(&two, dir, NAME, -1), -EBUSY);
	unit_assert_logged_once("another process serves it");
	assert_int_equal(vduse_statefile_open(&two, dir, "other", -1), 0);
	vduse_statefile_close(two, true);
	vduse_statefile_close(one, true);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_folder(void **state)
{
	struct vduse_statefile *store;
	char below[96];

	(void)state;
	folder();
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(vduse_statefile_open(&store, dir, NAME, -1), -EPERM);
	unit_assert_logged_once("nobody else may write to it");
	assert_int_equal(chmod(dir, 0755), 0);
	/* the last one is made, those above are not */
	snprintf(below, sizeof(below), "%s/a", dir);
	assert_int_equal(vduse_statefile_open(&store, below, NAME, -1), 0);
	vduse_statefile_close(store, true);
	assert_int_equal(rmdir(below), 0);
	snprintf(below, sizeof(below), "%s/a/b", dir);
	assert_int_equal(vduse_statefile_open(&store, below, NAME, -1), -ENOENT);
	assert_int_equal(rmdir(dir), 0);
}

/* Made by a user's service, removed by root: the state, the socket, and nothing that a link leads
 * to. */
static void
test_removed(void **state)
{
	const uid_t user = 65534;
	char sock[sizeof(path)], other[sizeof(path)];
	const uid_t owners[] = { geteuid(), user };
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(owners); i++) {
		folder();
		snprintf(sock, sizeof(sock), "%s/" NAME ".sock", dir);
		leave();
		close(open(sock, O_CREAT | O_WRONLY, 0600));
		if (chown(dir, owners[i], -1) < 0 || chown(path, owners[i], -1) < 0)
			break;
		rte_vduse_state_remove(dir, NAME);
		assert_int_equal(unit_log_count("\n"), 0);
		assert_int_equal(rmdir(dir), 0);
	}
	if (i < RTE_DIM(owners))
		skip(); /* not root */
	folder();
	snprintf(other, sizeof(other), "%s/other", dir);
	close(open(other, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(chown(dir, user, -1), 0);
	rte_vduse_state_remove(dir, NAME);
	assert_int_equal(access(other, F_OK), 0);
	unlink(other);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_blob(void **state)
{
	static struct vduse_statefile_blob blob;
	char room[8] = "";

	(void)state;
	assert_int_equal(vduse_statefile_read(&blob, room, 4), 0);
	assert_int_equal(vduse_statefile_write(&blob, "abcd", 4), 0);
	assert_int_equal(vduse_statefile_read(&blob, room, 4), 4);
	assert_memory_equal(room, "abcd", 4);
	vduse_statefile_patch(&blob, 1, "XY", 2);
	vduse_statefile_patch(&blob, 3, "no", 2);
	assert_int_equal(vduse_statefile_read(&blob, room, 4), 4);
	assert_memory_equal(room, "aXYd", 4);
	assert_int_equal(vduse_statefile_read(&blob, room, 5), 0);
	assert_int_equal(vduse_statefile_write(&blob, room, VDUSE_JOURNAL_BLOB_MAX + 1), -E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_good),
		UNIT_TEST(test_bad),
		UNIT_TEST(test_locked),
		UNIT_TEST(test_folder),
		UNIT_TEST(test_removed),
		UNIT_TEST(test_blob),
	};

	return UNIT_RUN("store", tests);
}
