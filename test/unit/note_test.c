/*
 * note_test.c: keys of logs and witnesses, and cosignatures.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define TEXT "dcep/cny/0123456789abcdef\n7\nu0n2AY2GuWkkDgHGAXTBOn3QFLCf4fTDyPQ6bHE0P6A=\nextension\n"

/* The key of a pair, as verifiers have it. */
DcepNoteKey
unit_note_key(const DcepKeyPair *pair, const char *name, DcepNoteKeyType type)
{
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	DcepNoteKey key;

	(void) dcep_key_public(pair, public_key);
	if (!dcep_note_key_make(name, type, public_key, &key))
		memset(&key, 0, sizeof(key));
	return key;
}

/* A stretch that is a text. */
static DcepSpan
span(const char *text)
{
	return (DcepSpan){text, strlen(text)};
}

/* The example that Go publishes for its signed notes. */
static void
test_published(void)
{
	static const char text[] =
		"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
		"\xe2\x80\x94 PeterNeumann "
		"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
	DcepNoteKey key;
	DcepNote note;

	ok(dcep_note_key_parse(span("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &key) == NULL &&
		   key.type == DCEP_NOTE_KEY_LOG && strcmp(key.name, "PeterNeumann") == 0,
	   "a published key is read");
	ok(dcep_note_parse(text, strlen(text), &note) == NULL && dcep_note_verify(&key, &note) == DCEP_SIGNATURE_VALID,
	   "a published note is verified");
}

/* A key of a witness, and what is not one. */
static void
test_keys(void)
{
	DcepKeyPair *pair = dcep_key_generate(DCEP_SUITE_ED25519);
	DcepNoteKey witness = unit_note_key(pair, "witness.example", DCEP_NOTE_KEY_WITNESS);
	DcepNoteKey again;
	char text[DCEP_NOTE_KEY_MAX];
	int accepted = 0;

	ok(dcep_note_key_put(&witness, text) == strlen(text) && dcep_note_key_parse(span(text), &again) == NULL &&
		   memcmp(&again, &witness, sizeof(again)) == 0,
	   "the key of a witness is written and read");
	for (size_t i = 0; text[i] != '\0'; i++)
	{
		text[i] ^= 1;
		accepted += dcep_note_key_parse(span(text), &again) == NULL;
		text[i] ^= 1;
		accepted += dcep_note_key_parse((DcepSpan){text, i}, &again) == NULL;
	}
	ok(accepted == 0, "not with another byte, nor its beginning alone");
	dcep_key_free(pair);
}

/* Cosigns the text; the whole note's length. */
static size_t
make_note(DcepKeyPair *log, DcepKeyPair *first, DcepKeyPair *second, char *out, size_t size)
{
	char lines[3][DCEP_NOTE_LINE_MAX];

	ok(dcep_note_sign(log, "dcep/cny/0123456789abcdef", span(TEXT), lines[0]) &&
		   dcep_note_cosign(first, "first", 1767225600, span(TEXT), lines[1]) &&
		   dcep_note_cosign(second, "second", 1767225601, span(TEXT), lines[2]),
	   "a checkpoint is signed and cosigned");
	return (size_t) snprintf(out, size, TEXT "\n%s%s%s", lines[0], lines[1], lines[2]);
}

/* Cosignatures of two witnesses under a checkpoint. */
void
unit_test_cosignatures(void)
{
	DcepKeyPair *pair[3] = {dcep_key_generate(DCEP_SUITE_ED25519), dcep_key_generate(DCEP_SUITE_ED25519),
							dcep_key_generate(DCEP_SUITE_ED25519)};
	DcepNoteKey log = unit_note_key(pair[0], "dcep/cny/0123456789abcdef", DCEP_NOTE_KEY_LOG);
	DcepNoteKey witness[4] = {
		unit_note_key(pair[1], "first", DCEP_NOTE_KEY_WITNESS), unit_note_key(pair[2], "second", DCEP_NOTE_KEY_WITNESS),
		unit_note_key(pair[1], "other", DCEP_NOTE_KEY_WITNESS), unit_note_key(pair[1], "first", DCEP_NOTE_KEY_LOG)};
	char text[2048];
	size_t len = make_note(pair[0], pair[1], pair[2], text, sizeof(text));
	DcepNote note;
	uint64_t time;
	int accepted = 0;

	test_published();
	test_keys();
	ok(dcep_note_parse(text, len, &note) == NULL && note.count == 3 &&
		   dcep_note_verify(&log, &note) == DCEP_SIGNATURE_VALID,
	   "the log's signature among them");
	ok(dcep_note_verify_cosignature(&witness[0], &note, &time) == DCEP_SIGNATURE_VALID && time == 1767225600 &&
		   dcep_note_verify_cosignature(&witness[1], &note, &time) == DCEP_SIGNATURE_VALID && time == 1767225601,
	   "and those of the witnesses, with their times");
	ok(dcep_note_verify_cosignature(&witness[2], &note, &time) == DCEP_SIGNATURE_INVALID &&
		   dcep_note_verify_cosignature(&witness[3], &note, &time) == DCEP_SIGNATURE_INVALID &&
		   dcep_note_verify_cosignature(&log, &note, &time) == DCEP_SIGNATURE_INVALID &&
		   dcep_note_verify(&witness[0], &note) == DCEP_SIGNATURE_INVALID &&
		   dcep_note_verify(&witness[3], &note) == DCEP_SIGNATURE_INVALID,
	   "not under another name, nor as keys of another type");
	ok(dcep_note_count_witnesses(witness, 2, &note) == 2 && dcep_note_count_witnesses(witness, 1, &note) == 1 &&
		   dcep_note_count_witnesses(witness, 3, &note) == 2 &&
		   dcep_note_count_witnesses((DcepNoteKey[]){witness[0], witness[0], witness[2]}, 3, &note) == 1 &&
		   dcep_note_count_witnesses((DcepNoteKey[]){witness[2], witness[0]}, 2, &note) == 1,
	   "each key counts once");
	for (size_t i = 0; i < len; i++)
	{
		text[i] ^= 1;
		accepted += dcep_note_parse(text, len, &note) == NULL &&
					dcep_note_verify(&log, &note) == DCEP_SIGNATURE_VALID &&
					dcep_note_count_witnesses(witness, 2, &note) == 2;
		text[i] ^= 1;
	}
	ok(accepted == 0, "no altered byte passes");
	for (int i = 0; i < 3; i++)
		dcep_key_free(pair[i]);
}
