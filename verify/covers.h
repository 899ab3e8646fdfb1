/*
 * covers.h: is money that came from other nodes covered by messages, and are they told of what left?
 */
#ifndef VERIFY_COVERS_H
#define VERIFY_COVERS_H

#include "crossings.h"

/* Compares what left and what came with the messages about it. */
extern void covers_verify(const Crossings *crossings);

#endif
