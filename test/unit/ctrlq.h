/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTRLQ_H
#define CTRLQ_H

#include "rig.h"

/* The driver's end of a control queue, of a device with several queue pairs. */

#define CTRLQ_PAIRS 4
#define CTRLQ_INDEX (2 * CTRLQ_PAIRS)

/* Where commands and their acknowledgement are; behind all other buffers. */
#define CTRLQ_CMD (RIG_BUFFERS + (6ull << 20))
#define CTRLQ_ACK (RIG_BUFFERS + (7ull << 20))

/* Room for the acknowledgement and a result behind it. */
#define CTRLQ_ROOM 16

/* Multi-queue by the control queue, and these in addition. */
void ctrlq_up(struct rig *b, unsigned int variant, uint64_t features);

/* Where it is to a driver that negotiated what the rig says (virtio 1.2, 5.1.2). */
uint16_t ctrlq_index(const struct rig *b);

/* Make a command available: header, data, room for the acknowledgement. */
void ctrlq_add(struct rig *b, uint8_t class, uint8_t cmd, const void *data, uint32_t len);

/* Wait for the next used buffer of the control queue; false after UNIT_LIMIT_S. */
bool ctrlq_wait(struct rig *b);

/* A command; what the device answers. */
uint8_t ctrlq_ask(struct rig *b, uint8_t class, uint8_t cmd, const void *data, uint32_t len);

/* Give a receive queue a buffer to take a frame of up to 2000 bytes into. */
void ctrlq_offer(struct rig *b, uint16_t pair);

/* Collect it; where its bytes are, behind the header, and how many. NULL: none was used. */
const uint8_t *ctrlq_got(struct rig *b, uint16_t pair, uint32_t *len);

#endif /* CTRLQ_H */
