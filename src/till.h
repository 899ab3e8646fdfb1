/*
 * till.h: the tills of a vault.
 *
 * A vault that pays out to all customers is a payer that everybody waits for.
 * Its institution opens tills, wallets of the same kind that hold part of its
 * money; a payment from the vault is then executed from whichever of them, or
 * the vault itself, nobody holds.
 *
 * Lock order: the payment's key, then a till or the vault, then a capped payee.
 * A till is taken without waiting where one can be had so.
 */
#ifndef DCEP_TILL_H
#define DCEP_TILL_H

#include "postgres.h"

#include "rules.h"
#include "statement.h"

/* The institution whose vault or till this wallet is, where it has tills; else NULL. */
extern const DcepInstitution *dcep_till_owner(const DcepConfig *config, int64 wallet);

/* May one of the tills pay in the vault's stead? */
extern bool dcep_till_may_pay(const DcepConfig *config, const DcepInstitution *owner, const DcepOrder *order,
							  DateADT day);

/*
 * The purse that pays in the vault's stead: locked, and read under its lock as
 * the vault's has been. The vault's own, perhaps not locked, where nothing covers the amount.
 */
extern DcepPurse *dcep_till_choose(DcepStatement *statement, const DcepInstitution *owner, int64 amount);

/* The purse that could pay in its stead, for whoever looks alone: the first that covers, where a payment takes any. */
extern DcepPurse *dcep_till_foresee(DcepStatement *statement, const DcepInstitution *owner, int64 amount,
									Snapshot snapshot);

/*
 * A key stands for one payment of a vault and all its tills, whose chains have
 * no lock in common. So whoever pays with a key holds this lock until the end
 * of its transaction. Numbers are for sorting; several keys may share one.
 */
extern int64 dcep_till_key_lock(const DcepInstitution *owner, DcepText key);
extern void dcep_till_lock(int64 key_lock);

/* Finds the transfer that a key stands for with this payer or, for a vault or a till, with any of the family. */
extern bool dcep_till_find_key(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 payer,
							   DcepText key, DcepTransfer *transfer);
/* The same on facts that are current, under the key's lock; 40001 where the transaction's snapshot hides them. */
extern bool dcep_till_find_current_key(const DcepConfig *config, DcepStatement *statement, int64 payer, DcepText key,
									   DcepTransfer *transfer);

#endif
