# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What groups with Podman share. Sourced instead of lib-runtime.sh.

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

# storage: the machine's root is in memory, where overlayfs does not work.
storage() {
	mkdir -p /etc/containers /var/tmp
	printf '[storage]\ndriver = "%s"\nrunroot = "%s"\ngraphroot = "%s"\n' vfs /run/containers/storage \
		/var/lib/containers/storage >/etc/containers/storage.conf
}

# image: the page's root file system, as an image.
image() {
	doc_run doc/containers.md 'mkdir -p /srv/busybox' || fail "no root file system"
	doc_run doc/containers.md 'podman import' || fail "no image"
}

# started NAME NETWORK [OPTION...]
started() {
	local name=$1 network=$2
	shift 2
	podman run -d --name "$name" --network "$network" "$@" busybox sleep 1000000
}

# once NUMBER: a container on the network few, which has addresses for five at a time. It answers at the one that inspect shows.
once() {
	local seen
	started "again$1" few >/dev/null
	seen=$(address "again$1" few)
	$ctl container show | grep -qF " ip $seen/32 " || fail "inspect shows $seen: $($ctl container show)"
	ping_ok far "$seen" 1
	podman rm -f -t 0 "again$1" >/dev/null
}

# spaces: the namespaces of containers.
spaces() {
	(cd /run/netns && printf '%s\n' netns-*)
}

# killed_in COMMAND PODMAN-ARGUMENT...: Podman is killed by then, by who looks into /tmp/kill-in, and by nothing else.
killed_in() {
	local status=0
	echo "$1" >/tmp/kill-in
	shift
	podman "$@" || status=$?
	echo none >/tmp/kill-in
	[ $status = 137 ] || fail "podman $*: status $status"
}

# killed_and_started COMMAND NETWORK: Podman is killed before it hears of the interface, and of its own namespace:
# a start makes all anew.
killed_and_started() {
	local was
	killed_in "$1" run -d --name web --network "$2" busybox sleep 1000000
	was=$(spaces)
	[ -n "$was" ] && $ctl container show | grep -q "netns /run/netns/$was " || fail "$1 was not called"
	podman start web
	[ "$(space web)" != "$was" ] || fail "it is in the namespace that it did not hear of"
	ping_ok far "$(address web "$2")" 3
	[ "$($ctl container show | grep -c ":$2:")" = 1 ] || fail "what was left stays: $($ctl container show)"
	ip netns del "$was"
}

# forget NAME: a container that Podman was killed with goes from Podman's own lists. It may have mounted its
# /dev/shm by then, and has not heard of that either.
forget() {
	local id
	id=$(podman inspect -f '{{.Id}}' "$1")
	umount "/var/lib/containers/storage/vfs-containers/$id/userdata/shm" 2>/dev/null || true
	podman rm -f -t 0 "$1"
}

# web_runs: the page's first container, with the address and the rate of its network; sets web, its namespace.
web_runs() {
	doc_run $page 'podman run -d --name web --network pods' || fail "a command of the page fails"
	grep -qx 10.9.0.2 /tmp/doc || fail "inspect shows another address: $(cat /tmp/doc)"
	doc_answered
	web=$(space web)
	$ctl container show | grep -q "ip 10.9.0.2/32 max-tx-rate 1000 netns /run/netns/$web ifname eth0" ||
		fail "not as the page has it: $($ctl container show)"
}
