/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <rte_alarm.h>
#include <rte_dev.h>

#include "port_event.h"
#include "say.h"

/* Runs on EAL's interrupt thread. */
static int
link_changed(uint16_t id __rte_unused, enum rte_eth_event_type event __rte_unused, void *arg,
		void *ret __rte_unused)
{
	const struct port *port = arg;

	SAY("port %s: link %s", port->name, port_link(port));
	if (port->link_event >= 0)
		eventfd_write(port->link_event, 1);
	return 0;
}

static void
goes(struct port *port, const char *how)
{
	SAY("port %s: %s", port->name, how);
	__atomic_store_n(&port->goes, true, __ATOMIC_RELAXED);
	if (port->link_event >= 0)
		eventfd_write(port->link_event, 1);
}

/*
 * Another process has taken a device of ours over: this one ends in order, and with it its use of
 * the port; or a NIC was unplugged. Runs on a control thread; the main lcore looks, woken as by a
 * link.
 */
static int
removed(uint16_t id __rte_unused, enum rte_eth_event_type event __rte_unused, void *arg,
		void *ret __rte_unused)
{
	struct port *port = arg;

	goes(port, port->vduse ? "gone to another process; this one ends" : "its device is gone");
	return 0;
}

static void
wanted_back(void *arg)
{
	struct port *port = arg;

	if (!__atomic_load_n(&port->goes, __ATOMIC_RELAXED))
		goes(port, "its device is wanted back");
}

/*
 * vfio-pci asks for its device (device_del, an unbinding), again and again, and waits. Who
 * answers takes away the handler that calls this one, so not before that has returned:
 * alarms are of the same thread.
 */
static void
bus_event(const char *device __rte_unused, enum rte_dev_event_type event, void *port)
{
	if (event == RTE_DEV_EVENT_REMOVE)
		rte_eal_alarm_set(1, wanted_back, port);
}

static void
find_device(struct port *port)
{
	struct rte_eth_dev_info info;

	port->device[0] = '\0';
	if (rte_eth_dev_info_get(port->id, &info) == 0 && info.device != NULL)
		snprintf(port->device, sizeof(port->device), "%s", rte_dev_name(info.device));
}

int
port_listen(struct port *port)
{
	int ret;

	find_device(port);
	ret = rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_LSC, link_changed, port);
	if (ret != 0)
		return ret;
	ret = rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_RMV, removed, port);
	if (ret != 0)
		goto unregister;
	if (port->device[0] != '\0')
		ret = rte_dev_event_callback_register(port->device, bus_event, port);
	if (ret == 0)
		return 0;
	rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_RMV, removed, port);
unregister:
	rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_LSC, link_changed, port);
	return ret;
}

void
port_unlisten(struct port *port)
{
	/* one that runs right now is waited for */
	while (port->device[0] != '\0' &&
			rte_dev_event_callback_unregister(port->device, bus_event, port) == -EAGAIN)
		sched_yield();
	rte_eal_alarm_cancel(wanted_back, port);
	rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_RMV, removed, port);
	rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_LSC, link_changed, port);
}
