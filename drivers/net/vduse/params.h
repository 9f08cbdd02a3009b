/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PMD_PARAMS_H
#define PMD_PARAMS_H

/*
 * Every device argument, once: its name, what its value looks like, what it is
 * where it is not given, what it means (the row of README.md, which
 * usertools/options writes), and how it is read (args.c).
 */
/* clang-format off */
#define PMD_ARGS(ARG)                                                                               \
	ARG("name", "<string>", "the vdev's name",                                                  \
		"in `/dev/vduse` and on the vDPA bus",                                              \
		TEXT(name))                                                                         \
	ARG("attach", "<virtio|vhost|none>", "`none`",                                              \
		"`virtio`: an interface; `vhost`: a character device; `none`: you run `vdpa dev add`", \
		WORDS(attach, attach_words))                                                        \
	ARG("queues", "<int>", "1",                                                                 \
		"queue pairs, up to 128; more than one needs a kernel that allows VIRTIO_NET_F_CTRL_VQ", \
		NUMBER(net.queue_pairs, 1, RTE_VDUSE_NET_PAIRS_MAX))                                \
	ARG("mq-fallback", "<0|1>", "0",                                                            \
		"1: one pair where the kernel refuses more",                                        \
		FLAG(net.mq_fallback))                                                              \
	ARG("queue-size", "<int>", "1024",                                                          \
		"64 to 32768 descriptors, a power of two (any number with `ring=packed`)",          \
		NUMBER(net.dev.queue_size, RTE_VDUSE_NET_QUEUE_SIZE_MIN, RTE_VDUSE_NET_QUEUE_SIZE_MAX)) \
	ARG("ring", "<any|split|packed>", "`any`",                                                  \
		"the ring formats offered",                                                         \
		WORDS(net.ring, ring_words))                                                        \
	ARG("mac", "xx:xx:xx:xx:xx:xx", "random, not with `adopt`",                                 \
		"the address that the driver sees",                                                 \
		CUSTOM(parse_mac))                                                                  \
	ARG("mtu", "<int>", "1500",                                                                 \
		"68 to 65535 bytes, what the driver sees; an application that configures an MTU (`rxmode.mtu` not 0) overrides it", \
		NUMBER(net.mtu, RTE_VDUSE_NET_MTU_MIN, RTE_VDUSE_NET_MTU_MAX))                      \
	ARG("speed", "<int>", "10000",                                                              \
		"Mbit/s, what the driver sees",                                                     \
		NUMBER(net.speed, 0, INT32_MAX)) /* virtio 1.2, 5.1.4.1 */                          \
	ARG("profile", "<latency|bulk|xdp|none|tx|migrate>", "`latency`",                                   \
		"`latency`: checksums; `bulk`: and segmentation; `xdp`: native XDP loads in the container; `tx`: segmentation towards the driver only; `migrate`: `bulk`, of it what QEMU keeps of a virtual machine that moves; `none`", \
		CUSTOM(parse_profile))                                                              \
	ARG("csum", "<whole|partial>", "`whole`",                                                   \
		"`whole`: checksums that the driver leaves to the device are completed; `partial`: the application completes them, told by RTE_MBUF_F_RX_L4_CKSUM_NONE", \
		WORDS(partial_csum, csum_words))                                                    \
	ARG("zero-copy", "<0|1>", "0",                                                              \
		"1: frames of `zero-copy-min` bytes and more are not copied on their way from the driver, as long as all ports of the process read with the processor (or the application says who reads); needs the RX offload SCATTER; read \"Zero-copy\" in `doc/design.md` first", \
		FLAG(zero_copy))                                                                    \
	ARG("zero-copy-min", "<int>", "1024",                                                       \
		"bytes, 256 to 65557",                                                              \
		NUMBER(zero_copy_min, 256, RTE_VDUSE_NET_FRAME_MAX))                                \
	ARG("standby", "<0|1>", "0",                                                                \
		"1: offer VIRTIO_NET_F_STANDBY",                                                    \
		FLAG(net.standby))                                                                  \
	ARG("msg-timeout", "<int>", "the kernel's, 30",                                             \
		"seconds after which the kernel gives a device up that does not answer; 0: never",  \
		NUMBER(net.dev.tuning.msg_timeout, 0, INT32_MAX))                                   \
	ARG("bounce-size", "<int>", "the kernel's, 64 MiB",                                         \
		"bytes of the memory that frames of a virtio-vdpa driver are copied through, 1 MiB to 1 GiB", \
		/* drivers/vdpa/vdpa_user/vduse_dev.c: VDUSE_MIN_BOUNCE_SIZE, VDUSE_MAX_BOUNCE_SIZE */ \
		NUMBER(net.dev.tuning.bounce_size, 1 << 20, 1 << 30))                               \
	ARG("umem", "<0|1>", "0",                                                                   \
		"1: hugepages as the bounce region (`attach=virtio`), which a NIC can read; it takes `bounce-size` (64 MiB) of hugepages and of RLIMIT_MEMLOCK, and the device works without", \
		FLAG(net.dev.umem))                                                                 \
	ARG("max-regions", "<int>", "2048",                                                         \
		"regions of the driver's memory; a driver with more is not served, and a line says so. Each region is a mapping: 31 devices with 2048 reach `vm.max_map_count`", \
		NUMBER(net.dev.max_regions, 1, UINT32_MAX))                                         \
	ARG("max-memory", "<int>", "2097152 (2 TiB)",                                               \
		"MiB of the process's address space for all of them",                               \
		NUMBER_MIB(net.dev.max_memory, 1, 1ul << 27)) /* the 2^47 bytes of an address space */ \
	ARG("irq-affinity", "<hex mask|auto>", "any",                                               \
		"CPUs for the driver's interrupts: a mask, or `auto`: those that no lcore has",     \
		CUSTOM(parse_affinity))                                                             \
	ARG("rx-coalesce", "<frames:usecs[:adaptive]>", "at once",                                  \
		"hold back the driver's interrupts for frames it receives: `FRAMES:USECS`, or `FRAMES:USECS:adaptive` for as long as it pays", \
		CUSTOM(parse_rx_coalesce))                                                          \
	ARG("tx-coalesce", "<frames:usecs[:adaptive]>", "at once",                                  \
		"the same for frames it sent",                                                      \
		CUSTOM(parse_tx_coalesce))                                                          \
	ARG("inject", "<lcore|thread>", "`lcore`",                                                  \
		"`lcore`, or `thread`: interrupts are sent by a thread, not by the polling lcore",  \
		WORDS(net.call_thread, inject_words))                                               \
	ARG("adopt", "<0|1>", "0",                                                                  \
		"1: take over a device that somebody else made, by name; the kernel does not tell its MAC address: `mac` has to be given, unless a state file (`state-dir`) has it", \
		FLAG(net.dev.adopt))                                                                \
	ARG("fd", "<int>", "none",                                                                  \
		"the same by an open descriptor of it, which the port closes once it is there",     \
		CUSTOM(parse_fd))                                                                   \
	ARG("state-dir", "<folder>", "none",                                                        \
		"folder of the file by which a process goes on where a killed one was",             \
		TEXT(state_dir))                                                                    \
	ARG("takeover", "<0|1>", "0",                                                               \
		"1: take the device over from the process that serves it, at `rte_eth_dev_start()`; until then that one goes on", \
		FLAG(net.dev.takeover))                                                             \
	ARG("keep", "<0|1>", "1 with `state-dir`",                                                  \
		"1: an end in order leaves the device, link down, for the next start; `dpdk-vduse-net --destroy NAME` removes it", \
		FLAG(net.dev.keep))
/* clang-format on */

#define PMD_PARAMS_ONE(key, value, otherwise, help, rule) key "=" value " "

/** What `dpdk-pmdinfo.py` and users read: KEY=VALUE, a space behind each. */
#define PMD_PARAMS PMD_ARGS(PMD_PARAMS_ONE)

#endif /* PMD_PARAMS_H */
