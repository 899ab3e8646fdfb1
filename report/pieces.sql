-- The pieces that sections are made of, as text that psql puts into the statements that name them.
--
-- All that comes out of the ledger goes through xmlelement(), which escapes it. An element of HTML is never empty, since
-- xmlelement() writes it as <x/>, which a browser takes for its beginning; those of SVG may be.

-- :table SELECT … AS "Heading" … :end is a table, or says that there are no rows. A heading that ends in # is of a column of
-- numbers, one in % of shares, which get a bar; the sign is not shown.
SELECT $$
    SELECT COALESCE(max(t.html), '<p class="none">None.</p>')
      FROM (SELECT xmlelement(name div, xmlattributes('wide' AS class), xmlelement(name table,
                       xmlelement(name thead, xmlelement(name tr, (
                           SELECT xmlagg(xmlelement(name th, xmlattributes('col' AS scope, CASE WHEN h.key ~ '[#%]$' THEN 'number' END AS class),
                                                    rtrim(h.key, '#%')) ORDER BY h.ordinality)
                             FROM json_each_text((array_agg(l.line ORDER BY l.n))[1]) WITH ORDINALITY AS h))),
                       xmlelement(name tbody, xmlagg(xmlelement(name tr, l.cells) ORDER BY l.n))))::text AS html
              FROM (SELECT r.n, r.line, (
                           SELECT xmlagg(xmlelement(name td, xmlattributes(CASE WHEN c.key ~ '[#%]$' THEN 'number' END AS class),
                                      CASE WHEN c.key LIKE '%\%' AND c.value IS NOT NULL THEN
                                          xmlelement(name svg, xmlattributes('bar' AS class, '0 0 100 8' AS "viewBox", 'none' AS "preserveAspectRatio"),
                                              xmlelement(name rect, xmlattributes('track' AS class, 100 AS width, 8 AS height)),
                                              xmlelement(name rect, xmlattributes('fill' AS class, round(100 * c.value::numeric, 2) AS width, 8 AS height))) END,
                                      COALESCE(CASE WHEN c.key LIKE '%\%' THEN to_char(100 * c.value::numeric, 'FM990.00') || ' %'
                                                    ELSE NULLIF(c.value, '') END, '–')) ORDER BY c.ordinality)
                             FROM json_each_text(r.line) WITH ORDINALITY AS c) AS cells
                      FROM (SELECT row_number() OVER () AS n, to_json(q) AS line FROM ($$ AS "table",
       $$) AS q) AS r) AS l
            HAVING count(*) > 0) AS t; $$ AS "end" \gset

-- :note 'text' :noted is a paragraph.
SELECT $$ SELECT xmlelement(name p, xmlattributes('quiet' AS class), $$ AS note, $$); $$ AS noted \gset

-- What each section is, and which function made it: the legend, and the heads of the sections.
SELECT json_agg(s ORDER BY s.n) AS legend
  FROM (VALUES
    (1, 'soundness', 'Is the money whole?', 'What was issued and not redeemed, what reserves were debited for it and the worth of all live coins must be equal; no coin may be spent twice; no payment may be missing in a chain. As of now.',
        'dcep.conservation, dcep.double_spends(), dcep.chain_gaps()'),
    (2, 'supply', 'Supply against reserves', 'How much of what an operator paid in to its reserve has been issued to it. As of now.', 'dcep.quota, dcep.supply'),
    (3, 'anonymous', 'Anonymous wallets', 'What share of the clients is anonymous, of what they hold and of what they paid on the day; and how many wallets were opened with one phone number or e-mail address. But for the day, as of now.',
        'dcep.anonymous_share(), dcep.wallets_per_contact()'),
    (4, 'hours', 'Payments by the hour', 'Payments and exchanges of the day between wallets one side of which this reader sees.', 'dcep.transfer'),
    (5, 'flows', 'Flows between operators', 'What the wallets of one institution paid to those of another on the day. Net is received less paid.', 'dcep.net_positions()'),
    (6, 'large', 'Large values', 'Receipts or payments of a wallet that reach a reporting threshold on the day, by one movement (single) or by their sum (summed).',
        'dcep.large_values()'),
    (7, 'unusual', 'Out of the ordinary', 'Wallets that moved money after half a year without, that moved ten times what is usual for them, or that were closed within 30 days of being opened, after large flows.',
        'dcep.dormant_reactivated(), dcep.surging(), dcep.short_lived()'),
    (8, 'alerts', 'Alerts', 'Who looks like laundering, most conspicuous first. A score is the logarithm of the odds against chance; it ranks and proves nothing.',
        'dcep.suspects(), dcep.rings(), dcep.cycles(), dcep.structuring(), dcep.fan_in(), dcep.fan_out(), dcep.pass_through()'),
    (9, 'traces', 'Where the money went', 'For up to three wallets of the alerts, else of the large values: the greatest payment that each got (first of all those it has paid on), followed first in, first out, through 40 coins at most; of the first, where it came from, too.',
        'dcep.trace_svg()'),
    (10, 'refusals', 'Refusals', 'What was refused on the day: by which rule and to payers of which class, by which order, and what supervisors and identity officers attempted without the right to.',
        'dcep.refusals_by_rule(), dcep.refusals_by_order(), dcep.refusal'),
    (11, 'orders', 'Orders in force', 'What supervisors have imposed and not lifted, newest first, and how many payments each refused on the day. As of now.', 'dcep.order_status, dcep.refusals_by_order()'),
    (12, 'supervisors', 'Supervisors', 'What became of all orders of each up to the end of the day, and how long it took from the call to the effect. Outside are orders that no agreement covers any more; refused are attempts beyond an agreement, or on orders of others.',
        'dcep.order_report()'),
    (13, 'frozen', 'Frozen', 'What the orders of each supervisor keep from being paid, a wallet''s money once; and wallets that the central bank has frozen so that they may not pay, not be paid, or neither. As of now.', 'dcep.held_totals, dcep.frozen_totals'),
    (14, 'lookups', 'Who was behind a wallet', 'Look-ups of identities on the day, by officer and case, and under whose order.', 'dcep.disclosures'),
    (15, 'acts', 'Official acts of the day', 'Agreements, orders, cases: each signed and chained, newest first, with what was signed: amounts in minor units. The case of this page is among those of today; its closing is not yet.',
        'dcep.act')) AS s (n, id, title, what, made_by) \gset

-- Begins the section that :section names; the words are ours, and need no escaping.
SELECT $$ SELECT format('<section id="%s"><h2>%s</h2><p class="note">%s <span class="by">Made by <code>%s</code></span></p>',
                        s.id, s.title, s.what, s.made_by)
            FROM json_to_recordset(:'legend') AS s (id text, title text, what text, made_by text) WHERE s.id = :'section'; $$ AS begin_section \gset

-- :cut n :shortly says that a list goes on: how many there are, of which top are shown.
SELECT $$ SELECT xmlelement(name p, xmlattributes('quiet' AS class), format('The first %s of %s.', :'top', to_char(c.n, 'FM999,999,990')))
            FROM (SELECT $$ AS cut, $$::bigint AS n) AS c WHERE c.n > :top; $$ AS shortly \gset

-- :share x :given is a share as a percentage.
SELECT 'to_char(100 * (' AS share, $$), 'FM990.00') || ' %'$$ AS given \gset
-- :amount x :shown is minor units x as units of the currency.
SELECT 'to_char((' AS amount, format(') * %s, %L)', :'unit', :'money') AS shown \gset

-- :name_of code :known is an institution's code and name.
SELECT $$(SELECT format('%s %s', lpad(i.code::text, 4, '0'), i.name) FROM dcep.institution AS i WHERE i.code = $$ AS name_of, ')' AS known \gset
-- :at x :timed is a time of the day in the ledger's time zone, :on x :dated one with its date.
SELECT 'to_char((' AS at, $$)::timestamptz, 'HH24:MI:SS')$$ AS timed, 'to_char((' AS "on", $$)::timestamptz, 'YYYY-MM-DD HH24:MI')$$ AS dated \gset
