CREATE TABLE service_metrics (
    -- What services used, round by round. A row stands for the time since the round before it; rounds grow
    -- sparser with age. First by time: a round is written, and let go of, in one stretch of the file.
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    started_at INTEGER NOT NULL, -- counters begin anew with each start
    restarts INTEGER NOT NULL CHECK (restarts >= 0),
    cpu_us INTEGER NOT NULL CHECK (cpu_us >= 0), -- of processors, since the start
    memory_bytes INTEGER NOT NULL CHECK (memory_bytes >= 0),
    memory_peak_bytes INTEGER NOT NULL CHECK (memory_peak_bytes >= memory_bytes),
    processes INTEGER NOT NULL CHECK (processes >= 0),
    read_bytes INTEGER CHECK (read_bytes >= 0), -- from disks, since the start; null: nobody can tell
    written_bytes INTEGER CHECK (written_bytes >= 0),
    seal INTEGER NOT NULL,
    PRIMARY KEY (at, kind, namespace, name)
) STRICT, WITHOUT ROWID;

CREATE VIEW services AS
-- Each service: what it belongs to, how it is, and what it used when it was measured last.
SELECT
    i.namespace,
    i.name,
    json_extract(i.wish, '$[4][2]') AS service_group,
    r.ready,
    r.reason,
    r.message,
    r.error,
    i.source,
    i.revision,
    i.generation,
    i.doomed,
    strftime('%Y-%m-%dT%H:%M:%SZ', m.started_at / 1000000, 'unixepoch') AS started_at,
    m.restarts,
    m.cpu_us / 1e6 AS cpu_s,
    m.memory_bytes,
    m.processes,
    strftime('%Y-%m-%dT%H:%M:%SZ', m.at / 1000000, 'unixepoch') AS measured_at
FROM inventory AS i
JOIN resources AS r USING (kind, namespace, name)
LEFT JOIN service_metrics AS m
    ON m.at = (SELECT max(at) FROM service_metrics)
    AND m.kind = i.kind AND m.namespace = i.namespace AND m.name = i.name
WHERE i.kind = 'Service';

CREATE VIEW service_groups AS
SELECT
    i.namespace,
    i.name,
    r.ready,
    r.reason,
    r.message,
    r.error,
    (
        SELECT count(*) FROM services AS s
        WHERE s.namespace = i.namespace AND s.service_group = i.name
    ) AS services,
    (
        SELECT count(*) FROM services AS s
        WHERE s.namespace = i.namespace AND s.service_group = i.name AND s.ready
    ) AS services_ready,
    i.source,
    i.revision,
    i.generation,
    i.doomed
FROM inventory AS i
JOIN resources AS r USING (kind, namespace, name)
WHERE i.kind = 'ServiceGroup';

CREATE VIEW service_operations AS
-- What was done about services: by the node, step by step as it was planned, and for whom, who asked.
SELECT
    strftime('%Y-%m-%dT%H:%M:%fZ', p.at / 1e6, 'unixepoch') AS at,
    p.kind,
    p.namespace,
    p.name,
    json_extract(step.value, '$.step') AS operation,
    'node' AS actor,
    'planned' AS state,
    p.generation,
    NULL AS operation_id
FROM plans AS p, json_each(p.steps) AS step
WHERE p.kind IN ('Service', 'ServiceGroup')
UNION ALL
SELECT
    strftime('%Y-%m-%dT%H:%M:%fZ', asked.at / 1e6, 'unixepoch'),
    CASE asked.kind WHEN 'service' THEN 'Service' ELSE 'ServiceGroup' END,
    CASE instr(asked.rest, '/') WHEN 0 THEN 'default' ELSE substr(asked.rest, 1, instr(asked.rest, '/') - 1) END,
    substr(asked.rest, instr(asked.rest, '/') + 1),
    asked.operation,
    asked.actor,
    asked.state,
    NULL,
    asked.id
FROM (
    SELECT
        o.id,
        o.at,
        o.kind AS operation,
        o.actor,
        o.state,
        substr(ref.value, 1, instr(ref.value, '/') - 1) AS kind,
        substr(ref.value, instr(ref.value, '/') + 1) AS rest
    FROM operations AS o, json_each(o.data, '$.refs') AS ref
) AS asked
WHERE asked.kind IN ('service', 'servicegroup');
