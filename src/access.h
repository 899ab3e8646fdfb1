/*
 * access.h: who may do what.
 *
 * A database role is bound to an institution (dcep.grant_institution).  It may
 * move the money of that institution's wallets and see what touches them.
 * Superusers and the extension's owner act for all.  Row-level security and
 * the payment path ask the same two questions here; neither needs a join, for
 * a wallet number begins with its institution.
 */
#ifndef DCEP_ACCESS_H
#define DCEP_ACCESS_H

#include "postgres.h"

/* Who a function ran as before it took its owner's rights. */
typedef struct DcepCaller
{
	Oid user;
	int security;
} DcepCaller;

/* May the current role act for this institution? */
extern bool dcep_access_acts_for(int institution);
/* May the current role see what belongs to this institution? */
extern bool dcep_access_sees(int institution);
/* Who owns the extension. */
extern Oid dcep_access_owner(void);
/* Is the current role a superuser or the owner of the extension's tables? */
extern bool dcep_access_owns(void);
/* Does it see the payments of all institutions: the owner, and the central bank within a case? */
extern bool dcep_access_sees_all(void);
/* May the current role see the payments of this institution's wallets? A supervisor and the central bank within a case (case.h). */
extern bool dcep_access_sees_payments(int institution);
/*
 * An institution that the current role is bound to, or that of whoever called the function that runs with its owner's
 * rights: the preferred one if it is among them, else the first; 0 where there is none.
 */
extern int dcep_access_bound(int preferred);
/* May the current role examine the whole ledger (auditors, the central bank, the owner)? */
extern bool dcep_access_audits(void);
/*
 * Goes on with the rights of the owner, in a security-restricted operation, until dcep_access_leave_owner().
 * Who the role was is left in `caller`; an error brings it back by itself.
 */
extern void dcep_access_enter_owner(DcepCaller *caller);
extern void dcep_access_leave_owner(const DcepCaller *caller);
/* Inside a SECURITY DEFINER function: the role that called it. */
extern Oid dcep_access_caller(void);
/*
 * Makes a role the one that calls, whoever called before: what is run as another role must not pass for the
 * session's. Returns what to give to a second call, which undoes it, on errors too.
 */
extern Oid dcep_access_stand_in(Oid role);
/* An error (42501) unless the current role may act for this wallet. */
extern void dcep_access_require_acting(int64 wallet);
/* An error (42501) unless the current role may see this wallet. */
extern void dcep_access_require_wallet(int64 wallet);

#endif
