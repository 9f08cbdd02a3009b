/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/broker_priv.h"

/* How long the poller may take for an answer, in milliseconds. */
#define ASK_MS 20000

int
job_fail(struct job *job, const char *id, const char *parameter, const char *format, ...)
{
	struct control_error *error = &job->error;
	va_list args;

	snprintf(error->id, sizeof(error->id), CONTROL_INTERFACE ".%s", id);
	snprintf(error->parameter, sizeof(error->parameter), "%s", parameter);
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

void
jobs_forget(struct job *job)
{
	json_decref(job->reply);
	job->reply = NULL;
}

void
job_free(struct job *job)
{
	jobs_forget(job);
	json_decref(job->answer);
	json_decref(job->events);
	if (job->kind == JOB_CONTAINER && job->conf.container.netns_fd >= 0)
		close(job->conf.container.netns_fd);
	if (job->kind == JOB_FILE && job->conf.file.fd >= 0)
		close(job->conf.file.fd);
	free(job);
}

static void
wake(struct broker *b)
{
	eventfd_write(b->wake_fd, 1);
}

static void *
run_jobs(void *arg)
{
	struct broker *b = arg;
	struct job *job;

	broker_mutex_lock(&b->lock);
	for (;;) {
		while (!b->ending && TAILQ_EMPTY(&b->todo))
			broker_mutex_wait(&b->lock, &b->changed);
		job = TAILQ_FIRST(&b->todo);
		if (b->ending || job == NULL)
			break;
		TAILQ_REMOVE(&b->todo, job, next);
		broker_mutex_unlock(&b->lock);
		job->ret = job->run(b, job);
		broker_mutex_lock(&b->lock);
		TAILQ_INSERT_TAIL(&b->done, job, next);
		wake(b);
	}
	broker_mutex_unlock(&b->lock);
	return NULL;
}

int
jobs_start(struct broker *b)
{
	return -pthread_create(&b->thread, NULL, run_jobs, b);
}

REQUIRES(broker_mutex)
static void
finish(struct ask *ask, int ret, const struct control_error *error)
{
	ask->ret = ret;
	if (error != NULL)
		ask->error = *error;
	ask->finished = true;
	pthread_cond_broadcast(&ask->broker->changed);
}

REQUIRES(broker_mutex)
static void
finish_busy(struct ask *ask, int ret, const char *why)
{
	struct control_error error = { .id = CONTROL_INTERFACE ".Busy" };

	snprintf(error.text, sizeof(error.text), "%s", why);
	finish(ask, ret, &error);
}

/* The job that runs comes to its end: what it still asks is not answered. */
void
jobs_stop(struct broker *b)
{
	struct ask *ask;
	struct job *job;

	broker_mutex_lock(&b->lock);
	b->ending = true;
	while ((ask = TAILQ_FIRST(&b->asks)) != NULL) {
		TAILQ_REMOVE(&b->asks, ask, next);
		json_decref(ask->parameters);
		finish_busy(ask, -ECANCELED, "this process ends");
	}
	pthread_cond_broadcast(&b->changed);
	broker_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	while ((job = TAILQ_FIRST(&b->todo)) != NULL || (job = TAILQ_FIRST(&b->done)) != NULL) {
		TAILQ_REMOVE(TAILQ_FIRST(&b->todo) != NULL ? &b->todo : &b->done, job, next);
		job_free(job);
	}
}

void
jobs_add(struct broker *b, struct job *job)
{
	broker_mutex_lock(&b->lock);
	TAILQ_INSERT_TAIL(&b->todo, job, next);
	pthread_cond_broadcast(&b->changed);
	broker_mutex_unlock(&b->lock);
}

struct job *
jobs_done(struct broker *b)
{
	struct job *job;

	broker_mutex_lock(&b->lock);
	job = TAILQ_FIRST(&b->done);
	if (job != NULL)
		TAILQ_REMOVE(&b->done, job, next);
	broker_mutex_unlock(&b->lock);
	return job;
}

int
jobs_ask(struct broker *b, struct job *job, const char *method, json_t *parameters, int fd)
{
	struct ask ask = { .broker = b,
		.method = method,
		.parameters = parameters,
		.fd = fd,
		.due = broker_now() + ASK_MS };

	broker_mutex_lock(&b->lock);
	if (b->ending) {
		json_decref(parameters);
		finish_busy(&ask, -ECANCELED, "this process ends");
	} else {
		TAILQ_INSERT_TAIL(&b->asks, &ask, next);
		wake(b);
	}
	while (!ask.finished)
		broker_mutex_wait(&b->lock, &b->changed);
	broker_mutex_unlock(&b->lock);
	jobs_forget(job);
	job->reply = ask.reply;
	if (ask.ret < 0)
		job->error = ask.error;
	return ask.ret;
}

/* From within link_run() and link_free(). */
static void
answered(void *arg, int ret, json_t *reply, const struct control_error *error)
{
	struct ask *ask = arg;
	struct broker *b = ask->broker;

	broker_mutex_lock(&b->lock);
	ask->reply = reply;
	finish(ask, ret, error);
	broker_mutex_unlock(&b->lock);
}

/* Return: whether it is off the list. */
REQUIRES(broker_mutex)
static bool
send_ask(struct broker *b, struct ask *ask)
{
	const struct link_request request = { .method = ask->method,
		.parameters = ask->parameters,
		.fd = ask->fd,
		.due = ask->due,
		.done = answered,
		.arg = ask };
	int ret;

	if (!b->linked && ask->due > broker_now())
		return false;
	TAILQ_REMOVE(&b->asks, ask, next);
	if (!b->linked) {
		json_decref(ask->parameters);
		finish_busy(ask, -ETIMEDOUT, "the process that forwards is not there; see its log");
		return true;
	}
	ret = link_ask(b->link, &request);
	if (ret != 0)
		finish_busy(ask, ret,
				"the process that forwards cannot be asked for lack of memory");
	return true;
}

bool
jobs_send(struct broker *b)
{
	struct ask *ask;
	bool left;

	broker_mutex_lock(&b->lock);
	while ((ask = TAILQ_FIRST(&b->asks)) != NULL && send_ask(b, ask))
		;
	left = ask != NULL;
	broker_mutex_unlock(&b->lock);
	return left;
}
