# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The part cross of test/run: a build for arm64, and its unit tests by qemu-user.

# Without "all": rings, headers and the state file, where byte order of bits, alignment and the width of
# a cache line could matter.
cross_few="ring burst hdr_from hdr_to net_data store resume"
# What qemu-user is not: it does not hand SIGBUS on (sigbus, sigbus_chain, zero_copy), knows no seccomp
# and no ptrace (app_sandbox, steps), nor who is to wait for a process's children when it has ended
# (broker_supervise), does not cut a message that brings too many descriptors
# (handover, takeover); and the emulator's preloaded library is for programs of this machine.
# What takes minutes there and has nothing of the processor in it: thousands of lives (faults), the requests and
# rules of a broker (broker).
cross_never="broker broker_supervise faults sigbus sigbus_chain zero_copy app_sandbox steps handover takeover emulator"

# cross_names: the tests that can run, a line each.
cross_names() {
	unit_names "$build" | grep -vxF -e "${cross_never// /$'\n'}"
}

# cross_configure FOLDER
cross_configure() {
	local file
	file=$(test/cross/tree arm64) || return
	[ -f "$1/build.ninja" ] ||
		meson setup --cross-file "$file" "$1" -Dwerror=true -Dtests=enabled
}

run_cross() {
	local start=$SECONDS log=$logs/cross-build.log folder targets
	folder=$(folders_build "$top" build-arm64)
	if [ $# = 0 ]; then
		# shellcheck disable=SC2046 # names of one word
		[ "$level" = all ] && set -- $(cross_names) || set -- $cross_few
	fi
	{
		cross_configure "$folder" &&
			mapfile -t targets < <(unit_programs "$folder" installed "${@%%/*}") &&
			ninja -C "$folder" "${targets[@]}"
	} >"$log" 2>&1 || {
		tail -n 40 "$log"
		result fail cross/build $((SECONDS - start)) "see $log"
		return
	}
	spend cross/build $((SECONDS - start))
	result pass cross/build $((SECONDS - start))
	job unit run_meson cross "$folder" "$@"
}
