SELECT kind, count(*) AS count FROM found GROUP BY kind ORDER BY kind;
