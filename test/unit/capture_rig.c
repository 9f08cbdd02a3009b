/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "capture_rig.h"
#include "open_files.h"

/* nanoseconds since 1970 */
#define SOME_DAY (UINT64_C(1700000000) * NS_PER_S)

struct read_capture captured;
struct capture *the_capture;
int capture_reader;
static unsigned int files;

static uint64_t
now(void *arg)
{
	const struct veb_rig *r = arg;

	return __atomic_load_n(&r->now, __ATOMIC_RELAXED);
}

/* As far from some day as the cycles are from 0: it stands still while they do. */
static uint64_t
wall(void *arg, uint64_t cycles)
{
	(void)arg;
	return SOME_DAY + (uint64_t)((double)cycles * NS_PER_S / (double)rte_get_tsc_hz());
}

int
capture_rig_setup(void **state)
{
	files = unit_count_fds();
	return veb_rig_setup(state);
}

int
capture_rig_teardown(void **state)
{
	read_free(&captured);
	assert_int_equal(unit_count_fds(), files);
	return veb_rig_teardown(state);
}

struct capture_conf
capture_usual(struct veb_rig *r)
{
	return (struct capture_conf){ .name = "c1",
		.description = "a test's",
		.in = true,
		.out = true,
		.nb_lcores = 1,
		.now = now,
		.wall = wall,
		.now_arg = r };
}

/* NULL: no filter. */
struct program *
capture_program(const char *text)
{
	struct program *p;
	char error[256];

	assert_int_equal(program_parse(text, &p, error, sizeof(error)), 0);
	return p;
}

void
capture_watch(struct rig_port *port, struct capture_conf *conf)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	capture_reader = ends[0];
	conf->fd = ends[1];
	assert_int_equal(capture_begin(conf, &the_capture), 0);
	close(ends[1]);
	veb_member_watch(port->member, capture_tap(the_capture));
}

void
capture_until_it_wants_end(void)
{
	while (!capture_wants_end(the_capture))
		sched_yield();
}

void
capture_finish(void)
{
	while (!capture_is_over(the_capture))
		sched_yield();
	capture_free(the_capture);
}

/* Nobody watches it any more; what was written is in `captured`. */
void
capture_unwatch(struct rig_port *port)
{
	veb_member_watch(port->member, NULL);
	capture_end(the_capture);
	read_all(&captured, capture_reader);
	read_blocks(&captured);
	read_by_libpcap(&captured);
	assert_true(captured.ended);
	assert_int_equal(captured.delivered, captured.nb_packets);
	capture_finish();
}

void
capture_take(struct rig_port *port)
{
	while (port->nb_out > 0)
		rte_pktmbuf_free(port->out[--port->nb_out]);
}

void
capture_expect(unsigned int n, uint32_t way, const char *comment)
{
	assert_true(n < captured.nb_packets);
	assert_int_equal(captured.packets[n].flags & READ_WAY, way);
	assert_string_equal(captured.packets[n].comment, comment);
}
