/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The configuration file: what differs is done, all of it or nothing, whatever fails meanwhile;
 * what is wrong is said with its place; and it can be looked at without a change.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conn.h"
#include "control.h"
#include "fake.h"
#include "filter.h"

#define NET0 "network add net0 mtu 1400\n"
#define C1   "container add c1 network net0 mac 02:00:00:00:00:01 ifname eth0\n"
#define C2   "container add c2 network net0 mac 02:00:00:00:00:02 vlan 7\n"
#define C3   "container add c3 network net0 mac 02:00:00:00:00:03\n"

/* The next broker has a file. */
static void
configure(const char *text)
{
	fake_broker_stop();
	fake_configure(text);
	fake_broker_start();
}

/* FILE in front is the file's path. */
static const char *
with_path(const char *want, char *buf, size_t len)
{
	const bool has = strncmp(want, "FILE:", 5) == 0;

	snprintf(buf, len, "%s%s", has ? fake_config : "", has ? want + 4 : want);
	return buf;
}

static void
reloads(const char *parameters, int added, int changed, int removed)
{
	json_t *answer = fake_call("Reload", parameters);
	json_t *counts = json_object_get(answer, "parameters");

	if (json_object_get(answer, "error") != NULL)
		fail_msg("%s", json_string_value(json_object_get(counts, "text")));
	assert_int_equal(json_integer_value(json_object_get(counts, "added")), added);
	assert_int_equal(json_integer_value(json_object_get(counts, "changed")), changed);
	assert_int_equal(json_integer_value(json_object_get(counts, "removed")), removed);
	json_decref(answer);
}

static void
refused(const char *id, const char *parameter, const char *text)
{
	json_t *answer = fake_call("Reload", "");
	const char *name = json_string_value(json_object_get(answer, "error"));
	json_t *fields = json_object_get(answer, "parameters");
	char all[1024];

	assert_non_null(name);
	assert_string_equal(strrchr(name, '.') + 1, id);
	assert_string_equal(json_string_value(json_object_get(fields, "parameter")), parameter);
	assert_string_equal(json_string_value(json_object_get(fields, "text")),
			with_path(text, all, sizeof(all)));
	json_decref(answer);
}

/* All that there is, as commands; to be freed. */
static char *
shown(void)
{
	json_t *answer = fake_call("ShowConfig", "");
	const char *text = json_string_value(
			json_object_get(json_object_get(answer, "parameters"), "config"));
	char *copy = strdup(text);

	json_decref(answer);
	return copy;
}

static void
assert_shown(const char *want)
{
	char *text = shown();

	assert_string_equal(text, want);
	free(text);
}

static bool
has_two(void)
{
	return fake_nb_open() == 2 && fake_poller_has() == 2;
}

static bool
has_c3(void)
{
	return has_two() && fake_device("c3").there && !fake_device("c2").there;
}

/* Without a command; and it is no difference to the next start. */
static void
test_start(void **state)
{
	(void)state;
	fake_applies = true;
	configure(NET0 C1 C2);
	assert_true(fake_wait(has_two));
	reloads("", 0, 0, 0);
	assert_shown(NET0 C1 C2);
	assert_string_equal(fake_device("c1").placed.ifname, "eth0");
	fake_broker_stop();
	fake_configure(NET0 C1 C3);
	fake_broker_start();
	assert_true(fake_wait(has_c3));
	reloads("", 0, 0, 0);
	assert_shown(NET0 C1 C3);
}

/* What cannot be at the start is the end of it, and nothing is left. */
static void
test_start_fails(void **state)
{
	(void)state;
	fake_broker_stop();
	fake_applies = true;
	fake_configure(NET0 C1 "network add net1 uplinks gone\n");
	fake_broker_start();
	assert_int_equal(fake_broker_wait(), -EINVAL);
	assert_int_equal(fake_nb_devices(), 0);
	assert_int_equal(fake_poller_has(), 0);
	fake_applies = false;
	fake_broker_start();
	assert_shown("");
}

static void
test_reload(void **state)
{
	(void)state;
	refused("Configuration", "",
			"this node was started without --config FILE: start it with one, or use "
			"network add and container add");
	configure(NET0 C1 C2);
	reloads("", 3, 0, 0);
	reloads("", 0, 0, 0);
	/* what was added by hand stays; a broker that was killed has forgotten nothing */
	assert_int_equal(fake_changed("AddContainer", "\"name\":\"c9\",\"network\":\"net0\","
						      "\"mac\":\"02:00:00:00:00:09\""),
			1);
	configure("network add net0\n" C3
		  "container add c1 network net0 mac 02:00:00:00:00:01 ifname eth0 vlan 5\n");
	reloads("", 1, 2, 1);
	assert_shown("network add net0\n"
		     "container add c1 network net0 mac 02:00:00:00:00:01 vlan 5 ifname eth0\n"
		     "container add c9 network net0 mac 02:00:00:00:00:09\n" C3);
	assert_int_equal(json_integer_value(json_object_get(fake_poller_container("c1"), "vlan")),
			5);
	assert_false(fake_device("c2").there);
	configure("");
	refused("NetworkInUse", "name",
			"FILE: network net0, which it has no more: net0: it has 1 containers: "
			"remove them first");
	/* and all that was removed is there again */
	assert_true(fake_device("c1").there);
	assert_true(fake_device("c3").there);
	assert_int_equal(fake_changed("RemoveContainer", "\"name\":\"c9\""), 1);
	reloads("", 0, 0, 3);
	assert_shown("");
	assert_int_equal(fake_nb_devices(), 0);
}

/* What the file does not say any more is as it is without. */
static void
test_reset(void **state)
{
	(void)state;
	configure(NET0 C1 "container add c2 network net0 mirror c1 trunk 5,7-9 trust on\n");
	reloads("", 3, 0, 0);
	configure("network add net0\n" C1 "container add c2 network net0\n");
	reloads("", 0, 2, 0);
	reloads("", 0, 0, 0);
	assert_string_equal(
			json_string_value(json_object_get(fake_poller_container("c2"), "mirror")),
			"");
	assert_int_equal(json_array_size(json_object_get(fake_poller_container("c2"), "trunk")), 0);
}

static void
test_bad_line(void **state)
{
	(void)state;
	configure(NET0 C1);
	reloads("", 2, 0, 0);
	configure("network add net0 mtu 9000\n\n" C3 "container add c1 network net0 vlan 5000\n");
	refused("Configuration", "", "FILE:4: vlan 5000: out of range: give 0 to 4094");
	assert_shown(NET0 C1);
	configure("network add net1 uplinks here,gone\n" NET0 C1);
	refused("NoSuchUplink", "", "FILE:1: network net1: by the test");
	assert_shown(NET0 C1);
	unlink(fake_config);
	refused("Configuration", "", "FILE: No such file or directory");
	assert_shown(NET0 C1);
}

/* A line may name what a later one adds; not what none does, of its network. */
static void
test_mirrors(void **state)
{
	(void)state;
	configure(NET0 "container add c2 network net0 mirror c1\n" C1);
	reloads("", 3, 0, 0);
	assert_string_equal(
			json_string_value(json_object_get(fake_poller_container("c2"), "mirror")),
			"c1");
	configure(NET0 C1 C3 "container add c2 network net0 mirror c3\n");
	reloads("", 1, 1, 0);
	configure(NET0 C1 C3 "network add net1\ncontainer add c2 network net0 mirror c7\n"
			     "container add c7 network net1\n");
	refused("NoSuchContainer", "", "FILE:5: container c2: by the test");
}

/* What needs another device; all that could be done else is not. */
static void
test_force(void **state)
{
	(void)state;
	configure(NET0 C1 C2);
	reloads("", 3, 0, 0);
	configure(NET0 C3 "container add c1 network net0 mac 02:00:00:00:00:01 ifname eth1\n");
	refused("NeedsReattach", "ifname",
			"FILE:3: container c1: ifname: programs in the container know its "
			"interface by this name: force on removes the container and adds it again");
	assert_shown(NET0 C1 C2);
	assert_string_equal(fake_device("c1").placed.ifname, "eth0");
	reloads("\"force\":true", 1, 1, 1);
	assert_string_equal(fake_device("c1").placed.ifname, "eth1");
}

static bool
is_applied(void)
{
	return fake_poller_has() == 1;
}

/* As many queues as the kernel grants are no difference to those that the file asks for. */
static void
test_granted(void **state)
{
	(void)state;
	configure(NET0 "container add c1 network net0 queues 4\n");
	reloads("", 2, 0, 0);
	reloads("", 0, 0, 0);
	assert_int_equal(json_integer_value(json_object_get(fake_poller_container("c1"), "queues")),
			1);
	fake_poller_stop();
	fake_poller_start();
	assert_true(fake_wait(is_applied));
	reloads("", 0, 0, 0);
	assert_int_equal(json_integer_value(json_object_get(fake_poller_container("c1"), "queues")),
			1);
}

/* Whatever fails, all is as it was before, and is done the next time. */
static void
test_step_fails(void **state)
{
	static const char before[] = NET0 C1 C2 "network add net1\n",
			  after[] = "network add net0 mtu 1300\nnetwork add net2\n" C1 C3
				    "container add c2 network net0 mac 02:00:00:00:00:02\n";
	unsigned int n;
	bool hit = true;
	json_t *answer;

	(void)state;
	configure(before);
	for (n = 1; hit; n++) {
		fake_configure(before);
		json_decref(fake_call("Reload", ""));
		fake_configure(after);
		fake_fail(n);
		answer = fake_call("Reload", "");
		hit = fake_failed();
		assert_true((json_object_get(answer, "error") != NULL) == hit);
		json_decref(answer);
		if (hit) {
			assert_int_equal(fake_nb_open(), 2);
			assert_int_equal(fake_poller_has(), 2);
			assert_non_null(fake_poller_network("net1"));
			assert_null(fake_poller_network("net2"));
			assert_int_equal(json_integer_value(json_object_get(
							 fake_poller_network("net0"), "mtu")),
					1400);
			assert_int_equal(json_integer_value(json_object_get(
							 fake_poller_container("c2"), "vlan")),
					7);
		}
	}
	/* marks twice; two networks set and added, one removed, one container set, one added */
	assert_true(n > 12);
	assert_int_equal(fake_nb_open(), 3);
}

/* How many there are; one of them is this. */
static size_t
findings(const char *parameters, const char *severity, const char *text)
{
	json_t *answer = fake_call("Check", parameters), *list, *item;
	const char *is;
	bool found = false;
	char want[1024];
	size_t i;

	with_path(text, want, sizeof(want));
	list = json_object_get(json_object_get(answer, "parameters"), "findings");
	json_array_foreach(list, i, item)
	{
		is = json_string_value(json_object_get(item, "text"));
		if (strcmp(is, want) != 0) {
			print_message("%s\n", is);
			continue;
		}
		found = true;
		assert_string_equal(json_string_value(json_object_get(item, "severity")), severity);
	}
	i = json_array_size(list);
	assert_true(found);
	json_decref(answer);
	return i;
}

static void
test_check(void **state)
{
	(void)state;
	assert_int_equal(findings("", "ok", "networks and containers are as they were asked for"),
			1);
	configure(NET0 C1);
	assert_int_equal(findings("", "note", "FILE:1: network net0: reload: it is added"), 2);
	assert_shown("");
	reloads("", 2, 0, 0);
	assert_int_equal(findings("", "ok", "FILE: all of it is there as it says"), 1);
	configure(NET0 C3
			"container add c1 network net0 mac 02:00:00:00:00:01 ifname eth1 vlan 5\n");
	assert_int_equal(findings("", "note",
					 "FILE:3: container c1: reload: it is changed: vlan, "
					 "ifname; only with force on, which removes it and "
					 "adds it again"),
			2);
	configure("network add net0 uplinks gone\n");
	assert_int_equal(findings("", "note",
					 "FILE: container c1, which it has no more: reload: it is "
					 "removed"),
			2);
	configure("network add\n");
	assert_int_equal(
			findings("", "fault", "FILE:1: network add: no name follows: give one"), 1);
	assert_shown(NET0 C1);
}

/* One queue is enough for who has one lcore. */
static void
test_check_queues(void **state)
{
	(void)state;
	configure(NET0);
	reloads("", 1, 0, 0);
	fake_nb_lcores = 1;
	assert_int_equal(findings("", "ok", "FILE: all of it is there as it says"), 1);
	fake_nb_lcores = 3;
	assert_int_equal(findings("", "note",
					 "uplink up0 of network net0: one queue for 3 lcores: its "
					 "driver spreads nothing over several (RSS), so one takes "
					 "all that it receives"),
			2);
	configure("network add net0 mtu 1400 lcores 2\n");
	reloads("", 0, 1, 0);
	assert_int_equal(findings("", "ok", "FILE: all of it is there as it says"), 1);
	configure("network add net0 mtu 1400 lcores 2-3\n");
	reloads("", 0, 1, 0);
	assert_int_equal(findings("", "ok", "FILE: all of it is there as it says"), 2);
	fake_nb_lcores = 1;
}

/* Another's file: by a descriptor, for a name alone could be any file of the host. */
static void
test_check_file(void **state)
{
	json_t *call, *answer, *list;
	struct varlink_conn conn;
	char path[64];
	int fd;

	(void)state;
	answer = fake_call("Check", "\"file\":\"/etc/shadow\"");
	assert_string_equal(json_string_value(json_object_get(answer, "error")),
			"org.dpdk.vduse.Conflict");
	json_decref(answer);
	snprintf(path, sizeof(path), "%s/other.conf", fake_folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, NET0 "container\n", strlen(NET0) + 10), strlen(NET0) + 10);
	varlink_conn_init(&conn, fake_dial(), VARLINK_REPLY_MAX);
	call = json_pack("{ss s{ss si}}", "method", CONTROL_INTERFACE ".Check", "parameters",
			"file", "other.conf", "file_fd", 0);
	assert_int_equal(varlink_conn_send(&conn, call, &fd, 1), 0);
	while (varlink_conn_flush(&conn) == -EAGAIN)
		;
	json_decref(call);
	answer = fake_receive(conn.fd);
	list = json_object_get(json_object_get(answer, "parameters"), "findings");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "text")),
			"other.conf:2: container: give add, set, del, show or cdi");
	json_decref(answer);
	close(fd);
}

static void
test_hangup(void **state)
{
	(void)state;
	configure(NET0 C1);
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	assert_true(fake_wait(is_applied));
	reloads("", 0, 0, 0);
	assert_shown(NET0 C1);
}

/* Who was killed in the middle of it is followed by one that does it all. */
static void
test_killed(void **state)
{
	char path[64];
	json_t *root;

	(void)state;
	configure(NET0 C1);
	assert_int_equal(fake_changed("AddNetwork", "\"name\":\"net0\""), 1);
	fake_broker_stop();
	root = fake_state();
	json_object_set_new(root, "reloading", json_true());
	snprintf(path, sizeof(path), "%s/node.json", fake_folder);
	assert_int_equal(json_dump_file(root, path, 0), 0);
	json_decref(root);
	fake_broker_start();
	assert_true(fake_wait(is_applied));
	reloads("", 0, 0, 0);
	assert_shown(NET0 C1);
}

/* The next that is told. */
static void
hears(struct varlink_conn *conn, const char *event, const char *key, const char *name)
{
	struct pollfd pfd = { .fd = conn->fd, .events = POLLIN };
	struct varlink_message msg;
	const json_t *told;

	while (varlink_conn_next(conn, &msg) != 1) {
		assert_int_equal(poll(&pfd, 1, 120000), 1);
		assert_true(varlink_conn_read(conn) != 0);
	}
	told = json_object_get(msg.json, "parameters");
	assert_string_equal(json_string_value(json_object_get(told, "event")), event);
	if (key != NULL)
		assert_string_equal(json_string_value(json_object_get(told, key)), name);
	varlink_message_clear(&msg);
}

/* Who monitors hears of each; of one that came to nothing, not. */
static void
test_events(void **state)
{
	static const char call[] = "{\"method\":\"" CONTROL_INTERFACE ".Monitor\",\"more\":true}";
	struct varlink_conn conn;

	(void)state;
	configure(NET0 C1);
	varlink_conn_init(&conn, fake_dial(), VARLINK_REPLY_MAX);
	assert_int_equal(write(conn.fd, call, sizeof(call)), sizeof(call));
	hears(&conn, "ready", NULL, NULL);
	fake_fail(5);
	json_decref(fake_call("Reload", ""));
	assert_true(fake_failed());
	reloads("", 2, 0, 0);
	hears(&conn, "network_added", "network", "net0");
	hears(&conn, "container_added", "container", "c1");
	fake_configure(NET0);
	reloads("", 0, 0, 1);
	hears(&conn, "container_removed", "container", "c1");
	varlink_conn_close(&conn);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_start),
		CASE(test_start_fails),
		CASE(test_reload),
		CASE(test_reset),
		CASE(test_bad_line),
		CASE(test_force),
		CASE(test_mirrors),
		CASE(test_granted),
		CASE(test_step_fails),
		CASE(test_check),
		CASE(test_check_queues),
		CASE(test_check_file),
		CASE(test_hangup),
		CASE(test_killed),
		CASE(test_events),
	};

	return FILTER_RUN("broker_config", tests, NULL, NULL);
}
