/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "lock.h"
#include "log.h"
#include "mem/deferred.h"

struct deferred {
	TAILQ_ENTRY(deferred) next;
	bool (*used)(void *arg);
	void (*release)(void *arg);
	void *arg;
};

/* A mapping that pieces are in. */
struct deferred_mapping {
	struct vduse_hold hold;
	struct vduse_mapping *mapping;
};

MUTEX_KIND(deferred_mutex);

static struct deferred_mutex deferred_lock = MUTEX_INITIALIZER;
static TAILQ_HEAD(deferred_list, deferred) deferred_all
		GUARDED_BY(deferred_mutex) = TAILQ_HEAD_INITIALIZER(deferred_all);

int
vduse_deferred_add(bool (*used)(void *arg), void (*release)(void *arg), void *arg)
{
	struct deferred *entry = malloc(sizeof(*entry));

	if (entry == NULL)
		return -ENOMEM;
	entry->used = used;
	entry->release = release;
	entry->arg = arg;
	deferred_mutex_lock(&deferred_lock);
	TAILQ_INSERT_TAIL(&deferred_all, entry, next);
	deferred_mutex_unlock(&deferred_lock);
	return 0;
}

unsigned int
vduse_deferred_reap(void)
{
	struct deferred *entry, *next;
	unsigned int left = 0;

	deferred_mutex_lock(&deferred_lock);
	for (entry = TAILQ_FIRST(&deferred_all); entry != NULL; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (entry->used(entry->arg)) {
			left++;
			continue;
		}
		TAILQ_REMOVE(&deferred_all, entry, next);
		entry->release(entry->arg);
		free(entry);
	}
	deferred_mutex_unlock(&deferred_lock);
	return left;
}

static size_t
mapping_held(const struct vduse_hold *hold, const struct vduse_mapping *mapping, void *copy)
{
	return hold->held(hold->arg, vduse_mapping_base(mapping), vduse_mapping_len(mapping), copy);
}

static bool
mapping_used(void *arg)
{
	const struct deferred_mapping *entry = arg;

	return mapping_held(&entry->hold, entry->mapping, NULL) > 0;
}

static void
mapping_release(void *arg)
{
	struct deferred_mapping *entry = arg;

	vduse_mapping_unmap(entry->mapping);
	free(entry);
}

/* The pieces alone, at the place of the mapping. Pages without a piece take no memory. */
static int
mapping_copy(const struct vduse_hold *hold, struct vduse_mapping *mapping)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	const size_t len = vduse_mapping_len(mapping);
	void *copy;
	int ret;

	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	copy = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	mapping_held(hold, mapping, copy);
	ret = vduse_sigbus_replace(&mapping->guard, copy);
	if (ret < 0)
		munmap(copy, len);
	return ret;
}

bool
vduse_deferred_unmap(const struct vduse_hold *hold, struct vduse_mapping *mapping)
{
	struct deferred_mapping *entry;
	size_t held;
	int ret;

	held = hold->held != NULL ? mapping_held(hold, mapping, NULL) : 0;
	if (held == 0)
		return false;
	vduse_mapping_wait(mapping);
	ret = mapping_copy(hold, mapping);
	if (ret < 0)
		VDUSE_LOG(ERR,
				"no copy of %zu bytes of frames under way: %s; the driver can "
				"change "
				"them until they are sent",
				held, strerror(-ret));
	entry = malloc(sizeof(*entry));
	if (entry != NULL) {
		*entry = (struct deferred_mapping){ .hold = *hold, .mapping = mapping };
		if (vduse_deferred_add(mapping_used, mapping_release, entry) == 0)
			return true;
		free(entry);
	}
	/* for good: better than frames that point to nothing */
	VDUSE_LOG(ERR, "no memory to note %zu bytes of frames under way; %zu stay mapped", held,
			vduse_mapping_len(mapping));
	return true;
}
