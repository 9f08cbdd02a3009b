/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Containers are added and removed as transactions, come back after either process, and each
 * step is made to fail once.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include <rte_random.h>
#include <rte_version.h>

#include "fake.h"
#include "filter.h"

#define NET0 "\"name\":\"net0\",\"mtu\":1400"
#define C1   "\"name\":\"c1\",\"network\":\"net0\""
#define C1_ALL                                                                     \
	C1 ",\"vlan\":100,\"ifname\":\"eth0\",\"address\":[\"10.0.0.2/24\"],"      \
	   "\"route\":[\"default via 10.0.0.1\"],\"netns\":\"/proc/self/ns/net\"," \
	   "\"mac\":\"02:00:00:00:00:07\""

#define MANY 200

/* Each difference, with both values. */
static void
differs(const char *method, const char *parameters, const char *want)
{
	json_t *answer = fake_call(method, parameters);
	char text[512];

	snprintf(text, sizeof(text), "it is there with %s: change it with set, or remove it first",
			want);
	assert_string_equal(json_string_value(json_object_get(
					    json_object_get(answer, "parameters"), "text")),
			text);
	json_decref(answer);
}

static size_t
stored(void)
{
	json_t *root = fake_state();
	const size_t nb = json_array_size(json_object_get(root, "containers"));

	json_decref(root);
	return nb;
}

static void
assert_nothing(void)
{
	assert_int_equal(fake_nb_devices(), 0);
	assert_int_equal(fake_poller_has(), 0);
	assert_int_equal(stored(), 0);
}

static void
assert_there(const char *name)
{
	const struct fake_device device = fake_device(name);

	assert_true(device.there);
	assert_true(device.attached);
	assert_true(fake_is_open(name));
	assert_non_null(fake_poller_container(name));
}

/* The address of a virtual function is that of a container that was given none, and only if it is
 * one. */
static void
test_vf_mac(void **state)
{
	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	fake_vf_mac = "02:00:00:00:00:99";
	assert_int_equal(fake_changed("AddContainer", C1), 1);
	assert_string_equal(fake_device("c1").mac, "02:00:00:00:00:99");
	/* it is there as it was asked for, whatever the next would have */
	fake_vf_mac = "02:00:00:00:00:98";
	assert_int_equal(fake_changed("AddContainer", C1), 0);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c2\",\"network\":\"net0\","
						      "\"mac\":\"02:00:00:00:00:02\""),
			1);
	assert_string_equal(fake_device("c2").mac, "02:00:00:00:00:02");
	fake_vf_mac = "33:33:00:00:00:01";
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c3\",\"network\":\"net0\""), 1);
	assert_string_not_equal(fake_device("c3").mac, fake_vf_mac);
	fake_vf_mac = "none";
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c4\",\"network\":\"net0\""), 1);
	assert_int_equal(strlen(fake_device("c4").mac), 17);
}

/* As rte_rand() is in a process that was forked, or begun anew. */
static void
seed_again(void)
{
#if RTE_VERSION < RTE_VERSION_NUM(24, 11, 0, 0)
	rte_srand(1);
#endif
}

/* Whatever process draws an address, no other has drawn it. */
static void
test_mac_drawn(void **state)
{
	struct fake_device c1, c2;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	seed_again();
	assert_int_equal(fake_changed("AddContainer", C1), 1);
	seed_again();
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c2\",\"network\":\"net0\""), 1);
	c1 = fake_device("c1");
	c2 = fake_device("c2");
	assert_string_not_equal(c1.mac, c2.mac);
	/* of one interface, and not of a manufacturer's */
	assert_int_equal(strtoul(c1.mac, NULL, 16) & 3, 2);
	assert_int_equal(strtoul(c2.mac, NULL, 16) & 3, 2);
}

static void
test_add(void **state)
{
	struct fake_device device;
	const json_t *told;
	json_t *root;

	(void)state;
	fake_refused("AddContainer", C1, "NoSuchNetwork", "network");
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddNetwork", NET0), 0);
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
	assert_there("c1");
	device = fake_device("c1");
	assert_string_equal(device.mac, "02:00:00:00:00:07");
	assert_string_equal(device.how, "virtio");
	assert_int_equal(device.mtu, 8900); /* the poller knows the uplinks */
	assert_string_equal(device.placed.ifname, "eth0");
	assert_true(device.placed.netns >= 0);
	assert_int_equal(device.placed.nb_addresses, 1);
	assert_int_equal(device.placed.addresses[0].prefix, 24);
	assert_int_equal(device.placed.nb_routes, 1);
	/* the poller learns nothing of the interface */
	told = fake_poller_container("c1");
	assert_int_equal(json_integer_value(json_object_get(told, "vlan")), 100);
	assert_null(json_object_get(told, "ifname"));
	assert_null(json_object_get(told, "netns"));
	root = fake_state();
	assert_int_equal(json_array_size(json_object_get(root, "containers")), 1);
	json_decref(root);
	/* as it is, and otherwise */
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 0);
	assert_int_equal(fake_changed("AddContainer", C1), 0);
	fake_refused("AddContainer", C1 ",\"vlan\":101", "Differs", "vlan");
	differs("AddContainer",
			C1 ",\"vlan\":101,\"ip\":[\"10.0.0.2\"],\"trust\":true,\"address\":[],"
			   "\"route\":[\"default via 10.0.0.9\"],\"ifname\":\"eth0\"",
			"vlan 100, not 101; ip none, not 10.0.0.2; trust off, not on; address "
			"10.0.0.2/24, not none; route default via 10.0.0.1, not default via "
			"10.0.0.9");
	differs("AddNetwork", "\"name\":\"net0\",\"mtu\":1500,\"uplinks\":[\"p0\",\"p1\"]",
			"uplinks none, not p0,p1; mtu 1400, not 1500");
	fake_refused("AddNetwork", "\"name\":\"net0\",\"mtu\":1500", "Differs", "mtu");
	fake_refused("RemoveNetwork", "\"name\":\"net0\"", "NetworkInUse", "name");
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c1\""), 1);
	assert_nothing();
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c1\""), 0);
	assert_int_equal(fake_changed("RemoveNetwork", "\"name\":\"net0\""), 1);
	assert_int_equal(fake_changed("RemoveNetwork", "\"name\":\"net0\""), 0);
}

/* The poller is told the whole of it, and so is the next. */
static void
test_set_network(void **state)
{
	const char *net1 = "\"name\":\"net1\",\"uplinks\":[\"p0\"],\"mtu\":1300";

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", "\"name\":\"net1\",\"uplinks\":[\"p0\"]"), 1);
	assert_int_equal(fake_changed("SetNetwork", "\"name\":\"net1\",\"mtu\":1300"), 1);
	assert_int_equal(fake_changed("SetNetwork", "\"name\":\"net1\",\"mtu\":1300"), 0);
	assert_int_equal(json_integer_value(json_object_get(fake_poller_network("net1"), "mtu")),
			1300);
	assert_int_equal(json_array_size(json_object_get(fake_poller_network("net1"), "uplinks")),
			1);
	assert_int_equal(fake_changed("AddNetwork", net1), 0);
	fake_refused("SetNetwork", "\"name\":\"net2\",\"mtu\":1300", "NoSuchNetwork", "network");
}

/* One without a word about its interface is not touched; one for a machine is. */
static void
test_attach(void **state)
{
	json_t *answer, *one;
	const char *name;
	size_t i;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", C1), 1);
	assert_int_equal(fake_device("c1").placed.netns, 0);
	assert_int_equal(strlen(fake_device("c1").mac), 17); /* one was chosen */
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"v1\",\"network\":\"net0\","
						      "\"attach\":\"vhost\""),
			1);
	assert_string_equal(fake_device("v1").how, "vhost");
	answer = fake_call("ListContainers", "");
	json_array_foreach(json_object_get(json_object_get(answer, "parameters"), "containers"), i,
			one)
	{
		name = json_string_value(json_object_get(one, "name"));
		if (strcmp(name, "v1") == 0)
			assert_string_equal(json_string_value(json_object_get(one, "device")),
					"vhost-vdpa-v1");
		else
			assert_null(json_object_get(one, "device"));
	}
	assert_int_equal(i, 2);
	json_decref(answer);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"n1\",\"network\":\"net0\","
						      "\"attach\":\"none\""),
			1);
	assert_false(fake_device("n1").attached);
}

static void
test_netns(void **state)
{
	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	fake_refused("AddContainer", C1 ",\"netns\":\"/dev/null\"", "Kernel", "netns");
	assert_nothing();
	fake_refused("AddContainer", C1 ",\"netns\":\"/run/netns/none\"", "Kernel", "netns");
	assert_nothing();
}

/* Whatever fails while it is added, nothing is left, and it can be added afterwards. */
static void
test_add_fails(void **state)
{
	unsigned int n;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	for (n = 1;; n++) {
		json_t *answer;
		bool ok;

		fake_fail(n);
		answer = fake_call("AddContainer", C1_ALL);
		ok = json_object_get(answer, "error") == NULL;
		json_decref(answer);
		if (!fake_failed()) {
			assert_true(ok);
			break;
		}
		assert_false(ok);
		assert_nothing();
	}
	/* make, the poller, attach, interface, place, and the file twice */
	assert_int_equal(n, 8);
	assert_there("c1");
}

/* Whatever fails while it is removed, it can be removed afterwards, and only then be added. */
static void
test_del_fails(void **state)
{
	unsigned int n;
	bool hit;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	for (n = 1;; n++) {
		json_decref(fake_call("AddContainer", C1_ALL));
		assert_there("c1");
		fake_fail(n);
		json_decref(fake_call("RemoveContainer", "\"name\":\"c1\""));
		hit = fake_failed();
		json_decref(fake_call("RemoveContainer", "\"name\":\"c1\""));
		assert_int_equal(fake_nb_devices(), 0);
		assert_int_equal(fake_poller_has(), 0);
		if (!hit)
			break;
	}
	/* the file, off the bus, the poller, out of the kernel, the file */
	assert_int_equal(n, 6);
	assert_nothing();
}

static bool
poller_has_all(void)
{
	return fake_nb_open() == MANY && fake_poller_has() == MANY;
}

static void
add_many(void)
{
	char parameters[128];
	unsigned int i;

	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	for (i = 0; i < MANY; i++) {
		snprintf(parameters, sizeof(parameters),
				"\"name\":\"c%u\",\"network\":\"net0\",\"vlan\":%u", i, i + 1);
		assert_int_equal(fake_changed("AddContainer", parameters), 1);
	}
	assert_true(poller_has_all());
}

static void
assert_many(void)
{
	unsigned int i;
	char name[16];

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		assert_there(name);
		assert_int_equal(json_integer_value(json_object_get(
						 fake_poller_container(name), "vlan")),
				i + 1);
	}
	assert_int_equal(stored(), MANY);
}

/* Its successor gets all devices and all rules. */
static void
test_poller_dies(void **state)
{
	unsigned int i;

	(void)state;
	add_many();
	for (i = 0; i < 3; i++) {
		fake_poller_stop();
		fake_poller_start();
		assert_true(fake_wait(poller_has_all));
		assert_many();
	}
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c7\""), 1);
	assert_int_equal(fake_poller_has(), MANY - 1);
}

/* The poller goes on; the next broker finds all as it was. */
static void
test_broker_dies(void **state)
{
	(void)state;
	add_many();
	fake_broker_stop();
	fake_broker_start();
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c0\",\"network\":\"net0\""), 0);
	fake_refused("AddContainer", "\"name\":\"c0\",\"network\":\"net0\",\"vlan\":7", "Differs",
			"vlan");
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c7\""), 1);
	assert_int_equal(fake_poller_has(), MANY - 1);
	assert_int_equal(fake_nb_devices(), MANY - 1);
}

static void
test_both_die(void **state)
{
	(void)state;
	add_many();
	fake_broker_stop();
	fake_poller_stop();
	fake_poller_start();
	fake_broker_start();
	assert_true(fake_wait(poller_has_all));
	assert_many();
}

/* As after a boot: made again from what was asked for. */
static void
test_devices_gone(void **state)
{
	(void)state;
	add_many();
	fake_broker_stop();
	fake_poller_stop();
	fake_devices_gone();
	fake_poller_start();
	fake_broker_start();
	assert_true(fake_wait(poller_has_all));
	/* behind the repairs */
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"none\""), 0);
	assert_many();
}

static void
restart_poller(void)
{
	fake_attaching = NULL;
	fake_poller_stop();
	fake_poller_start();
}

/* While the kernel waits for its answer: the next one answers, and nobody notices. */
static void
test_poller_dies_in_attach(void **state)
{
	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	fake_attaching = restart_poller;
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
	assert_there("c1");
}

static int stage; /* atomic: 1: it is being attached, 2: it may go on */

static bool
is_attaching(void)
{
	return __atomic_load_n(&stage, __ATOMIC_RELAXED) == 1;
}

static bool
may_go_on(void)
{
	return __atomic_load_n(&stage, __ATOMIC_RELAXED) == 2;
}

static void
hang(void)
{
	__atomic_store_n(&stage, 1, __ATOMIC_RELAXED);
	fake_wait(may_go_on);
}

static bool
is_nothing(void)
{
	return fake_nb_devices() == 0 && fake_poller_has() == 0 && stored() == 0;
}

/* Who asked has been told that it took too long: it is taken back. */
static void
test_deadline(void **state)
{
	json_t *answer;
	int fd;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	__atomic_store_n(&stage, 0, __ATOMIC_RELAXED);
	fake_attaching = hang;
	fd = fake_send("AddContainer", C1_ALL);
	assert_true(fake_wait(is_attaching));
	fake_pass(100000);
	json_decref(fake_call("ShowConfig", "")); /* nobody is held up */
	answer = fake_receive(fd);
	assert_string_equal(json_string_value(json_object_get(answer, "error")),
			"org.dpdk.vduse.Timeout");
	json_decref(answer);
	assert_true(fake_device("c1").there);
	__atomic_store_n(&stage, 2, __ATOMIC_RELAXED);
	assert_true(fake_wait(is_nothing));
	fake_attaching = NULL;
}

/* Of a process that died in the middle: its file says what was begun. */
static void
test_half_added(void **state)
{
	static const char *const stages[] = { "adding", "removing" };
	json_t *root, *container;
	unsigned int i;
	char path[64];

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
		fake_broker_stop();
		root = fake_state();
		container = json_array_get(json_object_get(root, "containers"), 0);
		json_object_set_new(container, "stage", json_string(stages[i]));
		snprintf(path, sizeof(path), "%s/node.json", fake_folder);
		assert_int_equal(json_dump_file(root, path, 0), 0);
		json_decref(root);
		if (i == 1) {
			fake_poller_stop(); /* and the other died, too */
			fake_poller_start();
		}
		fake_broker_start();
		assert_true(fake_wait(is_nothing));
	}
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
}

static void
test_lists(void **state)
{
	json_t *answer, *parameters;
	const char *config;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
	answer = fake_call("ListContainers", "");
	parameters = json_array_get(
			json_object_get(json_object_get(answer, "parameters"), "containers"), 0);
	assert_string_equal(json_string_value(json_object_get(parameters, "ifname")), "eth0");
	json_decref(answer);
	answer = fake_call("ShowConfig", "");
	config = json_string_value(
			json_object_get(json_object_get(answer, "parameters"), "config"));
	assert_string_equal(config, "network add net0 mtu 1400\n"
				    "container add c1 network net0 mac 02:00:00:00:00:07 vlan 100 "
				    "netns /proc/self/ns/net ifname eth0 address 10.0.0.2/24 "
				    "route \"default via 10.0.0.1\"\n");
	json_decref(answer);
}

/* A file of another kind is set aside, and the process begins with nothing. */
static void
test_bad_file(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"version\":2}",
		"{\"version\":1,\"networks\":[{}]}", "{\"version\":1,\"networks\":[7]}",
		"{\"version\":1,\"containers\":[{" C1 ",\"stage\":\"there\"}]}",
		"{\"version\":1,\"networks\":[{\"name\":\"net0\"}],\"containers\":[{" C1
		",\"mac\":\"02:00:00:00:00:07\",\"stage\":\"other\"}]}" };
	char path[64], bad[80];
	unsigned int i;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/node.json", fake_folder);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fake_broker_stop();
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		close(fd);
		fake_broker_start();
		assert_int_equal(access(bad, F_OK), 0);
		assert_int_equal(access(path, F_OK), -1);
		unlink(bad);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_vf_mac, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_mac_drawn, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_set_network, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_attach, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_netns, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_add_fails, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_del_fails, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_poller_dies, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_broker_dies, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_both_die, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_devices_gone, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(
				test_poller_dies_in_attach, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_deadline, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_half_added, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_lists, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_bad_file, fake_setup, fake_teardown),
	};

	return FILTER_RUN("broker", tests, NULL, NULL);
}
