/* SPDX-License-Identifier: BSD-3-Clause */

/* The server and its clients: slow, half gone, gone, too many, without rights; and its socket. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "filter.h"
#include "peer.h"

static struct rig rig;

static void
test_half_a_message(void **state)
{
	const int fd = rig_connect(&rig), idle = rig_connect(&rig);

	(void)state;
	rig_send(fd, "{", 1);
	rig_run(&rig);
	rig.mock.now += 20000;
	rig_send(fd, "\"", 1); /* a byte now and then is no message */
	rig_run(&rig);
	rig.mock.now += 9999;
	varlink_server_run(control_server(rig.mock.control));
	assert_false(rig_closed(&rig, fd));
	rig.mock.now++;
	varlink_server_run(control_server(rig.mock.control));
	assert_true(rig_closed(&rig, fd));
	assert_int_equal(rig_stats(&rig).stalled, 1);
	/* who has nothing to say may stay */
	rig.mock.now += 1000000;
	rig_expect(&rig, idle, ADD_NET0, CHANGED);
	close(fd);
	close(idle);
}

static void
test_does_not_read(void **state)
{
	const int fd = rig_connect(&rig);
	unsigned int i;

	(void)state;
	for (i = 0; i < MOCK_CONTAINERS; i++) {
		control_defaults(&control_container_words, &rig.mock.containers[i]);
		memset(rig.mock.containers[i].netns, 'x', 1000);
	}
	rig.mock.nb_containers = MOCK_CONTAINERS;
	rig_text(fd, CALL("ListContainers"));
	rig_run(&rig);
	rig.mock.now += 30000;
	varlink_server_run(control_server(rig.mock.control));
	assert_int_equal(rig_stats(&rig).stalled, 1);
	assert_int_equal(rig_stats(&rig).clients, 0);
	close(fd);
}

/* Who sends no more gets all its answers, also those that take longer. */
static void
test_half_closed(void **state)
{
	const int fd = rig_connect(&rig);
	char *text;

	(void)state;
	rig_expect(&rig, fd, ADD_NET0, CHANGED);
	rig.mock.later = true;
	rig_text(fd, ADD_C1);
	rig_text(fd, ADD_NET0);
	shutdown(fd, SHUT_WR);
	rig_run(&rig);
	assert_false(rig_closed(&rig, fd));
	mock_finish(&rig.mock);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, CHANGED);
	free(text);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, UNCHANGED);
	free(text);
	assert_true(rig_closed(&rig, fd));
	close(fd);
}

/* Who is gone does not take back what it asked for; and is not waited for. */
static void
test_gone(void **state)
{
	int fd = rig_connect(&rig);

	(void)state;
	rig_expect(&rig, fd, ADD_NET0, CHANGED);
	rig.mock.later = true;
	rig_text(fd, ADD_C1);
	rig_run(&rig);
	close(fd);
	rig_run(&rig);
	assert_non_null(rig.mock.waiting);
	mock_finish(&rig.mock);
	rig_run(&rig);
	assert_int_equal(rig.mock.nb_containers, 1);
	assert_int_equal(rig.mock.gone, 0);
	assert_int_equal(rig_stats(&rig).clients, 0);
	/* a call that wants no answer is heard from one who did not stay */
	fd = rig_connect(&rig);
	rig_text(fd, "{\"method\":\"org.dpdk.vduse.RemoveContainer\",\"oneway\":true,"
		     "\"parameters\":{\"name\":\"c1\"}}");
	close(fd);
	rig_run(&rig);
	assert_int_equal(rig.mock.nb_containers, 0);
	assert_int_equal(rig_stats(&rig).clients, 0);
}

static void
test_end_with_clients(void **state)
{
	static struct rig own;
	int fd;

	(void)state;
	rig_open(&own, VARLINK_NO_GROUP);
	fd = rig_connect(&own);
	rig_expect(&own, fd, ADD_NET0, CHANGED);
	rig_expect(&own, fd, MONITOR, READY);
	own.mock.later = true;
	fd = rig_connect(&own);
	rig_text(fd, ADD_C1);
	rig_run(&own);
	rig_close(&own);
	assert_int_equal(own.mock.gone, 1);
}

static void
test_monitor(void **state)
{
	const int fd = rig_connect(&rig), other = rig_connect(&rig);
	const struct control_event fault = { "fault", .container = "c1", .text = "ring \xff" };
	char *text;

	(void)state;
	rig_expect(&rig, fd, MONITOR, READY);
	rig_expect(&rig, other, ADD_NET0, CHANGED);
	rig_expect(&rig, other, ADD_NET0, UNCHANGED);
	rig_expect(&rig, other, ADD_C1, CHANGED);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, "{\"parameters\":{\"event\":\"network_added\",\"network\":"
				  "\"net0\"},\"continues\":true}");
	free(text);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, "{\"parameters\":{\"event\":\"container_added\",\"container\":"
				  "\"c1\"},\"continues\":true}");
	free(text);
	control_event(rig.mock.control, &fault);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, "{\"parameters\":{\"event\":\"fault\",\"container\":\"c1\","
				  "\"text\":\"ring ?\"},\"continues\":true}");
	free(text);
	assert_null(rig_receive(&rig, fd));
	/* gone is gone */
	shutdown(fd, SHUT_WR);
	assert_true(rig_closed(&rig, fd));
	control_event(rig.mock.control, &fault);
	close(fd);
	close(other);
}

static void
test_slow_monitor(void **state)
{
	const int fd = rig_connect(&rig), other = rig_connect(&rig);
	struct control_event event = { "fault", .text = NULL };
	unsigned int i;
	char text[1024];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	event.text = text;
	rig_expect(&rig, other, MONITOR, READY);
	rig_expect(&rig, fd, MONITOR, READY);
	/* 256 KiB wait here, the rest in the socket */
	for (i = 0; i < 4096 && rig_stats(&rig).slow == 0; i++) {
		control_event(rig.mock.control, &event);
		free(rig_receive(&rig, other));
	}
	assert_int_equal(rig_stats(&rig).slow, 1);
	assert_true(i > 256);
	rig_run(&rig);
	assert_int_equal(rig_stats(&rig).clients, 1);
	rig_text(other, CALL("No"));
	close(fd);
	close(other);
}

static void
many(unsigned int nb)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * nb + 64)
		skip();
}

static void
test_thousand_clients(void **state)
{
	int fds[1000], other;
	unsigned int i;
	char *text;

	(void)state;
	many(1000);
	for (i = 0; i < 1000; i++)
		fds[i] = rig_connect(&rig);
	/* half of them say half a word, the others say nothing, and one has a wish */
	for (i = 0; i < 1000; i += 2)
		rig_send(fds[i], "{\"method\":", 10);
	other = rig_connect(&rig);
	rig_expect(&rig, other, ADD_NET0, CHANGED);
	close(other);
	for (i = 0; i < 1000; i += 2)
		rig_send(fds[i], "\"org.dpdk.vduse.ListFdb\"}", 26);
	for (i = 1; i < 1000; i += 2)
		rig_text(fds[i], CALL("ListFdb"));
	for (i = 0; i < 1000; i++) {
		text = rig_receive(&rig, fds[i]);
		assert_non_null(text);
		free(text);
		close(fds[i]);
	}
	rig_run(&rig);
	assert_int_equal(rig_stats(&rig).clients, 0);
}

static void
test_too_many_clients(void **state)
{
	int fds[1025];
	unsigned int i;

	(void)state;
	many(1025);
	for (i = 0; i < 1024; i++)
		fds[i] = rig_connect(&rig);
	/* the first has spoken since: the second is at rest for longest */
	rig_expect(&rig, fds[0], ADD_NET0, CHANGED);
	fds[1024] = rig_connect(&rig);
	rig_expect(&rig, fds[1024], ADD_NET0, UNCHANGED);
	assert_int_equal(rig_stats(&rig).evicted, 1);
	assert_false(rig_closed(&rig, fds[0]));
	assert_true(rig_closed(&rig, fds[1]));
	for (i = 0; i < 1025; i++)
		close(fds[i]);
}

static void
test_no_descriptor_left(void **state)
{
	const int idle = rig_connect(&rig);
	struct rlimit before, limit;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	strcpy(addr.sun_path, rig.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	limit = before;
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
	/* the one at rest makes room, which is not enough: later */
	rig_run(&rig);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(rig_closed(&rig, idle));
	assert_int_equal(rig_stats(&rig).clients, 0);
	rig.mock.now += 1000;
	varlink_server_run(control_server(rig.mock.control));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	rig_expect(&rig, fd, ADD_NET0, CHANGED);
	close(idle);
	close(fd);
}

/* In another process, with these rights: what comes of a call. 1: connect(2) is refused. */
static int
ask_as(uid_t uid, gid_t group, gid_t more)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char answer[512] = "";
	int fd, status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		strcpy(addr.sun_path, rig.path);
		if (setgroups(1, &more) != 0 || setresgid(group, group, group) != 0 ||
				setresuid(uid, uid, uid) != 0)
			_exit(99);
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
			_exit(errno == EACCES ? 1 : 99);
		if (send(fd, ADD_NET0, sizeof(ADD_NET0), MSG_NOSIGNAL) < 0 ||
				recv(fd, answer, sizeof(answer) - 1, 0) < 0)
			_exit(99);
		_exit(strstr(answer, "PermissionDenied") != NULL        ? 2
				: strstr(answer, "\"changed\"") != NULL ? 0
									: 99);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd pfd = { .fd = varlink_server_fd(control_server(rig.mock.control)),
			.events = POLLIN };

		poll(&pfd, 1, 10);
		varlink_server_run(control_server(rig.mock.control));
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define GROUP 4711

/* Whether the kernel tells the supplementary groups of a peer: an emulator of user programs does
 * not. */
static bool
groups_told(void)
{
	const gid_t group = GROUP;
	struct varlink_peer peer;
	int pair[2], status;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(setgroups(1, &group) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
				varlink_peer_get(pair[0], &peer) == 0 && peer.nb_groups == 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 1;
}

static int
setup_group(void **state)
{
	(void)state;
	rig_open(&rig, geteuid() == 0 ? GROUP : VARLINK_NO_GROUP);
	return 0;
}

static void
test_rights(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(stat(rig.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, GROUP);
	assert_int_equal(chmod(rig.folder, 0755), 0);
	/* by the socket's mode */
	assert_int_equal(ask_as(65534, 65534, 65534), 1);
	assert_int_equal(ask_as(65534, GROUP, 65534), 0);
	/* and by the server's own look, where somebody changed the mode */
	assert_int_equal(chmod(rig.path, 0666), 0);
	assert_int_equal(ask_as(65534, 65534, 65534), 2);
	assert_int_equal(ask_as(65534, GROUP, 65534), 0);
	assert_int_equal(rig_stats(&rig).refused, 1);
	assert_int_equal(ask_as(0, 0, 0), 0);
	if (groups_told())
		assert_int_equal(ask_as(65534, 65534, GROUP), 0);
}

static int
observe(struct rig *of)
{
	int fd;

	snprintf(of->path, sizeof(of->path), "%s/observe", of->folder);
	assert_int_equal(varlink_server_observe(control_server(of->mock.control), of->path,
					 geteuid() == 0 ? GROUP : VARLINK_NO_GROUP),
			0);
	fd = rig_connect(of);
	return fd;
}

/* What looks is answered there, and nothing else. */
static void
test_observers(void **state)
{
	const int control = rig_connect(&rig), fd = observe(&rig);
	static const char *const changes[] = { ADD_NET0, WITH("RemoveNetwork", "\"name\":\"net0\""),
		WITH("SetNetwork", "\"name\":\"net0\",\"mtu\":9000"), ADD_C1,
		WITH("RemoveContainer", "\"name\":\"c1\""),
		WITH("SetContainer", "\"name\":\"c1\",\"vlan\":1"), CALL("Rebalance"),
		CALL("Reload"), CALL("Check") };
	unsigned int i;
	char *text;

	(void)state;
	rig_expect(&rig, fd, CALL("ListNetworks"), NOTHING);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		rig_expect(&rig, fd, changes[i], ERROR(SERVICE ".PermissionDenied", ""));
	rig_expect(&rig, fd, CALL("ListNetworks"), NOTHING);
	rig_expect(&rig, control, ADD_NET0, CHANGED);
	text = rig_receive(&rig, fd);
	assert_null(text);
	rig_text(fd, "{\"method\":\"" SERVICE ".GetInfo\"}");
	text = rig_receive(&rig, fd);
	assert_non_null(strstr(text, "org.dpdk.vduse"));
	free(text);
	rig_expect(&rig, fd, MONITOR, READY);
	close(fd);
	close(control);
}

/* They take places of each other, and of nobody else. */
static void
test_many_observers(void **state)
{
	const int control = rig_connect(&rig), fd = observe(&rig);
	int fds[65];
	unsigned int i;

	(void)state;
	for (i = 0; i < 65; i++)
		fds[i] = rig_connect(&rig);
	assert_int_equal(rig_stats(&rig).clients, 1 + 64);
	assert_true(rig_closed(&rig, fd));
	assert_true(rig_closed(&rig, fds[0]));
	assert_false(rig_closed(&rig, fds[1]));
	/* all of them are at it: there is no place for another */
	for (i = 1; i < 65; i++)
		rig_expect(&rig, fds[i], MONITOR, READY);
	close(fd);
	close(fds[0]);
	fds[0] = rig_connect(&rig);
	assert_true(rig_closed(&rig, fds[0]));
	rig_expect(&rig, control, ADD_NET0, CHANGED);
	for (i = 0; i < 65; i++)
		close(fds[i]);
	rig_run(&rig);
	assert_int_equal(rig_stats(&rig).clients, 1);
	fds[0] = rig_connect(&rig);
	assert_int_equal(rig_stats(&rig).clients, 2);
	close(fds[0]);
	close(control);
}

/* Who may give orders need not be who looks. */
static void
test_observers_rights(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	close(observe(&rig));
	assert_int_equal(stat(rig.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, GROUP);
	assert_int_equal(chmod(rig.folder, 0755), 0);
	assert_int_equal(ask_as(65534, 65534, 65534), 1);
	/* they may look: what they call here is refused */
	assert_int_equal(ask_as(65534, GROUP, 65534), 2);
	assert_int_equal(ask_as(0, 0, 0), 2);
	assert_int_equal(rig_stats(&rig).refused, 0);
	snprintf(rig.path, sizeof(rig.path), "%s/control", rig.folder);
	assert_int_equal(ask_as(65534, GROUP, 65534), 1);
	assert_int_equal(ask_as(0, 0, 0), 0);
}

static void
test_socket(void **state)
{
	struct mock other;
	struct varlink_server *server;
	char path[128];
	int fd;

	(void)state;
	mock_open(&other, VARLINK_NO_GROUP);
	server = control_server(other.control);
	/* somebody listens there */
	assert_int_equal(varlink_server_listen(server, rig.path), -EADDRINUSE);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(varlink_server_listen(server, path), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/none/control", rig.folder);
	assert_int_equal(varlink_server_listen(server, path), -ENOENT);
	/* no socket is not ours to remove */
	snprintf(path, sizeof(path), "%s/file", rig.folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(varlink_server_listen(server, path), -EADDRINUSE);
	unlink(path);
	/* one that a process before left */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	{
		struct sockaddr_un addr = { .sun_family = AF_UNIX };

		strcpy(addr.sun_path, path);
		assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	close(fd);
	assert_int_equal(varlink_server_listen(server, path), 0);
	mock_close(&other);
	assert_int_equal(access(path, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define GROUP_TEST(name) \
	cmocka_unit_test_prestate_setup_teardown(name, setup_group, rig_teardown, &rig)
		RIG_TEST(test_half_a_message),
		RIG_TEST(test_does_not_read),
		RIG_TEST(test_half_closed),
		RIG_TEST(test_gone),
		RIG_TEST(test_end_with_clients),
		RIG_TEST(test_monitor),
		RIG_TEST(test_slow_monitor),
		RIG_TEST(test_thousand_clients),
		RIG_TEST(test_too_many_clients),
		RIG_TEST(test_no_descriptor_left),
		GROUP_TEST(test_rights),
		RIG_TEST(test_observers),
		RIG_TEST(test_many_observers),
		RIG_TEST(test_observers_rights),
		RIG_TEST(test_socket),
	};

	return FILTER_RUN("varlink_clients", tests, NULL, NULL);
}
