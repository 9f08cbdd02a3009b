/* SPDX-License-Identifier: BSD-3-Clause */

/* Networks are added, changed and removed; and what is said where that cannot be. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker_priv.h"

#define BIT(word) (UINT64_C(1) << (word))

int
change_write(struct broker *b, struct job *job)
{
	int ret = store_write(&b->store);

	return ret == 0 ? 0
			: job_fail(job, "Kernel", "",
					  "the state file %s cannot be written: %s; make room",
					  b->store.path, strerror(-ret));
}

static const char *
value_or_none(const struct varlink_param *word, const void *conf, char value[CONTROL_VALUE_MAX])
{
	control_value(word, conf, value, CONTROL_VALUE_MAX);
	return value[0] != '\0' ? value : "none";
}

int
change_compare(struct job *job, const struct varlink_params *words, const void *there,
		const void *asked, uint64_t which)
{
	char text[CONTROL_TEXT_SIZE - 256], is[CONTROL_VALUE_MAX], wanted[CONTROL_VALUE_MAX];
	const int first = control_differ(words, there, asked, which);
	const struct varlink_param *word;
	size_t n = 0;
	int row;

	for (row = first; row >= 0 && n < sizeof(text);
			row = control_differ(words, there, asked, which)) {
		word = &words->rows[row];
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %.128s, not %.128s",
				n > 0 ? "; " : "", word->name, value_or_none(word, there, is),
				value_or_none(word, asked, wanted));
		which &= ~BIT(row);
	}
	return first < 0 ? 1
			 : job_fail(job, "Differs", words->rows[first].name,
					   "it is there with %s: change it with set, or remove it "
					   "first",
					   text);
}

int
change_no_network(struct job *job, const char *name)
{
	return job_fail(job, "NoSuchNetwork", "network",
			"%s: there is no such network: add it first", name);
}

int
change_no_memory(struct job *job)
{
	return job_fail(job, "Busy", "", "no memory");
}

static json_t *
network_json(const struct control_network *conf)
{
	return control_to_json(&control_network_words, conf, conf->given | BIT(NETWORK_NAME));
}

/* Forget one that has come to nothing. */
static void
forget_network(struct broker *b, const char *name)
{
	broker_mutex_lock(&b->lock);
	store_del_network(&b->store, store_network(&b->store, name));
	broker_mutex_unlock(&b->lock);
}

/* Return: 1: it is there so; 0: it is in the store now; negative. */
static int
begin_network(struct broker *b, struct job *job)
{
	const struct control_network *conf = &job->conf.network;
	struct store_network *network;
	int ret = 0;

	broker_mutex_lock(&b->lock);
	network = store_network(&b->store, conf->name);
	if (network != NULL) {
		ret = change_compare(
				job, &control_network_words, &network->conf, conf, conf->given);
	} else if (store_add_network(&b->store, conf) == NULL) {
		ret = change_no_memory(job);
	}
	broker_mutex_unlock(&b->lock);
	return ret;
}

/* The poller had refused it after a restart: that it comes now, and its containers. */
static int
find_lost(struct broker *b, struct job *job, const struct control_network *conf)
{
	int ret;

	ret = jobs_ask(b, job, "network_add", network_json(conf), -1);
	if (ret < 0)
		return ret;
	broker_mutex_lock(&b->lock);
	store_network(&b->store, conf->name)->lost = false;
	broker_mutex_unlock(&b->lock);
	__atomic_store_n(&b->again, true, __ATOMIC_RELAXED);
	return 0;
}

/* @param[out] conf what it is to be, where it is lost */
static bool
is_lost(struct broker *b, const char *name, struct control_network *conf)
{
	const struct store_network *network;
	bool lost;

	broker_mutex_lock(&b->lock);
	network = store_network(&b->store, name);
	lost = network != NULL && network->lost;
	if (lost)
		*conf = network->conf;
	broker_mutex_unlock(&b->lock);
	return lost;
}

int
change_network_add(struct broker *b, struct job *job)
{
	const struct control_network *conf = &job->conf.network;
	struct control_network there;
	struct job undo = { 0 };
	int ret;

	ret = begin_network(b, job);
	if (ret == 1 && is_lost(b, conf->name, &there))
		return find_lost(b, job, &there);
	if (ret != 0)
		return ret;
	ret = jobs_ask(b, job, "network_add", network_json(conf), -1);
	if (ret < 0)
		goto forget;
	broker_mutex_lock(&b->lock);
	store_network(&b->store, conf->name)->told = b->generation;
	ret = change_write(b, job);
	broker_mutex_unlock(&b->lock);
	if (ret == 0)
		return 0;
	jobs_ask(b, &undo, "network_del", network_json(conf), -1);
forget:
	forget_network(b, conf->name);
	return ret;
}

int
change_network_set(struct broker *b, struct job *job)
{
	const struct control_network *conf = &job->conf.network;
	struct control_network before, after;
	struct store_network *network;
	struct job undo = { 0 };
	bool lost;
	int ret;

	broker_mutex_lock(&b->lock);
	network = store_network(&b->store, conf->name);
	before = network != NULL ? network->conf : *conf;
	broker_mutex_unlock(&b->lock);
	if (network == NULL)
		return change_no_network(job, conf->name);
	lost = is_lost(b, conf->name, &before);
	if (!lost && control_differ(&control_network_words, conf, &before, conf->given) < 0)
		return 1;
	after = before;
	control_merge(&control_network_words, &after, conf, conf->given);
	/* as it is to be, whole */
	ret = lost ? find_lost(b, job, &after)
		   : jobs_ask(b, job, "network_set", network_json(&after), -1);
	if (ret != 0)
		return ret;
	broker_mutex_lock(&b->lock);
	network->conf = after;
	ret = change_write(b, job);
	if (ret != 0)
		network->conf = before;
	broker_mutex_unlock(&b->lock);
	if (ret != 0)
		jobs_ask(b, &undo, "network_set", network_json(&before), -1);
	return ret;
}

int
change_network_del(struct broker *b, struct job *job)
{
	const struct control_network *conf = &job->conf.network;
	struct store_network *network;
	struct control_network was;
	struct job undo = { 0 };
	unsigned int nb;
	int ret;

	broker_mutex_lock(&b->lock);
	network = store_network(&b->store, conf->name);
	nb = store_members(&b->store, conf->name);
	if (network != NULL)
		was = network->conf;
	broker_mutex_unlock(&b->lock);
	if (network == NULL)
		return 1;
	if (nb > 0)
		return job_fail(job, "NetworkInUse", "name",
				"%s: it has %u containers: remove them first", conf->name, nb);
	ret = jobs_ask(b, job, "network_del", network_json(conf), -1);
	if (ret < 0)
		return ret;
	broker_mutex_lock(&b->lock);
	store_del_network(&b->store, network);
	ret = change_write(b, job);
	if (ret < 0)
		store_add_network(&b->store, &was);
	broker_mutex_unlock(&b->lock);
	if (ret < 0)
		jobs_ask(b, &undo, "network_add", network_json(&was), -1);
	return ret;
}
