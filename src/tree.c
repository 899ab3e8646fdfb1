/*
 * tree.c: the Merkle tree of a log, as RFC 9162 section 2.1 has it.
 *
 * A tree of n leaves is the perfect subtrees that the ones of n stand for, the
 * largest first, joined from the right.  Proofs are taken apart into the same
 * pieces, so that each costs a read a level.
 */
#include "tree.h"

#include <assert.h>
#include <string.h>

#define TAG_LEAF 0
#define TAG_NODE 1

/* Hash of a leaf. */
bool
dcep_tree_leaf(const void *data, size_t len, uint8_t out[DCEP_HASH_LEN])
{
	const uint8_t tag = TAG_LEAF;
	const DcepBytes pieces[] = {{&tag, 1}, {data, len}};

	return dcep_hash(DCEP_SUITE_ED25519, pieces, 2, out);
}

/* Hash of an inner node. */
bool
dcep_tree_node(const uint8_t left[DCEP_HASH_LEN], const uint8_t right[DCEP_HASH_LEN], uint8_t out[DCEP_HASH_LEN])
{
	uint8_t bytes[1 + 2 * DCEP_HASH_LEN] = {TAG_NODE};
	const DcepBytes piece = {bytes, sizeof(bytes)};

	memcpy(bytes + 1, left, DCEP_HASH_LEN);
	memcpy(bytes + 1 + DCEP_HASH_LEN, right, DCEP_HASH_LEN);
	return dcep_hash(DCEP_SUITE_ED25519, &piece, 1, out);
}

/* Root of a perfect subtree. */
bool
dcep_tree_fold(uint8_t (*hashes)[DCEP_HASH_LEN], uint32_t count, uint8_t out[DCEP_HASH_LEN])
{
	assert(count > 0 && (count & (count - 1)) == 0);
	for (; count > 1; count /= 2)
		for (uint32_t i = 0; i < count / 2; i++)
			if (!dcep_tree_node(hashes[2 * i], hashes[2 * i + 1], hashes[i]))
				return false;
	memcpy(out, hashes[0], DCEP_HASH_LEN);
	return true;
}

/* Level of the largest perfect subtree in a tree of so many leaves, which is not empty. */
static int
top_level(uint64_t size)
{
	assert(size > 0);
	return 63 - __builtin_clzll(size);
}

/* --- a frontier -------------------------------------------------------------- */

/* Adds a leaf: each one at the end of the old size is a pair that is complete now. */
bool
dcep_frontier_add(DcepFrontier *frontier, const uint8_t leaf[DCEP_HASH_LEN])
{
	assert(frontier->count == __builtin_popcountll(frontier->size) && frontier->size < (uint64_t) DCEP_TREE_SIZE_MAX);
	memcpy(frontier->hash[frontier->count++], leaf, DCEP_HASH_LEN);
	for (uint64_t pairs = frontier->size++; (pairs & 1) == 1; pairs >>= 1)
	{
		frontier->count--;
		if (!dcep_tree_node(frontier->hash[frontier->count - 1], frontier->hash[frontier->count],
							frontier->hash[frontier->count - 1]))
			return false;
	}
	return true;
}

/* Joins hashes from the right into the first's place in `out`; there is one at least. */
static bool
join(const uint8_t (*hashes)[DCEP_HASH_LEN], int count, uint8_t out[DCEP_HASH_LEN])
{
	memcpy(out, hashes[count - 1], DCEP_HASH_LEN);
	for (int i = count - 2; i >= 0; i--)
		if (!dcep_tree_node(hashes[i], out, out))
			return false;
	return true;
}

/* Root of the leaves so far. */
bool
dcep_frontier_root(const DcepFrontier *frontier, uint8_t out[DCEP_HASH_LEN])
{
	if (frontier->size == 0)
		return dcep_hash(DCEP_SUITE_ED25519, NULL, 0, out);
	return join(frontier->hash, frontier->count, out);
}

/* --- proofs ------------------------------------------------------------------ */

/* Hash of the subtree of leaves first to last - 1, which is perfect, or the right end of a tree. */
static bool
range_hash(DcepTreeReader reader, void *from, uint64_t first, uint64_t last, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t hashes[DCEP_TREE_PATH_MAX][DCEP_HASH_LEN];
	int count = 0;

	while (first < last)
	{
		int level = top_level(last - first);

		assert((first & ((UINT64_C(1) << level) - 1)) == 0);
		if (!reader(from, level, first >> level, hashes[count++]))
			return false;
		first += UINT64_C(1) << level;
	}
	return join(hashes, count, out);
}

/* Root of the first leaves. */
bool
dcep_tree_root(DcepTreeReader reader, void *from, uint64_t size, uint8_t out[DCEP_HASH_LEN])
{
	if (size == 0)
		return dcep_hash(DCEP_SUITE_ED25519, NULL, 0, out);
	return range_hash(reader, from, 0, size, out);
}

/*
 * Adds to a path the siblings of a perfect subtree on its way to the root: of
 * subtree `index` among those of 2^level leaves.
 */
static bool
add_siblings(DcepTreeReader reader, void *from, int level, uint64_t index, uint64_t size, DcepTreePath *path)
{
	for (; (UINT64_C(1) << level) < size; level++, index >>= 1)
	{
		uint64_t first = (index ^ 1) << level;
		uint64_t last = first + (UINT64_C(1) << level);

		if (first >= size)
			continue;
		if (!range_hash(reader, from, first, last < size ? last : size, path->hash[path->count++]))
			return false;
	}
	return true;
}

/* Proof of inclusion. */
bool
dcep_tree_inclusion(DcepTreeReader reader, void *from, uint64_t index, uint64_t size, DcepTreePath *path)
{
	assert(index < size && size <= (uint64_t) DCEP_TREE_SIZE_MAX);
	path->count = 0;
	return add_siblings(reader, from, 0, index, size, path);
}

/*
 * Proof of consistency: the last perfect subtree of the old tree, unless it is
 * the whole old tree, and then what leads from it to the new root.
 */
bool
dcep_tree_consistency(DcepTreeReader reader, void *from, uint64_t old, uint64_t size, DcepTreePath *path)
{
	int level;

	assert(old <= size && size <= (uint64_t) DCEP_TREE_SIZE_MAX);
	path->count = 0;
	if (old == 0 || old == size)
		return true;
	level = __builtin_ctzll(old);
	if ((old & (old - 1)) != 0 && !reader(from, level, (old >> level) - 1, path->hash[path->count++]))
		return false;
	return add_siblings(reader, from, level, (old >> level) - 1, size, path);
}

/* --- verification ------------------------------------------------------------ */

/* The verdict on two hashes that should be one. */
static DcepVerdict
same(const uint8_t a[DCEP_HASH_LEN], const uint8_t b[DCEP_HASH_LEN])
{
	return memcmp(a, b, DCEP_HASH_LEN) == 0 ? DCEP_SIGNATURE_VALID : DCEP_SIGNATURE_INVALID;
}

/* Verifies a proof of inclusion. */
DcepVerdict
dcep_tree_verify_inclusion(const uint8_t leaf[DCEP_HASH_LEN], uint64_t index, uint64_t size, const DcepTreePath *path,
						   const uint8_t root[DCEP_HASH_LEN])
{
	uint8_t hash[DCEP_HASH_LEN];
	uint64_t node = index;
	uint64_t last = size - 1;
	int used = 0;

	if (index >= size)
		return DCEP_SIGNATURE_INVALID;
	memcpy(hash, leaf, DCEP_HASH_LEN);
	for (; last > 0; node >>= 1, last >>= 1)
	{
		bool done;

		if ((node & 1) == 0 && node == last)
			continue;
		if (used == path->count)
			return DCEP_SIGNATURE_INVALID;
		done = (node & 1) == 1 ? dcep_tree_node(path->hash[used], hash, hash)
							   : dcep_tree_node(hash, path->hash[used], hash);
		if (!done)
			return DCEP_SIGNATURE_UNDECIDED;
		used++;
	}
	return used == path->count ? same(hash, root) : DCEP_SIGNATURE_INVALID;
}

/* Both roots from a subtree that both trees have, in `old_hash` and `hash`; valid where the path is as long as it must be. */
static DcepVerdict
climb(uint64_t node, uint64_t last, const DcepTreePath *path, int used, uint8_t old_hash[DCEP_HASH_LEN],
	  uint8_t hash[DCEP_HASH_LEN])
{
	for (; last > 0; node >>= 1, last >>= 1)
	{
		if ((node & 1) == 0 && node == last)
			continue;
		if (used == path->count)
			return DCEP_SIGNATURE_INVALID;
		if ((node & 1) == 1)
		{
			if (!dcep_tree_node(path->hash[used], old_hash, old_hash) || !dcep_tree_node(path->hash[used], hash, hash))
				return DCEP_SIGNATURE_UNDECIDED;
		}
		else if (!dcep_tree_node(hash, path->hash[used], hash))
			return DCEP_SIGNATURE_UNDECIDED;
		used++;
	}
	return used == path->count ? DCEP_SIGNATURE_VALID : DCEP_SIGNATURE_INVALID;
}

/* Verifies a proof of consistency. The tree of no leaves is the beginning of every tree. */
DcepVerdict
dcep_tree_verify_consistency(uint64_t old, const uint8_t old_root[DCEP_HASH_LEN], uint64_t size,
							 const uint8_t root[DCEP_HASH_LEN], const DcepTreePath *path)
{
	uint8_t old_hash[DCEP_HASH_LEN];
	uint8_t hash[DCEP_HASH_LEN];
	bool whole = (old & (old - 1)) == 0; /* the old tree is one perfect subtree, whose root is known */
	DcepVerdict verdict;
	int level;

	if (old > size || (path->count != 0 && (old == 0 || old == size)))
		return DCEP_SIGNATURE_INVALID;
	if (old == size)
		return same(old_root, root);
	if (!dcep_hash(DCEP_SUITE_ED25519, NULL, 0, hash))
		return DCEP_SIGNATURE_UNDECIDED;
	if (old == 0)
		return same(old_root, hash);
	if (!whole && path->count == 0)
		return DCEP_SIGNATURE_INVALID;
	level = __builtin_ctzll(old);
	memcpy(hash, whole ? old_root : path->hash[0], DCEP_HASH_LEN);
	memcpy(old_hash, hash, DCEP_HASH_LEN);
	verdict = climb((old - 1) >> level, (size - 1) >> level, path, whole ? 0 : 1, old_hash, hash);
	if (verdict != DCEP_SIGNATURE_VALID)
		return verdict;
	return same(old_hash, old_root) == DCEP_SIGNATURE_VALID ? same(hash, root) : DCEP_SIGNATURE_INVALID;
}
