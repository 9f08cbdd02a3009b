# SPDX-License-Identifier: BSD-3-Clause
"""Devices of net_vduse for DPDK's own exporter, dpdk-telemetry-exporter.py (DPDK 24.07 and later), which loads this file
from /usr/share/dpdk/telemetry-endpoints and puts dpdk_vduse_ before each name: doc/metrics.md."""
import re

# Of each queue; direction rx is what the application receives, from the driver. What begins with drop_ is a reason.
XSTATS = (
    # xstats: written by usertools/generate
    ('packets', 'frames moved'),
    ('bytes', 'of these, without virtio_net_hdr'),
    ('multicast_packets', 'of these, to a multicast address'),
    ('broadcast_packets', 'of these, to the broadcast address'),
    ('undersize_packets', 'of these, by length'),
    ('size_64_packets', 'of these, by length'),
    ('size_65_127_packets', 'of these, by length'),
    ('size_128_255_packets', 'of these, by length'),
    ('size_256_511_packets', 'of these, by length'),
    ('size_512_1023_packets', 'of these, by length'),
    ('size_1024_1518_packets', 'of these, by length'),
    ('size_1519_max_packets', 'of these, by length'),
    ('no_mbuf', 'dequeue: bursts that ended without an mbuf; the frame waits'),
    ('zero_copy', 'dequeue: frames of packets that were not copied'),
    ('no_buffer', 'enqueue: frames not taken, the driver had no buffer'),
    ('drop_short', 'frames shorter than an Ethernet header'),
    ('drop_long', 'frames beyond the limits, see rte_vduse_net_set_rx_limits()'),
    ('drop_segments', 'frames in too many pieces; enqueue: that do not add up'),
    ('drop_header', 'dequeue: offloads asked for that were not negotiated, are not true of the frame, or make too many segments of it'),
    ('drop_no_fit', "enqueue: frames longer than the driver's buffer"),
    ('drop_offload', 'enqueue: segmentation that the driver does not take'),
    ('drop_filter', 'enqueue: frames that the driver does not want (CTRL_RX, CTRL_VLAN)'),
    ('kicks', 'notifications from the driver'),
    ('interrupts', 'interrupts injected'),
    ('interrupts_suppressed', 'bursts whose interrupt the driver did not want'),
    ('interrupts_failed', 'injections that the kernel refused; they are repeated'),
    ('interrupts_held', 'bursts whose interrupt was held back for a while'),
    ('interrupts_thread', "of the calls, those that the library's thread made"),
    ('iotlb_hits', 'pieces of buffers translated'),
    ('iotlb_misses', 'bursts that ended at an address not mapped yet'),
    ('iotlb_waits', 'of these, tries that failed for lack of files or memory'),
    ('faults', 'malformed rings'),
    # end of xstats
)

# Of /vduse/info
STATES = {
    'started': 'a driver has the device',
    'broken': 'the kernel gave the device up, or the rings of its driver are bad',
    'link_up': 'a driver is there, and the link was set up',
    'queue_pairs': 'queue pairs of the device',
    'active_pairs': 'queue pairs that its driver uses',
}


def named(xstat):
    return 'dropped_packets_total' if xstat.startswith('drop_') else f'{xstat}_total'


def info():
    table = {named(xstat): (meaning, 'counter') for xstat, meaning in XSTATS}
    table['dropped_packets_total'] = ('frames dropped, by reason', 'counter')
    table.update({name: (meaning, 'gauge') for name, meaning in STATES.items()})
    return table


def queues(sock, port):
    """Of the driver's ports; those of others have no iotlb_hits."""
    xstats = sock.cmd('/ethdev/xstats', port)
    if not any(key.endswith('_iotlb_hits') for key in xstats):
        return
    known = {xstat for xstat, _ in XSTATS}
    name = sock.cmd('/ethdev/info', port)['name']
    for key, value in xstats.items():
        match = re.fullmatch(r'([rt]x)_q(\d+)_(\w+)', key)
        if match and match.group(3) in known:
            direction, queue, xstat = match.groups()
            labels = {'port': name, 'direction': direction, 'queue': queue}
            if xstat.startswith('drop_'):
                labels['reason'] = xstat[len('drop_'):].replace('_', ' ')
            yield named(xstat), value, labels


def metrics(sock):
    found = []
    for port in sock.cmd('/ethdev/list'):
        found += queues(sock, port)
    for device in sock.cmd('/vduse/list'):
        state = sock.cmd('/vduse/info', device)
        found += [(name, state[name], {'device': device}) for name in STATES]
    # samples of a metric stand together
    return sorted(found, key=lambda sample: sample[0])
