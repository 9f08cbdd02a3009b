/* SPDX-License-Identifier: BSD-3-Clause */

/* What is wrong, or could be better; what reload would do. Nothing is changed. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker_priv.h"
#include "broker/config.h"

#define FAULT "fault"
#define NOTE  "note"
#define OK    "ok"

__attribute__((format(printf, 3, 4))) static void
found(struct job *job, const char *severity, const char *fmt, ...)
{
	char text[CONTROL_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(job->answer,
			json_pack("{ss so}", "severity", severity, "text", varlink_text(text)));
}

/* The words of a step: "vlan, trust". */
static const char *
words_of(const struct control_step *step, char *buf, size_t len)
{
	const struct varlink_params *words =
			step->network != NULL ? &control_network_words : &control_container_words;
	unsigned int i;
	size_t n = 0;

	buf[0] = '\0';
	for (i = 0; i < words->nb && n < len; i++)
		if ((step->which >> i & 1) != 0)
			n += snprintf(buf + n, len - n, "%s%s", n > 0 ? ", " : "",
					words->rows[i].name);
	return buf;
}

static void
tell_step(struct reload *r, const struct control_step *step)
{
	static const char *const verbs[] = { "is removed", "is added", "is changed: " };
	const uint64_t again = reload_reattach(step);
	char where[192], words[256];
	const int ret = reload_check(r, step);

	if (ret != 0 && again == 0) {
		found(r->job, FAULT, "%s", r->job->error.text);
		return;
	}
	found(r->job, NOTE, "%s: reload: it %s%s%s", reload_place(r, step, where, sizeof(where)),
			verbs[step->verb], words_of(step, words, sizeof(words)),
			again != 0 ? "; only with force on, which removes it and adds it again"
				   : "");
}

/* What reload would do with a file. */
static void
check_file(struct broker *b, struct job *job, const char *path, int fd)
{
	struct reload r = { .b = b, .job = job };
	int i;

	if (reload_begin(&r, path, fd) != 0) {
		found(job, FAULT, "%s", job->error.text);
	} else {
		for (i = 0; i < r.nb_steps; i++)
			tell_step(&r, &r.steps[i]);
		if (r.nb_steps == 0)
			found(job, OK, "%.96s: all of it is there as it says", path);
	}
	reload_end(&r);
}

static void
check_lost(struct job *job, const struct store_network *network)
{
	if (network->lost)
		found(job, FAULT,
				"network %s: it could not be made after a restart, and its "
				"containers are not served: see the log, and network add or set "
				"it once more",
				network->conf.name);
}

static void
check_network(struct job *job, const json_t *network)
{
	const char *state = json_string_value(json_object_get(network, "link_state"));

	if (state != NULL && strcmp(state, "down") == 0)
		found(job, NOTE,
				"network %s: none of its uplinks is up: look after cable and "
				"switch",
				json_string_value(json_object_get(network, "name")));
}

/* It has one lcore for itself: that is as it was asked for. */
static bool
has_one_lcore(const struct store_network *network)
{
	return network != NULL && network->conf.lcores.nb == 1 &&
	       strchr(network->conf.lcores.items[0], '-') == NULL;
}

static void
check_uplink(struct broker *b, struct job *job, const json_t *uplink, size_t nb_lcores)
{
	const char *network = json_string_value(json_object_get(uplink, "network"));
	bool one;

	broker_mutex_lock(&b->lock);
	one = network == NULL || has_one_lcore(store_network(&b->store, network));
	broker_mutex_unlock(&b->lock);
	if (one || nb_lcores < 2 || json_array_size(json_object_get(uplink, "lcores")) != 1)
		return;
	found(job, NOTE,
			"uplink %s of network %s: one queue for %zu lcores: its driver spreads "
			"nothing over several (RSS), so one takes all that it receives",
			json_string_value(json_object_get(uplink, "name")), network, nb_lcores);
}

/* Without the lock: the poller is asked. */
static void
check_uplinks(struct broker *b, struct job *job)
{
	size_t i, nb_lcores;

	if (jobs_ask(b, job, "lcores", json_object(), -1) < 0)
		return;
	nb_lcores = json_array_size(job->reply);
	if (jobs_ask(b, job, "uplinks", json_pack("{ss}", "network", ""), -1) < 0)
		return;
	for (i = 0; i < json_array_size(job->reply); i++)
		check_uplink(b, job, json_array_get(job->reply, i), nb_lcores);
}

/* @param served as the poller lists it, NULL: it does not */
static void
check_container(struct job *job, const struct store_container *container, const json_t *served)
{
	const char *name = container->conf.name;

	if (container->stage != STORE_THERE)
		found(job, FAULT,
				"container %s: half added or removed: see the log, and remove "
				"it by container del %s",
				name, name);
	else if (served == NULL)
		found(job, FAULT,
				"container %s: nobody serves its device: see the log, and "
				"remove it and add it again",
				name);
	else if (strcmp(container->conf.attach, "none") != 0 &&
			!json_is_true(json_object_get(served, "attached")))
		found(job, NOTE, "container %s: no driver has its device", name);
}

static const json_t *
find(const json_t *list, const char *name)
{
	const char *is;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		is = json_string_value(json_object_get(json_array_get(list, i), "name"));
		if (is != NULL && strcmp(is, name) == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

static bool
copy_container(struct broker *b, unsigned int n, struct control_container *conf)
{
	const struct store_container *container;

	broker_mutex_lock(&b->lock);
	TAILQ_FOREACH (container, &b->store.containers, next)
		if (n-- == 0)
			break;
	if (container != NULL)
		*conf = container->conf;
	broker_mutex_unlock(&b->lock);
	return container != NULL;
}

/* Without the lock: namespaces are looked for. */
static void
check_namespaces(struct broker *b, struct job *job)
{
	struct control_container conf;
	struct job look = { 0 };
	unsigned int i;
	int fd;

	for (i = 0; copy_container(b, i, &conf); i++) {
		if (change_open_netns(b, &look, &conf, &fd) < 0)
			found(job, FAULT, "container %s: %s", conf.name, look.error.text);
		else if (fd >= 0)
			close(fd);
	}
}

static void
check_state(struct broker *b, struct job *job)
{
	const struct store_container *container;
	const struct store_network *network;
	size_t i;

	if (jobs_ask(b, job, "networks", json_pack("{ss}", "name", ""), -1) < 0) {
		found(job, FAULT, "%s", job->error.text);
		return;
	}
	for (i = 0; i < json_array_size(job->reply); i++)
		check_network(job, json_array_get(job->reply, i));
	check_uplinks(b, job);
	if (jobs_ask(b, job, "containers", json_pack("{ss ss}", "name", "", "network", ""), -1) <
			0) {
		found(job, FAULT, "%s", job->error.text);
		return;
	}
	broker_mutex_lock(&b->lock);
	TAILQ_FOREACH (network, &b->store.networks, next)
		check_lost(job, network);
	TAILQ_FOREACH (container, &b->store.containers, next)
		check_container(job, container, find(job->reply, container->conf.name));
	broker_mutex_unlock(&b->lock);
	jobs_forget(job);
	check_namespaces(b, job);
}

int
change_check(struct broker *b, struct job *job)
{
	job->answer = json_array();
	if (job->conf.file.name[0] != '\0') {
		check_file(b, job, job->conf.file.name, job->conf.file.fd);
		return 0;
	}
	check_state(b, job);
	if (b->conf.config != NULL)
		check_file(b, job, b->conf.config, -1);
	if (json_array_size(job->answer) == 0)
		found(job, OK, "networks and containers are as they were asked for");
	return 0;
}
