/* SPDX-License-Identifier: BSD-3-Clause */

/* Blocks of a capture on their way through: how many frames there were, and its last word. */

#ifndef CTL_STREAM_H
#define CTL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a block that are looked at. */
#define STREAM_HEAD 256

struct stream {
	uint8_t head[STREAM_HEAD]; /* of the block that is passing */
	uint32_t at;               /* bytes of it that have passed */
	uint32_t len;              /* of it; 0: not known yet */
	uint64_t packets;
	uint64_t received, dropped; /* of the last statistics block */
	bool ended;                 /* that was the last */
};

/** Bytes pass. @return false: this is no pcapng */
bool stream_pass(struct stream *stream, const uint8_t *bytes, size_t n);

#endif /* CTL_STREAM_H */
