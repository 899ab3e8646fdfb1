/*
 * till.c: the tills of a vault.
 */
#include "till.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "advisory.h"
#include "errcodes.h"
#include "spend.h"

/* Locks that the keys of an institution share: so many at most does a bulk statement with a key in each row hold. */
#define KEY_LOCKS 1024

/* After so many that others hold, it is as good to wait: looking at one costs microseconds. */
#define ATTEMPTS 8

/* --- who has tills ----------------------------------------------------------- */

/* Is this wallet one of the institution's tills? */
static bool
is_till(const DcepInstitution *owner, int64 wallet)
{
	for (int i = 0; i < owner->till_count; i++)
		if (owner->till[i] == wallet)
			return true;
	return false;
}

/* The institution whose vault or till this is. */
const DcepInstitution *
dcep_till_owner(const DcepConfig *config, int64 wallet)
{
	const DcepInstitution *owner = dcep_config_institution(config, dcep_wallet_institution(wallet));

	return owner && owner->till_count > 0 && (owner->vault == wallet || is_till(owner, wallet)) ? owner : NULL;
}

/*
 * May a till pay in the vault's stead?  Not where money moves between them, and
 * not where the class limits what a wallet pays in a day or a year: the limit is
 * the vault's, and the sums that it is measured by are those of one chain.  Nor
 * where it caps balances, since then tills are locked as payees, too.
 */
bool
dcep_till_may_pay(const DcepConfig *config, const DcepInstitution *owner, const DcepOrder *order, DateADT day)
{
	const DcepClass *limits;

	if (order->payer != owner->vault || order->payee == owner->vault || is_till(owner, order->payee) ||
		order->amount <= 0 || (order->kind != DCEP_KIND_EXCHANGE_IN && order->kind != DCEP_KIND_TRANSFER))
		return false;
	limits = dcep_config_class(config, DCEP_CLASS_VAULT, day);
	return limits->max_balance == DCEP_NO_LIMIT && limits->max_day == DCEP_NO_LIMIT &&
		   limits->max_year == DCEP_NO_LIMIT;
}

/* --- choosing ---------------------------------------------------------------- */

/*
 * Is a party that has been read a till that may pay, or a vault?  A row of dcep.till
 * could name any wallet.  Where orders bear on it, it pays when it is named alone:
 * what they cap and count is measured on who is named.
 */
static bool
is_able(const DcepPurse *purse)
{
	const DcepParty *party = &purse->party;

	Assert(purse->known);
	return party->exists && !party->closed && !party->changing && party->class == DCEP_CLASS_VAULT &&
		   (party->flags & DCEP_FLAG_NO_DEBIT) == 0 && party->controls == NULL;
}

/*
 * Takes a till that nobody holds (else counts it in *held) and that covers the amount.  A vault
 * on which supervisors' orders bear pays for itself: its holds and daily caps are measured on one chain. Whoever freezes
 * the vault locks the tills after changing the vault's row, so that reading that
 * row under a till's lock is enough.
 */
static bool
take(DcepStatement *statement, DcepPurse *vault, DcepPurse *till, int64 amount, Snapshot snapshot, int *held)
{
	DcepPurses *purses = &statement->purses;
	Snapshot newer;
	bool good;

	if (!dcep_spend_covers(statement, till, amount, snapshot))
		return false;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): every wallet has a purse */
	if (till->locked && till->known && vault->known)
		return is_able(till) && vault->party.controls == NULL;
	if (!dcep_purse_try_lock(purses, till, snapshot))
	{
		(*held)++;
		return false;
	}
	newer = dcep_purses_snapshot(purses);
	dcep_purse_read(purses, till, newer);
	if (till != vault)
		dcep_purse_read(purses, vault, newer);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): every wallet has a purse */
	good = is_able(till) && vault->party.controls == NULL && dcep_spend_covers(statement, till, amount, newer);
	UnregisterSnapshot(newer);
	return good;
}

/* The n-th of an institution's places to pay from: its tills, and the vault. */
static DcepPurse *
purse_at(DcepStatement *statement, const DcepInstitution *owner, uint32 n)
{
	n %= (uint32) owner->till_count + 1;
	return dcep_purse_of(&statement->purses, n < (uint32) owner->till_count ? owner->till[n] : owner->vault);
}

/* The first that can be had without waiting, from a place on, which moves on to there; NULL where none can. */
static DcepPurse *
take_any(DcepStatement *statement, const DcepInstitution *owner, uint32 *place, int64 amount, Snapshot snapshot)
{
	DcepPurse *vault = dcep_purse_of(&statement->purses, owner->vault);
	int held = 0;

	for (int i = 0; i <= owner->till_count && held < ATTEMPTS; i++)
	{
		DcepPurse *till = purse_at(statement, owner, *place + (uint32) i);

		if (take(statement, vault, till, amount, snapshot, &held))
		{
			*place += (uint32) i;
			return till;
		}
	}
	return NULL;
}

/* Could this one pay, as far as can be told without its lock? The vault has been read. */
static bool
is_promising(DcepStatement *statement, const DcepPurse *vault, DcepPurse *till, int64 amount, Snapshot snapshot)
{
	if (!till->locked && !till->known)
		dcep_purse_read(&statement->purses, till, snapshot);
	return till->known && is_able(till) && vault->party.controls == NULL &&
		   dcep_spend_covers(statement, till, amount, snapshot);
}

/* The first purse that could pay in the vault's stead; the vault's own where none could. */
DcepPurse *
dcep_till_foresee(DcepStatement *statement, const DcepInstitution *owner, int64 amount, Snapshot snapshot)
{
	DcepPurse *vault = dcep_purse_of(&statement->purses, owner->vault);

	for (int i = 0; i < owner->till_count; i++)
	{
		DcepPurse *till = purse_at(statement, owner, (uint32) i);

		if (is_promising(statement, vault, till, amount, snapshot))
			return till;
	}
	return vault;
}

/*
 * Waits for the first that covers, from the backend's own place on, so that
 * those who wait are spread over all; false where none covers.
 */
static bool
wait_for(DcepStatement *statement, const DcepInstitution *owner, uint32 place, int64 amount, Snapshot snapshot)
{
	const DcepPurse *vault = dcep_purse_of(&statement->purses, owner->vault);

	for (int i = 0; i <= owner->till_count; i++)
	{
		DcepPurse *till = purse_at(statement, owner, place + (uint32) i);

		if (is_promising(statement, vault, till, amount, snapshot) &&
			dcep_purse_lock(&statement->purses, till, snapshot))
			return true;
	}
	return false;
}

/*
 * The purse that pays in the vault's stead.  A statement stays with the till
 * that it has, as long as that covers; so a payroll spends one change coin after
 * the other.  Backends begin at different places, and stay where they found one.
 * Another payer may have emptied what we waited for; then there is the next,
 * and what we have locked in vain is not waited for again.
 */
DcepPurse *
dcep_till_choose(DcepStatement *statement, const DcepInstitution *owner, int64 amount)
{
	static uint32 place = 0;
	DcepPurse *vault = dcep_purse_of(&statement->purses, owner->vault);
	DcepPurse *till = NULL;
	int held = 0;

	if (place == 0)
		place = (uint32) MyProcPid;
	for (int i = 0; till == NULL && i <= owner->till_count + 1; i++)
	{
		Snapshot snapshot = dcep_purses_snapshot(&statement->purses);

		if (statement->till && dcep_wallet_institution(statement->till) == owner->code)
			till = dcep_purse_of(&statement->purses, statement->till);
		if (till == NULL || !take(statement, vault, till, amount, snapshot, &held))
			till = take_any(statement, owner, &place, amount, snapshot);
		if (till == NULL && !wait_for(statement, owner, place, amount, snapshot))
			till = vault;
		UnregisterSnapshot(snapshot);
	}
	if (till == NULL)
		till = vault;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): neither is NULL */
	statement->till = till->party.wallet;
	return till;
}

/* --- keys -------------------------------------------------------------------- */

/* The lock that a key needs. */
int64
dcep_till_key_lock(const DcepInstitution *owner, DcepText key)
{
	return (int64) owner->code * KEY_LOCKS + hash_bytes((const unsigned char *) key.data, (int) key.len) % KEY_LOCKS;
}

/* Takes such a lock until the end of the transaction. */
void
dcep_till_lock(int64 key_lock)
{
	dcep_advisory_lock(DCEP_LOCK_TILL_KEY, (uint32) (key_lock / KEY_LOCKS), (uint32) (key_lock % KEY_LOCKS));
}

/* Finds the transfer that a key stands for. */
bool
dcep_till_find_key(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 payer, DcepText key,
				   DcepTransfer *transfer)
{
	const DcepInstitution *owner = dcep_till_owner(config, payer);

	if (dcep_transfer_find_key(config, journal, snapshot, owner ? owner->vault : payer, key, transfer))
		return true;
	if (owner)
		for (int i = 0; i < owner->till_count; i++)
			if (dcep_transfer_find_key(config, journal, snapshot, owner->till[i], key, transfer))
				return true;
	return false;
}

/*
 * The same on current facts.  An older snapshot would miss a payment that was
 * committed after it, and no chain in common makes the second payment fail.
 */
bool
dcep_till_find_current_key(const DcepConfig *config, DcepStatement *statement, int64 payer, DcepText key,
						   DcepTransfer *transfer)
{
	Snapshot own = dcep_purses_snapshot(&statement->purses);
	Snapshot newest = RegisterSnapshot(GetLatestSnapshot());
	bool found = dcep_till_find_key(config, &statement->journal, newest, payer, key, transfer);

	if (found && IsolationUsesXactSnapshot() &&
		!dcep_till_find_key(config, &statement->journal, own, payer, key, transfer))
		dcep_raise_concurrent();
	UnregisterSnapshot(newest);
	UnregisterSnapshot(own);
	return found;
}
