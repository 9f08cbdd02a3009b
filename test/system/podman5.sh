#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian trixie's Podman 5.4, whose netavark has dpdk-vduse as a driver: doc/containers.md.
# Run: all
# Kernels: one
# Seconds: again-100 3000
# shellcheck source=lib-podman.sh
. /vm/system/lib-podman.sh

drivers=/usr/local/lib/netavark

# There is no program for firewall rules in the machine, and no driver of netavark's that wants them.
case_start() {
	storage
	printf '[network]\nfirewall_driver = "none"\n' >/etc/containers/containers.conf
	echo 'admins:x:2000:user' >>/etc/group
	modules tun
	serve -- --group admins
	image
	doc_run $page 'network create -d dpdk-vduse' || fail "no networks"
	podman network inspect pods | grep -q '"max_tx_rate": "1000"' || fail "not as it was asked for"
}

# One as Podman 4 has it, one on two networks; and a third that comes and goes while it runs.
case_containers() {
	local web db
	web_runs
	in_ns "$web" ip route show default | grep -q 'via 10.9.0.1 dev eth0 .*metric 100' || fail "no route: $(in_ns "$web" ip route)"
	doc_run $page 'name=front0' || fail "a command of the page fails"
	grep -q 'back 10.10.0.2 .* pods 10.9.0.200 02:00:00:00:00:c8' /tmp/doc || fail "inspect shows $(cat /tmp/doc)"
	db=$(space db)
	$ctl container show | grep -q 'ip 10.9.0.200/32 max-tx-rate 1000 max-rx-rate 500 .* ifname front0' ||
		fail "not as it was asked for: $($ctl container show)"
	[ "$(in_ns "$db" ip route show default | sed 's/.*metric //' | xargs)" = '100 101' ] ||
		fail "not two routes: $(in_ns "$db" ip route)"
	in_ns "$db" ip -6 -o addr show dev back0 | grep -q 'inet6 fd00:10::2/64' || fail "no second address"
	tcp "$web" "$db" 10.9.0.200 || fail "other bytes come from container to container"
	tcp far "$web" 10.9.0.2 || fail "other bytes come from the uplink"
	tcp "$web" far 10.9.0.1 || fail "other bytes go to the uplink"
	podman network connect --ip 10.10.0.78 back web
	ping_ok "$web" 10.10.0.2 3
	podman network disconnect back web
	doc_run $page 'podman network connect' || fail "a command of the page fails"
	grep -q 'inet 10.10.0.77/24' /tmp/doc || fail "not connected: $(cat /tmp/doc)"
	[ "$($ctl container show | grep -c ':back:')" = 1 ] || fail "not disconnected: $($ctl container show)"
	podman restart -t 0 db
	[ "$(address db pods)" = 10.9.0.200 ] || fail "another address: $(address db pods)"
	ping_ok far 10.9.0.200 3
}

case_removed() {
	doc_run $page 'podman network rm' || fail "they are not removed"
	nothing_of_containers
	! podman network exists pods || fail "the network is still there"
}

# case_again TIMES
case_again() {
	podman network create -d dpdk-vduse --subnet 10.9.0.0/29 -o network=net0 few
	again "$1" once
	podman network rm few
}

# bad TEXT OPTION...: such a network is refused, with this text.
bad() {
	local text=$1
	shift
	! podman network create -d dpdk-vduse "$@" bad 2>/tmp/refused || fail "$*: it is not refused"
	grep -q -- "$text" /tmp/refused || fail "$*: refused for another reason: $(cat /tmp/refused)"
}

case_refused() {
	bad 'vlna: give one of network' --subnet 10.11.0.0/24 -o vlna=5
	bad 'give --subnet' -o network=net0
	podman network create -d dpdk-vduse --subnet 10.11.0.0/24 -o network=net7 bad
	! started web bad 2>/tmp/refused || fail "it is not refused"
	grep -q 'net7: there is no such network' /tmp/refused || fail "refused for another reason: $(cat /tmp/refused)"
	podman rm web
	podman network rm bad
	nothing_of_containers
}

# A driver that calls ours, and then kills Podman in the command that /tmp/kill-in has.
frail() {
	cat >$drivers/frail <<-SH
		#!/bin/sh
		$drivers/dpdk-vduse "\$@" || exit
		[ "\$1" != "\$(cat /tmp/kill-in)" ] || kill -KILL "\$(awk '{ print \$4 }' /proc/\$PPID/stat)"
	SH
	chmod +x $drivers/frail
	echo none >/tmp/kill-in
	podman network create -d frail --subnet 10.9.0.0/24 -o network=net0 frail
}

# Podman is killed in setup; when the interface is gone; and in setup, and then the container is removed: the page's
# loop is left.
case_killed() {
	frail
	killed_and_started setup frail
	killed_in teardown rm -f -t 0 web
	podman rm -f -t 0 web
	nothing_of_containers
	killed_in setup run -d --name web --network frail busybox sleep 1000000
	forget web
	[ "$($ctl container show | grep -c '^netavark-0:')" = 1 ] || fail "Podman knows it: $($ctl container show)"
	doc_run $page 'id -u' || fail "a command of the page fails"
	ip netns del "$(spaces)"
	podman network rm frail
	nothing_of_containers
}

# as_user COMMAND...: who is in the group of the control socket.
as_user() {
	local command
	printf -v command '%q ' "$@"
	(cd /home/user && HOME=/home/user XDG_RUNTIME_DIR=/run/user/1000 busybox su user -c "$command")
}

# The same by a user of the socket's group, whose Podman hides /run from netavark.
case_rootless() {
	echo 'user:x:1000:1000::/home/user:/bin/bash' >>/etc/passwd
	echo 'user:x:1000:' >>/etc/group
	chmod u+s /usr/bin/newuidmap /usr/bin/newgidmap
	echo 'user:100000:65536' | tee /etc/subuid >/etc/subgid
	mkdir -p /home/user /run/user/1000
	chown 1000:1000 /home/user /run/user/1000
	chmod 1777 /var/tmp
	chmod 666 /dev/net/tun
	touch /etc/resolv.conf
	tar -C /srv/busybox -c . | as_user podman import - busybox
	as_user podman network create -d dpdk-vduse --subnet 10.9.0.0/24 -o network=net0 pods
	as_user podman network create -d dpdk-vduse --subnet 10.10.0.0/24 -o network=net0 -o vlan=10 back
	as_user podman run -d --name web --cgroups disabled --network pods busybox sleep 1000000
	$ctl container show | grep -q '^netavark-1000:pods:eth0:' || fail "not there: $($ctl container show)"
	# another had this address before: far hears whose it is now
	ping_ok far 10.9.0.2 3
	as_user podman run -d --name db --cgroups disabled --cap-add NET_RAW \
		--network pods:ip=10.9.0.200,mac=02:00:00:00:00:c8,interface_name=front0,max_rx_rate=500 busybox sleep 1000000
	$ctl container show | grep -q 'ip 10.9.0.200/32 .*max-rx-rate 500 .*ifname front0' || fail "not as asked for: $($ctl container show)"
	as_user podman inspect -f '{{.NetworkSettings.Networks.pods.IPAddress}} {{.NetworkSettings.Networks.pods.MacAddress}}' db |
		grep -qx '10.9.0.200 02:00:00:00:00:c8' || fail "inspect shows another address"
	ping_ok far 10.9.0.200 3
	as_user podman network connect --ip 10.10.0.77 back web
	$ctl container show | grep -q '^netavark-1000:back:' && $ctl container show | grep -q 'vlan 10 ' || fail "not connected: $($ctl container show)"
	as_user podman network disconnect back web
	as_user podman restart -t 0 db
	ping_ok far 10.9.0.200 3
	as_user podman exec db ping -c 3 10.9.0.2 >/dev/null || fail "two containers do not talk"
	as_user podman rm -f -t 0 db
	as_user podman network rm back
	as_user podman run --rm --cgroups disabled --network pods --cap-add NET_RAW busybox ping -c 3 10.9.0.2
	as_user podman rm -f -t 0 web
	as_user podman network rm pods
	nothing_of_containers
}

# The page's device, in a container with nothing but a driver, which an ordinary user starts. Its frames are from an
# address of its own, and so arrive at the guard.
case_device() {
	modules vhost_vdpa
	doc_run $page 'vdusectl container cdi' || fail "a command of the page fails"
	doc_run $page 'net=vm1 --ulimit memlock=-1:-1 --user 1000 busybox' || fail "a command of the page fails"
	grep -q 'vhost-vdpa-0' /tmp/doc || fail "it has no device: $(cat /tmp/doc)"
	printf '%s\n' 'features 0' start 'send 5 good' quit |
		podman run -i --rm --network none --device dpdk-vduse.io/net=vm1 --ulimit memlock=-1:-1 --user 1000 \
			-v /vm/tools:/tools:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro busybox \
			/tools/front /dev/vhost-vdpa-0 >/tmp/front
	[ "$(head -n 3 /tmp/front | xargs)" = 'ok ok ok' ] || fail "it does not serve: $(xargs </tmp/front)"
	$ctl -s container show vm1 | grep -q 'drop spoofed MAC 5' || fail "not sent: $($ctl -s container show vm1)"
	device_app
	$ctl container del vm1
	nothing_of_containers
}

# device_app: DPDK's virtio-user in the page's container: pings from the uplink, whose bytes ping compares, there and back.
device_app() {
	local sent
	doc_run $page 'icmpecho' || fail "a command of the page fails"
	ping_back far 10.9.0.50 || fail "it does not answer: $(podman logs app 2>&1 | tail -n 5)"
	ping_ok far 10.9.0.50 20 -s 1400 -p 5ac3
	[ "$(podman exec app id -u)" = 1000 ] || fail "it is of another user"
	sent=$($ctl -j -s container show vm1 | grep -oE '"(tx|rx)_packets": *[0-9]+' | grep -oE '[0-9]+$' | sort -n | head -n 1)
	[ "$sent" -ge 20 ] || fail "not both ways: $($ctl -s container show vm1)"
	doc_run $page 'rm -f -t 0 app' || fail "it is not removed"
}

# What usertools/vduse-demo shows of this Podman; the rest of it is the group demo's.
case_demo() {
	VDUSE_DEMO_LOGS=$VM_RESULT /vm/demo/vduse-demo-containers 1 >"$VM_RESULT/demo.log" 2>&1 ||
		fail "it fails: $(tail -n 5 "$VM_RESULT/demo.log")"
	sed -n '/of Podman/,$s/^/# /p' "$VM_RESULT/demo.log"
	grep -q '^    Podman        podman run gets its interface and 10.111.0.100, answers, and podman rm takes both back' "$VM_RESULT/demo.log" ||
		fail "Podman's part is not shown"
	nothing_left
}

after_case() {
	all_well || {
		podman rm -fa -t 0
		serve_clear
	}
}

case_first podman5/start case_start || { serve_stop; exit 0; }
case_run podman5/containers case_containers
case_first podman5/removed case_removed
case_run podman5/again case_again 2
[ -z "${TEST_CASES:-}" ] || case_run podman5/again-100 case_again 100
case_run podman5/refused case_refused
case_run podman5/killed case_killed
case_run podman5/rootless case_rootless
case_run podman5/device case_device
case_first podman5/end serve_end || serve_stop
case_run podman5/demo case_demo
exit 0
