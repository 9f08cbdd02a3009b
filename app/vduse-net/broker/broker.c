/* SPDX-License-Identifier: BSD-3-Clause */

/* The main thread's loop: clients, the poller, jobs that are done. */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_common.h>

#include "broker/broker_priv.h"
#include "clock_ms.h"
#include "say.h"

/* How often a poller is looked for that is not there, and what waits for it, in milliseconds. */
#define RETRY_MS 50

uint64_t
broker_now(void)
{
	return clock_ms();
}

void
broker_fault(struct broker *b, const char *container, const char *format, ...)
{
	char text[CONTROL_TEXT_SIZE];
	json_t *event;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (container != NULL)
		SAY_DEVICE(container, "fault", "%s: %s", container, text);
	else
		SAY("%s", text);
	event = json_pack("{ss ss* so}", "event", "fault", "container", container, "text",
			varlink_text(text));
	broker_mutex_lock(&b->lock);
	if (b->faults == NULL)
		b->faults = json_array();
	json_array_append_new(b->faults, event);
	broker_mutex_unlock(&b->lock);
	eventfd_write(b->wake_fd, 1);
}

static void
link_gone(void *ctx, const char *why)
{
	struct broker *b = ctx;
	struct link *link = b->link;

	broker_fault(b, NULL, "the process that forwards: %s; containers wait for the next", why);
	b->link = NULL;
	b->linked = false;
	link_free(link);
}

/* Its words are those of the interface's events; what it makes up is not passed on. */
static void
link_event(void *ctx, json_t *event)
{
	struct broker *b = ctx;
	const struct control_event told = {
		.event = json_string_value(json_object_get(event, "event")),
		.network = json_string_value(json_object_get(event, "network")),
		.container = json_string_value(json_object_get(event, "container")),
		.uplink = json_string_value(json_object_get(event, "uplink")),
		.text = json_string_value(json_object_get(event, "text")),
	};

	if (told.event != NULL)
		control_event(b->control, &told);
}

static const struct link_ops link_ops = { .gone = link_gone, .event = link_event };

/* Return: a connected socket or -errno. */
static int
dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* From its first answer on it is there. */
static void
greeted(void *arg, int ret, json_t *reply, const struct control_error *error)
{
	struct broker *b = arg;

	(void)error;
	json_decref(reply);
	if (ret < 0)
		return;
	broker_mutex_lock(&b->lock);
	b->generation++;
	broker_mutex_unlock(&b->lock);
	replay_next(b);
}

static void
look_for_poller(struct broker *b)
{
	const struct link_request hello = { .method = "hello",
		.fd = -1,
		.due = UINT64_MAX, /* EAL may take its time */
		.done = greeted,
		.arg = b };
	int fd;

	if (b->link != NULL || broker_now() < b->retry)
		return;
	b->retry = broker_now() + RETRY_MS;
	fd = dial(b->conf.poller);
	if (fd < 0)
		return;
	b->link = link_create(fd, &link_ops, b);
	if (b->link == NULL) {
		close(fd);
		return;
	}
	if (link_ask(b->link, &hello) != 0)
		link_gone(b, "no memory to greet it");
}

void
broker_repair(struct broker *b, const char *name)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		SAY("%s: no memory to repair it", name);
		return;
	}
	job->run = change_repair;
	job->conf.container.netns_fd = -1;
	snprintf(job->conf.container.name, sizeof(job->conf.container.name), "%s", name);
	TAILQ_INSERT_TAIL(&b->todo, job, next);
	pthread_cond_broadcast(&b->changed);
}

/* The configuration file, for nobody who waits for an answer. */
static void
reload_file(struct broker *b)
{
	struct job *job = calloc(1, sizeof(*job));

	b->reload = false;
	if (job == NULL) {
		SAY("%s: no memory to read it", b->conf.config);
		return;
	}
	job->run = change_reload;
	job->kind = JOB_FILE;
	job->conf.file.fd = -1;
	jobs_add(b, job);
}

/* At the start that is the end of the process: it has said why. */
static void
reloaded(struct broker *b, const struct job *job)
{
	const json_t *counts = job->answer;

	if (job->ret == 0)
		SAY("%s: %d added, %d changed, %d removed", b->conf.config,
				(int)json_integer_value(json_object_get(counts, "added")),
				(int)json_integer_value(json_object_get(counts, "changed")),
				(int)json_integer_value(json_object_get(counts, "removed")));
	else
		broker_fault(b, NULL, "the configuration is not changed: %s", job->error.text);
	if (b->starting && job->ret < 0)
		b->failed = job->ret;
	b->starting = false;
}

static void
tell_events(struct broker *b, const json_t *events)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		link_event(b, event);
	}
}

static void
tell_faults(struct broker *b)
{
	json_t *faults;

	broker_mutex_lock(&b->lock);
	faults = b->faults;
	b->faults = NULL;
	broker_mutex_unlock(&b->lock);
	tell_events(b, faults);
	json_decref(faults);
}

/* Nobody waits for it any more: what was added is taken away again. */
static void
undo_job(struct broker *b, struct job *job)
{
	job->run = job->run == change_network_add ? change_network_del : change_container_del;
	jobs_add(b, job);
}

static void
end_jobs(struct broker *b)
{
	struct control_request *request;
	struct job *job;
	bool added;
	int ret;

	while ((job = jobs_done(b)) != NULL) {
		request = job->request;
		ret = job->ret;
		added = ret == 0 &&
			(job->run == change_network_add || job->run == change_container_add);
		if (request == NULL && added && job->asked) {
			job->asked = false;
			undo_job(b, job);
			continue;
		}
		if (ret >= 0)
			tell_events(b, job->events);
		if (!job->asked && job->run == change_reload)
			reloaded(b, job);
		if (request != NULL && ret < 0)
			request->error = job->error;
		if (request != NULL && ret >= 0 && job->answer != NULL) {
			json_decref(request->reply);
			request->reply = json_incref(job->answer);
		}
		job_free(job);
		if (request != NULL) {
			request->user = NULL;
			control_done(request, ret);
		}
	}
}

/* What was asked for is told to the poller, what the file has is there. */
static void
tell_ready(struct broker *b, int fd)
{
	if (b->ready || !b->linked || b->starting || fd < 0)
		return;
	b->ready = true;
	eventfd_write(fd, 1);
}

static int
timeout(struct broker *b, bool asks, unsigned int most)
{
	const uint64_t now = broker_now();
	uint64_t due = b->link != NULL ? link_due(b->link) : b->retry;

	if (asks && !b->linked && due > now + RETRY_MS)
		due = now + RETRY_MS;
	if (most != 0 && due > now + most)
		due = now + most;
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : (int)(due - now < 60000 ? due - now : 60000);
}

/* However many signals there were. */
static void
on_signal(struct broker *b, int fd)
{
	struct signalfd_siginfo sig;

	while (read(fd, &sig, sizeof(sig)) == sizeof(sig))
		b->reload = true;
}

/* Wait for what comes, and do it. Return: whether to end. */
static bool
turn(struct broker *b, const struct broker_fds *given)
{
	struct pollfd fds[] = {
		{ .fd = given->end, .events = POLLIN },
		{ .fd = b->wake_fd, .events = POLLIN },
		{ .fd = varlink_server_fd(control_server(b->control)), .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
		{ .fd = given->reload, .events = POLLIN },
	};
	eventfd_t value;
	bool asks;

	if (given->alive_ms != 0)
		eventfd_write(given->alive, 1);
	tell_ready(b, given->ready);
	look_for_poller(b);
	if (b->linked && __atomic_exchange_n(&b->again, false, __ATOMIC_RELAXED))
		replay_next(b);
	if (b->reload && b->linked)
		reload_file(b);
	asks = jobs_send(b);
	if (b->link != NULL) {
		fds[3].fd = link_fd(b->link);
		fds[3].events = link_wants_out(b->link) ? POLLIN | POLLOUT : POLLIN;
	}
	if (poll(fds, RTE_DIM(fds), timeout(b, asks, given->alive_ms)) < 0)
		return errno != EINTR;
	if (fds[1].revents != 0)
		eventfd_read(b->wake_fd, &value);
	if (fds[4].revents != 0)
		on_signal(b, given->reload);
	if (fds[2].revents != 0)
		varlink_server_run(control_server(b->control));
	end_jobs(b);
	tell_faults(b);
	jobs_send(b);
	if (b->link != NULL)
		link_run(b->link, broker_now());
	return fds[0].revents != 0 || b->failed != 0;
}

int
broker_run(struct broker *b, const struct broker_fds *fds)
{
	while (!turn(b, fds))
		;
	return b->failed;
}

static int
open_control(struct broker *b)
{
	const struct control_conf conf = {
		.ops = &broker_ops,
		.ctx = b,
		.version = b->conf.version,
		.group = b->conf.group,
		.now = b->conf.now,
	};
	const char *path;
	int ret;

	ret = control_create(&conf, &b->control);
	if (ret < 0)
		return ret;
	path = b->conf.control;
	ret = varlink_server_listen(control_server(b->control), path);
	if (ret == 0 && b->conf.observe != NULL) {
		path = b->conf.observe;
		ret = varlink_server_observe(control_server(b->control), path, b->conf.observers);
	}
	if (ret == 0)
		return 0;
	SAY("--control: cannot listen at %s: %s%s", path, strerror(-ret),
			ret == -EADDRINUSE ? "; another process does: stop that one" : "");
	control_free(b->control);
	return ret;
}

static int
open_store(struct broker *b)
{
	int ret = store_open(&b->store, b->conf.state_dir);

	if (ret < 0)
		SAY("the state folder %s cannot be used: %s", b->conf.state_dir, strerror(-ret));
	return ret;
}

static struct broker *
alloc(const struct broker_conf *conf)
{
	struct broker *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->conf = *conf;
	b->device = conf->device != NULL ? conf->device : &device_kernel;
	broker_mutex_init(&b->lock);
	pthread_cond_init(&b->changed, NULL);
	TAILQ_INIT(&b->todo);
	TAILQ_INIT(&b->done);
	TAILQ_INIT(&b->asks);
	return b;
}

int
broker_create(const struct broker_conf *conf, struct broker **broker)
{
	struct broker *b = alloc(conf);
	int ret;

	if (b == NULL)
		return -ENOMEM;
	b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = b->wake_fd < 0 ? -errno : open_store(b);
	if (ret < 0)
		goto free_broker;
	ret = open_control(b);
	if (ret < 0)
		goto close_store;
	broker_mutex_alone(&b->lock);
	b->starting = conf->apply;
	/* one that was killed in the middle of it is followed by one that does it all */
	b->reload = conf->config != NULL && (conf->apply || b->store.reloading);
	ret = jobs_start(b);
	if (ret < 0)
		goto free_control;
	*broker = b;
	return 0;

free_control:
	control_free(b->control);
close_store:
	store_close(&b->store);
free_broker:
	if (b->wake_fd >= 0)
		close(b->wake_fd);
	free(b);
	return ret;
}

void
broker_free(struct broker *b)
{
	link_free(b->link);
	jobs_stop(b);
	control_free(b->control);
	store_close(&b->store);
	broker_mutex_alone(&b->lock);
	json_decref(b->faults);
	close(b->wake_fd);
	pthread_cond_destroy(&b->changed);
	broker_mutex_destroy(&b->lock);
	free(b);
}
