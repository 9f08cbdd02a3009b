# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The cells of test/reach/run: which there are, and what each begins and ends with.

suites="bookworm trixie sid"
compilers="gcc clang"
kernel_cells="6.12 7.2 7.3 sid"
steps_dpdk="build unit native install system"
steps=$steps_dpdk
# What asks DPDK for something: its driver on this side, its virtio-user as the other, EAL at start and end.
native="matrix memory life pmd crash start"
# of them, what a back end below qemu-user was tried with
native_arm64="matrix"
system="net"
# and on a kernel of arm64, in a machine that takes long
system_arm64="demo"
system_kernel=

# words_of KIND: cells, as a user names them.
words_of() {
	local suite compiler
	case $1 in
	dpdk)
		for suite in $suites; do
			for compiler in $compilers; do
				printf '%s ' "$suite-$compiler"
			done
		done
		;;
	kernel) printf 'kernel-%s ' $kernel_cells ;;
	esac
}

# cells_of WORD: adds the cells that it names to wanted; returns 1 where there is none.
cells_of() {
	local cell found=1
	# shellcheck disable=SC2046 # words
	for cell in $(words_of dpdk) main $(words_of kernel) arm64; do
		case $1 in
		all) [ "$cell" != main ] || [ -n "$source_tree" ] || continue ;;
		"$cell" | "${cell%-*}") ;;
		*) continue ;;
		esac
		wanted+=("$cell")
		found=0
	done
	return $found
}

# lane_of CELL: what is never at once; machines take all there is by themselves.
lane_of() {
	case $1 in
	kernel-* | arm64) echo machines ;;
	*) echo - ;;
	esac
}

# needs_host: whether a cell needs this machine's own build.
needs_host() {
	local cell
	for cell in "${wanted[@]}"; do
		case $cell in
		kernel-* | arm64) return 0 ;;
		# it wants no more of a build than how it compiles
		main) [ -f "$(folders_build "$top" build)/compile_commands.json" ] || return 0 ;;
		bookworm-* | trixie-* | sid-*) [[ " $steps " != *" system "* ]] || return 0 ;;
		esac
	done
	return 1
}

needs_pages() {
	[[ " $steps " == *" native "* && " ${wanted[*]} " =~ \ (bookworm-|trixie-|sid-|arm64) ]]
}

# host_build: packages, and the ordinary build; the quickest test behind them.
host_build() {
	TEST_LOGS=$logs/host alone "$build/host.lock" test/run unit/ring
}

# note KEY VALUE...: of the cell, for the page.
note() {
	echo "$*" >>"$results/$cell.new"
}

# reach_cell CELL: its results replace those of the run before, but for steps that it has not (cell_kept).
reach_cell() {
	local cell=$1 folder=$build/$1 log=$logs/$1.log tree=
	echo "# SPDX-License-Identifier: BSD-3-Clause" >"$results/$cell.new"
	note date "$(date -u +%F)"
	note revision "$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- 2>/dev/null || echo ' with changes')"
	case $cell in
	main) cell_main ;;
	kernel-*) cell_kernel "${cell#kernel-}" ;;
	arm64) cell_arm64 ;;
	*) cell_dpdk ;;
	esac
	[ ! -f "$results/$cell" ] || cell_kept >>"$results/$cell.new"
	mv "$results/$cell.new" "$results/$cell"
}

# cell_kept: steps that this run had not, of the run before, where nothing else is told apart: a long cell in parts. What
# was run of sources with changes cannot be told apart.
cell_kept() {
	local old=$results/$cell new=$results/$cell.new had
	! grep -q '^revision .* with changes$' "$new" || return 0
	cmp -s <(grep -vE '^(date|step) ' "$old") <(grep -vE '^(date|step) ' "$new") || return 0
	had=$(sed -nE 's/^(step [^ ]+ ).*/\1/p' "$new")
	[ -z "$had" ] || grep '^step ' "$old" | grep -vF "$had" || true
}

# reach_step STEP FUNCTION [ARGUMENT...]: a step that prints results by itself; notes how many there were of each kind.
# The words that it leaves in what are the page's.
reach_step() {
	local step=$1 before start=$SECONDS
	before=("${count[pass]}" "${count[fail]}" "${count[skip]}")
	shift
	what=
	"$@"
	note step "$step" $((count[pass] - before[0])) $((count[fail] - before[1])) $((count[skip] - before[2])) "$what"
	spend "reach/$cell/$step" $((SECONDS - start))
}

# record_results: into the tree, with the page that is made of them.
record_results() {
	local cell
	mkdir -p doc/results/support
	for cell in "${wanted[@]}"; do
		cp "$results/$cell" "doc/results/support/$cell"
	done
	/usr/bin/python3 usertools/support.py >doc/support.md
}
