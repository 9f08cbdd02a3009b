# SPDX-License-Identifier: BSD-3-Clause
"""The man pages that usertools/generate writes from tables of the sources: of the driver and of the CNI plug-in."""
import re


def roff(text):
    return text.replace('\\', '\\e').replace('-', '\\-')


def marked(text):
    """Of Markdown: `code` is bold."""
    return re.sub(r'`([^`]*)`', r'\\fB\1\\fR', roff(text))


def head(name, section, version, title, about, source):
    return ('.\\" SPDX-License-Identifier: BSD-3-Clause\n'
            f'.\\" Written from {source} by usertools/generate.\n'
            f'.TH {roff(name).upper()} {section} "" "dpdk\\-vduse {version}" "{title}"\n'
            f'.SH NAME\n{about}\n')


def rows(listed):
    return ''.join(f'.TP\n.B {roff(name)}\n{marked(text)}\n' for name, text in listed)


DRIVER = r'''.SH SYNOPSIS
.B \-\-vdev
net_vduse\fIN\fR,name=\fINAME\fR[,\fIKEY\fR=\fIVALUE\fR...]
.SH DESCRIPTION
A driver of DPDK's, which EAL loads by itself once it is installed. Each of its ports is a virtio\-net device of the kernel's VDUSE: an
interface for a container (by virtio_vdpa) or a device for a virtual machine or another DPDK application (by vhost_vdpa). The
modules vduse and virtio_vdpa or vhost_vdpa are to be loaded; to make a device takes CAP_NET_ADMIN.
.PP
The profiles bulk and xdp deliver frames of up to 64 KiB: the application enables the RX offloads TCP_LRO, TCP_CKSUM, UDP_CKSUM and
SCATTER. One without LRO uses latency or tx. What does not fit is refused when the port is configured, with the reason.
.SH DEVICE ARGUMENTS
'''
DRIVER_END = r'''.SH RUNTIME
RX interrupts work: intr_conf.rxq, and rte_eth_dev_rx_intr_enable() before each sleep. Telemetry has /vduse/list, /vduse/info,NAME,
/vduse/queues,NAME, /vduse/iotlb,NAME and /vduse/messages,NAME; counters by queue and drop reason are xstats.
Secondary processes have information and statistics, so that
.BR dpdk\-proc\-info (1)
reads them and dpdk\-dumpcap captures; they move no frames.
.SH FILES
.TP
.I /dev/vduse/NAME
the device
.TP
.I STATE\-DIR/NAME.state
where a process that follows goes on (state\-dir)
.SH EXAMPLES
.nf
dpdk\-testpmd \-l 0\-1 \-\-vdev net_vduse0,name=c1,attach=virtio \-\- \-i
ovs\-vsctl add\-port br0 c1 \-\- set Interface c1 type=dpdk \e
    options:dpdk\-devargs=net_vduse_c1,name=c1,attach=virtio,state\-dir=/run/vduse
.fi
.SH SEE ALSO
.BR dpdk\-vduse\-net (8),
.BR vduse\-doctor (8),
.BR dpdk\-testpmd (1)
'''


def driver(arguments, version):
    """arguments: (key, default, meaning)."""
    return (head('net_vduse', 4, version, 'Device drivers', 'net_vduse \\- ethdev ports that are virtio\\-net devices by VDUSE',
                 'drivers/net/vduse/params.h') + DRIVER
            + rows((key, f'{meaning} (default: {default})') for key, default, meaning in arguments) + DRIVER_END)


PLUGIN = r'''.SH SYNOPSIS
.B CNI_COMMAND=\fICOMMAND\fB dpdk\-vduse\-cni
< \fICONFIGURATION\fR
.br
.B dpdk\-vduse
create|setup|teardown|info
.SH DESCRIPTION
A plug\-in of the Container Network Interface, 0.4.0 to 1.1.0: ADD, DEL, CHECK, GC, STATUS and VERSION. It gives a pod an interface on a
network of a running
.BR dpdk\-vduse\-net (8),
which moves, names and addresses it. Addresses come from an IPAM plug\-in (ipam). Under the name dpdk\-vduse it is a driver
of netavark's, for Podman 5; the keys are then options of "podman network create \-d dpdk\-vduse".
.PP
Who calls it is root or of the control socket's group.
.SH KEYS OF A CONFIGURATION
Beside cniVersion, name, type and ipam. Switches are true, false, "on" or "off".
'''
PLUGIN_END = r'''.PP
The capabilities mac and bandwidth (runtimeConfig) and MAC= of CNI_ARGS come before the keys. min_tx_rate is refused unless 0.
.SH A BRIDGE OF OPEN VSWITCH'S
With
.B \(dqdataplane\(dq: \(dqovs\(dq
(default: \(dqnode\(dq) ADD makes a port of a bridge of Open vSwitch's, by
.BR ovs\-vsctl (8),
and dpdk\-vduse\-net need not run. The keys are these then; others of the above are refused.
%OVS%.SH ERRORS
Codes 1 to 7, 11 and 50 are the specification's. 100: the daemon or the kernel refused. 101: CHECK found it not as ADD had left it.
.SH FILES
.TP
.I /etc/cni/net.d/
the runtimes' configurations
.TP
.I /run/dpdk\-vduse\-net/control
the daemon's socket
.SH EXAMPLES
.nf
{
  "cniVersion": "1.0.0",
  "name": "pods",
  "type": "dpdk\-vduse\-cni",
  "network": "net0",
  "vlan": 100,
  "ipam": { "type": "host\-local", "ranges": [[{ "subnet": "10.9.0.0/24" }]] }
}
.fi
.SH SEE ALSO
.BR dpdk\-vduse\-net (8),
.BR vdusectl (8),
.BR podman\-network\-create (1)
'''
# keys that are no words of the daemon's
OF_THE_PLUGIN = {
    'network': "the daemon's network; by default the configuration's name",
    'socket': "the daemon's control socket; by default /run/dpdk-vduse-net/control",
    'uplinks': 'a list, which may be empty: the network is made where there is none, with these',
    'mtu': 'of that network; alone: the network has to have it',
    'no_default_route': "with netavark: no default route",
    'metric': 'with netavark: of the default route',
}


def ovs_keys(page):
    """The rows of the table of keys in doc/ovs.md."""
    table = re.search(r'\| key \| is \| default \|\n\|[-|]+\|\n(.*?)\n\n', page, re.S).group(1)
    for row in table.splitlines():
        keys, what, default = (cell.strip() for cell in row.strip('|').split(' |'))
        text = re.sub(r'\[(\w+)\]\([^)]*\)', 'above' if keys == '`ipam`' else r'\1', what)
        yield keys.replace('`', ''), text + (f'; by default {default}' if default else '')


def plugin(source, words, page, version):
    """source: conf.c; words: what each parameter of AddContainer means; page: doc/ovs.md."""
    table = re.search(r'\} keys\[\] = \{(.*?)\n\};', source, re.S).group(1)
    listed = [(key, words[word] if word else OF_THE_PLUGIN[key])
              for key, word in re.findall(r'\{ "(\w+)", \w+, (?:"(\w+)"|NULL) \}', table)]
    return (head('dpdk-vduse-cni', 8, version, 'System administration',
                 'dpdk\\-vduse\\-cni, dpdk\\-vduse \\- interfaces of dpdk\\-vduse\\-net for pods, by CNI and netavark',
                 'the keys of app/dpdk-vduse-cni/conf.c, the tables of vdusectl and of doc/ovs.md')
            + PLUGIN + rows(listed) + PLUGIN_END.replace('%OVS%', rows(ovs_keys(page))))
