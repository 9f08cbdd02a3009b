# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What groups with systemd as the first process share: a unit's state, and what it has said.

# said UNIT: what systemd and the service have said last.
said() {
	systemctl status --no-pager -l "$1" 2>&1 | sed 's/^/# /'
	journalctl --no-pager -o cat -n 30 -u "$1" | sed 's/^/# /'
}

property() {
	systemctl show --value -p "$2" "$1"
}

main_pid() {
	property "$1" MainPID
}

is_state() {
	[ "$(property "$1" ActiveState)" = "$2" ]
}
