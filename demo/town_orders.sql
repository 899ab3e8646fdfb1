-- What one operator does on the day: hands in its customers' orders, a thousand at a time.
DO $$
DECLARE
    code int := substr(current_user, length('operator_') + 1);
    since timestamptz := clock_timestamp();
    batch record;
    done bigint := 0;
BEGIN
    FOR batch IN
        SELECT array_agg(number ORDER BY number) AS numbers, array_agg(instruction ORDER BY number) AS instructions
        FROM demo.orders
        WHERE operator = code
        GROUP BY number / 3000
        ORDER BY min(number)
    LOOP
        INSERT INTO demo.outcome
        SELECT batch.numbers[s.line], s.transfer, s.sqlstate, s.message, s.detail FROM dcep.submit(batch.instructions) AS s;
        done := done + cardinality(batch.numbers);
    END LOOP;
    INSERT INTO demo.pace_of VALUES (code, done, extract(epoch FROM clock_timestamp() - since));
END
$$;
