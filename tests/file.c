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

/* All of an open file, from where it stands. */
size_t read_fd(int fd, char *buffer, size_t room)
{
	size_t size = 0;
	ssize_t got;

	while (size < room && (got = read(fd, buffer + size, room - size)) > 0)
		size += (size_t)got;
	return size;
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

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Assert what a directory lists, sorted and separated by blanks, but "." and "..". */
void assert_lists(const char *path, const char *wanted)
{
	char *names[64], line[1024] = "";
	size_t count = 0;
	DIR *directory = opendir(path);
	struct dirent *entry;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[count++] = strdup(entry->d_name);
	closedir(directory);
	qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "",
			 names[i]);
		free(names[i]);
	}
	assert_string_equal(line, wanted);
}

void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}
