/*
 * words.c: words of a line as texts, which rows have too (row.h).
 */
#include "words.h"

/* Cuts a word off. */
DcepText
word_next(DcepSpan *line)
{
	DcepSpan word = dcep_note_word(line);

	return (DcepText){word.at, (uint32_t) word.len};
}

/* Reads a code. */
bool
word_code(DcepText word, int *code)
{
	return dcep_note_code((DcepSpan){word.data, word.len}, code);
}
