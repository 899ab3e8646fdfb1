/*
 * bundle_call.c: receipt bundles for SQL, and their verification.
 *
 * Who sees a party gets the payment whole, but for one to a token: of that the
 * payer's side gets the hash, which names nobody, and the payee's side the coin,
 * which does not name the payer.  Auditors get the hash.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "argument.h"
#include "bundle.h"
#include "journal.h"
#include "keyring.h"
#include "log.h"
#include "note_call.h"

PG_FUNCTION_INFO_V1(dcep_bundle_place);
PG_FUNCTION_INFO_V1(dcep_make_bundle);
PG_FUNCTION_INFO_V1(dcep_bundle_defect);

#define NO_VIEW 0

/* --- what is shown, and to whom ------------------------------------------------------ */

/* The view of a name; an error (22023) where there is none. */
static int
view_by_name(const char *name)
{
	for (int view = DCEP_VIEW_PAYMENT; view <= DCEP_VIEW_HASH; view++)
		if (strcmp(name, dcep_bundle_view_name(view)) == 0)
			return view;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("view \"%s\" does not exist", name),
					errhint("The views are payment, coin and hash.")));
}

/* The view that is given out, NO_VIEW where the caller may have none: the one asked for, or that which shows most. */
static int
choose_view(const DcepContext *context, int asked)
{
	bool is_token = context->kind == DCEP_KIND_TOKEN;
	bool sees_payer = dcep_access_sees(dcep_wallet_institution(context->payer));
	bool sees_payee = dcep_access_sees(dcep_wallet_institution(context->payee));
	const bool allowed[] = {
		[DCEP_VIEW_PAYMENT] = !is_token && (sees_payer || sees_payee),
		[DCEP_VIEW_COIN] = sees_payee,
		[DCEP_VIEW_HASH] = sees_payer || sees_payee || dcep_access_audits(),
	};

	if (asked != NO_VIEW)
		return allowed[asked] ? asked : NO_VIEW;
	/* Where both sides are of one institution, nobody knows for whom it asks. */
	if (is_token && sees_payer)
		return DCEP_VIEW_HASH;
	for (int view = DCEP_VIEW_PAYMENT; view <= DCEP_VIEW_HASH; view++)
		if (allowed[view])
			return view;
	return NO_VIEW;
}

/* Finds a transfer (argument 0) that the caller may be shown by some view (argument 1); NO_VIEW where there is none. */
static int
find_shown(FunctionCallInfo fcinfo, DcepJournal *journal, DcepTransfer *transfer)
{
	int asked = PG_ARGISNULL(1) ? NO_VIEW : view_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	int view = NO_VIEW;

	if (dcep_transfer_find(dcep_config_required(), journal, GetActiveSnapshot(), PG_GETARG_INT64(0), transfer))
		view = choose_view(&transfer->context, asked);
	if (view == DCEP_VIEW_COIN && transfer->context.kind == DCEP_KIND_REDEEM)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a redemption mints no coin for its payee"),
						errhint("Ask for view payment or hash.")));
	return view;
}

/* dcep.bundle_place(transfer, view) → place in the log; NULL where the caller may have no bundle */
Datum
dcep_bundle_place(PG_FUNCTION_ARGS)
{
	DcepJournal journal;
	DcepTransfer transfer;
	DcepLog log;
	int64 place;
	int view;

	dcep_require_arguments(fcinfo, 0, 1, "transfer");
	dcep_journal_open(&journal, false);
	view = find_shown(fcinfo, &journal, &transfer);
	dcep_journal_close(&journal);
	if (view == NO_VIEW)
		PG_RETURN_NULL();
	dcep_log_open(&log, GetActiveSnapshot());
	place = dcep_log_require(&log, PG_GETARG_INT64(0), PG_INT64_MAX);
	dcep_log_close(&log);
	PG_RETURN_INT64(place);
}

/* --- putting together ------------------------------------------------------------------ */

/* Fills in who signed the transfer, and how. */
static void
fill_signer(const DcepConfig *config, DcepJournal *journal, const DcepTransfer *transfer, const DcepOpening *opening,
			DcepBundle *bundle)
{
	DcepCoin *coin = &bundle->signer.coin;
	DcepRefusal refusal;
	DcepKeptKey *kept = dcep_keyring_verifier(config, transfer->issuer, transfer->key_number,
											  dcep_pg_time(transfer->context.created_at), &refusal);

	if (kept == NULL)
		dcep_refusal_raise(&refusal);
	bundle->public_len = (size_t) kept->public_len;
	memcpy(bundle->public_key, kept->public_key, bundle->public_len);
	if (bundle->view == DCEP_VIEW_COIN)
	{
		dcep_transfer_coin(journal, transfer, opening, DCEP_COIN_PAYEE, &bundle->signer);
		return;
	}
	coin->suite = (uint8) transfer->suite;
	coin->issuer = (uint16) transfer->issuer;
	coin->key_number = (uint32) transfer->key_number;
	memcpy(coin->currency, config->currency, DCEP_CURRENCY_LEN);
	coin->exponent = (uint8) config->exponent;
	dcep_transfer_place(journal, GetActiveSnapshot(), transfer, &bundle->signer);
}

/* Fills in what is shown of the transfer. */
static void
fill_view(const DcepTransfer *transfer, DcepBundle *bundle)
{
	size_t len = dcep_context_length(&transfer->context);
	uint8 *context;

	bundle->transfer = transfer->context.id;
	memcpy(bundle->hash, transfer->hash, DCEP_HASH_LEN);
	if (bundle->view != DCEP_VIEW_PAYMENT)
		return;
	context = palloc(len);
	dcep_context_put(&transfer->context, context);
	bundle->context = (DcepBytes){context, len};
	bundle->change = transfer->change;
}

/* Fills in the proof that the transfer is in the log of some size. */
static void
fill_proof(int64 size, DcepBundle *bundle)
{
	DcepLog log;

	dcep_log_open(&log, GetActiveSnapshot());
	bundle->leaf = (uint64) dcep_log_require(&log, bundle->transfer, size);
	if (!dcep_tree_inclusion(dcep_log_node, &log, bundle->leaf, (uint64) size, &bundle->proof))
		dcep_crypto_raise("hash the log");
	dcep_log_close(&log);
}

/* A bundle as a text. */
static Datum
bundle_datum(const DcepBundle *bundle)
{
	size_t most = dcep_bundle_length(bundle);
	text *result;

	if (most > DCEP_BUNDLE_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("receipt bundle is too long"),
						errdetail("It would have up to %zu bytes.", most), errhint("Ask for view coin or hash.")));
	result = palloc(VARHDRSZ + most);
	SET_VARSIZE(result, VARHDRSZ + dcep_bundle_put(bundle, VARDATA(result)));
	return PointerGetDatum(result);
}

/* dcep.make_bundle(transfer, view, size, note) → the bundle; NULL where there is none for the caller */
Datum
dcep_make_bundle(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	DcepBundle bundle = {0};
	DcepJournal journal;
	DcepTransfer transfer;
	DcepOpening opening;
	DcepRefusal refusal;
	int view;

	dcep_require_arguments(fcinfo, 0, 1, "transfer");
	dcep_require_arguments(fcinfo, 2, 2, "size and note");
	dcep_journal_open(&journal, false);
	view = find_shown(fcinfo, &journal, &transfer);
	if (view == NO_VIEW)
	{
		dcep_journal_close(&journal);
		PG_RETURN_NULL();
	}
	bundle.view = (DcepBundleView) view;
	if (!dcep_transfer_verify(config, &journal, GetActiveSnapshot(), &transfer, DCEP_UNLESS_KNOWN, &opening, &refusal))
		dcep_refusal_raise(&refusal);
	fill_view(&transfer, &bundle);
	fill_signer(config, &journal, &transfer, &opening, &bundle);
	dcep_journal_close(&journal);
	fill_proof(PG_GETARG_INT64(2), &bundle);
	bundle.note = dcep_text_span(PG_GETARG_TEXT_PP(3));
	return bundle_datum(&bundle);
}

/* --- verification ------------------------------------------------------------------------ */

/* Keys out of a text[]; their number. */
static int
read_keys(Datum array, DcepNoteKey **keys)
{
	Datum *elements;
	bool *nulls;
	int count;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	*keys = palloc(sizeof(DcepNoteKey) * (Size) Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("verifier keys must not be null")));
		(*keys)[i] = dcep_note_key_require(DatumGetTextPP(elements[i]));
	}
	return count;
}

/* Is the signer's key the one that this ledger has on record? */
static const char *
find_stranger(const DcepBundle *bundle)
{
	const DcepConfig *config = dcep_config_required();
	const DcepCoin *coin = &bundle->signer.coin;
	const DcepSigningKey *key = dcep_config_key(config, coin->issuer, (int) coin->key_number);

	if (memcmp(coin->currency, config->currency, DCEP_CURRENCY_LEN) != 0 || coin->exponent != config->exponent)
		return "The bundle is of another currency.";
	if (key == NULL || key->suite != coin->suite || key->public_len != (int) bundle->public_len ||
		memcmp(key->public_key, bundle->public_key, bundle->public_len) != 0)
		return "The signer's key is not on record here.";
	return NULL;
}

/* The key that has signed a bundle's checkpoint; the first where none has, NULL where there is none. */
static const DcepNoteKey *
find_signer(const DcepBundle *bundle, const DcepNoteKey *logs, int count)
{
	for (int i = 0; i < count; i++)
	{
		DcepVerdict verdict = dcep_note_verify(&logs[i], &bundle->signatures);

		if (verdict == DCEP_SIGNATURE_UNDECIDED)
			dcep_crypto_raise("verify a bundle");
		if (verdict == DCEP_SIGNATURE_VALID)
			return &logs[i];
	}
	return count > 0 ? logs : NULL;
}

/* Verifies a bundle that was read, by whichever of the log's keys has signed it. */
static const char *
verify_by_any(const DcepBundle *bundle, const DcepNoteKey *logs, int count, DcepBundleTrust *trust)
{
	const char *wrong;

	trust->log = find_signer(bundle, logs, count);
	if (trust->log == NULL)
		return "No key of the log is known.";
	wrong = dcep_bundle_verify(bundle, trust);
	if (wrong == dcep_bundle_undecided)
		dcep_crypto_raise("verify a bundle");
	return wrong;
}

/* dcep.bundle_defect(bundle, log_keys, witnesses, quorum, own) → what is wrong; NULL where nothing is */
Datum
dcep_bundle_defect(PG_FUNCTION_ARGS)
{
	DcepBundle bundle;
	DcepBundleTrust trust = {0};
	DcepNoteKey *logs;
	DcepNoteKey *witnesses;
	DcepSpan span;
	int count;
	const char *wrong;

	dcep_require_arguments(fcinfo, 0, 1, "bundle");
	dcep_require_arguments(fcinfo, 1, 4, "keys, witnesses, quorum and own");
	span = dcep_text_span(PG_GETARG_TEXT_PP(0));
	count = read_keys(PG_GETARG_DATUM(1), &logs);
	trust.quorum = PG_GETARG_INT32(3);
	trust.witness_count = read_keys(PG_GETARG_DATUM(2), &witnesses);
	trust.witnesses = witnesses;
	wrong = span.len > DCEP_BUNDLE_MAX
				? "The bundle has more than 16,000,000 bytes."
				: dcep_bundle_parse(span.at, span.len, palloc(DCEP_BUNDLE_ROOM(span.len)), &bundle);
	if (wrong == NULL && PG_GETARG_BOOL(4))
		wrong = find_stranger(&bundle);
	if (wrong == NULL)
		wrong = verify_by_any(&bundle, logs, count, &trust);
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}
