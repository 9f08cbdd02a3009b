# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The part static of test/run.

run_static() {
	local name
	# shellcheck disable=SC2046 # names of one word
	[ $# -gt 0 ] || set -- $(groups_now static)
	for name; do
		job - static_check "$name"
	done
}

# static_check NAME
static_check() {
	local name=$1 start=$SECONDS status=0 log=$logs/static-$1.log
	"test/static/$name" "$build" >"$log" 2>&1 || status=$?
	spend "static/$name" $((SECONDS - start))
	case $status in
	0) result pass "static/$name" $((SECONDS - start)) ;;
	77) result skip "static/$name" $((SECONDS - start)) "$(tail -n 1 "$log")" ;;
	*)
		head -n 40 "$log"
		result fail "static/$name" $((SECONDS - start)) "see $log"
		;;
	esac
}
