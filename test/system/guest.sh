#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A virtual machine in a container, with a device of a CDI file: QEMU in Debian's Podman 4.3, on a real kernel's vhost-vdpa. Here that
# is an emulator in an emulator. So the guest is no more than the firmware of its NIC, iPXE: it asks for an address by DHCP, fetches a
# script by HTTP, and answers pings: doc/containers.md.
# Run: named
# Kernels: one
# Memory: 4096
# Seconds: 3600
# shellcheck source=lib-podman.sh
. /vm/system/lib-podman.sh

# Seconds until the guest is up, and until it and others have their answers.
patience=1200

case_start() {
	storage
	printf '[containers]\nlog_driver = "k8s-file"\n' >/etc/containers/containers.conf
	# shellcheck disable=SC2119 # without options
	serve
	image
}

# far_boots: who gives the guest its address and its script, which never ends.
far_boots() {
	mkdir -p /srv/http
	printf '%s\n' '#!ipxe' 'echo guest: booted' ':again' 'sleep 1' 'goto again' >/srv/http/script
	printf '%s\n' 'start 10.9.0.51' 'end 10.9.0.51' 'interface eth0' 'boot_file http://10.9.0.1/script' 'lease_file /tmp/leases' \
		'option subnet 255.255.255.0' >/tmp/udhcpd.conf
	: >/tmp/leases
	run dhcp ip netns exec far busybox udhcpd -f /tmp/udhcpd.conf
	run http ip netns exec far busybox httpd -f -p 10.9.0.1:80 -h /srv/http
}

# said: the guest's lines, which Podman has in pieces. Podman itself would take a second of the guest's processor for them.
said() {
	awk '{ whole = $3; sub(/^[^ ]* [^ ]* [PF] ?/, ""); printf "%s%s", $0, whole == "F" ? "\n" : "" }' "$console" | tr -d '\r'
}

booted() {
	sleep 2
	said | grep -q 'guest: booted' || ! running "$guest"
}

# As an ordinary user, without any privilege; the daemon has counted what ping has seen.
case_ping() {
	local sent guest console
	modules vhost_vdpa
	far_boots
	doc_run $page 'vdusectl container cdi' || fail "a command of the page fails"
	doc_run $page 'podman run -d --name guest' || fail "a command of the page fails: $(cat /tmp/doc)"
	read -r guest console <<<"$(podman inspect -f '{{.State.Pid}} {{.HostConfig.LogConfig.Path}}' guest)"
	wait_for "$patience" booted || true
	said | tail -n 12 | sed 's/^/# /'
	said | grep -q 'guest: booted' || fail "the guest has not its script"
	ping_ok far 10.9.0.51 20 -i 0.5 -s 1400 -p 5ac3
	[ "$(podman exec guest id -u)" = 1000 ] || fail "it is of another user"
	sent=$($ctl -j -s container show vm1 | grep -oE '"(tx|rx)_packets": *[0-9]+' | grep -oE '[0-9]+$' | sort -n | head -n 1)
	say "$($ctl -s container show vm1 | xargs)"
	[ "$sent" -ge 20 ] || fail "not both ways: $($ctl -s container show vm1)"
	doc_run $page 'rm -f -t 0 guest' || fail "it is not removed"
	$ctl container del vm1
	nothing_of_containers
}

after_case() {
	all_well || {
		podman rm -fa -t 0
		$ctl container del vm1
		serve_clear
	}
}

case_first guest/start case_start || { serve_stop; exit 0; }
case_run guest/ping case_ping
case_first guest/end serve_end || serve_stop
exit 0
