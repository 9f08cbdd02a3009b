#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What can be seen of a device: telemetry and xstats, against what was sent.
. "$(dirname "$0")/lib.sh"

# tel COMMAND[,NAME] EXPRESSION: the Python expression, with the answer as d.
tel() {
	/usr/bin/python3 - "/var/run/dpdk/nb$$/dpdk_telemetry.v2" "$@" <<'PYTHON'
import json, socket, sys
path, command, expression = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(10)
s.connect(path)
size = json.loads(s.recv(1024))['max_output_len']
s.send(command.encode())
d = json.loads(s.recv(size))[command.split(',')[0]]
print(eval(expression))
PYTHON
}

# is COMMAND EXPRESSION WANTED
is() {
	local got
	got=$(tel "$1" "$2") || fail "$1: $2 cannot be had of $(tel "$1" d)"
	[ "$got" = "$3" ] || fail "$1: $2 is $got, not $3; all: $(tel "$1" d)"
}

# xstat NAME: its value, 0 if it is not listed.
xstat() {
	local value
	value=$(sed -n "s/^$1 //p" <<<"$lines")
	echo "${value:-0}"
}

# counter NAME WANTED
counter() {
	[ "$(xstat "$1")" = "$2" ] || fail "$1 is $(xstat "$1"), not $2"
}

case_no_driver() {
	back_start s1 1 mac=02:00:00:00:00:77,mtu=4000,speed=2500,attach=none
	is /vduse/list 'd' "['s1']"
	is /vduse/info,s1 'd["name"], d["mac"], d["mtu"]' "('s1', '02:00:00:00:00:77', 4000)"
	is /vduse/info,s1 'd["queue_pairs"], d["started"], d["broken"], d["link_up"]' '(1, 0, 0, 0)'
	is /vduse/info,s1 'd["negotiated"], d["status"]' '([], [])'
	is /vduse/info,s1 '"VIRTIO_F_RING_PACKED" in d["offered"]' True
	is /vduse/queues,s1 'sorted(d)' "['vq0', 'vq1']"
	is /vduse/queues,s1 'd["vq1"]["kind"], d["vq1"]["ready"], d["vq1"]["max_size"]' "('transmit', 0, 1024)"
	is /vduse/iotlb,s1 'd["asid0"]["regions"]' 0
	is /vduse/messages,s1 'd["set_status"]' 0
	is /vduse/info,nobody 'd' None
	back_ok xstats
	[ -z "$lines" ] || fail "counters without a driver: $lines"
	# frames for nobody
	back_ok patience 1
	back run 64 1 || true
	is /vduse/info,s1 'd["speed_mbps"]' 2500
	back_end
}

case_driver() {
	local frames=2000
	back_start s2 1 mac=02:00:00:00:00:78,mtu=9000
	front_start 1 ",packed_vq=1" --total-num-mbufs=16384
	front start
	back_ok link up
	back_ok run 64 $frames
	back_ok run 100 $frames
	back_ok run 1518 $frames
	back_ok run 3000 $frames
	back_ok xstats
	local d
	for d in rx tx; do
		counter ${d}_q0_packets $((4 * frames))
		counter ${d}_q0_bytes $(((64 + 100 + 1518 + 3000) * frames))
		counter ${d}_q0_size_64_packets $frames
		counter ${d}_q0_size_65_127_packets $frames
		counter ${d}_q0_size_1024_1518_packets $frames
		counter ${d}_q0_size_1519_max_packets $frames
		counter ${d}_q0_multicast_packets 0
	done
	grep -E '_(drop|faults)' <<<"$lines" && fail "frames were dropped"
	[ "$(xstat rx_q0_iotlb_hits)" -gt $((4 * frames)) ] || fail "no IOTLB hits"
	is /vduse/info,s2 'd["started"], d["broken"], d["link_up"], d["active_pairs"]' '(1, 0, 1, 1)'
	is /vduse/info,s2 '"DRIVER_OK" in d["status"] and "FEATURES_OK" in d["status"]' True
	is /vduse/info,s2 '"VIRTIO_F_RING_PACKED" in d["negotiated"]' True
	is /vduse/info,s2 'set(d["negotiated"]) <= set(d["offered"])' True
	is /vduse/queues,s2 'd["vq0"]["format"], d["vq0"]["size"], d["vq0"]["ready"], d["vq0"]["running"]' \
		"('packed', 256, 1, 1)"
	is /vduse/queues,s2 'd["vq0"]["desc_iova"] != "0x0" and "fault" not in d["vq0"]' True
	is /vduse/queues,s2 'int(d["vq0"]["desc_iova"], 16)' "$(($(ring_of_vq0)))"
	is /vduse/iotlb,s2 'd["asid0"]["regions"]' "$(emu show | sed -n 's/^s2: .*regions //p')"
	is /vduse/messages,s2 'd["set_status"] >= 3 and d["update_iotlb"] > 0 and d["unknown"] == 0' True
	is /vduse/messages,s2 '0 < d["latency_ns_average"] <= d["latency_ns_max"]' True
	front_end
	back_ok link down
	# the driver has gone, the counters have not
	back_ok xstats
	counter rx_q0_packets $((4 * frames))
	is /vduse/info,s2 'd["started"], d["link_up"]' '(0, 0)'
	back_end
}

ring_of_vq0() {
	emu show | sed -n 's/^  vq0: .* desc \(0x[0-9a-f]*\) .*/\1/p'
}

case_run seen/no-driver case_no_driver
# doc/telemetry.md: the commands, as they stand there.
case_page() {
	local block=$work/block line
	back_start c1 1 mac=02:00:00:00:00:79 --file-prefix c1
	doc_block doc/telemetry.md dpdk-telemetry.py >"$block" || fail "the page has no command"
	while read -r line; do
		say "$line"
		bash -e -o pipefail -c "$line" >"$work/answer.log" 2>&1 || { log answer; fail "the page's command fails"; }
		case $line in
		*xstats*) grep -q '"rx_q0_packets": 0' "$work/answer.log" ;;
		*list*) grep -q '"c1"' "$work/answer.log" ;;
		*) grep -q '"mac": "02:00:00:00:00:79"' "$work/answer.log" ;;
		esac || { log answer; fail "not the answer"; }
	done <"$block"
	back_end
}

exporter_answers() {
	curl -sSf "http://127.0.0.1:$1/metrics" >"$work/exported" 2>"$work/curl.log"
}

# exported LINE
exported() {
	grep -qxF -- "$1" "$work/exported" || fail "no '$1' but: $(grep "^${1%%[ \{]*}" "$work/exported" | head -n 5)"
}

# DPDK's own exporter, as trixie has it, with our file beside its own: what it serves is what was sent.
case_exporter() {
	local where port promtool endpoints=$work/endpoints
	where=$("$pages/test/reach/programs" --trixie exporter dpdk -- /usr/bin/dpdk-telemetry-exporter.py 2>"$work/programs.log") ||
		skip "no exporter of DPDK's: $(tail -n 1 "$work/programs.log")"
	where=${where%%:*}
	promtool=$(prometheus_program promtool)
	back_start s3 1 mac=02:00:00:00:00:7a
	small_start 8
	small_ok features 0
	small_ok start
	small_ok send 3 short
	port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	mkdir -p "$endpoints"
	cp "$(dirname "$where")/../share/dpdk/telemetry-endpoints/counters.py" \
		"$pages/drivers/net/vduse/telemetry-endpoints/vduse.py" "$endpoints/"
	fresh "$work/exporter.log"
	/usr/bin/python3 "$where" -o "openmetrics://127.0.0.1:$port" -p "$endpoints" \
		-s "/var/run/dpdk/nb$$/dpdk_telemetry.v2" >"$work/exporter.log" 2>&1 &
	background+=($!)
	wait_for "$patience" exporter_answers "$port" || { log exporter; log curl; fail "the exporter does not answer"; }
	exported 'dpdk_vduse_started{device="s3"} 1'
	exported 'dpdk_vduse_broken{device="s3"} 0'
	exported 'dpdk_vduse_queue_pairs{device="s3"} 1'
	exported 'dpdk_vduse_packets_total{port="net_vduse0", direction="rx", queue="0"} 0'
	exported 'dpdk_vduse_dropped_packets_total{port="net_vduse0", direction="rx", queue="0", reason="short"} 3'
	exported 'dpdk_counters_rx_errors{port="net_vduse0"} 3'
	grep '^# \|^dpdk_vduse_' "$work/exported" | grep -v ' dpdk_counters' >"$work/ours"
	"$promtool" check metrics <"$work/ours" >"$work/promtool.log" 2>&1 || { log promtool; fail "promtool's word"; }
	[ "$(grep -c '^# TYPE dpdk_vduse_' "$work/ours")" -ge 30 ] || fail "metrics are missing"
	small_end
	back_end
}

case_run seen/driver case_driver
case_run seen/page case_page
case_run seen/exporter case_exporter
exit $group_status
