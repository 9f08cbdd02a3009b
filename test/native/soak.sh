#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Short forms of test/soak/run, each on a broker of its own: a driver that is killed, resets,
# negotiates anew and moves its memory under traffic, and every frame accounted for at the end; and
# the same while the back end is killed.
. "$(dirname "$0")/lib.sh"

soak() {
	local name=$1
	shift
	rm -rf "$work/soak-$name"
	env -u VDUSE_EMU_DIR -u VDUSE_EMU_LIB "$(dirname "$0")/../soak/run" -b "$build" \
		-o "$work/soak-$name" "$@" >"$work/soak-$name.log" 2>&1 ||
		{ sed 's/^\(# \)*/# /' "$work/soak-$name.log"; exit 1; }
	grep -E '^# (front|back): ' "$work/soak-$name.log"
}

case_run soak/random soak random -K 0 20
case_long soak/back-kills soak back-kills -K 50 10
case_long soak/kills soak kills -k 30 300
exit $group_status
