#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The cases of containerd with Debian trixie's, 1.7.
# Run: named
# Kernels: one
group=containerd-trixie
# shellcheck source=containerd.sh
. /vm/system/containerd.sh
