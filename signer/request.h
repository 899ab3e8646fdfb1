/*
 * request.h: a request under judgement, and what it is answered.
 *
 * Each kind of request has a file: transfers that cover themselves (cover.h), payments that
 * another node has made (delivery.h), records of an institution's chains (record.h). What may be
 * signed then passes the central bank's statement (allowance.h) and is signed and logged (sign.h).
 */
#ifndef SIGNER_REQUEST_H
#define SIGNER_REQUEST_H

#include "opening.h"

#include "message.h"
#include "store.h"
#include "wire.h"

#define CENTRAL_BANK 1

/* A transfer that shall be signed. */
typedef struct Item
{
	DcepContext context;
	int64_t change;
	bool burns;
	bool issues;
	bool destroys; /* what another node's wallet has redeemed there is entered here: nothing is minted */
	bool leaves;
	const Message *asked; /* the registry's message that a delivery was shown with; NULL of any other transfer */
	int64_t minted;		  /* what counts against the quota */
	int64_t paid_out;
	DcepOpening opening;
} Item;

/* A request under judgement. */
typedef struct Case
{
	Store *store;
	HeldKey *key;
	int64_t now;
	uint32_t count;
	Item *item;
	int64_t *numbers; /* room for the ids of all inputs */
	uint32_t coin_count;
	DcepCoin *coin; /* that were shown, verified */
	uint32_t next_coin;
	uint32_t need_count;
	int64_t *need;
	Buffer *answer;
} Case;

/* Begins an answer; its length is filled in by case_finish_answer(), which is told where the answer began. */
extern void case_begin_answer(Buffer *answer, int type);
extern void case_finish_answer(Buffer *answer, size_t begin);

/* Refuses, with a sentence; returns false. */
extern bool case_refuse(Case *judged, DcepWireRefusal reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
extern bool case_refuse_malformed(Case *judged);

/* What has been signed, and its signature. */
extern void case_answer_signed(Case *judged, const uint8_t hash[DCEP_HASH_LEN],
							   const uint8_t signature[DCEP_SIGNATURE_LEN]);

/* The key that a request is for; false, refused, where it is not held. */
extern bool case_take_key(Case *judged, DcepReader *request);

/* A string of a request: its length in four bytes, and the bytes. `data` is NULL where it is not all there. */
extern DcepBytes request_string(DcepReader *request);

/* Gives a case's memory back. */
extern void case_close(Case *judged);

#endif
