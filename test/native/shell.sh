#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# INTERACTIVE=1: a failed case stops with a shell in its place, which has its words, and "exit" goes on.
. "$(dirname "$0")/lib.sh"

# fails NAME [VARIABLE...]: test/run with a case that fails, and these words typed in; what it says is in $said.
fails() {
	local name=$1
	shift
	said=$work/said.log
	printf '%s\n' 'echo "number $((number * 7))"' 'say "a function"' exit |
		env -u VDUSE_EMU_DIR CI= TEST_CASES= TEST_BUILT=yes TEST_LOGS="$work/run" "$@" "$pages/test/run" "$name" >"$said" 2>&1 || true
	grep -q "^FAIL $name/on_purpose" "$said" || { log said; fail "it does not say that the case failed"; }
	grep -q "^PASS $name/next" "$said" || { log said; fail "it does not go on"; }
	grep -q "^# on purpose: 6" "$said" || { log said; fail "the cause is not there"; }
}

# shell NAME [VARIABLE]
shell() {
	fails "$1" "${2:-INTERACTIVE=1}"
	grep -aq 'number 42' "$said" && grep -aq '# a function' "$said" || { log said 40; fail "no shell of the case"; }
}

case_not_asked() {
	fails native/fails
	! grep -aq 'number 42' "$said" || fail "a shell that was not asked for"
}

case_run shell/not_asked case_not_asked
case_run shell/native shell native/fails
case_run shell/pause shell native/fails PAUSE_ON_FAILURE=1
case_long shell/system shell system/6.12/fails
exit $group_status
