/*
 * tally.c: what was issued to each operator, and what it redeemed, over the transfers in the log.
 *
 * Issues and redemptions are few, so that a list serves.
 */
#include "tally.h"

#include "common/int.h"
#include "utils/fmgroids.h"

#include "array.h"
#include "journal.h"

/* Columns of dcep.log_total. */
enum
{
	TOTAL_INSTITUTION = 1,
	TOTAL_ISSUED,
	TOTAL_REDEEMED
};

/* The sum of an operator. */
DcepSum *
dcep_tally_of(DcepTally *tally, int institution)
{
	DcepSum *sum;

	for (int i = 0; i < tally->count; i++)
		if (tally->sum[i].institution == institution)
			return &tally->sum[i];
	sum = dcep_array_append((void **) &tally->sum, &tally->count, sizeof(DcepSum));
	sum->institution = institution;
	return sum;
}

/* Adds to a sum. */
static void
add(int64 *sum, int64 amount)
{
	if (pg_add_s64_overflow(*sum, amount, sum))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("the totals of the log are out of range")));
}

/* Adds a transfer. */
void
dcep_tally_add(DcepTally *tally, const DcepConfig *config, DcepTable *journal)
{
	Oid kind = DatumGetObjectId(dcep_column(journal, DCEP_TRANSFER_KIND));
	bool is_issue = kind == config->kind_oid[DCEP_KIND_ISSUE];
	int64 wallet;
	DcepSum *sum;

	if (!is_issue && kind != config->kind_oid[DCEP_KIND_REDEEM])
		return;
	wallet = DatumGetInt64(dcep_column(journal, is_issue ? DCEP_TRANSFER_PAYEE : DCEP_TRANSFER_PAYER));
	sum = dcep_tally_of(tally, dcep_wallet_institution(wallet));
	add(is_issue ? &sum->issued : &sum->redeemed, DatumGetInt64(dcep_column(journal, DCEP_TRANSFER_AMOUNT)));
}

/* Adds one sum to its row, or makes that. */
static void
store_sum(DcepTable *table, Snapshot snapshot, const DcepSum *sum)
{
	static const bool nulls[3] = {false};
	int64 issued = sum->issued;
	int64 redeemed = sum->redeemed;
	ScanKeyData key;
	bool found;

	dcep_key_init(&key, 1, F_INT2EQ, InvalidOid, Int16GetDatum(sum->institution));
	found = dcep_table_find(table, DCEP_LOG_TOTAL_PKEY, snapshot, &key, 1);
	if (found)
	{
		add(&issued, DatumGetInt64(dcep_column(table, TOTAL_ISSUED)));
		add(&redeemed, DatumGetInt64(dcep_column(table, TOTAL_REDEEMED)));
	}
	Datum values[] = {Int16GetDatum(sum->institution), Int64GetDatum(issued), Int64GetDatum(redeemed)};
	dcep_table_put(table, found, values, nulls);
}

/* Adds the sums to dcep.log_total. */
void
dcep_tally_store(const DcepTally *tally, EState *estate, Snapshot snapshot)
{
	DcepTable *table;

	if (tally->count == 0)
		return;
	table = dcep_table_open(DCEP_LOG_TOTAL, estate);
	for (int i = 0; i < tally->count; i++)
		store_sum(table, snapshot, &tally->sum[i]);
	dcep_table_close(table);
}

/* --- as checkpoints state it --------------------------------------------------------- */

/* Reads what is outstanding: below zero where an operator has redeemed what others were issued. */
static bool
parse_outstanding(DcepSpan word, int64 *outstanding)
{
	bool is_negative = word.len > 0 && word.at[0] == '-';
	DcepSpan digits = {word.at + is_negative, word.len - is_negative};
	uint64 number;

	if (!dcep_note_number(digits, &number) || (is_negative && number == 0))
		return false;
	*outstanding = is_negative ? -(int64) number : (int64) number;
	return true;
}

/* Reads what ends a line: issued, redeemed, and their difference. */
static bool
parse_sum(DcepSpan line, DcepSum *sum)
{
	uint64 issued;
	uint64 redeemed;
	int64 outstanding;

	if (!dcep_note_number(dcep_note_word(&line), &issued) || !dcep_note_number(dcep_note_word(&line), &redeemed) ||
		!parse_outstanding(dcep_note_word(&line), &outstanding))
		return false;
	sum->issued = (int64) issued;
	sum->redeemed = (int64) redeemed;
	return line.len == 0 && sum->issued - sum->redeemed == outstanding;
}

/* Reads the rest of an operator's line. */
static bool
parse_operator(DcepTally *tally, DcepSpan line)
{
	int code;
	DcepSum sum = {0};

	if (!dcep_note_code(dcep_note_word(&line), &code) || !parse_sum(line, &sum))
		return false;
	add(&dcep_tally_of(tally, code)->issued, sum.issued);
	add(&dcep_tally_of(tally, code)->redeemed, sum.redeemed);
	return true;
}

/* Reads what the lines of a checkpoint state of supply. */
const char *
dcep_tally_parse(DcepTally *tally, DcepSpan lines)
{
	DcepSpan line;
	DcepSum all = {0};
	DcepSum stated = {0};
	bool is_stated = false;

	while (dcep_note_line(&lines, &line))
	{
		DcepSpan word = dcep_note_word(&line);

		if (dcep_span_is(word, "supply"))
		{
			(void) dcep_note_word(&line); /* currency and exponent */
			(void) dcep_note_word(&line);
			if (is_stated || !parse_sum(line, &stated))
				return "its line of supply cannot be read, or does not add up";
			is_stated = true;
		}
		else if (dcep_span_is(word, "operator") && !parse_operator(tally, line))
			return "an operator's line cannot be read, or does not add up";
	}
	for (int i = 0; i < tally->count; i++)
	{
		add(&all.issued, tally->sum[i].issued);
		add(&all.redeemed, tally->sum[i].redeemed);
	}
	if (!is_stated || all.issued != stated.issued || all.redeemed != stated.redeemed)
		return "its operators do not add up to its supply";
	return NULL;
}

/* Reads dcep.log_total. */
void
dcep_tally_load(DcepTally *tally, Snapshot snapshot)
{
	DcepTable *table = dcep_table_open(DCEP_LOG_TOTAL, NULL);
	DcepScan scan = dcep_scan_begin(table, DCEP_LOG_TOTAL_PKEY, snapshot, NULL, 0);

	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		DcepSum *sum = dcep_tally_of(tally, DatumGetInt16(dcep_column(table, TOTAL_INSTITUTION)));

		sum->issued = DatumGetInt64(dcep_column(table, TOTAL_ISSUED));
		sum->redeemed = DatumGetInt64(dcep_column(table, TOTAL_REDEEMED));
	}
	dcep_scan_end(&scan);
	dcep_table_close(table);
}
