/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>

#include "vduse_mapping.h"

struct vduse_mapping *
vduse_mapping_map(const struct vduse_mapping_want *want, int *err)
{
	struct vduse_mapping *mapping = calloc(1, sizeof(*mapping));

	if (mapping == NULL) {
		*err = -ENOMEM;
		return NULL;
	}
	mapping->sys = want->sys;
	mapping->guard = (struct vduse_sigbus_range){
		.base = want->at,
		.len = want->len,
		.prot = want->prot,
		.lost = want->lost,
		.fd = want->lost_fd,
	};
	*err = want->sys->map(want->fd, want->offset, want->len, want->prot, &mapping->guard.base);
	if (*err < 0)
		goto free_mapping;
	*err = vduse_sigbus_add(&mapping->guard);
	if (*err < 0)
		goto unmap;
	return mapping;

unmap:
	want->sys->unmap(mapping->guard.base, mapping->guard.len);
free_mapping:
	free(mapping);
	return NULL;
}

void
vduse_mapping_unmap(struct vduse_mapping *mapping)
{
	vduse_sigbus_del(&mapping->guard);
	mapping->sys->unmap(mapping->guard.base, mapping->guard.len);
	free(mapping);
}
