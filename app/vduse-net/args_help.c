/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_common.h>

#include "args_opts.h"

void
args_help(FILE *out)
{
	static const struct {
		const char *title;
		enum scope scope;
	} parts[] = {
		{ "Wires: an option belongs to the --port before it", WIRE_ONLY },
		{ "The same; before the first --port: for all ports", WIRE },
		{ "Program", PROGRAM },
	};
	char head[64];
	unsigned int i, p;

	fprintf(out, "Usage: dpdk-vduse-net [EAL options] -- --port ID|NAME [option]...\n"
		     "       dpdk-vduse-net [EAL options] [-- [--control PATH] [option]...]\n"
		     "       dpdk-vduse-net --setup STEP --port ID|NAME [option]...\n"
		     "       dpdk-vduse-net --destroy NAME | --probe[=json] | --help | --version\n"
		     "Give containers virtio-net interfaces, each wired to a DPDK port, or without "
		     "--port on networks\nthat vdusectl adds. -h alone "
		     "lists the EAL "
		     "options;\nits --file-prefix is the name of the first device unless given.\n");
	for (p = 0; p < RTE_DIM(parts); p++) {
		fprintf(out, "\n%s:\n", parts[p].title);
		for (i = 0; i < args_nb_opts; i++) {
			if (args_opts[i].scope != parts[p].scope)
				continue;
			snprintf(head, sizeof(head), "--%s %s", args_opts[i].name,
					args_opts[i].value != NULL ? args_opts[i].value : "");
			fprintf(out, "  %-26s %s\n", head, args_opts[i].help);
		}
	}
}
