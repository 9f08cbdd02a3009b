/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RESTORE_H
#define VDUSE_RESTORE_H

#include "ring/vq.h"

/**
 * Take the positions from the record and the ring, finish the burst that the
 * process before died in, and give the buffers that it had in flight back to
 * the driver. The ring is translated.
 *
 * @return 0; -EBADMSG where record and ring contradict each other; -ENOMEM
 */
int vduse_restore_ring(struct vduse_vq *vq);

#endif /* VDUSE_RESTORE_H */
