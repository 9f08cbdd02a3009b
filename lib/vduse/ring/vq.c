/* SPDX-License-Identifier: BSD-3-Clause */

/* A queue's phases, and what a burst met that the control thread has to look after. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "phase.h"
#include "ring/vq.h"

#define TO(name) (UINT32_C(1) << VDUSE_VQ_PHASE_##name)

/* Which ways there are. */
static const uint32_t phase_ways[VDUSE_VQ_PHASE_NB] = {
	[VDUSE_VQ_PHASE_OFF] = TO(UNPLACED) | TO(UNMAPPED),
	[VDUSE_VQ_PHASE_UNSETTLED] = TO(OFF) | TO(UNPLACED) | TO(UNMAPPED),
	[VDUSE_VQ_PHASE_UNPLACED] = TO(SERVED) | TO(OFF),
	[VDUSE_VQ_PHASE_UNMAPPED] = TO(SERVED) | TO(OFF) | TO(UNSETTLED),
	[VDUSE_VQ_PHASE_SERVED] = TO(UNMAPPED) | TO(OFF) | TO(UNSETTLED),
};

static const char *const phase_words[] = {
#define WORD(name, word, meaning) [VDUSE_VQ_PHASE_##name] = word,
	VDUSE_VQ_PHASES(WORD)
#undef WORD
};

static const struct vduse_phases phases = { phase_words, phase_ways };

const char *
vduse_vq_phase_word(enum vduse_vq_phase phase)
{
	return phase_words[phase];
}

bool
vduse_vq_phase_set(struct vduse_vq *vq, enum vduse_vq_phase to)
{
	const enum vduse_vq_phase from = vq->ctl.phase;
	char who[16];

	if (from == to)
		return true;
	snprintf(who, sizeof(who), "queue %u", vq->ring.index);
	if (!vduse_phases_go(&phases, who, from, to))
		return false;
	vduse_vq_mutex_lock(&vq->ctl.lock);
	vq->ctl.phase = to;
	vduse_vq_mutex_unlock(&vq->ctl.lock);
	return true;
}

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
	__atomic_store_n(&vq->map.missed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&vq->poll.running, false, __ATOMIC_RELEASE);
	vq_wake(vq);
}

void
vduse_vq_set_overdue(struct vduse_vq *vq)
{
	__atomic_store_n(&vq->overdue, true, __ATOMIC_RELEASE);
	vq_wake(vq);
}

int
vduse_vq_set_fault(struct vduse_vq *vq, const char *what)
{
	if (__atomic_load_n(&vq->fault, __ATOMIC_RELAXED) == NULL)
		vduse_count(&vq->stats.faults, 1);
	__atomic_store_n(&vq->fault, what, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->poll.running, false, __ATOMIC_RELEASE);
	vq_wake(vq);
	return -EBADMSG;
}
