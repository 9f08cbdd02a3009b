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
	if (container->saved != NULL)
		free(container->saved->text);
	free(container->saved);
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

/* What was given: the rest has its default again, and a descriptor means nothing there. */
static json_t *
network_json(const struct store_network *network)
{
	json_t *value = control_to_json(
			&control_network_words, &network->conf, network->conf.given);

	json_object_set_new(value, IN_FILE, json_boolean(network->in_file));
	return value;
}

static json_t *
container_json(const struct store_saved *saved)
{
	json_t *value = control_to_json(&control_container_words, &saved->conf, saved->conf.given);

	json_object_set_new(value, "stage", json_string(stages[saved->stage]));
	json_object_set_new(value, IN_FILE, json_boolean(saved->in_file));
	json_object_set_new(value, GRANTED, json_integer(saved->queues));
	json_object_set_new(value, PLACED, json_string(saved->interface));
	if (saved->netns.inode != 0)
		json_object_set_new(value, NETNS, netns_json(&saved->netns));
	return value;
}

/* Freed here. */
static char *
text_and_free(json_t *value)
{
	char *text = json_dumps(value, 0);

	json_decref(value);
	return text;
}

/* What lies between the members may differ where they do not: the text is made again then. */
static bool
is_saved(const struct store_saved *saved, const struct store_container *c)
{
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(&saved->conf, &c->conf, sizeof(c->conf)) == 0 && saved->queues == c->queues &&
	       saved->stage == c->stage && saved->in_file == c->in_file &&
	       strcmp(saved->interface, c->interface) == 0 &&
	       memcmp(&saved->netns, &c->netns, sizeof(c->netns)) == 0;
}

/*
 * An entry of the file, which stays with the container: of many, a change is of one, and to make
 * their texts again is most of what a change takes. NULL: no memory.
 */
static const char *
container_text(struct store_container *c)
{
	struct store_saved *saved = c->saved;

	if (saved != NULL && is_saved(saved, c))
		return saved->text;
	if (saved == NULL)
		saved = calloc(1, sizeof(*saved));
	if (saved == NULL)
		return NULL;
	c->saved = saved;
	memcpy(&saved->conf, &c->conf, sizeof(saved->conf));
	saved->queues = c->queues;
	saved->stage = c->stage;
	saved->in_file = c->in_file;
	memcpy(&saved->netns, &c->netns, sizeof(saved->netns));
	memcpy(saved->interface, c->interface, sizeof(saved->interface));
	free(saved->text);
	saved->text = text_and_free(container_json(saved));
	return saved->text;
}

/* @return false: no memory */
static bool
print_networks(FILE *out, const struct store *store)
{
	const struct store_network *network;
	json_t *networks = json_array();
	char *text;

	TAILQ_FOREACH (network, &store->networks, next)
		json_array_append_new(networks, network_json(network));
	text = text_and_free(networks);
	if (text != NULL)
		fprintf(out, "\"networks\": %s", text);
	free(text);
	return text != NULL;
}

/* The same, an entry a line. */
static bool
print_containers(FILE *out, const struct store *store)
{
	struct store_container *container;
	const char *text, *comma = "";

	fprintf(out, "\"containers\": [");
	TAILQ_FOREACH (container, &store->containers, next) {
		text = container_text(container);
		if (text == NULL)
			return false;
		fprintf(out, "%s\n%s", comma, text);
		comma = ",";
	}
	fprintf(out, "]");
	return true;
}

/* The whole file, to be freed; NULL: no memory. */
static char *
all_text(const struct store *store)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool done;

	if (out == NULL)
		return NULL;
	fprintf(out, "{\"version\": %d, \"reloading\": %s,\n", STORE_VERSION,
			store->reloading ? "true" : "false");
	done = print_networks(out, store);
	fprintf(out, ",\n");
	done = done && print_containers(out, store);
	fprintf(out, "}\n");
	if (fclose(out) == 0 && done)
		return text;
	free(text);
	return NULL;
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
write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret = fd < 0 ? -errno : write_all(fd, text);

	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	if (fd >= 0 && close(fd) < 0 && ret == 0)
		ret = -errno;
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
	char *text;
	int ret;

	if (store->path[0] == '\0')
		return 0;
	text = all_text(store);
	if (text == NULL)
		return -ENOMEM;
	snprintf(next, sizeof(next), "%s.new", store->path);
	errno = 0;
	ret = write_file(next, text);
	free(text);
	if (ret == 0 && rename(next, store->path) < 0)
		ret = -errno;
	if (ret != 0) {
		unlink(next);
		return ret;
	}
	return sync_folder(store->path);
}
