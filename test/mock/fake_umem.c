/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory of the process's in the place of the bounce region (vduse_dev_reg_umem() of the kernel).
 */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_common.h>

#include "fake_kernel_priv.h"

#define FK_PAGE 4096u

/* The bounce region, NULL: the driver has mapped nothing yet. */
static const struct fk_region *
umem_bounce(const struct fk_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nb_regions; i++)
		if (dev->regions[i].bounce)
			return &dev->regions[i];
	return NULL;
}

static bool
umem_valid(const struct fk_dev *dev, const struct vduse_abi_umem *arg)
{
	static const uint32_t zero[RTE_DIM(arg->reserved)];

	return memcmp(arg->reserved, zero, sizeof(zero)) == 0 && arg->asid < dev->nas;
}

/* What the driver's buffers hold goes along. */
static void
umem_copy(const struct fk_dev *dev, bool to_user)
{
	const struct fk_region *bounce = umem_bounce(dev);
	uint8_t *user = (uint8_t *)(uintptr_t)dev->umem.uaddr;
	ssize_t n;

	if (bounce == NULL)
		return;
	assert(bounce->size == dev->umem.size);
	if (to_user)
		n = pread(bounce->file, user, bounce->size, bounce->offset);
	else
		n = pwrite(bounce->file, user, bounce->size, bounce->offset);
	assert(n == (ssize_t)bounce->size);
}

int
fk_umem_reg(struct fk_dev *dev, const struct vduse_abi_umem *arg)
{
	const struct fk_region *bounce = umem_bounce(dev);

	if (fk.conf.no_umem)
		return -ENOTTY;
	if (!umem_valid(dev, arg) || bounce == NULL || arg->size != bounce->size ||
			arg->iova != 0 || (arg->uaddr & (FK_PAGE - 1)) != 0)
		return -EINVAL;
	if (dev->umem.size != 0)
		return -EEXIST;
	if (fk.conf.memlock != 0 && arg->size > fk.conf.memlock)
		return -ENOMEM;
	dev->umem = *arg;
	dev->umem_regs++;
	umem_copy(dev, true);
	/* SIGBUS in the kernel, whoever touches it */
	fk_ledger_hide(bounce->file);
	return 0;
}

int
fk_umem_dereg(struct fk_dev *dev, const struct vduse_abi_umem *arg)
{
	if (fk.conf.no_umem)
		return -ENOTTY;
	if (!umem_valid(dev, arg))
		return -EINVAL;
	if (dev->umem.size == 0)
		return -ENOENT;
	if (arg->iova != 0 || arg->size != dev->umem.size)
		return -EINVAL;
	fk_umem_drop(dev);
	return 0;
}

void
fk_umem_drop(struct fk_dev *dev)
{
	if (dev->umem.size == 0)
		return;
	umem_copy(dev, false);
	memset(&dev->umem, 0, sizeof(dev->umem));
	dev->umem_deregs++;
}

int
fk_umem_info(const struct fk_dev *dev, struct vduse_abi_iova *info)
{
	const struct fk_region *first;

	if (fk.conf.no_umem)
		return -ENOTTY;
	first = fk_region_find(dev, info->start, info->last, info->asid);
	if (first == NULL)
		return -EINVAL;
	info->start = first->iova;
	info->last = first->iova + (first->size - 1);
	info->capability = first->bounce ? VDUSE_ABI_CAP_UMEM : 0;
	return 0;
}

bool
fk_umem_hides(int fd)
{
	const struct fk_region *bounce;
	struct stat file, hidden;
	unsigned int i;

	for (i = 0; i < FK_DEVS_MAX; i++) {
		if (!fk.devs[i].used || fk.devs[i].umem.size == 0)
			continue;
		bounce = umem_bounce(&fk.devs[i]);
		if (bounce != NULL && fstat(fd, &file) == 0 && fstat(bounce->file, &hidden) == 0 &&
				file.st_ino == hidden.st_ino && file.st_dev == hidden.st_dev)
			return true;
	}
	return false;
}

/*
 * The kernel's copy. What orders it is the ring, which driver and device have at
 * addresses of their own: ThreadSanitizer cannot know, and does not look on.
 */
__attribute__((no_sanitize("thread"))) static void
kernel_copy(volatile uint8_t *to, const volatile uint8_t *from, size_t len)
{
	while (len-- > 0)
		*to++ = *from++;
}

/* Where the driver copies its buffers to and from: our pages, or the process's. */
static void
bounce_copy(struct fk_dev *dev, uint64_t iova, void *to, const void *from, size_t len)
{
	const struct fk_region *bounce;
	ssize_t n;

	pthread_mutex_lock(&fk.lock);
	bounce = umem_bounce(dev);
	assert(bounce != NULL && iova + len <= bounce->size);
	if (dev->umem.size != 0) {
		uint8_t *user = (uint8_t *)(uintptr_t)dev->umem.uaddr + iova;

		kernel_copy(to != NULL ? to : user, to != NULL ? user : from, len);
	} else {
		n = to != NULL ? pread(bounce->file, to, len, bounce->offset + iova)
			       : pwrite(bounce->file, from, len, bounce->offset + iova);
		assert(n == (ssize_t)len);
	}
	pthread_mutex_unlock(&fk.lock);
}

void
fk_bounce_write(struct fk_dev *dev, uint64_t iova, const void *data, size_t len)
{
	bounce_copy(dev, iova, NULL, data, len);
}

void
fk_bounce_read(struct fk_dev *dev, uint64_t iova, void *data, size_t len)
{
	bounce_copy(dev, iova, data, NULL, len);
}

void *
fk_umem(struct fk_dev *dev)
{
	void *addr;

	pthread_mutex_lock(&fk.lock);
	addr = (void *)(uintptr_t)dev->umem.uaddr;
	pthread_mutex_unlock(&fk.lock);
	return addr;
}

void
fk_umem_calls(struct fk_dev *dev, unsigned int *regs, unsigned int *deregs)
{
	pthread_mutex_lock(&fk.lock);
	*regs = dev->umem_regs;
	*deregs = dev->umem_deregs;
	pthread_mutex_unlock(&fk.lock);
}
