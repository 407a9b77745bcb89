/* SPDX-License-Identifier: MIT */
/* Files as a test sees them. */
#ifndef BABUS_TESTS_FILE_H
#define BABUS_TESTS_FILE_H

#include "support.h"

/* Read the rest of an open file, at most `room` bytes: how many. */
size_t read_fd(int fd, char *buffer, size_t room);

void write_file(const char *path, const void *data, size_t size);
/* Write a text to a file in the directory of the case: its path, see root_file(). */
const char *make_file(const char *leaf, const char *text);

/* Assert that the file holds this text; that there is no such file. */
void assert_file(const char *path, const char *text);
void assert_no_file(const char *path);

/* Assert what a directory lists, sorted, separated by blanks, without "." and "..". */
void assert_lists(const char *path, const char *wanted);

#endif
