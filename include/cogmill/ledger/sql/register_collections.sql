-- Collections appear with their first upload. Returns the stored spelling of each name.
WITH new AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS r (id text, service_name text, folder text, agency text, year text, product text)
), stored AS (
    INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product)
    SELECT id, service_name, folder, agency, year, product FROM new ORDER BY id, service_name
    ON CONFLICT DO NOTHING
    RETURNING id, service_name
)
SELECT id, service_name FROM stored
UNION
SELECT c.id, c.service_name FROM cogmill.collection AS c WHERE c.id IN (SELECT id FROM new);
