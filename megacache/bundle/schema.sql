-- The tables of a bundle, format version 2. FORMAT.md explains them; model.py says what each column of a row means.
-- Tables of rows: one per class of model.py, with its fields as columns, in the same order. An empty list or mapping
-- is NULL, any other is JSON text. The last column proves the row.

CREATE TABLE system_info (
  system_id TEXT NOT NULL,
  python_version TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  torch_git_hash TEXT,
  triton_version TEXT,
  toolkit_version TEXT,
  gpu_name TEXT,
  gpu_capability TEXT,
  platform TEXT NOT NULL,
  machine TEXT NOT NULL,
  cpu_model TEXT,
  cpu_isa TEXT,
  thread_count INTEGER,
  compiler_version TEXT,
  row_digest INTEGER,
  PRIMARY KEY (system_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  session_id TEXT NOT NULL,
  name TEXT NOT NULL,
  run_id TEXT NOT NULL,
  system_id TEXT NOT NULL,
  status TEXT NOT NULL,
  started_us INTEGER NOT NULL,
  ended_us INTEGER,
  error TEXT,
  cell TEXT,
  cell_digest TEXT,
  script TEXT,
  notebook TEXT,
  rank INTEGER,
  megacache_version TEXT NOT NULL,
  config TEXT,
  row_digest INTEGER,
  PRIMARY KEY (session_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE code (
  code_id TEXT NOT NULL,
  module TEXT,
  qualname TEXT NOT NULL,
  filename TEXT NOT NULL,
  first_line INTEGER NOT NULL,
  digest TEXT,
  source TEXT,
  parent_code_id TEXT,
  resume_line INTEGER,
  wraps TEXT,
  row_digest INTEGER,
  PRIMARY KEY (code_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE compile (
  run_id TEXT NOT NULL,
  compile_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  code_id TEXT,
  status TEXT NOT NULL,
  error_type TEXT,
  error TEXT,
  attempt_count INTEGER NOT NULL,
  restart_reasons TEXT,
  started_us INTEGER NOT NULL,
  duration_us INTEGER,
  tracing_us INTEGER,
  guard_build_us INTEGER,
  backend_us INTEGER,
  aot_us INTEGER,
  inductor_us INTEGER,
  codegen_us INTEGER,
  compiler_us INTEGER,
  graph_op_count INTEGER,
  graph_node_count INTEGER,
  graph_input_count INTEGER,
  guard_count INTEGER,
  guard_latency_us INTEGER,
  stack TEXT,
  row_digest INTEGER,
  PRIMARY KEY (run_id, compile_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE graph_break (
  run_id TEXT NOT NULL,
  compile_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  reason TEXT NOT NULL,
  gb_type TEXT,
  explanation TEXT,
  hints TEXT,
  context TEXT,
  filename TEXT,
  line INTEGER,
  source_line TEXT,
  user_stack TEXT,
  row_digest INTEGER,
  PRIMARY KEY (run_id, compile_id, attempt, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE recompile_reason (
  run_id TEXT NOT NULL,
  compile_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  failed_compile_id TEXT,
  guard TEXT NOT NULL,
  source_line TEXT,
  location TEXT,
  row_digest INTEGER,
  PRIMARY KEY (run_id, compile_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE dimension (
  run_id TEXT NOT NULL,
  compile_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  symbol TEXT NOT NULL,
  hint TEXT,
  range TEXT,
  source TEXT,
  location TEXT,
  row_digest INTEGER,
  PRIMARY KEY (run_id, compile_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE backend_entry (
  run_id TEXT NOT NULL,
  backend_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  session_id TEXT NOT NULL,
  compile_id TEXT,
  started_us INTEGER,
  duration_us INTEGER,
  inductor_us INTEGER,
  codegen_us INTEGER,
  compiler_us INTEGER,
  row_digest INTEGER,
  PRIMARY KEY (run_id, backend_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact (
  artifact_type TEXT NOT NULL,
  cache_key TEXT NOT NULL,
  content_sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  added_us INTEGER NOT NULL,
  system_id TEXT NOT NULL,
  row_digest INTEGER,
  PRIMARY KEY (artifact_type, cache_key, content_sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact_use (
  session_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  compile_id TEXT,
  backend_id TEXT,
  kind TEXT,
  artifact_type TEXT NOT NULL,
  cache_key TEXT,
  content_sha256 TEXT,
  state TEXT,
  detail TEXT,
  reason TEXT,
  at_us INTEGER NOT NULL,
  time_taken_us INTEGER,
  time_saved_us INTEGER,
  components_sha256 TEXT,
  row_digest INTEGER,
  PRIMARY KEY (session_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
  session_id TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  compile_id TEXT,
  backend_id TEXT,
  kind TEXT,
  name TEXT NOT NULL,
  title TEXT,
  content_sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  row_digest INTEGER,
  PRIMARY KEY (session_id, ordinal)
) STRICT, WITHOUT ROWID;

-- The contents: each once, by its digest; cut into parts only where it is larger than a pack.

CREATE TABLE blob (
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob_part (
  sha256 TEXT NOT NULL,
  part INTEGER NOT NULL,
  pack_id INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (sha256, part)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_part_of_pack ON blob_part (pack_id);

CREATE TABLE pack (
  pack_id INTEGER PRIMARY KEY,
  raw_size_bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  frame BLOB NOT NULL
) STRICT;

-- Who vouches for the rows, and thereby for the contents that they name.

CREATE TABLE signature (
  public_key TEXT NOT NULL,
  signer TEXT NOT NULL,
  signed_us INTEGER NOT NULL,
  rows_sha256 TEXT NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (public_key)
) STRICT, WITHOUT ROWID;
