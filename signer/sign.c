/*
 * sign.c: signs transfers that may be signed, and writes them into the log.
 */
#include "sign.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "allowance.h"
#include "cover.h"

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
	if (item->asked != NULL)
	{
		buffer_put_number(body, (uint64_t) item->asked->origin, 2);
		buffer_put_number(body, (uint64_t) item->asked->transfer, 8);
		buffer_put(body, item->asked->hash, DCEP_HASH_LEN);
	}
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
	(void) book_add(&judged->store->book, judged->now, item->asked != NULL ? RECORD_DELIVERY : RECORD_TRANSFER, body);
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

/* Signs transfers that may be signed, if the quota allows it. */
bool
sign_items(Case *judged)
{
	Coins *coins = judged->store->coins;
	uint64_t serial = judged->store->book.counter;
	uint8_t root[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];

	coins_begin(coins);
	for (uint32_t i = 0; i < judged->count; i++)
		cover_move(judged, &judged->item[i], ++serial);
	if (!allowance_check(judged))
	{
		coins_undo(coins);
		return false;
	}
	if (!compute_root(judged, root) || !dcep_root_sign(judged->key->pair, root, signature))
		die("%s", dcep_crypto_error());
	coins_keep(coins);
	enter_items(judged);
	assert(judged->store->book.counter == serial);
	case_answer_signed(judged, root, signature);
	return true;
}
