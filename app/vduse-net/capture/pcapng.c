/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "pcapng.h"

/* Block types, and options (sections 4.1 to 4.6). */
#define SECTION          UINT32_C(0x0a0d0d0a)
#define INTERFACE        UINT32_C(1)
#define STATISTICS       UINT32_C(5)
#define PACKET           UINT32_C(6)
#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)

#define OPT_COMMENT      1
#define SHB_USERAPPL     4
#define IF_NAME          2
#define IF_DESCRIPTION   3
#define IF_MACADDR       6
#define IF_TSRESOL       9
#define EPB_FLAGS        2
#define EPB_QUEUE        6
#define ISB_STARTTIME    2
#define ISB_ENDTIME      3
#define ISB_IFRECV       4
#define ISB_IFDROP       5
#define ISB_FILTERACCEPT 6
#define ISB_USRDELIV     8

/* Of EPB_FLAGS: the direction, and what the interface was to do (section 4.3.1). */
#define FLAG_INBOUND  UINT32_C(1)
#define FLAG_OUTBOUND UINT32_C(2)
#define FLAG_PARTIAL  (UINT32_C(1) << 9)
#define FLAG_GSO      (UINT32_C(1) << 11)

#define ETHERNET    1
#define NANOSECONDS 9

/* Longest text of an option. */
#define TEXT_MAX 384

struct block {
	uint8_t *bytes;
	size_t n;
};

static void
put(struct block *b, const void *bytes, size_t n)
{
	memcpy(b->bytes + b->n, bytes, n);
	b->n += n;
	for (; b->n % sizeof(uint32_t) != 0; b->n++)
		b->bytes[b->n] = 0;
}

static void
put_32(struct block *b, uint32_t value)
{
	put(b, &value, sizeof(value));
}

static struct block
begin(void *buf, uint32_t type)
{
	struct block b = { .bytes = buf };

	put_32(&b, type);
	put_32(&b, 0);
	return b;
}

/* Its length, at both ends. Return: it. */
static size_t
end(struct block *b)
{
	const uint32_t len = b->n + sizeof(uint32_t);

	memcpy(b->bytes + sizeof(uint32_t), &len, sizeof(len));
	put_32(b, len);
	return b->n;
}

static void
option(struct block *b, uint16_t code, const void *value, size_t n)
{
	const uint16_t head[] = { code, (uint16_t)n };

	put(b, head, sizeof(head));
	put(b, value, n);
}

static void
option_text(struct block *b, uint16_t code, const char *text)
{
	option(b, code, text, strnlen(text, TEXT_MAX));
}

/* Two halves, the high one first, in any byte order. */
static void
split(uint64_t value, uint32_t halves[2])
{
	halves[0] = (uint32_t)(value >> 32);
	halves[1] = (uint32_t)value;
}

static void
option_time(struct block *b, uint16_t code, uint64_t ns)
{
	uint32_t halves[2];

	split(ns, halves);
	option(b, code, halves, sizeof(halves));
}

size_t
pcapng_section(void *buf, const char *application)
{
	const uint16_t version[] = { 1, 0 };
	const uint64_t length = UINT64_MAX; /* not known */
	struct block b = begin(buf, SECTION);

	put_32(&b, BYTE_ORDER_MAGIC);
	put(&b, version, sizeof(version));
	put(&b, &length, sizeof(length));
	option_text(&b, SHB_USERAPPL, application);
	put_32(&b, 0);
	return end(&b);
}

size_t
pcapng_interface(void *buf, const struct pcapng_interface *interface)
{
	const uint16_t type[] = { ETHERNET, 0 };
	const uint8_t resolution = NANOSECONDS;
	struct block b = begin(buf, INTERFACE);

	put(&b, type, sizeof(type));
	put_32(&b, interface->snaplen);
	option_text(&b, IF_NAME, interface->name);
	option_text(&b, IF_DESCRIPTION, interface->description);
	if (interface->mac != NULL)
		option(&b, IF_MACADDR, interface->mac, 6);
	option(&b, IF_TSRESOL, &resolution, sizeof(resolution));
	put_32(&b, 0);
	return end(&b);
}

size_t
pcapng_packet(void *buf, const struct pcapng_packet *packet)
{
	const uint32_t flags = (packet->in ? FLAG_INBOUND : FLAG_OUTBOUND) |
			       (packet->partial ? FLAG_PARTIAL : 0) | (packet->gso ? FLAG_GSO : 0);
	const uint32_t queue = packet->queue;
	struct block b = begin(buf, PACKET);
	uint32_t when[2];

	split(packet->ns, when);
	put_32(&b, 0); /* the one interface */
	put(&b, when, sizeof(when));
	put_32(&b, packet->caplen);
	put_32(&b, packet->len);
	put(&b, packet->bytes, packet->caplen);
	option(&b, EPB_FLAGS, &flags, sizeof(flags));
	option(&b, EPB_QUEUE, &queue, sizeof(queue));
	if (packet->comment != NULL)
		option_text(&b, OPT_COMMENT, packet->comment);
	put_32(&b, 0);
	return end(&b);
}

size_t
pcapng_statistics(void *buf, const struct pcapng_statistics *statistics)
{
	struct block b = begin(buf, STATISTICS);
	uint32_t when[2];

	split(statistics->ns, when);
	put_32(&b, 0);
	put(&b, when, sizeof(when));
	option_time(&b, ISB_STARTTIME, statistics->begun);
	if (statistics->ended != 0)
		option_time(&b, ISB_ENDTIME, statistics->ended);
	option(&b, ISB_IFRECV, &statistics->received, sizeof(uint64_t));
	option(&b, ISB_IFDROP, &statistics->dropped, sizeof(uint64_t));
	option(&b, ISB_FILTERACCEPT, &statistics->accepted, sizeof(uint64_t));
	option(&b, ISB_USRDELIV, &statistics->delivered, sizeof(uint64_t));
	put_32(&b, 0);
	return end(&b);
}
