# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Completion of vdusectl, written from its tables by usertools/generate.

# _vdusectl_names OBJECT [SOCKET]: the names that the daemon has.
_vdusectl_names() {
	vdusectl ${2:+-S "$2"} -j "$1" show 2>/dev/null | grep -o '{"name":"[^"]*"' | cut -d '"' -f 4
}

_vdusectl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at=1 socket='' words=''
	while [[ $at -lt $COMP_CWORD && ${COMP_WORDS[at]} == -* ]]; do
		if [[ ${COMP_WORDS[at]} == -S ]]; then
			socket=${COMP_WORDS[at + 1]}
			at=$((at + 1))
		fi
		at=$((at + 1))
	done
	COMPREPLY=()
	case $prev in
	-S | -w | check)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur" || true)
		return
		;;
	spoofchk)
		mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$cur" || true)
		return
		;;
	trust)
		mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$cur" || true)
		return
		;;
	isolated)
		mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$cur" || true)
		return
		;;
	link)
		mapfile -t COMPREPLY < <(compgen -W 'auto up down' -- "$cur" || true)
		return
		;;
	gro)
		mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$cur" || true)
		return
		;;
	profile)
		mapfile -t COMPREPLY < <(compgen -W 'latency bulk xdp tx none migrate' -- "$cur" || true)
		return
		;;
	attach)
		mapfile -t COMPREPLY < <(compgen -W 'virtio vhost none' -- "$cur" || true)
		return
		;;
	esac
	case $((COMP_CWORD - at)),${COMP_WORDS[at]-},${COMP_WORDS[at + 1]-} in
	0,*) words='network container fdb uplink lcore monitor capture top latency rebalance show reload check help -S -j -s -h -V' ;;
	1,network,*) words='add set del show' ;;
	1,container,*) words='add set del show cdi' ;;
	1,fdb,*) words='show' ;;
	1,uplink,*) words='show' ;;
	1,lcore,*) words='show' ;;
	1,show,*) words='config' ;;
	2,network,add) ;;
	2,network,set) words=$(_vdusectl_names network "$socket") ;;
	2,network,del) words=$(_vdusectl_names network "$socket") ;;
	2,network,show) words=$(_vdusectl_names network "$socket") ;;
	2,container,add) ;;
	2,container,set) words=$(_vdusectl_names container "$socket") ;;
	2,container,del) words=$(_vdusectl_names container "$socket") ;;
	2,container,show) words=$(_vdusectl_names container "$socket") ;;
	2,container,cdi) words=$(_vdusectl_names container "$socket") ;;
	1,capture,*) words=$(_vdusectl_names container "$socket") ;;
	1,latency,*) words=$(_vdusectl_names container "$socket") ;;
	*,network,add) words='uplinks mtu lcores' ;;
	*,network,set) words='uplinks mtu lcores' ;;
	*,container,add) words='network mac vlan qos trunk spoofchk ip trust max-macs max-tx-rate max-rx-rate burst bum-rate isolated link mirror gro queues queue-size profile attach netns ifname address route' ;;
	*,container,set) words='network mac vlan qos trunk spoofchk ip trust max-macs max-tx-rate max-rx-rate burst bum-rate isolated link mirror gro queues queue-size profile attach netns ifname address route force' ;;
	*,container,show) words='network statistics' ;;
	*,container,cdi) words='network statistics' ;;
	*,fdb,show) words='network' ;;
	*,uplink,show) words='network statistics' ;;
	*,lcore,show) words='statistics' ;;
	*,capture,*) words='-w -s -c -Q --drops' ;;
	*,top,*) words='-d -n' ;;
	*,latency,*) words='-t' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur" || true)
}

complete -F _vdusectl vdusectl
