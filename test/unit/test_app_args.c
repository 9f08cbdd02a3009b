/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line of dpdk-vduse-net: each option, each error, the help. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_common.h>

#include "args.h"
#include "filter.h"

#define MAX_WORDS 128

/* Split at spaces; getopt wants a writable argv with a closing NULL. */
static int
parse(struct args *args, const char *line)
{
	static char copy[65536], prog[] = "--";
	static char *argv[MAX_WORDS + 1];
	char *save = NULL, *word;
	int argc = 0;

	argv[argc++] = prog;
	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_WORDS);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return args_parse(argc, argv, args);
}

static void
parse_ok(struct args *args, const char *line)
{
	if (parse(args, line) != 0)
		fail_msg("%s: %s", line, args->error);
}

static void
one_port_has_defaults(void **state)
{
	struct args args;

	(void)state;
	parse_ok(&args, "--port 0");
	assert_int_equal(args.nb_wires, 1);
	assert_string_equal(args.wires[0].port, "0");
	assert_string_equal(args.wires[0].name, "vduse0");
	assert_string_equal(args.wires[0].attach, "virtio");
	assert_string_equal(args.wires[0].profile, "bulk");
	assert_false(args.wires[0].link_up);
	assert_false(args.wires[0].standby);
	assert_true(rte_is_zero_ether_addr(&args.wires[0].mac));
	assert_int_equal(args.wires[0].mtu, 0);
	assert_int_equal(args.wires[0].queue_size, 0);
	assert_int_equal(args.wires[0].queues, 0);
	assert_false(args.wires[0].mq_fallback);
	assert_int_equal(args.stats_interval, 0);
	assert_int_equal(args.mbufs, 0);
	assert_null(args.destroy);
	assert_false(args.help);
	assert_false(args.version);
}

static void
every_wire_option_is_taken(void **state)
{
	const struct rte_ether_addr mac = { { 0x02, 0, 0, 0, 0x12, 0xfe } };
	struct args args;

	(void)state;
	parse_ok(&args, "--port net_ring0 --name web --mac 02:00:00:00:12:fe --mtu 9000 "
			"--queue-size 1024 --queues 4 --mq-fallback --attach vhost --profile "
			"latency --link up "
			"--standby --zero-copy");
	assert_true(args.wires[0].zero_copy);
	assert_string_equal(args.wires[0].profile, "latency");
	assert_true(args.wires[0].link_up);
	assert_true(args.wires[0].standby);
	assert_string_equal(args.wires[0].port, "net_ring0");
	assert_string_equal(args.wires[0].name, "web");
	assert_memory_equal(&args.wires[0].mac, &mac, sizeof(mac));
	assert_int_equal(args.wires[0].mtu, 9000);
	assert_int_equal(args.wires[0].queue_size, 1024);
	assert_int_equal(args.wires[0].queues, 4);
	assert_true(args.wires[0].mq_fallback);
	assert_string_equal(args.wires[0].attach, "vhost");
}

static void
program_options_go_anywhere(void **state)
{
	struct args args;

	(void)state;
	parse_ok(&args, "--stats-interval=5 --port 0 --mbufs 4096");
	assert_int_equal(args.stats_interval, 5);
	assert_int_equal(args.mbufs, 4096);
	parse_ok(&args, "--port 0");
	assert_int_equal(args.sandbox, sandbox_default());
	parse_ok(&args, "--port 0 --sandbox off");
	assert_int_equal(args.sandbox, SANDBOX_OFF);
	parse_ok(&args, "--setup create --owner me --port 0 --mac 02:00:00:00:00:01");
	assert_int_equal(args.setup, ARGS_SETUP_CREATE);
	assert_string_equal(args.owner, "me");
	parse_ok(&args, "--port 0 --fd 5 --port 1 --fd systemd --port 2");
	assert_string_equal(args.wires[0].extra, ",fd=5");
	assert_true(args.wires[0].adopt);
	assert_true(args.wires[1].adopt && args.wires[1].fd_by_name);
	assert_false(args.wires[2].adopt || args.wires[2].fd_by_name);
	parse_ok(&args, "--probe");
	assert_int_equal(args.probe, ARGS_PROBE_TEXT);
	parse_ok(&args, "--probe=json");
	assert_int_equal(args.probe, ARGS_PROBE_JSON);
	parse_ok(&args, "--port 0");
	assert_int_equal(args.idle.mode, IDLE_SLEEP);
	assert_int_equal(args.idle.usecs, 0);
	parse_ok(&args, "--idle poll --port 0");
	assert_int_equal(args.idle.mode, IDLE_POLL);
	parse_ok(&args, "--port 0 --idle pause");
	assert_int_equal(args.idle.mode, IDLE_PAUSE);
	parse_ok(&args, "--port 0 --idle sleep,1000000");
	assert_int_equal(args.idle.mode, IDLE_SLEEP);
	assert_int_equal(args.idle.usecs, 1000000);
	parse_ok(&args, "--ring packed --port 0 --msg-timeout 5 --bounce-size 1048576 "
			"--umem --irq-affinity auto --adopt --rx-coalesce 32:50:adaptive");
	assert_string_equal(args.wires[0].extra, ",ring=packed,msg-timeout=5,bounce-size=1048576,"
						 "umem=1,irq-affinity=auto,adopt=1,"
						 "rx-coalesce=32:50:adaptive");
	parse_ok(&args, "--destroy vduse3");
	assert_string_equal(args.destroy, "vduse3");
	parse_ok(&args, "--help");
	assert_true(args.help);
	parse_ok(&args, "--version");
	assert_true(args.version);
}

static void
options_belong_to_the_port_before(void **state)
{
	struct args args;

	(void)state;
	parse_ok(&args, "--mtu 1400 --attach none --port a --mtu 2000 --port b --port c --attach "
			"virtio");
	assert_int_equal(args.nb_wires, 3);
	assert_int_equal(args.wires[0].mtu, 2000);
	assert_int_equal(args.wires[1].mtu, 1400);
	assert_int_equal(args.wires[2].mtu, 1400);
	assert_string_equal(args.wires[0].attach, "none");
	assert_string_equal(args.wires[1].attach, "none");
	assert_string_equal(args.wires[2].attach, "virtio");
	assert_string_equal(args.wires[1].name, "vduse1");
	assert_string_equal(args.wires[2].name, "vduse2");
}

static void
limits_are_inside(void **state)
{
	char line[ARGS_NAME_MAX + 64], name[ARGS_NAME_MAX + 1];
	struct args args;

	(void)state;
	parse_ok(&args, "--port 0 --mtu 68 --queue-size 64 --queues 1");
	parse_ok(&args, "--port 0 --mtu 65535 --queue-size 32768 --queues 128");
	assert_int_equal(args.wires[0].mtu, 65535);
	assert_int_equal(args.wires[0].queue_size, 32768);
	memset(name, 'n', ARGS_NAME_MAX);
	name[ARGS_NAME_MAX] = '\0';
	snprintf(line, sizeof(line), "--port 0 --name %s", name);
	parse_ok(&args, line);
	assert_string_equal(args.wires[0].name, name);
}

/* What each bad line is told: the words name the cause. */
static const struct {
	const char *line;
	const char *words;
} bad[] = {
	{ "--mtu 1400", "no --port" },
	{ "--port 0 --control /run/x", "not together with --port" },
	{ "--group users --port 0", "not together with --port" },
	{ "--port 0 --config node.conf", "not together with --port" },
	{ "--port", "--port: needs a value" },
	{ "--port=", "--port: empty" },
	{ "--port 0 --port 0", "--port 0: given twice" },
	{ "--port 0 stray", "stray: stray argument" },
	{ "stray --port 0", "stray: stray argument" },
	{ "--port 0 -- more", "more: stray argument" },
	{ "--port 0 --bogus 1", "--bogus: no option" },
	{ "--port 0 -x", "-x: no option" },
	{ "--port 0 --mq-fallback=1", "--mq-fallback=1: no option" },
	{ "--name a --port 0", "--name: before the first --port" },
	{ "--mac 02:00:00:00:00:01 --port 0", "--mac: before the first --port" },
	{ "--port 0 --name a/b", "--name a/b" },
	{ "--port 0 --name a,b", "--name a,b" },
	{ "--port 0 --name ..", "--name .." },
	{ "--port 0 --name=", "--name: 0 bytes long" },
	{ "--port 0 --name a --port 1 --name a", "--name a: two wires" },
	{ "--port 0 --name vduse1 --port 1", "--name vduse1: two wires" },
	{ "--port 0 --mac 02:00:00:00:00", "no MAC address" },
	{ "--port 0 --mac nonsense", "no MAC address" },
	{ "--port 0 --mac 00:00:00:00:00:00", "all zero" },
	{ "--port 0 --mac 01:00:5e:00:00:01", "multicast" },
	{ "--port 0 --mac ff:ff:ff:ff:ff:ff", "multicast" },
	{ "--port 0 --mtu 67", "--mtu 67" },
	{ "--port 0 --mtu 65536", "--mtu 65536" },
	{ "--port 0 --mtu 1500x", "--mtu 1500x" },
	{ "--port 0 --mtu -1500", "--mtu -1500" },
	{ "--port 0 --mtu 99999999999999999999999", "no MTU" },
	{ "--port 0 --queue-size 32", "power of two" },
	{ "--port 0 --queue-size 1000", "power of two" },
	{ "--port 0 --queue-size 65536", "power of two" },
	{ "--port 0 --queues 0", "--queues 0" },
	{ "--port 0 --queues 129", "--queues 129" },
	{ "--port 0 --attach kernel", "--attach kernel" },
	{ "--port 0 --attach=", "--attach" },
	{ "--port 0 --profile fast",
			"--profile fast: give bulk, latency, xdp, tx, migrate or none" },
	{ "--port 0 --profile=", "--profile" },
	{ "--port 0 --profile xdp --profile bulk", "--profile: given twice" },
	{ "--port 0 --link down", "--link down: give port or up" },
	{ "--port 0 --standby=1", "--standby=1: no option" },
	{ "--port 0 --stats-interval 86401", "--stats-interval 86401" },
	{ "--port 0 --mbufs 63", "--mbufs 63" },
	{ "--port 0 --mbufs many", "--mbufs many" },
	{ "--port 0 --idle doze", "--idle doze: give poll, pause, sleep" },
	{ "--port 0 --idle sleep,", "--idle sleep,:" },
	{ "--port 0 --idle sleep,0", "from 1 to 1000000" },
	{ "--port 0 --idle sleep,1000001", "from 1 to 1000000" },
	{ "--port 0 --idle sleep,5x", "--idle sleep,5x:" },
	{ "--port 0 --idle sleep,-5", "--idle sleep,-5:" },
	{ "--port 0 --idle poll,5", "--idle poll,5:" },
	{ "--port 0 --mtu 1500 --mtu 1400", "--mtu: given twice for one --port" },
	{ "--mtu 1500 --mtu 1400 --port 0", "--mtu: given twice before the first --port" },
	{ "--port 0 --mq-fallback --mq-fallback", "--mq-fallback: given twice" },
	{ "--mbufs 64 --port 0 --mbufs 64", "--mbufs: given twice" },
	{ "--port 0 --sandbox maybe", "--sandbox maybe" },
	{ "--fd 3 --port 0", "--fd: before the first --port" },
	{ "--port 0 --fd -1", "--fd -1: give the number" },
	{ "--port 0 --fd x", "--fd x: give the number" },
	{ "--port 0 --setup all", "--setup all: give create, attach or destroy" },
	{ "--port 0 --setup create", "vduse0 has no --mac" },
	{ "--port 0 --mac 02:00:00:00:00:01 --mq-fallback --setup create", "--mq-fallback" },
	{ "--port 0 --owner me", "--owner: only together" },
	{ "--setup create", "no --port" },
	{ "--destroy a/b", "--destroy a/b" },
	{ "--probe=xml", "--probe=xml" },
	{ "--probe --port 0", "not together" },
	{ "--port 0 --ring split,fd=3", "without ," },
	{ "--port 0 --ring split --ring packed", "--ring" },
	{ "--destroy=", "--destroy" },
	{ "--destroy a --port 0", "not together" },
};

static void
every_error_names_its_cause(void **state)
{
	struct args args;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		if (parse(&args, bad[i].line) == 0)
			fail_msg("taken: %s", bad[i].line);
		if (strstr(args.error, bad[i].words) == NULL)
			fail_msg("%s: says \"%s\", not \"%s\"", bad[i].line, args.error,
					bad[i].words);
		assert_null(strchr(args.error, '\n'));
	}
}

static void
too_long_a_name_is_refused(void **state)
{
	char line[ARGS_NAME_MAX + 64], name[ARGS_NAME_MAX + 2];
	struct args args;

	(void)state;
	memset(name, 'n', ARGS_NAME_MAX + 1);
	name[ARGS_NAME_MAX + 1] = '\0';
	snprintf(line, sizeof(line), "--port 0 --name %s", name);
	assert_int_not_equal(parse(&args, line), 0);
	assert_non_null(strstr(args.error, "256 bytes long"));
	snprintf(line, sizeof(line), "--destroy %s", name);
	assert_int_not_equal(parse(&args, line), 0);
}

static void
more_ports_than_ethdev_has_are_refused(void **state)
{
	char line[4096] = "";
	struct args args;
	unsigned int i;
	size_t at = 0;

	(void)state;
	for (i = 0; i < ARGS_MAX_WIRES; i++)
		at += snprintf(line + at, sizeof(line) - at, "--port p%u ", i);
	parse_ok(&args, line);
	assert_int_equal(args.nb_wires, ARGS_MAX_WIRES);
	snprintf(line + at, sizeof(line) - at, "--port p%u", i);
	assert_int_not_equal(parse(&args, line), 0);
	assert_non_null(strstr(args.error, "--port: given more than"));
}

/* An error in one call must not show in the next: getopt keeps state. */
static void
parsing_starts_afresh(void **state)
{
	struct args args;

	(void)state;
	assert_int_not_equal(parse(&args, "--port 0 --bogus --mtu 1"), 0);
	parse_ok(&args, "--port 1 --mtu 1400");
	assert_int_equal(args.nb_wires, 1);
	assert_int_equal(args.wires[0].mtu, 1400);
	assert_string_equal(args.error, "");
}

static int
split(const char *a, const char *b, const char *c)
{
	static char prog[] = "prog", words[3][32];
	char *argv[5] = { prog, words[0], words[1], words[2], NULL };
	const char *const from[] = { a, b, c };
	int argc = 1;

	for (; argc <= 3 && from[argc - 1] != NULL; argc++)
		snprintf(words[argc - 1], sizeof(words[0]), "%s", from[argc - 1]);
	argv[argc] = NULL;
	return args_split(argc, argv);
}

static void
arguments_are_split_at_two_dashes(void **state)
{
	(void)state;
	assert_int_equal(split("-l", "0", "--"), 3);
	assert_int_equal(split("--", "--port", "0"), 1);
	assert_int_equal(split("--help", "--", NULL), 2);
	assert_int_equal(split("-l", "0", NULL), 3);
	assert_int_equal(split(NULL, NULL, NULL), 1);
	assert_int_equal(split("--help", NULL, NULL), 0);
	assert_int_equal(split("--version", NULL, NULL), 0);
	assert_int_equal(split("--destroy", "x", NULL), 0);
	assert_int_equal(split("--destroy=x", NULL, NULL), 0);
}

static void
help_has_every_option(void **state)
{
	static const char *const names[] = { "--port ID|NAME", "--name NAME", "--mac MAC",
		"--mtu BYTES", "--queue-size N", "--queues N", "--mq-fallback", "--zero-copy",
		"--attach BUS", "--profile OFFLOADS", "--link LINK", "--standby", "--ring FORMAT",
		"--msg-timeout SECONDS", "--bounce-size BYTES", "--umem", "--max-regions N",
		"--max-memory MIB", "--irq-affinity MASK", "--adopt", "--rx-coalesce WHEN",
		"--tx-coalesce WHEN", "--inject WHERE", "--state-dir FOLDER", "--takeover",
		"--keep 0|1", "--stats-interval SECONDS", "--mbufs N", "--sandbox MODE",
		"--idle HOW", "--fd N|systemd", "--setup STEP", "--owner USER", "--destroy NAME",
		"--control PATH", "--config FILE", "--group GROUP", "--observers GROUP",
		"--probe [=json]", "--help", "--version" };
	char *text = NULL, *line, *end, word[64];
	unsigned int i, listed = 0;
	struct args args;
	size_t len;
	FILE *out;

	(void)state;
	out = open_memstream(&text, &len);
	assert_non_null(out);
	args_help(out);
	fclose(out);
	for (i = 0; i < RTE_DIM(names); i++)
		if (strstr(text, names[i]) == NULL)
			fail_msg("%s is not in the help", names[i]);
	/* And the other way round: what the help lists is an option. */
	for (line = strstr(text, "\n  --"); line != NULL; line = strstr(end, "\n  --")) {
		end = strchr(line + 3, ' ');
		assert_non_null(end);
		snprintf(word, sizeof(word), "%.*s", (int)(end - line - 3), line + 3);
		parse(&args, word);
		assert_null(strstr(args.error, "no option"));
		listed++;
	}
	assert_int_equal(listed, RTE_DIM(names));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_port_has_defaults),
		cmocka_unit_test(every_wire_option_is_taken),
		cmocka_unit_test(program_options_go_anywhere),
		cmocka_unit_test(options_belong_to_the_port_before),
		cmocka_unit_test(limits_are_inside),
		cmocka_unit_test(every_error_names_its_cause),
		cmocka_unit_test(too_long_a_name_is_refused),
		cmocka_unit_test(more_ports_than_ethdev_has_are_refused),
		cmocka_unit_test(parsing_starts_afresh),
		cmocka_unit_test(arguments_are_split_at_two_dashes),
		cmocka_unit_test(help_has_every_option),
	};

	return FILTER_RUN("app_args", tests, NULL, NULL);
}
