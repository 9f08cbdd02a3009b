/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory of the process's in the place of the bounce region (vduse_dev_reg_umem() of the kernel).
 */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kernel_priv.h"

/* What the driver's buffers hold goes along. */
static void
umem_copy(const struct fk_dev *dev, bool to_user)
{
	const struct kernel_region *bounce = kernel_bounce(&dev->k, 0);
	uint8_t *user = (uint8_t *)(uintptr_t)dev->k.umem.uaddr;
	ssize_t n;

	if (bounce == NULL)
		return;
	assert(kernel_region_size(bounce) == dev->k.umem.size);
	if (to_user)
		n = pread(bounce->fd, user, kernel_region_size(bounce), bounce->offset);
	else
		n = pwrite(bounce->fd, user, kernel_region_size(bounce), bounce->offset);
	assert(n == (ssize_t)kernel_region_size(bounce));
}

int
fk_umem_set(struct kernel_dev *dev, const struct vduse_abi_umem *umem)
{
	struct fk_dev *fd = fk_dev_of(dev);

	if (umem == NULL) {
		umem_copy(fd, false);
		memset(&dev->umem, 0, sizeof(dev->umem));
		fd->umem_deregs++;
		return 0;
	}
	if (fk.conf.memlock != 0 && umem->size > fk.conf.memlock)
		return -ENOMEM;
	dev->umem = *umem;
	fd->umem_regs++;
	umem_copy(fd, true);
	/* SIGBUS in the kernel, whoever touches it */
	fk_ledger_hide(kernel_bounce(dev, 0)->fd);
	return 0;
}

bool
fk_umem_hides(int fd)
{
	const struct kernel_region *bounce;
	struct stat file, hidden;
	unsigned int i;

	for (i = 0; i < FK_DEVS_MAX; i++) {
		if (!fk.devs[i].used || fk.devs[i].k.umem.size == 0)
			continue;
		bounce = kernel_bounce(&fk.devs[i].k, 0);
		if (bounce != NULL && fstat(fd, &file) == 0 && fstat(bounce->fd, &hidden) == 0 &&
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
	const struct kernel_region *bounce;
	ssize_t n;

	pthread_mutex_lock(&fk.lock);
	bounce = kernel_bounce(&dev->k, 0);
	assert(bounce != NULL && iova + len <= kernel_region_size(bounce));
	if (dev->k.umem.size != 0) {
		uint8_t *user = (uint8_t *)(uintptr_t)dev->k.umem.uaddr + iova;

		kernel_copy(to != NULL ? to : user, to != NULL ? user : from, len);
	} else {
		n = to != NULL ? pread(bounce->fd, to, len, bounce->offset + iova)
			       : pwrite(bounce->fd, from, len, bounce->offset + iova);
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
	addr = (void *)(uintptr_t)dev->k.umem.uaddr;
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
