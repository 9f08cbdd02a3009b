/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include <stdint.h>

/**
 * The specification's name of a feature bit of a network device.
 *
 * @param bit below 64
 * @return "VIRTIO_NET_F_CSUM" and so on; NULL for a bit without a name
 */
const char *net_feature_name(unsigned int bit);

/** The specification's name of a bit of the device status, or NULL. @param bit below 8 */
const char *net_status_name(unsigned int bit);

#endif /* NET_NAMES_H */
