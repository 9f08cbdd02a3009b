# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The part native of test/run: groups of cases on the emulator.

# Hugepages of 2 MB that the native tests need free: two back ends' and a front end's.
native_pages=320
# what runs a group, as of its back ends: a function or nothing
native_as=()

run_native() {
	# shellcheck disable=SC2046 # names of one word
	[ $# -gt 0 ] || set -- $(groups_now native)
	native_groups native "$build" "$@"
}

# native_groups WHERE SUBJECT GROUP[/CASE]...: with the back ends of the build SUBJECT. One broker of
# the emulator for each group of cases.
native_groups() {
	local name start where=$1 subject=$2
	shift 2
	start=$SECONDS
	# the guest's kernel and the peer; the cases that need them say so if they are missing
	test/vm/vm fetch 6.12 >"$logs/native-kernel.log" 2>&1 || true
	"$build/test/emu/peer-testpmd" --fetch >"$logs/native-peer.log" 2>&1 || true
	spend fetch $((SECONDS - start))
	pages_reserve $native_pages || {
		result skip "$where" 0 "no $native_pages free hugepages of 2 MB; free memory, or reserve them at boot"
		return
	}
	# one group at a time: they share the hugepages
	for name; do
		job native ${native_as[@]+"${native_as[@]}"} native_group "$where" "$subject" "$name"
	done
}

# native_group WHERE SUBJECT GROUP[/CASE]
native_group() {
	local where=$1 subject=$2 name=$3 group=${3%%/*} log start=$SECONDS status said cases=
	[ "$name" = "$group" ] || cases=$name
	log=$logs/${where//\//-}-$group
	mkdir -p "$log"
	ASAN_OPTIONS=log_path=$log/sanitizer NATIVE_SUBJECT=$subject NATIVE_LOGS=$log TEST_CASES=$cases \
		TEST_LEVEL=$level TEST_SHELL=$shell_socket timeout -k 30 "$(patient 400)" "$build/test/emu/vduse-emu" run ctrl_vq=1 -- \
		"test/native/$group.sh" "$build" 2>"$log/err.log" | read_cases "$where"
	status=${PIPESTATUS[0]}
	spend "$where/$group" $((SECONDS - start))
	said=("$log"/sanitizer.*)
	if [ -e "${said[0]}" ]; then
		head -n 30 "${said[0]}"
		result fail "$where/$group" $((SECONDS - start)) "a sanitizer's word: ${said[*]}"
	elif [ "$status" != 0 ] && { [ "$group_failed" = 0 ] || [ "$status" -ge 124 ]; }; then
		echo "$group_rest"
		tail -n 20 "$log/err.log"
		result fail "$where/$group" $((SECONDS - start)) "status $status; see $log"
	elif [ "$group_cases" = 0 ]; then
		result fail "$where/$group" $((SECONDS - start)) "no results; see $log"
	fi
}
