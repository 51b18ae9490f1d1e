-- A person approves findings, not numbers: those that stood in the plan that was shown.
ALTER TABLE cogmill.finding ADD COLUMN plan text;  -- the plan that names it; gone with the finding when that has healed
