/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>

#include "life/remove.h"
#include "log.h"
#include "os/bus.h"
#include "os/holder.h"
#include "os/kernel.h"
#include "os/msg.h"

/* A device that nobody serves still has a driver that waits for answers while it leaves. */
static int
remove_get_vq_state(__rte_unused void *ctx, __rte_unused uint16_t index,
		__rte_unused struct vduse_abi_vq_state *state)
{
	return 0;
}

static int
remove_set_status(__rte_unused void *ctx, __rte_unused uint8_t status)
{
	return 0;
}

static int
remove_update_iotlb(__rte_unused void *ctx, __rte_unused uint32_t asid, __rte_unused uint64_t start,
		__rte_unused uint64_t last)
{
	return 0;
}

static int
remove_set_group_asid(
		__rte_unused void *ctx, __rte_unused uint32_t group, __rte_unused uint32_t asid)
{
	return 0;
}

static int
remove_set_vq_ready(__rte_unused void *ctx, __rte_unused uint16_t index, __rte_unused bool ready)
{
	return 0;
}

static const struct vduse_msg_ops remove_ops = {
	.get_vq_state = remove_get_vq_state,
	.set_status = remove_set_status,
	.update_iotlb = remove_update_iotlb,
	.set_group_asid = remove_set_group_asid,
	.set_vq_ready = remove_set_vq_ready,
};

/* Who answers while it leaves: a thread of its own, as there may be no EAL. */
struct remove_server {
	struct vduse_msg_port port;
	int end_fd; /* eventfd: it has left */
	pthread_t thread;
};

static void *
remove_serve(void *arg)
{
	struct remove_server *server = arg;
	struct pollfd fds[] = {
		{ .fd = server->end_fd, .events = POLLIN },
		{ .fd = server->port.fd, .events = POLLIN },
	};

	do {
		if (poll(fds, RTE_DIM(fds), -1) > 0 && fds[1].revents != 0)
			vduse_msg_serve(&server->port);
	} while (fds[0].revents == 0);
	return NULL;
}

/* EBUSY has causes that want another cure each. */
static void
remove_log_busy(const char *name, int ret)
{
	char path[PATH_MAX], holder[64];

	if (ret != -EBUSY)
		return;
	if (vduse_bus_front_end(name, path, sizeof(path))) {
		vduse_holder(path, holder, sizeof(holder));
		VDUSE_LOG(ERR, "%s: %s has %s open; stop that front end first", name, holder, path);
	} else if (vduse_bus_has(name)) {
		VDUSE_LOG(ERR, "%s: is on the vDPA bus; take it off first: vdpa dev del %s", name,
				name);
	} else {
		snprintf(path, sizeof(path), "/dev/vduse/%s", name);
		vduse_holder(path, holder, sizeof(holder));
		VDUSE_LOG(ERR, "%s: %s has it open; stop that one first", name, holder);
	}
}

/* Another process serves it, on the bus or not. */
static int
remove_log_served(const char *name, int ret)
{
	char path[PATH_MAX], holder[64];

	if (ret == -ENOENT)
		return -ENODEV;
	if (ret != -EBUSY)
		return ret;
	snprintf(path, sizeof(path), "/dev/vduse/%s", name);
	vduse_holder(path, holder, sizeof(holder));
	VDUSE_LOG(ERR, "%s: %s serves it; stop that one first", name, holder);
	return ret;
}

int
vduse_remove_detach(const struct vduse_sys *sys, int fd, const char *name)
{
	struct remove_server server = {
		.port = { .name = name,
				.sys = sys,
				.fd = fd,
				.nb_queues = UINT16_MAX,
				.nb_spaces = UINT16_MAX,
				.ops = &remove_ops },
	};
	int ret;

	server.end_fd = eventfd(0, EFD_CLOEXEC);
	if (server.end_fd < 0)
		return -errno;
	ret = -pthread_create(&server.thread, NULL, remove_serve, &server);
	if (ret == 0) {
		ret = vduse_bus_detach(name);
		eventfd_write(server.end_fd, 1);
		pthread_join(server.thread, NULL);
	}
	close(server.end_fd);
	return ret;
}

int
rte_vduse_dev_remove(const char *name)
{
	const struct vduse_sys *sys = vduse_sys_get();
	int control_fd, fd, ret;

	control_fd = vduse_kernel_control(sys, name);
	if (control_fd < 0)
		return control_fd;
	/* opens once only: what opens is served by nobody */
	fd = sys->open_device(name);
	if (fd < 0) {
		ret = remove_log_served(name, fd);
		goto close_control;
	}
	ret = vduse_remove_detach(sys, fd, name);
	sys->close(fd);
	if (ret == 0)
		ret = vduse_kernel_destroy(sys, control_fd, name);
	remove_log_busy(name, ret);
close_control:
	sys->close(control_fd);
	return ret;
}
