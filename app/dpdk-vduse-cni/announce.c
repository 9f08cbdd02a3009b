/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Neighbours may know an address by the MAC address of a container that had it before, and would
 * send there for seconds: a gratuitous ARP request (RFC 5227, section 3) and an unsolicited
 * neighbour advertisement (RFC 4861, section 7.2.6) say whose it is now.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "cni.h"

/* What goes out, and of whom. */
struct from {
	int sock; /* packet(7): the kernel puts the Ethernet header before it */
	int ifindex;
	uint8_t mac[ETH_ALEN];
};

static void
say(const struct from *from, uint16_t protocol, const uint8_t to[ETH_ALEN], const void *packet,
		size_t len)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = from->ifindex,
		.sll_halen = ETH_ALEN };

	memcpy(addr.sll_addr, to, ETH_ALEN);
	sendto(from->sock, packet, len, 0, (const struct sockaddr *)&addr, sizeof(addr));
}

static void
say_v4(const struct from *from, const struct address *address)
{
	static const uint8_t all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct ether_arp arp = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
						 .ar_pro = htons(ETH_P_IP),
						 .ar_hln = ETH_ALEN,
						 .ar_pln = 4,
						 .ar_op = htons(ARPOP_REQUEST) } };

	memcpy(arp.arp_sha, from->mac, ETH_ALEN);
	memcpy(arp.arp_spa, address->bytes, 4);
	memcpy(arp.arp_tpa, address->bytes, 4);
	say(from, ETH_P_ARP, all, &arp, sizeof(arp));
}

struct advertisement {
	struct ip6_hdr ip;
	struct nd_neighbor_advert na;
	struct nd_opt_hdr option; /* target link-layer address */
	uint8_t mac[ETH_ALEN];
};

/* RFC 4443, section 2.3: of the addresses, the length and the next header, and what follows. */
static uint16_t
checksum(const struct advertisement *packet)
{
	const uint8_t *byte = (const uint8_t *)packet + offsetof(struct ip6_hdr, ip6_src);
	const uint8_t *const end = (const uint8_t *)(packet + 1);
	uint32_t sum = sizeof(*packet) - sizeof(packet->ip) + IPPROTO_ICMPV6;

	for (; byte < end; byte += 2)
		sum += (uint32_t)byte[0] << 8 | byte[1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

static void
say_v6(const struct from *from, const struct address *address)
{
	static const uint8_t all[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct advertisement packet = { .option = { ND_OPT_TARGET_LINKADDR, 1 } };

	packet.ip.ip6_flow = htonl(UINT32_C(6) << 28);
	packet.ip.ip6_plen = htons(sizeof(packet) - sizeof(packet.ip));
	packet.ip.ip6_nxt = IPPROTO_ICMPV6;
	packet.ip.ip6_hlim = 255;
	memcpy(&packet.ip.ip6_src, address->bytes, 16);
	inet_pton(AF_INET6, "ff02::1", &packet.ip.ip6_dst);
	packet.na.nd_na_type = ND_NEIGHBOR_ADVERT;
	packet.na.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&packet.na.nd_na_target, address->bytes, 16);
	memcpy(packet.mac, from->mac, ETH_ALEN);
	packet.na.nd_na_cksum = checksum(&packet);
	say(from, ETH_P_IPV6, all, &packet, sizeof(packet));
}

/* In the network namespace, which this process is in from now on. @return whether it is there */
static bool
enter(const struct cni *cni, struct from *from)
{
	struct ifreq request = { 0 };
	const int netns = open(cni->netns, O_RDONLY | O_CLOEXEC);

	if (netns >= 0 && setns(netns, CLONE_NEWNET) == 0)
		from->sock = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (netns >= 0)
		close(netns);
	strncpy(request.ifr_name, cni->ifname, sizeof(request.ifr_name) - 1);
	if (from->sock < 0 || ioctl(from->sock, SIOCGIFINDEX, &request) != 0)
		return false;
	from->ifindex = request.ifr_ifindex;
	if (ioctl(from->sock, SIOCGIFHWADDR, &request) != 0)
		return false;
	memcpy(from->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return true;
}

static void
say_all(const struct from *from, const json_t *ips)
{
	struct address address;
	const json_t *ip;
	size_t i;

	json_array_foreach(ips, i, ip)
	{
		if (!address_parse(json_string_value(json_object_get(ip, "address")), &address))
			continue;
		if (address.family == AF_INET)
			say_v4(from, &address);
		else
			say_v6(from, &address);
	}
}

void
announce(const struct cni *cni, const json_t *ips)
{
	struct from from = { .sock = -1 };

	if (json_array_size(ips) > 0 && enter(cni, &from))
		say_all(&from, ips);
	if (from.sock >= 0)
		close(from.sock);
}
