/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All of an open file, from its position. */
size_t read_fd(int fd, char *buffer, size_t room)
{
	size_t size = 0;
	ssize_t got;

	while (size < room && (got = read(fd, buffer + size, room - size)) > 0)
		size += (size_t)got;
	return size;
}

const char *make_file(const char *leaf, const char *text)
{
	const char *path = root_file(leaf);

	write_file(path, text, strlen(text));
	return path;
}

void assert_file(const char *path, const char *text)
{
	char buffer[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size;

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	size = read_fd(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	buffer[size] = '\0';
	assert_string_equal(buffer, text);
}

void assert_no_file(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
}

/* Assert what a directory lists, sorted and separated by blanks, without "." and "..". */
void assert_lists(const char *path, const char *wanted)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	char line[1024] = "";

	if (count < 0)
		fail_msg("%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t used = strlen(line);

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			snprintf(line + used, sizeof(line) - used, "%s%s", used ? " " : "", name);
		free(entries[i]);
	}
	free(entries);
	assert_string_equal(line, wanted);
}

void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}
