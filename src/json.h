/*
 * json.h: members of a JSON object, as PostgreSQL writes jsonb.
 *
 * Plain C for the programs that read messages of nodes without a server; the extension has jsonb.
 *
 * Whoever has signed the object has written JSON; what is made sure of here is that nothing
 * within a text or an inner value is ever taken for a member, and that a member is the only
 * one of its name.
 */
#ifndef DCEP_JSON_H
#define DCEP_JSON_H

#include "note.h"

/* The value of a member, as it stands; false where there is none, or more than one, or the text is no object. */
extern bool json_member(DcepSpan object, const char *name, DcepSpan *value);

/* What such a value says: a whole number from 0 on; a text in which nothing is escaped. False where it is none. */
extern bool json_number(DcepSpan value, int64_t *number);
extern bool json_text(DcepSpan value, DcepSpan *text);
/* Is such a value this text, whatever is escaped in it; or null, where the text is absent? */
extern bool json_is_text(DcepSpan value, DcepText text);

#endif
