/*
 * input.h: files, as they are given to dcep-verify.
 *
 * What cannot be read ends the process with STATUS_FAILED and a sentence.
 */
#ifndef VERIFY_INPUT_H
#define VERIFY_INPUT_H

#include "note.h"

#include <stdbool.h>
#include <stddef.h>

#define INPUT_TEXT_MAX 1000000 /* bytes of a coin, a bundle, a note, a proof */

/* Reads a file, or standard input for "-", of up to so many bytes. The bytes stay until the process ends. */
extern DcepSpan input_read(const char *path, size_t max);

/* Maps a regular file; false where there is none of that name. */
extern bool input_map(const char *path, DcepSpan *bytes);

#endif
