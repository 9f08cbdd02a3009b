# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The part system of test/run: groups of cases in virtual machines. With TEST_CELL, a cell of
# test/reach/run, the programs are those of that cell's build, on its suite's DPDK.

# group_says GROUP KEY: the word behind "# KEY: " in a group's file.
group_says() {
	sed -n "s/^# $2: //p" "test/system/$1.sh" | head -n 1
}

# group_kernels GROUP: on which kernels it runs. Where kernels do not differ, "all" alone has the others; a
# group of "# Kernels: one" asks nothing of the kernel that others do not.
group_kernels() {
	local on=$level
	case $(group_says "$1" Kernels) in
	all) on=all ;;
	one) on=once ;;
	esac
	if [ "$on" = all ] || $kernels_given; then
		echo "${kernels[@]}"
	else
		echo "${kernels[0]}"
	fi
}

# group_limit GROUP [CASE...]: seconds until its machine counts as stuck; N more by a line "# Seconds: N" in the group's file,
# or "# Seconds: CASE N" for a case that was asked for.
group_limit() {
	local limit=1500 group=$1 name seconds pattern
	shift
	while read -r name seconds; do
		[ -n "$seconds" ] || limit=$((limit + name))
		for pattern; do
			# shellcheck disable=SC2053 # a pattern
			[[ $name != $pattern ]] || limit=$((limit + seconds))
		done
	done < <(sed -n 's/^# Seconds: //p' "test/system/$group.sh")
	echo "$limit"
}

# run_group KERNEL GROUP [CASE...]: one boot for the cases of a group.
run_group() {
	local kernel=$1 group=$2 log=$logs/system-$1-$2 start=$SECONDS status cpus memory manager nics disk pair options=()
	local built=$build installed where=system/$1${TEST_CELL:++$TEST_CELL} limit
	shift 2
	limit=$(group_limit "$group" "$@")
	[ "$kernel" = "${kernel%-arm64}" ] || built=$(folders_build "$top" build-arm64)
	installed=$built
	export TEST_CASES="${*/#/$group/}" TEST_LEVEL=$level TEST_SHELL=
	if [ -n "$shell_socket" ]; then
		options+=(-S "$shell_socket")
		TEST_SHELL=/dev/ttyS1
	fi
	cpus=$(group_says "$group" CPUs)
	memory=$(group_says "$group" Memory)
	manager=$(group_says "$group" Init)
	[ -z "$manager" ] || options+=(-i "$manager")
	nics=$(group_says "$group" NICs)
	[ -z "$nics" ] || options+=(-n "$nics")
	disk=$(group_says "$group" Disk)
	[ -z "$disk" ] || options+=(-d "$disk")
	[ "$(group_says "$group" Build)" != none ] || installed=
	if [ -n "$TEST_CELL" ]; then
		installed=
		pair=$(test/reach/peer "$TEST_CELL" tests /usr/bin/dpdk-testpmd 2>"$log.err") || {
			result skip "$where/$group" 0 "$(tail -n 1 "$log.err")"
			return
		}
		options+=(-c "$pair")
	fi
	# GROUP.files KERNEL: what the group has besides, lines FROM:TO; without it, it has not what it needs
	if [ -x "test/system/$group.files" ]; then
		"test/system/$group.files" "$kernel" >"$log.files" 2>"$log.err" || {
			result skip "$where/$group" 0 "$(tail -n 1 "$log.err")"
			return
		}
		while read -r pair; do
			options+=(-c "$pair")
		done <"$log.files"
	fi
	test/vm/vm run -k "$kernel" -b "$installed" -o "$log" -t "$(patient "$limit")" -s "${cpus:-2}" \
		-m "${memory:-3072}" -H 640 -c "$top/test/system:/vm/system" -c "$top/test/cases.sh:/vm/cases.sh" \
		-e TEST_CELL -e TEST_DEVARGS -e TEST_EAL -e TEST_APP -e TEST_CASES -e TEST_LEVEL -e TEST_SHELL -e TERM \
		-c "$built/test/tools/frames:/vm/tools/frames" \
		-c "$built/test/tools/kill-at:/vm/tools/kill-at" -c "$built/test/tools/xdp:/vm/tools/xdp" -c "$built/test/tools/front:/vm/tools/front" \
		-c "$built/app/vdusectl/vdusectl:/vm/tools/vdusectl" \
		-c "$built/examples/vduse-blk/vduse-blk:/vm/tools/vduse-blk" -c "$built/examples/l2fwd/l2fwd:/vm/tools/l2fwd" ${options[@]+"${options[@]}"} "test/system/$group.sh" \
		2>"$log.err" | read_cases "$where"
	status=${PIPESTATUS[0]}
	spend "$where/$group" $((SECONDS - start))
	# A complaint of the kernel, a crash, a timeout: a failure even if no case failed.
	if [ "$status" != 0 ] && { [ "$group_failed" = 0 ] || [ "$status" -ge 124 ]; }; then
		echo "$group_rest"
		cat "$log.err"
		result fail "$where/$group" $((SECONDS - start)) "machine status $status; see $log"
	elif [ "$group_cases" = 0 ]; then
		result fail "$where/$group" $((SECONDS - start)) "no results; see $log"
	fi
}

# fetch_kernel KERNEL: returns 1, with a skipped result, where it cannot be had.
fetch_kernel() {
	local start=$SECONDS
	# shellcheck disable=SC2086
	[ "$1" = "${1%-arm64}" ] || deps_install $deps_arm64 || {
		result skip "system/$1" 0 "cannot install $deps_arm64"
		return 1
	}
	test/vm/vm fetch "$1" >"$logs/kernel-$1.log" 2>&1 || {
		result skip "system/$1" 0 "no kernel: $(tail -n 1 "$logs/kernel-$1.log")"
		return 1
	}
	spend fetch $((SECONDS - start))
	[ "$1" = "${1%-arm64}" ] || build_arm64
}

# build_arm64: what a machine of arm64 has of this tree.
build_arm64() {
	local folder start=$SECONDS targets
	folder=$(folders_build "$top" build-arm64)
	{
		cross_configure "$folder" && mapfile -t targets < <(unit_programs "$folder" installed) &&
			ninja -C "$folder" "${targets[@]}" test/tools/{frames,kill-at,xdp,front} examples/vduse-blk/vduse-blk examples/l2fwd/l2fwd
	} >"$logs/arm64-build.log" 2>&1 || {
		tail -n 40 "$logs/arm64-build.log"
		result fail system/arm64-build $((SECONDS - start)) "see $logs/arm64-build.log"
		return 1
	}
	spend system/arm64-build $((SECONDS - start))
}

# run_system [[KERNEL/]GROUP[/CASE]...]
run_system() {
	local name kernel group case on todo=() names=()
	local -A cases=()
	# shellcheck disable=SC2046 # names of one word
	[ $# -gt 0 ] || set -- $(groups_now system)
	for name; do
		on=
		[[ ! $name =~ ^([0-9]+\.[0-9]+|sid)(-arm64)?/ ]] || { on=${name%%/*}; name=${name#*/}; }
		group=${name%%/*}
		case=
		[ "$name" = "$group" ] || case=${name#*/}
		for kernel in ${on:-$(group_kernels "$group")}; do
			name="$kernel $group"
			# all of them where the group is named as such
			case ${cases[$name]-new} in
			new) todo+=("$name"); cases[$name]=${case:-*} ;;
			"*") ;;
			*) cases[$name]=${case:+${cases[$name]} $case} ;;
			esac
			[ -n "${cases[$name]}" ] || cases[$name]="*"
		done
	done
	for kernel in $(printf '%s\n' "${todo[@]}" | cut -d ' ' -f 1 | sort -uV); do
		fetch_kernel "$kernel" || continue
		for name in "${todo[@]}"; do
			[ "${name%% *}" = "$kernel" ] || continue
			read -ra names <<<"${cases[$name]}"
			[ "${names[*]}" != "*" ] || names=()
			job - run_group "$kernel" "${name#* }" ${names[@]+"${names[@]}"}
		done
	done
}
