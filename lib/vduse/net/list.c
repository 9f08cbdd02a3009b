/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "net/list.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(net_list, rte_vduse_net) list = TAILQ_HEAD_INITIALIZER(list);

void
net_list_add(struct rte_vduse_net *net)
{
	pthread_mutex_lock(&list_lock);
	TAILQ_INSERT_TAIL(&list, net, next);
	pthread_mutex_unlock(&list_lock);
}

void
net_list_del(struct rte_vduse_net *net)
{
	pthread_mutex_lock(&list_lock);
	TAILQ_REMOVE(&list, net, next);
	pthread_mutex_unlock(&list_lock);
}

struct rte_vduse_net *
rte_vduse_net_by_port(uint16_t port)
{
	struct rte_vduse_net *net;

	pthread_mutex_lock(&list_lock);
	TAILQ_FOREACH (net, &list, next)
		if (net->queues[1].port == port)
			break;
	pthread_mutex_unlock(&list_lock);
	return net;
}

int
net_list_visit(const char *name, net_list_cb visit, void *arg)
{
	const struct rte_vduse_net *net;
	int ret = -ENODEV;

	pthread_mutex_lock(&list_lock);
	TAILQ_FOREACH (net, &list, next) {
		if (strcmp(net->dev->name, name) == 0) {
			visit(net, arg);
			ret = 0;
			break;
		}
	}
	pthread_mutex_unlock(&list_lock);
	return ret;
}

void
net_list_walk(net_list_cb visit, void *arg)
{
	const struct rte_vduse_net *net;

	pthread_mutex_lock(&list_lock);
	TAILQ_FOREACH (net, &list, next)
		visit(net, arg);
	pthread_mutex_unlock(&list_lock);
}
