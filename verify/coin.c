/*
 * coin.c: a signed coin as text, and its signature.
 */
#include "coin.h"

#include "opening.h"

/* Reads a coin's text. */
const char *
coin_read(DcepSpan text, DcepSignedCoin *coin)
{
	uint8_t bytes[DCEP_COIN_TEXT_MAX];
	size_t len;

	if (!dcep_coin_text_begins(text.at, text.len))
		return "A coin begins with dcep1.";
	if (text.len > DCEP_COIN_TEXT_MAX)
		return "No coin is as long.";
	return dcep_coin_text_get(text.at, text.len, bytes, &len, coin);
}

/* Verifies a coin's signature. */
const char *
coin_verify(const Keys *signers, const DcepSignedCoin *coin, const char **check)
{
	uint8_t root[DCEP_HASH_LEN];
	DcepKeyPair *pair;
	const char *wrong = keys_trust(signers, coin->coin.issuer, (int) coin->coin.key_number, coin->coin.suite,
								   coin->coin.minted_at, &pair);

	*check = "key";
	if (wrong != NULL)
		return wrong;
	*check = "signature";
	require_crypto(dcep_signed_coin_root(coin, root));
	return is_valid(dcep_root_verify(pair, root, coin->signature)) ? NULL : "The signature does not match the coin.";
}
