/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_STATEFILE_H
#define VDUSE_STATEFILE_H

#include "ring/journal.h"
#include "rte_vduse.h"

/*
 * The file that a device's state is in: folder, lock, check and layout. One
 * process has it, as long as it has the lock; the control thread and those who
 * create and destroy write to it.
 */

/** Layout of the file. Another layout has another number. */
#define VDUSE_STATEFILE_VERSION 2

/** Which life of which device: a node of the device file system, since one boot. */
struct vduse_statefile_id {
	uint64_t node[3]; /**< struct vduse_sys, identify() */
	char boot[40];    /**< boot_id of the kernel */
};

/** How the device was made. */
struct vduse_statefile_desc {
	uint32_t device_id;
	uint32_t api_version;
	uint64_t vduse_features;
	uint64_t features; /**< offered */
	uint16_t nb_queues;
	uint16_t queue_size;
	uint16_t first_control_queue;
	uint16_t nb_spaces;
	uint8_t adopted; /**< by us from somebody else: it stays */
	uint8_t reserved[7];
};

/** How far the process before came. */
enum vduse_statefile_stage {
	VDUSE_STATEFILE_EMPTY,    /**< there is nothing to go on from */
	VDUSE_STATEFILE_CREATING, /**< it was about to create the device */
	VDUSE_STATEFILE_SERVED,   /**< the device was there, and served */
};

/** Why no queue runs until the driver resets the device, whoever serves it. */
enum vduse_statefile_halt {
	VDUSE_STATEFILE_RUNS,      /**< they may run */
	VDUSE_STATEFILE_FAILED,    /**< the device has failed */
	VDUSE_STATEFILE_SUSPENDED, /**< the driver has suspended it */
};

/** Data that is replaced as a whole or not at all. */
struct vduse_statefile_blob {
	uint32_t current; /**< half that is valid */
	uint32_t len[2];  /**< bytes in each */
	uint8_t data[2][VDUSE_JOURNAL_BLOB_MAX];
};

/** The beginning of the file; the records of the virtqueues follow. */
struct vduse_statefile_head {
	char magic[8];
	uint32_t version;
	uint32_t stage;    /**< enum vduse_statefile_stage; written last */
	uint64_t bytes;    /**< of the file */
	uint64_t checksum; /**< of name and desc */
	char name[RTE_VDUSE_NAME_MAX + 1];
	struct vduse_statefile_desc desc;
	struct vduse_statefile_id id;
	uint32_t status;                    /**< virtio device status, as acknowledged */
	uint32_t halt;                      /**< enum vduse_statefile_halt */
	struct vduse_statefile_blob config; /**< configuration space */
	struct vduse_statefile_blob owner;  /**< what the owner of the device keeps */
} __rte_aligned(VDUSE_JOURNAL_ALIGN);

struct vduse_statefile {
	int dir_fd;
	int fd;
	char file[NAME_MAX + 1];
	char socket[NAME_MAX + 1]; /**< beside it; life/handover.h */
	char aside[NAME_MAX + 1]; /**< where a file that cannot be used waits; "": there was none */
	struct vduse_statefile_head *head; /**< NULL: there is nothing yet */
	size_t bytes;
};

/**
 * Open and lock the file of a device. A file that is none of ours, or not
 * whole, is as good as none: one line of log. It is set aside, under the name
 * NAME.state.vN (of another version) or NAME.state.bad, and back in its place
 * where this one is closed before vduse_statefile_served().
 *
 * @param dir folder; made where it is missing
 * @param fd the file, open and locked by a process that gives it to us, which
 *   this takes over; -1: open it
 * @return 0 or -errno, with a line of log: -EBUSY another process has it;
 *   -EACCES, -EPERM the folder is not ours alone; -EPROTO the file that was
 *   given is none of ours, or not whole
 */
int vduse_statefile_open(struct vduse_statefile **store, const char *dir, const char *name, int fd);

/**
 * Look at the file of a device and leave it, and the folder, as they are: for who only wants to
 * know. Says nothing.
 *
 * @param[out] locked a process has it
 * @return enum vduse_statefile_stage, EMPTY also where there is none; -EPROTO it is none of ours,
 *   or not whole; -EACCES it may not be read
 */
int vduse_statefile_peek(const char *dir, const char *name, bool *locked);

/** The name that belongs to a device in the folder: "state", or "sock". */
void vduse_statefile_file_name(char *file, size_t size, const char *name, const char *kind);

/** Release it. @param remove the device is gone, and the file with it */
void vduse_statefile_close(struct vduse_statefile *store, bool remove);

/** How far the process before came. */
enum vduse_statefile_stage vduse_statefile_stage(const struct vduse_statefile *store);

/** Lay out an empty file, stage CREATING. @return 0 or -errno */
int vduse_statefile_format(struct vduse_statefile *store, const char *name,
		const struct vduse_statefile_desc *desc);

/** It is about to be made again: stage CREATING, and no status. */
void vduse_statefile_creating(struct vduse_statefile *store);

/** The device is there: stage SERVED. */
void vduse_statefile_served(struct vduse_statefile *store, const struct vduse_statefile_id *id);

/** Room of a virtqueue's record. */
void *vduse_statefile_record(const struct vduse_statefile *store, uint16_t index);

/** The status that is about to be acknowledged. store may be NULL. */
void vduse_statefile_set_status(
		struct vduse_statefile *store, uint8_t status, enum vduse_statefile_halt halt);

/** Replace a blob. @return 0, or -E2BIG */
int vduse_statefile_write(struct vduse_statefile_blob *blob, const void *data, size_t len);

/** Change a part of a blob; nothing happens where it is shorter. */
void vduse_statefile_patch(
		struct vduse_statefile_blob *blob, uint32_t offset, const void *data, uint32_t len);

/** Read a blob. @return its bytes, 0 where it has none or another number than len */
size_t vduse_statefile_read(const struct vduse_statefile_blob *blob, void *data, size_t len);

/** This boot. @return 0 or -errno */
int vduse_statefile_boot(char boot[40]);

#endif /* VDUSE_STATEFILE_H */
