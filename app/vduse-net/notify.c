/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_vduse.h>

#include "notify.h"
#include "say.h"

#define MAX_LINE 512

#ifdef HAVE_SYSTEMD

#include <systemd/sd-daemon.h>

static void __rte_format_printf(2, 0) tell(const char *what, const char *fmt, va_list ap)
{
	char status[MAX_LINE];

	vsnprintf(status, sizeof(status), fmt, ap);
	/* a manager that does not listen is not our trouble */
	sd_notifyf(0, "%sSTATUS=%s", what, status);
}

void
notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

uint64_t
notify_interval(void)
{
	uint64_t usec;

	return sd_watchdog_enabled(0, &usec) > 0 ? RTE_MAX(usec / 2, UINT64_C(1)) : 0;
}

int
notify_fd(const char *name)
{
	char **names = NULL;
	int i, n, fd = -ENOENT;

	n = sd_listen_fds_with_names(0, &names);
	for (i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0 && fd < 0)
			fd = SD_LISTEN_FDS_START + i;
		free(names[i]);
	}
	free(names);
	return fd;
}

#else /* HAVE_SYSTEMD */

static void __rte_format_printf(2, 0) tell(const char *what __rte_unused,
		const char *fmt __rte_unused, va_list ap __rte_unused)
{
}

void
notify_alive(void)
{
}

uint64_t
notify_interval(void)
{
	return 0;
}

int
notify_fd(const char *name __rte_unused)
{
	return -ENOSYS;
}

#endif /* HAVE_SYSTEMD */

bool
notify_moved(bool lcores)
{
	const bool control = rte_vduse_control_alive();

	if (!lcores || !control)
		SAY("no progress of %s since the last look",
				lcores ? "the control thread" : "a lcore");
	return lcores && control;
}

void
notify_ready(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("READY=1\n", fmt, ap);
	va_end(ap);
}

void
notify_stopping(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("STOPPING=1\n", fmt, ap);
	va_end(ap);
}

void
notify_status(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("", fmt, ap);
	va_end(ap);
}
