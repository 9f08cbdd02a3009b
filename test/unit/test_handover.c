/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two processes at the socket where a device changes hands: each of them played against the
 * library's other side, with everything wrong that can be.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "vduse_handover.h"

/* As vduse_handover.c sends it. */
#define MAGIC   UINT64_C(0x7664757365303031)
#define STOPPED 12345

#define NOBODY 65534

#define FDS_MAX 3

static char dir[64];
static struct sockaddr_un place;

/* What the other side does while the library waits for it, or is about to send. NULL: nothing. */
static struct {
	void (*turn)(void);
	unsigned int waits, interrupts;
} other;

int __real_poll(struct pollfd *fds, nfds_t nfds, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t nfds, int ms);
ssize_t __real_sendmsg(int fd, const struct msghdr *hdr, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *hdr, int flags);

static void
other_turn(void)
{
	void (*turn)(void) = other.turn;

	other.turn = NULL;
	if (turn != NULL)
		turn();
}

/* Not so long as it really is. */
int
__wrap_poll(struct pollfd *fds, nfds_t nfds, int ms)
{
	assert_in_range(ms, 1, 60000);
	other.waits++;
	if (other.interrupts > 0) {
		other.interrupts--;
		errno = EINTR;
		return -1;
	}
	other_turn();
	return __real_poll(fds, nfds, 20);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *hdr, int flags)
{
	other_turn();
	return __real_sendmsg(fd, hdr, flags);
}

static void
folder(void)
{
	strcpy(dir, "/dev/shm/handover.XXXXXX");
	assert_non_null(mkdtemp(dir));
	memset(&place, 0, sizeof(place));
	place.sun_family = AF_UNIX;
	snprintf(place.sun_path, sizeof(place.sun_path), "%s/unit.sock", dir);
	memset(&other, 0, sizeof(other));
	unit_log_clear();
}

/* Connect or listen as a user that is neither root nor this one. */
static void
as_nobody(int fd, bool listening)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(1);
		if (listening)
			_exit(listen(fd, 1) < 0);
		_exit(connect(fd, (struct sockaddr *)&place, sizeof(place)) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- the process before is played --- */

static int listener;

static void
before_starts(int backlog)
{
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&place, sizeof(place)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(listener, backlog), 0);
}

static void
before_ends(void)
{
	if (listener >= 0)
		close(listener);
	listener = -1;
	unlink(place.sun_path);
}

/* A message of so many bytes with so many descriptors. */
static const struct talk {
	size_t len;
	unsigned int nb_fds;
	uint64_t magic;
	int answer;
} talks[] = {
	{ 16, 2, MAGIC, 1 },
	{ 0, 0, 0, 0 },                /* as one that goes away */
	{ 0, 2, 0, -EPROTO },          /* nothing but descriptors */
	{ 8, 2, MAGIC, -EPROTO },      /* cut off */
	{ 24, 2, MAGIC, -EPROTO },     /* more behind it */
	{ 16, 2, MAGIC + 1, -EPROTO }, /* of another version */
	{ 16, 2, 0, -EPROTO },
	{ 16, 0, MAGIC, -EPROTO },
	{ 16, 1, MAGIC, -EPROTO },
	{ 16, 3, MAGIC, -EPROTO },
};

static const struct talk *talk;
static ino_t given[FDS_MAX];

static void
before_talks(void)
{
	const uint64_t text[3] = { talk->magic, STOPPED, 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = talk->len };
	char room[CMSG_SPACE(FDS_MAX * sizeof(int))] __rte_aligned(sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int fds[FDS_MAX] = { 0 };
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
	other.turn = turn;
	return vduse_handover_take(dir, "unit", gift);
}

static void
assert_is_file(int fd, ino_t ino)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

/* Good messages are taken, others are refused with all that came along. */
static void
test_messages(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds;

	(void)state;
	folder();
	before_starts(1);
	fds = unit_count_fds();
	for (talk = talks; talk < talks + RTE_DIM(talks); talk++) {
		unit_log_clear();
		memset(&gift, 0xff, sizeof(gift));
		assert_int_equal(take(before_talks, &gift), talk->answer);
		if (talk->answer > 0) {
			assert_is_file(gift.device_fd, given[0]);
			assert_is_file(gift.store_fd, given[1]);
			assert_int_equal(gift.stopped_ns, STOPPED);
		} else {
			assert_int_equal(gift.device_fd, -1);
		}
		assert_int_equal(unit_log_count("Protocol error"), talk->answer < 0);
		assert_int_equal(unit_count_fds(), fds);
	}
	before_ends();
	assert_int_equal(rmdir(dir), 0);
}

/* Nobody is there, or not any more: as after a kill. */
static void
test_before_is_gone(void **state)
{
	struct vduse_handover_gift gift;
	unsigned int fds = unit_count_fds();

	(void)state;
	folder();
	assert_int_equal(take(NULL, &gift), 0); /* no socket */
	unit_assert_logged_once("nothing to take over");
	before_starts(-1);
	assert_int_equal(take(NULL, &gift), 0); /* nobody listens */
	assert_int_equal(other.waits, 0);
	before_ends();
	before_starts(1);
	assert_int_equal(take(before_accepts_and_ends, &gift), 0);
	assert_int_equal(take(before_ends, &gift), 0); /* before it accepted */
	assert_int_equal(other.waits, 2);
	assert_int_equal(rmdir(dir), 0);
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
	folder();
	before_starts(1);
	other.interrupts = 2;
	assert_int_equal(take(before_accepts, &gift), -ETIMEDOUT);
	assert_int_equal(other.waits, 3);
	close(silent);
	silent = -1;
	unit_assert_logged_once("does not let it go");
	assert_int_equal(take(NULL, &gift), -ETIMEDOUT); /* nor accepts */
	before_ends();
	assert_int_equal(rmdir(dir), 0);
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
	folder();
	before_starts(0);
	first = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(first, (struct sockaddr *)&place, sizeof(place)), 0);
	assert_int_equal(take(NULL, &gift), -EBUSY);
	unit_assert_logged_once("others ask");
	close(first);
	before_ends();
	assert_int_equal(rmdir(dir), 0);
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
	folder();
	before_starts(-1);
	as_nobody(listener, true);
	talk = &talks[0];
	assert_int_equal(take(before_talks, &gift), -EPERM);
	assert_int_equal(other.waits, 0);
	unit_assert_logged_once("is another user's");
	before_ends();
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

static int
create(struct rte_vduse_net **net, bool takeover)
{
	const struct rte_vduse_net_conf conf = { .name = "unit",
		.queue_pairs = 1,
		.queue_size = BENCH_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.takeover = takeover,
		.adopt = takeover,
		.state_dir = dir };

	return rte_vduse_net_create(&conf, net);
}

/* A device and a state file that are none: a clean start, and nothing of them is kept. */
static void
test_gift_is_none(void **state)
{
	unsigned int fds = unit_count_fds();
	struct rte_vduse_net *net;

	(void)state;
	folder();
	before_starts(1);
	talk = &talks[0];
	other.turn = before_talks;
	assert_int_equal(create(&net, true), 0);
	assert_null(other.turn);
	close(listener);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	assert_int_equal(unit_count_fds(), fds);
	/* a folder that anybody may write to is no place for what was taken */
	assert_int_equal(chmod(dir, 0777), 0);
	before_starts(1);
	other.turn = before_talks;
	assert_int_equal(create(&net, true), -EPERM);
	assert_null(other.turn);
	before_ends();
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

/* --- the process that follows is played --- */

static unsigned int fds_up, fds_down; /* with the device, and without */

static void
up(struct bench *b)
{
	const struct bench_conf conf = { .state_dir = dir };

	fds_down = unit_count_fds();
	folder();
	bench_up(b, &conf);
	bench_assert_traffic(b);
	fds_up = unit_count_fds();
}

static void
down(struct bench *b)
{
	bench_down(b);
	assert_int_equal(rmdir(dir), 0);
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

	assert_int_equal(connect(fd, (struct sockaddr *)&place, sizeof(place)), 0);
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
	assert_int_equal(create(&b->net, false), 0);
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
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(place.sun_path, 0666), 0);
	fd = ask_socket();
	as_nobody(fd, false);
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
	assert_int_equal(rmdir(dir), 0);
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
	char room[CMSG_SPACE(FDS_MAX * sizeof(int))] __rte_aligned(sizeof(struct cmsghdr)) = { 0 };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg;
	int fds[2];

	assert_int_equal(recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC), 16);
	assert_true(text[0] == MAGIC);
	assert_true(text[1] != 0);
	cmsg = CMSG_FIRSTHDR(&hdr);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_type, SCM_RIGHTS);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(sizeof(fds)));
	memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
	assert_is_file(fds[0], device);
	assert_is_file(fds[1], store);
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
	assert_int_equal(access(place.sun_path, F_OK), -1);
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
	other.turn = asker_ends;
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
		UNIT_TEST(test_messages),
		UNIT_TEST(test_before_is_gone),
		UNIT_TEST(test_before_is_silent),
		UNIT_TEST(test_before_is_busy),
		UNIT_TEST(test_before_is_foreign),
		UNIT_TEST(test_gift_is_none),
		UNIT_TEST(test_asker_is_foreign),
		UNIT_TEST(test_asker_is_gone),
		UNIT_TEST(test_asker_talks),
		UNIT_TEST(test_asker_waits),
		UNIT_TEST(test_handed_over),
		UNIT_TEST(test_asker_ends_last),
	};

	return UNIT_RUN("handover", tests);
}
