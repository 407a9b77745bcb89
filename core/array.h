/* SPDX-License-Identifier: MIT */
/* Arrays that grow. */
#ifndef BABUS_ARRAY_H
#define BABUS_ARRAY_H

#include <stdlib.h>

/*
 * Make room for one more element in an array with `count` of them. Returns the array, which
 * may have moved; or NULL if there is no memory, and the array stays as it is.
 */
static inline void *array_grow(void *array, size_t count, size_t *room, size_t element_size)
{
	size_t wanted = *room ? 2 * *room : 4;
	void *grown;

	if (array && count < *room)
		return array;
	grown = reallocarray(array, wanted, element_size);
	if (grown)
		*room = wanted;
	return grown;
}

#endif
