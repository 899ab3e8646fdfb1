/*
 * note.h: signed notes, checkpoints and cosignatures, as C2SP has them (signed-note, tlog-checkpoint, tlog-cosignature).
 *
 * A note is a text of lines, an empty line, and signature lines:
 *
 *   — <name> <base64 of 4 bytes that tell the key, and the signature>
 *
 * A checkpoint is a note whose text begins with the log's origin, the size of
 * its tree in decimal and the root in base64; lines of the log's own follow.
 *
 * A log signs the text (keys of type 1).  A witness signs a text with a time
 * before it (type 4), and the time stands between key id and signature.
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
/* Of a signature line: dash, two spaces, name, base64 of up to 76 bytes, newline, NUL. */
#define DCEP_NOTE_LINE_MAX (3 + 1 + DCEP_NOTE_NAME_MAX + 1 + 104 + 1 + 1)
#define DCEP_NOTE_PUBLIC_LEN 32 /* of an Ed25519 key */
/* Of a key as text: name, plus, 8 digits, plus, base64 of 33 bytes, NUL. */
#define DCEP_NOTE_KEY_MAX (DCEP_NOTE_NAME_MAX + 1 + 8 + 1 + 44 + 1)

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
	uint8_t id[DCEP_NOTE_SIGNATURES_MAX][DCEP_NOTE_KEY_ID_LEN];
} DcepNote;

/* What a key of Ed25519 is for; it enters the key id, so that one key cannot pass for the other. */
typedef enum DcepNoteKeyType
{
	DCEP_NOTE_KEY_LOG = 1,
	DCEP_NOTE_KEY_WITNESS = 4
} DcepNoteKeyType;

/* The public key of a log or of a witness. */
typedef struct DcepNoteKey
{
	char name[DCEP_NOTE_NAME_MAX + 1];
	DcepNoteKeyType type;
	uint8_t id[DCEP_NOTE_KEY_ID_LEN];
	uint8_t public_key[DCEP_NOTE_PUBLIC_LEN];
} DcepNoteKey;

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
/* Number of bytes that a text of this length and padding stands for. */
extern size_t dcep_base64_size(DcepSpan text);

/* Cuts the next line off a text, without its newline; false where there is none. */
extern bool dcep_note_line(DcepSpan *rest, DcepSpan *line);
/* Cuts the next word off a line, with the space behind it; it is empty where there is none. */
extern DcepSpan dcep_note_word(DcepSpan *line);
/* Reads an institution's code: four digits, not all of them 0. */
extern bool dcep_note_code(DcepSpan word, int *code);
/* Reads a decimal number without sign or leading zeros, up to 2^63 - 1. */
extern bool dcep_note_number(DcepSpan digits, uint64_t *number);
/* Is the stretch this text? */
extern bool dcep_span_is(DcepSpan span, const char *text);

extern const char *dcep_note_parse(const char *bytes, size_t len, DcepNote *note);
/* Its n-th signature line, without the newline. */
extern DcepSpan dcep_note_signature(const DcepNote *note, int n);
extern const char *dcep_checkpoint_parse(const DcepNote *note, DcepCheckpoint *checkpoint);

/* Is this a name that a key may have? */
extern bool dcep_note_is_name(DcepSpan name);
/* A key of a name and a type; false where OpenSSL fails. The name is one that a key may have. */
extern bool dcep_note_key_make(const char *name, DcepNoteKeyType type, const uint8_t public_key[DCEP_NOTE_PUBLIC_LEN],
							   DcepNoteKey *key);
/* Reads a key as tools for signed notes write it: name+id+base64 of the type and the key. */
extern const char *dcep_note_key_parse(DcepSpan text, DcepNoteKey *key);
/* Writes one, with a NUL; returns its length. */
extern size_t dcep_note_key_put(const DcepNoteKey *key, char out[DCEP_NOTE_KEY_MAX]);

/* The signature line of a log over a text, with newline and NUL. The key is of Ed25519 and has its private half. */
extern bool dcep_note_sign(DcepKeyPair *key, const char *name, DcepSpan text, char out[DCEP_NOTE_LINE_MAX]);
/* That of a witness, at so many seconds since 1970. */
extern bool dcep_note_cosign(DcepKeyPair *key, const char *name, uint64_t time, DcepSpan text,
							 char out[DCEP_NOTE_LINE_MAX]);

/* Has the note a good signature of this key of a log? */
extern DcepVerdict dcep_note_verify(const DcepNoteKey *key, const DcepNote *note);
/* Has it one of this key of a witness? When it was made, in seconds since 1970, the latest of several. */
extern DcepVerdict dcep_note_verify_cosignature(const DcepNoteKey *key, const DcepNote *note, uint64_t *time);
/*
 * How many of these witnesses have cosigned the note, each key counted once;
 * -1 where OpenSSL fails.
 */
extern int dcep_note_count_witnesses(const DcepNoteKey *witnesses, int count, const DcepNote *note);

#endif
