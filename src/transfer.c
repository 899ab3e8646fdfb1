/*
 * transfer.c: the triggers of dcep.transfer, and the function of that name.
 *
 *   transfer_begin    BEFORE STATEMENT  makes a statement current
 *   transfer_execute  BEFORE ROW        executes the payment and fills the row,
 *                                       or verifies a row that a dump brings back
 *   transfer_settle   AFTER STATEMENT   proves that every executed payment has
 *                                       its row, and writes what was kept, refusals included
 *   append_only       UPDATE, DELETE, TRUNCATE are refused, always
 *
 * The first three fire at the origin only: replicated rows have been paid.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "consolidate.h"
#include "crossing.h"
#include "errcodes.h"
#include "kept.h"
#include "pay_token.h"
#include "payment.h"
#include "plan.h"
#include "receipt.h"
#include "submit.h"
#include "till.h"

PG_FUNCTION_INFO_V1(dcep_transfer_begin);
PG_FUNCTION_INFO_V1(dcep_transfer_execute);
PG_FUNCTION_INFO_V1(dcep_transfer_settle);
PG_FUNCTION_INFO_V1(dcep_append_only);
PG_FUNCTION_INFO_V1(dcep_transfer);

/* The trigger's data; an error where the function was not called by the trigger that it is made for. */
static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function may only be called as a trigger")));
	return (TriggerData *) fcinfo->context;
}

/* BEFORE STATEMENT */
Datum
dcep_transfer_begin(PG_FUNCTION_ARGS)
{
	DcepStatement *statement;

	trigger_data(fcinfo);
	statement = dcep_statement_begin();
	statement->submission = dcep_submission_take();
	statement->consolidation = dcep_consolidation_take();
	statement->token_payment = dcep_token_payment_take();
	statement->delivers = dcep_delivery_take(&statement->asked);
	if (statement->submission)
		dcep_submission_lock(statement, dcep_config_required());
	return PointerGetDatum(NULL);
}

/* AFTER STATEMENT */
Datum
dcep_transfer_settle(PG_FUNCTION_ARGS)
{
	DcepStatement *statement = dcep_statement_current();
	int64 *leaving;
	int leaving_count;

	trigger_data(fcinfo);
	if (statement == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("payments were settled that had not begun"),
				 errhint("Enable all triggers of dcep.transfer.")));
	leaving = statement->leaving;
	leaving_count = statement->leaving_count;
	dcep_statement_end(statement);
	if (leaving_count > 0)
		dcep_crossing_send(leaving, leaving_count);
	if (dcep_statement_current() == NULL)
		dcep_kept_write_own();
	return PointerGetDatum(NULL);
}

/* Columns that only the trigger fills; a row that has its hash comes from a dump. */
static const DcepTransferColumn computed[] = {DCEP_TRANSFER_ID,		DCEP_TRANSFER_CHANGE,	   DCEP_TRANSFER_CREATED_AT,
											  DCEP_TRANSFER_SEQ,	DCEP_TRANSFER_KEY_NUMBER,  DCEP_TRANSFER_ISSUER,
											  DCEP_TRANSFER_SUITE,	DCEP_TRANSFER_BATCH_INDEX, DCEP_TRANSFER_BATCH,
											  DCEP_TRANSFER_INPUTS, DCEP_TRANSFER_PREV_HASH,   DCEP_TRANSFER_SIGNATURE,
											  DCEP_TRANSFER_TOKEN};

/* Refuses values for columns that are computed. */
static void
check_not_supplied(TriggerData *trigger, const bool *nulls)
{
	for (size_t i = 0; i < lengthof(computed); i++)
		if (!nulls[computed[i] - 1])
			ereport(
				ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("cannot insert a value into column \"%s\"",
						NameStr(TupleDescAttr(RelationGetDescr(trigger->tg_relation), computed[i] - 1)->attname)),
				 errdetail(
					 "The payment computes it. Give payer, payee, amount and, where wanted, kind, key, memo and device_signature.")));
}

/* Is this a row of the kind whose amount is computed? */
static bool
computes_amount(const DcepConfig *config, const Datum *values, const bool *nulls)
{
	return !nulls[DCEP_TRANSFER_KIND - 1] &&
		   dcep_config_kind(config, DatumGetObjectId(values[DCEP_TRANSFER_KIND - 1])) == DCEP_KIND_CONSOLIDATE;
}

/* Refuses nulls where the caller must say what it wants, and an amount where it must not. */
static bool
check_given(const DcepConfig *config, const Datum *values, const bool *nulls, DcepRefusal *refusal)
{
	static const struct
	{
		DcepTransferColumn column;
		const char *name;
	} required[] = {{DCEP_TRANSFER_PAYER, "payer"},
					{DCEP_TRANSFER_PAYEE, "payee"},
					{DCEP_TRANSFER_AMOUNT, "amount"},
					{DCEP_TRANSFER_KIND, "kind"}};
	bool computed_amount = computes_amount(config, values, nulls);

	for (size_t i = 0; i < lengthof(required); i++)
		if (nulls[required[i].column - 1] && !(computed_amount && required[i].column == DCEP_TRANSFER_AMOUNT))
		{
			dcep_refuse(refusal, ERRCODE_NULL_VALUE_NOT_ALLOWED, "payer, payee, amount and kind must not be null");
			return dcep_refusal_detail(refusal, "The %s is null.", required[i].name);
		}
	if (!computed_amount || nulls[DCEP_TRANSFER_AMOUNT - 1])
		return true;
	dcep_refuse(refusal, ERRCODE_GENERATED_ALWAYS, "cannot insert a value into column \"amount\" of a consolidation");
	return dcep_refusal_detail(refusal, "It is the sum of the coins that are consumed.");
}

/* A row that has a hash already: a dump brings it back. Its hash must be that of its content. */
static void
verify_restored(const DcepConfig *config, const Datum *values, const bool *nulls)
{
	DcepTransfer transfer;
	DcepOpening opening;

	if (!dcep_access_owns())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to insert a transfer that has its hash already"),
						errdetail("Only a restore by a superuser or the extension's owner brings such rows.")));
	dcep_transfer_read(config, values, nulls, &transfer);
	if (!config->exists)
		return; /* pg_restore --jobs may load the journal before the ledger's row, which the hash needs */
	dcep_transfer_open(config, &transfer, &opening);
	if (memcmp(opening.transfer_hash, transfer.hash, DCEP_HASH_LEN) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DCEP_CHAIN_BROKEN), errmsg("hash chain broken"),
				 errdetail("The hash of transfer " INT64_FORMAT " does not match its row.", transfer.context.id)));
}

/* Takes the instruction out of a row. */
static void
read_instruction(const DcepConfig *config, const Datum *values, const bool *nulls, DcepInstruction *instruction)
{
	instruction->order.kind = dcep_config_kind(config, DatumGetObjectId(values[DCEP_TRANSFER_KIND - 1]));
	instruction->order.payer = DatumGetInt64(values[DCEP_TRANSFER_PAYER - 1]);
	instruction->order.payee = DatumGetInt64(values[DCEP_TRANSFER_PAYEE - 1]);
	instruction->order.amount = DatumGetInt64(values[DCEP_TRANSFER_AMOUNT - 1]);
	instruction->key = dcep_text(values[DCEP_TRANSFER_KEY - 1], nulls[DCEP_TRANSFER_KEY - 1]);
	instruction->memo = dcep_text(values[DCEP_TRANSFER_MEMO - 1], nulls[DCEP_TRANSFER_MEMO - 1]);
	instruction->token = (DcepText){NULL, 0};
	instruction->device_signature =
		dcep_text(values[DCEP_TRANSFER_DEVICE_SIGNATURE - 1], nulls[DCEP_TRANSFER_DEVICE_SIGNATURE - 1]);
}

/* Executes a row's payment; its outcome is dealt with where it is not "paid". */
static DcepOutcome
execute_row(const DcepConfig *config, const Datum *values, const bool *nulls, DcepTransfer *transfer)
{
	DcepStatement *statement = dcep_statement_current();
	DcepInstruction instruction;
	DcepRefusal refusal;
	DcepOutcome outcome = DCEP_REFUSED;

	if (statement == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("payments were executed that had not begun"),
				 errhint("Enable all triggers of dcep.transfer.")));
	if (check_given(config, values, nulls, &refusal))
	{
		read_instruction(config, values, nulls, &instruction);
		if (statement->token_payment)
			dcep_token_payment_complete(statement->token_payment, &instruction);
		outcome = dcep_payment_execute(statement, config, &instruction, transfer, &refusal);
	}
	if (statement->submission)
		dcep_submission_result(statement->submission, outcome, transfer, &refusal);
	else if (statement->token_payment)
		dcep_token_payment_result(statement->token_payment, outcome, transfer, &refusal);
	else if (outcome == DCEP_REFUSED && statement->consolidation.lenient)
		dcep_consolidation_warn(&refusal);
	else if (outcome == DCEP_REFUSED)
		dcep_refusal_raise(&refusal);
	return outcome;
}

/* BEFORE ROW: executes the payment, or verifies a restored row. */
Datum
dcep_transfer_execute(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	const DcepConfig *config = dcep_config();
	Datum values[DCEP_TRANSFER_COLUMNS];
	bool nulls[DCEP_TRANSFER_COLUMNS];
	DcepTransfer transfer;
	HeapTuple row;

	if (desc->natts != DCEP_TRANSFER_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("dcep.transfer does not have the columns that this version of the library knows"),
						errhint("Run ALTER EXTENSION dcep UPDATE, and restart the sessions.")));
	heap_deform_tuple(trigger->tg_trigtuple, desc, values, nulls);
	if (!nulls[DCEP_TRANSFER_HASH - 1])
	{
		verify_restored(config, values, nulls);
		return PointerGetDatum(trigger->tg_trigtuple);
	}
	check_not_supplied(trigger, nulls);
	if (execute_row(dcep_config_required(), values, nulls, &transfer) != DCEP_PAID)
		return PointerGetDatum(NULL); /* no row: refused, there already, or nothing to do */
	dcep_transfer_write(config, &transfer, values, nulls);
	row = heap_form_tuple(desc, values, nulls);
	dcep_statement_executed(dcep_statement_current(), &transfer, row);
	return PointerGetDatum(row);
}

/* UPDATE, DELETE or TRUNCATE of what is never changed. */
Datum
dcep_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const char *table = RelationGetRelationName(trigger->tg_relation);
	bool is_journal = trigger->tg_trigger->tgnargs == 0;

	ereport(ERROR, (errcode(ERRCODE_DCEP_APPEND_ONLY),
					is_journal ? errmsg("journal is append-only") : errmsg("only payments change this table"),
					errdetail("Rows of \"dcep.%s\" are never updated, deleted or truncated by hand.", table),
					errhint("A mistaken payment is corrected by another one in the opposite direction.")));
	return PointerGetDatum(NULL);
}

/* --- dcep.transfer() --------------------------------------------------------- */

static const char *const pay_sql = "INSERT INTO dcep.transfer (payer, payee, amount, key, memo, device_signature) "
								   "VALUES ($1, $2, $3, $4, $5, $6) RETURNING *";

#define PAY_ARGUMENTS 6

/* The prepared INSERT. */
static SPIPlanPtr
pay_plan(Oid wallet_type)
{
	static DcepKeptPlan kept;
	const Oid types[PAY_ARGUMENTS] = {wallet_type, wallet_type, INT8OID, TEXTOID, TEXTOID, BYTEAOID};

	return dcep_kept_plan(&kept, pay_sql, lengthof(types), types);
}

/* The transfer of a row that the INSERT returned. */
static void
read_returned(const DcepConfig *config, DcepTransfer *transfer)
{
	Datum values[DCEP_TRANSFER_COLUMNS];
	bool nulls[DCEP_TRANSFER_COLUMNS];

	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
	dcep_transfer_read(config, values, nulls, transfer);
}

/* dcep.transfer(payer, payee, amount, key, memo, device_signature) → receipt: one INSERT, or the receipt of the one before. */
Datum
dcep_transfer(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	Oid wallet_type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	MemoryContext caller = CurrentMemoryContext;
	TupleDesc desc = dcep_receipt_desc(fcinfo);
	Datum values[PAY_ARGUMENTS];
	char nulls[PAY_ARGUMENTS];
	DcepJournal journal;
	DcepTransfer transfer;
	Datum receipt;

	for (int i = 0; i < PAY_ARGUMENTS; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	SPI_connect();
	if (SPI_execute_plan(pay_plan(wallet_type), values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not execute a payment");
	dcep_journal_open(&journal, false);
	if (SPI_processed == 1)
		read_returned(config, &transfer);
	else if (nulls[3] == 'n' || !dcep_till_find_key(config, &journal, SnapshotSelf, DatumGetInt64(values[0]),
													dcep_text(values[3], false), &transfer))
		dcep_payment_raise_dropped();
	MemoryContextSwitchTo(caller);
	receipt = dcep_receipt_make(config, &journal, desc, &transfer);
	dcep_journal_close(&journal);
	SPI_finish();
	return receipt;
}
