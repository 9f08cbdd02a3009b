/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ask.h"
#include "clock_ms.h"

/* What to do about it, where that is known. */
static const char *
cure(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "is dpdk-vduse-net running, and is this its socket?";
	case EACCES:
	case EPERM:
		return "root and the group of the socket may use it";
	default:
		return "see the daemon's log";
	}
}

static int
fail(struct ask *ask, const char *what, int error)
{
	snprintf(ask->error, sizeof(ask->error), "%.128s: %s: %s", what, strerror(error),
			cure(error));
	return -error;
}

/* One that does not take connections keeps who comes waiting. */
static int
limit_connect(int fd, unsigned int ms)
{
	const struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	return ms == 0 ? 0 : setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

int
ask_open(struct ask *ask, const char *path, unsigned int ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, why;

	ask->due = ms != 0 ? clock_ms() + ms : UINT64_MAX;
	if (strlen(path) >= sizeof(addr.sun_path))
		return fail(ask, path, ENAMETOOLONG);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(ask, path, errno);
	if (limit_connect(fd, ms) != 0 ||
			connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		why = errno == EAGAIN ? ETIMEDOUT : errno;
		close(fd);
		return fail(ask, path, why);
	}
	varlink_conn_init(&ask->conn, fd, VARLINK_REPLY_MAX);
	return 0;
}

void
ask_close(struct ask *ask)
{
	varlink_conn_close(&ask->conn);
}

static int
wait_for(struct ask *ask, short events)
{
	struct pollfd pfd = { .fd = ask->conn.fd, .events = events };

	uint64_t now, left;
	int ready;

	do {
		now = clock_ms();
		left = ask->due > now ? ask->due - now : 0;
		ready = poll(&pfd, 1, ask->due == UINT64_MAX ? -1 : (int)left);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return fail(ask, "poll", errno);
	return ready > 0 ? 0 : fail(ask, "no answer", ETIMEDOUT);
}

int
ask_call(struct ask *ask, const char *method, const json_t *parameters, int fd, bool more)
{
	json_t *call = json_pack("{ss sO}", "method", method, "parameters", parameters);
	int ret;

	if (more)
		json_object_set_new(call, "more", json_true());
	ret = varlink_conn_send(&ask->conn, call, &fd, fd >= 0);
	json_decref(call);
	while (ret == 0 && (ret = varlink_conn_flush(&ask->conn)) == -EAGAIN)
		ret = wait_for(ask, POLLOUT);
	/* one that is refused is told so, and then cut off */
	return ret == 0 || ret == -EPIPE ? 0 : fail(ask, "the call", -ret);
}

int
ask_answer(struct ask *ask, json_t **answer)
{
	struct varlink_message msg;
	int ret;

	while ((ret = varlink_conn_next(&ask->conn, &msg)) == 0) {
		ret = varlink_conn_read(&ask->conn);
		if (ret == -EAGAIN)
			ret = wait_for(ask, POLLIN);
		else if (ret == 0)
			ret = fail(ask, "the daemon has closed the connection", ECONNRESET);
		else if (ret < 0)
			ret = fail(ask, "the answer", -ret);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return fail(ask, msg.error, -ret);
	*answer = json_incref(msg.json);
	varlink_message_clear(&msg);
	return 0;
}
