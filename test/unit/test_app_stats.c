/* SPDX-License-Identifier: BSD-3-Clause */

/* The line that accounts for every frame: counters of streams, and of drivers that lose some. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ethdev_driver.h>
#include <rte_eth_ring.h>

#include "../../drivers/net/vduse/compat.h"
#include "filter.h"
#include "stats.h"

/* What the drivers say. */
static struct rte_eth_stats nic;

static const struct {
	const char *name;
	uint64_t value;
} reasons[] = {
	{ "rx_q0_packets", 1000000 },
	{ "rx_q0_drop_header", 3 },
	{ "rx_q1_drop_header", 4 },
	{ "rx_q12_drop_short", 5 },
	{ "rx_q0_no_mbuf", 1000000 },
	{ "tx_q0_drop_no_fit", 6 },
	{ "tx_q1_drop_offload", 7 },
	{ "tx_q1_no_buffer", 1000000 },
	{ "tx_q0_drop_filter", 0 },
};

static int
stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats PMD_STATS_QUEUES)
{
	(void)dev;
	(void)PMD_QUEUES(q_errors);
	*stats = nic;
	return 0;
}

static int
xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	unsigned int i;

	(void)dev;
	for (i = 0; i < RTE_DIM(reasons) && n >= RTE_DIM(reasons); i++)
		snprintf(names[i].name, sizeof(names[i].name), "%s", reasons[i].name);
	return RTE_DIM(reasons);
}

static int
xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *values, unsigned int n)
{
	unsigned int i;

	(void)dev;
	for (i = 0; i < RTE_DIM(reasons) && n >= RTE_DIM(reasons); i++)
		values[i] = (struct rte_eth_xstat){ .id = i, .value = reasons[i].value };
	return RTE_DIM(reasons);
}

static struct eth_dev_ops fake_ops;

/* A port that tells what is above. */
static void
open_port(struct port *port, const char *name)
{
	struct rte_ring *ring = rte_ring_create(name, 64, SOCKET_ID_ANY, 0);
	int id;

	assert_non_null(ring);
	id = rte_eth_from_ring(ring);
	assert_true(id >= 0);
	memset(port, 0, sizeof(*port));
	port->id = id;
	snprintf(port->name, sizeof(port->name), "%s", name);
	fake_ops = *rte_eth_devices[id].dev_ops;
	fake_ops.stats_get = stats_get;
	fake_ops.xstats_get_names = xstats_get_names;
	fake_ops.xstats_get = xstats_get;
	rte_eth_devices[id].dev_ops = &fake_ops;
}

/* The number behind a word, from a place on; 0: the word is not there. */
static uint64_t
number(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at != NULL ? strtoull(at + strlen(word), NULL, 10) : 0;
}

/* Sum of what is in brackets. */
static uint64_t
bracketed(const char *text)
{
	const char *at = strstr(text, "drops ");
	uint64_t sum = 0;

	at = at != NULL ? strchr(at, '(') : NULL;
	while (at != NULL && *at != ')') {
		at += strcspn(at, " ,)");
		if (*at == ' ')
			sum += strtoull(at, NULL, 10);
		at += *at == ' ' || *at == ',';
	}
	return sum;
}

static void
expect_line(const char *text, uint64_t rx, uint64_t tx)
{
	assert_int_equal(number(text, "rx "), rx);
	assert_int_equal(number(text, " tx "), tx);
	assert_int_equal(rx + number(text, "), "), tx + number(text, " drops "));
	assert_int_equal(number(text, " drops "), bracketed(text));
}

/* Each reason of each party once, in both directions. */
static void
every_frame_is_accounted_for(void **state)
{
	const struct wire_args args = { .name = "dev" };
	struct fwd_stream streams[WIRE_DIRS][2];
	char *text = NULL, *to_port;
	struct wire wire = { .args = &args };
	unsigned int dir, i, why;
	size_t size = 0;
	FILE *out;

	(void)state;
	open_port(&wire.port, "nic");
	open_port(&wire.device, "dev");
	wire.device.vduse = true;
	wire.port.before = (struct rte_eth_stats){
		.imissed = 10, .ierrors = 20, .rx_nombuf = 30, .oerrors = 40
	};
	nic = (struct rte_eth_stats){
		.imissed = 11, .ierrors = 22, .rx_nombuf = 33, .oerrors = 44
	};
	memset(streams, 0, sizeof(streams));
	for (dir = 0; dir < WIRE_DIRS; dir++) {
		wire.streams[dir] = streams[dir];
		wire.nb_streams[dir] = 2;
		for (i = 0; i < 2; i++) {
			struct fwd_counters *c = &streams[dir][i].counters;

			c->tx = 1000;
			c->more = 300;
			c->rx = c->tx - c->more;
			for (why = 0; why < FWD_DROPS; why++) {
				c->drops[why] = 50 + why;
				c->rx += c->drops[why];
			}
		}
	}
	out = open_memstream(&text, &size);
	assert_non_null(out);
	stats_print(out, &wire, 1);
	fclose(out);
	to_port = strchr(text, ';');
	assert_non_null(to_port);
	*to_port++ = '\0';
	/* the port missed 1, had 2 errors and 3 without a buffer; the device lost 6 and 7 */
	expect_line(strstr(text, ": rx"), 2 * streams[0][0].counters.rx + 6, 2000 - 13);
	assert_non_null(strstr(text, "(rx missed 1, rx errors 2, rx no mbuf 3, queue full 100, "));
	assert_non_null(strstr(
			text, ", tx drop_no_fit 6, tx drop_offload 7), 600 more by cutting"));
	/* the device dropped 3, 4 and 5; the port had 4 errors */
	expect_line(strstr(to_port, ": rx"), 2 * streams[1][0].counters.rx + 12, 2000 - 4);
	assert_non_null(strstr(to_port, "(rx drop_header 7, rx drop_short 5, queue full 100, "));
	assert_non_null(strstr(to_port, ", tx errors 4), 600 more by cutting"));
	free(text);
}

int
main(int argc, char *argv[])
{
	char *eal[] = { argv[0], (char[]){ "-l0" }, (char[]){ "--no-huge" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-pci" }, (char[]){ "--no-telemetry" },
		(char[]){ "-m" }, (char[]){ "64" }, NULL };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_is_accounted_for),
	};

	(void)argc;
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return EXIT_FAILURE;
	return FILTER_RUN("app_stats", tests, NULL, NULL);
}
