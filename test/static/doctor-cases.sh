# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The machines of test/static/doctor, in the order in which the doctor looks.

machine well
fine kernel "$release serves network devices by VDUSE"
has ok modules 'vduse, virtio_vdpa and virtio_net are there'
has ok modules 'vhost_vdpa is there'
has ok VDUSE '/dev/vduse/control is there'
has ok 'vDPA bus' 'with network devices'
has ok programs 'dpdk-vduse-net 0.1.0, DPDK 22.11.11'
has ok VDUSE 'with one queue pair each'
has ok hugepages '1024 MB, of which 512 MB are free'
has ok memlock 'may lock memory without limit'
has ok NIC '0000:01:00.0: vfio-pci, IOMMU group 4'
has ok AppArmor 'no profile keeps'
has ok node 'networks and containers are as they were asked for'

# --- the kernel

machine container
put /run/.containerenv ''
wrong unseen machine 'inside of a container (/run/.containerenv)' 'vduse-doctor    # on the host'

old() {
	put /proc/sys/kernel/osrelease 6.1.0-28-amd64
	put /boot/config-6.1.0-28-amd64 CONFIG_VDPA_USER=m
	take "/boot/config-$release"
}
machine old
old
wrong fault kernel '6.1.0-28-amd64 is older than 6.10' 'apt-get install linux-image-6.12-amd64'
machine old-and-another
old
put "/boot/config-$release" CONFIG_VDPA_USER=m
wrong fault kernel '6.1.0-28-amd64 is older than 6.10' "reboot    # into $release, which is installed"
machine old-debian-13
old
put /etc/os-release ID=debian 'VERSION_ID="13"'
wrong fault kernel 'older than 6.10' 'apt-get install linux-image-amd64'
machine old-ubuntu
old
put /etc/os-release ID=ubuntu 'VERSION_ID="24.04"'
wrong fault kernel 'older than 6.10' 'apt-get install linux-generic-hwe-24.04'
machine old-others
old
put /etc/os-release ID=gentoo
wrong fault kernel 'older than 6.10' 'from 6.10 on with CONFIG_VDPA_USER=m'

for other in 6.9.12-amd64 6.10.0-rc1 7.0.1; do
	machine "boundary at $other"
	put /proc/sys/kernel/osrelease "$other"
	leads "/lib/modules/$other" "$release"
	if [[ $other == 6.9* ]]; then
		wrong fault kernel "$other is older than 6.10" reboot
	else
		fine kernel "$other serves network devices"
	fi
done

machine not-built
take /sys/module/vduse /boot
put "/boot/config-$release" '# CONFIG_VDPA_USER is not set'
wrong fault kernel "built without CONFIG_VDPA_USER (/boot/config-$release)" 'apt-get install linux-image-6.12-amd64'
machine not-built-by-proc
take /sys/module/vduse /boot
mkdir -p "$tree/proc"
gzip -c >"$tree/proc/config.gz" <<<CONFIG_VDPA=m
wrong fault kernel 'built without CONFIG_VDPA_USER (/proc/config.gz)' reboot

no_file() {
	take /sys/module/vduse
	sed -i '/vduse/d' "$tree/lib/modules/$release/modules.dep"
}
machine no-file
no_file
wrong fault kernel "its file is not in /lib/modules/$release" "apt-get install --reinstall linux-image-$release"
machine no-file-ubuntu
no_file
put /etc/os-release ID=ubuntu 'VERSION_ID="24.04"'
wrong fault kernel "its file is not in /lib/modules/$release" "apt-get install linux-modules-extra-$release"
machine no-file-no-options
no_file
take /boot
wrong fault kernel "has no module vduse in /lib/modules/$release" 'apt-get install linux-image-6.12-amd64'

machine no-virtio-vdpa
take /sys/module/virtio_vdpa
sed -i '/virtio_vdpa/d' "$tree/lib/modules/$release/modules.dep"
run
has fault kernel 'has VDUSE, but no virtio_vdpa' 'apt-get install'
machine virtio-vdpa-not-built
sed -i '/VIRTIO_VDPA/d' "$tree/boot/config-$release"
wrong fault kernel 'has VDUSE, but no virtio_vdpa' 'apt-get install'

machine nothing-to-read
take /boot /lib /sys/module/vduse
run
has unseen kernel 'whether it has VDUSE cannot be told' 'modprobe vduse'
machine kernel-built-in
take /sys/module/vduse /sys/module/virtio_vdpa /sys/module/virtio_net /etc/modules-load.d
put "/lib/modules/$release/modules.builtin" kernel/vduse.ko kernel/virtio_vdpa.ko kernel/virtio-net.ko
fine modules 'vduse, virtio_vdpa and virtio_net are there'

# --- modules

machine not-loaded
take /sys/module/vduse /sys/module/virtio_net
take /dev/vduse
wrong fault modules 'not loaded: vduse, virtio_net' 'modprobe -a vduse virtio_net'
machine forbidden
take /sys/module/vduse /dev/vduse
put /etc/modprobe.d/hardening.conf 'install vduse /bin/false'
run
has fault modules '/etc/modprobe.d/hardening.conf has vduse not loaded' 'grep -n vduse /etc/modprobe.d/hardening.conf'
worst 2
machine not-at-boot
put /etc/modules-load.d/vduse.conf vduse '# virtio_vdpa'
wrong note modules 'not loaded at boot: virtio_vdpa, virtio_net' "printf '%s\\n' virtio_vdpa virtio_net >>/etc/modules-load.d"
machine at-boot-by-etc-modules
take /etc/modules-load.d
put /etc/modules vduse virtio-vdpa virtio_net
fine kernel 'serves network devices'
machine no-vhost
take /sys/module/vhost_vdpa
fine modules 'vhost_vdpa is not loaded; virtual machines'
sed -i '/vhost/d' "$tree/lib/modules/$release/modules.dep"
fine modules 'no vhost_vdpa: containers only'

# --- VDUSE

machine no-control
take /dev/vduse
wrong fault VDUSE '/dev/vduse/control is not there' 'udevadm trigger'
machine no-control-in-a-container
take /dev/vduse /lib/modules /sys/module/vduse
run
has fault VDUSE 'no /dev/vduse/control, and no /lib/modules' '--device /dev/vduse/control'

machine no-vdpa
without vdpa
fine 'vDPA bus' 'the command vdpa (iproute2) is not there'
machine bus-refuses
says vdpa 1 <<<'kernel answers: Operation not permitted'
wrong unseen 'vDPA bus' 'vdpa mgmtdev show: kernel answers: Operation not permitted' 'sudo vduse-doctor'
machine bus-empty
says vdpa </dev/null
wrong fault 'vDPA bus' 'vdpa mgmtdev show has no vduse' 'modprobe -r vduse'
machine bus-disks
says vdpa <<<$'vduse:\n  supported_classes block\nvdpasim_net:\n  supported_classes net'
wrong fault 'vDPA bus' 'vduse has no network devices there' 'vdpa mgmtdev show'

# --- programs

machine no-programs
without dpdk-vduse-net
says pkg-config <<<24.11.4
wrong fault programs 'dpdk-vduse-net is not in PATH' 'ninja -C build install'
has ok DPDK '24.11, to build'
says pkg-config <<<20.11.1
run
has fault DPDK 'libdpdk is 20.11' 'apt-get install libdpdk-dev'
without pkg-config
run
has fault DPDK 'there is no libdpdk-dev' 'apt-get install libdpdk-dev'
worst 2
machine broken-programs
says dpdk-vduse-net.version 127 <<<'librte_eal.so.23: cannot open shared object file'
wrong fault programs 'dpdk-vduse-net does not start: librte_eal.so.23' ldconfig
machine no-vdusectl
without vdusectl
wrong fault programs 'vdusectl is not in PATH' 'ninja -C build install'
machine half-upgraded
says vdusectl.-V <<<'vdusectl 0.0.9'
wrong note programs 'vdusectl is 0.0.9' 'ninja -C build install'

machine probe-refused
says dpdk-vduse-net.probe 1 <<<'vduse: probe-7: cannot open /dev/vduse/control: Permission denied'
wrong unseen VDUSE 'only root may ask it' 'sudo vduse-doctor'
machine probe-fails
says dpdk-vduse-net.probe 1 <<<$'vduse: probe-7: another API\ndpdk-vduse-net: --probe: Invalid argument'
wrong fault VDUSE 'vduse: probe-7: another API' 'dpdk-vduse-net --probe'
machine probe-no-network
probe 'no; that needs Linux 6.10 or later'
wrong fault VDUSE 'it takes no network devices' 'dpdk-vduse-net --probe'
machine probe-queues
probe yes yes
fine VDUSE 'with several queue pairs'
machine probe-alone
echo '  c2: served by nobody; driver: virtio_vdpa; state file: none; at a start: adopted' >>"$bin/dpdk-vduse-net.probe.said"
wrong note VDUSE 'nobody serves the device c2' 'dpdk-vduse-net --destroy c2'

# --- memory

machine no-hugepages
take /proc/7 /run
hugepages - 0 0
run
has fault hugepages 'none are reserved' 'nr_hugepages'
machine no-hugepages-wanted
hugepages - 0 0
fine hugepages 'none, and what serves containers does without'
take /proc/7 /run
put /etc/dpdk-vduse-node/eal.conf 'EAL=--no-huge --no-shconf -a 0000:01:00.0'
run
has ok hugepages 'none, and what serves containers does without'
machine few-hugepages
take /proc/7
hugepages - 512 200
wrong note hugepages '400 MB of 1024 MB are free' 'nr_hugepages'
hugepages - 512 256
fine hugepages '1024 MB, 512 MB free'
machine no-hugetlbfs
put /proc/mounts 'proc /proc proc rw 0 0'
wrong note hugepages 'no hugetlbfs is mounted' 'mount -t hugetlbfs'

locked() {
	echo "Max locked memory         8388608              $1              bytes     "
}
machine memlock-process
put /proc/7/limits "$(locked 8388608)"
wrong note memlock 'process 7 (dpdk-vduse-net) may lock 8388608 bytes' 'prlimit --pid 7 --memlock=unlimited'
machine memlock-ovs
process 8 ovs-vswitchd
put /proc/8/limits "$(locked 65536)"
wrong note memlock 'process 8 (ovs-vswitchd) may lock 8388608 bytes' 'prlimit --pid 8'
machine memlock-unit
put /etc/systemd/system/dpdk-vduse-node.service.d/less.conf '[Service]' LimitMEMLOCK=64M
wrong note memlock 'dpdk-vduse-node.service has LimitMEMLOCK=64M' 'dpdk-vduse-node.service.d/memlock.conf'
put /etc/systemd/system/dpdk-vduse-node.service.d/memlock.conf '[Service]' LimitMEMLOCK=infinity
fine memlock 'may lock memory without limit'
machine memlock-shell
take /proc/7 /usr/lib/systemd /etc/systemd /etc/dpdk-vduse-node/networks.conf
wrong note memlock 'this shell may lock 8388608 bytes' 'ulimit -l unlimited'
put /proc/self/limits 'Max locked memory         unlimited            unlimited            bytes     '
fine memlock 'unlimited in this shell'

# --- NICs

machine nic-missing
take /sys/bus/pci/devices/0000:01:00.0
wrong fault NIC '/etc/dpdk-vduse-node/eal.conf has 0000:01:00.0, which is not on the PCI bus' 'lspci -D'
machine nic-of-the-kernel
nic 0000:02:00.0 ixgbe 5 eth7
fine NIC 'of the kernel: 0000:02:00.0 (ixgbe)'
wrong fault NIC "0000:02:00.0 has the kernel's driver ixgbe" 'dpdk-devbind.py -b vfio-pci 0000:02:00.0' 02:00.0
! grep -q CAREFUL "$work/said" || complain 'a NIC that nothing goes over'
put /sys/class/net/eth7/operstate up
run 0000:02:00.0
grep -q 'the host loses eth7' "$work/said" || complain 'nothing of an interface that is up'
put /proc/net/route 'Iface Destination' $'eth7\t00000000\t010A0A0A\t0003'
run 0000:02:00.0
grep -q "CAREFUL: the host's default route goes over eth7" "$work/said" || complain 'nothing of the default route'
machine nic-without-driver
nic 0000:02:00.0 none 5
wrong fault NIC '0000:02:00.0 has no driver' 'dpdk-devbind.py -b vfio-pci 0000:02:00.0' 0000:02:00.0
machine nic-no-vfio
nic 0000:02:00.0 ixgbe 5
sed -i '/vfio/d' "$tree/lib/modules/$release/modules.dep"
put /etc/os-release ID=gentoo
wrong fault NIC 'no vfio-pci, which 0000:02:00.0 needs' 'install a kernel' 0000:02:00.0
machine nic-cloud
release=6.12.117+deb12-cloud-amd64
well_kernel
nic 0000:02:00.0 ixgbe 5
sed -i '/vfio/d' "$tree/lib/modules/$release/modules.dep"
wrong fault NIC 'no vfio-pci, which 0000:02:00.0 needs' 'apt-get install linux-image-amd64' 0000:02:00.0
machine nic-shared
nic 0000:02:00.0 mlx5_core 5 eth7
fine NIC '0000:02:00.0: mlx5_core, which DPDK shares' 0000:02:00.0
machine nic-uio
nic 0000:02:00.0 igb_uio 5
wrong note NIC '0000:02:00.0 has the driver igb_uio' 'dpdk-devbind.py -b vfio-pci 0000:02:00.0'
machine nic-uio-no-iommu
take /sys/kernel/iommu_groups
nic 0000:01:00.0 uio_pci_generic ''
wrong note NIC '0000:01:00.0: there is no IOMMU' 'intel_iommu=on'
machine nic-no-iommu
take /sys/kernel/iommu_groups /sys/bus/pci/devices/0000:01:00.0
nic 0000:01:00.0 vfio-pci ''
put /proc/cpuinfo 'vendor_id : AuthenticAMD'
wrong fault NIC '0000:01:00.0: there is no IOMMU' 'amd_iommu=on'
put /sys/module/vfio/parameters/enable_unsafe_noiommu_mode Y
wrong note NIC '0000:01:00.0: there is no IOMMU' 'amd_iommu=on'
machine nic-of-the-kernel-no-iommu
take /sys/kernel/iommu_groups
nic 0000:01:00.0 ixgbe ''
run
has fault NIC 'there is no IOMMU' 'intel_iommu=on'
has fault NIC "0000:01:00.0 has the kernel's driver ixgbe" 'dpdk-devbind.py'
machine nic-group
nic 0000:01:00.1 ixgbe 4 eth8
wrong fault NIC '0000:01:00.0 is in IOMMU group 4 together with 0000:01:00.1 (ixgbe)' 'dpdk-devbind.py -b vfio-pci 0000:01:00.1'
machine nic-group-bridge
nic 0000:00:01.0 pcieport 4
put /sys/bus/pci/devices/0000:00:01.0/class 0x060400
fine NIC '0000:01:00.0: vfio-pci, IOMMU group 4'

machine numa
hugepages 0 512 256
hugepages 1 0 0
put /sys/devices/system/node/node1/cpulist 8-15
put /sys/bus/pci/devices/0000:01:00.0/numa_node 1
wrong note NUMA '0000:01:00.0 is on node 1, which has no hugepages' 'node1/hugepages'
hugepages 1 512 256
fine NUMA '0000:01:00.0 is on node 1, as CPUs 8-15'

# --- who else is on the host

rule='SUBSYSTEM=="net", DEVPATH=="*/vduse/*", ENV{NM_UNMANAGED}="1", ENV{DPDK_VDUSE}="1"'
machine network-manager
process 20 NetworkManager
wrong note NetworkManager 'it takes each new interface' "$rule"
put /etc/udev/rules.d/80-dpdk-vduse.rules "# $rule"
wrong note NetworkManager 'it takes each new interface' 'udevadm control --reload'
put /etc/udev/rules.d/80-dpdk-vduse.rules "$rule"
fine NetworkManager 'it leaves the interfaces of VDUSE alone'
take /etc/udev
put /etc/NetworkManager/conf.d/quiet.conf '[main]' 'no-auto-default=*'
fine NetworkManager 'it leaves the interfaces of VDUSE alone'

machine networkd
process 21 systemd-networkd
put /usr/lib/systemd/network/80-container-ve.network '[Match]' 'Kind=veth' 'Name=ve-*'
put /etc/systemd/network/10-uplink.network '[Match]' 'MACAddress=02:00:00:00:00:01' 'Name=*'
put /etc/systemd/network/10-en.network '[Match]' 'Name=en*'
fine networkd 'it leaves the interfaces of VDUSE alone'
for match in 'Name=*' 'Name=lo e*' 'Type=ether' 'Driver=virtio_net' 'Name=!lo'; do
	name="networkd: $match"
	put /usr/lib/systemd/network/89-ethernet.network '[Match]' "$match" 'Kind=!*' '[Network]' DHCP=yes
	wrong note networkd '/usr/lib/systemd/network/89-ethernet.network is for each new interface' '00-dpdk-vduse.network'
	has note networkd '89-ethernet.network' "$rule"
done
name='networkd: left out'
put /etc/systemd/network/00-dpdk-vduse.network '[Match]' Property=DPDK_VDUSE=1 '[Link]' Unmanaged=yes
wrong note networkd '00-dpdk-vduse.network is for a property that no rule of udev sets' "$rule"
put /etc/udev/rules.d/80-dpdk-vduse.rules "$rule"
fine networkd 'it leaves the interfaces of VDUSE alone'
name='networkd: the folder of /etc comes first'
take /etc/systemd/network/00-dpdk-vduse.network
put /etc/systemd/network/89-ethernet.network '[Match]' Name=none
fine networkd 'it leaves the interfaces of VDUSE alone'

machine apparmor
put /sys/kernel/security/apparmor/profiles '/usr/local/bin/dpdk-vduse-net (enforce)'
wrong fault AppArmor 'the profile /usr/local/bin/dpdk-vduse-net is enforced' 'aa-complain /usr/local/bin/dpdk-vduse-net'
put /etc/apparmor.d/local/dpdk-vduse-net '/dev/vduse/** rw,'
fine AppArmor 'no profile keeps'
machine apparmor-unseen
take /sys/kernel/security/apparmor/profiles
mkdir "$tree/sys/kernel/security/apparmor/profiles"
wrong unseen AppArmor 'only root may read its profiles' 'sudo vduse-doctor'

# --- who uses it

machine ovs
says ovs-vswitchd <<<'ovs-vswitchd (Open vSwitch) 3.1.0'
fine 'Open vSwitch' '3.1.0, without DPDK'
says ovs-vswitchd <<<$'ovs-vswitchd (Open vSwitch) 3.5.0\nDPDK 24.11.8'
wrong note 'Open vSwitch' '3.5.0 is on DPDK 24.11; the driver is installed for none' 'build-24.11'
put /usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_vduse.so ''
wrong note 'Open vSwitch' 'the driver is installed for 22.11' 'build-24.11'
put /usr/lib/x86_64-linux-gnu/dpdk/pmds-25.0/librte_net_vduse.so ''
fine 'Open vSwitch' '3.5.0, on DPDK 24.11, for which the driver is installed'
take /usr/lib/x86_64-linux-gnu
put /usr/lib64/dpdk/pmds-23.1/librte_net_vduse.so.1 ''
says ovs-vswitchd <<<$'ovs-vswitchd (Open vSwitch) 3.1.0\nDPDK 23.03.1'
fine 'Open vSwitch' 'on DPDK 23.03'

machine podman
says podman <<<'podman version 4.3.1'
wrong note CNI 'dpdk-vduse-cni is not installed, Podman is' 'ninja -C build install'
put /usr/local/lib/cni/dpdk-vduse-cni ''
fine CNI 'Podman finds dpdk-vduse-cni in /usr/local/lib/cni'
fine Podman 4.3.1
put /usr/lib/podman/netavark ''
wrong note CNI 'Podman 4 goes by netavark, which is installed, and not by CNI' 'mkdir -p /etc/containers/containers.conf.d'
put /etc/containers/containers.conf.d/cni.conf '[network]' 'network_backend = "cni"'
fine CNI 'Podman finds dpdk-vduse-cni in /usr/local/lib/cni'
says podman <<<'podman version 5.4.2'
wrong note netavark 'Podman does not look for plug-ins in /usr/local/lib/cni' \
	'ln -s /usr/local/lib/cni/dpdk-vduse-cni /usr/local/lib/netavark/dpdk-vduse'
leads /usr/local/lib/netavark/dpdk-vduse ../cni/dpdk-vduse-cni
fine netavark 'Podman finds dpdk-vduse in /usr/local/lib/netavark'
fine Podman "5.4.2, which calls netavark's drivers"
machine containerd
process 30 containerd
put /usr/local/lib/cni/dpdk-vduse-cni ''
wrong note CNI 'containerd does not look for plug-ins in /usr/local/lib/cni' 'ln -s /usr/local/lib/cni/dpdk-vduse-cni /opt/cni/bin/'
leads /opt/cni/bin/dpdk-vduse-cni /usr/local/lib/cni/dpdk-vduse-cni
fine CNI 'containerd finds dpdk-vduse-cni in /opt/cni/bin'
machine crio
process 31 crio
put /usr/libexec/cni/dpdk-vduse-cni ''
fine CNI 'CRI-O finds dpdk-vduse-cni in /usr/libexec/cni'
machine cni-files
put /etc/cni/net.d/10-pods.conf '{ "type": "dpdk-vduse-cni",' '"ipam": {' '"type": "host-local", "ranges": [] } }'
put /opt/cni/bin/host-local ''
wrong fault CNI '/etc/cni/net.d/10-pods.conf is for dpdk-vduse-cni, which is not installed' 'ninja -C build install'
put /opt/cni/bin/dpdk-vduse-cni ''
fine kernel 'serves network devices'
take /opt/cni/bin/host-local
wrong fault CNI 'has addresses by host-local, which is not installed' 'apt-get install containernetworking-plugins'

# --- the daemon

machine no-service
take /usr/lib/systemd
wrong note node '/etc/dpdk-vduse-node/networks.conf is there, but not the service' 'meson setup --wipe build'
machine not-enabled
take /etc/systemd
wrong note node 'dpdk-vduse-node is not started at boot' 'systemctl enable dpdk-vduse-node'
machine no-eal
take /etc/dpdk-vduse-node/eal.conf
wrong fault node 'there is no /etc/dpdk-vduse-node/eal.conf' "-m 512 --in-memory --no-telemetry' >/etc/dpdk-vduse-node/eal.conf"
machine not-running
take /run /proc/7
wrong note node 'no daemon runs' 'systemctl enable --now dpdk-vduse-node'
process 8 ovs-vswitchd
fine node 'none, but a daemon that serves containers by itself'
machine another-socket
take /run
put /run/mine ''
fine node 'as they were asked for' --socket /run/mine
machine silent
says vdusectl.-S 3 <<<'vdusectl: /run/dpdk-vduse-net/control: Connection refused: is dpdk-vduse-net running?'
wrong fault node 'nobody answers at /run/dpdk-vduse-net/control' 'systemctl restart dpdk-vduse-node'
says vdusectl.-S 3 <<<'vdusectl: /run/dpdk-vduse-net/control: Permission denied'
wrong unseen node 'only root, and the group of its socket' 'sudo vduse-doctor'
says vdusectl.-S 2 <<<'vdusectl: org.varlink.service.MethodNotFound'
wrong fault node 'vdusectl check: vdusectl: org.varlink' 'vdusectl check'
machine check
says vdusectl.-S <<<'note: network net0: none of its uplinks is up: look after cable and switch'
wrong note node 'network net0: none of its uplinks is up' 'vdusectl check'
says vdusectl.-S <<<$'ok: fine\nfault: container c1: nobody serves its device'
wrong fault node 'container c1: nobody serves its device' 'vdusectl check'

# --- how it is said

machine json
process 20 NetworkManager
says dpdk-vduse-net.probe 1 <<<$'probe: "a" \\ b'
as_json

machine options
refused --bogus
refused 0000:01:00
refused --root
refused --root /no/such/folder
refused --socket
bash "$doctor" --help | grep -q '^usage: vduse-doctor' || complain 'no help'
