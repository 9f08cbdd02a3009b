# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What test/run does side by side. A job is a command that prints results (results.sh) in a shell of its
# own; its lines are shown whole when it has ended, one job behind the other.

# How many at once; 1: one behind the other, and each line as it comes.
jobs_at_once=1
# "LANE COMMAND...", quoted; jobs of one lane are never at once, "-" is none
jobs_waiting=()
# by process id
declare -A jobs_lane=() jobs_file=()
jobs_begun=0

# What a machine of system tests may take.
jobs_machine_mb=3600

# jobs_choose: as many as there are processors, and memory for their machines.
jobs_choose() {
	local cpus room
	cpus=$(nproc)
	room=$(($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) / 1024 / jobs_machine_mb))
	jobs_at_once=$((cpus < room ? cpus : room))
	[ "$jobs_at_once" -ge 1 ] || jobs_at_once=1
}

# job LANE COMMAND...: begun by jobs_run, in this order.
job() {
	local words
	printf -v words '%q ' "$@"
	jobs_waiting+=("$words")
}

jobs_lane_free() {
	local lane
	[ "$1" != - ] || return 0
	for lane in ${jobs_lane[@]+"${jobs_lane[@]}"}; do
		[ "$lane" != "$1" ] || return 1
	done
}

# jobs_begin: the first one that may; returns 1 where none may.
jobs_begin() {
	local i words file
	for i in "${!jobs_waiting[@]}"; do
		eval "words=(${jobs_waiting[i]})"
		jobs_lane_free "${words[0]}" || continue
		unset "jobs_waiting[i]"
		jobs_begun=$((jobs_begun + 1))
		file=$logs/job-$jobs_begun
		(
			results_none
			"${words[@]:1}"
			results_told >"$file.sum"
		) </dev/null >"$file" 2>&1 &
		jobs_lane[$!]=${words[0]}
		jobs_file[$!]=$file
		return 0
	done
	return 1
}

# jobs_ended PID
jobs_ended() {
	local file=${jobs_file[$1]}
	unset "jobs_lane[$1]" "jobs_file[$1]"
	cat "$file"
	results_add "$file.sum" || result fail "${file##*/}" 0 "it ended without a result"
	rm -f "$file" "$file.sum"
}

# jobs_run: all that wait, and back when they have ended.
jobs_run() {
	local pid words
	if [ "$jobs_at_once" = 1 ]; then
		for words in ${jobs_waiting[@]+"${jobs_waiting[@]}"}; do
			eval "words=($words)"
			"${words[@]:1}"
		done
		jobs_waiting=()
		return
	fi
	while [ ${#jobs_waiting[@]} -gt 0 ] || [ ${#jobs_lane[@]} -gt 0 ]; do
		while [ ${#jobs_lane[@]} -lt "$jobs_at_once" ] && jobs_begin; do
			:
		done
		# bash's wait -n may miss one that ended before it
		sleep 0.1
		for pid in "${!jobs_lane[@]}"; do
			[ -d "/proc/$pid" ] || jobs_ended "$pid"
		done
	done
}

# jobs_stop: what runs does not outlive test/run, in a shell of its own or not.
jobs_stop() {
	# shellcheck disable=SC2046 # numbers
	kill -TERM $(jobs_tree $$ | grep -vx $$) 2>/dev/null
}

# jobs_tree PID: it and what it has begun, from the top.
jobs_tree() {
	local child children
	echo "$1"
	children=$(cat "/proc/$1"/task/*/children 2>/dev/null)
	for child in $children; do
		jobs_tree "$child"
	done
}
