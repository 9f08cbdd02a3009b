# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Results of test/run: a line for each test, how many of each kind, and where the time went.

# of each kind
declare -A count=([pass]=0 [fail]=0 [skip]=0)
# seconds by what they were spent on, and those of processors, in milliseconds
declare -A spent=() spent_cpu=()
cpu_told=0

# cpu_now: sets cpu, the milliseconds of processors that went into what this shell waited for so far.
cpu_now() {
	local user system
	# the second line of two has the children's
	times >"$logs/times.$BASHPID"
	{ read -r _ && read -r user system; } <"$logs/times.$BASHPID"
	rm -f "$logs/times.$BASHPID"
	cpu=$(($(milliseconds "$user") + $(milliseconds "$system")))
}

# milliseconds TIME: of 1m2.345s
milliseconds() {
	local rest=${1#*m}
	rest=${rest%s}
	echo $((10#${1%m*} * 60000 + 10#${rest/./}))
}

# spend WHAT SECONDS: what processors did since the last call was for it.
spend() {
	local cpu
	cpu_now
	spent[$1]=$((${spent[$1]:-0} + $2))
	spent_cpu[$1]=$((${spent_cpu[$1]:-0} + cpu - cpu_told))
	cpu_told=$cpu
}

# results_none: as in the beginning; results_told: all so far, for results_add FILE of another shell.
results_none() {
	count=([pass]=0 [fail]=0 [skip]=0)
	spent=()
	spent_cpu=()
	cpu_told=0
}

results_told() {
	local what
	echo "${count[pass]} ${count[fail]} ${count[skip]}"
	for what in "${!spent[@]}"; do
		echo "$what ${spent[$what]} ${spent_cpu[$what]}"
	done
}

results_add() {
	local first second third
	[ -s "$1" ] || return
	{
		read -r first second third
		count[pass]=$((count[pass] + first))
		count[fail]=$((count[fail] + second))
		count[skip]=$((count[skip] + third))
		while read -r first second third; do
			spent[$first]=$((${spent[$first]:-0} + second))
			spent_cpu[$first]=$((${spent_cpu[$first]:-0} + third))
		done
	} <"$1"
}

# result pass|fail|skip NAME SECONDS [REASON]
result() {
	local kind=$1 name=$2 seconds=$3 reason=${4:-}
	if [ "$kind" = skip ] && [ "${CI:-}" = true ]; then
		kind=fail
		reason="required, but skipped: $reason"
	fi
	count[$kind]=$((count[$kind] + 1))
	echo "${kind^^} $name ($seconds s)${reason:+: $reason}"
}

# How long each part and group took, the longest first; what took no second is left out. Of the processors'
# time a machine's and a build's are most of it; where several run at once, the seconds are more than all.
print_spent() {
	local what all=$SECONDS
	echo "Time, of $((all / 60)) min $((all % 60)) s:"
	for what in "${!spent[@]}"; do
		[ "${spent[$what]}" = 0 ] || echo "${spent[$what]} ${spent_cpu[$what]} $what"
	done | sort -rn | awk '{ printf "%6d s %6d s of processors  %s\n", $1, $2 / 1000, $3 }'
}

finish() {
	print_spent
	if [ "${count[fail]}" != 0 ]; then
		echo "logs: $logs"
	elif ! $keep; then
		rm -rf "$logs"
	else
		echo "logs: $logs"
	fi
	echo "${count[pass]} passed, ${count[fail]} failed, ${count[skip]} skipped"
	[ "${count[fail]}" = 0 ] && [ "$((count[pass] + count[skip]))" != 0 ]
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

# shell_open, shell_closed: what a failed case's shell says, and is told, is the terminal's meanwhile.
shell_open() {
	test/parts/shell.py connect "$shell_socket" <&"$terminal" &
	shell_pid=$!
}

shell_closed() {
	kill -TERM "$shell_pid" 2>/dev/null || true
	wait "$shell_pid" || true
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
		shell)
			! $verbose && printf '%s\n' ${comments[@]+"${comments[@]}"} | tail -n 40
			comments=()
			"shell_$rest"
			continue
			;;
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
