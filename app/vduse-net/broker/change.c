/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is added, changed and removed, step by step: on an error all that was done is
 * undone in reverse order. The state file has what is begun before it begins, and what is
 * there before it is said to be.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_vduse.h>
#include <rte_vduse_net.h>

#include "broker/broker_priv.h"

#define BIT(word) (UINT64_C(1) << (word))

/* How long one that has just been closed may be busy, in milliseconds. */
#define BUSY_MS      3000
#define BUSY_STEP_MS 5

/* The interface of a container that has none asked for stays as it is. */
static bool
has_place(const struct control_container *conf, int netns)
{
	return netns >= 0 || conf->ifname[0] != '\0' || conf->address.nb > 0 || conf->route.nb > 0;
}

/* What it is called where it was placed: by this it is found again. */
static void
set_interface(struct broker *b, const char *name, const char *ifname)
{
	struct store_container *container;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, name);
	snprintf(container->interface, sizeof(container->interface), "%s", ifname);
	broker_mutex_unlock(&b->lock);
}

static int
place(struct broker *b, struct job *job, const struct control_container *conf, int netns)
{
	struct netif_error error;
	struct netif_conf netif;
	char ifname[IFNAMSIZ];
	int ret;

	if (strcmp(conf->attach, "virtio") != 0 || !has_place(conf, netns))
		return 0;
	ret = b->device->interface(conf->name, ifname);
	if (ret < 0)
		return job_fail(job, "Kernel", "attach",
				"%s: the kernel has made no interface of it: is the virtio_net "
				"module loaded? modprobe virtio_net, and see the kernel log",
				conf->name);
	netif_of(conf, netns, &netif);
	ret = b->device->place(ifname, &netif, &error);
	if (ret < 0)
		return job_fail(job, ret == -EPERM ? "NotPermitted" : "Kernel", error.parameter,
				"%s", error.text);
	set_interface(b, conf->name, conf->ifname[0] != '\0' ? conf->ifname : ifname);
	return 0;
}

static int
attach(struct broker *b, struct job *job, const struct control_container *conf)
{
	int ret = strcmp(conf->attach, "none") == 0 ? 0
						    : b->device->attach(conf->name, conf->attach);

	return ret == 0 ? 0
			: job_fail(job, ret == -EPERM ? "NotPermitted" : "Kernel", "attach",
					  "%s: cannot be put on the vDPA bus: %s; this process's "
					  "log "
					  "has more",
					  conf->name, strerror(-ret));
}

/* The poller is to have it; one that comes is told, even while this thread waits. */
static void
set_served(struct broker *b, const struct control_container *conf)
{
	struct store_container *container;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, conf->name);
	container->served = true;
	container->told = b->generation;
	/* what was asked for may be more */
	container->queues = conf->queues;
	broker_mutex_unlock(&b->lock);
}

static void
set_left(struct broker *b, const char *name)
{
	broker_mutex_lock(&b->lock);
	store_container(&b->store, name)->served = false;
	broker_mutex_unlock(&b->lock);
}

/* A process that has just ended, or closed it, may still have it open. */
static int
remove_closed(struct broker *b, const char *name)
{
	unsigned int waited;
	int fd, ret;

	for (waited = 0;; waited += BUSY_STEP_MS) {
		fd = b->device->open(name);
		if (fd != -EBUSY || waited >= BUSY_MS)
			break;
		usleep(BUSY_STEP_MS * 1000);
	}
	if (fd < 0)
		return fd == -ENOENT || fd == -ENODEV ? 0 : fd;
	close(fd);
	ret = b->device->remove(name);
	return ret == -ENODEV ? 0 : ret;
}

/* Whether somebody serves it, who has to let it go. */
static bool
is_served(struct broker *b, const char *name)
{
	const int fd = b->device->open(name);

	if (fd >= 0)
		close(fd);
	return fd == -EBUSY;
}

/*
 * All that there may be of a container, however far it came: off the bus while its server
 * answers, away from the poller, out of /dev/vduse. Return: 0 or -errno, with the job's error.
 */
static int
take_away(struct broker *b, struct job *job, const struct control_container *conf)
{
	int ret = is_served(b, conf->name) ? b->device->detach(conf->name) : 0;

	if (ret < 0)
		return job_fail(job, ret == -EBUSY ? "Busy" : "Kernel", "name",
				"%s: cannot be taken off the vDPA bus: %s%s", conf->name,
				strerror(-ret),
				ret == -EBUSY ? "; a front end has it open: stop that one" : "");
	set_left(b, conf->name);
	ret = jobs_ask(b, job, "container_del", change_container_json(conf, 0), -1);
	if (ret < 0 && strcmp(job->error.id, CONTROL_INTERFACE ".NoSuchContainer") != 0)
		return ret;
	ret = remove_closed(b, conf->name);
	if (ret < 0)
		return job_fail(job, "Kernel", "name",
				"%s: stays in /dev/vduse: %s; this process's log says by whom it "
				"is in use",
				conf->name, strerror(-ret));
	if (b->conf.devices != NULL)
		rte_vduse_state_remove(b->conf.devices, conf->name);
	return 0;
}

static int
set_stage(struct broker *b, struct job *job, const char *name, enum store_stage stage)
{
	struct store_container *container;
	enum store_stage before;
	int ret;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, name);
	before = container->stage;
	container->stage = stage;
	ret = change_write(b, job);
	if (ret < 0)
		container->stage = before;
	broker_mutex_unlock(&b->lock);
	return ret;
}

/* It is gone: the file says so, or says what a next start has to look after. */
static void
forget_container(struct broker *b, const char *name)
{
	int ret;

	broker_mutex_lock(&b->lock);
	store_del_container(&b->store, store_container(&b->store, name));
	ret = store_write(&b->store);
	broker_mutex_unlock(&b->lock);
	if (ret < 0)
		broker_fault(b, name, "is gone, but the state file cannot be written: %s",
				strerror(-ret));
}

/* The error that there was stays what is said. */
static void
undo_container(struct broker *b, const struct control_container *conf)
{
	struct job undo = { 0 };

	if (take_away(b, &undo, conf) == 0)
		forget_container(b, conf->name);
	else
		broker_fault(b, conf->name, "cannot be undone: %s; the next start tries again",
				undo.error.text);
}

/* What the poller says of the network: its uplinks' where none was asked for. */
static uint32_t
network_mtu(struct broker *b, struct job *job, const struct control_container *conf)
{
	const json_t *mtu;
	uint32_t bytes = RTE_ETHER_MTU;

	if (jobs_ask(b, job, "networks", json_pack("{ss}", "name", conf->network), -1) < 0)
		return 0;
	mtu = json_object_get(json_array_get(job->reply, 0), "mtu");
	if (json_integer_value(mtu) >= RTE_VDUSE_NET_MTU_MIN &&
			json_integer_value(mtu) <= RTE_VDUSE_NET_MTU_MAX)
		bytes = (uint32_t)json_integer_value(mtu);
	jobs_forget(job);
	return bytes;
}

/* From nothing to a device with an interface in its place; what is made stays on an error. */
static int
make_container(struct broker *b, struct job *job, struct control_container *conf, int netns)
{
	const uint64_t which = conf->given | BIT(CONTAINER_NETWORK) | BIT(CONTAINER_MAC) |
			       BIT(CONTAINER_QUEUES);
	const uint32_t mtu = network_mtu(b, job, conf);
	int fd, ret;

	if (mtu == 0)
		return -EINVAL;
	fd = b->device->make(conf, mtu);
	if (fd < 0)
		return job_fail(job, fd == -EPERM ? "NotPermitted" : "Kernel", "name",
				"%s: cannot be created in /dev/vduse: %s; this process's log has "
				"more",
				conf->name, strerror(-fd));
	set_served(b, conf);
	ret = jobs_ask(b, job, "container_add",
			job->mirror_waits ? change_container_again(conf, which)
					  : change_container_json(conf, which),
			fd);
	close(fd);
	if (ret < 0)
		return ret;
	ret = attach(b, job, conf);
	return ret < 0 ? ret : place(b, job, conf, netns);
}

/*
 * Where an uplink is a virtual function its address is that of the first container, which would not
 * be heard by another there. An answer that does not come leaves it to chance.
 */
static void
prefer_vf_mac(struct broker *b, struct job *job, struct control_container *conf)
{
	struct rte_ether_addr mac;
	const char *text;

	if (conf->mac[0] != '\0')
		return;
	if (jobs_ask(b, job, "networks", json_pack("{ss}", "name", conf->network), -1) >= 0) {
		text = json_string_value(json_object_get(json_array_get(job->reply, 0), "vf_mac"));
		if (text != NULL && rte_ether_unformat_addr(text, &mac) == 0 &&
				rte_is_valid_assigned_ether_addr(&mac))
			rte_ether_format_addr(conf->mac, sizeof(conf->mac), &mac);
	}
	memset(&job->error, 0, sizeof(job->error));
	jobs_forget(job);
}

/*
 * Drawn from the kernel: rte_rand() has the seed of the process that this one was forked of, and
 * from DPDK 24.11 on none at all where EAL is not initialised, as here.
 */
static int
choose_mac(struct job *job, struct control_container *conf)
{
	struct rte_ether_addr mac;

	if (conf->mac[0] == '\0') {
		if (getrandom(&mac, sizeof(mac), 0) != sizeof(mac))
			return job_fail(job, "Kernel", "mac",
					"%s: no address can be drawn: getrandom: %s; give one with "
					"mac",
					conf->name, strerror(errno));
		mac.addr_bytes[0] &= (uint8_t)~RTE_ETHER_GROUP_ADDR;
		mac.addr_bytes[0] |= RTE_ETHER_LOCAL_ADMIN_ADDR;
		rte_ether_format_addr(conf->mac, sizeof(conf->mac), &mac);
	}
	conf->given |= BIT(CONTAINER_MAC);
	return 0;
}

REQUIRES(broker_mutex)
static int
store_new(struct broker *b, struct job *job, struct control_container *conf)
{
	struct store_container *container;
	int ret;

	ret = choose_mac(job, conf);
	if (ret < 0)
		return ret;
	container = store_add_container(&b->store, conf);
	if (container == NULL)
		return change_no_memory(job);
	ret = change_write(b, job);
	if (ret < 0)
		store_del_container(&b->store, container);
	return ret;
}

/* Return: 1: it is there so; 0: it is in the store, and the file says what is begun; negative. */
static int
begin_container(struct broker *b, struct job *job)
{
	struct control_container *conf = &job->conf.container;
	struct store_container *container;
	int ret = 0;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, conf->name);
	if (container != NULL && container->stage != STORE_THERE) {
		ret = job_fail(job, "Busy", "name",
				"%s: one of that name is not wholly removed yet; the log says why",
				conf->name);
	} else if (container != NULL) {
		ret = change_compare(
				job, &control_container_words, &container->conf, conf, conf->given);
	} else if (store_network(&b->store, conf->network) == NULL) {
		ret = change_no_network(job, conf->network);
	} else {
		ret = store_new(b, job, conf);
	}
	broker_mutex_unlock(&b->lock);
	return ret;
}

/* Which it is, is kept. Return: descriptor or -errno. */
static int
take_netns(struct broker *b, const struct control_container *conf)
{
	const int fd = fcntl(conf->netns_fd, F_DUPFD_CLOEXEC, 0);
	struct netns_id id;
	int ret;

	if (fd < 0)
		return -errno;
	ret = netns_identify(fd, &id);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	broker_mutex_lock(&b->lock);
	store_container(&b->store, conf->name)->netns = id;
	broker_mutex_unlock(&b->lock);
	return fd;
}

static struct netns_id
netns_of(struct broker *b, const char *name)
{
	const struct store_container *container;
	struct netns_id id = { 0 };

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, name);
	if (container != NULL)
		id = container->netns;
	broker_mutex_unlock(&b->lock);
	return id;
}

int
change_open_netns(
		struct broker *b, struct job *job, const struct control_container *conf, int *netns)
{
	const struct netns_id id = netns_of(b, conf->name);

	*netns = -1;
	if (conf->netns_fd >= 0)
		*netns = take_netns(b, conf);
	else if (id.inode != 0)
		*netns = netns_find(&id, conf->netns);
	else if (conf->netns[0] != '\0')
		*netns = netif_open_netns(conf->netns);
	else
		return 0;
	if (*netns >= 0)
		return 0;
	return *netns == -ESTALE
			       ? job_fail(job, "Kernel", "netns",
						 "the network namespace, which came as a "
						 "descriptor, is not there any more, or nowhere to "
						 "be seen: remove the container, and add it again")
			       : job_fail(job, "Kernel", "netns",
						 "%.128s: is no network namespace: %s", conf->netns,
						 strerror(-*netns));
}

bool
change_is_netns(struct broker *b, const char *name, int fd)
{
	const struct netns_id id = netns_of(b, name);
	struct netns_id asked;

	return id.inode != 0 && netns_identify(fd, &asked) == 0 && netns_is_same(&id, &asked);
}

static int
add_container(struct broker *b, struct job *job, struct control_container *conf, int netns)
{
	int ret = make_container(b, job, conf, netns);

	if (ret == 0)
		ret = set_stage(b, job, conf->name, STORE_THERE);
	if (ret < 0)
		undo_container(b, conf);
	return ret;
}

int
change_container_add(struct broker *b, struct job *job)
{
	struct control_container *conf = &job->conf.container;
	int netns, ret;

	prefer_vf_mac(b, job, conf);
	ret = begin_container(b, job);
	if (ret == 1 && conf->netns_fd >= 0 && !change_is_netns(b, conf->name, conf->netns_fd))
		return job_fail(job, "Differs", "netns_fd",
				"it is there in another network namespace: change it with set, or "
				"remove it first");
	if (ret != 0)
		return ret;
	ret = change_open_netns(b, job, conf, &netns);
	if (ret < 0)
		forget_container(b, conf->name);
	else
		ret = add_container(b, job, conf, netns);
	if (netns >= 0)
		close(netns);
	return ret;
}

int
change_container_del(struct broker *b, struct job *job)
{
	const char *name = job->conf.container.name;
	struct store_container *container;
	struct control_container conf;
	struct job undo = { 0 };
	int ret;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, name);
	if (container != NULL)
		conf = container->conf;
	broker_mutex_unlock(&b->lock);
	if (container == NULL)
		return 1;
	ret = set_stage(b, job, name, STORE_REMOVING);
	if (ret < 0)
		return ret;
	ret = take_away(b, job, &conf);
	if (ret == 0)
		forget_container(b, name);
	else if (container->served)
		set_stage(b, &undo, name, STORE_THERE); /* it has not left the bus */
	return ret;
}

int
change_repair(struct broker *b, struct job *job)
{
	struct control_container conf = job->conf.container;
	struct store_container *container;
	bool gone = false, half = false;
	int netns = -1, ret = 0;

	broker_mutex_lock(&b->lock);
	container = store_container(&b->store, conf.name);
	if (container != NULL) {
		conf = container->conf;
		half = container->stage != STORE_THERE;
		gone = !half && !container->served;
	}
	broker_mutex_unlock(&b->lock);
	if (gone)
		ret = change_open_netns(b, job, &conf, &netns);
	job->mirror_waits = true;
	if (gone && ret == 0)
		ret = add_container(b, job, &conf, netns);
	else if (half || gone)
		undo_container(b, &conf);
	if (netns >= 0)
		close(netns);
	if (ret < 0)
		broker_fault(b, conf.name, "cannot be brought back: %s", job->error.text);
	return ret;
}
