/*
 * coins.c: what the signer knows of coins.
 */
#include "coins.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define PAGE_COINS 4096 /* coins of a page of consumed ones: 512 bytes */
#define BUCKETS 262144
#define BUCKET_COINS 4
#define TRANSFERS 131072 /* that are remembered, the latest by their serials */
#define VOID_DEPTH 64	 /* transfers that are made void one because of the other */
#define SAVED_MAX 40	 /* bytes of one change */
#define CODES 10000		 /* institutions have codes below */
#define NOBODY 0		 /* is the owner of what is no coin */

/*
 * What can be consumed: a coin, or, in a space of its own, a payment that a node has made to another's wallets, which
 * is consumed by the transfer that enters it there.
 */
typedef struct Source
{
	int32_t space; /* of coins 0 */
	int64_t id;
} Source;

/* Which coins of a stretch of ids have been consumed. */
typedef struct Page
{
	int32_t space;
	int64_t number;
	uint64_t word[PAGE_COINS / 64];
} Page;

/* A coin that is remembered. */
typedef struct Coin
{
	int64_t id; /* 0 for none */
	int64_t owner;
	int64_t amount;	   /* 0 where it is not known */
	uint64_t consumer; /* serial of the transfer that has consumed it last, or 0 */
	int32_t space;	   /* of a coin 0 */
	bool is_void;	   /* the transfer that minted it is: nobody has it to spend */
} Coin;

/* A transfer that is remembered. */
typedef struct Transfer
{
	uint64_t serial; /* 0 for none */
	int64_t id;
	int64_t amount;
	int64_t change;
	bool leaves;
	bool burns;
	bool is_void;
} Transfer;

/* What stood somewhere before a change. */
typedef struct Saved
{
	void *at;
	size_t len;
	uint8_t bytes[SAVED_MAX];
} Saved;

struct Coins
{
	Page **pages; /* open addressing; the room is a power of two */
	size_t page_count;
	size_t page_room;
	Coin (*buckets)[BUCKET_COINS];
	Transfer *transfers;
	Buffer saved; /* Saved, one after another */
};

/* Makes an empty memory. */
Coins *
coins_new(void)
{
	Coins *coins = zeros(1, sizeof(Coins));

	coins->page_room = 1024;
	coins->pages = zeros(coins->page_room, sizeof(Page *));
	coins->buckets = zeros(BUCKETS, sizeof(*coins->buckets));
	coins->transfers = zeros(TRANSFERS, sizeof(Transfer));
	return coins;
}

/* Gives a memory back. */
void
coins_free(Coins *coins)
{
	for (size_t i = 0; i < coins->page_room; i++)
		free(coins->pages[i]);
	free(coins->pages);
	free(coins->buckets);
	free(coins->transfers);
	free(coins->saved.data);
	free(coins);
}

/* --- undoing ----------------------------------------------------------------------- */

/* Before a change: saves what stands there. */
static void
save(Coins *coins, void *at, size_t len)
{
	Saved saved = {.at = at, .len = len};

	assert(len <= SAVED_MAX);
	memcpy(saved.bytes, at, len);
	buffer_put(&coins->saved, &saved, sizeof(saved));
}

/* Begins changes. */
void
coins_begin(Coins *coins)
{
	coins->saved.len = 0;
}

/* Keeps them. */
void
coins_keep(Coins *coins)
{
	coins->saved.len = 0;
}

/* Undoes them, the last first. */
void
coins_undo(Coins *coins)
{
	for (size_t end = coins->saved.len; end > 0; end -= sizeof(Saved))
	{
		Saved saved;

		memcpy(&saved, coins->saved.data + end - sizeof(Saved), sizeof(Saved));
		memcpy(saved.at, saved.bytes, saved.len);
	}
	coins->saved.len = 0;
}

/* --- consumed coins ---------------------------------------------------------------- */

/* Mixes a number's bits, so that neighbours lie apart. */
static uint64_t
mix(int64_t number)
{
	uint64_t bits = (uint64_t) number * UINT64_C(0x9E3779B97F4A7C15);

	return bits ^ bits >> 32;
}

/* The same of a number of a space. */
static uint64_t
mix_in(int32_t space, int64_t number)
{
	return mix((int64_t) ((uint64_t) number + (uint64_t) space * UINT64_C(0xD6E8FEB86659FD93)));
}

/* A coin, as what can be consumed. */
static Source
coin_source(int64_t id)
{
	return (Source){.id = id};
}

/* Where the page of a number is, or would be. */
static Page **
page_place(Page **pages, size_t room, int32_t space, int64_t number)
{
	size_t at = (size_t) mix_in(space, number) & (room - 1);

	while (pages[at] != NULL && (pages[at]->number != number || pages[at]->space != space))
		at = (at + 1) & (room - 1);
	return &pages[at];
}

/* Doubles the room for pages. */
static void
grow_pages(Coins *coins)
{
	size_t room = coins->page_room * 2;
	Page **pages = zeros(room, sizeof(Page *));

	for (size_t i = 0; i < coins->page_room; i++)
		if (coins->pages[i] != NULL)
			*page_place(pages, room, coins->pages[i]->space, coins->pages[i]->number) = coins->pages[i];
	free(coins->pages);
	coins->pages = pages;
	coins->page_room = room;
}

/* The word with a coin's bit; NULL where none of its page has been consumed and no page shall be made. */
static uint64_t *
find_word(Coins *coins, Source source, bool make)
{
	int64_t number = source.id / PAGE_COINS;
	Page **place = page_place(coins->pages, coins->page_room, source.space, number);

	if (*place == NULL && !make)
		return NULL;
	if (*place == NULL)
	{
		*place = zeros(1, sizeof(Page));
		(*place)->space = source.space;
		(*place)->number = number;
		coins->page_count++;
		if (coins->page_count * 2 > coins->page_room)
		{
			grow_pages(coins);
			place = page_place(coins->pages, coins->page_room, source.space, number);
		}
	}
	return &(*place)->word[source.id % PAGE_COINS / 64];
}

/* Has a coin been consumed? */
static bool
is_consumed(Coins *coins, Source source)
{
	const uint64_t *word = find_word(coins, source, false);

	return word != NULL && (*word >> (source.id % 64) & 1) != 0;
}

/* Notes that a coin has been. */
static void
mark_consumed(Coins *coins, Source source)
{
	uint64_t *word = find_word(coins, source, true);

	save(coins, word, sizeof(*word));
	*word |= UINT64_C(1) << (source.id % 64);
}

/* --- remembered coins and transfers -------------------------------------------------- */

/* A coin that is remembered, or NULL. */
static Coin *
find_coin(const Coins *coins, Source source)
{
	Coin *bucket = coins->buckets[mix_in(source.space, source.id) % BUCKETS];

	for (int i = 0; i < BUCKET_COINS; i++)
		if (bucket[i].id == source.id && bucket[i].space == source.space)
			return &bucket[i];
	return NULL;
}

/* Remembers a coin, as the first of its bucket; the last one is forgotten. */
static Coin *
remember_coin(Coins *coins, Source source, int64_t owner, int64_t amount)
{
	Coin *bucket = coins->buckets[mix_in(source.space, source.id) % BUCKETS];
	Coin *coin = find_coin(coins, source);

	if (coin == NULL)
	{
		for (int i = BUCKET_COINS - 1; i > 0; i--)
		{
			save(coins, &bucket[i], sizeof(Coin));
			bucket[i] = bucket[i - 1];
		}
		coin = bucket;
	}
	save(coins, coin, sizeof(Coin));
	*coin = (Coin){.id = source.id, .space = source.space, .owner = owner, .amount = amount};
	return coin;
}

/* The amount of a coin that is remembered as this owner's. */
bool
coins_find(const Coins *coins, int64_t id, int64_t owner, int64_t *amount)
{
	const Coin *coin = find_coin(coins, coin_source(id));

	if (coin == NULL || coin->owner != owner || coin->amount == 0)
		return false;
	*amount = coin->amount;
	return true;
}

/* A transfer that is remembered, or NULL. */
static Transfer *
find_transfer(const Coins *coins, uint64_t serial)
{
	Transfer *transfer = &coins->transfers[serial % TRANSFERS];

	return serial != 0 && transfer->serial == serial ? transfer : NULL;
}

/* A transfer mints its coins. */
void
coins_mint(Coins *coins, const Minting *minting)
{
	Transfer *transfer = &coins->transfers[minting->serial % TRANSFERS];

	static_assert(sizeof(Transfer) <= SAVED_MAX && sizeof(Coin) <= SAVED_MAX, "changes are saved whole");
	save(coins, transfer, sizeof(Transfer));
	*transfer = (Transfer){.serial = minting->serial,
						   .id = minting->id,
						   .amount = minting->amount,
						   .change = minting->change,
						   .leaves = minting->leaves,
						   .burns = minting->burns};
	if (!minting->burns)
		(void) remember_coin(coins, coin_source(minting->id * 2), minting->payee, minting->amount);
	if (minting->change > 0)
		(void) remember_coin(coins, coin_source(minting->id * 2 + 1), minting->payer, minting->change);
}

/* --- spending ------------------------------------------------------------------------ */

static int64_t make_void(Coins *coins, Transfer *transfer, int depth);

/* Makes an output void. Returns what of it has gone where that does not reach. */
static int64_t
void_output(Coins *coins, int64_t id, int64_t amount, int depth)
{
	Coin *coin = find_coin(coins, coin_source(id));
	Transfer *consumer = coin == NULL ? NULL : find_transfer(coins, coin->consumer);
	bool consumed = is_consumed(coins, coin_source(id));

	if (consumed && (consumer == NULL || depth == 0))
		return amount;
	if (coin != NULL)
	{
		save(coins, coin, sizeof(Coin));
		coin->is_void = true;
	}
	if (consumed)
		return make_void(coins, consumer, depth - 1);
	mark_consumed(coins, coin_source(id));
	return 0;
}

/* Makes a transfer void, and all that followed from it. Returns what has gone where that does not reach. */
static int64_t
make_void(Coins *coins, Transfer *transfer, int depth)
{
	int64_t gone;

	if (transfer->is_void)
		return 0;
	save(coins, transfer, sizeof(Transfer));
	transfer->is_void = true;
	if (transfer->leaves)
		gone = transfer->amount;
	else
		gone = void_output(coins, transfer->id * 2, transfer->amount, depth);
	if (transfer->change > 0)
		gone = sum_up(gone, void_output(coins, transfer->id * 2 + 1, transfer->change, depth));
	return gone;
}

/* Something is consumed a second time. Returns what of that is not covered: all of it where the coin is void. */
static int64_t
consume_again(Coins *coins, Source source, int64_t amount)
{
	const Coin *coin = find_coin(coins, source);
	Transfer *before = coin == NULL || coin->is_void ? NULL : find_transfer(coins, coin->consumer);

	return before == NULL ? amount : make_void(coins, before, VOID_DEPTH);
}

/* A transfer consumes a coin, or a payment of another node. */
static int64_t
consume(Coins *coins, Source source, int64_t owner, int64_t amount, uint64_t serial)
{
	int64_t uncovered = 0;
	Coin *coin;

	if (is_consumed(coins, source))
		uncovered = consume_again(coins, source, amount);
	else
		mark_consumed(coins, source);
	coin = find_coin(coins, source);
	if (coin == NULL)
		coin = remember_coin(coins, source, owner, amount);
	save(coins, coin, sizeof(Coin));
	coin->consumer = serial;
	coin->is_void = false; /* what is not covered is paid for by now */
	return uncovered;
}

/* A transfer consumes a coin. */
int64_t
coins_consume(Coins *coins, int64_t id, int64_t owner, int64_t amount, uint64_t serial)
{
	return consume(coins, coin_source(id), owner, amount, serial);
}

/* A transfer enters what another node has paid. */
int64_t
coins_claim(Coins *coins, int receiver, int origin, int64_t transfer, int64_t amount, uint64_t serial)
{
	const Source source = {.space = receiver * CODES + origin, .id = transfer};

	return consume(coins, source, NOBODY, amount, serial);
}
