/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "life/adopt.h"
#include "life/birth.h"
#include "life/open.h"
#include "life/place.h"
#include "log.h"
#include "os/bus.h"
#include "os/kernel.h"

/* Returns 1 or -errno, and then the state file is gone as well. */
static int
open_create(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	struct vduse_kernel_api api;
	int ret;

	dev->control_fd = vduse_kernel_control(dev->sys, dev->name);
	if (dev->control_fd < 0) {
		ret = dev->control_fd;
		goto close_store;
	}
	ret = vduse_kernel_negotiate(dev->sys, dev->control_fd, dev->name, &api);
	if (ret < 0)
		goto close_control;
	dev->api_version = api.version;
	dev->vduse_features = api.agreed;
	if (dev->api_version >= VDUSE_ABI_VERSION_1 && conf->first_control_queue < conf->nb_queues)
		dev->nb_spaces = 2;
	ret = vduse_birth_creating(dev, conf);
	if (ret == 0)
		ret = vduse_birth_make(dev, conf);
	if (ret < 0)
		goto close_control;
	return 1;

close_control:
	dev->sys->close(dev->control_fd);
close_store:
	vduse_statefile_close(dev->store, true);
	dev->store = NULL;
	return ret;
}

static int (*const open_bodies[VDUSE_ORIGIN_NB])(
		struct rte_vduse_dev *dev, struct rte_vduse_conf *conf) = {
	[VDUSE_ORIGIN_CREATE] = open_create,
	[VDUSE_ORIGIN_ADOPT] = vduse_adopt_foreign,
	[VDUSE_ORIGIN_RESUME] = vduse_adopt_resume,
	[VDUSE_ORIGIN_TAKE_OVER] = vduse_adopt_served,
};

int
vduse_open(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf)
{
	const struct vduse_origin_row *row;
	unsigned int i;
	int ret;

	dev->takeover.fd = -1;
	ret = vduse_adopt_look(dev, conf);
	if (ret < 0)
		goto close;
	row = vduse_origin_row(ret > 0, vduse_adopt_trace(dev), conf->adopt);
	ret = vduse_adopt_sweep(dev, conf, row->sweep);
	for (i = 0; ret == 0 && i < row->nb; i++) {
		dev->origin = row->tries[i];
		ret = open_bodies[dev->origin](dev, conf);
	}
	if (ret > 0)
		return 0;
close:
	if (dev->takeover.fd >= 0)
		close(dev->takeover.fd);
	dev->takeover.fd = -1;
	vduse_statefile_close(dev->store, false);
	dev->store = NULL;
	return ret;
}

int
vduse_close(struct rte_vduse_dev *dev)
{
	uint32_t waited = 0;
	int ret = 0;

	if (dev->fd >= 0 && !dev->fd_lent)
		dev->sys->close(dev->fd);
	/* one that the caller has open is as it was found */
	if (dev->adopted || dev->fd_lent || vduse_dev_is_out(dev)) {
		vduse_statefile_close(dev->store, false);
		if (dev->control_fd >= 0)
			dev->sys->close(dev->control_fd);
		return 0;
	}
	/* off the bus it is busy only while somebody else has its file open, to look at it perhaps
	 */
	do {
		if (dev->recreation.removed)
			break;
		ret = vduse_kernel_destroy(dev->sys, dev->control_fd, dev->name);
	} while (ret == -EBUSY && !vduse_place_is_attached(dev) && vduse_bus_wait(&waited));
	if (ret < 0)
		VDUSE_LOG(ERR,
				"%s: stays in /dev/vduse: %s; take it off the vDPA bus and run "
				"dpdk-vduse-net --destroy %s",
				dev->name, strerror(-ret), dev->name);
	vduse_statefile_close(dev->store, ret == 0);
	dev->sys->close(dev->control_fd);
	return ret;
}
