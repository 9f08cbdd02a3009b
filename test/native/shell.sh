#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# test/run itself. INTERACTIVE=1: a failed case stops with a shell in its place, which has its words, and
# "exit" goes on. And its jobs: what is side by side and what is not, and that they end with it.
. "$(dirname "$0")/lib.sh"

# fails NAME [VARIABLE...]: test/run with a case that fails, and these words typed in; what it says is in $said.
fails() {
	local name=$1
	shift
	said=$work/said.log
	printf '%s\n' 'echo "number $((number * 7))"' 'say "a function"' exit |
		env -u VDUSE_EMU_DIR CI= TEST_CASES= TEST_BUILT=yes TEST_LOGS="$work/run" "$@" "$pages/test/run" "$name" >"$said" 2>&1 || true
	grep -q "^FAIL $name/on_purpose" "$said" || { log said; fail "it does not say that the case failed"; }
	grep -q "^PASS $name/next" "$said" || { log said; fail "it does not go on"; }
	grep -q "^# on purpose: 6" "$said" || { log said; fail "the cause is not there"; }
}

# shell NAME [VARIABLE]
shell() {
	fails "$1" "${2:-INTERACTIVE=1}"
	grep -aq 'number 42' "$said" && grep -aq '# a function' "$said" || { log said 40; fail "no shell of the case"; }
}

case_not_asked() {
	fails native/fails
	! grep -aq 'number 42' "$said" || fail "a shell that was not asked for"
}

# jobs_try COMMAND: with the words of test/run's jobs, two at once, in a folder of its own; becomes it. As there, a pipeline's
# last command is of the shell itself.
jobs_try() {
	rm -rf "$work/jobs"
	mkdir "$work/jobs"
	# shellcheck disable=SC2016 # its own
	exec timeout "$patience" bash -c '
		shopt -s lastpipe
		cd "$1" && . test/parts/results.sh && . test/parts/jobs.sh && logs=$2 jobs_at_once=2
		# until the other one is there
		meets() {
			: >"$logs/$1.here"
			until [ -e "$logs/$2.here" ]; do sleep 0.02; done
			result pass "$1" 0
		}
		alone() {
			mkdir "$logs/lane" && result pass "$1/begins" 0
			rmdir "$logs/lane" && result pass "$1/ends" 0
		}
		dies() { exit 3; }
		reads() { (echo && meets "$@") | while read -r line; do :; done; }
		'"$1" - "$pages" "$work/jobs"
}

case_jobs() {
	(jobs_try '
		job - meets a b; job - meets b a; job lane alone c; job lane alone d; job - dies; jobs_run
		echo "${count[pass]} ${count[fail]} ${count[skip]}"') >"$work/jobs.log" || { log jobs; fail "they do not end"; }
	grep -qx '6 1 0' "$work/jobs.log" || { log jobs; fail "not all results are counted"; }
	grep -q '^FAIL job-. .*without a result' "$work/jobs.log" || { log jobs; fail "one that died is not told"; }
	grep -A 1 '^PASS c/begins' "$work/jobs.log" | grep -q '^PASS c/ends' || { log jobs; fail "its lines are not whole"; }
}

job_there() {
	[ -e "$work/jobs/a.here" ]
}

# case_ended AT-ONCE: one whose other one never comes is ended with it; if alone, it is no process of its own.
case_ended() {
	local pid job
	rm -rf "$work/jobs"
	(jobs_try "jobs_at_once=$1;"' trap jobs_stop EXIT; trap "exit 130" TERM; echo $BASHPID >$logs/main; job - reads a never; jobs_run') &
	pid=$!
	background+=("$pid")
	wait_for "$patience" job_there || fail "it does not begin"
	job=$(cat "/proc/$(cat "$work/jobs/main")"/task/*/children)
	[ -n "$job" ] || fail "no process of it"
	kill -TERM "$(cat "$work/jobs/main")"
	wait_for "$patience" is_gone running "$pid" || fail "it does not end"
	wait_for "$patience" is_gone running "${job%% *}" || fail "its job goes on"
}

# reach_adds WANT LINE...: the lines, as results of a cell, beside those of the run before.
reach_adds() {
	local want=$1 got
	shift
	printf '%s\n' "$@" >"$work/reach/trixie-gcc.new"
	# shellcheck disable=SC2016 # its own
	got=$(bash -c 'cd "$1" && . test/reach/cells.sh && results=$2 cell=trixie-gcc && cell_kept' - "$pages" "$work/reach")
	[ "$got" = "$want" ] || fail "$*: $got, not $want"
}

# A cell of test/reach/run in two runs: what of the first is kept.
case_reach_parts() {
	mkdir -p "$work/reach"
	printf '%s\n' 'date 1' 'revision a1' 'dpdk 24.11' 'step build 1 0 0' 'step unit 7 0 0 all' >"$work/reach/trixie-gcc"
	reach_adds 'step unit 7 0 0 all' 'date 2' 'revision a1' 'dpdk 24.11' 'step build 1 0 0' 'step native 3 1 0'
	reach_adds '' 'date 2' 'revision a1' 'dpdk 24.11' 'step build 1 0 0' 'step unit 6 1 0 all'
	reach_adds '' 'date 2' 'revision b2' 'dpdk 24.11' 'step build 1 0 0'
	reach_adds '' 'date 2' 'revision a1' 'dpdk 24.11.1' 'step build 1 0 0'
	sed -i 's/^revision.*/& with changes/' "$work/reach/trixie-gcc"
	reach_adds '' 'date 2' 'revision a1 with changes' 'dpdk 24.11' 'step build 1 0 0'
}

# reach_counts WANT HOW: "PASSED FAILED" of a cell's step whose test/run passes, fails, is killed behind the first result, or
# refuses to run; one of the step before has failed.
reach_counts() {
	local got
	# shellcheck disable=SC2016 # its own
	got=$(cd "$work/cut" && bash -c 'shopt -s lastpipe
		. "$1/test/parts/results.sh" && . "$1/test/reach/steps.sh" && logs=. cell=c count[fail]=1 && run_tests "$2" >/dev/null
		echo "${count[pass]} $((count[fail] - 1))"' - "$pages" "$2")
	[ "$got" = "$1" ] || fail "$2: $got, not $1"
}

# A step whose tests were ended before their end has not passed.
case_reach_ended() {
	mkdir -p "$work/cut/test"
	cat >"$work/cut/test/run" <<-'SH'
		#!/bin/bash
		[ "$2" != refuses ] || exit 1
		echo 'PASS a/b (0 s)'
		[ "$2" != fails ] || { echo 'FAIL a/c (0 s)'; exit 1; }
		[ "$2" != killed ] || { printf 'PASS a/b'; kill -KILL $$; }
	SH
	chmod +x "$work/cut/test/run"
	reach_counts '1 0' passes
	reach_counts '1 1' fails
	reach_counts '2 1' killed
	reach_counts '0 1' refuses
}

# tree_run NAME: test/run in a tree of its own, whose builds are some files, with a check that passes; becomes it. Logs: $work/NAME.
tree_run() {
	cd "$work/tree" || exit 1
	exec env CI= TEST_CASES= TEST_BUILT= TEST_LOGS="$work/$1" PATH="$work/tree/bin:$PATH" VDUSE_CACHE="$work/cache" test/run static/passes
}

# Two of them in one tree: the second builds behind the first, and does not take its logs.
case_two_runs() {
	local first second
	mkdir -p "$work"/tree/{bin,config,test/static,usertools}
	cp "$pages"/usertools/{deps,folders}.sh "$work/tree/usertools/"
	cp -r "$pages"/test/{run,parts} "$work/tree/test/"
	printf '#!/bin/sh
' | tee "$work/tree/config/fetch-sdk" >"$work/tree/test/static/passes"
	printf '#!/bin/sh
echo "meson $PPID" >>"%s"
' "$work/builds" >"$work/tree/bin/meson"
	printf '#!/bin/sh
read -r word <"%s"; echo "ninja $PPID" >>"%s"
' "$work/go" "$work/builds" >"$work/tree/bin/ninja"
	chmod +x "$work"/tree/{bin/*,config/*,test/static/*}
	mkfifo "$work/go"
	fresh "$work/first.log" "$work/second.log"
	(tree_run one) >"$work/first.log" 2>&1 &
	first=$!
	background+=("$first")
	wait_for "$patience" grep -q meson "$work/builds" || { log first; fail "the first does not build"; }
	(tree_run two) >"$work/second.log" 2>&1 &
	second=$!
	background+=("$second")
	wait_for "$patience" pgrep -P "$second" -x flock || { log second; fail "the second does not wait"; }
	# with the logs of the first it does not begin
	if (tree_run one) >"$work/third.log" 2>&1 || ! grep -q 'another run has its logs in' "$work/third.log"; then
		log third
		fail "the logs of the first are the third's"
	fi
	[ "$(grep -c meson "$work/builds")" = 1 ] || fail "two at once: $(cat "$work/builds")"
	echo >"$work/go"
	ended "$first" || { log first; fail "the first's end"; }
	echo >"$work/go"
	ended "$second" || { log second; fail "the second's end"; }
	grep -q '^PASS static/passes' "$work/first.log" && grep -q '^PASS static/passes' "$work/second.log" ||
		fail "not both have passed"
	[ "$(sed 's/ .*//' "$work/builds" | paste -sd ' ')" = 'meson ninja meson ninja' ] || fail "$(cat "$work/builds")"
}

# pages_try COMMAND: with hugepages that are files, becomes it.
pages_try() {
	# shellcheck disable=SC2016 # its own
	exec bash -e -c '. "$1"/test/parts/pages.sh; pages_at=$2; eval "$3"' - "$pages" "$work" "$1"
}

pages_are() {
	[ "$(cat "$work/nr_hugepages")" = "$1" ] || fail "$(cat "$work/nr_hugepages") hugepages, not $1: $2"
}

# Hugepages of runs beside each other: who ends first takes away none of the other's, free as they may be.
case_pages() {
	echo 100 >"$work/nr_hugepages"
	echo 500 >"$work/free_hugepages"
	mkfifo "$work/end"
	(pages_try 'pages_reserve 320; touch "$2/reserved"; read -r <"$2/end"; pages_give_back') &
	background+=($!)
	wait_for "$patience" test -e "$work/reserved" || fail "the first has none"
	(pages_try 'pages_reserve 320; pages_give_back; pages_give_back') || fail "the second has none"
	pages_are 420 "those of the first"
	(pages_try 'pages_reserve 30; echo >"$2/end"') || fail "the third has none"
	ended "${background[-1]}" || fail "its end"
	pages_are 130 "those of the third, which did not give them back"
	# a kernel that has no more, and one that has some
	(pages_try 'pages_set() { :; }; pages_reserve 500; pages_give_back') || fail "those that are free do not do"
	! (pages_try 'pages_set() { :; }; pages_reserve 501') || fail "more than there are free"
	! (pages_try 'pages_set() { echo $(($1 < 200 ? $1 : 200)) >"$pages_at/nr_hugepages"; }; pages_reserve 501') ||
		fail "fewer than it wants"
	pages_are 130 "nothing is left behind"
}

# peer_tried: test/reach/peer in a tree of its own, where a build and a suite are some files.
peer_tried() {
	"$work/peer/test/reach/peer" trixie-gcc tests /usr/bin/dpdk-testpmd >>"$work/peer.log" 2>&1
}

# peer_times TIMES: so often were its files installed.
peer_times() {
	[ "$(grep -cx installed "$work/peer.log")" = "$1" ] || { log peer; fail "not made $1 times"; }
	[ -e "$work/peer/build/tests/usr/bin/dpdk-testpmd" ] || fail "it is not whole"
	[ -e "$work/peer/build/tests/usr/libexec/coreutils/libstdbuf.so" ] || fail "no stdbuf for its programs"
	[ -e "$work/peer/build/tests/usr/lib/x86_64-linux-gnu/librte_x.so.25" ] || fail "a PMD that another asks for is not found"
	[ -e "$work/peer/build/tests/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" ] || fail "no program there has a loader"
}

# A cell's programs for machines beside each other: made once, as long as the build is the same.
case_reach_peer() {
	local lib=usr/lib/x86_64-linux-gnu other
	mkdir -p "$work"/peer/{test/reach,build/meson,suite/usr/bin,suite/etc/ld.so.conf.d,suite/$lib/dpdk/pmds-25.0}
	cp "$pages/test/reach/peer" "$work/peer/test/reach/"
	mkdir -p "$work/peer/suite/usr/libexec/coreutils"
	touch "$work"/peer/suite/{usr/bin/dpdk-testpmd,usr/libexec/coreutils/libstdbuf.so,etc/passwd,etc/group,etc/ld.so.conf,$lib/libgcc_s.so.1} \
		"$work/peer/build/meson/librte_vduse.so"
	# a program of the suite may have it by its RUNPATH, another library by its name alone
	touch "$work/peer/suite/$lib/dpdk/pmds-25.0/librte_x.so.25"
	ln -s dpdk/pmds-25.0/librte_x.so.25 "$work/peer/suite/$lib/librte_x.so.25"
	# the loader, by a link from the root
	mkdir "$work/peer/suite/lib64"
	touch "$work/peer/suite/$lib/ld-linux-x86-64.so.2"
	ln -s "/$lib/ld-linux-x86-64.so.2" "$work/peer/suite/lib64/"
	printf '#!/bin/sh\necho "%s"\n' "$work/peer/build" >"$work/peer/test/reach/run"
	cat >"$work/peer/test/reach/tree" <<STUB
#!/bin/sh
case "\$*" in
*" meson install "*)
	echo installed >&2
	sleep 1
	mkdir -p "\$4/tests/usr/local/lib"
	touch "\$4/tests/usr/local/lib/librte_vduse.so"
	;;
*" ldd "*)
	printf '\t%s => %s (0x1)\n' librte_x.so.25 /$lib/dpdk/pmds-25.0/librte_x.so.25
	printf '\t/lib64/ld-linux-x86-64.so.2 (0x1)\n'
	exit 123
	;;
*) echo "$work/peer/suite" ;;
esac
STUB
	chmod +x "$work"/peer/test/reach/*
	peer_tried &
	other=$!
	peer_tried || { log peer; fail "it fails beside another"; }
	wait "$other" || { log peer; fail "the other one fails"; }
	peer_times 1
	echo newer >"$work/peer/build/meson/librte_vduse.so"
	peer_tried || { log peer; fail "it fails for a newer build"; }
	peer_times 2
}

# boots TIMES CONSOLE...: a machine that ends without a result, and has these lines on its console, is booted so often;
# from the second time on all is well.
boots() {
	local times=$1
	shift
	mkdir -p "$work/boots"
	rm -f "$work/boots/"*
	# shellcheck disable=SC2016 # its own
	bash -c '
		. "$1/test/vm/boot.sh"
		boot_once() {
			echo boot
			boot_status=0
			[ ! -e "$logs/console.first" ] || return 0
			boot_status=125
			printf "%s\n" "${console[@]}" >"$logs/console"
		}
		logs=$2 console=("${@:3}")
		boot_run "$logs" 100 2 1024 0
		echo "status $boot_status"' - "$pages" "$work/boots" "$@" >"$work/boots.log" 2>&1
	[ "$(grep -cx boot "$work/boots.log")" = "$times" ] || { log boots; fail "booted another number of times than $times: $*"; }
	grep -qx "status $((times == 1 ? 125 : 0))" "$work/boots.log" || { log boots; fail "another status: $*"; }
}

# What an emulator does wrong is tried once more; a kernel's own fault is none of its.
case_boots() {
	local begins='[ 3.1] vm: the script begins'
	boots 2 '[ 1.0] Kernel panic - not syncing'
	boots 2 "$begins" '[ 24.3] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI'
	boots 2 "$begins" "[ 24.3] rcu: Possible timer handling issue; rcu_preempt kthread timer wakeup didn't happen for 5 jiffies"
	boots 2 '[    0.036000] tsc: PIT calibration deviates from HPET: 302684 2593664' "$begins"
	boots 1 "$begins" '[    0.036000] tsc: using HPET reference calibration'
	boots 1 "$begins" '[ 24.3] Oops: general protection fault: 0000 [#1] PREEMPT SMP'
}

case_run shell/jobs case_jobs
case_run shell/boots case_boots
case_run shell/two-runs case_two_runs
case_run shell/pages case_pages
case_run shell/reach_parts case_reach_parts
case_run shell/reach_ended case_reach_ended
case_run shell/reach_peer case_reach_peer
case_run shell/ended case_ended 2
case_run shell/ended-alone case_ended 1
case_run shell/not_asked case_not_asked
case_run shell/native shell native/fails
case_run shell/pause shell native/fails PAUSE_ON_FAILURE=1
case_long shell/system shell system/6.12/fails
exit $group_status
