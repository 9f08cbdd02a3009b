#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian's Podman 4.3 with dpdk-vduse-cni, and the CNI project's own plug-ins behind it: doc/containers.md.
# Run: all
# Kernels: one
# shellcheck source=lib-runtime.sh
. /vm/system/lib-runtime.sh

# space NAME: the network namespace of a container.
space() {
	podman inspect -f '{{.NetworkSettings.SandboxKey}}' "$1" | sed 's,.*/,,'
}

# address NAME NETWORK
address() {
	podman inspect -f "{{.NetworkSettings.Networks.$2.IPAddress}}" "$1"
}

# The machine's root is in memory, where overlayfs does not work.
case_start() {
	mkdir -p /etc/containers /var/tmp
	printf '[storage]\ndriver = "%s"\nrunroot = "%s"\ngraphroot = "%s"\n' vfs /run/containers/storage \
		/var/lib/containers/storage >/etc/containers/storage.conf
	serve
	conf_of '"type": "tuning"' 10-pods.conflist
	doc_run $page 'podman import' || fail "no image"
}

case_containers() {
	local web
	doc_run $page 'podman run -d --name web' || fail "a command of the page fails"
	grep -qx 10.9.0.2 /tmp/doc || fail "inspect shows another address: $(cat /tmp/doc)"
	grep -q ' 3 packets received' /tmp/doc || fail "no answers: $(cat /tmp/doc)"
	web=$(space web)
	$ctl container show | grep -q "ip 10.9.0.2/32 max-tx-rate 1000 netns /run/netns/$web ifname eth0" ||
		fail "not as the file has it: $($ctl container show)"
	[ "$(in_ns "$web" cat /proc/sys/net/core/somaxconn)" = 500 ] || fail "the plug-in behind was not called"
	ping_ok far 10.9.0.2 5
	tcp far "$web" 10.9.0.2 || fail "other bytes come from the uplink"
	tcp "$web" far 10.9.0.1 || fail "other bytes go to the uplink"
	doc_run $page 'podman rm -f -t 0 web' || fail "it is not removed"
	! ip netns exec "$web" true 2>/dev/null || fail "its namespace is left"
	podman rm -f -t 0 web
	nothing_of_containers
}


case_first podman/start case_start || { serve_clean; exit 0; }
case_run podman/containers case_containers
case_first podman/end serve_end || serve_clean
exit 0
