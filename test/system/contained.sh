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

# Containers of the machine's Podman on the daemon that is one itself.
case_served() {
	conf_of '"net.core.somaxconn"' 10-pods.conflist
	image
	doc_run $page 'podman cp node:' || { sed 's/^/# /' /tmp/doc; node_said; fail "a command of the page fails"; }
	doc_answered
	! node vdusectl container show | grep '^cni:' || fail "it is still there"
	podman rm -f -t 60 node >/dev/null
	nothing_left
}

case_first contained/start case_start && case_first contained/served case_served
exit 0
