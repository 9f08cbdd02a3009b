/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/serve.h"
#include "conn.h"
#include "say.h"

/* What may wait for one that does not read. */
#define OUTPUT_MAX LINK_MESSAGE_MAX

struct serve {
	int listen_fd;
	int epoll;
	serve_call_t call;
	void *ctx;
	bool there; /* somebody who asks */
	struct varlink_conn conn;
};

static int
watch(const struct serve *serve, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(serve->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return epoll_ctl(serve->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static void
drop(struct serve *serve)
{
	if (!serve->there)
		return;
	serve->there = false;
	epoll_ctl(serve->epoll, EPOLL_CTL_DEL, serve->conn.fd, NULL);
	varlink_conn_close(&serve->conn);
}

struct serve *
serve_create(int listen_fd, serve_call_t call, void *ctx)
{
	struct serve *serve = calloc(1, sizeof(*serve));

	if (serve == NULL)
		return NULL;
	serve->listen_fd = listen_fd;
	serve->call = call;
	serve->ctx = ctx;
	serve->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (serve->epoll >= 0 && watch(serve, listen_fd, EPOLLIN) == 0)
		return serve;
	if (serve->epoll >= 0)
		close(serve->epoll);
	free(serve);
	return NULL;
}

void
serve_free(struct serve *serve)
{
	if (serve == NULL)
		return;
	drop(serve);
	close(serve->epoll);
	free(serve);
}

int
serve_fd(const struct serve *serve)
{
	return serve->epoll;
}

/* A new one takes the place of the old: that one has ended, or is stuck. */
static void
accept_next(struct serve *serve)
{
	int fd;

	while ((fd = accept4(serve->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		drop(serve);
		varlink_conn_init(&serve->conn, fd, LINK_MESSAGE_MAX);
		serve->there = watch(serve, fd, EPOLLIN) == 0;
		if (!serve->there)
			varlink_conn_close(&serve->conn);
	}
}

static void
flush(struct serve *serve)
{
	const int ret = varlink_conn_flush(&serve->conn);

	if ((ret != 0 && ret != -EAGAIN) || varlink_conn_pending(&serve->conn) > OUTPUT_MAX ||
			watch(serve, serve->conn.fd, ret == 0 ? EPOLLIN : EPOLLIN | EPOLLOUT) != 0)
		drop(serve);
}

/* Takes the message. */
static int
answer(struct serve *serve, json_t *message)
{
	int ret = message != NULL ? varlink_conn_send(&serve->conn, message, NULL, 0) : -ENOMEM;

	json_decref(message);
	return ret;
}

/* Return: whether it keeps to the protocol. */
static bool
take_request(struct serve *serve, struct varlink_message *msg)
{
	const json_t *id = json_object_get(msg->json, "id");
	struct serve_request request = {
		.method = json_string_value(json_object_get(msg->json, "method")),
		.parameters = json_object_get(msg->json, "parameters"),
		.error = { .id = CONTROL_INTERFACE ".Kernel" },
	};
	json_t *message;
	int ret;

	if (!json_is_integer(id) || request.method == NULL || !json_is_object(request.parameters))
		return false;
	request.fd = varlink_message_take(msg, 0);
	ret = serve->call(serve->ctx, &request);
	if (ret >= 0) {
		message = json_pack("{sI si so*}", "id", json_integer_value(id), "result", ret,
				"reply", request.reply);
		return answer(serve, message) == 0;
	}
	json_decref(request.reply);
	message = json_pack("{sI s{ss so so}}", "id", json_integer_value(id), "error", "id",
			request.error.id, "parameter", varlink_text(request.error.parameter),
			"text", varlink_text(request.error.text));
	return answer(serve, message) == 0;
}

/* What one read brings. Return: NULL, or why it is cut off. */
static const char *
take_some(struct serve *serve)
{
	struct varlink_message msg;
	bool good;
	int ret = varlink_conn_read(&serve->conn);

	if (ret == 0 || (ret < 0 && ret != -EAGAIN))
		return ""; /* it has ended */
	while ((ret = varlink_conn_next(&serve->conn, &msg)) > 0) {
		good = take_request(serve, &msg);
		varlink_message_clear(&msg);
		if (!good)
			return "it sends what is no request";
	}
	return ret == 0 ? NULL : "it sends what is no message";
}

void
serve_run(struct serve *serve)
{
	const char *why;

	accept_next(serve);
	if (!serve->there)
		return;
	why = take_some(serve);
	if (why == NULL) {
		flush(serve);
		return;
	}
	if (why[0] != '\0')
		SAY("the process that asks is cut off: %s", why);
	drop(serve);
}

void
serve_event(struct serve *serve, json_t *event)
{
	if (!serve->there) {
		json_decref(event);
		return;
	}
	if (answer(serve, json_pack("{so}", "event", event)) == 0)
		flush(serve);
	else
		drop(serve);
}
