/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_PROBE_DROP_H
#define VEB_PROBE_DROP_H

#include <stdint.h>

#include "usdt.h"
#include "veb.h"

#define REASON(reason, name)                      \
	case VEB_DROP_##reason:                   \
		USDT(vduse_bridge, name, who, n); \
		break

/** A probe for each reason, as veb_drop_name() has it: the member that counts it, and frames. */
static inline void
veb_probe_drop(enum veb_drop why, const char *who, uint16_t n)
{
	switch (why) {
		REASON(SHORT, too_short);
		REASON(LONG, too_long);
		REASON(VLAN, wrong_VLAN);
		REASON(RESERVED, reserved_address);
		REASON(SPOOF_MAC, spoofed_MAC);
		REASON(SPOOF_IP, spoofed_IP);
		REASON(MOVE, moved_too_soon);
		REASON(TX_RATE, tx_rate);
		REASON(BUM_RATE, bum_rate);
		REASON(UNKNOWN, unknown_address);
		REASON(BACK, back_to_sender);
		REASON(ISOLATED, isolated);
		REASON(LINK, link_down);
		REASON(RX_RATE, rx_rate);
		REASON(FULL, queue_full);
		REASON(NO_BUFFER, no_buffer);
	case VEB_DROPS:
		break;
	}
}

#undef REASON

#endif /* VEB_PROBE_DROP_H */
