# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The plug-in dpdk-vduse-cni as a runtime calls it. Who sources this sets conf, the configuration, and
# cni_log, the log that has why it failed.
# shellcheck disable=SC2154 # these

# cni COMMAND CONTAINER [CONF]: the answer is in /tmp/answer. cni_by: what runs it, as a program with arguments.
cni() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$2 \
		CNI_PATH=/usr/local/lib/cni:/usr/lib/cni ${cni_by[@]+"${cni_by[@]}"} /usr/local/lib/cni/dpdk-vduse-cni \
		<"${3:-$conf}" >/tmp/answer || { sed 's/^/# /' /tmp/answer; return 1; }
}

# pod NAME [CONF]: a network namespace in which it has been; its answer is in /tmp/result-NAME.
pod() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	cni ADD "$1" "${2:-$conf}" || fail "$1: not added: $(tail -n 3 "$cni_log")"
	cp /tmp/answer "/tmp/result-$1"
}
