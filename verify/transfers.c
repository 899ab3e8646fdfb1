/*
 * transfers.c: each transfer by itself: its hash, its signatures.
 */
#include "transfers.h"

#include "batches.h"
#include "crew.h"
#include "memory.h"
#include "order.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

/* --- hash and signature ---------------------------------------------------------- */

/* Is the row what was hashed? */
static bool
check_hash(const Ledger *ledger, const Transfer *transfer)
{
	DcepMint mint = {.suite = transfer->suite,
					 .issuer = transfer->issuer,
					 .key_number = (uint32_t) transfer->key_number,
					 .exponent = ledger->exponent};
	DcepOpening opening;

	memcpy(mint.currency, ledger->currency, DCEP_CURRENCY_LEN);
	require_crypto(dcep_opening_compute(&mint, &transfer->context, transfer->change,
										transfer->context.kind == DCEP_KIND_REDEEM, &opening));
	if (memcmp(opening.transfer_hash, transfer->hash, DCEP_HASH_LEN) == 0)
		return true;
	report_defect("hash", "transfer %" PRId64 ": The row is not what was hashed.", transfer->context.id);
	return false;
}

/* The institution that signs a transfer: the payer's; of what another node's wallet has paid the payee's. */
static int
signer_of(const Node *node, const DcepContext *context)
{
	return dcep_wallet_institution(node_has(node, context->payer) ? context->payer : context->payee);
}

/* Is the hash what the institution that has to has signed, with a key that was valid? */
static void
check_signature(const Ledger *ledger, const Transfer *transfer)
{
	const DcepContext *context = &transfer->context;
	DcepKeyPair *pair;
	const char *wrong = keys_trust(&ledger->signers, transfer->issuer, transfer->key_number, transfer->suite,
								   context->created_at, &pair);

	if (wrong != NULL)
		report_defect("key", "transfer %" PRId64 ": %s", context->id, wrong);
	if (transfer->issuer != signer_of(&ledger->node, context))
		report_defect("signature", "transfer %" PRId64 ": It was not signed by the payer's institution.", context->id);
	if (transfer->batch != 0)
		wrong = batches_claim(ledger, transfer);
	else if (wrong != NULL || is_valid(dcep_root_verify(pair, transfer->hash, transfer->signature)))
		return;
	else
		wrong = "The signature does not match the hash.";
	if (wrong != NULL)
		report_defect("signature", "transfer %" PRId64 ": %s", context->id, wrong);
}

/* --- devices --------------------------------------------------------------------- */

/* Has one of these keys, valid at the time, signed what the payer's device signs? */
static bool
has_signed(const Ledger *ledger, const DcepContext *context, Key *key, size_t count)
{
	static uint8_t *instruction = NULL;
	static size_t room = 0;
	size_t len = dcep_instruction_length(context);
	bool found = false;

	instruction = memory_grow(instruction, 1, len, &room);
	dcep_instruction_put(ledger->currency, context, instruction);
	for (size_t i = 0; i < count && !found; i++)
	{
		if (context->created_at < key[i].valid_from || context->created_at >= key[i].valid_until ||
			key_pair(&key[i]) == NULL)
			continue;
		found = is_valid(dcep_verify(key[i].pair, instruction, len, (const uint8_t *) context->device_signature.data));
		/* There are as many as wallets: none is kept. */
		dcep_key_free(key[i].pair);
		key[i].pair = NULL;
	}
	return found;
}

/* Did the first of these keys hold already? From then on a wallet pays on signed instructions alone. */
static bool
must_sign(const DcepContext *context, const Key *key, size_t count)
{
	if (context->kind != DCEP_KIND_TRANSFER && context->kind != DCEP_KIND_EXCHANGE_OUT &&
		context->kind != DCEP_KIND_TOKEN)
		return false;
	for (size_t i = 0; i < count; i++)
		if (key[i].valid_from <= context->created_at)
			return true;
	return false;
}

/* Has the payer's device signed, where it must? */
static void
check_device(const Ledger *ledger, const DcepContext *context)
{
	size_t count;
	Key *key = keys_of(&ledger->device_keys, context->payer, &count);

	if (ledger->devices.name == NULL)
		return;
	if (context->device_signature.data == NULL)
	{
		if (must_sign(context, key, count))
			report_defect("device", "transfer %" PRId64 ": The payer had a device key, which did not sign it.",
						  context->id);
	}
	else if (context->key.data == NULL || !has_signed(ledger, context, key, count))
		report_defect("device", "transfer %" PRId64 ": The device's signature is not one by a key that held.",
					  context->id);
}

/* --- what cannot be -------------------------------------------------------------- */

/* Are these parties such as a transfer of this kind has? */
static void
check_parties(const Node *node, const Transfer *transfer)
{
	const DcepContext *context = &transfer->context;
	const char *wrong = NULL;

	if (context->kind == DCEP_KIND_CONSOLIDATE)
	{
		if (context->payer != context->payee || transfer->change != 0 || context->input_count < 2)
			wrong = "A consolidation makes one coin of several of a wallet's own.";
	}
	else if (context->payer == context->payee)
		wrong = "The payer is the payee.";
	else if (context->kind == DCEP_KIND_ISSUE && dcep_wallet_institution(context->payer) != CENTRAL_BANK)
		wrong = "It was not issued by the central bank.";
	else if (context->kind == DCEP_KIND_REDEEM && dcep_wallet_institution(context->payee) != CENTRAL_BANK)
		wrong = "It was not redeemed at the central bank.";
	else if (context->kind == DCEP_KIND_RETURN && node_has(node, context->payer))
		wrong = "Only a payment to another node comes back.";
	if (wrong != NULL)
		report_defect("parties", "transfer %" PRId64 ": %s", context->id, wrong);
}

/* --- records --------------------------------------------------------------------- */

/* Keeps what later checks ask of a transfer. */
static void
keep(Record *record, const Transfer *transfer, uint64_t offset)
{
	record->payer = transfer->context.payer;
	record->payee = transfer->context.payee;
	record->amount = transfer->context.amount;
	record->change = transfer->change;
	record->seq = transfer->context.seq;
	record->kind = (uint8_t) transfer->context.kind;
	record->offset = offset;
}

/* Reads and verifies a piece of the transfers. */
static void
read_piece(void *context, uint32_t piece)
{
	Ledger *ledger = context;
	Cursor cursor = cursor_of_piece(&ledger->transfers, piece);
	static Transfer transfer;

	while (cursor_next(&cursor, TRANSFER_COLUMNS))
	{
		Record *record = &ledger->record[cursor.number];
		const char *wrong = transfer_read(&cursor.row, &transfer);

		record->id = transfer_read_id(&cursor.row);
		if (wrong != NULL)
		{
			cursor_damaged(&cursor, wrong);
			continue;
		}
		keep(record, &transfer, cursor.offset);
		if (check_hash(ledger, &transfer))
			check_signature(ledger, &transfer);
		check_device(ledger, &transfer.context);
		check_parties(&ledger->node, &transfer);
	}
	cursor_end(&cursor);
}

/* The order of ids. */
static int
compare_ids(const void *a, const void *b, void *context)
{
	const Record *record = context;
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	return record[left].id == record[right].id ? order_of(left, right) : order_of(record[left].id, record[right].id);
}

/* The order of chains; damaged rows stand behind them. */
static int
compare_chains(const void *a, const void *b, void *context)
{
	const Record *record = context;
	const Record *left = &record[*(const uint32_t *) a];
	const Record *right = &record[*(const uint32_t *) b];

	if ((left->kind == 0) != (right->kind == 0))
		return left->kind == 0 ? 1 : -1;
	if (left->payer != right->payer)
		return order_of(left->payer, right->payer);
	return left->seq == right->seq ? order_of(left->id, right->id) : order_of(left->seq, right->seq);
}

/* Leaves each id once in the order of ids, and reports others, which then count as damaged. Rows without an id go. */
static void
drop_twins(Ledger *ledger)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ledger->ids; i++)
	{
		Record *record = &ledger->record[ledger->by_id[i]];

		if (record->id == 0)
			continue;
		if (kept > 0 && ledger->record[ledger->by_id[kept - 1]].id == record->id)
		{
			report_defect("twice", "transfer %" PRId64 ": It stands in the export twice.", record->id);
			record->kind = 0;
		}
		else
			ledger->by_id[kept++] = ledger->by_id[i];
	}
	ledger->ids = kept;
}

/* Reads and verifies all transfers. */
void
transfers_verify(Ledger *ledger)
{
	uint32_t rows = (uint32_t) ledger->transfers.rows;

	ledger->record = memory_share(sizeof(Record), rows);
	crew_run("transfers", ledger->jobs, ledger->transfers.pieces, read_piece, ledger);
	ledger->ids = rows;
	ledger->by_id = order_make(rows, compare_ids, ledger->record);
	drop_twins(ledger);
	ledger->by_chain = order_make(rows, compare_chains, ledger->record);
	for (ledger->chained = rows; ledger->chained > 0; ledger->chained--)
		if (ledger->record[ledger->by_chain[ledger->chained - 1]].kind != 0)
			break;
}
