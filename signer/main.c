/*
 * main.c: the program dcep-signer, the front-end encryptor: it holds the keys that the ledger's payments are signed
 * with, and signs what the central bank's quota allows.
 *
 *   dcep-signer run DIRECTORY              serves the keys of a directory (store.h)
 *   dcep-signer verify DIRECTORY           reads its log, verifies every hash and prints how it stands
 *   dcep-signer sign-quota KEY.pem         signs the quota statement on its input with the authority's private key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "serve.h"

/* Reads a stream to its end. */
static void
read_stream(FILE *stream, Buffer *to)
{
	size_t len;

	do
	{
		len = fread(buffer_reserve(to, 4096), 1, 4096, stream);
		to->len += len;
	} while (len > 0);
	if (ferror(stream))
		die("the input cannot be read");
}

/* Serves a directory. Nobody shall look into the memory with the keys. */
static void
command_run(const char *directory)
{
	static Store store;

	umask(0077);
	prctl(PR_SET_DUMPABLE, 0);
	store_open(&store, directory);
	serve(&store);
}

/* Prints how a directory's log stands. */
static void
command_verify(const char *directory)
{
	static Store store;

	store_look(&store, directory);
	printf("records %llu\nhead ", (unsigned long long) store.book.counter);
	for (int i = 0; i < DCEP_HASH_LEN; i++)
		printf("%02x", store.book.head[i]);
	printf("\n");
	for (int i = 0; i < store.institution_count; i++)
	{
		const Institution *institution = &store.institution[i];

		printf("institution %04d statement %lld minted %lld paid out %lld\n", institution->code,
			   (long long) institution->logged_number, (long long) institution->minted,
			   (long long) institution->paid_out);
	}
}

/* Signs a statement. */
static void
command_sign_quota(const char *path)
{
	FILE *file = fopen(path, "rb");
	Buffer pem = {0};
	Buffer text = {0};
	DcepKeyPair *authority;
	const char *wrong;

	if (file == NULL)
		die("%s cannot be opened", path);
	read_stream(file, &pem);
	fclose(file);
	authority = dcep_key_from_pem((const char *) pem.data, pem.len);
	dcep_wipe(pem.data, pem.room);
	if (authority == NULL)
		die("%s: %s", path, dcep_crypto_error());
	read_stream(stdin, &text);
	wrong = quota_sign(&text, authority);
	if (wrong != NULL)
		die("the statement cannot be signed: %s", wrong);
	fwrite(text.data, 1, text.len, stdout);
	buffer_free(&pem);
	buffer_free(&text);
	dcep_key_free(authority);
}

/* Runs a command. */
int
main(int count, char **argument)
{
	if (count == 3 && strcmp(argument[1], "run") == 0)
		command_run(argument[2]);
	else if (count == 3 && strcmp(argument[1], "verify") == 0)
		command_verify(argument[2]);
	else if (count == 3 && strcmp(argument[1], "sign-quota") == 0)
		command_sign_quota(argument[2]);
	else
	{
		fprintf(stderr, "usage: dcep-signer run DIRECTORY | verify DIRECTORY | sign-quota KEY.pem <TEXT\n");
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
