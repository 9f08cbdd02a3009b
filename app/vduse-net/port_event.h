/* SPDX-License-Identifier: BSD-3-Clause */

/* What the driver of a port, or the bus of its device, tells. */

#ifndef PORT_EVENT_H
#define PORT_EVENT_H

#include "port.h"

/* Return: 0 or -errno. Mirror: port_unlisten() */
int port_listen(struct port *port);
void port_unlisten(struct port *port);

#endif /* PORT_EVENT_H */
