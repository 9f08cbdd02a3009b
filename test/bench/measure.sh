# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# One measurement each, and the order of all of them. Each leaves a line of key=value in raw.txt,
# with `kind`, `column` and `round`; values have no spaces. Sourced by run.

here_version() {
	pkg-config --modversion libdpdk
}

# Hugepages of 2 MB for a back end and a front end; mirror: pages_give_back, at run's end.
bench_pages() {
	local wanted=256
	! $switch || wanted=$((256 + idle_members / 4)) # run-containers
	pages_reserve $wanted || {
		echo "bench: there are no $wanted free 2 MB hugepages; free memory or reserve them at boot" >&2
		return 1
	}
}

# quoted WORD...: as they can be typed again, on another machine with its own folders.
quoted() {
	local word last=''
	for word; do
		[[ $last != --@(sdk|build|output|before) ]] || word=DIR
		[[ $word =~ ^[A-Za-z0-9_./,=:-]+$ ]] || word=\'$word\'
		printf ' %s' "$word"
		last=$word
	done
}

# What the report says about where it was measured.
write_machine() {
	{
		echo "cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
		echo "identity=$(awk -F': ' '/^cpu family/ { f = $2 } /^model\t/ { m = $2 }
			/^stepping/ { print "family " f ", model " m ", stepping " $2; exit }' /proc/cpuinfo)"
		echo "cores=$(nproc)"
		echo "memory=$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
		echo "kernel=$(uname -r | sed "s,-.*,,")"
		echo "virtual=$(systemd-detect-virt --vm 2>/dev/null || true)"
		echo "date=$(date -u +%Y-%m-%d)"
		echo "revision=$(git -C "$top" describe --always --dirty 2>/dev/null || cat "$top/VERSION")"
		echo "command=test/bench/run$(quoted ${command[@]+"${command[@]}"})"
		echo "load=$(cut -d' ' -f1 /proc/loadavg)"
		echo "same=$same"
		echo "note=$note"
		echo "here=$(here_version)"
		echo "rounds=$rounds"
		echo "seconds=$seconds"
		echo "vm_kernel=$vm_kernel"
		echo "extra=${extra[*]-}"
	} >"$out/machine.txt"
	rm -f "$out"/report.*
	: >"$out/raw.txt"
	: >"$out/failed.log"
}

bytes() {
	echo "${1/64k/65226}"
}

# record KIND COLUMN WORDS LOG COMMAND...: its last line of key=value, or that it failed. Both sides
# poll; a machine that has no time for them at the start may need another try.
record() {
	local kind=$1 column=$2 words=$3 line='' status=0 log=$out/measure.log
	shift 3
	for try in 1 2; do
		status=0
		timeout -k 10 300 "$@" >"$log" 2>&1 || status=$?
		line=$(grep -E '(^| )(mpps|idle|adds|back)=' "$log" | tail -n 1)
		[ "$status" = 0 ] && [ -n "$line" ] && break
		{
			echo "== round $round, try $try: $kind $column $words: status $status: $*"
			cat "$log"
		} >>"$out/failed.log"
		line=''
	done
	[ -n "$line" ] || { failed=$((failed + 1)); line="failed=1"; }
	echo "kind=$kind round=$round column=$column $words $line" >>"$out/raw.txt"
	printf '%s\n' "  $column: $(grep -oE '(mpps|cycles|idle|idle_cpu|beyond_p50|back|failed)=[0-9.-]*' <<<"$line" | tr '\n' ' ')"
}

# pair COLUMN DEVARGS MODE SIZE RING REGIONS PAIRS
pair() {
	local column=$1 devargs=$2 mode=$3 size=$4 ring=$5 regions=$6 pairs=$7 lcores words
	local args=() broker=("regions=$regions")
	size=$(bytes "$size")
	if [ "$column" = peer ]; then
		args=(-b peer)
	else
		args=("${ours[@]}")
		[ "$column" != before ] || args=("${ours_before[@]}")
		# large frames have to fit the MTU
		[ "$size" -le 1514 ] || [[ $devargs = *mtu=* ]] || devargs=${devargs:+$devargs,}mtu=65535
		[ -z "$devargs" ] || args+=(-d "$devargs")
		[ "$ring" = split ] || args+=(-F packed_vq=1)
	fi
	lcores=$(($(nproc) / 2))
	[ "$lcores" -le "$pairs" ] || lcores=$pairs
	if [ "$pairs" -gt 1 ]; then
		# The driver has more than one pair only with the control queue.
		args+=(-P -n "$pairs" -C "$lcores" -q 256)
		broker+=(ctrl_vq=1)
	fi
	words="mode=$mode size=$size ring=$ring cut=$regions pairs=$pairs lcores=$lcores"
	record pair "$column" "$words" "$run_pair" "${args[@]}" -m "$mode" -s "$size" -c -t "$seconds" \
		"${broker[@]}"
}

limit_one() { # MODE SIZE
	record limit limit "want=$1" "$build/test/bench/limit" --lcores 0@0,1@0,2@1 --no-pci \
		--no-telemetry --in-memory -m 256 -- "$(bytes "$2")" "$1" "$seconds"
}

# idle_one COLUMN DEVARGS DEVICES
idle_one() {
	local args=(-N "$3" -t "$seconds" -E "$build/test/emu")
	local pmd=${ours[-1]}
	[ "$1" != before ] || pmd=${ours_before[-1]}
	if [ "$3" -gt 32 ]; then
		# a library has no device arguments, and that of before no program
		[ -z "$2" ] && [ "$1" != before ] || return 0
		if [ "$1" = peer ]; then
			args+=(-P "$idle24-vhost" -T library)
		elif $same; then
			args+=(-P "$build24/test/bench/idle-vduse" -T library)
		else
			args+=(-P "$build/test/bench/idle-vduse" library)
		fi
	elif [ "$1" = peer ]; then
		args+=(-P "$idle24" -T peer)
	else
		[ -z "$2" ] || args+=(-d "$2")
		if $same; then
			args+=(-P "$idle24" -T "$pmd")
		else
			args+=(-P "$build/test/bench/idle" "$pmd")
		fi
	fi
	record idle "$1" "want=$3" "$top/test/bench/run-idle" "${args[@]}"
}

# The matrix: one line for each place in it.
plan() {
	local mode size ring cut n
	places=()
	for ring in ${rings//,/ }; do
		for cut in ${regions//,/ }; do
			for mode in ${modes//,/ }; do
				for size in ${sizes//,/ }; do
					places+=("$mode $size $ring $cut 1")
				done
			done
		done
	done
	for n in ${pairs//,/ }; do
		[ "$n" != 1 ] || continue
		for mode in ${modes//,/ }; do
			places+=("$mode 64 split 1 $n" "$mode 1500 split 1 $n")
		done
	done
	for n in ${devices//,/ }; do
		! $have_idle24 || places+=("idle $n")
	done
	plan_count=$(((2 + ${#extra[@]} + ${#ours_before[@]} / 2) * ${#places[@]} * rounds))
}

# run_ours COMMAND ARG...: what there is now, and before, in turns.
run_ours() {
	local one=$1
	shift
	[ ${#ours_before[@]} = 0 ] || [ $((round % 2)) = 1 ] || $one before "" "$@"
	$one ours "" "$@"
	[ ${#ours_before[@]} = 0 ] || [ $((round % 2)) = 0 ] || $one before "" "$@"
}

# Peer and ours directly one after the other, the first of them in turns.
run_round() {
	local round=$1 place args one more mode size
	for place in ${places[@]+"${places[@]}"}; do
		echo "round $round: $place"
		read -ra args <<<"$place"
		one=pair
		[ "${args[0]}" != idle ] || one=idle_one args=("${args[1]}")
		[ $((round % 2)) = 0 ] || $one peer "" "${args[@]}"
		run_ours "$one" "${args[@]}"
		for more in ${extra[@]+"${extra[@]}"}; do
			$one "ours,$more" "$more" "${args[@]}"
		done
		[ $((round % 2)) = 1 ] || $one peer "" "${args[@]}"
	done
	$limit || return 0
	for mode in ${modes//,/ }; do
		for size in ${sizes//,/ }; do
			echo "round $round: limit $mode $size"
			limit_one "$mode" "$size"
		done
	done
}
