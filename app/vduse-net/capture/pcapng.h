/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks of the pcapng format (draft-ietf-opsawg-pcapng), in the host's byte order. Not by
 * rte_pcapng: its interfaces are ethdev ports, which containers are not; in DPDK 22.11 its packets
 * have no comments, and it writes to a file that it may wait for.
 */

#ifndef CAPTURE_PCAPNG_H
#define CAPTURE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of each but a packet, at most; and of a packet beside its frame. */
#define PCAPNG_BLOCK_MAX  1024
#define PCAPNG_PACKET_MAX 256

struct pcapng_interface {
	const char *name;
	const char *description;
	const uint8_t *mac; /* NULL: none */
	uint32_t snaplen;
};

struct pcapng_packet {
	uint64_t ns; /* since 1970 */
	const void *bytes;
	uint32_t caplen;
	uint32_t len;
	bool in; /* to the interface */
	uint16_t queue;
	bool partial;        /* its checksum is still to be made */
	bool gso;            /* and it is to be cut */
	const char *comment; /* or NULL; up to 128 bytes */
};

struct pcapng_statistics {
	uint64_t ns, begun, ended; /* since 1970; ended 0: it goes on */
	uint64_t received;         /* frames that there were, */
	uint64_t accepted;         /* that the filter took, */
	uint64_t dropped;          /* of these left out for want of room, */
	uint64_t delivered;        /* and written */
};

/* Each returns the bytes that were written to buf, which has room for the most. */
size_t pcapng_section(void *buf, const char *application);
size_t pcapng_interface(void *buf, const struct pcapng_interface *interface);
size_t pcapng_packet(void *buf, const struct pcapng_packet *packet);
size_t pcapng_statistics(void *buf, const struct pcapng_statistics *statistics);

#endif /* CAPTURE_PCAPNG_H */
