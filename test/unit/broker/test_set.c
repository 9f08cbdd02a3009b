/* SPDX-License-Identifier: BSD-3-Clause */

/* Every word of a container is set while it runs, or it is said why it needs another device. */

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

#include "fake.h"
#include "filter.h"
#include "words.h"

#define NET0 "\"name\":\"net0\",\"mtu\":1400"
#define NET1 "\"name\":\"net1\""
#define C1   "\"name\":\"c1\",\"network\":\"net0\""
#define C1_ALL                                                                     \
	C1 ",\"vlan\":100,\"ifname\":\"eth0\",\"address\":[\"10.0.0.2/24\"],"      \
	   "\"route\":[\"default via 10.0.0.1\"],\"netns\":\"/proc/self/ns/net\"," \
	   "\"mac\":\"02:00:00:00:00:07\""

static void
assert_there(const char *name)
{
	const struct fake_device device = fake_device(name);

	assert_true(device.there);
	assert_true(device.attached);
	assert_non_null(fake_poller_container(name));
}

static void
test_set(void **state)
{
	const json_t *told;

	(void)state;
	fake_refused("SetContainer", "\"name\":\"c1\",\"vlan\":5", "NoSuchContainer", "name");
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
	assert_int_equal(fake_changed("SetContainer", "\"name\":\"c1\",\"vlan\":100"), 0);
	assert_int_equal(fake_changed("SetContainer", "\"name\":\"c1\",\"vlan\":5"), 1);
	told = fake_poller_container("c1");
	assert_int_equal(json_integer_value(json_object_get(told, "vlan")), 5);
	fake_refused("SetContainer", "\"name\":\"c1\",\"ifname\":\"eth7\"", "NeedsReattach",
			"ifname");
	assert_string_equal(fake_device("c1").placed.ifname, "eth0");
	assert_int_equal(fake_changed("SetContainer",
					 "\"name\":\"c1\",\"ifname\":\"eth7\",\"force\":true"),
			1);
	assert_there("c1");
	assert_string_equal(fake_device("c1").placed.ifname, "eth7");
	assert_string_equal(fake_device("c1").mac, "02:00:00:00:00:07");
	told = fake_poller_container("c1");
	assert_int_equal(json_integer_value(json_object_get(told, "vlan")), 5);
	/* and it is so for the next */
	fake_poller_stop();
	fake_poller_start();
	assert_int_equal(fake_changed("AddContainer", C1 ",\"vlan\":5,\"ifname\":\"eth7\""), 0);
}

/* Each word with another value; live: without another device. */
static const struct {
	const char *word, *value;
	bool live;
} words[] = {
	{ "network", "\"net1\"", false },
	{ "mac", "\"02:00:00:00:00:08\"", false },
	{ "vlan", "5", true },
	{ "qos", "3", true },
	{ "trunk", "[\"7\",\"9-11\"]", true },
	{ "spoofchk", "false", true },
	{ "ip", "[\"10.0.0.2\"]", true },
	{ "trust", "true", true },
	{ "max_macs", "3", true },
	{ "max_tx_rate", "1000", true },
	{ "max_rx_rate", "1000", true },
	{ "burst", "100", true },
	{ "bum_rate", "50", true },
	{ "isolated", "true", true },
	{ "link", "\"down\"", true },
	{ "mirror", "\"c2\"", true },
	{ "gro", "false", true },
	{ "queues", "2", false },
	{ "queue_size", "512", false },
	{ "profile", "\"tx\"", false },
	{ "attach", "\"vhost\"", false },
	{ "netns", "\"/proc/thread-self/ns/net\"", false },
	{ "ifname", "\"eth1\"", false },
	{ "address", "[\"10.0.0.2/24\",\"fd00::2/64\"]", true },
	{ "route", "[\"10.1.0.0/16 via 10.0.0.1\"]", true },
};

/* All but the name, and a descriptor, which comes with a call. */
static void
test_every_word(void **state)
{
	char parameters[256];
	unsigned int i;

	(void)state;
	assert_int_equal(sizeof(words) / sizeof(words[0]), CONTAINER_WORDS - 2);
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddNetwork", NET1), 1);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c2\",\"network\":\"net0\""), 1);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(fake_changed("AddContainer", C1), 1);
		snprintf(parameters, sizeof(parameters), "\"name\":\"c1\",\"%s\":%s", words[i].word,
				words[i].value);
		if (!words[i].live) {
			fake_refused("SetContainer", parameters, "NeedsReattach", words[i].word);
			strcat(parameters, ",\"force\":true");
		}
		assert_int_equal(fake_changed("SetContainer", parameters), 1);
		assert_int_equal(fake_changed("SetContainer", parameters), 0);
		assert_there("c1");
		/* as it is for the next broker, too */
		if (i % 8 == 0) {
			fake_broker_stop();
			fake_broker_start();
			assert_int_equal(fake_changed("SetContainer", parameters), 0);
		}
		assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c1\""), 1);
	}
}

/* Addresses and routes are exchanged where they are; whatever fails, they are as before. */
static void
test_addresses(void **state)
{
	const char *set = "\"name\":\"c1\",\"vlan\":5,\"address\":[\"10.0.0.3/24\"],"
			  "\"route\":[]";
	struct netif_conf placed;
	json_t *answer;
	unsigned int n;
	bool ok;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", C1_ALL), 1);
	for (n = 1;; n++) {
		fake_fail(n);
		answer = fake_call("SetContainer", set);
		ok = json_object_get(answer, "error") == NULL;
		json_decref(answer);
		if (!fake_failed()) {
			assert_true(ok);
			break;
		}
		assert_false(ok);
		placed = fake_device("c1").placed;
		assert_int_equal(placed.addresses[0].bytes[3], 2);
		assert_int_equal(placed.nb_routes, 1);
		assert_int_equal(json_integer_value(json_object_get(
						 fake_poller_container("c1"), "vlan")),
				100);
		assert_int_equal(fake_changed("AddContainer", C1_ALL), 0);
	}
	/* the poller, the interface, the file */
	assert_int_equal(n, 4);
	placed = fake_device("c1").placed;
	assert_int_equal(placed.nb_addresses, 1);
	assert_int_equal(placed.addresses[0].bytes[3], 3);
	assert_int_equal(placed.nb_routes, 0);
	/* one without a word about its interface is given some, and by the name that it has */
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c2\",\"network\":\"net0\","
						      "\"netns\":\"/proc/self/ns/net\""),
			1);
	fake_broker_stop();
	fake_broker_start();
	assert_int_equal(fake_changed("SetContainer",
					 "\"name\":\"c2\",\"address\":[\"10.0.0.9/24\"]"),
			1);
	assert_int_equal(fake_device("c2").placed.nb_addresses, 1);
	/* there is no interface to give one to */
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c3\",\"network\":\"net0\","
						      "\"attach\":\"vhost\""),
			1);
	fake_refused("SetContainer", "\"name\":\"c3\",\"address\":[\"10.0.0.9/24\"]", "Conflict",
			"attach");
	fake_refused("SetContainer", "\"name\":\"c1\",\"trunk\":[\"7\"]", "Conflict", "trunk");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_set, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_every_word, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_addresses, fake_setup, fake_teardown),
	};

	return FILTER_RUN("broker_set", tests, NULL, NULL);
}
