/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_mock.h"
#include "pcapng.h"

#define ID(name) CONTROL_INTERFACE "." name

static struct control_network *
find_network(struct mock *mock, const char *name)
{
	unsigned int i;

	for (i = 0; i < mock->nb_networks; i++)
		if (strcmp(mock->networks[i].name, name) == 0)
			return &mock->networks[i];
	return NULL;
}

static struct control_container *
find_container(struct mock *mock, const char *name)
{
	unsigned int i;

	for (i = 0; i < mock->nb_containers; i++)
		if (strcmp(mock->containers[i].name, name) == 0)
			return &mock->containers[i];
	return NULL;
}

static unsigned int
members(const struct mock *mock, const char *network)
{
	unsigned int i, n = 0;

	for (i = 0; i < mock->nb_containers; i++)
		n += strcmp(mock->containers[i].network, network) == 0;
	return n;
}

static int
no_network(struct control_request *request, const char *parameter, const char *name)
{
	return control_fail(request, ID("NoSuchNetwork"), parameter,
			"there is no network %s: add it first", name);
}

static int
no_container(struct control_request *request, const char *name)
{
	return control_fail(
			request, ID("NoSuchContainer"), "name", "there is no container %s", name);
}

/* What is there already: 1 as it was asked for, or an error that names the difference. */
static int
compare(struct control_request *request, const struct varlink_params *words, const void *there,
		uint64_t given)
{
	char is[CONTROL_VALUE_MAX], asked[CONTROL_VALUE_MAX];
	const int i = control_differ(words, there, &request->conf, given);

	if (i < 0)
		return 1;
	return control_fail(request, ID("Differs"), words->rows[i].name,
			"%s is there with %s %.60s, not %.60s: set it, or remove it first",
			request->conf.network.name, words->rows[i].name,
			control_value(&words->rows[i], there, is, sizeof(is)),
			control_value(&words->rows[i], &request->conf, asked, sizeof(asked)));
}

static int
check_uplinks(struct control_request *request, const struct control_network *conf)
{
	struct mock *mock = request->ctx;
	const char *uplink;
	unsigned int i, j, k;

	for (i = 0; i < conf->uplinks.nb; i++) {
		uplink = conf->uplinks.items[i];
		if (strstr(uplink, "missing") != NULL)
			return control_fail(request, ID("NoSuchUplink"), "uplinks",
					"there is no port %s", uplink);
		for (j = 0; j < mock->nb_networks; j++)
			for (k = 0; k < mock->networks[j].uplinks.nb; k++)
				if (strcmp(mock->networks[j].name, conf->name) != 0 &&
						strcmp(mock->networks[j].uplinks.items[k],
								uplink) == 0)
					return control_fail(request, ID("UplinkInUse"), "uplinks",
							"%s is an uplink of network %s", uplink,
							mock->networks[j].name);
	}
	return 0;
}

static int
network_add(struct control_request *request)
{
	const struct control_network *conf = &request->conf.network, *there;
	struct mock *mock = request->ctx;
	int ret;

	there = find_network(mock, conf->name);
	if (there != NULL)
		return compare(request, &control_network_words, there, conf->given);
	ret = check_uplinks(request, conf);
	if (ret != 0)
		return ret;
	if (mock->nb_networks == MOCK_NETWORKS)
		return control_fail(
				request, ID("NoBuffers"), "", "4096 packet buffers are missing");
	mock->networks[mock->nb_networks++] = *conf;
	return 0;
}

/* Of those words that are given into one that is there. */
static void
merge(const struct varlink_params *words, void *there, const void *conf, uint64_t given)
{
	unsigned int i;

	for (i = 0; i < words->nb; i++)
		if ((given >> i & 1) != 0)
			memcpy((char *)there + words->rows[i].offset,
					(const char *)conf + words->rows[i].offset,
					words->rows[i].size);
	*(uint64_t *)there |= given;
}

static int
network_set(struct control_request *request)
{
	const struct control_network *conf = &request->conf.network;
	struct control_network *there = find_network(request->ctx, conf->name);
	int ret;

	if (there == NULL)
		return no_network(request, "name", conf->name);
	if (control_differ(&control_network_words, there, conf, conf->given) < 0)
		return 1;
	ret = check_uplinks(request, conf);
	if (ret == 0)
		merge(&control_network_words, there, conf, conf->given);
	return ret;
}

static int
network_del(struct control_request *request)
{
	struct mock *mock = request->ctx;
	struct control_network *there = find_network(mock, request->conf.network.name);

	if (there == NULL)
		return 1;
	if (members(mock, there->name) != 0)
		return control_fail(request, ID("NetworkInUse"), "name",
				"network %s has %u containers: remove them first", there->name,
				members(mock, there->name));
	*there = mock->networks[--mock->nb_networks];
	return 0;
}

static int
add_now(struct control_request *request)
{
	struct control_container *conf = &request->conf.container, *there;
	struct mock *mock = request->ctx;

	if (find_network(mock, conf->network) == NULL)
		return no_network(request, "network", conf->network);
	there = find_container(mock, conf->name);
	if (there != NULL)
		return compare(request, &control_container_words, there, conf->given);
	if (mock->nb_containers == MOCK_CONTAINERS)
		return control_fail(
				request, ID("NoBuffers"), "", "2048 packet buffers are missing");
	if (conf->netns_fd >= 0) {
		if (mock->netns >= 0)
			close(mock->netns);
		mock->netns = conf->netns_fd;
		conf->netns_fd = -1;
	}
	if (conf->mac[0] == '\0')
		snprintf(conf->mac, sizeof(conf->mac), "02:00:00:00:00:%02x",
				mock->nb_containers + 1);
	mock->containers[mock->nb_containers++] = *conf;
	return 0;
}

static int
container_add(struct control_request *request)
{
	struct mock *mock = request->ctx;

	/* there is room for one that waits */
	if (!mock->later || mock->waiting != NULL)
		return add_now(request);
	mock->later = false;
	mock->waiting = request;
	return CONTROL_LATER;
}

/* Addresses are set in a namespace: one that came as a descriptor is at its name, or comes again.
 */
static bool
is_lost(const struct mock *mock, const struct control_container *there,
		const struct control_container *conf)
{
	return (conf->given >> CONTAINER_ADDRESS & 1) != 0 && mock->netns >= 0 &&
	       there->netns[0] != '\0' && conf->netns_fd < 0 && access(there->netns, F_OK) != 0;
}

static int
container_set(struct control_request *request)
{
	const struct control_container *conf = &request->conf.container;
	struct control_container *there = find_container(request->ctx, conf->name);

	if (there == NULL)
		return no_container(request, conf->name);
	if (control_differ(&control_container_words, there, conf, conf->given) < 0)
		return 1;
	if (conf->queues != there->queues && (conf->given >> CONTAINER_QUEUES & 1) != 0 &&
			!request->force)
		return control_fail(request, ID("NeedsReattach"), "queues",
				"queues of %s cannot change while a driver has it: give force",
				conf->name);
	if (is_lost(request->ctx, there, conf))
		return control_fail(request, ID("Kernel"), "netns", "%s is nowhere to be seen",
				there->netns);
	merge(&control_container_words, there, conf, conf->given);
	return 0;
}

static int
container_del(struct control_request *request)
{
	struct mock *mock = request->ctx;
	struct control_container *there = find_container(mock, request->conf.container.name);

	if (there == NULL)
		return 1;
	*there = mock->containers[--mock->nb_containers];
	return 0;
}

static bool
wanted(const char *given, const char *name)
{
	return given[0] == '\0' || strcmp(given, name) == 0;
}

static int
networks(struct control_request *request)
{
	const char *name = request->conf.container.name;
	struct mock *mock = request->ctx;
	unsigned int i, n = 0;
	json_t *item;

	for (i = 0; i < mock->nb_networks; i++) {
		if (!wanted(name, mock->networks[i].name))
			continue;
		item = control_to_json(&control_network_words, &mock->networks[i], UINT64_MAX);
		if (mock->networks[i].mtu == 0)
			json_object_set_new(item, "mtu", json_integer(1500));
		json_object_set_new(item, "link_state", json_string("up"));
		json_object_set_new(item, "containers",
				json_integer(members(mock, mock->networks[i].name)));
		json_array_append_new(request->reply, item);
		n++;
	}
	return n == 0 && name[0] != '\0' ? no_network(request, "name", name) : 0;
}

static json_t *
statistics(void)
{
	return json_pack("{si si si si}", "rx_frames", 12, "rx_bytes", 3456, "tx_frames", 7,
			"tx_spoofed", 1);
}

static int
containers(struct control_request *request)
{
	const struct control_container *conf = &request->conf.container, *there;
	struct mock *mock = request->ctx;
	unsigned int i, n = 0;
	json_t *item;

	for (i = 0; i < mock->nb_containers; i++) {
		there = &mock->containers[i];
		if (!wanted(conf->name, there->name) || !wanted(conf->network, there->network))
			continue;
		item = control_to_json(&control_container_words, there, UINT64_MAX);
		json_object_set_new(item, "link_state",
				json_string(strcmp(there->link, "down") == 0 ? "down" : "up"));
		json_object_set_new(item, "attached", json_true());
		json_object_set_new(item, "device",
				json_string(strcmp(there->attach, "vhost") == 0 ? "vhost-vdpa-0"
						: there->ifname[0] != '\0'      ? there->ifname
										: "eth0"));
		if (request->statistics)
			json_object_set_new(item, "statistics", statistics());
		json_array_append_new(request->reply, item);
		n++;
	}
	return n == 0 && conf->name[0] != '\0' ? no_container(request, conf->name) : 0;
}

static int
fdb(struct control_request *request)
{
	const char *network = request->conf.container.network;
	struct mock *mock = request->ctx;
	unsigned int i;

	if (network[0] != '\0' && find_network(mock, network) == NULL)
		return no_network(request, "network", network);
	for (i = 0; i < mock->nb_containers; i++)
		if (wanted(network, mock->containers[i].network))
			json_array_append_new(request->reply,
					json_pack("{ss si ss ss sb}", "network",
							mock->containers[i].network, "vlan",
							(int)mock->containers[i].vlan, "mac",
							mock->containers[i].mac, "port",
							mock->containers[i].name, "static", 1));
	if (wanted(network, "net0") && find_network(mock, "net0") != NULL)
		json_array_append_new(request->reply,
				json_pack("{ss si ss ss sb si}", "network", "net0", "vlan", 0,
						"mac", "52:54:00:00:00:09", "port", "uplink0",
						"static", 0, "age", 17));
	return 0;
}

static int
uplinks(struct control_request *request)
{
	const char *network = request->conf.container.network;
	struct mock *mock = request->ctx;
	unsigned int i, k;
	json_t *item;

	for (i = 0; i < mock->nb_networks; i++)
		for (k = 0; k < mock->networks[i].uplinks.nb; k++) {
			if (!wanted(network, mock->networks[i].name))
				continue;
			item = json_pack("{ss ss ss sb so sb}", "name",
					mock->networks[i].uplinks.items[k], "network",
					mock->networks[i].name, "link_state", "up", "promiscuous",
					k == 0, "lcores", json_pack(k == 0 ? "[i,i]" : "[i]", 1, 2),
					"rss", k == 0);
			if (request->statistics)
				json_object_set_new(item, "statistics", statistics());
			json_array_append_new(request->reply, item);
		}
	return 0;
}

static int
lcores(struct control_request *request)
{
	json_t *item = json_pack("{si si}", "lcore", 1, "queues", 2);

	if (request->statistics)
		json_object_set_new(item, "statistics",
				json_pack("{si si}", "rounds", 1000, "sleeps", 3));
	return json_array_append_new(request->reply, item);
}

static int
rebalance(struct control_request *request)
{
	return json_object_set_new(request->reply, "moved", json_integer(3));
}

static int
find(struct control_request *request, const char *severity, const char *text)
{
	return json_array_append_new(
			request->reply, json_pack("{ss ss}", "severity", severity, "text", text));
}

static int
check(struct control_request *request)
{
	struct control_config config;
	char error[CONTROL_ERROR_MAX];

	if (request->file[0] != '\0' && request->file_fd < 0)
		return control_fail(request, ID("Conflict"), "file", "no descriptor");
	if (request->file[0] != '\0' && control_config_read_fd(request->file_fd, request->file,
							&config, error) != 0)
		return find(request, "fault", error);
	if (request->file[0] == '\0')
		return find(request, "note", "uplink 0000:01:00.0 has one queue for 3 lcores");
	control_config_clear(&config);
	return find(request, "ok", request->file);
}

/* All that is there; to be cleared. */
static struct control_config
whole(const struct mock *mock)
{
	struct control_config config = { 0 };
	unsigned int i;

	for (i = 0; i < mock->nb_networks; i++)
		control_config_network(&config, &mock->networks[i]);
	for (i = 0; i < mock->nb_containers; i++)
		control_config_container(&config, &mock->containers[i]);
	return config;
}

static int
config(struct control_request *request)
{
	struct control_config there = whole(request->ctx);
	char *text = control_config_text(&there);

	json_object_set_new(request->reply, "config", json_string(text));
	free(text);
	control_config_clear(&there);
	return 0;
}

static int
do_step(struct control_request *request, const struct control_step *step)
{
	static int (*const of_networks[])(
			struct control_request *) = { network_del, network_add, network_set };
	static int (*const of_containers[])(
			struct control_request *) = { container_del, add_now, container_set };

	if (step->network != NULL) {
		request->conf.network = *step->network;
		if (step->verb == CONTROL_SET)
			request->conf.network.given = step->which;
		return of_networks[step->verb](request);
	}
	request->conf.container = *step->container;
	if (step->verb == CONTROL_SET)
		request->conf.container.given = step->which;
	return of_containers[step->verb](request);
}

static int
reload(struct control_request *request)
{
	struct mock *mock = request->ctx;
	struct control_config there = whole(mock), wanted;
	unsigned int done[3] = { 0 };
	struct control_step *steps = NULL;
	char error[CONTROL_ERROR_MAX];
	int nb = 0, i, ret = 0;

	if (control_config_read(mock->config, &wanted, error) != 0)
		ret = control_fail(request, ID("Configuration"), "", "%s", error);
	else
		nb = control_config_diff(&mock->before, &there, &wanted, &steps);
	for (i = 0; i < nb && ret == 0; i++) {
		ret = do_step(request, &steps[i]);
		done[steps[i].verb]++;
	}
	free(steps);
	control_config_clear(&there);
	if (ret != 0)
		return ret;
	control_config_clear(&mock->before);
	mock->before = wanted;
	json_object_update_new(
			request->reply, json_pack("{si si si}", "removed", (int)done[0], "added",
							(int)done[1], "changed", (int)done[2]));
	return 0;
}

/* A capture of one frame, whose bytes are what was asked for; of "lost" the end is missing. */
static int
capture(struct control_request *request)
{
	static const struct pcapng_interface interface = { "c1", "a mock", NULL, 0 };
	static const struct pcapng_statistics last = { .ended = 1, .received = 9, .dropped = 2 };
	const char *name = request->conf.container.name;
	char *asked = json_dumps(request->parameters, JSON_COMPACT | JSON_SORT_KEYS);
	const struct pcapng_packet packet = {
		.bytes = asked, .caplen = (uint32_t)strlen(asked), .len = (uint32_t)strlen(asked)
	};
	static uint8_t buf[65536 + 4 * PCAPNG_BLOCK_MAX];
	size_t n;

	n = pcapng_section(buf, "mock");
	n += pcapng_interface(buf + n, &interface);
	n += pcapng_packet(buf + n, &packet);
	n += strcmp(name, "lost") != 0 ? pcapng_statistics(buf + n, &last) : 0;
	free(asked);
	if (find_container(request->ctx, name) == NULL && strcmp(name, "lost") != 0)
		return no_container(request, name);
	return write(request->file_fd, buf, n) == (ssize_t)n ? 0 : -EIO;
}

static void
gone(struct control_request *request)
{
	struct mock *mock = request->ctx;

	mock->gone++;
	mock->waiting = NULL;
}

static const struct control_ops all_ops = {
	.network_add = network_add,
	.network_set = network_set,
	.network_del = network_del,
	.container_add = container_add,
	.container_set = container_set,
	.container_del = container_del,
	.networks = networks,
	.containers = containers,
	.fdb = fdb,
	.uplinks = uplinks,
	.lcores = lcores,
	.rebalance = rebalance,
	.check = check,
	.config = config,
	.reload = reload,
	.capture = capture,
	.load = mock_load,
	.latency = mock_latency,
	.gone = gone,
};

static uint64_t
mock_now(void *ctx)
{
	return ((struct mock *)ctx)->now;
}

void
mock_open(struct mock *mock, gid_t group)
{
	const struct control_conf conf = {
		.ops = &mock->ops,
		.ctx = mock,
		.version = "1.2.3",
		.group = group,
		.now = mock_now,
	};

	memset(mock, 0, sizeof(*mock));
	mock->ops = all_ops;
	mock->now = 1000000;
	mock->netns = -1;
	if (control_create(&conf, &mock->control) != 0)
		abort();
}

void
mock_close(struct mock *mock)
{
	control_free(mock->control);
	control_config_clear(&mock->before);
	if (mock->netns >= 0)
		close(mock->netns);
}

void
mock_finish(struct mock *mock)
{
	struct control_request *request = mock->waiting;

	mock->waiting = NULL;
	control_done(request, add_now(request));
}
