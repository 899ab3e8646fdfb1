/*
 * idset.c: a set of transfer ids, a bit each; and tables by ids.
 */
#include "idset.h"

#define PAGE_BITS (INT64CONST(1) << 16)

typedef struct IdPage
{
	int64 number;
	uint64 *bits;
	char status;
} IdPage;

#define SH_PREFIX idpages
#define SH_ELEMENT_TYPE IdPage
#define SH_KEY_TYPE int64
#define SH_KEY number
#define SH_HASH_KEY(table, key) ((uint32) ((uint64) (key) *UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct DcepIdSet
{
	MemoryContext context;
	idpages_hash *pages;
};

/* An empty set. */
DcepIdSet *
dcep_idset_create(void)
{
	DcepIdSet *set = palloc(sizeof(DcepIdSet));

	set->context = CurrentMemoryContext;
	set->pages = idpages_create(CurrentMemoryContext, 16, NULL);
	return set;
}

/* Where a bit is on its page. */
static inline void
locate(int64 id, int64 *page, int *word, uint64 *mask)
{
	uint64 offset = (uint64) id % PAGE_BITS;

	*page = (int64) ((uint64) id / PAGE_BITS);
	*word = (int) (offset / 64);
	*mask = UINT64CONST(1) << (offset % 64);
}

/* Adds an id. */
bool
dcep_idset_add(DcepIdSet *set, int64 id)
{
	int64 number;
	int word;
	uint64 mask;
	bool found;
	IdPage *page;

	locate(id, &number, &word, &mask);
	page = idpages_insert(set->pages, number, &found);
	if (!found)
		page->bits = MemoryContextAllocZero(set->context, PAGE_BITS / 8);
	if (page->bits[word] & mask)
		return false;
	page->bits[word] |= mask;
	return true;
}

/* Is an id in the set? */
bool
dcep_idset_has(const DcepIdSet *set, int64 id)
{
	int64 number;
	int word;
	uint64 mask;
	IdPage *page;

	locate(id, &number, &word, &mask);
	page = idpages_lookup(set->pages, number);
	return page && (page->bits[word] & mask) != 0;
}

/* Is every id of the other set in this one? */
bool
dcep_idset_covers(const DcepIdSet *set, const DcepIdSet *other)
{
	idpages_iterator iterator;
	IdPage *page;

	idpages_start_iterate(other->pages, &iterator);
	while ((page = idpages_iterate(other->pages, &iterator)) != NULL)
	{
		const IdPage *mine = idpages_lookup(set->pages, page->number);

		for (int word = 0; word < PAGE_BITS / 64; word++)
			if (page->bits[word] & ~(mine ? mine->bits[word] : 0))
				return false;
	}
	return true;
}

/* A hash table by bigint. */
HTAB *
dcep_idtable_create(const char *name, Size entry_size)
{
	HASHCTL info = {.keysize = sizeof(int64), .entrysize = entry_size, .hcxt = CurrentMemoryContext};

	return hash_create(name, 256, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}
