#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Metrics of a node: Debian's Prometheus takes them, promtool has nothing to say about them, and no client holds
# up another.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-node.sh"

metrics=$subject/app/dpdk-vduse-metrics/dpdk-vduse-metrics

need_metrics() {
	[ -x "$metrics" ] || skip "built without libmicrohttpd"
}

# metrics_start: sets metrics_pid and at, the address.
metrics_start() {
	need_metrics
	fresh "$work/metrics.log"
	"$metrics" --listen 127.0.0.1:0 --socket "$run/observe" 2>"$work/metrics.log" &
	metrics_pid=$!
	background+=("$metrics_pid")
	wait_for "$patience" grep -q ': listening at ' "$work/metrics.log" || { log metrics; fail "it does not listen"; }
	at=$(sed -n 's/.*: listening at //p' "$work/metrics.log")
}

metrics_end() {
	kill "$metrics_pid"
	ended "$metrics_pid" || { log metrics; fail "its end: $?"; }
}

# scrape: into $work/text. As Prometheus' own format.
scrape() {
	curl -sSf --max-time "$patience" "http://$at/metrics" >"$work/text" 2>"$work/curl.log"
}

has_line() {
	scrape && grep -qxF -- "$1" "$work/text"
}

# shows LINE...: sooner or later.
shows() {
	local line
	for line; do
		wait_for "$patience" has_line "$line" || {
			log metrics
			fail "no '$line' but: $(grep "^${line%%[ \{]*}" "$work/text" | head -n 5)"
		}
	done
}

# traffic_start: two networks, one with a port that sends without end, a container on each, and a driver behind
# that on the other, whose frames are for nobody.
traffic_start() {
	cat >"$work/node.conf" <<-END
		network add net0 uplinks net_null0 mtu 1500
		network add net1
		container add c1 network net1 mac 02:00:00:00:00:66 attach none
		container add c2 network net0 mac 02:00:00:00:00:02 attach none
	END
	# shellcheck disable=SC2119 # without options
	node_start
	has_all c1 c2
	emu attach c1
	small_start 8
	small_ok features 0
	small_ok start
}

traffic_end() {
	small_end
	emu detach c1
	: >"$work/node.conf"
	node reload >/dev/null
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	nothing_left
}

case_text() {
	local promtool
	promtool=$(prometheus_program promtool)
	traffic_start
	metrics_start
	small_ok send 5 good
	small_ok send 3 short
	shows 'vduse_up 1' \
		'vduse_network_up{network="net0"} 1' \
		'vduse_network_containers{network="net0"} 1' \
		'vduse_network_mtu_bytes{network="net0"} 1500' \
		'vduse_uplink_up{uplink="net_null0",network="net0"} 1' \
		'vduse_container_attached{container="c1",network="net1"} 1' \
		'vduse_container_attached{container="c2",network="net0"} 0' \
		'vduse_container_broken{container="c1",network="net1"} 0' \
		'vduse_container_transmit_packets_total{container="c1",network="net1"} 5' \
		'vduse_container_transmit_bytes_total{container="c1",network="net1"} 300' \
		'vduse_container_transmit_packets_total{container="c2",network="net0"} 0' \
		'vduse_container_device_dropped_packets_total{container="c1",network="net1",reason="too short"} 3' \
		'vduse_container_dropped_packets_total{container="c1",network="net1",reason="unknown address"} 5' \
		'vduse_container_dropped_packets_total{container="c1",network="net1",reason="spoofed MAC"} 0'
	node container set c1 link down
	small_ok send 2 good
	shows 'vduse_container_up{container="c1",network="net1"} 0' \
		'vduse_container_dropped_packets_total{container="c1",network="net1",reason="link down"} 2'
	"$promtool" check metrics <"$work/text" >"$work/promtool.log" 2>&1 || { log promtool; fail "promtool's word"; }
	[ ! -s "$work/promtool.log" ] || { log promtool; fail "promtool's word"; }
	break_ring
	metrics_end
	traffic_end
}

# A driver that lies costs its device, and that is seen.
break_ring() {
	small_ok break outside
	shows 'vduse_container_broken{container="c1",network="net1"} 1' \
		'vduse_container_faults_total{container="c1",network="net1"} 1'
}

# What vdusectl prints and what is served are the same numbers, and none is missing.
case_same() {
	traffic_start
	metrics_start
	small_ok send 7 good
	shows 'vduse_container_transmit_packets_total{container="c1",network="net1"} 7'
	curl -sSf -H 'Accept: application/openmetrics-text;version=1.0.0' -D "$work/head" "http://$at/metrics" >"$work/open"
	grep -qi '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$work/head"
	node -j -s container show >"$work/containers"
	node -j -s uplink show >"$work/uplinks"
	node -j -s lcore show >"$work/lcores"
	"$metrics" --list >"$work/list"
	/usr/bin/python3 "$pages/test/native/metrics_same.py" "$work" >"$work/same.log" 2>&1 || { log same; fail "not the same"; }
	metrics_end
	traffic_end
}

# query EXPRESSION: its samples, a line each.
query() {
	"$promtool" query instant "http://$prometheus_at" "$1" 2>>"$work/query.log"
}

gives() {
	query "$1" >"$work/answer" && grep -q . "$work/answer"
}

# prometheus_start: scrapes once a second; sets promtool, prometheus_pid, prometheus_at.
prometheus_start() {
	local program port
	promtool=$(prometheus_program promtool)
	program=$(prometheus_program prometheus)
	port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$work/prometheus.yml" <<-END
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		scrape_configs:
		  - job_name: dpdk-vduse
		    static_configs: [{targets: ['$at']}]
		rule_files: ['$pages/app/dpdk-vduse-metrics/alerts.yml']
	END
	prometheus_at=127.0.0.1:$port
	rm -rf "$work/tsdb"
	fresh "$work/prometheus.log"
	"$program" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
		--web.listen-address="$prometheus_at" >"$work/prometheus.log" 2>&1 &
	prometheus_pid=$!
	background+=("$prometheus_pid")
	wait_for "$patience" gives 'up{job="dpdk-vduse"} == 1' || { log prometheus; log query; fail "Prometheus has no target that is up"; }
}

# dashboard_gives: each of its queries has an answer.
dashboard_gives() {
	local expression
	queries dashboard "$pages/app/dpdk-vduse-metrics/dashboard.json" >"$work/queries" || fail "no queries"
	while read -r expression; do
		wait_for "$patience" gives "$expression" || { log query; fail "no data: $expression"; }
	done <"$work/queries"
	say "$(wc -l <"$work/queries") queries of the dashboard"
}

queries() {
	/usr/bin/python3 "$pages/test/native/metrics_queries.py" "$@"
}

# The rules by promtool's own tests, and nothing is asked for that is not served.
case_alerts() {
	local promtool file=$pages/app/dpdk-vduse-metrics/alerts.yml
	need_metrics
	promtool=$(prometheus_program promtool)
	"$promtool" check rules --lint-fatal "$file" >"$work/rules.log" 2>&1 || { log rules; fail "promtool's word"; }
	sed "s,ALERTS,$file," "$pages/test/native/metrics_alerts.yml" >"$work/alerts.yml"
	"$promtool" test rules "$work/alerts.yml" >"$work/rules.log" 2>&1 || { log rules 60; fail "they do not do what they are for"; }
	"$metrics" --list >"$work/list"
	queries names "$file" "$work/list" "$work/alerts.yml"
	queries names "$pages/app/dpdk-vduse-metrics/dashboard.json" "$work/list"
}

case_prometheus() {
	local word
	traffic_start
	metrics_start
	prometheus_start
	small_ok send 9 good
	wait_for "$patience" gives 'vduse_container_transmit_packets_total{container="c1",network="net1"} == 9' ||
		{ log query; fail "not in Prometheus"; }
	gives 'vduse_up == 1'
	wait_for "$patience" gives 'rate(vduse_lcore_rounds_total[10s]) > 0' || fail "lcores stand still"
	curl -sSf "http://$prometheus_at/api/v1/metadata?metric=vduse_container_transmit_bytes" >"$work/metadata"
	for word in '"type":"counter"' '"help":"Bytes of the frames that the container sent."' '"unit":"bytes"'; do
		grep -qF "$word" "$work/metadata" || fail "no $word in $(cat "$work/metadata")"
	done
	dashboard_gives
	! gives 'ALERTS' || fail "there is an alert: $(cat "$work/answer")"
	break_ring
	wait_for "$patience" gives 'ALERTS{alertname="VduseDeviceBroken",alertstate="firing",container="c1",network="net1"}' ||
		{ log query; fail "no alert"; }
	# what it has kept is not wanted
	kill -KILL "$prometheus_pid"
	ended "$prometheus_pid" || true
	metrics_end
	traffic_end
}

# The daemon goes and comes back: the scrape says so, and is answered.
case_gone() {
	metrics_start
	shows 'vduse_up 0'
	! grep '^vduse_container' "$work/text" || fail "counters of nothing"
	grep -q "$run/observe: .*: is dpdk-vduse-net running" "$work/metrics.log"
	echo 'network add net0' >"$work/node.conf"
	# shellcheck disable=SC2119 # without options
	node_start
	shows 'vduse_up 1' 'vduse_network_up{network="net0"} 1'
	grep -q ": $run/observe answers" "$work/metrics.log"
	kill -STOP "$(broker_of)"
	shows 'vduse_up 0'
	kill -CONT "$(broker_of)"
	shows 'vduse_up 1'
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
	shows 'vduse_up 0'
	metrics_end
}

# broker_of: of the two below the first the one without EAL's threads, which has the socket.
broker_of() {
	cat "/proc/$app_pid/task/"*/children | tr ' ' '\n' | grep -vxF -e "$(poller_of "$app_pid")" -e ''
}

# What is asked by its socket changes nothing, and takes nobody's place.
case_observers() {
	echo 'network add net0' >"$work/node.conf"
	# shellcheck disable=SC2119 # without options
	node_start
	wait_for "$patience" node network show net0
	[ "$(stat -c %a "$run/observe")" = 660 ]
	[ "$("$vdusectl" -S "$run/observe" show config)" = 'network add net0' ]
	"$vdusectl" -S "$run/observe" -s lcore show | grep 'rounds' >/dev/null
	for words in 'network add net1' 'network del net0' 'network set net0 mtu 9000' 'container add c1 network net0' \
		'container del c1' 'container set c1 vlan 5' reload rebalance check; do
		# shellcheck disable=SC2086
		! "$vdusectl" -S "$run/observe" $words 2>"$work/refused.log" || fail "$words is not refused"
		grep -q 'PermissionDenied: .*observers may look' "$work/refused.log" || { log refused; fail "$words"; }
	done
	[ "$(node show config)" = 'network add net0' ]
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
}

# Slow, hostile and many clients.
case_hostile() {
	metrics_start
	/usr/bin/python3 "$pages/test/native/metrics_hostile.py" "$at" "$metrics_pid" >"$work/hostile.log" 2>&1 ||
		{ log hostile; log metrics; fail "a client holds it up"; }
	metrics_end
}

# It has no rights, and says what is wrong with its command line.
case_start() {
	local status
	metrics_start
	grep -qx $'CapEff:\t0000000000000000' "/proc/$metrics_pid/status"
	grep -qx $'CapPrm:\t0000000000000000' "/proc/$metrics_pid/status"
	grep -qx $'NoNewPrivs:\t1' "/proc/$metrics_pid/status"
	while read -r words; do
		status=0
		# shellcheck disable=SC2086
		timeout "$patience" "$metrics" ${words%%|*} 2>"$work/said.log" || status=$?
		[ "$status" = 1 ] || fail "$words: status $status"
		grep -qF -- "${words##*|}" "$work/said.log" || { log said; fail "$words"; }
	done <<-END
		--listen $at|: Address already in use: another program listens there
		--listen 192.0.2.1:9112|this machine does not have that address
		--listen 9112|--listen 9112: give a numeric address and a port
		--listen localhost:9112|give a numeric address
		--listen ::1:9112|give a numeric address
		--listen|--listen: no value follows: give ADDRESS:PORT
		--colour|--colour: no option of this program
		--list=5|--list=5: it takes no value
		x|x: no option of this program
	END
	[ "$("$metrics" --version)" = "dpdk-vduse-metrics of dpdk-vduse $(cat "$pages/VERSION")" ]
	metrics_end
}

# The page's commands, in a network namespace and with a folder of sockets of their own.
case_docs() {
	need_metrics
	echo 'network add net0' >"$work/node.conf"
	# shellcheck disable=SC2119 # without options
	node_start
	wait_for "$patience" node network show net0
	doc_block doc/metrics.md 'curl -s http' >"$work/commands" || fail "the page has no commands"
	sed 's/^/# /' "$work/commands"
	cat >"$work/in" <<-END
		set -e
		ip link set lo up
		mkdir -p /run/dpdk-vduse-net
		mount --bind $run /run/dpdk-vduse-net
		PATH=$(dirname "$metrics"):$PATH
		$(sed 's/^curl /curl --retry-connrefused --retry 20 /' "$work/commands")
		kill %1
	END
	unshare -mn bash "$work/in" >"$work/docs.log" 2>&1 || { log docs; fail "they fail"; }
	grep -qx 'vduse_network_up{network="net0"} 1' "$work/docs.log" || { log docs; fail "no metrics"; }
	kill "$app_pid"
	ended "$app_pid" || { log node; fail "its end"; }
}

case_run metrics/start case_start
case_run metrics/docs case_docs
case_run metrics/text case_text
case_run metrics/same case_same
case_run metrics/gone case_gone
case_run metrics/observers case_observers
case_run metrics/hostile case_hostile
case_run metrics/alerts case_alerts
case_run metrics/prometheus case_prometheus
exit $group_status
