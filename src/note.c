/*
 * note.c: signed notes and checkpoints, as C2SP has them (signed-note, tlog-checkpoint).
 */
#include "note.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DASH "\xe2\x80\x94 " /* the em dash that a signature line begins with */
#define ALGORITHM_ED25519 1
#define PROOF_LEN (DCEP_NOTE_KEY_ID_LEN + DCEP_SIGNATURE_LEN)
#define BASE64_MAX 256 /* characters that are read at once */

/* --- base64 ------------------------------------------------------------------ */

/* Exchanges the two characters in which the alphabets of base64 and base64url differ. */
static void
exchange(char *text, size_t len, const char *from, const char *to)
{
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == from[0])
			text[i] = to[0];
		else if (text[i] == from[1])
			text[i] = to[1];
	}
}

/* Writes base64 without a NUL, returns the number of characters. */
size_t
dcep_base64_put(const uint8_t *bytes, size_t len, char *out)
{
	size_t written = dcep_base64url_put(bytes, len, out);

	exchange(out, written, "-_", "+/");
	while (written % 4 != 0)
		out[written++] = '=';
	return written;
}

/* Reads canonical base64 of so many bytes. */
bool
dcep_base64_get(DcepSpan text, uint8_t *out, size_t out_len)
{
	char copy[BASE64_MAX];
	uint8_t bytes[BASE64_MAX];
	size_t len = dcep_base64url_length(out_len);
	size_t read;

	assert(len <= BASE64_MAX - 3);
	if (text.len != (len + 3) / 4 * 4 || memchr(text.at, '-', text.len) != NULL ||
		memchr(text.at, '_', text.len) != NULL)
		return false;
	for (size_t i = len; i < text.len; i++)
		if (text.at[i] != '=')
			return false;
	memcpy(copy, text.at, len);
	exchange(copy, len, "+/", "-_");
	if (dcep_base64url_get(copy, len, bytes, &read) != NULL || read != out_len)
		return false;
	memcpy(out, bytes, out_len);
	return true;
}

/* --- lines ------------------------------------------------------------------- */

/* Is the stretch this text? */
bool
dcep_span_is(DcepSpan span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

/* Cuts the next line off a text. */
bool
dcep_note_line(DcepSpan *rest, DcepSpan *line)
{
	const char *end = rest->len == 0 ? NULL : memchr(rest->at, '\n', rest->len);

	if (end == NULL)
		return false;
	*line = (DcepSpan){rest->at, (size_t) (end - rest->at)};
	rest->len -= line->len + 1;
	rest->at = end + 1;
	return true;
}

/* Reads a decimal number. */
bool
dcep_note_number(DcepSpan digits, uint64_t *number)
{
	uint64_t value = 0;

	if (digits.len == 0 || digits.len > 19 || (digits.len > 1 && digits.at[0] == '0'))
		return false;
	for (size_t i = 0; i < digits.len; i++)
	{
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t) (digits.at[i] - '0');
	}
	*number = value;
	return value <= (uint64_t) INT64_MAX;
}

/* Is this a name that a key may have? Of white space beyond ASCII nothing is known here. */
bool
dcep_note_is_name(DcepSpan name)
{
	if (name.len == 0 || name.len > DCEP_NOTE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char) name.at[i] <= ' ' || name.at[i] == '+' || name.at[i] == 0x7f)
			return false;
	return true;
}

/* Has a text control characters other than the newline? */
static bool
has_control(DcepSpan text)
{
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char) text.at[i] < ' ' && text.at[i] != '\n') || text.at[i] == 0x7f)
			return true;
	return false;
}

/* Reads a signature line. */
static const char *
parse_signature(DcepSpan line, DcepNote *note)
{
	const char *space;
	DcepSpan name;
	uint8_t proof[PROOF_LEN];

	if (note->count == DCEP_NOTE_SIGNATURES_MAX)
		return "The note has more than 64 signatures.";
	if (line.len < strlen(DASH) || memcmp(line.at, DASH, strlen(DASH)) != 0)
		return "A signature line does not begin with a dash and a space.";
	line.at += strlen(DASH);
	line.len -= strlen(DASH);
	space = memchr(line.at, ' ', line.len);
	if (space == NULL)
		return "A signature line lacks its signature.";
	name = (DcepSpan){line.at, (size_t) (space - line.at)};
	if (!dcep_note_is_name(name))
		return "A signature line has no valid name.";
	note->name[note->count] = name;
	note->proof[note->count] = (DcepSpan){space + 1, line.len - name.len - 1};
	/* Cosignatures are longer by the 8 bytes of their time. */
	if (!dcep_base64_get(note->proof[note->count], proof, PROOF_LEN) &&
		note->proof[note->count].len != (PROOF_LEN + 8 + 2) / 3 * 4)
		return "A signature line has no signature that can be read.";
	note->count++;
	return NULL;
}

/* Where the text of a note ends: behind the last empty line but those between signatures, which may not be. NULL for nowhere. */
static const char *
end_of_text(const char *bytes, size_t len)
{
	for (const char *at = bytes + len - 1; len >= 2 && at > bytes; at--)
		if (at[0] == '\n' && at[-1] == '\n')
			return at;
	return NULL;
}

/* Takes a note apart. */
const char *
dcep_note_parse(const char *bytes, size_t len, DcepNote *note)
{
	const char *end = len <= DCEP_NOTE_MAX ? end_of_text(bytes, len) : NULL;
	DcepSpan rest;
	DcepSpan line;

	memset(note, 0, sizeof(*note));
	if (end == NULL)
		return "The note has no empty line before its signatures, or more than 1,000,000 bytes.";
	if (has_control((DcepSpan){bytes, len}))
		return "The note has a control character in it.";
	note->text = (DcepSpan){bytes, (size_t) (end - bytes)};
	rest = (DcepSpan){end + 1, len - note->text.len - 1};
	while (dcep_note_line(&rest, &line))
	{
		const char *wrong = parse_signature(line, note);

		if (wrong != NULL)
			return wrong;
	}
	if (rest.len != 0)
		return "The note does not end with a newline.";
	return note->count == 0 ? "The note is not signed." : NULL;
}

/* Takes the text of a checkpoint apart. */
const char *
dcep_checkpoint_parse(const DcepNote *note, DcepCheckpoint *checkpoint)
{
	DcepSpan rest = note->text;
	DcepSpan line;

	if (!dcep_note_line(&rest, &checkpoint->origin) || checkpoint->origin.len == 0)
		return "The checkpoint has no origin.";
	if (!dcep_note_line(&rest, &line) || !dcep_note_number(line, &checkpoint->size))
		return "The checkpoint has no size.";
	if (!dcep_note_line(&rest, &line) || !dcep_base64_get(line, checkpoint->root, DCEP_HASH_LEN))
		return "The checkpoint has no root.";
	checkpoint->extensions = rest;
	while (dcep_note_line(&rest, &line))
		if (line.len == 0)
			return "The checkpoint has an empty line.";
	return rest.len == 0 ? NULL : "The checkpoint does not end with a newline.";
}

/* --- signatures -------------------------------------------------------------- */

/* What tells a key of a name from others. */
bool
dcep_note_key_id(const char *name, const DcepKeyPair *key, uint8_t out[DCEP_NOTE_KEY_ID_LEN])
{
	static const uint8_t separator[] = {'\n', ALGORITHM_ED25519};
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	const DcepBytes pieces[] = {
		{name, strlen(name)}, {separator, sizeof(separator)}, {public_key, dcep_key_public(key, public_key)}};
	uint8_t hash[DCEP_HASH_LEN];

	assert(dcep_key_suite(key) == DCEP_SUITE_ED25519);
	if (!dcep_hash(DCEP_SUITE_ED25519, pieces, 3, hash))
		return false;
	memcpy(out, hash, DCEP_NOTE_KEY_ID_LEN);
	return true;
}

/* Makes the signature line over a text. */
bool
dcep_note_sign(DcepKeyPair *key, const char *name, DcepSpan text, char out[DCEP_NOTE_LINE_MAX])
{
	uint8_t proof[PROOF_LEN];
	size_t len;

	assert(dcep_note_is_name((DcepSpan){name, strlen(name)}));
	if (!dcep_note_key_id(name, key, proof) || !dcep_sign(key, text.at, text.len, proof + DCEP_NOTE_KEY_ID_LEN))
		return false;
	len = (size_t) snprintf(out, DCEP_NOTE_LINE_MAX, DASH "%s ", name);
	len += dcep_base64_put(proof, sizeof(proof), out + len);
	memcpy(out + len, "\n", 2);
	return true;
}

/* Has the note a good signature of this key? */
DcepVerdict
dcep_note_verify(DcepKeyPair *key, const char *name, const DcepNote *note)
{
	uint8_t id[DCEP_NOTE_KEY_ID_LEN];
	uint8_t proof[PROOF_LEN];

	if (!dcep_note_key_id(name, key, id))
		return DCEP_SIGNATURE_UNDECIDED;
	for (int i = 0; i < note->count; i++)
	{
		DcepVerdict verdict;

		if (!dcep_span_is(note->name[i], name) || !dcep_base64_get(note->proof[i], proof, sizeof(proof)) ||
			memcmp(proof, id, sizeof(id)) != 0)
			continue;
		verdict = dcep_verify(key, note->text.at, note->text.len, proof + sizeof(id));
		if (verdict != DCEP_SIGNATURE_INVALID)
			return verdict;
	}
	return DCEP_SIGNATURE_INVALID;
}
