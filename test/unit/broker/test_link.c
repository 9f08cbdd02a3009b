/* SPDX-License-Identifier: BSD-3-Clause */

/* The two ends of the private protocol, each with a peer that says what it should not. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/link.h"
#include "broker/serve.h"
#include "filter.h"

static struct {
	int fd; /* the peer's */
	struct link *link;
	bool gone;
	unsigned int events, answers;
	int ret;
	char reply[64], error[64];
} rig;

static void
on_gone(void *ctx, const char *why)
{
	(void)ctx;
	assert_non_null(why);
	rig.gone = true;
	link_free(rig.link);
	rig.link = NULL;
}

static void
on_event(void *ctx, json_t *event)
{
	(void)ctx;
	assert_true(json_is_object(event));
	rig.events++;
}

static void
on_answer(void *arg, int ret, json_t *reply, const struct control_error *error)
{
	char *text = json_dumps(reply, 0);

	assert_ptr_equal(arg, &rig);
	rig.answers++;
	rig.ret = ret;
	snprintf(rig.reply, sizeof(rig.reply), "%s", text != NULL ? text : "");
	snprintf(rig.error, sizeof(rig.error), "%s", error != NULL ? error->id : "");
	free(text);
	json_decref(reply);
}

static const struct link_ops ops = { .gone = on_gone, .event = on_event };

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	memset(&rig, 0, sizeof(rig));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	rig.fd = pair[1];
	rig.link = link_create(pair[0], &ops, &rig);
	return rig.link != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	link_free(rig.link);
	close(rig.fd);
	return 0;
}

static void
ask(uint64_t due)
{
	const struct link_request request = {
		.method = "m", .fd = -1, .due = due, .done = on_answer, .arg = &rig
	};

	assert_int_equal(link_ask(rig.link, &request), 0);
	link_run(rig.link, 0);
}

/* With its zero. */
static void
say(const char *text)
{
	assert_int_equal(write(rig.fd, text, strlen(text) + 1), strlen(text) + 1);
	link_run(rig.link, 0);
}

static void
hear(const char *text)
{
	char got[256] = "";

	assert_int_equal(read(rig.fd, got, sizeof(got) - 1), strlen(text) + 1);
	assert_string_equal(got, text);
}

static void
test_answers(void **state)
{
	(void)state;
	ask(10);
	hear("{\"id\":1,\"method\":\"m\",\"parameters\":{}}");
	ask(10);
	say("{\"id\":2,\"result\":1,\"reply\":[7]}");
	assert_int_equal(rig.answers, 1);
	assert_int_equal(rig.ret, 1);
	assert_string_equal(rig.reply, "[7]");
	say("{\"event\":{\"event\":\"fault\"}}");
	assert_int_equal(rig.events, 1);
	say("{\"id\":1,\"error\":{\"id\":\"x.NoBuffers\",\"text\":\"t\"}}");
	assert_int_equal(rig.answers, 2);
	assert_true(rig.ret < 0);
	assert_string_equal(rig.error, "x.NoBuffers");
	assert_int_equal(link_due(rig.link), UINT64_MAX);
	assert_false(rig.gone);
}

/* One that is late is given up; its answer is passed over when it comes. */
static void
test_late(void **state)
{
	(void)state;
	ask(10);
	ask(20);
	assert_int_equal(link_due(rig.link), 10);
	link_run(rig.link, 9);
	assert_int_equal(rig.answers, 0);
	link_run(rig.link, 10);
	assert_int_equal(rig.answers, 1);
	assert_int_equal(rig.ret, -ETIMEDOUT);
	assert_int_equal(link_due(rig.link), 20);
	say("{\"id\":1,\"result\":0}");
	assert_int_equal(rig.answers, 1);
	assert_false(rig.gone);
}

static void
test_gone(void **state)
{
	(void)state;
	ask(10);
	ask(10);
	close(rig.fd);
	link_run(rig.link, 0);
	assert_true(rig.gone);
	assert_int_equal(rig.answers, 2);
	assert_int_equal(rig.ret, -ECONNRESET);
	rig.fd = -1;
}

static void
test_too_many(void **state)
{
	const struct link_request request = {
		.method = "m", .fd = -1, .due = 10, .done = on_answer, .arg = &rig
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < LINK_REQUESTS_MAX; i++)
		assert_int_equal(link_ask(rig.link, &request), 0);
	assert_int_equal(link_ask(rig.link, &request), -EBUSY);
	link_run(rig.link, 10);
	assert_int_equal(rig.answers, LINK_REQUESTS_MAX);
	assert_int_equal(link_ask(rig.link, &request), 0);
}

static void
test_bad_answers(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"id\":2,\"result\":0}",
		"{\"id\":0,\"result\":0}", "{\"id\":-1,\"result\":0}", "{\"id\":1}",
		"{\"id\":1,\"result\":2}", "{\"id\":1,\"result\":-5}",
		"{\"id\":1,\"result\":\"0\"}", "{\"event\":7}", "{\"id\":\"1\",\"result\":0}" };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask(10);
		say(bad[i]);
		assert_true(rig.gone);
		assert_int_equal(rig.answers, 1);
		assert_int_equal(rig.ret, -ECONNRESET);
		teardown(state);
		setup(state);
	}
}

static int
serve_call(void *ctx, struct serve_request *request)
{
	(void)ctx;
	assert_true(json_is_object(request->parameters));
	request->reply = json_pack("{sb}", "fd", request->fd >= 0);
	if (request->fd >= 0)
		close(request->fd);
	if (strcmp(request->method, "bad") != 0)
		return 0;
	snprintf(request->error.id, sizeof(request->error.id), "x.Bad");
	return -EINVAL;
}

static int
dial(const struct sockaddr_un *to)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	return fd;
}

static void
talk(struct serve *serve, int fd, const char *text, const char *answer)
{
	char got[256] = "";

	assert_int_equal(write(fd, text, strlen(text) + 1), strlen(text) + 1);
	serve_run(serve);
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT),
			answer != NULL ? (int)strlen(answer) + 1 : 0);
	assert_string_equal(got, answer != NULL ? answer : "");
}

/* Who does not keep to the protocol is cut off, and the next is served. */
static void
test_serve(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"id\":1}",
		"{\"id\":1,\"method\":\"m\"}", "{\"id\":\"1\",\"method\":\"m\",\"parameters\":{}}",
		"{\"id\":1,\"method\":\"m\",\"parameters\":[]}" };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct serve *serve;
	unsigned int i;
	int fd, next;

	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/vduse-link-%d", (int)getpid());
	assert_int_equal(bind(listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listen_fd, 4), 0);
	serve = serve_create(listen_fd, serve_call, NULL);
	assert_non_null(serve);
	serve_event(serve, json_object()); /* nobody is there */
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = dial(&at);
		talk(serve, fd, "{\"id\":7,\"method\":\"m\",\"parameters\":{}}",
				"{\"id\":7,\"result\":0,\"reply\":{\"fd\":false}}");
		talk(serve, fd, "{\"id\":8,\"method\":\"bad\",\"parameters\":{}}",
				"{\"id\":8,\"error\":{\"id\":\"x.Bad\",\"parameter\":\"\","
				"\"text\":\"\"}}");
		talk(serve, fd, bad[i], NULL);
		close(fd);
	}
	/* a new one takes the place of one that is stuck */
	fd = dial(&at);
	serve_run(serve);
	next = dial(&at);
	talk(serve, next, "{\"id\":7,\"method\":\"m\",\"parameters\":{}}",
			"{\"id\":7,\"result\":0,\"reply\":{\"fd\":false}}");
	assert_int_equal(recv(fd, &at.sun_family, 1, MSG_DONTWAIT), 0);
	close(fd);
	close(next);
	serve_free(serve);
	close(listen_fd);
	unlink(at.sun_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_answers, setup, teardown),
		cmocka_unit_test(test_serve),
	};

	return FILTER_RUN("broker_link", tests, NULL, NULL);
}
