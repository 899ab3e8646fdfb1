/*
 * coins_test.c: no more value leaves a signer than came in and was counted.
 *
 * Plays against its memory of coins whoever asks for anything: spends coins that
 * were spent before, splits, joins, sends abroad, gives ids twice, has requests
 * refused. What has left must never be more than what was issued and what was
 * reported as not covered. Prints TAP; the seed is its argument, or drawn.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "coins.h"
#include "tap.h"

#define OWNER 1
#define COINS_MAX 4000
#define PLAYS 4
#define STEPS 1500
#define INPUTS_MAX 3

/* A coin that was ever minted here. */
typedef struct Minted
{
	int64_t id;
	int64_t amount;
} Minted;

typedef struct Play
{
	Coins *coins;
	uint64_t serial;
	int64_t next_id;
	int64_t issued;
	int64_t uncovered;
	int64_t left;
	int count;
	Minted minted[COINS_MAX];
} Play;

/* Notes a coin that can be asked for from now on. */
static void
note_coin(Play *play, int64_t id, int64_t amount)
{
	if (play->count < COINS_MAX)
		play->minted[play->count++] = (Minted){id, amount};
}

/* A coin comes from abroad: it is shown when it is spent. */
static void
issue(Play *play, int64_t amount)
{
	note_coin(play, 2 * play->next_id++, amount);
	play->issued += amount;
}

/* A transfer of some coins; `abroad` is its payee. Where it is refused nothing has happened. */
static void
transfer(Play *play, const int *which, int inputs, int64_t id, int64_t amount, bool abroad, bool refused)
{
	Minting minting = {.serial = play->serial + 1, .id = id, .payer = OWNER, .payee = OWNER, .amount = amount};
	int64_t uncovered = 0;

	coins_begin(play->coins);
	for (int i = 0; i < inputs; i++)
	{
		const Minted *coin = &play->minted[which[i]];

		minting.change += coin->amount;
		uncovered += coins_consume(play->coins, coin->id, OWNER, coin->amount, minting.serial);
	}
	minting.change -= amount;
	minting.leaves = abroad;
	coins_mint(play->coins, &minting);
	if (refused)
	{
		coins_undo(play->coins);
		return;
	}
	coins_keep(play->coins);
	play->serial++;
	play->uncovered += uncovered;
	if (abroad)
		play->left += amount;
	else
		note_coin(play, 2 * id, amount);
	if (minting.change > 0)
		note_coin(play, 2 * id + 1, minting.change);
}

/* Any transfer: of new coins mostly, of any coins else, under an id of its own mostly. */
static void
transfer_anything(Play *play)
{
	int which[INPUTS_MAX];
	int inputs = 1 + rand() % INPUTS_MAX;
	int64_t sum = 0;

	assert(inputs > 0 && play->count > 0);
	for (int i = 0; i < inputs; i++)
	{
		int range = rand() % 4 == 0 ? play->count : (play->count < 20 ? play->count : 20);

		which[i] = play->count - 1 - rand() % range;
		sum += play->minted[which[i]].amount;
	}
	transfer(play, which, inputs, rand() % 50 == 0 ? play->next_id - 1 : play->next_id++, 1 + rand() % sum,
			 rand() % 5 == 0, rand() % 10 == 0);
}

/* Sends abroad whatever can be. */
static void
drain(Play *play)
{
	for (int i = play->count - 1; i >= 0; i--)
		transfer(play, &i, 1, play->next_id++, play->minted[i].amount, true, false);
}

/* Plays once; true where no more has left than there was. */
static bool
play_once(void)
{
	static Play play;
	bool sound = true;

	play = (Play){.coins = coins_new(), .next_id = 1};
	for (int i = 0; i < 5; i++)
		issue(&play, 1000);
	for (int i = 0; i < STEPS && sound; i++)
	{
		if (rand() % 100 == 0)
			issue(&play, 1000);
		transfer_anything(&play);
		sound = play.left <= play.issued + play.uncovered;
	}
	drain(&play);
	coins_free(play.coins);
	return sound && play.left <= play.issued + play.uncovered;
}

/* What an honest ledger does costs nothing: payments that are rolled back with what followed from them, and made again. */
static void
test_rollbacks(void)
{
	static Play play;
	int first;

	play = (Play){.coins = coins_new(), .next_id = 1};
	issue(&play, 1000);
	for (int round = 0; round < 30; round++)
	{
		first = 0;
		transfer(&play, &first, 1, play.next_id++, 400, false, false);
		for (int i = 0; i < 20; i++)
		{
			int newest = play.count - 1;

			transfer(&play, &newest, 1, play.next_id++, 1 + play.minted[newest].amount / 2, false, false);
		}
		play.count = 1; /* rolled back: the ledger knows the first coin alone */
	}
	ok(play.uncovered == 0, "what is rolled back and made again is covered");
	first = 0;
	transfer(&play, &first, 1, play.next_id++, 1000, true, false);
	ok(play.uncovered == 0 && play.left == 1000, "also when it goes abroad in the end");
	transfer(&play, &first, 1, play.next_id++, 1000, true, false);
	ok(play.uncovered == 1000, "a second time it is not");
	coins_free(play.coins);
}

/* A transfer enters a payment that was made on the node of an institution; returns what of it is not covered. */
static int64_t
enter(Play *play, int receiver, int origin, int64_t payment, int64_t amount)
{
	Minting minting = {
		.serial = ++play->serial, .id = play->next_id++, .payer = OWNER, .payee = OWNER, .amount = amount};
	int64_t uncovered;

	coins_begin(play->coins);
	uncovered = coins_claim(play->coins, receiver, origin, payment, amount, minting.serial);
	coins_mint(play->coins, &minting);
	coins_keep(play->coins);
	note_coin(play, 2 * minting.id, amount);
	return uncovered;
}

/* What another node has paid mints once. */
static void
test_claims(void)
{
	static Play play;
	int newest;

	play = (Play){.coins = coins_new(), .next_id = 1};
	ok(enter(&play, 2, 3, 7, 100) == 0 && enter(&play, 3, 2, 7, 100) == 0 && enter(&play, 2, 4, 7, 100) == 0 &&
		   enter(&play, 2, 2, 7, 100) == 0 && enter(&play, 2, 3, 8, 100) == 0,
	   "payments of several origins to several receivers, and one that comes back, are several");
	ok(enter(&play, 2, 3, 7, 100) == 0, "one that was rolled back is entered again");
	newest = 0;
	transfer(&play, &newest, 1, play.next_id++, 100, true, false);
	ok(play.uncovered == 100, "the money of before is void then");
	newest = 5;
	transfer(&play, &newest, 1, play.next_id++, 100, true, false);
	ok(play.uncovered == 100, "that of now is not");
	ok(enter(&play, 2, 3, 7, 100) == 100, "once its money has left it is not covered again");
	newest = 4;
	transfer(&play, &newest, 1, play.next_id++, 40, false, false);
	newest = play.count - 1;
	transfer(&play, &newest, 1, play.next_id++, 10, true, false);
	ok(enter(&play, 2, 3, 8, 100) == 10, "nor what of it has, where the rest can be made void");
	coins_begin(play.coins);
	(void) coins_claim(play.coins, 2, 3, 9, 100, play.serial + 1);
	coins_undo(play.coins);
	ok(enter(&play, 2, 3, 9, 100) == 0, "one that was refused has not been entered");
	coins_free(play.coins);
}

int
main(int count, char **argument)
{
	unsigned seed = count > 1 ? (unsigned) strtoul(argument[1], NULL, 10) : (unsigned) time(NULL);
	bool sound = true;

	printf("# seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < PLAYS && sound; i++)
		sound = play_once();
	ok(sound, "no more value leaves than came in and was counted");
	test_rollbacks();
	test_claims();
	return end_tests();
}
