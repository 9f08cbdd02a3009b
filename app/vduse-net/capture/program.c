/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "program.h"

struct program {
	struct bpf_program code; /* of what is behind */
	unsigned int n;
	struct bpf_insn insns[];
};

__attribute__((format(printf, 3, 4))) static int
refuse(char *error, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return -EINVAL;
}

/* A number up to most, and what has to follow it. Return: whether there is. */
static bool
take(const char **text, unsigned long most, char follows, unsigned long *value)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*value = strtoul(*text, &end, 10);
	if (errno != 0 || *value > most || *end != follows)
		return false;
	*text = end + (follows != '\0');
	return true;
}

static bool
take_insn(const char **text, char follows, struct bpf_insn *insn)
{
	unsigned long code, jt, jf, k;

	if (!take(text, UINT16_MAX, ' ', &code) || !take(text, UINT8_MAX, ' ', &jt) ||
			!take(text, UINT8_MAX, ' ', &jf) || !take(text, UINT32_MAX, follows, &k))
		return false;
	insn->code = (unsigned short)code;
	insn->jt = (unsigned char)jt;
	insn->jf = (unsigned char)jf;
	insn->k = (bpf_u_int32)k;
	return true;
}

static int
read_insns(const char *text, struct program *p, char *error, size_t size)
{
	unsigned int i;

	for (i = 0; i < p->n; i++)
		if (!take_insn(&text, i + 1 < p->n ? ',' : '\0', &p->insns[i]))
			return refuse(error, size,
					"instruction %u of %u is none: give \"code jt jf k\", with "
					"a comma between two, as tcpdump -ddd prints them",
					i + 1, p->n);
	return 0;
}

/* What there is, as bpf_filter() knows it: at another code that ends the process. */
static const uint16_t codes[] = { BPF_RET | BPF_K, BPF_RET | BPF_A,
	/* loads: of the frame, its length, a constant, memory */
	BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS,
	BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND,
	BPF_LDX | BPF_B | BPF_MSH, BPF_LD | BPF_W | BPF_LEN, BPF_LDX | BPF_W | BPF_LEN,
	BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM, BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM, BPF_ST, BPF_STX,
	/* jumps */
	BPF_JMP | BPF_JA, BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JEQ | BPF_X,
	BPF_JMP | BPF_JGT | BPF_K, BPF_JMP | BPF_JGT | BPF_X, BPF_JMP | BPF_JGE | BPF_K,
	BPF_JMP | BPF_JGE | BPF_X, BPF_JMP | BPF_JSET | BPF_K, BPF_JMP | BPF_JSET | BPF_X,
	/* sums */
	BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_SUB | BPF_K,
	BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_K, BPF_ALU | BPF_MUL | BPF_X,
	BPF_ALU | BPF_DIV | BPF_K, BPF_ALU | BPF_DIV | BPF_X, BPF_ALU | BPF_MOD | BPF_K,
	BPF_ALU | BPF_MOD | BPF_X, BPF_ALU | BPF_AND | BPF_K, BPF_ALU | BPF_AND | BPF_X,
	BPF_ALU | BPF_OR | BPF_K, BPF_ALU | BPF_OR | BPF_X, BPF_ALU | BPF_XOR | BPF_K,
	BPF_ALU | BPF_XOR | BPF_X, BPF_ALU | BPF_LSH | BPF_K, BPF_ALU | BPF_LSH | BPF_X,
	BPF_ALU | BPF_RSH | BPF_K, BPF_ALU | BPF_RSH | BPF_X, BPF_ALU | BPF_NEG, BPF_MISC | BPF_TAX,
	BPF_MISC | BPF_TXA };

static bool
is_code(unsigned int code)
{
	unsigned int i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/*
 * What libpcap's bpf_validate() lets pass: codes that there are not; loops, which its compiler
 * makes for protochain and which need not end; shifts by more bits than there are.
 */
static int
check_insn(const struct program *p, unsigned int i, char *error, size_t size)
{
	const struct bpf_insn *insn = &p->insns[i];
	const unsigned int op = insn->code;

	if (!is_code(op))
		return refuse(error, size,
				"instruction %u is none of classic BPF: give what "
				"tcpdump -ddd prints",
				i + 1);
	if (op == (BPF_JMP | BPF_JA) && insn->k >= p->n - i - 1)
		return refuse(error, size,
				"instruction %u jumps back, or behind the end: loops are not run "
				"beside frames; give a filter without protochain",
				i + 1);
	if ((op == (BPF_ALU | BPF_LSH | BPF_K) || op == (BPF_ALU | BPF_RSH | BPF_K)) &&
			insn->k > 31)
		return refuse(error, size,
				"instruction %u shifts by %u bits: give a program that a compiler "
				"made",
				i + 1, (unsigned int)insn->k);
	return 0;
}

static int
check(const struct program *p, char *error, size_t size)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < p->n && ret == 0; i++)
		ret = check_insn(p, i, error, size);
	if (ret == 0 && !bpf_validate(p->insns, (int)p->n))
		ret = refuse(error, size,
				"this is no program of classic BPF: an instruction jumps behind "
				"the end, divides by 0 or uses memory that is not there, or the "
				"last one is no return; give what tcpdump -ddd prints");
	return ret;
}

int
program_parse(const char *text, struct program **program, char *error, size_t size)
{
	struct program *p;
	unsigned long n;
	int ret;

	*program = NULL;
	if (text[0] == '\0')
		return 0;
	if (!take(&text, PROGRAM_MAX, ',', &n) || n == 0)
		return refuse(error, size,
				"it begins with no number of instructions: give 1 to %u, a comma, "
				"and so many of them",
				PROGRAM_MAX);
	p = calloc(1, sizeof(*p) + n * sizeof(p->insns[0]));
	if (p == NULL) {
		refuse(error, size, "no memory for it");
		return -ENOMEM;
	}
	p->n = (unsigned int)n;
	p->code = (struct bpf_program){ .bf_len = p->n, .bf_insns = p->insns };
	ret = read_insns(text, p, error, size);
	if (ret == 0)
		ret = check(p, error, size);
	if (ret != 0) {
		program_free(p);
		return ret;
	}
	*program = p;
	return 0;
}

void
program_free(struct program *program)
{
	free(program);
}

bool
program_takes(const struct program *program, const void *bytes, uint32_t n, uint32_t len)
{
	const struct pcap_pkthdr frame = { .len = len, .caplen = n };

	return pcap_offline_filter(&program->code, &frame, bytes) != 0;
}
