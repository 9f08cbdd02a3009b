/* SPDX-License-Identifier: BSD-3-Clause */

/* What a broker asks for, in its own words, and what the node makes of it. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_cycles.h>

#include "control.h"
#include "counters.h"
#include "node_rig.h"
#include "poller.h"
#include "poller_counters.h"
#include "send_fds.h"

#define ANSWER_MAX 65536

static struct poller poller;
static int listen_fd, broker; /* the broker's end */
static json_t *answer;

static int
setup(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct node_rig *r;

	if (node_rig_setup(state) != 0)
		return -1;
	r = *state;
	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "vduse-unit-poller-%d", (int)getpid());
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listen_fd, 4), 0);
	assert_int_equal(poller_create(&poller, r->node, listen_fd, NULL), 0);
	broker = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(broker, (struct sockaddr *)&at, sizeof(at)), 0);
	return 0;
}

static int
teardown(void **state)
{
	json_decref(answer);
	answer = NULL;
	poller_destroy(&poller);
	close(broker);
	close(listen_fd);
	return node_rig_teardown(state);
}

/* The next thing that is told. */
static json_t *
hear(void)
{
	static char text[ANSWER_MAX];
	const ssize_t n = recv(broker, text, sizeof(text), MSG_DONTWAIT);

	assert_true(n > 0 && text[n - 1] == '\0');
	json_decref(answer);
	answer = json_loads(text, 0, NULL);
	assert_non_null(answer);
	return answer;
}

static void
send_with(const char *text, int fd)
{
	const size_t len = strlen(text) + 1;

	assert_int_equal(send_fds(broker, text, len, &fd, fd >= 0), len);
	serve_run(poller.serve);
}

/* ' stands for ". Return: the result, or -1; the answer stays in `answer`. */
static int
ask_with(const char *method, const char *parameters, int fd)
{
	static int id;
	char text[4096], *c;

	snprintf(text, sizeof(text), "{'id':%d,'method':'%s','parameters':{%s}}", ++id, method,
			parameters);
	for (c = text; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	send_with(text, fd);
	assert_int_equal(json_integer_value(json_object_get(hear(), "id")), id);
	if (json_object_get(answer, "error") != NULL)
		return -1;
	return (int)json_integer_value(json_object_get(answer, "result"));
}

static int
ask(const char *method, const char *parameters)
{
	return ask_with(method, parameters, -1);
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void
refused(const char *method, const char *parameters, const char *id, const char *parameter)
{
	const json_t *error;

	assert_int_equal(ask(method, parameters), -1);
	error = json_object_get(answer, "error");
	assert_string_equal(text_of(error, "id"), id);
	assert_string_equal(text_of(error, "parameter"), parameter);
	assert_true(strlen(text_of(error, "text")) > 5);
}

static const json_t *
listed(const char *method, const char *parameters, size_t n)
{
	const json_t *list;

	assert_int_equal(ask(method, parameters), 0);
	list = json_object_get(answer, "reply");
	assert_int_equal(json_array_size(list), n);
	return list;
}

/* Each with another value than without being given. */
#define WORDS                                                                                     \
	"'name':'c4','network':'net0','mac':'02:00:00:00:00:44','vlan':7,'qos':3,"                \
	"'spoofchk':false,'ip':['10.0.0.0/8','fd00::/64'],'trust':true,'max_macs':5,"             \
	"'max_tx_rate':10,'max_rx_rate':20,'burst':30,'bum_rate':40,'isolated':true,'link':'up'," \
	"'mirror':'c1','gro':false,'queues':1,'queue_size':256,'profile':'tx'"

static void
each_word_arrives(void **state)
{
	char text[] = "{" WORDS "}", *c;
	const json_t *list, *value;
	json_t *given;
	const char *word;

	(void)state;
	for (c = text; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	given = json_loads(text, 0, NULL);
	assert_non_null(given);
	assert_int_equal(ask("container_add", WORDS), 0);
	assert_int_equal(ask("container_add", WORDS), 1);
	list = listed("containers", "'name':'c4'", 1);
	json_object_foreach(given, word, value)
	{
		if (!json_equal(json_object_get(json_array_get(list, 0), word), value))
			fail_msg("%s is %s", word,
					json_dumps(json_object_get(json_array_get(list, 0), word),
							JSON_ENCODE_ANY));
	}
	json_decref(given);
	assert_int_equal(ask("container_set", "'name':'c4','vlan':0,'trunk':['1-3','4094']"), 0);
	list = listed("containers", "'name':'c4'", 1);
	value = json_object_get(json_array_get(list, 0), "trunk");
	assert_int_equal(json_array_size(value), 2);
	assert_string_equal(json_string_value(json_array_get(value, 0)), "1-3");
	assert_string_equal(json_string_value(json_array_get(value, 1)), "4094");
	assert_int_equal(ask("container_del", "'name':'c4'"), 0);
	assert_int_equal(ask("container_del", "'name':'c4'"), 1);
}

/* What is not given stays, though it is not as without being given. */
static void
what_is_not_given_stays(void **state)
{
	const json_t *list;

	(void)state;
	assert_int_equal(ask("container_set", "'name':'c1','qos':3,'gro':false"), 0);
	assert_int_equal(ask("container_set", "'name':'c1','vlan':9"), 0);
	assert_int_equal(ask("container_set", "'name':'c1','vlan':9"), 1);
	list = listed("containers", "'name':'c1'", 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "vlan")), 9);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "qos")), 3);
	assert_true(json_is_false(json_object_get(json_array_get(list, 0), "gro")));
}

static void
what_is_wrong_is_said(void **state)
{
	(void)state;
	refused("nothing", "", CONTROL_INTERFACE ".Kernel", "");
	refused("container_add", "'network':'net0'", CONTROL_INTERFACE ".Conflict", "name");
	refused("container_add", "'name':'c4','network':'net0','vlan':4095",
			CONTROL_INTERFACE ".Conflict", "vlan");
	refused("container_add", "'name':'c4','network':'net0','colour':'red'",
			CONTROL_INTERFACE ".Conflict", "colour");
	refused("container_add", "'name':'c4','network':'net9'", CONTROL_INTERFACE ".NoSuchNetwork",
			"network");
	refused("container_add", "'name':'c4','network':'net0','mirror':'c9'",
			CONTROL_INTERFACE ".NoSuchContainer", "mirror");
	refused("container_add", "'name':'c1','network':'net0','mac':'02:00:00:00:00:01','vlan':7",
			CONTROL_INTERFACE ".Differs", "vlan");
	refused("container_set", "'name':'c9','vlan':7", CONTROL_INTERFACE ".NoSuchContainer",
			"name");
	refused("container_set", "'name':'c1','queues':7", CONTROL_INTERFACE ".NeedsReattach",
			"queues");
	refused("network_add", "'mtu':1500", CONTROL_INTERFACE ".Conflict", "name");
	refused("network_add", "'name':'net1','uplinks':['nothing']",
			CONTROL_INTERFACE ".NoSuchUplink", "uplinks");
	refused("network_set", "'name':'net0','mtu':70000", CONTROL_INTERFACE ".Conflict", "mtu");
	refused("network_del", "'name':'net0'", CONTROL_INTERFACE ".NetworkInUse", "name");
	listed("networks", "", 1);
	listed("containers", "", RIG_CONTAINERS);
}

static void
networks_come_change_and_go(void **state)
{
	struct node_rig *r = *state;
	char parameters[128];
	const json_t *list;

	assert_int_equal(ask("hello", ""), 0);
	assert_int_equal(ask("network_add", "'name':'net1','mtu':1400"), 0);
	assert_int_equal(ask("network_add", "'name':'net1','mtu':1400"), 1);
	list = listed("networks", "'name':'net1'", 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "mtu")), 1400);
	assert_int_equal(ask("network_set", "'name':'net1','mtu':1300"), 0);
	snprintf(parameters, sizeof(parameters), "'network':'net1','name':'%s'", r->uplink);
	refused("port", parameters, CONTROL_INTERFACE ".UplinkInUse", "uplinks");
	snprintf(parameters, sizeof(parameters), "'network':'net0','name':'%s'", r->uplink);
	assert_int_equal(ask("port", parameters), 0);
	listed("containers", "'network':'net1'", 0);
	listed("fdb", "'network':'net1'", 0);
	list = listed("fdb", "", RIG_CONTAINERS);
	assert_true(json_is_true(json_object_get(json_array_get(list, 0), "static")));
	assert_int_equal(ask("network_del", "'name':'net1'"), 0);
	assert_int_equal(ask("network_del", "'name':'net1'"), 1);
	list = listed("networks", "", 1);
	list = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(list, "uplinks"), 0)),
			r->uplink);
	assert_int_equal(json_integer_value(json_object_get(list, "containers")), RIG_CONTAINERS);
}

static void
counters_come_where_they_are_asked_for(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2), spoofed = node_rig_frame(2, 3);
	const json_t *counters;

	node_rig_send(r, 0, &f);
	node_rig_send(r, 0, &spoofed);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	counters = listed("containers", "'name':'c1'", 1);
	assert_null(json_object_get(json_array_get(counters, 0), "statistics"));
	counters = listed("containers", "'name':'c1','statistics':true", 1);
	counters = json_object_get(json_array_get(counters, 0), "statistics");
	assert_int_equal(json_integer_value(json_object_get(counters, "tx_packets")), 2);
	assert_int_equal(json_integer_value(json_object_get(counters, "tx_bytes")), 128);
	assert_int_equal(json_integer_value(json_object_get(counters, "rx_packets")), 0);
	assert_int_equal(json_integer_value(json_object_get(counters, "gro_packets")), 0);
	assert_int_equal(json_integer_value(json_object_get(counters, "drop spoofed MAC")), 1);
}

/* All that is counted of a member has another number, and comes out under a name of its own. */
static void
expect_all(json_t *counters, enum counter_of of, unsigned int reasons)
{
	const struct counter_owner *owner = &counter_owners[of];
	unsigned int i, n = 0;
	json_t *value, *other;
	const char *key, *name;

	for (i = 0; i < owner->nb; i++)
		if (owner->rows[i].kind == COUNTER_SUM || owner->rows[i].kind == COUNTER_NOW) {
			assert_true(json_integer_value(json_object_get(
						    counters, owner->rows[i].key)) >= 1000);
			n++;
		}
	assert_int_equal(json_object_size(counters), n + reasons);
	json_object_foreach(counters, key, value)
	{
		json_object_foreach(counters, name, other)
		{
			assert_true(value == other || !json_equal(value, other));
		}
	}
	json_decref(counters);
}

static void
number(void *of, size_t len, uint64_t from)
{
	uint64_t *words = of;
	size_t i;

	for (i = 0; i < len / sizeof(*words); i++)
		words[i] = from + i;
}

static void
each_counter_has_its_name(void **state)
{
	struct node_container container = { 0 };
	struct node_lcore lcore = { .rounds = 1000, .sleeps = 1001, .frames = 1002 };
	struct node_uplink uplink = { 0 };

	(void)state;
	number(&container.stats, sizeof(container.stats), 1000);
	number(&container.device, sizeof(container.device), 2000);
	expect_all(poller_container_counters(&container), COUNTER_OF_CONTAINER, VEB_DROPS + 7);
	number(&uplink.stats, sizeof(uplink.stats), 1000);
	number(&uplink.sent, sizeof(uplink.sent), 2000);
	expect_all(poller_uplink_counters(&uplink), COUNTER_OF_UPLINK, VEB_DROPS + FWD_DROPS);
	expect_all(poller_lcore_counters(&lcore), COUNTER_OF_LCORE, 0);
}

static void
uplinks_and_lcores_are_listed(void **state)
{
	const json_t *list;

	(void)state;
	listed("uplinks", "'network':'net1'", 0);
	list = json_array_get(listed("uplinks", "'network':'net0','statistics':true", 1), 0);
	assert_string_equal(text_of(list, "network"), "net0");
	assert_string_equal(text_of(list, "link_state"), "up");
	assert_true(json_is_boolean(json_object_get(list, "promiscuous")));
	assert_true(json_is_integer(json_object_get(
			json_object_get(list, "statistics"), "drop unknown address")));
	list = json_array_get(listed("lcores", "", 1), 0);
	assert_null(json_object_get(list, "statistics"));
	assert_true(json_integer_value(json_object_get(list, "queues")) >= RIG_CONTAINERS);
	list = json_array_get(listed("lcores", "'statistics':true", 1), 0);
	assert_true(json_is_integer(
			json_object_get(json_object_get(list, "statistics"), "rounds")));
}

/* As it is told after a restart, where the order is another. */
static void
a_mirror_may_come_later(void **state)
{
	const json_t *list;

	(void)state;
	assert_int_equal(ask("container_add", "'name':'c4','network':'net0','mirror':'c5',"
					      "'queue_size':256,'mirror_waits':true"),
			0);
	assert_int_equal(ask("container_add", "'name':'c5','network':'net0','queue_size':256,"
					      "'mirror_waits':true"),
			0);
	list = listed("containers", "'name':'c4'", 1);
	assert_string_equal(text_of(json_array_get(list, 0), "mirror"), "c5");
	assert_int_equal(ask("rebalance", ""), 0);
	assert_true(json_is_integer(json_object_get(json_object_get(answer, "reply"), "moved")));
}

/* Events of the three that came before anybody asked. */
static void
forget_arrivals(struct node_rig *r)
{
	assert_int_equal(ask("hello", ""), 0);
	node_tick(r->node);
	while (recv(broker, &(char[ANSWER_MAX]){ 0 }, ANSWER_MAX, MSG_DONTWAIT) > 0)
		;
}

static json_int_t
cycles_of(const char *name)
{
	const json_t *member;
	size_t i;

	assert_int_equal(ask("load", ""), 0);
	json_array_foreach(json_object_get(json_object_get(answer, "reply"), "members"), i,
			member) if (strcmp(text_of(member, "name"), name) ==
				    0) return json_integer_value(json_object_get(member, "cycles"));
	fail_msg("no %s", name);
	return 0;
}

/* From the first question on, and no longer than somebody asks. */
static void
lcores_measure_while_somebody_asks(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	const json_t *lcores;
	unsigned int i;
	json_int_t before;

	forget_arrivals(r);
	r->step = 1;
	for (i = 0; i < 3; i++) {
		if (i == 1)
			assert_int_equal(cycles_of("c1"), 0);
		node_rig_send(r, 0, &f);
		node_rig_run(r);
		node_rig_expect(r, 1, &f);
	}
	before = cycles_of("c1");
	assert_true(before > 0);
	assert_int_equal(cycles_of("c2"), 0);
	assert_int_equal(cycles_of(r->uplink), 0);
	lcores = json_object_get(json_object_get(answer, "reply"), "lcores");
	assert_int_equal(json_array_size(lcores), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(lcores, 0), "busy")),
			before);
	r->now += (NODE_MEASURE_S + 1) * rte_get_tsc_hz();
	node_tick(r->node);
	assert_false(r->node->workers.measures);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	assert_int_equal(cycles_of("c1"), before);
}

/* Of the same frames, from the first question on. */
static void
times_are_listed(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	const json_t *kinds, *in;

	forget_arrivals(r);
	assert_int_equal(ask("latency", "\"name\": \"c2\""), 0);
	kinds = json_object_get(answer, "reply");
	assert_int_equal(json_array_size(kinds), 3);
	assert_string_equal(text_of(json_array_get(kinds, 0), "what"), "in");
	assert_string_equal(text_of(json_array_get(kinds, 1), "what"), "out");
	assert_string_equal(text_of(json_array_get(kinds, 2), "what"), "kick");
	assert_int_equal(json_array_size(json_object_get(json_array_get(kinds, 0), "times")), 0);
	r->step = rte_get_tsc_hz();
	node_rig_send(r, 0, &f);
	node_rig_kick(r, 0);
	node_poll(r->node);
	r->step = 0;
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	assert_int_equal(ask("latency", "\"name\": \"c2\""), 0);
	in = json_array_get(json_object_get(answer, "reply"), 0);
	assert_int_equal(json_integer_value(json_object_get(in, "count")), 1);
	assert_int_equal(json_integer_value(json_object_get(in, "sum")), 1000000000);
	assert_int_equal(json_integer_value(json_object_get(in, "longest")), 1000000000);
	in = json_array_get(json_object_get(in, "times"), 0);
	assert_int_equal(json_integer_value(json_object_get(in, "count")), 1);
	assert_int_equal(json_integer_value(json_object_get(in, "up_to")), 0x3bffffff);
	refused("latency", "\"name\": \"c9\"", "org.dpdk.vduse.NoSuchContainer", "name");
}

static void
a_capture_takes_its_pipe_along(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	uint8_t bytes[4096];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	refused("capture", "'name':'c1'", "org.varlink.service.InvalidParameter", "pipe_fd");
	refused("capture", "'name':'c1','direction':'up'", "org.dpdk.vduse.Conflict", "direction");
	assert_int_equal(ask_with("capture", "'name':'c1','direction':'out','count':1,'snaplen':20",
					 ends[1]),
			0);
	close(ends[1]);
	assert_true(json_integer_value(json_object_get(json_object_get(answer, "reply"), "room")) >
			0);
	node_rig_send(r, 0, &f);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	node_rig_expect(r, 1, &f);
	/* to its end: after one frame */
	while (r->node->nb_watches != 0) {
		node_tick(r->node);
		sched_yield();
	}
	assert_true(read(ends[0], bytes, sizeof(bytes)) > 100);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 0);
	close(ends[0]);
}

static void
events_are_told(void **state)
{
	struct node_rig *r = *state;
	const json_t *event;

	forget_arrivals(r);
	node_rig_undrive(r, 1);
	node_tick(r->node);
	event = json_object_get(hear(), "event");
	assert_string_equal(text_of(event, "event"), "detached");
	assert_string_equal(text_of(event, "network"), "net0");
	assert_string_equal(text_of(event, "container"), "c2");
	node_rig_removed = true;
	node_tick(r->node);
	event = json_object_get(hear(), "event");
	assert_string_equal(text_of(event, "event"), "fault");
	assert_string_equal(text_of(event, "uplink"), r->uplink);
	assert_true(strlen(text_of(event, "text")) > 10);
}

/* What comes along is closed, whatever becomes of the request. */
static void
no_descriptor_is_left(void **state)
{
	const int fd = open("/dev/null", O_RDONLY);
	int first, last;

	(void)state;
	/* the broker is there from now on */
	assert_int_equal(ask("hello", ""), 0);
	first = dup(fd);
	close(first);
	assert_int_equal(ask_with("hello", "", fd), 0);
	assert_int_equal(ask_with("nothing", "", fd), -1);
	assert_int_equal(ask_with("container_add", "'name':'c4'", fd), -1);
	assert_int_equal(ask_with("container_set", "'name':'c1','vlan':5", fd), 0);
	last = dup(fd);
	assert_int_equal(last, first);
	close(last);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define POLLER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		POLLER_TEST(each_word_arrives),
		POLLER_TEST(what_is_not_given_stays),
		POLLER_TEST(what_is_wrong_is_said),
		POLLER_TEST(networks_come_change_and_go),
		POLLER_TEST(counters_come_where_they_are_asked_for),
		POLLER_TEST(each_counter_has_its_name),
		POLLER_TEST(uplinks_and_lcores_are_listed),
		POLLER_TEST(a_mirror_may_come_later),
		POLLER_TEST(lcores_measure_while_somebody_asks),
		POLLER_TEST(times_are_listed),
		POLLER_TEST(a_capture_takes_its_pipe_along),
		POLLER_TEST(events_are_told),
		POLLER_TEST(no_descriptor_is_left),
	};

	return UNIT_RUN("poller", tests);
}
