-- The page from its head to its end, out of what gather.sql read and with the pieces of pieces.sql.

\qecho '<!DOCTYPE html>'
\qecho '<html lang="en">'
\qecho '<head>'
\qecho '<meta charset="utf-8"/>'
\qecho '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
\qecho '<meta name="referrer" content="no-referrer"/>'
SELECT xmlelement(name title, format('Ledger in %s, %s', :'currency', :'day'));
SELECT '<style>' || :'style' || '</style>';
\qecho '</head>'
\qecho '<body>'

-- --- the head ----------------------------------------------------------------

\qecho '<header>'
SELECT xmlelement(name h1, format('The ledger in %s on %s', :'currency', to_char(:'day'::date, 'FMDay, YYYY-MM-DD')));
:note format('Written %s (%s) by role %s within case %s. Amounts are in %s; days are those of %s.',
             to_char(now(), 'YYYY-MM-DD HH24:MI:SS'), current_database(), current_user, :'case_no', :'currency', :'timezone') :noted
SELECT xmlelement(name p, xmlattributes(CASE WHEN :'sound' THEN 'verdict' ELSE 'verdict broken' END AS class),
                  CASE WHEN :'sound' THEN 'Sound: supply is covered, no double spend, no gap'
                       ELSE 'NOT SOUND: see the first section' END);
SELECT xmlelement(name div, xmlattributes('tiles' AS class),
                  xmlagg(xmlelement(name div, xmlattributes('tile' AS class), xmlelement(name b, t.figure), xmlelement(name span, t.what)) ORDER BY t.n))
  FROM (VALUES (1, :amount :outstanding :shown, format('%s outstanding', :'currency')),
               (2, :amount :moved :shown, format('%s moved in %s payments', :'currency', to_char(:payments, 'FM999,999,999,990'))),
               (3, :amount :flows_sum :shown, format('%s of it between institutions', :'currency')),
               (4, to_char(:large_count, 'FM999,999,990'), 'large values'),
               (5, to_char(:suspects_count, 'FM999,999,990'), 'suspects'),
               (6, to_char(:refused, 'FM999,999,999,990'), 'refusals'),
               (7, to_char(:orders_count, 'FM999,999,990'), 'orders in force'),
               (8, :amount :held_total :shown, format('%s held by orders', :'currency')),
               (9, :amount :frozen_held :shown, format('%s in %s frozen wallets', :'currency', to_char(:frozen_wallets, 'FM999,999,990'))),
               (10, to_char(:acts_count, 'FM999,999,990'), 'official acts')) AS t (n, figure, what);
\qecho '</header>'
\qecho '<main>'

-- --- the money ---------------------------------------------------------------

\set section soundness
:begin_section
SELECT xmlelement(name p, xmlattributes(CASE WHEN v.good THEN 'good' ELSE 'bad' END AS class), v.says)
  FROM (VALUES (1, :'conserved'::boolean, CASE WHEN :'conserved' THEN 'Sound: outstanding, reserves debited and live coins are equal.'
                                               ELSE 'NOT SOUND: outstanding, reserves debited and live coins differ.' END),
               (2, :spends_count = 0, CASE :spends_count WHEN 0 THEN 'Sound: no coin spent twice or made out of nothing.'
                                           ELSE format('NOT SOUND: %s double spends or orphans.', :spends_count) END),
               (3, :gaps_count = 0, CASE :gaps_count WHEN 0 THEN 'Sound: no payment missing in a chain.'
                                         ELSE format('NOT SOUND: %s gaps in the chains.', :gaps_count) END)) AS v (n, good, says)
 ORDER BY v.n;
:table SELECT :amount :issued :shown AS "Issued#", :amount :redeemed :shown AS "Redeemed#", :amount :outstanding :shown AS "Outstanding#",
              :amount :reserve_debits :shown AS "Reserves debited#", :amount :live_coins :shown AS "Live coins#" :end
SELECT :spends_count > 0 AS any_spends, :gaps_count > 0 AS any_gaps \gset
\if :any_spends
    \qecho '<h3>Double spends and orphans</h3>'
    :table SELECT d.check_name AS "Check", :name_of d.institution :known AS "Institution", d.wallet AS "Wallet", d.transfer AS "Transfer#", d.detail AS "Detail"
             FROM json_to_recordset(:'spends_list') AS d (check_name text, institution integer, wallet text, transfer bigint, detail text) :end
\endif
\if :any_gaps
    \qecho '<h3>Gaps in the chains</h3>'
    :table SELECT d.defect AS "Defect", :name_of d.institution :known AS "Institution", d.wallet AS "Wallet", d.seq AS "Number#", d.transfer AS "Transfer#", d.detail AS "Detail"
             FROM json_to_recordset(:'gaps_list') AS d (defect text, institution integer, wallet text, seq bigint, transfer bigint, detail text) :end
\endif
\qecho '</section>'

\set section supply
:begin_section
:table SELECT :name_of q.institution :known AS "Operator", :amount q.quota :shown AS "Quota#", :amount q.used :shown AS "Used#",
              :amount q.remaining :shown AS "Remaining#", q.share_used AS "Share used%" FROM dcep.quota AS q ORDER BY q.institution :end
\if :reads_supply
    \qecho '<h3>Issued, redeemed, held</h3>'
    :table SELECT :name_of s.institution :known AS "Operator", :amount s.reserve :shown AS "Reserve#", :amount s.issued :shown AS "Issued#",
                  :amount s.redeemed :shown AS "Redeemed#", :amount s.outstanding :shown AS "Outstanding#", :amount s.held :shown AS "Held by its wallets#"
             FROM dcep.supply AS s ORDER BY s.institution :end
\endif
\qecho '</section>'

\set section anonymous
:begin_section
:table SELECT :name_of a.institution :known AS "Operator", a.wallets AS "Wallets#", a.anonymous_wallets AS "Anonymous#", :share a.share_of_wallets :given AS "Share of wallets#",
              :amount a.held :shown AS "Held#", :amount a.anonymous_held :shown AS "Anonymously held#", :share a.share_held :given AS "Share held#",
              :amount a.paid :shown AS "Paid#", :amount a.anonymous_paid :shown AS "Anonymously paid#", :share a.share_paid :given AS "Share paid#"
         FROM dcep.anonymous_share(:'since', :'until') AS a :end
\qecho '<h3>Wallets with one phone number or e-mail address</h3>'
:cut :contacts_count :shortly
:table SELECT :name_of c.institution :known AS "Operator", CASE c.kind WHEN 'phone' THEN 'phone number' ELSE 'e-mail address' END AS "Contact",
              c.wallets_each AS "Wallets each#", c.contacts AS "Contacts#", c.wallets AS "Wallets#", c.anonymous_wallets AS "Anonymous#"
         FROM json_to_recordset(:'contacts_list') AS c (institution integer, kind text, wallets_each bigint, contacts bigint, wallets bigint, anonymous_wallets bigint) :end
\qecho '</section>'

\set section hours
:begin_section
SELECT '<div class="wide">' || xmlelement(name svg, xmlattributes('http://www.w3.org/2000/svg' AS xmlns, 'chart' AS class, 1000 AS width, 190 AS height,
                  '0 0 1000 190' AS "viewBox", 'img' AS role),
           xmlelement(name title, 'Payments by the hour'),
           xmlagg(xmlelement(name g,
               xmlelement(name rect, xmlattributes(4 + n * 41 AS x, 150 - h.height AS y, 33 AS width, h.height AS height, 'fill' AS class),
                   xmlelement(name title, format('%s:00 to %s:59: %s in %s payments', n, n, :amount COALESCE(h.amount, 0) :shown, COALESCE(h.payments, 0)))),
               xmlelement(name text, xmlattributes(20.5 + n * 41 AS x, 168 AS y, 'middle' AS "text-anchor", 'axis' AS class), lpad(n::text, 2, '0')),
               CASE WHEN h.payments > 0 THEN
                   xmlelement(name text, xmlattributes(20.5 + n * 41 AS x, 143 - h.height AS y, 'middle' AS "text-anchor"),
                              CASE WHEN h.payments < 100000 THEN h.payments::text ELSE h.payments / 1000 || 'k' END) END) ORDER BY n),
           xmlelement(name text, xmlattributes(4 AS x, 186 AS y, 'axis' AS class), 'height: amount; number above: payments; below: hour')) || '</div>'
  FROM generate_series(0, 23) AS n
  LEFT JOIN (SELECT r.*, round(1 + 120 * r.amount / max(r.amount) OVER (), 1) AS height
               FROM json_to_recordset(:'hours') AS r (hour integer, payments bigint, amount numeric)) AS h ON h.hour = n;
\qecho '</section>'

\set section flows
:begin_section
-- Rows pay, columns are paid. A name that is too long for its place is cut; resting on it shows it whole.
SELECT '<div class="wide">' || xmlelement(name svg, xmlattributes('http://www.w3.org/2000/svg' AS xmlns, 'chart' AS class, 190 + 150 * m.parties AS width,
                  40 + 44 * m.parties AS height, format('0 0 %s %s', 190 + 150 * m.parties, 40 + 44 * m.parties) AS "viewBox", 'img' AS role),
           xmlelement(name title, 'Who paid whom'),
           xmlelement(name text, xmlattributes(4 AS x, 24 AS y, 'axis' AS class), 'payer ↓   payee →'), m.heads, m.cells) || '</div>'
  FROM (WITH flow AS (SELECT f.* FROM json_to_recordset(:'flows') AS f (institution integer, counterparty integer, payments bigint, paid numeric)),
             party AS (SELECT p.code, :name_of p.code :known AS name, row_number() OVER (ORDER BY p.code) - 1 AS place
                         FROM (SELECT DISTINCT f.institution AS code FROM flow AS f) AS p)
        SELECT (SELECT count(*) FROM party) AS parties,
               (SELECT xmlagg(xmlconcat(
                           xmlelement(name text, xmlattributes(260 + 150 * p.place AS x, 24 AS y, 'middle' AS "text-anchor"), left(p.name, 20), xmlelement(name title, p.name)),
                           xmlelement(name text, xmlattributes(4 AS x, 66 + 44 * p.place AS y), left(p.name, 24), xmlelement(name title, p.name))) ORDER BY p.place)
                  FROM party AS p) AS heads,
               (SELECT xmlagg(xmlelement(name g,
                           xmlelement(name rect, xmlattributes(188 + 150 * b.place AS x, 42 + 44 * a.place AS y, 144 AS width, 38 AS height, 4 AS rx,
                                          CASE WHEN f.paid > 0 THEN 'cell' ELSE 'empty' END AS class,
                                          CASE WHEN f.paid > 0 THEN round(0.12 + 0.45 * f.paid / (SELECT max(g.paid) FROM flow AS g), 2) END AS "fill-opacity"),
                               xmlelement(name title, format('%s paid %s: %s in %s payments', a.name, b.name, :amount COALESCE(f.paid, 0) :shown, COALESCE(f.payments, 0)))),
                           CASE WHEN a.code <> b.code THEN
                               xmlelement(name text, xmlattributes(260 + 150 * b.place AS x, 66 + 44 * a.place AS y, 'middle' AS "text-anchor"),
                                          :amount COALESCE(f.paid, 0) :shown) END) ORDER BY a.place, b.place)
                  FROM party AS a CROSS JOIN party AS b
                  LEFT JOIN flow AS f ON f.institution = a.code AND f.counterparty = b.code) AS cells) AS m
 WHERE m.parties > 0;
\qecho '<h3>Net positions</h3>'
:table SELECT :name_of f.institution :known AS "Institution", :amount sum(f.paid) :shown AS "Paid#", to_char(sum(f.payments), 'FM999,999,999,990') AS "Payments#",
              :amount sum(f.received) :shown AS "Received#", to_char(sum(f.receipts), 'FM999,999,999,990') AS "Receipts#", :amount sum(f.net) :shown AS "Net#"
         FROM json_to_recordset(:'flows') AS f (institution integer, payments bigint, paid numeric, receipts bigint, received numeric, net numeric)
        GROUP BY f.institution ORDER BY f.institution :end
\qecho '</section>'

-- --- clients -----------------------------------------------------------------

\set section large
:begin_section
:cut :large_count :shortly
:table SELECT l.wallet AS "Wallet", :name_of l.institution :known AS "Operator", l.direction AS "Direction", l.type AS "Type", l.rule AS "Rule",
              l.movements AS "Movements#", :amount l.largest :shown AS "Largest#", :amount l.total :shown AS "Total#"
         FROM json_to_recordset(:'large_list') AS l (wallet text, institution integer, direction text, type text, rule text, movements bigint, largest bigint, total numeric) :end
\qecho '</section>'

\set section unusual
:begin_section
\qecho '<h3>Dormant wallets that woke</h3>'
:cut :dormant_count :shortly
:table SELECT d.wallet AS "Wallet", :name_of d.institution :known AS "Operator", :on d.last_before :dated AS "Quiet since", (EXTRACT(epoch FROM d.dormant_for) / 86400)::integer AS "Days#",
              :on d.reactivated_at :dated AS "Woke", d.movements AS "Movements#", :amount d.received :shown AS "Received#", :amount d.paid :shown AS "Paid#"
         FROM json_to_recordset(:'dormant_list') AS d (wallet text, institution integer, last_before timestamptz, reactivated_at timestamptz, dormant_for interval, movements bigint, received numeric, paid numeric) :end
\qecho '<h3>Surging wallets</h3>'
:cut :surging_count :shortly
:table SELECT s.wallet AS "Wallet", :name_of s.institution :known AS "Operator", :amount s.usual :shown AS "Usual#", :amount s.total :shown AS "Moved#",
              to_char(s.times, 'FM999,999,999,990.0') AS "Times#", s.movements AS "Movements#"
         FROM json_to_recordset(:'surging_list') AS s (wallet text, institution integer, usual numeric, total numeric, times numeric, movements bigint) :end
\qecho '<h3>Short-lived wallets</h3>'
:cut :short_lived_count :shortly
:table SELECT s.wallet AS "Wallet", :name_of s.institution :known AS "Operator", s.class AS "Class#", :on s.opened_at :dated AS "Opened", :on s.closed_at :dated AS "Closed",
              s.movements AS "Movements#", :amount s.received :shown AS "Received#", :amount s.paid :shown AS "Paid#"
         FROM json_to_recordset(:'short_lived_list') AS s (wallet text, institution integer, class integer, opened_at timestamptz, closed_at timestamptz, movements bigint, received numeric, paid numeric) :end
\qecho '</section>'

\set section alerts
:begin_section
\qecho '<h3>Suspects, by score</h3>'
:cut :suspects_count :shortly
:table SELECT s.wallet AS "Wallet", :name_of s.institution :known AS "Operator", s.reason AS "Reason", round(s.score, 2) AS "Score#"
         FROM json_to_recordset(:'suspects_list') AS s (wallet text, institution integer, reason text, score numeric) :end
\qecho '<h3>Rings</h3>'
:cut :rings_count :shortly
:table SELECT r.kind AS "Kind", r.organiser AS "Organiser", array_to_string(r.members[:6], ' ') || CASE WHEN cardinality(r.members) > 6 THEN ' …' ELSE '' END AS "Members",
              cardinality(r.members) AS "Number#", r.pairs AS "Pairs#", cardinality(r.transfers) AS "Transfers#", :amount r.amount :shown AS "Amount#", round(r.score, 2) AS "Score#"
         FROM json_to_recordset(:'rings_list') AS r (kind text, organiser text, members text[], pairs integer, transfers bigint[], amount numeric, score numeric) :end
\qecho '<h3>Cycles: money that came back</h3>'
:cut :cycles_count :shortly
:table SELECT array_to_string(c.members, ' → ') AS "From hand to hand", cardinality(c.transfers) AS "Transfers#", :amount c.amount :shown AS "Amount#",
              :amount c.returned :shown AS "Returned#", :on c.first_at :dated AS "From", :on c.last_at :dated AS "To"
         FROM json_to_recordset(:'cycles_list') AS c (members text[], transfers bigint[], amount bigint, returned bigint, first_at timestamptz, last_at timestamptz) :end
\qecho '<h3>Structuring</h3>'
:cut :structuring_count :shortly
:table SELECT s.wallet AS "Wallet", :name_of s.institution :known AS "Operator", s.direction AS "Direction", s.type AS "Type", s.movements AS "Movements#",
              s.counterparties AS "Counterparties#", :amount s.total :shown AS "Total#", :on s.last_at :dated AS "Last"
         FROM json_to_recordset(:'structuring_list') AS s (wallet text, institution integer, direction text, type text, movements bigint, counterparties bigint, total numeric, last_at timestamptz) :end
\qecho '<h3>Fan-in</h3>'
:cut :fan_in_count :shortly
:table SELECT f.wallet AS "Wallet", :name_of f.institution :known AS "Operator", f.payers AS "Payers#", f.receipts AS "Receipts#", :amount f.received :shown AS "Received#",
              f.payees AS "Payees#", :amount f.paid :shown AS "Paid on#"
         FROM json_to_recordset(:'fan_in_list') AS f (wallet text, institution integer, payers bigint, receipts numeric, received numeric, payees bigint, paid numeric) :end
\qecho '<h3>Fan-out</h3>'
:cut :fan_out_count :shortly
:table SELECT f.wallet AS "Wallet", :name_of f.institution :known AS "Operator", f.payees AS "Payees#", f.payments AS "Payments#", :amount f.paid :shown AS "Paid#",
              f.payers AS "Payers#", :amount f.received :shown AS "Received#"
         FROM json_to_recordset(:'fan_out_list') AS f (wallet text, institution integer, payees bigint, payments numeric, paid numeric, payers bigint, received numeric) :end
\qecho '<h3>Pass-through</h3>'
:cut :pass_count :shortly
:table SELECT p.wallet AS "Wallet", :name_of p.institution :known AS "Operator", p.receipts AS "Receipts#", :amount p.received :shown AS "Received#",
              p.payments AS "Payments#", :amount p.paid :shown AS "Paid#", :on p.first_at :dated AS "From", :on p.last_at :dated AS "To"
         FROM json_to_recordset(:'pass_list') AS p (wallet text, institution integer, receipts bigint, received numeric, payments bigint, paid numeric, first_at timestamptz, last_at timestamptz) :end
\qecho '</section>'

\set section traces
:begin_section
SELECT xmlelement(name figure,
           xmlelement(name figcaption, format('Transfer %s: wallet %s got %s on %s', t.transfer, t.wallet, :amount t.amount :shown, :on t.created_at :dated)),
           xmlelement(name div, xmlattributes('wide' AS class), dcep.trace_svg(t.transfer, 'fifo', 'forward', NULL, 40)::xml))
  FROM json_to_recordset(:'traces') AS t (rank bigint, transfer bigint, wallet text, amount bigint, created_at timestamptz) ORDER BY t.rank;
SELECT xmlelement(name figure,
           xmlelement(name figcaption, format('Where the money of transfer %s came from', t.transfer)),
           xmlelement(name div, xmlattributes('wide' AS class), dcep.trace_svg(t.transfer, 'fifo', 'back', NULL, 40)::xml))
  FROM json_to_recordset(:'traces') AS t (rank bigint, transfer bigint) ORDER BY t.rank LIMIT 1;
SELECT '<p class="none">None.</p>' WHERE json_array_length(:'traces') = 0;
\qecho '</section>'

-- --- the authorities ---------------------------------------------------------

\set section refusals
:begin_section
:cut :refusals_count :shortly
:table SELECT r.sqlstate AS "Code", r.rule AS "Rule", r.class AS "Class#", CASE WHEN r.by_order THEN 'yes' END AS "By an order", r.refusals AS "Refusals#", r.payers AS "Payers#", r.share AS "Share%"
         FROM json_to_recordset(:'refusals_list') AS r (sqlstate text, rule text, class integer, by_order boolean, refusals bigint, payers bigint, share numeric) :end
\qecho '<h3>By order</h3>'
:cut :refusing_count :shortly
:table SELECT o.order_id AS "Order#", :name_of o.supervisor :known AS "Supervisor", o.kind AS "Kind", o.case_no AS "Case", o.status AS "Status", o.refusals AS "Refusals#", o.payers AS "Payers#",
              :amount o.amount :shown AS "Would have moved#", :at o.first_at :timed AS "First", :at o.last_at :timed AS "Last"
         FROM json_to_recordset(:'refusing_list') AS o (order_id bigint, supervisor integer, kind text, case_no text, status text, refusals bigint, payers bigint, amount numeric, first_at timestamptz, last_at timestamptz) :end
\qecho '<h3>Attempts without the right to</h3>'
:cut :attempts_count :shortly
:table SELECT :at a.refused_at :timed AS "At", :name_of a.institution :known AS "Institution", a.by_role AS "Role", a.attempt AS "What was attempted", a.sqlstate AS "Code", a.message AS "Why not"
         FROM json_to_recordset(:'attempts_list') AS a (refused_at timestamptz, institution integer, by_role text, attempt text, sqlstate text, message text) :end
\qecho '</section>'

\set section orders
:begin_section
:cut :orders_count :shortly
:table SELECT o.id AS "Order#", :name_of o.supervisor :known AS "Supervisor", o.kind AS "Kind", o.case_no AS "Case",
              CASE WHEN o.class IS NOT NULL THEN format('class %s of %s', o.class, :name_of o.operator :known)
                   ELSE array_to_string(o.wallets[:4], ' ') || CASE WHEN cardinality(o.wallets) > 4 THEN format(' and %s more', cardinality(o.wallets) - 4) ELSE '' END END AS "On",
              CASE o.kind WHEN 'count_day' THEN o.amount::text ELSE :amount COALESCE(o.amount, (SELECT sum(a.amount) FROM unnest(o.amounts) AS a (amount))) :shown END AS "Amount#",
              concat_ws(', ', 'counterparty ' || o.counterparty, to_char(o.daily_from, 'HH24:MI') || ' to ' || to_char(o.daily_until, 'HH24:MI'),
                        cardinality(o.coins) || ' coins') AS "Terms", :on o.valid_from :dated AS "From", CASE WHEN isfinite(o.valid_until) THEN :on o.valid_until :dated END AS "Until",
              o.refusals AS "Refused#"
         FROM json_to_recordset(:'orders_list') AS o (id bigint, supervisor integer, kind text, case_no text, class integer, operator integer, wallets text[], amount bigint, amounts bigint[],
                                                      counterparty text, daily_from time, daily_until time, coins bigint[], valid_from timestamptz, valid_until timestamptz, refusals bigint) :end
\qecho '</section>'

\set section supervisors
:begin_section
:table SELECT :name_of r.supervisor :known AS "Supervisor", r.imposed AS "Imposed#", r.in_force AS "In force#", r.awaited AS "Awaited#", r.expired AS "Expired#", r.lifted AS "Lifted#",
              r.out_of_agreement AS "Outside#", r.refused AS "Refused#", r.usual_delay || ' s' AS "Effect after#", r.longest_delay || ' s' AS "At most#"
         FROM dcep.order_report(NULL, :'until') AS r :end
\qecho '</section>'

\set section frozen
:begin_section
\qecho '<h3>By supervisors</h3>'
:table SELECT :name_of h.supervisor :known AS "Supervisor", h.frozen_wallets AS "Frozen wallets#", :amount h.frozen :shown AS "In them#", h.held_wallets AS "Wallets with holds#",
              :amount h.held :shown AS "Held in them#", h.coins AS "Frozen coins#", :amount h.in_coins :shown AS "Worth#", :amount h.total :shown AS "Together#"
         FROM json_to_recordset(:'held') AS h (supervisor integer, frozen_wallets bigint, frozen numeric, held_wallets bigint, held numeric, coins bigint, in_coins numeric, total numeric)
        ORDER BY h.supervisor :end
\qecho '<h3>By the central bank</h3>'
:table SELECT :name_of z.institution :known AS "Institution", CASE z.direction WHEN 'debit' THEN 'may not pay' WHEN 'credit' THEN 'may not be paid' ELSE 'neither' END AS "Wallets that",
              z.wallets AS "Wallets#", :amount z.held :shown AS "Held#"
         FROM dcep.frozen_totals AS z ORDER BY z.institution, z.direction :end
\qecho '</section>'

\set section lookups
:begin_section
:cut :lookups_count :shortly
:table SELECT l.officer AS "Officer", l.case_no AS "Case", :at l.disclosed_at :timed AS "At", l.wallet AS "Wallet", CASE WHEN l.version IS NULL THEN 'nothing on record' ELSE 'version ' || l.version END AS "Given",
              l.order_id AS "Order#", :name_of l.authority :known AS "Ordered by", l.ordered_by AS "Role"
         FROM json_to_recordset(:'lookups_list') AS l (officer text, case_no text, disclosed_at timestamptz, wallet text, version integer, order_id bigint, authority integer, ordered_by text) :end
\qecho '</section>'

\set section acts
:begin_section
:cut :acts_count :shortly
:table SELECT :at a.entered_at :timed AS "At", :name_of a.institution :known AS "Institution", a.kind AS "Act", a.by_role AS "Role", a.case_no AS "Case",
              (SELECT string_agg(b.key || ': ' || b.value, '; ' ORDER BY b.ordinality) FROM json_each_text(a.body) WITH ORDINALITY AS b WHERE b.value IS NOT NULL) AS "What"
         FROM json_to_recordset(:'acts_list') AS a (entered_at timestamptz, institution integer, kind text, by_role text, case_no text, body json) :end
\qecho '</section>'

\qecho '<section id="legend"><h2>Legend</h2><p class="note">What each section is, and which function of the ledger made it. Wallets are those that this reader sees within the case; totals are the same for every reader.</p>'
:table SELECT l.title AS "Section", l.what AS "What it is", l.made_by AS "Made by" FROM json_to_recordset(:'legend') AS l (title text, what text, made_by text) :end
\qecho '</section>'
\qecho '</main>'
\qecho '<footer><p class="quiet">Out of one snapshot of the ledger. Confidential: it names wallets.</p></footer>'
\qecho '</body>'
\qecho '</html>'
