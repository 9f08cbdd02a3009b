/* SPDX-License-Identifier: BSD-3-Clause */

/* The text of dpdk-vduse-metrics, line for line, and its command line. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"
#include "options.h"
#include "text.h"

static json_t *lists[COUNTER_OWNERS];
static char *text;

static int
teardown(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNTER_OWNERS; i++) {
		json_decref(lists[i]);
		lists[i] = NULL;
	}
	free(text);
	text = NULL;
	return 0;
}

/* ' stands for ". */
static void
list(enum counter_of of, const char *json)
{
	char copy[1024], *c;

	snprintf(copy, sizeof(copy), "%s", json);
	for (c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	lists[of] = json_loads(copy, 0, NULL);
	assert_non_null(lists[of]);
}

static const char *
make(enum text_format format, bool up)
{
	struct text_source source = { .up = up, .seconds = 0.25 };
	size_t len;
	unsigned int i;

	for (i = 0; i < COUNTER_OWNERS; i++)
		source.lists[i] = lists[i];
	free(text);
	text = text_make(&source, format, &len);
	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void
has(const char *lines)
{
	const char *at = strstr(text, lines);

	if (at == NULL || (at != text && at[-1] != '\n'))
		fail_msg("no %s in:\n%s", lines, text);
}

static void
has_not(const char *word)
{
	if (strstr(text, word) != NULL)
		fail_msg("%s in:\n%s", word, text);
}

static void
a_counter_in_both_formats(void **state)
{
	(void)state;
	list(COUNTER_OF_CONTAINER, "[{'name':'c1','network':'net0','statistics':{'tx_bytes':128}},"
				   "{'name':'c2','network':'net1','statistics':{'tx_bytes':0}}]");
	make(TEXT_PROMETHEUS, true);
	has("# HELP vduse_container_transmit_bytes_total Bytes of the frames that the container "
	    "sent.\n"
	    "# TYPE vduse_container_transmit_bytes_total counter\n"
	    "vduse_container_transmit_bytes_total{container=\"c1\",network=\"net0\"} 128\n"
	    "vduse_container_transmit_bytes_total{container=\"c2\",network=\"net1\"} 0\n");
	has_not("# UNIT");
	has_not("# EOF");
	make(TEXT_OPENMETRICS, true);
	has("# HELP vduse_container_transmit_bytes Bytes of the frames that the container sent.\n"
	    "# TYPE vduse_container_transmit_bytes counter\n"
	    "# UNIT vduse_container_transmit_bytes bytes\n"
	    "vduse_container_transmit_bytes_total{container=\"c1\",network=\"net0\"} 128\n"
	    "vduse_container_transmit_bytes_total{container=\"c2\",network=\"net1\"} 0\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void
reasons_are_labels(void **state)
{
	(void)state;
	list(COUNTER_OF_UPLINK,
			"[{'name':'eth0','network':'net0','statistics':{'rx_packets':1,"
			"'drop wrong VLAN':2,'port drop queue full':3,'drop isolated':4}}]");
	make(TEXT_PROMETHEUS, true);
	has("# TYPE vduse_uplink_dropped_packets_total counter\n"
	    "vduse_uplink_dropped_packets_total{uplink=\"eth0\",network=\"net0\",reason=\"wrong "
	    "VLAN\"} 2\n"
	    "vduse_uplink_dropped_packets_total{uplink=\"eth0\",network=\"net0\",reason="
	    "\"isolated\"} 4\n# HELP ");
	has("vduse_uplink_port_dropped_packets_total{uplink=\"eth0\",network=\"net0\",reason="
	    "\"queue full\"} 3\n");
}

static void
states_are_numbers(void **state)
{
	(void)state;
	list(COUNTER_OF_NETWORK, "[{'name':'net0','link_state':'up','mtu':9000,'containers':2},"
				 "{'name':'net1','link_state':'down','mtu':1500,'containers':0}]");
	list(COUNTER_OF_CONTAINER,
			"[{'name':'c1','network':'net0','attached':true,'broken':false}]");
	list(COUNTER_OF_LCORE, "[{'lcore':3,'queues':5,'statistics':{'rounds':7}}]");
	make(TEXT_OPENMETRICS, true);
	has("vduse_network_up{network=\"net0\"} 1\nvduse_network_up{network=\"net1\"} 0\n");
	has("# UNIT vduse_network_mtu_bytes bytes\nvduse_network_mtu_bytes{network=\"net0\"} "
	    "9000\n");
	has("vduse_container_attached{container=\"c1\",network=\"net0\"} 1\n");
	has("vduse_container_broken{container=\"c1\",network=\"net0\"} 0\n");
	/* what the daemon does not tell is left out */
	has_not("vduse_container_up{");
	has("vduse_lcore_queues{lcore=\"3\"} 5\n");
	has("vduse_lcore_rounds_total{lcore=\"3\"} 7\n");
}

static void
names_are_quoted(void **state)
{
	(void)state;
	list(COUNTER_OF_CONTAINER, "[{'name':'a\\\"b\\\\c\\nd\\u00e9','network':'net0',"
				   "'attached':true}]");
	make(TEXT_PROMETHEUS, true);
	has("vduse_container_attached{container=\"a\\\"b\\\\c\\nd\xc3\xa9\",network=\"net0\"} 1\n");
}

static void
large_numbers_have_no_sign(void **state)
{
	(void)state;
	list(COUNTER_OF_LCORE, "[{'lcore':0,'statistics':{'rounds':-1,'sleeps':4294967296}}]");
	make(TEXT_PROMETHEUS, true);
	has("vduse_lcore_rounds_total{lcore=\"0\"} 18446744073709551615\n");
	has("vduse_lcore_sleeps_total{lcore=\"0\"} 4294967296\n");
}

static void
without_the_daemon(void **state)
{
	(void)state;
	list(COUNTER_OF_LCORE, "[{'lcore':0,'queues':5}]");
	make(TEXT_OPENMETRICS, false);
	has("vduse_up 0\n");
	has("# UNIT vduse_answer_seconds seconds\nvduse_answer_seconds 0.250\n");
	has("vduse_build_info{version=\"" APP_VERSION "\"} 1\n# EOF\n");
	has_not("vduse_lcore");
	make(TEXT_OPENMETRICS, true);
	has("vduse_up 1\n");
}

/* What is no answer of this interface does no harm. */
static void
another_answer(void **state)
{
	(void)state;
	list(COUNTER_OF_CONTAINER, "[1,'x',{},{'name':7,'network':null,'statistics':[1],"
				   "'attached':'x'},{'name':'c1','statistics':{'tx_bytes':'x'}}]");
	make(TEXT_PROMETHEUS, true);
	has("vduse_container_attached{container=\"7\",network=\"0\"} 0\n");
	has("vduse_container_transmit_bytes_total{container=\"c1\",network=\"0\"} 0\n");
}

static void
look_at_row(void *arg, const char *const *cells)
{
	const char *name = cells[0], *help = cells[3];
	unsigned int *rows = arg;

	/* prometheus.io/docs/practices/naming */
	assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
	assert_int_equal(strncmp(name, "vduse_", 6), 0);
	assert_int_equal(strcmp(cells[1], "counter") == 0,
			strcmp(name + strlen(name) - 6, "_total") == 0);
	assert_true(strlen(help) > 10);
	assert_null(strpbrk(help, "\\\n\""));
	assert_int_equal(help[strlen(help) - 1], '.');
	(*rows)++;
}

static void
each_has_name_and_help(void **state)
{
	unsigned int i, j, all = 3, rows = 0;
	const struct counter *row;
	size_t len;

	(void)state;
	text_page(look_at_row, &rows);
	for (i = 0; i < COUNTER_OWNERS; i++) {
		all += counter_owners[i].nb;
		for (j = 0; j < counter_owners[i].nb; j++) {
			row = &counter_owners[i].rows[j];
			if (row->unit == NULL)
				continue;
			len = strlen(row->metric) - strlen(row->unit);
			assert_string_equal(row->metric + len, row->unit);
			assert_int_equal(row->metric[len - 1], '_');
		}
	}
	assert_int_equal(rows, all);
}

/* Return: 0, or what parsing returned; the line in *said. */
static int
parse(struct options *options, char *word, char *value, char **said)
{
	char *const argv[] = { (char *)(uintptr_t) "dpdk-vduse-metrics", word, value, NULL };
	size_t len;
	FILE *err = open_memstream(said, &len);
	const int ret = options_parse(word == NULL ? 1 : value == NULL ? 2 : 3, argv, options, err);

	fclose(err);
	return ret;
}

static void
addresses(void **state)
{
	static const struct {
		const char *given;
		sa_family_t family; /* 0: it is refused */
		uint16_t port;
	} cases[] = {
		{ "127.0.0.1:9112", AF_INET, 9112 },
		{ "0.0.0.0:0", AF_INET, 0 },
		{ "[::1]:9112", AF_INET6, 9112 },
		{ "[::]:65535", AF_INET6, 65535 },
		{ "[fe80::1%1]:1", AF_INET6, 1 },
		{ ":9112", 0, 0 },
		{ "9112", 0, 0 },
		{ "127.0.0.1", 0, 0 },
		{ "127.0.0.1:", 0, 0 },
		{ "::1:9112", 0, 0 },
		{ "[]:9112", 0, 0 },
		{ "localhost:9112", 0, 0 },
		{ "127.0.0.1:http", 0, 0 },
		{ "127.0.0.1:9112x", 0, 0 },
	};
	struct options options;
	char *said, *given;
	unsigned int i;

	(void)state;
	assert_int_equal(parse(&options, NULL, NULL, &said), 0);
	assert_int_equal(((struct sockaddr_in *)&options.address)->sin_addr.s_addr,
			htonl(INADDR_LOOPBACK));
	free(said);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		given = strdup(cases[i].given);
		if (parse(&options, (char *)(uintptr_t) "--listen", given, &said) == 0) {
			assert_int_equal(options.address.ss_family, cases[i].family);
			/* at the same place in both */
			assert_int_equal(((struct sockaddr_in *)&options.address)->sin_port,
					htons(cases[i].port));
		} else {
			assert_int_equal(cases[i].family, 0);
			assert_non_null(strstr(said, "give a numeric address and a port"));
		}
		free(said);
		free(given);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
		TEST(a_counter_in_both_formats),
		TEST(reasons_are_labels),
		TEST(states_are_numbers),
		TEST(names_are_quoted),
		TEST(large_numbers_have_no_sign),
		TEST(without_the_daemon),
		TEST(another_answer),
		TEST(each_has_name_and_help),
		TEST(addresses),
	};

	return FILTER_RUN("metrics", tests, NULL, NULL);
}
