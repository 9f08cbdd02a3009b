/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generic netlink as far as the vDPA bus needs it: the controller's GETFAMILY, and family "vdpa" of
 * drivers/vdpa/vdpa.c. Answers go into the client's socket, where it reads them.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/vdpa.h>
#include <linux/virtio_net.h>

#include "emu_broker.h"

#define FAMILY_VDPA 32 /* any number above GENL_MIN_ID */
#define MGMTDEV     "vduse"
#define ATTR_MAX    64

/* A message being put together. */
struct answer {
	struct emu_file *file;
	const struct nlmsghdr *request;
	union {
		struct nlmsghdr head;
		uint8_t bytes[4096];
	};
};

struct attrs {
	const struct nlattr *at[ATTR_MAX];
};

static void
put(struct answer *answer, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = (void *)(answer->bytes + NLMSG_ALIGN(answer->head.nlmsg_len));
	size_t size = NLA_HDRLEN + len;

	if (NLMSG_ALIGN(answer->head.nlmsg_len) + NLA_ALIGN(size) > sizeof(answer->bytes))
		return;
	memset(attr, 0, NLA_ALIGN(size));
	attr->nla_type = type;
	attr->nla_len = size;
	memcpy((uint8_t *)attr + NLA_HDRLEN, data, len);
	answer->head.nlmsg_len = NLMSG_ALIGN(answer->head.nlmsg_len) + NLA_ALIGN(size);
}

static void
put_string(struct answer *answer, uint16_t type, const char *text)
{
	put(answer, type, text, strlen(text) + 1);
}

static void
put_u16(struct answer *answer, uint16_t type, uint16_t value)
{
	put(answer, type, &value, sizeof(value));
}

static void
put_u32(struct answer *answer, uint16_t type, uint32_t value)
{
	put(answer, type, &value, sizeof(value));
}

static void
put_u64(struct answer *answer, uint16_t type, uint64_t value)
{
	put(answer, type, &value, sizeof(value));
}

static void
begin(struct answer *answer, uint16_t type, uint8_t cmd)
{
	struct genlmsghdr *genl = (void *)(answer->bytes + NLMSG_HDRLEN);

	answer->head = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(sizeof(*genl)),
		.nlmsg_type = type,
		.nlmsg_flags = answer->request->nlmsg_flags & NLM_F_DUMP ? NLM_F_MULTI : 0,
		.nlmsg_seq = answer->request->nlmsg_seq,
		.nlmsg_pid = answer->file->pid,
	};
	*genl = (struct genlmsghdr){ .cmd = cmd, .version = 1 };
}

static void
finish(struct answer *answer)
{
	if (send(answer->file->sock, answer->bytes, answer->head.nlmsg_len,
			    MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		emu_warn("netlink: %m");
}

/* NLMSG_ERROR: an error, or an acknowledgement that was asked for; NLMSG_DONE ends a dump. */
static void
conclude(struct answer *answer, int ret)
{
	bool dump = answer->request->nlmsg_flags & NLM_F_DUMP;
	struct nlmsgerr *error = (void *)(answer->bytes + NLMSG_HDRLEN);

	if (ret == 0 && !dump && !(answer->request->nlmsg_flags & NLM_F_ACK))
		return;
	begin(answer, NLMSG_ERROR, 0);
	if (ret == 0 && dump) {
		answer->head.nlmsg_type = NLMSG_DONE;
		answer->head.nlmsg_len = NLMSG_LENGTH(sizeof(int));
		memset(error, 0, sizeof(int));
	} else {
		answer->head.nlmsg_flags = NLM_F_CAPPED;
		answer->head.nlmsg_len = NLMSG_LENGTH(sizeof(*error));
		error->error = ret;
		error->msg = *answer->request;
	}
	finish(answer);
}

static void
parse(const struct nlmsghdr *request, struct attrs *attrs)
{
	const uint8_t *at = (const uint8_t *)request + NLMSG_LENGTH(sizeof(struct genlmsghdr));
	const uint8_t *end = (const uint8_t *)request + request->nlmsg_len;

	memset(attrs, 0, sizeof(*attrs));
	while (at + NLA_HDRLEN <= end) {
		const struct nlattr *attr = (const void *)at;
		uint16_t type = attr->nla_type & NLA_TYPE_MASK;

		if (attr->nla_len < NLA_HDRLEN || at + attr->nla_len > end)
			return;
		if (type < ATTR_MAX)
			attrs->at[type] = attr;
		at += NLA_ALIGN(attr->nla_len);
	}
}

/* A string attribute, ended by a zero within its bytes; else NULL. */
static const char *
string_of(const struct attrs *attrs, unsigned int type)
{
	const struct nlattr *attr = attrs->at[type];
	const char *text;

	if (attr == NULL)
		return NULL;
	text = (const char *)attr + NLA_HDRLEN;
	return memchr(text, '\0', attr->nla_len - NLA_HDRLEN) != NULL ? text : NULL;
}

static int
get_family(struct answer *answer, const struct attrs *attrs)
{
	const char *name = string_of(attrs, CTRL_ATTR_FAMILY_NAME);

	if (name == NULL || strcmp(name, VDPA_GENL_NAME) != 0)
		return -ENOENT;
	begin(answer, GENL_ID_CTRL, CTRL_CMD_NEWFAMILY);
	put_string(answer, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	put_u16(answer, CTRL_ATTR_FAMILY_ID, FAMILY_VDPA);
	put_u32(answer, CTRL_ATTR_VERSION, VDPA_GENL_VERSION);
	put_u32(answer, CTRL_ATTR_HDRSIZE, 0);
	put_u32(answer, CTRL_ATTR_MAXATTR, VDPA_ATTR_MAX);
	finish(answer);
	return 0;
}

static int
dev_new(const struct attrs *attrs)
{
	const char *name = string_of(attrs, VDPA_ATTR_DEV_NAME);
	const char *mgmt = string_of(attrs, VDPA_ATTR_MGMTDEV_DEV_NAME);
	int ret;

	if (name == NULL || mgmt == NULL)
		return emu_deny(EINVAL, "DEV_NEW without a device or a management device name");
	if (strcmp(mgmt, MGMTDEV) != 0 || attrs->at[VDPA_ATTR_MGMTDEV_BUS_NAME] != NULL)
		return emu_deny(ENODEV, "DEV_NEW: no management device %s", mgmt);
	ret = bus_attach(name);
	return ret < 0 ? ret : 0;
}

static uint32_t
queue_max(const struct emu_dev *dev)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < dev->k.vq_num; i++)
		if (dev->k.vqs[i].num_max > max)
			max = dev->k.vqs[i].num_max;
	return max;
}

static void
put_dev(struct answer *answer, const struct emu_dev *dev)
{
	begin(answer, FAMILY_VDPA, VDPA_CMD_DEV_NEW);
	put_string(answer, VDPA_ATTR_MGMTDEV_DEV_NAME, MGMTDEV);
	put_string(answer, VDPA_ATTR_DEV_NAME, dev->k.name);
	put_u32(answer, VDPA_ATTR_DEV_ID, dev->k.device_id);
	put_u32(answer, VDPA_ATTR_DEV_VENDOR_ID, dev->k.vendor_id);
	put_u32(answer, VDPA_ATTR_DEV_MAX_VQS, dev->k.vq_num);
	put_u16(answer, VDPA_ATTR_DEV_MAX_VQ_SIZE, queue_max(dev));
	put_u16(answer, VDPA_ATTR_DEV_MIN_VQ_SIZE, 1);
	finish(answer);
}

/* vdpa_dev_net_config_fill(): each field only if its feature is offered. */
static void
put_config(struct answer *answer, const struct emu_dev *dev)
{
	const struct virtio_net_config *config = (const void *)dev->k.config;

	begin(answer, FAMILY_VDPA, VDPA_CMD_DEV_CONFIG_GET);
	put_string(answer, VDPA_ATTR_DEV_NAME, dev->k.name);
	put_u32(answer, VDPA_ATTR_DEV_ID, dev->k.device_id);
	put_u64(answer, VDPA_ATTR_DEV_FEATURES, dev->k.features);
	if (dev->k.status & KERNEL_S_FEATURES_OK)
		put_u64(answer, VDPA_ATTR_DEV_NEGOTIATED_FEATURES, dev->k.driver_features);
	if (dev->k.features & (1ULL << VIRTIO_NET_F_MAC))
		put(answer, VDPA_ATTR_DEV_NET_CFG_MACADDR, config->mac, sizeof(config->mac));
	if (dev->k.features & (1ULL << VIRTIO_NET_F_MTU))
		put_u16(answer, VDPA_ATTR_DEV_NET_CFG_MTU, config->mtu);
	if (dev->k.features & (1ULL << VIRTIO_NET_F_STATUS))
		put_u16(answer, VDPA_ATTR_DEV_NET_STATUS, config->status);
	finish(answer);
}

/* One device by name, or all of them. */
static int
get_devs(struct answer *answer, const struct attrs *attrs,
		void (*put_one)(struct answer *, const struct emu_dev *))
{
	const char *name = string_of(attrs, VDPA_ATTR_DEV_NAME);
	struct emu_dev *dev;

	if (answer->request->nlmsg_flags & NLM_F_DUMP) {
		for (unsigned int i = 0; i < EMU_DEV_MAX; i++)
			if (emu.dev[i].used && emu.dev[i].minor >= 0)
				put_one(answer, &emu.dev[i]);
		return 0;
	}
	if (name == NULL)
		return -EINVAL;
	dev = dev_find(name);
	if (dev == NULL || dev->minor < 0)
		return -ENODEV;
	put_one(answer, dev);
	return 0;
}

static int
get_mgmtdev(struct answer *answer)
{
	begin(answer, FAMILY_VDPA, VDPA_CMD_MGMTDEV_NEW);
	put_string(answer, VDPA_ATTR_MGMTDEV_DEV_NAME, MGMTDEV);
	put_u64(answer, VDPA_ATTR_MGMTDEV_SUPPORTED_CLASSES, 1ULL << 1 | 1ULL << 2);
	finish(answer);
	return 0;
}

static int
vdpa_command(struct answer *answer, uint8_t cmd, const struct attrs *attrs)
{
	const char *name = string_of(attrs, VDPA_ATTR_DEV_NAME);

	switch (cmd) {
	case VDPA_CMD_DEV_NEW:
		return dev_new(attrs);
	case VDPA_CMD_DEV_DEL:
		return name == NULL ? -EINVAL : bus_detach(name);
	case VDPA_CMD_DEV_GET:
		return get_devs(answer, attrs, put_dev);
	case VDPA_CMD_DEV_CONFIG_GET:
		return get_devs(answer, attrs, put_config);
	case VDPA_CMD_MGMTDEV_GET:
		return get_mgmtdev(answer);
	default:
		return -EOPNOTSUPP;
	}
}

int
netlink_request(struct emu_call *call)
{
	const struct nlmsghdr *request = (const void *)call->req->data;
	const struct genlmsghdr *genl = (const void *)(call->req->data + NLMSG_HDRLEN);
	struct emu_file *file = file_get(call->req);
	struct answer answer;
	struct attrs attrs;
	int ret;

	if (file == NULL || file->kind != EMU_GENL)
		return -EBADF;
	if (call->req->len < NLMSG_LENGTH(sizeof(*genl)) || request->nlmsg_len > call->req->len ||
			request->nlmsg_len < NLMSG_LENGTH(sizeof(*genl)))
		return emu_deny(EINVAL, "netlink request of %u bytes", call->req->len);
	answer.file = file;
	answer.request = request;
	parse(request, &attrs);
	if (request->nlmsg_type == GENL_ID_CTRL && genl->cmd == CTRL_CMD_GETFAMILY)
		ret = get_family(&answer, &attrs);
	else if (request->nlmsg_type == FAMILY_VDPA)
		ret = vdpa_command(&answer, genl->cmd, &attrs);
	else
		ret = -ENOENT;
	conclude(&answer, ret);
	return call->req->len;
}
