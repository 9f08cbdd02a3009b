/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "broker/store.h"
#include "say.h"

#define STORE_VERSION 1
#define STORE_FILE    "node.json"
/* Beside the words of an entry. */
#define IN_FILE "in_file"
#define GRANTED "granted_queues"
#define PLACED  "interface"
#define NETNS   "netns_id"

static const char *const stages[] = {
	[STORE_ADDING] = "adding",
	[STORE_THERE] = "there",
	[STORE_REMOVING] = "removing",
};

struct store_network *
store_network(struct store *store, const char *name)
{
	struct store_network *network;

	TAILQ_FOREACH (network, &store->networks, next)
		if (strcmp(network->conf.name, name) == 0)
			return network;
	return NULL;
}

struct store_container *
store_container(struct store *store, const char *name)
{
	struct store_container *container;

	TAILQ_FOREACH (container, &store->containers, next)
		if (strcmp(container->conf.name, name) == 0)
			return container;
	return NULL;
}

struct store_network *
store_add_network(struct store *store, const struct control_network *conf)
{
	struct store_network *network = calloc(1, sizeof(*network));

	if (network == NULL)
		return NULL;
	network->conf = *conf;
	TAILQ_INSERT_TAIL(&store->networks, network, next);
	return network;
}

struct store_container *
store_add_container(struct store *store, const struct control_container *conf)
{
	struct store_container *container = calloc(1, sizeof(*container));

	if (container == NULL)
		return NULL;
	container->conf = *conf;
	container->conf.netns_fd = -1;
	TAILQ_INSERT_TAIL(&store->containers, container, next);
	return container;
}

void
store_del_network(struct store *store, struct store_network *network)
{
	TAILQ_REMOVE(&store->networks, network, next);
	free(network);
}

void
store_del_container(struct store *store, struct store_container *container)
{
	TAILQ_REMOVE(&store->containers, container, next);
	free(container);
}

unsigned int
store_members(const struct store *store, const char *network)
{
	const struct store_container *container;
	unsigned int nb = 0;

	TAILQ_FOREACH (container, &store->containers, next)
		nb += strcmp(container->conf.network, network) == 0;
	return nb;
}

/* An entry of the file: the words, each by the checks of a request, and the names that must be. */
static bool
are_words(const struct varlink_params *words, json_t *value, unsigned int required)
{
	const struct varlink_method method = {
		.name = "state", .params = words, .required = required
	};
	struct varlink_wrong wrong;

	return json_is_object(value) && varlink_method_check(&method, value, 0, &wrong) == 0;
}

/* What is beside the words; it is taken out. */
static bool
take_flag(json_t *value, const char *name)
{
	const bool is = json_is_true(json_object_get(value, name));

	json_object_del(value, name);
	return is;
}

static int
read_network(struct store *store, json_t *value)
{
	const bool in_file = take_flag(value, IN_FILE);
	struct store_network *network;
	struct control_network conf;

	if (!are_words(&control_network_words, value, 1))
		return -EINVAL;
	control_defaults(&control_network_words, &conf);
	control_from_json(&control_network_words, value, &conf);
	if (store_network(store, conf.name) != NULL)
		return -EINVAL;
	network = store_add_network(store, &conf);
	if (network == NULL)
		return -ENOMEM;
	network->in_file = in_file;
	return 0;
}

static int
read_stage(json_t *value, enum store_stage *stage)
{
	const char *text = json_string_value(json_object_get(value, "stage"));
	unsigned int i;

	for (i = 0; text != NULL && i <= STORE_REMOVING; i++) {
		if (strcmp(stages[i], text) != 0)
			continue;
		*stage = i;
		return json_object_del(value, "stage");
	}
	return -EINVAL;
}

static const char *
text_of(const json_t *value, const char *name)
{
	const char *text = json_string_value(json_object_get(value, name));

	return text != NULL ? text : "";
}

/* Taken out: it is beside the words. */
static void
take_netns(json_t *value, struct netns_id *id)
{
	const json_t *from = json_object_get(value, NETNS);

	memset(id, 0, sizeof(*id));
	id->device = (uint64_t)json_integer_value(json_object_get(from, "device"));
	id->inode = (uint64_t)json_integer_value(json_object_get(from, "inode"));
	id->cookie = (uint64_t)json_integer_value(json_object_get(from, "cookie"));
	snprintf(id->boot, sizeof(id->boot), "%s", text_of(from, "boot"));
	json_object_del(value, NETNS);
}

static json_t *
netns_json(const struct netns_id *id)
{
	return json_pack("{sI sI sI ss}", "device", (json_int_t)id->device, "inode",
			(json_int_t)id->inode, "cookie", (json_int_t)id->cookie, "boot", id->boot);
}

static int
read_container(struct store *store, json_t *value)
{
	const bool in_file = take_flag(value, IN_FILE);
	struct store_container *container;
	struct control_container conf;
	struct varlink_wrong wrong;
	enum store_stage stage;
	uint32_t queues = (uint32_t)json_integer_value(json_object_get(value, GRANTED));
	char interface[16] = "";
	struct netns_id netns;

	if (json_string_length(json_object_get(value, PLACED)) < sizeof(interface))
		snprintf(interface, sizeof(interface), "%s", text_of(value, PLACED));
	take_netns(value, &netns);
	json_object_del(value, GRANTED);
	json_object_del(value, PLACED);
	if (read_stage(value, &stage) != 0 || !are_words(&control_container_words, value, 2))
		return -EINVAL;
	control_defaults(&control_container_words, &conf);
	control_from_json(&control_container_words, value, &conf);
	if (store_network(store, conf.network) == NULL || conf.mac[0] == '\0' ||
			store_container(store, conf.name) != NULL ||
			control_container_check(&conf, &wrong) != 0)
		return -EINVAL;
	container = store_add_container(store, &conf);
	if (container == NULL)
		return -ENOMEM;
	container->stage = stage;
	container->served = stage == STORE_THERE;
	container->in_file = in_file;
	container->queues = queues <= conf.queues ? queues : 0;
	memcpy(container->interface, interface, sizeof(interface));
	container->netns = netns;
	return 0;
}

static int
read_all(struct store *store, json_t *root)
{
	json_t *value;
	size_t i;
	int ret = 0;

	store->reloading = json_is_true(json_object_get(root, "reloading"));
	if (json_integer_value(json_object_get(root, "version")) != STORE_VERSION)
		return -EINVAL;
	json_array_foreach(json_object_get(root, "networks"), i, value)
	{
		ret = ret != 0 ? ret : read_network(store, value);
	}
	json_array_foreach(json_object_get(root, "containers"), i, value)
	{
		ret = ret != 0 ? ret : read_container(store, value);
	}
	return ret;
}

static void
set_aside(const struct store *store)
{
	char bad[sizeof(store->path) + 4];

	snprintf(bad, sizeof(bad), "%s.bad", store->path);
	SAY("%s: is none of this version's, or damaged: it is set aside as %s; add what it had "
	    "again",
			store->path, bad);
	rename(store->path, bad);
}

int
store_open(struct store *store, const char *folder)
{
	json_error_t wrong;
	json_t *root;
	int n, ret;

	TAILQ_INIT(&store->networks);
	TAILQ_INIT(&store->containers);
	store->reloading = false;
	store->path[0] = '\0';
	if (folder == NULL || folder[0] == '\0')
		return 0;
	n = snprintf(store->path, sizeof(store->path), "%s/" STORE_FILE, folder);
	if ((size_t)n >= sizeof(store->path))
		return -ENAMETOOLONG;
	if (access(folder, W_OK | X_OK) < 0)
		return -errno;
	if (access(store->path, F_OK) < 0)
		return errno == ENOENT ? 0 : -errno;
	root = json_load_file(store->path, JSON_REJECT_DUPLICATES, &wrong);
	ret = root == NULL ? -EINVAL : read_all(store, root);
	json_decref(root);
	if (ret == 0)
		return 0;
	store_close(store);
	if (ret == -EINVAL)
		set_aside(store);
	return ret == -EINVAL ? 0 : ret;
}

void
store_close(struct store *store)
{
	/* each is taken off its list before it is freed; NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (!TAILQ_EMPTY(&store->containers))
		store_del_container(store, TAILQ_FIRST(&store->containers));
	while (!TAILQ_EMPTY(&store->networks))
		store_del_network(store, TAILQ_FIRST(&store->networks));
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

static json_t *
to_json(const struct store *store)
{
	/* what was given: the rest has its default again, and a descriptor means nothing there */
	json_t *networks = json_array(), *containers = json_array(), *value;
	const struct store_container *container;
	const struct store_network *network;

	TAILQ_FOREACH (network, &store->networks, next) {
		value = control_to_json(
				&control_network_words, &network->conf, network->conf.given);
		json_object_set_new(value, IN_FILE, json_boolean(network->in_file));
		json_array_append_new(networks, value);
	}
	TAILQ_FOREACH (container, &store->containers, next) {
		value = control_to_json(
				&control_container_words, &container->conf, container->conf.given);
		json_object_set_new(value, "stage", json_string(stages[container->stage]));
		json_object_set_new(value, IN_FILE, json_boolean(container->in_file));
		json_object_set_new(value, GRANTED, json_integer(container->queues));
		json_object_set_new(value, PLACED, json_string(container->interface));
		if (container->netns.inode != 0)
			json_object_set_new(value, NETNS, netns_json(&container->netns));
		json_array_append_new(containers, value);
	}
	return json_pack("{si sb so so}", "version", STORE_VERSION, "reloading", store->reloading,
			"networks", networks, "containers", containers);
}

static int
write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	for (; left > 0; text += n, left -= (size_t)n) {
		n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

/* All of it is on the disk, or the error says why not. */
static int
write_file(const char *path, const json_t *root)
{
	/* json_dumpfd() makes a system call for each word and comma */
	char *text = json_dumps(root, JSON_INDENT(1));
	int fd = -1, ret = text != NULL ? 0 : -ENOMEM;

	if (ret == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		ret = fd < 0 ? -errno : write_all(fd, text);
	}
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	if (fd >= 0 && close(fd) < 0 && ret == 0)
		ret = -errno;
	free(text);
	return ret;
}

/* The name is on the disk, too. */
static int
sync_folder(const char *path)
{
	char folder[4096];
	int fd, ret;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int
store_write(const struct store *store)
{
	char next[sizeof(store->path) + 4];
	json_t *root;
	int ret;

	if (store->path[0] == '\0')
		return 0;
	root = to_json(store);
	if (root == NULL)
		return -ENOMEM;
	snprintf(next, sizeof(next), "%s.new", store->path);
	errno = 0;
	ret = write_file(next, root);
	json_decref(root);
	if (ret == 0 && rename(next, store->path) < 0)
		ret = -errno;
	if (ret != 0) {
		unlink(next);
		return ret;
	}
	return sync_folder(store->path);
}
