/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The front end's half of the fake kernel: what a virtio driver, through
 * virtio_vdpa or vhost_vdpa, makes the vduse module do.
 */

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "fake_kernel_priv.h"

struct fk_msg *
fk_msg_send(struct fk_dev *dev, const struct vduse_abi_request *req, size_t len)
{
	struct fk_msg *msg = calloc(1, sizeof(*msg));

	assert(msg != NULL && len <= sizeof(*req));
	pthread_mutex_lock(&fk.lock);
	msg->dev = dev;
	msg->k.req = *req;
	msg->len = len;
	kernel_msg_send(&dev->k, &msg->k);
	TAILQ_INSERT_TAIL(&fk.msgs, msg, next);
	fk_msg_ring(dev);
	pthread_mutex_unlock(&fk.lock);
	return msg;
}

/* The time so many milliseconds from now. */
static struct timespec
time_in(unsigned int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	return until;
}

/* Locked: wait until the condition; false after the time is over. */
static bool
msg_wait(const struct fk_msg *msg, bool (*reached)(const struct fk_msg *))
{
	struct timespec until = time_in(FK_TIMEOUT_S * 1000);
	bool patient = true;

	while (!reached(msg)) {
		if (patient && fk.patience_ms != 0 && fk_fault_met()) {
			until = time_in(fk.patience_ms);
			patient = false;
		}
		if (pthread_cond_timedwait(&fk.changed, &fk.lock, &until) != 0)
			return false;
	}
	return true;
}

static bool
msg_is_done(const struct fk_msg *msg)
{
	return msg->k.state == KERNEL_MSG_DONE;
}

static bool
msg_is_tried(const struct fk_msg *msg)
{
	return msg->tried;
}

/*
 * Locked: a queue rests until its position is told, and goes on before the next read. There may be
 * none: with its full share of requests answered the control thread sleeps until the next event,
 * which we then give it.
 */
static void
msg_queue_goes_on(const struct fk_msg *msg)
{
	unsigned int rings = FK_TIMEOUT_S * 1000 / FK_RING_MS;
	struct timespec until;

	if (msg->k.req.type != VDUSE_MSG_GET_VQ_STATE || msg->k.rsp.result != VDUSE_MSG_OK)
		return;
	while (msg->dev != NULL && !msg->past) {
		until = time_in(FK_RING_MS);
		if (pthread_cond_timedwait(&fk.changed, &fk.lock, &until) == 0)
			continue;
		if (msg->dev == NULL || msg->past)
			return;
		if (rings-- == 0) {
			fk_ledger_stray("a queue whose position was told does not go on");
			return;
		}
		fk_msg_ring(msg->dev);
	}
}

int
fk_msg_wait(struct fk_msg *msg, struct vduse_abi_response *resp)
{
	bool done;

	pthread_mutex_lock(&fk.lock);
	done = msg_wait(msg, msg_is_done);
	/* destroyed meanwhile, it is nobody's */
	if (!done && msg->dev != NULL)
		fk_dev_break(msg->dev);
	*resp = msg->k.rsp;
	if (done)
		msg_queue_goes_on(msg);
	TAILQ_REMOVE(&fk.msgs, msg, next);
	free(msg);
	pthread_mutex_unlock(&fk.lock);
	return done ? 0 : -ETIMEDOUT;
}

void
fk_msg_cancel(struct fk_msg *msg)
{
	pthread_mutex_lock(&fk.lock);
	if (msg->dev != NULL)
		kernel_msg_drop(&msg->dev->k, &msg->k);
	pthread_mutex_unlock(&fk.lock);
}

bool
fk_msg_tried(struct fk_msg *msg)
{
	bool tried;

	pthread_mutex_lock(&fk.lock);
	tried = msg_wait(msg, msg_is_tried);
	pthread_mutex_unlock(&fk.lock);
	return tried;
}

bool
fk_msg_is_tried(const struct fk_msg *msg)
{
	bool tried;

	pthread_mutex_lock(&fk.lock);
	tried = msg_is_tried(msg);
	pthread_mutex_unlock(&fk.lock);
	return tried;
}

void
fk_patience(unsigned int ms)
{
	pthread_mutex_lock(&fk.lock);
	fk.patience_ms = ms;
	pthread_mutex_unlock(&fk.lock);
}

/* vduse_dev_msg_sync() */
static int
msg_sync(struct fk_dev *dev, const struct vduse_abi_request *req, struct vduse_abi_response *resp)
{
	int ret = fk_msg_wait(fk_msg_send(dev, req, sizeof(*req)), resp);

	if (ret < 0)
		return ret;
	return resp->result == VDUSE_MSG_OK ? 0 : -EIO;
}

void
fk_dev_break(struct fk_dev *dev)
{
	fk_msgs_past(dev);
	kernel_dev_break(&dev->k);
	pthread_cond_broadcast(&fk.changed);
	/* the kernel raises EPOLLERR; a closed peer, EPOLLHUP */
	if (dev->peer >= 0)
		close(dev->peer);
	dev->peer = -1;
}

void
fk_break(struct fk_dev *dev)
{
	pthread_mutex_lock(&fk.lock);
	fk_dev_break(dev);
	pthread_mutex_unlock(&fk.lock);
}

#define FK_GETTER(type, name, expr)             \
	type name(struct fk_dev *dev)           \
	{                                       \
		type value;                     \
                                                \
		pthread_mutex_lock(&fk.lock);   \
		value = (expr);                 \
		pthread_mutex_unlock(&fk.lock); \
		return value;                   \
	}

#define FK_VQ_GETTER(type, name, expr)                \
	type name(struct fk_dev *dev, uint32_t index) \
	{                                             \
		type value;                           \
                                                      \
		pthread_mutex_lock(&fk.lock);         \
		assert(index < dev->k.vq_num);        \
		value = (expr);                       \
		pthread_mutex_unlock(&fk.lock);       \
		return value;                         \
	}

FK_GETTER(uint64_t, fk_offered, dev->k.features)
FK_GETTER(uint32_t, fk_nb_vqs, dev->k.vq_num)
FK_GETTER(uint64_t, fk_api_version, dev->k.api)
FK_GETTER(uint32_t, fk_nb_spaces, dev->k.nas)
FK_GETTER(uint8_t, fk_status, dev->k.status)
FK_GETTER(unsigned int, fk_config_irqs, dev->config_irqs)
FK_GETTER(unsigned int, fk_attr_writes, dev->nb_attrs)
FK_VQ_GETTER(uint16_t, fk_vq_max, dev->k.vqs[index].num_max)
FK_VQ_GETTER(uint32_t, fk_vq_group, dev->k.vqs[index].group)
FK_VQ_GETTER(bool, fk_vq_has_kickfd, dev->k.vqs[index].kickfd >= 0)
FK_VQ_GETTER(unsigned int, fk_irqs, dev->irqs[index])

unsigned int
fk_map_reads(struct fk_dev *dev, bool fd2)
{
	unsigned int n;

	pthread_mutex_lock(&fk.lock);
	n = dev->map_reads[fd2];
	pthread_mutex_unlock(&fk.lock);
	return n;
}

void
fk_attr(struct fk_dev *dev, const char *attr, char *value, size_t size)
{
	unsigned int i;

	value[0] = '\0';
	pthread_mutex_lock(&fk.lock);
	for (i = 0; i < dev->nb_attrs; i++)
		if (strcmp(dev->attrs[i].name, attr) == 0) {
			assert(strlen(dev->attrs[i].value) < size);
			strcpy(value, dev->attrs[i].value);
		}
	pthread_mutex_unlock(&fk.lock);
}

void
fk_config(struct fk_dev *dev, uint32_t offset, void *data, uint32_t len)
{
	pthread_mutex_lock(&fk.lock);
	assert(offset <= dev->k.config_size && len <= dev->k.config_size - offset);
	memcpy(data, dev->k.config + offset, len);
	pthread_mutex_unlock(&fk.lock);
}

void
fk_attach(struct fk_dev *dev, bool attached)
{
	pthread_mutex_lock(&fk.lock);
	dev->attached = attached;
	pthread_mutex_unlock(&fk.lock);
}

void
fk_map(struct fk_dev *dev, const struct fk_region *region)
{
	const struct kernel_region r = { .start = region->iova,
		.last = region->iova + (region->size - 1),
		.offset = region->offset,
		.perm = region->perm,
		.fd = region->file,
		.bounce = region->bounce };
	int ret;

	pthread_mutex_lock(&fk.lock);
	assert(region->asid < dev->k.nas);
	ret = kernel_map_insert(&dev->k.maps[region->asid], &r);
	assert(ret == 0);
	pthread_mutex_unlock(&fk.lock);
}

void
fk_unmap(struct fk_dev *dev, uint64_t iova)
{
	const struct kernel_region *region;

	pthread_mutex_lock(&fk.lock);
	region = kernel_map_first(&dev->k.maps[0], iova, iova);
	assert(region != NULL && region->start == iova);
	kernel_map_remove(&dev->k.maps[0], iova, iova);
	pthread_mutex_unlock(&fk.lock);
}

void
fk_unmap_range(struct fk_dev *dev, uint32_t asid, uint64_t start, uint64_t last)
{
	pthread_mutex_lock(&fk.lock);
	assert(asid < dev->k.nas);
	kernel_map_remove(&dev->k.maps[asid], start, last);
	pthread_mutex_unlock(&fk.lock);
}

void
fk_unmap_all(struct fk_dev *dev)
{
	uint32_t i;

	pthread_mutex_lock(&fk.lock);
	for (i = 0; i < dev->k.nas; i++)
		kernel_map_clear(&dev->k.maps[i]);
	pthread_mutex_unlock(&fk.lock);
}

void
fk_set_features(struct fk_dev *dev, uint64_t features)
{
	pthread_mutex_lock(&fk.lock);
	dev->k.driver_features = features;
	pthread_mutex_unlock(&fk.lock);
}

void
fk_set_vq(struct fk_dev *dev, const struct vduse_abi_vq *info)
{
	struct kernel_vq *vq;

	pthread_mutex_lock(&fk.lock);
	assert(info->index < dev->k.vq_num);
	vq = &dev->k.vqs[info->index];
	vq->info = *info;
	pthread_mutex_unlock(&fk.lock);
}

/*
 * Linux 7.3 tells the process, and notes it once it has agreed; before, the process has to look
 * (VDUSE_F_QUEUE_READY).
 */
int
fk_set_ready(struct fk_dev *dev, uint32_t index, bool ready)
{
	const struct vduse_abi_request req = {
		.type = VDUSE_MSG_SET_VQ_READY,
		.vq_ready = { .num = index, .ready = ready },
	};
	struct vduse_abi_response resp;
	int ret = 0;

	if (dev->k.vduse_features & (1ULL << VDUSE_ABI_F_QUEUE_READY))
		ret = msg_sync(dev, &req, &resp);
	if (ret < 0)
		return ret;
	pthread_mutex_lock(&fk.lock);
	assert(index < dev->k.vq_num);
	dev->k.vqs[index].info.ready = ready;
	pthread_mutex_unlock(&fk.lock);
	return 0;
}

int
fk_set_status(struct fk_dev *dev, uint8_t status)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS, .s.status = status };
	struct vduse_abi_response resp;
	int ret;

	ret = msg_sync(dev, &req, &resp);
	if (ret < 0)
		return ret;
	pthread_mutex_lock(&fk.lock);
	dev->k.status = status;
	pthread_mutex_unlock(&fk.lock);
	return 0;
}

int
fk_reset(struct fk_dev *dev)
{
	int ret = fk_set_status(dev, 0);

	pthread_mutex_lock(&fk.lock);
	kernel_dev_reset(&dev->k);
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

int
fk_update_space(struct fk_dev *dev, uint32_t asid, uint64_t start, uint64_t last)
{
	const struct vduse_abi_request req = {
		.type = VDUSE_MSG_UPDATE_IOTLB,
		.iova_v2 = { .start = start, .last = last, .asid = asid },
	};
	struct vduse_abi_response resp;

	return msg_sync(dev, &req, &resp);
}

int
fk_update_iotlb(struct fk_dev *dev, uint64_t start, uint64_t last)
{
	return fk_update_space(dev, 0, start, last);
}

int
fk_set_group_asid(struct fk_dev *dev, uint32_t group, uint32_t asid)
{
	const struct vduse_abi_request req = {
		.type = VDUSE_MSG_SET_VQ_GROUP_ASID,
		.vq_group_asid = { .group = group, .asid = asid },
	};
	struct vduse_abi_response resp;

	return msg_sync(dev, &req, &resp);
}

int
fk_get_vq_state(struct fk_dev *dev, uint32_t index, struct vduse_abi_vq_state *state)
{
	const struct vduse_abi_request req = {
		.type = VDUSE_MSG_GET_VQ_STATE,
		.vq_state.index = index,
	};
	struct vduse_abi_response resp;
	int ret;

	ret = msg_sync(dev, &req, &resp);
	*state = resp.vq_state;
	return ret;
}

int
fk_suspend(struct fk_dev *dev)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SUSPEND };
	struct vduse_abi_response resp;

	return msg_sync(dev, &req, &resp);
}

void
fk_kick(struct fk_dev *dev, uint32_t index)
{
	pthread_mutex_lock(&fk.lock);
	assert(index < dev->k.vq_num);
	kernel_vq_kick(&dev->k.vqs[index]);
	pthread_mutex_unlock(&fk.lock);
}

bool
fk_kick_is_taken(struct fk_dev *dev, uint32_t index)
{
	struct pollfd poll_fd = { .events = POLLIN };

	pthread_mutex_lock(&fk.lock);
	assert(index < dev->k.vq_num);
	poll_fd.fd = dev->k.vqs[index].kickfd;
	pthread_mutex_unlock(&fk.lock);
	return poll(&poll_fd, 1, 0) == 0;
}
