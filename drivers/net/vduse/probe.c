/* SPDX-License-Identifier: BSD-3-Clause */

#include <bus_vdev_driver.h>
#include <rte_errno.h>

#include "params.h"
#include "pmd.h"

RTE_LOG_REGISTER_DEFAULT(pmd_logtype, NOTICE);

static int
pmd_probe_secondary(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *eth_dev = rte_eth_dev_attach_secondary(name);

	if (eth_dev == NULL) {
		PMD_LOG(ERR,
				"%s: the primary process has no such port: give that one the "
				"--vdev, and not this secondary one",
				name);
		return -ENODEV;
	}
	eth_dev->device = &vdev->device;
	pmd_secondary_init(eth_dev);
	rte_eth_dev_probing_finish(eth_dev);
	return 0;
}

static int
pmd_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *eth_dev;
	struct pmd_conf conf;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return pmd_probe_secondary(vdev);
	ret = pmd_conf_parse(&conf, name, rte_vdev_device_args(vdev));
	if (ret < 0)
		return ret;
	eth_dev = rte_eth_vdev_allocate(vdev, sizeof(struct pmd_dev));
	if (eth_dev == NULL) {
		PMD_LOG(ERR, "%s: no ethdev is available: %s", name, rte_strerror(rte_errno));
		return -ENOMEM;
	}
	ret = pmd_ethdev_init(eth_dev, &conf);
	if (ret < 0) {
		rte_eth_dev_release_port(eth_dev);
		/* hot plug takes EEXIST for "plugged already" and reports success */
		return ret == -EEXIST ? -EADDRINUSE : ret;
	}
	rte_eth_dev_probing_finish(eth_dev);
	return 0;
}

static int
pmd_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *eth_dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (eth_dev == NULL)
		return 0; /* closed already: nothing is left of it */
	/* what it is in the primary process stays */
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return rte_eth_dev_release_port(eth_dev);
	/* ethdev closes no port that is started */
	if (eth_dev->data->dev_started)
		rte_eth_dev_stop(eth_dev->data->port_id);
	return rte_eth_dev_close(eth_dev->data->port_id);
}

static struct rte_vdev_driver pmd_driver = {
	.probe = pmd_probe,
	.remove = pmd_remove,
};

RTE_PMD_REGISTER_VDEV(net_vduse, pmd_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_vduse, PMD_PARAMS);

#ifdef PMD_INFO
/* What DPDK's own build makes of the two lines above by pmdinfogen, where it is not that. */
extern const char net_vduse_pmd_info[];
const char net_vduse_pmd_info[] __rte_used = "PMD_INFO_STRING= {\"name\": \"net_vduse\", "
					     "\"params\": \"" PMD_PARAMS "\", \"pci_ids\": []}";
#endif
