/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/vdpa.h>

#include "os/netlink.h"
#include "os/sys.h"

struct nl {
	struct mnl_socket *sock;
	uint32_t seq;
	bool unanswered;           /* the last request was sent, and may have been heeded */
	alignas(8) char buf[4096]; /* one small request, one small answer */
};

static int
nl_open(struct nl *nl)
{
	nl->seq = (uint32_t)time(NULL);
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (nl->sock == NULL)
		return -errno;
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		int ret = -errno;

		mnl_socket_close(nl->sock);
		return ret;
	}
	return 0;
}

static struct nlmsghdr *
nl_request(struct nl *nl, uint16_t family, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

/* Send, and take answers until the acknowledgement. */
static int
nl_talk(struct nl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	const unsigned int portid = mnl_socket_get_portid(nl->sock);
	ssize_t n;
	int ret;

	nl->unanswered = false;
	/* a signal that the application handles is no reason to give the device up */
	if (TEMP_FAILURE_RETRY(mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len)) < 0)
		return -errno;
	do {
		n = TEMP_FAILURE_RETRY(mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf)));
		if (n < 0) {
			nl->unanswered = true;
			return -errno;
		}
		ret = mnl_cb_run(nl->buf, n, nl->seq, portid, cb, arg);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

static int
nl_family_attr(const struct nlattr *attr, void *arg)
{
	uint16_t *family = arg;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
			mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
		*family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int
nl_family_msg(const struct nlmsghdr *nlh, void *arg)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), nl_family_attr, arg);
}

static int
nl_vdpa_family(struct nl *nl, uint16_t *family)
{
	struct nlmsghdr *nlh = nl_request(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	int ret;

	*family = 0;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	ret = nl_talk(nl, nlh, nl_family_msg, family);
	if (ret == -ENOENT || (ret == 0 && *family == 0))
		return -EPROTONOSUPPORT;
	return ret;
}

/* @param[out] unanswered nobody knows whether it was done; may be NULL */
static int
nl_vdpa(uint8_t cmd, const char *name, const char *mgmtdev, bool *unanswered)
{
	struct nlmsghdr *nlh;
	uint16_t family;
	struct nl nl;
	int ret;

	ret = nl_open(&nl);
	if (ret < 0)
		return ret;
	ret = nl_vdpa_family(&nl, &family);
	if (ret < 0)
		goto close;
	nlh = nl_request(&nl, family, cmd);
	if (mgmtdev != NULL)
		mnl_attr_put_strz(nlh, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmtdev);
	mnl_attr_put_strz(nlh, VDPA_ATTR_DEV_NAME, name);
	ret = nl_talk(&nl, nlh, NULL, NULL);
	if (unanswered != NULL)
		*unanswered = nl.unanswered;
close:
	mnl_socket_close(nl.sock);
	return ret;
}

int
vduse_netlink_add(const char *name)
{
	bool unanswered = false;
	int ret = nl_vdpa(VDPA_CMD_DEV_NEW, name, "vduse", &unanswered);

	/* who is told that it failed will not take it off again */
	if (ret < 0 && unanswered)
		vduse_netlink_del(name);
	return ret;
}

int
vduse_netlink_del(const char *name)
{
	return nl_vdpa(VDPA_CMD_DEV_DEL, name, NULL, NULL);
}
