#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The cases of ovs with Debian sid's Open vSwitch, on DPDK 25.11.
# Run: named
# Memory: 4096
group=ovs-sid
# shellcheck source=ovs.sh
. /vm/system/ovs.sh
