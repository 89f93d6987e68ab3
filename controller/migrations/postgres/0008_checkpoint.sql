-- Checkpoints (promise 2): once a day one line stands for everything that was received and issued until then.
-- What proves a report survives the report: nothing here refers to rows that retention or a deletion removes.
CREATE TABLE checkpoint (
    number BIGINT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    taken_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    signature BYTEA NOT NULL,
    signing_key TEXT NOT NULL
);

-- The chain heads of a checkpoint in the order of their keys, 1,024 to a block: what an inclusion proof is made from.
-- Blocks without their checkpoint were left by an attempt that was broken off; the next one replaces them.
CREATE TABLE checkpoint_heads (
    checkpoint BIGINT NOT NULL,
    block BIGINT NOT NULL,
    first_key TEXT COLLATE "C" NOT NULL,
    root BYTEA NOT NULL,
    leaves BYTEA NOT NULL,
    PRIMARY KEY (checkpoint, block)
);

-- The order in which certificates and revocations entered the authority's Merkle tree. Append only.
CREATE TABLE authority_log (
    position BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    leaf BYTEA NOT NULL,
    UNIQUE (kind, subject)
);
