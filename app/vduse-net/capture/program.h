/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A filter as a program of classic BPF, which libpcap's compiler makes and a client sends. Nothing
 * of it is believed: it is checked as a whole, and run by libpcap's interpreter, which looks at
 * each access. Why not by rte_bpf's compiler: doc/decisions/0026.
 */

#ifndef CAPTURE_PROGRAM_H
#define CAPTURE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Instructions, as many as the kernel takes (BPF_MAXINSNS). */
#define PROGRAM_MAX 4096

struct program;

/**
 * Of text, as "tcpdump -ddd" has it and tc and iptables take it, with commas between: the number
 * of instructions, then "code jt jf k" of each. "4,40 0 0 12,21 0 1 2048,6 0 0 65535,6 0 0 0"
 *
 * @param[out] program to be freed by program_free(); NULL: any frame will do, with text ""
 * @param[out] error what is wrong and what to give, where it fails
 * @return 0, -EINVAL, -ENOMEM
 */
int program_parse(const char *text, struct program **program, char *error, size_t size);
void program_free(struct program *program);

/**
 * Whether a frame is one of those.
 *
 * @param bytes its first n, in one piece
 * @param len bytes that it has in all
 */
bool program_takes(const struct program *program, const void *bytes, uint32_t n, uint32_t len);

#endif /* CAPTURE_PROGRAM_H */
