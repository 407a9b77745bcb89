/* SPDX-License-Identifier: MIT */
/*
 * Runs a test that is a script. A script cannot stop ignoring a signal. The work happens before
 * main(), see inherited.h. Arguments: the program and its arguments.
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
