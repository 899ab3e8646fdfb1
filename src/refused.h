/*
 * refused.h: how often each rule has refused, for who watches the server.
 */
#ifndef DCEP_REFUSED_H
#define DCEP_REFUSED_H

#include "postgres.h"

/* Asks for shared memory; while the library is preloaded. */
extern void dcep_refused_init(void);

/* Counts a refusal in the current database; nothing where the library is not preloaded. */
extern void dcep_refused_count(int sqlstate);

#endif
