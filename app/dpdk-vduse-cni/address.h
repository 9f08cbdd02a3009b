/* SPDX-License-Identifier: BSD-3-Clause */

/* IP addresses and subnets. */

#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t bits;   /* of its prefix */
	uint8_t bytes[16];
};

/** "ADDRESS/LENGTH"; without a length: all bits. @return whether it is that */
bool address_parse(const char *text, struct address *address);

/** Bytes of an address of this family. */
size_t address_size(const struct address *address);

/** Whether the bits of the subnet's prefix are those of the address. */
bool address_is_in(const struct address *address, const struct address *subnet);

#endif /* ADDRESS_H */
