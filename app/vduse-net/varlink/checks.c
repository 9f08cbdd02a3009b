/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "words.h"

/* Decimal digits up to the end, no more than max. Return: the number, or -1. */
static long
number(const char *text, const char *end, long max)
{
	long n = 0;

	if (text == end)
		return -1;
	for (; text < end; text++) {
		if (!isdigit((unsigned char)*text))
			return -1;
		n = n * 10 + (*text - '0');
		if (n > max)
			return -1;
	}
	return n;
}

const char *
control_check_name(const char *text)
{
	const char *c;

	for (c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("_.-", *c) == NULL)
			break;
	return *c == '\0' && text[0] != '-' && text[0] != '.'
			       ? NULL
			       : "letters, digits, and _ . - not in front";
}

const char *
control_check_device(const char *text)
{
	const char *c;

	for (c = text; isgraph((unsigned char)*c) && strchr("/,=[]\"'#\\", *c) == NULL; c++)
		;
	return *c == '\0' && strcmp(text, ".") != 0 && strcmp(text, "..") != 0
			       ? NULL
			       : "printable characters without space / , = [ ] \" ' # \\";
}

const char *
control_check_port(const char *text)
{
	const char *c;

	for (c = text; isgraph((unsigned char)*c) && strchr(",\"'#\\", *c) == NULL; c++)
		;
	return *c == '\0' ? NULL : "the name of an ethdev port or a PCI address";
}

const char *
control_check_mac(const char *text)
{
	static const char cure[] = "a unicast address, as 02:00:00:00:00:01";
	bool zero = true;
	size_t i;

	if (strlen(text) != 17)
		return cure;
	for (i = 0; i < 17; i++) {
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return cure;
		zero = zero && (i % 3 == 2 || text[i] == '0');
	}
	return zero || (strtoul(text, NULL, 16) & 1) != 0 ? cure : NULL;
}

/* "20" or "20-29". */
static bool
is_range(const char *text, long min, long max)
{
	const char *end = text + strlen(text), *dash = strchr(text, '-');
	const long first = number(text, dash != NULL ? dash : end, max);
	const long last = dash != NULL ? number(dash + 1, end, max) : first;

	return first >= min && last >= first;
}

const char *
control_check_vlans(const char *text)
{
	return is_range(text, 1, 4094) ? NULL : "1 to 4094, or a range as 20-29";
}

const char *
control_check_lcores(const char *text)
{
	return is_range(text, 0, CONTROL_LCORE_MAX) ? NULL : "an lcore's number, or a range as 4-5";
}

/* Return: whether the bytes are an address, and what is behind them a length of its prefix. */
static bool
is_prefix(const char *text, size_t len, bool must)
{
	const char *end = text + len, *slash = memchr(text, '/', len);
	char address[INET6_ADDRSTRLEN], bytes[16];
	int max;

	if (slash == NULL && must)
		return false;
	len = slash != NULL ? (size_t)(slash - text) : len;
	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, bytes) == 1)
		max = 32;
	else if (inet_pton(AF_INET6, address, bytes) == 1)
		max = 128;
	else
		return false;
	return slash == NULL || number(slash + 1, end, max) >= 0;
}

const char *
control_check_prefix(const char *text)
{
	return is_prefix(text, strlen(text), false) ? NULL : "an IP address, or one with /LENGTH";
}

const char *
control_check_cidr(const char *text)
{
	return is_prefix(text, strlen(text), true) ? NULL : "an IP address with /LENGTH";
}

/* "ADDRESS" or "ADDRESS metric N", N from 1 on: 0 is the kernel's own choice for IPv6. */
static bool
is_gateway(const char *text)
{
	const size_t len = strcspn(text, " ");
	const char *more = text + len;

	return memchr(text, '/', len) == NULL && is_prefix(text, len, false) &&
	       (*more == '\0' || (strncmp(more, " metric ", 8) == 0 &&
						 number(more + 8, more + strlen(more), UINT32_MAX) >
								 0));
}

const char *
control_check_route(const char *text)
{
	const char *via = strstr(text, " via ");
	const size_t len = via != NULL ? (size_t)(via - text) : 0;

	if (via != NULL &&
			((len == 7 && memcmp(text, "default", 7) == 0) ||
					is_prefix(text, len, true)) &&
			is_gateway(via + 5))
		return NULL;
	return "\"DESTINATION/LENGTH via ADDRESS\" or \"default via ADDRESS\", or these with "
	       "\"metric N\"";
}

const char *
control_check_path(const char *text)
{
	const char *c;

	for (c = text; *c != '\0' && !iscntrl((unsigned char)*c); c++)
		;
	return text[0] == '/' && *c == '\0' ? NULL : "an absolute path, as /run/netns/c1";
}

const char *
control_check_interface(const char *text)
{
	const char *c;

	for (c = text; isgraph((unsigned char)*c) && strchr("/:%\"'#\\", *c) == NULL; c++)
		;
	return *c == '\0' && strcmp(text, ".") != 0 && strcmp(text, "..") != 0
			       ? NULL
			       : "1 to 15 printable characters without space / : % \" ' # \\";
}
