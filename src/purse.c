/*
 * purse.c: the wallets that a paying statement is dealing with.
 */
#include "purse.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "errcodes.h"
#include "holding.h"

/* Purses that are kept before they are written, so that a bulk of any size fits into memory. */
#define PURSES_MAX 20000
#define MINTED_MAX 200000

typedef struct PurseEntry
{
	int64 wallet;
	DcepPurse *purse;
	char status;
} PurseEntry;

#define SH_PREFIX purses
#define SH_ELEMENT_TYPE PurseEntry
#define SH_KEY_TYPE int64
#define SH_KEY wallet
#define SH_HASH_KEY(table, key) ((uint32) ((uint64) (key) *UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Columns of dcep.wallet and dcep.wallet_chain that are read here. */
enum
{
	WALLET_ID = 1,
	WALLET_INSTITUTION,
	WALLET_CLASS,
	WALLET_FLAGS,
	WALLET_STATUS
};

enum
{
	CHAIN_WALLET = 1,
	CHAIN_SEQ,
	CHAIN_DAY_SPENT,
	CHAIN_YEAR_SPENT,
	CHAIN_DAY,
	CHAIN_DAY_COUNT,
	CHAIN_HEAD,
	CHAIN_COLUMNS = CHAIN_HEAD
};

/* Opens the tables of the payment path, in one order everywhere. */
void
dcep_purses_open(DcepPurses *purses, MemoryContext parent, EState *estate)
{
	MemoryContext caller = MemoryContextSwitchTo(parent);

	memset(purses, 0, sizeof(DcepPurses));
	purses->context = AllocSetContextCreate(parent, "dcep purses", ALLOCSET_DEFAULT_SIZES);
	purses->table = purses_create(purses->context, 4, NULL);
	purses->wallet = dcep_table_open(DCEP_WALLET, NULL);
	purses->chain = dcep_table_open(DCEP_WALLET_CHAIN, estate);
	purses->coin = dcep_table_open(DCEP_COIN, estate);
	MemoryContextSwitchTo(caller);
}

/* Closes them; nothing may be left unwritten. */
void
dcep_purses_close(DcepPurses *purses)
{
	Assert(purses->table->members == 0);
	dcep_table_close(purses->coin);
	dcep_table_close(purses->chain);
	dcep_table_close(purses->wallet);
}

/* Snapshot for reading current facts; registered, the caller unregisters it. */
Snapshot
dcep_purses_snapshot(DcepPurses *purses)
{
	if (purses->wrote)
	{
		CommandCounterIncrement();
		purses->wrote = false;
	}
	return RegisterSnapshot(GetTransactionSnapshot());
}

/* --- purses ------------------------------------------------------------------ */

/* Reads what stands beside a party's row: supervisors' orders, and limits of its own. */
static void
read_terms(DcepPurses *purses, DcepParty *party)
{
	MemoryContext caller = MemoryContextSwitchTo(purses->context);

	party->controls = dcep_controls_read(dcep_config_required(), party->wallet, party->class,
										 (party->flags & DCEP_FLAG_CONTROLLED) != 0);
	if (party->flags & DCEP_FLAG_LIMITED)
		party->limits = dcep_limits_read(party->wallet);
	MemoryContextSwitchTo(caller);
}

/*
 * Reads a purse's party from dcep.wallet, or reads it anew. A row that changed after the snapshot is
 * read again with a newer one, or cannot be read at all where the isolation
 * level forbids that.
 */
void
dcep_purse_read(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = purses->wallet;
	DcepParty *party = &purse->party;
	DcepRowState state = DCEP_ROW_STABLE;

	party->controls = NULL;
	party->limits = NULL;
	party->elsewhere = !dcep_config_is_here(dcep_config_required(), party->wallet);
	if (party->elsewhere)
	{
		party->exists = true; /* as far as we can tell: its node will say */
		purse->known = true;
		return;
	}
	party->exists = dcep_table_find_number(table, DCEP_WALLET_PKEY, snapshot, party->wallet);
	if (party->exists)
	{
		text *status = DatumGetTextPP(dcep_column(table, WALLET_STATUS));

		party->class = DatumGetInt16(dcep_column(table, WALLET_CLASS));
		party->flags = DatumGetInt32(dcep_column(table, WALLET_FLAGS));
		party->closed = VARSIZE_ANY_EXHDR(status) != 4 || memcmp(VARDATA_ANY(status), "open", 4) != 0;
		state = dcep_row_state(table);
	}
	ExecClearTuple(table->slot);
	if (party->exists)
		read_terms(purses, party);
	party->changing = state == DCEP_ROW_CHANGING;
	purse->known = true;
	if (state == DCEP_ROW_CHANGED)
	{
		Snapshot newer;

		if (IsolationUsesXactSnapshot())
			dcep_raise_concurrent();
		newer = dcep_purses_snapshot(purses);
		dcep_purse_read(purses, purse, newer);
		UnregisterSnapshot(newer);
	}
}

/* The purse of a wallet. */
DcepPurse *
dcep_purse_of(DcepPurses *purses, int64 wallet)
{
	bool found;
	PurseEntry *entry = purses_insert(purses->table, wallet, &found);

	if (!found)
	{
		entry->purse = MemoryContextAllocZero(purses->context, sizeof(DcepPurse));
		entry->purse->party.wallet = wallet;
	}
	return entry->purse;
}

/* Takes over the wallet_chain row in the slot. */
static void
load_chain(DcepTable *table, DcepPurse *purse)
{
	bytea *head = DatumGetByteaPP(dcep_column(table, CHAIN_HEAD));

	if (VARSIZE_ANY_EXHDR(head) != DCEP_HASH_LEN)
		ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN), errmsg("hash chain broken"),
						errdetail("The head of wallet " INT64_FORMAT " is damaged.", purse->party.wallet)));
	purse->seq = DatumGetInt64(dcep_column(table, CHAIN_SEQ));
	purse->usage.day_spent = DatumGetInt64(dcep_column(table, CHAIN_DAY_SPENT));
	purse->usage.year_spent = DatumGetInt64(dcep_column(table, CHAIN_YEAR_SPENT));
	purse->usage.day = DatumGetDateADT(dcep_column(table, CHAIN_DAY));
	purse->usage.day_count = DatumGetInt32(dcep_column(table, CHAIN_DAY_COUNT));
	memcpy(purse->head, VARDATA_ANY(head), DCEP_HASH_LEN);
}

/* The row in the slot is locked: it is the newest, and ours. */
static void
take_chain(DcepTable *table, DcepPurse *purse)
{
	load_chain(table, purse);
	purse->chain_tid = table->slot->tts_tid;
	purse->locked = true;
	purse->known = false; /* the wallet may have been restricted before we got it */
}

/* Is this an open wallet? */
bool
dcep_purse_check_open(int64 wallet, DcepRefusal *refusal)
{
	/* Of a consolidation nothing is asked but that its one party is there. */
	const DcepOrder order = {.kind = DCEP_KIND_CONSOLIDATE, .payer = wallet, .payee = wallet};
	DcepPurses purses;
	DcepPurse *purse;
	Snapshot snapshot;
	bool open;

	dcep_purses_open(&purses, CurrentMemoryContext, NULL);
	purse = dcep_purse_of(&purses, wallet);
	snapshot = dcep_purses_snapshot(&purses);
	dcep_purse_read(&purses, purse, snapshot);
	UnregisterSnapshot(snapshot);
	open = dcep_rules_parties(&order, &purse->party, &purse->party, refusal);
	dcep_purses_forget(&purses);
	dcep_purses_close(&purses);
	return open;
}

/* A party that exists has no chain. */
void
dcep_purse_raise_missing(void)
{
	ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN), errmsg("hash chain broken"),
					errdetail("A party of the payment has no row in dcep.wallet_chain."),
					errhint("Stored rows were altered outside dcep. Run SELECT * FROM dcep.audit().")));
	pg_unreachable();
}

/* Reads a purse for looking alone. */
void
dcep_purse_look(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = purses->chain;

	dcep_purse_read(purses, purse, snapshot);
	if (!purse->party.exists || purse->party.elsewhere)
		return;
	if (!dcep_table_find_number(table, DCEP_WALLET_CHAIN_PKEY, snapshot, purse->party.wallet))
		dcep_purse_raise_missing();
	load_chain(table, purse);
	ExecClearTuple(table->slot);
}

/* Locks a purse's chain; false where the wallet has none. */
bool
dcep_purse_lock(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = purses->chain;

	if (purse->locked)
		return true;
	if (!dcep_table_find_number(table, DCEP_WALLET_CHAIN_PKEY, snapshot, purse->party.wallet))
		return false;
	dcep_row_lock(table);
	take_chain(table, purse);
	ExecClearTuple(table->slot);
	return true;
}

/* Locks a purse's chain if nobody else holds it. */
bool
dcep_purse_try_lock(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = purses->chain;

	if (purse->locked)
		return true;
	if (dcep_table_find_number(table, DCEP_WALLET_CHAIN_PKEY, snapshot, purse->party.wallet) &&
		dcep_row_try_lock(table))
		take_chain(table, purse);
	ExecClearTuple(table->slot);
	return purse->locked;
}

/*
 * Balance of a purse: live coins, and those that are not written yet.  A credit
 * changes no row of the payee's that would make its lock fail for an older
 * snapshot, so that where the transaction keeps one the newest is read instead.
 */
int64
dcep_purse_balance(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot)
{
	Assert(purse->locked || purses->coin->estate == NULL);
	if (purse->balance_known)
		return purse->balance;
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetLatestSnapshot() : snapshot);
	purse->balance = dcep_holding_sum(purses->coin, snapshot, purse->party.wallet);
	UnregisterSnapshot(snapshot);
	for (int i = 0; i < purse->minted_count; i++)
		purse->balance += purse->minted[i].amount;
	purse->balance_known = true;
	return purse->balance;
}

/* Adds a coin that a payment minted. */
void
dcep_purse_mint(DcepPurses *purses, DcepPurse *purse, int64 id, int64 amount)
{
	if (purse->minted_count == purse->minted_room)
	{
		purse->minted_room = Max(4, purse->minted_room * 2);
		purse->minted = purse->minted ? repalloc(purse->minted, purse->minted_room * sizeof(DcepMinted))
									  : MemoryContextAlloc(purses->context, purse->minted_room * sizeof(DcepMinted));
	}
	purse->minted[purse->minted_count++] = (DcepMinted){id, amount};
	purses->minted_total++;
}

/* --- writing ----------------------------------------------------------------- */

/* Writes a purse's end of chain. */
static void
write_chain(DcepPurses *purses, DcepPurse *purse)
{
	struct
	{
		int32 header;
		uint8 bytes[DCEP_HASH_LEN];
	} head;
	Datum values[CHAIN_COLUMNS];
	bool nulls[CHAIN_COLUMNS] = {false};

	SET_VARSIZE(&head, VARHDRSZ + DCEP_HASH_LEN);
	memcpy(head.bytes, purse->head, DCEP_HASH_LEN);
	values[CHAIN_WALLET - 1] = Int64GetDatum(purse->party.wallet);
	values[CHAIN_SEQ - 1] = Int64GetDatum(purse->seq);
	values[CHAIN_DAY_SPENT - 1] = Int64GetDatum(purse->usage.day_spent);
	values[CHAIN_YEAR_SPENT - 1] = Int64GetDatum(purse->usage.year_spent);
	values[CHAIN_DAY - 1] = DateADTGetDatum(purse->usage.day);
	values[CHAIN_DAY_COUNT - 1] = Int32GetDatum(purse->usage.day_count);
	values[CHAIN_HEAD - 1] = PointerGetDatum(&head);
	dcep_table_update(purses->chain, &purse->chain_tid, values, nulls);
	purse->dirty = false;
}

/* Order of purses: by wallet. */
static int
compare_purses(const void *a, const void *b)
{
	int64 one = (*(DcepPurse *const *) a)->party.wallet;
	int64 other = (*(DcepPurse *const *) b)->party.wallet;

	return one < other ? -1 : one > other;
}

/* Order of a purse's coins: that of dcep.coin. */
static int
compare_minted(const void *a, const void *b)
{
	const DcepMinted *one = a;
	const DcepMinted *other = b;

	if (one->amount != other->amount)
		return one->amount < other->amount ? -1 : 1;
	return one->id < other->id ? -1 : one->id > other->id;
}

/* All purses, in the order of their wallets; palloc'd. */
static DcepPurse **
sort_purses(DcepPurses *purses)
{
	DcepPurse **sorted = MemoryContextAlloc(purses->context, (purses->table->members + 1) * sizeof(DcepPurse *));
	purses_iterator iterator;
	PurseEntry *entry;
	int count = 0;

	purses_start_iterate(purses->table, &iterator);
	while ((entry = purses_iterate(purses->table, &iterator)) != NULL)
		sorted[count++] = entry->purse;
	qsort(sorted, count, sizeof(DcepPurse *), compare_purses);
	return sorted;
}

/* Rows of coins on their way into the table. */
typedef struct CoinRows
{
	DcepTable *table;
	int count;
	Datum values[DCEP_MANY * DCEP_COIN_COLUMNS];
} CoinRows;

/* Writes the rows gathered so far. */
static void
flush_coins(CoinRows *rows)
{
	if (rows->count > 0)
		dcep_table_insert_many(rows->table, rows->values, rows->count);
	rows->count = 0;
}

/* Writes the coins that were minted for a purse and not consumed since. */
static void
write_minted(CoinRows *rows, DcepPurse *purse)
{
	if (purse->minted_count > 1)
		qsort(purse->minted, purse->minted_count, sizeof(DcepMinted), compare_minted);
	for (int i = 0; i < purse->minted_count; i++)
	{
		Datum *values = rows->values + (Size) rows->count * DCEP_COIN_COLUMNS;

		values[DCEP_COIN_OWNER - 1] = Int64GetDatum(purse->party.wallet);
		values[DCEP_COIN_AMOUNT - 1] = Int64GetDatum(purse->minted[i].amount);
		values[DCEP_COIN_ID - 1] = Int64GetDatum(purse->minted[i].id);
		if (++rows->count == DCEP_MANY)
			flush_coins(rows);
	}
	purse->minted_count = 0;
}

/* Forgets all purses. */
void
dcep_purses_forget(DcepPurses *purses)
{
	purses->minted_total = 0;
	MemoryContextReset(purses->context);
	purses->table = purses_create(purses->context, 4, NULL);
}

/* Writes all purses, in the order of the indexes that they go into, and forgets them. */
void
dcep_purses_write(DcepPurses *purses)
{
	int count = (int) purses->table->members;
	DcepPurse **sorted = sort_purses(purses);
	CoinRows rows = {.table = purses->coin, .count = 0};

	for (int i = 0; i < count; i++)
	{
		if (sorted[i]->dirty)
			write_chain(purses, sorted[i]);
		write_minted(&rows, sorted[i]);
	}
	flush_coins(&rows);
	purses->wrote = true;
	dcep_purses_forget(purses);
}

/* Are there so many that they should be written? */
bool
dcep_purses_are_full(const DcepPurses *purses)
{
	return purses->table->members > PURSES_MAX || purses->minted_total > MINTED_MAX;
}
