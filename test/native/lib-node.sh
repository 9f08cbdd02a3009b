# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The daemon as a node, with ports that need nothing, and vdusectl to it.

vdusectl=$subject/app/vdusectl/vdusectl

node_listens() {
	[ -S "$run/control" ] || ! running "$app_pid"
}

# node_start [OPTION...]: the daemon itself, with the file $work/node.conf; sets app_pid.
node_start() {
	mkdir -m 0700 -p "$run"
	rm -f "$run/control"
	fresh "$work/node.log"
	RUNTIME_DIRECTORY=$run LD_PRELOAD=$preload "$app" -d "$pmd" -l 0,1 --no-pci --no-huge --no-shconf -m 256 \
		--iova-mode=va --vdev net_null0 --vdev net_null1 -- --config "$work/node.conf" "$@" \
		>"$work/node.log" 2>&1 &
	app_pid=$!
	background+=("$app_pid")
	wait_for "$patience" node_listens || { log node; fail "it does not listen"; }
}

node() {
	"$vdusectl" -S "$run/control" "$@"
}

# poller_of PID: of a node's processes below the first the one that has EAL's threads.
poller_of() {
	cat "/proc/$1/task/"*/children | tr ' ' '\n' | while read -r pid; do
		! grep -qsx eal-intr-thread "/proc/$pid/task/"*/comm || echo "$pid"
	done
}

has() {
	node container show 2>/dev/null | grep -q "^$1: "
}

has_not() {
	! has "$1"
}

has_all() {
	local name
	for name; do
		wait_for "$patience" has "$name" || { log node; fail "$name is not there"; }
	done
}
