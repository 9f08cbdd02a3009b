/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "len.h"
#include "log.h"
#include "mem/umem.h"

/* drivers/vdpa/vdpa_user/vduse_dev.c: VDUSE_BOUNCE_SIZE, where none was asked for */
#define UMEM_SIZE (64u << 20)

/* The region's size. Returns 1; 0: there is none (yet); -ENOTTY: before Linux 6.0. */
static int
umem_region(const struct vduse_umem *umem, uint64_t *size)
{
	struct vduse_abi_iova info = { .start = 0, .last = 0 };
	int ret;

	ret = umem->sys->ioctl(umem->fd, VDUSE_IOC_IOVA, &info);
	if (ret == -EINVAL)
		return 0;
	if (ret < 0)
		return ret;
	*size = info.last + 1;
	return info.start == 0 && (info.capability & VDUSE_ABI_CAP_UMEM);
}

static int
umem_deregister(const struct vduse_umem *umem, uint64_t size)
{
	struct vduse_abi_umem arg = { .iova = 0, .size = size };

	return umem->sys->ioctl(umem->fd, VDUSE_IOC_DEREG_UMEM, &arg);
}

/* drivers/vdpa/vdpa_user/vduse_dev.c, vduse_dev_reg_umem() */
REQUIRES(vduse_umem_mutex)
static int
umem_register(const struct vduse_umem *umem)
{
	struct vduse_abi_umem arg = { .uaddr = (uintptr_t)umem->addr, .size = umem->size };
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
	int ret;

	ret = umem->sys->ioctl(umem->fd, VDUSE_IOC_REG_UMEM, &arg);
	if (ret == 0) {
		VDUSE_LOG(INFO, "%s: %" PRIu64 " KiB of hugepage memory are its bounce region",
				umem->name, umem->size >> 10);
		return 0;
	}
	getrlimit(RLIMIT_MEMLOCK, &limit);
	/* counted also for those who may lock any amount */
	if (ret == -ENOMEM && limit.rlim_cur != RLIM_INFINITY)
		VDUSE_LOG(WARNING,
				"%s: no umem: this process may lock %" PRIu64 " KiB and needs "
				"%" PRIu64 " KiB more for each device; raise RLIMIT_MEMLOCK "
				"(ulimit -l, LimitMEMLOCK=)",
				umem->name, (uint64_t)limit.rlim_cur >> 10, umem->size >> 10);
	else
		VDUSE_LOG(WARNING, "%s: no umem: the kernel does not take the memory: %s",
				umem->name, strerror(-ret));
	return ret;
}

int
vduse_umem_init(struct vduse_umem *umem, const char *name, const struct vduse_sys *sys, int fd)
{
	memset(umem, 0, sizeof(*umem));
	umem->name = name;
	umem->sys = sys;
	umem->fd = fd;
	return vduse_umem_mutex_init(&umem->lock);
}

/* Memory that frames are in, until they were freed. */
struct umem_deferred {
	struct vduse_hold hold;
	uint8_t *addr;
	uint64_t size;
};

static bool
umem_deferred_used(void *arg)
{
	const struct umem_deferred *entry = arg;

	return entry->hold.held != NULL &&
	       entry->hold.held(entry->hold.arg, entry->addr, entry->size, NULL) > 0;
}

static void
umem_deferred_release(void *arg)
{
	struct umem_deferred *entry = arg;

	rte_free(entry->addr);
	free(entry);
}

REQUIRES(vduse_umem_mutex)
static bool
umem_is_used(const struct vduse_umem *umem)
{
	struct umem_deferred now = { .hold = umem->hold, .addr = umem->addr, .size = umem->size };

	return umem->addr != NULL && umem_deferred_used(&now);
}

REQUIRES(vduse_umem_mutex)
static void
umem_free(struct vduse_umem *umem)
{
	struct umem_deferred *entry = NULL;

	if (umem_is_used(umem)) {
		entry = malloc(sizeof(*entry));
		if (entry != NULL) {
			*entry = (struct umem_deferred){
				.hold = umem->hold, .addr = umem->addr, .size = umem->size
			};
			if (vduse_deferred_add(umem_deferred_used, umem_deferred_release, entry) <
					0) {
				free(entry);
				entry = NULL;
			}
		}
		/* for good: better than frames in memory of others */
		if (entry == NULL)
			VDUSE_LOG(ERR,
					"%s: no memory to note frames under way; %" PRIu64
					" KiB stay",
					umem->name, umem->size >> 10);
	} else {
		rte_free(umem->addr);
	}
	umem->addr = NULL;
	umem->size = 0;
}

void
vduse_umem_fini(struct vduse_umem *umem)
{
	vduse_umem_mutex_alone(&umem->lock);
	umem_free(umem);
	vduse_umem_mutex_destroy(&umem->lock);
}

void
vduse_umem_set_fd(struct vduse_umem *umem, int fd)
{
	vduse_umem_mutex_lock(&umem->lock);
	umem->fd = fd;
	umem->open = false;
	umem->registered = false;
	umem->settled = false;
	vduse_umem_mutex_unlock(&umem->lock);
}

void
vduse_umem_reclaim(const struct vduse_umem *umem)
{
	uint64_t size;
	int ret;

	if (umem_region(umem, &size) != 1)
		return;
	/* the file has pages again then, with what is in ours */
	ret = umem_deregister(umem, size);
	if (ret < 0 && ret != -ENOENT)
		VDUSE_LOG(ERR, "%s: memory of the process before stays registered: %s", umem->name,
				strerror(-ret));
}

/*
 * Zeroed: another device's frames may have been there. The kernel's buffers
 * are aligned to their size up to a power of two, so with this alignment none
 * lies in two hugepages.
 */
REQUIRES(vduse_umem_mutex)
static int
umem_alloc(struct vduse_umem *umem, uint64_t size)
{
	if (!rte_eal_has_hugepages()) {
		VDUSE_LOG(WARNING, "%s: no umem: DPDK runs without hugepages (--no-huge)",
				umem->name);
		return -ENOTSUP;
	}
	umem->addr = rte_zmalloc_socket("vduse_umem", size, RTE_PGSIZE_2M, SOCKET_ID_ANY);
	if (umem->addr == NULL) {
		VDUSE_LOG(WARNING,
				"%s: no umem: DPDK has no %" PRIu64 " KiB of hugepage memory left; "
				"reserve more hugepages, or make the bounce region smaller",
				umem->name, size >> 10);
		return -ENOMEM;
	}
	umem->size = size;
	return 0;
}

void
vduse_umem_want(struct vduse_umem *umem, uint64_t size)
{
	/* the kernel rounds down to its pages, of 4 to 64 KiB: bounce_size_store() */
	uint64_t page;

	if (!vduse_len_returned(sysconf(_SC_PAGESIZE), &page))
		page = RTE_PGSIZE_4K;
	vduse_umem_mutex_alone(&umem->lock);
	umem->wanted = umem_alloc(umem, size != 0 ? RTE_ALIGN_FLOOR(size, page) : UMEM_SIZE) == 0;
}

bool
vduse_umem_prepare(struct vduse_umem *umem)
{
	uint64_t size;
	bool open;
	int ret;

	if (!umem->wanted || umem->settled)
		return false;
	ret = umem_region(umem, &size);
	if (ret == 0)
		return false;
	umem->settled = true;
	if (ret < 0)
		VDUSE_LOG(WARNING, "%s: no umem: the kernel does not tell its regions: %s",
				umem->name, strerror(-ret));
	vduse_umem_mutex_lock(&umem->lock);
	/* an adopted device has the size that its creator gave it */
	if (ret < 0 || size != umem->size)
		umem_free(umem);
	if (ret > 0)
		umem->open = umem->addr != NULL || umem_alloc(umem, size) == 0;
	open = umem->open;
	vduse_umem_mutex_unlock(&umem->lock);
	return open;
}

void *
vduse_umem_take(struct vduse_umem *umem, uint64_t start, uint64_t last)
{
	void *addr = NULL;
	uint64_t size;

	vduse_umem_mutex_lock(&umem->lock);
	if (!umem->open || start != 0 || last != umem->size - 1)
		goto unlock;
	/* a region of the same size may be another front end's memory */
	if (umem_region(umem, &size) != 1)
		goto unlock;
	if (!umem->registered) {
		umem->registered = umem_register(umem) == 0;
		umem->open = umem->registered;
	}
	if (umem->registered)
		addr = umem->addr;
unlock:
	vduse_umem_mutex_unlock(&umem->lock);
	return addr;
}

void
vduse_umem_close(struct vduse_umem *umem)
{
	vduse_umem_mutex_lock(&umem->lock);
	umem->open = false;
	vduse_umem_mutex_unlock(&umem->lock);
}

void
vduse_umem_settle(struct vduse_umem *umem)
{
	vduse_umem_mutex_lock(&umem->lock);
	if (!umem->registered) {
		umem->open = false;
		umem_free(umem);
	}
	vduse_umem_mutex_unlock(&umem->lock);
}

REQUIRES(vduse_umem_mutex)
static void
umem_release(struct vduse_umem *umem)
{
	int ret;

	umem->settled = false;
	if (umem->registered) {
		ret = umem_deregister(umem, umem->size);
		if (ret < 0) {
			/* freed, the kernel would write to memory of others: the next driver has it
			 */
			VDUSE_LOG(ERR, "%s: its bounce region stays in hugepage memory: %s",
					umem->name, strerror(-ret));
			umem->settled = true;
			umem->open = true;
			return;
		}
		umem->registered = false;
	}
	if (umem_is_used(umem))
		umem_free(umem);
}

void
vduse_umem_release(struct vduse_umem *umem)
{
	vduse_umem_mutex_lock(&umem->lock);
	umem_release(umem);
	vduse_umem_mutex_unlock(&umem->lock);
}
