/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "control_rig.h"
#include "send_fds.h"

#define TURNS_MAX 4096

void
rig_open(struct rig *rig, gid_t group)
{
	mock_open(&rig->mock, group);
	strcpy(rig->folder, "/tmp/control.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->path, sizeof(rig->path), "%s/control", rig->folder);
	assert_int_equal(varlink_server_listen(control_server(rig->mock.control), rig->path), 0);
}

void
rig_close(struct rig *rig)
{
	mock_close(&rig->mock);
	assert_int_equal(rmdir(rig->folder), 0);
}

int
rig_setup(void **state)
{
	rig_open(*state, VARLINK_NO_GROUP);
	return 0;
}

int
rig_teardown(void **state)
{
	rig_close(*state);
	return 0;
}

static bool
is_ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

void
rig_run(struct rig *rig)
{
	struct varlink_server *server = control_server(rig->mock.control);
	unsigned int i;

	/* a server that is ready for ever would turn in its owner's loop for ever */
	for (i = 0; is_ready(varlink_server_fd(server)); i++) {
		assert_true(i < TURNS_MAX);
		varlink_server_run(server);
	}
}

int
rig_connect(struct rig *rig)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, rig->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	rig_run(rig);
	return fd;
}

void
rig_send(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

void
rig_text(int fd, const char *text)
{
	rig_send(fd, text, strlen(text) + 1);
}

void
rig_text_fds(int fd, const char *text, const int *fds, unsigned int nb)
{
	const size_t len = strlen(text) + 1;

	assert_int_equal(send_fds(fd, text, len, fds, nb), len);
}

/* One byte, or as many turns of the server as there are until it comes. */
static bool
receive_byte(struct rig *rig, int fd, char *byte)
{
	ssize_t n;

	for (;;) {
		n = recv(fd, byte, 1, 0);
		if (n >= 0 || errno != EAGAIN)
			return n > 0;
		rig_run(rig);
		if (!is_ready(fd))
			return false;
	}
}

char *
rig_receive(struct rig *rig, int fd)
{
	static char text[1 << 20];
	size_t len = 0;

	while (receive_byte(rig, fd, &text[len])) {
		if (text[len] == '\0')
			return strdup(text);
		assert_true(++len < sizeof(text));
	}
	/* half a message is none */
	assert_int_equal(len, 0);
	return NULL;
}

bool
rig_closed(struct rig *rig, int fd)
{
	char byte;
	ssize_t n;

	rig_run(rig);
	n = recv(fd, &byte, 1, MSG_PEEK);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* Members in the order of their names, so that an answer has one form. */
static char *
sorted(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	char *out;

	assert_non_null(json);
	out = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(json);
	return out;
}

void
rig_expect(struct rig *rig, int fd, const char *call, const char *answer)
{
	char *text, *got;

	rig_text(fd, call);
	text = rig_receive(rig, fd);
	if (text == NULL) {
		assert_null(answer);
		return;
	}
	got = sorted(text);
	assert_string_equal(got, answer);
	free(got);
	free(text);
}

struct varlink_stats
rig_stats(const struct rig *rig)
{
	struct varlink_stats stats;

	varlink_server_stats(control_server(rig->mock.control), &stats);
	return stats;
}
