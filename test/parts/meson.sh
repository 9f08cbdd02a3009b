# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The parts unit and sanitize of test/run.

# Native groups whose back ends run with sanitizers too, in "all": without that of the sandbox, which
# such a build leaves out, and those whose matter the unit tests try as well.
sanitize_native="matrix memory fault life crash service idle"

# What ThreadSanitizer cannot look at: it has signal handlers of its own, and makes system calls that
# a filter ends (sigbus, sigbus_chain, node_lend, app_sandbox); EAL and the ring PMD, which start lcores, wait for
# them and hand frames on, are built without it (app_fwd); the emulator's preloaded library comes
# before it (emulator); a driver that gives one buffer to two queues has itself to blame (fuzz_ctrl).
# What has thousands of devices' lives one behind the other, minutes of them (faults). And what has one thread
# (tsan_alone), where there is nothing to race with.
tsan_alone="app_args app_gate app_gro app_gro_differs app_offload app_offload_bad app_plan app_stats app_vf control_config fuzz_args fuzz_cni
fuzz_commands fuzz_devargs fuzz_link fuzz_veb hdr_from hdr_links hdr_to headers msg store veb veb_gro veb_guard veb_learn veb_lend veb_limit veb_vlan"
tsan_never="sigbus sigbus_chain node_lend app_sandbox app_fwd emulator fuzz_ctrl faults"

# unit_names BUILD: the tests that meson knows, a line each.
unit_names() {
	meson introspect "$1" --tests | python3 -c 'import json, sys
for test in json.load(sys.stdin):
    print(test["name"])'
}

# meson's log has one JSON object a line.
unit_results() {
	python3 - "$1/meson-logs/testlog.json" <<'PYTHON'
import json, sys
kinds = {'OK': 'pass', 'EXPECTEDFAIL': 'pass', 'SKIP': 'skip'}
for line in open(sys.argv[1]):
    test = json.loads(line)
    print(kinds.get(test['result'], 'fail'), test['name'].split(' / ')[-1].replace(' ', '-'),
          round(test.get('duration', 0)), test['result'])
PYTHON
}

# run_meson PART FOLDER [NAME...]: the unit tests of a build; NAME/FUNCTION is one function of a test.
run_meson() {
	local name part=$1 folder=$2 whole=() start=$SECONDS
	shift 2
	for name; do
		case $name in
		*/*) UNIT_TEST=${name#*/} meson_test "$part" "$folder" "${name%%/*}" ;;
		*) whole+=("$name") ;;
		esac
	done
	if [ $# = 0 ] || [ ${#whole[@]} != 0 ]; then
		meson_test "$part" "$folder" ${whole[@]+"${whole[@]}"}
	fi
	spend "$part" $((SECONDS - start))
}

meson_test() {
	local kind name seconds what part=$1 folder=$2 log=$logs/$1.log
	shift 2
	rm -f "$folder/meson-logs/testlog.json"
	# the limits are for what hangs, on a machine that has nothing else to do
	meson test -C "$folder" --no-rebuild --print-errorlogs --timeout-multiplier 5 "$@" \
		>"$log" 2>&1 || tail -n 60 "$log"
	if [ ! -s "$folder/meson-logs/testlog.json" ]; then
		result fail "$part" 0 "meson test ran nothing; see $log"
		return
	fi
	unit_results "$folder" | while read -r kind name seconds what; do
		[ "$kind" != pass ] || what=
		result "$kind" "$part/$name${UNIT_TEST:+/$UNIT_TEST}" "$seconds" "$what"
	done
}

# Unit tests wait more than they compute: beside what else there is to do, one kind of them at a time.
run_unit() {
	job unit run_meson unit "$build" "$@"
}

# What the sanitizers say ends the program; leaks are counted when it ends by itself.
sanitizers() {
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:suppressions=$top/test/fuzz/ubsan.supp "$@"
}

# tsan_configure FOLDER
tsan_configure() {
	local folder=$1
	config/fetch-sdk || return
	if [ ! -f "$folder/build.ninja" ]; then
		CC=clang meson setup "$folder" "$top" -Dwerror=true -Dtests=enabled -Dbuildtype=debug \
			-Doptimization=1 -Db_sanitize=thread -Db_lundef=false || return
	fi
}

# tsan_names FOLDER: the tests that can run, a line each.
tsan_names() {
	local name
	unit_names "$1" | while read -r name; do
		[[ " $tsan_never $(xargs <<<"$tsan_alone") " == *" $name "* ]] || echo "$name"
	done
}

# unit_programs FOLDER NAME...: what meson builds for these tests, relative to the folder; "installed" among
# the names: and what is installed.
unit_programs() {
	# a folder of an older tree does not know them yet
	ninja -C "$1" build.ninja >&2 || return
	meson introspect "$1" --targets | python3 -c 'import json, os, sys
folder, names = os.path.realpath(sys.argv[1]), sys.argv[2:]
for target in json.load(sys.stdin):
    name = target["name"]
    test = name.replace("replay_", "fuzz_").split("test_")[-1]
    if (target["installed"] and "installed" in names
            or name.startswith(("test_", "replay_")) and test in names):
        for file in target["filename"]:
            print(os.path.relpath(os.path.realpath(file), folder))
' "$@"
}

# run_tsan [NAME...]: unit tests with ThreadSanitizer.
run_tsan() {
	local start=$SECONDS log=$logs/sanitize-tsan-build.log folder tests=("$@") targets
	folder=$(folders_build "$top" build-tsan)
	if ! {
		tsan_configure "$folder" &&
			{ [ $# -gt 0 ] || mapfile -t tests < <(tsan_names "$folder"); } &&
			mapfile -t targets < <(unit_programs "$folder" "${tests[@]%%/*}") &&
			ninja -C "$folder" "${targets[@]}"
	} >"$log" 2>&1; then
		tail -n 40 "$log"
		result fail sanitize/tsan/build $((SECONDS - start)) "see $log"
		return
	fi
	spend sanitize/tsan/build $((SECONDS - start))
	result pass sanitize/tsan/build $((SECONDS - start))
	mkdir -p "$logs/sanitize"
	job unit run_meson sanitize/tsan "$folder" "${tests[@]}"
}

run_sanitize() {
	local name races_all='' races=() others=()
	for name; do
		case $name in
		tsan) races_all=yes ;;
		tsan/*) races+=("${name#tsan/}") ;;
		*) others+=("$name") ;;
		esac
	done
	if [ $# = 0 ] || [ ${#others[@]} -gt 0 ]; then
		run_san ${others[@]+"${others[@]}"}
	fi
	if [ -n "$races_all" ] || { [ $# = 0 ] && [ "$level" = all ]; }; then
		run_tsan
	elif [ ${#races[@]} -gt 0 ]; then
		run_tsan "${races[@]}"
	fi
}

# run_san [NAME...]: unit tests and native groups with the address and undefined behaviour sanitizers.
run_san() {
	local start=$SECONDS log=$logs/sanitize-build.log name folder groups=() units=()
	folder=$(folders_build "$top" build-san)
	if ! BUILD=$folder test/fuzz/run --build >"$log" 2>&1; then
		tail -n 40 "$log"
		result fail sanitize/build $((SECONDS - start)) "see $log"
		return
	fi
	spend sanitize/build $((SECONDS - start))
	result pass sanitize/build $((SECONDS - start))
	for name; do
		case $name in
		native/*) groups+=("${name#native/}") ;;
		*) units+=("$name") ;;
		esac
	done
	[ $# -gt 0 ] || [ "$level" != all ] || read -ra groups <<<"$sanitize_native"
	if [ $# = 0 ] || [ ${#units[@]} -gt 0 ]; then
		job unit sanitizers run_meson sanitize "$folder" ${units[@]+"${units[@]}"}
	fi
	if [ ${#groups[@]} -gt 0 ]; then
		native_as=(sanitizers)
		native_groups sanitize/native "$folder" "${groups[@]}"
		native_as=()
	fi
}
