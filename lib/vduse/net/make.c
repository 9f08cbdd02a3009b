/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that another process is to serve. */

#include <errno.h>

#include "log.h"
#include "net/dev.h"
#include "os/kernel.h"

static int
make_pairs(struct rte_vduse_net *net, const struct rte_vduse_net_conf *conf, uint16_t pairs)
{
	struct rte_vduse_conf dev_conf;

	net_conf_dev(net, conf, pairs, &dev_conf);
	return vduse_kernel_make(vduse_sys_get(), &dev_conf);
}

int
rte_vduse_net_make(struct rte_vduse_net_conf *conf, int *fd)
{
	struct rte_vduse_net_conf asked = *conf;
	struct rte_vduse_net *net;
	int ret;

	asked.dev.adopt = false; /* an address that is made up here would not be known there */
	ret = net_check_conf(&asked);
	if (ret < 0)
		return ret;
	net = net_alloc(&asked);
	if (net == NULL) {
		VDUSE_LOG(ERR, "%s: no memory to create it", conf->dev.name);
		return -ENOMEM;
	}
	ret = make_pairs(net, &asked, asked.queue_pairs);
	if (ret == -ENOTSUP && asked.mq_fallback && asked.queue_pairs > 1) {
		conf->queue_pairs = 1;
		ret = make_pairs(net, &asked, 1);
	}
	net_free(net);
	if (ret == -ENOTSUP)
		VDUSE_LOG(ERR,
				"%s: this kernel takes no network device, for which it has to be "
				"Linux 6.10 or later, or none with %u queue pairs: ask for one",
				conf->dev.name, conf->queue_pairs);
	if (ret < 0)
		return ret;
	*fd = ret;
	return 0;
}
