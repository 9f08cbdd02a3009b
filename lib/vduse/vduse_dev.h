/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_DEV_H
#define VDUSE_DEV_H

#include "rte_vduse.h"
#include "vduse_ctl.h"
#include "vduse_handover.h"
#include "vduse_iotlb.h"
#include "vduse_msg.h"
#include "vduse_place.h"
#include "vduse_renew.h"
#include "vduse_store.h"
#include "vduse_sys.h"
#include "vduse_takeover.h"
#include "vduse_umem.h"
#include "vduse_vq.h"

/** Address spaces of a device: its data queues', its control queues' own. */
#define VDUSE_DEV_SPACES 2

/**
 * A device. After creation the fields below `status` belong to the control
 * thread; what other threads read of them is read and written atomically.
 */
struct rte_vduse_dev {
	char name[RTE_VDUSE_NAME_MAX + 1];
	const struct vduse_sys *sys;
	int control_fd; /* /dev/vduse/control; -1 for an adopted device */
	int fd;         /* /dev/vduse/NAME */
	uint64_t api_version;
	uint64_t kernel_features; /* VDUSE_F_* that the kernel has */
	uint64_t vduse_features;  /* VDUSE_F_* agreed on */
	uint64_t offered;         /* virtio features */
	struct rte_vduse_ops ops;
	void *priv;
	bool adopted;              /* somebody else made it; it stays */
	bool resumed;              /* a process before served it, and left its state file */
	bool ready;                /* its owner is ready for callbacks: it is served */
	bool recover_pending;      /* where it was is to be looked at first */
	bool recovering;           /* queues start where another process left them */
	struct vduse_store *store; /* the state file; NULL: none */
	struct vduse_handover handover;
	struct vduse_place place; /* on the bus, or not */
	struct vduse_takeover takeover;
	bool waiting;        /* another process serves it until rte_vduse_dev_take_over() */
	bool keep;           /* it stays in the kernel for a process that follows */
	bool found;          /* it was there before, and its owner has not attached it yet */
	uint64_t stopped_ns; /* in the process that gave it to us, CLOCK_MONOTONIC; 0 */
	struct vduse_renewal renewal; /* should the kernel give it up */

	struct vduse_readers *readers; /* the queues' bursts */
	struct vduse_iotlb tlbs[VDUSE_DEV_SPACES];
	struct vduse_share *share; /* of the process's address space, for all of them */
	uint16_t nb_spaces;        /* address spaces, and groups of queues: data, control */
	struct vduse_umem umem;    /* of the first */
	struct vduse_vq_env env;
	uint16_t nb_queues;
	uint16_t first_control_queue;
	struct vduse_vq **vqs;

	uint8_t status;
	bool started;
	bool broken;
	uint64_t driver_features;
	struct vduse_msg_stats msg_stats;
	int timer_fd; /* looks again at queues that are not ready */
	uint32_t timer_ms;
	bool misses_wait; /* for what the process lacks; the timer tries again */
	vduse_ctl_id_t msg_id, fault_id, timer_id;
	vduse_ctl_id_t *kick_ids; /* of the queues that are not ready yet */
};

/** The virtqueue; index is below nb_queues. */
static inline struct vduse_vq *
vduse_dev_vq(const struct rte_vduse_dev *dev, uint16_t index)
{
	return dev->vqs[index];
}

#endif /* VDUSE_DEV_H */
