/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

size_t
address_size(const struct address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

bool
address_parse(const char *text, struct address *address)
{
	const size_t len = text != NULL ? strcspn(text, "/") : 0;
	unsigned long bits, all;
	char host[INET6_ADDRSTRLEN];

	if (text == NULL || len >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	memset(address, 0, sizeof(*address));
	address->family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
	all = 8 * address_size(address);
	bits = text[len] == '/' ? strtoul(text + len + 1, NULL, 10) : all;
	if (bits > all || (text[len] == '/' && !isdigit((unsigned char)text[len + 1])))
		return false;
	address->bits = (uint8_t)bits;
	return inet_pton(address->family, host, address->bytes) == 1;
}

bool
address_is_in(const struct address *address, const struct address *subnet)
{
	const unsigned int bytes = subnet->bits / 8;
	const uint8_t mask = (uint8_t)(0xff00 >> subnet->bits % 8);

	return address->family == subnet->family &&
	       memcmp(address->bytes, subnet->bytes, bytes) == 0 &&
	       (mask == 0 || ((address->bytes[bytes] ^ subnet->bytes[bytes]) & mask) == 0);
}
