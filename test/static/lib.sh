# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The static checks: programs in this folder, run by test/run from the top of the
# tree with the build folder as argument. Exit status 0: passed, 77: skipped (its
# last line says why), else failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

# tree_files [PATTERN...]: files of the project: known to git, or new and not ignored. In
# a tree that came without git, all but what a build leaves.
tree_files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@"
	else
		find . -type f ! -path './build*' ! -path './config/sdk/*' ! -path './.git*/*' -printf '%P\n' |
			tree_match "$@"
	fi | sort -u | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# tree_match [PATTERN...]: of the names on stdin those that match one as git would.
tree_match() {
	local name pattern
	while read -r name; do
		[ $# -gt 0 ] || echo "$name"
		for pattern; do
			# shellcheck disable=SC2053
			[[ $name != $pattern && ${name##*/} != $pattern ]] || echo "$name"
		done
	done
}

c_files() {
	tree_files '*.c' '*.h'
}

need() {
	command -v "$1" >/dev/null || {
		echo "$1 is not installed"
		exit 77
	}
}
