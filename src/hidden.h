/*
 * hidden.h: EXPLAIN ANALYZE does not count what row-level security hides.
 */
#ifndef DCEP_HIDDEN_H
#define DCEP_HIDDEN_H

/* Sets the hooks. What a session explains before the library is loaded they do not see: so it is preloaded. */
extern void dcep_hidden_init(void);

#endif
