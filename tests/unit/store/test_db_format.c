/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: the bytes of docs/formats/store.md: written as they always were, read back, and
 * refused where they break the rules. tests/formats/store holds two stores that must open for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "codec/crc32c.h"
#include "inspect/inspect.h"
#include "log/log.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "support/store/db_support.h"
#include "support/test_file.h"

#define GOLDEN "tests/formats/store/"

/* ---- the identity ---- */

static const uint8_t identity_v1[FI_STOREFILE_IDENTITY_SIZE] = {
    'f',  'i',  'r',  'n',  's',  't',  'o',  'r',  0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff,
    0x15, 0x81, 0xe9, 0x7d, 0xf4, 0x10, 0x22, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

static void
the_identity_has_its_bytes(void **state)
{
    firn_error err;
    struct fi_storefile_identity identity = {.version = 1,
                                             .created_ns = INT64_C(1234567890123456789)};
    for (size_t i = 0; i < sizeof identity.id; i++) {
        identity.id[i] = (uint8_t)(0xf0 + i);
    }
    uint8_t expected[sizeof identity_v1];
    memcpy(expected, identity_v1, sizeof expected);
    fi_store_le32(expected + 60, fi_crc32c_portable(0, expected, 60));
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    fi_storefile_put_identity(&identity, bytes);
    assert_memory_equal(bytes, expected, sizeof bytes);
    struct fi_storefile_identity back;
    DB_OK(fi_storefile_get_identity(firn_bytes(bytes, sizeof bytes), "FIRN", &back, &err));
    assert_memory_equal(back.id, identity.id, sizeof back.id);
    assert_int_equal(back.created_ns, identity.created_ns);
}

static void
seal(uint8_t *bytes)
{
    fi_store_le32(bytes + 60, fi_crc32c(0, bytes, 60));
}

static void
an_identity_that_is_newer_or_damaged_is_named_so(void **state)
{
    firn_error err;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE + 1] = {0};
    struct fi_storefile_identity back;
    memcpy(bytes, identity_v1, sizeof identity_v1);
    seal(bytes);
    const firn_slice whole = firn_bytes(bytes, FI_STOREFILE_IDENTITY_SIZE);
    const firn_slice longer = firn_bytes(bytes, sizeof bytes);
    DB_OK(fi_storefile_get_identity(whole, "s/FIRN", &back, &err));
    DB_FAILS(fi_storefile_get_identity(firn_bytes(bytes, 63), "s/FIRN", &back, &err), FIRN_CORRUPT,
             "'s/FIRN' has 63 bytes");
    DB_FAILS(fi_storefile_get_identity(longer, "s/FIRN", &back, &err), FIRN_CORRUPT,
             "version 1 and 65 bytes");
    for (uint8_t version = 2; version <= FI_STOREFILE_VERSION; version++) {
        bytes[8] = version;
        seal(bytes);
        DB_OK(fi_storefile_get_identity(whole, "s/FIRN", &back, &err));
        assert_int_equal(back.version, version);
    }
    bytes[8] = 9;
    DB_FAILS(fi_storefile_get_identity(whole, "s/FIRN", &back, &err), FIRN_CORRUPT, "offset 60");
    seal(bytes);
    DB_FAILS(fi_storefile_get_identity(whole, "s/FIRN", &back, &err), FIRN_NEWER,
             "'s/FIRN' has format version 9; this firn reads versions up to 8");
    DB_FAILS(fi_storefile_get_identity(longer, "s/FIRN", &back, &err), FIRN_NEWER, "version 9");
    bytes[8] = 0;
    seal(bytes);
    DB_FAILS(fi_storefile_get_identity(whole, "s/FIRN", &back, &err), FIRN_CORRUPT, "version 0");
    bytes[8] = 1;
    bytes[12] = 4;
    seal(bytes);
    DB_FAILS(fi_storefile_get_identity(whole, "s/FIRN", &back, &err), FIRN_NEWER, "flags 00000004");
    bytes[12] = 0;
    bytes[0] = 'F';
    seal(bytes);
    DB_FAILS(fi_storefile_get_identity(whole, "s/FIRN", &back, &err), FIRN_CORRUPT,
             "does not begin");
}

static void
a_newer_store_is_refused_and_left_alone(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    DB_OK(fi_db_close(db, &err));
    struct fi_buf bytes = {0};
    test_file_read(support.dir, "FIRN", &bytes);
    bytes.data[8] = 9;
    seal(bytes.data);
    test_file_write(support.dir, "FIRN", bytes.data, bytes.size);
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &db, &err), FIRN_NEWER, "version 9");
    DB_FAILS(fi_db_open(support.dir, &db_support_read_only, &db, &err), FIRN_NEWER, "version 9");
    fi_buf_deinit(&bytes);
    db_support_deinit(&support);
}

/* ---- commits ---- */

static void
a_commit_has_its_bytes(void **state)
{
    static const uint8_t expected[] = {
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,      /* sequence */
        0x00,                                                /* flags */
        0x82, 0x01,                                          /* count: 130 */
        0x05, 0x01, 0x02, 'k',  0x00, 0x03, 'v',  'a',  'l', /* put */
        0xac, 0x02, 0x02, 0x00, 0x00,                        /* delete of the empty key in 300 */
    };
    struct fi_buf out = {0};
    uint8_t header[FI_STOREFILE_HEADER_MAX];
    struct fi_storefile_place place;
    size_t size = fi_storefile_put_header(UINT64_C(0x0102030405060708), 130, header);
    assert_int_equal(fi_buf_append(&out, header, size), FIRN_OK);
    const struct fi_storefile_op put = {5, FI_ENTRY_PUT, firn_bytes("k", 2), firn_str("val")};
    assert_int_equal(fi_storefile_append_op(&out, &put, &place), FIRN_OK);
    assert_memory_equal(out.data + place.key_offset, "k", 2);
    assert_memory_equal(out.data + place.value_offset, "val", 3);
    const struct fi_storefile_op delete = {300, FI_ENTRY_DELETE, firn_bytes(NULL, 0),
                                           firn_bytes(NULL, 0)};
    assert_int_equal(fi_storefile_append_op(&out, &delete, &place), FIRN_OK);
    assert_int_equal(out.size, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    fi_buf_deinit(&out);
}

/* Opens a store in whose log one more record was appended. */
static int
open_with_record(uint8_t type, firn_slice record, firn_error *err)
{
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    db_support_put(db_support_keyspace(db, "k"), "a", "1"); /* sequences 1 and 2 */
    int rc = fi_db_close(db, err);
    assert_int_equal(rc, FIRN_OK);
    struct fi_log *log;
    struct fi_log_options options = {.prefix = "wal"};
    struct fi_log_position position;
    rc = fi_log_open(support.dir, &options, NULL, NULL, &log, NULL, err);
    assert_int_equal(rc, FIRN_OK);
    assert_int_equal(fi_log_append(log, type, &record, 1, &position, err), FIRN_OK);
    assert_int_equal(fi_log_close(log, err), FIRN_OK);
    rc = fi_db_open(support.dir, &db_support_create, &db, err);
    if (rc == FIRN_OK) {
        assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "a"), "1");
    } else {
        struct firn_db *reader;
        char piece[64];
        (void)snprintf(piece, sizeof piece, "/store/wal-000001.log: offset %llu",
                       (unsigned long long)position.offset);
        assert_non_null(strstr(err->text, piece));
        assert_int_equal(fi_db_open(support.dir, &db_support_read_only, &reader, NULL), rc);
    }
    fi_db_abandon(db);
    db_support_deinit(&support);
    return rc;
}

#define RECORD(text) firn_bytes((text), sizeof(text) - 1)
#define SEQUENCE_3 "\3\0\0\0\0\0\0\0"

static void
records_that_break_the_rules_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        int code;
        const char *piece;
    } cases[] = {
#define CASE(text, code, piece) {(text), sizeof(text) - 1, (code), (piece)}
        CASE(SEQUENCE_3 "\0\1\1\1\1k\1v", FIRN_OK, ""),
        CASE("\4\0\0\0\0\0\0\0\0\1\1\2\0\0", FIRN_OK, ""),                 /* a gap */
        CASE(SEQUENCE_3 "\0\1\0\1\3new\1\2", FIRN_OK, ""),                 /* a keyspace */
        CASE(SEQUENCE_3 "\0\3\1\1\1k\1v\1\2\1k\0\1\1\1k\1w", FIRN_OK, ""), /* one key thrice */
        CASE("", FIRN_CORRUPT, "too short"),
        CASE(SEQUENCE_3, FIRN_CORRUPT, "too short"),
        CASE(SEQUENCE_3 "\0", FIRN_CORRUPT, "count"),
        CASE(SEQUENCE_3 "\0\0", FIRN_CORRUPT, "count"),
        CASE(SEQUENCE_3 "\0\2\1\1\1k\1v", FIRN_CORRUPT, "count"),
        CASE(SEQUENCE_3 "\0\201\0\1\1\1k\1v", FIRN_CORRUPT, "count"),
        CASE(SEQUENCE_3 "\1\1\1\1\1k\1v", FIRN_NEWER, "flags"),
        CASE("\0\0\0\0\0\0\0\0\0\1\1\1\1k\1v", FIRN_CORRUPT, "impossible sequence"),
        CASE("\377\377\377\377\377\377\377\377\0\1\1\1\1k\1v", FIRN_CORRUPT, "impossible sequence"),
        CASE("\2\0\0\0\0\0\0\0\0\1\1\1\1k\1v", FIRN_CORRUPT, "not larger"),
        CASE("\1\0\0\0\0\0\0\0\0\1\1\1\1k\1v", FIRN_CORRUPT, "not larger"),
        CASE(SEQUENCE_3 "\0\1\1\1\1k\1v!", FIRN_CORRUPT, "bytes after"),
        CASE(SEQUENCE_3 "\0\1\1\1\1k\2v", FIRN_CORRUPT, "does not fit"),
        CASE(SEQUENCE_3 "\0\1\1\1\7k\1v", FIRN_CORRUPT, "does not fit"),
        CASE(SEQUENCE_3 "\0\1\1\1\201\0k\1v", FIRN_CORRUPT, "does not fit"),
        CASE(SEQUENCE_3 "\0\2\1\1\1k\1v\1", FIRN_CORRUPT, "count"),
        CASE(SEQUENCE_3 "\0\2\1\1\1k\3vvv\1", FIRN_CORRUPT, "within an operation"),
        CASE(SEQUENCE_3 "\0\1\1\3\1k\1v", FIRN_OK, ""), /* a range delete */
        CASE(SEQUENCE_3 "\0\1\0\1\0\1\2", FIRN_OK, ""), /* the next number */
        CASE(SEQUENCE_3 "\0\1\1\3\1k\1k", FIRN_CORRUPT, "no range"),
        CASE(SEQUENCE_3 "\0\1\1\3\1k\0", FIRN_CORRUPT, "no range"),
        CASE(SEQUENCE_3 "\0\1\1\3\1v\1k", FIRN_CORRUPT, "no range"),
        CASE(SEQUENCE_3 "\0\1\1\4\1k\2\2v", FIRN_OK, ""), /* a merge */
        CASE(SEQUENCE_3 "\0\1\1\4\1k\0", FIRN_CORRUPT, "too short for its kind"),
        CASE(SEQUENCE_3 "\0\1\1\4\1k\2\1v", FIRN_CORRUPT, "merge that this firn does not know"),
        CASE(SEQUENCE_3 "\0\1\1\4\1k\2\5v", FIRN_NEWER, "merge that this firn does not know"),
        CASE(SEQUENCE_3 "\0\1\1\5\1k\t12345678v", FIRN_OK, ""), /* an expiring put */
        CASE(SEQUENCE_3 "\0\1\1\5\1k\0071234567", FIRN_CORRUPT, "too short for its kind"),
        CASE(SEQUENCE_3 "\0\1\0\4\1k\2\2v", FIRN_CORRUPT, "does not belong there"),
        CASE(SEQUENCE_3 "\0\1\1\6\1k\1v", FIRN_NEWER, "kind"),
        CASE(SEQUENCE_3 "\0\1\1\0\1k\1v", FIRN_NEWER, "kind"),
        CASE(SEQUENCE_3 "\0\1\1\2\1k\1v", FIRN_CORRUPT, "delete that has a value"),
        CASE(SEQUENCE_3 "\0\1\2\1\1k\1v", FIRN_CORRUPT, "keyspace that does not exist"),
        CASE(SEQUENCE_3 "\0\1\377\377\377\377\377\377\377\377\377\1\1\1k\1v", FIRN_CORRUPT,
             "keyspace that does not exist"),
        /* Created and used by one record. */
        CASE(SEQUENCE_3 "\0\2\0\1\1n\1\2\2\1\1k\1v", FIRN_CORRUPT, "keyspace that does not exist"),
        CASE(SEQUENCE_3 "\0\1\0\1\1n\1\3", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\1n\1\1", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\1n\0", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\1n\2\2\2", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\0\1\3", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\0\1\1", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\1\0\1\2", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\1\1\377\1\2", FIRN_CORRUPT, "impossible name or number"),
        CASE(SEQUENCE_3 "\0\1\0\2\1n\0", FIRN_CORRUPT, "drops a keyspace that is not there"),
        CASE(SEQUENCE_3 "\0\1\0\2\0\0", FIRN_CORRUPT, "drops a keyspace that is not there"),
        CASE(SEQUENCE_3 "\0\2\0\2\1k\0\0\2\1k\0", FIRN_CORRUPT,
             "drops a keyspace that is not there"),
        CASE(SEQUENCE_3 "\0\2\0\2\1k\0\1\1\1k\1v", FIRN_CORRUPT, "keyspace that does not exist"),
        CASE(SEQUENCE_3 "\0\1\0\3\1k\1l", FIRN_CORRUPT, "does not belong there"),
        CASE(SEQUENCE_3 "\0\1\0\1\1k\1\2", FIRN_CORRUPT, "there already"),
        CASE(SEQUENCE_3 "\0\2\0\1\1n\1\2\0\1\1n\1\3", FIRN_CORRUPT, "there already"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        firn_error err = {.text = ""};
        int rc =
            open_with_record(FI_LOG_TYPE_USER, firn_bytes(cases[i].bytes, cases[i].size), &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].piece) == NULL) {
            (void)fprintf(stderr, "case %zu: %s\n", i, err.text);
        }
        assert_int_equal(rc, cases[i].code);
        assert_non_null(strstr(err.text, cases[i].piece));
    }
    firn_error err;
    DB_FAILS(open_with_record(99, RECORD(SEQUENCE_3 "\0\1\1\1\1k\1v"), &err), FIRN_NEWER, "type");
}

static void
the_last_sequence_leaves_no_further_commit(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_log *log;
    struct fi_log_options options = {.prefix = "wal"};
    const firn_slice record = RECORD("\376\377\377\377\377\377\377\377\0\1\1\1\1k\1v");
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    (void)db_support_keyspace(db, "k");
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_log_open(support.dir, &options, NULL, NULL, &log, NULL, &err));
    DB_OK(fi_log_append(log, FI_LOG_TYPE_USER, &record, 1, NULL, &err));
    DB_OK(fi_log_close(log, &err));
    for (int round = 0; round < 2; round++) {
        db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        assert_string_equal(db_support_get(keyspace, "k"), "v");
        DB_FAILS(fi_db_put(keyspace, firn_str("a"), firn_str("1"), FIRN_DURABILITY_FULL, &err),
                 FIRN_LIMIT, "sequence numbers");
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
}

static void
sizes_beyond_the_limits_are_refused_in_records_too(void **state)
{
    firn_error err;
    struct fi_buf record = {0};
    for (size_t more = 0; more <= 1; more++) {
        fi_buf_clear(&record);
        assert_int_equal(fi_buf_append(&record, SEQUENCE_3 "\0\1\1\1", 12), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(&record, FIRN_KEY_SIZE_MAX + more), FIRN_OK);
        size_t at = record.size;
        assert_int_equal(fi_buf_set_size(&record, at + FIRN_KEY_SIZE_MAX + more), FIRN_OK);
        memset(record.data + at, 'k', record.size - at);
        assert_int_equal(fi_buf_append(&record, "\1v", 2), FIRN_OK);
        int rc = open_with_record(FI_LOG_TYPE_USER, fi_buf_slice(&record), &err);
        assert_int_equal(rc, more == 0 ? FIRN_OK : FIRN_CORRUPT);
    }
    fi_buf_deinit(&record);
}

/* ---- golden stores ---- */

/* What the stores of versions 2 to 8 in tests/formats/store hold; FIRN_TEST_WRITE_GOLDEN=1 makes
 * those of today's version. The others were made by a firn that wrote theirs. */
static void
write_golden(const char *path, bool is_closed)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_create, &db, &err));
    struct firn_db_keyspace *gone = db_support_keyspace(db, "gone");
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    struct firn_db_keyspace *objects = db_support_keyspace(db, "firn.objects");
    db_support_put(gone, "a", "1");
    db_support_put(users, "ada", "1815");
    db_support_put(users, "grace", "1905");
    db_support_put(users, "zuse", "1910");
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_keyspace_drop(db, "gone", &err));
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    DB_OK(fi_db_batch_put(batch, users, firn_str("grace"), firn_str("1906"), &err));
    DB_OK(fi_db_batch_put(batch, objects, firn_bytes("\0\xff", 2), firn_bytes(NULL, 0), &err));
    DB_OK(fi_db_batch_put(batch, users, firn_str("alan"), firn_str("?"), &err));
    DB_OK(fi_db_batch_delete_range(batch, users, firn_str("ad"), firn_str("b"), &err));
    DB_OK(fi_db_batch_put(batch, users, firn_str("alan"), firn_str("1912"), &err));
    DB_OK(fi_db_batch_delete(batch, users, firn_str("zuse"), &err));
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_FULL, &err));
    fi_db_batch_destroy(batch);
    if (is_closed) {
        DB_OK(fi_db_maintain_flush(db, &err));
        DB_OK(fi_db_close(db, &err));
    } else {
        fi_db_abandon(db);
    }
}

struct golden {
    const char *path;
    uint32_t version;
    bool is_closed;
    unsigned log_records;
};

static const struct golden goldens[] = {
    {GOLDEN "v1-closed", 1, true, 5}, {GOLDEN "v1-crashed", 1, false, 5},
    {GOLDEN "v2-closed", 2, true, 0}, {GOLDEN "v2-crashed", 2, false, 2},
    {GOLDEN "v3-closed", 3, true, 0}, {GOLDEN "v3-crashed", 3, false, 2},
    {GOLDEN "v4-closed", 4, true, 0}, {GOLDEN "v4-crashed", 4, false, 2},
    {GOLDEN "v5-closed", 5, true, 0}, {GOLDEN "v5-crashed", 5, false, 2},
    {GOLDEN "v6-closed", 6, true, 0}, {GOLDEN "v6-crashed", 6, false, 2},
    {GOLDEN "v7-closed", 7, true, 0}, {GOLDEN "v7-crashed", 7, false, 2},
    {GOLDEN "v8-closed", 8, true, 0}, {GOLDEN "v8-crashed", 8, false, 2},
};

static void
assert_golden(struct firn_db *db, const struct golden *golden)
{
    firn_error err;
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    struct firn_db_keyspace *objects = db_support_keyspace(db, "firn.objects");
    assert_string_equal(db_support_keys(users, NULL, false), "alan grace ");
    assert_string_equal(db_support_get(users, "alan"), "1912");
    assert_string_equal(db_support_get(users, "grace"), "1906");
    struct fi_buf out = {0};
    DB_OK(fi_db_get(objects, firn_bytes("\0\xff", 2), &out, &err));
    assert_int_equal(out.size, 0);
    fi_buf_deinit(&out);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.keyspaces, 2);
    assert_int_equal(report.entries, 3);
    assert_int_equal(report.log_records, golden->log_records);
}

/* Encodes anew what a record holds and compares the bytes. */
static int
compare_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
               firn_error *err)
{
    (void)position;
    (void)err;
    struct fi_storefile_commit commit;
    struct fi_storefile_op op;
    struct fi_storefile_place place;
    const char *what;
    struct fi_buf out = {0};
    uint8_t header[FI_STOREFILE_HEADER_MAX];
    if (type == FI_STOREFILE_TYPE_VOUCH) {
        assert_true(record.size == FI_STOREFILE_VOUCH_OLD_SIZE ||
                    record.size == FI_STOREFILE_VOUCH_SIZE);
        return FIRN_OK;
    }
    assert_int_equal(type, FI_LOG_TYPE_USER);
    assert_int_equal(fi_storefile_get_header(record, &commit, &what), FIRN_OK);
    size_t size = fi_storefile_put_header(commit.sequence, commit.count, header);
    assert_int_equal(fi_buf_append(&out, header, size), FIRN_OK);
    while (commit.count > 0) {
        assert_int_equal(fi_storefile_get_op(&commit, &op, &what), FIRN_OK);
        assert_int_equal(fi_storefile_append_op(&out, &op, &place), FIRN_OK);
    }
    assert_true(fi_slice_equal(fi_buf_slice(&out), record));
    fi_buf_deinit(&out);
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

/* What we would write today has the same bytes. */
static void
compare_bytes(struct fi_os_dir *dir, const struct golden *golden, struct firn_db *db)
{
    firn_error err;
    struct fi_buf bytes = {0};
    struct fi_storefile_identity identity;
    uint8_t again[FI_STOREFILE_IDENTITY_SIZE];
    test_file_read(dir, "FIRN", &bytes);
    DB_OK(fi_storefile_get_identity(fi_buf_slice(&bytes), "FIRN", &identity, &err));
    assert_int_equal(identity.version, golden->version);
    assert_memory_equal(identity.id, fi_db_id(db), sizeof identity.id);
    fi_storefile_put_identity(&identity, again);
    assert_int_equal(bytes.size, sizeof again);
    assert_memory_equal(bytes.data, again, sizeof again);
    fi_buf_deinit(&bytes);
    unsigned records = 0;
    struct fi_log *log;
    struct fi_log_options options = {.prefix = "wal", .read_only = true};
    struct fi_log_recovery recovery;
    DB_OK(fi_log_open(dir, &options, compare_record, &records, &log, &recovery, &err));
    fi_log_abandon(log);
    assert_int_equal(records, golden->log_records);
    assert_int_equal(recovery.was_closed_cleanly, golden->is_closed);
}

/* A copy takes new commits, and is one of today's version from then on. */
static void
use_copy(struct fi_os_dir *dir, const struct golden *golden)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct fi_buf bytes = {0};
    db_support_init(&support, 1);
    db_support_copy(dir, support.dir);
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    assert_golden(db, golden);
    db_support_put(db_support_keyspace(db, "more"), "a", "1");
    DB_OK(fi_db_close(db, &err));
    test_file_read(support.dir, "FIRN", &bytes);
    assert_int_equal(bytes.data[8], FI_STOREFILE_VERSION);
    fi_buf_deinit(&bytes);
    db = db_support_open(support.dir);
    assert_string_equal(db_support_get(db_support_keyspace(db, "more"), "a"), "1");
    assert_string_equal(db_support_get(db_support_keyspace(db, "users"), "alan"), "1912");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_string_equal(db_support_keys(db_support_keyspace(db, "users"), NULL, true),
                        "grace alan ");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
golden_stores_open_for_ever(void **state)
{
    firn_error err;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        const struct golden *golden = &goldens[i];
        struct fi_os_dir *dir;
        struct firn_db *db;
        if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL && golden->version == FI_STOREFILE_VERSION) {
            write_golden(golden->path, golden->is_closed);
        }
        DB_OK(fi_os_dir_open_path(fi_os_default(), golden->path, &dir, &err));
        DB_OK(fi_db_open(dir, &db_support_read_only, &db, &err));
        assert_golden(db, golden);
        compare_bytes(dir, golden, db);
        fi_db_abandon(db);
        use_copy(dir, golden);
        fi_os_dir_close(dir);
    }
}

/* Of version 1 alone a store may lack it. */
static void
a_store_without_its_manifest_is_damaged_whatever_its_version(void **state)
{
    firn_error err;
    for (size_t i = 2; i < sizeof goldens / sizeof *goldens; i++) {
        struct db_support support;
        struct fi_os_dir *dir;
        struct firn_db *db;
        db_support_init(&support, 1);
        DB_OK(fi_os_dir_open_path(fi_os_default(), goldens[i].path, &dir, &err));
        db_support_copy(dir, support.dir);
        fi_os_dir_close(dir);
        DB_OK(fi_os_remove_file(support.dir, "manifest-000001.log", &err));
        DB_FAILS(fi_db_open(support.dir, &db_support_read_only, &db, &err), FIRN_CORRUPT,
                 "MANIFEST");
        DB_FAILS(fi_db_open(support.dir, &db_support_existing, &db, &err), FIRN_CORRUPT,
                 "MANIFEST");
        db_support_deinit(&support);
    }
}

/* ---- a golden store of all kinds of entries ---- */

static void
merge_golden(struct firn_db_keyspace *keyspace, const char *key, firn_merge_operator operation,
             int64_t number)
{
    firn_error err;
    uint8_t operand[8];
    firn_number(number, operand);
    DB_OK(fi_db_merge(keyspace, firn_str(key), operation, firn_bytes(operand, 8),
                      FIRN_DURABILITY_DEFAULT, &err));
}

static firn_slice
golden_large(unsigned round)
{
    static uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * i + round);
    }
    return firn_bytes(bytes, sizeof bytes);
}

/* In runs and value files of a load, of a compaction and of a flush, where a segment of the log has
 * become one, and in the log. */
static void
write_golden_values(const char *path)
{
    firn_error err;
    struct firn_db *db;
    struct firn_db_bulk *bulk;
    struct fi_db_options options = db_support_create;
    options.compression = FIRN_COMPRESSION_NONE;
    DB_OK(fi_db_path_open(fi_os_default(), path, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "values");
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_OK(fi_db_bulk_put(bulk, firn_str("loaded"), firn_str("1"), &err));
    DB_OK(fi_db_bulk_put(bulk, firn_str("text"), firn_str("a"), &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    for (unsigned round = 0; round < 3; round++) {
        static const char *const large[] = {"large0", "large1", "large2"};
        DB_OK(fi_db_put(keyspace, firn_str(large[round]), golden_large(round),
                        FIRN_DURABILITY_DEFAULT, &err));
        DB_OK(fi_db_put_ttl(keyspace, firn_str("large"), golden_large(round), UINT64_MAX,
                            FIRN_DURABILITY_DEFAULT, &err));
        merge_golden(keyspace, "sum", FIRN_MERGE_ADD, 14);
        merge_golden(keyspace, "least", FIRN_MERGE_MIN, -(int64_t)round);
        merge_golden(keyspace, "most", FIRN_MERGE_MAX, (int64_t)round);
        DB_OK(fi_db_merge(keyspace, firn_str("text"), FIRN_MERGE_APPEND, firn_str("b"),
                          FIRN_DURABILITY_DEFAULT, &err));
        static const char *const keys[3][2] = {
            {"ever0", "gone0"}, {"ever1", "gone1"}, {"ever2", "gone2"}};
        DB_OK(fi_db_put_ttl(keyspace, firn_str(keys[round][0]), firn_str("x"), UINT64_MAX,
                            FIRN_DURABILITY_DEFAULT, &err));
        DB_OK(fi_db_put_ttl(keyspace, firn_str(keys[round][1]), firn_str("x"), 1000,
                            FIRN_DURABILITY_DEFAULT, &err));
        if (round == 0) {
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
        } else if (round == 1) {
            DB_OK(fi_db_maintain_flush(db, &err));
        }
    }
    fi_db_abandon(db);
}

static int64_t
golden_number(struct firn_db_keyspace *keyspace, const char *key)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_db_get(keyspace, firn_str(key), &out, &err));
    int64_t number = firn_number_of(out.data, out.size);
    fi_buf_deinit(&out);
    return number;
}

static void
assert_golden_large(struct firn_db_keyspace *keyspace, const char *key, unsigned round)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_db_get(keyspace, firn_str(key), &out, &err));
    assert_true(fi_slice_equal(fi_buf_slice(&out), golden_large(round)));
    fi_buf_deinit(&out);
}

/* Version 3 has no large values. */
static void
assert_golden_values(struct firn_db *db, uint32_t version)
{
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "values");
    assert_string_equal(db_support_keys(keyspace, NULL, false),
                        version == 3
                            ? "ever0 ever1 ever2 least loaded most sum text "
                            : "ever0 ever1 ever2 large large0 large1 large2 least loaded most sum "
                              "text ");
    if (version > 3) {
        assert_golden_large(keyspace, "large", 2);
        assert_golden_large(keyspace, "large0", 0);
        assert_golden_large(keyspace, "large1", 1);
        assert_golden_large(keyspace, "large2", 2);
    }
    assert_string_equal(db_support_get(keyspace, "text"), "abbb");
    assert_string_equal(db_support_get(keyspace, "ever1"), "x");
    assert_true(golden_number(keyspace, "sum") == 42);
    assert_true(golden_number(keyspace, "least") == -2);
    assert_true(golden_number(keyspace, "most") == 2);
}

static void
use_golden_values(const char *path, uint32_t version)
{
    firn_error err;
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct db_support support;
    DB_OK(fi_os_dir_open_path(fi_os_default(), path, &dir, &err));
    DB_OK(fi_db_open(dir, &db_support_read_only, &db, &err));
    assert_golden_values(db, version);
    fi_db_abandon(db);
    db_support_init(&support, 1);
    fi_sim_memory_set_time(support.os, INT64_C(4102444800) * 1000000000); /* the year 2100 */
    db_support_copy(dir, support.dir);
    fi_os_dir_close(dir);
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    assert_golden_values(db, version);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_golden_values(db, version);
    firn_store_check_result report = {.size = sizeof report};
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    firn_store_statistics stats = {.size = sizeof stats};
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_int_equal(stats.value_files > 0, version > 3);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
golden_stores_of_all_kinds_of_entries_open_for_ever(void **state)
{
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        write_golden_values(GOLDEN "v8-values");
        fi_os_sleep_ns(fi_os_default(), 1100000000);
    }
    use_golden_values(GOLDEN "v3-values", 3);
    use_golden_values(GOLDEN "v4-values", 4);
    use_golden_values(GOLDEN "v5-values", 5);
    use_golden_values(GOLDEN "v6-values", 6);
    use_golden_values(GOLDEN "v7-values", 7);
    use_golden_values(GOLDEN "v8-values", 8);
}

/* ---- golden stores with checkpoints ---- */

/* MANIFEST has the history up to "second", the log the rest. */
static void
write_golden_checkpoints(const char *path)
{
    firn_error err;
    struct firn_db *db;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    static const char *const deleted = "deleted";
    DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_create, &db, &err));
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    db_support_put(users, "ada", "1815");
    db_support_put(db_support_keyspace(db, "gone"), "x", "1");
    DB_OK(fi_db_checkpoint_create(db, "first", NULL, &err));
    DB_OK(fi_db_keyspace_drop(db, "gone", &err));
    db_support_put(users, "ada", "1900");
    DB_OK(fi_db_checkpoint_create(db, deleted, NULL, &err));
    db_support_put(users, "grace", "1906");
    DB_OK(fi_db_checkpoint_create(db, "second", NULL, &err));
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_checkpoint_restore(db, "first", &restored, &safety, &err));
    db_support_put(users, "alan", "1912");
    DB_OK(fi_db_checkpoint_create(db, "", NULL, &err));
    DB_OK(fi_db_checkpoint_delete(db, &deleted, 1, &err));
    db_support_put(users, "alan", "?");
    fi_db_abandon(db);
}

static void
assert_at(struct firn_db *db, const char *reference, const char *key, const char *expected)
{
    firn_error err;
    struct firn_snapshot *snapshot;
    struct firn_db_keyspace *users;
    struct fi_buf value = {0};
    DB_OK(fi_db_checkpoint_snapshot(db, reference, &snapshot, &err));
    DB_OK(fi_db_keyspace_open_in(snapshot, "users", &users, &err));
    int rc = fi_db_get_at(users, snapshot, firn_str(key), &value, &err);
    assert_int_equal(rc, expected != NULL ? FIRN_OK : FIRN_NOT_FOUND);
    if (expected != NULL) {
        assert_int_equal(value.size, strlen(expected));
        assert_memory_equal(value.data, expected, value.size);
    }
    fi_buf_deinit(&value);
    fi_db_snapshot_close(snapshot);
}

static int
count_checkpoint(void *ctx, const struct fi_db_checkpoint_info *info)
{
    *(unsigned *)ctx += info->is_safety ? 100 : 1;
    return FIRN_OK;
}

static void
assert_golden_checkpoints(struct firn_db *db)
{
    firn_error err;
    unsigned count = 0;
    const struct fi_db_checkpoint_visitor visitor = {true, count_checkpoint, &count};
    DB_OK(fi_db_checkpoint_list(db, &visitor, &err));
    assert_int_equal(count, 103); /* a safety checkpoint */
    assert_at(db, "first", "ada", "1815");
    assert_at(db, "first", "grace", NULL);
    assert_at(db, "second", "ada", "1900");
    assert_at(db, "3", "grace", "1906");
    assert_at(db, "latest", "alan", "1912");
    assert_at(db, "4", "ada", "1815");
    struct firn_db_keyspace *users = db_support_keyspace(db, "users");
    assert_string_equal(db_support_keys(users, NULL, false), "ada alan ");
    assert_string_equal(db_support_get(users, "ada"), "1815");
    assert_string_equal(db_support_get(db_support_keyspace(db, "gone"), "x"), "1");
}

static void
use_golden_checkpoints(const char *path)
{
    firn_error err;
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct db_support support;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    firn_store_check_result report = {.size = sizeof report};
    DB_OK(fi_os_dir_open_path(fi_os_default(), path, &dir, &err));
    DB_OK(fi_db_open(dir, &db_support_read_only, &db, &err));
    assert_golden_checkpoints(db);
    fi_db_abandon(db);
    db_support_init(&support, 1);
    db_support_copy(dir, support.dir);
    fi_os_dir_close(dir);
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    assert_golden_checkpoints(db);
    db_support_put(db_support_keyspace(db, "users"), "alan", "1912");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_golden_checkpoints(db);
    DB_OK(fi_db_checkpoint_undo(db, &restored, &safety, &err));
    assert_string_equal(db_support_keys(db_support_keyspace(db, "users"), NULL, false),
                        "ada grace ");
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
golden_stores_with_checkpoints_open_for_ever(void **state)
{
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        write_golden_checkpoints(GOLDEN "v8-checkpoints");
    }
    use_golden_checkpoints(GOLDEN "v3-checkpoints");
    use_golden_checkpoints(GOLDEN "v4-checkpoints");
    use_golden_checkpoints(GOLDEN "v5-checkpoints");
    use_golden_checkpoints(GOLDEN "v6-checkpoints");
    use_golden_checkpoints(GOLDEN "v7-checkpoints");
    use_golden_checkpoints(GOLDEN "v8-checkpoints");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_identity_has_its_bytes),
        cmocka_unit_test(an_identity_that_is_newer_or_damaged_is_named_so),
        cmocka_unit_test(a_newer_store_is_refused_and_left_alone),
        cmocka_unit_test(a_commit_has_its_bytes),
        cmocka_unit_test(records_that_break_the_rules_are_refused),
        cmocka_unit_test(the_last_sequence_leaves_no_further_commit),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused_in_records_too),
        cmocka_unit_test(golden_stores_open_for_ever),
        cmocka_unit_test(a_store_without_its_manifest_is_damaged_whatever_its_version),
        cmocka_unit_test(golden_stores_of_all_kinds_of_entries_open_for_ever),
        cmocka_unit_test(golden_stores_with_checkpoints_open_for_ever),
    };
    return cmocka_run_group_tests_name("db_format", tests, NULL, NULL);
}
