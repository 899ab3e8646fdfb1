/*
 * peers.c: what another node has exported, compared with the journal.
 *
 * Whoever has a node's keys can write it another history; not one that the other
 * end of its line has seen.  Two exports are of two moments: what messages
 * have moved between them is taken into account, as far as the journal has
 * them, which it does where it was exported after the peer.
 */
#include "peers.h"

#include "report.h"

#include <inttypes.h>
#include <string.h>

#define LEDGER_COLUMNS 3
#define COIN_COLUMNS 3
#define COIN_AMOUNT 1
#define HOLDING_COLUMNS 2

/* A peer, and the line to it. */
typedef struct Peer
{
	const char *dir;
	Node node;
	Messages messages; /* tables and lines alone */
	const Line *here;  /* as the journal has the line */
	const Line *there;
} Peer;

/* --- opening ------------------------------------------------------------------------- */

/* Opens a table of a peer. */
static void
open_table(Table *table, const char *dir, const char *name)
{
	if (!table_open(table, dir, name))
		fail("%s: there is no file %s.copy", dir, name);
}

/* Whose export is it? */
static int
read_own(const Ledger *ledger, const char *dir)
{
	Table table;
	Cursor cursor;
	int exponent;
	int own;

	open_table(&table, dir, "ledger");
	cursor = cursor_of_table(&table);
	if (!cursor_next(&cursor, LEDGER_COLUMNS) || cursor.row.column[0].data == NULL ||
		cursor.row.column[0].len != DCEP_CURRENCY_LEN || !row_int(cursor.row.column[1], 0, 18, &exponent) ||
		!row_int(cursor.row.column[2], 1, INSTITUTIONS - 1, &own))
		fail("%s: ledger.copy does not say what the ledger counts in, and whose it is", dir);
	if (memcmp(cursor.row.column[0].data, ledger->currency, DCEP_CURRENCY_LEN) != 0 || exponent != ledger->exponent)
		fail("%s: it counts in something else than the journal", dir);
	cursor_end(&cursor);
	return own;
}

/* Opens what a peer has exported. */
static void
open_peer(const Crossings *crossings, const char *dir, Peer *peer)
{
	const Ledger *ledger = crossings->ledger;

	memset(peer, 0, sizeof(*peer));
	peer->dir = dir;
	peer->node.own = read_own(ledger, dir);
	open_table(&peer->messages.messages, dir, "message");
	open_table(&peer->messages.lines, dir, "line");
	messages_read_lines(&peer->node, &peer->messages);
	peer->here = messages_line(crossings->messages, peer->node.own);
	peer->there = messages_line(&peer->messages, ledger->node.own);
	if (peer->here == NULL || peer->there == NULL)
		fail("%s: there is no line between its node and that of the journal", dir);
}

/* --- messages --------------------------------------------------------------------------- */

/* What a message adds to the operator's holding, once both nodes know of it. */
static Sum
effect(const Crossings *crossings, MessageKind kind, const Told *told)
{
	bool is_issue = told->origin == CENTRAL_BANK;
	const Crossing *crossing;

	switch (kind)
	{
		case MESSAGE_PAY:
			return -(Sum) told->amount;
		case MESSAGE_RETURNED:
			return told->amount;
		case MESSAGE_CREDIT:
			return is_issue ? told->amount : 0;
		case MESSAGE_ACCEPTED:
		case MESSAGE_DECLINED:
			crossing = crossings_find(crossings, told->origin, told->transfer);
			if (crossing == NULL || crossing->credit == NULL || (kind == MESSAGE_ACCEPTED) == is_issue)
				return 0;
			return is_issue ? -(Sum) crossing->credit->told.amount : crossing->credit->told.amount;
		default:
			return 0;
	}
}

/* Compares a message that both have; returns what one adds that has not been taken here. */
static Sum
compare_message(const Crossings *crossings, const Peer *peer, const Message *message)
{
	int own = crossings->ledger->node.own;
	int sender = message->act.institution;
	const MessageRecord *record;
	Told told;

	if ((sender != own || message->receiver != peer->node.own) &&
		(sender != peer->node.own || message->receiver != own))
		return 0;
	record = messages_find(crossings->messages, sender, message->receiver, message->act.seq);
	if (record != NULL && memcmp(record->hash, message->hash, DCEP_HASH_LEN) != 0)
		report_defect("history", "message %04d-%04d %" PRId64 ": Node %04d has another one: history was rewritten.",
					  sender, message->receiver, message->act.seq, peer->node.own);
	if (sender == own || message->act.seq <= peer->here->taken || !message_read_told(message, &told))
		return 0;
	return effect(crossings, message->kind, &told);
}

/* Compares all messages that both have; returns what those add that have not been taken here. */
static Sum
compare_messages(const Crossings *crossings, const Peer *peer)
{
	Cursor cursor = cursor_of_table(&peer->messages.messages);
	static Message message;
	Sum sum = 0;

	while (cursor_next(&cursor, MESSAGE_COLUMNS))
	{
		const char *wrong = message_read_row(&cursor.row, &message);

		if (wrong != NULL)
			cursor_damaged(&cursor, wrong);
		else
			sum += compare_message(crossings, peer, &message);
	}
	cursor_end(&cursor);
	return sum;
}

/* What messages from a node to another add that come after a number. */
static Sum
sum_effects(const Crossings *crossings, int sender, int receiver, int64_t after)
{
	const Messages *messages = crossings->messages;
	Sum sum = 0;

	for (uint32_t i = 0; i < messages->count; i++)
	{
		const MessageRecord *record = &messages->record[i];

		if (record->counts && record->sender == sender && record->receiver == receiver && record->number > after)
			sum += effect(crossings, record->kind, &record->told);
	}
	return sum;
}

/* --- holdings ------------------------------------------------------------------------------ */

/* The sum of a peer's live coins. */
static Sum
sum_coins(const char *dir)
{
	Table table;
	Cursor cursor;
	Sum sum = 0;

	open_table(&table, dir, "coin");
	cursor = cursor_of_table(&table);
	while (cursor_next(&cursor, COIN_COLUMNS))
	{
		int64_t amount;

		if (row_number(cursor.row.column[COIN_AMOUNT], 1, INT64_MAX, &amount))
			sum += amount;
		else
			cursor_damaged(&cursor, "It is not a coin.");
	}
	cursor_end(&cursor);
	return sum;
}

/* What a registry has on record of an operator's holding. */
static Sum
find_holding(const Table *holdings, int institution)
{
	Cursor cursor = cursor_of_table(holdings);
	int64_t amount = 0;
	bool found = false;

	while (!found && cursor_next(&cursor, HOLDING_COLUMNS))
	{
		int code;

		found = row_int(cursor.row.column[0], 1, INSTITUTIONS - 1, &code) && code == institution &&
				row_number(cursor.row.column[1], 0, INT64_MAX, &amount);
	}
	cursor_end(&cursor);
	return amount;
}

/* What one of the two nodes has paid to the other and not told of yet, in a table of dcep.crossing. */
static Sum
sum_untold(const Table *table, int own, int other)
{
	Cursor cursor = cursor_of_table(table);
	CrossingRow row;
	Sum sum = 0;

	while (cursor_next(&cursor, CROSSING_COLUMNS))
		/* All that an operator pays goes to the registry first. */
		if (crossing_read(&cursor.row, &row) == NULL && row.waits && row.told.origin == own &&
			(other == CENTRAL_BANK || dcep_wallet_institution(row.told.payee) == other))
			sum += row.told.amount;
	cursor_end(&cursor);
	return sum;
}

/* What is held by the journal, and by the peer: one of them by its live coins, the other one by what it has on record. */
static void
find_holdings(const Crossings *crossings, const Totals *totals, const Table *holdings, const Peer *peer, Sum *here,
			  Sum *there)
{
	int own = crossings->ledger->node.own;
	Table crossing;
	Table registered;

	open_table(&crossing, peer->dir, "crossing");
	if (own == CENTRAL_BANK)
	{
		*here = find_holding(holdings, peer->node.own) - sum_untold(&crossings->table, own, peer->node.own);
		*there = sum_coins(peer->dir) + sum_untold(&crossing, peer->node.own, own);
		return;
	}
	open_table(&registered, peer->dir, "holding");
	*here = totals->live[own] + sum_untold(&crossings->table, own, peer->node.own);
	*there = find_holding(&registered, own) - sum_untold(&crossing, peer->node.own, own);
}

/* Compares what both say that the operator holds, as of all messages that either has. */
static void
compare_holdings(const Crossings *crossings, const Totals *totals, const Table *holdings, const Peer *peer, Sum coming)
{
	int own = crossings->ledger->node.own;
	char text[2][SUM_ROOM];
	Sum here;
	Sum there;

	find_holdings(crossings, totals, holdings, peer, &here, &there);
	here += coming;
	there += sum_effects(crossings, own, peer->node.own, peer->there->taken) +
			 sum_effects(crossings, peer->node.own, own, peer->there->posted);
	if (here != there)
		report_defect("holding", "node %04d: After all messages, %s are held by its export, and %s by the journal.",
					  peer->node.own, sum_text(there, text[0]), sum_text(here, text[1]));
	else
		report_line("peer %04d: it agrees with the journal, and after all messages %s are held", peer->node.own,
					sum_text(here, text[0]));
}

/* Compares a peer with the journal. */
static void
compare_peer(const Crossings *crossings, const Totals *totals, const Table *holdings, const Peer *peer)
{
	Sum coming = compare_messages(crossings, peer);
	bool is_later = peer->there->taken > peer->here->posted;

	if (is_later && peer->here->taken > peer->there->posted)
		report_defect("history", "node %04d: Each of the two nodes has taken messages that the other has not posted.",
					  peer->node.own);
	else if (is_later)
		report_line("note: holdings are not compared with node %04d, which has taken messages that the journal has not",
					peer->node.own);
	else
		compare_holdings(crossings, totals, holdings, peer, coming);
}

/* Compares the journal with the exports of other nodes. */
void
peers_verify(const Crossings *crossings, const Totals *totals, const Table *holdings, const Options *options)
{
	static Peer peer;

	for (int i = 0; i < options->peers; i++)
	{
		open_peer(crossings, options->peer[i], &peer);
		compare_peer(crossings, totals, holdings, &peer);
	}
}
