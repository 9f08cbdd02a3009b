# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# How vduse-doctor looks at files below its root, and at processes.

# processes_read: sets comms, the names of all processes.
processes_read() {
	comms=$(grep -Hs . "$root"/proc/[0-9]*/comm || echo none)
}

# line FILE: the first line of a file below the root; nothing where it cannot be read.
line() {
	local text=''
	{ IFS= read -r text <"$root$1"; } 2>/dev/null
	printf '%s\n' "$text"
}

# link FILE: the last part of what a symbolic link leads to.
link() {
	local to
	to=$(readlink "$root$1" 2>/dev/null) || return 1
	echo "${to##*/}"
}

has_command() {
	command -v "$1" >/dev/null
}

# processes NAME: the numbers of those whose program is so called.
processes() {
	local word
	while IFS= read -r word; do
		[ "${word##*/comm:}" != "${1:0:15}" ] || basename "${word%/comm:*}"
	done <<<"$comms"
}

runs() {
	[ -n "$(processes "$1")" ]
}

# joined WORD...: with commas.
joined() {
	local text
	text=$(printf ', %s' "$@")
	echo "${text#, }"
}
