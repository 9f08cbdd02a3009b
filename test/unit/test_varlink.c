/* SPDX-License-Identifier: BSD-3-Clause */

/* The protocol: calls that are none, order, pieces, bounds, descriptors. */

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

#include "conn.h"
#include "control_rig.h"
#include "filter.h"
#include "peer.h"

static struct rig rig;

/* A call on a connection of its own. */
static void
expect(const char *call, const char *answer)
{
	const int fd = rig_connect(&rig);

	rig_expect(&rig, fd, call, answer);
	close(fd);
}

static void
test_service(void **state)
{
	const int fd = rig_connect(&rig);
	json_t *json;
	char *text;

	(void)state;
	rig_expect(&rig, fd, "{\"method\":\"" SERVICE ".GetInfo\"}",
			"{\"parameters\":{\"interfaces\":[\"" SERVICE "\",\"org.dpdk.vduse\"],"
			"\"product\":\"dpdk-vduse-net\",\"url\":\"\",\"vendor\":\"dpdk-vduse\","
			"\"version\":\"1.2.3\"}}");
	rig_text(fd, "{\"method\":\"" SERVICE ".GetInterfaceDescription\",\"parameters\":{"
		     "\"interface\":\"org.dpdk.vduse\"}}");
	text = rig_receive(&rig, fd);
	json = json_loads(text, 0, NULL);
	assert_string_equal(control_description,
			json_string_value(json_object_get(
					json_object_get(json, "parameters"), "description")));
	json_decref(json);
	free(text);
	close(fd);
}

static void
test_no_such_method(void **state)
{
	(void)state;
	expect("{\"method\":\"org.example.Do\"}",
			ERROR(SERVICE ".InterfaceNotFound", "\"interface\":\"org.example\""));
	expect("{\"method\":\"Do\"}", ERROR(SERVICE ".InterfaceNotFound", "\"interface\":\"Do\""));
	expect("{\"method\":\"\"}", ERROR(SERVICE ".InterfaceNotFound", "\"interface\":\"\""));
	expect("{\"method\":\"" SERVICE ".GetInterfaceDescription\",\"parameters\":{"
	       "\"interface\":\"org.example\"}}",
			ERROR(SERVICE ".InterfaceNotFound", "\"interface\":\"org.example\""));
	expect(CALL("Do"), ERROR(SERVICE ".MethodNotFound", "\"method\":\"org.dpdk.vduse.Do\""));
	expect(CALL(""), ERROR(SERVICE ".MethodNotFound", "\"method\":\"org.dpdk.vduse.\""));
	/* a backend without such a function */
	rig.mock.ops.reload = NULL;
	expect(CALL("Reload"), ERROR(SERVICE ".MethodNotImplemented",
					       "\"method\":\"org.dpdk.vduse.Reload\""));
	expect("{\"method\":\"org.dpdk.vduse.ListNetworks\",\"upgrade\":true}",
			ERROR(SERVICE ".MethodNotImplemented",
					"\"method\":\"org.dpdk.vduse.ListNetworks\""));
	expect(CALL("Monitor"), ERROR(SERVICE ".ExpectedMore", ""));
	assert_int_equal(rig_stats(&rig).errors, 9);
	assert_int_equal(rig_stats(&rig).malformed, 0);
}

/* What came is no call: it is answered with the reason, and the connection closed. */
static void
malformed(const void *data, size_t len, const char *reason)
{
	const uint64_t before = rig_stats(&rig).malformed;
	const int fd = rig_connect(&rig);
	char want[256], *text, *got;
	json_t *json;

	rig_send(fd, data, len);
	text = rig_receive(&rig, fd);
	assert_non_null(text);
	json = json_loads(text, 0, NULL);
	got = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(want, sizeof(want), MALFORMED, reason);
	if (strncmp(got, want, strlen(want) - 3) != 0)
		fail_msg("%s is not %s", got, want);
	json_decref(json);
	free(got);
	free(text);
	assert_true(rig_closed(&rig, fd));
	assert_int_equal(rig_stats(&rig).malformed, before + 1);
	close(fd);
}

#define MALFORM(text, reason) malformed(text, sizeof(text), reason)

static void
test_no_call(void **state)
{
	(void)state;
	MALFORM("", "no JSON: ");
	MALFORM("{", "no JSON: ");
	MALFORM("{}x", "no JSON: ");
	MALFORM("{\"method\":\"\xff\"}", "no JSON: ");
	MALFORM("{\"method\":\"\xc3\"}", "no JSON: ");
	MALFORM("{\"method\":\"\\ud800\"}", "no JSON: ");
	MALFORM("{\"method\":\"a\\u0000b\"}", "no JSON: ");
	MALFORM("{\"method\":\"a.b\",\"method\":\"a.b\"}", "no JSON: duplicate");
	MALFORM("{\"method\":\"a.b\",\"parameters\":{\"n\":9223372036854775808}}",
			"no JSON: too big");
	MALFORM("[]", "JSON, but no object");
	MALFORM("{}", "a call without a method");
	MALFORM("{\"method\":1}", "a call without a method");
	MALFORM("{\"method\":\"a.b\",\"parameters\":[]}", "parameters that are no object");
	MALFORM("{\"method\":\"a.b\",\"more\":1}", "oneway, more or upgrade that is no boolean");
	MALFORM("{\"method\":\"a.b\",\"more\":true,\"oneway\":true}",
			"more, of a call that wants no answer");
	MALFORM("{\"method\":\"a.b\",\"else\":true}", "a field that calls do not have");
	/* an extension has a name of its own */
	expect("{\"method\":\"org.dpdk.vduse.ListNetworks\",\"com.example.x\":{},\"parameters\":"
	       "null}",
			NOTHING);
}

static void
test_depth(void **state)
{
	static const char head[] = "{\"method\":\"org.dpdk.vduse.ListNetworks\",\"a.b\":";
	char text[256];

	(void)state;
	/* the object itself is one; brackets in a string are none */
	snprintf(text, sizeof(text), "%s%.15s\"[[[\\\"[{\"%.15s}", head, "[[[[[[[[[[[[[[[[",
			"]]]]]]]]]]]]]]]]");
	expect(text, NOTHING);
	snprintf(text, sizeof(text), "%s%.16s%.16s}", head, "[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]");
	malformed(text, strlen(text) + 1, "nested deeper than 16 objects and lists");
}

static void
test_too_long(void **state)
{
	static char text[65536];
	const int fd = rig_connect(&rig);

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, CALL("ListNetworks"), strlen(CALL("ListNetworks")));
	/* with its zero just as long as is taken */
	text[sizeof(text) - 1] = '\0';
	rig_send(fd, text, sizeof(text));
	free(rig_receive(&rig, fd));
	assert_int_equal(rig_stats(&rig).calls, 1);
	close(fd);
	/* no zero comes: nobody waits for it */
	text[sizeof(text) - 1] = ' ';
	malformed(text, sizeof(text), "longer than 65536 bytes");
}

static void
test_order(void **state)
{
	const int fd = rig_connect(&rig);
	char calls[8192], *text, name[64];
	size_t len = 0;
	unsigned int i;

	(void)state;
	/* 60 calls in one piece: more than a client's turn */
	for (i = 0; i < 60; i++)
		len += snprintf(calls + len, sizeof(calls) - len, CALL("No%u"), i) + 1;
	rig_send(fd, calls, len);
	varlink_server_run(control_server(rig.mock.control));
	assert_in_range(rig_stats(&rig).calls, 1, 59);
	for (i = 0; i < 60; i++) {
		text = rig_receive(&rig, fd);
		assert_non_null(text);
		snprintf(name, sizeof(name), "vduse.No%u\"", i);
		assert_non_null(strstr(text, name));
		free(text);
	}
	close(fd);
}

static void
test_in_pieces(void **state)
{
	const char call[] = ADD_NET0;
	const int fd = rig_connect(&rig);
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(call); i++) {
		assert_int_equal(rig_stats(&rig).calls, 0);
		rig_send(fd, call + i, 1);
		rig_run(&rig);
	}
	text = rig_receive(&rig, fd);
	assert_string_equal(text, CHANGED);
	free(text);
	close(fd);
}

/* An answer that does not fit into the socket leaves as the client reads. */
static void
test_long_answer(void **state)
{
	const int fd = rig_connect(&rig), other = rig_connect(&rig);
	const int small = 4096;
	struct mock *mock = &rig.mock;
	unsigned int i;
	json_t *json;
	char *text;

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (i = 0; i < MOCK_CONTAINERS; i++) {
		control_defaults(&control_container_words, &mock->containers[i]);
		snprintf(mock->containers[i].name, sizeof(mock->containers[i].name), "c%u", i);
		memset(mock->containers[i].netns, 'x', 1000);
	}
	mock->nb_containers = MOCK_CONTAINERS;
	rig_text(fd, CALL("ListContainers"));
	rig_text(fd, CALL("ListNetworks"));
	rig_run(&rig);
	/* the next call waits for the answer's end; others do not */
	assert_int_equal(rig_stats(&rig).calls, 1);
	rig_expect(&rig, other, CALL("ListNetworks"), NOTHING);
	text = rig_receive(&rig, fd);
	json = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(
					 json_object_get(json, "parameters"), "containers")),
			MOCK_CONTAINERS);
	json_decref(json);
	free(text);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, NOTHING);
	free(text);
	close(fd);
	close(other);
}

static void
test_oneway(void **state)
{
	const int fd = rig_connect(&rig);

	(void)state;
	rig_text(fd, "{\"method\":\"org.dpdk.vduse.AddNetwork\",\"oneway\":true,\"parameters\":{"
		     "\"name\":\"net0\"}}");
	rig_text(fd, "{\"method\":\"org.dpdk.vduse.No\",\"oneway\":true}");
	rig_expect(&rig, fd, ADD_NET0, UNCHANGED);
	close(fd);
}

/* One that is answered later holds back those behind it, and nobody else. */
static void
test_later(void **state)
{
	const int fd = rig_connect(&rig), other = rig_connect(&rig);
	char *text;

	(void)state;
	rig_expect(&rig, fd, ADD_NET0, CHANGED);
	rig.mock.later = true;
	rig_text(fd, ADD_C1);
	rig_text(fd, WITH("RemoveContainer", "\"name\":\"c1\""));
	assert_null(rig_receive(&rig, fd));
	rig_expect(&rig, other, WITH("RemoveContainer", "\"name\":\"c1\""), UNCHANGED);
	mock_finish(&rig.mock);
	/* the next is not begun inside of the backend's own words */
	assert_int_equal(rig.mock.nb_containers, 1);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, CHANGED);
	free(text);
	text = rig_receive(&rig, fd);
	assert_string_equal(text, CHANGED);
	free(text);
	assert_int_equal(rig.mock.nb_containers, 0);
	close(fd);
	close(other);
}

static void
test_deadline(void **state)
{
	const int fd = rig_connect(&rig);
	char *text;

	(void)state;
	rig_expect(&rig, fd, ADD_NET0, CHANGED);
	rig.mock.later = true;
	rig_text(fd, ADD_C1);
	rig_text(fd, CALL("No"));
	rig_run(&rig);
	rig.mock.now += 29999;
	varlink_server_run(control_server(rig.mock.control));
	assert_int_equal(rig.mock.gone, 0);
	rig.mock.now++;
	varlink_server_run(control_server(rig.mock.control));
	assert_int_equal(rig.mock.gone, 1);
	assert_int_equal(rig_stats(&rig).timeouts, 1);
	text = rig_receive(&rig, fd);
	assert_string_equal(text,
			"{\"error\":\"org.dpdk.vduse.Timeout\",\"parameters\":{\"text\":\"not done "
			"within 30000 ms, and given up\"}}");
	free(text);
	/* those behind it go on */
	text = rig_receive(&rig, fd);
	assert_non_null(text);
	free(text);
	close(fd);
}

static unsigned int
open_pipes(int *fds, unsigned int nb)
{
	const unsigned int before = unit_count_fds();
	unsigned int i;
	int end[2];

	for (i = 0; i < nb; i++) {
		assert_int_equal(pipe2(end, O_CLOEXEC), 0);
		close(end[1]);
		fds[i] = end[0];
	}
	return before;
}

static void
close_pipes(const int *fds, unsigned int nb)
{
	unsigned int i;

	for (i = 0; i < nb; i++)
		close(fds[i]);
}

static void
test_descriptors(void **state)
{
	const int fd = rig_connect(&rig);
	unsigned int before;
	int fds[9];
	struct stat a, b;

	(void)state;
	rig_expect(&rig, fd, ADD_NET0, CHANGED);
	before = open_pipes(fds, 9);
	/* of a method that has no use for them, and of none */
	rig_text_fds(fd, CALL("ListFdb"), fds, 8);
	free(rig_receive(&rig, fd));
	rig_text_fds(fd, CALL("No"), fds, 1);
	free(rig_receive(&rig, fd));
	/* one of the two is asked for; what has no descriptor in front of it keeps none */
	rig_text(fd, CALL("ListFdb"));
	rig_text_fds(fd,
			WITH("AddContainer", "\"name\":\"c1\",\"network\":\"net0\",\"netns_fd\":1"),
			fds, 2);
	free(rig_receive(&rig, fd));
	free(rig_receive(&rig, fd));
	assert_int_equal(rig.mock.nb_containers, 1);
	assert_true(rig.mock.netns >= 0);
	fstat(rig.mock.netns, &a);
	fstat(fds[1], &b);
	assert_int_equal(a.st_ino, b.st_ino);
	/* one that was refused */
	rig_text_fds(fd, WITH("AddContainer", "\"name\":\"c2\",\"network\":\"no\",\"netns_fd\":0"),
			fds, 1);
	free(rig_receive(&rig, fd));
	close_pipes(fds, 9);
	assert_int_equal(unit_count_fds(), before + 1);
	close(fd);
}

/* Whether the kernel says so: an emulator of user programs does not. */
static bool
says_too_many(void)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr hdr = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)) };
	int pair[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rig_text_fds(pair[0], "", (int[]){ 0, 0 }, 2);
	assert_int_equal(recvmsg(pair[1], &hdr, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&hdr)), sizeof(fd));
	close(fd);
	close(pair[0]);
	close(pair[1]);
	return (hdr.msg_flags & MSG_CTRUNC) != 0;
}

static void
test_too_many_descriptors(void **state)
{
	unsigned int before;
	int fds[9], fd, half;
	char *text;

	(void)state;
	if (!says_too_many())
		skip();
	fd = rig_connect(&rig);
	half = rig_connect(&rig);
	before = open_pipes(fds, 9);
	rig_text_fds(fd, CALL("ListFdb"), fds, 9);
	text = rig_receive(&rig, fd);
	assert_non_null(strstr(text, "more file descriptors than a message may have"));
	free(text);
	assert_true(rig_closed(&rig, fd));
	/* those of a message that never becomes whole */
	rig_send(half, "{", 1);
	rig_text_fds(half, " ", fds, 8);
	close(half);
	rig_run(&rig);
	close_pipes(fds, 9);
	close(fd);
	/* two connections are closed at both ends */
	assert_int_equal(unit_count_fds(), before - 4);
}

/* The message that comes next has this number and these descriptors. */
static void
next_message(struct varlink_conn *conn, int number, const int *fds, unsigned int nb)
{
	struct varlink_message msg;
	struct stat a, b;
	unsigned int i;
	int ret, fd;

	while ((ret = varlink_conn_next(conn, &msg)) == 0)
		assert_true(varlink_conn_read(conn) > 0);
	assert_int_equal(ret, 1);
	assert_int_equal(json_integer_value(json_object_get(msg.json, "n")), number);
	assert_int_equal(msg.nb_fds, nb);
	for (i = 0; i < nb; i++) {
		fd = varlink_message_take(&msg, i);
		fstat(fd, &a);
		fstat(fds[i], &b);
		assert_int_equal(a.st_ino, b.st_ino);
		close(fd);
		assert_int_equal(varlink_message_take(&msg, i), -1);
	}
	assert_int_equal(varlink_message_take(&msg, nb), -1);
	varlink_message_clear(&msg);
}

/* As a client sends them: each with the message it was given to, whatever is sent along. */
static void
test_send_descriptors(void **state)
{
	static char text[100000];
	struct varlink_conn from, to;
	json_t *json = json_object();
	int pair[2], fds[4], i, ret;
	unsigned int before;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	varlink_conn_init(&from, pair[0], 1000);
	varlink_conn_init(&to, pair[1], 200000);
	before = open_pipes(fds, 4);
	for (i = 0; i < 6; i++) {
		json_object_set_new(json, "n", json_integer(i));
		json_object_set_new(json, "text", json_string(i == 2 ? text : ""));
		assert_int_equal(varlink_conn_send(&from, json, fds + i / 2,
						 i == 1   ? 1
						 : i == 2 ? 3
							  : 0),
				0);
	}
	assert_int_equal(varlink_conn_send(&from, json, fds, 9), -EMSGSIZE);
	assert_int_equal(varlink_conn_send(&from, json, (int[]){ fds[0], -1 }, 2), -EBADF);
	assert_int_equal(varlink_conn_flush(&from), 0);
	next_message(&to, 0, NULL, 0);
	next_message(&to, 1, fds, 1);
	next_message(&to, 2, fds + 1, 3);
	for (i = 3; i < 6; i++)
		next_message(&to, i, NULL, 0);
	assert_int_equal(varlink_conn_read(&to), -EAGAIN);
	/* what does not fit goes later, without those that are gone already */
	ret = 1000;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &ret, sizeof(ret));
	json_object_set_new(json, "text", json_string(text));
	assert_int_equal(varlink_conn_send(&from, json, fds, 2), 0);
	assert_int_equal(varlink_conn_send(&from, json, fds + 2, 2), 0);
	assert_int_equal(varlink_conn_flush(&from), -EAGAIN);
	while ((ret = varlink_conn_flush(&from)) == -EAGAIN)
		assert_true(varlink_conn_read(&to) > 0);
	assert_int_equal(ret, 0);
	next_message(&to, 5, fds, 2);
	next_message(&to, 5, fds + 2, 2);
	/* and nothing stays open */
	assert_int_equal(varlink_conn_send(&from, json, fds, 4), 0);
	varlink_conn_close(&from);
	varlink_conn_close(&to);
	close_pipes(fds, 4);
	json_decref(json);
	assert_int_equal(unit_count_fds(), before - 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_service),
		RIG_TEST(test_no_such_method),
		RIG_TEST(test_no_call),
		RIG_TEST(test_depth),
		RIG_TEST(test_too_long),
		RIG_TEST(test_order),
		RIG_TEST(test_in_pieces),
		RIG_TEST(test_long_answer),
		RIG_TEST(test_oneway),
		RIG_TEST(test_later),
		RIG_TEST(test_deadline),
		RIG_TEST(test_descriptors),
		RIG_TEST(test_too_many_descriptors),
		RIG_TEST(test_send_descriptors),
	};

	return FILTER_RUN("varlink", tests, NULL, NULL);
}
