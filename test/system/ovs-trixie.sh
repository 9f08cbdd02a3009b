#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The cases of ovs with Debian trixie's Open vSwitch, on DPDK 24.11.
# Run: named
# Memory: 4096
group=ovs-trixie
# shellcheck source=ovs.sh
. /vm/system/ovs.sh
