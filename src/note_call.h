/*
 * note_call.h: arguments of SQL functions that are notes and their keys.
 */
#ifndef DCEP_NOTE_CALL_H
#define DCEP_NOTE_CALL_H

#include "postgres.h"

#include "note.h"

/* The bytes of a text; good as long as that. */
extern DcepSpan dcep_text_span(text *value);
/* A key as tools for signed notes write it; an error (22023) where the text is none. */
extern DcepNoteKey dcep_note_key_require(text *value);

#endif
