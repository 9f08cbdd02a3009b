# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The daemon: whether one runs, answers and comes back after a boot, and what "vdusectl check" says of it.

units=/etc/systemd/system/multi-user.target.wants

# A service that is set up, but begins with no boot.
look_at_service() {
	[ -f "$root/etc/dpdk-vduse-node/networks.conf" ] || return 0
	if ! unit_says dpdk-vduse-node.service ExecStart >/dev/null; then
		found note node '/etc/dpdk-vduse-node/networks.conf is there, but not the service dpdk-vduse-node' \
			'nothing reads it: the programs were built without libsystemd, or are not installed' \
			'apt-get install libsystemd-dev' 'meson setup --wipe build && ninja -C build install    # in the source tree'
	elif [ ! -e "$root$units/dpdk-vduse-node.service" ] && [ ! -L "$root$units/dpdk-vduse-node.service" ]; then
		found note node 'dpdk-vduse-node is not started at boot' 'after the next boot no container has its interface' \
			'systemctl enable dpdk-vduse-node'
	fi
	[ -f "$root/etc/dpdk-vduse-node/eal.conf" ] || found fault node 'there is no /etc/dpdk-vduse-node/eal.conf' \
		'the service reads it, and does not start without' \
		"echo 'EAL=-l 0-1 -m 512 --in-memory --no-telemetry' >/etc/dpdk-vduse-node/eal.conf"
}

# What the node says of its networks and containers.
look_at_check() {
	local said status=0 severity text
	said=$(vdusectl -S "$socket" check 2>&1) || status=$?
	case $status in
	0) ;;
	3)
		if grep -qE 'Permission denied|Operation not permitted' <<<"$said"; then
			found unseen node 'only root, and the group of its socket, may ask it' \
				'whether its containers are served was not looked at' 'sudo vduse-doctor'
		else
			found fault node "nobody answers at $socket" 'the daemon has ended, or was killed; interfaces wait for the next' \
				'systemctl restart dpdk-vduse-node    # or what started it' 'journalctl -u dpdk-vduse-node'
		fi
		return
		;;
	*)
		found fault node "vdusectl check: $(head -n 1 <<<"$said")" 'it does not answer as it should' 'vdusectl check'
		return
		;;
	esac
	while IFS= read -r text; do
		severity=${text%%: *}
		text=${text#*: }
		case $severity in
		fault | note) found "$severity" node "$text" '' 'vdusectl check    # once it is mended' ;;
		ok) found ok node "$text" ;;
		esac
	done <<<"$said"
}

look_at_node() {
	look_at_service
	if [ -e "$root$socket" ]; then
		! has_command vdusectl || look_at_check
	elif runs dpdk-vduse-net || runs ovs-vswitchd; then
		found ok node 'none, but a daemon that serves containers by itself'
	else
		found note node 'no daemon runs' 'nobody serves containers yet: this is the step that is left' \
			'systemctl enable --now dpdk-vduse-node    # with its files in /etc/dpdk-vduse-node, or by hand:' \
			'dpdk-vduse-net -l 0-1 -m 512 &'
	fi
}
