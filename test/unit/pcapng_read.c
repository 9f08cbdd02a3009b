/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "pcapng_read.h"

void
read_all(struct read_capture *r, int fd)
{
	ssize_t n;

	do {
		if (r->n == r->room) {
			r->room = r->room == 0 ? 65536 : 2 * r->room;
			r->bytes = realloc(r->bytes, r->room);
			assert_non_null(r->bytes);
		}
		n = read(fd, r->bytes + r->n, r->room - r->n);
		assert_true(n >= 0);
		r->n += (size_t)n;
	} while (n > 0);
	close(fd);
}

static uint32_t
word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t
value(const uint8_t *at)
{
	uint64_t whole;

	memcpy(&whole, at, sizeof(whole));
	return whole;
}

/* The next option. Return: its code; 0: there is none. */
static unsigned int
option(const uint8_t **at, const uint8_t *end, const uint8_t **bytes, uint32_t *n)
{
	unsigned int code;

	assert_true(*at + 4 <= end);
	code = word(*at) & 0xffff;
	*n = word(*at) >> 16;
	*bytes = *at + 4;
	*at += 4 + (*n + 3) / 4 * 4;
	assert_true(*at <= end);
	if (code == 0)
		assert_true(*n == 0 && *at == end);
	return code;
}

static void
read_interface(struct read_capture *r, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *bytes;
	unsigned int code;
	uint32_t n;

	assert_int_equal(word(at) & 0xffff, 1);
	r->snaplen = word(at + 4);
	at += 8;
	while ((code = option(&at, end, &bytes, &n)) != 0) {
		if (code == 2)
			snprintf(r->name, sizeof(r->name), "%.*s", (int)n, (const char *)bytes);
		if (code == 3)
			snprintf(r->description, sizeof(r->description), "%.*s", (int)n,
					(const char *)bytes);
		if (code == 9)
			assert_int_equal(bytes[0], 9);
	}
}

static void
read_packet(struct read_capture *r, const uint8_t *at, const uint8_t *end)
{
	struct read_packet *p = &r->packets[r->nb_packets++];
	const uint8_t *bytes;
	unsigned int code;
	uint32_t n;

	assert_true(r->nb_packets <= READ_PACKETS);
	memset(p, 0, sizeof(*p));
	assert_int_equal(word(at), 0);
	p->ns = (uint64_t)word(at + 4) << 32 | word(at + 8);
	p->caplen = word(at + 12);
	p->len = word(at + 16);
	p->bytes = at + 20;
	at += 20 + (p->caplen + 3) / 4 * 4;
	while ((code = option(&at, end, &bytes, &n)) != 0) {
		if (code == 1)
			snprintf(p->comment, sizeof(p->comment), "%.*s", (int)n,
					(const char *)bytes);
		if (code == 2)
			p->flags = word(bytes);
		if (code == 6)
			p->queue = word(bytes);
	}
}

static void
read_statistics(struct read_capture *r, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *bytes;
	unsigned int code;
	uint32_t n;

	assert_false(r->ended);
	r->nb_statistics++;
	at += 12;
	while ((code = option(&at, end, &bytes, &n)) != 0) {
		assert_int_equal(n, 8);
		if (code == 3)
			r->ended = true;
		if (code == 4)
			r->received = value(bytes);
		if (code == 5)
			r->dropped = value(bytes);
		if (code == 6)
			r->accepted = value(bytes);
		if (code == 8)
			r->delivered = value(bytes);
	}
}

void
read_blocks(struct read_capture *r)
{
	const uint8_t *at = r->bytes, *end;
	unsigned int i;
	uint32_t len;

	for (i = 0; at < r->bytes + r->n; i++, at += len) {
		assert_true(at + 12 <= r->bytes + r->n);
		len = word(at + 4);
		assert_true(len % 4 == 0 && at + len <= r->bytes + r->n);
		end = at + len - 4;
		assert_int_equal(word(end), len);
		if (i == 0)
			assert_true(word(at) == 0x0a0d0d0a && word(at + 8) == 0x1a2b3c4d);
		else if (i == 1)
			read_interface(r, at + 8, end);
		else if (word(at) == 6)
			read_packet(r, at + 8, end);
		else if (word(at) == 5)
			read_statistics(r, at + 8, end);
		else
			fail_msg("block of type %u", word(at));
	}
	assert_true(i >= 2);
}

void
read_by_libpcap(const struct read_capture *r)
{
	FILE *file = fmemopen(r->bytes, r->n, "r");
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const struct read_packet *p;
	const u_char *bytes;
	unsigned int i;
	pcap_t *pcap;

	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (pcap == NULL)
		fail_msg("%s", error);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	for (i = 0; i < r->nb_packets; i++) {
		p = &r->packets[i];
		assert_int_equal(pcap_next_ex(pcap, &head, &bytes), 1);
		assert_int_equal(head->caplen, p->caplen);
		assert_int_equal(head->len, p->len);
		assert_int_equal(
				(uint64_t)head->ts.tv_sec * 1000000000 + (uint64_t)head->ts.tv_usec,
				p->ns);
		assert_memory_equal(bytes, p->bytes, p->caplen);
	}
	assert_int_equal(pcap_next_ex(pcap, &head, &bytes), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

void
read_free(struct read_capture *r)
{
	free(r->bytes);
	memset(r, 0, sizeof(*r));
}
