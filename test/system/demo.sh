#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The scene of usertools/vduse-demo, as it shows it: each line that it promises, and nothing left.
# Run: all
# Kernels: one
# shellcheck source=lib.sh
. /vm/system/lib.sh

case_shown() {
	VDUSE_DEMO_LOGS=$VM_RESULT /vm/demo/vduse-demo-containers 1 >"$VM_RESULT/demo.log" 2>&1 ||
		fail "it fails: $(tail -n 5 "$VM_RESULT/demo.log")"
	sed 's/^/# /' "$VM_RESULT/demo.log"
	local line podman='podman run gets its interface and 10.111.0.100, answers, and podman rm takes both back'
	# demo.files has none for that processor
	[ "$(uname -m)" != aarch64 ] || podman='not shown: no podman'
	for line in 'ping          100 of 100, and to the outside 20 of 20' \
		'demo-c1 > demo-c2   .*bits/sec, demo-c4 added and removed [1-9]' \
		"Podman        $podman" \
		'clean stop, nothing left in /dev/vduse'; do
		grep -q "^    $line" "$VM_RESULT/demo.log" || fail "it does not show: $line"
	done
	nothing_left
}

after_case() {
	clean_slate
}

case_run demo/shown case_shown
exit 0
