/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The configuration file: what differs from it is added, changed and removed, all of it or
 * nothing; or it is said what that would be. What the file had when it was read last is marked in
 * the store, so that what it has no more is removed, and what was added otherwise stays.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_priv.h"
#include "broker/config.h"

int
config_collect(struct broker *b, bool in_file, struct control_config *config)
{
	const struct store_container *container;
	const struct store_network *network;
	int ret = 0;

	TAILQ_FOREACH (network, &b->store.networks, next)
		if (ret == 0 && (!in_file || network->in_file))
			ret = control_config_network(config, &network->conf);
	TAILQ_FOREACH (container, &b->store.containers, next)
		if (ret == 0 && (!in_file || container->in_file))
			ret = control_config_container(config, &container->conf);
	return ret;
}

static int
read_file(struct reload *r, int fd)
{
	char error[CONTROL_ERROR_MAX];
	int ret;

	ret = fd >= 0 ? control_config_read_fd(fd, r->path, &r->wanted, error)
		      : control_config_read(r->path, &r->wanted, error);
	return ret == 0 ? 0 : job_fail(r->job, "Configuration", "", "%s", error);
}

static int
compare(struct reload *r)
{
	struct broker *b = r->b;
	int ret;

	broker_mutex_lock(&b->lock);
	ret = config_collect(b, false, &r->now);
	if (ret == 0)
		ret = config_collect(b, true, &r->before);
	broker_mutex_unlock(&b->lock);
	if (ret == 0)
		ret = r->nb_steps = control_config_diff(&r->before, &r->now, &r->wanted, &r->steps);
	if (ret < 0)
		return change_no_memory(r->job);
	r->done = calloc((size_t)r->nb_steps + 1, sizeof(r->done[0]));
	return r->done != NULL ? 0 : change_no_memory(r->job);
}

int
reload_begin(struct reload *r, const char *path, int fd)
{
	int ret;

	r->path = path;
	ret = read_file(r, fd);
	return ret == 0 ? compare(r) : ret;
}

void
reload_end(struct reload *r)
{
	free(r->done);
	free(r->steps);
	control_config_clear(&r->before);
	control_config_clear(&r->now);
	control_config_clear(&r->wanted);
}

static const char *
name_of(const struct control_step *step)
{
	return step->network != NULL ? step->network->name : step->container->name;
}

const char *
reload_place(const struct reload *r, const struct control_step *step, char *buf, size_t len)
{
	const unsigned int line = control_config_line(&r->wanted, step);
	const char *what = step->network != NULL ? "network" : "container";

	if (line != 0)
		snprintf(buf, len, "%.96s:%u: %s %.64s", r->path, line, what, name_of(step));
	else
		snprintf(buf, len, "%.96s: %s %.64s, which it has no more", r->path, what,
				name_of(step));
	return buf;
}

/* The step's error, with its place. */
static int
fail_at(struct reload *r, const struct control_step *step, const struct control_error *error)
{
	char where[192];

	r->job->error = *error;
	snprintf(r->job->error.text, sizeof(r->job->error.text), "%s: %.*s",
			reload_place(r, step, where, sizeof(where)),
			(int)sizeof(r->job->error.text) - 2 - (int)strlen(where), error->text);
	return -EINVAL;
}

uint64_t
reload_reattach(const struct control_step *step)
{
	return step->verb == CONTROL_SET && step->container != NULL
			       ? step->which & broker_device_words()
			       : 0;
}

static int
check_reattach(struct job *job, const struct control_step *step)
{
	const uint64_t words = reload_reattach(step);

	return words == 0 || job->force ? 0 : change_needs_reattach(job, words);
}

/* Whether its ports are there, and no other network's. */
static int
check_ports(struct broker *b, struct job *job, const struct control_step *step)
{
	const struct control_network *network = step->network;
	unsigned int i;
	int ret = 0;

	if (network == NULL || step->verb == CONTROL_DEL)
		return 0;
	for (i = 0; i < network->uplinks.nb && ret >= 0; i++)
		ret = jobs_ask(b, job, "port",
				json_pack("{ss ss}", "name", network->uplinks.items[i], "network",
						network->name),
				-1);
	jobs_forget(job);
	return ret < 0 ? ret : 0;
}

int
reload_check(struct reload *r, const struct control_step *step)
{
	struct job no = { .force = r->job->force };
	int ret;

	ret = check_reattach(&no, step);
	if (ret == 0)
		ret = check_ports(r->b, &no, step);
	return ret == 0 ? 0 : fail_at(r, step, &no.error);
}

static int
do_network(struct broker *b, struct job *job, enum control_verb verb)
{
	static int (*const verbs[])(struct broker * b, struct job * job) = {
		[CONTROL_DEL] = change_network_del,
		[CONTROL_ADD] = change_network_add,
		[CONTROL_SET] = change_network_set,
	};

	job->kind = JOB_NETWORK;
	return verbs[verb](b, job);
}

static int
do_container(struct broker *b, struct job *job, enum control_verb verb)
{
	static int (*const verbs[])(struct broker * b, struct job * job) = {
		[CONTROL_DEL] = change_container_del,
		[CONTROL_ADD] = change_container_add,
		[CONTROL_SET] = change_container_set,
	};

	job->kind = JOB_CONTAINER;
	return verbs[verb](b, job);
}

/* With the values that one of the configurations has. Return: as the change. */
static int
do_step(struct broker *b, struct job *job, const struct control_step *step)
{
	int ret;

	if (step->network != NULL) {
		job->conf.network = *step->network;
		if (step->verb == CONTROL_SET)
			job->conf.network.given = step->which;
		ret = do_network(b, job, step->verb);
	} else {
		job->conf.container = *step->container;
		if (step->verb == CONTROL_SET)
			job->conf.container.given = step->which;
		ret = do_container(b, job, step->verb);
	}
	jobs_forget(job);
	return ret;
}

/* Whether its mirror is a container that is there, or comes with a later line. */
static bool
mirror_waits(const struct reload *r, const struct control_step *step)
{
	const struct control_container *mirror;

	if (step->container == NULL)
		return false;
	mirror = control_config_find_container(&r->wanted, step->container->mirror);
	if (mirror == NULL)
		mirror = control_config_find_container(&r->now, step->container->mirror);
	return mirror != NULL && strcmp(mirror->network, step->container->network) == 0;
}

/* The way back of a step: to what was there before; without one, NULL. */
static struct control_step
inverse(const struct reload *r, const struct control_step *step)
{
	static const enum control_verb verbs[] = {
		[CONTROL_DEL] = CONTROL_ADD,
		[CONTROL_ADD] = CONTROL_DEL,
		[CONTROL_SET] = CONTROL_SET,
	};
	struct control_step back = *step;

	back.verb = verbs[step->verb];
	if (step->verb == CONTROL_ADD)
		return back;
	if (step->network != NULL)
		back.network = control_config_find_network(&r->now, step->network->name);
	else
		back.container = control_config_find_container(&r->now, step->container->name);
	return back;
}

/* From the last that was done to the first; what cannot be is said, and the others are. */
static void
undo(struct reload *r, int nb)
{
	struct control_step back;
	char where[192];
	int i;

	for (i = nb - 1; i >= 0; i--) {
		struct job job = { .force = true, .mirror_waits = true };

		if (!r->done[i])
			continue;
		back = inverse(r, &r->steps[i]);
		/* what was changed was there */
		if (back.network == NULL && back.container == NULL)
			continue;
		if (do_step(r->b, &job, &back) < 0)
			broker_fault(r->b, NULL, "%s: cannot be made as it was before: %s",
					reload_place(r, &r->steps[i], where, sizeof(where)),
					job.error.text);
	}
}

/* Who asked has been told that it took too long. */
static bool
is_abandoned(const struct job *job)
{
	return job->asked && __atomic_load_n(&job->request, __ATOMIC_RELAXED) == NULL;
}

/* Return: 0, or all is as it was. */
static int
do_steps(struct reload *r)
{
	int i, ret = 0;

	for (i = 0; i < r->nb_steps && ret == 0; i++) {
		struct job job = { .force = r->job->force,
			.mirror_waits = mirror_waits(r, &r->steps[i]) };

		if (is_abandoned(r->job)) {
			ret = job_fail(r->job, "Timeout", "", "it took too long");
			break;
		}
		ret = do_step(r->b, &job, &r->steps[i]);
		r->done[i] = ret == 0;
		if (ret < 0)
			fail_at(r, &r->steps[i], &job.error);
		else
			ret = 0;
	}
	if (ret < 0)
		undo(r, i);
	return ret;
}

/* What the file has now, and whether it is being applied. */
static int
mark(struct reload *r, struct job *job, const struct control_config *config, bool reloading)
{
	struct store_container *container;
	struct store_network *network;
	struct broker *b = r->b;
	unsigned int i;
	int ret;

	broker_mutex_lock(&b->lock);
	TAILQ_FOREACH (network, &b->store.networks, next)
		network->in_file = false;
	TAILQ_FOREACH (container, &b->store.containers, next)
		container->in_file = false;
	for (i = 0; i < config->nb_networks; i++) {
		network = store_network(&b->store, config->networks[i].name);
		if (network != NULL)
			network->in_file = true;
	}
	for (i = 0; i < config->nb_containers; i++) {
		container = store_container(&b->store, config->containers[i].name);
		if (container != NULL)
			container->in_file = true;
	}
	b->store.reloading = reloading;
	ret = change_write(b, job);
	broker_mutex_unlock(&b->lock);
	return ret;
}

static const char *
event_of(const struct control_step *step)
{
	static const char *const networks[] = { "network_removed", "network_added",
		"network_changed" };
	static const char *const containers[] = { "container_removed", "container_added",
		"container_changed" };

	return (step->network != NULL ? networks : containers)[step->verb];
}

/* What is answered, and told to those who monitor. */
static int
report(struct reload *r)
{
	unsigned int counts[] = { [CONTROL_DEL] = 0, [CONTROL_ADD] = 0, [CONTROL_SET] = 0 };
	const struct control_step *step;
	int i;

	r->job->events = json_array();
	for (i = 0; i < r->nb_steps; i++) {
		step = &r->steps[i];
		if (!r->done[i])
			continue;
		counts[step->verb]++;
		json_array_append_new(r->job->events,
				json_pack("{ss ss}", "event", event_of(step),
						step->network != NULL ? "network" : "container",
						name_of(step)));
	}
	r->job->answer = json_pack("{si si si}", "added", (int)counts[CONTROL_ADD], "changed",
			(int)counts[CONTROL_SET], "removed", (int)counts[CONTROL_DEL]);
	return 0;
}

static int
apply(struct reload *r)
{
	struct job no = { 0 };
	int i, ret = 0;

	/* before anything is changed: what would be refused is */
	for (i = 0; i < r->nb_steps && ret == 0; i++)
		ret = reload_check(r, &r->steps[i]);
	if (ret == 0 && r->nb_steps > 0)
		ret = mark(r, r->job, &r->before, true);
	if (ret < 0)
		return ret;
	ret = do_steps(r);
	if (ret == 0) {
		ret = mark(r, r->job, &r->wanted, false);
		if (ret == 0)
			return report(r);
		undo(r, r->nb_steps);
	}
	mark(r, &no, &r->before, false);
	return ret;
}

int
change_reload(struct broker *b, struct job *job)
{
	struct reload r = { .b = b, .job = job };
	int ret;

	if (b->conf.config == NULL)
		return job_fail(job, "Configuration", "",
				"this node was started without --config FILE: start it with one, "
				"or use network add and container add");
	ret = reload_begin(&r, b->conf.config, -1);
	if (ret == 0)
		ret = apply(&r);
	reload_end(&r);
	return ret;
}
