/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A container is changed while it runs: the poller changes what frames meet, the interface is
 * given other addresses; what neither can change is by another device.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "broker/broker_priv.h"

#define BIT(word) (UINT64_C(1) << (word))

/* Those of the interface: the poller knows nothing of them. */
#define INTERFACE_WORDS                                                           \
	(BIT(CONTAINER_NETNS) | BIT(CONTAINER_NETNS_FD) | BIT(CONTAINER_IFNAME) | \
			BIT(CONTAINER_ADDRESS) | BIT(CONTAINER_ROUTE) | BIT(CONTAINER_ATTACH))

/* Of these, what can be changed where it is. */
#define ADDRESS_WORDS (BIT(CONTAINER_ADDRESS) | BIT(CONTAINER_ROUTE))

/* What cannot be changed while a driver has the device, and why. */
static const struct {
	enum control_container_word word;
	const char *why;
} fixed[] = {
	{ CONTAINER_NETWORK, "its device is a member of the network that it was made for" },
	{ CONTAINER_MAC, "a driver reads its address when it comes, and then keeps it" },
	{ CONTAINER_QUEUES, "its driver has negotiated them" },
	{ CONTAINER_QUEUE_SIZE, "its driver has negotiated it" },
	{ CONTAINER_PROFILE, "its driver has negotiated these offloads" },
	{ CONTAINER_ATTACH, "it is on the vDPA bus for another kind of driver" },
	{ CONTAINER_NETNS, "its interface is in use where it is" },
	{ CONTAINER_NETNS_FD, "its interface is in use where it is" },
	{ CONTAINER_IFNAME, "programs in the container know its interface by this name" },
};

uint64_t
broker_poller_words(void)
{
	return ~INTERFACE_WORDS;
}

uint64_t
broker_device_words(void)
{
	uint64_t words = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(fixed); i++)
		words |= BIT(fixed[i].word);
	return words;
}

json_t *
change_container_json(const struct control_container *conf, uint64_t which)
{
	json_t *json = control_to_json(&control_container_words, conf,
			(which & ~INTERFACE_WORDS) | BIT(CONTAINER_NAME));

	/* to have none is a value here */
	if ((which & BIT(CONTAINER_MIRROR)) != 0 && conf->mirror[0] == '\0')
		json_object_set_new(json, "mirror", json_string(""));
	return json;
}

json_t *
change_container_again(const struct control_container *conf, uint64_t which)
{
	json_t *json = change_container_json(conf, which);

	json_object_set_new(json, LINK_MIRROR_WAITS, json_true());
	return json;
}

int
change_no_container(struct job *job, const char *name)
{
	return job_fail(job, "NoSuchContainer", "name", "%s: there is no such container", name);
}

/* Of what is given, what is another now. */
static uint64_t
changes(const struct control_container *conf, const struct control_container *there)
{
	uint64_t which = 0;
	unsigned int row;

	for (row = 0; row < CONTAINER_WORDS; row++)
		if (control_differ(&control_container_words, conf, there, conf->given & BIT(row)) >=
				0)
			which |= BIT(row);
	return which | (conf->given & BIT(CONTAINER_NETNS_FD));
}

/* Remove it, and add it as it is to be, or as it was; in there: where both are. */
static int
replace_there(struct broker *b, struct job *job, struct control_container *after,
		const struct control_container *before, int there)
{
	struct job again = { .conf.container = *before, .mirror_waits = true };
	struct job with = { .conf.container = *after,
		.mirror_waits = job->mirror_waits || strcmp(after->mirror, before->mirror) == 0 };
	int ret;

	ret = change_container_del(b, &with);
	if (ret == 0) {
		with.conf.container = *after;
		again.conf.container.netns_fd = there;
		ret = change_container_add(b, &with);
		if (ret < 0 && change_container_add(b, &again) != 0)
			broker_fault(b, before->name, "cannot be added again as it was: %s",
					again.error.text);
	}
	job->error = with.error;
	return ret;
}

/* A namespace that came as a descriptor is looked for before anything is changed. */
static int
replace_container(struct broker *b, struct job *job, struct control_container *after,
		const struct control_container *before)
{
	const uint64_t elsewhere = BIT(CONTAINER_NETNS) | BIT(CONTAINER_NETNS_FD);
	struct control_container now = *before;
	bool by_descriptor;
	int there = -1, ret = 0;

	broker_mutex_lock(&b->lock);
	by_descriptor = store_container(&b->store, before->name)->netns.inode != 0;
	broker_mutex_unlock(&b->lock);
	now.netns_fd = -1;
	if (by_descriptor)
		ret = change_open_netns(b, job, &now, &there);
	/* who is moved elsewhere need not be found */
	if (ret < 0 && (job->conf.container.given & elsewhere) == 0)
		return ret;
	if ((job->conf.container.given & elsewhere) == 0)
		after->netns_fd = there;
	ret = replace_there(b, job, after, before, there);
	if (there >= 0)
		close(there);
	return ret;
}

/* The interface of a container, in its namespace. Return: 0, or -EINVAL with the job's error. */
static int
find_interface(struct broker *b, struct job *job, const char *name, int netns,
		char ifname[IFNAMSIZ])
{
	int ret = 0;

	if (netns < 0) {
		ret = b->device->interface(name, ifname);
	} else {
		broker_mutex_lock(&b->lock);
		memcpy(ifname, store_container(&b->store, name)->interface, IFNAMSIZ);
		broker_mutex_unlock(&b->lock);
	}
	return ret == 0 ? 0
			: job_fail(job, "Kernel", "attach",
					  "%s: it has no interface: %s; see the kernel log", name,
					  strerror(-ret));
}

/* Its addresses and routes. Return: 0, or -EINVAL with the job's error and nothing changed. */
static int
readdress(struct broker *b, struct job *job, const struct control_container *to,
		const struct control_container *from, uint64_t which)
{
	struct netif_conf after, before;
	struct netif_error error;
	char ifname[IFNAMSIZ];
	int netns, ret;

	if ((which & ADDRESS_WORDS) == 0)
		return 0;
	ret = change_open_netns(b, job, to, &netns);
	if (ret < 0)
		return ret;
	ret = find_interface(b, job, to->name, netns, ifname);
	if (ret == 0) {
		netif_of(from, netns, &before);
		netif_of(to, netns, &after);
		ret = b->device->readdress(ifname, &before, &after, &error);
		if (ret < 0)
			ret = job_fail(job, ret == -EPERM ? "NotPermitted" : "Kernel",
					error.parameter, "%s", error.text);
	}
	if (netns >= 0)
		close(netns);
	return ret;
}

static int
tell_poller(struct broker *b, struct job *job, const struct control_container *conf, uint64_t which)
{
	if ((which & ~INTERFACE_WORDS) == 0)
		return 0;
	return jobs_ask(b, job, "container_set",
			job->mirror_waits ? change_container_again(conf, which)
					  : change_container_json(conf, which),
			-1);
}

static int
store_words(struct broker *b, struct job *job, const struct control_container *after,
		const struct control_container *before)
{
	struct store_container *container;
	int ret;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, after->name);
	container->conf = *after;
	container->conf.netns_fd = -1;
	ret = change_write(b, job);
	if (ret < 0)
		container->conf = *before;
	broker_mutex_unlock(&b->lock);
	return ret;
}

/* In the poller, at the interface, in the file; what was done is undone in reverse order. */
static int
set_words(struct broker *b, struct job *job, const struct control_container *after,
		const struct control_container *before, uint64_t which)
{
	struct job undo = { .mirror_waits = true };
	int ret;

	ret = tell_poller(b, job, after, which);
	if (ret < 0)
		return ret;
	ret = readdress(b, job, after, before, which);
	if (ret < 0)
		goto tell_before;
	ret = store_words(b, job, after, before);
	if (ret == 0)
		return 0;
	if (readdress(b, &undo, before, after, which) < 0)
		broker_fault(b, before->name, "cannot be given its addresses back: %s",
				undo.error.text);
tell_before:
	if (tell_poller(b, &undo, before, which) < 0)
		broker_fault(b, before->name, "cannot be set as it was: %s", undo.error.text);
	return ret;
}

int
change_needs_reattach(struct job *job, uint64_t words)
{
	const char *word;
	unsigned int i;

	for (i = 0; i < RTE_DIM(fixed) - 1 && (words & BIT(fixed[i].word)) == 0; i++)
		;
	word = control_container_words.rows[fixed[i].word].name;
	return job_fail(job, "NeedsReattach", word,
			"%s: %s: force on removes the container and adds it again", word,
			fixed[i].why);
}

/* Return: 0; or -EINVAL, with the job's error: what is to be does not go together. */
static int
check_merged(struct job *job, const struct control_container *after)
{
	struct varlink_wrong wrong;

	return control_container_check(after, &wrong) == 0
			       ? 0
			       : job_fail(job, "Conflict", wrong.parameter, "%s", wrong.text);
}

int
change_container_set(struct broker *b, struct job *job)
{
	const struct control_container *conf = &job->conf.container;
	struct control_container before, after;
	struct store_container *container;
	uint64_t which;
	int ret;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, conf->name);
	if (container != NULL)
		before = container->conf;
	broker_mutex_unlock(&b->lock);
	if (container == NULL || container->stage != STORE_THERE)
		return change_no_container(job, conf->name);
	which = changes(conf, &before);
	if (conf->netns_fd >= 0 && change_is_netns(b, conf->name, conf->netns_fd))
		which &= ~BIT(CONTAINER_NETNS_FD);
	if (which == 0)
		return 1;
	after = before;
	control_merge(&control_container_words, &after, conf, conf->given);
	after.netns_fd = conf->netns_fd;
	ret = check_merged(job, &after);
	if (ret < 0)
		return ret;
	if ((which & broker_device_words()) == 0)
		return set_words(b, job, &after, &before, which);
	if (job->force)
		return replace_container(b, job, &after, &before);
	return change_needs_reattach(job, which);
}
