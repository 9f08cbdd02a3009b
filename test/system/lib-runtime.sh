# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What groups with a container runtime share: a machine that runtimes can work in, a root file system for
# containers, a node with something outside of it, and what is left of a container. Sourced instead of lib.sh.

# suite_comes: programs of another suite come with its libraries, in the place of the machine's own, which run with them
# too. Busybox needs none, and its tar makes new files: what runs has the old ones.
suite_comes() {
	busybox tar -C /peer -c . | busybox tar -C / -x
	busybox rm -rf /peer
}

# Who sets suite_later calls it by itself.
[ -n "${suite_later:-}" ] || [ ! -d /peer ] || suite_comes
# Runtimes call pivot_root(2), which the root of an initramfs cannot leave: the group runs in a mount of it.
if [ -z "${RUNTIME_ROOT:-}" ]; then
	mount --make-rprivate /
	mkdir -p /mnt/root
	mount --rbind / /mnt/root
	cd /mnt/root || exit
	mount --move . /
	RUNTIME_ROOT=yes exec chroot . /vm/main
fi
mount --make-rshared /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-daemon.sh
. /vm/system/lib-daemon.sh
# shellcheck source=lib-node.sh
. /vm/system/lib-node.sh

page=doc/containers.md

# conf_of WORDS FILE: the page's configuration that has these words.
conf_of() {
	mkdir -p /etc/cni/net.d
	doc_block $page "$1" >"/etc/cni/net.d/$2" || fail "no configuration of the page has $1"
}

# What is sent by TCP.
dd if=/dev/urandom of=/tmp/data bs=100000 count=10 2>/dev/null
sha256sum </tmp/data >/tmp/sum

# serve [EAL-OPTION... [-- OPTION...]]: a node for all cases, the last of which is serve_end. The uplink of its net0
# is a device, at whose other end is the namespace far, 10.9.0.1.
serve() {
	node_start --vdev net_vduse_up,name=up,profile=none "$@"
	$ctl network set net0 uplinks net_vduse_up || fail "no uplink"
	vdpa dev add name up mgmtdev vduse
	need_netdev up node "$node_pid"
	ip netns add far
	ip link set "$dev" netns far name eth0
	ip -n far link set lo up
	ip -n far addr add 10.9.0.1/24 dev eth0
	ip -n far link set eth0 up
	# it does not end with the case
	background=()
	echo "$node_pid" >/tmp/node-pid
}

# nothing_of_containers: neither interface, nor device, lease, result, namespace, or what the plug-ins behind ours keep.
nothing_of_containers() {
	local left
	[ "$($ctl -j container show)" = '[]' ] || fail "containers are left: $($ctl container show)"
	left=$(find /var/lib/cni/networks /dev/vduse /var/lib/cni/results /run/cni -name '10.*' -o -name 'fd*' -o -name '*:*' \
		-o -path '/var/lib/cni/results/*' -o -path '/run/cni/tuning/*' 2>/dev/null) || true
	[ -z "$left" ] || fail "left: $left"
	left=$(ls /sys/bus/vdpa/devices)
	[ "$left" = up ] || fail "vDPA devices are left: $left"
	left=$(ls /sys/class/net)
	[ "$left" = lo ] || fail "interfaces are left: $left"
	left=$(ls /run/netns)
	[ "$left" = far ] || fail "namespaces are left: $left"
}

# of_node COMMAND...: by each of the daemon's processes.
of_node() {
	local process processes
	node_pid=$(cat /tmp/node-pid)
	processes="$node_pid $(poller) $(broker)"
	for process in $processes; do
		"$@" "$process"
	done
}

# own_memory PID: in KiB.
own_memory() {
	sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

memory() {
	of_node own_memory | awk '{ sum += $1 } END { print sum }'
}

# again TIMES COMMAND...: so many containers by this command, which is told the number of one, runs it, looks at its address and
# removes it. After each nothing is left, and after the last the daemon has what it had when a tenth of them had been; its
# memory has grown by less than one page a container would be, of a hundred.
again() {
	local times=$1 n before memory_before now memory_now
	shift
	for ((n = 1; n <= times; n++)); do
		"$@" "$n"
		nothing_of_containers
		[ "$n" != $(((times + 9) / 10)) ] || { before=$(of_node resources | xargs); memory_before=$(memory); }
	done
	now=$(of_node resources | xargs)
	memory_now=$(memory)
	say "$times containers; before: $before; now: $now; memory of its own: $memory_before KiB, now $memory_now KiB"
	[ "$now" = "$before" ] || fail "the daemon has more than before"
	[ $((memory_now - memory_before)) -lt 256 ] || fail "the daemon has grown"
}

serve_end() {
	node_pid=$(cat /tmp/node-pid)
	nothing_of_containers
	vdpa dev del up
	ip netns del far
	$ctl network del net0
	kill "$node_pid"
	wait_for "$patience" is_gone running "$node_pid" || fail "the node does not end"
	nothing_left
}

# all_well: no node any more, or nothing of a container on it.
all_well() {
	! running "$(cat /tmp/node-pid)" || (nothing_of_containers) >/dev/null
}

# serve_clear: what a case that failed has left.
serve_clear() {
	local name
	$ctl container show | sed -n 's/^\([^ ]*:[^ ]*\): .*/\1/p' | while read -r name; do
		$ctl container del "$name"
	done
	for name in /run/netns/*; do
		[ "$name" = /run/netns/far ] || ip netns del "${name##*/}"
	done
	rm -rf /var/lib/cni
}

# serve_stop: where serve or serve_end failed, that the machine may go down.
serve_stop() {
	serve_clear
	vdpa dev del up
	ip netns del far
	node_pid=$(cat /tmp/node-pid)
	kill "$node_pid"
	wait_for "$patience" is_gone running "$node_pid"
	clean_slate
}
