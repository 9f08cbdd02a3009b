/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A device is taken over from a process that is played, with everything wrong that it can be.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "takeover.h"
#include "vduse_handover.h"

#define STOPPED 12345

static int listener;

static void
before_starts(int backlog)
{
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&takeover_place, sizeof(takeover_place)),
			0);
	if (backlog >= 0)
		assert_int_equal(listen(listener, backlog), 0);
}

static void
before_ends(void)
{
	if (listener >= 0)
		close(listener);
	listener = -1;
	unlink(takeover_place.sun_path);
}

/* A message of so many bytes with so many descriptors. */
static const struct talk {
	size_t len;
	unsigned int nb_fds;
	uint64_t magic;
	int answer;
} talks[] = {
	{ 16, 2, TAKEOVER_MAGIC, 1 },
	{ 0, 0, 0, 0 },                         /* as one that goes away */
	{ 0, 2, 0, -EPROTO },                   /* nothing but descriptors */
	{ 8, 2, TAKEOVER_MAGIC, -EPROTO },      /* cut off */
	{ 24, 2, TAKEOVER_MAGIC, -EPROTO },     /* more behind it */
	{ 16, 2, TAKEOVER_MAGIC + 1, -EPROTO }, /* of another version */
	{ 16, 2, 0, -EPROTO },
	{ 16, 0, TAKEOVER_MAGIC, -EPROTO },
	{ 16, 1, TAKEOVER_MAGIC, -EPROTO },
	{ 16, 3, TAKEOVER_MAGIC, -EPROTO },
};

static const struct talk *talk;
static ino_t given[TAKEOVER_FDS_MAX];

static void
before_talks(void)
{
	const uint64_t text[3] = { talk->magic, STOPPED, 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = talk->len };
	char room[CMSG_SPACE(TAKEOVER_FDS_MAX * sizeof(int))] __rte_aligned(
			sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int fds[TAKEOVER_FDS_MAX] = { 0 };
	struct stat st;
	unsigned int i;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	assert_true(fd >= 0);
	for (i = 0; i < talk->nb_fds; i++) {
		fds[i] = memfd_create("gift", MFD_CLOEXEC);
		assert_int_equal(fstat(fds[i], &st), 0);
		given[i] = st.st_ino;
	}
	if (talk->nb_fds > 0) {
		hdr.msg_control = room;
		hdr.msg_controllen = CMSG_SPACE(talk->nb_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(talk->nb_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, talk->nb_fds * sizeof(int));
	}
	assert_int_equal(__real_sendmsg(fd, &hdr, MSG_NOSIGNAL), talk->len);
	for (i = 0; i < talk->nb_fds; i++)
		close(fds[i]);
	close(fd);
}

static int silent = -1;

static void
before_accepts(void)
{
	silent = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(silent >= 0);
}

static void
before_accepts_and_ends(void)
{
	before_accepts();
	close(silent);
	silent = -1;
}

/* Ask while the other does `turn`. */
static int
take(void (*turn)(void), struct vduse_handover_gift *gift)
{
	takeover_other.turn = turn;
	return vduse_handover_take(takeover_dir, "unit", gift);
}

/* Good messages are taken, others are refused with all that came along. */
static void
test_messages(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds;

	(void)state;
	takeover_folder();
	before_starts(1);
	fds = unit_count_fds();
	for (talk = talks; talk < talks + RTE_DIM(talks); talk++) {
		unit_log_clear();
		memset(&gift, 0xff, sizeof(gift));
		assert_int_equal(take(before_talks, &gift), talk->answer);
		if (talk->answer > 0) {
			takeover_assert_file(gift.device_fd, given[0]);
			takeover_assert_file(gift.store_fd, given[1]);
			assert_int_equal(gift.stopped_ns, STOPPED);
		} else {
			assert_int_equal(gift.device_fd, -1);
		}
		assert_int_equal(unit_log_count("Protocol error"), talk->answer < 0);
		assert_int_equal(unit_count_fds(), fds);
	}
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
}

/* Nobody is there, or not any more: as after a kill. */
static void
test_before_is_gone(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds = unit_count_fds();

	(void)state;
	takeover_folder();
	assert_int_equal(take(NULL, &gift), 0); /* no socket */
	unit_assert_logged_once("nothing to take over");
	before_starts(-1);
	assert_int_equal(take(NULL, &gift), 0); /* nobody listens */
	assert_int_equal(takeover_other.waits, 0);
	before_ends();
	before_starts(1);
	assert_int_equal(take(before_accepts_and_ends, &gift), 0);
	assert_int_equal(take(before_ends, &gift), 0); /* before it accepted */
	assert_int_equal(takeover_other.waits, 2);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(take(NULL, &gift), 0); /* no folder */
	assert_int_equal(unit_count_fds(), fds);
}

/* It does not answer: not waited for without end, and signals do not end the wait. */
static void
test_before_is_silent(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds = unit_count_fds();

	(void)state;
	takeover_folder();
	before_starts(1);
	takeover_other.interrupts = 2;
	assert_int_equal(take(before_accepts, &gift), -ETIMEDOUT);
	assert_int_equal(takeover_other.waits, 3);
	close(silent);
	silent = -1;
	unit_assert_logged_once("does not let it go");
	assert_int_equal(take(NULL, &gift), -ETIMEDOUT); /* nor accepts */
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

/* It accepts nobody, and others wait already: no wait without end either. */
static void
test_before_is_busy(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds = unit_count_fds();
	int first;

	(void)state;
	takeover_folder();
	before_starts(0);
	first = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(first, (struct sockaddr *)&takeover_place, sizeof(takeover_place)),
			0);
	assert_int_equal(take(NULL, &gift), -EBUSY);
	unit_assert_logged_once("others ask");
	close(first);
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

/* Another user's process at the socket: nothing of it is taken, whatever it sends. */
static void
test_before_is_foreign(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds = unit_count_fds();

	(void)state;
	if (geteuid() != 0)
		skip();
	takeover_folder();
	before_starts(-1);
	takeover_as_nobody(listener, true);
	talk = &talks[0];
	assert_int_equal(take(before_talks, &gift), -EPERM);
	assert_int_equal(takeover_other.waits, 0);
	unit_assert_logged_once("is another user's");
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

/* A device and a state file that are none: a clean start, and nothing of them is kept. */
static void
test_gift_is_none(void **state)
{
	unsigned int fds = unit_count_fds();
	struct rte_vduse_net *net;

	(void)state;
	takeover_folder();
	before_starts(1);
	talk = &talks[0];
	takeover_other.turn = before_talks;
	assert_int_equal(takeover_create(&net, true), 0);
	assert_null(takeover_other.turn);
	close(listener);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	assert_int_equal(unit_count_fds(), fds);
	/* a folder that anybody may write to is no place for what was taken */
	assert_int_equal(chmod(takeover_dir, 0777), 0);
	before_starts(1);
	takeover_other.turn = before_talks;
	assert_int_equal(takeover_create(&net, true), -EPERM);
	assert_null(takeover_other.turn);
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_messages),
		UNIT_TEST(test_before_is_gone),
		UNIT_TEST(test_before_is_silent),
		UNIT_TEST(test_before_is_busy),
		UNIT_TEST(test_before_is_foreign),
		UNIT_TEST(test_gift_is_none),
	};

	return UNIT_RUN("takeover", tests);
}
