/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_PLACE_H
#define VDUSE_PLACE_H

#include "life/device.h"

void vduse_place_init(struct vduse_place *place);
void vduse_place_fini(struct vduse_place *place);

/** As the owner wants it; nothing happens where it is on the bus. @return as vduse_bus_attach() */
int vduse_place_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how);

/** As the owner wants it; nothing happens where it is not. @return as vduse_bus_detach() */
int vduse_place_detach(struct rte_vduse_dev *dev);

/** Off the bus for a while: vduse_place_back() knows how it was there. @return the same */
int vduse_place_leave(struct rte_vduse_dev *dev);

/** Where it belongs by now. @return as vduse_bus_attach(); 0 where it belongs nowhere */
int vduse_place_back(struct rte_vduse_dev *dev);

/** Somebody else may have put it on the bus. @return whether it is there */
bool vduse_place_look(struct rte_vduse_dev *dev);

/** Whether it is on the bus, as far as is known. */
bool vduse_place_is_attached(struct rte_vduse_dev *dev);

#endif /* VDUSE_PLACE_H */
