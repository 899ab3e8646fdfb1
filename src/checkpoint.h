/*
 * checkpoint.h: the setting dcep.checkpoint_quorum.
 */
#ifndef DCEP_CHECKPOINT_H
#define DCEP_CHECKPOINT_H

/* Defines the setting; when the library is loaded. */
extern void dcep_checkpoint_init(void);

#endif
