/* SPDX-License-Identifier: BSD-3-Clause */

#include <inttypes.h>

#include "stats.h"

static void
print_counters(FILE *out, const struct wire *wire, enum wire_dir dir)
{
	const char *before = " (";
	struct fwd_counters c;
	unsigned int why;

	wire_read(wire, dir, &c);
	fprintf(out, "rx %" PRIu64 " tx %" PRIu64 " drops %" PRIu64, c.rx, c.tx, fwd_drops(&c));
	for (why = 0; why < FWD_DROPS; why++) {
		if (c.drops[why] == 0)
			continue;
		fprintf(out, "%s%s %" PRIu64, before, fwd_drop_name(why), c.drops[why]);
		before = ", ";
	}
	if (fwd_drops(&c) != 0)
		fputc(')', out);
}

void
stats_print(FILE *out, const struct wire *wires, unsigned int nb_wires)
{
	const struct wire *wire;

	for (wire = wires; wire < wires + nb_wires; wire++) {
		fprintf(out, "wire %u: %s (%s) > %s (%s): ", wire->id, wire->port.name,
				port_link(&wire->port), wire->args->name, port_link(&wire->device));
		print_counters(out, wire, TO_DEVICE);
		fprintf(out, "; %s > %s: ", wire->args->name, wire->port.name);
		print_counters(out, wire, TO_PORT);
		fputc('\n', out);
	}
	fflush(out);
}

void
stats_print_mbufs(FILE *out, const struct pool_set *pools)
{
	uint32_t in_use, total;

	pool_usage(pools, &in_use, &total);
	fprintf(out, "mbufs: %u in use of %u\n", in_use, total);
	fflush(out);
}

void
stats_print_idle(FILE *out, const struct fwd *fwd)
{
	struct idle_counters c;

	fwd_read_idle(fwd, &c);
	fprintf(out, "idle: %" PRIu64 " sleeps, %" PRIu64 " naps, %" PRIu64 " wake-ups\n", c.sleeps,
			c.naps, c.wakes);
	fflush(out);
}
