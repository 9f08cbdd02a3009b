/* SPDX-License-Identifier: BSD-3-Clause */

/* A poller that has come is told all that there is to be, whatever the order and what it has. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake.h"
#include "filter.h"

#define NET0 "\"name\":\"net0\",\"mtu\":1400"
#define OF0  ",\"network\":\"net0\""

static bool
has_three(void)
{
	return fake_nb_open() == 3 && fake_poller_has() == 3;
}

static void
assert_mirror(const char *name, const char *mirror)
{
	const json_t *told = fake_poller_container(name);

	assert_non_null(told);
	assert_string_equal(json_string_value(json_object_get(told, "mirror")), mirror);
}

static void
assert_mirrors(void)
{
	assert_true(fake_wait(has_three));
	/* behind what is repaired */
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"none\""), 0);
	assert_mirror("c1", "c3");
	assert_mirror("c2", "c1");
	assert_mirror("c3", "c2");
}

/* In a ring: in no order can each be there before who names it. */
static void
test_mirrors(void **state)
{
	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c1\"" OF0), 1);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c2\",\"mirror\":\"c1\"" OF0), 1);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c3\",\"mirror\":\"c2\"" OF0), 1);
	assert_int_equal(fake_changed("SetContainer", "\"name\":\"c1\",\"mirror\":\"c3\""), 1);
	/* nobody's name is no mirror */
	assert_int_equal(fake_changed("SetContainer", "\"name\":\"c1\",\"mirror\":\"cx\""), -1);
	assert_mirrors();
	fake_poller_stop();
	fake_poller_start();
	assert_mirrors();
	/* and where the devices are gone as well */
	fake_broker_stop();
	fake_poller_stop();
	fake_devices_gone();
	fake_poller_start();
	fake_broker_start();
	assert_mirrors();
	/* one that is made anew while its mirror is not there keeps it */
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c3\""), 1);
	assert_int_equal(fake_changed("SetContainer",
					 "\"name\":\"c1\",\"queue_size\":512,\"force\":true"),
			1);
	assert_mirror("c1", "c3");
}

static bool
has_vlan_9(void)
{
	return json_integer_value(json_object_get(fake_poller_container("c1"), "vlan")) == 9;
}

/* A broker killed between the poller's change and the file's: what the file has is right. */
static void
test_differs(void **state)
{
	json_t *root;
	char path[64];

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c1\",\"vlan\":5" OF0), 1);
	fake_broker_stop();
	root = fake_state();
	json_object_set_new(json_array_get(json_object_get(root, "containers"), 0), "vlan",
			json_integer(9));
	snprintf(path, sizeof(path), "%s/node.json", fake_folder);
	assert_int_equal(json_dump_file(root, path, 0), 0);
	json_decref(root);
	fake_broker_start();
	assert_true(fake_wait(has_vlan_9));
	assert_true(json_is_true(json_object_get(fake_poller_container("c1"), "spoofchk")));
}

static bool
has_one(void)
{
	return fake_nb_open() == 1 && fake_poller_has() == 1 && fake_poller_network("net0") != NULL;
}

/* A network whose port is not there comes, with its containers, when it is asked for again. */
static void
test_lost_network(void **state)
{
	const char *again[] = { "AddNetwork", "SetNetwork" };
	json_t *answer;
	unsigned int i;
	char *text;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c1\"" OF0), 1);
	for (i = 0; i < 2; i++) {
		fake_poller_stop();
		fake_no_uplinks = true;
		fake_poller_start();
		answer = fake_call("Check", "");
		text = json_dumps(answer, 0);
		assert_non_null(strstr(text, "network net0: it could not be made after a restart"));
		free(text);
		json_decref(answer);
		assert_int_equal(fake_changed(again[i], "\"name\":\"net0\""), -1);
		assert_int_equal(fake_poller_has(), 0);
		fake_no_uplinks = false;
		assert_int_equal(fake_changed(again[i], "\"name\":\"net0\""), 1);
		assert_true(fake_wait(has_one));
		assert_int_equal(json_integer_value(json_object_get(
						 fake_poller_network("net0"), "mtu")),
				1400);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mirrors, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_differs, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_lost_network, fake_setup, fake_teardown),
	};

	return FILTER_RUN("broker_replay", tests, NULL, NULL);
}
