/*
 * holding.h: the live coins of a wallet, as dcep.coin has them.
 */
#ifndef DCEP_HOLDING_H
#define DCEP_HOLDING_H

#include "table.h"

/* Columns of dcep.coin, which are those of its primary key. */
typedef enum DcepCoinColumn
{
	DCEP_COIN_OWNER = 1,
	DCEP_COIN_AMOUNT,
	DCEP_COIN_ID
} DcepCoinColumn;

#define DCEP_COIN_COLUMNS DCEP_COIN_ID

/* Begins a scan of a wallet's coins in order of their amounts. */
extern DcepScan dcep_holding_scan(DcepTable *coins, Snapshot snapshot, int64 wallet);

/* Is a coin of this owner and amount live? */
extern bool dcep_holding_has(DcepTable *coins, Snapshot snapshot, int64 owner, int64 amount, int64 id);

/* Sum of a wallet's coins; 22003 where it does not fit into 64 bits. */
extern int64 dcep_holding_sum(DcepTable *coins, Snapshot snapshot, int64 wallet);

#endif
