/*
 * seek.c: the places of rows under a number in a B-tree, without a scan.
 *
 * A reader's descent as nbtree's README describes it: one page is locked at a
 * time, and whoever comes to a page that was split or deleted meanwhile moves
 * right.  A page is left for the right one only with its link read under its
 * lock; deleted pages are not used again while a snapshot is registered that is
 * older.  Pages are read as format 4 has them, which all of PostgreSQL 12 to 18
 * write; anything else is left to the ordinary way, which reports what is wrong.
 */
#include "seek.h"

#include "access/nbtree.h"
#include "catalog/pg_am.h"
#include "pgstat.h"
#include "storage/bufmgr.h"

/* A page that is being looked at: pinned, and locked for reading. */
typedef struct Seeker
{
	Relation index;
	int64 number;
	Buffer buffer; /* InvalidBuffer before the first page */
	Page page;
	BTPageOpaque opaque;
} Seeker;

/* Is this an index that is read here? */
static bool
is_known_kind(Relation index)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(index), 0);

	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid && index->rd_indoption[0] == 0 &&
		   column->attlen == sizeof(int64) && column->attbyval;
}

/* Lets go of the page. */
static void
leave(Seeker *seeker)
{
	if (BufferIsValid(seeker->buffer))
		UnlockReleaseBuffer(seeker->buffer);
	seeker->buffer = InvalidBuffer;
}

/* Moves on to a page; false where it is not one of a B-tree. */
static bool
enter(Seeker *seeker, BlockNumber block)
{
	if (BufferIsValid(seeker->buffer))
		LockBuffer(seeker->buffer, BUFFER_LOCK_UNLOCK);
	seeker->buffer = ReleaseAndReadBuffer(seeker->buffer, seeker->index, block);
	LockBuffer(seeker->buffer, BUFFER_LOCK_SHARE);
	seeker->page = BufferGetPage(seeker->buffer);
	if (PageIsNew(seeker->page) || PageGetSpecialSize(seeker->page) != MAXALIGN(sizeof(BTPageOpaqueData)))
		return false;
	seeker->opaque = BTPageGetOpaque(seeker->page);
	return true;
}

/* An entry of the page. */
static IndexTuple
entry_at(const Seeker *seeker, OffsetNumber offset)
{
	return (IndexTuple) PageGetItem(seeker->page, PageGetItemId(seeker->page, offset));
}

/* The number in the first column of an entry, which is not null. */
static int64
number_at(const Seeker *seeker, OffsetNumber offset)
{
	int64 number;

	memcpy(&number, (char *) entry_at(seeker, offset) + MAXALIGN(sizeof(IndexTupleData)), sizeof(number));
	return number;
}

/* The first entry from `low` on that is not below the number; one past the last where there is none. */
static OffsetNumber
first_not_below(const Seeker *seeker, OffsetNumber low)
{
	OffsetNumber high = PageGetMaxOffsetNumber(seeker->page) + 1;

	while (low < high)
	{
		OffsetNumber middle = low + (high - low) / 2;

		if (number_at(seeker, middle) < seeker->number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Moves right while the page is not where the number belongs. Its high key is a lower bound of what is right of it. */
static bool
move_right(Seeker *seeker)
{
	while (P_IGNORE(seeker->opaque) || (!P_RIGHTMOST(seeker->opaque) && number_at(seeker, P_HIKEY) < seeker->number))
		if (P_RIGHTMOST(seeker->opaque) || !enter(seeker, seeker->opaque->btpo_next))
			return false;
	return true;
}

/* The root as the relation cache knows it, while it is one; else as the metapage has it. */
static bool
enter_root(Seeker *seeker, bool *is_empty)
{
	const BTMetaPageData *meta = seeker->index->rd_amcache;

	*is_empty = false;
	if (meta && enter(seeker, meta->btm_fastroot) && !P_IGNORE(seeker->opaque) &&
		seeker->opaque->btpo_level == meta->btm_fastlevel && P_LEFTMOST(seeker->opaque) && P_RIGHTMOST(seeker->opaque))
		return true;
	if (!enter(seeker, BTREE_METAPAGE) || !P_ISMETA(seeker->opaque))
		return false;
	meta = BTPageGetMeta(seeker->page);
	if (meta->btm_magic != BTREE_MAGIC || meta->btm_version != BTREE_VERSION)
		return false;
	*is_empty = meta->btm_root == P_NONE;
	return *is_empty || enter(seeker, meta->btm_fastroot);
}

/* Goes down to the leaf where the number's entries begin. */
static bool
descend(Seeker *seeker)
{
	while (move_right(seeker))
	{
		OffsetNumber first = P_FIRSTDATAKEY(seeker->opaque);
		OffsetNumber child;

		if (P_ISLEAF(seeker->opaque))
			return true;
		if (PageGetMaxOffsetNumber(seeker->page) < first)
			return false;
		/* The first entry of an inner page has no key: it stands below all numbers. */
		child = first_not_below(seeker, first + 1) - 1;
		if (!enter(seeker, BTreeTupleGetDownLink(entry_at(seeker, child))))
			return false;
	}
	return false;
}

/* Adds what an entry points to; false where there is no room. */
static bool
add_places(IndexTuple entry, DcepPlaces *places)
{
	bool many = BTreeTupleIsPosting(entry);
	int count = many ? BTreeTupleGetNPosting(entry) : 1;

	if (places->count + count > DCEP_PLACES_MAX)
		return false;
	for (int i = 0; i < count; i++)
		places->tid[places->count++] = many ? *BTreeTupleGetPostingN(entry, i) : entry->t_tid;
	return true;
}

/* Gathers the number's entries from the leaf on. */
static bool
gather(Seeker *seeker, DcepPlaces *places)
{
	for (;;)
	{
		OffsetNumber last = PageGetMaxOffsetNumber(seeker->page);

		for (OffsetNumber offset = first_not_below(seeker, P_FIRSTDATAKEY(seeker->opaque)); offset <= last; offset++)
		{
			if (number_at(seeker, offset) != seeker->number)
				return true;
			if (!ItemIdIsDead(PageGetItemId(seeker->page, offset)) && !add_places(entry_at(seeker, offset), places))
				return false;
		}
		if (P_RIGHTMOST(seeker->opaque) || number_at(seeker, P_HIKEY) > seeker->number)
			return true;
		if (!enter(seeker, seeker->opaque->btpo_next) || !move_right(seeker))
			return false;
	}
}

/* Finds where the rows of a number are. */
bool
dcep_seek(Relation index, int64 number, DcepPlaces *places)
{
	Seeker seeker = {.index = index, .number = number, .buffer = InvalidBuffer};
	bool is_empty;
	bool found;

	places->count = 0;
	if (!is_known_kind(index))
		return false;
	pgstat_count_index_scan(index);
	found = enter_root(&seeker, &is_empty) && (is_empty || (descend(&seeker) && gather(&seeker, places)));
	leave(&seeker);
	return found;
}
