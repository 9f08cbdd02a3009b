/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_vduse.h>

#include "eal.h"
#include "say.h"
#include "setup.h"
#include "signals.h"
#include "state.h"
#include "vdev.h"

static void
vdev_name(unsigned int wire, char *name, size_t len)
{
	snprintf(name, len, "net_vduse_app%u", wire);
}

static bool
is_there(const struct wire_args *wire)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/dev/vduse/%s", wire->name);
	return access(path, F_OK) == 0;
}

/* The device file is the user's alone. */
static int
give_to(const struct wire_args *wire, const char *user)
{
	char path[PATH_MAX];
	const struct passwd *pw;

	if (user == NULL)
		return 0;
	errno = 0;
	/* cppcheck-suppress getpwnamCalled ; no other thread of this process asks for users */
	pw = getpwnam(user);
	if (pw == NULL) {
		SAY("--owner %s: no such user (one that systemd makes needs libnss-systemd)", user);
		return errno != 0 ? -errno : -ENOENT;
	}
	snprintf(path, sizeof(path), "/dev/vduse/%s", wire->name);
	if (chown(path, pw->pw_uid, (gid_t)-1) == 0 && chmod(path, S_IRUSR | S_IWUSR) == 0)
		return 0;
	SAY("%s: cannot be given to %s: %s", path, user, strerror(errno));
	return -errno;
}

/* One that is there stays as it is: its driver may wait for whoever serves it next. */
static int
create(const struct args *args, unsigned int index)
{
	struct wire_args wire = args->wires[index];
	char devargs[ARGS_DEVARGS_MAX], vdev[RTE_DEV_NAME_MAX_LEN];
	int ret;

	if (is_there(&wire))
		return give_to(&wire, args->owner);
	wire.attach = "none";
	vdev_name(index, vdev, sizeof(vdev));
	ret = args_devargs(&wire, 0, devargs, sizeof(devargs));
	if (ret == 0)
		ret = vdev_plug(vdev, devargs);
	if (ret != 0) {
		SAY_DEVICE(wire.name, NULL,
				"device %s: cannot be made: %s; the driver says why above",
				wire.name, strerror(-ret));
		return ret;
	}
	ret = give_to(&wire, args->owner);
	if (ret != 0)
		vdev_unplug(vdev);
	return ret;
}

/*
 * The devices stay when the process ends, because nothing is closed in order;
 * those before one that fails, or before a signal, are taken back.
 */
static int
create_all(const struct args *args)
{
	bool made[ARGS_MAX_WIRES] = { false };
	char vdev[RTE_DEV_NAME_MAX_LEN];
	unsigned int w;
	int ret;

	ret = eal_start_bare();
	for (w = 0; ret == 0 && w < args->nb_wires; w++) {
		made[w] = !is_there(&args->wires[w]);
		ret = signals_came() ? -EINTR : create(args, w);
	}
	if (ret == 0)
		return 0;
	for (w = w > 0 ? w - 1 : 0; w-- > 0;) {
		vdev_name(w, vdev, sizeof(vdev));
		if (made[w])
			vdev_unplug(vdev);
	}
	return ret;
}

static int
attach_all(const struct args *args)
{
	const struct wire_args *wire;
	int ret = 0;

	for (wire = args->wires; wire < args->wires + args->nb_wires && ret == 0; wire++)
		if (strcmp(wire->attach, "none") != 0)
			ret = rte_vduse_dev_attach_by_name(
					wire->name, strcmp(wire->attach, "vhost") == 0
								    ? RTE_VDUSE_ATTACH_VHOST
								    : RTE_VDUSE_ATTACH_VIRTIO);
	return ret;
}

static int
say_destroy(const char *name, int ret)
{
	switch (ret) {
	case 0:
		break;
	case -ENODEV:
		SAY("--destroy %s: there is no such device: ls /dev/vduse lists them", name);
		break;
	case -EBUSY:
		SAY("--destroy %s: it is in use: the line above says by whom", name);
		break;
	case -EACCES:
	case -EPERM:
		SAY("--destroy %s: %s: run it as root", name, strerror(-ret));
		break;
	default:
		SAY("--destroy %s: %s", name, strerror(-ret));
	}
	return ret;
}

int
setup_destroy(const char *name, const char *state_dir)
{
	char folder[PATH_MAX];
	int ret;

	ret = state_folder(state_dir, folder, sizeof(folder));
	/* The library's control thread is one of EAL's. */
	if (ret == 0)
		ret = eal_start_bare();
	if (ret != 0)
		return ret;
	ret = rte_vduse_dev_remove(name);
	if (ret == 0 && folder[0] != '\0')
		rte_vduse_state_remove(folder, name);
	rte_eal_cleanup();
	return say_destroy(name, ret);
}

/*
 * systemd says in $SERVICE_RESULT why a service has ended: after a crash the
 * containers keep their interfaces for the next start.
 */
static int
destroy_all(const struct args *args)
{
	const char *result = getenv("SERVICE_RESULT");
	int ret = 0, err;
	unsigned int w;

	if (result != NULL && strcmp(result, "success") != 0) {
		SAY("the service ended with %s: its devices stay for the next start; --setup "
		    "destroy by hand removes them",
				result);
		return 0;
	}
	err = eal_start_bare();
	if (err != 0)
		return err;
	for (w = 0; w < args->nb_wires; w++) {
		err = is_there(&args->wires[w]) ? rte_vduse_dev_remove(args->wires[w].name) : 0;
		if (err != 0)
			ret = say_destroy(args->wires[w].name, err);
	}
	rte_eal_cleanup();
	return ret;
}

int
setup_run(const struct args *args)
{
	switch (args->setup) {
	case ARGS_SETUP_CREATE:
		return create_all(args);
	case ARGS_SETUP_ATTACH:
		return attach_all(args);
	case ARGS_SETUP_DESTROY:
		return destroy_all(args);
	default:
		return -EINVAL;
	}
}
