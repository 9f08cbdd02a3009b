#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon in a container, of the image that Containerfile makes: doc/containers.md.
# Run: named
# Kernels: one
# Build: none
# Memory: 6144
# shellcheck source=lib-podman.sh
. /vm/system/lib-podman.sh

# node COMMAND...: in the daemon's container.
node() {
	podman exec node "$@"
}

# node_said: what the daemon's container said last.
node_said() {
	podman logs --tail 30 node 2>&1 | sed 's/^/# /'
}

case_start() {
	storage
	podman load -i /vm/image.tar || fail "no image"
	rm /vm/image.tar
	doc_run $page 'podman run -d --name node' || { sed 's/^/# /' /tmp/doc; node_said; fail "it does not start"; }
	node vdusectl network show | grep -q net0 || fail "no network"
}

case_run contained/start case_start
exit 0
