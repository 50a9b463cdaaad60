-- +goose Up
-- kind is subject, client or all (with an empty id). The generation moves with
-- every end of all sessions that it stands for; a session is made only if none
-- of its three has moved since its login began, and is over once one of them is
-- ahead of the session's. Pending is an end that has not reached all of them,
-- moved_at when it began, updated_at when somebody was last at work on it.
CREATE TABLE IF NOT EXISTS cutoffs (
  kind       TEXT NOT NULL,
  id         TEXT NOT NULL,
  generation INT8 NOT NULL,
  pending    BOOL NOT NULL DEFAULT false,
  moved_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, id)
);
