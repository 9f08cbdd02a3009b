#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark works: its short form measures and reports. No figure is judged here.
. "$(dirname "$0")/lib.sh"

bench=$(cd "$(dirname "$0")/../bench" && pwd)

# run_bench OPTION...: with brokers of its own.
run_bench() {
	env -u VDUSE_EMU_DIR -u VDUSE_EMU_LIB "$bench/run" --build "$build" --output "$work/bench" "$@" \
		>"$work/bench.log" 2>&1
}

# Every place of the matrix, the limit and the idle devices have figures of both sides, in all files.
reported() {
	python3 - "$work/bench" <<'PYTHON'
import json, sys, xml.dom.minidom
folder = sys.argv[1]
data = json.load(open(folder + '/report.json'))
assert len(data['pairs']) == 4, 'places: %d' % len(data['pairs'])
for place in data['pairs']:
    for name in ('peer', 'ours', 'before'):
        for key in ('mpps', 'gbps', 'cycles'):
            assert place['columns'][name][key]['median'] > 0, (name, key, place)
    since = place['since']['mpps']
    assert since['min'] <= since['median'] <= since['max'], since
    ratio = place['ratios']['ours']['mpps']
    assert ratio['min'] <= ratio['median'] <= ratio['max'], ratio
assert len(data['limit']) == 4 and all(r['limit']['cycles'] for r in data['limit'])
if 'public headers' not in data['machine']['note']:
    assert len(data['idle']) == 2, data['idle']
    assert all(r['ratios']['ours']['idle']['median'] > 0 for r in data['idle']), data['idle']
assert data['same_program'] or data['machine']['note'], 'not said why not in one program'
marks = xml.dom.minidom.parse(folder + '/report.svg').getElementsByTagName('circle')
assert len(marks) == 16, 'marks in the plot: %d' % len(marks)
text = open(folder + '/report.md').read()
for heading in ('Split ring', 'Against the revision before', 'Share of the limit'):
    assert '## ' + heading in text, heading
PYTHON
}

case_short() {
	need_peer
	# what is beside it is the same: how much that is, is not asked
	run_bench --short --before "$(dirname "$bench")/.." || { log bench 30; fail "the benchmark fails"; }
	grep -E '^(round|  )' "$work/bench.log" | sed 's/^/# /'
	reported || fail "the report is not whole"
}

# What joins two containers, idle ones, members of the bridge and adds have figures of both sides, and
# what is asked of them a verdict.
switched() {
	python3 - "$work/bench" <<'PYTHON'
import json, sys
folder = sys.argv[1]
data = json.load(open(folder + '/report.json'))
figures = {(f['size'], f['column']): f for f in data['switch']['figures']}
columns = [(size, name) for size in (64, 65226) for name in ('wire', 'network', 'peer')]
if not data['machine']['no_ovs']:
    columns.append((64, 'ovs'))
assert sorted(figures) == sorted(columns), sorted(figures)
for (size, name), found in figures.items():
    for key in ('mpps', 'cycles') + (('undisturbed',) if name != 'peer' else ()):
        assert found[key]['median'] > 0, (name, key)
judged = [a for a in data['switch']['aims'] if a['asked']]
assert len(judged) == (14 if (64, 'ovs') in columns else 12), [a['what'] for a in judged]
for aim in data['switch']['aims']:
    assert aim['found'] and aim['found']['min'] <= aim['found']['median'] <= aim['found']['max'], aim
    assert (aim['reached'] is None) == (aim['asked'] is None), aim
text = open(folder + '/report.md').read()
assert '## Switch' in text and '## Split ring' not in text, text
PYTHON
}

case_switch() {
	need_peer
	run_bench --short --switch-only || { log bench 30; fail "the benchmark fails"; }
	grep -E '^(round|  )' "$work/bench.log" | sed 's/^/# /'
	switched || fail "the report is not whole"
}

# A measurement that gives no figure is said and counted, and the others stand.
case_failure() {
	need_peer
	local status=0
	run_bench --here --sizes 64 --modes host --rings split --regions 1 --devices '' --pairs '' \
		--no-limit --rounds 1 --seconds 0.1 -d colour=blue || status=$?
	[ "$status" = 1 ] || { log bench; fail "status $status"; }
	grep -q '1 measurements gave no figure' "$work/bench.log" || { log bench; fail "not counted"; }
	grep -q 'unknown argument colour' "$work/bench/failed.log" || fail "no cause in failed.log"
	grep -q 'ours,colour=blue .* – ' "$work/bench/report.md" || fail "no gap in the table"
	status=0
	run_bench --modes sideways || status=$?
	[ "$status" = 1 ] && grep -q "'sideways' is none of" "$work/bench.log" || fail "taken: sideways"
	status=0
	run_bench --before "$work" || status=$?
	[ "$status" = 1 ] && grep -q 'is no work tree of this project' "$work/bench.log" || fail "taken: an empty tree"
}

# What is measured in a machine, of pods: the table, and the ratios of rounds, of figures that are made up.
case_pods() {
	mkdir -p "$work/made-up"
	printf '%s\n' cpu=a identity=b cores=2 memory=c kernel=d virtual=none date=e revision=f command=g load=0.10 same=false \
		note=h here=i rounds=2 seconds=1 vm_kernel=6.12 extra= no_ovs= ovs= >"$work/made-up/machine.txt"
	cat >"$work/made-up/raw.txt" <<-'END'
		kind=pods round=1 column=ours pods=9 p50=30 p99=60
		kind=pods round=1 column=ours pods=9 once_ms=300 again=0 machine_kib=2000 rss_kib=100
		kind=pods round=1 column=bridge pods=9 p50=20 p99=20
		kind=pods round=1 column=bridge pods=9 once_ms=600 again=0 machine_kib=500
		kind=pods round=2 column=ours pods=9 p50=10 p99=40
		kind=pods round=2 column=ours pods=9 once_ms=100 again=0 machine_kib=2000 rss_kib=100
		kind=pods round=2 column=bridge pods=9 p50=20 p99=20 once_ms=600 again=0 machine_kib=500
	END
	"$bench/report" "$work/made-up" >"$work/bench.log" 2>&1 || { log bench; fail "no report"; }
	grep -q '^## 9 pods by CNI, Linux 6.12' "$work/made-up/report.md" || fail "no table: $(cat "$work/made-up/report.md")"
	grep -Eq '^\| dpdk-vduse-cni \| 20.0 +\| 50.0 +\| 200.0 +\| 2000 +\| 100.0' "$work/made-up/report.md" ||
		fail "other figures: $(cat "$work/made-up/report.md")"
	grep -qF 'p50 1.00 (0.50..1.50), p99 2.50 (2.00..3.00), all at once 0.33 (0.17..0.50)' "$work/made-up/report.md" ||
		fail "other ratios: $(cat "$work/made-up/report.md")"
}

case_long bench/short case_short
case_long bench/switch case_switch
case_run bench/failure case_failure
case_run bench/pods case_pods
exit $group_status
