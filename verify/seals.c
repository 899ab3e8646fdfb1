/*
 * seals.c: the log, and the checkpoints that were made of it.
 *
 * The log is gone over from its first leaf.  The tree is made of the hashes of
 * the journal, and where a checkpoint was made its root and its sums are
 * compared with what has come together so far.  Signatures of checkpoints are
 * verified before, by several processes.
 */
#include "seals.h"

#include "checkpoint_file.h"
#include "crew.h"
#include "report.h"
#include "totals.h"
#include "tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TILE_COLUMNS 3
#define TILE_LEAVES 64
#define STATE_COLUMNS 2
#define KEY_COLUMNS 2
#define CHECKPOINT_COLUMNS 3

/* Columns of log_tile, and of checkpoint. */
enum
{
	TILE_INDEX,
	TILE_IDS,
	TILE_HASHES
};
enum
{
	CHECKPOINT_SIZE,
	CHECKPOINT_ROOT,
	CHECKPOINT_NOTE
};

/* Going over the log. */
typedef struct Walk
{
	const Ledger *ledger;
	const Seals *seals;
	Trust trust; /* of checkpoints */
	Cursor tile;
	Cursor journal;
	Cursor checkpoint; /* of the export */
	bool has_checkpoint;
	CheckpointFile next; /* the one that has not been reached, where there is one */
	uint8_t previous_hash[DCEP_HASH_LEN];
	uint64_t previous;
	CheckpointFile brought[OPTIONS_CHECKPOINTS_MAX]; /* checkpoints that somebody kept */
	int by_size[OPTIONS_CHECKPOINTS_MAX];			 /* their places, in the order of sizes */
	int brought_count;
	int brought_next;
	DcepFrontier frontier;
	Sum issued[TOTALS_INSTITUTIONS];
	Sum redeemed[TOTALS_INSTITUTIONS];
	Sum all_issued;
	Sum all_redeemed;
} Walk;

static Walk walk;

/* --- keys of the log ---------------------------------------------------------------- */

/* The name of a log, by the ledger's currency and the log's first key. */
static void
make_origin(const Ledger *ledger, const uint8_t key[DCEP_NOTE_PUBLIC_LEN], char name[DCEP_NOTE_NAME_MAX + 1])
{
	uint8_t hash[DCEP_HASH_LEN];
	char *to = name + snprintf(name, DCEP_NOTE_NAME_MAX + 1, "dcep/");
	const DcepBytes piece = {key, DCEP_NOTE_PUBLIC_LEN};

	require_crypto(dcep_hash(DCEP_SUITE_ED25519, &piece, 1, hash));
	for (int i = 0; i < DCEP_CURRENCY_LEN; i++)
		*to++ = (char) (ledger->currency[i] - 'A' + 'a');
	*to++ = '/';
	for (int i = 0; i < 8; i++)
		to += snprintf(to, 3, "%02x", hash[i]);
}

/* Takes the log's keys from the export. */
static void
read_log_keys(const Ledger *ledger, const Table *table, Trust *trust)
{
	Cursor cursor = cursor_of_table(table);
	char origin[DCEP_NOTE_NAME_MAX + 1] = "";

	while (cursor_next(&cursor, KEY_COLUMNS))
	{
		uint8_t key[DCEP_NOTE_PUBLIC_LEN];
		int number;

		if (!row_int(cursor.row.column[0], 1, INT32_MAX, &number) || !row_bytes(cursor.row.column[1], key, sizeof(key)))
			cursor_damaged(&cursor, "It is not a key.");
		else if (number != trust->logs + 1 || trust->logs == TRUST_KEYS_MAX)
			cursor_damaged(&cursor, "It is not the next key, or one too many.");
		else
		{
			if (number == 1)
				make_origin(ledger, key, origin);
			require_crypto(dcep_note_key_make(origin, DCEP_NOTE_KEY_LOG, key, &trust->log[trust->logs++]));
		}
	}
	cursor_end(&cursor);
}

/* --- checkpoints by themselves --------------------------------------------------------- */

/* Reads a row of checkpoint. NULL, or the check that it fails and why. */
static const char *
read_checkpoint(const Row *row, const Trust *trust, CheckpointFile *file, int64_t *size, const char **check)
{
	uint8_t root[DCEP_HASH_LEN];
	DcepText note = row->column[CHECKPOINT_NOTE];
	const char *wrong;

	*check = "damaged";
	*size = 0;
	if (!row_number(row->column[CHECKPOINT_SIZE], 1, INT64_MAX, size) ||
		!row_bytes(row->column[CHECKPOINT_ROOT], root, sizeof(root)) || note.data == NULL)
		return "A column is not what it has to be.";
	wrong = checkpoint_read(trust, (DcepSpan){note.data, note.len}, file, check);
	if (wrong != NULL)
		return wrong;
	*check = "checkpoint";
	if (file->checkpoint.size != (uint64_t) *size || memcmp(file->checkpoint.root, root, sizeof(root)) != 0)
		return "The note is of another size or root.";
	return NULL;
}

/* Verifies the checkpoints of a piece by themselves. */
static void
check_piece(void *context, uint32_t piece)
{
	const Walk *all = context;
	Cursor cursor = cursor_of_piece(&all->seals->checkpoints, piece);
	static CheckpointFile file;

	while (cursor_next(&cursor, CHECKPOINT_COLUMNS))
	{
		int64_t size;
		const char *check;
		const char *wrong = read_checkpoint(&cursor.row, &all->trust, &file, &size, &check);

		if (wrong != NULL)
			report_defect(check, "checkpoint %" PRId64 ": %s", size, wrong);
	}
	cursor_end(&cursor);
}

/* --- checkpoints against the log ------------------------------------------------------- */

/* Moves on to the export's next checkpoint, and compares it with the one before. Those that cannot be read were reported. */
static void
next_checkpoint(void)
{
	CheckpointFile *file = &walk.next;
	const char *check;

	while ((walk.has_checkpoint = cursor_next(&walk.checkpoint, CHECKPOINT_COLUMNS)))
	{
		DcepText note = walk.checkpoint.row.column[CHECKPOINT_NOTE];

		if (note.data == NULL || checkpoint_parse((DcepSpan){note.data, note.len}, file, &check) != NULL)
			continue;
		if (file->statement.previous != walk.previous ||
			memcmp(file->statement.previous_hash, walk.previous_hash, DCEP_HASH_LEN) != 0)
			report_defect("checkpoint", "checkpoint %" PRIu64 ": It does not follow the one before it.",
						  file->checkpoint.size);
		walk.previous = file->checkpoint.size;
		statement_hash(file->note.text, walk.previous_hash);
		return;
	}
}

/* Are these the sums that have come together? */
static bool
is_supply(const Statement *statement)
{
	if (statement->all.issued != walk.all_issued || statement->all.redeemed != walk.all_redeemed)
		return false;
	for (int i = 0; i < statement->count; i++)
	{
		const Supply *supply = &statement->operator_of[i];

		if (supply->issued != walk.issued[supply->institution] ||
			supply->redeemed != walk.redeemed[supply->institution])
			return false;
	}
	return true;
}

/* Compares the checkpoints of the size that has been reached. */
static void
compare_here(void)
{
	uint8_t root[DCEP_HASH_LEN];

	while (walk.has_checkpoint && walk.next.checkpoint.size <= walk.frontier.size)
	{
		uint64_t size = walk.next.checkpoint.size;

		require_crypto(dcep_frontier_root(&walk.frontier, root));
		if (size < walk.frontier.size)
			report_defect("checkpoint", "checkpoint %" PRIu64 ": It is not in the order of sizes.", size);
		else if (memcmp(walk.next.checkpoint.root, root, DCEP_HASH_LEN) != 0)
			report_defect("checkpoint", "checkpoint %" PRIu64 ": The journal makes another root.", size);
		else if (!is_supply(&walk.next.statement))
			report_defect("supply", "checkpoint %" PRIu64 ": The journal makes other sums.", size);
		next_checkpoint();
	}
}

/* The smallest checkpoint that somebody kept and that has not been reached; NULL for none. */
static const CheckpointFile *
next_brought(void)
{
	return walk.brought_next < walk.brought_count ? &walk.brought[walk.by_size[walk.brought_next]] : NULL;
}

/* Compares those of the size that has been reached. */
static void
compare_brought(void)
{
	const CheckpointFile *brought;
	uint8_t root[DCEP_HASH_LEN];

	for (; (brought = next_brought()) != NULL && brought->checkpoint.size == walk.frontier.size; walk.brought_next++)
	{
		require_crypto(dcep_frontier_root(&walk.frontier, root));
		if (memcmp(brought->checkpoint.root, root, DCEP_HASH_LEN) != 0)
			report_defect("checkpoint", "checkpoint %s: The journal makes another root: history was rewritten.",
						  brought->path);
		else if (!is_supply(&brought->statement))
			report_defect("supply", "checkpoint %s: The journal makes other sums: history was rewritten.",
						  brought->path);
		else
			report_line("checkpoint %s: the journal agrees with it", brought->path);
	}
}

/* Reports the checkpoints that are beyond the log. */
static void
report_beyond(void)
{
	for (; walk.has_checkpoint; next_checkpoint())
		report_defect("checkpoint", "checkpoint %" PRIu64 ": The log is shorter.", walk.next.checkpoint.size);
	for (; next_brought() != NULL; walk.brought_next++)
		report_defect("checkpoint", "checkpoint %s: The log is shorter: history was rewritten.", next_brought()->path);
}

/* Reads the checkpoints that somebody kept, and puts them in the order of their sizes. */
static void
read_brought(const Options *options)
{
	for (int i = 0; i < options->checkpoints; i++)
	{
		CheckpointFile *file = &walk.brought[walk.brought_count];
		int place = walk.brought_count;

		if (!checkpoint_file_read(&walk.trust, options->checkpoint[i], file))
			continue;
		for (; place > 0 && walk.brought[walk.by_size[place - 1]].checkpoint.size > file->checkpoint.size; place--)
			walk.by_size[place] = walk.by_size[place - 1];
		walk.by_size[place] = walk.brought_count++;
	}
}

/* --- leaves ------------------------------------------------------------------------------- */

/* Adds what a transfer issued or redeemed. */
static void
add_supply(const Record *record)
{
	if (record->kind == DCEP_KIND_ISSUE)
	{
		walk.issued[dcep_wallet_institution(record->payee)] += record->amount;
		walk.all_issued += record->amount;
	}
	else if (record->kind == DCEP_KIND_REDEEM)
	{
		walk.redeemed[dcep_wallet_institution(record->payer)] += record->amount;
		walk.all_redeemed += record->amount;
	}
}

/* The leaf of a transfer, from the journal; as it is stored where the journal has none. */
static void
find_leaf(int64_t id, const uint8_t stored[DCEP_HASH_LEN], uint8_t leaf[DCEP_HASH_LEN])
{
	Record *record = ledger_find(walk.ledger, id);
	uint8_t prev_hash[DCEP_HASH_LEN];
	uint8_t hash[DCEP_HASH_LEN];

	memcpy(leaf, stored, DCEP_HASH_LEN);
	if (record == NULL)
	{
		report_defect("leaf", "log %" PRIu64 ": Transfer %" PRId64 " is not in the journal.", walk.frontier.size, id);
		return;
	}
	if (record_mark(record, MARK_SEALED))
		report_defect("leaf", "log %" PRIu64 ": Transfer %" PRId64 " is in the log twice.", walk.frontier.size, id);
	if (record->kind == 0)
		return;
	add_supply(record);
	ledger_read_hashes(&walk.journal, record, prev_hash, hash);
	require_crypto(dcep_tree_leaf(hash, DCEP_HASH_LEN, leaf));
	if (memcmp(leaf, stored, DCEP_HASH_LEN) != 0)
		report_defect("leaf", "log %" PRIu64 ": Transfer %" PRId64 " has another hash in the journal.",
					  walk.frontier.size, id);
}

/* Goes over the leaves of a tile. */
static void
add_tile(const uint8_t ids[TILE_LEAVES * 8], const uint8_t hashes[TILE_LEAVES][DCEP_HASH_LEN], size_t count)
{
	uint8_t leaf[DCEP_HASH_LEN];

	for (size_t i = 0; i < count; i++)
	{
		int64_t id = (int64_t) dcep_get_u64(ids + i * 8);

		compare_here();
		compare_brought();
		find_leaf(id, hashes[i], leaf);
		require_crypto(dcep_frontier_add(&walk.frontier, leaf));
	}
}

/* Goes over all tiles, which stand in their order. */
static void
walk_tiles(void)
{
	uint8_t ids[TILE_LEAVES * 8];
	uint8_t hashes[TILE_LEAVES][DCEP_HASH_LEN];
	int64_t next = 0;

	while (cursor_next(&walk.tile, TILE_COLUMNS))
	{
		const DcepText *column = walk.tile.row.column;
		int64_t index;
		size_t ids_len;
		size_t hashes_len;

		if (!row_number(column[TILE_INDEX], 0, INT64_MAX / TILE_LEAVES, &index) ||
			!row_bytea(column[TILE_IDS], ids, sizeof(ids), &ids_len) ||
			!row_bytea(column[TILE_HASHES], hashes[0], sizeof(hashes), &hashes_len) || ids_len == 0 ||
			ids_len % 8 != 0 || hashes_len != ids_len / 8 * DCEP_HASH_LEN)
		{
			cursor_damaged(&walk.tile, "It is not a tile of the log.");
			continue;
		}
		if (index != next || walk.frontier.size != (uint64_t) index * TILE_LEAVES)
			report_defect("leaf", "log %" PRIu64 ": Tile %" PRId64 " does not follow here.", walk.frontier.size, index);
		next = index + 1;
		add_tile(ids, (const uint8_t(*)[DCEP_HASH_LEN]) hashes, ids_len / 8);
	}
}

/* --- what has to be in it ---------------------------------------------------------------------- */

/* Reports transfers that the log must have by its watermark, and has not. */
static void
check_sealed(void)
{
	Cursor cursor = cursor_of_table(&walk.seals->state);
	int64_t size = 0;
	int64_t watermark = 0;

	if (cursor_next(&cursor, STATE_COLUMNS) && (!row_number(cursor.row.column[0], 0, INT64_MAX, &size) ||
												!row_number(cursor.row.column[1], 0, INT64_MAX, &watermark)))
		cursor_damaged(&cursor, "It is not the state of a log.");
	cursor_end(&cursor);
	if ((uint64_t) size != walk.frontier.size)
		report_defect("leaf", "log %" PRIu64 ": The log on record has %" PRId64 " transfers.", walk.frontier.size,
					  size);
	for (uint32_t i = 0; i < walk.ledger->ids; i++)
	{
		const Record *record = &walk.ledger->record[walk.ledger->by_id[i]];

		if (record->id <= watermark && !record_has(record, MARK_SEALED))
			report_defect("unsealed", "transfer %" PRId64 ": It is not in the log, which has all up to %" PRId64 ".",
						  record->id, watermark);
	}
}

/* Verifies the log. */
void
seals_verify(const Ledger *ledger, const Seals *seals, const Options *options)
{
	walk.ledger = ledger;
	walk.seals = seals;
	walk.trust = options->trust;
	if (walk.trust.logs == 0)
		read_log_keys(ledger, &seals->keys, &walk.trust);
	/* Who has to cosign is asked of the checkpoints that somebody kept. */
	read_brought(options);
	walk.trust.quorum = 0;
	crew_run("checkpoints", ledger->jobs, seals->checkpoints.pieces, check_piece, &walk);
	walk.tile = cursor_of_table(&seals->tiles);
	walk.journal = cursor_of_table(&ledger->transfers);
	walk.checkpoint = cursor_of_table(&seals->checkpoints);
	next_checkpoint();
	walk_tiles();
	compare_here();
	compare_brought();
	report_beyond();
	check_sealed();
	cursor_end(&walk.tile);
	cursor_end(&walk.journal);
	cursor_end(&walk.checkpoint);
}
