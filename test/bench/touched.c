/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of its devices' bounce regions the kernel has given memory to. It does so as the driver
 * hands buffers over, and takes it back with the device; a process that has the region mapped
 * and reads where there is none yet is answered by a fault (the kernel's
 * vduse_domain_mmap_fault()), which process_vm_readv(2) tells as an error.
 *
 *   touched PID [DEVICES]      of so many of them at most
 *
 * Prints a line: devices looked at, and KiB of each: touched, and the region's size.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* as the kernel calls the file of a device's memory; smaller pieces of it are rings */
#define DOMAIN     "vduse-domain"
#define REGION_MIN (1024 * 1024)

static uint64_t
touched_pages(pid_t pid, uint64_t begin, uint64_t end, uint64_t page)
{
	uint64_t at, pages = 0;
	char byte;

	for (at = begin; at < end; at += page) {
		const struct iovec mine = { &byte, 1 }, its = { (void *)(uintptr_t)at, 1 };

		pages += process_vm_readv(pid, &mine, 1, &its, 1, 0) == 1;
	}
	return pages;
}

int
main(int argc, char **argv)
{
	const unsigned int wanted = argc > 2 ? (unsigned int)atoi(argv[2]) : UINT32_MAX;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t begin, end, pages = 0, size = 0;
	unsigned int devices = 0;
	char path[64], line[512];
	FILE *maps;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: touched PID [DEVICES]\n");
		return 2;
	}
	pid = (pid_t)atoi(argv[1]);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (maps == NULL) {
		perror(path);
		return 1;
	}
	while (devices < wanted && fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, DOMAIN) == NULL || sscanf(line, "%lx-%lx", &begin, &end) != 2 ||
				end - begin < REGION_MIN)
			continue;
		pages += touched_pages(pid, begin, end, page);
		size += end - begin;
		devices++;
	}
	fclose(maps);
	if (devices == 0) {
		fprintf(stderr, "touched: process %d has no bounce region mapped\n", (int)pid);
		return 1;
	}
	printf("devices=%u touched_kib=%lu region_kib=%lu\n", devices,
			pages * page / 1024 / devices, size / 1024 / devices);
	return 0;
}
