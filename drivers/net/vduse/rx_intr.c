/* SPDX-License-Identifier: BSD-3-Clause */

/* RX interrupts: an application sleeps on the descriptors that the driver's kicks come by. */

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "pmd.h"

/* The descriptors stay the library's, which also reads them: EAL reads none of their bytes. */
static int
intr_fill(struct rte_intr_handle *handle, const struct pmd_dev *pmd, uint16_t nb_queues)
{
	uint16_t i;

	if (rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0 ||
			rte_intr_efd_counter_size_set(handle, 0) != 0 ||
			rte_intr_vec_list_alloc(handle, NULL, nb_queues) != 0 ||
			rte_intr_nb_efd_set(handle, nb_queues) != 0 ||
			rte_intr_max_intr_set(handle, nb_queues + 1) != 0)
		return -rte_errno;
	for (i = 0; i < nb_queues; i++)
		if (rte_intr_vec_list_index_set(handle, i, RTE_INTR_VEC_RXTX_OFFSET + i) != 0 ||
				rte_intr_efds_index_set(
						handle, i, rte_vduse_net_wake_fd(pmd->net, i)) != 0)
			return -rte_errno;
	return 0;
}

int
pmd_intr_start(struct rte_eth_dev *eth_dev)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;
	int ret;

	if (!eth_dev->data->dev_conf.intr_conf.rxq)
		return 0;
	eth_dev->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (eth_dev->intr_handle == NULL)
		return -ENOMEM;
	ret = intr_fill(eth_dev->intr_handle, pmd, eth_dev->data->nb_rx_queues);
	if (ret < 0)
		pmd_intr_stop(eth_dev);
	return ret;
}

void
pmd_intr_stop(struct rte_eth_dev *eth_dev)
{
	if (eth_dev->intr_handle == NULL)
		return;
	rte_intr_free_epoll_fd(eth_dev->intr_handle);
	rte_intr_vec_list_free(eth_dev->intr_handle);
	rte_intr_instance_free(eth_dev->intr_handle);
	eth_dev->intr_handle = NULL;
}

int
pmd_intr_enable(struct rte_eth_dev *eth_dev, uint16_t id)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;

	if (eth_dev->intr_handle == NULL)
		return -ENOTSUP; /* not configured */
	rte_vduse_net_wake_enable(pmd->net, id);
	return 0;
}

int
pmd_intr_disable(struct rte_eth_dev *eth_dev, uint16_t id)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;

	if (eth_dev->intr_handle == NULL)
		return -ENOTSUP;
	rte_vduse_net_wake_disable(pmd->net, id);
	return 0;
}
