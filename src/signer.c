/*
 * signer.c: who holds a private key, and signs with it.
 */
#include "signer.h"

#include "opening.h"
#include "refusal.h"
#include "remote.h"

/* --- what is shown ------------------------------------------------------------ */

/* Begins a list of transfers. */
void
dcep_shown_init(DcepShown *shown, DcepShowCoin show, void *state)
{
	initStringInfo(&shown->transfers);
	shown->count = 0;
	shown->show = show;
	shown->state = state;
	shown->asked = NULL;
}

/* Begins anew. */
void
dcep_shown_reset(DcepShown *shown)
{
	resetStringInfo(&shown->transfers);
	shown->count = 0;
}

/* Adds a transfer. */
void
dcep_shown_add(DcepShown *shown, const DcepContext *context, int64 change)
{
	StringInfo to = &shown->transfers;
	size_t len = dcep_context_length(context);
	uint8 *at;

	enlargeStringInfo(to, (int) (8 + 4 + len));
	at = (uint8 *) to->data + to->len;
	at = dcep_put_u32(dcep_put_u64(at, (uint64) change), (uint32) len);
	dcep_context_put(context, at);
	to->len += (int) (8 + 4 + len);
	shown->count++;
}

/* --- signing ------------------------------------------------------------------ */

/* Signs a root. */
void
dcep_signer_sign_root(DcepSigner *signer, const uint8 root[DCEP_HASH_LEN], DcepShown *shown,
					  uint8 signature[DCEP_SIGNATURE_LEN])
{
	if (dcep_signer_looks(signer) && shown->asked)
		dcep_remote_sign_delivery(signer, shown, root, signature);
	else if (dcep_signer_looks(signer))
		dcep_remote_sign_transfers(signer, shown, root, signature);
	else if (!dcep_root_sign(signer->pair, root, signature))
		dcep_crypto_raise("sign a transfer");
}

/* Hashes and signs a record; its bytes begin with the tag of its hash and that of its signature. */
void
dcep_signer_sign_record(DcepSigner *signer, int suite, const uint8 *bytes, size_t len, uint8 hash[DCEP_HASH_LEN],
						uint8 signature[DCEP_SIGNATURE_LEN])
{
	const DcepBytes piece = {bytes, len};

	Assert(len > DCEP_RECORD_HEAD_LEN);
	if (!dcep_hash(suite, &piece, 1, hash))
		dcep_crypto_raise("hash a record");
	if (dcep_signer_looks(signer))
		dcep_remote_sign_record(signer, bytes, len, hash, signature);
	else if (!dcep_sign_hash(signer->pair, (const char *) bytes + 1, hash, signature))
		dcep_crypto_raise("sign a record");
}

/* Lets go of a signer. */
void
dcep_signer_free(DcepSigner *signer)
{
	if (signer == NULL)
		return;
	dcep_key_free(signer->pair);
	free(signer->socket);
	free(signer);
}
