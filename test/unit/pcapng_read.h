/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PCAPNG_READ_H
#define PCAPNG_READ_H

/* What a capture has written, block by block, options too, which libpcap's reader passes over. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READ_PACKETS 4096

struct read_packet {
	uint64_t ns;
	uint32_t caplen, len, flags, queue;
	const uint8_t *bytes;
	char comment[128]; /* "": none */
};

struct read_capture {
	uint8_t *bytes;
	size_t n, room;
	char name[64], description[128];
	uint32_t snaplen;
	unsigned int nb_packets;
	struct read_packet packets[READ_PACKETS];
	unsigned int nb_statistics;
	uint64_t received, accepted, dropped, delivered; /* of the last ones */
	bool ended;
};

/* Of a packet's flags. */
#define READ_IN      UINT32_C(1)
#define READ_OUT     UINT32_C(2)
#define READ_WAY     UINT32_C(3)
#define READ_PARTIAL (UINT32_C(1) << 9)
#define READ_GSO     (UINT32_C(1) << 11)

/* All that comes until the other end is closed. */
void read_all(struct read_capture *r, int fd);
/* The blocks of it, each whole. */
void read_blocks(struct read_capture *r);
/* libpcap's reader takes it too, and finds as many packets of the same bytes. */
void read_by_libpcap(const struct read_capture *r);
void read_free(struct read_capture *r);

#endif /* PCAPNG_READ_H */
