/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/link.h"
#include "conn.h"

struct waiting {
	json_int_t id; /* 0: free */
	uint64_t due;
	link_done_t done;
	void *arg;
};

struct link {
	struct varlink_conn conn;
	const struct link_ops *ops;
	void *ctx;
	json_int_t last_id;
	unsigned int nb;
	struct waiting waiting[LINK_REQUESTS_MAX];
};

struct link *
link_create(int fd, const struct link_ops *ops, void *ctx)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	varlink_conn_init(&link->conn, fd, LINK_MESSAGE_MAX);
	link->ops = ops;
	link->ctx = ctx;
	return link;
}

static struct waiting *
find(struct link *link, json_int_t id)
{
	unsigned int i;

	for (i = 0; i < LINK_REQUESTS_MAX; i++)
		if (link->waiting[i].id == id)
			return &link->waiting[i];
	return NULL;
}

/* It is free before its owner hears of it, who may ask again. */
static void
finish(struct link *link, struct waiting *w, int ret, json_t *reply,
		const struct control_error *error)
{
	const struct waiting was = *w;

	memset(w, 0, sizeof(*w));
	link->nb--;
	was.done(was.arg, ret, reply, error);
}

static void
fail(struct link *link, struct waiting *w, int ret)
{
	struct control_error error = { .id = CONTROL_INTERFACE ".Busy" };

	if (ret == -ETIMEDOUT)
		snprintf(error.text, sizeof(error.text),
				"the process that forwards has not answered in time; see its log");
	else
		snprintf(error.text, sizeof(error.text),
				"the process that forwards has ended, and is started again: ask "
				"once more");
	finish(link, w, ret, NULL, &error);
}

void
link_free(struct link *link)
{
	unsigned int i;

	if (link == NULL)
		return;
	for (i = 0; i < LINK_REQUESTS_MAX; i++)
		if (link->waiting[i].id != 0)
			fail(link, &link->waiting[i], -ECONNRESET);
	varlink_conn_close(&link->conn);
	free(link);
}

int
link_fd(const struct link *link)
{
	return link->conn.fd;
}

bool
link_wants_out(const struct link *link)
{
	return varlink_conn_pending(&link->conn) != 0;
}

int
link_ask(struct link *link, const struct link_request *request)
{
	json_t *message;
	struct waiting *w;
	int ret = -ENOMEM;

	w = find(link, 0);
	if (w == NULL) {
		json_decref(request->parameters);
		return -EBUSY;
	}
	message = json_pack("{sI ss so}", "id", link->last_id + 1, "method", request->method,
			"parameters",
			request->parameters != NULL ? request->parameters : json_object());
	if (message != NULL)
		ret = varlink_conn_send(&link->conn, message, &request->fd, request->fd >= 0);
	json_decref(message);
	if (ret != 0)
		return ret;
	*w = (struct waiting){ .id = ++link->last_id,
		.due = request->due,
		.done = request->done,
		.arg = request->arg };
	link->nb++;
	return 0;
}

static void
read_error(const json_t *from, struct control_error *error)
{
	const char *id = json_string_value(json_object_get(from, "id"));
	const char *parameter = json_string_value(json_object_get(from, "parameter"));
	const char *text = json_string_value(json_object_get(from, "text"));

	memset(error, 0, sizeof(*error));
	snprintf(error->id, sizeof(error->id), "%s", id != NULL ? id : CONTROL_INTERFACE ".Kernel");
	snprintf(error->parameter, sizeof(error->parameter), "%s",
			parameter != NULL ? parameter : "");
	snprintf(error->text, sizeof(error->text), "%s", text != NULL ? text : "");
}

/* Return: whether it keeps to the protocol. */
static bool
take_answer(struct link *link, json_t *message)
{
	const json_int_t id = json_integer_value(json_object_get(message, "id"));
	const json_t *failed = json_object_get(message, "error");
	const json_t *result = json_object_get(message, "result");
	struct waiting *w = id > 0 ? find(link, id) : NULL;
	struct control_error error;
	json_t *reply;

	/* one that is answered when nobody waits any more has been late */
	if (w == NULL)
		return id > 0 && id <= link->last_id;
	if (json_is_object(failed)) {
		read_error(failed, &error);
		finish(link, w, -EREMOTEIO, NULL, &error);
		return true;
	}
	if (!json_is_integer(result) || json_integer_value(result) < 0 ||
			json_integer_value(result) > 1)
		return false;
	/* who asked may be another thread: it alone has the reply then */
	reply = json_incref(json_object_get(message, "reply"));
	json_object_del(message, "reply");
	finish(link, w, (int)json_integer_value(result), reply, NULL);
	return true;
}

static bool
take_message(struct link *link, struct varlink_message *msg)
{
	json_t *event = json_object_get(msg->json, "event");

	if (event == NULL)
		return take_answer(link, msg->json);
	if (json_is_object(event))
		link->ops->event(link->ctx, event);
	return json_is_object(event);
}

/* What one read brings. Return: NULL, or why it has to be closed. */
static const char *
receive(struct link *link)
{
	struct varlink_message msg;
	bool good;
	int ret = varlink_conn_read(&link->conn);

	if (ret == 0)
		return "it has ended";
	if (ret < 0 && ret != -EAGAIN)
		return "its socket failed";
	while ((ret = varlink_conn_next(&link->conn, &msg)) > 0) {
		good = take_message(link, &msg);
		varlink_message_clear(&msg);
		if (!good)
			return "it answers what nobody asked";
	}
	return ret == 0 ? NULL : "it sends what is no message";
}

static void
give_up_late(struct link *link, uint64_t now)
{
	unsigned int i;

	for (i = 0; i < LINK_REQUESTS_MAX; i++)
		if (link->waiting[i].id != 0 && link->waiting[i].due <= now)
			fail(link, &link->waiting[i], -ETIMEDOUT);
}

void
link_run(struct link *link, uint64_t now)
{
	const char *why = receive(link);
	int ret;

	give_up_late(link, now);
	ret = varlink_conn_flush(&link->conn);
	if (why == NULL && ret != 0 && ret != -EAGAIN)
		why = "it does not take what is sent";
	if (why != NULL)
		link->ops->gone(link->ctx, why);
}

uint64_t
link_due(const struct link *link)
{
	uint64_t due = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < LINK_REQUESTS_MAX; i++)
		if (link->waiting[i].id != 0 && link->waiting[i].due < due)
			due = link->waiting[i].due;
	return due;
}
