# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Results of test/run: a line for each test, how many of each kind, and where the time went.

passed=0
failed=0
skipped=0
# seconds by what they were spent on
declare -A spent=()

# spend WHAT SECONDS
spend() {
	spent[$1]=$((${spent[$1]:-0} + $2))
}

# result pass|fail|skip NAME SECONDS [REASON]
result() {
	local kind=$1 name=$2 seconds=$3 reason=${4:-}
	if [ "$kind" = skip ] && [ "${CI:-}" = true ]; then
		kind=fail
		reason="required, but skipped: $reason"
	fi
	case $kind in
	pass) passed=$((passed + 1)) ;;
	fail) failed=$((failed + 1)) ;;
	skip) skipped=$((skipped + 1)) ;;
	esac
	echo "${kind^^} $name ($seconds s)${reason:+: $reason}"
}

# How long each part and group took, the longest first; what took no second is left out.
print_spent() {
	local what all=$SECONDS
	echo "Time, of $((all / 60)) min $((all % 60)) s:"
	for what in "${!spent[@]}"; do
		[ "${spent[$what]}" = 0 ] || echo "${spent[$what]} $what"
	done | sort -rn | awk -v all="$all" '{ printf "%6d s %3d %%  %s\n", $1, 100 * $1 / (all ? all : 1), $2 }'
}

finish() {
	print_spent
	if [ "$failed" != 0 ]; then
		echo "logs: $logs"
	elif ! $keep; then
		rm -rf "$logs"
	else
		echo "logs: $logs"
	fi
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ "$((passed + skipped))" != 0 ]
	exit
}

# step NAME COMMAND...: part of the preparation; a failure ends the run.
step() {
	local name=$1 start=$SECONDS
	shift
	if ! "$@" >"$logs/$name.log" 2>&1; then
		tail -n 40 "$logs/$name.log"
		result fail "$name" $((SECONDS - start)) "see $logs/$name.log"
		finish
	fi
	spend "$name" $((SECONDS - start))
	result pass "$name" $((SECONDS - start))
}

# read_cases WHERE: results out of a group's output, named after where it ran; the comments
# of a case that fails are shown with it. Counts in group_cases and group_failed.
read_cases() {
	local word rest comments=() name seconds reason where=$1
	group_cases=0
	group_failed=0
	while read -r word rest; do
		[ "$word" != not ] || rest=${rest#ok }
		case $word in
		ok | not | skip) read -r name seconds reason <<<"$rest" ;;
		*)
			comments+=("$word $rest")
			! $verbose || echo "$word $rest"
			continue
			;;
		esac
		group_cases=$((group_cases + 1))
		case $word in
		ok) result pass "$where/$name" "$seconds" ;;
		skip) result skip "$where/$name" "$seconds" "$reason" ;;
		not)
			group_failed=$((group_failed + 1))
			$verbose || printf '%s\n' ${comments[@]+"${comments[@]}"} | tail -n 40
			result fail "$where/$name" "$seconds"
			;;
		esac
		comments=()
	done
	group_rest=$(printf '%s\n' ${comments[@]+"${comments[@]}"} | tail -n 20)
}
