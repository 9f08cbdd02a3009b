/* SPDX-License-Identifier: BSD-3-Clause */

#include "life/origin.h"

#define TRY(name) VDUSE_ORIGIN_##name

static const struct vduse_origin_row origin_served = { .nb = 1, .tries = { TRY(TAKE_OVER) } };

/* By what is in the state folder, and whether a device of somebody else's will do. */
static const struct vduse_origin_row origin_rows[VDUSE_TRACE_NB][2] = {
	[VDUSE_TRACE_NONE] = {
		[false] = { VDUSE_SWEEP_NONE, 1, { TRY(CREATE) } },
		[true] = { VDUSE_SWEEP_NONE, 2, { TRY(ADOPT), TRY(CREATE) } },
	},
	[VDUSE_TRACE_CREATING] = {
		[false] = { VDUSE_SWEEP_HALF_MADE, 1, { TRY(CREATE) } },
		[true] = { VDUSE_SWEEP_NONE, 2, { TRY(ADOPT), TRY(CREATE) } },
	},
	[VDUSE_TRACE_SERVED] = {
		[false] = { VDUSE_SWEEP_NONE, 2, { TRY(RESUME), TRY(CREATE) } },
		[true] = { VDUSE_SWEEP_NONE, 3, { TRY(RESUME), TRY(ADOPT), TRY(CREATE) } },
	},
	[VDUSE_TRACE_UNREADABLE] = {
		[false] = { VDUSE_SWEEP_UNKNOWN, 1, { TRY(CREATE) } },
		[true] = { VDUSE_SWEEP_NONE, 2, { TRY(ADOPT), TRY(CREATE) } },
	},
};

const struct vduse_origin_row *
vduse_origin_row(bool served, enum vduse_trace trace, bool adopt)
{
	return served ? &origin_served : &origin_rows[trace][adopt];
}

const char *
vduse_origin_word(enum vduse_origin origin)
{
	static const char *const words[] = {
#define WORD(name, word, meaning) [VDUSE_ORIGIN_##name] = word,
		VDUSE_ORIGINS(WORD)
#undef WORD
	};

	return words[origin];
}

const char *
vduse_trace_word(enum vduse_trace trace)
{
	static const char *const words[] = {
#define WORD(name, word, meaning) [VDUSE_TRACE_##name] = word,
		VDUSE_TRACES(WORD)
#undef WORD
	};

	return words[trace];
}
