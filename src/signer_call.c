/*
 * signer_call.c: how institutions' keys sign, as SQL asks for it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "keyfile.h"
#include "keyring.h"
#include "remote.h"
#include "wire.h"

PG_FUNCTION_INFO_V1(dcep_signer_status);

enum
{
	STATUS_INSTITUTION,
	STATUS_NUMBER,
	STATUS_KIND,
	STATUS_COUNTER,
	STATUS_HEAD,
	STATUS_STATEMENT,
	STATUS_MINTED,
	STATUS_MINT_LIMIT,
	STATUS_PAID_OUT,
	STATUS_PAYOUT_LIMIT,
	STATUS_COLUMNS
};

/* Puts a number into a row; one that there is not is NULL. */
static void
put_number(Datum *values, bool *nulls, int column, int64 number, bool there)
{
	values[column] = Int64GetDatum(number);
	nulls[column] = !there;
}

/* Asks the process that holds a key, if it is there. */
static void
put_state(const DcepSigningKey *key, Datum *values, bool *nulls)
{
	const DcepSigner *signer = dcep_keyring_own(key)->signer;
	DcepRemoteState state;
	bool in_force;

	if (!dcep_remote_is_there(signer))
		return;
	dcep_remote_state(signer, key->institution, &state);
	in_force = state.statement > 0;
	put_number(values, nulls, STATUS_COUNTER, state.counter, true);
	values[STATUS_HEAD] = dcep_bytes_datum(state.head, DCEP_HASH_LEN);
	nulls[STATUS_HEAD] = false;
	put_number(values, nulls, STATUS_STATEMENT, state.statement, in_force);
	put_number(values, nulls, STATUS_MINTED, state.minted, true);
	put_number(values, nulls, STATUS_MINT_LIMIT, state.mint_limit, in_force && state.mint_limit != DCEP_WIRE_NO_LIMIT);
	put_number(values, nulls, STATUS_PAID_OUT, state.paid_out, true);
	put_number(values, nulls, STATUS_PAYOUT_LIMIT, state.payout_limit,
			   in_force && state.payout_limit != DCEP_WIRE_NO_LIMIT);
}

/* The row of a key. */
static void
put_key(const DcepSigningKey *key, Datum *values, bool *nulls)
{
	DcepSignerKind kind;

	memset(nulls, true, STATUS_COLUMNS * sizeof(bool));
	values[STATUS_INSTITUTION] = Int32GetDatum(key->institution);
	values[STATUS_NUMBER] = Int32GetDatum(key->number);
	nulls[STATUS_INSTITUTION] = nulls[STATUS_NUMBER] = false;
	if (!dcep_keyfile_kind(key, &kind))
		return;
	values[STATUS_KIND] = CStringGetTextDatum(dcep_keyfile_kind_name(kind));
	nulls[STATUS_KIND] = false;
	if (kind == DCEP_SIGNER_PROCESS)
		put_state(key, values, nulls);
}

/* dcep.signer_status() → a row an institution with a key */
Datum
dcep_signer_status(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool sees_all = dcep_access_acts_for(DCEP_CENTRAL_BANK);
	TimestampTz now = GetCurrentTimestamp();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < config->institution_count; i++)
	{
		int code = config->institution[i].code;
		const DcepSigningKey *key = dcep_keyring_find(config, code, now);
		Datum values[STATUS_COLUMNS];
		bool nulls[STATUS_COLUMNS];

		if (key == NULL || (!sees_all && !dcep_access_acts_for(code)))
			continue;
		put_key(key, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
