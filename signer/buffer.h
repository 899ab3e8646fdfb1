/*
 * buffer.h: bytes that grow. Where memory is short the process ends: it has signed nothing that is not in its log.
 */
#ifndef SIGNER_BUFFER_H
#define SIGNER_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct Buffer
{
	uint8_t *data;
	size_t len;
	size_t room;
} Buffer;

/* Makes room for so many more bytes and returns where they go. */
extern uint8_t *buffer_reserve(Buffer *buffer, size_t more);
extern void buffer_put(Buffer *buffer, const void *data, size_t len);
/* A number in network order, in 1, 2, 4 or 8 bytes. */
extern void buffer_put_number(Buffer *buffer, uint64_t number, int bytes);
/* Takes bytes off the front. */
extern void buffer_drop(Buffer *buffer, size_t len);
extern void buffer_free(Buffer *buffer);

/* The sum of two amounts; INT64_MAX where it is more. */
static inline int64_t
sum_up(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Memory of so many zeros, or the end. */
extern void *zeros(size_t count, size_t size);

/* Says why and ends the process. */
extern _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says something to who looks at the process's log. */
extern void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
