/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SOAK_FRAME_H
#define SOAK_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Frames of the soak: numbered, and every byte is known. Both sides look at all of them. */

#define SOAK_FRAME_MIN 60
#define SOAK_FRAME_MAX 1514
#define SOAK_MAGIC     0x736f616bu

struct soak_head {
	uint8_t ether[14];
	uint16_t len; /* bytes of the frame */
	uint32_t magic;
	uint64_t number;
} __attribute__((packed));

static inline uint8_t
soak_byte(uint64_t number, uint32_t at)
{
	return (number * 2654435761u + at * 40503u) >> 11;
}

static inline uint16_t
soak_length(uint64_t number)
{
	return SOAK_FRAME_MIN +
	       (number * 0x9e3779b97f4a7c15ull >> 40) % (SOAK_FRAME_MAX - SOAK_FRAME_MIN + 1);
}

static inline void
soak_write(uint8_t *frame, uint64_t number)
{
	struct soak_head head = {
		.len = soak_length(number), .magic = SOAK_MAGIC, .number = number
	};
	uint32_t at;

	/* a unicast address, and an EtherType for experiments (IEEE 802) */
	memcpy(head.ether, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x88\xb5", sizeof(head.ether));
	memcpy(frame, &head, sizeof(head));
	for (at = sizeof(head); at < head.len; at++)
		frame[at] = soak_byte(number, at);
}

/* Whether it is one of ours, whole; its number. */
static inline bool
soak_check(const uint8_t *frame, uint32_t len, uint64_t *number)
{
	struct soak_head head;
	uint32_t at;

	if (len < SOAK_FRAME_MIN)
		return false;
	memcpy(&head, frame, sizeof(head));
	if (head.magic != SOAK_MAGIC || head.len != len || soak_length(head.number) != len)
		return false;
	for (at = sizeof(head); at < len; at++)
		if (frame[at] != soak_byte(head.number, at))
			return false;
	*number = head.number;
	return true;
}

/* Numbers that a seed decides: xorshift64*. */
static inline uint32_t
soak_random(uint64_t *state, uint32_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1dull >> 33) % below;
}

#endif /* SOAK_FRAME_H */
