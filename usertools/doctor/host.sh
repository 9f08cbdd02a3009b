# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Who else on the host could touch the interfaces: NetworkManager, systemd-networkd, AppArmor.

rules=/etc/udev/rules.d/80-dpdk-vduse.rules

# udev_rule: a rule of udev sets this property for interfaces of VDUSE.
udev_rule() {
	grep -qsE "^[^#]*vduse.*ENV\{$1\}" "$root"/{etc,run,usr/lib,lib}/udev/rules.d/*.rules
}

# nm_leaves: whether NetworkManager's own configuration leaves virtio_net alone.
nm_leaves() {
	grep -qsE '^[[:space:]]*(unmanaged-devices=.*driver:virtio_net|no-auto-default=\*)' \
		"$root"/{etc,run,usr/lib}/NetworkManager/{NetworkManager.conf,conf.d/*.conf}
}

look_at_network_manager() {
	local why='it starts DHCP on a container'\''s interface in the moment before that is moved' rule
	rule='SUBSYSTEM=="net", DEVPATH=="*/vduse/*", ENV{NM_UNMANAGED}="1", ENV{DPDK_VDUSE}="1"'
	runs NetworkManager || return 0
	if udev_rule NM_UNMANAGED || nm_leaves; then
		found ok NetworkManager 'it leaves the interfaces of VDUSE alone'
	else
		found note NetworkManager 'it takes each new interface' "$why" "echo '$rule' >$rules" 'udevadm control --reload'
	fi
}

# network_files: the .network files in networkd's order; of one name the first folder's.
network_files() {
	local place file names=' '
	for place in etc run usr/local/lib usr/lib lib; do
		for file in "$root/$place"/systemd/network/*.network; do
			[[ $names != *" ${file##*/} "* ]] || continue
			names+="${file##*/} "
			echo "${file##*/}/$file"
		done
	done | sort | sed 's,^[^/]*/,,'
}

# network_matches FILE: "leaves", "takes" or nothing, where it is not for an interface of VDUSE. That is eth1 or the like, of
# virtio_net, with no place on a bus that udev knows, and a random MAC address.
network_matches() {
	awk -F = '
		function names(list,   n, word, i) {
			sub(/^!/, "", list)
			n = split(list, word, /[ \t]+/)
			for (i = 1; i <= n; i++)
				if (word[i] == "*" || word[i] ~ /^e(t(h)?)?[*?]/ || word[i] ~ /^eth[0-9]*[*?[]/)
					return 1
			return 0
		}
		{ sub(/[ \t\r]+$/, "") }
		/^\[/ { section = $0; next }
		section == "[Match]" && /^[A-Za-z]+=/ {
			value = substr($0, index($0, "=") + 1)
			if ($1 == "Property" && value ~ /DPDK_VDUSE=1/) ok = 1
			else if ($1 == "Name" || $1 == "OriginalName") { if (names(value) == (value ~ /^!/)) no = 1; ok = 1 }
			else if ($1 == "Driver") { if ((value ~ /virtio_net|\*/) == (value ~ /^!/)) no = 1; ok = 1 }
			else if ($1 == "Type") { if ((value ~ /ether/) == (value ~ /^!/)) no = 1; ok = 1 }
			else if ($1 == "Kind") { if (value !~ /^!/) no = 1 }
			else if ($1 !~ /^(Kernel|Host|Architecture)/) no = 1
		}
		section == "[Link]" && /^Unmanaged=(yes|true|1|on)/ { leaves = 1 }
		END { if (ok && !no) print leaves ? "leaves" : "takes" }' "$1"
}

look_at_networkd() {
	local file does file_of_ours=/etc/systemd/network/00-dpdk-vduse.network rule
	rule='SUBSYSTEM=="net", DEVPATH=="*/vduse/*", ENV{NM_UNMANAGED}="1", ENV{DPDK_VDUSE}="1"'
	runs systemd-networkd || return 0
	while read -r file; do
		[ -n "$file" ] || continue
		does=$(network_matches "$file")
		if [ "$does" = takes ]; then
			found note networkd "${file#"$root"} is for each new interface" \
				'systemd-networkd sets up a container'\''s interface in the moment before that is moved' \
				"echo '$rule' >$rules && udevadm control --reload" \
				"printf '[Match]\\nProperty=DPDK_VDUSE=1\\n[Link]\\nUnmanaged=yes\\n' >$file_of_ours" \
				'networkctl reload'
			return
		fi
		if [ "$does" = leaves ]; then
			grep -q DPDK_VDUSE "$file" && ! udev_rule DPDK_VDUSE || break
			found note networkd "${file#"$root"} is for a property that no rule of udev sets" \
				'so it is for no interface' "echo '$rule' >$rules && udevadm control --reload"
			return
		fi
	done <<<"$(network_files)"
	found ok networkd 'it leaves the interfaces of VDUSE alone'
}

profiles=/sys/kernel/security/apparmor/profiles

# apparmor_profile NAME: one in enforce mode that confines a program of this name.
apparmor_profile() {
	sed -nE "s/^([^ ]*$1[^ ]*) \(enforce\)$/\1/p" "$root$profiles" 2>/dev/null | head -n 1
}

look_at_apparmor() {
	local name profile bad=false
	[ "$(line /sys/module/apparmor/parameters/enabled)" = Y ] || return 0
	# profiles are loaded there: without it none is
	if [ -e "$root$profiles" ] && ! cat "$root$profiles" >/dev/null 2>&1; then
		found unseen AppArmor 'only root may read its profiles' \
			'whether one keeps the programs from VDUSE was not looked at' 'sudo vduse-doctor'
		return
	fi
	for name in dpdk-vduse-net dpdk-vduse-cni ovs-vswitchd; do
		profile=$(apparmor_profile "$name")
		[ -n "$profile" ] || continue
		! grep -rqs '/dev/vduse' "$root/etc/apparmor.d" || continue
		bad=true
		found fault AppArmor "the profile $profile is enforced, and nothing in /etc/apparmor.d names /dev/vduse" \
			"$name cannot open the devices" "aa-complain $profile    # or a line '/dev/vduse/** rw,' in it" \
			"journalctl -k | grep 'apparmor=\"DENIED\"'"
	done
	$bad || found ok AppArmor 'no profile keeps the programs from VDUSE'
}
