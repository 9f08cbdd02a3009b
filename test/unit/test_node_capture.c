/* SPDX-License-Identifier: BSD-3-Clause */

/* Captures of a node's containers and uplinks: they begin, and end whoever ends first. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node_rig.h"
#include "open_files.h"
#include "pcapng_read.h"

#define ROUNDS 100

static struct node_error error;
static struct read_capture got;
static uint64_t room;

static struct node_capture_conf
usual(const char *name)
{
	return (struct node_capture_conf){ .name = name, .filter = "", .in = true, .out = true };
}

/* Return: the reader's end. */
static int
begin(struct node_rig *r, struct node_capture_conf *conf)
{
	const int bytes = 1;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	/* as few as there can be in it */
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	conf->fd = ends[1];
	if (node_capture(r->node, conf, &room, &error) != 0)
		fail_msg("%s: %s", conf->name, error.text);
	close(ends[1]);
	return ends[0];
}

static void
finish(int reader)
{
	read_free(&got);
	read_all(&got, reader);
	read_blocks(&got);
	assert_true(got.ended);
}

/* Those that are at their end are taken away. */
static void
none_is_left(struct node_rig *r)
{
	while (r->node->nb_watches != 0) {
		node_tick(r->node);
		sched_yield();
	}
}

static void
is_error(struct node_rig *r, struct node_capture_conf *conf, const char *id, const char *parameter)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (conf->fd == 0)
		conf->fd = ends[1];
	assert_true(node_capture(r->node, conf, &room, &error) < 0);
	assert_string_equal(error.id, id);
	assert_string_equal(error.parameter, parameter);
	assert_true(strlen(error.text) > 20);
	close(ends[0]);
	close(ends[1]);
}

static void
a_container_is_captured_until_it_goes(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2), back = node_rig_frame(2, 1);
	struct node_capture_conf conf = usual("c1");
	const int reader = begin(r, &conf);

	assert_true(room >= 256 << 10);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_send(r, 1, &back);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	node_rig_expect(r, 0, &back);
	node_rig_undrive(r, 0);
	assert_int_equal(node_container_del(r->node, "c1", &error), 0);
	finish(reader);
	assert_string_equal(got.name, "c1");
	assert_string_equal(got.description, "container c1 of net0");
	assert_int_equal(got.nb_packets, 2);
	assert_int_equal(got.packets[0].flags & READ_WAY, READ_OUT);
	assert_memory_equal(got.packets[0].bytes, f.data, f.len);
	assert_int_equal(got.packets[1].flags & READ_WAY, READ_IN);
	assert_memory_equal(got.packets[1].bytes, back.data, back.len);
	none_is_left(r);
}

static void
an_uplink_is_captured(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(9, 1), away = node_rig_frame(1, 9);
	struct node_capture_conf conf = usual(r->uplink);
	const int reader = begin(r, &conf);
	struct node_network_conf network = { .name = "net0" };

	node_rig_send_wire(r, &f);
	node_rig_run(r);
	node_rig_send(r, 0, &away);
	node_rig_run(r);
	node_rig_expect(r, 0, &f);
	node_rig_expect_wire(r, &away);
	assert_int_equal(node_network_set(r->node, &network, &error), 0);
	finish(reader);
	assert_string_equal(got.name, r->uplink);
	assert_int_equal(got.nb_packets, 2);
	assert_int_equal(got.packets[0].flags & READ_WAY, READ_IN);
	assert_int_equal(got.packets[1].flags & READ_WAY, READ_OUT);
	none_is_left(r);
}

static void
a_reader_that_leaves_ends_it(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct node_capture_conf conf = usual("c1");
	int reader = begin(r, &conf);

	close(reader);
	none_is_left(r);
	/* and it can be begun again */
	reader = begin(r, &conf);
	node_rig_send(r, 0, &f);
	node_rig_run(r);
	node_rig_expect(r, 1, &f);
	assert_int_equal(shutdown(reader, SHUT_WR), 0);
	none_is_left(r);
	finish(reader);
	assert_int_equal(got.nb_packets, 1);
}

static void
what_cannot_be_is_refused(void **state)
{
	struct node_rig *r = *state;
	struct node_capture_conf conf = usual("c9");
	int reader;

	is_error(r, &conf, NODE_ID("NoSuchContainer"), "name");
	conf = usual("c1");
	conf.filter = "2,5 0 0 4294967295,6 0 0 0";
	is_error(r, &conf, "org.varlink.service.InvalidParameter", "filter");
	conf = usual("c1");
	conf.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	is_error(r, &conf, "org.varlink.service.InvalidParameter", "pipe_fd");
	close(conf.fd);
	conf.fd = -1;
	is_error(r, &conf, "org.varlink.service.InvalidParameter", "pipe_fd");
	conf = usual("c1");
	reader = begin(r, &conf);
	conf.fd = 0;
	is_error(r, &conf, NODE_ID("Busy"), "name");
	close(reader);
	none_is_left(r);
}

/* Those whose readers have not read to their ends count: nobody makes more than so many. */
static void
there_are_so_many_at_a_time(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct node_capture_conf conf = usual("c1");
	int readers[NODE_CAPTURES_MAX];
	unsigned int i, k;

	for (i = 0; i < NODE_CAPTURES_MAX; i++) {
		readers[i] = begin(r, &conf);
		for (k = 0; k < 200; k++) {
			node_rig_send(r, 0, &f);
			node_rig_run(r);
			node_rig_expect(r, 1, &f);
		}
		assert_int_equal(shutdown(readers[i], SHUT_WR), 0);
		while (LIST_FIRST(&r->node->watches)->member != NULL) {
			node_tick(r->node);
			sched_yield();
		}
		conf.fd = 0;
	}
	is_error(r, &conf, NODE_ID("Busy"), "");
	/* one that is read is one less */
	finish(readers[0]);
	assert_int_equal(got.nb_packets, 200);
	while (r->node->nb_watches == NODE_CAPTURES_MAX) {
		node_tick(r->node);
		sched_yield();
	}
	for (i = 1; i < NODE_CAPTURES_MAX; i++)
		close(readers[i]);
	none_is_left(r);
}

/* While an lcore forwards: no frame is lost by it, and none is shown twice. */
static void
it_begins_and_ends_while_frames_move(void **state)
{
	struct node_rig *r = *state;
	const struct rig_bytes f = node_rig_frame(1, 2);
	struct node_capture_conf conf = usual("c2");
	struct rig_bytes out;
	unsigned int i;
	int reader;

	conf.filter = "1,6 0 0 65535";
	for (i = 0; i < ROUNDS; i++) {
		node_rig_send(r, 0, &f);
		node_rig_kick(r, 0);
		reader = begin(r, &conf);
		while (!node_rig_get(r, 1, &out))
			sched_yield();
		assert_memory_equal(out.data, f.data, f.len);
		node_rig_send(r, 0, &f);
		node_rig_kick(r, 0);
		while (!node_rig_get(r, 1, &out))
			sched_yield();
		assert_int_equal(shutdown(reader, SHUT_WR), 0);
		none_is_left(r);
		finish(reader);
		assert_in_range(got.nb_packets, 1, 2);
	}
	read_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, node_rig_setup, node_rig_teardown)
		NODE_TEST(a_container_is_captured_until_it_goes),
		NODE_TEST(an_uplink_is_captured),
		NODE_TEST(a_reader_that_leaves_ends_it),
		NODE_TEST(what_cannot_be_is_refused),
		NODE_TEST(there_are_so_many_at_a_time),
		cmocka_unit_test_setup_teardown(it_begins_and_ends_while_frames_move,
				node_rig_setup_live, node_rig_teardown),
	};
	const int ret = UNIT_RUN("node_capture", tests);

	read_free(&got);
	return ret;
}
