/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include "life/birth.h"
#include "log.h"
#include "os/kernel.h"

int
vduse_birth_identify(const struct rte_vduse_dev *dev, struct vduse_statefile_id *id)
{
	int ret;

	memset(id, 0, sizeof(*id));
	ret = vduse_statefile_boot(id->boot);
	return ret < 0 ? ret : dev->sys->identify(dev->name, id->node);
}

static int
birth_store_failed(const struct rte_vduse_dev *dev, int err)
{
	VDUSE_LOG(ERR, "%s: cannot write its state file: %s; make room, or give another folder",
			dev->name, strerror(-err));
	return err;
}

int
vduse_birth_creating(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_statefile_desc desc = {
		.device_id = conf->device_id,
		.api_version = dev->api_version,
		.vduse_features = dev->vduse_features,
		.features = conf->features,
		.nb_queues = conf->nb_queues,
		.queue_size = conf->queue_size,
		.first_control_queue = conf->first_control_queue,
		.nb_spaces = dev->nb_spaces,
		.adopted = dev->adopted,
	};
	int ret;

	if (dev->store == NULL)
		return 0;
	ret = vduse_statefile_format(dev->store, dev->name, &desc);
	if (ret == 0)
		ret = vduse_statefile_write(
				&dev->store->head->config, conf->config, conf->config_size);
	return ret < 0 ? birth_store_failed(dev, ret) : 0;
}

void
vduse_birth_recreating(struct rte_vduse_dev *dev)
{
	uint16_t i;

	if (dev->store != NULL)
		vduse_statefile_creating(dev->store);
	for (i = 0; i < dev->nb_queues; i++)
		vduse_journal_reset(dev->vqs[i]);
}

int
vduse_birth_served(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_statefile_id id;
	int ret;

	if (dev->store == NULL)
		return 0;
	ret = vduse_birth_identify(dev, &id);
	if (ret == -ENOENT && conf->adopt_fd >= 0)
		ret = 0;
	if (ret < 0)
		return birth_store_failed(dev, ret);
	vduse_statefile_served(dev->store, &id);
	return 0;
}

int
vduse_birth_make(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	const struct vduse_kernel_shape shape = { dev->api_version, dev->nb_spaces };
	int ret;

	ret = vduse_kernel_create(dev->sys, dev->control_fd, &shape, conf);
	if (ret < 0)
		return ret;
	dev->fd = dev->sys->open_device(dev->name);
	if (dev->fd < 0) {
		ret = dev->fd;
		vduse_kernel_log_open(dev->name, "its file in /dev/vduse", ret);
		goto destroy;
	}
	ret = vduse_kernel_setup(dev->sys, dev->fd, dev->nb_spaces, conf);
	if (ret < 0)
		goto close_fd;
	ret = vduse_birth_served(dev, conf);
	if (ret < 0)
		goto close_fd;
	return 0;

close_fd:
	dev->sys->close(dev->fd);
destroy:
	vduse_kernel_destroy(dev->sys, dev->control_fd, dev->name);
	return ret;
}
