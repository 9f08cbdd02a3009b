#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A newcomer's hour on Debian 12, with the kernel that it has by its updates.
# Disk: bookworm
# Memory: 4096
# Kernels: one
# Run: named
# Seconds: 2700
# shellcheck source=lib-newcomer.sh
. /vm/system/lib-newcomer.sh

hour newcomer-bookworm
exit 0
