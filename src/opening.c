/*
 * opening.c: hashes of a transfer, and the tree over a signed batch.
 *
 * Hashes of different things begin with different bytes (see opening.h), so
 * that none can be passed off as another.  The tree has the shape of RFC 9162:
 * neighbours are paired level by level, and an odd last node moves up as it is.
 */
#include "opening.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SIGNED_MESSAGE_TAG "dcep transfer v1"

/* Room for two bytes of tag before the context, so that nothing is copied to hash it. */
#define CONTEXT_TAG_ROOM 2
#define CONTEXT_ON_STACK 1024

typedef enum HashTag
{
	TAG_COIN = 0,
	TAG_CONTEXT = 1,
	TAG_TRANSFER = 2,
	TAG_BLINDING = 3,
	TAG_NODE = 4
} HashTag;

/* Hash of a coin, or of its absence. */
static bool
hash_coin(int suite, const DcepCoin *coin, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t bytes[1 + DCEP_COIN_BODY_LEN] = {TAG_COIN};
	const DcepBytes piece = {bytes, coin->amount == 0 ? 1 : sizeof(bytes)};

	if (coin->amount != 0)
		dcep_coin_put_body(coin, bytes + 1);
	return dcep_hash(suite, &piece, 1, out);
}

/* Hash of a transfer from the hashes of its parts. */
static bool
hash_transfer(int suite, const uint8_t payee_hash[DCEP_HASH_LEN], const uint8_t change_hash[DCEP_HASH_LEN],
			  const uint8_t context_hash[DCEP_HASH_LEN], uint8_t out[DCEP_HASH_LEN])
{
	uint8_t bytes[1 + 3 * DCEP_HASH_LEN] = {TAG_TRANSFER};
	const DcepBytes piece = {bytes, sizeof(bytes)};

	memcpy(bytes + 1, payee_hash, DCEP_HASH_LEN);
	memcpy(bytes + 1 + DCEP_HASH_LEN, change_hash, DCEP_HASH_LEN);
	memcpy(bytes + 1 + 2 * DCEP_HASH_LEN, context_hash, DCEP_HASH_LEN);
	return dcep_hash(suite, &piece, 1, out);
}

/* Hash of an inner node of a batch's tree; `out` may be one of the two. */
static bool
hash_node(int suite, const uint8_t left[DCEP_HASH_LEN], const uint8_t right[DCEP_HASH_LEN], uint8_t out[DCEP_HASH_LEN])
{
	uint8_t bytes[1 + 2 * DCEP_HASH_LEN] = {TAG_NODE};
	const DcepBytes piece = {bytes, sizeof(bytes)};

	memcpy(bytes + 1, left, DCEP_HASH_LEN);
	memcpy(bytes + 1 + DCEP_HASH_LEN, right, DCEP_HASH_LEN);
	return dcep_hash(suite, &piece, 1, out);
}

/* Hashes the context and blinds the coins with it; `tagged` is the context after two free bytes. */
static bool
hash_context(int suite, uint8_t *tagged, size_t len, DcepOpening *opening)
{
	const DcepBytes context = {tagged + 1, len - 1};
	const DcepBytes blinding = {tagged, len};
	uint8_t hash[DCEP_HASH_LEN];

	tagged[1] = TAG_CONTEXT;
	if (!dcep_hash(suite, &context, 1, opening->context_hash))
		return false;
	tagged[0] = TAG_BLINDING;
	for (int which = DCEP_COIN_PAYEE; which <= DCEP_COIN_CHANGE; which++)
	{
		if (opening->coin[which].amount == 0)
			continue;
		tagged[1] = (uint8_t) which;
		if (!dcep_hash(suite, &blinding, 1, hash))
			return false;
		memcpy(opening->coin[which].blinding, hash, DCEP_BLINDING_LEN);
	}
	return true;
}

/* Encodes the context and hashes it; long ones, of payments from many coins, go by way of the heap. */
static bool
open_context(int suite, const DcepContext *context, DcepOpening *opening)
{
	uint8_t on_stack[CONTEXT_ON_STACK];
	size_t len = CONTEXT_TAG_ROOM + dcep_context_length(context);
	uint8_t *tagged = len <= sizeof(on_stack) ? on_stack : malloc(len);
	bool done;

	if (tagged == NULL)
		return dcep_crypto_fail("out of memory");
	dcep_context_put(context, tagged + CONTEXT_TAG_ROOM);
	done = hash_context(suite, tagged, len, opening);
	if (tagged != on_stack)
		free(tagged);
	return done;
}

/* Fills one coin but for its blinding; amount 0 leaves it absent. */
static void
fill_coin(const DcepMint *mint, const DcepContext *context, int which, int64_t amount, DcepCoin *coin)
{
	memset(coin, 0, sizeof(*coin));
	if (amount == 0)
		return;
	assert(amount > 0 && context->id > 0);
	coin->suite = (uint8_t) mint->suite;
	coin->issuer = (uint16_t) mint->issuer;
	coin->key_number = mint->key_number;
	memcpy(coin->currency, mint->currency, DCEP_CURRENCY_LEN);
	coin->exponent = (uint8_t) mint->exponent;
	coin->id = context->id * 2 + which;
	coin->amount = amount;
	coin->owner = which == DCEP_COIN_PAYEE ? context->payee : context->payer;
	coin->minted_at = context->created_at;
}

/* Computes the coins of a transfer and its hashes. */
bool
dcep_opening_compute(const DcepMint *mint, const DcepContext *context, int64_t change, bool burns, DcepOpening *opening)
{
	fill_coin(mint, context, DCEP_COIN_PAYEE, burns ? 0 : context->amount, &opening->coin[DCEP_COIN_PAYEE]);
	fill_coin(mint, context, DCEP_COIN_CHANGE, change, &opening->coin[DCEP_COIN_CHANGE]);
	return open_context(mint->suite, context, opening) &&
		   hash_coin(mint->suite, &opening->coin[DCEP_COIN_PAYEE], opening->coin_hash[DCEP_COIN_PAYEE]) &&
		   hash_coin(mint->suite, &opening->coin[DCEP_COIN_CHANGE], opening->coin_hash[DCEP_COIN_CHANGE]) &&
		   hash_transfer(mint->suite, opening->coin_hash[DCEP_COIN_PAYEE], opening->coin_hash[DCEP_COIN_CHANGE],
						 opening->context_hash, opening->transfer_hash);
}

/* Puts together one coin of an opening, signed alone; the coin must exist. */
void
dcep_opening_coin(const DcepOpening *opening, int which, const uint8_t signature[DCEP_SIGNATURE_LEN],
				  DcepSignedCoin *coin)
{
	assert(which == DCEP_COIN_PAYEE || which == DCEP_COIN_CHANGE);
	assert(opening->coin[which].amount > 0);
	coin->coin = opening->coin[which];
	memcpy(coin->sibling_hash, opening->coin_hash[1 - which], DCEP_HASH_LEN);
	memcpy(coin->context_hash, opening->context_hash, DCEP_HASH_LEN);
	coin->batch_index = 0;
	coin->batch_size = 1;
	coin->path_len = 0;
	memcpy(coin->signature, signature, DCEP_SIGNATURE_LEN);
}

/* Hash of the transfer that minted a coin, from the coin alone. */
bool
dcep_signed_coin_transfer_hash(const DcepSignedCoin *coin, uint8_t out[DCEP_HASH_LEN])
{
	int suite = coin->coin.suite;
	uint8_t own_hash[DCEP_HASH_LEN];

	if (!hash_coin(suite, &coin->coin, own_hash))
		return false;
	if ((coin->coin.id & 1) == DCEP_COIN_PAYEE)
		return hash_transfer(suite, own_hash, coin->sibling_hash, coin->context_hash, out);
	return hash_transfer(suite, coin->sibling_hash, own_hash, coin->context_hash, out);
}

/* Carries a transfer's hash up its path. */
bool
dcep_batch_climb(const DcepSignedCoin *place, uint8_t hash[DCEP_HASH_LEN])
{
	uint32_t node = place->batch_index;
	uint32_t last = place->batch_size - 1;
	int used = 0;

	assert(place->path_len == dcep_path_length(place->batch_index, place->batch_size));
	for (; last > 0; node >>= 1, last >>= 1)
	{
		bool done = true;

		if ((node & 1) == 1)
			done = hash_node(place->coin.suite, place->path[used++], hash, hash);
		else if (node != last)
			done = hash_node(place->coin.suite, hash, place->path[used++], hash);
		if (!done)
			return false;
	}
	assert(used == place->path_len);
	return true;
}

/* The hash that was signed, from the coin alone: its transfer's, carried up its path. */
bool
dcep_signed_coin_root(const DcepSignedCoin *coin, uint8_t out[DCEP_HASH_LEN])
{
	return dcep_signed_coin_transfer_hash(coin, out) && dcep_batch_climb(coin, out);
}

/* Root of a batch's tree; count must be above 0. */
bool
dcep_batch_root(int suite, const uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t count, uint8_t out[DCEP_HASH_LEN])
{
	/* Roots of the full subtrees that the leaves so far make, the largest first: one for each bit of their number. */
	uint8_t pending[DCEP_COIN_PATH_MAX + 1][DCEP_HASH_LEN];
	int top = 0;

	assert(count > 0);
	for (uint32_t i = 0; i < count; i++)
	{
		memcpy(pending[top++], leaves[i], DCEP_HASH_LEN);
		for (uint32_t pairs = i; (pairs & 1) == 1; pairs >>= 1)
		{
			top--;
			if (!hash_node(suite, pending[top - 1], pending[top], pending[top - 1]))
				return false;
		}
	}
	for (; top > 1; top--)
	{
		if (!hash_node(suite, pending[top - 2], pending[top - 1], pending[top - 2]))
			return false;
	}
	memcpy(out, pending[0], DCEP_HASH_LEN);
	return true;
}

/* Inclusion path of one leaf: on each level the sibling of its ancestor, where it has one. */
bool
dcep_batch_path(int suite, const uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t count, uint32_t index,
				uint8_t (*path)[DCEP_HASH_LEN])
{
	int used = 0;

	assert(index < count);
	for (int level = 0; ((uint64_t) 1 << level) < count; level++)
	{
		uint64_t first = (uint64_t) ((index >> level) ^ 1) << level;
		uint64_t len = (uint64_t) 1 << level;

		if (first >= count)
			continue;
		if (len > count - first)
			len = count - first;
		if (!dcep_batch_root(suite, leaves + first, (uint32_t) len, path[used++]))
			return false;
	}
	assert(used == dcep_path_length(index, count));
	return true;
}

/* Signs a root; the key pair must have its private half. */
bool
dcep_root_sign(DcepKeyPair *key, const uint8_t root[DCEP_HASH_LEN], uint8_t signature[DCEP_SIGNATURE_LEN])
{
	return dcep_sign_hash(key, SIGNED_MESSAGE_TAG, root, signature);
}

/* Verifies the signature of a root. */
DcepVerdict
dcep_root_verify(DcepKeyPair *key, const uint8_t root[DCEP_HASH_LEN], const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	return dcep_verify_hash(key, SIGNED_MESSAGE_TAG, root, signature);
}
