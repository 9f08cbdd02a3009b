# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# From the words that test/run is given to what it runs. A name is PART, PART/GROUP or
# PART/GROUP/CASE, as the lines of results have it; GROUP and GROUP/CASE are looked for in all
# parts but sanitize and cross.

parts="unit sanitize cross static native system"
# Of a run without "all": sanitizers show nothing that the same tests do not, but for faults.
parts_once="unit cross static native system"
# "PART" or "PART NAME" each, NAME being GROUP or GROUP/CASE
chosen=()

is_part() {
	[[ $1 != *[/\ ]* && " $parts " == *" $1 "* ]]
}

# group_is FILE WORD: whether a group's file has a line "# Run: WORD".
group_is() {
	grep -qx "# Run: $2" "$1"
}

# The groups of a part, a line each.
groups_of() {
	case $1 in
	unit | sanitize) unit_names "$build" ;;
	cross) cross_names ;;
	static) (cd test/static && find . -type f -executable -printf '%P\n' | sort) ;;
	native | system) (cd "test/$1" && ls -- *.sh | sed 's/\.sh$//' | grep -v '^lib') ;;
	esac
}

# groups_now PART: those that a run of the whole part has, which is less without "all", and never one
# that runs only where it is named.
groups_now() {
	local group file
	groups_of "$1" | while read -r group; do
		file=test/$1/$group.sh
		[ -f "$file" ] || file=test/$1/$group
		[ ! -f "$file" ] || ! group_is "$file" named || continue
		[ "$level" = all ] || [ ! -f "$file" ] || ! group_is "$file" all || continue
		echo "$group"
	done
}

# choose WORD...: sets chosen; returns 1, with the cause on stderr, for a name that there is not.
choose() {
	local word part current="" found
	for word; do
		if is_part "$word"; then
			current=$word
			chosen+=("$word")
			continue
		fi
		if is_part "${word%%/*}"; then
			chosen+=("${word%%/*} ${word#*/}")
			continue
		fi
		found=false
		for part in ${current:-unit static native system}; do
			groups_of "$part" | grep -qxF -- "$(choose_group "$part" "$word")" || continue
			chosen+=("$part $word")
			found=true
		done
		$found || { echo "test/run: there is no test $word${current:+ in $current}" >&2; return 1; }
	done
	choose_less
}

# choose_group PART NAME: the group in a name, which may begin with a kernel or "native".
choose_group() {
	local name=$2
	case $1 in
	system) [[ ! $name =~ ^([0-9]+\.[0-9]+|sid)(-arm64)?/ ]] || name=${name#*/} ;;
	sanitize) [[ $name != native/* && $name != tsan/* ]] || name=${name#*/} ;;
	esac
	echo "${name%%/*}"
}

# "native" with names of it behind is these names only.
choose_less() {
	local one other kept=()
	for one in ${chosen[@]+"${chosen[@]}"}; do
		if is_part "$one"; then
			for other in "${chosen[@]}"; do
				[[ $other != "$one "* ]] || continue 2
			done
		fi
		kept+=("$one")
	done
	chosen=(${kept[@]+"${kept[@]}"})
}

# chosen_of PART: its names, a line each; nothing where all of it was asked for.
chosen_of() {
	local one
	for one in "${chosen[@]}"; do
		[[ $one != "$1 "* ]] || echo "${one#* }"
	done
}

# is_chosen PART
is_chosen() {
	local one
	for one in "${chosen[@]}"; do
		[ "${one%% *}" != "$1" ] || return 0
	done
	return 1
}
