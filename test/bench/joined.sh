# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What joins the two containers of run-containers, which sources this: for each way a function that
# starts it, with the devices $c1 and $c2 and its log in $dir/back.log, one for when the drivers are
# there, one while frames move, and one that ends it and sets `cycles` to those of a frame in the rounds that moved some, with
# the same of rounds that nobody disturbed where that is known. A
# process that is to live meanwhile is back_pid.

# the first lcore waits, the second one moves frames
lcores=(-l 0-1 --main-lcore 0 --no-pci --in-memory --iova-mode=va)

# --- DPDK's own VDUSE back end, in testpmd

start_peer() {
	"$peer" "${lcores[@]}" --no-telemetry -m 256 --file-prefix "b$$" \
		--vdev "net_vhost0,iface=/dev/vduse/$c1" --vdev "net_vhost1,iface=/dev/vduse/$c2" -- \
		"${pmd[@]}" --record-core-cycles <"$dir/back.in" >"$dir/back.log" 2>&1 &
	back_pid=$!
	exec 7>"$dir/back.in"
	until_true 120 prompts back 1 || fail "the back end did not start"
}

go_peer() {
	echo start >&7
}

during_peer() { :; }

end_peer() {
	printf 'stop\nquit\n' >&7
	exec 7>&-
	back_ends
	cycles=$(sed -nE 's,.*CPU cycles/packet=([0-9.]+).*,\1,p' "$dir/back.log" | tail -n 1)
}

# --- dpdk-vduse-net: as it is, or with -c the one that counts its cycles

# node_conf: the network's file of commands. Those that are idle segment nothing, so that they want few buffers.
node_conf() {
	local i
	echo "network add net0 mtu 65535"
	echo "container add $c1 network net0 mac ${mac}1 attach none queue_size 1024 profile bulk"
	echo "container add $c2 network net0 mac ${mac}2 attach none queue_size 1024 profile bulk"
	for ((i = 0; i < idle; i++)); do
		echo "container add i$i network net0 attach none profile latency"
	done
}

start_network() {
	node_conf >"$dir/node.conf"
	mkdir -pm 0700 "$dir/run"
	RUNTIME_DIRECTORY=$dir/run LD_PRELOAD=$preload "$program" "${lcores[@]}" -m $((256 + (idle + killed) / 2)) -- \
		--config "$dir/node.conf" --control "$dir/run/control" >"$dir/back.log" 2>&1 </dev/null &
	back_pid=$!
}

# Its buffers hold the longest frame in one piece: of an MTU of 65535 as many as usual are 600 MB.
start_wire() {
	local mtu=1500 few=()
	[ "$size" -le 1514 ] || mtu=65535 few=(--mbufs 2048)
	RUNTIME_DIRECTORY='' LD_PRELOAD=$preload "$program" "${lcores[@]}" --no-telemetry -m 256 --file-prefix "b$$" \
		--vdev "net_vduse_p,name=$c2,mac=${mac}2,profile=bulk,csum=partial,mtu=$mtu,queue-size=1024,attach=none" -- \
		--port net_vduse_p --name "$c1" --mac "${mac}1" --mtu $mtu --queue-size 1024 --attach none --link up \
		--keep 0 ${few[@]+"${few[@]}"} >"$dir/back.log" 2>&1 </dev/null &
	back_pid=$!
}

go_network() { :; }
go_wire() { :; }
during_network() { :; }
during_wire() { :; }

end_network() {
	kill "$back_pid"
	back_ends
	cycles=$(sed -n 's/^counted .* cycles=//p' "$dir/back.log")
}

end_wire() {
	end_network
}

# --- Open vSwitch of Debian trixie, with two ports of DPDK's own VDUSE back end and the action NORMAL

. "$tree/usertools/folders.sh"
ovs=$(folders_cache)/trixie-ovs trixie=$(folders_cache)/trixie-tree
ovs_lib=usr/lib/x86_64-linux-gnu
ovs_pmds=$(echo "$trixie/$ovs_lib"/dpdk/pmds-*)

# ovs_run [LOADER-OPTION...] PROGRAM ARG...: by the loader and libraries of its suite
ovs_run() {
	exec "$trixie/lib64/ld-linux-x86-64.so.2" \
		--library-path "$ovs/$ovs_lib:$trixie/$ovs_lib:$trixie/lib/x86_64-linux-gnu:$ovs_pmds" "$@"
}

# vsctl ARG...
vsctl() {
	(ovs_run "$ovs/usr/bin/ovs-vsctl" "--db=unix:$dir/db.sock" -t 60 "$@")
}

# appctl ARG...
appctl() {
	(ovs_run "$ovs/usr/bin/ovs-appctl" -t "$dir/vswitchd.ctl" -T 20 "$@")
}

start_ovs() {
	local name number=0
	export OVS_RUNDIR=$dir OVS_LOGDIR=$dir OVS_DBDIR=$dir OVS_SYSCONFDIR=$dir
	(ovs_run "$ovs/usr/bin/ovsdb-tool" create "$dir/conf.db" "$ovs/usr/share/openvswitch/vswitch.ovsschema")
	(ovs_run "$ovs/usr/sbin/ovsdb-server" "$dir/conf.db" "--remote=punix:$dir/db.sock" \
		"--unixctl=$dir/ovsdb.ctl" --no-chdir) >"$dir/ovsdb.log" 2>&1 &
	helper_pid=$!
	until_true 60 vsctl --no-wait init || fail "ovsdb-server does not start"
	vsctl --no-wait set Open_vSwitch . other_config:dpdk-init=true other_config:dpdk-lcore-mask=1 \
		other_config:pmd-cpu-mask=2 other_config:dpdk-socket-mem=256 other_config:dpdk-socket-limit=256 \
		other_config:pmd-perf-metrics=true \
		"other_config:dpdk-extra=-d $ovs_pmds --no-pci --no-telemetry --in-memory --iova-mode=va --file-prefix b$$"
	(ovs_run --preload "$preload" "$ovs/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk" \
		"unix:$dir/db.sock" "--unixctl=$dir/vswitchd.ctl" --no-chdir) >"$dir/back.log" 2>&1 &
	back_pid=$!
	vsctl add-br br0 -- set bridge br0 datapath_type=netdev || fail "Open vSwitch does not start"
	for name in "$c1" "$c2"; do
		vsctl add-port br0 "$name" -- set Interface "$name" type=dpdk \
			"options:dpdk-devargs=net_vhost$((number++)),iface=/dev/vduse/$name" ||
			fail "Open vSwitch does not take $name"
	done
}

# The history is of the last thousand iterations: of none that moved a frame where the front end has
# just not had its processor.
ovs_seen_busy() {
	undisturbed=$(ovs_undisturbed)
	[ -n "$undisturbed" ]
}

during_ovs() {
	until_true 60 ovs_seen_busy || fail "Open vSwitch has no busy iterations"
}

go_ovs() {
	appctl dpif-netdev/pmd-stats-clear
}

# ovs_undisturbed: of the last iterations of its lcore that moved frames, those of up to 0.2 ms (counted.c)
ovs_undisturbed() {
	local mhz
	mhz=$(sed -nE 's/^cpu MHz[^0-9]*([0-9]+).*/\1/p' /proc/cpuinfo | head -n 1)
	appctl dpif-netdev/pmd-perf-show -nh -it 999 | awk -v most=$((200 * mhz)) '
		$1 == "iter" { table = 1; next }
		table && NF < 3 { table = 0 }
		table && $3 > 0 && $2 < most { cycles += $2; frames += $3 }
		END { if (frames > 1000) printf " undisturbed=%.2f", cycles / frames }'
}

end_ovs() {
	cycles=$(appctl dpif-netdev/pmd-stats-show | sed -nE 's/^ *avg processing cycles per packet: ([0-9.]+) .*/\1/p')
	cycles+=$undisturbed
	appctl exit
	back_ends
	kill "$helper_pid" && wait "$helper_pid" 2>/dev/null
	helper_pid=
}
