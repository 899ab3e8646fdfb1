/*
 * pseudonym.c: what stands in a wallet's place in a payment to a token.
 */
#include "pseudonym.h"

#include "fmgr.h"

#include "secret.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_pseudonym_sql);

/* The pseudonym of one side of a transfer. */
int64
dcep_pseudonym(int64 transfer, DcepSide side)
{
	uint8 bytes[sizeof(int64) + 1];
	uint8 mac[DCEP_HASH_LEN];

	*dcep_put_u64(bytes, (uint64) transfer) = (uint8) side;
	dcep_secret_mac("pseudonym", bytes, sizeof(bytes), mac);
	return dcep_wallet_compose(DCEP_PSEUDONYMS, (int64) (dcep_get_u64(mac) % (uint64) DCEP_WALLET_NUMBERS));
}

/* dcep.pseudonym(transfer, of_payee) → wallet_id, for SQL that masks rows of the journal. */
Datum
dcep_pseudonym_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_WALLET_ID(dcep_pseudonym(PG_GETARG_INT64(0), PG_GETARG_BOOL(1) ? DCEP_SIDE_PAYEE : DCEP_SIDE_PAYER));
}
