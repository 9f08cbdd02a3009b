# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Start QEMU with a kernel and an initramfs, wait for the end, and judge it.

# What a kernel writes when something is wrong with it.
boot_trouble='WARNING: |BUG: |Oops: |BUG at |general protection fault|Kernel panic|'
boot_trouble+='detected stall|self-detected stall|blocked for more than|soft lockup|'
boot_trouble+='refcount_t:|unregister_netdevice: waiting|Out of memory: |DMAR:.*fault addr'

# boot_qemu LOGS TIMEOUT CPUS MEMORY HUGEPAGES: becomes the machine, with the service manager that vm_manager
# names; its script's output goes to the FIFO. Software emulation: stock kernels must run on any host.
boot_qemu() {
	local logs=$1 serial=()
	[ -z "$vm_serial" ] ||
		serial=(-chardev "socket,id=serial,path=$vm_serial,server=on,wait=off" -serial chardev:serial)
	exec timeout -k 5 "$2" "${nic_qemu[@]}" -machine "$nic_machine" -accel "${VDUSE_VM_ACCEL:-tcg,thread=$nic_threads}" \
		-cpu "$arch_cpu" -smp "$3" -m "$4" -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$kernel_dir/vmlinuz" -initrd "$work/initrd" \
		-append "console=$arch_console panic=-1 oops=panic net.ifnames=0 init_on_alloc=0 vm_hugepages=$5${vm_manager:+ vm_manager=$vm_manager}$disk_append$nic_append" \
		-serial "file:$logs/console" ${serial[@]+"${serial[@]}"} -device virtio-serial \
		-chardev "file,id=output,path=$work/fifo" \
		-device virtserialport,chardev=output,name=output \
		-chardev "file,id=result,path=$logs/result.tar" \
		-device virtserialport,chardev=result,name=result \
		${disk_arguments[@]+"${disk_arguments[@]}"} ${nic_arguments[@]+"${nic_arguments[@]}"} \
		</dev/null >"$logs/qemu" 2>&1
}

# What test/vm/init says on the console before the script.
boot_begins='vm: the script begins'

# What a kernel says of an emulated processor that is idle, and that its timer does not wake any more.
boot_asleep="kthread timer wakeup didn't happen"

# What it says where an emulated processor runs code that the other has rewritten by now: Linux puts a breakpoint over
# what it changes (static keys), and one that is met when the change is done is nobody's.
boot_stumbled='int3: 0000 \[#1\]'

# What it says where it has measured its processors' clock wrong beside other work: its seconds are not a second.
boot_clock='tsc: PIT calibration deviates from'

# boot_run LOGS TIMEOUT CPUS MEMORY HUGEPAGES: sets boot_status; the script's output comes
# to stdout while it runs. A machine that stumbles over such a breakpoint, or ends before the script, is booted once
# more. So is one whose emulator has lost a timer: nothing in it would ever go on; and one whose clock runs at another speed.
boot_run() {
	boot_once "$@"
	if [ "$boot_status" = 125 ] && ! grep -aq "$boot_begins" "$1/console"; then
		echo "vm: it ended before the script began; once more" >&2
	elif [ "$boot_status" != 0 ] && grep -aqE "$boot_stumbled" "$1/console"; then
		echo "vm: an emulated processor ran code that was rewritten; once more" >&2
	elif [ "$boot_status" != 0 ] && grep -aq "$boot_asleep" "$1/console"; then
		echo "vm: the emulator has lost a timer's interrupt; once more" >&2
	elif [ "$boot_status" != 0 ] && grep -aq "$boot_clock" "$1/console"; then
		echo "vm: its clock was measured wrong as it began; once more" >&2
	else
		return 0
	fi
	mv "$1/console" "$1/console.first" 2>/dev/null
	boot_once "$@"
}

# boot_watch LOGS: end a machine that stands still, or whose clock is wrong; until it has ended.
boot_watch() {
	while kill -0 "$vm_qemu"; do
		! grep -aqE "$boot_asleep|$boot_clock" "$1/console" || kill "$vm_qemu"
		sleep 1
	done
}

boot_once() {
	local logs=$1 tee status=0
	mkdir -p "$logs"
	rm -rf "$logs/result" "$logs/result.tar" "$logs/console" "$work/fifo"
	mkfifo "$work/fifo"
	tee "$logs/output" <"$work/fifo" &
	tee=$!
	# Held open by us as well: tee ends when the machine has, even if it never began.
	exec 9>"$work/fifo"
	boot_qemu "$@" 9>&- &
	vm_qemu=$!
	boot_watch "$logs" 9>&- >/dev/null 2>&1 &
	wait "$vm_qemu" || status=$?
	vm_qemu=
	exec 9>&-
	wait "$tee"
	boot_judge "$logs" "$status" "$2"
}

# boot_kernel_trouble LOGS: print the kernel's complaints; true if there are any.
boot_kernel_trouble() {
	grep -avE -- "$nic_known" "$1/console" >"$work/console"
	grep -aE -A 12 -- "$boot_trouble" "$work/console" | head -n 60
	grep -aqE -- "$boot_trouble" "$work/console"
}

# boot_judge LOGS QEMU_STATUS TIMEOUT: sets boot_status, the script's exit status or a failure.
boot_judge() {
	local logs=$1
	boot_status=125
	if [ "$2" = 124 ] || [ "$2" = 137 ]; then
		echo "vm: no result after $3 s; the machine was stopped" >&2
		boot_status=124
	elif [ "$2" != 0 ]; then
		echo "vm: qemu ended with status $2: $(tail -n 3 "$logs/qemu")" >&2
	fi
	mkdir -p "$logs/result"
	if [ -s "$logs/result.tar" ] && tar -C "$logs/result" --warning=no-timestamp -xf "$logs/result.tar"; then
		rm -f "$logs/result.tar"
		boot_status=$(cat "$logs/result/.status")
	elif [ "$boot_status" = 125 ]; then
		echo "vm: the machine ended without a result; its last words:" >&2
		tail -n 15 "$logs/console" >&2
	fi
	if boot_kernel_trouble "$logs" >"$logs/trouble"; then
		echo "vm: the kernel complained:" >&2
		cat "$logs/trouble" >&2
		[ "$boot_status" != 0 ] || boot_status=126
	fi
}
