/*
 * payment.c: executes one instruction.
 *
 * In this order: who asks, the payer's lock (and a capped payee's), whether it
 * was done before (for a vault with tills before the lock: it decides which of
 * them pays), the rules, the coins, the reserve, the hash and the
 * signature.  Up to there nothing has been changed but the reserve, whose
 * entry is the last thing that can be refused; then coins are consumed and
 * minted and the payer's chain grows.
 */
#include "payment.h"

#include "access/xact.h"
#include "commands/sequence.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "device.h"
#include "errcodes.h"
#include "kept.h"
#include "keyring.h"
#include "reserve.h"
#include "spend.h"
#include "till.h"

/* A payment on its way. */
typedef struct Payment
{
	DcepStatement *statement;
	const DcepConfig *config;
	const DcepInstruction *instruction;
	DcepTransfer *transfer;
	DcepRefusal *refusal;
	const DcepInstitution *tills; /* whose vault or till the payer is, where it has tills; else NULL */
	DcepPurse *named;			  /* the payer that the instruction names */
	DcepPurse *payer;			  /* the one that pays: that, or a till in its stead */
	DcepPurse *payee;
	Snapshot snapshot; /* taken under the locks */
	TimestampTz now;
	DateADT day;
	bool burns;				 /* redemption: the payee gets no coin */
	bool mints;				 /* the payer spends no coin: an issue, or what another node's wallet has paid there */
	bool leaves;			 /* the payee's coin is for another node */
	bool consolidates;		 /* the payer is the payee, and its coins decide the amount */
	bool recovers;			 /* by order of two authorities, or back to the payer: nothing here stands against it */
	const DcepClass *limits; /* of the payer that is named, and of the payee */
	const DcepClass *payee_limits;
	DcepClass own[2];		   /* room for those that are not their class's */
	DcepText device_signature; /* of the payer's device, verified; absent where there is none */
	DcepUsage usage;
	DcepSpend spend;
} Payment;

/* What a wallet of another node has paid is entered by the messages that say so, and in no other way. */
static bool
check_delivery(const DcepInstruction *instruction, DcepRefusal *refusal)
{
	char digits[DCEP_WALLET_DIGITS + 1];

	if (dcep_statement_current()->delivers)
		return true;
	dcep_wallet_print(instruction->order.payer, digits);
	dcep_refuse(refusal, ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to pay from this wallet");
	dcep_refusal_detail(refusal, "Payer %s is kept by another node.", digits);
	return dcep_refusal_hint(refusal, "Pay on the node of its institution; dcep.peers shows where.");
}

/* Refuses a role that may not pay from this wallet, before anything about the wallet is said. */
static bool
check_authority(const DcepInstruction *instruction, DcepRefusal *refusal)
{
	char digits[DCEP_WALLET_DIGITS + 1];

	if (instruction->order.kind == DCEP_KIND_RECOVER && !dcep_access_owns())
	{
		dcep_refuse(refusal, ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to recover money");
		return dcep_refusal_hint(refusal, "Money is recovered by dcep.recover(), under orders of two authorities.");
	}
	if (instruction->order.kind == DCEP_KIND_TOKEN && instruction->token.data == NULL)
	{
		dcep_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, "this kind of transfer cannot be inserted");
		return dcep_refusal_hint(refusal, "A payment to a token is made by dcep.pay_token().");
	}
	if (!dcep_config_is_here(dcep_config_required(), instruction->order.payer))
		return check_delivery(instruction, refusal);
	if (dcep_access_acts_for(dcep_wallet_institution(instruction->order.payer)))
		return true;
	dcep_wallet_print(instruction->order.payer, digits);
	dcep_refuse(refusal, ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to pay from this wallet");
	dcep_refusal_detail(refusal, "Payer %s belongs to another institution.", digits);
	return dcep_refusal_hint(refusal, "A role pays from wallets of the institution that it is bound to.");
}

/* Keys and memos have a length that fits. */
static bool
check_texts(const DcepInstruction *instruction, DcepRefusal *refusal)
{
	const char *what = NULL;
	uint32 max = 0;

	if (instruction->key.len > DCEP_KEY_MAX)
	{
		what = "key";
		max = DCEP_KEY_MAX;
	}
	else if (instruction->memo.len > DCEP_MEMO_MAX)
	{
		what = "memo";
		max = DCEP_MEMO_MAX;
	}
	if (what == NULL)
		return true;
	dcep_refuse(refusal, ERRCODE_STRING_DATA_RIGHT_TRUNCATION, "key or memo is too long");
	return dcep_refusal_detail(refusal, "The %s has more than %u bytes.", what, max);
}

/* Is the payer one that is locked before all payees? Where tills pay, since they are taken as they are free. */
static bool
is_first(const Payment *payment)
{
	return payment->tills &&
		   dcep_config_class(payment->config, DCEP_CLASS_VAULT, payment->day)->max_balance == DCEP_NO_LIMIT;
}

/*
 * Locks the payer, and a payee whose class caps its balance; the lower number
 * first, but a vault with tills and its tills before all. False where the payer has no chain to lock.
 */
static bool
lock_parties(Payment *payment, Snapshot snapshot)
{
	DcepPurse *payer = payment->payer;
	DcepPurse *payee = payment->payee;
	bool both = payee != payer && dcep_rules_is_capped(payment->config, &payee->party, payment->day);

	if (both && payee->party.wallet < payer->party.wallet && !is_first(payment) &&
		!dcep_purse_lock(&payment->statement->purses, payee, snapshot))
		return false;
	return dcep_purse_lock(&payment->statement->purses, payer, snapshot) &&
		   (!both || dcep_purse_lock(&payment->statement->purses, payee, snapshot));
}

/* The parties cannot be locked: one of them does not exist, or has lost its chain. */
static bool
refuse_parties(Payment *payment, Snapshot snapshot)
{
	const DcepParty *payer = &payment->payer->party;
	const DcepParty *payee = &payment->payee->party;

	dcep_purse_read(&payment->statement->purses, payment->payer, snapshot);
	if (payer->exists && payee->exists)
		dcep_purse_raise_missing();
	return dcep_rules_parties(&payment->instruction->order, payer, payee, payment->refusal);
}

/* The purse that pays: a till in the vault's stead, where there are any and one may; else the payer's own. */
static DcepPurse *
choose_payer(Payment *payment)
{
	const DcepOrder *order = &payment->instruction->order;

	if (payment->tills == NULL || !payment->payee->party.exists ||
		!dcep_till_may_pay(payment->config, payment->tills, order, payment->day))
		return payment->named;
	return dcep_till_choose(payment->statement, payment->tills, order->amount);
}

/* Reads the payer, and whom it stands for, under the payer's lock. */
static void
read_payer(Payment *payment)
{
	DcepPurses *purses = &payment->statement->purses;

	if (payment->payer->known && payment->named->known)
		return;
	dcep_purse_read(purses, payment->payer, payment->snapshot);
	if (payment->named != payment->payer)
		dcep_purse_read(purses, payment->named, payment->snapshot);
}

/*
 * Where something of the payer's money is held, counts the money before the
 * payment has its time: what was credited later does not count, and the auditor
 * can tell so by the credit's time.
 */
static void
count_held(Payment *payment)
{
	if (dcep_controls_held(payment->payer->party.controls, GetCurrentTimestamp()) > 0)
		(void) dcep_purse_balance(&payment->statement->purses, payment->payer, payment->snapshot);
}

/* Meets the two parties: finds them, locks them, and reads the payer under its lock. */
static bool
meet_parties(Payment *payment)
{
	DcepStatement *statement = payment->statement;
	Snapshot before = dcep_purses_snapshot(&statement->purses);
	bool met;

	payment->payee = dcep_purse_of(&statement->purses, payment->instruction->order.payee);
	payment->named = dcep_purse_of(&statement->purses, payment->instruction->order.payer);
	if (!payment->payee->known)
		dcep_purse_read(&statement->purses, payment->payee, before);
	payment->payer = choose_payer(payment);
	met = (payment->payee->party.exists && lock_parties(payment, before)) || refuse_parties(payment, before);
	UnregisterSnapshot(before);
	if (!met)
		return false;
	/* Others may have paid while we waited for the lock. */
	payment->snapshot = dcep_purses_snapshot(&statement->purses);
	read_payer(payment);
	count_held(payment);
	payment->now = GetCurrentTimestamp();
	payment->day = Max(dcep_config_day(payment->config, payment->now), payment->payer->usage.day);
	return true;
}

typedef enum Earlier
{
	EARLIER_NONE,
	EARLIER_SAME,
	EARLIER_OTHER
} Earlier;

/* Finds the transfer that the instruction's key stands for, under the lock that keeps the key for us. */
static bool
find_key(Payment *payment)
{
	const DcepInstruction *instruction = payment->instruction;
	int64 payer = instruction->order.payer;

	if (payment->tills == NULL)
		return dcep_transfer_find_key(payment->config, &payment->statement->journal, payment->snapshot, payer,
									  instruction->key, payment->transfer);
	dcep_till_lock(dcep_till_key_lock(payment->tills, instruction->key));
	return dcep_till_find_current_key(payment->config, payment->statement, payer, instruction->key, payment->transfer);
}

/* Has this payer used this key before, and for the same? The earlier transfer is left in payment->transfer. */
static Earlier
find_earlier(Payment *payment)
{
	const DcepInstruction *instruction = payment->instruction;
	const DcepContext *earlier = &payment->transfer->context;

	if (instruction->key.data == NULL || !find_key(payment))
		return EARLIER_NONE;
	return earlier->kind == instruction->order.kind && earlier->payee == instruction->order.payee &&
				   (payment->consolidates || earlier->amount == instruction->order.amount) &&
				   dcep_text_same(earlier->memo, instruction->memo) &&
				   dcep_token_same(earlier->token, instruction->token)
			   ? EARLIER_SAME
			   : EARLIER_OTHER;
}

/* Refuses a key that stands for another payment. */
bool
dcep_payment_refuse_key(DcepText key, int64 transfer, DcepRefusal *refusal)
{
	dcep_refuse(refusal, ERRCODE_DCEP_KEY_REUSED, "key was already used by this payer for something else");
	dcep_refusal_detail(refusal, "Key \"%.*s\" stands for transfer " INT64_FORMAT ".", (int) key.len, key.data,
						transfer);
	return dcep_refusal_hint(refusal, "Use a new key for every payment.");
}

/* A row of the journal never came to the trigger that executes it. */
void
dcep_payment_raise_dropped(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("payment was dropped before it was executed"),
			 errhint("A trigger or a rule on dcep.transfer dropped the row. Nothing has been paid.")));
	pg_unreachable();
}

/* Has the payer's device signed, where it must? A signature that is given is verified in any case. */
static bool
check_device(Payment *payment)
{
	const DcepInstruction *instruction = payment->instruction;
	DcepContext context;

	if (instruction->device_signature.data == NULL &&
		!dcep_device_must_sign(instruction->order.kind, payment->named->party.flags))
		return true;
	context = dcep_instruction_context(&instruction->order, instruction->key, instruction->memo, instruction->token);
	return dcep_device_check(payment->config, &context, instruction->device_signature, payment->now,
							 &payment->device_signature, payment->refusal);
}

/* The payee's balance cap, where its class has one. */
static bool
check_cap(Payment *payment)
{
	if (!dcep_rules_cap_applies(&payment->instruction->order, payment->payee_limits))
		return true; /* and without a cap the payee is not locked */
	return dcep_rules_cap(&payment->instruction->order, payment->payee_limits,
						  dcep_purse_balance(&payment->statement->purses, payment->payee, payment->snapshot),
						  payment->refusal);
}

/* May the two deal with each other, and where a till pays, may it deal with the payee? */
static bool
check_dealings(Payment *payment)
{
	const DcepParty *payee = &payment->payee->party;

	return dcep_rules_dealings(payment->config, &payment->named->party, payee, &payment->usage, payment->day,
							   payment->now, payment->refusal) &&
		   (payment->payer == payment->named ||
			dcep_rules_dealings(payment->config, &payment->payer->party, payee, &payment->usage, payment->day,
								payment->now, payment->refusal));
}

/* The payer's limits and the payee's cap, which a consolidation cannot exceed: no money moves. */
static bool
check_limits(Payment *payment)
{
	const DcepOrder *order = &payment->instruction->order;
	const DcepParty *payer = &payment->named->party;

	return check_dealings(payment) &&
		   dcep_rules_limits(order, payment->limits, payer->controls, payment->day, payment->now, &payment->usage,
							 payment->refusal) &&
		   check_cap(payment) &&
		   dcep_spend_keeps_hold(payment->statement, order, payment->payer, payment->now, payment->snapshot,
								 payment->refusal);
}

/* May the payer pay, may the payee receive, and where a till pays, may it? */
static bool
check_restrictions(Payment *payment)
{
	const DcepOrder *order = &payment->instruction->order;
	DcepParty *named = &payment->named->party;

	/* An order came upon the vault or the till while that was waited for: what one chain measures is not the other's. */
	if (payment->payer != payment->named && (named->controls || payment->payer->party.controls))
		named->changing = true;
	return dcep_rules_restrictions(payment->config, order, named, &payment->payee->party, payment->limits,
								   payment->payee_limits, payment->now, payment->refusal) &&
		   (payment->payer == payment->named ||
			dcep_rules_restrictions(payment->config, order, &payment->payer->party, &payment->payee->party,
									payment->limits, payment->payee_limits, payment->now, payment->refusal));
}

/* All rules up to the coins. */
static bool
check_rules(Payment *payment, bool key_reused)
{
	const DcepOrder *order = &payment->instruction->order;
	const DcepParty *payer = &payment->named->party;
	const DcepParty *payee = &payment->payee->party;

	if (!dcep_rules_parties(order, payer, payee, payment->refusal))
		return false;
	if (key_reused)
		return dcep_payment_refuse_key(payment->instruction->key, payment->transfer->context.id, payment->refusal);
	if (!check_device(payment))
		return false;
	payment->usage = payment->payer->usage;
	payment->limits = dcep_rules_class(payment->config, payer, payment->day, &payment->own[0]);
	payment->payee_limits = dcep_rules_class(payment->config, payee, payment->day, &payment->own[1]);
	return dcep_rules_kind(payment->config, order, payer, payee, payment->refusal) &&
		   (payment->recovers || (check_restrictions(payment) && (payment->consolidates || check_limits(payment))));
}

/* Chooses the coins; an issue needs none. */
static bool
choose_coins(Payment *payment)
{
	if (payment->mints)
		return true;
	if (payment->consolidates)
		return dcep_spend_smallest(payment->statement, payment->config, payment->payer,
								   payment->statement->consolidation.max_coins, payment->now, payment->snapshot,
								   &payment->spend, payment->refusal);
	return dcep_spend_select(payment->statement, payment->config, payment->payer, payment->instruction->order.amount,
							 payment->now, payment->snapshot, &payment->spend, payment->refusal);
}

/* Fills in the transfer, all but hash and signature. */
static void
compose_transfer(Payment *payment)
{
	const DcepInstruction *instruction = payment->instruction;
	DcepTransfer *transfer = payment->transfer;
	DcepContext *context = &transfer->context;

	memcpy(context->prev_hash, payment->payer->head, DCEP_HASH_LEN);
	context->seq = payment->payer->seq + 1;
	context->id = nextval_internal(dcep_relation_oid(DCEP_TRANSFER_ID_SEQ), false);
	context->kind = instruction->order.kind;
	context->payer = payment->payer->party.wallet;
	context->payee = instruction->order.payee;
	context->amount = payment->consolidates ? payment->spend.total : instruction->order.amount;
	context->created_at = dcep_unix_time(payment->now);
	context->key = instruction->key;
	context->memo = instruction->memo;
	context->token = instruction->token;
	context->device_signature = payment->device_signature;
	context->inputs = dcep_spend_inputs(payment->payer, &payment->spend, &context->input_count);
	transfer->change = payment->mints ? 0 : payment->spend.total - context->amount;
}

/* Hashes the transfer, and has it signed with the key of the payer's institution. */
static void
sign_transfer(Payment *payment)
{
	DcepTransfer *transfer = payment->transfer;
	int institution = dcep_transfer_signer(payment->config, &transfer->context);
	DcepOpening opening;
	DcepKeptKey *kept;
	const DcepSigningKey *key = dcep_keyring_signer(payment->config, institution, payment->now, &kept);

	transfer->issuer = institution;
	transfer->suite = key->suite;
	transfer->key_number = key->number;
	dcep_transfer_open(payment->config, transfer, &opening);
	memcpy(transfer->hash, opening.transfer_hash, DCEP_HASH_LEN);
	dcep_statement_sign(payment->statement, kept, transfer);
}

/* The reserve's side of an issue or a redemption, where the reserves are kept. */
static bool
move_reserve(Payment *payment)
{
	const DcepContext *context = &payment->transfer->context;

	if (context->kind == DCEP_KIND_ISSUE && dcep_config_is_here(payment->config, context->payer))
		return dcep_reserve_post(payment->config, dcep_wallet_institution(context->payee), -context->amount,
								 context->id, context->key, payment->refusal);
	if (payment->burns && dcep_config_is_here(payment->config, context->payee))
		return dcep_reserve_post(payment->config, dcep_wallet_institution(context->payer), context->amount, context->id,
								 context->key, payment->refusal);
	return true;
}

/* Coins change hands, and the payer's chain grows. */
static void
settle_payment(Payment *payment)
{
	DcepPurse *payer = payment->payer;
	DcepPurse *payee = payment->payee;
	const DcepContext *context = &payment->transfer->context;

	Assert(payer->locked);
	Assert(payment->mints || payment->spend.total == context->amount + payment->transfer->change);
	dcep_spend_consume(payment->statement, payer, &payment->spend);
	if (payment->leaves)
		dcep_statement_leaves(payment->statement, context->id);
	else if (!payment->burns)
	{
		dcep_purse_mint(&payment->statement->purses, payee, 2 * context->id + DCEP_COIN_PAYEE, context->amount);
		payee->balance += context->amount;
	}
	if (payment->transfer->change > 0)
		dcep_purse_mint(&payment->statement->purses, payer, 2 * context->id + DCEP_COIN_CHANGE,
						payment->transfer->change);
	if (!payment->mints)
		payer->balance -= context->amount;
	payer->usage = payment->usage;
	payer->seq = context->seq;
	memcpy(payer->head, payment->transfer->hash, DCEP_HASH_LEN);
	payer->dirty = true;
}

/* Locks a wallet that is to be consolidated in passing; false where others hold it. */
static bool
lock_in_passing(Payment *payment)
{
	DcepPurses *purses = &payment->statement->purses;
	Snapshot snapshot = dcep_purses_snapshot(purses);
	bool locked = dcep_purse_try_lock(purses, dcep_purse_of(purses, payment->instruction->order.payer), snapshot);

	UnregisterSnapshot(snapshot);
	return locked;
}

/* The payment proper, between known parties. */
static DcepOutcome
execute(Payment *payment)
{
	Earlier earlier = EARLIER_NONE;

	if (payment->consolidates && payment->statement->consolidation.skip_locked && !lock_in_passing(payment))
		return DCEP_NOTHING;
	if (payment->tills)
		earlier = find_earlier(payment);
	if (earlier == EARLIER_SAME)
		return DCEP_REPLAYED;
	if (!meet_parties(payment))
		return DCEP_REFUSED;
	if (payment->tills == NULL)
		earlier = find_earlier(payment);
	if (earlier == EARLIER_SAME)
		return DCEP_REPLAYED;
	if (!check_rules(payment, earlier == EARLIER_OTHER) || !choose_coins(payment))
		return DCEP_REFUSED;
	if (payment->consolidates && payment->spend.stored_count < 2)
		return DCEP_NOTHING;
	compose_transfer(payment);
	if (!move_reserve(payment))
		return DCEP_REFUSED;
	sign_transfer(payment);
	settle_payment(payment);
	return DCEP_PAID;
}

/*
 * Keeps a refusal on record, whatever becomes of the transaction. Where a wallet consolidates nobody
 * wanted to pay.
 */
static void
keep_refusal(const Payment *payment)
{
	const DcepOrder *order = &payment->instruction->order;
	const DcepPurse *payer = payment->named;

	dcep_refusal_keep(&(DcepKept){.refusal = payment->refusal,
								  .kind = order->kind,
								  .payer = order->payer,
								  .payee = order->payee,
								  .amount = &order->amount,
								  .class = payer && payer->party.exists ? payer->party.class : DCEP_KEPT_NO_CLASS});
}

/*
 * Does nothing stand against this kind here? The orders of a recovery are known
 * where the money was held: for the payee's node what another sends is a payment
 * like any, and where it may not be credited it goes back, to be held again.
 */
static bool
is_unopposed(const DcepConfig *config, const DcepOrder *order)
{
	return order->kind == DCEP_KIND_RETURN ||
		   (order->kind == DCEP_KIND_RECOVER && dcep_config_is_here(config, order->payer));
}

/* Executes an instruction in the current statement. */
DcepOutcome
dcep_payment_execute(DcepStatement *statement, const DcepConfig *config, const DcepInstruction *instruction,
					 DcepTransfer *transfer, DcepRefusal *refusal)
{
	Payment payment = {
		.statement = statement,
		.config = config,
		.instruction = instruction,
		.transfer = transfer,
		.refusal = refusal,
		/* a wallet consolidates its own coins, tills or not */
		.tills =
			instruction->order.kind == DCEP_KIND_CONSOLIDATE ? NULL : dcep_till_owner(config, instruction->order.payer),
		.burns = instruction->order.kind == DCEP_KIND_REDEEM,
		.mints = instruction->order.kind == DCEP_KIND_ISSUE || !dcep_config_is_here(config, instruction->order.payer),
		.leaves = !dcep_config_is_here(config, instruction->order.payee),
		.recovers = is_unopposed(config, &instruction->order),
		.consolidates = instruction->order.kind == DCEP_KIND_CONSOLIDATE};
	DcepOutcome outcome = DCEP_REFUSED;

	if (check_authority(instruction, refusal) && check_texts(instruction, refusal))
	{
		ResourceOwner caller = dcep_statement_enter(statement);

		payment.day = dcep_config_day(config, GetCurrentTimestamp());
		outcome = execute(&payment);
		if (payment.snapshot)
			UnregisterSnapshot(payment.snapshot);
		dcep_statement_leave(caller);
	}
	/* What is refused about a token's payee is not for the payer's side; pay_token.c keeps what it may read. */
	if (outcome == DCEP_REFUSED && !payment.consolidates && instruction->order.kind != DCEP_KIND_TOKEN)
		keep_refusal(&payment);
	return outcome;
}
