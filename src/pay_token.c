/*
 * pay_token.c: dcep.pay_token().
 *
 * In this order: may the caller pay from the wallet, is the token valid (it is
 * used then), was this payment made before, is the payer locked out for
 * guessing; then the payment, by an INSERT into the journal.  Whatever is wrong with the token, and whatever keeps its wallet from
 * being paid, is one and the same error, after the failure was recorded
 * (guess.h): who the payee is, or that there is one, cannot be told from it.
 *
 * Lock order: the token's row, then wallets.  Two payers of a token meet at its
 * row, before either holds a wallet.  Whatever keeps the payment from being made is an
 * error, which gives the token back.
 */
#include "pay_token.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument.h"
#include "errcodes.h"
#include "guess.h"
#include "kept.h"
#include "plan.h"
#include "receipt.h"
#include "secret.h"
#include "till.h"
#include "token.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_pay_token);

static DcepTokenPayment *waiting = NULL;

/* The payment whose INSERT is about to begin. */
DcepTokenPayment *
dcep_token_payment_take(void)
{
	DcepTokenPayment *payment = waiting;

	waiting = NULL;
	return payment;
}

/* Puts the payee and the token into the instruction. */
void
dcep_token_payment_complete(const DcepTokenPayment *payment, DcepInstruction *instruction)
{
	instruction->order.payee = payment->payee;
	instruction->token = (DcepText){(const char *) payment->proof, sizeof(payment->proof)};
}

/* Keeps the outcome beyond the trigger. */
void
dcep_token_payment_result(DcepTokenPayment *payment, DcepOutcome outcome, const DcepTransfer *transfer,
						  const DcepRefusal *refusal)
{
	payment->executed = true;
	payment->outcome = outcome;
	if (outcome == DCEP_REFUSED)
		payment->refusal = dcep_refusal_copy(payment->context, refusal);
	else
		payment->transfer = dcep_transfer_keep(transfer);
}

/* --- the INSERT -------------------------------------------------------------- */

/* The payer stands in the payee's place: the trigger knows better, and plans are not secret. */
static const char *const pay_sql =
	"INSERT INTO dcep.transfer (kind, payer, payee, amount, key, memo, device_signature) "
	"VALUES ('token', $1, $1, $2, $3, $4, $5)";

/* What the caller gave, in the order of the statement's parameters. */
enum
{
	PARAM_PAYER,
	PARAM_AMOUNT,
	PARAM_KEY,
	PARAM_MEMO,
	PARAM_DEVICE_SIGNATURE,
	PARAM_COUNT
};

typedef struct Request
{
	Oid wallet_type;
	int64 payer;
	int64 token;
	Datum values[PARAM_COUNT];
	char nulls[PARAM_COUNT];
	DcepText key;
	DcepText memo;
} Request;

/* The prepared INSERT; it belongs to the backend and is revalidated by the plan cache. */
static SPIPlanPtr
pay_plan(Oid wallet_type)
{
	static DcepKeptPlan kept;
	const Oid types[] = {wallet_type, INT8OID, TEXTOID, TEXTOID, BYTEAOID};

	return dcep_kept_plan(&kept, pay_sql, lengthof(types), types);
}

/* Lets the journal's triggers execute the payment. */
static void
insert_row(Request *request, DcepTokenPayment *payment)
{
	SPI_connect();
	PG_TRY();
	{
		waiting = payment;
		if (SPI_execute_plan(pay_plan(request->wallet_type), request->values, request->nulls, false, 0) !=
			SPI_OK_INSERT)
			elog(ERROR, "could not execute a payment");
	}
	PG_FINALLY();
	{
		waiting = NULL;
	}
	PG_END_TRY();
	SPI_finish();
	if (!payment->executed)
		dcep_payment_raise_dropped();
}

/* --- refusals ------------------------------------------------------------------ */

/* Puts a refusal on record as the payer's side may read it: never with the payee, or why that cannot be paid. */
static void
keep(const Request *request, const DcepRefusal *refusal)
{
	int64 amount = DatumGetInt64(request->values[PARAM_AMOUNT]);

	dcep_refusal_keep(&(DcepKept){.refusal = refusal,
								  .kind = DCEP_KIND_TOKEN,
								  .payer = request->payer,
								  .amount = &amount,
								  .class = DCEP_KEPT_NO_CLASS});
}

/* Raises a refusal that concerns the payer. */
static _Noreturn void
refuse(const Request *request, const DcepRefusal *refusal)
{
	keep(request, refusal);
	dcep_refusal_raise(refusal);
}

/* --- what was done before ---------------------------------------------------- */

/* Is this the payment that a transfer has made? */
static bool
is_same_payment(const Request *request, const DcepContext *earlier)
{
	uint8 token[sizeof(int64)];

	dcep_put_u64(token, (uint64) request->token);
	return earlier->kind == DCEP_KIND_TOKEN &&
		   dcep_token_same(earlier->token, (DcepText){(const char *) token, sizeof(token)}) &&
		   earlier->amount == DatumGetInt64(request->values[PARAM_AMOUNT]) &&
		   dcep_text_same(earlier->memo, request->memo);
}

/* Was the payment made before? Its receipt then; an error where the key stands for another (LG302). */
static bool
find_receipt(const DcepConfig *config, const Request *request, TupleDesc desc, Datum *receipt)
{
	DcepJournal journal;
	DcepTransfer transfer;
	DcepRefusal refusal;
	Snapshot snapshot;
	bool found;

	if (request->key.data == NULL)
		return false;
	dcep_journal_open(&journal, false);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	found = dcep_till_find_key(config, &journal, snapshot, request->payer, request->key, &transfer);
	UnregisterSnapshot(snapshot);
	if (found && !is_same_payment(request, &transfer.context))
	{
		dcep_payment_refuse_key(request->key, transfer.context.id, &refusal);
		refuse(request, &refusal);
	}
	if (found)
		*receipt = dcep_receipt_make(config, &journal, desc, &transfer);
	dcep_journal_close(&journal);
	return found;
}

/* --- failures ---------------------------------------------------------------- */

/* Refuses what is no amount, before the token is looked at: nobody tries tokens out for nothing. */
static void
check_amount(const Request *request)
{
	const DcepOrder order = {.amount = DatumGetInt64(request->values[PARAM_AMOUNT])};
	DcepRefusal refusal;

	if (!dcep_rules_amount(&order, &refusal))
		refuse(request, &refusal);
}

/* Refuses a payer that is locked out. */
static void
check_not_locked(const Request *request)
{
	TimestampTz until = dcep_guess_locked_until(request->payer);
	DcepRefusal refusal;

	if (until <= GetCurrentTimestamp())
		return;
	dcep_refuse(&refusal, ERRCODE_DCEP_TOO_MANY_GUESSES, "too many failed payment tokens");
	keep(request, &refusal);
	ereport(ERROR, (errcode(refusal.sqlstate), errmsg_internal("%s", refusal.message),
					errdetail("The payer can pay to tokens again from %s on.", timestamptz_to_str(until)),
					errhint("Each further failure doubles the time, up to a day; a day without one ends it."),
					errhidestmt(true), errhidecontext(true)));
}

/* Records the failure and raises the one error there is. */
static _Noreturn void
fail(const Request *request)
{
	DcepRefusal refusal;

	dcep_guess_record(request->payer);
	dcep_refuse(&refusal, ERRCODE_DCEP_TOKEN_INVALID, "payment token not valid");
	keep(request, &refusal);
	ereport(ERROR, (errcode(refusal.sqlstate), errmsg_internal("%s", refusal.message),
					errhint("Ask the payee for a new token."), errhidestmt(true), errhidecontext(true)));
	pg_unreachable();
}

/* Does a refusal say something about the payee? */
static bool
is_about_payee(int64 payer, DcepRefusal *refusal)
{
	switch (refusal->sqlstate)
	{
		/* The payer's own fault is refused as such. */
		case ERRCODE_DCEP_NO_SUCH_WALLET:
		case ERRCODE_DCEP_WALLET_CLOSED:
			return dcep_purse_check_open(payer, refusal);
		case ERRCODE_DCEP_PAYER_IS_PAYEE:
		case ERRCODE_DCEP_PAYEE_BLOCKED:
		case ERRCODE_DCEP_COUNTERPARTY_BARRED:
		case ERRCODE_DCEP_OVER_BALANCE_CAP:
		case ERRCODE_INVALID_PARAMETER_VALUE: /* this kind does not run between these wallets */
			return true;
		default:
			return false;
	}
}

/* --- dcep.pay_token() ---------------------------------------------------------- */

/* Reads the arguments. */
static Request
read_request(FunctionCallInfo fcinfo)
{
	static const int argument[PARAM_COUNT] = {0, 2, 3, 4, 5};
	Request request = {.wallet_type = get_fn_expr_argtype(fcinfo->flinfo, 0)};

	dcep_require_arguments(fcinfo, 0, 3, "payer, token and amount");
	request.payer = PG_GETARG_WALLET_ID(0);
	request.token = PG_GETARG_OTP_TOKEN(1);
	for (int i = 0; i < PARAM_COUNT; i++)
	{
		request.values[i] = PG_GETARG_DATUM(argument[i]);
		request.nulls[i] = PG_ARGISNULL(argument[i]) ? 'n' : ' ';
	}
	request.key = dcep_text(request.values[PARAM_KEY], request.nulls[PARAM_KEY] == 'n');
	request.memo = dcep_text(request.values[PARAM_MEMO], request.nulls[PARAM_MEMO] == 'n');
	return request;
}

/* Pays the wallet of a token that has been taken; false where that wallet cannot be paid. */
static bool
pay_wallet(Request *request, int64 payee, DcepTokenPayment *payment)
{
	*payment = (DcepTokenPayment){.payee = payee, .context = CurrentMemoryContext};
	dcep_put_u64(payment->proof, (uint64) request->token);
	dcep_secret_random(payment->proof + sizeof(int64), DCEP_TOKEN_SALT_LEN);
	insert_row(request, payment);
	if (payment->outcome != DCEP_REFUSED)
		return true;
	if (!is_about_payee(request->payer, &payment->refusal))
		refuse(request, &payment->refusal);
	return false;
}

/* The receipt of a payment that was made just now. */
static Datum
make_receipt(const DcepConfig *config, const Request *request, TupleDesc desc, DcepTokenPayment *payment)
{
	DcepJournal journal;
	Datum receipt;

	payment->transfer.context.key = request->key;
	dcep_journal_open(&journal, false);
	receipt = dcep_receipt_make(config, &journal, desc, &payment->transfer);
	dcep_journal_close(&journal);
	return receipt;
}

/* dcep.pay_token(payer, token, amount, key, memo, device_signature) → receipt */
Datum
dcep_pay_token(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	TupleDesc desc = dcep_receipt_desc(fcinfo);
	Request request = read_request(fcinfo);
	DcepTable *tokens;
	DcepToken token;
	DcepTokenPayment payment;
	Datum receipt;
	bool valid;

	dcep_access_require_acting(request.payer);
	check_amount(&request);
	tokens = dcep_tokens_open();
	valid = dcep_token_take(tokens, request.token, &token);
	if (!valid && find_receipt(config, &request, desc, &receipt))
	{
		dcep_tokens_close(tokens);
		return receipt;
	}
	check_not_locked(&request);
	if (!valid || !pay_wallet(&request, token.wallet, &payment))
		fail(&request);
	dcep_tokens_close(tokens);
	return make_receipt(config, &request, desc, &payment);
}
