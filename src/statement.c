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
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "array.h"
#include "errcodes.h"

static DcepStatement *current = NULL;

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

	statement->estate = CreateExecutorState();
	dcep_purses_open(&statement->purses, statement->context, statement->estate);
	statement->purses.wrote = statement->outer != NULL; /* the outer one's purses must be seen */
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
		dcep_purses_close(&statement->purses);
		FreeExecutorState(statement->estate);
		dcep_statement_leave(caller);
	}
	ResourceOwnerRelease(statement->owner, RESOURCE_RELEASE_BEFORE_LOCKS, true, false);
	ResourceOwnerRelease(statement->owner, RESOURCE_RELEASE_LOCKS, true, false);
	ResourceOwnerRelease(statement->owner, RESOURCE_RELEASE_AFTER_LOCKS, true, false);
	ResourceOwnerDelete(statement->owner);
	MemoryContextDelete(statement->context);
}

/* --- signatures -------------------------------------------------------------- */

/* Shows a coin to a signer that has not met it: rows that the statement has written are seen as well. */
static void
show_coin(void *state, int64 id, StringInfo to)
{
	DcepStatement *statement = state;
	Snapshot snapshot;
	DcepSignedCoin coin;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	dcep_journal_coin(dcep_config_required(), &statement->journal, snapshot, id, &coin);
	dcep_journal_release(&statement->journal);
	UnregisterSnapshot(snapshot);
	enlargeStringInfo(to, DCEP_COIN_MAX_LEN);
	to->len += (int) dcep_signed_coin_put(&coin, (uint8 *) to->data + to->len);
}

/* Where the transfers for a key are gathered whose signer looks at them; NULL for another key. */
static DcepShown *
prepare_shown(DcepStatement *statement, const DcepKeptKey *kept)
{
	MemoryContext caller;
	DcepShown *shown;

	if (!dcep_signer_looks(kept->signer))
		return NULL;
	caller = MemoryContextSwitchTo(statement->context);
	shown = palloc(sizeof(DcepShown));
	dcep_shown_init(shown, show_coin, statement);
	MemoryContextSwitchTo(caller);
	return shown;
}

/* Signs a batch, writes it, and begins another. */
static void
write_batch(DcepStatement *statement, DcepGathered *gathered)
{
	DcepTable *table;

	if (gathered->batch.size == 0)
		return;
	dcep_batch_sign(gathered->key, &gathered->batch, gathered->shown);
	if (gathered->shown)
		dcep_shown_reset(gathered->shown);
	for (uint32 i = 0; i < gathered->batch.size; i++)
		dcep_known_add(gathered->known[i]);
	table = dcep_table_open(DCEP_SIGNED_BATCH, statement->estate);
	dcep_batch_insert(table, &gathered->batch);
	dcep_table_close(table);
	gathered->batch.size = 0;
	statement->purses.wrote = true;
}

/* The batch that is gathered for a key: payers of several institutions may take turns. */
static DcepGathered *
find_gathered(DcepStatement *statement, DcepKeptKey *key)
{
	DcepGathered *gathered = statement->gathered;

	while (gathered && gathered->key != key)
		gathered = gathered->next;
	if (gathered == NULL)
	{
		gathered = MemoryContextAllocZero(statement->context, sizeof(DcepGathered));
		gathered->key = key;
		gathered->shown = prepare_shown(statement, key);
		gathered->next = statement->gathered;
		statement->gathered = gathered;
	}
	return gathered;
}

/*
 * Signs batches of other keys that may have minted what a transfer consumes: its signer must be able to see these coins.
 * A batch has its first transfer's id, and those behind it have greater ones.
 */
static void
write_batches_before(DcepStatement *statement, const DcepGathered *own, const DcepContext *context)
{
	for (DcepGathered *other = statement->gathered; other; other = other->next)
	{
		for (uint32 i = 0; other != own && other->batch.size > 0 && i < context->input_count; i++)
			if (context->inputs[i] >> 1 >= other->batch.id)
				write_batch(statement, other);
	}
}

/* Adds a transfer to the batch of its key. */
static void
add_to_batch(DcepStatement *statement, DcepKeptKey *kept, DcepTransfer *transfer)
{
	DcepGathered *gathered = find_gathered(statement, kept);
	DcepBatch *batch = &gathered->batch;

	if (gathered->shown)
	{
		write_batches_before(statement, gathered, &transfer->context);
		dcep_shown_add(gathered->shown, &transfer->context, transfer->change);
	}
	if (batch->size == 0)
	{
		batch->id = transfer->context.id;
		batch->issuer = transfer->issuer;
		batch->suite = transfer->suite;
		batch->key_number = transfer->key_number;
	}
	transfer->batch = batch->id;
	transfer->batch_index = (int) batch->size;
	memset(transfer->signature, 0, DCEP_SIGNATURE_LEN);
	dcep_transfer_known_digest(kept, transfer, gathered->known[batch->size]);
	memcpy(batch->leaf[batch->size++], transfer->hash, DCEP_HASH_LEN);
	if (batch->size == DCEP_BATCH_MAX)
		write_batch(statement, gathered);
}

/* Signs a transfer, alone or in a batch. */
void
dcep_statement_sign(DcepStatement *statement, DcepKeptKey *kept, DcepTransfer *transfer)
{
	DcepShown *shown;

	if (statement->settlement.count > 0)
	{
		add_to_batch(statement, kept, transfer);
		return;
	}
	transfer->batch = 0;
	transfer->batch_index = 0;
	shown = prepare_shown(statement, kept);
	if (shown)
	{
		dcep_shown_add(shown, &transfer->context, transfer->change);
		shown->asked = statement->asked;
	}
	dcep_signer_sign_root(kept->signer, transfer->hash, shown, transfer->signature);
	dcep_transfer_remember(kept, transfer);
}

/* Writes what the statement has gathered: batches, and purses. */
static void
write_all(DcepStatement *statement)
{
	for (DcepGathered *gathered = statement->gathered; gathered; gathered = gathered->next)
		write_batch(statement, gathered);
	dcep_purses_write(&statement->purses);
}

/* Writes it early: memory is short, or a statement within this one is to see it. */
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
	current = statement;
	return statement;
}

/* Notes a payment whose payee another node keeps. */
void
dcep_statement_leaves(DcepStatement *statement, int64 transfer)
{
	MemoryContext caller = MemoryContextSwitchTo(CurTransactionContext);

	*(int64 *) dcep_array_append((void **) &statement->leaving, &statement->leaving_count, sizeof(int64)) = transfer;
	MemoryContextSwitchTo(caller);
}

/* Notes a payment whose journal row is about to be inserted. */
void
dcep_statement_executed(DcepStatement *statement, const DcepTransfer *transfer, HeapTuple row)
{
	dcep_settlement_note(&statement->settlement, statement->context, transfer, row);
	if (dcep_purses_are_full(&statement->purses))
		flush_statement(statement);
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
		dcep_settlement_prove(&statement->settlement, dcep_config_required(), &statement->journal);
		dcep_statement_leave(caller);
	}
	current = statement->outer;
	close_statement(statement);
}
