/* SPDX-License-Identifier: BSD-3-Clause */

/* What a wire's options are as devargs of the PMD. */

#include <errno.h>
#include <stdarg.h>

#include "args.h"

/* Append to a string of len bytes at *at; an overflow is seen as *at >= len. */
static void __rte_format_printf(4, 5)
		append(char *buf, size_t len, size_t *at, const char *fmt, ...)
{
	va_list ap;

	if (*at >= len)
		return;
	va_start(ap, fmt);
	*at += vsnprintf(buf + *at, len - *at, fmt, ap);
	va_end(ap);
}

int
args_devargs(const struct wire_args *wire, uint32_t speed, char *buf, size_t len)
{
	size_t at = 0;

	append(buf, len, &at, "name=%s", wire->name);
	if (!rte_is_zero_ether_addr(&wire->mac))
		append(buf, len, &at, ",mac=" RTE_ETHER_ADDR_PRT_FMT,
				RTE_ETHER_ADDR_BYTES(&wire->mac));
	if (wire->mtu != 0)
		append(buf, len, &at, ",mtu=%u", wire->mtu);
	if (wire->queue_size != 0)
		append(buf, len, &at, ",queue-size=%u", wire->queue_size);
	if (wire->queues != 0)
		append(buf, len, &at, ",queues=%u", wire->queues);
	if (wire->mq_fallback)
		append(buf, len, &at, ",mq-fallback=1");
	if (wire->zero_copy)
		append(buf, len, &at, ",zero-copy=1");
	/* the other port may complete checksums; else fwd.c does */
	append(buf, len, &at, ",csum=partial,profile=%s", wire->profile);
	if (speed != 0)
		append(buf, len, &at, ",speed=%u", speed);
	if (wire->standby)
		append(buf, len, &at, ",standby=1");
	append(buf, len, &at, "%s,attach=%s", wire->extra, wire->attach);
	return at < len ? 0 : -ENAMETOOLONG;
}
