/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interfaces that attached devices have where the configuration says so, as virtio_net makes them:
 * one end of a veth(4) pair. The other end stays here, and takes both away, wherever the first has
 * gone. No frame goes through.
 */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu_broker.h"

extern char **environ;

void
netif_name(const struct emu_dev *dev, char name[16])
{
	snprintf(name, 16, "emu%u-%d", (unsigned int)getpid() % 1000000, dev->minor);
}

static void
far_name(const struct emu_dev *dev, char name[16])
{
	netif_name(dev, name);
	memcpy(name, "far", 3);
}

static int
run_ip(const char **argv)
{
	posix_spawnattr_t attr;
	sigset_t none;
	int status, ret;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	ret = posix_spawnp(&pid, "ip", NULL, &attr, (char **)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	if (ret != 0)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status == 0 ? 0 : -EIO;
}

int
netif_add(const struct emu_dev *dev)
{
	char near[16], far[16];
	const char *argv[] = { "ip", "link", "add", near, "type", "veth", "peer", "name", far,
		NULL };

	netif_name(dev, near);
	far_name(dev, far);
	return run_ip(argv);
}

void
netif_del(const struct emu_dev *dev)
{
	char far[16];
	const char *argv[] = { "ip", "link", "del", far, NULL };

	far_name(dev, far);
	/* it is gone with a network namespace that the other end was in */
	if (if_nametoindex(far) != 0)
		run_ip(argv);
}
