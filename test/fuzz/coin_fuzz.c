/*
 * coin_fuzz.c: libFuzzer's way into the parsers that read what strangers send.
 *
 * Each input is tried as a coin, as base64url, as a wallet number and as a token.
 * What is accepted must be canonical: written again, it has the same bytes.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc test/fuzz/coin_fuzz.c src/codec.c -o coin_fuzz
 *
 * Without libFuzzer, define FUZZ_SEED: the program then mutates a sound coin
 * FUZZ_ROUNDS times by itself, the same way for the same seed.
 */
#include "codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Stops the fuzzer where an accepted input is not canonical. */
static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* A coin that is accepted is the one that its fields make. */
static void
try_coin(const uint8_t *data, size_t len)
{
	DcepSignedCoin coin;
	uint8_t again[DCEP_COIN_MAX_LEN];

	if (dcep_signed_coin_get(data, len, &coin) != NULL)
		return;
	require(coin.coin.amount > 0 && coin.coin.id > 1 && coin.path_len <= DCEP_COIN_PATH_MAX);
	require(dcep_signed_coin_put(&coin, again) == len && memcmp(again, data, len) == 0);
}

/* Base64url that is accepted is what its bytes encode to; they may be a coin. */
static void
try_base64(const char *text, size_t len)
{
	uint8_t *bytes = malloc(len * 3 / 4 + 3);
	char *again = malloc(len + 1);
	size_t bytes_len = 0;

	if (bytes != NULL && again != NULL && dcep_base64url_get(text, len, bytes, &bytes_len) == NULL)
	{
		require(dcep_base64url_length(bytes_len) == len);
		require(dcep_base64url_put(bytes, bytes_len, again) == len && memcmp(again, text, len) == 0);
		try_coin(bytes, bytes_len);
	}
	free(bytes);
	free(again);
}

/* Numbers that are accepted print as the digits that were read. */
static void
try_numbers(const char *text, size_t len)
{
	char wallet_text[DCEP_WALLET_DIGITS + 1];
	char token_text[DCEP_TOKEN_DIGITS + 1];
	int64_t number;
	int64_t again;

	if (dcep_wallet_parse(text, len, &number) == NULL)
	{
		dcep_wallet_print(number, wallet_text);
		require(dcep_wallet_parse(wallet_text, DCEP_WALLET_DIGITS, &again) == NULL && again == number);
	}
	if (dcep_token_parse(text, len, &number) == NULL)
	{
		dcep_token_print(number, token_text);
		require(memcmp(token_text, text, len) == 0);
	}
}

/* libFuzzer's entry point. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	try_coin(data, len);
	try_base64((const char *) data, len);
	try_numbers((const char *) data, len);
	return 0;
}

#ifdef FUZZ_SEED

#ifndef FUZZ_ROUNDS
#define FUZZ_ROUNDS 1000000
#endif

static uint32_t state = FUZZ_SEED;

/* A pseudo-random number below a limit; FUZZ_SEED is not 0. */
static uint32_t
next_random(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % limit;
}

/* Fills `data` with something that is nearly sound, returns its length. */
static size_t
make_input(uint8_t *data)
{
	DcepSignedCoin coin = {.coin = {1, 2, 1, {'C', 'N', 'Y'}, 2, 2001, 1250, INT64_C(2999999999990), 0, {0}}};
	uint8_t bytes[DCEP_COIN_MAX_LEN];
	size_t len;

	coin.batch_size = 1 + next_random(1000);
	coin.batch_index = next_random(coin.batch_size);
	coin.path_len = dcep_path_length(coin.batch_index, coin.batch_size);
	switch (next_random(4))
	{
		case 0:
			return dcep_signed_coin_put(&coin, data);
		case 1:
			len = dcep_signed_coin_put(&coin, bytes);
			return dcep_base64url_put(bytes, len, (char *) data);
		case 2:
			memcpy(data, "0002-9999 99999990", 18);
			return 18;
		default:
			memcpy(data, "280123456789012345", 18);
			return 18;
	}
}

/* Mutates sound inputs and tries them. */
int
main(void)
{
	printf("# seed %u, %u rounds\n", (unsigned) FUZZ_SEED, (unsigned) FUZZ_ROUNDS);
	for (uint32_t round = 0; round < FUZZ_ROUNDS; round++)
	{
		static uint8_t data[2 * DCEP_COIN_MAX_LEN];
		size_t len = make_input(data);
		uint8_t *piece;

		for (uint32_t changes = next_random(4); changes > 0; changes--)
			data[next_random((uint32_t) len)] ^= (uint8_t) (1 << next_random(8));
		if (next_random(8) == 0)
			len = next_random((uint32_t) len + 1);
		/* Its own memory, so that a sanitizer sees a read beyond the end. */
		piece = malloc(len + 1);
		if (piece == NULL)
			return 1;
		memcpy(piece, data, len);
		LLVMFuzzerTestOneInput(piece, len);
		free(piece);
	}
	printf("ok 1 - parsers accept canonical input only\n1..1\n");
	return 0;
}

#endif
