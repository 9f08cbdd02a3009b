/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "hotplug.h"
#include "say.h"

/* Behind fwd_halt(). */
static int
go_on(struct fwd *fwd)
{
	int ret = fwd_prepare(fwd);

	if (ret == 0)
		ret = fwd_start(fwd);
	if (ret != 0)
		SAY("forwarding does not go on: %s", strerror(-ret));
	return ret;
}

static int
pull_out(struct fwd *fwd, struct wire *wire)
{
	int ret;

	fwd_halt(fwd);
	wire_unplug(wire);
	ret = go_on(fwd);
	/* whatever has become of lcores: somebody waits for the device */
	wire_let_go(wire);
	return ret;
}

static int
put_back(struct fwd *fwd, struct wire *wire, struct pool_set *pools)
{
	if (wire_return(wire, pools) != 0)
		return 0;
	fwd_halt(fwd);
	wire_plug(wire, pools);
	return go_on(fwd);
}

int
hotplug_look(struct fwd *fwd, struct wire *wires, unsigned int nb_wires, struct pool_set *pools)
{
	struct wire *wire;
	int ret = 0;

	for (wire = wires; wire < wires + nb_wires && ret == 0; wire++) {
		if (wire_is_unplugged(wire))
			ret = pull_out(fwd, wire);
		else if (wire->plug.out && plug_is_back(&wire->plug))
			ret = put_back(fwd, wire, pools);
	}
	return ret;
}
