/*
 * coin_command.c: dcep-verify coin: coins by themselves.
 */
#include "commands.h"
#include "input.h"
#include "opening.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define COINS_LEN_MAX 1000000000 /* bytes of a file of coins */

/* Reads a coin's text. NULL, or what is wrong with it. */
static const char *
read_coin(DcepSpan text, DcepSignedCoin *coin)
{
	uint8_t bytes[DCEP_COIN_TEXT_MAX];
	size_t len;

	if (!dcep_coin_text_begins(text.at, text.len))
		return "A coin begins with dcep1.";
	if (text.len > DCEP_COIN_TEXT_MAX)
		return "No coin is as long.";
	return dcep_coin_text_get(text.at, text.len, bytes, &len, coin);
}

/* Verifies a coin's signature. NULL, or the check that it fails and why. */
static const char *
find_defect(const Keys *signers, const DcepSignedCoin *coin, const char **check)
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

/* Verifies a coin, which stands somewhere. */
static void
verify_coin(const Options *options, DcepSpan text, const char *where, unsigned long number)
{
	DcepSignedCoin signed_coin;
	const DcepCoin *coin = &signed_coin.coin;
	const char *check = "damaged";
	const char *wrong = read_coin(text, &signed_coin);

	if (wrong == NULL)
		wrong = find_defect(&options->trust.signers, &signed_coin, &check);
	if (wrong != NULL)
		report_defect(check, "%s %lu: %s", where, number, wrong);
	else
		report_line("%s %lu: coin %" PRId64 ", %.3s %" PRId64 " of wallet %016" PRId64 ", signed by %04u-%u", where,
					number, coin->id, coin->currency, coin->amount, coin->owner, coin->issuer,
					(unsigned) coin->key_number);
}

/* Verifies the coins of a file, a line each. */
static void
verify_file(const Options *options, const char *path)
{
	DcepSpan rest = input_read(path, COINS_LEN_MAX);
	DcepSpan line;
	unsigned long number = 0;

	while (dcep_note_line(&rest, &line))
		verify_coin(options, line, "line", ++number);
	if (rest.len > 0)
		verify_coin(options, rest, "line", ++number);
}

/* Verifies the coins of the command line. */
void
command_coin(const Options *options)
{
	for (int i = 0; i < options->arguments; i++)
	{
		const char *argument = options->argument[i];

		if (strncmp(argument, DCEP_COIN_PREFIX, strlen(DCEP_COIN_PREFIX)) == 0)
			verify_coin(options, (DcepSpan){argument, strlen(argument)}, "argument", (unsigned long) i + 1);
		else
			verify_file(options, argument);
	}
}
