/*
 * statement.c: what a paying statement holds in memory.
 *
 * Statements nest: a function called by a paying statement may pay itself.
 * The inner statement must see what the outer one did, so the outer one's
 * purses are written before the inner one begins.  That works within one
 * subtransaction only; a payment inside a subtransaction of a statement that
 * is paying is refused, because rolling it back could not undo the writing.
 */
#include "statement.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "errcodes.h"

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

static DcepStatement *current = NULL;
static int64 minted_total = 0; /* unwritten coins of the current statement */

DcepStatement *
dcep_statement_current(void)
{
	return current;
}

/* --- the ends of transactions ------------------------------------------------ */

/* A transaction that ends with a statement still open would lose purses: never commit it. */
static void
refuse_unfinished(void)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("payments were executed but not settled"),
					errdetail("The trigger that settles a statement on dcep.transfer did not run."),
					errhint("Enable all triggers of dcep.transfer.")));
}

static void
at_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (current == NULL)
		return;
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		refuse_unfinished();
	if (event == XACT_EVENT_ABORT)
		current = NULL; /* memory and tables go with the transaction */
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent pg_attribute_unused(),
					  void *arg pg_attribute_unused())
{
	if (current == NULL || current->subxact != mine)
		return;
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		refuse_unfinished();
	if (event == SUBXACT_EVENT_ABORT_SUB)
		while (current && current->subxact == mine)
			current = current->outer;
}

/* Registers what watches over the ends of transactions. */
void
dcep_statement_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}

/* --- tables ------------------------------------------------------------------ */

/* Opens the tables of the payment path, in one order everywhere. */
static void
open_tables(DcepStatement *statement)
{
	MemoryContext caller = MemoryContextSwitchTo(statement->context);

	statement->purse_context = AllocSetContextCreate(statement->context, "dcep purses", ALLOCSET_DEFAULT_SIZES);
	statement->purses = purses_create(statement->purse_context, 4, NULL);
	statement->estate = CreateExecutorState();
	statement->wallet = dcep_table_open(DCEP_WALLET, NULL);
	statement->chain = dcep_table_open(DCEP_WALLET_CHAIN, statement->estate);
	statement->coin = dcep_table_open(DCEP_COIN, statement->estate);
	dcep_journal_open(&statement->journal, false);
	MemoryContextSwitchTo(caller);
}

/* Makes the statement's resource owner current. */
ResourceOwner
dcep_statement_enter(DcepStatement *statement)
{
	ResourceOwner caller = CurrentResourceOwner;

	CurrentResourceOwner = statement->owner;
	if (statement->estate == NULL)
		open_tables(statement);
	return caller;
}

/* Back to the caller's resource owner. An error in between needs no care: abort sets its own. */
void
dcep_statement_leave(ResourceOwner caller)
{
	CurrentResourceOwner = caller;
}

/* Closes tables and gives memory back; locks go to the transaction. */
static void
close_statement(DcepStatement *statement)
{
	if (statement->estate)
	{
		ResourceOwner caller = dcep_statement_enter(statement);

		dcep_journal_close(&statement->journal);
		dcep_table_close(statement->coin);
		dcep_table_close(statement->chain);
		dcep_table_close(statement->wallet);
		FreeExecutorState(statement->estate);
		dcep_statement_leave(caller);
	}
	ResourceOwnerRelease(statement->owner, RESOURCE_RELEASE_BEFORE_LOCKS, true, false);
	ResourceOwnerRelease(statement->owner, RESOURCE_RELEASE_LOCKS, true, false);
	ResourceOwnerRelease(statement->owner, RESOURCE_RELEASE_AFTER_LOCKS, true, false);
	ResourceOwnerDelete(statement->owner);
	MemoryContextDelete(statement->context);
}

/* Snapshot for reading current facts; registered, the caller unregisters it. */
Snapshot
dcep_statement_snapshot(DcepStatement *statement)
{
	if (statement->wrote)
	{
		CommandCounterIncrement();
		statement->wrote = false;
	}
	return RegisterSnapshot(GetTransactionSnapshot());
}

/* --- purses ------------------------------------------------------------------ */

/* Finds a wallet's row and its state in one of the two tables. */
static bool
find_row(DcepTable *table, DcepRelation index, Snapshot snapshot, int64 wallet)
{
	ScanKeyData key;

	dcep_key_init(&key, 1, F_INT8EQ, InvalidOid, Int64GetDatum(wallet));
	return dcep_table_find(table, index, snapshot, &key, 1);
}

/* Refuses to go on with facts that this transaction's snapshot hides. */
static void
raise_stale(void)
{
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update")));
}

/*
 * Reads a party from dcep.wallet. A row that changed after the snapshot is
 * read again with a newer one, or cannot be read at all where the isolation
 * level forbids that.
 */
static void
read_party(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = statement->wallet;
	DcepParty *party = &purse->party;
	DcepRowState state = DCEP_ROW_STABLE;

	party->exists = find_row(table, DCEP_WALLET_PKEY, snapshot, party->wallet);
	if (party->exists)
	{
		text *status = DatumGetTextPP(dcep_column(table, WALLET_STATUS));

		party->class = DatumGetInt16(dcep_column(table, WALLET_CLASS));
		party->flags = DatumGetInt32(dcep_column(table, WALLET_FLAGS));
		party->closed = VARSIZE_ANY_EXHDR(status) != 4 || memcmp(VARDATA_ANY(status), "open", 4) != 0;
		state = dcep_row_state(table);
	}
	ExecClearTuple(table->slot);
	party->changing = state == DCEP_ROW_CHANGING;
	purse->known = true;
	if (state == DCEP_ROW_CHANGED)
	{
		Snapshot newer;

		if (IsolationUsesXactSnapshot())
			raise_stale();
		newer = dcep_statement_snapshot(statement);
		read_party(statement, purse, newer);
		UnregisterSnapshot(newer);
	}
}

/* Reads a purse's party, or reads it anew. */
void
dcep_purse_read(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot)
{
	read_party(statement, purse, snapshot);
}

/* The purse of a wallet. */
DcepPurse *
dcep_statement_purse(DcepStatement *statement, int64 wallet)
{
	bool found;
	PurseEntry *entry = purses_insert(statement->purses, wallet, &found);

	if (!found)
	{
		entry->purse = MemoryContextAllocZero(statement->purse_context, sizeof(DcepPurse));
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
	purse->chain_tid = table->slot->tts_tid;
	purse->seq = DatumGetInt64(dcep_column(table, CHAIN_SEQ));
	purse->usage.day_spent = DatumGetInt64(dcep_column(table, CHAIN_DAY_SPENT));
	purse->usage.year_spent = DatumGetInt64(dcep_column(table, CHAIN_YEAR_SPENT));
	purse->usage.day = DatumGetDateADT(dcep_column(table, CHAIN_DAY));
	purse->usage.day_count = DatumGetInt32(dcep_column(table, CHAIN_DAY_COUNT));
	memcpy(purse->head, VARDATA_ANY(head), DCEP_HASH_LEN);
	purse->locked = true;
}

/* Locks a purse's chain; false where the wallet has none. */
bool
dcep_purse_lock(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = statement->chain;

	if (purse->locked)
		return true;
	if (!find_row(table, DCEP_WALLET_CHAIN_PKEY, snapshot, purse->party.wallet))
		return false;
	dcep_row_lock(table);
	load_chain(table, purse);
	ExecClearTuple(table->slot);
	purse->known = false; /* the wallet may have been restricted while we waited */
	return true;
}

/*
 * Balance of a purse: live coins, and those that are not written yet.  A credit
 * changes no row of the payee's that would make its lock fail for an older
 * snapshot, so that where the transaction keeps one the newest is read instead.
 */
int64
dcep_purse_balance(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot)
{
	DcepTable *table = statement->coin;
	ScanKeyData key;
	DcepScan scan;

	Assert(purse->locked);
	if (purse->balance_known)
		return purse->balance;
	purse->balance = 0;
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetLatestSnapshot() : snapshot);
	dcep_key_init(&key, 1, F_INT8EQ, InvalidOid, Int64GetDatum(purse->party.wallet));
	scan = dcep_scan_begin(table, DCEP_COIN_PKEY, snapshot, &key, 1);
	while (dcep_scan_next(&scan, ForwardScanDirection))
		purse->balance += DatumGetInt64(dcep_column(table, 2));
	dcep_scan_end(&scan);
	ExecClearTuple(table->slot);
	UnregisterSnapshot(snapshot);
	for (int i = 0; i < purse->minted_count; i++)
		purse->balance += purse->minted[i].amount;
	purse->balance_known = true;
	return purse->balance;
}

/* Adds a coin that a payment minted. */
void
dcep_purse_mint(DcepStatement *statement, DcepPurse *purse, int64 id, int64 amount)
{
	if (purse->minted_count == purse->minted_room)
	{
		purse->minted_room = Max(4, purse->minted_room * 2);
		purse->minted = purse->minted
							? repalloc(purse->minted, purse->minted_room * sizeof(DcepMinted))
							: MemoryContextAlloc(statement->purse_context, purse->minted_room * sizeof(DcepMinted));
	}
	purse->minted[purse->minted_count++] = (DcepMinted){id, amount};
	minted_total++;
}

/* --- writing ----------------------------------------------------------------- */

/* Writes a purse's end of chain. */
static void
write_chain(DcepStatement *statement, DcepPurse *purse)
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
	dcep_table_update(statement->chain, &purse->chain_tid, values, nulls);
	purse->dirty = false;
}

/* Writes the coins that were minted for a purse and not consumed since. */
static void
write_minted(DcepStatement *statement, DcepPurse *purse)
{
	bool nulls[3] = {false};

	for (int i = 0; i < purse->minted_count; i++)
	{
		Datum values[3] = {Int64GetDatum(purse->party.wallet), Int64GetDatum(purse->minted[i].amount),
						   Int64GetDatum(purse->minted[i].id)};

		dcep_table_insert(statement->coin, values, nulls);
	}
	purse->minted_count = 0;
}

/* Signs the batch that is being gathered and writes it. */
static void
write_batch(DcepStatement *statement)
{
	DcepTable *table;

	if (statement->batch_key == NULL)
		return;
	dcep_batch_sign(statement->batch_key, &statement->batch);
	table = dcep_table_open(DCEP_SIGNED_BATCH, statement->estate);
	dcep_batch_insert(table, &statement->batch);
	dcep_table_close(table);
	statement->batch_key = NULL;
	statement->wrote = true;
}

/* Adds a transfer to the batch of its key. */
static void
add_to_batch(DcepStatement *statement, DcepKeptKey *kept, DcepTransfer *transfer)
{
	DcepBatch *batch = &statement->batch;

	if (statement->batch_key != kept)
	{
		write_batch(statement);
		statement->batch_key = kept;
		batch->id = transfer->context.id;
		batch->issuer = transfer->issuer;
		batch->suite = transfer->suite;
		batch->key_number = transfer->key_number;
		batch->size = 0;
	}
	transfer->batch = batch->id;
	transfer->batch_index = (int) batch->size;
	memset(transfer->signature, 0, DCEP_SIGNATURE_LEN);
	memcpy(batch->leaf[batch->size++], transfer->hash, DCEP_HASH_LEN);
	if (batch->size == DCEP_BATCH_MAX)
		write_batch(statement);
}

/* Signs a transfer, alone or in a batch. */
void
dcep_statement_sign(DcepStatement *statement, DcepKeptKey *kept, DcepTransfer *transfer)
{
	if (statement->executed_count > 0)
	{
		add_to_batch(statement, kept, transfer);
		return;
	}
	transfer->batch = 0;
	transfer->batch_index = 0;
	dcep_keyring_sign_root(kept, transfer->hash, transfer->signature);
}

/* Writes the batch and all purses, and forgets them. */
static void
write_all(DcepStatement *statement)
{
	purses_iterator iterator;
	PurseEntry *entry;

	write_batch(statement);
	purses_start_iterate(statement->purses, &iterator);
	while ((entry = purses_iterate(statement->purses, &iterator)) != NULL)
	{
		if (entry->purse->dirty)
			write_chain(statement, entry->purse);
		write_minted(statement, entry->purse);
	}
	statement->wrote = true;
	minted_total = 0;
	MemoryContextReset(statement->purse_context);
	statement->purses = purses_create(statement->purse_context, 4, NULL);
}

/* Writes a statement's purses, if it has any. */
static void
flush_statement(DcepStatement *statement)
{
	ResourceOwner caller;

	if (statement->estate == NULL)
		return;
	caller = dcep_statement_enter(statement);
	write_all(statement);
	dcep_statement_leave(caller);
}

/* --- statements -------------------------------------------------------------- */

/* Begins a statement. */
DcepStatement *
dcep_statement_begin(void)
{
	DcepStatement *statement;
	MemoryContext context;

	if (current && current->subxact != GetCurrentSubTransactionId())
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot pay inside a subtransaction of a statement that is paying"),
						errhint("Leave out the exception block, or make the inner payment a statement of its own.")));
	if (current)
		flush_statement(current);
	context = AllocSetContextCreate(CurTransactionContext, "dcep statement", ALLOCSET_DEFAULT_SIZES);
	statement = MemoryContextAllocZero(context, sizeof(DcepStatement));
	statement->context = context;
	statement->owner = ResourceOwnerCreate(CurTransactionResourceOwner, "dcep statement");
	statement->subxact = GetCurrentSubTransactionId();
	statement->outer = current;
	statement->wrote = current != NULL; /* the outer one's purses must be seen */
	current = statement;
	return statement;
}

/* Notes a payment whose journal row is about to be inserted. */
void
dcep_statement_executed(DcepStatement *statement, const DcepTransfer *transfer)
{
	if (statement->executed_count == statement->executed_room)
	{
		statement->executed_room = Max(8, statement->executed_room * 2);
		statement->executed =
			statement->executed
				? repalloc_huge(statement->executed, statement->executed_room * sizeof(DcepExecuted))
				: MemoryContextAlloc(statement->context, statement->executed_room * sizeof(DcepExecuted));
	}
	statement->executed[statement->executed_count++] =
		(DcepExecuted){transfer->context.id, dcep_transfer_digest(transfer)};
	if (statement->purses->members > PURSES_MAX || minted_total > MINTED_MAX)
		write_all(statement);
}

/* Is the row of an executed payment in the journal, just as it was signed? It is our own row: no snapshot decides. */
static void
check_executed(DcepStatement *statement, const DcepConfig *config, const DcepExecuted *executed)
{
	DcepTransfer transfer;

	if (!dcep_transfer_find(config, &statement->journal, SnapshotSelf, executed->id, &transfer))
		ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN),
						errmsg("a payment was executed but its row did not enter the journal"),
						errdetail("Transfer " INT64_FORMAT ".", executed->id),
						errhint("A trigger or a rule on dcep.transfer dropped the row. Nothing has been paid.")));
	if (dcep_transfer_digest(&transfer) != executed->digest)
		ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN), errmsg("a payment's row was changed after it was signed"),
						errdetail("Transfer " INT64_FORMAT ".", executed->id),
						errhint("A trigger on dcep.transfer changed the row. Nothing has been paid.")));
}

/* Looks for every executed payment's row. */
static void
check_journal(DcepStatement *statement)
{
	const DcepConfig *config = dcep_config_required();
	MemoryContext scratch = AllocSetContextCreate(statement->context, "dcep check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);

	for (int64 i = 0; i < statement->executed_count; i++)
	{
		check_executed(statement, config, &statement->executed[i]);
		MemoryContextReset(scratch);
	}
	dcep_journal_release(&statement->journal);
	MemoryContextSwitchTo(caller);
}

/* Ends a statement: everything it executed stands in the journal, and everything it holds is written. */
void
dcep_statement_end(DcepStatement *statement)
{
	Assert(statement == current);
	if (statement->estate)
	{
		ResourceOwner caller = dcep_statement_enter(statement);

		write_all(statement);
		check_journal(statement);
		dcep_statement_leave(caller);
	}
	current = statement->outer;
	minted_total = 0;
	close_statement(statement);
}
