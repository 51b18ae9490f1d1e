SELECT state, count(*) AS count FROM cogmill.frame GROUP BY state ORDER BY state;
