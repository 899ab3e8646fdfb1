/*
 * bundle_command.c: dcep-verify bundle: receipts that prove one payment each.
 */
#include "bundle.h"
#include "commands.h"
#include "input.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* When the transfer was made, as far as the bundle shows it. */
static bool
find_time(const DcepBundle *bundle, int64_t *time)
{
	if (bundle->view == DCEP_VIEW_HASH)
		return false;
	*time = bundle->view == DCEP_VIEW_COIN ? bundle->signer.coin.minted_at : bundle->fields.created_at;
	return true;
}

/* Is the signer's key one that whoever verifies trusts, valid at the time where that is shown? */
static const char *
check_signer(const Trust *trust, const DcepBundle *bundle)
{
	const DcepCoin *signer = &bundle->signer.coin;
	const Key *key = keys_find(&trust->signers, signer->issuer, (int) signer->key_number);
	int64_t time;

	if (bundle->view == DCEP_VIEW_PAYMENT && dcep_wallet_institution(bundle->fields.payer) != signer->issuer)
		return "It was not signed by the payer's institution.";
	if (!trust->has_signers)
		return NULL;
	if (key == NULL)
		return "Its signing key is not known.";
	if (key->suite != signer->suite || key->len != bundle->public_len ||
		memcmp(key->public_key, bundle->public_key, key->len) != 0)
		return "Its signing key is not the one that you trust under this number.";
	if (find_time(bundle, &time) && (time < key->valid_from || time >= key->valid_until))
		return "Its signing key was revoked or not valid when this was signed.";
	return NULL;
}

/* Verifies a bundle with the key of the log that its checkpoint names. */
static const char *
verify_bundle(const Trust *trust, const DcepBundle *bundle)
{
	const DcepNoteKey *log = trust_log(trust, &bundle->signatures, bundle->checkpoint.origin);
	const DcepBundleTrust whom = {.log = log != NULL ? log : &trust->log[0],
								  .witnesses = trust->witness,
								  .witness_count = trust->witnesses,
								  .quorum = trust->quorum};
	const char *wrong = dcep_bundle_verify(bundle, &whom);

	require_crypto(wrong != dcep_bundle_undecided);
	return wrong;
}

/* Says what a sound bundle proves. */
static void
say(const char *path, const DcepBundle *bundle)
{
	const DcepCoin *coin = &bundle->signer.coin;

	report_line("bundle %s: transfer %" PRId64 ", signed by %04u-%u, in the log of size %" PRIu64, path,
				bundle->transfer, coin->issuer, (unsigned) coin->key_number, bundle->checkpoint.size);
	if (bundle->view == DCEP_VIEW_PAYMENT)
		report_line("bundle %s: %.3s %" PRId64 " from wallet %016" PRId64 " to wallet %016" PRId64, path,
					coin->currency, bundle->fields.amount, bundle->fields.payer, bundle->fields.payee);
	if (bundle->view == DCEP_VIEW_COIN)
		report_line("bundle %s: %.3s %" PRId64 " to wallet %016" PRId64, path, coin->currency, coin->amount,
					coin->owner);
}

/* Verifies the bundle of a file. */
static void
verify_file(const Options *options, const char *path)
{
	DcepSpan text = input_read(path, DCEP_BUNDLE_MAX);
	void *room = malloc(DCEP_BUNDLE_ROOM(text.len));
	static DcepBundle bundle;
	const char *check = "damaged";
	const char *wrong;

	if (room == NULL)
		fail("out of memory");
	wrong = dcep_bundle_parse(text.at, text.len, room, &bundle);
	if (wrong == NULL)
	{
		check = "bundle";
		wrong = verify_bundle(&options->trust, &bundle);
	}
	if (wrong == NULL)
	{
		check = "key";
		wrong = check_signer(&options->trust, &bundle);
	}
	if (wrong != NULL)
		report_defect(check, "bundle %s: %s", path, wrong);
	else
		say(path, &bundle);
	free(room);
}

/* Verifies bundles. */
void
command_bundle(const Options *options)
{
	if (!options->trust.has_signers)
		report_line("note: the signers' keys are taken from the bundles; --signer FILE brings those that you trust");
	for (int i = 0; i < options->arguments; i++)
		verify_file(options, options->argument[i]);
}
