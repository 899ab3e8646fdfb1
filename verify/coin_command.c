/*
 * coin_command.c: dcep-verify coin: coins by themselves.
 */
#include "coin.h"
#include "commands.h"
#include "input.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define COINS_LEN_MAX 1000000000 /* bytes of a file of coins */

/* Verifies a coin, which stands somewhere. */
static void
verify_coin(const Options *options, DcepSpan text, const char *where, unsigned long number)
{
	DcepSignedCoin signed_coin;
	const DcepCoin *coin = &signed_coin.coin;
	const char *check = "damaged";
	const char *wrong = coin_read(text, &signed_coin);

	if (wrong == NULL)
		wrong = coin_verify(&options->trust.signers, &signed_coin, &check);
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
