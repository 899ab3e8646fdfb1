
# make report: the page of a day, as a supervisor and as the central bank get it; that it is well-formed, needs nothing
# beside itself, shows names as text and exact figures, and that whoever has no right to it is told so.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'ledger';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for $db, 'bare', 'without_ledger';
$node->safe_psql('without_ledger', 'CREATE EXTENSION dcep CASCADE');
DcepLedger::create($node, $db);

my $folder = PostgreSQL::Test::Utils::tempdir;
my $page = "$folder/report.html";

# Runs report/run with settings, in the environment of the node; returns its status, what it says, and its errors.
sub report
{
	my %setting = (PGHOST => $node->host, PGPORT => $node->port, @_);
	local %ENV = %ENV;
	delete @ENV{'OUT', 'DATABASE', 'DAY', 'AS', 'CASE', 'TOP'};
	$ENV{$_} = $setting{$_} for grep { defined $setting{$_} } keys %setting;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(['report/run'], '>', \$out, '2>', \$err);
	return ($ok, $out, $err);
}

# Writes the page with settings, and returns it.
sub page_of
{
	my ($name, %setting) = @_;
	my ($ok, $out, $err) = report(OUT => $folder, DATABASE => $db, %setting);
	ok($ok, "$name: written") or diag($err);
	is($out, "$page\n", "$name: says where");
	is($err, '', "$name: says nothing else");
	return slurp_file($page);
}

# Whether a page is well-formed and needs nothing beside itself.
sub stands_alone
{
	my ($name, $html) = @_;
	command_ok(['xmllint', '--noout', '--nonet', $page], "$name: well-formed");
	(my $rest = $html) =~ s{xmlns="http://www\.w3\.org/2000/svg"}{}g;
	ok($rest !~ m{https?:|//|\bsrc=|\bhref=|url\(|\@import|<script|<link|<[^>]*\son[a-z]+=}i, "$name: no reference, no script");
	is(() = $html =~ /<section /g, 16, "$name: all sections");
	return;
}

# A section of the page.
sub section
{
	my ($html, $id) = @_;
	my ($section) = $html =~ m{<section id="$id">(.*?)</section>}s;
	return $section;
}

# Cells of a row of a table that begins with a text.
sub row
{
	my ($html, $first) = @_;
	my ($cells) = $html =~ m{<tr>(<td[^>]*>\Q$first\E</td>.*?)</tr>}s or return;
	return join('|', map { s/<[^>]+>//gr } $cells =~ m{<td[^>]*>(.*?)</td>}gs);
}

# Calls a refused report, and looks at what it says and that it left the page and the folder alone.
sub refused
{
	my ($name, $pattern, %setting) = @_;
	my ($ok, $out, $err) = report(OUT => $folder, DATABASE => $db, %setting);
	ok(!$ok, "$name: refused");
	is($out, '', "$name: no page");
	like($err, $pattern, "$name: says why");
	is_deeply([ map { s{.*/}{}r } glob("$folder/{.report.*,*}") ], ['report.html'], "$name: leaves nothing");
	return;
}

# Names that would be HTML, and psql's, if they were not shown as what they are.
$node->safe_psql($db, <<'SQL');
SELECT dcep.enroll_institution(6, '<script>alert(1)</script>', 'operator'), dcep.enroll_institution(7, $$:unit :'money' "&" 'q' \! \q$$, 'operator');
SELECT dcep.generate_key(5, 'ed25519');
SELECT dcep.deposit_reserve(2, 10000000), dcep.issue(2, 10000000);
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), w(0), 6000000);
SELECT dcep.transfer(w(0), w(1), 5000000);
-- Money that comes back, a wallet that is closed on its first day, one that was quiet for long, a phone of two.
SELECT dcep.transfer(w(12), w(15), 50000), dcep.transfer(w(15), w(18), 49000), dcep.transfer(w(18), w(12), 48000);
INSERT INTO numbered SELECT 30, dcep.open_wallet(2, '{"class": 1}');
INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), w(30), 6000000), ('exchange_out', w(30), dcep.vault(2), 6000000);
SELECT dcep.close_wallet(w(30));
UPDATE dcep.wallet SET opened_at = opened_at - interval '200 days' WHERE id = w(18);
SELECT dcep.record_identity(w(9), '{"phone": "+8613800138000"}'), dcep.record_identity(w(12), '{"phone": "0086 13800138000"}');
CREATE ROLE regress_officer LOGIN;
SELECT dcep.grant_institution('regress_officer', 1);
GRANT dcep_identity_officer TO regress_officer;
SQL
for my $role ('supervisor', 'bank2')
{
	$node->safe_psql($db, q{SELECT dcep.agree(5, 2, '{freeze,count_day,hold_amount}', '{wallets,transfers}')}, extra_params => [ '-U', "regress_$role" ]);
}
# Each session keeps its own refusals, and writes them with what succeeds next.
sub refused_first
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY sqlstate\n$sql", on_error_stop => 0, extra_params => [ $role ? ('-U', $role) : () ]);
	return join ' ', $err =~ /ERROR:  (\w{5})/g;
}
is(refused_first('regress_supervisor', <<'SQL'), 'LG220', 'a supervisor imposes what it may, and tries what it may not');
SELECT dcep.impose('no_debit', jsonb_build_object('wallet', w(9)), '<b>C-0</b>');
SELECT dcep.impose('freeze', jsonb_build_object('wallet', w(9)), '<i onclick="x">C-1</i>');
SELECT dcep.impose('count_day', '{"operator": 2, "class": 1}', 'C-2', 7);
SELECT dcep.impose('hold_amount', jsonb_build_object('wallet', w(15)), 'C-3', 12345);
SQL
is(refused_first(undef, <<'SQL'), 'LG303 LG303 LG201 LG210', 'payments are refused, by rules and by orders');
SELECT dcep.transfer(w(1), w(1), 5);
SELECT dcep.transfer(w(1), w(1), 6);
SELECT dcep.transfer(w(9), w(12), 700);
SELECT dcep.transfer(w(12), w(15), 800);
SELECT dcep.keep_refusals();
SQL
$node->safe_psql($db, q{SELECT dcep.order_disclosure(w(9), 'D-7', now() + interval '1 hour')}, extra_params => [ '-U', 'regress_central' ]);
is(refused_first('regress_officer', <<'SQL'), 'LG220', 'an officer looks up whom no order names, and whom one does');
SELECT dcep.disclose(w(9), 'D-6');
SELECT dcep.disclose(w(9), 'D-7');
SQL
my ($freeze, $count, $held, $kept) = split /\|/, $node->safe_psql($db, <<'SQL');
SELECT max(id) FILTER (WHERE kind = 'freeze'), max(id) FILTER (WHERE kind = 'count_day'), to_char(dcep.balance(w(9)) / 100.0, 'FM999,990.00'), to_char((dcep.balance(w(9)) + 12345) / 100.0, 'FM999,990.00') FROM dcep.control_order
SQL
my ($w0, $w2, $w9, $w12, $w15, $w18, $w30) = map { $node->safe_psql($db, "SELECT w($_)") } 0, 2, 9, 12, 15, 18, 30;
my $day = $node->safe_psql($db, 'SELECT dcep.today()');
my $hostile = '0006 &lt;script&gt;alert(1)&lt;/script&gt;';

# --- a supervisor, who sees the wallets of bank 2 -----------------------------

my $html = page_of('supervisor', AS => 'regress_supervisor', CASE => 'R-<1>');
stands_alone('supervisor', $html);
like($html, qr{<title>Ledger in CNY, $day</title>}, 'its day is the current one');
like($html, qr{by role regress_supervisor within case R-&lt;1&gt;\.}, 'who wrote it, within which case');
like($html, qr{class="verdict">Sound: }, 'it says sound');
unlike($html, qr{NOT SOUND}, 'and not unsound');
is(row($html, '370,000.00'), '370,000.00|50.00|369,950.00|369,950.00|369,950.00', 'conservation');
is(row($html, '0002 Bank 2'), '0002 Bank 2|200,000.00|189,950.00|10,050.00|94.98 %', 'quota of bank 2');
is(row($html, '0004 Bank 4'), '0004 Bank 4|99,990.00|90,000.00|9,990.00|90.01 %', 'quota of bank 4');
is(row($html, $hostile), "$hostile|0.00|0.00|0.00|–", 'a hostile name is text');
like($html, qr{0007 :unit :'money' &quot;&amp;&quot; 'q' \\! \\q|0007 :unit :'money' "&amp;" 'q' \\! \\q}, 'likewise one in the language of psql');
is(row($html, $w0), "${w0}|0002 Bank 2|receipt|cash|single|2|60,000.00|61,000.00", 'a large value');
like($html, qr{C-1}, 'an order');
like($html, qr{<td>&lt;i onclick=(&quot;|")x(&quot;|")&gt;C-1&lt;/i&gt;</td>}, 'its hostile case number is text');
like($html, qr{<td>class 1 of 0002 Bank 2</td><td class="number">7</td>}, 'a number of payments is no money');
like($html, qr{<td>$w9</td>}, 'the wallet of an order');
unlike($html, qr{$w2}, 'a wallet of another operator is not named');
like($html, qr{<figcaption>Transfer \d+: wallet $w0 got }, 'a trace');
like($html, qr{<figure>.*<svg xmlns.*</svg>.*</figure>}s, 'its picture');
unlike($html, qr{Held by its wallets}, 'dcep.supply is not for supervisors');
my $time = qr{\d\d:\d\d:\d\d};
my $refusals = section($html, 'refusals');
is(row($refusals, 'LG303'), 'LG303|payer is the payee|1|–|2|1|25.00 %', 'refusals by a rule');
is(row($refusals, 'LG210'), 'LG210|too many payments today|1|yes|1|1|12.50 %', 'and by an order');
like(row($refusals, $freeze), qr{^$freeze\|0005 Supervisor\|freeze\|&lt;i onclick=.*C-1&lt;/i&gt;\|in force\|1\|1\|7\.00\|$time\|$time$}, 'what an order refused');
like(row($refusals, $count), qr{^$count\|0005 Supervisor\|count_day\|C-2\|in force\|1\|1\|8\.00\|}, 'and another one');
like($refusals, qr{<td>regress_supervisor</td><td>impose no_debit, case &lt;b&gt;C-0&lt;/b&gt;, on \{.*$w9.*\}</td><td>LG220</td>}, 'what it attempted without the right to');
unlike($html, qr{regress_officer|D-7}, 'attempts and look-ups of others are not for it');
like(section($html, 'orders'), qr{<td class="number">$freeze</td>.*<td class="number">1</td></tr>}, 'an order in force, and what it refused');
like(row(section($html, 'supervisors'), '0005 Supervisor'), qr{^0005 Supervisor\|3\|3\|0\|0\|0\|0\|1\|\d+\.\d{3} s\|\d+\.\d{3} s$}, 'what became of orders');
is(row(section($html, 'frozen'), '0005 Supervisor'), "0005 Supervisor|1|$held|1|123.45|0|0.00|$kept", 'what they keep');
like(section($html, 'orders'), qr{<td>C-3</td><td>$w15</td><td class="number">123\.45</td>}, 'what one of them holds');
like(row(section($html, 'alerts'), "$w12 → $w15 → $w18"), qr{^$w12 → $w15 → $w18\|3\|500\.00\|480\.00\|}, 'money that came back');
my $unusual = section($html, 'unusual');
like(row($unusual, $w18), qr{^$w18\|0002 Bank 2\|[\d-]+ [\d:]+\|200\|}, 'a wallet that woke');
like(row($unusual, $w30), qr{^$w30\|0002 Bank 2\|1\|.*\|2\|60,000\.00\|60,000\.00$}, 'a wallet of one day');
my $anonymous = section($html, 'anonymous');
like(row($anonymous, '0002 Bank 2'), qr{^0002 Bank 2\|\d+\|0\|0\.00 %\|}, 'no wallet is anonymous');
like($anonymous, qr{<tr><td>0002 Bank 2</td><td>phone number</td><td class="number">2</td><td class="number">1</td><td class="number">2</td><td class="number">0</td></tr>}, 'two wallets of one phone');
is($node->safe_psql($db, q{SELECT kind, by_role, case_no, body FROM dcep.act WHERE kind ~ 'case' ORDER BY id}),
	qq(open_case|regress_supervisor|R-<1>|{"purpose": "daily report"}\nclose_case|regress_supervisor|R-<1>|{}), 'its case is on record');
is(sprintf('%04o', (stat $page)[2] & 07777), '0600', 'nobody else may read it');

# --- the central bank ---------------------------------------------------------

my ($net, $paid) = split /\|/, $node->safe_psql($db, <<'SQL');
SELECT to_char(sum(net) / 100, 'FM999,990.00'), to_char(sum(paid) / 100, 'FM999,990.00') FROM dcep.net_positions() WHERE institution = 2
SQL
$html = page_of('central bank', AS => 'regress_central', DAY => $day, TOP => 1);
stands_alone('central bank', $html);
like($html, qr{within case report $day\.}, 'the default case');
like($html, qr{<h3>Issued, redeemed, held</h3>}, 'the central bank reads dcep.supply');
my ($flows) = $html =~ m{<h3>Net positions</h3>(.*?)</section>}s;
like(row($flows, '0002 Bank 2'), qr{^0002 Bank 2\|\Q$paid\E\|\d+\|[\d,.]+\|\d+\|\Q$net\E$}, 'the flows of the day');
like($html, qr{<title>0002 Bank 2 paid 0003 Bank 3: 50,\d\d\d\.\d\d in \d+ payments</title>}, 'a cell of their picture');
like($html, qr{<p class="quiet">The first 1 of \d+\.</p>}, 'TOP cuts the lists');
like($html, qr{<td>neither</td><td class="number">1</td>}, 'a frozen wallet');
like(row(section($html, 'lookups'), 'regress_officer'), qr{^regress_officer\|D-7\|$time\|$w9\|nothing on record\|\d+\|0001 Central Bank\|regress_central$}, 'who was told who is behind a wallet');
like(section($html, 'refusals'), qr{The first 1 of 2\..*<td>regress_officer</td><td>disclose, case D-6, wallet $w9</td><td>LG220</td>}s, 'attempts of all');
is($node->safe_psql($db, q{SELECT count(*) FROM dcep.act WHERE institution = 1 AND kind IN ('open_case', 'close_case')}), '2', 'its case is on record');

# Another day has totals and no payments.
$html = page_of('another day', AS => 'regress_central', DAY => '2001-02-03');
stands_alone('another day', $html);
like($html, qr{on Saturday, 2001-02-03</h1>}, 'it names the day');
like($html, qr{<b>0\.00</b><span>CNY moved in 0 payments</span>}, 'nothing moved');
is(row($html, '370,000.00'), '370,000.00|50.00|369,950.00|369,950.00|369,950.00', 'totals are as of now');

# A superuser writes it for the central bank.
$html = page_of('superuser', CASE => 'root');
is($node->safe_psql($db, q{SELECT institution, kind FROM dcep.act WHERE case_no = 'root' ORDER BY id}), "1|open_case\n1|close_case", 'the case of a superuser');
like($html, qr{<td>agree</td><td>regress_bank2</td>}, 'an act of an operator');

# --- who and what is refused --------------------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
my $acts = $node->safe_psql($db, 'SELECT count(*) FROM dcep.act');
refused('an operator', qr{ERROR:  the role "regress_bank3" may not open a case.*report: no page was written}s, AS => 'regress_bank3');
refused('an auditor', qr{ERROR:  the role "regress_auditor" may not open a case}, AS => 'regress_auditor');
refused('a stranger', qr{ERROR:  the role "stranger" may not open a case}, AS => 'stranger');
refused('an unknown role', qr{role "nobody_at_all" does not exist}, AS => 'nobody_at_all');
refused('a database without dcep', qr{ERROR:  the database "bare" has no extension dcep}, DATABASE => 'bare');
refused('a database without a ledger', qr{ERROR:  the database "without_ledger" has no ledger}, DATABASE => 'without_ledger');
refused('no such database', qr{database "no_such" does not exist}, DATABASE => 'no_such');
refused('no folder', qr{^report: OUT= is missing}, OUT => undef);
refused('no day', qr{ERROR:  invalid input syntax for type date: "someday"}, DAY => 'someday');
refused('no number', qr{^report: TOP= is how many rows}, TOP => '0');
refused('no demo', qr{^report: no DATABASE= is given, and the demo's server does not run}, DATABASE => undef, PRIVATE => $folder);
is($node->safe_psql($db, 'SELECT count(*) FROM dcep.act'), $acts, 'what is refused opens no case');

# --- a ledger that is not sound -----------------------------------------------

$node->safe_psql($db, <<'SQL');
ALTER TABLE dcep.coin DISABLE TRIGGER ALL;
UPDATE dcep.coin SET amount = amount + 1 WHERE id = (SELECT min(id) FROM dcep.coin WHERE owner = w(0));
ALTER TABLE dcep.coin ENABLE TRIGGER ALL;
SQL
$html = page_of('forged', AS => 'regress_central');
stands_alone('forged', $html);
like($html, qr{class="verdict broken">NOT SOUND: see the first section}, 'it says so in the head');
is(row($html, '370,000.00'), '370,000.00|50.00|369,950.00|369,950.00|369,950.01', 'the fen too many');
like($html, qr{NOT SOUND: 1 double spends or orphans\.}, 'the coin that is not what was minted');
like($html, qr{<h3>Double spends and orphans</h3>}, 'is listed');

$node->stop;
done_testing();
