# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The daemon as a node, with ports that need nothing, and vdusectl to it.

vdusectl=$subject/app/vdusectl/vdusectl
node_ports=(--vdev net_null0 --vdev net_null1)
node_as=()
# EAL's: cpus, and lcores on them
node_lcores=(-l 0-1)

node_listens() {
	[ -S "$run/control" ] || ! running "$app_pid"
}

# The process that forwards is there, too.
node_serves() {
	node network show || ! running "$app_pid"
}

# node_start [OPTION...]: the daemon itself, with the file $work/node.conf; sets app_pid. $node_as runs it, with
# $node_ports, EAL's options.
node_start() {
	mkdir -m 0700 -p "$run"
	rm -f "$run/control"
	fresh "$work/node.log"
	RUNTIME_DIRECTORY=$run ${node_as[@]+"${node_as[@]}"} env LD_PRELOAD="$preload" "$app" -d "$pmd" "${node_lcores[@]}" --no-pci \
		--no-huge --no-shconf -m 256 --iova-mode=va "${node_ports[@]}" -- --config "$work/node.conf" "$@" \
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
		! has_eal "$pid" || echo "$pid"
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
