/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "stream.h"

/* Block types and options of pcapng (draft-ietf-opsawg-pcapng, sections 4.3 and 4.6). */
#define STATISTICS  5
#define PACKET      6
#define ISB_ENDTIME 3
#define ISB_IFRECV  4
#define ISB_IFDROP  5

#define HEADER    8  /* bytes: type and length */
#define BLOCK_MIN 12 /* and the length once more */
#define ISB_FIXED 20 /* bytes before the options */
#define BLOCK_MAX (1u << 20)

static uint32_t
word_at(const struct stream *s, uint32_t at)
{
	uint32_t word;

	memcpy(&word, s->head + at, sizeof(word));
	return word;
}

static uint64_t
value_at(const struct stream *s, uint32_t at)
{
	uint64_t value;

	memcpy(&value, s->head + at, sizeof(value));
	return value;
}

/* Options: code and length, value, up to a multiple of 4. */
static void
read_statistics(struct stream *s)
{
	const uint32_t end = s->len < STREAM_HEAD ? s->len - 4 : STREAM_HEAD;
	uint32_t at = ISB_FIXED, code, len;

	for (; at + 4 <= end; at += 4 + (len + 3) / 4 * 4) {
		code = word_at(s, at) & UINT16_MAX;
		len = word_at(s, at) >> 16;
		if (code == 0 || at + 4 + len > end)
			break;
		if (code == ISB_ENDTIME)
			s->ended = true;
		if (code == ISB_IFRECV && len == sizeof(uint64_t))
			s->received = value_at(s, at + 4);
		if (code == ISB_IFDROP && len == sizeof(uint64_t))
			s->dropped = value_at(s, at + 4);
	}
}

static void
end_block(struct stream *s)
{
	if (word_at(s, 0) == PACKET)
		s->packets++;
	if (word_at(s, 0) == STATISTICS && s->len >= ISB_FIXED + 4)
		read_statistics(s);
	s->at = s->len = 0;
}

bool
stream_pass(struct stream *s, const uint8_t *bytes, size_t n)
{
	uint32_t part;

	while (n > 0) {
		part = (s->len != 0 ? s->len : HEADER) - s->at;
		part = part < n ? part : (uint32_t)n;
		if (s->at < STREAM_HEAD)
			memcpy(s->head + s->at, bytes,
					part < STREAM_HEAD - s->at ? part : STREAM_HEAD - s->at);
		s->at += part;
		bytes += part;
		n -= part;
		if (s->len == 0 && s->at == HEADER)
			s->len = word_at(s, 4);
		if (s->len != 0 && (s->len < BLOCK_MIN || s->len > BLOCK_MAX))
			return false;
		if (s->len != 0 && s->at == s->len)
			end_block(s);
	}
	return true;
}
