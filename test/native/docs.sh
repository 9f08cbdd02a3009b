#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The commands of doc/emulator.md, word for word.
. "$(dirname "$0")/lib.sh"

page=doc/emulator.md

# In a clone that is built: the page's paths are its own. Programs like these make their own broker.
in_clone() {
	mkdir -p "$work/clone"
	ln -sfn "$build" "$work/clone/build"
	(cd "$work/clone" && env -u VDUSE_EMU_DIR -u VDUSE_EMU_LIB bash -c "$1") >"$work/doc.log" 2>&1 || {
		log doc
		fail "the document's command fails"
	}
}

case_pair() {
	doc_command $page 'librte_net_vduse.so -m round'
	in_clone "$documented"
	grep -q '^mode=round .* mpps=' "$work/doc.log" || { log doc; fail "no line of figures"; }
}

case_peer() {
	need_peer
	doc_command $page 'build/test/emu/run-pair    '
	in_clone "$documented"
	grep -q '^mode=host size=64 .* mpps=' "$work/doc.log" || { log doc; fail "no line of figures"; }
}

# tell WORDS: the line of "What can go wrong on command" with these words, for device x1.
tell() {
	doc_command $page "$1"
	PATH=$emu_dir:$PATH bash -c "${documented//NAME/x1}" || fail "the document's command fails"
}

# Each line alone, with a back end and a driver that live on as far as the fault lets them.
case_faults() {
	local words
	for words in 'fault ioctl ioctl=VQ_SETUP_KICKFD nth=2' 'fault mmap nth=3' 'fault ioctl delay=500' \
		'update NAME' 'burst NAME 200' 'unmap NAME'; do
		back_start x1 1 ""
		small_start 8
		small_ok features 0
		small_ok start
		tell "vduse-emu $words"
		tell 'vduse-emu clear'
		running "$back_pid" || fail "the back end has ended"
		small_end
		back_end
	done
}

case_run docs/pair case_pair
case_run docs/peer case_peer
case_run docs/faults case_faults
exit $group_status
