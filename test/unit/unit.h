/*
 * unit.h: what the files of the unit tests share.
 */
#ifndef DCEP_UNIT_H
#define DCEP_UNIT_H

#include "note.h"

/* Reports one test. */
extern void ok(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The key of a pair, as verifiers have it. */
extern DcepNoteKey unit_note_key(const DcepKeyPair *pair, const char *name, DcepNoteKeyType type);

extern void unit_test_cosignatures(void);
extern void unit_test_contexts(void);
extern void unit_test_bundles(void);
extern void unit_test_moments(void);
extern void unit_test_rows(void);
extern void unit_test_statements(void);

#endif
