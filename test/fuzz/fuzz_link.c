/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The private protocol, both ends: a text of pieces, one a line. What begins with > is sent to the
 * side that polls, ? is a method that the broker asks for, which goes the whole way and back; else
 * it is sent to the broker. With ! before it there is a descriptor beside it; % lets ten seconds
 * pass; $ closes. Behind each input every question has had its answer, the next broker is served,
 * and no descriptor is left.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/link.h"
#include "broker/serve.h"
#include "fuzz.h"
#include "send_fds.h"

#define METHOD_MAX 32

static struct serve *serve;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int passed;

static struct link *to_poller;
static int poller = -1, broker = -1; /* the other ends, the fuzzer's */
static unsigned int asked, answered;
static uint64_t now;

static int
lowest_free(void)
{
	const int fd = dup(passed);

	FUZZ_CHECK(fd >= 0);
	close(fd);
	return fd;
}

static int
serve_one(void *ctx, struct serve_request *r)
{
	(void)ctx;
	FUZZ_CHECK(json_is_object(r->parameters) && r->method != NULL);
	if (r->fd >= 0)
		close(r->fd);
	r->reply = json_pack("{sssO}", "method", r->method, "parameters", r->parameters);
	if (r->method[0] != 'x')
		return r->method[0] == 'y';
	snprintf(r->error.text, sizeof(r->error.text), "%s", r->method);
	return -EINVAL;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)argc;
	(void)argv;
	passed = open("/dev/null", O_RDONLY);
	/* without a name in the file system */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "vduse-fuzz-link-%d",
			(int)getpid());
	FUZZ_CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	FUZZ_CHECK(listen(fd, 4) == 0);
	serve = serve_create(fd, serve_one, NULL);
	FUZZ_CHECK(serve != NULL);
	return 0;
}

static void
on_gone(void *ctx, const char *why)
{
	(void)ctx;
	FUZZ_CHECK(why != NULL && why[0] != '\0');
	link_free(to_poller);
	to_poller = NULL;
}

static void
on_event(void *ctx, json_t *event)
{
	(void)ctx;
	FUZZ_CHECK(json_is_object(event));
}

static void
on_answer(void *arg, int ret, json_t *reply, const struct control_error *error)
{
	FUZZ_CHECK(arg == &asked);
	FUZZ_CHECK(ret < 0 ? error != NULL && error->id[0] != '\0' : ret <= 1);
	FUZZ_CHECK(ret >= 0 ||
			(memchr(error->text, '\0', sizeof(error->text)) != NULL && reply == NULL));
	answered++;
	json_decref(reply);
}

static const struct link_ops ops = { .gone = on_gone, .event = on_event };

static void
open_link(void)
{
	int pair[2];

	if (to_poller != NULL)
		return;
	if (poller >= 0)
		close(poller);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	poller = pair[1];
	to_poller = link_create(pair[0], &ops, NULL);
	FUZZ_CHECK(to_poller != NULL);
}

static void
open_serve(void)
{
	if (broker >= 0)
		close(broker);
	broker = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(connect(broker, (const struct sockaddr *)&address, sizeof(address)) == 0);
	FUZZ_CHECK(fcntl(broker, F_SETFL, O_NONBLOCK) == 0);
	serve_run(serve);
}

static void
say(int fd, const char *data, size_t len, bool with)
{
	/* one that was cut off hears nothing more */
	if (len > 0 && send_fds(fd, data, len, &passed, with) < 0)
		return;
}

static ssize_t
hear(int fd, char *data, size_t len)
{
	return recv(fd, data, len, 0);
}

static void
run_link(void)
{
	if (to_poller != NULL)
		link_run(to_poller, now);
	open_link();
}

/* What the broker sends comes to who polls, and the answer back. */
static void
ask(const char *text, size_t len)
{
	char method[METHOD_MAX], message[65536];
	const struct link_request request = { .method = method,
		.parameters = json_pack("{si}", "length", (int)len),
		.fd = -1,
		.due = now + 5000,
		.done = on_answer,
		.arg = &asked };
	ssize_t n;

	snprintf(method, sizeof(method), "%.*s", (int)RTE_MIN(len, sizeof(method) - 1), text);
	/* what is no text is refused */
	if (link_ask(to_poller, &request) != 0)
		return;
	asked++;
	link_run(to_poller, now);
	open_link();
	n = hear(poller, message, sizeof(message));
	if (n > 0)
		say(broker, message, n, false);
	serve_run(serve);
	n = hear(broker, message, sizeof(message));
	if (n > 0)
		say(poller, message, n, false);
	run_link();
}

static void
piece(const char *data, size_t len)
{
	bool with = false, to_serve = false, asks = false, closes = false;
	char rest[65536];

	for (; len > 0 && strchr("!>?%$", *data) != NULL && *data != '\0'; data++, len--) {
		with = with || *data == '!';
		to_serve = to_serve || *data == '>';
		asks = asks || *data == '?';
		closes = closes || *data == '$';
		now += *data == '%' ? 10000 : 0;
	}
	if (closes)
		shutdown(to_serve ? broker : poller, SHUT_WR);
	else if (asks)
		ask(data, len);
	else
		say(to_serve ? broker : poller, data, len, with);
	serve_run(serve);
	run_link();
	while (hear(broker, rest, sizeof(rest)) > 0)
		;
}

/* The next one is served. */
static void
check_other(void)
{
	static const char call[] = "{\"id\":1,\"method\":\"y\",\"parameters\":{}}";
	char answer[256] = "";

	open_serve();
	say(broker, call, sizeof(call), false);
	serve_run(serve);
	FUZZ_CHECK(hear(broker, answer, sizeof(answer) - 1) > 0);
	FUZZ_CHECK(strstr(answer, "\"result\":1") != NULL);
	close(broker);
	broker = -1;
	serve_run(serve);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline;
	const int first_free = lowest_free();
	size_t len;

	asked = answered = 0;
	open_serve();
	open_link();
	while (size > 0) {
		newline = memchr(text, '\n', size);
		len = newline != NULL ? (size_t)(newline - text) : size;
		piece(text, len);
		len += newline != NULL;
		text += len;
		size -= len;
	}
	link_free(to_poller);
	to_poller = NULL;
	FUZZ_CHECK(asked == answered);
	close(poller);
	poller = -1;
	check_other();
	FUZZ_CHECK(lowest_free() == first_free);
	return 0;
}
