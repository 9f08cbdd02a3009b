/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A device is handed over to a process that is played, with everything wrong that it can be: at
 * each step it ends, or says what makes no sense, and the device is served as before.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "takeover.h"

#define PATIENCE_S 60

static unsigned int fds_up, fds_down; /* with the device, and without */

static void
up(struct rig *b)
{
	const struct rig_conf conf = { .state_dir = takeover_dir };

	fds_down = unit_count_fds();
	takeover_folder();
	rig_up(b, &conf);
	rig_assert_traffic(b);
	fds_up = unit_count_fds();
}

static void
down(struct rig *b)
{
	rig_down(b);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds_down);
}

static void
wait_logged(const char *text)
{
	const time_t until = time(NULL) + PATIENCE_S;

	while (unit_log_count(text) == 0 && time(NULL) < until)
		sched_yield();
	unit_assert_logged_once(text);
	unit_log_clear();
}

static int
ask_socket(void)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
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

/* The step that the process that asks has come to. */
enum step { CONNECTED, WELCOME, COMMITTED, STEPS };

/* What it has by then. */
struct asker {
	int fd;
	int store_fd;
	int fds[VDUSE_HANDOVER_FDS_MAX];
};

static struct asker
ask_up_to(enum step step)
{
	struct asker a = { .fd = ask(), .store_fd = -1, .fds = { -1, -1 } };

	if (step >= WELCOME) {
		takeover_say_type(a.fd, VDUSE_HANDOVER_HELLO);
		takeover_hear(a.fd, VDUSE_HANDOVER_WELCOME, a.fds);
		a.store_fd = a.fds[0];
		a.fds[0] = -1;
	}
	if (step >= COMMITTED) {
		takeover_say_type(a.fd, VDUSE_HANDOVER_READY);
		takeover_hear(a.fd, VDUSE_HANDOVER_COMMIT, a.fds);
	}
	return a;
}

static void
end_asker(struct asker *a)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(a->fds); i++)
		if (a->fds[i] >= 0)
			close(a->fds[i]);
	if (a->store_fd >= 0)
		close(a->store_fd);
	close(a->fd);
}

/* Neither a byte nor a descriptor came, and none will. */
static void
assert_shut(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* Nobody who asks is left: the device stays, and runs, and its owner has heard of nothing. */
static void
assert_stays(struct rig *b, unsigned int link_events)
{
	const time_t until = time(NULL) + PATIENCE_S;

	while (!(rig_is_served(b, 0) && rig_is_served(b, 1)) && time(NULL) < until)
		sched_yield();
	assert_int_equal(rte_vduse_net_hand_over(b->net), -ENOENT);
	rig_assert_traffic(b);
	assert_true(b->link_up);
	assert_in_range(b->link_events, link_events, link_events + 1);
	assert_int_equal(b->successors, 0);
	assert_int_equal(unit_count_fds(), fds_up);
}

/* Another user may be able to reach the socket: it gets nothing. */
static void
test_asker_is_foreign(void **state)
{
	struct rig b;
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
	close(fd);
	assert_stays(&b, b.link_events);
	down(&b);
}

/* It ends at each step, the last one with the device in its hands. */
static void
test_asker_is_gone(void **state)
{
	struct asker a;
	struct rig b;
	enum step step;
	unsigned int i;

	(void)state;
	up(&b);
	assert_stays(&b, b.link_events); /* nobody asked */
	for (i = 0; i < 3; i++) {
		for (step = CONNECTED; step < STEPS; step++) {
			const unsigned int events = b.link_events;

			a = ask_up_to(step);
			if (step < COMMITTED)
				rig_assert_traffic(&b);
			end_asker(&a);
			wait_logged("is gone: this one goes on");
			assert_stays(&b, events);
		}
	}
	down(&b);
}

/* What makes no sense at each step: of another size, type, magic, with descriptors. */
static void
test_asker_talks(void **state)
{
	static const struct {
		size_t len;
		unsigned int nb_fds;
		uint32_t type;
		uint64_t magic;
	} talks[] = {
		{ 1, 0, 0, 0 },
		{ sizeof(struct vduse_handover_msg) - 1, 0, 0, 0 },
		{ sizeof(struct vduse_handover_msg), 1, 0, 0 },
		{ sizeof(struct vduse_handover_msg), 3, 0, 0 },
		{ sizeof(struct vduse_handover_msg), 0, 0, 1 },
		{ sizeof(struct vduse_handover_msg), 0, 77, 0 },
		{ sizeof(struct vduse_handover_msg), 0, VDUSE_HANDOVER_REFUSED, 0 },
		{ sizeof(struct vduse_handover_msg), 2, VDUSE_HANDOVER_COMMIT, 0 },
	};
	static const enum vduse_handover_type next[STEPS] = { VDUSE_HANDOVER_HELLO,
		VDUSE_HANDOVER_READY, VDUSE_HANDOVER_DONE };
	struct vduse_handover_msg msg;
	struct asker a;
	struct rig b;
	unsigned int i;
	enum step step;

	(void)state;
	up(&b);
	for (i = 0; i < RTE_DIM(talks); i++) {
		for (step = CONNECTED; step < STEPS; step++) {
			const unsigned int events = b.link_events;

			a = ask_up_to(step);
			vduse_handover_init_msg(
					&msg, talks[i].type != 0 ? talks[i].type : next[step]);
			msg.device_id = 1;
			msg.magic ^= talks[i].magic;
			takeover_say(a.fd, &msg, talks[i].len, talks[i].nb_fds);
			assert_shut(a.fd);
			wait_logged("does not speak as this one: this one goes on");
			end_asker(&a);
			assert_stays(&b, events);
		}
	}
	down(&b);
}

/* It is of another version, or wants another device: it is told why it does not get this one. */
static void
test_asker_is_refused(void **state)
{
	static const struct {
		uint32_t protocol, store_version, device_id;
		size_t cut;
		const char *reason;
	} hellos[] = {
		{ 1, 0, 0, 0, "protocol of take-over has another version" },
		{ 1, 0, 0, 16, "protocol of take-over has another version" },
		{ 0, 1, 0, 0, "state file has another version" },
		{ 0, 0, 1, 0, "another type" },
	};
	int fds[VDUSE_HANDOVER_FDS_MAX];
	struct vduse_handover_msg msg;
	struct asker a;
	struct rig b;
	unsigned int i;
	int second;

	(void)state;
	up(&b);
	for (i = 0; i < RTE_DIM(hellos); i++) {
		a = ask_up_to(CONNECTED);
		vduse_handover_init_msg(&msg, VDUSE_HANDOVER_HELLO);
		msg.device_id = 1 + hellos[i].device_id;
		msg.protocol += hellos[i].protocol;
		msg.store_version += hellos[i].store_version;
		takeover_say(a.fd, &msg, sizeof(msg) - hellos[i].cut, 0);
		assert_int_equal(vduse_handover_receive(a.fd, &msg, fds), 1);
		assert_int_equal(msg.type, VDUSE_HANDOVER_REFUSED);
		assert_non_null(strstr(msg.reason, hellos[i].reason));
		assert_shut(a.fd);
		end_asker(&a);
		assert_stays(&b, b.link_events);
	}
	/* a second, while there is a first */
	a = ask_up_to(WELCOME);
	second = ask();
	takeover_hear(second, VDUSE_HANDOVER_REFUSED, fds);
	assert_shut(second);
	close(second);
	unit_log_clear();
	end_asker(&a);
	wait_logged("is gone: this one goes on");
	assert_stays(&b, b.link_events);
	down(&b);
}

/* It waits for what does not come: nothing waits for it, and it is told at the end. */
static void
test_asker_waits(void **state)
{
	struct asker a;
	struct rig b;
	enum step step;

	(void)state;
	for (step = CONNECTED; step < COMMITTED; step++) {
		up(&b);
		a = ask_up_to(step);
		rig_assert_traffic(&b);
		rig_down(&b);
		assert_shut(a.fd);
		end_asker(&a);
		assert_int_equal(rmdir(takeover_dir), 0);
		assert_int_equal(unit_count_fds(), fds_down);
	}
}

/* The device was given away, or left: a process that comes goes on with it. */
static void
go_on(struct rig *b)
{
	const time_t until = time(NULL) + PATIENCE_S;

	assert_int_equal(takeover_create(&b->net, false, false), 0);
	unit_assert_logged_once("resumed after the previous process");
	while (!(rig_is_served(b, 0) && rig_is_served(b, 1)) && time(NULL) < until)
		sched_yield();
	assert_true(rig_info(b).dev.started);
	rig_assert_traffic(b);
	assert_int_equal(rte_vduse_net_attach(b->net, RTE_VDUSE_ATTACH_NONE), 0);
	assert_int_equal(fk_reset(b->dev), 0);
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	rig_give_back(b);
}

/* The device, its state file and the socket, and nothing else; the owner hears of it at the end. */
static void
test_handed_over(void **state)
{
	ino_t device, store, socket;
	struct asker a;
	struct rig b;

	(void)state;
	up(&b);
	device = takeover_file(b.net->dev->fd);
	store = takeover_file(b.net->dev->store->fd);
	socket = takeover_file(b.net->dev->handover.listen_fd);
	a = ask_up_to(WELCOME);
	assert_int_equal(takeover_file(a.store_fd), store);
	rig_assert_traffic(&b);
	assert_int_equal(rte_vduse_net_hand_over(b.net), -ENOENT);
	takeover_say_type(a.fd, VDUSE_HANDOVER_READY);
	takeover_hear(a.fd, VDUSE_HANDOVER_COMMIT, a.fds);
	assert_int_equal(takeover_file(a.fds[0]), device);
	assert_int_equal(takeover_file(a.fds[1]), socket);
	/* it is out, and stays as it is */
	assert_int_equal(b.successors, 0);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 1400), -ENODEV);
	takeover_say_type(a.fd, VDUSE_HANDOVER_DONE);
	assert_shut(a.fd);
	wait_logged("another process has taken it over");
	assert_int_equal(rte_vduse_net_hand_over(b.net), 0);
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	assert_int_equal(b.successors, 1);
	assert_int_equal(access(takeover_place.sun_path, F_OK), 0); /* the other listens */
	end_asker(&a);
	go_on(&b);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds_down);
}

/* The owner ends while the other has the device and says nothing: nobody may touch it. */
static void
test_owner_ends(void **state)
{
	struct asker a;
	struct rig b;

	(void)state;
	up(&b);
	a = ask_up_to(COMMITTED);
	rte_vduse_set_busy_wait(0);
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	rte_vduse_set_busy_wait(3000);
	assert_shut(a.fd);
	end_asker(&a);
	go_on(&b);
	assert_int_equal(rmdir(takeover_dir), 0);
	assert_int_equal(unit_count_fds(), fds_down);
}

/* It ends at the very moment that it would get the device: that is served on. */
static int asker = -1;

static void
asker_ends(void)
{
	shutdown(asker, SHUT_RDWR);
}

static void
test_asker_ends_last(void **state)
{
	struct asker a;
	struct rig b;

	(void)state;
	up(&b);
	a = ask_up_to(WELCOME);
	asker = a.fd;
	takeover_other.before_send = asker_ends;
	takeover_say_type(a.fd, VDUSE_HANDOVER_READY);
	wait_logged("is gone: this one goes on where it stopped");
	end_asker(&a);
	assert_stays(&b, b.link_events);
	down(&b);
}

/* Its owner has said so: there is no socket, and no word about one. */
static void
test_nobody_may_ask(void **state)
{
	const struct rig_conf conf = { .state_dir = takeover_dir, .no_successor = true };
	struct rig b;

	(void)state;
	fds_down = unit_count_fds();
	takeover_folder();
	rig_up(&b, &conf);
	rig_assert_traffic(&b);
	assert_int_equal(access(takeover_place.sun_path, F_OK), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(unit_log_count("taken over"), 0);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_asker_is_foreign),
		UNIT_TEST(test_asker_is_gone),
		UNIT_TEST(test_asker_talks),
		UNIT_TEST(test_asker_is_refused),
		UNIT_TEST(test_asker_waits),
		UNIT_TEST(test_handed_over),
		UNIT_TEST(test_owner_ends),
		UNIT_TEST(test_asker_ends_last),
		UNIT_TEST(test_nobody_may_ask),
	};

	return UNIT_RUN("handover", tests);
}
