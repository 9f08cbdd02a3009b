/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include <stdint.h>

/** The specification's name of a bit of the device status, or NULL. @param bit below 8 */
const char *net_status_name(unsigned int bit);

#endif /* NET_NAMES_H */
