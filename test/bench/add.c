/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long the daemon takes to add a container: from the call on its socket to the answer, each
 * time beside the same that is done without it.
 *
 *   bench-add EAL-OPTIONS -- SOCKET NETWORK COUNT [NETNS]
 *
 * Without NETNS the device alone is made, attached by nobody: what is beside it is such a device
 * made by the library. With NETNS, a file in /run/netns, its interface has a name and an address
 * in there; beside it the library's device, which is there already, is put on the vDPA bus and
 * its interface given the same over rtnetlink: what the kernel takes. Prints a line: milliseconds
 * of the median and of the 99th percentile, and of the difference of the two.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_vduse.h>
#include <rte_vduse_net.h>

#include "ask.h"
#include "broker/device.h"
#include "median.h"

#define COUNT_MAX 1000

static struct {
	const char *socket, *network;
	const char *netns; /* NULL: none */
	int netns_fd;
	unsigned int count;
} of;

static double added[COUNT_MAX], beside[COUNT_MAX], beyond[COUNT_MAX];

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* Return: 0, or -1 after saying why. */
static int
call(const char *method, json_t *parameters, int fd, double *ms)
{
	json_t *answer = NULL;
	struct ask ask;
	double begin;
	int ret;

	if (ask_open(&ask, of.socket, 0) != 0) {
		fprintf(stderr, "bench-add: %s\n", ask.error);
		return -1;
	}
	begin = now_ms();
	ret = ask_call(&ask, method, parameters, fd, false);
	if (ret == 0)
		ret = ask_answer(&ask, &answer);
	*ms = now_ms() - begin;
	if (ret != 0)
		fprintf(stderr, "bench-add: %s: %s\n", method, ask.error);
	else if (json_object_get(answer, "error") != NULL)
		ret = json_dumpf(answer, stderr, JSON_COMPACT) - 1;
	ask_close(&ask);
	json_decref(answer);
	json_decref(parameters);
	return ret == 0 ? 0 : -1;
}

/* 10.1.HIGH.LOW */
static void
address_of(unsigned int number, unsigned int net, char text[32])
{
	snprintf(text, 32, "10.%u.%u.%u/16", net, number / 250, number % 250 + 1);
}

static int
add(unsigned int number)
{
	char name[16], address[32];
	json_t *words;

	snprintf(name, sizeof(name), "a%u", number);
	address_of(number, 1, address);
	words = json_pack("{ss ss ss}", "name", name, "network", of.network, "profile", "latency");
	if (of.netns == NULL)
		json_object_set_new(words, "attach", json_string("none"));
	else
		json_object_update_new(
				words, json_pack("{ss ss si s[s]}", "netns", of.netns, "ifname",
						       name, "netns_fd", 0, "address", address));
	return call("org.dpdk.vduse.AddContainer", words, of.netns_fd, &added[number]);
}

/* On the bus, and its interface in the namespace. */
static int
place(const char *name, unsigned int number)
{
	struct netif_conf conf = { .netns = of.netns_fd, .nb_addresses = 1 };
	struct netif_error error = { 0 };
	char ifname[IFNAMSIZ], address[32];
	int ret;

	address_of(number, 2, address);
	netif_parse_address(address, &conf.addresses[0]);
	snprintf(conf.ifname, sizeof(conf.ifname), "%s", name);
	ret = device_kernel.attach(name, "virtio");
	if (ret == 0)
		ret = device_kernel.interface(name, ifname);
	if (ret == 0)
		ret = device_kernel.place(ifname, &conf, &error);
	if (ret != 0)
		fprintf(stderr, "bench-add: %s: %s %s\n", name, strerror(-ret), error.text);
	return ret;
}

/* The same without the daemon. The device is gone again when this returns. */
static int
without(unsigned int number)
{
	struct rte_vduse_net_conf conf;
	struct rte_vduse_net *net;
	double begin = now_ms();
	char name[16];
	int ret;

	snprintf(name, sizeof(name), "w%u", number);
	rte_vduse_net_conf_init(&conf);
	conf.dev.name = name;
	conf.profile = RTE_VDUSE_NET_PROFILE_LATENCY;
	rte_eth_random_addr(conf.mac.addr_bytes);
	ret = rte_vduse_net_create(&conf, &net);
	if (ret != 0)
		return ret;
	if (of.netns != NULL) {
		begin = now_ms();
		ret = place(name, number);
	}
	beside[number] = now_ms() - begin;
	if (of.netns != NULL)
		rte_vduse_dev_detach_by_name(name);
	rte_vduse_net_destroy(net);
	return ret;
}

static double
percentile(double *values, unsigned int percent)
{
	median(values, of.count);
	return values[RTE_MIN(of.count - 1, of.count * percent / 100)];
}

static int
compare(void)
{
	unsigned int i;

	for (i = 0; i < of.count; i++) {
		if (add(i) != 0 || without(i) != 0)
			return EXIT_FAILURE;
		beyond[i] = added[i] - beside[i];
	}
	printf("adds=%u p50=%.3f p99=%.3f", of.count, percentile(added, 50), percentile(added, 99));
	printf(" without_p50=%.3f without_p99=%.3f", percentile(beside, 50),
			percentile(beside, 99));
	printf(" beyond_p50=%.3f beyond_p99=%.3f\n", percentile(beyond, 50),
			percentile(beyond, 99));
	return EXIT_SUCCESS;
}

int
main(int argc, char *argv[])
{
	const int at = rte_eal_init(argc, argv);
	int ret;

	if (at < 0)
		return EXIT_FAILURE;
	argv += at;
	argc -= at;
	if (argc < 4) {
		fprintf(stderr, "usage: bench-add EAL-OPTIONS -- SOCKET NETWORK COUNT [NETNS]\n");
		return EXIT_FAILURE;
	}
	of.socket = argv[1];
	of.network = argv[2];
	of.count = RTE_MIN((unsigned int)atoi(argv[3]), (unsigned int)COUNT_MAX);
	of.netns = argc > 4 ? argv[4] : NULL;
	of.netns_fd = of.netns != NULL ? netif_open_netns(of.netns) : -1;
	if (of.count == 0 || (of.netns != NULL && of.netns_fd < 0)) {
		fprintf(stderr, "bench-add: %s: no network namespace, or no count\n",
				of.netns != NULL ? of.netns : "");
		return EXIT_FAILURE;
	}
	ret = compare();
	rte_eal_cleanup();
	return ret;
}
