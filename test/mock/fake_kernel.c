/* SPDX-License-Identifier: BSD-3-Clause */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include <rte_common.h>

#include "fake_kernel_priv.h"

/* File descriptors of devices. */
#define FK_FD_MIN     256
#define FK_FD_NUMBERS 512

struct fk_state fk = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.msgs = TAILQ_HEAD_INITIALIZER(fk.msgs),
};

/* The control device's files: API version and features of each (struct vduse_control). */
static struct {
	int fd;
	uint64_t api_version;
	uint64_t features;
} controls[FK_DEVS_MAX + 1];

static struct fk_dev *
dev_of_fd(int fd)
{
	unsigned int i;

	for (i = 0; i < FK_DEVS_MAX; i++)
		if (fk.devs[i].used && fk.devs[i].fd == fd)
			return &fk.devs[i];
	return NULL;
}

static struct fk_dev *
dev_of_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < FK_DEVS_MAX; i++)
		if (fk.devs[i].used && strcmp(fk.devs[i].name, name) == 0)
			return &fk.devs[i];
	return NULL;
}

/* Devices made since the program started. */
static uint64_t lives;

struct fk_dev *
fk_find(const char *name)
{
	struct fk_dev *dev;

	pthread_mutex_lock(&fk.lock);
	dev = dev_of_name(name);
	pthread_mutex_unlock(&fk.lock);
	return dev;
}

void
fk_msg_ring(struct fk_dev *dev)
{
	const char token = 0;

	if (dev->peer >= 0)
		send(dev->peer, &token, sizeof(token), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int
control_open(void)
{
	unsigned int i;

	if (fk.conf.no_module)
		return -ENOENT;
	for (i = 0; i < RTE_DIM(controls) && controls[i].fd != 0; i++)
		;
	assert(i < RTE_DIM(controls));
	controls[i].fd = eventfd(0, EFD_CLOEXEC);
	if (controls[i].fd < 0)
		return -errno;
	controls[i].api_version = fk.conf.api_newest;
	controls[i].features = 0;
	return fk_ledger_open(controls[i].fd);
}

static int
fk_open_control(void)
{
	int ret;

	pthread_mutex_lock(&fk.lock);
	ret = fk_fault_hit(FK_OPEN_CONTROL);
	if (ret == 0)
		ret = control_open();
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

/* Under a number that no device had lately: who still uses the one before is found out. */
static int
device_fd(int fd)
{
	static int last;
	int other = fcntl(fd, F_DUPFD_CLOEXEC, FK_FD_MIN + last++ % FK_FD_NUMBERS);

	if (other < 0)
		return fd;
	close(fd);
	return other;
}

static int
device_open(const char *name)
{
	struct fk_dev *dev = dev_of_name(name);
	struct fk_msg *msg;
	int pair[2];

	if (dev == NULL)
		return -ENOENT;
	if (dev->fd >= 0)
		return -EBUSY;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* room for thousands of messages; without the right to it, for hundreds */
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &(int){ 64 << 20 }, sizeof(int));
	dev->fd = device_fd(pair[0]);
	dev->peer = pair[1];
	/* vduse_dev_release(): what was read and not answered is queued again */
	TAILQ_FOREACH (msg, &fk.msgs, next) {
		if (msg->dev == dev && msg->state <= FK_MSG_READ) {
			msg->state = FK_MSG_QUEUED;
			fk_msg_ring(dev);
		}
	}
	return fk_ledger_open(dev->fd);
}

static int
fk_open_device(const char *name)
{
	int ret;

	pthread_mutex_lock(&fk.lock);
	ret = fk_fault_hit(FK_OPEN_DEVICE);
	if (ret == 0)
		ret = device_open(name);
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

/* vduse_validate_config(), features_is_valid() */
static bool
create_valid(const struct vduse_dev_config *config, uint64_t api_version)
{
	static const uint32_t zero[RTE_DIM(config->reserved)];
	const uint64_t required = (1ULL << VIRTIO_F_ACCESS_PLATFORM) | (1ULL << VIRTIO_F_VERSION_1);

	if (memcmp(config->reserved, zero, sizeof(zero)) != 0)
		return false;
	if (api_version == 0 ? config->ngroups != 0
			     : config->ngroups == 0 || config->ngroups > 0xffff)
		return false;
	if (api_version == 0 ? config->nas != 0 : config->nas == 0 || config->nas > 0xffff)
		return false;
	if (config->vq_align > 4096 || config->config_size > 4096 || config->vq_num > 0xffff)
		return false;
	if (config->name[0] == '\0' || config->device_id != VIRTIO_ID_NET || fk.conf.no_net)
		return false;
	if (!fk.conf.allow_ctrl_vq && (config->features & (1ULL << VIRTIO_NET_F_CTRL_VQ)))
		return false;
	return (config->features & required) == required;
}

static int
control_create(unsigned int control, const struct vduse_dev_config *config)
{
	struct fk_dev *dev;
	unsigned int i;

	if (!create_valid(config, controls[control].api_version))
		return -EINVAL;
	if (fk.conf.no_permission)
		return -EPERM;
	if (dev_of_name(config->name) != NULL)
		return -EEXIST;
	for (i = 0; i < FK_DEVS_MAX && fk.devs[i].used; i++)
		;
	assert(i < FK_DEVS_MAX && config->vq_num <= FK_VQS_MAX);
	dev = &fk.devs[i];
	memset(dev, 0, sizeof(*dev));
	dev->used = true;
	dev->life = ++lives;
	memcpy(dev->name, config->name, sizeof(dev->name) - 1);
	dev->api_version = controls[control].api_version;
	dev->vduse_features = controls[control].features;
	dev->offered = config->features;
	dev->nb_vqs = config->vq_num;
	dev->ngroups = config->ngroups;
	dev->nas = config->nas != 0 ? config->nas : 1;
	dev->config_size = config->config_size;
	dev->config = malloc(config->config_size);
	if (dev->config == NULL) {
		dev->used = false;
		return -ENOMEM;
	}
	memcpy(dev->config, config->config, config->config_size);
	dev->fd = -1;
	dev->peer = -1;
	for (i = 0; i < dev->nb_vqs; i++)
		dev->vqs[i].kickfd = -1;
	return 0;
}

static int
control_destroy(const char *name)
{
	struct fk_dev *dev = dev_of_name(name);
	struct fk_msg *msg;

	if (dev == NULL)
		return -EINVAL;
	if (dev->fd >= 0 || dev->attached)
		return -EBUSY;
	/* the next device in this place is not to see them */
	TAILQ_FOREACH (msg, &fk.msgs, next) {
		if (msg->dev != dev)
			continue;
		if (msg->state <= FK_MSG_READ) {
			msg->state = FK_MSG_DONE;
			msg->resp.result = VDUSE_REQ_RESULT_FAILED;
		}
		msg->dev = NULL;
	}
	pthread_cond_broadcast(&fk.changed);
	fk_dev_reset(dev);
	free(dev->config);
	dev->used = false;
	return 0;
}

static int
control_ioctl(unsigned int control, unsigned long request, void *arg)
{
	uint64_t *value = arg;

	switch (request) {
	case VDUSE_GET_API_VERSION:
		*value = controls[control].api_version;
		return 0;
	case VDUSE_SET_API_VERSION:
		if (*value > fk.conf.api_newest)
			return -EINVAL;
		controls[control].api_version = *value;
		return 0;
	case VDUSE_GET_FEATURES:
		if (fk.conf.vduse_features == 0)
			return -EINVAL;
		*value = fk.conf.vduse_features;
		return 0;
	case VDUSE_SET_FEATURES:
		if (fk.conf.vduse_features == 0 || (*value & ~fk.conf.vduse_features))
			return -EINVAL;
		controls[control].features = *value;
		return 0;
	case VDUSE_CREATE_DEV:
		return control_create(control, arg);
	case VDUSE_DESTROY_DEV:
		return control_destroy(arg);
	default:
		return -EINVAL;
	}
}

const struct fk_region *
fk_region_find(const struct fk_dev *dev, uint64_t start, uint64_t last, uint32_t asid)
{
	const struct fk_region *first = NULL;
	unsigned int i;

	for (i = 0; start <= last && i < dev->nb_regions; i++) {
		const struct fk_region *r = &dev->regions[i];

		if (r->asid != asid || r->iova > last || r->iova + (r->size - 1) < start)
			continue;
		if (first == NULL || r->iova < first->iova)
			first = r;
	}
	return first;
}

static int
device_iotlb_get_fd(struct fk_dev *dev, struct vduse_iotlb_entry *entry, uint32_t asid)
{
	const struct fk_region *first = fk_region_find(dev, entry->start, entry->last, asid);
	int fd;

	if (first == NULL)
		return -EINVAL;
	entry->offset = first->offset;
	entry->start = first->iova;
	entry->last = first->iova + (first->size - 1);
	entry->perm = first->perm;
	fd = fcntl(first->file, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fk_ledger_open(fd);
}

static int
device_iotlb_get_fd2(struct fk_dev *dev, struct vduse_iotlb_entry_v2 *v2)
{
	static const uint32_t zero[RTE_DIM(v2->reserved)];
	struct vduse_iotlb_entry entry = { .start = v2->start, .last = v2->last };
	int fd;

	if (v2->asid >= dev->nas || memcmp(v2->reserved, zero, sizeof(zero)) != 0)
		return -EINVAL;
	fd = device_iotlb_get_fd(dev, &entry, v2->asid);
	v2->offset = entry.offset;
	v2->start = entry.start;
	v2->last = entry.last;
	v2->perm = entry.perm;
	return fd;
}

static int
device_set_config(struct fk_dev *dev, const struct vduse_config_data *config)
{
	if (config->offset > dev->config_size || config->length == 0 ||
			config->length > dev->config_size - config->offset)
		return -EINVAL;
	memcpy(dev->config + config->offset, config->buffer, config->length);
	return 0;
}

static int
device_vq_setup(struct fk_dev *dev, const struct vduse_vq_config *config)
{
	static const uint16_t zero[RTE_DIM(config->reserved2)];

	if (config->index >= dev->nb_vqs || config->reserved1 != 0 ||
			memcmp(config->reserved2, zero, sizeof(zero)) != 0)
		return -EINVAL;
	if (dev->api_version == 0 ? config->group != 0
				  : config->group >= dev->ngroups ||
							(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return -EINVAL;
	dev->vqs[config->index].num_max = config->max_size;
	dev->vqs[config->index].group = config->group;
	return 0;
}

static int
device_vq_get_info(struct fk_dev *dev, struct vduse_vq_info *info)
{
	const uint32_t index = info->index;

	if (index >= dev->nb_vqs)
		return -EINVAL;
	*info = dev->vqs[index].info;
	info->index = index;
	return 0;
}

static int
device_kickfd(struct fk_dev *dev, const struct vduse_vq_eventfd *kick)
{
	struct fk_vq *vq;
	int fd = -1;

	if (kick->index >= dev->nb_vqs)
		return -EINVAL;
	vq = &dev->vqs[kick->index];
	if (kick->fd >= 0) {
		fd = fcntl(kick->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	} else if (kick->fd != VDUSE_EVENTFD_DEASSIGN) {
		return 0;
	}
	if (vq->kickfd >= 0)
		close(vq->kickfd);
	vq->kickfd = fd;
	if (vq->info.ready && vq->kicked && fd >= 0) {
		eventfd_write(fd, 1);
		vq->kicked = false;
	}
	return 0;
}

static int
device_ioctl(struct fk_dev *dev, unsigned long request, void *arg)
{
	uint32_t index;

	if (dev->broken)
		return -EPERM;
	switch (request) {
	case VDUSE_IOTLB_GET_FD:
		dev->map_reads[0]++;
		return device_iotlb_get_fd(dev, arg, 0);
	case VDUSE_IOTLB_GET_FD2:
		dev->map_reads[1]++;
		return device_iotlb_get_fd2(dev, arg);
	case VDUSE_IOTLB_GET_INFO:
		return fk_umem_info(dev, arg);
	case VDUSE_IOTLB_REG_UMEM:
		return fk_umem_reg(dev, arg);
	case VDUSE_IOTLB_DEREG_UMEM:
		return fk_umem_dereg(dev, arg);
	case VDUSE_DEV_GET_FEATURES:
		*(uint64_t *)arg = dev->features;
		return 0;
	case VDUSE_DEV_SET_CONFIG:
		return device_set_config(dev, arg);
	case VDUSE_DEV_INJECT_CONFIG_IRQ:
		if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
			return -EINVAL;
		dev->config_irqs++;
		return 0;
	case VDUSE_VQ_SETUP:
		return device_vq_setup(dev, arg);
	case VDUSE_VQ_GET_INFO:
		return device_vq_get_info(dev, arg);
	case VDUSE_VQ_SETUP_KICKFD:
		return device_kickfd(dev, arg);
	case VDUSE_VQ_INJECT_IRQ:
		index = *(const uint32_t *)arg;
		if (index >= dev->nb_vqs || !(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
			return -EINVAL;
		dev->vqs[index].irqs++;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int
fk_ioctl(int fd, unsigned long request, void *arg)
{
	struct fk_dev *dev;
	unsigned int i;
	int ret;

	pthread_mutex_lock(&fk.lock);
	ret = fk_fault_hit(request);
	if (ret != 0)
		goto unlock;
	for (i = 0; i < RTE_DIM(controls) && controls[i].fd != fd; i++)
		;
	dev = dev_of_fd(fd);
	if (i < RTE_DIM(controls))
		ret = control_ioctl(i, request, arg);
	else
		ret = dev != NULL ? device_ioctl(dev, request, arg) : fk_ledger_stray();
unlock:
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

static ssize_t
device_read(struct fk_dev *dev, void *buf, size_t len)
{
	struct fk_msg *msg;
	char token;

	if (len < sizeof(msg->req))
		return -EINVAL;
	TAILQ_FOREACH (msg, &fk.msgs, next)
		if (msg->dev == dev && msg->state == FK_MSG_QUEUED)
			break;
	if (recv(dev->fd, &token, sizeof(token), MSG_DONTWAIT) < 0 || msg == NULL)
		return -EAGAIN;
	memcpy(buf, &msg->req, msg->len);
	msg->state = FK_MSG_READ;
	pthread_cond_broadcast(&fk.changed);
	return msg->len;
}

static ssize_t
fk_read(int fd, void *buf, size_t len)
{
	struct fk_dev *dev;
	ssize_t ret;

	pthread_mutex_lock(&fk.lock);
	dev = dev_of_fd(fd);
	ret = fk_fault_hit(FK_READ);
	if (ret == 0)
		ret = dev != NULL ? device_read(dev, buf, len) : fk_ledger_stray();
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

static ssize_t
device_write(struct fk_dev *dev, const struct vduse_dev_response *resp, size_t len)
{
	static const uint32_t zero[RTE_DIM(resp->reserved)];
	struct fk_msg *msg;

	if (len != sizeof(*resp) || memcmp(resp->reserved, zero, sizeof(zero)) != 0)
		return -EINVAL;
	TAILQ_FOREACH (msg, &fk.msgs, next) {
		if (msg->dev != dev || msg->req.request_id != resp->request_id)
			continue;
		msg->tried = true;
		pthread_cond_broadcast(&fk.changed);
		if (msg->state != FK_MSG_READ)
			return -ENOENT;
		msg->resp = *resp;
		msg->state = FK_MSG_DONE;
		return len;
	}
	return -ENOENT;
}

static ssize_t
fk_write(int fd, const void *buf, size_t len)
{
	struct fk_dev *dev;
	ssize_t ret;

	pthread_mutex_lock(&fk.lock);
	dev = dev_of_fd(fd);
	ret = fk_fault_hit(FK_WRITE);
	if (ret == 0)
		ret = dev != NULL ? device_write(dev, buf, len) : fk_ledger_stray();
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

/* Nothing but the existence of the device is looked at. */
static int
device_set_attr(struct fk_dev *dev, const char *attr, const char *value)
{
	struct fk_attr *to;

	if (dev == NULL || attr[0] == '\0' || value[0] == '\0')
		return -ENOENT;
	assert(dev->nb_attrs < FK_ATTRS_MAX && strlen(attr) < FK_ATTR_LEN &&
			strlen(value) < FK_ATTR_LEN);
	to = &dev->attrs[dev->nb_attrs++];
	strcpy(to->name, attr);
	strcpy(to->value, value);
	return 0;
}

static int
fk_set_attr(const char *name, const char *attr, const char *value)
{
	int ret;

	pthread_mutex_lock(&fk.lock);
	ret = fk_fault_hit(FK_SET_ATTR);
	if (ret == 0)
		ret = device_set_attr(dev_of_name(name), attr, value);
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

static void
fk_close(int fd)
{
	struct fk_dev *dev;
	unsigned int i;

	pthread_mutex_lock(&fk.lock);
	if (fk_ledger_close(fd)) {
		dev = dev_of_fd(fd);
		if (dev != NULL) {
			fk_umem_drop(dev);
			dev->fd = -1;
			if (dev->peer >= 0)
				close(dev->peer);
			dev->peer = -1;
		}
		for (i = 0; i < RTE_DIM(controls); i++)
			if (controls[i].fd == fd)
				controls[i].fd = 0;
		close(fd);
	}
	pthread_mutex_unlock(&fk.lock);
}

static int
fk_identify(const char *name, uint64_t node[3])
{
	struct fk_dev *dev;
	int ret = -ENOENT;

	pthread_mutex_lock(&fk.lock);
	dev = dev_of_name(name);
	if (dev != NULL) {
		memset(node, 0, 3 * sizeof(node[0]));
		node[0] = dev->life;
		ret = 0;
	}
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

const struct vduse_sys fk_sys = {
	.open_control = fk_open_control,
	.open_device = fk_open_device,
	.ioctl = fk_ioctl,
	.read = fk_read,
	.write = fk_write,
	.page_size = fk_page_size,
	.map = fk_mmap,
	.unmap = fk_munmap,
	.set_attr = fk_set_attr,
	.identify = fk_identify,
	.close = fk_close,
};

void
fk_start(const struct fk_conf *conf)
{
	fk_end();
	fk.conf = *conf;
	fk.patience_ms = FK_TIMEOUT_S * 1000;
	vduse_sys_set(&fk_sys);
}

void
fk_end(void)
{
	struct fk_msg *msg;
	unsigned int i;

	vduse_sys_set(NULL);
	pthread_mutex_lock(&fk.lock);
	for (i = 0; i < FK_DEVS_MAX; i++) {
		if (!fk.devs[i].used)
			continue;
		fk_dev_reset(&fk.devs[i]);
		free(fk.devs[i].config);
		if (fk.devs[i].peer >= 0)
			close(fk.devs[i].peer);
		fk.devs[i].used = false;
	}
	fk_ledger_clear();
	while ((msg = TAILQ_FIRST(&fk.msgs)) != NULL) {
		TAILQ_REMOVE(&fk.msgs, msg, next);
		free(msg);
	}
	memset(controls, 0, sizeof(controls));
	pthread_mutex_unlock(&fk.lock);
}
