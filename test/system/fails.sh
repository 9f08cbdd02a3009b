#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Run: named
# A case that fails on purpose, and one behind it: what test/run does then (native/shell.sh).
# shellcheck source=lib.sh
. /vm/system/lib.sh

case_fails() {
	local number=6
	say "it has a number"
	fail "on purpose: $number"
}

case_goes_on() {
	:
}

case_run fails/on_purpose case_fails
case_run fails/next case_goes_on
exit 0
