/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "rate.h"

void
rate_init(struct rate *rate, uint64_t per_second, uint64_t burst)
{
	struct rte_meter_srtcm_params params = { .cir = per_second, .cbs = burst, .ebs = 0 };

	memset(rate, 0, sizeof(*rate));
	rte_spinlock_init(&rate->lock);
	rate->on = per_second != 0;
	if (!rate->on)
		return;
	/* neither is zero: it cannot fail */
	rte_meter_srtcm_profile_config(&rate->profile, &params);
	rte_meter_srtcm_config(&rate->meter, &rate->profile);
}
