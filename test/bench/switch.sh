# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The switch: what a network costs beside a wire, beside Open vSwitch, with many members, and how
# long an add takes. Sourced by run; each measurement leaves lines in raw.txt as those of measure.sh.

# joined_one COLUMN SIZE: two containers that COLUMN joins
joined_one() {
	record joined "$1" "size=$2" "$top/test/bench/run-containers" -B "$build" -b "$1" -c -s "$(bytes "$2")" -t "$seconds"
}

# copy_one MODE: the limit program's, of as many bytes: what one copy between two cores takes
copy_one() {
	record copy "$1" "" "$build/test/bench/limit" --lcores 0@0,1@0,2@1 --no-pci --no-telemetry --in-memory -m 256 \
		-- "$(bytes 64k)" "$1" "$seconds"
}

# busy_one N: a busy pair beside N that are idle; 0: beside none
busy_one() {
	local column=beside
	[ "$1" != 0 ] || column=alone
	record busy "$column" "want=$idle_members size=64" "$top/test/bench/run-containers" -B "$build" -c -s 64 \
		-t "$seconds" -N "$1"
}

add_one() {
	record add network "where=emulator" "$top/test/bench/run-containers" -B "$build" -A "$adds"
}

# Killed with containers on it
back_one() {
	record back network "want=$killed" "$top/test/bench/run-containers" -B "$build" -K "$killed"
}

# program_one KIND PROGRAM ROUNDS [LCORES]: its lines, a word and key=value each, which are medians of
# rounds of its own.
program_one() {
	local kind=$1 program=$2 lcores=${4:-1} log=$out/measure.log
	if timeout -k 10 300 "$build/test/bench/$program" -l "$lcores" --no-huge --no-shconf -m 256 --no-pci \
		--no-telemetry -- "$3" >"$log" 2>&1; then
		sed -nE "s/^([a-z-]+) ([a-z]+=.*=.*)/kind=$kind round=$round column=network test=\1 \2/p" "$log" |
			tee -a "$out/raw.txt" | sed 's/^kind=[a-z]* round=[0-9]* column=network /  /'
	else
		{
			echo "== round $round: $program"
			cat "$log"
		} >>"$out/failed.log"
		failed=$((failed + 1))
	fi
}

# in_turns FUNCTION VALUE...: in odd rounds in this order, in even ones in the other, so that nothing
# has the better place.
in_turns() {
	local one=$1 values=("${@:2}") i n=$(($# - 1))
	for ((i = 0; i < n; i++)); do
		if [ $((round % 2)) = 1 ]; then
			$one ${values[i]}
		else
			$one ${values[n - 1 - i]}
		fi
	done
}

switch_round() {
	local round=$1 size columns=(wire network peer)
	for size in ${switch_sizes//,/ }; do
		echo "round $round: two containers, $size bytes"
		# its ports have buffers of 2 KiB
		if [ -z "$no_ovs" ] && [ "$(bytes "$size")" -le 1514 ]; then
			in_turns joined_one "${columns[@]/%/ $size}" "ovs $size"
		else
			in_turns joined_one "${columns[@]/%/ $size}"
		fi
		[ "$size" != 64k ] || in_turns copy_one host driver
	done
	echo "round $round: a busy pair beside $idle_members idle containers, and alone"
	in_turns busy_one 0 "$idle_members"
	echo "round $round: the bridge alone"
	program_one veb bench-veb "$own_rounds"
	echo "round $round: two lcores send to one container"
	program_one share bench-share "$own_rounds" 0,1
	echo "round $round: $adds containers are added"
	add_one
	echo "round $round: the daemon is killed with $killed containers"
	back_one
	echo "round $round: segments put together"
	program_one gro bench-gro $((own_rounds * 1000))
}

# What all of it needs; no_ovs: why there is no Open vSwitch.
switch_prepare() {
	no_ovs=
	quiet ovs prepare_ovs || no_ovs="Debian trixie's openvswitch-switch-dpdk cannot be had: $(tail -n 1 "$out/ovs.log")"
	{
		echo "no_ovs=$no_ovs"
		echo "ovs=$(cat "$bench_ovs/version" 2>/dev/null)"
	} >>"$out/machine.txt"
}
