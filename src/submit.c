/*
 * submit.c: the lines of a payment file while dcep.submit() plays them.
 */
#include "submit.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "access.h"
#include "kept.h"
#include "receipt.h"
#include "till.h"

PG_FUNCTION_INFO_V1(dcep_submit);

/* Fields of dcep.instruction, all text: a file's lines are not typed yet. */
enum
{
	FIELD_PAYER,
	FIELD_PAYEE,
	FIELD_AMOUNT,
	FIELD_KEY,
	FIELD_MEMO,
	FIELD_COUNT
};

/* What the INSERT is given of a line: its fields, and the signature that came beside it. */
enum
{
	COLUMN_DEVICE_SIGNATURE = FIELD_COUNT,
	COLUMN_COUNT
};

/* Columns that dcep.submit() returns. */
enum
{
	RESULT_LINE,
	RESULT_TRANSFER,
	RESULT_RECEIPT,
	RESULT_SQLSTATE,
	RESULT_MESSAGE,
	RESULT_DETAIL,
	RESULT_HINT,
	RESULT_COLUMNS
};

static DcepSubmission *waiting = NULL;

/* The submission whose INSERT is about to begin. */
DcepSubmission *
dcep_submission_take(void)
{
	DcepSubmission *submission = waiting;

	waiting = NULL;
	return submission;
}

/* --- reading lines ----------------------------------------------------------- */

/* Refuses a field that cannot be read. */
static bool
refuse_field(DcepRefusal *refusal, int sqlstate, const char *message, const char *field, const char *why)
{
	dcep_refuse(refusal, sqlstate, message);
	return dcep_refusal_detail(refusal, "The %s: %s", field, why);
}

/* Reads a wallet number. */
static bool
read_wallet(DcepText field, const char *name, int64 *wallet, DcepRefusal *refusal)
{
	const char *wrong;

	if (field.data == NULL)
		return refuse_field(refusal, ERRCODE_NULL_VALUE_NOT_ALLOWED, "payer, payee and amount must not be null", name,
							"it is null.");
	wrong = dcep_wallet_parse(field.data, field.len, wallet);
	return wrong ? refuse_field(refusal, ERRCODE_INVALID_TEXT_REPRESENTATION, "invalid wallet number", name, wrong)
				 : true;
}

/* Reads an amount: an integer, nothing before or after it. */
static bool
read_amount(DcepText field, int64 *amount, DcepRefusal *refusal)
{
	char *digits;
	char *end;

	if (field.data == NULL)
		return refuse_field(refusal, ERRCODE_NULL_VALUE_NOT_ALLOWED, "payer, payee and amount must not be null",
							"amount", "it is null.");
	digits = pnstrdup(field.data, field.len);
	errno = 0;
	*amount = strtoll(digits, &end, 10);
	if (end == digits || *end != '\0' || isspace((unsigned char) *digits))
		return refuse_field(refusal, ERRCODE_INVALID_TEXT_REPRESENTATION, "invalid amount", "amount",
							"it must be a whole number of minor units.");
	if (errno == ERANGE)
		return refuse_field(refusal, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "amount out of range", "amount",
							"it does not fit into 64 bits.");
	return true;
}

/* Reads one line, NULL where there is none; what cannot be read is refused right here. */
static bool
read_line(HeapTupleHeader record, DcepText device_signature, DcepLine *line)
{
	DcepText field[FIELD_COUNT];
	DcepOrder *order = &line->instruction.order;

	line->outcome = DCEP_REFUSED;
	if (record == NULL)
		return dcep_refuse(&line->refusal, ERRCODE_NULL_VALUE_NOT_ALLOWED, "instruction must not be null");
	for (int i = 0; i < FIELD_COUNT; i++)
	{
		bool is_null;
		Datum value = GetAttributeByNum(record, (AttrNumber) (i + 1), &is_null);

		field[i] = dcep_text(value, is_null);
	}
	order->kind = DCEP_KIND_TRANSFER;
	line->instruction.key = field[FIELD_KEY];
	line->instruction.memo = field[FIELD_MEMO];
	line->instruction.token = (DcepText){NULL, 0};
	line->instruction.device_signature = device_signature;
	return read_wallet(field[FIELD_PAYER], "payer", &order->payer, &line->refusal) &&
		   read_wallet(field[FIELD_PAYEE], "payee", &order->payee, &line->refusal) &&
		   read_amount(field[FIELD_AMOUNT], &order->amount, &line->refusal);
}

/*
 * Keeps on record that a line could not be read, with the wallets that could.  Its fields are
 * not for keeping: nobody knows what is in them.
 */
static void
keep_unread(const DcepLine *line)
{
	dcep_refusal_keep(&(DcepKept){.refusal = &line->refusal,
								  .kind = DCEP_KIND_TRANSFER,
								  .payer = line->instruction.order.payer,
								  .payee = line->instruction.order.payee,
								  .class = DCEP_KEPT_NO_CLASS});
}

/* Elements of an array. */
typedef struct Elements
{
	Datum *values;
	bool *nulls;
	int count;
} Elements;

/* Takes an array apart. */
static Elements
read_elements(ArrayType *array)
{
	Elements elements;
	int16 len;
	bool by_value;
	char align;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, by_value, align, &elements.values, &elements.nulls,
					  &elements.count);
	return elements;
}

/* The signatures of so many lines; none of them has one where there is no array. */
static Elements
read_signatures(ArrayType *array, int lines)
{
	Elements signatures = {NULL, NULL, 0};

	if (array == NULL)
		return signatures;
	signatures = read_elements(array);
	if (signatures.count != lines)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("device_signatures must have an element for each line"),
						errdetail("There are %d lines and %d signatures.", lines, signatures.count),
						errhint("A line without a signature has NULL in its place.")));
	return signatures;
}

/* The signature of a line. */
static DcepText
signature_of(const Elements *signatures, int line)
{
	return signatures->count == 0 ? (DcepText){NULL, 0} : dcep_text(signatures->values[line], signatures->nulls[line]);
}

/* Reads all lines of an instruction[], and the signatures beside them. */
static DcepSubmission *
read_submission(ArrayType *array, ArrayType *device_signatures)
{
	DcepSubmission *submission = palloc0(sizeof(DcepSubmission));
	Elements lines = read_elements(array);
	Elements signatures = read_signatures(device_signatures, lines.count);

	submission->line_count = lines.count;
	submission->context = CurrentMemoryContext;
	submission->line = MemoryContextAllocExtended(
		CurrentMemoryContext, Max(1, submission->line_count) * sizeof(DcepLine), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	submission->row_line = palloc(Max(1, submission->line_count) * sizeof(int));
	for (int i = 0; i < submission->line_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (read_line(lines.nulls[i] ? NULL : DatumGetHeapTupleHeader(lines.values[i]), signature_of(&signatures, i),
					  &submission->line[i]))
			submission->row_line[submission->row_count++] = i;
		else
			keep_unread(&submission->line[i]);
	}
	return submission;
}

/* --- the INSERT -------------------------------------------------------------- */

static int
compare_numbers(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return (left > right) - (left < right);
}

/* Will a row lock the payer that it names? Where a till may pay in its stead, the row takes one that nobody holds. */
static bool
locks_payer(const DcepConfig *config, DateADT day, const DcepOrder *order)
{
	const DcepInstitution *owner = dcep_till_owner(config, order->payer);

	return dcep_access_acts_for(dcep_wallet_institution(order->payer)) &&
		   (owner == NULL || !dcep_till_may_pay(config, owner, order, day));
}

/* Adds the wallets that a row will lock: the payer, if the caller may pay from it, and a capped payee. */
static int
add_locks(DcepStatement *statement, const DcepConfig *config, DateADT day, Snapshot snapshot, const DcepOrder *order,
		  int64 *wallets, int count)
{
	DcepPurse *payee = dcep_purse_of(&statement->purses, order->payee);

	if (!payee->known)
		dcep_purse_read(&statement->purses, payee, snapshot);
	if (locks_payer(config, day, order))
		wallets[count++] = order->payer;
	if (dcep_rules_is_capped(config, &payee->party, day))
		wallets[count++] = order->payee;
	return count;
}

/* Locks the keys of vaults with tills, before any wallet. */
static void
lock_keys(const DcepSubmission *submission, const DcepConfig *config)
{
	int64 *locks = MemoryContextAllocHuge(CurrentMemoryContext, Max(1, submission->row_count) * sizeof(int64));
	int count = 0;

	for (int i = 0; i < submission->row_count; i++)
	{
		const DcepInstruction *instruction = &submission->line[submission->row_line[i]].instruction;
		const DcepInstitution *owner = dcep_till_owner(config, instruction->order.payer);

		if (owner && instruction->key.data && dcep_access_acts_for(owner->code))
			locks[count++] = dcep_till_key_lock(owner, instruction->key);
	}
	qsort(locks, count, sizeof(int64), compare_numbers);
	count = (int) qunique(locks, count, sizeof(int64), compare_numbers);
	for (int i = 0; i < count; i++)
		dcep_till_lock(locks[i]);
	pfree(locks);
}

/* Takes a till for the first line that a till may pay: before any wallet, for others may hold a till and wait for a payee. */
static void
take_till(DcepStatement *statement, const DcepConfig *config, DateADT day)
{
	const DcepSubmission *submission = statement->submission;

	for (int i = 0; i < submission->row_count; i++)
	{
		const DcepOrder *order = &submission->line[submission->row_line[i]].instruction.order;
		const DcepInstitution *owner = dcep_till_owner(config, order->payer);

		if (owner && dcep_access_acts_for(owner->code) && dcep_till_may_pay(config, owner, order, day))
		{
			(void) dcep_till_choose(statement, owner, order->amount);
			return;
		}
	}
}

/* Locks what the rows will lock. */
void
dcep_submission_lock(DcepStatement *statement, const DcepConfig *config)
{
	DcepSubmission *submission = statement->submission;
	int count = 0;
	int64 *wallets = MemoryContextAllocHuge(CurrentMemoryContext, Max(1, submission->row_count) * 2 * sizeof(int64));
	DateADT day = dcep_config_day(config, GetCurrentTimestamp());
	ResourceOwner caller = dcep_statement_enter(statement);
	Snapshot snapshot;

	lock_keys(submission, config);
	take_till(statement, config, day);
	snapshot = dcep_purses_snapshot(&statement->purses);
	for (int i = 0; i < submission->row_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		count = add_locks(statement, config, day, snapshot,
						  &submission->line[submission->row_line[i]].instruction.order, wallets, count);
	}
	qsort(wallets, count, sizeof(int64), compare_numbers);
	count = (int) qunique(wallets, count, sizeof(int64), compare_numbers);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		/* A payer that does not exist has nothing to lock; its row will be refused. */
		(void) dcep_purse_lock(&statement->purses, dcep_purse_of(&statement->purses, wallets[i]), snapshot);
	}
	UnregisterSnapshot(snapshot);
	dcep_statement_leave(caller);
}

/* Results are told apart by the order of the rows: with one too few or too many, nobody knows whose they are. */
static void
check_rows(bool complete)
{
	if (!complete)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("lines were dropped before they were executed"),
						errhint("A trigger or a rule on dcep.transfer dropped or added rows. Nothing has been paid.")));
}

/* Keeps the result of the next row. */
void
dcep_submission_result(DcepSubmission *submission, DcepOutcome outcome, const DcepTransfer *transfer,
					   const DcepRefusal *refusal)
{
	DcepLine *line;

	check_rows(submission->row_next < submission->row_count);
	line = &submission->line[submission->row_line[submission->row_next++]];
	line->outcome = outcome;
	if (outcome == DCEP_REFUSED)
		line->refusal = dcep_refusal_copy(submission->context, refusal);
	else
	{
		line->transfer = dcep_transfer_keep(transfer);
		line->transfer.context.key = line->instruction.key; /* the same text, and ours to keep */
		line->transfer.context.memo = line->instruction.memo;
	}
}

/* One argument of the INSERT: a column of all rows as an array. */
typedef struct Column
{
	Datum *values;
	bool *nulls;
	Oid type;
} Column;

/* The rows as one array a column. */
static void
fill_columns(const DcepSubmission *submission, Column *columns)
{
	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		columns[i].values = palloc(Max(1, submission->row_count) * sizeof(Datum));
		columns[i].nulls = palloc0(Max(1, submission->row_count) * sizeof(bool));
	}
	for (int row = 0; row < submission->row_count; row++)
	{
		const DcepInstruction *instruction = &submission->line[submission->row_line[row]].instruction;

		columns[FIELD_PAYER].values[row] = Int64GetDatum(instruction->order.payer);
		columns[FIELD_PAYEE].values[row] = Int64GetDatum(instruction->order.payee);
		columns[FIELD_AMOUNT].values[row] = Int64GetDatum(instruction->order.amount);
		columns[FIELD_KEY].values[row] = dcep_text_datum(instruction->key, &columns[FIELD_KEY].nulls[row]);
		columns[FIELD_MEMO].values[row] = dcep_text_datum(instruction->memo, &columns[FIELD_MEMO].nulls[row]);
		columns[COLUMN_DEVICE_SIGNATURE].values[row] =
			dcep_text_datum(instruction->device_signature, &columns[COLUMN_DEVICE_SIGNATURE].nulls[row]);
	}
}

/* A column as an array datum. */
static Datum
column_array(const Column *column, int rows)
{
	int dims[] = {rows};
	int bounds[] = {1};
	int16 len;
	bool by_value;
	char align;

	get_typlenbyvalalign(column->type, &len, &by_value, &align);
	return PointerGetDatum(
		construct_md_array(column->values, column->nulls, 1, dims, bounds, column->type, len, by_value, align));
}

/* Runs the INSERT; the triggers fill in the lines' results. */
static void
insert_rows(DcepSubmission *submission, Oid wallet_type)
{
	Column columns[COLUMN_COUNT] = {{.type = wallet_type}, {.type = wallet_type}, {.type = INT8OID},
									{.type = TEXTOID},	   {.type = TEXTOID},	  {.type = BYTEAOID}};
	Oid types[COLUMN_COUNT];
	Datum values[COLUMN_COUNT];

	if (submission->row_count == 0)
		return;
	fill_columns(submission, columns);
	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		types[i] = get_array_type(columns[i].type);
		values[i] = column_array(&columns[i], submission->row_count);
	}
	SPI_connect();
	PG_TRY();
	{
		waiting = submission;
		if (SPI_execute_with_args("INSERT INTO dcep.transfer (payer, payee, amount, key, memo, device_signature) "
								  "SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), "
								  "pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), "
								  "pg_catalog.unnest($6))",
								  COLUMN_COUNT, types, values, NULL, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not submit the lines");
	}
	PG_FINALLY();
	{
		waiting = NULL;
	}
	PG_END_TRY();
	SPI_finish();
	check_rows(submission->row_next == submission->row_count);
}

/* --- results ----------------------------------------------------------------- */

/* Fills the columns of a line's result. */
static void
fill_result(const DcepConfig *config, DcepJournal *journal, TupleDesc receipt_desc, int number, const DcepLine *line,
			Datum *values, bool *nulls)
{
	const DcepRefusal *refusal = &line->refusal;

	memset(nulls, true, RESULT_COLUMNS * sizeof(bool));
	values[RESULT_LINE] = Int32GetDatum(number);
	nulls[RESULT_LINE] = false;
	if (line->outcome != DCEP_REFUSED)
	{
		values[RESULT_TRANSFER] = Int64GetDatum(line->transfer.context.id);
		values[RESULT_RECEIPT] = dcep_receipt_make(config, journal, receipt_desc, &line->transfer);
		nulls[RESULT_TRANSFER] = nulls[RESULT_RECEIPT] = false;
		return;
	}
	values[RESULT_SQLSTATE] = CStringGetTextDatum(unpack_sql_state(refusal->sqlstate));
	nulls[RESULT_SQLSTATE] = false;
	dcep_refusal_texts(refusal, &values[RESULT_MESSAGE], &nulls[RESULT_MESSAGE]);
}

/* dcep.submit(instructions, device_signatures) → one row a line */
Datum
dcep_submit(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DcepSubmission *submission;
	DcepJournal journal;
	TupleDesc receipt_desc;
	Datum values[RESULT_COLUMNS];
	bool nulls[RESULT_COLUMNS];

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("instructions must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	receipt_desc = lookup_rowtype_tupdesc_copy(TupleDescAttr(result->setDesc, RESULT_RECEIPT)->atttypid, -1);
	submission = read_submission(PG_GETARG_ARRAYTYPE_P(0), PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1));
	insert_rows(submission, TupleDescAttr(receipt_desc, 2)->atttypid);
	dcep_journal_open(&journal, false);
	for (int i = 0; i < submission->line_count; i++)
	{
		fill_result(config, &journal, receipt_desc, i + 1, &submission->line[i], values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	dcep_journal_close(&journal);
	return (Datum) 0;
}
