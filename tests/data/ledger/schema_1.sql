PRAGMA application_id = 1280723788;
PRAGMA user_version = 1;
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
) STRICT;
INSERT INTO "intervals" VALUES(1,'SE*LVK*E1','AVAILABLE','own','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','00000000-0000-4000-8000-000000000001',102.0,'2027-01-01T12:00:02Z','00000000-0000-4000-8000-000000000001',4294967298,100.0,'2027-01-01T12:00:00Z','synced');
INSERT INTO "intervals" VALUES(2,'SE*LVK*E2','AVAILABLE','own','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z',NULL,NULL,NULL,'00000000-0000-4000-8000-000000000001',4294967299,100.0,'2027-01-01T12:00:00Z','synced');
INSERT INTO "intervals" VALUES(3,'SE*LVK*E1','CHARGING','own','00000000-0000-4000-8000-000000000001',102.0,'2027-01-01T12:00:02Z',NULL,NULL,NULL,'00000000-0000-4000-8000-000000000001',4294967301,102.0,'2027-01-01T12:00:02Z','synced');
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
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    started_s REAL NOT NULL,
    started_wall TEXT NOT NULL,
    clock_state TEXT NOT NULL,
    last_s REAL NOT NULL,
    last_wall TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "runs" VALUES(1,'00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','synced',115.0,'2027-01-01T12:00:15Z',0);
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
) STRICT;
INSERT INTO "sessions" VALUES('s1','1','SE*LVK*E1','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',1234.5,2345.5,500.0,'2027-01-01T12:06:40Z',501.0,'2027-01-01T12:06:41.250000Z',2345.5,'unplugged',1,0,'[{"start_s":100.0,"start_wh":1234.5,"charging":true,"held":false},{"start_s":105.5,"start_wh":1254.5,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967303,103.0,'2027-01-01T12:00:03Z','synced');
INSERT INTO "sessions" VALUES('s2','1','SE*LVK*E1','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',2345.5,3456.5,500.0,'2027-01-01T12:06:40Z',501.0,'2027-01-01T12:06:41.250000Z',3456.5,'unplugged',1,0,'[{"start_s":100.0,"start_wh":2345.5,"charging":true,"held":false},{"start_s":105.5,"start_wh":2365.5,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967306,105.0,'2027-01-01T12:00:05Z','synced');
INSERT INTO "sessions" VALUES('s3','1','SE*LVK*E1','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',3456.5,3500.0,110.0,'2027-01-01T12:00:10Z',NULL,NULL,NULL,NULL,0,0,'[{"start_s":100.0,"start_wh":3456.5,"charging":true,"held":false},{"start_s":105.5,"start_wh":3476.5,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967307,106.0,'2027-01-01T12:00:06Z','synced');
INSERT INTO "sessions" VALUES('s4','2','SE*LVK*E2','{"uid":"04A1B2C3","type":"RFID","contract_id":"SE-LVK-C1","country_code":"SE","party_id":"LVK"}','WHITELIST','00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z','meter1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,'[{"start_s":100.0,"start_wh":null,"charging":true,"held":false},{"start_s":105.5,"start_wh":null,"charging":false,"held":false}]','00000000-0000-4000-8000-000000000001',4294967308,107.0,'2027-01-01T12:00:07Z','synced');
CREATE TABLE syncs (
    boot_id TEXT PRIMARY KEY,
    sync_s REAL NOT NULL,
    sync_wall TEXT NOT NULL
) STRICT;
INSERT INTO "syncs" VALUES('00000000-0000-4000-8000-000000000001',100.0,'2027-01-01T12:00:00Z');
CREATE INDEX faults_raised ON faults(raised_seq);
CREATE INDEX faults_open ON faults(raised_seq) WHERE cleared_wall IS NULL;
CREATE UNIQUE INDEX intervals_open ON intervals(evse_uid) WHERE ended_wall IS NULL;
COMMIT;
