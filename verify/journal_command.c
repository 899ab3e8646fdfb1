/*
 * journal_command.c: dcep-verify journal: a whole journal that dcep-export wrote.
 *
 * A table by itself first, then what they have to do with each other.  Each
 * step leaves in the ledger what the next one needs.
 */
#include "answers.h"
#include "batches.h"
#include "chains.h"
#include "commands.h"
#include "covers.h"
#include "holdings.h"
#include "peers.h"
#include "reserves.h"
#include "seals.h"
#include "spends.h"
#include "transfers.h"

#include "report.h"

#include <inttypes.h>
#include <string.h>

#define LEDGER_COLUMNS 3

/* Opens a table without which nothing can be verified. */
static void
require_table(Table *table, const char *dir, const char *name)
{
	if (!table_open(table, dir, name))
		fail("%s: there is no file %s.copy", dir, name);
}

/* Opens a table that may be missing, and says so. */
static bool
find_table(Table *table, const char *dir, const char *name, const char *what)
{
	if (table_open(table, dir, name))
		return true;
	report_line("note: without %s.copy %s not verified", name, what);
	memset(table, 0, sizeof(*table));
	return false;
}

/* Reads what the ledger counts in, and whose database it is. */
static void
read_ledger(Ledger *ledger, const char *dir)
{
	Table table;
	Cursor cursor;
	int own;

	require_table(&table, dir, "ledger");
	cursor = cursor_of_table(&table);
	if (!cursor_next(&cursor, LEDGER_COLUMNS) || cursor.row.column[0].data == NULL ||
		cursor.row.column[0].len != DCEP_CURRENCY_LEN || !row_int(cursor.row.column[1], 0, 18, &ledger->exponent) ||
		!row_int(cursor.row.column[2], 1, INSTITUTIONS - 1, &own))
		fail("%s: ledger.copy does not say what the ledger counts in, and whose it is", dir);
	memcpy(ledger->currency, cursor.row.column[0].data, DCEP_CURRENCY_LEN);
	cursor_end(&cursor);
	require_table(&table, dir, "institution");
	node_read(&ledger->node, own, &table);
}

/* Chooses the keys of institutions: those that somebody trusts, or else the export's own. */
static void
read_signers(Ledger *ledger, const Trust *trust, const char *dir)
{
	Table table;

	require_table(&table, dir, "signing_key");
	keys_of_table(&ledger->signers, &table, false);
	if (!trust->has_signers)
	{
		report_line(
			"note: signatures are verified with the export's own keys; --signer FILE brings those that you trust");
		return;
	}
	keys_compare(&trust->signers, &ledger->signers);
	ledger->signers = trust->signers;
	report_line("note: signatures are verified with the keys that you brought");
}

/* Opens the journal. */
static void
open_ledger(Ledger *ledger, const Trust *trust, const char *dir)
{
	read_ledger(ledger, dir);
	read_signers(ledger, trust, dir);
	require_table(&ledger->transfers, dir, "transfer");
	require_table(&ledger->batches, dir, "signed_batch");
	require_table(&ledger->coins, dir, "coin");
	require_table(&ledger->reserve_entries, dir, "reserve_entry");
	require_table(&ledger->reserve_accounts, dir, "reserve_account");
	ledger->has_chains = find_table(&ledger->chains, dir, "wallet_chain", "the ends of chains are");
	if (find_table(&ledger->devices, dir, "device_key", "signatures of devices are"))
		keys_of_table(&ledger->device_keys, &ledger->devices, true);
}

/* Verifies what a node has told others and heard from them, and what went to them and came. */
static void
verify_node(const Ledger *ledger, const Totals *totals, const Options *options, const char *dir)
{
	static Messages messages;
	static Crossings crossings;
	Table holdings;

	require_table(&messages.messages, dir, "message");
	require_table(&messages.lines, dir, "line");
	require_table(&holdings, dir, "holding");
	crossings.has_table = find_table(&crossings.table, dir, "crossing", "what is on record of payments across is");
	messages_verify(ledger, &messages);
	crossings_collect(ledger, &messages, &crossings);
	covers_verify(&crossings);
	answers_verify(&crossings);
	holdings_verify(&crossings, totals, &holdings);
	peers_verify(&crossings, totals, &holdings, options);
	if (messages.waiting > 0)
		report_line("note: %" PRIu64 " messages have come and were not taken; they count for nothing",
					messages.waiting);
}

/* Verifies the log, where the export has it. */
static void
verify_log(const Ledger *ledger, const Options *options, const char *dir)
{
	Seals seals;

	if (!find_table(&seals.tiles, dir, "log_tile", "the log and its checkpoints are"))
	{
		if (options->checkpoints > 0)
			fail("%s: there is no log to compare checkpoints with", dir);
		return;
	}
	require_table(&seals.state, dir, "log_state");
	require_table(&seals.keys, dir, "log_key");
	require_table(&seals.checkpoints, dir, "checkpoint");
	if (options->trust.logs == 0)
		report_line(
			"note: checkpoints are verified with the export's own keys; --log-key KEY brings one that you trust");
	seals_verify(ledger, &seals, options);
}

/* Verifies a journal. */
void
command_journal(const Options *options)
{
	const char *dir = options->argument[0];
	static Ledger ledger;
	static Totals totals;

	ledger.jobs = options->jobs;
	open_ledger(&ledger, &options->trust, dir);
	batches_verify(&ledger);
	transfers_verify(&ledger);
	batches_close(&ledger);
	chains_verify(&ledger);
	spends_verify(&ledger, &totals);
	reserves_verify(&ledger, &totals);
	totals_of_journal(&ledger, &totals);
	totals_verify(&ledger.node, &totals);
	if (ledger.node.is_one_of_many)
		verify_node(&ledger, &totals, options, dir);
	else if (options->peers > 0)
		fail("%s: it is no node, and has no peers", dir);
	verify_log(&ledger, options, dir);
	totals_say(&ledger, &totals);
}
