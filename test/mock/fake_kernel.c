/* SPDX-License-Identifier: BSD-3-Clause */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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
	struct kernel_control control;
} controls[FK_DEVS_MAX + 1];

/* Whether a descriptor that was not given out is the device's, sent from process to process. */
static bool
dev_is_sent(struct fk_dev *dev, int fd)
{
	struct stat have, other;

	if (dev->fd < 0 || dev->dup >= 0 || fstat(dev->fd, &have) < 0 || fstat(fd, &other) < 0 ||
			have.st_dev != other.st_dev || have.st_ino != other.st_ino)
		return false;
	dev->dup = fk_ledger_open(fd);
	return true;
}

static struct fk_dev *
dev_of_fd(int fd)
{
	unsigned int i;

	for (i = 0; i < FK_DEVS_MAX && fd >= 0; i++)
		if (fk.devs[i].used && (fk.devs[i].fd == fd || fk.devs[i].dup == fd))
			return &fk.devs[i];
	for (i = 0; i < FK_DEVS_MAX && fd >= 0; i++)
		if (fk.devs[i].used && dev_is_sent(&fk.devs[i], fd))
			return &fk.devs[i];
	return NULL;
}

static struct fk_dev *
dev_of_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < FK_DEVS_MAX; i++)
		if (fk.devs[i].used && strcmp(fk.devs[i].k.name, name) == 0)
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
	kernel_control_open(&controls[i].control);
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
	const struct kernel_msg *msg;
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
	TAILQ_FOREACH (msg, &dev->k.msgs, next)
		fk_msg_ring(dev);
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

static int
control_create(unsigned int control, const struct vduse_abi_create *config)
{
	int ret = kernel_create(&fk.rules, &controls[control].control, config);
	struct kernel_dev k;
	struct fk_dev *dev;
	unsigned int i;

	if (ret < 0)
		return ret;
	if (fk.conf.no_permission && kernel_needs_admin(config))
		return -EPERM;
	if (dev_of_name(config->name) != NULL)
		return -EEXIST;
	for (i = 0; i < FK_DEVS_MAX && fk.devs[i].used; i++)
		;
	assert(i < FK_DEVS_MAX && config->vq_num <= FK_VQS_MAX);
	dev = &fk.devs[i];
	ret = kernel_dev_init(&k, &fk.rules, &controls[control].control, config);
	if (ret < 0)
		return ret;
	kernel_dev_fini(&dev->k);
	memset(dev, 0, sizeof(*dev));
	dev->k = k;
	TAILQ_INIT(&dev->k.msgs);
	dev->k.has_domain = true;
	dev->used = true;
	dev->life = ++lives;
	dev->fd = -1;
	dev->dup = -1;
	dev->peer = -1;
	return 0;
}

/*
 * The next device in its place is not to see its messages. A front end of the test's may still look
 * at it, which goes on until then.
 */
static void
dev_free(struct fk_dev *dev)
{
	struct fk_msg *msg;

	kernel_dev_reset(&dev->k);
	kernel_dev_break(&dev->k);
	TAILQ_FOREACH (msg, &fk.msgs, next)
		if (msg->dev == dev)
			msg->dev = NULL;
	pthread_cond_broadcast(&fk.changed);
	dev->used = false;
}

static int
control_destroy(const char *name)
{
	struct fk_dev *dev = dev_of_name(name);

	if (dev == NULL)
		return -EINVAL;
	if (dev->fd >= 0 || dev->attached)
		return -EBUSY;
	dev_free(dev);
	return 0;
}

static int
control_ioctl(unsigned int control, unsigned long request, void *arg)
{
	if (request == VDUSE_IOC_CREATE)
		return control_create(control, arg);
	if (request == VDUSE_IOC_DESTROY)
		return control_destroy(arg);
	return kernel_control_ioctl(&fk.rules, &controls[control].control, request, arg);
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
		ret = dev != NULL ? fk_dev_ioctl(dev, request, arg)
				  : fk_ledger_stray("ioctl of no device");
unlock:
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

/* Every request of a device is one of ours. */
static struct fk_msg *
msg_of(struct kernel_msg *msg)
{
	return (struct fk_msg *)((char *)msg - offsetof(struct fk_msg, k));
}

static ssize_t
device_read(struct fk_dev *dev, void *buf, size_t len)
{
	struct kernel_msg *msg;
	char token;

	if (len < sizeof(msg->req))
		return -EINVAL;
	TAILQ_FOREACH (msg, &dev->k.msgs, next)
		if (msg->state == KERNEL_MSG_QUEUED)
			break;
	if (recv(dev->fd, &token, sizeof(token), MSG_DONTWAIT) < 0 || msg == NULL)
		return -EAGAIN;
	memcpy(buf, &msg->req, msg_of(msg)->len);
	msg->state = KERNEL_MSG_READ;
	pthread_cond_broadcast(&fk.changed);
	return msg_of(msg)->len;
}

void
fk_msgs_past(const struct fk_dev *dev)
{
	struct fk_msg *msg;

	TAILQ_FOREACH (msg, &fk.msgs, next)
		if (msg->dev == dev && msg->k.state == KERNEL_MSG_DONE)
			msg->past = true;
}

static ssize_t
fk_read(int fd, void *buf, size_t len)
{
	struct fk_dev *dev;
	ssize_t ret;

	pthread_mutex_lock(&fk.lock);
	dev = dev_of_fd(fd);
	if (dev != NULL) {
		fk_msgs_past(dev);
		pthread_cond_broadcast(&fk.changed);
	}
	ret = fk_fault_hit(FK_READ);
	if (ret == 0)
		ret = dev != NULL ? device_read(dev, buf, len)
				  : fk_ledger_stray("read of no device");
	pthread_mutex_unlock(&fk.lock);
	return ret;
}

static ssize_t
device_write(struct fk_dev *dev, const struct vduse_abi_response *resp, size_t len)
{
	const ssize_t ret = kernel_msg_reply(&dev->k, resp, len);
	struct fk_msg *msg;

	TAILQ_FOREACH (msg, &fk.msgs, next)
		if (ret != -EINVAL && msg->dev == dev && msg->k.req.request_id == resp->request_id)
			msg->tried = true;
	pthread_cond_broadcast(&fk.changed);
	return ret;
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
		ret = dev != NULL ? device_write(dev, buf, len)
				  : fk_ledger_stray("write of no device");
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

/* The last descriptor counts. */
static void
device_release(struct fk_dev *dev, int fd)
{
	if (dev->dup >= 0) {
		if (fd == dev->fd)
			dev->fd = dev->dup;
		dev->dup = -1;
		return;
	}
	if (dev->k.umem.size != 0)
		fk_umem_set(&dev->k, NULL);
	kernel_msg_requeue(&dev->k);
	dev->fd = -1;
	if (dev->peer >= 0)
		close(dev->peer);
	dev->peer = -1;
}

static void
fk_close(int fd)
{
	struct fk_dev *dev;
	unsigned int i;

	pthread_mutex_lock(&fk.lock);
	dev = dev_of_fd(fd);
	if (fk_ledger_close(fd)) {
		if (dev != NULL)
			device_release(dev, fd);
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
	fk.rules = (struct kernel_conf){ .ops = &fk_ops,
		.api_newest = conf->api_newest,
		.feature_ioctls = conf->vduse_features != 0,
		.vduse_features = conf->vduse_features,
		.allow_ctrl_vq = conf->allow_ctrl_vq,
		.no_net = conf->no_net,
		.no_umem = conf->no_umem };
	fk.patience_ms = 0;
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
		if (fk.devs[i].used && fk.devs[i].peer >= 0)
			close(fk.devs[i].peer);
		if (fk.devs[i].used)
			dev_free(&fk.devs[i]);
		kernel_dev_fini(&fk.devs[i].k);
	}
	fk_ledger_clear();
	while ((msg = TAILQ_FIRST(&fk.msgs)) != NULL) {
		TAILQ_REMOVE(&fk.msgs, msg, next);
		free(msg);
	}
	memset(controls, 0, sizeof(controls));
	pthread_mutex_unlock(&fk.lock);
}
