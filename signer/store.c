/*
 * store.c: the signer's directory.
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "note.h"

/* Microseconds since 1970. */
int64_t
time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- files ------------------------------------------------------------------------- */

/* Path of a file of the directory. */
static const char *
path_of(const Store *store, const char *name, char path[STORE_PATH_MAX])
{
	if (snprintf(path, STORE_PATH_MAX, "%s/%s", store->directory, name) >= STORE_PATH_MAX)
		die("the directory's path is too long");
	return path;
}

/* Reads a file whole, at most so many bytes; NULL, or why not. Of a private one nobody else may have rights. */
static const char *
read_file(const char *path, bool is_private, size_t max, Buffer *to)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *wrong = NULL;
	struct stat status;
	ssize_t len;

	if (file < 0)
		return strerror(errno);
	if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
		wrong = "not a regular file";
	else if (is_private && (status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0))
		wrong = "others could read or replace it";
	if (wrong == NULL)
	{
		len = read(file, buffer_reserve(to, max + 1), max + 1);
		if (len < 0)
			wrong = strerror(errno);
		else if ((size_t) len > max)
			wrong = "it is too long";
		else
			to->len += (size_t) len;
	}
	close(file);
	return wrong;
}

/* Makes a private file, durably; NULL, or why not. */
static const char *
write_file(const char *path, const void *data, size_t len)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	bool done;

	if (file < 0)
		return strerror(errno);
	done = write(file, data, len) == (ssize_t) len && fsync(file) == 0;
	close(file);
	if (done)
		return NULL;
	unlink(path);
	return "it cannot be written";
}

/* Is this a directory that nobody else can look into or change? */
static void
check_directory(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		die("%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		die("%s must be a directory of the signer's user with mode 0700", path);
}

/* --- settings ---------------------------------------------------------------------- */

/* A user by name or number. */
static uid_t
user_by_name(const char *name)
{
	const struct passwd *user = getpwnam(name);
	char *end;
	unsigned long number;

	if (user != NULL)
		return user->pw_uid;
	number = strtoul(name, &end, 10);
	if (*name == '\0' || *end != '\0')
		die("signer.conf: there is no user \"%s\"", name);
	return (uid_t) number;
}

/* Adds an institution: code, currency, exponent. */
static void
add_institution(Store *store, const char *text)
{
	Institution *institution;
	char currency[DCEP_CURRENCY_LEN + 1];
	int code;
	int exponent;
	char rest;

	if (sscanf(text, "%d %3[A-Z] %d%c", &code, currency, &exponent, &rest) != 3 || code < 1 || code > 9999 ||
		strlen(currency) != DCEP_CURRENCY_LEN || exponent < 0 || exponent > 18)
		die("signer.conf: \"institution %s\" is not a code, a currency and its exponent", text);
	if (store_institution(store, code) != NULL)
		die("signer.conf: institution %04d stands there twice", code);
	store->institution = realloc(store->institution, (size_t) (store->institution_count + 1) * sizeof(Institution));
	if (store->institution == NULL)
		die("out of memory");
	institution = &store->institution[store->institution_count++];
	memset(institution, 0, sizeof(*institution));
	institution->code = code;
	institution->exponent = exponent;
	memcpy(institution->currency, currency, DCEP_CURRENCY_LEN);
}

/* Takes a setting over. */
static void
take_setting(Store *store, const char *name, const char *value)
{
	if (strcmp(name, "socket") == 0)
	{
		if (value[0] != '/')
			die("signer.conf: the socket's path is not absolute");
		snprintf(store->socket, sizeof(store->socket), "%s", value);
	}
	else if (strcmp(name, "peer") == 0)
	{
		if (store->peer_count == STORE_PEERS_MAX)
			die("signer.conf: too many peers");
		store->peer[store->peer_count++] = user_by_name(value);
	}
	else if (strcmp(name, "institution") == 0)
		add_institution(store, value);
	else if (strcmp(name, "sync") == 0 && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0))
		store->book.sync = strcmp(value, "on") == 0;
	else
		die("signer.conf: \"%s %s\" is no setting", name, value);
}

/* Reads the settings. */
static void
read_settings(Store *store)
{
	char path[STORE_PATH_MAX];
	Buffer text = {0};
	const char *wrong = read_file(path_of(store, "signer.conf", path), true, 65536, &text);
	char *rest;
	char *line;

	if (wrong != NULL)
		die("%s: %s", path, wrong);
	buffer_put(&text, "", 1);
	rest = (char *) text.data;
	store->book.sync = true;
	while ((line = strsep(&rest, "\n")) != NULL)
	{
		char *value = line;
		const char *name = strsep(&value, " ");

		if (line[0] != '\0' && line[0] != '#')
			take_setting(store, name, value == NULL ? "" : value);
	}
	buffer_free(&text);
	if (store->socket[0] == '\0' || store->institution_count == 0)
		die("signer.conf: it needs a socket and an institution");
}

/* Reads the authority's public key. */
static void
read_authority(Store *store)
{
	char path[STORE_PATH_MAX];
	Buffer pem = {0};
	const char *wrong = read_file(path_of(store, "authority.pem", path), false, DCEP_PEM_MAX, &pem);

	if (wrong != NULL)
		die("%s: %s", path, wrong);
	store->authority = dcep_key_from_public_pem((const char *) pem.data, pem.len);
	if (store->authority == NULL)
		die("%s: %s", path, dcep_crypto_error());
	buffer_free(&pem);
}

/* --- institutions ------------------------------------------------------------------- */

/* An institution by code, or NULL. */
Institution *
store_institution(Store *store, int code)
{
	for (int i = 0; i < store->institution_count; i++)
		if (store->institution[i].code == code)
			return &store->institution[i];
	return NULL;
}

/* Goes on to the period of a time; periods only ever follow one another, whatever the clock does. */
static void
move_window(Institution *institution, int64_t at)
{
	int64_t window = institution->period == 0 ? 0 : at / institution->period;

	if (window <= institution->window)
		return;
	institution->window = window;
	institution->minted_in_window = 0;
	institution->paid_out_in_window = 0;
}

/* Counts. */
void
institution_count(Institution *institution, int64_t at, int64_t minted, int64_t paid_out)
{
	move_window(institution, at);
	institution->minted = sum_up(institution->minted, minted);
	institution->paid_out = sum_up(institution->paid_out, paid_out);
	institution->minted_in_window = sum_up(institution->minted_in_window, minted);
	institution->paid_out_in_window = sum_up(institution->paid_out_in_window, paid_out);
}

/* What counts against the limits. */
void
institution_used(Institution *institution, int64_t at, int64_t *minted, int64_t *paid_out)
{
	move_window(institution, at);
	*minted = institution->period == 0 ? institution->minted : institution->minted_in_window;
	*paid_out = institution->period == 0 ? institution->paid_out : institution->paid_out_in_window;
}

/* Another period begins a new count. */
static void
change_period(Institution *institution, int64_t period)
{
	if (institution->period == period)
		return;
	institution->period = period;
	institution->window = 0;
	institution->minted_in_window = 0;
	institution->paid_out_in_window = 0;
}

/* --- statements --------------------------------------------------------------------- */

/* Puts a statement into force: what is new goes into the log. */
static void
accept_quota(Store *store, Institution *institution, Quota *quota)
{
	Buffer body = {0};

	quota_free(&institution->quota);
	institution->quota = *quota;
	if (quota->number == institution->logged_number)
		return;
	buffer_put_number(&body, (uint64_t) institution->code, 2);
	buffer_put_number(&body, (uint64_t) quota->number, 8);
	buffer_put_number(&body, (uint64_t) quota->period, 8);
	buffer_put(&body, quota->hash, DCEP_HASH_LEN);
	(void) book_add(&store->book, time_now(), RECORD_QUOTA, &body);
	buffer_free(&body);
	institution->logged_number = quota->number;
	memcpy(institution->logged_hash, quota->hash, DCEP_HASH_LEN);
	change_period(institution, quota->period);
	say("institution %04d: statement %lld is in force", institution->code, (long long) quota->number);
}

/* What keeps a statement from being put into force; NULL where nothing does. */
static const char *
find_fault(const Store *store, const Institution *institution, const Quota *quota)
{
	if (quota->institution != institution->code)
		return "it is for another institution";
	if (memcmp(quota->currency, institution->currency, DCEP_CURRENCY_LEN) != 0 ||
		quota->exponent != institution->exponent)
		return "it is for another currency";
	if (quota->registry_count > 0 && store->institution_count > 1)
		return "it is for a node, and the process serves other institutions";
	if (quota->number < institution->logged_number)
		return "a newer one has been in force";
	if (quota->number == institution->logged_number &&
		memcmp(quota->hash, institution->logged_hash, DCEP_HASH_LEN) != 0)
		return "another one of its number has been in force";
	return NULL;
}

/* Reads the statement of an institution. */
static void
read_quota(Store *store, Institution *institution)
{
	char name[32];
	char path[STORE_PATH_MAX];
	Buffer text = {0};
	Quota quota;
	const char *wrong;

	snprintf(name, sizeof(name), "quota/%04d", institution->code);
	wrong = read_file(path_of(store, name, path), false, QUOTA_MAX, &text);
	if (wrong == NULL)
		wrong = quota_read((const char *) text.data, text.len, store->authority, &quota);
	buffer_free(&text);
	if (wrong == NULL)
	{
		wrong = find_fault(store, institution, &quota);
		if (wrong == NULL)
			accept_quota(store, institution, &quota);
		else
			quota_free(&quota);
	}
	if (wrong != NULL)
		say("institution %04d: the statement %s is left: %s", institution->code, path, wrong);
}

/* Reads the statements anew. */
void
store_read_quotas(Store *store)
{
	for (int i = 0; i < store->institution_count; i++)
		read_quota(store, &store->institution[i]);
}

/* --- keys --------------------------------------------------------------------------- */

/* Adds a key to those that are held. */
static HeldKey *
hold_key(Store *store, Institution *institution, uint32_t number, DcepKeyPair *pair)
{
	HeldKey *key;

	store->key = realloc(store->key, (size_t) (store->key_count + 1) * sizeof(HeldKey));
	if (store->key == NULL)
		die("out of memory");
	key = &store->key[store->key_count++];
	key->institution = institution;
	key->number = number;
	key->pair = pair;
	key->public_len = dcep_key_public(pair, key->public_key);
	return key;
}

/* A key that is held, or NULL. */
HeldKey *
store_key(Store *store, const uint8_t *public_key, size_t len)
{
	for (int i = 0; i < store->key_count; i++)
		if (store->key[i].public_len == len && memcmp(store->key[i].public_key, public_key, len) == 0)
			return &store->key[i];
	return NULL;
}

/* Reads a key's file: institution and number are in its name. */
static void
read_key(Store *store, const char *name)
{
	char path[STORE_PATH_MAX];
	char inner[300];
	Buffer pem = {0};
	Institution *institution;
	DcepKeyPair *pair;
	const char *wrong;
	char digits[DCEP_HASH_LEN + 1];
	int code;
	unsigned number;
	int end;

	if (sscanf(name, "%4d-%u-%32[0-9a-f]%n", &code, &number, digits, &end) != 3 || strcmp(name + end, ".pem") != 0)
		return;
	institution = store_institution(store, code);
	if (institution == NULL)
	{
		say("key %s is of an institution that signer.conf does not name", name);
		return;
	}
	snprintf(inner, sizeof(inner), "keys/%s", name);
	wrong = read_file(path_of(store, inner, path), true, DCEP_PEM_MAX, &pem);
	if (wrong != NULL)
		die("%s: %s", path, wrong);
	pair = dcep_key_from_pem((const char *) pem.data, pem.len);
	dcep_wipe(pem.data, pem.room);
	buffer_free(&pem);
	if (pair == NULL)
		die("%s: %s", path, dcep_crypto_error());
	(void) hold_key(store, institution, number, pair);
}

/* Reads all keys. */
static void
read_keys(Store *store)
{
	char path[STORE_PATH_MAX];
	DIR *directory;
	const struct dirent *entry;

	path_of(store, "keys", path);
	if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
		die("%s: %s", path, strerror(errno));
	check_directory(path);
	directory = opendir(path);
	if (directory == NULL)
		die("%s: %s", path, strerror(errno));
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			read_key(store, entry->d_name);
	closedir(directory);
}

/* Writes the file of a new key. */
static const char *
write_key(const Store *store, int code, uint32_t number, DcepKeyPair *pair)
{
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	const DcepBytes piece = {public_key, dcep_key_public(pair, public_key)};
	uint8_t digest[DCEP_HASH_LEN];
	char digits[DCEP_HASH_LEN + 1];
	char name[100];
	char path[STORE_PATH_MAX];
	char pem[DCEP_PEM_MAX];
	size_t len = dcep_key_to_pem(pair, pem);
	const char *wrong;

	if (len == 0 || !dcep_hash(DCEP_SUITE_ED25519, &piece, 1, digest))
		return dcep_crypto_error();
	for (int i = 0; i < DCEP_HASH_LEN / 2; i++)
		snprintf(digits + 2 * (size_t) i, 3, "%02x", digest[i]);
	snprintf(name, sizeof(name), "keys/%04d-%u-%s.pem", code, number, digits);
	wrong = write_file(path_of(store, name, path), pem, len);
	dcep_wipe(pem, sizeof(pem));
	return wrong;
}

/* Makes a key. */
HeldKey *
store_make_key(Store *store, Institution *institution, uint32_t number, int suite)
{
	DcepKeyPair *pair = dcep_key_generate(suite);
	const char *wrong = pair == NULL ? dcep_crypto_error() : write_key(store, institution->code, number, pair);
	Buffer body = {0};
	HeldKey *key;

	if (wrong != NULL)
	{
		say("a key cannot be made: %s", wrong);
		dcep_key_free(pair);
		return NULL;
	}
	key = hold_key(store, institution, number, pair);
	buffer_put_number(&body, (uint64_t) institution->code, 2);
	buffer_put_number(&body, number, 4);
	buffer_put_number(&body, (uint64_t) suite, 1);
	buffer_put_number(&body, key->public_len, 1);
	buffer_put(&body, key->public_key, key->public_len);
	(void) book_add(&store->book, time_now(), RECORD_KEY, &body);
	buffer_free(&body);
	say("key %u of institution %04d is made", number, institution->code);
	return key;
}

/* --- the log -------------------------------------------------------------------------- */

/* Does over again what a statement's record says. */
static bool
replay_quota(Store *store, DcepReader *body)
{
	Institution *institution = store_institution(store, (int) dcep_take_number(body, 2));
	int64_t number = (int64_t) dcep_take_number(body, 8);
	int64_t period = (int64_t) dcep_take_number(body, 8);
	const uint8_t *hash = dcep_take_bytes(body, DCEP_HASH_LEN);

	if (hash == NULL || number < 1 || period < 0)
		return false;
	if (institution == NULL)
		return true; /* it is not served any more */
	institution->logged_number = number;
	memcpy(institution->logged_hash, hash, DCEP_HASH_LEN);
	change_period(institution, period);
	return true;
}

/* The message that a transfer's record begins with where one asked for it. */
typedef struct Claim
{
	int origin; /* 0 for none */
	int64_t transfer;
} Claim;

/* Does over again what a transfer's record says. */
static bool
replay_transfer(Store *store, const Record *record, Claim claim, DcepReader *body)
{
	int code = (int) dcep_take_number(body, 2);
	Institution *institution = store_institution(store, code);
	Minting minting = {.serial = record->serial};
	int64_t minted;
	int64_t paid_out;
	uint64_t flags;
	uint32_t count;

	(void) dcep_take_number(body, 4); /* key */
	(void) dcep_take_number(body, 1); /* kind */
	flags = dcep_take_number(body, 1);
	minting.leaves = (flags & 1) != 0;
	minting.burns = (flags & 2) != 0;
	minting.id = (int64_t) dcep_take_number(body, 8);
	minting.payer = (int64_t) dcep_take_number(body, 8);
	minting.payee = (int64_t) dcep_take_number(body, 8);
	minting.amount = (int64_t) dcep_take_number(body, 8);
	minting.change = (int64_t) dcep_take_number(body, 8);
	minted = (int64_t) dcep_take_number(body, 8);
	paid_out = (int64_t) dcep_take_number(body, 8);
	(void) dcep_take_bytes(body, DCEP_HASH_LEN);
	count = (uint32_t) dcep_take_number(body, 4);
	coins_begin(store->coins);
	if (claim.origin > 0)
		(void) coins_claim(store->coins, code, claim.origin, claim.transfer, minting.amount, record->serial);
	for (uint32_t i = 0; i < count && body->at != NULL; i++)
		(void) coins_consume(store->coins, (int64_t) dcep_take_number(body, 8), minting.payer, 0, record->serial);
	if (body->at == NULL || minting.id <= 0 || minted < 0 || paid_out < 0)
		return false;
	coins_mint(store->coins, &minting);
	coins_keep(store->coins);
	if (institution != NULL)
		institution_count(institution, record->at, minted, paid_out);
	return true;
}

/* The same of one that a message asked for. */
static bool
replay_delivery(Store *store, const Record *record, DcepReader *body)
{
	Claim claim = {.origin = (int) dcep_take_number(body, 2)};

	claim.transfer = (int64_t) dcep_take_number(body, 8);
	(void) dcep_take_bytes(body, DCEP_HASH_LEN);
	return claim.origin > 0 && claim.transfer > 0 && replay_transfer(store, record, claim, body);
}

/* Does over again what a record says. */
static bool
replay(void *state, const Record *record)
{
	Store *store = state;
	DcepReader body = record->body;

	switch (record->type)
	{
		case RECORD_START:
		case RECORD_KEY:
		case RECORD_ENTRY:
			return true;
		case RECORD_QUOTA:
			return replay_quota(store, &body);
		case RECORD_TRANSFER:
			return replay_transfer(store, record, (Claim){0}, &body);
		case RECORD_DELIVERY:
			return replay_delivery(store, record, &body);
	}
	return false;
}

/* --- opening -------------------------------------------------------------------------- */

/* Reads everything and replays the log. */
void
store_open(Store *store, const char *directory)
{
	char path[STORE_PATH_MAX];
	Buffer nothing = {0};

	store->directory = directory;
	store->coins = coins_new();
	check_directory(directory);
	read_settings(store);
	read_authority(store);
	read_keys(store);
	book_open(&store->book, path_of(store, "log", path), replay, store);
	(void) book_add(&store->book, time_now(), RECORD_START, &nothing);
	store_read_quotas(store);
	book_flush(&store->book);
}

/* Looks at the log. */
void
store_look(Store *store, const char *directory)
{
	char path[STORE_PATH_MAX];
	const char *wrong;

	store->directory = directory;
	store->coins = coins_new();
	store->book.file = -1;
	read_settings(store);
	wrong = book_read(&store->book, path_of(store, "log", path), replay, store);
	if (wrong != NULL)
		die("the log is broken after record %llu: %s", (unsigned long long) store->book.counter, wrong);
}
