/* SPDX-License-Identifier: BSD-3-Clause */

/* Readers of a capture: slow, gone, satisfied; and none. */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture_rig.h"

/* As many bytes as there is room for, and each of the others counted. */
static void
who_does_not_read_holds_up_nobody(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	const unsigned int most = 3 * CAPTURE_BYTES / 1400;
	unsigned int i;

	f.len = 1400;
	capture_watch(a, &conf);
	assert_int_equal(capture_room(the_capture), CAPTURE_BYTES);
	for (i = 0; i < most; i++) {
		rig_send(r, a, &f);
		assert_int_equal(b->nb_out, 1);
		capture_take(b);
	}
	capture_unwatch(a);
	assert_int_equal(captured.received, most);
	assert_int_equal(captured.accepted, most);
	assert_true(captured.dropped > 0);
	assert_int_equal(captured.delivered + captured.dropped, most);
	/* and what was on its way: in the socket, and about to be written */
	assert_true(captured.nb_packets < 3 * most / 4);
}

static void
who_reads_late_hears_of_it_in_between(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	unsigned int i;

	f.len = 1400;
	conf.nb_lcores = 16;
	capture_watch(a, &conf);
	for (i = 0; i < 4000; i++) {
		rig_send(r, a, &f);
		capture_take(b);
	}
	capture_unwatch(a);
	assert_true(captured.dropped > 0);
	assert_true(captured.nb_statistics >= 2);
}

static void
it_ends_with_its_reader(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	int ends[2];

	capture_watch(a, &conf);
	assert_false(capture_wants_end(the_capture));
	close(capture_reader);
	capture_until_it_wants_end();
	rig_send(r, a, &f);
	veb_member_watch(a->member, NULL);
	capture_end(the_capture);
	capture_finish();
	/* the same of a pipe, whose capture_reader has read nothing */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	conf.fd = ends[1];
	assert_int_equal(capture_begin(&conf, &the_capture), 0);
	close(ends[1]);
	veb_member_watch(a->member, capture_tap(the_capture));
	for (; b->nb_out < 200;)
		rig_send(r, a, &f);
	close(ends[0]);
	capture_until_it_wants_end();
	veb_member_watch(a->member, NULL);
	capture_end(the_capture);
	capture_finish();
	capture_take(b);
}

static void
a_pipe_gets_all_of_it(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	conf.fd = ends[1];
	assert_int_equal(capture_begin(&conf, &the_capture), 0);
	close(ends[1]);
	capture_reader = ends[0];
	veb_member_watch(a->member, capture_tap(the_capture));
	rig_send(r, a, &f);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 1);
	capture_take(b);
}

/* Shut down at the capture_reader's end: what there is is written. */
static void
who_has_enough_gets_the_rest(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);

	capture_watch(a, &conf);
	rig_send(r, a, &f);
	assert_int_equal(shutdown(capture_reader, SHUT_WR), 0);
	capture_until_it_wants_end();
	rig_send(r, a, &f);
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 2);
	capture_take(b);
}

static void
it_ends_after_so_many(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	unsigned int i;

	conf.count = 3;
	capture_watch(a, &conf);
	for (i = 0; i < 10; i++)
		rig_send(r, a, &f);
	capture_until_it_wants_end();
	capture_unwatch(a);
	assert_int_equal(captured.nb_packets, 3);
	capture_take(b);
}

/* At once, though nobody reads. */
static void
it_is_given_up_without_a_reader(void **state)
{
	struct veb_rig *r = *state;
	struct rig_port *a = rig_container(r, 1, NULL), *b = rig_container(r, 2, NULL);
	struct rig_frame f = rig_unicast(1, 2);
	struct capture_conf conf = capture_usual(r);
	unsigned int i;

	f.len = 1400;
	capture_watch(a, &conf);
	for (i = 0; i < 2000; i++) {
		rig_send(r, a, &f);
		capture_take(b);
	}
	veb_member_watch(a->member, NULL);
	capture_free(the_capture);
	close(capture_reader);
}

static void
what_is_no_stream_is_refused(void **state)
{
	struct veb_rig *r = *state;
	struct capture_conf conf = capture_usual(r);
	int ends[2];

	conf.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	conf.filter = capture_program(SEVENS);
	assert_int_equal(capture_begin(&conf, &the_capture), -EINVAL);
	close(conf.fd);
	conf.fd = -1;
	conf.filter = NULL;
	assert_int_equal(capture_begin(&conf, &the_capture), -EINVAL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	conf.fd = ends[0];
	assert_int_equal(capture_begin(&conf, &the_capture), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CAPTURE_TEST(who_does_not_read_holds_up_nobody),
		CAPTURE_TEST(who_reads_late_hears_of_it_in_between),
		CAPTURE_TEST(it_ends_with_its_reader),
		CAPTURE_TEST(a_pipe_gets_all_of_it),
		CAPTURE_TEST(who_has_enough_gets_the_rest),
		CAPTURE_TEST(it_ends_after_so_many),
		CAPTURE_TEST(it_is_given_up_without_a_reader),
		CAPTURE_TEST(what_is_no_stream_is_refused),
	};

	return FILTER_RUN("capture_end", tests, veb_rig_eal, NULL);
}
