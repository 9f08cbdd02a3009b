/* SPDX-License-Identifier: BSD-3-Clause */

/* What a node has, as lists for the broker. */

#ifndef POLLER_LIST_H
#define POLLER_LIST_H

#include "poller.h"

/** A parameter that is a string; "": it is not given. */
const char *poller_argument(const struct serve_request *request, const char *name);

/** Fill in the reply. @return 0 */
int poller_networks(struct poller *poller, struct serve_request *request);
int poller_containers(struct poller *poller, struct serve_request *request);
int poller_uplinks(struct poller *poller, struct serve_request *request);
int poller_lcores(struct poller *poller, struct serve_request *request);
int poller_load(struct poller *p, struct serve_request *r);
int poller_fdb(struct poller *poller, struct serve_request *request);

#endif /* POLLER_LIST_H */
