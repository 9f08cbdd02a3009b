/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_RATE_H
#define VEB_RATE_H

/* A token bucket, of bytes or of frames. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_meter.h>
#include <rte_spinlock.h>

struct rate {
	bool on;
	bool begun; /* something came */
	rte_spinlock_t lock;
	struct rte_meter_srtcm meter;
	struct rte_meter_srtcm_profile profile;
};

/*
 * So many a second, and so many at once, of whatever is counted; 0 a second: no bound.
 * The bucket is full at first.
 */
void rate_init(struct rate *rate, uint64_t per_second, uint64_t burst);

/* Whether n more may pass at that time, in cycles; then the bucket has less. Any lcore. */
static inline bool
rate_take(struct rate *rate, uint64_t now, uint32_t n)
{
	enum rte_color color;

	rte_spinlock_lock(&rate->lock);
	if (unlikely(!rate->begun)) {
		rate->begun = true;
		rate->meter.time = now;
	}
	/* lcores look at the clock one after the other, and come here in another order */
	if (now < rate->meter.time)
		now = rate->meter.time;
	color = rte_meter_srtcm_color_blind_check(&rate->meter, &rate->profile, now, n);
	rte_spinlock_unlock(&rate->lock);
	return color == RTE_COLOR_GREEN;
}

#endif /* VEB_RATE_H */
