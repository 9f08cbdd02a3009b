# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What groups with dpdk-vduse-cni share: the networks behind the control socket are played. Sourced behind lib.sh.

plugin=$subject/app/dpdk-vduse-cni/dpdk-vduse-cni
vdusectl=$subject/app/vdusectl/vdusectl

node() {
	"$vdusectl" -S "$run/control" "$@"
}

# member EXPRESSION: of the answer, in Python.
member() {
	python3 -c 'import json, sys
answer = json.load(open(sys.argv[1]))
value = eval(sys.argv[2])
print(json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else value)' "$work/answer" "$1"
}

# is EXPRESSION TEXT
is() {
	local got
	got=$(member "$1") || fail "$1: not in $(cat "$work/answer")"
	[ "$got" = "$2" ] || fail "$1: $got, not $2; $(cat "$work/answer")"
}

containers() {
	node -j container show | grep -o '"name":"[^"]*"' | wc -l
}
