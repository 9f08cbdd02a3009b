#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A newcomer's hour on Debian 13.
# Disk: trixie
# Memory: 4096
# Kernels: one
# Run: named
# Seconds: 2700
# shellcheck source=lib-newcomer.sh
. /vm/system/lib-newcomer.sh

hour newcomer
exit 0
