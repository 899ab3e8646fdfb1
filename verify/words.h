/*
 * words.h: words of a line, one space between two.
 */
#ifndef VERIFY_WORDS_H
#define VERIFY_WORDS_H

#include "note.h"

/* Cuts the next word off a line; it is empty where there is none. */
extern DcepText word_next(DcepSpan *line);
/* Reads an institution's code: four digits, not all of them 0. */
extern bool word_code(DcepText word, int *code);

#endif
