/*
 * token_key.c: keys that stay in a token, by way of PKCS#11.
 *
 * OpenSSL 3 calls engines a thing of the past, but Debian 12 has no provider for
 * PKCS#11; this is the only file that knows of the engine.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "token_key.h"

#include <openssl/engine.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "pkcs11:"

static ENGINE *engine = NULL;
static char engine_module[DCEP_TOKEN_KEY_PATH_MAX];

/* --- URIs ----------------------------------------------------------------------- */

/* The value of a hexadecimal digit, -1 where it is none. */
static int
digit_value(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit == '\0' ? NULL : strchr(digits, digit | 0x20);

	return at == NULL ? -1 : (int) (at - digits);
}

/* Decodes a stretch with percent signs; false where it is too long or none. */
static bool
decode_percent(const char *from, size_t len, char *to, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++)
	{
		char byte = from[i];

		if (byte == '%')
		{
			int high = i + 2 < len ? digit_value(from[i + 1]) : -1;
			int low = i + 2 < len ? digit_value(from[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			byte = (char) (high << 4 | low);
			i += 2;
		}
		if (byte == '\0' || used + 1 >= room)
			return false;
		to[used++] = byte;
	}
	to[used] = '\0';
	return true;
}

/* Finds an attribute of the URI's query and decodes it; an empty value where there is none. */
static bool
find_attribute(const char *uri, const char *name, char value[DCEP_TOKEN_KEY_PATH_MAX])
{
	const char *at = strchr(uri, '?');

	value[0] = '\0';
	while (at != NULL)
	{
		const char *next = strchr(++at, '&');
		size_t len = next == NULL ? strlen(at) : (size_t) (next - at);
		size_t name_len = strlen(name);

		if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=')
			return decode_percent(at + name_len + 1, len - name_len - 1, value, DCEP_TOKEN_KEY_PATH_MAX) ||
				   dcep_crypto_fail("The pkcs11: URI has a query that cannot be read");
		at = next;
	}
	return true;
}

/* The path of the file with the PIN. */
bool
dcep_token_key_pin_path(const char *uri, char path[DCEP_TOKEN_KEY_PATH_MAX])
{
	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return dcep_crypto_fail("The file holds no pkcs11: URI");
	if (!find_attribute(uri, "pin-source", path))
		return false;
	if (strncmp(path, "file:", 5) == 0)
		memmove(path, path + 5, strlen(path + 5) + 1);
	return path[0] == '\0' || path[0] == '/' || dcep_crypto_fail("The URI's pin-source is not an absolute path");
}

/* --- the engine ------------------------------------------------------------------ */

/* Lets go of an engine that cannot be used; leaves OpenSSL's reason. */
static bool
give_up(ENGINE *made, const char *what)
{
	char text[200];
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(text, sizeof(text), "%s%s%s", what, reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
	ENGINE_free(made);
	ERR_clear_error();
	return dcep_crypto_fail(text);
}

/* Makes the engine ready for a PKCS#11 library, once a process. */
static bool
open_engine(const char *module)
{
	ENGINE *made;

	if (engine != NULL)
		return strcmp(module, engine_module) == 0 ||
			   dcep_crypto_fail("this process already uses another PKCS#11 library");
	ENGINE_load_builtin_engines();
	made = ENGINE_by_id("pkcs11");
	if (made == NULL)
		return give_up(NULL, "OpenSSL has no engine for PKCS#11");
	if (module[0] != '\0' && ENGINE_ctrl_cmd_string(made, "MODULE_PATH", module, 0) != 1)
		return give_up(made, "the PKCS#11 library cannot be chosen");
	if (ENGINE_init(made) != 1)
		return give_up(made, "the PKCS#11 library cannot be used");
	snprintf(engine_module, sizeof(engine_module), "%s", module);
	engine = made;
	return true;
}

/* Opens the key of a URI. */
DcepKeyPair *
dcep_token_key_open(const char *uri, const char *pin)
{
	char module[DCEP_TOKEN_KEY_PATH_MAX];
	char *name;
	EVP_PKEY *pkey;

	if (!find_attribute(uri, "module-path", module) || !open_engine(module))
		return NULL;
	if (pin[0] != '\0' && ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) != 1)
	{
		ERR_clear_error();
		dcep_crypto_fail("the PIN was not taken");
		return NULL;
	}
	name = strndup(uri, strcspn(uri, "?"));
	pkey = name == NULL ? NULL : ENGINE_load_private_key(engine, name, NULL, NULL);
	free(name);
	if (pkey == NULL)
	{
		give_up(NULL, "no private key of this name");
		return NULL;
	}
	return dcep_key_wrap(pkey);
}
