/* SPDX-License-Identifier: BSD-3-Clause */

/* The shared memory: guard pages around each mapping, a known pattern between the regions. */

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define GUARD       4096u
#define MAPS_MAX    256
#define GAP_BYTE    0xa5
#define PATCH_PAGES 0x3000ull /* distance in the file: a page between them */

struct fuzz_mem fuzz_mem;

/* The control thread maps and unmaps, the burst looks. */
static pthread_mutex_t lib_lock = PTHREAD_MUTEX_INITIALIZER;

/* What the library has mapped of our file. */
static struct lib_map {
	uint8_t *addr;
	size_t len;
	uint64_t offset;
	bool guarded;
	bool ours;
} lib_maps[MAPS_MAX];

static ino_t file_ino;
static uint64_t file_size;

static void
lib_map_note(int fd, uint64_t offset, size_t len, void *addr, bool guarded)
{
	struct stat st;
	unsigned int i;

	pthread_mutex_lock(&lib_lock);
	for (i = 0; lib_maps[i].addr != NULL; i++)
		FUZZ_CHECK(i + 1 < MAPS_MAX);
	lib_maps[i] = (struct lib_map){ addr, len, offset, guarded,
		fstat(fd, &st) == 0 && st.st_ino == file_ino };
	pthread_mutex_unlock(&lib_lock);
}

/* As the fake kernel's, with a page that may not be touched on either side. */
static int
guard_map(int fd, uint64_t offset, size_t len, int prot, void **addr)
{
	const size_t all = RTE_ALIGN_CEIL(len, GUARD) + 2 * (size_t)GUARD;
	const bool guarded = *addr == NULL;
	uint8_t *room = NULL;
	int ret;

	if (guarded) {
		/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
		room = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		FUZZ_CHECK(room != MAP_FAILED);
		*addr = room + GUARD;
	}
	ret = fk_sys.map(fd, offset, len, prot, addr);
	if (ret < 0 && guarded) {
		munmap(room, all);
		*addr = NULL;
	}
	if (ret == 0)
		lib_map_note(fd, offset, len, *addr, guarded);
	return ret;
}

static void
guard_unmap(void *addr, size_t len)
{
	uint8_t *const start = addr;
	unsigned int i;

	pthread_mutex_lock(&lib_lock);
	for (i = 0; i < MAPS_MAX && (lib_maps[i].addr != addr || lib_maps[i].len != len); i++)
		;
	FUZZ_CHECK(i < MAPS_MAX);
	fk_sys.unmap(addr, len);
	if (lib_maps[i].guarded) {
		munmap(start - GUARD, GUARD);
		munmap(start + RTE_ALIGN_CEIL(len, GUARD), GUARD);
	}
	lib_maps[i].addr = NULL;
	pthread_mutex_unlock(&lib_lock);
}

static void
region_add(uint64_t iova, uint64_t size, uint64_t offset, uint8_t perm)
{
	fuzz_mem.regions[fuzz_mem.nb_regions++] = (struct fk_region){
		.iova = iova, .size = size, .file = fuzz_mem.file, .offset = offset, .perm = perm
	};
}

void
fuzz_mem_init(void)
{
	static struct vduse_sys sys;
	uint64_t offset = 0;
	struct stat st;
	unsigned int i;

	fuzz_mem.file = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CHECK(fuzz_mem.file >= 0 && fstat(fuzz_mem.file, &st) == 0);
	file_ino = st.st_ino;
	region_add(FUZZ_RINGS, FUZZ_RINGS_SIZE, offset, VDUSE_ABI_RW);
	offset += FUZZ_RINGS_SIZE;
	region_add(FUZZ_DATA, FUZZ_DATA_SIZE, offset, VDUSE_ABI_RW);
	offset += FUZZ_DATA_SIZE;
	for (i = 0; i < FUZZ_PATCHES; i++)
		region_add(FUZZ_PATCH + i * FUZZ_PATCH_SIZE, FUZZ_PATCH_SIZE,
				offset + (FUZZ_PATCHES - 1 - i) * PATCH_PAGES + 0x100 * (i % 8),
				VDUSE_ABI_RW);
	offset += FUZZ_PATCHES * PATCH_PAGES;
	region_add(FUZZ_RO, FUZZ_PERM_SIZE, offset, VDUSE_ABI_RO);
	offset += FUZZ_PERM_SIZE;
	region_add(FUZZ_WO, FUZZ_PERM_SIZE, offset, VDUSE_ABI_WO);
	offset += FUZZ_PERM_SIZE;
	region_add(FUZZ_TOP, FUZZ_TOP_SIZE, offset, VDUSE_ABI_RW);
	file_size = offset + FUZZ_TOP_SIZE;
	FUZZ_CHECK(ftruncate(fuzz_mem.file, file_size) == 0);
	fuzz_mem.va = mmap(NULL, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fuzz_mem.file, 0);
	FUZZ_CHECK(fuzz_mem.va != MAP_FAILED);
	memset(fuzz_mem.va, GAP_BYTE, file_size);
	sys = fk_sys;
	sys.map = guard_map;
	sys.unmap = guard_unmap;
	vduse_sys_set(&sys);
}

void
fuzz_mem_reset(struct fk_dev *dev)
{
	unsigned int i;

	fk_unmap_all(dev);
	for (i = 0; i < fuzz_mem.nb_regions; i++) {
		memset(fuzz_mem.va + fuzz_mem.regions[i].offset, 0, fuzz_mem.regions[i].size);
		fk_map(dev, &fuzz_mem.regions[i]);
	}
}

/* The first region from the offset in the file on, NULL: none. */
static const struct fk_region *
region_behind(uint64_t offset)
{
	const struct fk_region *first = NULL;
	unsigned int i;

	for (i = 0; i < fuzz_mem.nb_regions; i++) {
		const struct fk_region *r = &fuzz_mem.regions[i];

		if (r->offset >= offset && (first == NULL || r->offset < first->offset))
			first = r;
	}
	return first;
}

void
fuzz_mem_check(void)
{
	const struct fk_region *next;
	uint64_t at = 0, end;

	while (at < file_size) {
		next = region_behind(at);
		end = next != NULL ? next->offset : file_size;
		/* each byte of the gap is as the one before it */
		FUZZ_CHECK(end == at ||
				(fuzz_mem.va[at] == GAP_BYTE &&
						memcmp(fuzz_mem.va + at, fuzz_mem.va + at + 1,
								end - at - 1) == 0));
		at = next != NULL ? end + next->size : file_size;
	}
}

uint64_t
fuzz_iova(uint64_t bits)
{
	const uint64_t offset = bits & UINT32_MAX;

	switch (bits >> 56 & 7) {
	case 0:
		return FUZZ_DATA + offset % FUZZ_DATA_SIZE;
	case 1:
		return FUZZ_PATCH + offset % (FUZZ_PATCHES * FUZZ_PATCH_SIZE);
	case 2:
		return FUZZ_RO + offset % FUZZ_PERM_SIZE;
	case 3:
		return FUZZ_WO + offset % FUZZ_PERM_SIZE;
	case 4:
		return FUZZ_RINGS + offset % FUZZ_RINGS_SIZE;
	case 5:
		return FUZZ_TOP + offset % FUZZ_TOP_SIZE;
	case 6:
		return offset;
	default:
		return bits;
	}
}

void *
fuzz_at(uint64_t iova, size_t len)
{
	unsigned int i;

	for (i = 0; i < fuzz_mem.nb_regions; i++) {
		const struct fk_region *r = &fuzz_mem.regions[i];

		if (iova - r->iova < r->size && len <= r->size - (iova - r->iova))
			return fuzz_mem.va + r->offset + (iova - r->iova);
	}
	return NULL;
}

void
fuzz_write(uint64_t iova, const void *data, size_t len)
{
	size_t i;
	uint8_t *at;

	for (i = 0; i < len; i++) {
		at = fuzz_at(iova + i, 1);
		if (at != NULL)
			__atomic_store_n(at, ((const uint8_t *)data)[i], __ATOMIC_RELAXED);
	}
}

/* The library's mapping that holds the address, NULL: none of our file's. */
static const struct lib_map *
lib_map_of(const uint8_t *addr)
{
	const struct lib_map *found = NULL;
	unsigned int i;

	pthread_mutex_lock(&lib_lock);
	for (i = 0; i < MAPS_MAX && found == NULL; i++)
		if (lib_maps[i].addr != NULL && lib_maps[i].ours && addr >= lib_maps[i].addr &&
				addr < lib_maps[i].addr + lib_maps[i].len)
			found = &lib_maps[i];
	pthread_mutex_unlock(&lib_lock);
	return found;
}

bool
fuzz_is_inside(const void *addr, size_t len, uint8_t perm)
{
	const struct lib_map *map = lib_map_of(addr);
	uint64_t offset;
	unsigned int i;

	if (map == NULL)
		return false;
	offset = map->offset + ((const uint8_t *)addr - map->addr);
	for (i = 0; i < fuzz_mem.nb_regions; i++) {
		const struct fk_region *r = &fuzz_mem.regions[i];

		if (offset - r->offset < r->size)
			return len <= r->size - (offset - r->offset) && (r->perm & perm) == perm;
	}
	return false;
}

/*
 * Writes and requests at a certain read: the compiler calls a function before each load of
 * the library's (-fsanitize-coverage=trace-loads). Of a burst only the thread that runs it is
 * looked at.
 */
#define RACES_MAX 16

static struct {
	struct fuzz_race list[RACES_MAX];
	unsigned int nb;
	bool armed;    /* in a burst */
	bool threaded; /* the input has writes of the second thread */
	bool stop;     /* it rests */
	bool has_thread;
	uint32_t reads;
	pthread_t thread;
	struct fuzz_dev *fd; /* whose burst it is, NULL: the control thread's */
} races;

static __thread bool race_here;

static void
race_write(const struct fuzz_race *race, uint8_t *at)
{
	unsigned int i;

	if (at == NULL) {
		fuzz_write(race->iova, &race->value, race->len);
		return;
	}
	for (i = 0; i < race->len && lib_map_of(at + i) != NULL; i++)
		fuzz_mem.va[lib_map_of(at + i)->offset + (at + i - lib_map_of(at + i)->addr)] =
				race->value >> 8 * i;
}

/* What is shared is touched while the control thread would wait for that. */
static bool
in_burst(const struct fuzz_dev *fd)
{
	uint16_t q;

	for (q = 0; q < fd->nb_vqs; q++)
		if (vduse_dev_vq(fd->net->dev, q)->reader & 1)
			return true;
	return false;
}

static void
race_read(const void *addr)
{
	unsigned int i;

	if (likely(!races.armed || races.threaded) || (races.fd != NULL && !race_here) ||
			lib_map_of(addr) == NULL)
		return;
	races.reads++;
	if (races.fd != NULL) {
		FUZZ_CHECK(in_burst(races.fd));
		fuzz_ask_at(races.fd, races.reads);
	}
	for (i = 0; i < races.nb; i++)
		if (races.list[i].at == races.reads)
			race_write(&races.list[i], races.list[i].iova == UINT64_MAX
								   ? (uint8_t *)(uintptr_t)addr
								   : NULL);
}

#define RACE_LOAD(n)                                    \
	void __sanitizer_cov_load##n(const void *addr); \
	void __sanitizer_cov_load##n(const void *addr)  \
	{                                               \
		race_read(addr);                        \
	}

RACE_LOAD(1)
RACE_LOAD(2)
RACE_LOAD(4)
RACE_LOAD(8)
RACE_LOAD(16)

static void *
race_main(void *unused)
{
	unsigned int i;

	while (!__atomic_load_n(&races.stop, __ATOMIC_ACQUIRE))
		for (i = 0; i < races.nb; i++)
			if (races.list[i].iova != UINT64_MAX)
				race_write(&races.list[i], NULL);
	return unused;
}

void
fuzz_race_add(const struct fuzz_race *race, bool thread)
{
	if (races.nb == RACES_MAX || races.has_thread)
		return;
	races.list[races.nb++] = *race;
	races.threaded = thread;
}

void
fuzz_race_begin(struct fuzz_dev *fd)
{
	races.fd = fd;
	race_here = true;
	races.armed = races.nb > 0 || (fd != NULL && fuzz_ask_any());
	if (!races.armed || !races.threaded || races.has_thread)
		return;
	races.stop = false;
	unit_thread(&races.thread, race_main, NULL);
	races.has_thread = true;
}

void
fuzz_race_end(void)
{
	races.armed = false;
}

void
fuzz_race_clear(void)
{
	if (races.has_thread) {
		__atomic_store_n(&races.stop, true, __ATOMIC_RELEASE);
		pthread_join(races.thread, NULL);
	}
	memset(&races, 0, sizeof(races));
	fuzz_ask_clear();
}
