-- How many frames are in each state, over the whole archive.
SELECT state, count(*) AS frames FROM cogmill.frame GROUP BY state;
