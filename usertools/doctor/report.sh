# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What vduse-doctor has found, and how it is printed.

severities=()
subjects=()
texts=()
whys=()
cures=()
declare -A how_many=([fault]=0 [note]=0 [unseen]=0 [ok]=0)

# found SEVERITY SUBJECT TEXT [WHY [COMMAND...]]: "fault": something will not work; "note": it could be better;
# "unseen": it could not be looked at; "ok".
found() {
	local IFS=$'\n'
	severities+=("$1")
	subjects+=("$2")
	texts+=("$3")
	whys+=("${4:-}")
	cures+=("${*:5}")
	how_many[$1]=$((how_many[$1] + 1))
}

exit_status() {
	[ "${how_many[fault]}" = 0 ] || return 2
	[ "$((how_many[note] + how_many[unseen]))" = 0 ]
}

print_finding() {
	local i=$1 line label='Do: '
	printf '%-6s %s: %s\n' "${severities[i]}" "${subjects[i]}" "${texts[i]}"
	[ -z "${whys[i]}" ] || printf '       Why: %s\n' "${whys[i]}"
	[ -n "${cures[i]}" ] || return 0
	while IFS= read -r line; do
		printf '       %s %s\n' "$label" "$line"
		label='    '
	done <<<"${cures[i]}"
}

print_lines() {
	local i
	echo "$machine"
	for i in "${!severities[@]}"; do
		print_finding "$i"
	done
	if exit_status; then
		echo "All is well."
	elif [ "${how_many[fault]}" != 0 ]; then
		echo "Faults: ${how_many[fault]}. Begin at the top, and run this again after each step."
	else
		echo "It works; the notes say what could be better."
	fi
}

# json_text TEXT: as a JSON string; what is no printable character of ASCII or UTF-8 is left out.
json_text() {
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\n'/\\n}
	text=${text//$'\t'/ }
	printf '"%s"' "$(tr -d '\000-\037\177' <<<"$text")"
}

json_list() {
	local line comma=''
	printf '['
	[ -z "$1" ] || while IFS= read -r line; do
		printf '%s%s' "$comma" "$(json_text "$line")"
		comma=', '
	done <<<"$1"
	printf ']'
}

print_json() {
	local i comma='' status=0
	exit_status || status=$?
	printf '{\n  "machine": %s,\n  "status": %s,\n  "findings": [' "$(json_text "$machine")" "$status"
	for i in "${!severities[@]}"; do
		printf '%s\n    {"severity": "%s", "subject": "%s", "text": %s, "why": %s, "do": %s}' "$comma" \
			"${severities[i]}" "${subjects[i]}" "$(json_text "${texts[i]}")" \
			"$(json_text "${whys[i]}")" "$(json_list "${cures[i]}")"
		comma=,
	done
	printf '\n  ]\n}\n'
}
