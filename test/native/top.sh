#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vdusectl top on a terminal, as tmux has one. The port makes frames as fast as they are taken, for nobody.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"

screen() {
	tmux -L "vduse-$$" capture-pane -p -t top
}

# shows PATTERN: a line of the screen.
shows() {
	screen | grep -Eq -- "$1"
}

waits_for() {
	wait_for "$patience" shows "$1" || { screen >"$work/screen.log"; log screen; log node; fail "no line $1"; }
}

terminal_gone() {
	! tmux -L "vduse-$$" has-session -t top 2>/dev/null
}

# One screen: the port that sends is first, with its share of the lcore, and what it sends is dropped; it follows what
# there is, and the size of the terminal; q ends it, and the terminal is as before.
case_top() {
	local n
	command -v tmux >/dev/null || skip "no tmux"
	cat >"$work/node.conf" <<-END
		network add net0 uplinks net_null0
		container add c1 network net0 attach none
	END
	# shellcheck disable=SC2119 # no option is more than enough
	node_start
	wait_for "$patience" node_has '^c1: ' || { log node; fail "no container"; }
	tmux -L "vduse-$$" -f /dev/null new-session -d -s top -x 100 -y 20 "bash --norc"
	tmux -L "vduse-$$" send-keys -t top "PS1='prompt> '; $vdusectl -S $run/control top" Enter
	waits_for '^busy: lcore 1: [0-9.]+%$'
	waits_for '^NAME +LCORE +CPU +RX/s +RX b/s +TX/s +TX b/s +DROP/s +ROOM +WAIT SLOW$'
	waits_for '^net_null0 +- +[1-9][0-9.]*% +[0-9.]+[kM] +[0-9.]+[MG] +0 +0 +[0-9.]+[kM] +- +-'
	waits_for '^c1 +1 +0\.0% +0 +0 +0 +0 +0 +- +-'
	for n in 2 3 4 5 6; do
		node container add "c$n" network net0 attach none || fail "c$n is not added"
	done
	waits_for '^c6 '
	tmux -L "vduse-$$" resize-window -t top -x 100 -y 6
	wait_for "$patience" hides '^c6 ' || { screen >"$work/screen.log"; log screen; fail "more than the terminal has room for"; }
	waits_for '^net_null0 '
	tmux -L "vduse-$$" resize-window -t top -x 100 -y 20
	tmux -L "vduse-$$" send-keys -t top q
	waits_for '^prompt>$'
	tmux -L "vduse-$$" send-keys -t top "stty -a | grep -ow -e '-\?icanon' -e '-\?echo' | xargs" Enter
	waits_for '^icanon echo$'
	tmux -L "vduse-$$" send-keys -t top exit Enter
	wait_for "$patience" terminal_gone || fail "the terminal does not end"
	# without a terminal: so many screens, one behind the other
	node top -n 2 >"$work/plain" || fail "its status"
	[ "$(grep -c '^net_null0 ' "$work/plain")" = 2 ] || { cat "$work/plain"; fail "not two screens"; }
	! grep -q $'\033' "$work/plain" || fail "a terminal's codes in a file"
	for n in 1 2 3 4 5 6; do
		node container del "c$n" || fail "c$n stays"
	done
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

hides() {
	! shows "$1"
}

node_has() {
	node container show 2>/dev/null | grep -q "$1"
}

case_run top/top case_top
exit $group_status
