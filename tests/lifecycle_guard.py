"""A trigger that refuses every transition of a frame that `cogmill.domain.lifecycle` does not allow.

The template of all test databases has it, so that each statement of the program that any test runs is held to the table. Production
goes without: the table has one home, and an update of 10,000 frames need not call a function 10,000 times.
"""

from __future__ import annotations

from cogmill.domain.lifecycle import TRANSITIONS

ERROR = "no such transition"


def guard() -> bytes:
    """Return the SQL that installs the trigger."""
    allowed = ", ".join(f"('{old}', '{new}')" for old, new in TRANSITIONS)
    return f"""
        CREATE FUNCTION cogmill.refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.state, NEW.state) NOT IN ({allowed}) THEN
                RAISE EXCEPTION '{ERROR}: % to %', OLD.state, NEW.state;
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse_transition BEFORE UPDATE ON cogmill.frame
            FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION cogmill.refuse_transition();
    """.encode()
