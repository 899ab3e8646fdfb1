/*
 * totals.c: sums over a ledger, which no number in it can overflow.
 */
#include "totals.h"

#include "report.h"

#include <inttypes.h>

/* A sum in digits. */
const char *
sum_text(Sum sum, char out[SUM_ROOM])
{
	unsigned __int128 rest = sum < 0 ? -(unsigned __int128) sum : (unsigned __int128) sum;
	char *at = out + SUM_ROOM - 1;

	*at = '\0';
	do
	{
		*--at = (char) ('0' + (int) (rest % 10));
		rest /= 10;
	} while (rest > 0);
	if (sum < 0)
		*--at = '-';
	return at;
}

/* Adds a transfer. */
static void
add(Totals *totals, const Record *record)
{
	int payer = dcep_wallet_institution(record->payer);
	int payee = dcep_wallet_institution(record->payee);

	if (record->kind == DCEP_KIND_ISSUE)
		totals->issued[payee] += record->amount;
	else
		totals->moved[payer] -= record->amount;
	if (record->kind == DCEP_KIND_REDEEM)
		totals->redeemed[payer] += record->amount;
	else
		totals->moved[payee] += record->amount;
}

/* Adds all transfers, each id once. */
void
totals_of_journal(const Ledger *ledger, Totals *totals)
{
	for (uint32_t i = 0; i < ledger->ids; i++)
	{
		const Record *record = &ledger->record[ledger->by_id[i]];

		if (record->kind != 0)
			add(totals, record);
	}
}

/* Verifies the sums of an operator. */
static void
check_operator(const Node *node, const Totals *totals, int code)
{
	char text[3][SUM_ROOM];

	if (!node->elsewhere[code] && totals->moved[code] != totals->live[code])
		report_defect("conservation", "operator %04d: Its wallets received and kept %s, and hold %s.", code,
					  sum_text(totals->moved[code], text[0]), sum_text(totals->live[code], text[1]));
	if (node->own == CENTRAL_BANK && totals->issued[code] - totals->redeemed[code] != totals->debited[code])
		report_defect("conservation", "operator %04d: It was issued %s, redeemed %s, and its reserve was debited %s.",
					  code, sum_text(totals->issued[code], text[0]), sum_text(totals->redeemed[code], text[1]),
					  sum_text(totals->debited[code], text[2]));
}

/* A sum over all institutions. */
static Sum
over_all(const Sum sum[TOTALS_INSTITUTIONS])
{
	Sum all = 0;

	for (int code = 0; code < TOTALS_INSTITUTIONS; code++)
		all += sum[code];
	return all;
}

/* Verifies the sums. What left for other nodes is in no live coin here: of that holdings.c knows. */
void
totals_verify(const Node *node, const Totals *totals)
{
	Sum outstanding = over_all(totals->issued) - over_all(totals->redeemed);
	Sum live = over_all(totals->live);
	Sum debited = over_all(totals->debited);
	char text[3][SUM_ROOM];

	if (node->is_one_of_many)
	{
		if (node->own == CENTRAL_BANK && outstanding != debited)
			report_defect("conservation", "ledger: Issued less redeemed is %s, reserves were debited %s.",
						  sum_text(outstanding, text[0]), sum_text(debited, text[1]));
	}
	else if (outstanding != live || outstanding != debited)
		report_defect("conservation",
					  "ledger: Issued less redeemed is %s, live coins are worth %s, reserves were debited %s.",
					  sum_text(outstanding, text[0]), sum_text(live, text[1]), sum_text(debited, text[2]));
	for (int code = 0; code < TOTALS_INSTITUTIONS; code++)
		check_operator(node, totals, code);
}

/* Says what there is. */
void
totals_say(const Ledger *ledger, const Totals *totals)
{
	char text[3][SUM_ROOM];

	report_line("%.3s: %" PRIu32 " transfers, issued %s, redeemed %s, live coins %s (minor units, exponent %d)",
				ledger->currency, ledger->ids, sum_text(over_all(totals->issued), text[0]),
				sum_text(over_all(totals->redeemed), text[1]), sum_text(over_all(totals->live), text[2]),
				ledger->exponent);
}
