-- A service that was withdrawn on purpose comes back with a new upload, which register_frames.sql sees, and not with whatever
-- else makes a frame start anew.
DROP TRIGGER publish_again ON cogmill.frame;
DROP FUNCTION cogmill.publish_again();
