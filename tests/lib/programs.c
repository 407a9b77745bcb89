/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

/* This program is BUILD/tests/NAME. */
static int find_build(char build[400])
{
	ssize_t length = readlink("/proc/self/exe", build, 399);

	if (length <= 0)
		return -1;
	build[length] = '\0';
	for (int i = 0; i < 2; i++)
		*strrchr(build, '/') = '\0';
	return 0;
}

int program_find(const char *name, char *path, size_t size)
{
	char build[400];

	if (find_build(build))
		return -1;
	snprintf(path, size, "%s/%s", build, name);
	return access(path, X_OK);
}

const char *program_copy(const char *name)
{
	static char copy[512];
	char build[400];

	snprintf(copy, sizeof(copy), "%s/programs/%s", support_root, name);
	if (access(copy, F_OK) == 0)
		return copy;
	assert_int_equal(find_build(build), 0);
	setenv("BUILD", build, 1);
	setenv("NAME", name, 1);
	setenv("TO", root_file("programs"), 1);
	/* The program looks for the library in ../core. */
	assert_int_equal(system("mkdir -p $TO && cd \"$BUILD\" && "
				"cp -rL --parents core/libbabus.so.* $NAME $TO && "
				"chmod -R a+rX $TO"),
			 0);
	return copy;
}
