/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "checks.h"
#include "control.h"

#define DEADLINE        30000 /* ms: an interface may have to be moved by the kernel */
#define DEADLINE_LIST   10000
#define DEADLINE_RELOAD 300000
#define DIM(array)      (sizeof(array) / sizeof((array)[0]))

/* A client that wants events. */
struct monitor {
	TAILQ_ENTRY(monitor) next;
	struct varlink_call *call;
	struct control *control;
};

TAILQ_HEAD(monitors, monitor);

struct control {
	struct control_conf conf;
	struct varlink_server *server;
	struct monitors monitors;
};

/* How a method's parameters are read and its answer is written. */
enum shape { CHANGE_NETWORK, CHANGE_CONTAINER, LIST, FIELDS };

struct action {
	enum shape shape;
	const char *key;   /* LIST: of the answer */
	const char *event; /* of a change that was made */
	size_t op;         /* in struct control_ops */
};

static void do_request(struct varlink_call *call);
static void do_monitor(struct varlink_call *call);

static const struct varlink_param force_row[] = {
	{ "force", VARLINK_BOOL, .fallback = "off",
			.help = "detach the device and attach it again, where it has to be" },
};

static const struct varlink_param list_rows[] = {
	{ "name", VARLINK_STRING, .max = CONTROL_NAME_MAX, .value = "NAME",
			.help = "of this name only" },
	{ "network", VARLINK_STRING, .max = CONTROL_NETWORK_MAX, .value = "NETWORK",
			.help = "of this network only" },
	{ "statistics", VARLINK_BOOL, .fallback = "off", .help = "with counters" },
};

static const struct varlink_param file_rows[] = {
	{ "file", VARLINK_STRING, .min = 1, .max = CONTROL_PATH_MAX, .value = "FILE",
			.help = "what reload would do with this file, instead of what there is" },
	{ "file_fd", VARLINK_FD, .value = "N",
			.help = "an open descriptor of it, sent with the message; file is its name "
				"only" },
};

static const struct varlink_param capture_rows[] = {
	{ "name", VARLINK_STRING, .min = 1, .max = CONTROL_NAME_MAX, .value = "NAME",
			.help = "of a container, or of an uplink" },
	{ "pipe_fd", VARLINK_FD, .value = "N",
			.help = "a pipe or a stream socket, sent with the message, that the "
				"capture is written to; it ends when that is closed, or shut down "
				"for writing, at the other end" },
	{ "filter", VARLINK_STRING, .max = CONTROL_FILTER_MAX, .value = "PROGRAM",
			.help = "classic BPF, as of tcpdump -ddd with commas between its lines: "
				"frames that it does not take are left out" },
	{ "snaplen", VARLINK_INT, .max = 262144, .fallback = "262144", .value = "BYTES",
			.help = "of each frame that are kept; 0: all" },
	{ "count", VARLINK_INT, .max = INT64_C(1000000000000000), .fallback = "0", .value = "N",
			.help = "frames, then it ends; 0: it does not" },
	{ "direction", VARLINK_WORD, .words = "both|in|out", .fallback = "both",
			.value = "both|in|out",
			.help = "in: what the container, or the port, receives; out: what it "
				"sends" },
	{ "drops", VARLINK_BOOL, .fallback = "off", .value = "on|off",
			.help = "also frames that it was not given; and the reason of each drop as "
				"a comment" },
};

const struct varlink_params control_capture_words = { capture_rows, DIM(capture_rows) };

static const struct varlink_param latency_row[] = {
	{ "name", VARLINK_STRING, .min = 1, .max = CONTROL_NAME_MAX, .value = "NAME",
			.help = "of a container, or of an uplink" },
};

static const struct varlink_params latency_params = { latency_row, 1 };
static const struct varlink_params file_params = { file_rows, 2 };
static const struct varlink_params force_params = { force_row, 1 };
static const struct varlink_params list_all = { list_rows, 3 };
static const struct varlink_params list_name = { list_rows, 1 };
static const struct varlink_params list_network = { list_rows + 1, 1 };
static const struct varlink_params list_uplinks = { list_rows + 1, 2 };
static const struct varlink_params list_lcores = { list_rows + 2, 1 };

#define OP(name) offsetof(struct control_ops, name)

static const struct action actions[] = {
	{ CHANGE_NETWORK, NULL, "network_added", OP(network_add) },
	{ CHANGE_NETWORK, NULL, "network_changed", OP(network_set) },
	{ CHANGE_NETWORK, NULL, "network_removed", OP(network_del) },
	{ CHANGE_CONTAINER, NULL, "container_added", OP(container_add) },
	{ CHANGE_CONTAINER, NULL, "container_changed", OP(container_set) },
	{ CHANGE_CONTAINER, NULL, "container_removed", OP(container_del) },
	{ LIST, "networks", NULL, OP(networks) },
	{ LIST, "containers", NULL, OP(containers) },
	{ LIST, "entries", NULL, OP(fdb) },
	{ LIST, "uplinks", NULL, OP(uplinks) },
	{ LIST, "lcores", NULL, OP(lcores) },
	{ FIELDS, NULL, NULL, OP(config) },
	{ LIST, "findings", NULL, OP(check) },
	{ FIELDS, NULL, NULL, OP(rebalance) },
	{ FIELDS, NULL, NULL, OP(reload) },
	{ FIELDS, NULL, NULL, OP(capture) },
	{ FIELDS, NULL, NULL, OP(load) },
	{ LIST, "latencies", NULL, OP(latency) },
};

/* An entry of methods[]; the first so many are those of actions[]. */
#define METHOD(called, must, ms, rows, more_rows, says)                                \
	{                                                                              \
		.name = called, .params = rows, .others = more_rows, .required = must, \
		.deadline = ms, .handle = do_request, .help = says                     \
	}
/* One that observers may call, too. */
#define LOOK(called, rows, says)                                                          \
	{                                                                                 \
		.name = called, .params = rows, .looks = true, .deadline = DEADLINE_LIST, \
		.handle = do_request, .help = says                                        \
	}

static const struct varlink_method methods[] = {
	METHOD("AddNetwork", 1, DEADLINE, &control_network_words, NULL, "add a network"),
	METHOD("SetNetwork", 1, DEADLINE, &control_network_words, NULL,
			"change what is given of a network"),
	METHOD("RemoveNetwork", 1, DEADLINE, &control_network_name, NULL,
			"remove a network that has no containers"),
	METHOD("AddContainer", 2, DEADLINE, &control_container_words, NULL,
			"give a container an interface on a network"),
	METHOD("SetContainer", 1, DEADLINE, &control_container_words, &force_params,
			"change what is given of a container"),
	METHOD("RemoveContainer", 1, DEADLINE, &control_container_name, NULL,
			"take a container's interface away"),
	LOOK("ListNetworks", &list_name, "the networks"),
	LOOK("ListContainers", &list_all, "the containers"),
	LOOK("ListFdb", &list_network, "the addresses"),
	LOOK("ListUplinks", &list_uplinks, "the ports that lead outside"),
	LOOK("ListLcores", &list_lcores, "the lcores"),
	LOOK("ShowConfig", NULL, "commands that make what there is"),
	METHOD("Check", 0, DEADLINE, &file_params, NULL, "what is wrong, or could be better"),
	METHOD("Rebalance", 0, DEADLINE, &list_network, NULL,
			"share containers and uplinks' queues out among the lcores again"),
	METHOD("Reload", 0, DEADLINE_RELOAD, NULL, &force_params,
			"read the configuration file again"),
	METHOD("Capture", 2, DEADLINE_LIST, &control_capture_words, NULL,
			"copies of frames, as pcapng"),
	LOOK("ListLoad", NULL, "who uses the lcores"),
	{ "ListLatency", .params = &latency_params, .required = 1, .looks = true,
			.deadline = DEADLINE_LIST, .handle = do_request,
			.help = "how long frames are here" },
	{ "Monitor", .stream = true, .looks = true, .handle = do_monitor,
			.help = "events from now on" },
};

const struct varlink_interface control_interface = {
	.name = CONTROL_INTERFACE,
	.description = control_description,
	.methods = methods,
	.nb_methods = DIM(methods),
};

static const struct action *
action_of(const struct varlink_call *call)
{
	return &actions[varlink_call_method(call) - methods];
}

int
control_fail(struct control_request *request, const char *id, const char *parameter,
		const char *fmt, ...)
{
	struct control_error *error = &request->error;
	va_list ap;

	snprintf(error->id, sizeof(error->id), "%s", id);
	snprintf(error->parameter, sizeof(error->parameter), "%s", parameter);
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void
request_free(struct control_request *request)
{
	int *fd = &request->conf.container.netns_fd;

	if (action_of(request->call)->shape == CHANGE_CONTAINER && *fd >= 0)
		close(*fd);
	if (request->file_fd >= 0)
		close(request->file_fd);
	json_decref(request->reply);
	free(request);
}

static void
request_gone(struct varlink_call *call)
{
	struct control_request *request = varlink_call_user(call);
	const struct control *control = varlink_call_ctx(call);

	if (control->conf.ops->gone != NULL)
		control->conf.ops->gone(request);
	request_free(request);
}

static json_t *
error_fields(const struct control_error *error)
{
	return json_pack("{so so}", "parameter", varlink_text(error->parameter), "text",
			varlink_text(error->text));
}

/* What the answer's parameters are. */
static json_t *
reply_fields(const struct action *action, struct control_request *request, int ret)
{
	if (action->shape == CHANGE_NETWORK || action->shape == CHANGE_CONTAINER)
		return json_pack("{sb}", "changed", ret == 0);
	if (action->shape == LIST)
		return json_pack("{sO}", action->key, request->reply);
	return json_incref(request->reply);
}

static void
tell_change(struct control *control, const struct action *action,
		const struct control_request *request)
{
	struct control_event event = { .event = action->event };

	if (action->shape == CHANGE_NETWORK)
		event.network = request->conf.network.name;
	else
		event.container = request->conf.container.name;
	control_event(control, &event);
}

void
control_done(struct control_request *request, int ret)
{
	struct varlink_call *call = request->call;
	const struct action *action = action_of(call);
	struct control *control = varlink_call_ctx(call);

	varlink_call_on_gone(call, NULL);
	if (ret == 0 && action->event != NULL)
		tell_change(control, action, request);
	if (ret < 0) {
		json_t *fields = error_fields(&request->error);
		char id[sizeof(request->error.id)];

		memcpy(id, request->error.id, sizeof(id));
		request_free(request);
		varlink_error(call, id, fields);
	} else {
		json_t *fields = reply_fields(action, request, ret);

		request_free(request);
		varlink_reply(call, fields);
	}
}

/* The struct of what was given, with its descriptor. Return: 0, or -EINVAL with *wrong. */
static int
read_conf(struct varlink_call *call, enum shape shape, struct control_request *request,
		struct varlink_wrong *wrong)
{
	json_t *parameters = varlink_call_parameters(call);

	if (shape == CHANGE_NETWORK) {
		control_defaults(&control_network_words, &request->conf);
		control_from_json(&control_network_words, parameters, &request->conf);
		return 0;
	}
	control_defaults(&control_container_words, &request->conf);
	control_from_json(&control_container_words, parameters, &request->conf);
	if (shape != CHANGE_CONTAINER)
		return 0;
	request->conf.container.netns_fd = varlink_call_take_fd(call, "netns_fd");
	return control_container_check(&request->conf.container, wrong);
}

static void
do_request(struct varlink_call *call)
{
	const struct action *action = action_of(call);
	struct control *control = varlink_call_ctx(call);
	struct control_request *request = calloc(1, sizeof(*request));
	int (*op)(struct control_request *);
	struct varlink_wrong wrong;
	int ret;

	memcpy(&op, (const char *)control->conf.ops + action->op, sizeof(op));
	if (op == NULL || request == NULL) {
		free(request);
		varlink_error_not_implemented(call);
		return;
	}
	request->ctx = control->conf.ctx;
	request->call = call;
	request->reply = action->shape == LIST ? json_array() : json_object();
	request->force = json_is_true(json_object_get(varlink_call_parameters(call), "force"));
	request->statistics =
			json_is_true(json_object_get(varlink_call_parameters(call), "statistics"));
	request->parameters = varlink_call_parameters(call);
	request->file_fd = varlink_call_take_fd(call, "file_fd");
	if (request->file_fd < 0)
		request->file_fd = varlink_call_take_fd(call, "pipe_fd");
	if (json_object_get(varlink_call_parameters(call), "file") != NULL)
		snprintf(request->file, sizeof(request->file), "%s",
				json_string_value(json_object_get(
						varlink_call_parameters(call), "file")));
	varlink_call_set_user(call, request);
	ret = read_conf(call, action->shape, request, &wrong);
	if (ret != 0) {
		control_fail(request, CONTROL_INTERFACE ".Conflict", wrong.parameter, "%s",
				wrong.text);
	} else {
		varlink_call_on_gone(call, request_gone);
		ret = op(request);
	}
	if (ret != CONTROL_LATER)
		control_done(request, ret);
}

static void
monitor_gone(struct varlink_call *call)
{
	struct monitor *monitor = varlink_call_user(call);

	TAILQ_REMOVE(&monitor->control->monitors, monitor, next);
	free(monitor);
}

/* What is not of this event is left out. */
static json_t *
event_fields(const struct control_event *event)
{
	const char *const names[] = { "event", "network", "container", "uplink", "text" };
	const char *const values[] = { event->event, event->network, event->container,
		event->uplink, event->text };
	json_t *fields = json_object();
	unsigned int i;

	for (i = 0; i < DIM(names); i++)
		if (values[i] != NULL && values[i][0] != '\0')
			json_object_set_new(fields, names[i], varlink_text(values[i]));
	return fields;
}

static void
do_monitor(struct varlink_call *call)
{
	struct control *control = varlink_call_ctx(call);
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (monitor == NULL) {
		varlink_error(call, CONTROL_INTERFACE ".Busy",
				json_pack("{ss ss}", "parameter", "", "text", "no memory"));
		return;
	}
	monitor->call = call;
	monitor->control = control;
	TAILQ_INSERT_TAIL(&control->monitors, monitor, next);
	varlink_call_set_user(call, monitor);
	varlink_call_on_gone(call, monitor_gone);
	varlink_reply_continues(call, json_pack("{ss}", "event", "ready"));
}

void
control_event(struct control *control, const struct control_event *event)
{
	struct monitor *monitor, *next;

	for (monitor = TAILQ_FIRST(&control->monitors); monitor != NULL; monitor = next) {
		next = TAILQ_NEXT(monitor, next);
		/* one that is too slow is cut off, and gone */
		varlink_reply_continues(monitor->call, event_fields(event));
	}
}

struct varlink_server *
control_server(struct control *control)
{
	return control->server;
}

static const struct varlink_interface *const interfaces[] = { &control_interface };

static uint64_t
control_now(void *ctx)
{
	const struct control *control = ctx;

	return control->conf.now(control->conf.ctx);
}

int
control_create(const struct control_conf *conf, struct control **control)
{
	struct control *c = calloc(1, sizeof(*c));
	const struct varlink_server_conf server = {
		.interfaces = interfaces,
		.nb_interfaces = DIM(interfaces),
		.ctx = c,
		.vendor = "dpdk-vduse",
		.product = "dpdk-vduse-net",
		.version = conf->version,
		.url = "",
		.error_malformed = CONTROL_INTERFACE ".InvalidMessage",
		.error_timeout = CONTROL_INTERFACE ".Timeout",
		.group = conf->group,
		.now = conf->now != NULL ? control_now : NULL,
	};
	int ret;

	if (c == NULL)
		return -ENOMEM;
	c->conf = *conf;
	TAILQ_INIT(&c->monitors);
	ret = varlink_server_create(&server, &c->server);
	if (ret != 0) {
		free(c);
		return ret;
	}
	*control = c;
	return 0;
}

void
control_free(struct control *control)
{
	if (control == NULL)
		return;
	varlink_server_free(control->server);
	free(control);
}
