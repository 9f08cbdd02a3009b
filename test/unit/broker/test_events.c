/* SPDX-License-Identifier: BSD-3-Clause */

/* What happens is told those who monitor: by the poller, and here. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control.h"
#include "fake.h"
#include "filter.h"

#define NET0 "\"name\":\"net0\",\"mtu\":1400"
#define C1   "\"name\":\"c1\",\"network\":\"net0\""

/* One of many answers on a connection, to be freed. */
static json_t *
next(int fd)
{
	char text[1024];
	size_t n = 0;

	do {
		assert_true(n < sizeof(text));
		assert_int_equal(read(fd, &text[n], 1), 1);
	} while (text[n++] != '\0');
	return json_loads(text, 0, NULL);
}

/* What somebody who monitors hears next. */
static void
hears(int fd, const char *want)
{
	json_t *answer = next(fd), *event;
	char *text;

	event = json_object_get(answer, "parameters");
	text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, want);
	free(text);
	json_decref(answer);
}

static int
monitor(void)
{
	static const char call[] = "{\"method\":\"" CONTROL_INTERFACE ".Monitor\",\"more\":true}";
	const int fd = fake_dial();

	assert_int_equal(write(fd, call, sizeof(call)), sizeof(call));
	hears(fd, "{\"event\":\"ready\"}");
	return fd;
}

/* Those who monitor hear what the poller tells, word for word, and what is done without a call. */
static void
test_events(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(fake_changed("AddNetwork", NET0), 1);
	fd = monitor();
	assert_int_equal(fake_changed("AddContainer", C1), 1);
	hears(fd, "{\"container\":\"c1\",\"event\":\"container_added\"}");
	fake_tell(json_pack(
			"{ss ss ss}", "event", "link_down", "network", "net0", "container", "c1"));
	hears(fd, "{\"container\":\"c1\",\"event\":\"link_down\",\"network\":\"net0\"}");
	fake_tell(json_pack("{ss ss ss ss}", "event", "fault", "network", "net0", "uplink", "p0",
			"text", "by the test"));
	hears(fd, "{\"event\":\"fault\",\"network\":\"net0\",\"text\":\"by the test\","
		  "\"uplink\":\"p0\"}");
	fake_poller_stop();
	hears(fd, "{\"event\":\"fault\",\"text\":\"the process that forwards: it has ended; "
		  "containers wait for the next\"}");
	fake_devices_gone();
	fake_fail(1);
	fake_poller_start();
	/* it cannot be told of the network: the container neither */
	hears(fd, "{\"event\":\"fault\",\"text\":\"after a restart: by the test\"}");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_events, fake_setup, fake_teardown),
	};

	return FILTER_RUN("broker_events", tests, NULL, NULL);
}
