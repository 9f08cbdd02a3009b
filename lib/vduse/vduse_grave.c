/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "vduse_grave.h"
#include "vduse_log.h"

struct grave {
	TAILQ_ENTRY(grave) next;
	bool (*used)(void *arg);
	void (*release)(void *arg);
	void *arg;
};

/* A mapping that pieces are in. */
struct grave_mapping {
	struct vduse_hold hold;
	const struct vduse_sys *sys;
	void *base;
	size_t len;
};

static TAILQ_HEAD(grave_list, grave) graves = TAILQ_HEAD_INITIALIZER(graves);
static pthread_mutex_t graves_lock = PTHREAD_MUTEX_INITIALIZER;

int
vduse_grave_add(bool (*used)(void *arg), void (*release)(void *arg), void *arg)
{
	struct grave *grave = malloc(sizeof(*grave));

	if (grave == NULL)
		return -ENOMEM;
	grave->used = used;
	grave->release = release;
	grave->arg = arg;
	pthread_mutex_lock(&graves_lock);
	TAILQ_INSERT_TAIL(&graves, grave, next);
	pthread_mutex_unlock(&graves_lock);
	return 0;
}

unsigned int
vduse_grave_reap(void)
{
	struct grave *grave, *next;
	unsigned int left = 0;

	pthread_mutex_lock(&graves_lock);
	for (grave = TAILQ_FIRST(&graves); grave != NULL; grave = next) {
		next = TAILQ_NEXT(grave, next);
		if (grave->used(grave->arg)) {
			left++;
			continue;
		}
		TAILQ_REMOVE(&graves, grave, next);
		grave->release(grave->arg);
		free(grave);
	}
	pthread_mutex_unlock(&graves_lock);
	return left;
}

static bool
mapping_used(void *arg)
{
	const struct grave_mapping *mapping = arg;

	return mapping->hold.held(mapping->hold.arg, mapping->base, mapping->len, NULL) > 0;
}

static void
mapping_release(void *arg)
{
	struct grave_mapping *mapping = arg;

	mapping->sys->unmap(mapping->base, mapping->len);
	free(mapping);
}

/* The pieces alone, at the place of the mapping. Pages without a piece take no memory. */
static int
mapping_copy(const struct grave_mapping *mapping)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *copy;

	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	copy = mmap(NULL, mapping->len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	mapping->hold.held(mapping->hold.arg, mapping->base, mapping->len, copy);
	if (mremap(copy, mapping->len, mapping->len, MREMAP_MAYMOVE | MREMAP_FIXED,
			    mapping->base) == MAP_FAILED) {
		int ret = -errno;

		munmap(copy, mapping->len);
		return ret;
	}
	return 0;
}

bool
vduse_grave_bury(const struct vduse_hold *hold, const struct vduse_sys *sys, void *base, size_t len)
{
	struct grave_mapping *mapping;
	size_t held;
	int ret;

	held = hold->held != NULL ? hold->held(hold->arg, base, len, NULL) : 0;
	if (held == 0)
		return false;
	mapping = malloc(sizeof(*mapping));
	if (mapping == NULL) {
		/* for good: better than frames that point to nothing */
		VDUSE_LOG(ERR, "no memory to note %zu bytes of frames under way; %zu stay mapped",
				held, len);
		return true;
	}
	*mapping = (struct grave_mapping){ .hold = *hold, .sys = sys, .base = base, .len = len };
	ret = mapping_copy(mapping);
	if (ret < 0)
		VDUSE_LOG(ERR,
				"no copy of %zu bytes of frames under way: %s; the driver can "
				"change "
				"them until they are sent",
				held, strerror(-ret));
	if (vduse_grave_add(mapping_used, mapping_release, mapping) < 0)
		free(mapping); /* mapped for good, as above */
	return true;
}
