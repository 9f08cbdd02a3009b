# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Hugepages, and how much memory may be locked.

mounted() {
	grep -qs "^[^ ]* [^ ]* $1 " "$root/proc/mounts"
}

# huge_mb FILE [NODE]: MB of hugepages, nr_hugepages or free_hugepages, on all nodes or one.
huge_mb() {
	local pages pages_of size kb=0 place=/sys/kernel/mm/hugepages
	[ -z "${2:-}" ] || place=/sys/devices/system/node/node$2/hugepages
	for pages in "$root$place"/hugepages-*kB; do
		size=${pages##*/hugepages-}
		pages_of=$(line "${pages#"$root"}/$1")
		kb=$((kb + ${size%kB} * pages_of))
	done
	echo $((kb / 1024))
}

look_at_hugepages() {
	local all free commands=('echo 512 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'
		'echo vm.nr_hugepages=512 >/etc/sysctl.d/80-hugepages.conf    # at each boot')
	all=$(huge_mb nr_hugepages)
	free=$(huge_mb free_hugepages)
	if [ "$all" = 0 ] && { runs dpdk-vduse-net || grep -qs -- '--no-huge' "$root"/etc/dpdk-vduse-n*/*.conf; }; then
		found ok hugepages 'none, and what serves containers does without (--no-huge): no NIC can read its memory'
	elif [ "$all" = 0 ]; then
		found fault hugepages 'none are reserved' \
			'DPDK has its memory there; without them it starts with --no-huge --no-shconf only, which no NIC can use' \
			"${commands[@]}"
	elif runs dpdk-vduse-net || runs ovs-vswitchd; then
		found ok hugepages "$all MB, of which $free MB are free beside what runs"
	elif [ "$free" -lt 512 ]; then
		found note hugepages "$free MB of $all MB are free" \
			'a node begins with 512 MB (-m 512), and takes more for each container' "${commands[@]}" \
			"grep -l /dev/hugepages /proc/*/maps    # who has them"
	else
		found ok hugepages "$all MB, $free MB free"
	fi
	if [ "$all" != 0 ] && ! mounted hugetlbfs; then
		found note hugepages 'no hugetlbfs is mounted' "EAL takes hugepages without one by --in-memory only" \
			'mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages'
	fi
}

# unit_says UNIT KEY: its last value in the unit and its drop-ins; fails where there is no such unit.
unit_says() {
	local place unit=
	for place in etc run usr/local/lib usr/lib lib; do
		[ -n "$unit" ] || [ ! -f "$root/$place/systemd/system/$1" ] || unit=$root/$place/systemd/system/$1
	done
	[ -n "$unit" ] || return 1
	cat "$unit" "$root"/{lib,usr/lib,usr/local/lib,run,etc}/systemd/system/"$1".d/*.conf 2>/dev/null |
		sed -n "s/^$2=//p" | tail -n 1
}

# memlock_of FILE: the limit, of /proc/PID/limits.
memlock_of() {
	sed -n 's/^Max locked memory *\([^ ]*\).*/\1/p' "$root$1" 2>/dev/null
}

look_at_memlock() {
	local pid unit limit told=false notes=${how_many[note]} why='a NIC, and --umem, need memory locked: hugepages, and what a container has mapped'
	for pid in $(processes dpdk-vduse-net) $(processes ovs-vswitchd); do
		limit=$(memlock_of "/proc/$pid/limits")
		[ -n "$limit" ] || continue
		told=true
		[ "$limit" = unlimited ] || found note memlock "process $pid ($(line "/proc/$pid/comm")) may lock $limit bytes" \
			"$why" "prlimit --pid $pid --memlock=unlimited" 'and LimitMEMLOCK=infinity in its service, for the next start'
	done
	for unit in dpdk-vduse-node.service dpdk-vduse-net@.service; do
		limit=$(unit_says "$unit" LimitMEMLOCK) || continue
		told=true
		[ "$limit" = infinity ] || found note memlock "$unit has LimitMEMLOCK=${limit:-as systemd has it}" "$why" \
			"mkdir -p /etc/systemd/system/$unit.d" \
			"printf '[Service]\\nLimitMEMLOCK=infinity\\n' >/etc/systemd/system/$unit.d/memlock.conf" \
			'systemctl daemon-reload'
	done
	limit=$(memlock_of /proc/self/limits)
	if $told; then
		[ "$notes" != "${how_many[note]}" ] || found ok memlock 'what serves containers may lock memory without limit'
	elif [ "$limit" = unlimited ]; then
		found ok memlock 'unlimited in this shell'
	elif [ -n "$limit" ]; then
		found note memlock "this shell may lock $limit bytes" "$why" 'ulimit -l unlimited    # before dpdk-vduse-net'
	fi
}
