/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A device is taken over: from a process that is played, with everything wrong that it can be, and
 * from one that is there, with each step of this side failed. It stays where it was.
 */

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "life/takeover.h"
#include "takeover.h"

#define PATIENCE_S 60

static int listener, before = -1;

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
before_hangs_up(void)
{
	if (before >= 0)
		close(before);
	before = -1;
}

static void
before_ends(void)
{
	before_hangs_up();
	if (listener >= 0)
		close(listener);
	listener = -1;
	unlink(takeover_place.sun_path);
}

/* What it answers: to a hello, to a ready. */
struct talk {
	uint32_t type; /* 0: it goes away */
	size_t len;    /* 0: all */
	unsigned int nb_fds;
	uint64_t magic;    /* changed by so much */
	uint32_t protocol; /* the same */
	int answer;
	const char *said;
};

static const struct talk *talk;

static void
before_answers(void)
{
	struct vduse_handover_msg msg;

	if (before < 0)
		before = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(before >= 0);
	assert_true(recv(before, &msg, sizeof(msg), 0) == sizeof(msg));
	if (talk->type == 0) {
		before_hangs_up();
		return;
	}
	vduse_handover_init_msg(&msg, talk->type);
	if (talk->type == VDUSE_HANDOVER_REFUSED)
		strcpy(msg.reason, "because of the weather");
	msg.stopped_ns = 12345;
	msg.magic += talk->magic;
	msg.protocol += talk->protocol;
	takeover_say(before, &msg, talk->len != 0 ? talk->len : sizeof(msg), talk->nb_fds);
}

static void
before_accepts(void)
{
	before = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(before >= 0);
}

static void
before_accepts_and_ends(void)
{
	before_accepts();
	before_hangs_up();
}

/* Say hello while the other does `turn`. */
static int
hello(void (*turn)(void), int *fd, int *store_fd)
{
	*fd = -1;
	*store_fd = -1;
	takeover_other.turn = turn;
	return vduse_takeover_hello(takeover_dir, "unit", 1, fd, store_fd);
}

#define MISPLACED "its answer is none"
#define FOREIGN   "it does not speak the protocol"
#define VERSION   "has another version"
#define WEATHER   "because of the weather"

/* What is wrong with either answer. */
static const struct talk wrong[] = {
	{ .answer = 0 },
	{ VDUSE_HANDOVER_REFUSED, 0, 0, 0, 0, -EBUSY, WEATHER },
	{ VDUSE_HANDOVER_REFUSED, 0, 0, 0, 1, -EPROTONOSUPPORT, WEATHER },
	{ VDUSE_HANDOVER_REFUSED, 112, 0, 0, 1, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_REFUSED, 120, 0, 0, 1, -EPROTONOSUPPORT, WEATHER },
	{ VDUSE_HANDOVER_WELCOME, 0, 1, 0, 1, -EPROTONOSUPPORT, VERSION },
	{ VDUSE_HANDOVER_COMMIT, 0, 2, 0, 1, -EPROTONOSUPPORT, VERSION },
	{ VDUSE_HANDOVER_WELCOME, 0, 1, 1, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_WELCOME, 8, 1, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_WELCOME, 0, 0, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_WELCOME, 0, 2, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_WELCOME, 0, 3, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_COMMIT, 0, 0, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_COMMIT, 0, 1, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_COMMIT, 0, 3, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_COMMIT, 127, 2, 0, 0, -EPROTO, FOREIGN },
	{ VDUSE_HANDOVER_HELLO, 0, 0, 0, 0, -EPROTO, MISPLACED },
	{ VDUSE_HANDOVER_DONE, 0, 0, 0, 0, -EPROTO, MISPLACED },
	{ 77, 0, 0, 0, 0, -EPROTO, MISPLACED },
	{ 77, 0, 1, 0, 0, -EPROTO, FOREIGN },
};

static const struct talk welcome = { .type = VDUSE_HANDOVER_WELCOME, .nb_fds = 1 };
static const struct talk commit = { .type = VDUSE_HANDOVER_COMMIT, .nb_fds = 2 };

/* A wrong answer to the hello is refused, with all that came along, and in words. */
static void
test_hello(void **state)
{
	unsigned int fds, i;
	int fd, store_fd;

	(void)state;
	takeover_folder();
	before_starts(1);
	fds = unit_count_fds();
	for (i = 0; i <= RTE_DIM(wrong); i++) {
		talk = i < RTE_DIM(wrong) ? &wrong[i] : &commit;
		unit_log_clear();
		assert_int_equal(hello(before_answers, &fd, &store_fd),
				i < RTE_DIM(wrong) ? talk->answer : -EPROTO);
		if (i < RTE_DIM(wrong) && talk->said != NULL)
			unit_assert_logged_once(talk->said);
		assert_int_equal(fd, -1);
		before_hangs_up();
		assert_int_equal(unit_count_fds(), fds);
	}
	talk = &welcome;
	assert_int_equal(hello(before_answers, &fd, &store_fd), 1);
	takeover_file(store_fd);
	close(store_fd);
	close(fd);
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
}

/* The same for the answer to a ready. */
static void
test_ready(void **state)
{
	struct vduse_takeover_gift gift;
	unsigned int fds, i;
	int fd, store_fd;

	(void)state;
	takeover_folder();
	before_starts(1);
	for (i = 0; i <= RTE_DIM(wrong) + 1; i++) {
		talk = &welcome;
		assert_int_equal(hello(before_answers, &fd, &store_fd), 1);
		close(store_fd);
		fds = unit_count_fds();
		talk = i < RTE_DIM(wrong) ? &wrong[i] : i == RTE_DIM(wrong) ? &welcome : &commit;
		unit_log_clear();
		takeover_other.turn = before_answers;
		if (i > RTE_DIM(wrong)) {
			assert_int_equal(vduse_takeover_ready(fd, "unit", &gift), 1);
			assert_int_equal(gift.stopped_ns, 12345);
			close(gift.device_fd);
			close(gift.listen_fd);
		} else {
			assert_int_equal(vduse_takeover_ready(fd, "unit", &gift),
					i < RTE_DIM(wrong) ? talk->answer : -EPROTO);
			if (i < RTE_DIM(wrong) && talk->said != NULL)
				unit_assert_logged_once(talk->said);
		}
		assert_int_equal(unit_count_fds(), fds - (before < 0));
		close(fd);
		before_hangs_up();
	}
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
}

/* Nobody is there, or not any more: as after a kill. */
static void
test_before_is_gone(void **state)
{
	unsigned int fds = unit_count_fds();
	int fd, store_fd;

	(void)state;
	takeover_folder();
	assert_int_equal(hello(NULL, &fd, &store_fd), 0); /* no socket */
	unit_assert_logged_once("nothing to take over");
	before_starts(-1);
	assert_int_equal(hello(NULL, &fd, &store_fd), 0); /* nobody listens */
	assert_int_equal(takeover_other.waits, 0);
	before_ends();
	before_starts(1);
	assert_int_equal(hello(before_accepts_and_ends, &fd, &store_fd), 0);
	assert_int_equal(hello(before_ends, &fd, &store_fd), 0); /* before it accepted */
	assert_int_equal(takeover_other.waits, 2);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(hello(NULL, &fd, &store_fd), 0); /* no folder */
	assert_int_equal(unit_count_fds(), fds);
}

/* It does not answer: not waited for without end, and signals do not end the wait. */
static void
test_before_is_silent(void **state)
{
	unsigned int fds = unit_count_fds();
	int fd, store_fd;

	(void)state;
	takeover_folder();
	before_starts(1);
	takeover_other.interrupts = 2;
	takeover_other.deaf = true;
	assert_int_equal(hello(before_accepts, &fd, &store_fd), -ETIMEDOUT);
	assert_int_equal(takeover_other.waits, 3);
	before_hangs_up();
	unit_assert_logged_once("does not answer");
	assert_int_equal(hello(NULL, &fd, &store_fd), -ETIMEDOUT); /* nor accepts */
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

/* It accepts nobody, and others wait already: no wait without end either. */
static void
test_before_is_busy(void **state)
{
	unsigned int fds = unit_count_fds();
	int first, fd, store_fd;

	(void)state;
	takeover_folder();
	before_starts(0);
	first = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(first, (struct sockaddr *)&takeover_place, sizeof(takeover_place)),
			0);
	assert_int_equal(hello(NULL, &fd, &store_fd), -EBUSY);
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
	unsigned int fds = unit_count_fds();
	int fd, store_fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	takeover_folder();
	before_starts(-1);
	takeover_as_nobody(listener, true);
	talk = &welcome;
	assert_int_equal(hello(before_answers, &fd, &store_fd), -EPERM);
	assert_int_equal(takeover_other.waits, 0);
	unit_assert_logged_once("is another user's");
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

/* What it shows as the state file is none: no device, and nothing of it is kept. */
static void
test_state_is_none(void **state)
{
	unsigned int fds = unit_count_fds();
	struct rte_vduse_net *net = NULL;

	(void)state;
	takeover_folder();
	before_starts(1);
	talk = &welcome;
	takeover_other.turn = before_answers;
	assert_int_equal(takeover_create(&net, true, false), -EPROTO);
	unit_assert_logged_once("its state file does not describe the device");
	before_hangs_up();
	/* a folder that anybody may write to is no place for it */
	assert_int_equal(chmod(takeover_dir, 0777), 0);
	takeover_other.turn = before_answers;
	assert_int_equal(takeover_create(&net, true, false), -EPERM);
	before_ends();
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds);
}

static void
up(struct rig *b, bool keep)
{
	const struct rig_conf conf = { .state_dir = takeover_dir, .keep = keep };

	takeover_folder();
	rig_up(b, &conf);
	assert_int_equal(rte_vduse_net_attach(b->net, RTE_VDUSE_ATTACH_NONE), 0);
	rig_assert_traffic(b);
}

static void
wait_served(struct rig *b)
{
	const time_t until = time(NULL) + PATIENCE_S;

	while (!(rig_is_served(b, 0) && rig_is_served(b, 1)) && time(NULL) < until)
		sched_yield();
	assert_true(rig_is_served(b, 0) && rig_is_served(b, 1));
}

static void
down(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	rig_give_back(b);
	assert_int_equal(rmdir(takeover_dir), 0);
}

/* The owner's lcore is at it before the device is its: nothing goes through, and nothing breaks. */
struct poller {
	struct rte_vduse_net *net;
	struct rte_mbuf *m;
	pthread_t thread;
	bool stop;
	unsigned int polls;
};

static void *
poll_run(void *arg)
{
	struct poller *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		rte_vduse_net_enqueue(p->net, 0, &p->m, 1);
		__atomic_fetch_add(&p->polls, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
poll_begin(struct poller *p, struct rte_vduse_net *net)
{
	*p = (struct poller){ .net = net, .m = rig_mbuf(1, 100, 100) };
	unit_thread(&p->thread, poll_run, p);
	while (__atomic_load_n(&p->polls, __ATOMIC_RELAXED) == 0)
		sched_yield();
}

static void
poll_end(struct poller *p)
{
	__atomic_store_n(&p->stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	rte_pktmbuf_free(p->m);
}

/* From a device that is served all the time to one that serves; what was set meanwhile is set. */
static void
test_taken_over(void **state)
{
	struct rte_vduse_net_info info;
	struct rte_vduse_net *net;
	struct poller poller;
	struct rig b;

	(void)state;
	up(&b, false);
	assert_int_equal(takeover_create(&net, true, false), 0);
	rig_assert_traffic(&b);
	assert_int_equal(rte_vduse_net_set_mtu(net, 1400), 0);
	assert_int_equal(rte_vduse_net_set_link(net, true), 0);
	assert_int_equal(rte_vduse_net_attach(net, RTE_VDUSE_ATTACH_NONE), 0);
	/* the process before goes on, and sets other things */
	assert_int_equal(rte_vduse_net_set_speed(b.net, 4711), 0);
	assert_int_equal(b.net->dev->store->head->desc.nb_queues, 2);
	rig_assert_traffic(&b);
	poll_begin(&poller, net);
	assert_int_equal(rte_vduse_net_claim(net), 0);
	assert_int_equal(rte_vduse_net_claim(net), 0); /* claimed already */
	assert_int_equal(b.successors, 0);
	assert_int_equal(rte_vduse_net_take_over(net), 0);
	assert_int_equal(rte_vduse_net_take_over(net), 0); /* done already */
	assert_int_equal(rte_vduse_net_claim(net), 0);
	poll_end(&poller);
	assert_int_equal(rte_vduse_net_hand_over(b.net), 0);
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	assert_int_equal(b.successors, 1);
	b.net = net;
	wait_served(&b);
	rig_assert_traffic(&b);
	rte_vduse_net_info(net, &info);
	assert_int_equal(info.mtu, 1400);
	assert_int_equal(net->config.speed, 4711);
	down(&b);
}

/* Its state file cannot be read: refused before anything changes hands, and the file stays. */
static void
test_state_is_unknown(void **state)
{
	struct vduse_statefile_head *head;
	struct rte_vduse_net *net;
	struct rig b;
	unsigned int i;

	(void)state;
	up(&b, false);
	head = b.net->dev->store->head;
	for (i = 0; i < 2; i++) {
		if (i == 0)
			head->version++;
		else
			head->desc.queue_size ^= 1;
		assert_int_equal(takeover_create(&net, true, false), -EPROTO);
		unit_assert_logged_once(i == 0 ? "another version; stop that process"
					       : "damaged; stop that process");
		assert_int_equal(unit_log_count("ignored"), 0);
		unit_log_clear();
		rig_assert_traffic(&b);
		if (i == 0)
			head->version--;
		else
			head->desc.queue_size ^= 1;
	}
	/* it is the same file all the time */
	assert_int_equal(takeover_create(&net, true, false), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	rig_assert_traffic(&b);
	down(&b);
}

/* What fails on this side before it has the device: nobody notices. */
static void
test_start_fails(void **state)
{
	struct rte_vduse_net *net;
	struct rig b;
	unsigned int i;

	(void)state;
	up(&b, false);
	for (i = 0; i < 3; i++) {
		assert_int_equal(takeover_create(&net, true, false), 0);
		assert_int_equal(rte_vduse_net_set_mtu(net, 1400), 0);
		assert_int_equal(rte_vduse_net_destroy(net), 0);
		rig_assert_traffic(&b);
	}
	/* it has the device, and does not keep it */
	assert_int_equal(takeover_create(&net, true, false), 0);
	assert_int_equal(rte_vduse_net_claim(net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	wait_served(&b);
	rig_assert_traffic(&b);
	assert_int_equal(b.successors, 0);
	/* that it is what was promised is found out with the device in hand */
	assert_int_equal(takeover_create(&net, true, false), 0);
	fk_fail(VDUSE_IOC_VQ_INFO, 0, 1, -EINVAL);
	assert_int_equal(rte_vduse_net_take_over(net), -EPROTO);
	unit_assert_logged_once("another device than was asked for");
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	wait_served(&b);
	rig_assert_traffic(&b);
	assert_int_equal(b.successors, 0);
	assert_int_equal(rte_vduse_net_hand_over(b.net), -ENOENT);
	down(&b);
}

/* The process before ends, however it does, when it has been asked and not been told to let go. */
static void
test_before_ends_meanwhile(void **state)
{
	struct rte_vduse_net *net;
	struct rig b;

	(void)state;
	up(&b, true);
	assert_int_equal(takeover_create(&net, true, false), 0);
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	unit_assert_logged_once("stays for the process that follows");
	b.net = net;
	assert_int_equal(rte_vduse_net_take_over(net), 0);
	unit_assert_logged_once("resumed after the previous process");
	wait_served(&b);
	rig_assert_traffic(&b);
	assert_int_equal(rte_vduse_net_attach(net, RTE_VDUSE_ATTACH_NONE), 0);
	down(&b);

	up(&b, false);
	assert_int_equal(takeover_create(&net, true, false), 0);
	rig_down(&b);
	assert_int_equal(rte_vduse_net_take_over(net), -ENOENT);
	unit_assert_logged_once("start this one again to create it");
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	assert_int_equal(rmdir(takeover_dir), 0);
}

/* In order: with `keep` it is as after a hand-over, and the next goes on; without it is gone. */
static void
test_kept(void **state)
{
	struct rig b;
	unsigned int i;

	(void)state;
	up(&b, true);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rte_vduse_net_destroy(b.net), 0);
		assert_int_equal(access(takeover_place.sun_path, F_OK), -1);
		/* who did not come so far as to serve it leaves it as it is */
		assert_int_equal(takeover_create(&b.net, false, false), 0);
		assert_int_equal(rte_vduse_net_destroy(b.net), 0);
		unit_log_clear();
		assert_int_equal(takeover_create(&b.net, false, true), 0);
		unit_assert_logged_once("resumed after the previous process");
		wait_served(&b);
		rig_assert_traffic(&b);
		assert_int_equal(rte_vduse_net_attach(b.net, RTE_VDUSE_ATTACH_NONE), 0);
	}
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	assert_int_equal(takeover_create(&b.net, false, false), 0);
	assert_int_equal(rte_vduse_net_attach(b.net, RTE_VDUSE_ATTACH_NONE), 0);
	wait_served(&b);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_hello),
		UNIT_TEST(test_ready),
		UNIT_TEST(test_before_is_gone),
		UNIT_TEST(test_before_is_silent),
		UNIT_TEST(test_before_is_busy),
		UNIT_TEST(test_before_is_foreign),
		UNIT_TEST(test_state_is_none),
		UNIT_TEST(test_taken_over),
		UNIT_TEST(test_state_is_unknown),
		UNIT_TEST(test_start_fails),
		UNIT_TEST(test_before_ends_meanwhile),
		UNIT_TEST(test_kept),
	};

	return UNIT_RUN("takeover", tests);
}
