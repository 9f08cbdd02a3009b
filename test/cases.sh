# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the groups of native and of system tests share: cases and their results.
#
# A case is a function in a subshell with `set -e`; a failed command fails it, with the line.
# Results are lines "ok NAME SECONDS", "not ok NAME SECONDS" and "skip NAME SECONDS REASON"; other
# lines are comment. Who sources this defines case_end, the last thing in a case's subshell,
# after_case, called behind it, shell_on, skip_reason, a file, and pages, the folder of README.md and doc/,
# whose commands are run as they stand there.

background=()
group_status=0

say() {
	echo "# $*"
}

# fail WORD...: end the case with a cause.
fail() {
	say "$*"
	exit 1
}

skip() {
	echo "$*" >"$skip_reason"
	exit 77
}

# fresh FILE...: empty, before a command in the background writes there. The shell that becomes the command
# empties its file when it gets to it, and until then who looks finds what an earlier command has left.
fresh() {
	local file
	for file; do
		: >"$file"
	done
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

is_gone() {
	! "$@"
}

# doc_block PAGE[#SECTION] WORDS: the one block of a page, or of a section of it, that has these words, as it stands there. A
# section is named as a link does it.
doc_block() {
	awk -v words="$2" -v section="${1#"${1%%#*}"}" '
		/^```/ { if (inside && index(block, words)) { all = block; found++ }
			inside = !inside && (section == "" || section == here); skip = !skip; block = ""; next }
		inside { block = block $0 "\n" }
		!skip && /^#+ / { here = tolower($0); sub(/^#+ /, "", here); gsub(/[^[:alnum:]_ -]/, "", here); gsub(/ /, "-", here); here = "#" here }
		END { printf "%s", all; exit found != 1 }' "$pages/${1%%#*}"
}

# doc_command PAGE[#SECTION] WORDS: sets documented, the command of a block that has these words, with its further
# lines and without the prompt that it stands behind.
doc_command() {
	documented=$(doc_block "$@" | awk -v words="$2" '
		{ sub(/^([$#]|testpmd>) /, ""); command = command (command != "" ? "\n" : "") $0 }
		/\\$/ { next }
		index(command, words) { print command; exit }
		{ command = "" }')
	[ -n "$documented" ] || fail "not one block of $1 has '$2'"
	say "$1: $documented"
}

# doc_run PAGE[#SECTION] WORDS: the block, as a reader does who copies it.
doc_run() {
	local block
	block=$(doc_block "$@") || fail "not one block of $1 has '$2'"
	say "commands of $1 with $2"
	bash -e -c "$block" >/tmp/doc 2>&1 || {
		sed 's/^/# /' /tmp/doc
		return 1
	}
}

# case_wanted NAME: no, where test/run was told which cases to run and this is none of them; they are in
# TEST_CASES, patterns.
case_wanted() {
	local pattern patterns
	[ -n "${TEST_CASES:-}" ] || return 0
	read -ra patterns <<<"$TEST_CASES"
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053 # a pattern
		[[ $1 != $pattern ]] || return 0
	done
	return 1
}

# case_long NAME FUNCTION [ARGUMENT...]: as case_run, of "test/run all" and where it was named.
case_long() {
	if [ "$(often all once)" = all ]; then
		case_run "$@"
	else
		say "$1: in test/run all"
	fi
}

# often ALL ONCE: how many times, in "test/run all" or what was named, and else.
often() {
	if [ "${TEST_LEVEL:-all}" = all ] || [ -n "${TEST_CASES:-}" ]; then
		echo "$1"
	else
		echo "$2"
	fi
}

# case_first NAME FUNCTION [ARGUMENT...]: as case_run, whatever cases are wanted: the others need it.
case_first() {
	TEST_CASES="" case_run "$@"
}

# case_over STATUS: the last thing of a case. Where test/run is to stop at one that failed (TEST_SHELL), a
# shell comes first, in its place: with its functions and variables, and what it has started still runs.
case_over() {
	trap - ERR
	set +eE
	case $1 in
	0 | 77) ;;
	*) [ -z "${TEST_SHELL:-}" ] || case_shell "$1" ;;
	esac
	case_end
}

# case_shell STATUS: shell_on FILE, of each part's lib.sh, runs bash with FILE at its beginning.
case_shell() {
	local file
	file=$(mktemp /tmp/case-shell.XXXXXX)
	declare -p >"$file.words"
	declare -f >>"$file.words"
	cat >"$file" <<-RC
		. $file.words 2>/dev/null
		PS1='$case_name> '
		echo "$case_name has failed with status $1. Its functions and variables are here; 'exit' goes on."
	RC
	shell_on "$file"
	rm -f "$file" "$file.words"
}

# case_run NAME FUNCTION [ARGUMENT...]: its status; group_status is 1 once one has failed.
case_run() {
	local name=$1 case_name=$1 start=$EPOCHREALTIME status seconds
	case_wanted "$name" || return 0
	shift
	say "case $name"
	(
		background=()
		trap 'case_over $?' EXIT
		trap 'say "failed: $BASH_COMMAND (line $LINENO)"' ERR
		set -eE
		"$@"
	)
	status=$?
	after_case
	seconds=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000000))
	case $status in
	0) echo "ok $name $seconds" ;;
	77) echo "skip $name $seconds $(cat "$skip_reason")" ;;
	*) echo "not ok $name $seconds"; group_status=1 ;;
	esac
	return "$status"
}
