/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include "lock.h"
#include "net/list.h"

MUTEX_KIND(list_mutex);

static struct list_mutex list_lock = MUTEX_INITIALIZER;
static TAILQ_HEAD(net_list, rte_vduse_net) list
		GUARDED_BY(list_mutex) = TAILQ_HEAD_INITIALIZER(list);

void
net_list_add(struct rte_vduse_net *net)
{
	list_mutex_lock(&list_lock);
	TAILQ_INSERT_TAIL(&list, net, next);
	list_mutex_unlock(&list_lock);
}

void
net_list_del(struct rte_vduse_net *net)
{
	list_mutex_lock(&list_lock);
	TAILQ_REMOVE(&list, net, next);
	list_mutex_unlock(&list_lock);
}

struct rte_vduse_net *
rte_vduse_net_by_port(uint16_t port)
{
	struct rte_vduse_net *net;

	list_mutex_lock(&list_lock);
	TAILQ_FOREACH (net, &list, next)
		if (net->queues[1].port == port)
			break;
	list_mutex_unlock(&list_lock);
	return net;
}

int
net_list_visit(const char *name, net_list_cb visit, void *arg)
{
	const struct rte_vduse_net *net;
	int ret = -ENODEV;

	list_mutex_lock(&list_lock);
	TAILQ_FOREACH (net, &list, next) {
		if (strcmp(net->dev->name, name) == 0) {
			visit(net, arg);
			ret = 0;
			break;
		}
	}
	list_mutex_unlock(&list_lock);
	return ret;
}

void
net_list_walk(net_list_cb visit, void *arg)
{
	const struct rte_vduse_net *net;

	list_mutex_lock(&list_lock);
	TAILQ_FOREACH (net, &list, next)
		visit(net, arg);
	list_mutex_unlock(&list_lock);
}
