-- Shared by SQLite and PostgreSQL but for two words: on PostgreSQL the outbox's number is
-- `BIGINT GENERATED ALWAYS AS IDENTITY`, and the folded titles have COLLATE "C".
-- Times are milliseconds since the Unix epoch.

CREATE TABLE installation (
    id TEXT NOT NULL PRIMARY KEY,
    created_ms BIGINT NOT NULL
);

CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    kind TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT,
    stored_size_bytes BIGINT,
    stored_sha256 TEXT,
    stored_kind TEXT,
    material_id TEXT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX uploads_expiring ON uploads (expires_ms) WHERE material_id IS NULL;

CREATE TABLE materials (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    upload_id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    title_folded TEXT NOT NULL,
    title_given BOOLEAN NOT NULL,
    original_filename TEXT NOT NULL,
    kind TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    source_key TEXT NOT NULL,
    bundle_key TEXT,
    status TEXT NOT NULL,
    progress BIGINT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    summary TEXT,
    page_count BIGINT,
    chunk_count BIGINT,
    language TEXT,
    generation BIGINT NOT NULL,
    run_epoch BIGINT NOT NULL,
    job_data TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    processed_ms BIGINT,
    deleted_ms BIGINT
);
-- The same bytes are one living material of a user.
CREATE UNIQUE INDEX materials_living ON materials (user_id, sha256)
    WHERE status <> 'FAILED' AND deleted_ms IS NULL;
CREATE INDEX materials_by_time ON materials (user_id, created_ms, id) WHERE deleted_ms IS NULL;
CREATE INDEX materials_by_title ON materials (user_id, title_folded, id) WHERE deleted_ms IS NULL;
CREATE INDEX materials_unsettled ON materials (id)
    WHERE status IN ('PENDING', 'PROCESSING') AND deleted_ms IS NULL;
CREATE INDEX materials_by_source ON materials (source_key);
CREATE INDEX materials_by_bundle ON materials (bundle_key) WHERE bundle_key IS NOT NULL;

CREATE TABLE plans (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    request TEXT NOT NULL,
    title TEXT NOT NULL,
    title_given BOOLEAN NOT NULL,
    icon TEXT,
    color TEXT,
    summary TEXT,
    status TEXT NOT NULL,
    generation_status TEXT NOT NULL,
    progress BIGINT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    warnings TEXT NOT NULL,
    generator TEXT,
    generation BIGINT NOT NULL,
    run_epoch BIGINT NOT NULL,
    job_data TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX plans_active ON plans (user_id) WHERE status = 'ACTIVE';
CREATE INDEX plans_by_time ON plans (user_id, created_ms, id);
CREATE INDEX plans_unsettled ON plans (id) WHERE generation_status IN ('PENDING', 'GENERATING');

CREATE TABLE plan_materials (
    plan_id TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    material_id TEXT NOT NULL REFERENCES materials (id),
    place BIGINT NOT NULL,
    title TEXT NOT NULL,
    PRIMARY KEY (plan_id, material_id)
);
CREATE INDEX plan_materials_by_material ON plan_materials (material_id);

CREATE TABLE plan_modules (
    plan_id TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    order_index BIGINT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (plan_id, order_index)
);

CREATE TABLE plan_sessions (
    plan_id TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    order_index BIGINT NOT NULL,
    module_index BIGINT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    objective TEXT NOT NULL,
    estimated_minutes BIGINT NOT NULL,
    scheduled_for_date TEXT NOT NULL,
    optional BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    sources TEXT NOT NULL,
    PRIMARY KEY (plan_id, order_index)
);

-- Validated answers of authors, so that a repeated run does not ask again.
CREATE TABLE plan_blueprints (
    plan_id TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    input_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (plan_id, input_hash)
);

-- One row per job whose run has not ended: first it waits for its relay, then it counts as one of
-- its user's runs in the queue.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    job TEXT NOT NULL UNIQUE,
    data TEXT NOT NULL,
    user_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    relayed BOOLEAN NOT NULL
);
CREATE INDEX outbox_waiting ON outbox (user_id, number) WHERE NOT relayed;
CREATE INDEX outbox_relayed ON outbox (user_id) WHERE relayed;

-- When a run of a user last ended and let the user's next one pass.
CREATE TABLE outbox_turns (
    user_id TEXT NOT NULL PRIMARY KEY,
    freed_ms BIGINT NOT NULL
);

CREATE TABLE idempotency (
    user_id TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reply TEXT,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, route, key)
);
CREATE INDEX idempotency_until ON idempotency (until_ms);

-- Every run that ended, in order; for audits. Nothing but the audits reads it, and no constraint
-- would hide a run that ended twice.
CREATE TABLE ledger (
    entity TEXT NOT NULL,
    generation BIGINT NOT NULL,
    status TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX ledger_at ON ledger (at_ms);
