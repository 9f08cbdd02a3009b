/* SPDX-License-Identifier: BSD-3-Clause */

/* Our declarations of the kernel's interface beside its own: every number, size and offset. */

#include <stddef.h>

#include <linux/vduse.h>

#include "os/abi.h"

#define SAME(ours, theirs) \
	_Static_assert((unsigned long)(ours) == (unsigned long)(theirs), #ours " is " #theirs)
#define SIZE(ours, theirs) SAME(sizeof(struct ours), sizeof(struct theirs))
#define FIELD(ours, theirs, field)                                                               \
	SAME(offsetof(struct ours, field), offsetof(struct theirs, field));                      \
	_Static_assert(sizeof(((struct ours *)0)->field) == sizeof(((struct theirs *)0)->field), \
			#theirs "." #field)
#define ARRAY(ours, theirs, field) \
	SAME(offsetof(struct ours, field), offsetof(struct theirs, field))

SAME(VDUSE_ABI_VERSION_0, VDUSE_API_VERSION);
SAME(VDUSE_ABI_VERSION_1, VDUSE_API_VERSION_1);
SAME(VDUSE_ABI_F_QUEUE_READY, VDUSE_F_QUEUE_READY);
SAME(VDUSE_ABI_F_SUSPEND, VDUSE_F_SUSPEND);
SAME(VDUSE_ABI_NAME_MAX, VDUSE_NAME_MAX);
SAME(VDUSE_ABI_RO, VDUSE_ACCESS_RO);
SAME(VDUSE_ABI_WO, VDUSE_ACCESS_WO);
SAME(VDUSE_ABI_RW, VDUSE_ACCESS_RW);
SAME(VDUSE_ABI_NO_FD, VDUSE_EVENTFD_DEASSIGN);
SAME(VDUSE_ABI_CAP_UMEM, VDUSE_IOVA_CAP_UMEM);
SAME(VDUSE_IOC, VDUSE_BASE);
SAME(VDUSE_IOC_GET_API_VERSION, VDUSE_GET_API_VERSION);
SAME(VDUSE_IOC_SET_API_VERSION, VDUSE_SET_API_VERSION);
SAME(VDUSE_IOC_CREATE, VDUSE_CREATE_DEV);
SAME(VDUSE_IOC_DESTROY, VDUSE_DESTROY_DEV);
SAME(VDUSE_IOC_GET_FEATURES, VDUSE_GET_FEATURES);
SAME(VDUSE_IOC_SET_FEATURES, VDUSE_SET_FEATURES);
SAME(VDUSE_IOC_REGION, VDUSE_IOTLB_GET_FD);
SAME(VDUSE_IOC_REGION_V2, VDUSE_IOTLB_GET_FD2);
SAME(VDUSE_IOC_DRIVER_FEATURES, VDUSE_DEV_GET_FEATURES);
SAME(VDUSE_IOC_SET_CONFIG, VDUSE_DEV_SET_CONFIG);
SAME(VDUSE_IOC_CONFIG_IRQ, VDUSE_DEV_INJECT_CONFIG_IRQ);
SAME(VDUSE_IOC_VQ_SETUP, VDUSE_VQ_SETUP);
SAME(VDUSE_IOC_VQ_INFO, VDUSE_VQ_GET_INFO);
SAME(VDUSE_IOC_VQ_KICKFD, VDUSE_VQ_SETUP_KICKFD);
SAME(VDUSE_IOC_VQ_IRQ, VDUSE_VQ_INJECT_IRQ);
SAME(VDUSE_IOC_REG_UMEM, VDUSE_IOTLB_REG_UMEM);
SAME(VDUSE_IOC_DEREG_UMEM, VDUSE_IOTLB_DEREG_UMEM);
SAME(VDUSE_IOC_IOVA, VDUSE_IOTLB_GET_INFO);
SAME(VDUSE_MSG_GET_VQ_STATE, VDUSE_GET_VQ_STATE);
SAME(VDUSE_MSG_SET_STATUS, VDUSE_SET_STATUS);
SAME(VDUSE_MSG_UPDATE_IOTLB, VDUSE_UPDATE_IOTLB);
SAME(VDUSE_MSG_SET_VQ_GROUP_ASID, VDUSE_SET_VQ_GROUP_ASID);
SAME(VDUSE_MSG_SET_VQ_READY, VDUSE_SET_VQ_READY);
SAME(VDUSE_MSG_SUSPEND, VDUSE_SUSPEND);
SAME(VDUSE_MSG_OK, VDUSE_REQ_RESULT_OK);
SAME(VDUSE_MSG_FAILED, VDUSE_REQ_RESULT_FAILED);

SIZE(vduse_abi_create, vduse_dev_config);
FIELD(vduse_abi_create, vduse_dev_config, name);
FIELD(vduse_abi_create, vduse_dev_config, vendor_id);
FIELD(vduse_abi_create, vduse_dev_config, device_id);
FIELD(vduse_abi_create, vduse_dev_config, features);
FIELD(vduse_abi_create, vduse_dev_config, vq_num);
FIELD(vduse_abi_create, vduse_dev_config, vq_align);
FIELD(vduse_abi_create, vduse_dev_config, ngroups);
FIELD(vduse_abi_create, vduse_dev_config, nas);
FIELD(vduse_abi_create, vduse_dev_config, reserved);
FIELD(vduse_abi_create, vduse_dev_config, config_size);
ARRAY(vduse_abi_create, vduse_dev_config, config);

SIZE(vduse_abi_region, vduse_iotlb_entry);
FIELD(vduse_abi_region, vduse_iotlb_entry, offset);
FIELD(vduse_abi_region, vduse_iotlb_entry, start);
FIELD(vduse_abi_region, vduse_iotlb_entry, last);
FIELD(vduse_abi_region, vduse_iotlb_entry, perm);

SIZE(vduse_abi_region_v2, vduse_iotlb_entry_v2);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, offset);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, start);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, last);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, perm);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, padding);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, asid);
FIELD(vduse_abi_region_v2, vduse_iotlb_entry_v2, reserved);

SIZE(vduse_abi_config, vduse_config_data);
FIELD(vduse_abi_config, vduse_config_data, offset);
FIELD(vduse_abi_config, vduse_config_data, length);
ARRAY(vduse_abi_config, vduse_config_data, buffer);

SIZE(vduse_abi_vq_setup, vduse_vq_config);
FIELD(vduse_abi_vq_setup, vduse_vq_config, index);
FIELD(vduse_abi_vq_setup, vduse_vq_config, max_size);
FIELD(vduse_abi_vq_setup, vduse_vq_config, reserved1);
FIELD(vduse_abi_vq_setup, vduse_vq_config, group);
FIELD(vduse_abi_vq_setup, vduse_vq_config, reserved2);

SIZE(vduse_abi_pos_split, vduse_vq_state_split);
FIELD(vduse_abi_pos_split, vduse_vq_state_split, avail_index);

SIZE(vduse_abi_pos_packed, vduse_vq_state_packed);
FIELD(vduse_abi_pos_packed, vduse_vq_state_packed, last_avail_counter);
FIELD(vduse_abi_pos_packed, vduse_vq_state_packed, last_avail_idx);
FIELD(vduse_abi_pos_packed, vduse_vq_state_packed, last_used_counter);
FIELD(vduse_abi_pos_packed, vduse_vq_state_packed, last_used_idx);

SIZE(vduse_abi_vq, vduse_vq_info);
FIELD(vduse_abi_vq, vduse_vq_info, index);
FIELD(vduse_abi_vq, vduse_vq_info, num);
FIELD(vduse_abi_vq, vduse_vq_info, desc_addr);
FIELD(vduse_abi_vq, vduse_vq_info, driver_addr);
FIELD(vduse_abi_vq, vduse_vq_info, device_addr);
FIELD(vduse_abi_vq, vduse_vq_info, split);
FIELD(vduse_abi_vq, vduse_vq_info, packed);
FIELD(vduse_abi_vq, vduse_vq_info, ready);

SIZE(vduse_abi_kickfd, vduse_vq_eventfd);
FIELD(vduse_abi_kickfd, vduse_vq_eventfd, index);
FIELD(vduse_abi_kickfd, vduse_vq_eventfd, fd);

SIZE(vduse_abi_umem, vduse_iova_umem);
FIELD(vduse_abi_umem, vduse_iova_umem, uaddr);
FIELD(vduse_abi_umem, vduse_iova_umem, iova);
FIELD(vduse_abi_umem, vduse_iova_umem, size);
FIELD(vduse_abi_umem, vduse_iova_umem, asid);
FIELD(vduse_abi_umem, vduse_iova_umem, reserved);

SIZE(vduse_abi_iova, vduse_iova_info);
FIELD(vduse_abi_iova, vduse_iova_info, start);
FIELD(vduse_abi_iova, vduse_iova_info, last);
FIELD(vduse_abi_iova, vduse_iova_info, capability);
FIELD(vduse_abi_iova, vduse_iova_info, asid);
FIELD(vduse_abi_iova, vduse_iova_info, reserved);

SIZE(vduse_abi_vq_state, vduse_vq_state);
FIELD(vduse_abi_vq_state, vduse_vq_state, index);
FIELD(vduse_abi_vq_state, vduse_vq_state, split);
FIELD(vduse_abi_vq_state, vduse_vq_state, packed);

SIZE(vduse_abi_status, vduse_dev_status);
FIELD(vduse_abi_status, vduse_dev_status, status);

SIZE(vduse_abi_range, vduse_iova_range);
FIELD(vduse_abi_range, vduse_iova_range, start);
FIELD(vduse_abi_range, vduse_iova_range, last);

SIZE(vduse_abi_range_v2, vduse_iova_range_v2);
FIELD(vduse_abi_range_v2, vduse_iova_range_v2, start);
FIELD(vduse_abi_range_v2, vduse_iova_range_v2, last);
FIELD(vduse_abi_range_v2, vduse_iova_range_v2, asid);
FIELD(vduse_abi_range_v2, vduse_iova_range_v2, padding);

SIZE(vduse_abi_group_asid, vduse_vq_group_asid);
FIELD(vduse_abi_group_asid, vduse_vq_group_asid, group);
FIELD(vduse_abi_group_asid, vduse_vq_group_asid, asid);

SIZE(vduse_abi_vq_ready, vduse_vq_ready);
FIELD(vduse_abi_vq_ready, vduse_vq_ready, num);
FIELD(vduse_abi_vq_ready, vduse_vq_ready, ready);

SIZE(vduse_abi_request, vduse_dev_request);
FIELD(vduse_abi_request, vduse_dev_request, type);
FIELD(vduse_abi_request, vduse_dev_request, request_id);
FIELD(vduse_abi_request, vduse_dev_request, reserved);
FIELD(vduse_abi_request, vduse_dev_request, vq_state);
FIELD(vduse_abi_request, vduse_dev_request, s);
FIELD(vduse_abi_request, vduse_dev_request, iova);
FIELD(vduse_abi_request, vduse_dev_request, iova_v2);
FIELD(vduse_abi_request, vduse_dev_request, vq_group_asid);
FIELD(vduse_abi_request, vduse_dev_request, vq_ready);
FIELD(vduse_abi_request, vduse_dev_request, padding);

SIZE(vduse_abi_response, vduse_dev_response);
FIELD(vduse_abi_response, vduse_dev_response, request_id);
FIELD(vduse_abi_response, vduse_dev_response, result);
FIELD(vduse_abi_response, vduse_dev_response, reserved);
FIELD(vduse_abi_response, vduse_dev_response, vq_state);
FIELD(vduse_abi_response, vduse_dev_response, padding);
