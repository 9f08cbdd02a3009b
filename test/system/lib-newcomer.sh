# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A newcomer's hour: doc/start.md, "From an empty machine", word for word, on a machine that has what debootstrap makes,
# a kernel, and an interface whose other end is in the namespace far. Its apt has no network, and what is wanted in its cache.

# shellcheck source=lib.sh
. /vm/system/lib.sh
# shellcheck source=lib-systemd.sh
. /vm/system/lib-systemd.sh

page=doc/start.md
node=dpdk-vduse-node
export DEBIAN_FRONTEND=noninteractive
cd /root/dpdk-vduse || exit

# page_does WORDS: a block of the hour, as it stands there; the time that it took is said.
page_does() {
	local begin=$SECONDS
	doc_run $page "$1" || fail "it fails after $((SECONDS - begin)) s"
	say "$1: $((SECONDS - begin)) s"
}

# Where apt asks, the newcomer says yes. In an emulated machine a start takes longer.
case_packages() {
	local unit
	echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90yes
	for unit in dpdk-vduse-net@ $node; do
		mkdir -p "/run/systemd/system/$unit.service.d"
		printf '[Service]\nWatchdogSec=600\nTimeoutStartSec=600\nTimeoutStopSec=600\n' \
			>"/run/systemd/system/$unit.service.d/slow.conf"
	done
	page_does 'apt-get install podman'
	page_does 'apt-get install ./build-deb'
	dpkg -l 'librte*vduse*' 'dpdk-vduse*' | grep -c ^ii | grep -qx 6 || fail "$(dpkg -l '*vduse*')"
}

# What the doctor finds is what the page does; afterwards it finds no fault of the machine.
case_doctor() {
	local status=0
	vduse-doctor >/tmp/doctor || status=$?
	[ $status = 2 ] || fail "it finds no fault: $(cat /tmp/doctor)"
	grep -q '^fault  hugepages: none are reserved' /tmp/doctor || fail "$(cat /tmp/doctor)"
	page_does 'vm.nr_hugepages'
	vduse-doctor >/tmp/doctor || true
	sed 's/^/# /' /tmp/doctor
	! grep -E '^fault  (kernel|modules|VDUSE|hugepages|memlock)' /tmp/doctor || fail "it finds faults still"
}

case_node() {
	ip netns add far
	ip link add up0 type veth peer name eth0 netns far
	ip -n far address add 10.9.0.1/24 dev eth0
	ip -n far link set eth0 up
	page_does 'eal.conf <<END' || { said $node; return 1; }
	grep -q net0 /tmp/doc || fail "no network: $(cat /tmp/doc)"
	is_state $node active || { said $node; fail "it is $(property $node ActiveState)"; }
}

# Both answer each other (the page's own ping), and who is beyond the uplink.
case_podman() {
	"pods_$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"
	page_does 'podman run -d --name db'
	doc_answered
	ping_back far 10.9.0.2 || { said $node; fail "web does not answer"; }
	ping_back far 10.9.0.3 || { said $node; fail "db does not answer"; }
}

# Podman 5's network is a command; Podman 4's is a file, of the page that this one names, once it is told to go by CNI.
pods_trixie() {
	page_does 'podman network create'
}

pods_bookworm() {
	page_does 'network_backend'
	doc_block doc/containers.md#podman-4 net.core.somaxconn >/etc/cni/net.d/10-pods.conflist
}

# prometheus_has LINE: in its answer.
prometheus_has() {
	bash -c "$query" >/tmp/answer && grep -q "$1" /tmp/answer
}

case_metrics() {
	query=$(doc_block $page 'api/v1/query') || fail "no query in $page"
	page_does 'systemctl enable --now dpdk-vduse-metrics'
	wait_for "$patience" prometheus_has '"network":"net0"' || { said dpdk-vduse-metrics; said prometheus; fail "$(cat /tmp/answer)"; }
	say "$(cat /tmp/answer)"
	[ "$(grep -o '"network":"net0"' /tmp/answer | wc -l)" = 2 ] || fail "not of two containers"
}

hour() {
	case_first "$1/packages" case_packages &&
		case_first "$1/doctor" case_doctor &&
		case_first "$1/node" case_node &&
		case_first "$1/podman" case_podman &&
		case_first "$1/metrics" case_metrics
}
