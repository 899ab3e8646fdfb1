/*
 * config.h: what the ledger is set up with, kept ready in each backend.
 *
 * The small tables that a payment must consult (ledger, institution,
 * signing_key, wallet_class, institution_role, till, controlled_class,
 * agreement, ledger_secret) change rarely.  They are read
 * once, and read again after anybody has changed them: a trigger on each sends
 * an invalidation with the change, so that a backend sees it at the latest
 * with its next statement.
 */
#ifndef DCEP_CONFIG_H
#define DCEP_CONFIG_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/date.h"

#include "codec.h"
#include "table.h"

#define DCEP_CENTRAL_BANK 1 /* its code is always 0001 */
#define DCEP_CLASS_VAULT 0	/* an institution's own wallets */
#define DCEP_NO_LIMIT PG_INT64_MAX

typedef struct DcepInstitution
{
	int code;
	bool is_operator;
	bool is_active;
	bool is_here; /* its wallets are in this database; else another node keeps them */
	int64 vault;  /* 0 where there is none */
	int till_count;
	int64 *till; /* wallets that pay for the vault */
} DcepInstitution;

typedef struct DcepSigningKey
{
	int institution;
	int number;
	int suite;
	TimestampTz valid_from;
	TimestampTz valid_until; /* validity or revocation, whichever ends first */
	int public_len;
	uint8 public_key[65];
} DcepSigningKey;

/* Services of a class that payments ask for; those that they do not, are for other functions to ask. */
#define DCEP_SERVICE_PAY 1
#define DCEP_SERVICE_RECEIVE 2
#define DCEP_SERVICE_EXCHANGE 4
#define DCEP_SERVICE_REDEEM 8

/* Limits of a class from a day on, DCEP_NO_LIMIT where there is none, and its services. */
typedef struct DcepClass
{
	int class;
	DateADT valid_from;
	int64 max_balance;
	int64 max_payment;
	int64 max_day;
	int64 max_year;
	int services; /* DCEP_SERVICE_... */
} DcepClass;

/* A class of an operator's wallets that orders bear on. */
typedef struct DcepControlledClass
{
	int institution;
	int class;
	int64 target; /* in dcep.control_effect */
} DcepControlledClass;

/* What a supervisor and an operator have agreed on. */
typedef struct DcepAgreement
{
	int supervisor;
	int operator_code;
	bool shows_wallets;
	bool shows_transfers;
	TimestampTz valid_from;
	TimestampTz valid_until;
} DcepAgreement;

typedef struct DcepBinding
{
	NameData role;
	int institution;
} DcepBinding;

typedef struct DcepConfig
{
	bool exists; /* false before create_ledger(): nothing else is set */
	char currency[DCEP_CURRENCY_LEN];
	int exponent;
	pg_tz *timezone;
	Oid kind_oid[DCEP_KIND_MAX + 1]; /* enum values by DcepKind; 0 for numbers that are none */
	bool is_whole;					 /* the wallets of all institutions are here: there are no other nodes */
	int institution_count;
	DcepInstitution *institution;
	int key_count;
	DcepSigningKey *key;
	int class_count;
	DcepClass *class;
	int binding_count;
	DcepBinding *binding;
	int controlled_count;
	DcepControlledClass *controlled;
	int agreement_count;
	DcepAgreement *agreement;
	bool has_secret;
	uint8 secret_check[DCEP_HASH_LEN]; /* of the ledger's secret (secret.h) */
	uint64 generation;				   /* changes with every reading */
} DcepConfig;

/* The configuration as it is now. The pointer is good until the end of the transaction. */
extern const DcepConfig *dcep_config(void);
/* The same, and an error where no ledger has been created. */
extern const DcepConfig *dcep_config_required(void);

/* NULL where there is none. */
extern const DcepInstitution *dcep_config_institution(const DcepConfig *config, int code);
extern const DcepSigningKey *dcep_config_key(const DcepConfig *config, int institution, int number);
/*
 * A key that dcep_config_key() did not find, looked for on record: a transaction's rows are visible a moment before
 * its message reaches us that the configuration has changed, so that a coin may name a key that the copy has not.
 */
extern const DcepSigningKey *dcep_config_key_on_record(int institution, int number);
/*
 * Is a wallet's institution one whose wallets are in this database?  So are those of an institution that there is
 * not: the wallet then does not exist.
 */
extern bool dcep_config_is_here(const DcepConfig *config, int64 wallet);
/* Limits of a class on a day; an error where the class has none for that day. */
extern const DcepClass *dcep_config_class(const DcepConfig *config, int class, DateADT day);

/* A limit out of a column of table->slot; DCEP_NO_LIMIT where it is null. */
extern int64 dcep_config_limit(DcepTable *table, AttrNumber column);

/* The target of orders on a class of an operator's wallets, a negative number; 0 where there are none. */
extern int64 dcep_config_controlled_class(const DcepConfig *config, int institution, int class);

/* The second of the day of a time in the ledger's time zone. */
extern int dcep_config_second(const DcepConfig *config, TimestampTz at);
/* The day of a time in the ledger's time zone, and the year of a day. */
extern DateADT dcep_config_day(const DcepConfig *config, TimestampTz at);
extern int dcep_config_year(DateADT day);

/* The kind of an enum value. */
extern int dcep_config_kind(const DcepConfig *config, Oid value);

#endif
