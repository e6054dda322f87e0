PRAGMA application_id = 1280723788;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE acks (
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    body TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    location_url TEXT,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
,
    PRIMARY KEY (kind, object_id)
) STRICT;
INSERT INTO "acks" VALUES('cdr','c1','2027-01-01T12:06:42Z','{"id":"c1"}',1,'http://b/cdrs/7','00000000-0000-4000-8000-000000000001',4294967304,104.0,'2027-01-01T12:00:04Z','synced');
CREATE TABLE cdrs (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions(id),
    body TEXT NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
) STRICT;
INSERT INTO "cdrs" VALUES('c1','s1','{"id":"c1","session":{"id":"s1","evse_uid":"SE*LVK*E1","connector_id":"1","token":{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"},"auth_method":"WHITELIST","started_at":"2027-01-01T12:00:00Z","ended_at":"2027-01-01T12:06:41.250000Z","meter_id":"meter1","start_wh":1234.5,"energy_wh":1111.0,"periods":[{"started_at":"2027-01-01T12:00:00Z","duration_s":401.25,"energy_wh":1111.0,"charging":true,"held":false}],"changed_at":"2027-01-01T12:06:41.250000Z"},"end_wh":2345.5,"charging_s":401.25,"parking_s":0.0,"remark":null,"created_at":"2027-01-01T12:06:41.250000Z","held_s":0.0}','00000000-0000-4000-8000-000000000001',4294967303,103.0,'2027-01-01T12:00:03Z','synced');
INSERT INTO "cdrs" VALUES('c2','s2','{"id":"c2","session":{"id":"s2","evse_uid":"SE*LVK*E1","connector_id":"1","token":{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"},"auth_method":"WHITELIST","started_at":"2027-01-01T12:00:00Z","ended_at":"2027-01-01T12:06:41.250000Z","meter_id":"meter1","start_wh":2345.5,"energy_wh":1111.0,"periods":[{"started_at":"2027-01-01T12:00:00Z","duration_s":401.25,"energy_wh":1111.0,"charging":true,"held":false}],"changed_at":"2027-01-01T12:06:41.250000Z"},"end_wh":3456.5,"charging_s":401.25,"parking_s":0.0,"remark":null,"created_at":"2027-01-01T12:06:41.250000Z","held_s":0.0}','00000000-0000-4000-8000-000000000001',4294967306,105.0,'2027-01-01T12:00:05Z','synced');
CREATE TABLE clock_steps (
    number INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    at_s REAL NOT NULL,
    from_wall TEXT NOT NULL,
    to_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT 'step',
    
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL

) STRICT;
INSERT INTO "clock_steps" VALUES(1,'00000000-0000-4000-8000-000000000001',205.0,'2027-01-01T12:01:00Z','2027-01-01T12:01:03Z','synced','step','00000000-0000-4000-8000-000000000001',8589934594,200.0,'2027-01-01T12:00:00Z','synced');
CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    who TEXT NOT NULL,
    verb TEXT NOT NULL,
    connector TEXT,
    detail TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at_s REAL NOT NULL,
    at_wall TEXT NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
) STRICT;
INSERT INTO "commands" VALUES(1,'local','uid 1000','start','1','','done',100.5,'2027-01-01T12:00:00.500000Z','00000000-0000-4000-8000-000000000001',4294967314,110.0,'2027-01-01T12:00:10Z','synced');
INSERT INTO "commands" VALUES(2,'local','uid 0','reset','1','service','refused',109.0,'2027-01-01T12:00:09Z','00000000-0000-4000-8000-000000000001',4294967315,110.0,'2027-01-01T12:00:10Z','synced');
CREATE TABLE contactors (
    connector TEXT PRIMARY KEY,
    operations INTEGER NOT NULL,
    load_openings INTEGER NOT NULL,
    motion TEXT NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
) STRICT;
INSERT INTO "contactors" VALUES('1',12,1,'{"close_ms":[18.5]}','00000000-0000-4000-8000-000000000001',4294967317,110.0,'2027-01-01T12:00:10Z','synced');
CREATE TABLE dropped (
    class TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL

) STRICT;
INSERT INTO "dropped" VALUES('commands',2,'00000000-0000-4000-8000-000000000001',8589934597,200.0,'2027-01-01T12:00:00Z','synced');
CREATE TABLE faults (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    connector TEXT,
    act TEXT NOT NULL,
    evidence TEXT NOT NULL,
    cause TEXT NOT NULL,
    symptoms TEXT NOT NULL,
    locked_out INTEGER NOT NULL,
    mrec TEXT,
    ocpp16 TEXT,
    boot_id TEXT NOT NULL,
    since_s REAL NOT NULL,
    since_wall TEXT NOT NULL,
    cleared_s REAL,
    cleared_wall TEXT,
    changed_wall TEXT NOT NULL,
    raised_seq INTEGER NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
) STRICT;
INSERT INTO "faults" VALUES('f1','meter_lost','meter1','fault','1','RAMP','no reply for 3.1 s, allowed 3 s','bus_down','["device_lost","meter_lost"]',0,'CX013',NULL,'00000000-0000-4000-8000-000000000001',120.0,'2027-01-01T12:00:00Z',NULL,NULL,'2027-01-01T12:00:00Z',4294967309,'00000000-0000-4000-8000-000000000001',4294967309,107.0,'2027-01-01T12:00:07Z','synced');
INSERT INTO "faults" VALUES('f2','bus_down','line1','fault',NULL,'RAMP','no reply for 3.1 s, allowed 3 s','bus_down','["device_lost","meter_lost"]',0,'CX013',NULL,'00000000-0000-4000-8000-000000000001',120.0,'2027-01-01T12:00:00Z',130.0,'2027-01-01T12:00:30Z','2027-01-01T12:00:30Z',4294967310,'00000000-0000-4000-8000-000000000001',4294967311,108.0,'2027-01-01T12:00:08Z','synced');
CREATE TABLE intervals (
    number INTEGER PRIMARY KEY,
    evse_uid TEXT NOT NULL,
    status TEXT NOT NULL,
    cause_class TEXT NOT NULL,
    begun_boot_id TEXT NOT NULL,
    begun_s REAL NOT NULL,
    begun_wall TEXT NOT NULL,
    ended_boot_id TEXT,
    ended_s REAL,
    ended_wall TEXT,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
, connector TEXT, cause TEXT, fault_id TEXT, mrec TEXT, evidence TEXT, would_have_worked TEXT) STRICT;
INSERT INTO "intervals" VALUES(1,'SE*LVK*E1','AVAILABLE','own','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','00000000-0000-4000-8000-000000000001',102.0,'2027-01-01T12:00:02Z','00000000-0000-4000-8000-000000000001',4294967298,100.0,'2027-01-01T12:00:00Z','synced',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "intervals" VALUES(2,'SE*LVK*E2','AVAILABLE','own','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','00000000-0000-4000-8000-000000000001',115.0,'2027-01-01T12:00:15Z','00000000-0000-4000-8000-000000000001',4294967299,100.0,'2027-01-01T12:00:00Z','synced',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "intervals" VALUES(3,'SE*LVK*E1','CHARGING','own','00000000-0000-4000-8000-000000000001',102.0,'2027-01-01T12:00:02Z','00000000-0000-4000-8000-000000000001',115.0,'2027-01-01T12:00:15Z','00000000-0000-4000-8000-000000000001',4294967301,102.0,'2027-01-01T12:00:02Z','synced',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "intervals" VALUES(4,'SE*LVK*E2','UNKNOWN','unknown','00000000-0000-4000-8000-000000000001',115.0,'2027-01-01T12:00:15Z','00000000-0000-4000-8000-000000000001',200.0,'2027-01-01T12:00:00Z','00000000-0000-4000-8000-000000000001',1,200.0,'2027-01-01T12:00:00Z','synced',NULL,'agent_not_running',NULL,NULL,'ended after this last sign of life','unknown');
INSERT INTO "intervals" VALUES(5,'SE*LVK*E2','UNKNOWN','unknown','00000000-0000-4000-8000-000000000001',200.0,'2027-01-01T12:00:00Z',NULL,NULL,NULL,'00000000-0000-4000-8000-000000000001',1,200.0,'2027-01-01T12:00:00Z','synced',NULL,'nothing read yet',NULL,NULL,NULL,'unknown');
INSERT INTO "intervals" VALUES(6,'SE*LVK*E1','UNKNOWN','unknown','00000000-0000-4000-8000-000000000001',115.0,'2027-01-01T12:00:15Z','00000000-0000-4000-8000-000000000001',200.0,'2027-01-01T12:00:00Z','00000000-0000-4000-8000-000000000001',1,200.0,'2027-01-01T12:00:00Z','synced',NULL,'agent_not_running',NULL,NULL,'ended after this last sign of life','unknown');
INSERT INTO "intervals" VALUES(7,'SE*LVK*E1','UNKNOWN','unknown','00000000-0000-4000-8000-000000000001',200.0,'2027-01-01T12:00:00Z',NULL,NULL,NULL,'00000000-0000-4000-8000-000000000001',1,200.0,'2027-01-01T12:00:00Z','synced',NULL,'nothing read yet',NULL,NULL,NULL,'unknown');
CREATE TABLE latches (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    copy TEXT NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
) STRICT;
INSERT INTO "latches" VALUES(1,'laddvakt-latches 1 e8be7859 646
{"sequence":2,"connectors":{"1":{"boot_id":"00000000-0000-4000-8000-000000000001","at_s":110.0,"at_wall":"2027-01-01T12:00:08Z","clock_state":"synced","latches":[{"code":"contactor_welded","subject":"1","locked_out":true,"active":true,"spent_s":[],"spread_s":0.0,"act":null},{"code":"meter_lost","subject":"1","locked_out":false,"active":true,"spent_s":[101.0,108.5],"spread_s":4.5,"act":null}]},"2":{"boot_id":"00000000-0000-4000-8000-000000000001","at_s":111.0,"at_wall":"2027-01-01T12:00:09Z","clock_state":"synced","latches":[{"code":"over_current","subject":"1","locked_out":true,"active":true,"spent_s":[90.0],"spread_s":0.0,"act":null}]}}}','00000000-0000-4000-8000-000000000001',4294967313,109.0,'2027-01-01T12:00:09Z','synced');
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "meta" VALUES('schema','3');
INSERT INTO "meta" VALUES('security_head','2 8ed41d68d152b884c31d9cdc3dc2b7a05a65d7503c70b9203ebfffc3a6c060a0');
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    started_s REAL NOT NULL,
    started_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    last_s REAL NOT NULL,
    last_wall TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
, version TEXT) STRICT;
INSERT INTO "runs" VALUES(1,'00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','synced',115.0,'2027-01-01T12:00:15Z',0,NULL);
INSERT INTO "runs" VALUES(2,'00000000-0000-4000-8000-000000000001',200.0,'2027-01-01T12:00:00Z','synced',200.0,'2027-01-01T12:00:00Z',0,'0.1.0');
CREATE TABLE security (
    number INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    who TEXT NOT NULL,
    detail TEXT NOT NULL,
    result TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    at_s REAL NOT NULL,
    at_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL,
    
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL

) STRICT;
INSERT INTO "security" VALUES(1,'control_system','first','agent','','made by schema 3','success','00000000-0000-4000-8000-000000000001',206.0,'2027-01-01T12:01:00Z','synced','0000000000000000000000000000000000000000000000000000000000000000','210b37b11940199cdaa933ec2264ae76e31ce641beb84215e4ad8cde7905eccc','00000000-0000-4000-8000-000000000001',8589934595,200.0,'2027-01-01T12:00:00Z','synced');
INSERT INTO "security" VALUES(2,'control_system','second','agent','','made by schema 3','success','00000000-0000-4000-8000-000000000001',206.0,'2027-01-01T12:01:00Z','synced','210b37b11940199cdaa933ec2264ae76e31ce641beb84215e4ad8cde7905eccc','8ed41d68d152b884c31d9cdc3dc2b7a05a65d7503c70b9203ebfffc3a6c060a0','00000000-0000-4000-8000-000000000001',8589934596,200.0,'2027-01-01T12:00:00Z','synced');
CREATE TABLE self_tests (
    number INTEGER PRIMARY KEY,
    connector TEXT NOT NULL,
    test TEXT NOT NULL,
    passed INTEGER NOT NULL,
    detail TEXT NOT NULL,
    at_s REAL NOT NULL,
    at_wall TEXT NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
) STRICT;
INSERT INTO "self_tests" VALUES(1,'1','open',1,'every witness says open',99.0,'2027-01-01T11:59:59Z','00000000-0000-4000-8000-000000000001',4294967316,110.0,'2027-01-01T12:00:10Z','synced');
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    evse_uid TEXT NOT NULL,
    token TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    begun_s REAL NOT NULL,
    begun_wall TEXT NOT NULL,
    meter_id TEXT,
    start_wh REAL,
    last_wh REAL,
    last_taken_s REAL,
    last_wall TEXT,
    ended_s REAL,
    ended_wall TEXT,
    end_wh REAL,
    end_reason TEXT,
    settled INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    periods TEXT NOT NULL,
    w_boot_id TEXT NOT NULL,
    w_seq INTEGER NOT NULL,
    w_s REAL NOT NULL,
    w_wall TEXT NOT NULL,
    w_clock TEXT NOT NULL
, core TEXT, unbilled TEXT, moved TEXT) STRICT;
INSERT INTO "sessions" VALUES('s1','1','SE*LVK*E1','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',1234.5,2345.5,500.0,'2027-01-01T12:06:40Z',501.0,'2027-01-01T12:06:41.250000Z',2345.5,'unplugged',1,0,'[{"start_s":100.0,"start_wh":1234.5,"charging":true,"held":false},{"start_s":105.5,"start_wh":1254.5,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967303,103.0,'2027-01-01T12:00:03Z','synced',NULL,NULL,NULL);
INSERT INTO "sessions" VALUES('s2','1','SE*LVK*E1','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',2345.5,3456.5,500.0,'2027-01-01T12:06:40Z',501.0,'2027-01-01T12:06:41.250000Z',3456.5,'unplugged',1,0,'[{"start_s":100.0,"start_wh":2345.5,"charging":true,"held":false},{"start_s":105.5,"start_wh":2365.5,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967306,105.0,'2027-01-01T12:00:05Z','synced',NULL,NULL,NULL);
INSERT INTO "sessions" VALUES('s3','1','SE*LVK*E1','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',3456.5,3500.0,110.0,'2027-01-01T12:00:10Z',NULL,NULL,NULL,NULL,0,0,'[{"start_s":100.0,"start_wh":3456.5,"charging":true,"held":false},{"start_s":105.5,"start_wh":3476.5,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967307,106.0,'2027-01-01T12:00:06Z','synced',NULL,NULL,NULL);
INSERT INTO "sessions" VALUES('s4','2','SE*LVK*E2','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,'[{"start_s":100.0,"start_wh":null,"charging":true,"held":false},{"start_s":105.5,"start_wh":null,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967308,107.0,'2027-01-01T12:00:07Z','synced',NULL,NULL,NULL);
CREATE TABLE syncs (
    boot_id TEXT PRIMARY KEY,
    sync_s REAL NOT NULL,
    sync_wall TEXT NOT NULL
) STRICT;
INSERT INTO "syncs" VALUES('00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z');
CREATE INDEX faults_raised ON faults(raised_seq);
CREATE INDEX faults_open ON faults(raised_seq) WHERE cleared_wall IS NULL;
CREATE UNIQUE INDEX intervals_open ON intervals(evse_uid) WHERE ended_wall IS NULL;
CREATE TRIGGER security_no_update BEFORE UPDATE ON security
BEGIN
    SELECT RAISE(ABORT, 'the security log is only ever added to');
END;
CREATE TRIGGER security_no_delete BEFORE DELETE ON security
WHEN OLD.number > coalesce(
    (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'security_prune'), 0)
BEGIN
    SELECT RAISE(ABORT, 'the security log is only ever added to');
END;
CREATE TRIGGER security_only_at_the_end BEFORE INSERT ON security
WHEN NEW.number <= (SELECT max(number) FROM security)
BEGIN
    SELECT RAISE(ABORT, 'the security log is only ever added to');
END;
CREATE VIEW boots AS
WITH lives AS (
    SELECT boot_id, min(run) AS first_run, max(run) AS last_run, min(started_s) AS first_s,
        max(last_s) AS last_s
    FROM runs GROUP BY boot_id
),
told AS (
    SELECT lives.*,
        coalesce(
            (SELECT round((julianday(to_wall) - 2440587.5) * 86400.0, 3) - at_s FROM clock_steps
                WHERE clock_steps.boot_id = lives.boot_id AND clock_state = 'synced'
                ORDER BY number DESC LIMIT 1),
            (SELECT round((julianday(sync_wall) - 2440587.5) * 86400.0, 3) - sync_s FROM syncs
                WHERE syncs.boot_id = lives.boot_id)
        ) AS synced,
        (SELECT round((julianday(to_wall) - 2440587.5) * 86400.0, 3) - at_s FROM clock_steps
            WHERE clock_steps.boot_id = lives.boot_id AND reason = 'peer'
            ORDER BY number DESC LIMIT 1) AS peer,
        (SELECT round((julianday(last_wall) - 2440587.5) * 86400.0, 3) - runs.last_s FROM runs
            WHERE run = lives.last_run AND last_wall >= '2026-11-01') AS said
    FROM lives
),
placed AS (
    SELECT told.*, coalesce(synced, peer) AS exact,
        coalesce(sum(last_s) OVER (
            ORDER BY first_run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0.0) AS up_s
    FROM told
),
bounded AS (
    SELECT placed.*,
        up_s + max(exact - up_s) OVER (
            ORDER BY first_run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS low,
        up_s + min(exact - up_s) OVER (
            ORDER BY first_run ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS high
    FROM placed
),
guessed AS (
    SELECT bounded.*, CASE WHEN high < low THEN low ELSE high END AS top,
        coalesce(exact,
            CASE WHEN said < low THEN low WHEN said > high THEN high ELSE said END
        ) AS guess
    FROM bounded
),
filled AS (
    SELECT guessed.*, coalesce(guess, low,
        up_s + min(guess - up_s) OVER (
            ORDER BY first_run ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)) AS likely
    FROM guessed
)
SELECT boot_id, first_run, last_run, first_s, last_s,
    up_s + max(likely - up_s) OVER (
        ORDER BY first_run ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS zero,
    CASE WHEN synced IS NOT NULL THEN 'synced' WHEN peer IS NOT NULL THEN 'peer'
        ELSE 'bounded' END AS exactness,
    CASE WHEN exact IS NULL THEN low ELSE exact END AS not_before,
    CASE WHEN exact IS NULL THEN top ELSE exact END AS not_after
FROM filled ORDER BY first_run;
CREATE VIEW sessions_corrected AS
WITH placed AS (
    SELECT sessions.*,
        CASE WHEN json_extract(moved, '$.into') = boot_id
            THEN json_extract(moved, '$.moved[0].boot_id') END AS first_boot,
        json_extract(moved, '$.moved[0].shift_s') AS first_shift_s,
        CASE WHEN json_extract(moved, '$.into') = boot_id AND ended_s <= 0.0
            THEN json_extract(moved, '$.moved[#-1].boot_id') END AS last_boot,
        json_extract(moved, '$.moved[#-1].shift_s') AS last_shift_s
    FROM sessions
)
SELECT placed.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', begun.zero + begun_s
        - CASE WHEN first_boot IS NULL THEN 0.0 ELSE first_shift_s END, 'unixepoch') AS begun_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', ended.zero + ended_s
        - CASE WHEN last_boot IS NULL THEN 0.0 ELSE last_shift_s END, 'unixepoch') AS ended_at,
    begun.exactness AS boot_exactness,
    ended.exactness AS ended_exactness
FROM placed
    LEFT JOIN boots AS begun ON begun.boot_id = coalesce(first_boot, placed.boot_id)
    LEFT JOIN boots AS ended ON ended.boot_id = coalesce(last_boot, placed.boot_id);
CREATE VIEW faults_corrected AS SELECT faults.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', boot_id_times.zero + faults.since_s, 'unixepoch') AS since_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', w_boot_id_times.zero + faults.cleared_s, 'unixepoch') AS cleared_at,
    boot_id_times.exactness AS boot_exactness,
    w_boot_id_times.exactness AS w_boot_exactness
FROM faults
    LEFT JOIN boots AS boot_id_times ON boot_id_times.boot_id = faults.boot_id
    LEFT JOIN boots AS w_boot_id_times ON w_boot_id_times.boot_id = faults.w_boot_id;
CREATE VIEW intervals_corrected AS SELECT intervals.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', begun_boot_id_times.zero + intervals.begun_s, 'unixepoch') AS begun_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', ended_boot_id_times.zero + intervals.ended_s, 'unixepoch') AS ended_at,
    begun_boot_id_times.exactness AS begun_boot_exactness,
    ended_boot_id_times.exactness AS ended_boot_exactness
FROM intervals
    LEFT JOIN boots AS begun_boot_id_times ON begun_boot_id_times.boot_id = intervals.begun_boot_id
    LEFT JOIN boots AS ended_boot_id_times ON ended_boot_id_times.boot_id = intervals.ended_boot_id;
CREATE VIEW cdrs_corrected AS SELECT cdrs.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', w_boot_id_times.zero + cdrs.w_s, 'unixepoch') AS w_at,
    w_boot_id_times.exactness AS w_boot_exactness
FROM cdrs
    LEFT JOIN boots AS w_boot_id_times ON w_boot_id_times.boot_id = cdrs.w_boot_id;
CREATE VIEW commands_corrected AS SELECT commands.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', w_boot_id_times.zero + commands.at_s, 'unixepoch') AS at_at,
    w_boot_id_times.exactness AS w_boot_exactness
FROM commands
    LEFT JOIN boots AS w_boot_id_times ON w_boot_id_times.boot_id = commands.w_boot_id;
CREATE VIEW self_tests_corrected AS SELECT self_tests.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', w_boot_id_times.zero + self_tests.at_s, 'unixepoch') AS at_at,
    w_boot_id_times.exactness AS w_boot_exactness
FROM self_tests
    LEFT JOIN boots AS w_boot_id_times ON w_boot_id_times.boot_id = self_tests.w_boot_id;
CREATE VIEW security_corrected AS SELECT security.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', boot_id_times.zero + security.at_s, 'unixepoch') AS at_at,
    boot_id_times.exactness AS boot_exactness
FROM security
    LEFT JOIN boots AS boot_id_times ON boot_id_times.boot_id = security.boot_id;
CREATE VIEW clock_steps_corrected AS SELECT clock_steps.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', boot_id_times.zero + clock_steps.at_s, 'unixepoch') AS at_at,
    boot_id_times.exactness AS boot_exactness
FROM clock_steps
    LEFT JOIN boots AS boot_id_times ON boot_id_times.boot_id = clock_steps.boot_id;
COMMIT;
