-- Of what a static file was made, so that one which would say the same is not written to find that out.

ALTER TABLE cogmill.public_document ADD COLUMN made_of text;  -- NULL: not known
