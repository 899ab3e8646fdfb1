/*
 * answers.h: is every message about a payment answered as it has to be, and is that on record?
 */
#ifndef VERIFY_ANSWERS_H
#define VERIFY_ANSWERS_H

#include "crossings.h"

/* Compares the messages about each payment with one another, and with what is on record of it. */
extern void answers_verify(const Crossings *crossings);
/* What has become of a payment, by the messages. */
extern CrossingState answers_state(const Node *node, const Crossing *crossing);

#endif
