/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A poller that has come is told all that there is to be, one after the other; for it, what
 * it has already changes nothing. Its devices are opened for it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker_priv.h"
#include "say.h"

#define BIT(word) (UINT64_C(1) << (word))
#define REPLAY_MS 30000

static void told(void *arg, int ret, json_t *reply, const struct control_error *error);

/* Return: whether there will be an answer. */
static bool
tell(struct broker *b, const char *method, json_t *parameters, int fd)
{
	const struct link_request request = { .method = method,
		.parameters = parameters,
		.fd = fd,
		.due = broker_now() + REPLAY_MS,
		.done = told,
		.arg = b };
	int ret = link_ask(b->link, &request);

	if (ret != 0)
		SAY("after a restart: cannot tell the process that forwards: %s", strerror(-ret));
	return ret == 0;
}

/*
 * A poller that lives on may have been changed before the state file was, by a broker that was
 * killed between: what the file has is what was asked for. Return: whether there will be an answer.
 */
static bool
tell_differing(struct broker *b)
{
	const struct store_container *container;
	bool sent = false;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, b->tells);
	if (container != NULL)
		sent = tell(b, "container_set",
				change_container_again(&container->conf, ~broker_device_words()),
				-1);
	broker_mutex_unlock(&b->lock);
	b->tells[0] = '\0'; /* once */
	return sent;
}

/* Its containers have nowhere to be, until it is added, or set otherwise. */
static void
lose_network(struct broker *b)
{
	struct store_network *network;

	broker_mutex_lock(&b->lock);
	network = store_network(&b->store, b->tells);
	if (network != NULL)
		network->lost = true;
	broker_mutex_unlock(&b->lock);
}

static void
told(void *arg, int ret, json_t *reply, const struct control_error *error)
{
	struct broker *b = arg;

	json_decref(reply);
	if (ret == -ECONNRESET)
		return; /* the next one is told */
	if (ret < 0 && !b->tells_network && b->tells[0] != '\0' &&
			strcmp(error->id, CONTROL_INTERFACE ".Differs") == 0 && tell_differing(b))
		return;
	if (ret < 0 && b->tells_network)
		lose_network(b);
	if (ret < 0)
		broker_fault(b, b->tells_network ? NULL : b->tells, "after a restart: %s",
				error->text);
	replay_next(b);
}

static void
set_telling(struct broker *b, bool network, const char *name)
{
	b->tells_network = network;
	snprintf(b->tells, sizeof(b->tells), "%s", name);
}

REQUIRES(broker_mutex)
static bool
tell_network(struct broker *b, struct store_network *network)
{
	network->told = b->generation;
	network->lost = false;
	set_telling(b, true, network->conf.name);
	return tell(b, "network_add",
			control_to_json(&control_network_words, &network->conf,
					network->conf.given | BIT(NETWORK_NAME)),
			-1);
}

REQUIRES(broker_mutex)
static bool
tell_container(struct broker *b, struct store_container *container)
{
	struct control_container conf = container->conf;
	const uint64_t which = conf.given | BIT(CONTAINER_NETWORK) | BIT(CONTAINER_QUEUES);
	const int fd = b->device->open(conf.name);
	bool sent;

	if (container->queues != 0)
		conf.queues = container->queues;
	container->told = b->generation;
	set_telling(b, false, conf.name);
	if (fd == -ENOENT || fd == -ENODEV) {
		SAY_DEVICE(conf.name, NULL, "%s: its device is gone: it is made again", conf.name);
		container->served = false;
		broker_repair(b, conf.name);
		return false;
	}
	/* one that it serves is busy, and it has the descriptor */
	sent = tell(b, "container_add", change_container_again(&conf, which), fd);
	if (fd >= 0)
		close(fd);
	return sent;
}

REQUIRES(broker_mutex)
static bool
is_to_be_told(struct broker *b, const struct store_container *container)
{
	const struct store_network *network = store_network(&b->store, container->conf.network);

	return container->served && container->told != b->generation && !network->lost;
}

/* Return: whether there is an answer to wait for. */
REQUIRES(broker_mutex)
static bool
tell_one(struct broker *b)
{
	struct store_container *container;
	struct store_network *network;

	TAILQ_FOREACH (network, &b->store.networks, next)
		if (network->told != b->generation && tell_network(b, network))
			return true;
	TAILQ_FOREACH (container, &b->store.containers, next)
		if (is_to_be_told(b, container) && tell_container(b, container))
			return true;
	return false;
}

/* What a process before, or a failed undo, has left half done. */
REQUIRES(broker_mutex)
static void
repair_rest(struct broker *b)
{
	const struct store_container *container;

	TAILQ_FOREACH (container, &b->store.containers, next)
		if (container->stage != STORE_THERE)
			broker_repair(b, container->conf.name);
}

void
replay_next(struct broker *b)
{
	bool waits;

	broker_mutex_lock(&b->lock);
	waits = tell_one(b);
	if (!waits) {
		repair_rest(b);
		b->linked = true;
	}
	broker_mutex_unlock(&b->lock);
	if (!waits)
		jobs_send(b);
}
