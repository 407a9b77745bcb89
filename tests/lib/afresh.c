/* SPDX-License-Identifier: MIT */
/*
 * Runs a test that is a script, which could not un-ignore a signal by itself.
 * The work is done before main(), see inherited.h. Arguments: program, its own.
 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc > 1)
		execvp(argv[1], argv + 1);
	perror(argv[argc > 1]);
	return 1;
}
