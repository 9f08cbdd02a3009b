/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Load an XDP program that passes every frame, into the driver of an interface:
 *
 *   xdp IFACE on|off
 *
 * Native mode only: a driver that cannot is an error, the kernel's own reason is printed.
 */

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct request {
	struct nlmsghdr head;
	struct ifinfomsg info;
	struct nlattr xdp;
	struct nlattr fd;
	int32_t fd_value;
	struct nlattr flags;
	uint32_t flags_value;
};

/* r0 = XDP_PASS; exit. Return: its fd, or -1. */
static int
load_pass(void)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uintptr_t) "BSD";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static void
print_reason(const struct nlmsghdr *head)
{
	const struct nlmsgerr *error = (const void *)(head + 1);
	const char *at = (const char *)(error + 1), *end = (const char *)head + head->nlmsg_len;
	const struct nlattr *attr;

	if (!(head->nlmsg_flags & NLM_F_CAPPED))
		at += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	for (; (head->nlmsg_flags & NLM_F_ACK_TLVS) && at + sizeof(*attr) <= end;
			at += NLA_ALIGN(attr->nla_len)) {
		attr = (const void *)at;
		if (attr->nla_len < sizeof(*attr))
			return;
		if ((attr->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG)
			fprintf(stderr, "xdp: the kernel says: %s\n", (const char *)(attr + 1));
	}
}

/* fd -1: detach. Return: 0 or -errno. */
static int
attach(unsigned int ifindex, int fd)
{
	struct request r = {
		.head = { .nlmsg_len = sizeof(r),
				.nlmsg_type = RTM_SETLINK,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_index = ifindex },
		.xdp = { sizeof(r) - offsetof(struct request, xdp), IFLA_XDP | NLA_F_NESTED },
		.fd = { sizeof(r.fd) + sizeof(r.fd_value), IFLA_XDP_FD },
		.fd_value = fd,
		.flags = { sizeof(r.flags) + sizeof(r.flags_value), IFLA_XDP_FLAGS },
		.flags_value = XDP_FLAGS_DRV_MODE,
	};
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} reply;
	const struct nlmsgerr *error = (const void *)(&reply.head + 1);
	int one = 1, s, ret = -EIO;

	s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (s < 0)
		return -errno;
	if (setsockopt(s, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) != 0 ||
			send(s, &r, sizeof(r), 0) != sizeof(r) ||
			recv(s, &reply, sizeof(reply), 0) < 0) {
		ret = -errno;
	} else if (reply.head.nlmsg_type == NLMSG_ERROR) {
		ret = error->error;
		if (ret != 0)
			print_reason(&reply.head);
	}
	close(s);
	return ret;
}

int
main(int argc, char *argv[])
{
	bool on = argc == 3 && strcmp(argv[2], "on") == 0;
	unsigned int ifindex;
	int fd = -1, ret;

	if (argc != 3 || (!on && strcmp(argv[2], "off") != 0)) {
		fprintf(stderr, "usage: xdp IFACE on|off\n");
		return 2;
	}
	ifindex = if_nametoindex(argv[1]);
	if (ifindex == 0) {
		fprintf(stderr, "xdp: %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	if (on) {
		fd = load_pass();
		if (fd < 0) {
			fprintf(stderr, "xdp: the program does not load: %s\n", strerror(errno));
			return EXIT_FAILURE;
		}
	}
	ret = attach(ifindex, fd);
	if (ret != 0) {
		fprintf(stderr, "xdp: %s: %s\n", argv[1], strerror(-ret));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
