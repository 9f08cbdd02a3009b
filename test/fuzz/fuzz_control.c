/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control socket: a text of pieces, one a line, that two clients send. What begins with ! has a
 * descriptor with it; @ is of the other client; ^ has the next container answered late, ~ answers
 * it; % lets ten seconds pass; $ closes. Behind each input a third client gets its answer, the
 * server has nothing left to do, and no descriptor is left.
 */

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_mock.h"
#include "fuzz.h"
#include "send_fds.h"
#include "server_priv.h"

#define TURNS_MAX 10000

static struct mock mock;
static struct varlink_server *server;
static int passed; /* the descriptor that goes along */

/* The lowest number that no descriptor has: if one was left open it is another. */
static int
lowest_free(void)
{
	const int fd = dup(passed);

	FUZZ_CHECK(fd >= 0);
	close(fd);
	return fd;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	mock_open(&mock, VARLINK_NO_GROUP);
	server = control_server(mock.control);
	passed = open("/dev/null", O_RDONLY);
	mock.config = "/dev/null";
	return 0;
}

static void
run(void)
{
	struct pollfd pfd = { .fd = varlink_server_fd(server), .events = POLLIN };
	unsigned int turns = 0;

	while (poll(&pfd, 1, 0) == 1) {
		FUZZ_CHECK(++turns < TURNS_MAX);
		varlink_server_run(server);
	}
}

static int
client(void)
{
	int pair[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	FUZZ_CHECK(varlink_client_new(server, &server->listeners[0], pair[1]) == 0);
	return pair[0];
}

static void
send_piece(int fd, const char *data, size_t len, bool with)
{
	/* one that was cut off hears nothing more */
	if (send_fds(fd, data, len, &passed, with) < 0)
		return;
}

/* Read what there is: answers are not looked at. */
static void
drain(int fd)
{
	char answer[65536];

	while (recv(fd, answer, sizeof(answer), 0) > 0)
		;
}

static void
piece(int fds[2], const char *data, size_t len)
{
	unsigned int which = 0;
	bool with = false;

	for (; len > 0 && strchr("!@^~%$", *data) != NULL && *data != '\0'; data++, len--) {
		with = with || *data == '!';
		which |= *data == '@';
		mock.later = mock.later || *data == '^';
		if (*data == '~' && mock.waiting != NULL)
			mock_finish(&mock);
		if (*data == '%') {
			mock.now += 10000;
			varlink_server_run(server);
		}
		if (*data == '$')
			shutdown(fds[which], SHUT_WR);
	}
	if (len > 0)
		send_piece(fds[which], data, len, with);
	run();
	drain(fds[which]);
}

/* Nobody else is held up. */
static void
check_other(void)
{
	static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	const int fd = client();
	char answer[1024] = "";

	send_piece(fd, call, sizeof(call), false);
	run();
	FUZZ_CHECK(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
	FUZZ_CHECK(strstr(answer, "\"product\":\"dpdk-vduse-net\"") != NULL);
	close(fd);
}

static void
end(int fds[2], int first_free)
{
	struct varlink_stats stats;

	check_other();
	close(fds[0]);
	close(fds[1]);
	run();
	if (mock.waiting != NULL)
		mock_finish(&mock);
	run();
	varlink_server_stats(server, &stats);
	FUZZ_CHECK(stats.clients == 0);
	if (mock.netns >= 0)
		close(mock.netns);
	mock.netns = -1;
	mock.later = false;
	mock.nb_networks = 0;
	mock.nb_containers = 0;
	control_config_clear(&mock.before);
	FUZZ_CHECK(lowest_free() == first_free);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline;
	const int first_free = lowest_free();
	int fds[2] = { client(), client() };
	size_t len;

	while (size > 0) {
		newline = memchr(text, '\n', size);
		len = newline != NULL ? (size_t)(newline - text) : size;
		piece(fds, text, len);
		len += newline != NULL;
		text += len;
		size -= len;
	}
	end(fds, first_free);
	return 0;
}
