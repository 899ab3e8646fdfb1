/*
 * serve.h: the signer's socket.
 *
 * One loop, one thread.  What several clients have asked meanwhile is judged together,
 * the log is written once, and only then is anybody answered: under load the cost of
 * writing is shared.
 */
#ifndef SIGNER_SERVE_H
#define SIGNER_SERVE_H

#include "store.h"

/* Serves until SIGTERM or SIGINT; on SIGHUP the statements are read anew. */
extern void serve(Store *store);

#endif
