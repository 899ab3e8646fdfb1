/*
 * words.c: words of a line, one space between two.
 */
#include "words.h"

#include <string.h>

/* Cuts a word off. */
DcepText
word_next(DcepSpan *line)
{
	const char *space = line->len == 0 ? NULL : memchr(line->at, ' ', line->len);
	size_t len = space == NULL ? line->len : (size_t) (space - line->at);
	DcepText word = {line->at, (uint32_t) len};
	size_t passed = len + (space == NULL ? 0 : 1);

	line->at += passed;
	line->len -= passed;
	return word;
}

/* Reads a code. */
bool
word_code(DcepText word, int *code)
{
	*code = 0;
	if (word.len != 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		*code = *code * 10 + (word.data[i] - '0');
	}
	return *code > 0;
}
