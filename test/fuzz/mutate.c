/*
 * mutate.c: drives the targets without libFuzzer: sound inputs, altered at random.
 *
 *   mutate SEEDS [rounds] [seed]       the folder of seeds; the same seed, the same inputs
 *
 * To be compiled with AddressSanitizer and UBSan, which end it where a parser reads beyond its input.
 */
#include "targets.h"

#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_MAX 64
#define SEED_LEN_MAX 65536

typedef struct Seed
{
	size_t len;
	uint8_t *bytes;
} Seed;

static Seed seeds[SEEDS_MAX];
static int seed_count = 0;
static uint32_t state = 20200701;

/* A pseudo-random number below a limit above 0. */
static uint32_t
next_random(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	assert(limit > 0);
	return state % limit;
}

/* Reads a seed. */
static bool
read_seed(const char *folder, const char *name)
{
	char path[4096];
	Seed *seed = &seeds[seed_count];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	seed->bytes = malloc(SEED_LEN_MAX);
	if (file == NULL || seed->bytes == NULL || seed_count == SEEDS_MAX)
		return false;
	seed->len = fread(seed->bytes, 1, SEED_LEN_MAX, file);
	fclose(file);
	seed_count++;
	return seed->len > 1;
}

/* The order of seeds, whatever the folder's is. */
static int
compare_seeds(const void *a, const void *b)
{
	const Seed *left = a;
	const Seed *right = b;
	int order = memcmp(left->bytes, right->bytes, left->len < right->len ? left->len : right->len);

	return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* Reads all seeds. */
static bool
read_seeds(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && !read_seed(folder, entry->d_name))
			return false;
	if (dir != NULL)
		closedir(dir);
	qsort(seeds, (size_t) seed_count, sizeof(Seed), compare_seeds);
	return seed_count > 0;
}

/* Removes a stretch of an input, or has it twice. */
static size_t
move_stretch(uint8_t *data, size_t len, bool doubles)
{
	size_t at = 1 + next_random((uint32_t) len - 1);
	size_t stretch = next_random((uint32_t) (len - at < 64 ? len - at : 64) + 1);

	if (!doubles)
	{
		memmove(data + at, data + at + stretch, len - at - stretch);
		return len - stretch;
	}
	memmove(data + at + stretch, data + at, len - at);
	return len + stretch;
}

/* Takes the end from another seed. */
static size_t
splice(uint8_t *data, size_t len)
{
	const Seed *other = &seeds[next_random((uint32_t) seed_count)];
	size_t at = 1 + next_random((uint32_t) (len < other->len ? len : other->len) - 1);

	memcpy(data + at, other->bytes + at, other->len - at);
	return other->len;
}

/* Alters an input of two bytes at least once; what it is for stays. */
static size_t
alter(uint8_t *data, size_t len)
{
	static const char meaningful[] = "\t\n\\ 0129-+=/{},xN:.\xe2\xff\x01";
	size_t at = 1 + next_random((uint32_t) len - 1);

	switch (next_random(8))
	{
		case 0:
			return move_stretch(data, len, false);
		case 1:
			return move_stretch(data, len, true);
		case 2:
			return splice(data, len);
		case 3:
			return at;
		case 4:
		case 5:
			data[at] = (uint8_t) meaningful[next_random(sizeof(meaningful))];
			return len;
		default:
			data[at] ^= (uint8_t) (1 << next_random(8));
			return len;
	}
}

/* One round: a seed, altered a few times, in memory of its own so that a read beyond the end is seen. */
static bool
try_round(void)
{
	static uint8_t data[SEED_LEN_MAX * 2];
	const Seed *seed = &seeds[next_random((uint32_t) seed_count)];
	size_t len = seed->len;
	uint8_t *piece;

	memcpy(data, seed->bytes, len);
	for (uint32_t changes = next_random(4); changes > 0 && len > 1 && len < SEED_LEN_MAX; changes--)
		len = alter(data, len);
	assert(len > 0);
	piece = malloc(len);
	if (piece == NULL)
		return false;
	memcpy(piece, data, len);
	LLVMFuzzerTestOneInput(piece, len);
	free(piece);
	return true;
}

/* Are all seeds accepted, as they are? Else altering them would try little. */
static bool
try_seeds(void)
{
	bool all = seed_count > 0;

	for (int i = 0; i < seed_count; i++)
	{
		uint64_t before = fuzz_accepted;

		LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].len);
		if (fuzz_accepted == before)
			printf("# not accepted: %.60s\n", (const char *) seeds[i].bytes);
		all = all && fuzz_accepted > before;
	}
	return all;
}

/* Alters and tries. */
int
main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[2]) : 100000;
	bool is_done = argc > 1 && read_seeds(argv[1]);
	bool is_accepted;
	uint64_t accepted;

	if (argc > 3)
		state = (uint32_t) atol(argv[3]) | 1;
	printf("# seed %u, %ld rounds\n", (unsigned) state, rounds);
	is_accepted = try_seeds();
	printf("%s 1 - all %d seeds are accepted\n", is_accepted ? "ok" : "not ok", seed_count);
	accepted = fuzz_accepted;
	for (long round = 0; round < rounds && is_done; round++)
		is_done = try_round();
	printf("%s 2 - parsers accept canonical input only, and read nothing else\n", is_done ? "ok" : "not ok");
	printf("# %llu of them accepted\n1..2\n", (unsigned long long) (fuzz_accepted - accepted));
	for (int i = 0; i < seed_count; i++)
		free(seeds[i].bytes);
	return is_done && is_accepted ? 0 : 1;
}
