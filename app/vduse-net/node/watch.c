/* SPDX-License-Identifier: BSD-3-Clause */

/* Members that are captured. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "node_priv.h"

#define DESCRIPTION_SIZE 352

static bool
is_watched(const struct node *node, const struct veb_member *member)
{
	const struct watch *w;

	LIST_FOREACH (w, &node->watches, next)
		if (w->member == member)
			return true;
	return false;
}

static int
check(const struct node *node, const struct node_capture_conf *conf, struct subject *s,
		struct node_error *error)
{
	const int ret = node_find_subject(node, conf->name, s, error);

	if (ret != 0)
		return ret;
	if (is_watched(node, s->member))
		return node_fail(error, -EBUSY, NODE_WHY("Busy", "name"),
				"%s is captured already: end that first", conf->name);
	if (node->nb_watches == NODE_CAPTURES_MAX)
		return node_fail(error, -EBUSY, NODE_WHY("Busy", ""),
				"there are %u captures, and no more at a time: end one first",
				NODE_CAPTURES_MAX);
	return 0;
}

static int
begin(struct watch *w, struct node *node, const struct node_capture_conf *conf,
		const struct subject *s, struct node_error *error)
{
	char description[DESCRIPTION_SIZE], text[256];
	struct capture_conf how = { .name = s->name,
		.description = description,
		.mac = s->mac,
		.snaplen = conf->snaplen,
		.count = conf->count,
		.in = conf->in,
		.out = conf->out,
		.uplink = s->uplink,
		.drops = conf->drops,
		.fd = conf->fd,
		.nb_lcores = node->workers.nb,
		.now = node->workers.now,
		.now_arg = node->workers.now_arg };
	int ret;

	snprintf(description, sizeof(description), "%s %s of %s",
			s->uplink ? "uplink" : "container", s->name, s->network->conf.name);
	if (program_parse(conf->filter, &how.filter, text, sizeof(text)) != 0)
		return node_fail(error, -EINVAL, NODE_INVALID("filter"), "filter: %s", text);
	ret = capture_begin(&how, &w->capture);
	if (ret == -EINVAL || ret == -EBADF)
		return node_fail(error, ret, NODE_INVALID("pipe_fd"),
				"pipe_fd: neither a pipe nor a stream socket: a file is written by "
				"who reads the pipe");
	if (ret != 0)
		return node_fail(error, ret, NODE_WHY("Kernel", ""),
				"the capture cannot be begun: %s", strerror(-ret));
	return 0;
}

int
node_capture(struct node *node, const struct node_capture_conf *conf, uint64_t *room,
		struct node_error *error)
{
	struct subject s;
	struct watch *w;
	int ret;

	ret = check(node, conf, &s, error);
	if (ret != 0)
		return ret;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return node_fail(error, -ENOMEM, NODE_WHY("Kernel", ""), "no memory");
	ret = begin(w, node, conf, &s, error);
	if (ret != 0) {
		free(w);
		return ret;
	}
	w->member = s.member;
	LIST_INSERT_HEAD(&node->watches, w, next);
	node->nb_watches++;
	veb_member_watch(w->member, capture_tap(w->capture));
	*room = capture_room(w->capture);
	return 0;
}

static void
leave(struct watch *w)
{
	veb_member_watch(w->member, NULL);
	w->member = NULL;
	capture_end(w->capture);
}

void
watches_leave(struct node *node, struct veb_member *member)
{
	struct watch *w;

	LIST_FOREACH (w, &node->watches, next)
		if (w->member == member)
			leave(w);
}

static void
end(struct node *node, struct watch *w)
{
	if (w->member != NULL)
		leave(w);
	LIST_REMOVE(w, next);
	node->nb_watches--;
	capture_free(w->capture);
	free(w);
}

void
watches_look(struct node *node)
{
	struct watch *w, *next;

	for (w = LIST_FIRST(&node->watches); w != NULL; w = next) {
		next = LIST_NEXT(w, next);
		if (w->member != NULL && capture_wants_end(w->capture))
			leave(w);
		if (capture_is_over(w->capture))
			end(node, w);
	}
}

void
watches_end(struct node *node)
{
	struct watch *w, *next;

	for (w = LIST_FIRST(&node->watches); w != NULL; w = next) {
		next = LIST_NEXT(w, next);
		end(node, w);
	}
}
