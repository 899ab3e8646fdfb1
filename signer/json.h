/*
 * json.h: members of a JSON object, as PostgreSQL writes jsonb.
 *
 * Whoever has signed the object has written JSON; what is made sure of here is that nothing
 * within a text or an inner value is ever taken for a member, and that a member is the only
 * one of its name.
 */
#ifndef SIGNER_JSON_H
#define SIGNER_JSON_H

#include "note.h"

/* The value of a member, as it stands; false where there is none, or more than one, or the text is no object. */
extern bool json_member(DcepSpan object, const char *name, DcepSpan *value);

/* What such a value says: a whole number from 0 on; a text in which nothing is escaped. False where it is none. */
extern bool json_number(DcepSpan value, int64_t *number);
extern bool json_text(DcepSpan value, DcepSpan *text);

#endif
