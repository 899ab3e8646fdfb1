
# Orders and payments at random: what the server lets pass the auditor accepts, with several connections at once; and what
# passes behind the orders' back the auditor finds, exactly that: each payment is asked with dcep.explain_transfer()
# first, and one that orders forbid is then made with their effects put aside.
# DCEP_ORDERS_ROUNDS sets how much; the seed is printed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $rounds = $ENV{DCEP_ORDERS_ROUNDS} // 66;
my $seed = $ENV{DCEP_SEED} // 20261124;
note("DCEP_SEED=$seed");
srand $seed;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\ndeadlock_timeout = 50ms");
$node->start;
DcepLedger::create($node, $db);

# Wallets 1, 4, 7 are of operator 3, 2 and 3; 2, 5, 8 of 4, 3 of 2. The supervisor's agreements cover all three.
$node->safe_psql($db, <<'SQL');
SELECT dcep.unfreeze(w(5), 'both', 'for the test');
CREATE ROLE regress_bank4 LOGIN;
SELECT dcep.grant_institution('regress_bank4', 4), dcep.generate_key(5, 'ed25519');
DO $$
DECLARE
    party record;
BEGIN
    FOR party IN SELECT * FROM (VALUES (2, 'regress_bank2'), (3, 'regress_bank3'), (4, 'regress_bank4')) AS p (code, role) LOOP
        SET LOCAL ROLE regress_supervisor;
        PERFORM dcep.agree(5, party.code, dcep.order_kinds());
        EXECUTE format('SET LOCAL ROLE %I', party.role);
        PERFORM dcep.agree(5, party.code, dcep.order_kinds());
        RESET ROLE;
    END LOOP;
END
$$;

CREATE FUNCTION dice(sides integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT 1 + floor(random() * sides)::integer';

-- An order of a kind on some wallet, family, class or its coins, from about now for a while, or for good; NULL where it is refused.
CREATE FUNCTION impose_some(kind text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wallet dcep.wallet_id := w(dice(5));
    target jsonb;
    imposed bigint;
    begins timestamptz := CASE dice(3) WHEN 1 THEN clock_timestamp() + random() * interval '300 ms' ELSE NULL END;
    ends timestamptz := CASE dice(3) WHEN 1 THEN clock_timestamp() + interval '300 ms' + random() * interval '300 ms' ELSE 'infinity' END;
    local_time time := (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::time;
BEGIN
    target := CASE dice(4) WHEN 1 THEN jsonb_build_object('holder', wallet)
                           WHEN 2 THEN jsonb_build_object('operator', dcep.institution(wallet), 'class', 1)
                           ELSE jsonb_build_object('wallet', wallet) END;
    IF kind = 'freeze_coins' THEN
        target := (SELECT jsonb_build_object('coins', jsonb_agg(c.id)) FROM (
            SELECT c.id FROM dcep.coin AS c WHERE c.owner = wallet ORDER BY random() LIMIT dice(4)) AS c);
    END IF;
    PERFORM set_config('role', 'regress_supervisor', true);
    SELECT dcep.impose(impose_some.kind, target, 'random',
               amount => CASE impose_some.kind WHEN 'hold_amount' THEN 80000 + dice(40000) WHEN 'cap_payment' THEN dice(1500)
                              WHEN 'cap_day' THEN dice(20000) WHEN 'count_day' THEN dice(30) END,
               counterparty => CASE impose_some.kind WHEN 'bar_counterparty' THEN w(dice(5)) END,
               daily_from => CASE impose_some.kind WHEN 'time_window' THEN local_time - (dice(5) - 2) * interval '1 s' END,
               daily_until => CASE impose_some.kind WHEN 'time_window' THEN local_time + (dice(5) - 1) * interval '1 s' + interval '0.5 s' END,
               valid_from => begins, valid_until => ends) INTO imposed;
    PERFORM set_config('role', 'none', true);
    RETURN imposed;
END
$$;
CREATE FUNCTION lift_some(share double precision) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    o record;
    lifted bigint := 0;
BEGIN
    PERFORM set_config('role', 'regress_supervisor', true);
    FOR o IN SELECT s.id FROM dcep.order_status AS s WHERE s.status <> 'lifted' AND random() < share ORDER BY s.id LOOP
        PERFORM dcep.lift(o.id, 'random');
        lifted := lifted + 1;
    END LOOP;
    PERFORM set_config('role', 'none', true);
    RETURN lifted;
END
$$;
-- What the checks of payments against orders find, with the place that the rule has among explain_transfer()'s.
CREATE VIEW found AS
    SELECT DISTINCT a.transfer,
           CASE split_part(a.check_name, ': ', 2)
               WHEN 'no_debit' THEN 10 WHEN 'no_redeem' THEN 11 WHEN 'no_credit' THEN 13 WHEN 'bar_counterparty' THEN 15
               WHEN 'freeze' THEN CASE WHEN a.wallet = t.payer THEN 10 ELSE 13 END
               WHEN 'time_window' THEN 16 WHEN 'count_day' THEN 17 WHEN 'cap_payment' THEN 19 WHEN 'cap_day' THEN 21
               WHEN 'hold_amount' THEN 24 WHEN 'freeze_coins' THEN 25 END AS rule
      FROM (SELECT * FROM dcep.audit_obedience() UNION ALL SELECT * FROM dcep.audit_day_orders()
            UNION ALL SELECT * FROM dcep.audit_holds()) AS a
      JOIN dcep.transfer AS t ON t.id = a.transfer;
SQL

# --- with the orders in effect, from several connections -------------------------

my @kinds = split /\n/, $node->safe_psql($db, 'SELECT unnest(dcep.order_kinds())');
is(scalar @kinds, 11, 'kinds of order');
my $pair = 'w(dice(5)), w(dice(5))';
my @payments = (
	"SELECT dcep.transfer($pair, dice(2000))",
	"INSERT INTO dcep.transfer (payer, payee, amount) SELECT w(p), w(CASE q WHEN p THEN 6 ELSE q END), dice(500) FROM (SELECT dice(5) AS p, dice(5) AS q FROM generate_series(1, 10) OFFSET 0) AS s ORDER BY 1",
	"SELECT count(*) FROM dcep.submit((SELECT array_agg((w(dice(5))::text, w(dice(5))::text, dice(1500)::text, NULL, NULL)::dcep.instruction) FROM generate_series(1, 8)))",
	"INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_out', s.w, dcep.vault(dcep.institution(s.w)), dice(500) FROM (SELECT w(dice(5)) AS w OFFSET 0) AS s",
	"INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault(dcep.institution(s.w)), s.w, dice(1500) FROM (SELECT w(dice(5)) AS w OFFSET 0) AS s",
	'SELECT dcep.consolidate(w(dice(5)))');
my @scripts;
for my $client (0 .. 3)
{
	my $script = "\\set VERBOSITY verbose\nSELECT setseed(" . rand() . ");\n";
	for my $round (1 .. 2 * $rounds)
	{
		if ($client == 0)
		{
			$script .= "SELECT impose_some('$kinds[rand @kinds]');\nSELECT pg_sleep(0.02), lift_some(0.2);\n";
			next;
		}
		my $level = ('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')[ rand 4 ];
		$script .= "BEGIN ISOLATION LEVEL $level;\n" . join('', map { "$payments[rand @payments];\n" } 1 .. 1 + rand 2) . "COMMIT;\n";
	}
	push @scripts, $script;
}
my %refusals = DcepLedger::play($node, $db, @scripts);
# 22023 is a coin that was spent before it could be frozen, or an order that would have ended before it began.
my %expected = map { $_ => 1 } qw(LG201 LG202 LG203 LG204 LG207 LG208 LG209 LG210 LG301 LG303 22023 40001 40P01 25P02);
is(join("\n", grep { !$expected{ substr $_, 0, 5 } } sort keys %refusals), '', 'refusals were for good reasons');
note($node->safe_psql($db, "SELECT count(*) || ' transfers, ' || (SELECT count(*) FROM dcep.control_order) || ' orders' FROM dcep.transfer"));
is($node->safe_psql($db, 'SELECT * FROM dcep.audit() LIMIT 20'), '', 'what the server lets pass the auditor accepts');

# --- behind the orders' back -------------------------------------------------------

$node->safe_psql($db, <<'SQL');
CREATE TABLE struck (transfer bigint, rules integer[], sure boolean);
-- Pays, with the effects of orders put aside where these forbid it, and notes which rules did; where another forbids it, nothing.
CREATE FUNCTION strike(payer dcep.wallet_id, payee dcep.wallet_id, amount bigint, kind dcep.transfer_kind) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
    rules integer[];
    others integer;
    paid dcep.transfer;
    sure boolean;
BEGIN
    SELECT array_agg(e.position ORDER BY e.position) FILTER (WHERE e.position IN (10, 11, 13, 15, 16, 17, 19, 21, 24)
                                                              OR (e.position = 25 AND e.sqlstate = 'LG207')),
           count(*) FILTER (WHERE e.position NOT IN (10, 11, 13, 15, 16, 17, 19, 21, 24, 25) OR e.sqlstate = 'LG301')
      INTO rules, others
      FROM dcep.explain_transfer(payer, payee, amount, kind) AS e WHERE e.verdict = 'refuse';
    IF others > 0 THEN
        RETURN;
    END IF;
    IF rules IS NOT NULL THEN
        CREATE TEMPORARY TABLE aside ON COMMIT DROP AS SELECT * FROM dcep.control_effect;
        DELETE FROM dcep.control_effect;
    END IF;
    BEGIN
        INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (kind, payer, payee, amount) RETURNING * INTO paid;
    EXCEPTION WHEN SQLSTATE 'LG201' OR SQLSTATE 'LG202' OR SQLSTATE 'LG207' OR SQLSTATE 'LG209' OR SQLSTATE 'LG301' THEN
        NULL; -- an order, or a window's end, came in between
    END;
    IF rules IS NOT NULL THEN
        INSERT INTO dcep.control_effect SELECT * FROM aside;
        DROP TABLE aside;
    END IF;
    IF paid.id IS NULL THEN
        RETURN;
    END IF;
    -- A payment may take a frozen coin where it could do without.
    rules := array_remove(COALESCE(rules, '{}'), 25);
    IF EXISTS (SELECT FROM dcep.control_effect AS e WHERE e.kind = 5 AND e.target = paid.payer::bigint AND e.coin = ANY (paid.inputs)
                  AND e.valid_from <= paid.created_at AND paid.created_at < e.valid_until) THEN
        rules := rules || 25;
    END IF;
    -- Where an order, a second of a window or a day began or ended between question and payment, nobody can tell.
    sure := NOT EXISTS (SELECT FROM dcep.control_effect AS e
                         WHERE e.valid_from BETWEEN began AND paid.created_at OR e.valid_until BETWEEN began AND paid.created_at)
        AND date_trunc('second', began) = date_trunc('second', paid.created_at);
    INSERT INTO struck VALUES (paid.id, rules, sure);
END
$$;
SQL
# The superuser's way around what watches over the tables of orders; the triggers that pay go on.
my $dir = PostgreSQL::Test::Utils::tempdir;
my $errors = '';

sub strike_at_random
{
	my $script = 'SELECT setseed(' . rand() . ");\nSELECT lift_some(1);\n";
	for my $round (0 .. $rounds - 1)
	{
		$script .= "SELECT impose_some('$kinds[$round % @kinds]');\n";
		for (1 .. 12)
		{
			$script .= (
				"SELECT strike($pair, dice(2000), 'transfer');\n",
				"SELECT strike($pair, dice(30000), 'transfer');\n",
				"SELECT strike(s.w, dcep.vault(dcep.institution(s.w)), dice(500), 'exchange_out') FROM (SELECT w(dice(5)) AS w OFFSET 0) AS s;\n",
				"SELECT strike(dcep.vault(dcep.institution(s.w)), s.w, dice(8000), 'exchange_in') FROM (SELECT w(dice(5)) AS w OFFSET 0) AS s;\n")[ rand 4 ];
		}
		$script .= "SELECT lift_some(0.5);\n" if rand() < 0.6;
	}
	open my $file, '>', "$dir/strike.sql";
	print $file $script;
	close $file;
	$node->psql($db, "\\i $dir/strike.sql", on_error_stop => 0, stderr => \my $said);
	$errors .= $said;
	return;
}

# Which orders are in force just then depends on the machine's pace: more, until rules of nearly every kind have been broken.
for (1 .. 5)
{
	strike_at_random();
	last if $node->safe_psql($db, 'SELECT count(DISTINCT rule) FROM struck, unnest(rules) AS rule WHERE sure') >= 8;
}
my %seen;
$seen{$_}++ for $errors =~ /ERROR:  (.*)/g;
note("$seen{$_} x $_") for sort keys %seen;
is(join("\n", grep { !/coin is not live|would end before|freezes from 1 to 1000/ } sort keys %seen), '', 'orders were refused for good reasons');

note($node->safe_psql($db, "SELECT count(*) || ' payments, of which ' || count(*) FILTER (WHERE rules <> '{}') || ' against orders, ' || count(*) FILTER (WHERE NOT sure) || ' at a turn' FROM struck"));
note("by rule: $_") for split /\n/, $node->safe_psql($db, 'SELECT rule, count(*) FROM struck, unnest(rules) AS rule GROUP BY 1 ORDER BY 1');
my $differences = 'SELECT * FROM (SELECT transfer, rule FROM struck, unnest(rules) AS rule WHERE sure) AS a';
my $findings = 'SELECT * FROM found WHERE transfer NOT IN (SELECT transfer FROM struck WHERE NOT sure)';
is($node->safe_psql($db, "$differences EXCEPT $findings"), '', 'every payment against an order is found');
is($node->safe_psql($db, "$findings EXCEPT $differences"), '', 'and nothing else');
cmp_ok($node->safe_psql($db, 'SELECT count(DISTINCT rule) FROM found'), '>=', 8, 'rules of nearly every kind were broken');
is($node->safe_psql($db, "SELECT DISTINCT check_name FROM dcep.audit() WHERE check_name NOT LIKE 'order violated: %'"), '', 'the rest of the audit finds nothing');

# --- tampering ----------------------------------------------------------------------

# Each at random, undone; what was found before is not counted.
my @tampering = (
	"UPDATE dcep.control_order SET valid_until = valid_from + interval '1 us' WHERE id = :order",
	"UPDATE dcep.control_order SET wallets = NULL, operator = 2, class = 4, coins = NULL WHERE id = :order",
	'DELETE FROM dcep.control_order WHERE id = :order',
	"UPDATE dcep.act SET entered_at = entered_at + interval '1 us' WHERE id = :order",
	'DELETE FROM dcep.act WHERE id = :order',
	'DELETE FROM dcep.control_lift WHERE order_id = :order',
	"UPDATE dcep.control_lift SET lifted_at = lifted_at + interval '1 hour' WHERE order_id = :order",
	'INSERT INTO dcep.control_effect SELECT e.* FROM dcep.control_order AS o, dcep.effects_of(o) AS e WHERE o.id = :order',
	'UPDATE dcep.wallet SET flags = flags # 4 WHERE id = w(1 + :order % 5)',
	"UPDATE dcep.transfer SET created_at = created_at - interval '1 us' WHERE id = (SELECT max(id) FROM dcep.transfer WHERE payer = w(1 + :order % 5))");
my @orders = split /\n/, $node->safe_psql($db, 'SELECT l.order_id FROM dcep.control_lift AS l ORDER BY 1');
for my $change (@tampering)
{
	my $order = $orders[ rand @orders ];
	(my $statement = $change) =~ s/:order/$order/g;
	my $off = join '', map { "ALTER TABLE dcep.$_ DISABLE TRIGGER USER;\n" } qw(act control_order control_lift transfer wallet);
	my $new = $node->safe_psql($db,
		"CREATE TEMPORARY TABLE before AS SELECT * FROM dcep.audit();\nBEGIN;\n$off$statement;\n"
		. "SELECT count(*) > 0 FROM (SELECT * FROM dcep.audit() EXCEPT SELECT * FROM before) AS a;\nROLLBACK;");
	is($new, 't', "found: $statement");
}
$node->stop;
done_testing();
