/*
 * cover.c: are transfers covered by what they consume?
 */
#include "cover.h"

#include <string.h>

#include "allowance.h"

#define TRANSFER_ID_MAX (INT64_MAX / 2)
#define CLOCK_TOLERANCE INT64_C(3600000000) /* between the ledger's clock and ours, microseconds */

/* --- reading -------------------------------------------------------------------------- */

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
bool
cover_take_transfers(Case *judged, DcepReader *request)
{
	size_t used = 0;

	judged->count = (uint32_t) dcep_take_number(request, 4);
	if (request->at == NULL || judged->count < 1 || judged->count > DCEP_WIRE_BATCH_MAX)
		return case_refuse_malformed(judged);
	judged->item = zeros(judged->count, sizeof(Item));
	judged->numbers = zeros((size_t) (request->end - request->at) / 8 + 1, sizeof(int64_t));
	for (uint32_t i = 0; i < judged->count; i++)
	{
		Item *item = &judged->item[i];
		DcepBytes bytes;

		item->change = (int64_t) dcep_take_number(request, 8);
		bytes = request_string(request);
		if (bytes.data == NULL ||
			dcep_context_get(bytes.data, bytes.len, &item->context, judged->numbers + used) != NULL)
			return case_refuse_malformed(judged);
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
bool
cover_take_coins(Case *judged, DcepReader *request)
{
	uint32_t count = (uint32_t) dcep_take_number(request, 4);
	DcepSignedCoin coin;

	if (request->at == NULL || count > DCEP_WIRE_NEED_MAX)
		return case_refuse_malformed(judged);
	judged->coin = zeros(count, sizeof(DcepCoin));
	for (; judged->coin_count < count; judged->coin_count++)
	{
		DcepBytes bytes = request_string(request);

		if (bytes.data == NULL || dcep_signed_coin_get(bytes.data, bytes.len, &coin) != NULL)
			return case_refuse_malformed(judged);
		if (!is_good(judged, &coin))
			return case_refuse(judged, DCEP_WIRE_NOT_COVERED,
							   "Coin %lld was not signed by a key that the signer trusts.", (long long) coin.coin.id);
		judged->coin[judged->coin_count] = coin.coin;
	}
	return request->at == request->end || case_refuse_malformed(judged);
}

/* --- is it covered? ------------------------------------------------------------------- */

/* Are the numbers of a transfer such as a ledger writes, and is its time about ours? */
bool
cover_check_numbers(Case *judged, const Item *item, int64_t last_id)
{
	const DcepContext *context = &item->context;
	int64_t distance =
		context->created_at > judged->now ? context->created_at - judged->now : judged->now - context->created_at;

	if (context->id <= last_id || context->id > TRANSFER_ID_MAX || context->seq < 1 || context->amount < 1 ||
		item->change < 0 || context->kind < 1 || context->kind > DCEP_KIND_MAX || context->created_at < 0 ||
		dcep_wallet_check(context->payer) != NULL || dcep_wallet_check(context->payee) != NULL)
		return case_refuse_malformed(judged);
	if (distance > CLOCK_TOLERANCE)
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED,
						   "Transfer %lld: its time is not within an hour of the signer's.", (long long) context->id);
	return true;
}

/* Is a transfer this key's to sign? */
static bool
check_item(Case *judged, const Item *item, int64_t last_id)
{
	const DcepContext *context = &item->context;
	int code = judged->key->institution->code;

	if (!cover_check_numbers(judged, item, last_id))
		return false;
	if (dcep_wallet_institution(context->payer) != code && !item->destroys)
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld: the payer is not of institution %04d.",
						   (long long) context->id, code);
	if (item->issues && (code != CENTRAL_BANK || context->input_count > 0 || item->change > 0))
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld: this is no issue of the central bank.",
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
			return case_refuse_malformed(judged);
	}
	if (item->issues || item->destroys || judged->need_count > 0)
		return true;
	if (__builtin_add_overflow(context->amount, item->change, &outputs) || inputs != outputs)
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Transfer %lld mints %lld from coins worth %lld.",
						   (long long) context->id, (long long) context->amount + (long long) item->change,
						   (long long) inputs);
	return true;
}

/* Is every transfer of the request one that may be signed, but for the quota? */
bool
cover_check(Case *judged)
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
		return case_refuse(judged, DCEP_WIRE_NOT_COVERED, "Coin %lld has not been shown as the payer's.",
						   (long long) judged->need[0]);
	case_begin_answer(judged->answer, DCEP_WIRE_NEED);
	buffer_put_number(judged->answer, judged->need_count, 4);
	for (uint32_t i = 0; i < judged->need_count; i++)
		buffer_put_number(judged->answer, (uint64_t) judged->need[i], 8);
	return false;
}

/* --- coins move ----------------------------------------------------------------------- */

/* Consumes and mints, and finds what counts against the quota. */
void
cover_move(Case *judged, Item *item, uint64_t serial)
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
	if (item->asked != NULL)
		item->minted = coins_claim(coins, judged->key->institution->code, item->asked->origin, item->asked->transfer,
								   context->amount, serial);
	for (uint32_t i = 0; i < context->input_count; i++)
	{
		int64_t id = context->inputs[i];

		item->minted =
			sum_up(item->minted, coins_consume(coins, id, context->payer, find_amount(judged, index, id), serial));
	}
	coins_mint(coins, &minting);
	item->paid_out = allowance_pays_out(&judged->key->institution->quota, item) ? context->amount : 0;
}
