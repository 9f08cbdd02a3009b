/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The handler for memory that is gone, among other handlers: EAL's while its heap grows, the
 * application's before and behind it; and several threads in it at once.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_atomic.h>

#include "mem/sigbus.h"
#include "unit.h"

/* A build with a sanitizer would take SIGBUS for itself: here it is the process's. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "handle_sigbus=0";
}

static sigjmp_buf jump;
static volatile sig_atomic_t jumped;

static void
own_handler(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	jumped = number;
	siglongjmp(jump, 1);
}

static void
plain_handler(int number)
{
	jumped = number;
	siglongjmp(jump, 1);
}

/* A page that has nothing to do with any device. */
static void
touch_foreign(void)
{
	int file = memfd_create("foreign", MFD_CLOEXEC);
	volatile uint8_t *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);

	close(file);
	RTE_SET_USED(*page);
}

/* As it is once the library is loaded: cmocka has handlers of its own while a test runs. */
static struct sigaction at_load;

/* In a child, which says with its status what was not as it should be: the signal, or the code. */
static int
in_child(int (*run)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		sigaction(SIGBUS, &at_load, NULL);
		_exit(run());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* A page of a front end, and whether its loss was told. */
struct page {
	struct vduse_sigbus_range range;
	bool lost;
	int file;
};

static bool
page_init(struct page *page)
{
	*page = (struct page){ .file = memfd_create("page", MFD_CLOEXEC) };
	page->range = (struct vduse_sigbus_range){
		.len = 4096, .prot = PROT_READ | PROT_WRITE, .lost = &page->lost, .fd = -1
	};
	if (page->file < 0 || ftruncate(page->file, 4096) < 0)
		return false;
	page->range.base = mmap(NULL, 4096, page->range.prot, MAP_SHARED, page->file, 0);
	return page->range.base != MAP_FAILED && vduse_sigbus_add(&page->range) == 0;
}

/* Taken away and touched: the process goes on, and it was told. */
static bool
page_lose(struct page *page)
{
	uint8_t byte;

	if (ftruncate(page->file, 0) < 0)
		return false;
	byte = *(volatile uint8_t *)page->range.base;
	rte_compiler_barrier(); /* the handler runs here */
	return byte == 0 && page->lost;
}

static void
page_fini(struct page *page)
{
	vduse_sigbus_del(&page->range);
	munmap(page->range.base, 4096);
	close(page->file);
}

/* EAL while its heap grows (eal_memalloc.c): huge_register_sigbus(), huge_recover_sigbus(). */
static struct sigaction eal_old;
static bool eal_grows;

static void
eal_handler(int number)
{
	jumped = number;
	/* to the frame that grows; later it is gone */
	if (eal_grows)
		siglongjmp(jump, 1);
	_exit(7);
}

static void
eal_begin(void)
{
	const struct sigaction eal = { .sa_handler = eal_handler };

	sigaction(SIGBUS, &eal, &eal_old);
	eal_grows = true;
}

static void
eal_end(void)
{
	sigaction(SIGBUS, &eal_old, NULL);
	eal_grows = false;
}

/* A page of EAL's is not to be had. */
static bool
eal_meets_fault(void)
{
	jumped = 0;
	if (sigsetjmp(jump, 1) == 0)
		touch_foreign();
	return jumped == SIGBUS;
}

/* The heap grows and nothing is mapped meanwhile. */
static int
eal_grew(void)
{
	static struct page before, after;

	if (!page_init(&before))
		return 2;
	eal_begin();
	if (!eal_meets_fault())
		return 3;
	eal_end();
	if (!page_lose(&before))
		return 4;
	if (!page_init(&after) || !page_lose(&after))
		return 5;
	return 0;
}

/* A region is mapped while it grows; the faults of both meanwhile, and those after it. */
static int
eal_grows_at_add(void)
{
	static struct page before, meanwhile, later, after;
	unsigned int i;

	if (!page_init(&before))
		return 2;
	for (i = 0; i < 20; i++) {
		eal_begin();
		if (!page_init(&meanwhile) || !page_init(&later))
			return 3;
		if (!eal_meets_fault() || !page_lose(&meanwhile) || !eal_meets_fault())
			return 4;
		eal_end();
		if (!page_lose(&later))
			return 5;
		page_fini(&meanwhile);
		page_fini(&later);
	}
	return page_lose(&before) && page_init(&after) && page_lose(&after) ? 0 : 6;
}

/* The application took the handler away, EAL put that back; the next region finds out. */
static int
eal_grows_over_default(void)
{
	static struct page first, second;

	signal(SIGBUS, SIG_DFL);
	eal_begin();
	if (!page_init(&first))
		return 2;
	eal_end();
	if (!page_init(&second))
		return 3;
	return page_lose(&first) && page_lose(&second) ? 0 : 4;
}

/* The same; behind it is the default, and no frame of EAL's. */
static int
foreign_after_eal(void)
{
	const int ret = eal_grows_at_add();

	if (ret != 0)
		return ret;
	touch_foreign();
	return 8;
}

/* With a handler of the application's from before: it is the one that is asked then. */
static int
foreign_after_eal_is_own(void)
{
	struct sigaction own = { .sa_sigaction = own_handler, .sa_flags = SA_SIGINFO };
	int ret;

	sigaction(SIGBUS, &own, NULL);
	ret = eal_grows_at_add();
	if (ret != 0)
		return ret;
	jumped = 0;
	if (sigsetjmp(jump, 1) == 0)
		touch_foreign();
	return jumped == SIGBUS ? 0 : 8;
}

static void
test_eal(void **state)
{
	(void)state;
	assert_int_equal(in_child(eal_grew), 0);
	assert_int_equal(in_child(eal_grows_at_add), 0);
	assert_int_equal(in_child(eal_grows_over_default), 0);
	assert_int_equal(in_child(foreign_after_eal), -SIGBUS);
	assert_int_equal(in_child(foreign_after_eal_is_own), 0);
}

/* A handler that hands on to what it found, and is installed again and again. */
static struct sigaction chain_old;
static unsigned int chain_asked;

static void
chain_handler(int number, siginfo_t *info, void *context)
{
	chain_asked++;
	if (chain_asked > 100)
		_exit(9);
	if (chain_old.sa_flags & SA_SIGINFO)
		chain_old.sa_sigaction(number, info, context);
	else
		signal(number, SIG_DFL);
}

static bool
chain_again(struct page *page)
{
	struct sigaction chain = { .sa_sigaction = chain_handler, .sa_flags = SA_SIGINFO };

	return sigaction(SIGBUS, &chain, &chain_old) == 0 && page_init(page);
}

/* Ours and the application's hand on to each other: ours are found, foreign ones end the process.
 */
static int
chain_goes_round(void)
{
	static struct page pages[20];
	unsigned int i;

	for (i = 0; i < RTE_DIM(pages); i++)
		if (!chain_again(&pages[i]))
			return 2;
	for (i = 0; i < RTE_DIM(pages); i++)
		if (!page_lose(&pages[i]))
			return 3;
	touch_foreign();
	return 4;
}

/* Its handler is in front and knows nothing of ours, until the next region is mapped. */
static int
many_handlers(void)
{
	static struct page pages[20];
	struct sigaction own = { .sa_sigaction = own_handler, .sa_flags = SA_SIGINFO };
	struct sigaction plain = { .sa_handler = plain_handler };
	unsigned int i;

	for (i = 0; i < RTE_DIM(pages); i++) {
		sigaction(SIGBUS, i % 3 == 0 ? &own : &plain, NULL);
		if (!page_init(&pages[i]) || !eal_meets_fault())
			return 2;
	}
	for (i = 0; i < RTE_DIM(pages); i++)
		if (!page_lose(&pages[i]))
			return 3;
	return 0;
}

static void
test_chain(void **state)
{
	(void)state;
	assert_int_equal(in_child(chain_goes_round), -SIGBUS);
	assert_int_equal(in_child(many_handlers), 0);
}

/* No address space beside the range: the zeroes are made in its place. */
static int
no_space(void)
{
	static struct page page;
	struct rlimit limit = { .rlim_max = RLIM_INFINITY };
	FILE *statm;
	unsigned long pages = 0;
	int got;

	if (!page_init(&page))
		return 2;
	statm = fopen("/proc/self/statm", "r");
	if (statm == NULL)
		return 2;
	got = fscanf(statm, "%lu", &pages);
	fclose(statm);
	if (got != 1)
		return 2;
	/* what there is, and no page more */
	limit.rlim_cur = pages * sysconf(_SC_PAGESIZE);
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return 2;
	return page_lose(&page) ? 0 : 3;
}

static void
test_no_space(void **state)
{
	(void)state;
	assert_int_equal(in_child(no_space), 0);
}

#define RACERS 8

struct race {
	pthread_barrier_t start;
	struct page pages[2];
	unsigned int wrong;
};

/* Each writes a byte of its own to both; one that was written stays, whoever comes later. */
static void *
race_main(void *arg)
{
	static unsigned int next;
	struct race *race = arg;
	const unsigned int me = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % RACERS;
	unsigned int i;

	pthread_barrier_wait(&race->start);
	for (i = 0; i < RTE_DIM(race->pages); i++) {
		volatile uint8_t *byte = (volatile uint8_t *)race->pages[i].range.base + me;

		*byte = 1;
		if (*byte != 1)
			__atomic_fetch_add(&race->wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t threads[RACERS];
	struct race race;
	unsigned int round, i;

	(void)state;
	for (round = 0; round < 100; round++) {
		memset(&race, 0, sizeof(race));
		pthread_barrier_init(&race.start, NULL, RACERS);
		for (i = 0; i < RTE_DIM(race.pages); i++) {
			assert_true(page_init(&race.pages[i]));
			assert_int_equal(ftruncate(race.pages[i].file, 0), 0);
		}
		for (i = 0; i < RACERS; i++)
			unit_thread(&threads[i], race_main, &race);
		for (i = 0; i < RACERS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(race.wrong, 0);
		for (i = 0; i < RTE_DIM(race.pages); i++) {
			assert_true(race.pages[i].lost);
			page_fini(&race.pages[i]);
		}
		pthread_barrier_destroy(&race.start);
	}
}

/* Who asked for it is gone; then memory of ours comes in its place, and is not lost any more. */
static void
test_mute(void **state)
{
	struct page page;
	uint8_t *memory;

	(void)state;
	assert_true(page_init(&page));
	page.range.fd = page.file;
	vduse_sigbus_mute(&page.range);
	assert_int_equal(ftruncate(page.file, 0), 0);
	assert_int_equal(*(volatile uint8_t *)page.range.base, 0);
	assert_false(page.lost);
	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	memset(memory, 7, 4096);
	assert_int_equal(vduse_sigbus_replace(&page.range, memory), 0);
	assert_int_equal(*(volatile uint8_t *)page.range.base, 7);
	page_fini(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_eal),
		UNIT_TEST(test_chain),
		UNIT_TEST(test_no_space),
		UNIT_TEST(test_threads),
		UNIT_TEST(test_mute),
	};

	sigaction(SIGBUS, NULL, &at_load);
	return UNIT_RUN("sigbus_chain", tests);
}
