/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>

#include "vdusectl.h"

int
main(int argc, char *argv[])
{
	enum vdusectl_status status;

	status = vdusectl(argc > 0 ? argc - 1 : 0, (const char *const *)argv + 1, stdout, stderr);
	if (fflush(stdout) == 0)
		return status;
	perror("vdusectl: standard output");
	return status != VDUSECTL_OK ? (int)status : VDUSECTL_USAGE;
}
