#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Run: all
# A test to begin with (test/README.md): two containers answer each other.
# shellcheck source=lib.sh
. /vm/system/lib.sh

case_ping() {
	two_containers --mtu 1400
	ping_ok c1 10.0.0.2 20 -s 1300
	stop "$app_pid"
	nothing_left
}

case_run example/ping case_ping
exit 0
