
# A small ledger with something of everything, for tests that carry it elsewhere.

package DcepLedger;

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

# Creates the roles of the cluster, once, and a ledger in a database:
#   institutions 2 (ed25519, then p256), 3 (sm2), 4 (p256); roles regress_bank2, _bank3, _central, _auditor
#   w(1) … w(20): class 1, of bank 3, 4, 2 in turn, with money; w(5) frozen; w(6) frozen and lifted; w(21) closed
sub create
{
	my ($node, $database) = @_;
	$node->safe_psql($database, <<'SQL');
CREATE EXTENSION dcep CASCADE;
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank');
-- Wallets are opened by class alone: the central bank demands nothing from the second day on.
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
    SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
SELECT dcep.enroll_institution(code, 'Bank ' || code, 'operator') FROM generate_series(2, 4) AS code;
SELECT dcep.enroll_institution(5, 'Supervisor', 'supervisor');
SELECT dcep.generate_key(code, (ARRAY['ed25519', 'ed25519', 'sm2', 'p256'])[code]) FROM generate_series(1, 4) AS code;
SELECT dcep.deposit_reserve(code, 10000000, 'deposit of the first day') FROM generate_series(2, 4) AS code;
SELECT dcep.issue(code, 9000000, 'first day of ' || code) FROM generate_series(2, 4) AS code;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['bank2', 'bank3', 'central', 'auditor', 'supervisor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'regress_' || name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'regress_' || name);
        END IF;
    END LOOP;
END
$$;
SELECT dcep.grant_institution('regress_bank2', 2), dcep.grant_institution('regress_bank3', 3),
       dcep.grant_institution('regress_central', 1), dcep.grant_institution('regress_supervisor', 5);
GRANT dcep_auditor TO regress_auditor;

SQL
	$node->safe_psql($database, names());
	$node->safe_psql($database, <<'SQL');
INSERT INTO numbered SELECT n, dcep.open_wallet(2 + n % 3, '{"class": 1}') FROM generate_series(0, 20) AS n;
INSERT INTO numbered SELECT 21, dcep.open_wallet(2, '{"class": 3, "form": "hardware"}');
INSERT INTO dcep.transfer (kind, payer, payee, amount)
    SELECT 'exchange_in', dcep.vault(dcep.institution(wallet)), wallet, 100000 FROM numbered WHERE number <= 20;
INSERT INTO dcep.transfer (payer, payee, amount, key, memo)
    SELECT w(n % 21), w((n * 7 + 1) % 21), 10 + n, 'bulk ' || n, E'tab\there, back\\slash, \'quote\', 汉字'
      FROM generate_series(1, 200) AS n WHERE n % 21 <> (n * 7 + 1) % 21;
SELECT dcep.transfer(w(1), w(2), 777, 'key of 777', 'seven sevens');
SELECT * FROM dcep.submit(ARRAY[(w(1), w(4), 50, 'line 1', NULL), (w(1), w(4), 999999999, NULL, NULL),
    ('nobody', NULL, NULL, NULL, NULL), (w(2), w(3), 60, NULL, '')]::dcep.instruction[]);
SELECT dcep.generate_key(2, 'p256');
SELECT dcep.transfer(w(3), w(1), 30);
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', w(3), dcep.vault(2), 70);
SELECT dcep.redeem(2, 5000, 'evening');
SELECT dcep.withdraw_reserve(4, 1000);
SELECT dcep.freeze(w(5), 'both', 'case 1'), dcep.freeze(w(6), 'debit', 'case 2'), dcep.unfreeze(w(6), 'debit', 'case 2');
SELECT dcep.close_wallet(w(21));
SELECT dcep.revoke_key(2, 1, 'rotated out');
INSERT INTO dcep.wallet_class VALUES (4, current_date + 7, 'anonymous, from next week on', 1, 1, 1, 1);
SQL
	return;
}

# What the tests call the wallets by.
sub names
{
	return <<'SQL';
CREATE TABLE numbered (number integer PRIMARY KEY, wallet dcep.wallet_id NOT NULL);
GRANT SELECT ON numbered TO PUBLIC;
CREATE FUNCTION w(wanted integer) RETURNS dcep.wallet_id LANGUAGE sql STABLE
    AS 'SELECT wallet FROM public.numbered WHERE number = wanted';
SQL
}

# Plays scripts, a client each, all at once and through whatever is refused. Each must come to its end; returns how often
# which error came, by SQLSTATE and message, and notes the SQLSTATEs. Scripts say \set VERBOSITY verbose.
sub play
{
	my ($node, $database, @scripts) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir;
	my (@clients, %refusals, %codes);
	for my $script (@scripts)
	{
		my $file = "$dir/client" . @clients . '.sql';
		my $errors = '';
		PostgreSQL::Test::Utils::append_to_file($file, $script);
		push @clients, [ \$errors,
			IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database), '-f', $file ], '<', \'', '>', '/dev/null', '2>', \$errors) ];
	}
	for my $client (@clients)
	{
		my ($errors, $run) = @$client;
		$run->finish;
		is($run->result(0), 0, 'a client came to its end') or diag($$errors);
		$refusals{$_}++ for $$errors =~ /(?:ERROR|FATAL|PANIC):  (.*)/g;
	}
	$codes{ substr $_, 0, 5 } += $refusals{$_} for keys %refusals;
	note(join ', ', map { "$_ $codes{$_}" } sort keys %codes);
	return %refusals;
}

# Contents of every table and sequence of the schema, as text in a fixed order.
sub contents
{
	my ($node, $database) = @_;
	my %contents;
	for (split /\n/, $node->safe_psql($database, <<'SQL'))
SELECT c.relkind, c.relname FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'S')
SQL
	{
		my ($kind, $name) = split /\|/;
		if ($kind eq 'S')
		{
			$contents{"sequence $name"} = $node->safe_psql($database, "SELECT last_value, is_called FROM dcep.$name");
		}
		else
		{
			$contents{"table $name"} = $node->safe_psql($database, qq{SELECT t::text COLLATE "C" FROM dcep.$name AS t ORDER BY 1});
		}
	}
	return \%contents;
}

1;
