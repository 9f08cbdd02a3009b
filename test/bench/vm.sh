# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The comparison in a virtual machine: what runs in it, and its results into raw.txt. Sourced by run.

# vm_peer FOLDER PMD...: DPDK 24.11's testpmd with these PMDs, with its own loader and libraries. Each library under one name: two would be loaded twice.
vm_peer() {
	local to=$1 loader=$bench_tree/lib64/ld-linux-x86-64.so.2 path=$bench_tree_lib file pmd
	path+=:$bench_tree/lib/x86_64-linux-gnu:$(echo "$bench_tree_lib"/dpdk/pmds-*)
	local files=("$bench_tree/usr/bin/dpdk-testpmd")
	shift
	for pmd in mempool_ring bus_vdev net_vhost "$@"; do
		files+=("$bench_tree_lib/librte_$pmd.so.25")
	done
	! $same || files+=("${ours[2]}" "$build24/lib/vduse/librte_vduse.so.1")
	mkdir -p "$to/lib"
	cp -L "$loader" "$to/ld.so"
	cp -L "${files[0]}" "$to/dpdk-testpmd"
	cp -L "${files[@]:1}" "$to/lib/"
	for file in "${files[@]}"; do
		"$loader" --library-path "$path" --list "$file" || return
	done | sed -nE 's,.*=> (/[^ ]+) .*,\1,p' | sort -u | while read -r file; do
		[ -e "$to/lib/${file##*/}" ] || cp -L "$file" "$to/lib/"
	done
}

# vm_measure NAME SECONDS [-c FROM:TO]... SCRIPT ARGUMENT...: in one boot, which has so long; its lines of
# results go to raw.txt.
vm_measure() {
	local name=$1 time=$2 status=0
	shift 2
	quiet vm-kernel "$top/test/vm/vm" fetch "$vm_kernel" || return
	"$top/test/vm/vm" run -k "$vm_kernel" -b "$build" -o "$out/$name" -s 2 -m 3072 -H 640 -t "$time" \
		-c "$top/test/system:/vm/system" -c "$top/test/cases.sh:/vm/cases.sh" \
		-c "$top/test/bench/vm-lib.sh:/vm/bench/vm-lib.sh" "$@" \
		>"$out/$name.log" 2>&1 || status=$?
	sed -n 's/^result //p' "$out/$name.log" | tee -a "$out/raw.txt" | sed 's/^/  /'
	failed=$((failed + $(grep -c '^result .*failed=1' "$out/$name.log")))
	if [ $status != 0 ] || ! grep -q '^result ' "$out/$name.log"; then
		echo "bench: the virtual machine ended with status $status; see $out/$name.log and $out/$name" >&2
		[ $failed != 0 ] || failed=1
	fi
}

# vm_compare: all rounds in one boot.
vm_compare() {
	local peer columns=(ours net_vhost net_vhost-tso net_tap net_af_packet) status=0
	! $same || columns+=(ours-testpmd)
	peer=$(mktemp -d)
	if quiet vm-peer vm_peer "$peer" net_tap net_af_packet; then
		echo "In a virtual machine with Linux $vm_kernel: ${columns[*]}"
		vm_measure vm $((120 + rounds * ${#columns[@]} * (90 + 4 * ${vm_seconds%.*}))) -c "$peer:/vm/peer" \
			"$top/test/bench/vm-inside.sh" "$rounds" "$vm_seconds" "${columns[@]}" || status=$?
	else
		status=1
	fi
	rm -rf "$peer"
	return $status
}

# vm_add: containers are added, with all that the kernel does for them.
vm_add() {
	echo "In a virtual machine with Linux $vm_kernel: $adds containers are added"
	vm_measure vm-add $((120 + rounds * adds * 5)) -c "$build/test/bench/bench-add:/vm/bench/bench-add" \
		-c "$build/app/vdusectl/vdusectl:/vm/tools/vdusectl" \
		"$top/test/bench/vm-add.sh" "$rounds" "$adds"
}

# vm_pods: pods are added by CNI plug-ins, with all that the kernel does for them.
vm_pods() {
	local at=/usr/lib/cni
	echo "In a virtual machine with Linux $vm_kernel: $nb_pods pods are added by each plug-in, twice"
	vm_measure vm-pods $((600 + rounds * nb_pods * 60)) -m 6144 -c "$at/bridge:$at/bridge" -c "$at/host-local:$at/host-local" \
		-c "$build/app/vdusectl/vdusectl:/vm/tools/vdusectl" -c "$build/test/bench/bench-touched:/vm/tools/touched" \
		"$top/test/bench/vm-pods.sh" "$rounds" "$nb_pods"
}

# vm_nic: a container and a NIC.
vm_nic() {
	local peer columns=(copy umem net_vhost bridge) status=0
	peer=$(mktemp -d)
	quiet vm-nic-kernel "$top/test/vm/vm" fetch "$vm_kernel-nic" || return
	if quiet vm-peer vm_peer "$peer" bus_pci net_e1000; then
		echo "In a virtual machine with a NIC, igb: ${columns[*]}"
		vm_measure vm-nic $((180 + rounds * ${#columns[@]} * (90 + 4 * ${vm_seconds%.*}))) -n igb -c "$peer:/vm/peer" \
			-c "$build/test/bench/bench-one:/vm/bench/bench-one" "$top/test/bench/vm-nic.sh" "$rounds" "$vm_seconds" "${columns[@]}" || status=$?
	else
		status=1
	fi
	rm -rf "$peer"
	return $status
}

# vm_gro: TCP from a NIC into a container.
vm_gro() {
	local columns=(on off bridge macvlan)
	quiet vm-nic-kernel "$top/test/vm/vm" fetch "$vm_kernel-nic" || return
	echo "In a virtual machine with a NIC, igb, TCP into a container: ${columns[*]}"
	vm_measure vm-gro $((180 + rounds * ${#columns[@]} * (90 + 2 * ${vm_seconds%.*}))) -n igb \
		-c "$build/app/vdusectl/vdusectl:/vm/tools/vdusectl" \
		"$top/test/bench/vm-gro.sh" "$rounds" "$vm_seconds" "${columns[@]}"
}
