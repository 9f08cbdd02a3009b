/* SPDX-License-Identifier: BSD-3-Clause */

/* What a burst met that the control thread has to look after. */

#include <errno.h>
#include <unistd.h>

#include "ring/vq.h"

static void
vq_wake(const struct vduse_vq *vq)
{
	const uint64_t one = 1;
	ssize_t n;

	/* the counter of an eventfd cannot overflow here; a full one wakes as well */
	n = write(vq->env->fault_fd, &one, sizeof(one));
	RTE_SET_USED(n);
}

void
vduse_vq_set_miss(struct vduse_vq *vq)
{
	vduse_count(&vq->stats.iotlb_misses, 1);
	/* release: pairs with the acquire in vduse_vq_resolve() */
	__atomic_store_n(&vq->missed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&vq->running, false, __ATOMIC_RELEASE);
	vq_wake(vq);
}

int
vduse_vq_set_fault(struct vduse_vq *vq, const char *what)
{
	if (__atomic_load_n(&vq->fault, __ATOMIC_RELAXED) == NULL)
		vduse_count(&vq->stats.faults, 1);
	__atomic_store_n(&vq->fault, what, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->running, false, __ATOMIC_RELEASE);
	vq_wake(vq);
	return -EBADMSG;
}
