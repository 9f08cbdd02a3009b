/* SPDX-License-Identifier: BSD-3-Clause */

#include <inttypes.h>

#include "stats.h"

/* A reason, between brackets. */
static void
print_reason(FILE *out, const char **before, const char *name, uint64_t frames)
{
	if (frames == 0)
		return;
	fprintf(out, "%s%s %" PRIu64, *before, name, frames);
	*before = ", ";
}

static void
print_losses(FILE *out, const char **before, const char *side, const struct port_losses *losses)
{
	char name[sizeof(losses->of[0].name) + 4];
	unsigned int i;

	for (i = 0; i < losses->n; i++) {
		snprintf(name, sizeof(name), "%s %s", side, losses->of[i].name);
		print_reason(out, before, name, losses->of[i].frames);
	}
}

/*
 * Every frame that came to one side: rx are those that its driver lost too, tx are those that
 * the other side's driver did not lose.
 */
static void
print_counters(FILE *out, const struct wire *wire, enum wire_dir dir)
{
	const struct port *from = dir == TO_DEVICE ? &wire->port : &wire->device;
	const struct port *to = dir == TO_DEVICE ? &wire->device : &wire->port;
	struct port_losses in, lost;
	const char *before = " (";
	struct fwd_counters c;
	uint64_t drops;
	unsigned int why;

	wire_read(wire, dir, &c);
	port_losses(from, true, &in);
	port_losses(to, false, &lost);
	/* it counts meanwhile: what it lost of frames that came later is for the next time */
	drops = fwd_drops(&c) + in.all + RTE_MIN(lost.all, c.tx);
	fprintf(out, "rx %" PRIu64 " tx %" PRIu64 " drops %" PRIu64, c.rx + in.all,
			c.tx - RTE_MIN(lost.all, c.tx), drops);
	print_losses(out, &before, "rx", &in);
	for (why = 0; why < FWD_DROPS; why++)
		print_reason(out, &before, fwd_drop_name(why), c.drops[why]);
	print_losses(out, &before, "tx", &lost);
	if (before[0] == ',')
		fputc(')', out);
	if (c.more != 0)
		fprintf(out, ", %" PRIu64 " more by cutting", c.more);
}

/* Frames of the device that stayed in its driver's memory. */
static void
print_not_copied(FILE *out, const struct wire *wire)
{
	const struct rte_vduse_net *net = rte_vduse_net_by_port(wire->device.id);
	struct rte_vduse_net_queue_stats stats;
	uint64_t frames = 0;
	uint16_t pair;

	for (pair = 0; net != NULL && pair < wire->device.nb_rxq; pair++) {
		rte_vduse_net_queue_stats(net, pair, true, &stats);
		frames += stats.zero_copy;
	}
	fprintf(out, ", %" PRIu64 " not copied", frames);
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
		if (wire->args->zero_copy)
			print_not_copied(out, wire);
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
