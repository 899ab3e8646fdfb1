/*
 * progress.h: a bar on standard error, where that is a terminal.
 */
#ifndef VERIFY_PROGRESS_H
#define VERIFY_PROGRESS_H

#include <stdint.h>

/* Shows how far something has come; draws where enough time has passed since the last time. */
extern void progress_show(const char *what, uint64_t done, uint64_t all);
/* Takes the bar away. */
extern void progress_end(void);

#endif
