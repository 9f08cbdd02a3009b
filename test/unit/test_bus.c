/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * On and off the vDPA bus, with the test as netlink and sysfs (linked with --wrap): every call
 * fails once, each time that it is made, with what the kernel can answer. An error is returned and
 * has a line of log, the device is off the bus, no descriptor is open, and the next attempt works.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/vdpa.h>

#include "os/bus.h"
#include "unit.h"

#define FAMILY 30 /* of "vdpa" */
#define SYSFS  "/sys/bus/vdpa"
#define NAME   "unit"

enum call {
	NONE,
	CALL_SOCKET,
	CALL_BIND,
	CALL_SEND,
	CALL_RECEIVE,
	CALL_FAMILY, /* what netlink answers: to the question for the family */
	CALL_NEW,    /* to VDPA_CMD_DEV_NEW */
	CALL_DEL,    /* to VDPA_CMD_DEV_DEL */
	CALL_ACCESS,
	CALL_OPEN,
	CALL_WRITE,
};

static struct {
	char root[64];    /* stands for SYSFS */
	const char *made; /* what there is of a new device, a command in its folder; NULL: eth9 */
	unsigned int sockets;
	char queue[4][512]; /* messages to read */
	unsigned int queued;
	enum call call;
	unsigned int skip, times;
	int err;
} bus;

static int
hit(enum call call)
{
	if (bus.times == 0 || bus.call != call)
		return 0;
	if (bus.skip > 0) {
		bus.skip--;
		return 0;
	}
	bus.times--;
	return bus.err;
}

static const char *
redirect(const char *path, char *room)
{
	if (strncmp(path, SYSFS, strlen(SYSFS)) != 0)
		return path;
	snprintf(room, PATH_MAX, "%s%s", bus.root, path + strlen(SYSFS));
	return room;
}

static void
run(const char *format, const char *a, const char *b)
{
	char command[256];

	snprintf(command, sizeof(command), format, a, b);
	assert_int_equal(system(command), 0);
}

/* The device has this driver now. */
static void
bind_to(const char *driver)
{
	run("ln -sfn ../../drivers/%2$s %1$s/devices/" NAME "/driver", bus.root, driver);
}

static bool
is_on_bus(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/devices/" NAME, bus.root);
	return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

/* virtio_vdpa takes what comes first. */
static int
device_new(void)
{
	const int err = hit(CALL_NEW);

	if (err != 0)
		return err;
	if (is_on_bus())
		return EEXIST;
	run("mkdir -p %s/devices/" NAME "/vhost-vdpa-0%s", bus.root, "");
	run("cd %s/devices/" NAME " && mkdir -p virtio0 && cd virtio0 && %s", bus.root,
			bus.made != NULL ? bus.made : "mkdir -p net/eth9");
	run("touch %s/devices/" NAME "/driver_override%s", bus.root, "");
	bind_to("virtio_vdpa");
	return 0;
}

static int
device_del(void)
{
	const int err = hit(CALL_DEL);

	if (err != 0)
		return err;
	if (!is_on_bus())
		return ENODEV;
	run("rm -r %s/devices/" NAME "%s", bus.root, "");
	return 0;
}

static struct nlmsghdr *
queue_message(const struct nlmsghdr *to, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bus.queue[bus.queued++]);

	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = to->nlmsg_seq;
	nlh->nlmsg_pid = 1;
	return nlh;
}

static void
queue_ack(const struct nlmsghdr *to, int err)
{
	struct nlmsghdr *nlh = queue_message(to, NLMSG_ERROR);
	struct nlmsgerr *ack = mnl_nlmsg_put_extra_header(nlh, sizeof(*ack));

	ack->error = -err;
	ack->msg = *to;
}

static void
serve_family(const struct nlmsghdr *nlh)
{
	struct nlmsghdr *answer;
	const int err = hit(CALL_FAMILY);

	if (err == 0) {
		answer = queue_message(nlh, GENL_ID_CTRL);
		mnl_nlmsg_put_extra_header(answer, sizeof(struct genlmsghdr));
		mnl_attr_put_u16(answer, CTRL_ATTR_FAMILY_ID, FAMILY);
	}
	queue_ack(nlh, err);
}

struct mnl_socket *__wrap_mnl_socket_open2(int family, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid);
unsigned int __wrap_mnl_socket_get_portid(const struct mnl_socket *nl);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size);
int __wrap_mnl_socket_close(struct mnl_socket *nl);

struct mnl_socket *
__wrap_mnl_socket_open2(int family, int flags)
{
	const int err = hit(CALL_SOCKET);

	assert_int_equal(family, NETLINK_GENERIC);
	assert_true(flags & SOCK_CLOEXEC);
	if (err != 0) {
		errno = err;
		return NULL;
	}
	bus.sockets++;
	bus.queued = 0;
	return (struct mnl_socket *)&bus;
}

int
__wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	const int err = hit(CALL_BIND);

	(void)nl;
	(void)groups;
	(void)pid;
	errno = err;
	return err != 0 ? -1 : 0;
}

unsigned int
__wrap_mnl_socket_get_portid(const struct mnl_socket *nl)
{
	(void)nl;
	return 1;
}

ssize_t
__wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const int err = hit(CALL_SEND);

	(void)nl;
	if (err != 0) {
		errno = err;
		return -1;
	}
	assert_int_equal(nlh->nlmsg_len, len);
	if (nlh->nlmsg_type == GENL_ID_CTRL)
		serve_family(nlh);
	else if (nlh->nlmsg_type == FAMILY)
		queue_ack(nlh, genl->cmd == VDPA_CMD_DEV_NEW ? device_new() : device_del());
	else
		queue_ack(nlh, ENOENT);
	return len;
}

ssize_t
__wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	const struct nlmsghdr *nlh = (const void *)bus.queue[0];
	const int err = hit(CALL_RECEIVE);
	size_t len;

	(void)nl;
	if (err != 0) {
		errno = err;
		return -1;
	}
	assert_true(bus.queued > 0); /* it would wait for ever */
	len = nlh->nlmsg_len;
	assert_true(len <= size);
	memcpy(buf, nlh, len);
	memmove(bus.queue[0], bus.queue[1], sizeof(bus.queue) - sizeof(bus.queue[0]));
	bus.queued--;
	return len;
}

int
__wrap_mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	bus.sockets--;
	return 0;
}

int __wrap_access(const char *path, int mode);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __real_readlink(const char *path, char *buf, size_t size);
ssize_t __wrap_readlink(const char *path, char *buf, size_t size);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);

int
__wrap_access(const char *path, int mode)
{
	char room[PATH_MAX];
	const int err = hit(CALL_ACCESS);

	if (err != 0) {
		errno = err;
		return -1;
	}
	return faccessat(AT_FDCWD, redirect(path, room), mode, 0);
}

/* The library creates nothing: there is no mode. */
int
__wrap_open64(const char *path, int flags, ...)
{
	char room[PATH_MAX];
	const int err = strncmp(path, SYSFS, strlen(SYSFS)) == 0 ? hit(CALL_OPEN) : 0;

	if (err != 0) {
		errno = err;
		return -1;
	}
	/* the front end's device is free */
	if (strncmp(path, "/dev/vhost-vdpa-", 16) == 0)
		path = "/dev/null";
	return openat(AT_FDCWD, redirect(path, room), flags);
}

/* To an attribute: bind and unbind do what they say. */
ssize_t
__wrap_write(int fd, const void *buf, size_t len)
{
	char link[64], path[PATH_MAX];
	ssize_t n;
	int err;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = __real_readlink(link, path, sizeof(path) - 1);
	if (n < 0 || bus.root[0] == '\0' || strncmp(path, bus.root, strlen(bus.root)) != 0)
		return __real_write(fd, buf, len);
	path[n] = '\0';
	err = hit(CALL_WRITE);
	if (err != 0) {
		errno = err;
		return -1;
	}
	if (strstr(path, "vhost_vdpa/bind") != NULL)
		bind_to("vhost_vdpa");
	else if (strstr(path, "virtio_vdpa/bind") != NULL)
		bind_to("virtio_vdpa");
	return len;
}

ssize_t
__wrap_readlink(const char *path, char *buf, size_t size)
{
	char room[PATH_MAX];

	return __real_readlink(redirect(path, room), buf, size);
}

DIR *
__wrap_opendir(const char *path)
{
	char room[PATH_MAX];

	return __real_opendir(redirect(path, room));
}

/* A call and what the kernel can answer (drivers/vdpa/vdpa.c, net/netlink); errnos end with 0. */
static const struct {
	const char *name;
	enum call call;
	bool again; /* it is done again, and nobody notices */
	int errnos[8];
} calls[] = {
	{ "socket", CALL_SOCKET, false, { EMFILE, ENFILE, ENOMEM, EPROTONOSUPPORT, EACCES } },
	{ "bind", CALL_BIND, false, { ENOMEM, EADDRINUSE, EPERM } },
	{ "send", CALL_SEND, true, { EINTR } },
	{ "send", CALL_SEND, false, { ENOMEM, ENOBUFS, ECONNREFUSED, EPERM } },
	{ "receive", CALL_RECEIVE, true, { EINTR } },
	{ "receive", CALL_RECEIVE, false, { ENOMEM, ENOBUFS } },
	{ "GETFAMILY", CALL_FAMILY, false, { ENOENT, EINVAL, ENOMEM } },
	{ "DEV_NEW", CALL_NEW, false, { EPERM, EEXIST, ENODEV, EINVAL, ENOMEM, EOPNOTSUPP, EIO } },
	{ "access", CALL_ACCESS, false, { ENOENT, EACCES } },
	{ "open", CALL_OPEN, false, { ENOENT, EACCES, EMFILE, ENFILE, ENOMEM } },
	{ "write", CALL_WRITE, false, { ENODEV, EINVAL, EBUSY, ENOMEM } },
};

static void
arm(enum call call, unsigned int skip, int err)
{
	bus.call = call;
	bus.skip = skip;
	bus.times = call == NONE ? 0 : 1;
	bus.err = err;
}

/* Returns false when the call was not made so often. */
static bool
attempt(size_t i, enum rte_vduse_attach how, unsigned int skip, int err)
{
	bool met;
	int ret;

	unit_log_clear();
	arm(calls[i].call, skip, err);
	ret = vduse_bus_attach(NAME, how, NULL);
	met = bus.times == 0;
	arm(NONE, 0, 0);
	if (met && !calls[i].again && ret == 0)
		fail_msg("%s, call %u, %s: not noticed", calls[i].name, skip, strerror(err));
	assert_true(met || ret == 0);
	assert_true(!calls[i].again || ret == 0);
	if (ret < 0 && unit_log_count("vduse: " NAME ": ") == 0)
		fail_msg("%s, call %u, %s: not a word about it", calls[i].name, skip,
				strerror(err));
	assert_int_equal(bus.sockets, 0);
	assert_int_equal(is_on_bus(), ret == 0);
	if (ret < 0)
		assert_int_equal(vduse_bus_attach(NAME, how, NULL), 0);
	assert_int_equal(vduse_bus_detach(NAME), 0);
	assert_false(is_on_bus());
	return met;
}

static void
test_attach(void **state)
{
	const unsigned int fds = unit_count_fds();
	unsigned int how, skip, e, attempts = 0;
	size_t i;

	(void)state;
	for (how = RTE_VDUSE_ATTACH_VIRTIO; how <= RTE_VDUSE_ATTACH_VHOST; how++) {
		for (i = 0; i < RTE_DIM(calls); i++) {
			for (e = 0; calls[i].errnos[e] != 0; e++)
				for (skip = 0; attempt(i, how, skip, calls[i].errnos[e]); skip++)
					attempts++;
		}
	}
	assert_int_equal(unit_count_fds(), fds);
	print_message("%u attempts\n", attempts);
}

/* What cannot be taken off is said so, and is when it can. */
static void
test_detach(void **state)
{
	static const struct {
		enum call call;
		int err, ret;
	} faults[] = {
		{ CALL_SOCKET, EMFILE, -EMFILE },
		{ CALL_SEND, ENOBUFS, -ENOBUFS },
		{ CALL_RECEIVE, ENOMEM, -ENOMEM },
		{ CALL_SEND, EINTR, 0 },
		{ CALL_RECEIVE, EINTR, 0 },
		{ CALL_DEL, EBUSY, -EBUSY },
		{ CALL_DEL, EPERM, -EPERM },
		{ CALL_DEL, ENODEV, 0 }, /* it is off already */
		/* the family is of the first network namespace: it stays on the bus */
		{ CALL_FAMILY, ENOENT, -EPROTONOSUPPORT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(faults); i++) {
		assert_int_equal(vduse_bus_attach(NAME, RTE_VDUSE_ATTACH_VIRTIO, NULL), 0);
		arm(faults[i].call, 0, faults[i].err);
		assert_int_equal(vduse_bus_detach(NAME), faults[i].ret);
		assert_int_equal(bus.times, 0);
		assert_int_equal(bus.sockets, 0);
		assert_int_equal(vduse_bus_detach(NAME), 0);
		assert_false(is_on_bus());
	}
}

/* Users are told what Linux has made of it, or what is missing. */
static void
test_said(void **state)
{
	static const struct {
		const char *made, *said;
	} cases[] = {
		{ "mkdir -p net/eth7", "attached to virtio_vdpa as interface eth7\n" },
		{ "mkdir -p block/vdx", "attached to virtio_vdpa as disk /dev/vdx\n" },
		{ "echo 0x0002 >device", "no disk yet: the virtio_blk module is not loaded" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		unit_log_clear();
		bus.made = cases[i].made;
		assert_int_equal(vduse_bus_attach(NAME, RTE_VDUSE_ATTACH_VIRTIO, false), 0);
		unit_assert_logged_once(cases[i].said);
		unit_assert_logged_once("\n");
		assert_int_equal(vduse_bus_detach(NAME), 0);
	}
	bus.made = NULL;
}

/* What a privileged process does for one that serves the device. */
static void
test_by_name(void **state)
{
	char ifname[8] = "";

	(void)state;
	assert_int_equal(rte_vduse_dev_interface(NAME, ifname, sizeof(ifname)), -ENODEV);
	bus.made = "mkdir -p net/eth7";
	assert_int_equal(rte_vduse_dev_attach_by_name(NAME, RTE_VDUSE_ATTACH_VIRTIO), 0);
	assert_int_equal(rte_vduse_dev_interface(NAME, ifname, sizeof(ifname)), 0);
	assert_string_equal(ifname, "eth7");
	assert_int_equal(rte_vduse_dev_interface(NAME, ifname, 4), -ENAMETOOLONG);
	assert_int_equal(rte_vduse_dev_detach_by_name(NAME), 0);
	assert_false(is_on_bus());
	assert_int_equal(rte_vduse_dev_detach_by_name(NAME), 0);
	bus.made = NULL;
}

/* Off the bus it does not matter that nobody can be asked. */
static void
test_no_family(void **state)
{
	(void)state;
	arm(CALL_FAMILY, 0, ENOENT);
	assert_int_equal(vduse_bus_detach(NAME), 0);
	assert_int_equal(unit_log_count("network namespace"), 0);
	arm(CALL_FAMILY, 0, ENOENT);
	assert_int_equal(vduse_bus_attach(NAME, RTE_VDUSE_ATTACH_VIRTIO, false), -EPROTONOSUPPORT);
	assert_int_equal(unit_log_count("this network namespace has no vDPA"), 1);
	assert_int_equal(unit_log_count("modprobe vdpa"), 0);
	assert_int_equal(vduse_bus_attach(NAME, RTE_VDUSE_ATTACH_VIRTIO, false), 0);
	arm(CALL_FAMILY, 0, ENOENT);
	assert_int_equal(vduse_bus_detach(NAME), -EPROTONOSUPPORT);
	assert_int_equal(unit_log_count("stays on the vDPA bus: this network namespace"), 1);
	assert_int_equal(vduse_bus_detach(NAME), 0);
}

static int
setup(void **state)
{
	strcpy(bus.root, "/tmp/vduse-bus.XXXXXX");
	if (mkdtemp(bus.root) == NULL)
		return -1;
	run("mkdir -p %s/devices %s/drivers", bus.root, bus.root);
	run("mkdir %s/drivers/virtio_vdpa %s/drivers/vhost_vdpa", bus.root, bus.root);
	run("cd %s/drivers && touch virtio_vdpa/bind virtio_vdpa/unbind vhost_vdpa/bind "
	    "vhost_vdpa/unbind%s",
			bus.root, "");
	return unit_setup(state);
}

static int
teardown(void **state)
{
	run("rm -r %s%s", bus.root, "");
	return unit_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_family, setup, teardown),
	};

	return UNIT_RUN("bus", tests);
}
