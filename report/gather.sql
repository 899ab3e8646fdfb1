-- What the page shows, each report called once: NAME_count is how many rows it has, NAME_list the first of them as JSON.

SELECT $$ SELECT count(*) AS count, COALESCE(json_agg(l ORDER BY l.n) FILTER (WHERE l.n <= :top), '[]') AS list
            FROM (SELECT row_number() OVER () AS n, f.* FROM $$ AS list,
       $$ AS f) AS l $$ AS listed \gset

SELECT c.issued, c.redeemed, c.outstanding, c.reserve_debits, c.live_coins, c.sound AS conserved FROM dcep.conservation AS c \gset
:list dcep.double_spends() :listed \gset spends_
:list dcep.chain_gaps() :listed \gset gaps_
SELECT :'conserved'::boolean AND :spends_count + :gaps_count = 0 AS sound \gset

SELECT COALESCE(json_agg(f), '[]') AS flows, COALESCE(sum(f.paid), 0) AS flows_sum, COALESCE(sum(f.payments), 0) AS flows_payments
  FROM dcep.net_positions(:'since', :'until') AS f \gset
-- dcep.movement would have a payment between two wallets that the reader sees twice.
SELECT COALESCE(json_agg(h ORDER BY h.hour), '[]') AS hours, COALESCE(sum(h.amount), 0) AS moved, COALESCE(sum(h.payments), 0) AS payments
  FROM (SELECT EXTRACT(hour FROM t.created_at)::integer AS hour, count(*) AS payments, sum(t.amount) AS amount
          FROM dcep.transfer AS t
         WHERE t.kind IN ('transfer', 'exchange_in', 'exchange_out') AND t.created_at >= :'since' AND t.created_at < :'until'
         GROUP BY 1) AS h \gset

:list dcep.large_values(:'day') :listed \gset large_
:list dcep.suspects(:'until'::timestamptz - interval '180 days', :'until') :listed \gset suspects_
:list dcep.rings(:'until'::timestamptz - interval '180 days', :'until') :listed \gset rings_
:list dcep.cycles(:'until'::timestamptz - interval '30 days', :'until') :listed \gset cycles_
:list dcep.structuring(dcep.day_start(:'day'::date - 2), :'until') :listed \gset structuring_
:list dcep.fan_in(:'since', :'until') :listed \gset fan_in_
:list dcep.fan_out(:'since', :'until') :listed \gset fan_out_
:list dcep.pass_through(dcep.day_start(:'day'::date - 1), :'until') :listed \gset pass_
:list dcep.dormant_reactivated(:'since', :'until') :listed \gset dormant_
:list dcep.surging(:'since', :'until') :listed \gset surging_
:list dcep.short_lived(:'since', :'until') :listed \gset short_lived_
:list dcep.wallets_per_contact() :listed \gset contacts_

:list (SELECT r.*, r.refusals / sum(r.refusals) OVER () AS share, sum(r.refusals) OVER () AS total
         FROM dcep.refusals_by_rule(:'since', :'until') AS r ORDER BY r.refusals DESC, r.sqlstate, r.rule, r.class, r.by_order) :listed \gset refusals_
SELECT COALESCE((:'refusals_list'::json -> 0 ->> 'total')::bigint, 0) AS refused \gset
:list dcep.refusals_by_order(:'since', :'until') :listed \gset refusing_
:list (SELECT r.* FROM dcep.refusal AS r WHERE r.attempt IS NOT NULL AND r.refused_at >= :'since' AND r.refused_at < :'until'
        ORDER BY r.refused_at DESC, r.id DESC) :listed \gset attempts_
:list (SELECT o.*, b.refusals FROM dcep.order_status AS o LEFT JOIN dcep.refusals_by_order(:'since', :'until') AS b ON b.order_id = o.id
        WHERE o.status = 'in force' ORDER BY o.imposed_at DESC, o.id DESC) :listed \gset orders_
SELECT COALESCE(json_agg(h), '[]') AS held, COALESCE(sum(h.total), 0) AS held_total FROM dcep.held_totals AS h \gset
:list (SELECT d.* FROM dcep.disclosures AS d WHERE d.disclosed_at >= :'since' AND d.disclosed_at < :'until'
        ORDER BY d.officer, d.case_no, d.disclosed_at) :listed \gset lookups_
:list (SELECT a.id, a.institution, a.entered_at, a.kind, a.by_role, a.case_no, a.body::json AS body FROM dcep.act AS a
        WHERE a.entered_at >= :'since' AND a.entered_at < :'until' ORDER BY a.entered_at DESC, a.id DESC) :listed \gset acts_
SELECT COALESCE(sum(z.wallets), 0) AS frozen_wallets, COALESCE(sum(z.held), 0) AS frozen_held FROM dcep.frozen_totals AS z \gset

-- Of the highest suspects, or else of the largest values, the greatest payment that each of three got in the range of the alerts,
-- first those that it has paid on: the payee's coin of a transfer has twice its number.
SELECT COALESCE(json_agg(p ORDER BY p.rank), '[]') AS traces
  FROM (SELECT min(s.rank) AS rank, m.transfer, m.wallet::text AS wallet, m.amount, m.created_at
          FROM (SELECT l.n AS rank, l.wallet FROM json_to_recordset(:'suspects_list') AS l (n bigint, wallet dcep.wallet_id)
                UNION ALL
                SELECT 1000 + l.n, l.wallet FROM json_to_recordset(:'large_list') AS l (n bigint, wallet dcep.wallet_id)) AS s
         CROSS JOIN LATERAL (
               SELECT t.id AS transfer, t.payee AS wallet, t.amount, t.created_at FROM dcep.transfer AS t
                WHERE t.payee = s.wallet AND t.kind IN ('transfer', 'exchange_in')
                  AND t.created_at >= :'until'::timestamptz - interval '180 days' AND t.created_at < :'until'
                ORDER BY EXISTS (SELECT FROM dcep.coin AS c WHERE c.owner = t.payee AND c.id = 2 * t.id), t.amount DESC, t.id
                LIMIT 1) AS m
         GROUP BY m.transfer, m.wallet, m.amount, m.created_at
         ORDER BY 1 LIMIT 3) AS p \gset
