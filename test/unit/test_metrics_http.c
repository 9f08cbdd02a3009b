/* SPDX-License-Identifier: BSD-3-Clause */

/* The server of dpdk-vduse-metrics: clients that are slow, many, gone; the clock is the test's. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter.h"
#include "http.h"

#define ASK  "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
#define HALF "GET /metrics HTTP/1.1\r\nHost: x"
#define BODY "the answer\n"
#define LONG (16 << 20) /* more than sockets take */

static struct http *http;
static struct sockaddr_in at;
static uint64_t now;
static struct MHD_Response *answer, *long_answer;
static char received[65536];

static uint64_t
clock_of_test(void)
{
	return now;
}

static struct MHD_Response *
get(void *ctx, const char *path, bool openmetrics)
{
	(void)ctx;
	if (strcmp(path, "/long") == 0)
		return long_answer;
	return strcmp(path, openmetrics ? "/open" : "/metrics") == 0 ? answer : NULL;
}

static int
setup(void **state)
{
	const struct http_conf conf = { .get = get, .now = clock_of_test };
	socklen_t len = sizeof(at);
	int fd;

	(void)state;
	now = 1000000;
	answer = MHD_create_response_from_buffer(
			strlen(BODY), (void *)(uintptr_t)BODY, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
	long_answer = MHD_create_response_from_buffer(LONG, calloc(1, LONG), MHD_RESPMEM_MUST_FREE);
	at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	http = http_create(fd, &conf);
	assert_non_null(http);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	http_free(http);
	MHD_destroy_response(answer);
	MHD_destroy_response(long_answer);
	return 0;
}

/* Until it has nothing to do. */
static void
turns(void)
{
	struct pollfd pfd = { .fd = http_fd(http), .events = POLLIN };

	do {
		http_run(http);
	} while (poll(&pfd, 1, 0) == 1 || http_due(http) == 0);
}

static int
client(const char *text)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	turns();
	return fd;
}

/* All that there is. Return: whether the server has closed. */
static bool
closed(int fd)
{
	size_t len = 0;
	ssize_t n;

	turns();
	do {
		n = recv(fd, received + len, sizeof(received) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
		if (len == sizeof(received) - 1)
			len = 0; /* a long one: what it is does not matter */
	} while (n > 0);
	received[len] = '\0';
	return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void
answers(const char *request, const char *status, const char *body)
{
	const int fd = client(request);

	assert_true(closed(fd));
	assert_int_equal(strncmp(received, status, strlen(status)), 0);
	assert_string_equal(received + strlen(received) - strlen(body), body);
	close(fd);
}

static void
a_page_and_what_is_none(void **state)
{
	(void)state;
	answers(ASK, "HTTP/1.1 200 ", BODY);
	answers("GET /open HTTP/1.1\r\nHost: x\r\nAccept: "
		"application/openmetrics-text;version=1.0.0,"
		"text/plain;q=0.5\r\n\r\n",
			"HTTP/1.1 200 ", BODY);
	answers("GET /open HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n", "HTTP/1.1 404 ",
			"else.\n");
	answers("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n");
	answers("GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", "else.\n");
	answers("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ",
			"else.\n");
}

/* Whatever it says in the meantime, all of it has its time. */
static void
slow_ones_are_cut_off(void **state)
{
	const int half = client(HALF), still = client("");
	int later;

	(void)state;
	assert_true(http_due(http) > 0 && http_due(http) <= HTTP_CLIENT_MS);
	now += HTTP_CLIENT_MS - 1;
	later = client("");
	assert_int_equal(send(half, "x", 1, MSG_NOSIGNAL), 1);
	assert_false(closed(half));
	assert_false(closed(still));
	assert_int_equal(http_due(http), 1);
	now++;
	assert_true(closed(half));
	assert_true(closed(still));
	assert_false(closed(later));
	now += HTTP_CLIENT_MS;
	assert_true(closed(later));
	assert_int_equal(http_due(http), -1);
	close(half);
	close(still);
	close(later);
}

static void
who_does_not_read_is_cut_off(void **state)
{
	const int fd = client("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");

	(void)state;
	answers(ASK, "HTTP/1.1 200 ", BODY);
	now += HTTP_CLIENT_MS;
	turns();
	assert_int_equal(http_due(http), -1);
	assert_true(closed(fd));
	close(fd);
}

static void
the_first_makes_room(void **state)
{
	int fds[HTTP_CLIENTS + 1];
	unsigned int i;

	(void)state;
	for (i = 0; i < HTTP_CLIENTS; i++)
		fds[i] = client(HALF);
	assert_false(closed(fds[0]));
	fds[i] = client(HALF);
	assert_true(closed(fds[0]));
	assert_false(closed(fds[1]));
	/* each of these pushes out one more, and is answered */
	answers(ASK, "HTTP/1.1 200 ", BODY);
	assert_true(closed(fds[1]));
	assert_false(closed(fds[2]));
	answers(ASK, "HTTP/1.1 200 ", BODY);
	assert_false(closed(fds[2]));
	for (i = 0; i < HTTP_CLIENTS + 1; i++)
		close(fds[i]);
	turns();
	assert_int_equal(http_due(http), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_page_and_what_is_none),
		TEST(slow_ones_are_cut_off),
		TEST(who_does_not_read_is_cut_off),
		TEST(the_first_makes_room),
	};

	return FILTER_RUN("metrics_http", tests, NULL, NULL);
}
