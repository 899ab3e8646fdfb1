/*
 * token_key.h: keys that stay in a token, such as an HSM, by way of PKCS#11.
 *
 * A key is named by a pkcs11: URI (RFC 7512).  Of its query, module-path names the
 * token's PKCS#11 library and pin-source the file with the PIN; what stands before
 * it finds the key.  OpenSSL reaches the token through its engine pkcs11.
 *
 * Plain C beside crypto.  Functions that fail leave the reason for dcep_crypto_error().
 * A process uses one PKCS#11 library: a second one is refused.
 */
#ifndef DCEP_TOKEN_KEY_H
#define DCEP_TOKEN_KEY_H

#include "crypto.h"

#define DCEP_TOKEN_KEY_PATH_MAX 1024 /* with its NUL */
#define DCEP_TOKEN_KEY_PIN_MAX 256

/* The path of the file with the PIN; empty where the URI names none. */
extern bool dcep_token_key_pin_path(const char *uri, char path[DCEP_TOKEN_KEY_PATH_MAX]);

/* The key of a URI; its private half stays in the token. An empty PIN is none. */
extern DcepKeyPair *dcep_token_key_open(const char *uri, const char *pin);

#endif
