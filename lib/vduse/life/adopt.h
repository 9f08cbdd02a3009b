/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_ADOPT_H
#define VDUSE_ADOPT_H

#include "life/device.h"

/* Devices that are there already. */

/**
 * See what there is: whoever serves the device and is asked for it (conf->takeover), and the
 * state file, which is open and locked from then on where conf has a folder.
 *
 * @return 1: a process serves it, to whom this one has said hello; 0; -errno with a line of log
 */
int vduse_adopt_look(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf);

/** What the state file tells. */
enum vduse_trace vduse_adopt_trace(const struct rte_vduse_dev *dev);

/** Before a device is created. @return 0 or -errno with a line of log */
int vduse_adopt_sweep(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf,
		enum vduse_sweep sweep);

/*
 * Three of the origins. What is otherwise in the device is changed in conf. Each returns 1; 0:
 * there is none such; -errno with a line of log, and nothing is open that was not before.
 */

/** Go on where the process was whose state file there is. */
int vduse_adopt_resume(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf);

/** One that somebody else made, by descriptor or name. */
int vduse_adopt_foreign(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf);

/**
 * One that a process serves, which goes on until rte_vduse_dev_take_over(): its state file is
 * looked at, no more. Never 0.
 */
int vduse_adopt_served(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf);

/**
 * Have the device from the process that served it so far, which stops and can go
 * on until vduse_adopt_take_over(). Nothing where it was claimed already.
 *
 * @return 0; -errno with a line of log, and that process goes on
 */
int vduse_adopt_claim(struct rte_vduse_dev *dev);

/** What was claimed is that process's again, once the socket is closed. */
void vduse_adopt_give_back(struct rte_vduse_dev *dev);

/**
 * Have the device from the process that served it so far, which forgets it.
 *
 * @return 0, and dev->fd is open; -errno with a line of log, and that process
 *   goes on
 */
int vduse_adopt_take_over(struct rte_vduse_dev *dev);

#endif /* VDUSE_ADOPT_H */
