/*
 * buffer.c: bytes that grow, and what to do when they cannot.
 */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says something, a line. */
static void __attribute__((format(printf, 1, 0))) say_line(const char *format, va_list arguments)
{
	fputs("dcep-signer: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

/* Says something to who looks at the process's log. */
void
say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(format, arguments);
	va_end(arguments);
}

/* Says why and ends the process. */
void
die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(format, arguments);
	va_end(arguments);
	exit(1);
}

/* Memory of so many zeros. */
void *
zeros(size_t count, size_t size)
{
	void *memory = calloc(count == 0 ? 1 : count, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

/* Makes room for more bytes. */
uint8_t *
buffer_reserve(Buffer *buffer, size_t more)
{
	if (buffer->room - buffer->len < more)
	{
		size_t room = buffer->room * 2 > buffer->len + more ? buffer->room * 2 : buffer->len + more;
		uint8_t *data = realloc(buffer->data, room);

		if (data == NULL)
			die("out of memory");
		buffer->data = data;
		buffer->room = room;
	}
	return buffer->data + buffer->len;
}

/* Appends bytes. */
void
buffer_put(Buffer *buffer, const void *data, size_t len)
{
	if (len == 0)
		return;
	memcpy(buffer_reserve(buffer, len), data, len);
	buffer->len += len;
}

/* Appends a number in network order. */
void
buffer_put_number(Buffer *buffer, uint64_t number, int bytes)
{
	uint8_t *to = buffer_reserve(buffer, (size_t) bytes);

	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t) (number >> (8 * (bytes - 1 - i)));
	buffer->len += (size_t) bytes;
}

/* Takes bytes off the front. */
void
buffer_drop(Buffer *buffer, size_t len)
{
	buffer->len -= len;
	if (buffer->len > 0)
		memmove(buffer->data, buffer->data + len, buffer->len);
}

/* Gives the memory back. */
void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	*buffer = (Buffer){0};
}
