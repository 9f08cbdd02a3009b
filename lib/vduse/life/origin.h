/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_ORIGIN_H
#define VDUSE_ORIGIN_H

#include <stdbool.h>

/** How a process comes by a device: NAME, the word of it in telemetry, what it means. */
#define VDUSE_ORIGINS(X)                                                               \
	X(CREATE, "created", "it was not there")                                       \
	X(ADOPT, "adopted", "somebody else made it, and no state file tells of it")    \
	X(RESUME, "resumed", "by the state file of a process before, which has ended") \
	X(TAKE_OVER, "taken over", "from the process that serves it, which goes on until then")

enum vduse_origin {
#define VDUSE_ORIGIN(name, word, meaning) VDUSE_ORIGIN_##name,
	VDUSE_ORIGINS(VDUSE_ORIGIN)
#undef VDUSE_ORIGIN
			VDUSE_ORIGIN_NB,
};

/** What a process before has left in the state folder: NAME, the word of it, what it means. */
#define VDUSE_TRACES(X)                                               \
	X(NONE, "none", "nothing, or no folder")                      \
	X(CREATING, "creating", "of a process that died creating it") \
	X(SERVED, "served", "of a device that was served")            \
	X(UNREADABLE, "unreadable", "of another version, or damaged")

enum vduse_trace {
#define VDUSE_TRACE(name, word, meaning) VDUSE_TRACE_##name,
	VDUSE_TRACES(VDUSE_TRACE)
#undef VDUSE_TRACE
			VDUSE_TRACE_NB,
};

/** What is to be looked after before a device is created. */
enum vduse_sweep {
	VDUSE_SWEEP_NONE,
	VDUSE_SWEEP_HALF_MADE, /**< what died while it was created is in the way */
	VDUSE_SWEEP_UNKNOWN,   /**< a device that is in use, and of which nothing is known, stays */
};

/** What is tried, one after the other, until there is the device. */
struct vduse_origin_row {
	enum vduse_sweep sweep;
	unsigned int nb;
	enum vduse_origin tries[3];
};

/**
 * The table of origins.
 *
 * @param served a process serves the device, and is ready to give it to this one
 * @param adopt the owner asks for a device of somebody else's, where there is one
 */
const struct vduse_origin_row *vduse_origin_row(bool served, enum vduse_trace trace, bool adopt);

/** The word of it, a string that stays. */
const char *vduse_origin_word(enum vduse_origin origin);

/** The word of it, a string that stays. */
const char *vduse_trace_word(enum vduse_trace trace);

#endif /* VDUSE_ORIGIN_H */
