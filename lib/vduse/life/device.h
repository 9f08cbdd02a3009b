/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_DEVICE_H
#define VDUSE_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "compat.h"
#include "life/origin.h"
#include "life/statefile.h"
#include "life/takeover.h"
#include "lock.h"
#include "mem/iotlb.h"
#include "mem/umem.h"
#include "os/ctl.h"
#include "os/msg.h"
#include "os/sys.h"
#include "ring/vq.h"
#include "rte_vduse.h"

/** Address spaces of a device: its data queues', its control queues' own. */
#define VDUSE_DEV_SPACES 2

/**
 * Where a device is in its life: NAME, the word of it in log and telemetry, what it means.
 * doc/phases.md has them, and the ways between them, as usertools/generate reads them here.
 */
#define VDUSE_PHASES(X)                                                                            \
	X(OPENED, "opened", "it is there; its owner is not ready, and nobody serves it")           \
	X(WAITING, "waiting", "another process serves it until this one takes it over")            \
	X(RESTORING, "restoring", "it is looked at where the process before was")                  \
	X(RESUMING, "resuming", "its queues start where the process before left them")             \
	X(IDLE, "idle", "requests are answered; no driver has set DRIVER_OK")                      \
	X(RUNNING, "running", "a driver has set DRIVER_OK, and bursts may run")                    \
	X(SUSPENDED, "suspended", "its driver wants nothing to move until it resets it: it moves") \
	X(FAILED, "failed", "no queue runs until its driver resets it")                            \
	X(LOST, "lost", "the kernel has given it up; it is recreated where this process made it")  \
	X(OFFERED, "offered", "sent to the process that follows, which has not said that it came") \
	X(ENDED, "ended", "its owner destroys it; nothing is served any more")                     \
	X(LEFT, "left", "not this process's any more: it is another's, or stays for one")

enum vduse_phase {
#define VDUSE_PHASE(name, word, meaning) VDUSE_PHASE_##name,
	VDUSE_PHASES(VDUSE_PHASE)
#undef VDUSE_PHASE
			VDUSE_PHASE_NB,
};

/** What is awaited from the process that takes the device over. */
enum vduse_handover_step {
	VDUSE_HANDOVER_NOBODY, /**< none is there */
	VDUSE_HANDOVER_ASKED,  /**< its hello */
	VDUSE_HANDOVER_WAITS,  /**< that it is ready; it has the state file */
	VDUSE_HANDOVER_SENT,   /**< its acknowledgement; the device is OFFERED */
};

/*
 * An upgrade, the side that serves: a device's descriptor goes to the process
 * that follows, with the state file and its lock. They meet at a socket in the
 * state folder; each makes sure that the other is the same user or root. All
 * is done on the control thread, and the owner is told when the device is gone.
 */
struct vduse_handover {
	bool never;    /**< to nobody; fixed at creation */
	int listen_fd; /**< -1: none */
	int peer_fd;   /**< who asked, -1: nobody */
	vduse_ctl_id_t listen_id, peer_id;
	/** Of the conversation; written by the control thread, others read it atomically. */
	enum vduse_handover_step step;
};

/** Held while the bus is asked. */
MUTEX_KIND(vduse_place_mutex);

/*
 * Where a device is: on the vDPA bus or not. Its owner puts it there and takes
 * it off, and so does the thread that recreates it: one at a time. Never on
 * the control thread, whose answers the bus waits for.
 */
struct vduse_place {
	struct vduse_place_mutex lock;
	bool attached GUARDED_BY(vduse_place_mutex); /**< it is on the bus */
	/** And belongs there, with this driver; NONE: it does not. */
	enum rte_vduse_attach how GUARDED_BY(vduse_place_mutex);
};

/** A device that is still served by the process that was asked for it. */
struct vduse_takeover {
	int fd;       /**< socket to that process; -1: there is none, or not any more */
	uint8_t *set; /**< a byte of the configuration was set meanwhile: 1 */
	bool claimed; /**< nobody serves it: gift is here, and that process waits */
	struct vduse_takeover_gift gift;
};

/** Of conf.config too, and held by whoever uses dev->fd beside the control thread. */
MUTEX_KIND(vduse_recreation_mutex);

/** What it takes to make the device again. */
struct vduse_recreation {
	struct rte_vduse_conf conf; /**< config is our copy */
	struct vduse_recreation_mutex lock;
	pthread_cond_t changed;
	/*
	 * Of the descriptor and of the thread, which the lock guards, not of the device's
	 * life: a device is LOST while its descriptor is open, closed, and opened again.
	 */
	/** dev->fd is closed; the kernel may still have the device. */
	bool gone GUARDED_BY(vduse_recreation_mutex);
	bool removed; /**< the kernel has it no more; of the thread, and its joiner */
	/** The owner destroys the device; no thread is started from then on. */
	bool stop GUARDED_BY(vduse_recreation_mutex);
	/** The thread is to recreate it, once more perhaps. */
	bool wanted GUARDED_BY(vduse_recreation_mutex);
	/** There is the thread, until the device is destroyed. */
	bool started GUARDED_BY(vduse_recreation_mutex);
	vduse_thread_t thread;
};

/**
 * A device. After creation the fields below `status` belong to the control
 * thread; what other threads read of them is read and written atomically.
 */
struct rte_vduse_dev {
	char name[RTE_VDUSE_NAME_MAX + 1];
	const struct vduse_sys *sys;
	int control_fd; /* /dev/vduse/control; -1 for an adopted device */
	int fd;         /* /dev/vduse/NAME */
	bool fd_lent;   /* by whoever creates it, up to rte_vduse_dev_ready() */
	uint64_t api_version;
	uint64_t vduse_features; /* VDUSE_F_* agreed on */
	uint64_t offered;        /* virtio features */
	struct rte_vduse_ops ops;
	void *priv;
	enum vduse_phase phase;   /* vduse_phase_set() writes it, and nothing else */
	enum vduse_origin origin; /* fixed at creation */
	/*
	 * What is true in every phase of it, and so none: somebody else made it, so that it
	 * stays; its state file tells where it was (from creation on, or since a hand-over that
	 * came to nothing).
	 */
	bool adopted;
	bool resumed;
	struct vduse_statefile *store; /* the state file; NULL: none */
	struct vduse_handover handover;
	struct vduse_place place; /* on the bus, or not */
	struct vduse_takeover takeover;
	/*
	 * The owner's, on its thread, whatever the control thread does meanwhile: it stays in
	 * the kernel for a process that follows; it was there before, and has not been attached.
	 */
	bool keep;
	bool found;
	uint64_t stopped_ns; /* in the process that gave it to us, CLOCK_MONOTONIC; 0 */
	struct vduse_recreation recreation;      /* should the kernel give it up */
	void (*lost)(struct rte_vduse_dev *dev); /* it has; on the control thread */

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

/**
 * Go to this phase; nothing happens in it already. One thread has the device at a
 * time and calls this: its owner up to rte_vduse_dev_ready() and, as soon as nothing
 * watches it any more, at its end; between these the control thread, but for a device
 * that is LOST, which the thread that recreates it has. So no lock is taken; each hands the
 * device on by what orders memory (a lock, a timer, a join). Release, for who looks: it
 * sees what was done before.
 *
 * @return false, with a line of log: there is no such way, and the phase stays
 */
bool vduse_phase_set(struct rte_vduse_dev *dev, enum vduse_phase to);

/** Whether there is a way from one to the other. */
bool vduse_phase_may(enum vduse_phase from, enum vduse_phase to);

/** The word of it, a string that stays. */
const char *vduse_phase_word(enum vduse_phase phase);

/** Any thread. */
static inline enum vduse_phase
vduse_dev_phase(const struct rte_vduse_dev *dev)
{
	return __atomic_load_n(&dev->phase, __ATOMIC_ACQUIRE);
}

/** Whether another process serves it until rte_vduse_dev_take_over(). */
static inline bool
vduse_dev_is_waiting(const struct rte_vduse_dev *dev)
{
	return vduse_dev_phase(dev) == VDUSE_PHASE_WAITING;
}

/** Whether its owner has not said yet that it is ready for callbacks. */
static inline bool
vduse_dev_is_unready(const struct rte_vduse_dev *dev)
{
	return vduse_dev_phase(dev) <= VDUSE_PHASE_WAITING;
}

/** Whether it goes on where another process was, and is not so far yet. */
static inline bool
vduse_dev_is_restoring(const struct rte_vduse_dev *dev)
{
	const enum vduse_phase phase = vduse_dev_phase(dev);

	return phase == VDUSE_PHASE_RESTORING || phase == VDUSE_PHASE_RESUMING;
}

/** Whether a driver is there, and queues are served. */
static inline bool
vduse_dev_is_started(const struct rte_vduse_dev *dev)
{
	const enum vduse_phase phase = vduse_dev_phase(dev);

	return phase == VDUSE_PHASE_RUNNING || phase == VDUSE_PHASE_RESUMING;
}

/** Whether its driver has said that nothing moves until it resets the device. */
static inline bool
vduse_dev_is_suspended(const struct rte_vduse_dev *dev)
{
	return vduse_dev_phase(dev) == VDUSE_PHASE_SUSPENDED;
}

/** Whether it cannot be served as it is. */
static inline bool
vduse_dev_is_broken(const struct rte_vduse_dev *dev)
{
	const enum vduse_phase phase = vduse_dev_phase(dev);

	return phase == VDUSE_PHASE_FAILED || phase == VDUSE_PHASE_LOST;
}

/** Whether the device is another process's, or may be. */
static inline bool
vduse_dev_is_out(const struct rte_vduse_dev *dev)
{
	const enum vduse_phase phase = vduse_dev_phase(dev);

	return phase == VDUSE_PHASE_OFFERED || phase == VDUSE_PHASE_LEFT;
}

/**
 * An ioctl of the device, from a thread that does not know whether it is
 * recreated at this moment. @return as ioctl(2) or -errno; -ENODEV while it is
 */
int vduse_dev_ioctl(struct rte_vduse_dev *dev, unsigned long request, void *arg);

#endif /* VDUSE_DEVICE_H */
