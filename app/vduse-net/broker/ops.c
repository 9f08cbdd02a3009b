/* SPDX-License-Identifier: BSD-3-Clause */

/* What clients ask: changes become jobs, lists are the poller's with what is known here. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"

#define LIST_MS 8000

static int
busy(struct control_request *request, const char *why)
{
	return control_fail(request, CONTROL_INTERFACE ".Busy", "", "%s", why);
}

/* What request->user is: who is to be told that there is no request any more. */
static void
gone(struct control_request *request)
{
	struct control_request **held = request->user;

	if (held != NULL)
		__atomic_store_n(held, NULL, __ATOMIC_RELAXED);
}

/* Return: NULL: no memory. */
static struct job *
job_new(struct control_request *request, int (*run)(struct broker *, struct job *))
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->run = run;
	job->force = request->force;
	job->request = request;
	job->asked = true;
	request->user = &job->request;
	return job;
}

static int
change_network(struct control_request *request, int (*run)(struct broker *, struct job *))
{
	struct job *job = job_new(request, run);

	if (job == NULL)
		return busy(request, "no memory");
	job->conf.network = request->conf.network;
	job->kind = JOB_NETWORK;
	jobs_add(request->ctx, job);
	return CONTROL_LATER;
}

/* The namespace's descriptor goes with the job: the request may be gone before it ends. */
static int
change_container(struct control_request *request, int (*run)(struct broker *, struct job *))
{
	struct job *job = job_new(request, run);

	if (job == NULL)
		return busy(request, "no memory");
	job->conf.container = request->conf.container;
	request->conf.container.netns_fd = -1;
	jobs_add(request->ctx, job);
	return CONTROL_LATER;
}

static int
network_add(struct control_request *request)
{
	return change_network(request, change_network_add);
}

static int
network_set(struct control_request *request)
{
	return change_network(request, change_network_set);
}

static int
network_del(struct control_request *request)
{
	return change_network(request, change_network_del);
}

static int
container_add(struct control_request *request)
{
	return change_container(request, change_container_add);
}

static int
container_set(struct control_request *request)
{
	return change_container(request, change_container_set);
}

static int
container_del(struct control_request *request)
{
	return change_container(request, change_container_del);
}

/* A question that the poller answers: of a client that may be gone by then. */
struct question {
	struct broker *broker;
	struct control_request *request; /* NULL: gone */
	void (*fill)(struct broker *b, struct control_request *request);
};

static void
answer(void *arg, int ret, json_t *reply, const struct control_error *error)
{
	struct question *question = arg;
	struct control_request *request = question->request;

	if (request != NULL && ret < 0)
		request->error = *error;
	if (request != NULL && ret >= 0 && reply != NULL) {
		json_decref(request->reply);
		request->reply = json_incref(reply);
		if (question->fill != NULL)
			question->fill(question->broker, request);
	}
	json_decref(reply);
	free(question);
	if (request != NULL) {
		request->user = NULL;
		control_done(request, ret < 0 ? ret : 0);
	}
}

/* With parameters, which are taken, and a descriptor, which is not. */
static int
ask_with(struct control_request *request, const char *method, json_t *parameters, int fd,
		void (*fill)(struct broker *b, struct control_request *request))
{
	struct broker *b = request->ctx;
	struct question *question;
	struct link_request send = {
		.method = method, .fd = fd, .due = broker_now() + LIST_MS, .done = answer
	};
	int ret;

	question = b->linked ? calloc(1, sizeof(*question)) : NULL;
	if (question == NULL) {
		json_decref(parameters);
		return busy(request, b->linked ? "no memory"
					       : "the process that forwards is being started: ask "
						 "again");
	}
	*question = (struct question){ .broker = b, .request = request, .fill = fill };
	send.arg = question;
	send.parameters = parameters;
	ret = link_ask(b->link, &send);
	if (ret == 0) {
		request->user = &question->request;
		return CONTROL_LATER;
	}
	free(question);
	return busy(request, "too much is asked of the process that forwards: ask again");
}

static int
ask(struct control_request *request, const char *method,
		void (*fill)(struct broker *b, struct control_request *request))
{
	json_t *parameters = json_pack("{ss ss sb}", "name", request->conf.container.name,
			"network", request->conf.container.network, "statistics",
			request->statistics);

	return ask_with(request, method, parameters, -1, fill);
}

static void
fill_node(struct broker *b, const struct control_container *conf, json_t *value)
{
	char node[NAME_MAX + 1];

	if (strcmp(conf->attach, "vhost") == 0 && b->device->node(conf->name, node) == 0)
		json_object_set_new(value, "device", json_string(node));
}

/*
 * Beside what the poller says of a container: its interface, as it was asked for, or its device
 * file.
 */
static void
fill_containers(struct broker *b, struct control_request *request)
{
	const struct store_container *there;
	json_t *value, *more;
	size_t i;

	broker_mutex_lock(&b->lock);
	json_array_foreach(request->reply, i, value)
	{
		const char *name = json_string_value(json_object_get(value, "name"));

		there = name != NULL ? store_container(&b->store, name) : NULL;
		if (there == NULL)
			continue;
		more = control_to_json(
				&control_container_words, &there->conf, ~broker_poller_words());
		json_object_update(value, more);
		json_decref(more);
		fill_node(b, &there->conf, value);
	}
	broker_mutex_unlock(&b->lock);
}

static int
networks(struct control_request *request)
{
	return ask(request, "networks", NULL);
}

static int
containers(struct control_request *request)
{
	return ask(request, "containers", fill_containers);
}

static int
fdb(struct control_request *request)
{
	return ask(request, "fdb", NULL);
}

static int
uplinks(struct control_request *request)
{
	return ask(request, "uplinks", NULL);
}

static int
lcores(struct control_request *request)
{
	return ask(request, "lcores", NULL);
}

/* The file's descriptor goes with the job. */
static int
do_file(struct control_request *request, int (*run)(struct broker *, struct job *))
{
	struct job *job = job_new(request, run);

	if (job == NULL)
		return busy(request, "no memory");
	job->kind = JOB_FILE;
	memcpy(job->conf.file.name, request->file, sizeof(job->conf.file.name));
	job->conf.file.fd = request->file_fd;
	request->file_fd = -1;
	jobs_add(request->ctx, job);
	return CONTROL_LATER;
}

static int
check(struct control_request *request)
{
	if (request->file[0] != '\0' && request->file_fd < 0)
		return control_fail(request, CONTROL_INTERFACE ".Conflict", "file",
				"%.128s: send it as an open descriptor along, in file_fd: a name "
				"alone is not opened for others",
				request->file);
	return do_file(request, change_check);
}

static int
reload(struct control_request *request)
{
	return do_file(request, change_reload);
}

static int
load(struct control_request *request)
{
	return ask(request, "load", NULL);
}

static int
latency(struct control_request *request)
{
	return ask(request, "latency", NULL);
}

static int
rebalance(struct control_request *request)
{
	return ask(request, "rebalance", NULL);
}

/* The pipe is for the process that has the frames, and none of this one's. */
static int
capture(struct control_request *request)
{
	json_t *parameters = json_copy((json_t *)(uintptr_t)request->parameters);

	json_object_del(parameters, "pipe_fd");
	return ask_with(request, "capture", parameters, request->file_fd, NULL);
}

static int
config(struct control_request *request)
{
	struct control_config there = { 0 };
	struct broker *b = request->ctx;
	char *text = NULL;
	int ret;

	broker_mutex_lock(&b->lock);
	ret = config_collect(b, false, &there);
	broker_mutex_unlock(&b->lock);
	if (ret == 0)
		text = control_config_text(&there);
	control_config_clear(&there);
	if (text == NULL)
		return busy(request, "no memory");
	json_object_set_new(request->reply, "config", json_string(text));
	free(text);
	return 0;
}

const struct control_ops broker_ops = {
	.network_add = network_add,
	.network_set = network_set,
	.network_del = network_del,
	.container_add = container_add,
	.container_set = container_set,
	.container_del = container_del,
	.networks = networks,
	.containers = containers,
	.fdb = fdb,
	.uplinks = uplinks,
	.lcores = lcores,
	.check = check,
	.rebalance = rebalance,
	.config = config,
	.reload = reload,
	.capture = capture,
	.load = load,
	.latency = latency,
	.gone = gone,
};
