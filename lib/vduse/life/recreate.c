/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "life/birth.h"
#include "life/place.h"
#include "life/recreate.h"
#include "life/serve.h"
#include "log.h"
#include "os/kernel.h"
#include "ring/notify.h"

/* Between two looks whether whoever keeps the device has let it go. */
#define RENEW_STEP_MS 100

int
vduse_recreate_init(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf)
{
	struct vduse_recreation *r = &dev->recreation;
	void *config = malloc(conf->config_size + 1);

	if (config == NULL)
		return -ENOMEM;
	if (conf->config_size > 0)
		memcpy(config, conf->config, conf->config_size);
	r->conf = *conf;
	r->conf.name = dev->name;
	r->conf.config = config;
	r->conf.adopt = false;
	r->conf.adopt_fd = -1;
	if (conf->tuning.irq_affinity != NULL) {
		r->conf.tuning.irq_affinity = strdup(conf->tuning.irq_affinity);
		if (r->conf.tuning.irq_affinity == NULL) {
			free(config);
			return -ENOMEM;
		}
	}
	vduse_recreation_mutex_init(&r->lock);
	pthread_cond_init(&r->changed, NULL);
	return 0;
}

void
vduse_recreate_fini(struct rte_vduse_dev *dev)
{
	struct vduse_recreation *r = &dev->recreation;

	pthread_cond_destroy(&r->changed);
	vduse_recreation_mutex_destroy(&r->lock);
	free((void *)(uintptr_t)r->conf.tuning.irq_affinity);
	free((void *)(uintptr_t)r->conf.config);
}

/* A while, or until the owner destroys the device; then false. */
static bool
recreate_wait(struct vduse_recreation *r)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += RENEW_STEP_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	vduse_recreation_mutex_lock(&r->lock);
	if (!r->stop)
		vduse_recreation_mutex_wait_until(&r->lock, &r->changed, &until);
	stop = r->stop;
	vduse_recreation_mutex_unlock(&r->lock);
	return !stop;
}

/*
 * Nobody uses the descriptor any more, which soon is another file's: no burst
 * runs, but an lcore may be about to call the driver, or the control thread to
 * resolve a miss.
 */
static void
recreate_let_go(struct rte_vduse_dev *dev)
{
	uint16_t i;

	__atomic_store_n(&dev->env.fd, -1, __ATOMIC_SEQ_CST);
	for (i = 0; i < dev->nb_queues; i++)
		vduse_notify_wait(dev->vqs[i]);
	for (i = 0; i < dev->nb_spaces; i++)
		vduse_iotlb_set_fd(&dev->tlbs[i], -1);
}

/* Off the bus and out of the kernel, as soon as whoever uses it has left. */
static int
recreate_remove(struct rte_vduse_dev *dev)
{
	struct vduse_recreation *r = &dev->recreation;
	int ret;

	while ((ret = vduse_place_leave(dev)) == -EBUSY)
		if (!recreate_wait(r))
			return -ECANCELED;
	if (ret < 0)
		return ret;
	vduse_birth_recreating(dev);
	vduse_recreation_mutex_lock(&r->lock);
	r->gone = true;
	recreate_let_go(dev);
	dev->sys->close(dev->fd);
	dev->fd = -1;
	vduse_recreation_mutex_unlock(&r->lock);
	for (;;) {
		ret = vduse_kernel_destroy(dev->sys, dev->control_fd, dev->name);
		if (ret == -EINVAL)
			ret = 0; /* there is none any more */
		r->removed = ret == 0;
		if (ret != -EBUSY)
			return ret;
		if (!recreate_wait(r))
			return -ECANCELED;
	}
}

void
vduse_recreate_use_fd(struct rte_vduse_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->nb_spaces; i++) {
		vduse_iotlb_close(&dev->tlbs[i]);
		vduse_iotlb_set_fd(&dev->tlbs[i], dev->fd);
	}
	vduse_umem_set_fd(&dev->umem, dev->fd);
	__atomic_store_n(&dev->env.fd, dev->fd, __ATOMIC_SEQ_CST);
}

/* As one without a driver. Nobody watches the device, and no queue runs. */
static int
recreate_watch(struct rte_vduse_dev *dev)
{
	uint16_t i;
	int ret;

	vduse_recreate_use_fd(dev);
	for (i = 0; i < dev->nb_queues; i++)
		dev->vqs[i]->fault = NULL;
	__atomic_store_n(&dev->driver_features, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->status, 0, __ATOMIC_RELAXED);
	/* the control thread has it as soon as it is watched */
	vduse_phase_set(dev, VDUSE_PHASE_IDLE);
	ret = vduse_serve_watch(dev);
	if (ret < 0)
		vduse_phase_set(dev, VDUSE_PHASE_LOST);
	return ret;
}

static int
recreate_make(struct rte_vduse_dev *dev)
{
	struct vduse_recreation *r = &dev->recreation;
	int ret;

	vduse_recreation_mutex_lock(&r->lock);
	ret = vduse_birth_make(dev, &r->conf);
	r->gone = ret < 0;
	r->removed = ret < 0;
	vduse_recreation_mutex_unlock(&r->lock);
	if (ret == 0)
		ret = recreate_watch(dev);
	return ret == 0 ? vduse_place_back(dev) : ret;
}

static void
recreate_once(struct rte_vduse_dev *dev)
{
	int ret;

	ret = recreate_remove(dev);
	if (ret == 0)
		ret = recreate_make(dev);
	if (ret == 0)
		VDUSE_LOG(NOTICE, "%s: recreated%s", dev->name,
				vduse_place_is_attached(dev) ? ", and back on the vDPA bus"
							     : "; put it on the vDPA bus again");
	else if (ret != -ECANCELED)
		VDUSE_LOG(ERR, "%s: cannot be recreated: %s; destroy it and create it again",
				dev->name, strerror(-ret));
}

static VDUSE_THREAD_RET
recreate_run(void *arg)
{
	struct rte_vduse_dev *dev = arg;
	struct vduse_recreation *r = &dev->recreation;

	vduse_recreation_mutex_lock(&r->lock);
	while (!r->stop) {
		if (!r->wanted) {
			vduse_recreation_mutex_wait(&r->lock, &r->changed);
			continue;
		}
		r->wanted = false;
		vduse_recreation_mutex_unlock(&r->lock);
		recreate_once(dev);
		vduse_recreation_mutex_lock(&r->lock);
	}
	vduse_recreation_mutex_unlock(&r->lock);
	return VDUSE_THREAD_DONE;
}

void
vduse_recreate_start(struct rte_vduse_dev *dev)
{
	struct vduse_recreation *r = &dev->recreation;
	int ret = 0;

	if (dev->adopted) {
		VDUSE_LOG(ERR, "%s: was created by somebody else, who has to recreate it",
				dev->name);
		return;
	}
	vduse_recreation_mutex_lock(&r->lock);
	/* one that is at it still, on the bus perhaps, does it again */
	r->wanted = true;
	if (!r->stop && !r->started) {
		ret = vduse_thread_create(&r->thread, "vduse-renew", recreate_run, dev);
		r->started = ret == 0;
	}
	pthread_cond_broadcast(&r->changed);
	vduse_recreation_mutex_unlock(&r->lock);
	if (ret != 0)
		VDUSE_LOG(ERR, "%s: no thread to recreate it: %s; destroy it and create it again",
				dev->name, strerror(ret < 0 ? -ret : ret));
}

void
vduse_recreate_stop(struct rte_vduse_dev *dev)
{
	struct vduse_recreation *r = &dev->recreation;
	bool started;

	vduse_recreation_mutex_lock(&r->lock);
	r->stop = true;
	started = r->started;
	r->started = false;
	pthread_cond_broadcast(&r->changed);
	vduse_recreation_mutex_unlock(&r->lock);
	if (started)
		vduse_thread_join(r->thread);
}
