# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What a cell of test/reach/run does. Its variables are reach_cell's (cells.sh): cell, folder, log and tree.

# alone LOCK COMMAND...: what no two do at once.
alone() {
	local lock status=0
	exec {lock}>"$1"
	flock "$lock"
	"${@:2}" || status=$?
	exec {lock}>&-
	return $status
}

# in_tree COMMAND...: of a cell, in its suite.
in_tree() {
	test/reach/tree --in "$tree" "$top" "$folder" "$@"
}

# cell_make [installed]: builds; sets tree. Its output is a log. Returns 77, with the reason in the last line,
# where something is missing. Groups of test/run beside each other ask for one build.
cell_make() {
	mkdir -p "$folder"
	alone "$folder/lock" cell_build "$@"
}

cell_build() {
	local suite=${cell%-*} compiler=${cell##*-} targets=""
	tree=$(test/reach/tree "$suite") || return 77
	# of a tree that was made anew nothing is left
	[ "$(cat "$folder/tree" 2>/dev/null)" = "$(stat -c %W:%i "$tree")" ] || rm -rf "$folder/meson" "$folder/sdk"
	stat -c %W:%i "$tree" >"$folder/tree"
	test/reach/sdk "$suite" "$tree/usr/include/dpdk" "$folder/sdk" || return 77
	[ -f "$folder/meson/build.ninja" ] ||
		in_tree env CC="$compiler" meson setup --libdir="lib/$(in_tree gcc -print-multiarch)" /build/meson /src \
			-Dsdk=/build/sdk -Dwerror=true -Dtests=enabled || return 1
	[ "${1:-}" != installed ] || targets=$(cell_installed) || return 1
	# shellcheck disable=SC2086 # names of one word
	in_tree ninja -C /build/meson $targets
}

# cell_installed: the files that are installed.
cell_installed() {
	in_tree meson introspect /build/meson --targets | python3 -c 'import json, sys
for target in json.load(sys.stdin):
    if target["installed"]:
        print(*(name.split("/build/meson/")[-1] for name in target["filename"]))'
}

# build_only CELL: for test/reach/peer.
build_only() {
	local cell=$1 folder tree status=0
	wanted=()
	cells_of "$cell" && [[ ${#wanted[@]} = 1 && " $(words_of dpdk)" == *" $cell "* ]] || { echo "reach: there is no build $cell"; return 2; }
	folder=$build/$cell
	cell_make installed >"$logs/$cell-build.log" 2>&1 || status=$?
	case $status in
	0) echo "$folder" ;;
	77) tail -n 1 "$logs/$cell-build.log" ;;
	*) echo "$cell is not built: see $logs/$cell-build.log" ;;
	esac
	return $status
}

cell_dpdk() {
	local start=$SECONDS status=0 step
	what=
	cell_make >"$log" 2>&1 || status=$?
	case $status in
	0)
		what="DPDK $(in_tree pkg-config --modversion libdpdk), ${cell##*-} $(in_tree "${cell##*-}" -dumpfullversion -dumpversion)"
		note dpdk "$(in_tree pkg-config --modversion libdpdk)"
		note compiler "${cell##*-} $(in_tree "${cell##*-}" -dumpfullversion -dumpversion)"
		note headers "$(cat "$folder/sdk/from")"
		note step build 1 0 0
		result pass "reach/$cell/build" $((SECONDS - start)) "$what; driver headers: $(cat "$folder/sdk/from")"
		;;
	77)
		note skipped "$(tail -n 1 "$log")"
		result skip "reach/$cell" 0 "$(tail -n 1 "$log")"
		return
		;;
	*)
		tail -n 40 "$log"
		note step build 0 1 0
		result fail "reach/$cell/build" $((SECONDS - start)) "see $log"
		return
		;;
	esac
	spend "reach/$cell/build" $((SECONDS - start))
	for step in $steps; do
		[ "$step" = build ] || reach_step "$step" "step_$step"
	done
}

# step_unit: all unit tests, inside.
step_unit() {
	local start=$SECONDS status=0 passed
	in_tree meson test -C /build/meson --no-rebuild --print-errorlogs --timeout-multiplier 10 >"$log.unit" 2>&1 || status=$?
	passed=$(sed -nE 's/^Ok: +([0-9]+).*/\1/p' "$log.unit" | tail -n 1)
	what="${passed:-none} programs"
	if [ $status = 0 ]; then
		result pass "reach/$cell/unit" $((SECONDS - start)) "$what"
	else
		tail -n 40 "$log.unit"
		result fail "reach/$cell/unit" $((SECONDS - start)) "see $log.unit"
	fi
}

# step_native: groups on the emulator, of the cell's own build, inside; one cell's at once: they share the hugepages.
step_native() {
	alone "$build/native.lock" cell_groups
	what=$native
}

cell_groups() {
	local group
	for group in $native; do
		cell_group "$group" in_tree env NATIVE_LOGS="/build/native/$group" timeout -k 30 1200 \
			/build/meson/test/emu/vduse-emu run ctrl_vq=1 -- /src/test/native/"$group".sh /build/meson
	done
}

# cell_group GROUP COMMAND...: the command runs it.
cell_group() {
	local group=$1 start=$SECONDS status
	shift
	rm -rf "$folder/native/$group"
	mkdir -p "$folder/native/$group"
	TEST_LEVEL=all "$@" 2>"$log.$group" | read_cases "reach/$cell"
	status=${PIPESTATUS[0]}
	if [ "$status" != 0 ] && [ "$group_failed" = 0 ] || [ "$group_cases" = 0 ]; then
		echo "$group_rest"
		tail -n 20 "$log.$group"
		result fail "reach/$cell/$group" $((SECONDS - start)) "status $status; see $log.$group"
	fi
}

# step_install: what is installed, and the examples and a C++ program against it, in the suite with nothing else.
step_install() {
	local start=$SECONDS status=0 empty
	empty=$folder/empty
	mkdir -p "$empty"
	rm -rf "$folder/installed"
	{
		in_tree env DESTDIR=/build/installed meson install -C /build/meson --no-rebuild --quiet &&
			cp test/reach/use "$folder/use" &&
			test/reach/tree --once "$tree" "$empty" "$folder" /build/use /build/installed "${cell##*-}"
	} >"$log.install" 2>&1 || status=$?
	what="examples, C++"
	if [ $status = 0 ]; then
		result pass "reach/$cell/install" $((SECONDS - start)) "$(tail -n 1 "$log.install")"
	else
		tail -n 40 "$log.install"
		result fail "reach/$cell/install" $((SECONDS - start)) "see $log.install"
	fi
}

# step_system: in a machine, this build and its suite's DPDK.
step_system() {
	# shellcheck disable=SC2046,SC2086 # words
	run_tests --cell "$cell" $(printf 'system/%s ' $system)
	what=$system
}

# run_tests ARGUMENT...: of test/run, whose results are this one's too.
run_tests() {
	local kind line before=${count[fail]}
	{
		TEST_BUILT=yes TEST_LOGS=$logs/$cell test/run -k "$@" 2>&1
		# behind what may be half a line
		printf '\nENDED %s\n' $?
	} | while read -r kind line; do
		case $kind in
		'') continue ;;
		PASS) count[pass]=$((count[pass] + 1)) ;;
		FAIL) count[fail]=$((count[fail] + 1)) ;;
		SKIP) count[skip]=$((count[skip] + 1)) ;;
		ENDED)
			# what failed is counted; with another status, what it did not come to has no line
			[ "$line" != 0 ] && { [ "$line" != 1 ] || [ "${count[fail]}" = "$before" ]; } || continue
			count[fail]=$((count[fail] + 1))
			kind=FAIL line="$cell: test/run ended with status $line before its end"
			;;
		esac
		echo "$kind $line"
	done
}

# cell_main: DPDK's own main, whose API our sources are checked against.
cell_main() {
	note headers "$(cat "$source_tree/VERSION" 2>/dev/null)$(git -C "$source_tree" log -1 --format=' (%h)' 2>/dev/null)"
	note compiler "cc $(cc -dumpfullversion)"
	reach_step api step_api
}

step_api() {
	local start=$SECONDS
	if test/reach/api "$(folders_build "$top" build)" --source "$source_tree" >"$log" 2>&1; then
		what=$(tail -n 1 "$log")
		result pass "reach/$cell/api" $((SECONDS - start)) "$what"
	else
		tail -n 40 "$log"
		what=$(tail -n 1 "$log")
		result fail "reach/$cell/api" $((SECONDS - start)) "see $log"
	fi
}

# cell_kernel SERIES
cell_kernel() {
	test/vm/vm fetch "$1" >"$log" 2>&1 || {
		note skipped "$(tail -n 1 "$log")"
		result skip "reach/$cell" 0 "$(tail -n 1 "$log")"
		return
	}
	note kernel "$(sed -n "s/^$1: \([^ ]*\) in .*/\1/p" "$log")"
	reach_step system step_kernel "$1"
}

# step_kernel SERIES: all system groups, or those that were named.
step_kernel() {
	local groups=system
	# shellcheck disable=SC2086 # words
	[ -z "$system_kernel" ] || groups=$(printf 'system/%s ' $system_kernel)
	# shellcheck disable=SC2086
	run_tests --kernel "$1" $groups
	what=${system_kernel:-all groups}
}

# cell_arm64: built for it on this machine; its programs run by qemu-user, and in a machine of that processor.
cell_arm64() {
	note compiler "$(aarch64-linux-gnu-gcc -dumpfullversion -dumpmachine 2>/dev/null | xargs), DPDK $(pkg-config --modversion libdpdk)"
	for step in unit native system; do
		[[ " $steps " != *" $step "* ]] || reach_step "$step" "arm64_$step"
	done
}

arm64_unit() {
	run_tests cross
	what="by qemu-user"
}

arm64_native() {
	local subject start=$SECONDS arm64 here
	arm64=$(folders_build "$top" build-arm64)
	here=$(folders_build "$top" build)
	{
		ninja -C "$arm64" app/vduse-net/dpdk-vduse-net app/vdusectl/vdusectl test/tools/loopback \
			test/emu/libvduse_emu.so drivers/net/vduse/librte_net_vduse.so >&2 && subject=$(test/reach/arm64 "$arm64")
	} 2>"$log.native" || {
		tail -n 20 "$log.native"
		result fail "reach/$cell/native" $((SECONDS - start)) "see $log.native"
		return
	}
	alone "$build/native.lock" arm64_groups
	what="back end by qemu-user: $native_arm64"
}

arm64_groups() {
	local group
	for group in $native_arm64; do
		cell_group "$group" env NATIVE_SUBJECT="$subject" NATIVE_LOGS="$folder/native/$group" timeout -k 30 1800 \
			"$here/test/emu/vduse-emu" run ctrl_vq=1 -- test/native/"$group".sh "$here"
	done
}

arm64_system() {
	# shellcheck disable=SC2046,SC2086 # words
	run_tests --kernel 6.12-arm64 $(printf 'system/%s ' $system_arm64)
	what=$system_arm64
}
