-- What a run of a DAG reported, as the page of the run shows it, and the frames that a backfill means to take, with why.

CREATE TABLE cogmill.run_report (
    dag_id text NOT NULL,
    run_id text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    report jsonb NOT NULL,
    PRIMARY KEY (dag_id, run_id)
);
CREATE INDEX run_report_age ON cogmill.run_report (at);

CREATE TABLE cogmill.planned_frame (
    dag_id   text NOT NULL,
    run_id   text NOT NULL,
    place    integer NOT NULL,  -- order in which frames are taken
    frame_id bigint NOT NULL,
    why      text NOT NULL,
    PRIMARY KEY (dag_id, run_id, place),
    FOREIGN KEY (dag_id, run_id) REFERENCES cogmill.run_report ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON cogmill.run_report, cogmill.planned_frame TO cogmill_writer;
