/*
 * checkpoint.c: what SQL cannot do of a checkpoint: keys and signatures.
 *
 * Checkpoints are put together and kept in SQL (dcep.checkpoint()), as acts are.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "keyfile.h"
#include "keyring.h"
#include "note.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_make_log_key);
PG_FUNCTION_INFO_V1(dcep_sign_note);
PG_FUNCTION_INFO_V1(dcep_note_defect);

/* dcep.make_log_key(number) → public key */
Datum
dcep_make_log_key(PG_FUNCTION_ARGS)
{
	DcepSigningKey key = {.institution = DCEP_KEYS_OF_LOG, .number = PG_GETARG_INT32(0), .suite = DCEP_SUITE_ED25519};

	PreventCommandIfReadOnly("dcep.make_log_key()");
	dcep_keyfile_create(&key, DCEP_SIGNER_FILE);
	return dcep_bytes_datum(key.public_key, key.public_len);
}

/* dcep.sign_note(body, name, number, public_key) → the note */
Datum
dcep_sign_note(PG_FUNCTION_ARGS)
{
	text *body = PG_GETARG_TEXT_PP(0);
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bytea *public_key = PG_GETARG_BYTEA_PP(3);
	DcepSigningKey key = {
		.institution = DCEP_KEYS_OF_LOG, .number = PG_GETARG_INT32(2), .suite = DCEP_SUITE_ED25519, .public_len = 32};
	DcepSpan span = {VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)};
	char line[DCEP_NOTE_LINE_MAX];

	if (VARSIZE_ANY_EXHDR(public_key) != 32 || !dcep_note_is_name((DcepSpan){name, strlen(name)}))
		elog(ERROR, "dcep.sign_note() was called wrongly");
	memcpy(key.public_key, VARDATA_ANY(public_key), key.public_len);
	if (!dcep_note_sign(dcep_keyring_own(&key)->signer->pair, name, span, line))
		dcep_crypto_raise("sign a checkpoint");
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%.*s\n%s", (int) span.len, span.at, line)));
}

/* What is wrong with a note as a checkpoint of this size and root; NULL where nothing is. */
static const char *
find_defect(DcepSpan bytes, const char *name, DcepKeyPair *pair, int64 size, bytea *root)
{
	DcepNote note;
	DcepCheckpoint checkpoint;
	DcepVerdict verdict;
	const char *wrong = dcep_note_parse(bytes.at, bytes.len, &note);

	if (wrong == NULL)
		wrong = dcep_checkpoint_parse(&note, &checkpoint);
	if (wrong != NULL)
		return wrong;
	if (!dcep_span_is(checkpoint.origin, name))
		return "The origin is another one.";
	if (checkpoint.size != (uint64) size || VARSIZE_ANY_EXHDR(root) != DCEP_HASH_LEN ||
		memcmp(checkpoint.root, VARDATA_ANY(root), DCEP_HASH_LEN) != 0)
		return "The note is of another size or root.";
	verdict = dcep_note_verify(pair, name, &note);
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a checkpoint");
	return verdict == DCEP_SIGNATURE_VALID ? NULL : "The signature is not the log's.";
}

/* dcep.note_defect(note, name, public_key, size, root) → text */
Datum
dcep_note_defect(PG_FUNCTION_ARGS)
{
	text *note = PG_GETARG_TEXT_PP(0);
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bytea *public_key = PG_GETARG_BYTEA_PP(2);
	DcepKeyPair *pair = dcep_key_from_public(DCEP_SUITE_ED25519, (const uint8 *) VARDATA_ANY(public_key),
											 VARSIZE_ANY_EXHDR(public_key));
	const char *wrong = "The public key cannot be used.";

	if (pair != NULL)
		wrong = find_defect((DcepSpan){VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)}, name, pair, PG_GETARG_INT64(3),
							PG_GETARG_BYTEA_PP(4));
	dcep_key_free(pair);
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}
