/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <rte_common.h>

#include "args_check.h"

int
fail(struct args *args, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(args->error, sizeof(args->error), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int
check_wire(struct args *args, unsigned int i)
{
	const struct wire_args *wire = &args->wires[i];
	unsigned int j;

	if (args->setup == ARGS_SETUP_CREATE && rte_is_zero_ether_addr(&wire->mac))
		return fail(args,
				"--setup create: device %.64s has no --mac: give one, "
				"here and to the process that adopts it",
				wire->name);
	if (args->setup == ARGS_SETUP_CREATE && wire->mq_fallback)
		return fail(args, "--setup create: not with --mq-fallback: who adopts the "
				  "device would not know: give --queues as the kernel "
				  "allows");
	if (!rte_is_power_of_2(RTE_MAX(wire->queue_size, 1)) &&
			strstr(wire->extra, ",ring=packed") == NULL)
		return fail(args,
				"--queue-size %u: give a power of two from 64 to 32768, or "
				"--ring packed along with it",
				wire->queue_size);
	for (j = 0; j < i; j++) {
		if (strcmp(args->wires[i].port, args->wires[j].port) == 0)
			return fail(args,
					"--port %.64s: given twice: a port is on one wire "
					"only",
					args->wires[i].port);
		if (strcmp(args->wires[i].name, args->wires[j].name) == 0)
			return fail(args,
					"--name %.64s: two wires have it: give each "
					"another",
					args->wires[i].name);
	}
	return 0;
}

int
args_check(struct args *args)
{
	unsigned int i;

	if (args->help || args->version)
		return 0;
	if (args->probe != ARGS_PROBE_NONE)
		return args->nb_wires == 0 && args->destroy == NULL
				       ? 0
				       : fail(args, "--probe: not together with others: run it by "
						    "itself");
	if (args->destroy != NULL)
		return args->nb_wires == 0 ? 0
					   : fail(args, "--destroy: not together with --port: run "
							"it by itself");
	if (args->nb_wires == 0 && args->setup != ARGS_SETUP_NONE)
		return fail(args, "no --port: give at least one after \"--\"; --help lists the "
				  "options");
	if (args->nb_wires > 0 && (args->control != NULL || args->group != NULL ||
						  args->config != NULL || args->observers != NULL))
		return fail(args, "--control, --group, --observers, --config: not together with "
				  "--port: a node's networks are added by vdusectl");
	if (args->owner != NULL && args->setup != ARGS_SETUP_CREATE)
		return fail(args, "--owner: only together with --setup create");
	for (i = 0; i < args->nb_wires; i++)
		if (check_wire(args, i) != 0)
			return -EINVAL;
	return 0;
}

int
args_split(int argc, char *const argv[])
{
	static const char *const alone[] = { "--help", "--version", "--destroy", "--setup",
		"--probe" };
	unsigned int i;
	int at;

	for (at = 1; at < argc; at++)
		if (strcmp(argv[at], "--") == 0)
			return at;
	for (i = 0; argc > 1 && i < RTE_DIM(alone); i++)
		if (strncmp(argv[1], alone[i], strlen(alone[i])) == 0)
			return 0;
	return argc;
}
