# SPDX-License-Identifier: BSD-3-Clause
# Of use in a debugger at a process that runs, or at its core: add this folder to gdb's auto-load safe-path, or
# "source .gdbinit".

define vq
	printf "queue %u, %s, size %u, %s\n", $arg0->ring.index, $arg0->ring.is_packed ? "packed" : "split", $arg0->ring.size, \
		$arg0->poll.running ? "running" : "at rest"
	printf "  avail %u wrap %u, used %u, pending %u\n", $arg0->pos.avail.idx, $arg0->pos.avail.wrap, $arg0->pos.used_idx, \
		$arg0->pos.used_pending
	if $arg0->fault != 0
		printf "  fault: %s\n", $arg0->fault
	end
	printf "  taken %lu, missed %u at 0x%lx\n", $arg0->journal.taken, $arg0->map.missed, $arg0->map.missed_at
end
document vq
vq POINTER: a virtqueue (struct vduse_vq *): positions, and why it rests.
end

define map
	set $map_n = 0
	while $map_n < $arg0->map->nb
		set $map_e = &$arg0->map->extents[$map_n]
		printf "0x%lx + 0x%lx at %p, permission %u%s\n", $map_e->start, $map_e->size, $map_e->addr, \
			$map_e->perm, $map_e->dma ? ", DPDK's own" : ""
		set $map_n = $map_n + 1
	end
	printf "generation %lu, %u regions\n", $arg0->map->generation, $arg0->nb_regions
end
document map
map POINTER: an IOVA map (struct vduse_iotlb *), extent by extent.
end

define device
	printf "%s: status 0x%02x%s%s, ", $arg0->name, $arg0->status, $arg0->resumed ? ", resumed" : "", \
		$arg0->adopted ? ", adopted" : ""
	output $arg0->phase
	printf "\n"
	set $device_n = 0
	while $device_n < $arg0->nb_queues
		vq $arg0->vqs[$device_n]
		set $device_n = $device_n + 1
	end
end
document device
device POINTER: a device (struct rte_vduse_dev *) and its virtqueues.
end
