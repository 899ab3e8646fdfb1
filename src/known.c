/*
 * known.c: signatures that this server knows to be good.
 *
 * A table of digests in rows of four; a digest's own first bits name its row.
 * A new one takes a free place there, else that of another.  No locks: the four
 * words of a place are read and written one by one, and a mixture of two
 * digests is like no third.
 */
#include "known.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "refusal.h"
#include "shared.h"

#define WORDS 4
#define WAYS 4
#define LOCAL_PLACES 4096 /* 128 kB in each backend that pays, where nothing is shared */

typedef struct KnownPlace
{
	pg_atomic_uint64 word[WORDS];
} KnownPlace;

static int known_megabytes = 16;
static KnownPlace *places = NULL;
static uint32 row_mask = 0;

/* Places that fit, a power of two. */
static uint32
shared_places(void)
{
	return (uint32) ((Size) known_megabytes * 1024 * 1024 / sizeof(KnownPlace));
}

/* Empties a table. */
static void
clear_places(KnownPlace *table, uint32 count)
{
	for (uint32 i = 0; i < count; i++)
		for (int w = 0; w < WORDS; w++)
			pg_atomic_init_u64(&table[i].word[w], 0);
}

static Size
shared_size(void)
{
	return mul_size(shared_places(), sizeof(KnownPlace));
}

static void
attach_memory(void *memory, LWLock *lock pg_attribute_unused(), bool new)
{
	places = memory;
	if (new)
		clear_places(places, shared_places());
	row_mask = shared_places() / WAYS - 1;
}

static DcepShared shared = {.name = "dcep known signatures", .size = shared_size, .attach = attach_memory};

/* Is this a power of two? */
static bool
check_megabytes(int *value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if ((*value & (*value - 1)) == 0)
		return true;
	GUC_check_errdetail("It must be a power of two.");
	return false;
}

/* Defines the setting and asks for shared memory. */
void
dcep_known_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable(
		"dcep.known_signatures", "Shared memory for signatures that are known to be good.",
		"In megabytes, a power of two. A megabyte remembers 32,768 transfers, whose coins then cost no "
		"signature verification when they are spent. Size it for the coins in circulation.",
		&known_megabytes, 16, 1, 16384, PGC_POSTMASTER, GUC_UNIT_MB, check_megabytes, NULL, NULL);
	dcep_shared_request(&shared);
}

/* The row of a digest, in the shared table or in the backend's own. */
static KnownPlace *
find_row(const uint8 *digest)
{
	if (places == NULL)
	{
		KnownPlace *table = MemoryContextAlloc(TopMemoryContext, LOCAL_PLACES * sizeof(KnownPlace));

		clear_places(table, LOCAL_PLACES);
		places = table;
		row_mask = LOCAL_PLACES / WAYS - 1;
	}
	return &places[(dcep_get_u32(digest) & row_mask) * WAYS];
}

/* Does a place hold this digest? */
static bool
holds(KnownPlace *place, const uint8 *digest)
{
	for (int w = 0; w < WORDS; w++)
		if (pg_atomic_read_u64(&place->word[w]) != dcep_get_u64(digest + 8 * w))
			return false;
	return true;
}

/* The place for a new digest: its own, a free one, or one that its last bits choose. */
static KnownPlace *
choose_place(KnownPlace *row, const uint8 *digest)
{
	for (int i = 0; i < WAYS; i++)
		if (pg_atomic_read_u64(&row[i].word[0]) == 0 || holds(&row[i], digest))
			return &row[i];
	return &row[digest[DCEP_HASH_LEN - 1] % WAYS];
}

/* The digest of a signature by a key. */
void
dcep_known_digest(const uint8 *public_key, int public_len, const void *content, size_t len,
				  const uint8 signature[DCEP_SIGNATURE_LEN], uint8 digest[DCEP_HASH_LEN])
{
	/* A row begins with the tag of its context, leaves are hashes that nobody can choose: the pieces cannot run into each other. */
	const DcepBytes pieces[] = {{signature, DCEP_SIGNATURE_LEN}, {public_key, (size_t) public_len}, {content, len}};

	if (!dcep_hash(DCEP_SUITE_ED25519, pieces, lengthof(pieces), digest))
		dcep_crypto_raise("look up a signature");
}

/* Is this signature known? */
bool
dcep_known_has(const uint8 digest[DCEP_HASH_LEN])
{
	KnownPlace *row = find_row(digest);

	for (int i = 0; i < WAYS; i++)
		if (holds(&row[i], digest))
			return true;
	return false;
}

/* Remembers a signature. */
void
dcep_known_add(const uint8 digest[DCEP_HASH_LEN])
{
	KnownPlace *place = choose_place(find_row(digest), digest);

	for (int w = 0; w < WORDS; w++)
		pg_atomic_write_u64(&place->word[w], dcep_get_u64(digest + 8 * w));
}
