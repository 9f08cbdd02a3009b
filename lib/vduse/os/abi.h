/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_ABI_H
#define VDUSE_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

/*
 * What the kernel's VDUSE and user space say to each other, up to Linux 7.3:
 * numbers, layouts and their meaning here. Each line names what the kernel's
 * header calls it; test/static/abi compares the two. Addresses and lengths are in
 * bytes, ranges include their last byte, and what is reserved is zero.
 */

/* Versions of the interface, and what a kernel from 7.3 on can be asked for besides. */
#define VDUSE_ABI_VERSION_0     0 /* VDUSE_API_VERSION */
#define VDUSE_ABI_VERSION_1     1 /* VDUSE_API_VERSION_1: groups of queues, address spaces */
#define VDUSE_ABI_F_QUEUE_READY 0 /* VDUSE_F_QUEUE_READY: a bit; VDUSE_MSG_SET_VQ_READY comes */
#define VDUSE_ABI_F_SUSPEND     1 /* VDUSE_F_SUSPEND: a bit; VDUSE_MSG_SUSPEND comes */

/** VDUSE_NAME_MAX: room of a name, its end included. */
#define VDUSE_ABI_NAME_MAX 256

/** struct vduse_dev_config: a device to be created. */
struct vduse_abi_create {
	char name[VDUSE_ABI_NAME_MAX];
	uint32_t vendor_id;
	uint32_t device_id; /**< virtio type */
	uint64_t features;  /**< virtio features offered */
	uint32_t vq_num;
	uint32_t vq_align; /**< of the rings */
	uint32_t ngroups;  /**< API 1: groups of queues */
	uint32_t nas;      /**< API 1: address spaces */
	uint32_t reserved[11];
	uint32_t config_size;
	uint8_t config[]; /**< the configuration space */
};

/* VDUSE_ACCESS_*: what the device may do with memory */
#define VDUSE_ABI_RO 0x1
#define VDUSE_ABI_WO 0x2
#define VDUSE_ABI_RW 0x3

/** struct vduse_iotlb_entry: in, a range; out, the first region that meets it. */
struct vduse_abi_region {
	uint64_t offset; /**< in the file */
	uint64_t start;  /**< IOVA */
	uint64_t last;
	uint8_t perm; /**< VDUSE_ABI_RO, _WO or _RW */
};

/** struct vduse_iotlb_entry_v2: the same, in an address space. */
struct vduse_abi_region_v2 {
	uint64_t offset;
	uint64_t start;
	uint64_t last;
	uint8_t perm;
	uint8_t padding[7];
	uint32_t asid;
	uint32_t reserved[11];
};

/** struct vduse_config_data: bytes of the configuration space, written. */
struct vduse_abi_config {
	uint32_t offset;
	uint32_t length;
	uint8_t buffer[];
};

/** struct vduse_vq_config: a queue, before the device is on the bus. */
struct vduse_abi_vq_setup {
	uint32_t index;
	uint16_t max_size; /**< descriptors */
	uint16_t reserved1;
	uint32_t group; /**< API 1 */
	uint16_t reserved2[10];
};

/** struct vduse_vq_state_split: where a device is in a split ring. */
struct vduse_abi_pos_split {
	uint16_t avail_index;
};

/** struct vduse_vq_state_packed: and in a packed one. */
struct vduse_abi_pos_packed {
	uint16_t last_avail_counter; /**< driver ring wrap counter */
	uint16_t last_avail_idx;
	uint16_t last_used_counter; /**< device ring wrap counter */
	uint16_t last_used_idx;
};

/** struct vduse_vq_info: a queue as its driver set it up. */
struct vduse_abi_vq {
	uint32_t index; /**< in */
	uint32_t num;   /**< size, descriptors */
	uint64_t desc_addr;
	uint64_t driver_addr;
	uint64_t device_addr; /**< IOVA */
	union {
		struct vduse_abi_pos_split split;
		struct vduse_abi_pos_packed packed;
	};
	uint8_t ready;
};

/** struct vduse_vq_eventfd: the kernel writes to fd at a kick. */
struct vduse_abi_kickfd {
	uint32_t index;
	int fd;
};

/** VDUSE_EVENTFD_DEASSIGN: no descriptor any more. */
#define VDUSE_ABI_NO_FD (-1)

/** struct vduse_iova_umem: memory of the caller in the place of the bounce region. */
struct vduse_abi_umem {
	uint64_t uaddr;
	uint64_t iova;
	uint64_t size;
	uint32_t asid; /**< API 1 */
	uint32_t reserved[5];
};

/** VDUSE_IOVA_CAP_UMEM: in `capability`: that can be had. */
#define VDUSE_ABI_CAP_UMEM 0x1

/** struct vduse_iova_info: in, a range; out, what it is. */
struct vduse_abi_iova {
	uint64_t start;
	uint64_t last;
	uint64_t capability;
	uint32_t asid; /**< API 1 */
	uint32_t reserved[5];
};

/* On /dev/vduse/control. */
#define VDUSE_IOC                 0x81                                            /* VDUSE_BASE */
#define VDUSE_IOC_GET_API_VERSION _IOR(VDUSE_IOC, 0x00, uint64_t)                 /* the same */
#define VDUSE_IOC_SET_API_VERSION _IOW(VDUSE_IOC, 0x01, uint64_t)                 /* the same */
#define VDUSE_IOC_CREATE          _IOW(VDUSE_IOC, 0x02, struct vduse_abi_create)  /* CREATE_DEV */
#define VDUSE_IOC_DESTROY         _IOW(VDUSE_IOC, 0x03, char[VDUSE_ABI_NAME_MAX]) /* DESTROY_DEV */
#define VDUSE_IOC_GET_FEATURES    _IOR(VDUSE_IOC, 0x04, uint64_t)                 /* the same */
#define VDUSE_IOC_SET_FEATURES    _IOW(VDUSE_IOC, 0x05, uint64_t)                 /* the same */

/* On /dev/vduse/NAME. The first returns the file that the region is in. */
#define VDUSE_IOC_REGION          _IOWR(VDUSE_IOC, 0x10, struct vduse_abi_region) /* IOTLB_GET_FD */
#define VDUSE_IOC_DRIVER_FEATURES _IOR(VDUSE_IOC, 0x11, uint64_t) /* DEV_GET_FEATURES */
#define VDUSE_IOC_SET_CONFIG      _IOW(VDUSE_IOC, 0x12, struct vduse_abi_config) /* DEV_SET_CONFIG */
#define VDUSE_IOC_CONFIG_IRQ      _IO(VDUSE_IOC, 0x13) /* DEV_INJECT_CONFIG_IRQ */
#define VDUSE_IOC_VQ_SETUP        _IOW(VDUSE_IOC, 0x14, struct vduse_abi_vq_setup) /* VQ_SETUP */
#define VDUSE_IOC_VQ_INFO         _IOWR(VDUSE_IOC, 0x15, struct vduse_abi_vq)      /* VQ_GET_INFO */
#define VDUSE_IOC_VQ_KICKFD       _IOW(VDUSE_IOC, 0x16, struct vduse_abi_kickfd) /* VQ_SETUP_KICKFD */
#define VDUSE_IOC_VQ_IRQ          _IOW(VDUSE_IOC, 0x17, uint32_t)                /* VQ_INJECT_IRQ */
#define VDUSE_IOC_REG_UMEM        _IOW(VDUSE_IOC, 0x18, struct vduse_abi_umem) /* IOTLB_REG_UMEM */
#define VDUSE_IOC_DEREG_UMEM      _IOW(VDUSE_IOC, 0x19, struct vduse_abi_umem) /* IOTLB_DEREG_UMEM */
#define VDUSE_IOC_IOVA            _IOWR(VDUSE_IOC, 0x1a, struct vduse_abi_iova) /* IOTLB_GET_INFO */
#define VDUSE_IOC_REGION_V2       _IOWR(VDUSE_IOC, 0x1b, struct vduse_abi_region_v2) /* IOTLB_GET_FD2 */

/** enum vduse_req_type: what the kernel asks, read from /dev/vduse/NAME. */
enum vduse_msg_type {
	VDUSE_MSG_GET_VQ_STATE,      /**< VDUSE_GET_VQ_STATE: where is the device in this ring? */
	VDUSE_MSG_SET_STATUS,        /**< VDUSE_SET_STATUS: of the virtio device; 0 resets it */
	VDUSE_MSG_UPDATE_IOTLB,      /**< VDUSE_UPDATE_IOTLB: what is mapped there is no more */
	VDUSE_MSG_SET_VQ_GROUP_ASID, /**< VDUSE_SET_VQ_GROUP_ASID: a group's address space */
	VDUSE_MSG_SET_VQ_READY,      /**< VDUSE_SET_VQ_READY: a queue is enabled or disabled */
	VDUSE_MSG_SUSPEND,           /**< VDUSE_SUSPEND: move nothing until a reset */
};

/** struct vduse_vq_state */
struct vduse_abi_vq_state {
	uint32_t index;
	union {
		struct vduse_abi_pos_split split;
		struct vduse_abi_pos_packed packed;
	};
};

/** struct vduse_dev_status */
struct vduse_abi_status {
	uint8_t status; /**< VIRTIO_CONFIG_S_* */
};

/** struct vduse_iova_range */
struct vduse_abi_range {
	uint64_t start;
	uint64_t last;
};

/** struct vduse_iova_range_v2 */
struct vduse_abi_range_v2 {
	uint64_t start;
	uint64_t last;
	uint32_t asid;
	uint32_t padding;
};

/** struct vduse_vq_group_asid */
struct vduse_abi_group_asid {
	uint32_t group;
	uint32_t asid;
};

/** struct vduse_vq_ready */
struct vduse_abi_vq_ready {
	uint32_t num; /**< the queue's index */
	uint32_t ready;
};

/** struct vduse_dev_request: one read is one request. */
struct vduse_abi_request {
	uint32_t type; /**< enum vduse_msg_type */
	uint32_t request_id;
	uint32_t reserved[4];
	union {
		struct vduse_abi_vq_state vq_state;
		struct vduse_abi_status s;
		struct vduse_abi_range iova;
		struct vduse_abi_range_v2 iova_v2;         /**< API 1 */
		struct vduse_abi_group_asid vq_group_asid; /**< API 1 */
		struct vduse_abi_vq_ready vq_ready;
		uint32_t padding[32];
	};
};

/* VDUSE_REQ_RESULT_* */
#define VDUSE_MSG_OK     0x00
#define VDUSE_MSG_FAILED 0x01

/** struct vduse_dev_response: one write is the answer to one request, in any order. */
struct vduse_abi_response {
	uint32_t request_id;
	uint32_t result; /**< VDUSE_MSG_OK or _FAILED */
	uint32_t reserved[4];
	union {
		struct vduse_abi_vq_state vq_state;
		uint32_t padding[32];
	};
};

#endif /* VDUSE_ABI_H */
