/*
 * note.h: signed notes and checkpoints, as C2SP has them (signed-note, tlog-checkpoint).
 *
 * A note is a text of lines, an empty line, and signature lines:
 *
 *   — <name> <base64 of 4 bytes that tell the key, and the signature>
 *
 * A checkpoint is a note whose text begins with the log's origin, the size of
 * its tree in decimal and the root in base64; lines of the log's own follow.
 *
 * Plain C on top of crypto; made for texts that strangers send.  Parsers return
 * NULL when the input is sound, else a sentence that says what is wrong.
 */
#ifndef DCEP_NOTE_H
#define DCEP_NOTE_H

#include "crypto.h"

#define DCEP_NOTE_MAX 1000000 /* bytes of a note */
#define DCEP_NOTE_SIGNATURES_MAX 64
#define DCEP_NOTE_KEY_ID_LEN 4
#define DCEP_NOTE_NAME_MAX 255
/* Of a signature line: dash, two spaces, name, base64 of 68 bytes, newline, NUL. */
#define DCEP_NOTE_LINE_MAX (3 + 1 + DCEP_NOTE_NAME_MAX + 1 + 92 + 1 + 1)

/* A stretch of text, without a NUL at its end. */
typedef struct DcepSpan
{
	const char *at;
	size_t len;
} DcepSpan;

typedef struct DcepNote
{
	DcepSpan text; /* what is signed: all lines with their newlines */
	int count;
	DcepSpan name[DCEP_NOTE_SIGNATURES_MAX];
	DcepSpan proof[DCEP_NOTE_SIGNATURES_MAX]; /* base64 */
} DcepNote;

typedef struct DcepCheckpoint
{
	DcepSpan origin;
	uint64_t size;
	uint8_t root[DCEP_HASH_LEN];
	DcepSpan extensions; /* lines with their newlines; may be empty */
} DcepCheckpoint;

/* Base64 with padding (RFC 4648 section 4), canonical input only. Lengths as of base64url; 2 more characters at most. */
extern size_t dcep_base64_put(const uint8_t *bytes, size_t len, char *out);
/* Reads exactly `out_len` bytes; false where the text is not theirs. */
extern bool dcep_base64_get(DcepSpan text, uint8_t *out, size_t out_len);

/* Cuts the next line off a text, without its newline; false where there is none. */
extern bool dcep_note_line(DcepSpan *rest, DcepSpan *line);
/* Reads a decimal number without sign or leading zeros, up to 2^63 - 1. */
extern bool dcep_note_number(DcepSpan digits, uint64_t *number);
/* Is the stretch this text? */
extern bool dcep_span_is(DcepSpan span, const char *text);

extern const char *dcep_note_parse(const char *bytes, size_t len, DcepNote *note);
extern const char *dcep_checkpoint_parse(const DcepNote *note, DcepCheckpoint *checkpoint);

/* Is this a name that a key may have? */
extern bool dcep_note_is_name(DcepSpan name);
/* What tells an Ed25519 key of a name from others; false where OpenSSL fails. */
extern bool dcep_note_key_id(const char *name, const DcepKeyPair *key, uint8_t out[DCEP_NOTE_KEY_ID_LEN]);

/* The signature line over a text, with newline and NUL. The key is of Ed25519 and has its private half. */
extern bool dcep_note_sign(DcepKeyPair *key, const char *name, DcepSpan text, char out[DCEP_NOTE_LINE_MAX]);
/* Has the note a good signature of this Ed25519 key? */
extern DcepVerdict dcep_note_verify(DcepKeyPair *key, const char *name, const DcepNote *note);

#endif
