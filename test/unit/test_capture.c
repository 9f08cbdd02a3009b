/* SPDX-License-Identifier: BSD-3-Clause */

/* What a capture is made of: the ring, filters as programs that nobody believes, the format. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "filter.h"
#include "pcapng.h"
#include "pcapng_read.h"
#include "program.h"
#include "ring.h"

#define RING    4096
#define RECORDS 200000

/* Record n: as long as its number says, of its bytes. */
static uint32_t
len_of(unsigned int n)
{
	return 1 + n * 7919 % 700;
}

static bool
write_one(struct capture_ring *ring, unsigned int n)
{
	uint8_t *bytes = ring_write(ring, len_of(n));

	if (bytes == NULL)
		return false;
	memset(bytes, (int)(n & 0xff), len_of(n));
	return true;
}

static void
expect_one(struct capture_ring *ring, unsigned int n)
{
	const uint8_t *bytes = ring_read(ring);
	uint32_t i;

	assert_non_null(bytes);
	for (i = 0; i < len_of(n); i++)
		assert_int_equal(bytes[i], n & 0xff);
	ring_next(ring);
}

static void
records_of_all_lengths_keep_their_order(void **state)
{
	unsigned int written = 0, got = 0;
	struct capture_ring ring;

	(void)state;
	assert_int_equal(ring_init(&ring, RING), 0);
	while (written < RECORDS / 10) {
		while (write_one(&ring, written))
			written++;
		ring_commit(&ring);
		/* some of them, so that the end of the ring comes at each place */
		for (; got < written - written % 3; got++)
			expect_one(&ring, got);
	}
	for (; got < written; got++)
		expect_one(&ring, got);
	assert_null(ring_read(&ring));
	ring_fini(&ring);
}

static void
there_is_no_more_room_than_there_is(void **state)
{
	struct capture_ring ring;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(ring_init(&ring, RING), 0);
	while (ring_write(&ring, 56) != NULL)
		n++;
	assert_int_equal(n, RING / 64);
	/* nothing is seen of what may still be changed */
	assert_null(ring_read(&ring));
	ring_commit(&ring);
	assert_non_null(ring_read(&ring));
	assert_null(ring_write(&ring, 1));
	ring_next(&ring);
	assert_null(ring_write(&ring, 57));
	assert_non_null(ring_write(&ring, 56));
	ring_fini(&ring);
}

static void
half_of_it_always_finds_room(void **state)
{
	struct capture_ring ring;
	unsigned int before;

	(void)state;
	for (before = 1; before <= RING / 2 - 8; before++) {
		assert_int_equal(ring_init(&ring, RING), 0);
		assert_non_null(ring_write(&ring, before));
		ring_commit(&ring);
		assert_non_null(ring_read(&ring));
		ring_next(&ring);
		assert_non_null(ring_write(&ring, RING / 2 - 8));
		ring_fini(&ring);
	}
}

static void *
write_all(void *arg)
{
	struct capture_ring *ring = arg;
	unsigned int n;

	for (n = 0; n < RECORDS; n++) {
		while (!write_one(ring, n))
			sched_yield();
		if (n % 3 == 0 || n == RECORDS - 1)
			ring_commit(ring);
	}
	return NULL;
}

/* The ring is longer than three records: the writer commits before it is full. */
static void
two_threads_share_it(void **state)
{
	struct capture_ring ring;
	pthread_t writer;
	unsigned int n;

	(void)state;
	assert_int_equal(ring_init(&ring, RING), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_all, &ring), 0);
	for (n = 0; n < RECORDS; n++) {
		while (ring_read(&ring) == NULL)
			sched_yield();
		expect_one(&ring, n);
	}
	pthread_join(writer, NULL);
	ring_fini(&ring);
}

/* As vdusectl sends it. */
static char *
compiled(const char *filter)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program program;
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	unsigned int i;

	if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		fail_msg("%s: %s", filter, pcap_geterr(pcap));
	fprintf(to, "%u", program.bf_len);
	for (i = 0; i < program.bf_len; i++)
		fprintf(to, ",%u %u %u %u", program.bf_insns[i].code, program.bf_insns[i].jt,
				program.bf_insns[i].jf, program.bf_insns[i].k);
	fclose(to);
	pcap_freecode(&program);
	pcap_close(pcap);
	return text;
}

static struct program *
parsed(const char *text)
{
	struct program *program;
	char error[256];

	if (program_parse(text, &program, error, sizeof(error)) != 0)
		fail_msg("%s: %s", text, error);
	assert_non_null(program);
	return program;
}

/* TCP over IPv4, to a port. */
static void
make_tcp(uint8_t frame[60], uint8_t port)
{
	memset(frame, 0, 60);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[23] = 6;
	frame[37] = port;
}

static void
a_filter_takes_what_it_says(void **state)
{
	char *text = compiled("tcp dst port 80 and ip[14] != 9");
	struct program *program = parsed(text), *any;
	uint8_t frame[60];
	char error[256];

	(void)state;
	make_tcp(frame, 80);
	assert_true(program_takes(program, frame, 60, 60));
	/* of one that is cut off before the port nothing is known */
	assert_false(program_takes(program, frame, 36, 60));
	frame[28] = 9;
	assert_false(program_takes(program, frame, 60, 60));
	make_tcp(frame, 81);
	assert_false(program_takes(program, frame, 60, 60));
	program_free(program);
	free(text);
	assert_int_equal(program_parse("", &any, error, sizeof(error)), 0);
	assert_null(any);
}

/* The whole length is the frame's, whatever is there of it. */
static void
a_length_is_the_frames(void **state)
{
	char *text = compiled("greater 1000");
	struct program *program = parsed(text);
	uint8_t frame[60] = { 0 };

	(void)state;
	assert_true(program_takes(program, frame, 60, 1000));
	assert_false(program_takes(program, frame, 60, 999));
	program_free(program);
	free(text);
}

static void
what_is_no_program_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "x", "number of instructions" },
		{ "0,", "number of instructions" },
		{ "4097,6 0 0 0", "number of instructions" },
		{ "99999999999999999999,6 0 0 0", "number of instructions" },
		{ "-1,6 0 0 0", "number of instructions" },
		{ "1", "number of instructions" },
		{ "1,", "instruction 1 of 1 is none" },
		{ "1,6 0 0", "instruction 1 of 1 is none" },
		{ "1,6 0 0 1x", "instruction 1 of 1 is none" },
		{ "1,6 0 0 4294967296", "instruction 1 of 1 is none" },
		{ "1,6 256 0 0", "instruction 1 of 1 is none" },
		{ "1,65536 0 0 0", "instruction 1 of 1 is none" },
		{ "1,6 0 0 1,6 0 0 1", "instruction 1 of 1 is none" },
		{ "2,6 0 0 1", "instruction 1 of 2 is none" },
		{ "2,6 0 0 1,", "instruction 2 of 2 is none" },
		/* ja -1: for ever */
		{ "2,5 0 0 4294967295,6 0 0 0", "instruction 1 jumps back" },
		{ "3,0 0 0 1,5 0 0 4294967294,6 0 0 0", "instruction 2 jumps back" },
		{ "2,5 0 0 1,6 0 0 0", "instruction 1 jumps back, or behind the end" },
		{ "2,21 9 9 0,6 0 0 0", "no program" },
		{ "2,21 0 1 0,6 0 0 0", "no program" },
		{ "2,52 0 0 0,6 0 0 0", "no program" },  /* A / 0 */
		{ "2,148 0 0 0,6 0 0 0", "no program" }, /* A % 0 */
		{ "2,96 0 0 16,6 0 0 0", "no program" }, /* M[16] */
		{ "2,2 0 0 16,6 0 0 0", "no program" },  /* M[16] = A */
		{ "1,0 0 0 0", "no program" },           /* no return */
		/* each of which makes libpcap's interpreter abort() */
		{ "2,255 0 0 0,6 0 0 0", "instruction 1 is none of classic BPF" },
		{ "2,14 0 0 0,6 0 0 0", "instruction 1 is none of classic BPF" },
		{ "2,6 0 0 0,262 0 0 0", "instruction 2 is none of classic BPF" },
		{ "2,33 0 0 0,6 0 0 0", "instruction 1 is none of classic BPF" },
		{ "2,100 0 0 32,6 0 0 0", "shifts by 32 bits" },
		{ "2,116 0 0 4294967295,6 0 0 0", "shifts by 4294967295 bits" },
	};
	struct program *program;
	char error[256];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (program_parse(bad[i].text, &program, error, sizeof(error)) == 0)
			fail_msg("%s is taken", bad[i].text);
		assert_null(program);
		if (strstr(error, bad[i].says) == NULL)
			fail_msg("%s: %s", bad[i].text, error);
	}
}

/* libpcap's compiler makes a loop of it, which its own check lets pass. */
static void
a_loop_is_refused_by_its_word(void **state)
{
	char *text = compiled("ip6 protochain 6");
	struct program *program;
	char error[256];

	(void)state;
	assert_int_not_equal(program_parse(text, &program, error, sizeof(error)), 0);
	assert_non_null(strstr(error, "protochain"));
	free(text);
}

/* Offsets that are no frame's, some of which become small ones where a length is added. */
static void
nothing_beside_the_frame_is_read(void **state)
{
	static const char *const programs[] = {
		"2,40 0 0 4294967294,6 0 0 1", /* ldh [-2] */
		"2,32 0 0 4294967292,6 0 0 1", /* ld [-4] */
		"2,48 0 0 4294967295,6 0 0 1", /* ldb [-1] */
		"2,48 0 0 2147483647,6 0 0 1",
		"2,177 0 0 4294967295,6 0 0 1",                 /* ldxb 4*([-1]&0xf) */
		"3,1 0 0 4294967295,80 0 0 3,6 0 0 1",          /* ldb [x + 3], x = -1 */
		"3,1 0 0 4294967295,72 0 0 0,6 0 0 1",          /* ldh [x] */
		"3,1 0 0 2147483648,64 0 0 2147483648,6 0 0 1", /* ld [x + 0x80000000] */
		"2,48 0 0 60,6 0 0 1",
		"2,40 0 0 59,6 0 0 1",
		"2,32 0 0 57,6 0 0 1",
	};
	struct program *program;
	uint8_t *frame = calloc(1, 60);
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		program = parsed(programs[i]);
		assert_false(program_takes(program, frame, 60, 1500));
		program_free(program);
	}
	free(frame);
}

/* Any that is let through comes to its end, and stays in the frame: ASan looks on. */
static void
whatever_is_let_through_ends(void **state)
{
	static const uint16_t codes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 12, 20, 21, 22, 28, 29, 32, 36,
		40, 44, 48, 52, 53, 64, 68, 69, 72, 76, 80, 84, 92, 96, 97, 100, 108, 116, 124, 128,
		129, 132, 135, 148, 156, 164, 172, 177, 255 };
	uint8_t *frame = malloc(60);
	unsigned int i, k, n, passed = 0;
	struct program *program;
	char text[1024], error[256];
	size_t at;

	(void)state;
	srand(1);
	for (i = 0; i < 60; i++)
		frame[i] = (uint8_t)rand();
	for (i = 0; i < 100000; i++) {
		n = 1 + (unsigned int)rand() % 8;
		at = snprintf(text, sizeof(text), "%u", n + 1);
		for (k = 0; k < n; k++)
			at += snprintf(text + at, sizeof(text) - at, ",%u %d %d %u",
					codes[(size_t)rand() % (sizeof(codes) / sizeof(codes[0]))],
					rand() % 4, rand() % 4,
					rand() % 3 == 0 ? 0u - (unsigned int)rand() % 70
							: (unsigned int)rand() % 70);
		snprintf(text + at, sizeof(text) - at, ",22 0 0 0");
		if (program_parse(text, &program, error, sizeof(error)) != 0)
			continue;
		passed++;
		program_takes(program, frame, 60, 1500);
		program_free(program);
	}
	assert_true(passed > 1000);
	free(frame);
}

static void
the_format_is_libpcaps(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	static uint8_t buf[4 * PCAPNG_BLOCK_MAX];
	const struct pcapng_interface interface = { "c1", "container c1 of net0", mac, 96 };
	const uint8_t frame[61] = { 1, 2, 3 };
	const struct pcapng_packet a = { .ns = 1700000000123456789,
		.bytes = frame,
		.caplen = 61,
		.len = 1500,
		.in = true,
		.queue = 7,
		.partial = true,
		.gso = true,
		.comment = "gso_size 1448" };
	const struct pcapng_packet b = {
		.ns = 1700000000123456790, .bytes = frame, .caplen = 60, .len = 60
	};
	const struct pcapng_statistics last = { 3, 1, 2, 40, 30, 20, 10 };
	struct read_capture r = { .bytes = buf };

	(void)state;
	r.n = pcapng_section(buf, "test");
	r.n += pcapng_interface(buf + r.n, &interface);
	r.n += pcapng_packet(buf + r.n, &a);
	r.n += pcapng_packet(buf + r.n, &b);
	r.n += pcapng_statistics(buf + r.n, &last);
	read_blocks(&r);
	assert_string_equal(r.name, "c1");
	assert_string_equal(r.description, "container c1 of net0");
	assert_int_equal(r.snaplen, 96);
	assert_int_equal(r.nb_packets, 2);
	assert_true(r.packets[0].ns == a.ns && r.packets[1].ns == b.ns);
	assert_int_equal(r.packets[0].flags, READ_IN | READ_PARTIAL | READ_GSO);
	assert_int_equal(r.packets[0].queue, 7);
	assert_string_equal(r.packets[0].comment, "gso_size 1448");
	assert_int_equal(r.packets[1].flags, READ_OUT);
	assert_string_equal(r.packets[1].comment, "");
	assert_true(r.ended && r.received == 40 && r.accepted == 30 && r.dropped == 20 &&
			r.delivered == 10);
	read_by_libpcap(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_all_lengths_keep_their_order),
		cmocka_unit_test(there_is_no_more_room_than_there_is),
		cmocka_unit_test(half_of_it_always_finds_room),
		cmocka_unit_test(two_threads_share_it),
		cmocka_unit_test(a_filter_takes_what_it_says),
		cmocka_unit_test(a_length_is_the_frames),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(a_loop_is_refused_by_its_word),
		cmocka_unit_test(nothing_beside_the_frame_is_read),
		cmocka_unit_test(whatever_is_let_through_ends),
		cmocka_unit_test(the_format_is_libpcaps),
	};

	return FILTER_RUN("capture", tests, NULL, NULL);
}
