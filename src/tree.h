/*
 * tree.h: the Merkle tree of a log, as RFC 9162 section 2.1 has it.
 *
 *   leaf hash = SHA-256(0x00 || data)
 *   node hash = SHA-256(0x01 || left || right)
 *   root of no leaves = SHA-256 of nothing
 *
 * A proof is made of hashes of perfect subtrees (2^level leaves, the first of
 * which is a multiple of that), which a reader function supplies; how they are
 * stored is its affair.  Plain C on top of crypto: who verifies needs no server.
 *
 * Functions that return bool fail where OpenSSL or the reader does.
 */
#ifndef DCEP_TREE_H
#define DCEP_TREE_H

#include "crypto.h"

#define DCEP_TREE_SIZE_MAX INT64_MAX
#define DCEP_TREE_PATH_MAX 64 /* hashes of the longest proof: a level each, and one more where a root is proven */

/* Supplies the hash of the perfect subtree number `index` among those of 2^level leaves. */
typedef bool (*DcepTreeReader)(void *from, int level, uint64_t index, uint8_t out[DCEP_HASH_LEN]);

/* A proof. */
typedef struct DcepTreePath
{
	int count;
	uint8_t hash[DCEP_TREE_PATH_MAX][DCEP_HASH_LEN];
} DcepTreePath;

/* Roots of the perfect subtrees that the leaves so far make, the largest first: all that is needed to go on. */
typedef struct DcepFrontier
{
	uint64_t size;
	int count; /* the number of ones in size */
	uint8_t hash[DCEP_TREE_PATH_MAX][DCEP_HASH_LEN];
} DcepFrontier;

extern bool dcep_tree_leaf(const void *data, size_t len, uint8_t out[DCEP_HASH_LEN]);
/* `out` may be one of the two. */
extern bool dcep_tree_node(const uint8_t left[DCEP_HASH_LEN], const uint8_t right[DCEP_HASH_LEN],
						   uint8_t out[DCEP_HASH_LEN]);

/* Root of a perfect subtree from the `count` hashes of one of its levels, a power of two; they are overwritten. */
extern bool dcep_tree_fold(uint8_t (*hashes)[DCEP_HASH_LEN], uint32_t count, uint8_t out[DCEP_HASH_LEN]);

/* Adds a leaf hash; the root of the leaves so far. A frontier begins as zeros. */
extern bool dcep_frontier_add(DcepFrontier *frontier, const uint8_t leaf[DCEP_HASH_LEN]);
extern bool dcep_frontier_root(const DcepFrontier *frontier, uint8_t out[DCEP_HASH_LEN]);

/* Root of the first `size` leaves. */
extern bool dcep_tree_root(DcepTreeReader reader, void *from, uint64_t size, uint8_t out[DCEP_HASH_LEN]);
/* That leaf `index` is in the tree of `size` leaves; index < size. */
extern bool dcep_tree_inclusion(DcepTreeReader reader, void *from, uint64_t index, uint64_t size, DcepTreePath *path);
/* That the tree of `size` leaves begins with that of `old` leaves; old <= size. Empty where old is 0 or size. */
extern bool dcep_tree_consistency(DcepTreeReader reader, void *from, uint64_t old, uint64_t size, DcepTreePath *path);

/*
 * Do the proofs hold? DCEP_SIGNATURE_UNDECIDED only where OpenSSL fails. Any numbers and paths may be given.
 */
extern DcepVerdict dcep_tree_verify_inclusion(const uint8_t leaf[DCEP_HASH_LEN], uint64_t index, uint64_t size,
											  const DcepTreePath *path, const uint8_t root[DCEP_HASH_LEN]);
extern DcepVerdict dcep_tree_verify_consistency(uint64_t old, const uint8_t old_root[DCEP_HASH_LEN], uint64_t size,
												const uint8_t root[DCEP_HASH_LEN], const DcepTreePath *path);

#endif
