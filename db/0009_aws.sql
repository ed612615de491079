-- Keys whose callers may sign as AWS does; nothing is stored of the pair.
ALTER TABLE keys ADD COLUMN aws INTEGER NOT NULL DEFAULT 0;
