/*
 * reserve.h: the operators' reserve accounts at the central bank.
 *
 * What is issued is covered by reserves, always: an issue debits the reserve in
 * the same transaction, under the lock of the operator's reserve_account row.
 * Lock order: after the wallets of the payment.
 */
#ifndef DCEP_RESERVE_H
#define DCEP_RESERVE_H

#include "postgres.h"

#include "config.h"
#include "entry.h"
#include "refusal.h"
#include "table.h"

/* An entry as it stands in dcep.reserve_entry. */
typedef struct DcepStoredEntry
{
	DcepEntry entry;
	int issuer;
	int suite;
	int key_number;
	uint8 hash[DCEP_HASH_LEN];
	uint8 signature[DCEP_SIGNATURE_LEN];
} DcepStoredEntry;

/*
 * Appends an entry to an operator's reserve chain. `amount` is positive into
 * the reserve, negative out of it; `transfer` is 0 where the entry belongs to
 * none. Refuses with LG310 where the reserve does not cover it, and with 22003.
 */
extern bool dcep_reserve_post(const DcepConfig *config, int institution, int64 amount, int64 transfer,
							  DcepText reference, DcepRefusal *refusal);

/* Would the entry of a payment be refused for these reasons? Locks and writes nothing. */
extern bool dcep_reserve_foresee(int institution, int64 amount, DcepRefusal *refusal);

/* Reads the row in the table's slot; an error (XX001) where it is damaged. */
extern void dcep_reserve_read(DcepTable *entries, DcepStoredEntry *stored);

#endif
