/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USDT_H
#define USDT_H

/*
 * A place where bpftrace, perf and SystemTap can look in (USDT, the notes of systemtap-sdt-dev's
 * <sys/sdt.h>): an instruction that does nothing until somebody does. Two arguments: who it is
 * about, a pointer or a number, and a number. Without that header there is none.
 */

#ifdef HAVE_SDT
#include <sys/sdt.h>
#define USDT(provider, name, who, n) STAP_PROBE2(provider, name, who, n)
#else
#define USDT(provider, name, who, n) \
	do {                         \
		(void)(who);         \
		(void)(n);           \
	} while (0)
#endif

#endif /* USDT_H */
