/*
 * note.c: signed notes, checkpoints and cosignatures, as C2SP has them.
 */
#include "note.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DASH "\xe2\x80\x94 " /* the em dash that a signature line begins with */
#define PROOF_LEN (DCEP_NOTE_KEY_ID_LEN + DCEP_SIGNATURE_LEN)
#define COSIGNATURE_LEN (DCEP_NOTE_KEY_ID_LEN + 8 + DCEP_SIGNATURE_LEN)
#define BASE64_STEP 256					   /* characters that are read at once; a multiple of 4 */
#define KEY_LEN (1 + DCEP_NOTE_PUBLIC_LEN) /* of a key as text, behind its id: type and key */

/* What a witness signs before the text of a checkpoint; the time is a decimal number. */
#define COSIGNATURE_HEAD "cosignature/v1\ntime %llu\n"
#define COSIGNATURE_HEAD_MAX 64

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

/* Number of bytes that a text stands for, if it is base64. */
size_t
dcep_base64_size(DcepSpan text)
{
	size_t padding = 0;

	while (padding < 2 && padding < text.len && text.at[text.len - 1 - padding] == '=')
		padding++;
	return text.len / 4 * 3 - (text.len < 4 ? 0 : padding);
}

/* Reads characters that have no padding, a step at a time. Bytes go to `out`, or nowhere. */
static bool
read_unpadded(const char *text, size_t len, uint8_t *out)
{
	char copy[BASE64_STEP];
	uint8_t bytes[BASE64_STEP];

	for (size_t done = 0; done < len; done += BASE64_STEP)
	{
		size_t step = len - done < BASE64_STEP ? len - done : BASE64_STEP;
		size_t read;

		memcpy(copy, text + done, step);
		exchange(copy, step, "+/", "-_");
		if (dcep_base64url_get(copy, step, bytes, &read) != NULL)
			return false;
		if (out != NULL)
		{
			memcpy(out, bytes, read);
			out += read;
		}
	}
	return true;
}

/* Reads canonical base64 of so many bytes, to nowhere where `out` is NULL. */
static bool
read_base64(DcepSpan text, uint8_t *out, size_t out_len)
{
	size_t len = dcep_base64url_length(out_len);

	if (text.len != (len + 3) / 4 * 4)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] == '-' || text.at[i] == '_' || (text.at[i] == '=') != (i >= len))
			return false;
	return read_unpadded(text.at, len, out);
}

/* Reads canonical base64 of so many bytes. */
bool
dcep_base64_get(DcepSpan text, uint8_t *out, size_t out_len)
{
	assert(out != NULL);
	return read_base64(text, out, out_len);
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

/* Cuts a word off. */
DcepSpan
dcep_note_word(DcepSpan *line)
{
	const char *space = line->len == 0 ? NULL : memchr(line->at, ' ', line->len);
	DcepSpan word = {line->at, space == NULL ? line->len : (size_t) (space - line->at)};
	size_t passed = word.len + (space == NULL ? 0 : 1);

	line->at += passed;
	line->len -= passed;
	return word;
}

/* Reads a code. */
bool
dcep_note_code(DcepSpan word, int *code)
{
	*code = 0;
	if (word.len != 4)
		return false;
	for (size_t i = 0; i < word.len; i++)
	{
		if (word.at[i] < '0' || word.at[i] > '9')
			return false;
		*code = *code * 10 + (word.at[i] - '0');
	}
	return *code > 0;
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

/* Reads the key id that a signature begins with; false where there is nothing behind it. */
static bool
read_id(DcepSpan proof, uint8_t id[DCEP_NOTE_KEY_ID_LEN])
{
	uint8_t bytes[6];
	DcepSpan begin = {proof.at, proof.len < 8 ? proof.len : 8};
	size_t len = dcep_base64_size(begin);

	if (len <= DCEP_NOTE_KEY_ID_LEN || !dcep_base64_get(begin, bytes, len))
		return false;
	memcpy(id, bytes, DCEP_NOTE_KEY_ID_LEN);
	return true;
}

/* Reads a signature line. */
static const char *
parse_signature(DcepSpan line, DcepNote *note)
{
	const char *space;
	DcepSpan name;
	DcepSpan proof;

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
	/* Keys that are not known here may make signatures of any length. */
	proof = (DcepSpan){space + 1, line.len - name.len - 1};
	if (!read_base64(proof, NULL, dcep_base64_size(proof)) || !read_id(proof, note->id[note->count]))
		return "A signature line has no signature that can be read.";
	note->name[note->count] = name;
	note->proof[note->count] = proof;
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

/* A signature line. */
DcepSpan
dcep_note_signature(const DcepNote *note, int n)
{
	const char *begin;

	assert(n >= 0 && n < note->count);
	begin = note->name[n].at - strlen(DASH);
	return (DcepSpan){begin, (size_t) (note->proof[n].at + note->proof[n].len - begin)};
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

/* --- keys -------------------------------------------------------------------- */

/* A key of a name and a type. */
bool
dcep_note_key_make(const char *name, DcepNoteKeyType type, const uint8_t public_key[DCEP_NOTE_PUBLIC_LEN],
				   DcepNoteKey *key)
{
	const uint8_t separator[] = {'\n', (uint8_t) type};
	const DcepBytes pieces[] = {
		{name, strlen(name)}, {separator, sizeof(separator)}, {public_key, DCEP_NOTE_PUBLIC_LEN}};
	uint8_t hash[DCEP_HASH_LEN];

	assert(dcep_note_is_name((DcepSpan){name, strlen(name)}));
	memset(key, 0, sizeof(*key));
	memcpy(key->name, name, strlen(name));
	key->type = type;
	memcpy(key->public_key, public_key, DCEP_NOTE_PUBLIC_LEN);
	if (!dcep_hash(DCEP_SUITE_ED25519, pieces, 3, hash))
		return false;
	memcpy(key->id, hash, DCEP_NOTE_KEY_ID_LEN);
	return true;
}

/* The key of a pair. */
static bool
key_of_pair(const DcepKeyPair *pair, const char *name, DcepNoteKeyType type, DcepNoteKey *key)
{
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];

	assert(dcep_key_suite(pair) == DCEP_SUITE_ED25519);
	return dcep_key_public(pair, public_key) == DCEP_NOTE_PUBLIC_LEN && dcep_note_key_make(name, type, public_key, key);
}

/* Writes a key id in hexadecimal digits and a NUL. */
static void
put_id(const uint8_t id[DCEP_NOTE_KEY_ID_LEN], char out[2 * DCEP_NOTE_KEY_ID_LEN + 1])
{
	for (int i = 0; i < DCEP_NOTE_KEY_ID_LEN; i++)
		(void) snprintf(out + 2 * i, 3, "%02x", id[i]);
}

/* Cuts off what stands before the next plus; false where there is none. */
static bool
cut_at_plus(DcepSpan *rest, DcepSpan *part)
{
	const char *plus = rest->len == 0 ? NULL : memchr(rest->at, '+', rest->len);

	if (plus == NULL)
		return false;
	*part = (DcepSpan){rest->at, (size_t) (plus - rest->at)};
	rest->len -= part->len + 1;
	rest->at = plus + 1;
	return true;
}

/* Reads a key. */
const char *
dcep_note_key_parse(DcepSpan text, DcepNoteKey *key)
{
	char name[DCEP_NOTE_NAME_MAX + 1] = {0};
	char digits[2 * DCEP_NOTE_KEY_ID_LEN + 1];
	uint8_t bytes[KEY_LEN];
	DcepKeyPair *pair;
	DcepSpan part;
	DcepSpan id;

	if (!cut_at_plus(&text, &part) || !dcep_note_is_name(part) || has_control(part) || !cut_at_plus(&text, &id))
		return "A key is a name, a plus, 8 hexadecimal digits, a plus and base64.";
	if (!dcep_base64_get(text, bytes, sizeof(bytes)) ||
		(bytes[0] != DCEP_NOTE_KEY_LOG && bytes[0] != DCEP_NOTE_KEY_WITNESS))
		return "The key is not of Ed25519 for a log or a witness.";
	pair = dcep_key_from_public(DCEP_SUITE_ED25519, bytes + 1, DCEP_NOTE_PUBLIC_LEN);
	if (pair == NULL)
		return "The public key cannot be used.";
	dcep_key_free(pair);
	memcpy(name, part.at, part.len);
	if (!dcep_note_key_make(name, bytes[0], bytes + 1, key))
		return "The key cannot be hashed.";
	put_id(key->id, digits);
	return dcep_span_is(id, digits) ? NULL : "The key's 8 digits are not those of its name and bytes.";
}

/* Writes a key. */
size_t
dcep_note_key_put(const DcepNoteKey *key, char out[DCEP_NOTE_KEY_MAX])
{
	uint8_t bytes[KEY_LEN] = {(uint8_t) key->type};
	char digits[2 * DCEP_NOTE_KEY_ID_LEN + 1];
	size_t len;

	memcpy(bytes + 1, key->public_key, DCEP_NOTE_PUBLIC_LEN);
	put_id(key->id, digits);
	len = (size_t) snprintf(out, DCEP_NOTE_KEY_MAX, "%s+%s+", key->name, digits);
	len += dcep_base64_put(bytes, sizeof(bytes), out + len);
	out[len] = '\0';
	return len;
}

/* --- signatures -------------------------------------------------------------- */

/* Writes a signature line. */
static void
put_line(const char *name, const uint8_t *proof, size_t proof_len, char out[DCEP_NOTE_LINE_MAX])
{
	size_t len = (size_t) snprintf(out, DCEP_NOTE_LINE_MAX, DASH "%s ", name);

	len += dcep_base64_put(proof, proof_len, out + len);
	memcpy(out + len, "\n", 2);
}

/* Makes the signature line of a log over a text. */
bool
dcep_note_sign(DcepKeyPair *key, const char *name, DcepSpan text, char out[DCEP_NOTE_LINE_MAX])
{
	DcepNoteKey of_log;
	uint8_t proof[PROOF_LEN];

	if (!key_of_pair(key, name, DCEP_NOTE_KEY_LOG, &of_log) ||
		!dcep_sign(key, text.at, text.len, proof + DCEP_NOTE_KEY_ID_LEN))
		return false;
	memcpy(proof, of_log.id, DCEP_NOTE_KEY_ID_LEN);
	put_line(name, proof, sizeof(proof), out);
	return true;
}

/* What a witness signs, malloc'd; NULL without memory. */
static char *
cosigned_message(uint64_t time, DcepSpan text, size_t *len)
{
	char *message = malloc(COSIGNATURE_HEAD_MAX + text.len);

	if (message == NULL)
	{
		(void) dcep_crypto_fail("out of memory");
		return NULL;
	}
	*len = (size_t) snprintf(message, COSIGNATURE_HEAD_MAX, COSIGNATURE_HEAD, (unsigned long long) time);
	memcpy(message + *len, text.at, text.len);
	*len += text.len;
	return message;
}

/* Makes the signature line of a witness over a text. */
bool
dcep_note_cosign(DcepKeyPair *key, const char *name, uint64_t time, DcepSpan text, char out[DCEP_NOTE_LINE_MAX])
{
	DcepNoteKey witness;
	uint8_t proof[COSIGNATURE_LEN];
	size_t len;
	char *message = cosigned_message(time, text, &len);
	bool done = message != NULL && key_of_pair(key, name, DCEP_NOTE_KEY_WITNESS, &witness) &&
				dcep_sign(key, message, len, proof + DCEP_NOTE_KEY_ID_LEN + 8);

	free(message);
	if (!done)
		return false;
	memcpy(proof, witness.id, DCEP_NOTE_KEY_ID_LEN);
	(void) dcep_put_u64(proof + DCEP_NOTE_KEY_ID_LEN, time);
	put_line(name, proof, sizeof(proof), out);
	return true;
}

/* Is signature line `i` one of this key, by its name, id and length? Its bytes. */
static bool
is_by(const DcepNoteKey *key, const DcepNote *note, int i, uint8_t *proof, size_t proof_len)
{
	return dcep_span_is(note->name[i], key->name) && memcmp(note->id[i], key->id, DCEP_NOTE_KEY_ID_LEN) == 0 &&
		   dcep_base64_get(note->proof[i], proof, proof_len);
}

/* Verifies the signature lines of a log's key; the first good one decides. */
static DcepVerdict
verify_lines(DcepKeyPair *pair, const DcepNoteKey *key, const DcepNote *note)
{
	uint8_t proof[PROOF_LEN];

	for (int i = 0; i < note->count; i++)
	{
		DcepVerdict verdict;

		if (!is_by(key, note, i, proof, sizeof(proof)))
			continue;
		verdict = dcep_verify(pair, note->text.at, note->text.len, proof + DCEP_NOTE_KEY_ID_LEN);
		if (verdict != DCEP_SIGNATURE_INVALID)
			return verdict;
	}
	return DCEP_SIGNATURE_INVALID;
}

/* The pair of a key, which is one: it was checked when the key was read. */
static DcepKeyPair *
pair_of_key(const DcepNoteKey *key)
{
	return dcep_key_from_public(DCEP_SUITE_ED25519, key->public_key, DCEP_NOTE_PUBLIC_LEN);
}

/* Has the note a good signature of this key of a log? */
DcepVerdict
dcep_note_verify(const DcepNoteKey *key, const DcepNote *note)
{
	DcepKeyPair *pair;
	DcepVerdict verdict;

	if (key->type != DCEP_NOTE_KEY_LOG)
		return DCEP_SIGNATURE_INVALID;
	pair = pair_of_key(key);
	if (pair == NULL)
		return DCEP_SIGNATURE_UNDECIDED;
	verdict = verify_lines(pair, key, note);
	dcep_key_free(pair);
	return verdict;
}

/* Verifies one cosignature, at the time that stands in it. */
static DcepVerdict
verify_cosignature(DcepKeyPair *pair, const DcepNote *note, const uint8_t proof[COSIGNATURE_LEN], uint64_t *time)
{
	size_t len;
	char *message;
	DcepVerdict verdict;

	*time = dcep_get_u64(proof + DCEP_NOTE_KEY_ID_LEN);
	message = cosigned_message(*time, note->text, &len);
	if (message == NULL)
		return DCEP_SIGNATURE_UNDECIDED;
	verdict = dcep_verify(pair, message, len, proof + DCEP_NOTE_KEY_ID_LEN + 8);
	free(message);
	return verdict;
}

/* Verifies the signature lines of a witness's key; the latest good one is taken. */
static DcepVerdict
verify_cosignatures(DcepKeyPair *pair, const DcepNoteKey *key, const DcepNote *note, uint64_t *time)
{
	DcepVerdict found = DCEP_SIGNATURE_INVALID;
	uint8_t proof[COSIGNATURE_LEN];

	*time = 0;
	for (int i = 0; i < note->count; i++)
	{
		DcepVerdict verdict;
		uint64_t made;

		if (!is_by(key, note, i, proof, sizeof(proof)))
			continue;
		verdict = verify_cosignature(pair, note, proof, &made);
		if (verdict == DCEP_SIGNATURE_UNDECIDED)
			return verdict;
		if (verdict == DCEP_SIGNATURE_VALID && (found != DCEP_SIGNATURE_VALID || made > *time))
		{
			found = verdict;
			*time = made;
		}
	}
	return found;
}

/* Has the note a good cosignature of this witness? */
DcepVerdict
dcep_note_verify_cosignature(const DcepNoteKey *key, const DcepNote *note, uint64_t *time)
{
	DcepKeyPair *pair;
	DcepVerdict verdict;

	*time = 0;
	if (key->type != DCEP_NOTE_KEY_WITNESS)
		return DCEP_SIGNATURE_INVALID;
	pair = pair_of_key(key);
	if (pair == NULL)
		return DCEP_SIGNATURE_UNDECIDED;
	verdict = verify_cosignatures(pair, key, note, time);
	dcep_key_free(pair);
	return verdict;
}

/* Has the key of a witness signed under the name of one before it? -1 where OpenSSL fails. */
static int
is_counted(const DcepNoteKey *witnesses, int before, const DcepNote *note)
{
	for (int i = 0; i < before; i++)
	{
		DcepVerdict verdict;
		uint64_t time;

		if (memcmp(witnesses[i].public_key, witnesses[before].public_key, DCEP_NOTE_PUBLIC_LEN) != 0)
			continue;
		verdict = dcep_note_verify_cosignature(&witnesses[i], note, &time);
		if (verdict != DCEP_SIGNATURE_INVALID)
			return verdict == DCEP_SIGNATURE_VALID ? 1 : -1;
	}
	return 0;
}

/* How many of these witnesses have cosigned? */
int
dcep_note_count_witnesses(const DcepNoteKey *witnesses, int count, const DcepNote *note)
{
	int found = 0;

	for (int i = 0; i < count; i++)
	{
		uint64_t time;
		DcepVerdict verdict = dcep_note_verify_cosignature(&witnesses[i], note, &time);
		int counted = verdict == DCEP_SIGNATURE_VALID ? is_counted(witnesses, i, note) : 1;

		if (verdict == DCEP_SIGNATURE_UNDECIDED || counted < 0)
			return -1;
		found += counted == 0;
	}
	return found;
}
