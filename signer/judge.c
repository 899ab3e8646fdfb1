/*
 * judge.c: what is signed, and what is refused.
 */
#include "judge.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opening.h"

#define CENTRAL_BANK 1
#define TRANSFER_ID_MAX (INT64_MAX / 2)
#define CLOCK_TOLERANCE INT64_C(3600000000) /* between the ledger's clock and ours, microseconds */
#define RECORD_TAG_ENTRY 0x05
#define RECORD_TAG_ACT 0x06

/* A transfer that shall be signed. */
typedef struct Item
{
	DcepContext context;
	int64_t change;
	bool burns;
	bool issues;
	bool destroys; /* what another node's wallet has redeemed there is entered here: nothing is minted */
	bool leaves;
	int64_t minted; /* what counts against the quota */
	int64_t paid_out;
	DcepOpening opening;
} Item;

/* A request under judgement. */
typedef struct Case
{
	Store *store;
	HeldKey *key;
	int64_t now;
	uint32_t count;
	Item *item;
	int64_t *numbers; /* room for the ids of all inputs */
	uint32_t coin_count;
	DcepCoin *coin; /* that were shown, verified */
	uint32_t next_coin;
	uint32_t need_count;
	int64_t *need;
	Buffer *answer;
} Case;

/* --- answers ----------------------------------------------------------------------- */

/* Begins an answer; its length is filled in by finish_answer(). */
static void
begin_answer(Buffer *answer, int type)
{
	buffer_put_number(answer, 0, 4);
	buffer_put_number(answer, (uint64_t) type, 1);
}

static void
finish_answer(Buffer *answer, size_t begin)
{
	dcep_put_u32(answer->data + begin, (uint32_t) (answer->len - begin - 4));
}

/* Refuses, with a sentence; returns false. */
static bool __attribute__((format(printf, 3, 4))) refuse(Case *judged, DcepWireRefusal reason, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	begin_answer(judged->answer, DCEP_WIRE_REFUSED);
	buffer_put_number(judged->answer, reason, 1);
	buffer_put(judged->answer, text, strlen(text));
	say("refused: %s", text);
	return false;
}

static bool
refuse_malformed(Case *judged)
{
	return refuse(judged, DCEP_WIRE_MALFORMED, "The request cannot be read.");
}

/* --- reading a request ---------------------------------------------------------------- */

/* The key that a request is for. */
static bool
take_key(Case *judged, DcepReader *request)
{
	size_t len = (size_t) dcep_take_number(request, 1);
	const uint8_t *public_key = dcep_take_bytes(request, len);

	if (public_key == NULL)
		return refuse_malformed(judged);
	judged->key = store_key(judged->store, public_key, len);
	return judged->key != NULL || refuse(judged, DCEP_WIRE_UNKNOWN_KEY, "It is not among the keys of the process.");
}

/*
 * Does a transfer end at the registry what an operator's node has redeemed? Its coins were consumed there. Here it
 * mints no coin, so that it needs no cover, whoever makes it up.
 */
static bool
is_end_of_redemption(const Case *judged, const Item *item)
{
	const DcepContext *context = &item->context;

	return item->burns && judged->key->institution->code == CENTRAL_BANK && context->input_count == 0 &&
		   item->change == 0 && dcep_wallet_institution(context->payee) == CENTRAL_BANK &&
		   store_institution(judged->store, dcep_wallet_institution(context->payer)) == NULL;
}

/* The transfers of a request. */
static bool
take_items(Case *judged, DcepReader *request)
{
	size_t used = 0;

	judged->count = (uint32_t) dcep_take_number(request, 4);
	if (request->at == NULL || judged->count < 1 || judged->count > DCEP_WIRE_BATCH_MAX)
		return refuse_malformed(judged);
	judged->item = zeros(judged->count, sizeof(Item));
	judged->numbers = zeros((size_t) (request->end - request->at) / 8 + 1, sizeof(int64_t));
	for (uint32_t i = 0; i < judged->count; i++)
	{
		Item *item = &judged->item[i];
		size_t len;
		const uint8_t *bytes;

		item->change = (int64_t) dcep_take_number(request, 8);
		len = (size_t) dcep_take_number(request, 4);
		bytes = dcep_take_bytes(request, len);
		if (bytes == NULL || dcep_context_get(bytes, len, &item->context, judged->numbers + used) != NULL)
			return refuse_malformed(judged);
		used += item->context.input_count;
		item->issues = item->context.kind == DCEP_KIND_ISSUE;
		item->burns = item->context.kind == DCEP_KIND_REDEEM;
		item->destroys = is_end_of_redemption(judged, item);
		item->leaves =
			item->burns || store_institution(judged->store, dcep_wallet_institution(item->context.payee)) == NULL;
	}
	return true;
}

/* Has a key that is known signed this coin? */
static bool
is_signed_by(DcepKeyPair *pair, const DcepSignedCoin *coin)
{
	uint8_t root[DCEP_HASH_LEN];

	return dcep_key_suite(pair) == coin->coin.suite && dcep_signed_coin_root(coin, root) &&
		   dcep_root_verify(pair, root, coin->signature) == DCEP_SIGNATURE_VALID;
}

/* Is a coin that was shown good: one of our own keys, or one that the statement trusts? */
static bool
is_good(const Case *judged, const DcepSignedCoin *coin)
{
	const Institution *institution = judged->key->institution;
	const Quota *quota = &institution->quota;

	if (memcmp(coin->coin.currency, institution->currency, DCEP_CURRENCY_LEN) != 0 ||
		coin->coin.exponent != institution->exponent)
		return false;
	for (int i = 0; i < judged->store->key_count; i++)
	{
		const HeldKey *key = &judged->store->key[i];

		if (key->institution->code == coin->coin.issuer && key->number == coin->coin.key_number &&
			is_signed_by(key->pair, coin))
			return true;
	}
	for (int i = 0; i < quota->trusted_count; i++)
	{
		const TrustedKey *key = &quota->trusted[i];

		if (key->institution == coin->coin.issuer && key->number == coin->coin.key_number &&
			is_signed_by(key->pair, coin))
			return true;
	}
	return false;
}

/* The coins that are shown beside the transfers. */
static bool
take_coins(Case *judged, DcepReader *request)
{
	uint32_t count = (uint32_t) dcep_take_number(request, 4);
	DcepSignedCoin coin;

	if (request->at == NULL || count > DCEP_WIRE_NEED_MAX)
		return refuse_malformed(judged);
	judged->coin = zeros(count, sizeof(DcepCoin));
	for (; judged->coin_count < count; judged->coin_count++)
	{
		size_t len = (size_t) dcep_take_number(request, 4);
		const uint8_t *bytes = dcep_take_bytes(request, len);

		if (bytes == NULL || dcep_signed_coin_get(bytes, len, &coin) != NULL)
			return refuse_malformed(judged);
		if (!is_good(judged, &coin))
			return refuse(judged, DCEP_WIRE_NOT_COVERED, "Coin %lld was not signed by a key that the signer trusts.",
						  (long long) coin.coin.id);
		judged->coin[judged->coin_count] = coin.coin;
	}
	return request->at == request->end || refuse_malformed(judged);
}

/* --- is it covered? ------------------------------------------------------------------- */

/* Are the numbers of a transfer such as a ledger writes, and is it this key's to sign? */
static bool
check_item(Case *judged, const Item *item, int64_t last_id)
{
	const DcepContext *context = &item->context;
	int code = judged->key->institution->code;
	int64_t distance =
		context->created_at > judged->now ? context->created_at - judged->now : judged->now - context->created_at;

	if (context->id <= last_id || context->id > TRANSFER_ID_MAX || context->seq < 1 || context->amount < 1 ||
		item->change < 0 || context->kind < 1 || context->kind > DCEP_KIND_MAX || context->created_at < 0 ||
		dcep_wallet_check(context->payer) != NULL || dcep_wallet_check(context->payee) != NULL)
		return refuse_malformed(judged);
	if (dcep_wallet_institution(context->payer) != code && !item->destroys)
		return refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld: the payer is not of institution %04d.",
					  (long long) context->id, code);
	if (distance > CLOCK_TOLERANCE)
		return refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld: its time is not within an hour of the signer's.",
					  (long long) context->id);
	if (item->issues && (code != CENTRAL_BANK || context->input_count > 0 || item->change > 0))
		return refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld: this is no issue of the central bank.",
					  (long long) context->id);
	return true;
}

/* The amount of a coin that an earlier transfer of the request mints for this owner; 0 for none. */
static int64_t
find_in_request(const Case *judged, uint32_t before, int64_t id, int64_t owner)
{
	uint32_t low = 0;
	uint32_t high = before;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		const Item *item = &judged->item[middle];

		if (item->context.id == id >> 1)
		{
			if ((id & 1) == DCEP_COIN_CHANGE)
				return item->context.payer == owner ? item->change : 0;
			return item->context.payee == owner && !item->burns ? item->context.amount : 0;
		}
		if (item->context.id < id >> 1)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* The amount of a coin that has been shown as this owner's; 0 for none. They mostly come in the order of their use. */
static int64_t
find_shown(Case *judged, int64_t id, int64_t owner)
{
	for (uint32_t i = 0; i < judged->coin_count; i++)
	{
		uint32_t at = (judged->next_coin + i) % judged->coin_count;

		if (judged->coin[at].id == id && judged->coin[at].owner == owner)
		{
			judged->next_coin = at + 1;
			return judged->coin[at].amount;
		}
	}
	return 0;
}

/* The amount of an input, 0 where it must be shown. */
static int64_t
find_amount(Case *judged, uint32_t index, int64_t id)
{
	int64_t owner = judged->item[index].context.payer;
	int64_t amount = find_in_request(judged, index, id, owner);

	if (amount == 0 && !coins_find(judged->store->coins, id, owner, &amount))
		amount = find_shown(judged, id, owner);
	return amount;
}

/* Notes a coin that must be shown; no more are asked for than an answer has room for. */
static void
need_coin(Case *judged, int64_t id)
{
	if (judged->need == NULL)
		judged->need = zeros(DCEP_WIRE_NEED_MAX, sizeof(int64_t));
	if (judged->need_count < DCEP_WIRE_NEED_MAX)
		judged->need[judged->need_count++] = id;
}

/* Are the inputs worth what is minted? What must be shown first is noted. */
static bool
check_sums(Case *judged, uint32_t index)
{
	const Item *item = &judged->item[index];
	const DcepContext *context = &item->context;
	int64_t inputs = 0;
	int64_t outputs;

	for (uint32_t i = 0; i < context->input_count; i++)
	{
		int64_t amount = context->inputs[i] < 2 ? 0 : find_amount(judged, index, context->inputs[i]);

		if (amount == 0)
			need_coin(judged, context->inputs[i]);
		if (__builtin_add_overflow(inputs, amount, &inputs))
			return refuse_malformed(judged);
	}
	if (item->issues || item->destroys || judged->need_count > 0)
		return true;
	if (__builtin_add_overflow(context->amount, item->change, &outputs) || inputs != outputs)
		return refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld mints %lld from coins worth %lld.",
					  (long long) context->id, (long long) context->amount + (long long) item->change,
					  (long long) inputs);
	return true;
}

/* Is every transfer of the request one that may be signed, but for the quota? */
static bool
check_items(Case *judged)
{
	int64_t last_id = 0;

	for (uint32_t i = 0; i < judged->count; i++)
	{
		if (!check_item(judged, &judged->item[i], last_id) || !check_sums(judged, i))
			return false;
		last_id = judged->item[i].context.id;
	}
	if (judged->need_count == 0)
		return true;
	if (judged->coin_count > 0)
		return refuse(judged, DCEP_WIRE_NOT_COVERED, "Coin %lld has not been shown as the payer's.",
					  (long long) judged->need[0]);
	begin_answer(judged->answer, DCEP_WIRE_NEED);
	buffer_put_number(judged->answer, judged->need_count, 4);
	for (uint32_t i = 0; i < judged->need_count; i++)
		buffer_put_number(judged->answer, (uint64_t) judged->need[i], 8);
	return false;
}

/* --- the quota ------------------------------------------------------------------------ */

/* Is the payer one of the vaults whose payouts are counted? */
static bool
pays_out(const Quota *quota, const Item *item)
{
	if (item->issues || item->burns || item->context.payee == item->context.payer)
		return false;
	for (int i = 0; i < quota->vault_count; i++)
		if (quota->vault[i] == item->context.payer)
			return true;
	return false;
}

/* Consumes and mints, and finds what counts against the quota. */
static void
move_coins(Case *judged, Item *item, uint64_t serial)
{
	const DcepContext *context = &item->context;
	Coins *coins = judged->store->coins;
	const Minting minting = {.serial = serial,
							 .id = context->id,
							 .payer = context->payer,
							 .payee = context->payee,
							 .amount = context->amount,
							 .change = item->change,
							 .leaves = item->leaves,
							 .burns = item->burns};
	uint32_t index = (uint32_t) (item - judged->item);

	item->minted = item->issues ? context->amount : 0;
	for (uint32_t i = 0; i < context->input_count; i++)
	{
		int64_t id = context->inputs[i];

		item->minted =
			sum_up(item->minted, coins_consume(coins, id, context->payer, find_amount(judged, index, id), serial));
	}
	coins_mint(coins, &minting);
	item->paid_out = pays_out(&judged->key->institution->quota, item) ? context->amount : 0;
}

/* Is a statement in force for this key? */
static bool
check_statement(Case *judged)
{
	const HeldKey *key = judged->key;
	const Quota *quota = &key->institution->quota;

	if (quota->number == 0)
		return refuse(judged, DCEP_WIRE_OVER_QUOTA, "Institution %04d has no quota statement in force.",
					  key->institution->code);
	if (quota->key_len > 0 &&
		(quota->key_len != key->public_len || memcmp(quota->key, key->public_key, key->public_len) != 0))
		return refuse(judged, DCEP_WIRE_OVER_QUOTA, "Statement %lld of institution %04d is for another key.",
					  (long long) quota->number, key->institution->code);
	if (judged->now < quota->valid_from || judged->now >= quota->valid_until)
		return refuse(judged, DCEP_WIRE_OVER_QUOTA, "Statement %lld of institution %04d is not valid now.",
					  (long long) quota->number, key->institution->code);
	return true;
}

/* Does one of the limits allow what is asked for? */
static bool
check_limit(Case *judged, const char *what, int64_t used, int64_t more, int64_t limit)
{
	if (more == 0 || limit == QUOTA_NO_LIMIT || (used <= limit && more <= limit - used))
		return true;
	return refuse(judged, DCEP_WIRE_OVER_QUOTA, "Institution %04d would %s %lld more; it has %lld left of %lld.",
				  judged->key->institution->code, what, (long long) more, used < limit ? (long long) (limit - used) : 0,
				  (long long) limit);
}

/* Do the limits allow what the request mints and pays out? */
static bool
check_limits(Case *judged)
{
	Institution *institution = judged->key->institution;
	int64_t minted = 0;
	int64_t paid_out = 0;
	int64_t used_minted;
	int64_t used_paid_out;

	for (uint32_t i = 0; i < judged->count; i++)
		if (__builtin_add_overflow(minted, judged->item[i].minted, &minted) ||
			__builtin_add_overflow(paid_out, judged->item[i].paid_out, &paid_out))
			return refuse_malformed(judged);
	institution_used(institution, judged->now, &used_minted, &used_paid_out);
	return check_limit(judged, "mint", used_minted, minted, institution->quota.mint) &&
		   check_limit(judged, "pay out", used_paid_out, paid_out, institution->quota.payout);
}

/* --- signing -------------------------------------------------------------------------- */

/* Computes the hashes of the transfers, and what is signed. */
static bool
compute_root(Case *judged, uint8_t root[DCEP_HASH_LEN])
{
	const HeldKey *key = judged->key;
	DcepMint mint = {.suite = dcep_key_suite(key->pair),
					 .issuer = key->institution->code,
					 .key_number = key->number,
					 .exponent = key->institution->exponent};
	uint8_t(*leaf)[DCEP_HASH_LEN] = zeros(judged->count, DCEP_HASH_LEN);
	bool done = true;

	memcpy(mint.currency, key->institution->currency, DCEP_CURRENCY_LEN);
	for (uint32_t i = 0; done && i < judged->count; i++)
	{
		Item *item = &judged->item[i];

		done = dcep_opening_compute(&mint, &item->context, item->change, item->burns, &item->opening);
		memcpy(leaf[i], item->opening.transfer_hash, DCEP_HASH_LEN);
	}
	done = done && dcep_batch_root(mint.suite, (const uint8_t(*)[DCEP_HASH_LEN]) leaf, judged->count, root);
	free(leaf);
	return done;
}

/* Writes a transfer into the log. */
static void
log_transfer(const Case *judged, const Item *item, Buffer *body)
{
	const DcepContext *context = &item->context;

	body->len = 0;
	buffer_put_number(body, (uint64_t) judged->key->institution->code, 2);
	buffer_put_number(body, judged->key->number, 4);
	buffer_put_number(body, (uint64_t) context->kind, 1);
	buffer_put_number(body, (uint64_t) (item->leaves ? 1 : 0) | (item->burns ? 2 : 0), 1);
	buffer_put_number(body, (uint64_t) context->id, 8);
	buffer_put_number(body, (uint64_t) context->payer, 8);
	buffer_put_number(body, (uint64_t) context->payee, 8);
	buffer_put_number(body, (uint64_t) context->amount, 8);
	buffer_put_number(body, (uint64_t) item->change, 8);
	buffer_put_number(body, (uint64_t) item->minted, 8);
	buffer_put_number(body, (uint64_t) item->paid_out, 8);
	buffer_put(body, item->opening.transfer_hash, DCEP_HASH_LEN);
	buffer_put_number(body, context->input_count, 4);
	for (uint32_t i = 0; i < context->input_count; i++)
		buffer_put_number(body, (uint64_t) context->inputs[i], 8);
	(void) book_add(&judged->store->book, judged->now, RECORD_TRANSFER, body);
}

/* Writes all transfers into the log and counts them. */
static void
enter_items(Case *judged)
{
	Buffer body = {0};

	for (uint32_t i = 0; i < judged->count; i++)
	{
		const Item *item = &judged->item[i];

		log_transfer(judged, item, &body);
		institution_count(judged->key->institution, judged->now, item->minted, item->paid_out);
	}
	buffer_free(&body);
}

/* What has been signed, and its signature. */
static void
answer_signed(Case *judged, const uint8_t hash[DCEP_HASH_LEN], const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	begin_answer(judged->answer, DCEP_WIRE_SIGNED);
	buffer_put(judged->answer, hash, DCEP_HASH_LEN);
	buffer_put(judged->answer, signature, DCEP_SIGNATURE_LEN);
}

/* Signs transfers that may be signed, if the quota allows it. */
static bool
sign_items(Case *judged)
{
	Coins *coins = judged->store->coins;
	uint64_t serial = judged->store->book.counter;
	uint8_t root[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];

	coins_begin(coins);
	for (uint32_t i = 0; i < judged->count; i++)
		move_coins(judged, &judged->item[i], ++serial);
	if (!check_limits(judged))
	{
		coins_undo(coins);
		return false;
	}
	if (!compute_root(judged, root) || !dcep_root_sign(judged->key->pair, root, signature))
		die("%s", dcep_crypto_error());
	coins_keep(coins);
	enter_items(judged);
	assert(judged->store->book.counter == serial);
	answer_signed(judged, root, signature);
	return true;
}

/* Gives a case's memory back. */
static void
close_case(Case *judged)
{
	free(judged->item);
	free(judged->numbers);
	free(judged->coin);
	free(judged->need);
}

/* --- requests ------------------------------------------------------------------------- */

/* Transfers. */
static void
judge_transfers(Case *judged, DcepReader *request)
{
	if (take_key(judged, request) && take_items(judged, request) && take_coins(judged, request) &&
		check_statement(judged) && check_items(judged))
		(void) sign_items(judged);
	close_case(judged);
}

/* Is this what is hashed of a reserve entry of the central bank, or of an act of the key's institution? */
static bool
is_record(const Case *judged, const uint8_t *bytes, size_t len)
{
	static const char entry_tag[DCEP_TAG_LEN] = "dcep reserve v1";
	static const char act_tag[DCEP_TAG_LEN] = "dcep act v1";
	const uint8_t *institution = bytes + DCEP_RECORD_HEAD_LEN - 2;
	int code = judged->key->institution->code;

	if (len <= DCEP_RECORD_HEAD_LEN)
		return false;
	if (bytes[0] == RECORD_TAG_ENTRY)
		return memcmp(bytes + 1, entry_tag, DCEP_TAG_LEN) == 0 && code == CENTRAL_BANK;
	return bytes[0] == RECORD_TAG_ACT && memcmp(bytes + 1, act_tag, DCEP_TAG_LEN) == 0 &&
		   dcep_get_u16(institution) == code;
}

/* A record of an institution's chain: no money, but it is seen, hashed here and logged. */
static void
judge_record(Case *judged, DcepReader *request)
{
	const HeldKey *key;
	size_t len;
	const uint8_t *bytes;
	DcepBytes piece;
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
	Buffer body = {0};

	if (!take_key(judged, request))
		return;
	key = judged->key;
	len = (size_t) dcep_take_number(request, 4);
	bytes = dcep_take_bytes(request, len);
	if (bytes == NULL || request->at != request->end || !is_record(judged, bytes, len))
	{
		(void) refuse(judged, DCEP_WIRE_NOT_COVERED, "It is no record of institution %04d.", key->institution->code);
		return;
	}
	piece = (DcepBytes){bytes, len};
	if (!dcep_hash(dcep_key_suite(key->pair), &piece, 1, hash) ||
		!dcep_sign_hash(key->pair, (const char *) bytes + 1, hash, signature))
		die("%s", dcep_crypto_error());
	buffer_put_number(&body, (uint64_t) key->institution->code, 2);
	buffer_put_number(&body, key->number, 4);
	buffer_put_number(&body, bytes[0], 1);
	buffer_put(&body, hash, DCEP_HASH_LEN);
	(void) book_add(&judged->store->book, judged->now, RECORD_ENTRY, &body);
	buffer_free(&body);
	answer_signed(judged, hash, signature);
}

/* A key is to be made: it gives no right to mint anything. */
static void
judge_new_key(Case *judged, DcepReader *request)
{
	int code = (int) dcep_take_number(request, 2);
	uint32_t number = (uint32_t) dcep_take_number(request, 4);
	int suite = (int) dcep_take_number(request, 1);
	Institution *institution = store_institution(judged->store, code);
	const HeldKey *key;

	if (request->at == NULL || request->at != request->end || number < 1 || number > INT32_MAX ||
		dcep_suite_name(suite) == NULL)
	{
		(void) refuse_malformed(judged);
		return;
	}
	key = institution == NULL ? NULL : store_make_key(judged->store, institution, number, suite);
	if (key == NULL)
	{
		(void) refuse(judged, DCEP_WIRE_UNKNOWN_KEY, "The process makes no keys for institution %04d.", code);
		return;
	}
	begin_answer(judged->answer, DCEP_WIRE_KEY);
	buffer_put_number(judged->answer, key->public_len, 1);
	buffer_put(judged->answer, key->public_key, key->public_len);
}

/* How an institution stands. */
static void
judge_status(Case *judged, DcepReader *request)
{
	int code = (int) dcep_take_number(request, 2);
	Institution *institution = store_institution(judged->store, code);
	int64_t minted;
	int64_t paid_out;

	if (institution == NULL)
	{
		(void) refuse(judged, DCEP_WIRE_UNKNOWN_KEY, "The process does not serve institution %04d.", code);
		return;
	}
	institution_used(institution, judged->now, &minted, &paid_out);
	begin_answer(judged->answer, DCEP_WIRE_STATE);
	buffer_put_number(judged->answer, judged->store->book.counter, 8);
	buffer_put(judged->answer, judged->store->book.head, DCEP_HASH_LEN);
	buffer_put_number(judged->answer, (uint64_t) institution->quota.number, 8);
	buffer_put_number(judged->answer, (uint64_t) minted, 8);
	buffer_put_number(judged->answer, (uint64_t) institution->quota.mint, 8);
	buffer_put_number(judged->answer, (uint64_t) paid_out, 8);
	buffer_put_number(judged->answer, (uint64_t) institution->quota.payout, 8);
}

/* Answers a request. */
void
judge_request(Store *store, int type, DcepReader request, Buffer *answer)
{
	Case judged = {.store = store, .now = time_now(), .answer = answer};
	size_t begin = answer->len;

	switch (type)
	{
		case DCEP_WIRE_TRANSFERS:
			judge_transfers(&judged, &request);
			break;
		case DCEP_WIRE_RECORD:
			judge_record(&judged, &request);
			break;
		case DCEP_WIRE_MAKE_KEY:
			judge_new_key(&judged, &request);
			break;
		case DCEP_WIRE_STATUS:
			judge_status(&judged, &request);
			break;
		default:
			(void) refuse_malformed(&judged);
	}
	finish_answer(answer, begin);
}
