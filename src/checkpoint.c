/*
 * checkpoint.c: what SQL cannot do of a checkpoint: keys and signatures, of the log and of a witness of other logs.
 *
 * Checkpoints are put together and kept in SQL (dcep.checkpoint()), as acts are.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "checkpoint.h"
#include "keyfile.h"
#include "keyring.h"
#include "note_call.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_make_log_key);
PG_FUNCTION_INFO_V1(dcep_make_witness_key);
PG_FUNCTION_INFO_V1(dcep_sign_note);
PG_FUNCTION_INFO_V1(dcep_cosign_note);
PG_FUNCTION_INFO_V1(dcep_note_defect);
PG_FUNCTION_INFO_V1(dcep_checkpoint_quorum);

static int quorum = 0;

/* Defines the setting. */
void
dcep_checkpoint_init(void)
{
	DefineCustomIntVariable("dcep.checkpoint_quorum",
							"Number of witnesses that a checkpoint needs before it is called witnessed.",
							"0 where no witnesses are asked for. It decides what dcep.checkpoint_status says and which "
							"checkpoints are given out first, and refuses nothing.",
							&quorum, 0, 0, DCEP_NOTE_SIGNATURES_MAX - 1, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* dcep.checkpoint_quorum() → integer */
Datum
dcep_checkpoint_quorum(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(quorum);
}

/* Makes a key and its file; the public key. */
static Datum
make_key(int holder, int number)
{
	DcepSigningKey key = {.institution = holder, .number = number, .suite = DCEP_SUITE_ED25519};

	PreventCommandIfReadOnly("making a key");
	dcep_keyfile_create(&key, DCEP_SIGNER_FILE);
	return dcep_bytes_datum(key.public_key, key.public_len);
}

/* dcep.make_log_key(number) → public key */
Datum
dcep_make_log_key(PG_FUNCTION_ARGS)
{
	return make_key(DCEP_KEYS_OF_LOG, PG_GETARG_INT32(0));
}

/* dcep.make_witness_key(number) → public key */
Datum
dcep_make_witness_key(PG_FUNCTION_ARGS)
{
	return make_key(DCEP_KEYS_OF_WITNESS, PG_GETARG_INT32(0));
}

/* What is to be signed, and with what. */
typedef struct Order
{
	DcepSpan body;
	char *name;
	DcepKeyPair *pair;
} Order;

/* Reads (body, name, number, public_key) and makes the private key ready. */
static Order
read_order(FunctionCallInfo fcinfo, int holder)
{
	DcepSigningKey key = {
		.institution = holder, .number = PG_GETARG_INT32(2), .suite = DCEP_SUITE_ED25519, .public_len = 32};
	Order order = {dcep_text_span(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), NULL};

	if (!dcep_bytes_read(PG_GETARG_DATUM(3), key.public_key, key.public_len) ||
		!dcep_note_is_name((DcepSpan){order.name, strlen(order.name)}))
		elog(ERROR, "a note is to be signed with what is no key");
	order.pair = dcep_keyring_own(&key)->signer->pair;
	return order;
}

/* dcep.sign_note(body, name, number, public_key) → the note */
Datum
dcep_sign_note(PG_FUNCTION_ARGS)
{
	Order order = read_order(fcinfo, DCEP_KEYS_OF_LOG);
	char line[DCEP_NOTE_LINE_MAX];

	if (!dcep_note_sign(order.pair, order.name, order.body, line))
		dcep_crypto_raise("sign a checkpoint");
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%.*s\n%s", (int) order.body.len, order.body.at, line)));
}

/* dcep.cosign_note(body, name, number, public_key, time) → the signature line, with its newline */
Datum
dcep_cosign_note(PG_FUNCTION_ARGS)
{
	Order order = read_order(fcinfo, DCEP_KEYS_OF_WITNESS);
	char line[DCEP_NOTE_LINE_MAX];

	if (!dcep_note_cosign(order.pair, order.name, (uint64) PG_GETARG_INT64(4), order.body, line))
		dcep_crypto_raise("cosign a checkpoint");
	PG_RETURN_TEXT_P(cstring_to_text(line));
}

/* What is wrong with a note as a checkpoint of this size and root; NULL where nothing is. */
static const char *
find_defect(DcepSpan bytes, const DcepNoteKey *key, int64 size, bytea *root)
{
	DcepNote note;
	DcepCheckpoint checkpoint;
	DcepVerdict verdict;
	const char *wrong = dcep_note_parse(bytes.at, bytes.len, &note);

	if (wrong == NULL)
		wrong = dcep_checkpoint_parse(&note, &checkpoint);
	if (wrong != NULL)
		return wrong;
	if (!dcep_span_is(checkpoint.origin, key->name))
		return "The origin is another one.";
	if (checkpoint.size != (uint64) size || VARSIZE_ANY_EXHDR(root) != DCEP_HASH_LEN ||
		memcmp(checkpoint.root, VARDATA_ANY(root), DCEP_HASH_LEN) != 0)
		return "The note is of another size or root.";
	verdict = dcep_note_verify(key, &note);
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a checkpoint");
	return verdict == DCEP_SIGNATURE_VALID ? NULL : "The signature is not the log's.";
}

/* dcep.note_defect(note, name, public_key, size, root) → text */
Datum
dcep_note_defect(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	uint8 public_key[DCEP_NOTE_PUBLIC_LEN];
	DcepNoteKey key;
	const char *wrong = "The public key cannot be used.";

	if (dcep_bytes_read(PG_GETARG_DATUM(2), public_key, DCEP_NOTE_PUBLIC_LEN) &&
		dcep_note_is_name((DcepSpan){name, strlen(name)}) &&
		dcep_note_key_make(name, DCEP_NOTE_KEY_LOG, public_key, &key))
		wrong = find_defect(dcep_text_span(PG_GETARG_TEXT_PP(0)), &key, PG_GETARG_INT64(3), PG_GETARG_BYTEA_PP(4));
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}
