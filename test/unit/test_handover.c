/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A device is handed over to a process that is played, with everything wrong that it can be.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "takeover.h"
#include "vduse_handover.h"

static unsigned int fds_up, fds_down; /* with the device, and without */

static void
up(struct bench *b)
{
	const struct bench_conf conf = { .state_dir = takeover_dir };

	fds_down = unit_count_fds();
	takeover_folder();
	bench_up(b, &conf);
	bench_assert_traffic(b);
	fds_up = unit_count_fds();
}

static void
down(struct bench *b)
{
	bench_down(b);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds_down);
}

static void
wait_logged(const char *text)
{
	const time_t until = time(NULL) + 10;

	while (unit_log_count(text) == 0 && time(NULL) < until)
		sched_yield();
	unit_assert_logged_once(text);
	unit_log_clear();
}

static int
ask_socket(void)
{
	const struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static int
ask(void)
{
	int fd = ask_socket();

	assert_int_equal(
			connect(fd, (struct sockaddr *)&takeover_place, sizeof(takeover_place)), 0);
	return fd;
}

/* Neither a byte nor a descriptor came, and none will. */
static void
assert_shut(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	close(fd);
}

/* Nobody who asks is left: the device stays, and runs. */
static void
assert_stays(struct bench *b)
{
	assert_int_equal(rte_vduse_net_hand_over(b->net), -ENOENT);
	bench_assert_traffic(b);
	assert_int_equal(unit_count_fds(), fds_up);
}

/* The device was given away, or left: a process that comes goes on with it. */
static void
go_on(struct bench *b)
{
	const time_t until = time(NULL) + 10;

	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	assert_int_equal(takeover_create(&b->net, false), 0);
	unit_assert_logged_once("goes on where another process ended");
	while (!(bench_is_served(b, 0) && bench_is_served(b, 1)) && time(NULL) < until)
		sched_yield();
	assert_true(bench_info(b).dev.started);
}

/* Another user may be able to reach the socket: it gets nothing. */
static void
test_asker_is_foreign(void **state)
{
	struct bench b;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	up(&b);
	assert_int_equal(chmod(takeover_dir, 0755), 0);
	assert_int_equal(chmod(takeover_place.sun_path, 0666), 0);
	fd = ask_socket();
	takeover_as_nobody(fd, false);
	assert_shut(fd);
	assert_int_equal(unit_log_count("wants to take it over"), 0);
	assert_stays(&b);
	down(&b);
}

/* It asks and goes away, again and again. */
static void
test_asker_is_gone(void **state)
{
	struct bench b;
	unsigned int i;
	int fd;

	(void)state;
	up(&b);
	assert_stays(&b); /* nobody asked */
	for (i = 0; i < 3; i++) {
		fd = ask();
		wait_logged("wants to take it over");
		close(fd);
		wait_logged("is gone");
		assert_stays(&b);
		close(ask()); /* perhaps before it was accepted */
		wait_logged("is gone");
		assert_stays(&b);
	}
	down(&b);
}

/* It has nothing to say: whatever it sends is no request. */
static void
test_asker_talks(void **state)
{
	static const char text[4096];
	struct bench b;
	int fd;

	(void)state;
	up(&b);
	fd = ask();
	wait_logged("wants to take it over");
	assert_int_equal(send(fd, text, sizeof(text), MSG_NOSIGNAL), sizeof(text));
	assert_shut(fd);
	wait_logged("is gone");
	assert_stays(&b);
	down(&b);
}

/* It waits for what does not come: nothing waits for it, and it is told at the end. */
static void
test_asker_waits(void **state)
{
	struct bench b;
	int fd;

	(void)state;
	up(&b);
	fd = ask();
	wait_logged("wants to take it over");
	bench_assert_traffic(&b);
	bench_down(&b);
	assert_shut(fd);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds_down);
	up(&b);
	assert_stays(&b); /* it is not asked for any more */
	down(&b);
}

static ino_t
file_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* The device's descriptor and its state file, and nothing else. */
static void
assert_handed(int fd, ino_t device, ino_t store)
{
	uint64_t text[3] = { 0 };
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	char room[CMSG_SPACE(TAKEOVER_FDS_MAX * sizeof(int))] __rte_aligned(
			sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg;
	int fds[2];

	assert_int_equal(recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC), 16);
	assert_true(text[0] == TAKEOVER_MAGIC);
	assert_true(text[1] != 0);
	cmsg = CMSG_FIRSTHDR(&hdr);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_type, SCM_RIGHTS);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(sizeof(fds)));
	memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
	takeover_assert_file(fds[0], device);
	takeover_assert_file(fds[1], store);
}

/* The first who asks gets it, once; a second is sent away. */
static void
test_handed_over(void **state)
{
	ino_t device, store;
	struct bench b;
	int fd;

	(void)state;
	up(&b);
	device = file_of(b.net->dev->fd);
	store = file_of(b.net->dev->store->fd);
	fd = ask();
	wait_logged("wants to take it over");
	assert_shut(ask());
	assert_int_equal(unit_log_count("wants to take it over"), 0);
	assert_int_equal(rte_vduse_net_hand_over(b.net), 0);
	assert_int_equal(access(takeover_place.sun_path, F_OK), -1);
	assert_handed(fd, device, store);
	assert_int_equal(rte_vduse_net_hand_over(b.net), 0); /* done already */
	go_on(&b);
	assert_shut(fd); /* by the destruction at the latest */
	assert_stays(&b);
	down(&b);
}

static int asker = -1;

static void
asker_ends(void)
{
	close(asker);
	asker = -1;
}

/* It ends at the very moment that it would get the device: that is left for the next. */
static void
test_asker_ends_last(void **state)
{
	struct bench b;

	(void)state;
	up(&b);
	asker = ask();
	wait_logged("wants to take it over");
	takeover_other.turn = asker_ends;
	assert_int_equal(rte_vduse_net_hand_over(b.net), 0);
	assert_int_equal(asker, -1);
	unit_assert_logged_once("it stays for the next");
	go_on(&b);
	assert_stays(&b);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_asker_is_foreign),
		UNIT_TEST(test_asker_is_gone),
		UNIT_TEST(test_asker_talks),
		UNIT_TEST(test_asker_waits),
		UNIT_TEST(test_handed_over),
		UNIT_TEST(test_asker_ends_last),
	};

	return UNIT_RUN("handover", tests);
}
