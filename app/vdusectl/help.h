/* SPDX-License-Identifier: BSD-3-Clause */

/* What the tool and the methods take, from their tables. */

#ifndef HELP_H
#define HELP_H

#include <stdio.h>

/** Usage, and one line for each command. */
void help(FILE *out);

/** The commands of an object and their words. @return false: there is no such object */
int help_object(const char *object, FILE *out);

/** All tables as JSON, for the manual, the completion and the documents. */
void help_json(FILE *out);

#endif /* HELP_H */
