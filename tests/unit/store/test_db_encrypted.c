/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: encrypted stores: what opens them, what is refused, that nothing is in clear on the disk,
 * and that no key meets a nonce twice, whenever calls fail and the power goes. That everything else
 * works on them as on stores in clear is for the encrypted twins of other programs
 * (tests/support/store/encrypted.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "block/block_file.h"
#include "cipher/cipher.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "storefile/storefile.h"
#include "support/store/db_support.h"
#include "support/test_fault.h"
#include "support/test_nonces.h"
#include "support/test_random.h"
#include "unlock/unlock.h"

static char right[] = "a key file for tests, of more than 32 bytes";
static char wrong[] = "another key file, also of more than 32 bytes";
static firn_error err;
#define MARKER "The-Marker-That-Nobody-Reads"

static int
get_secret(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
           firn_error *why)
{
    const char *secret = ctx;
    (void)request;
    (void)why;
    out->size = strlen(secret);
    out->kind = FI_KEYS_FILE;
    memcpy(out->bytes, secret, out->size);
    return FIRN_OK;
}
static const struct fi_unlock_source with_right = {.get = get_secret, .ctx = right};
static const struct fi_unlock_source with_wrong = {.get = get_secret, .ctx = wrong};

static const struct fi_db_options create = {.create_if_missing = true,
                                            .memory_bytes = 1 << 20,
                                            .threads = 1,
                                            .unlock = &with_right,
                                            .new_cipher = FI_CIPHER_XCHACHA20_POLY1305};

static void
put_marker(struct firn_db *db, unsigned number)
{
    char key[64];
    (void)snprintf(key, sizeof key, "%03u-" MARKER, number);
    db_support_put(db_support_keyspace(db, "k-" MARKER), key, "value " MARKER);
}

/* Values that a segment of a log in clear would keep as they are in it. */
static void
large_values_are_read_wherever_they_lie(void **state)
{
    enum { LARGE = 70000, LARGE_COUNT = 12 };
    struct db_support support;
    struct firn_db *db;
    uint8_t *value = malloc(LARGE);
    assert_non_null(value);
    db_support_init(&support, 1);
    for (unsigned i = 0; i < LARGE_COUNT; i++) {
        struct test_random random;
        char key[8];
        test_random_init(&random, "large", i);
        test_random_fill(&random, value, LARGE);
        (void)snprintf(key, sizeof key, "k%02u", i);
        DB_OK(fi_db_open(support.dir, &create, &db, &err));
        DB_OK(fi_db_put(db_support_keyspace(db, "k"), firn_str(key), firn_bytes(value, LARGE),
                        FIRN_DURABILITY_OS, &err));
        DB_OK(i % 4 == 3 ? fi_db_maintain_flush(db, &err) : FIRN_OK);
        for (unsigned j = 0; j <= i; j++) {
            struct fi_buf out = {0};
            (void)snprintf(key, sizeof key, "k%02u", j);
            test_random_init(&random, "large", j);
            test_random_fill(&random, value, LARGE);
            DB_OK(fi_db_get(db_support_keyspace(db, "k"), firn_str(key), &out, &err));
            assert_int_equal(out.size, LARGE);
            assert_memory_equal(out.data, value, LARGE);
            fi_buf_deinit(&out);
        }
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
    free(value);
}

/* ---- every byte of the machine ---- */

static void
nothing_is_in_clear(void **state)
{
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &create, &db, &err));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 40; i++) {
            put_marker(db, i);
        }
        char name[64];
        (void)snprintf(name, sizeof name, "name-%u-" MARKER, round);
        DB_OK(fi_db_checkpoint_create(db, name, NULL, &err));
        assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
        DB_OK(round == 1 ? fi_db_maintain_compact(db, NULL, &err) : fi_db_maintain_flush(db, &err));
        assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
        fi_db_abandon(db);
        db_support_cut(&support, round);
        DB_OK(fi_db_open(support.dir, &create, &db, &err));
    }
    DB_OK(fi_db_close(db, &err));
    unsigned files;
    assert_int_equal(db_support_search(support.dir, MARKER, &files), 0);
    assert_true(files >= 5);
    db_support_deinit(&support);
}

/* ---- what opens it ---- */

static void
make_store(struct db_support *support)
{
    struct firn_db *db;
    db_support_init(support, 1);
    DB_OK(fi_db_open(support->dir, &create, &db, &err));
    put_marker(db, 1);
    DB_OK(fi_db_maintain_flush(db, &err));
    put_marker(db, 2);
    DB_OK(fi_db_close(db, &err));
}

static int
open_with(struct db_support *support, const struct fi_unlock_source *source, bool read_only)
{
    struct firn_db *db;
    struct fi_db_options options = create;
    options.unlock = source;
    options.read_only = read_only;
    options.create_if_missing = !read_only;
    int rc = fi_db_open(support->dir, &options, &db, &err);
    if (rc == FIRN_OK) {
        firn_store_check_result report;
        assert_string_equal(db_support_get(db_support_keyspace(db, "k-" MARKER), "002-" MARKER),
                            "value " MARKER);
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        assert_int_equal(report.damaged_count, 0);
        DB_OK(fi_db_close(db, &err));
    }
    return rc;
}

static void
its_key_opens_it_and_another_does_not(void **state)
{
    struct db_support support;
    make_store(&support);
    for (int read_only = 0; read_only < 2; read_only++) {
        DB_OK(open_with(&support, &with_right, read_only));
        assert_int_equal(open_with(&support, &with_wrong, read_only), FIRN_DENIED);
        assert_int_equal(open_with(&support, NULL, read_only), FIRN_DENIED);
        assert_non_null(strstr(err.text, "FIRN_KEY_FILE"));
    }
    DB_OK(open_with(&support, &with_right, false));
    db_support_deinit(&support);
}

static void
keys_that_are_damaged_or_missing_are_named(void **state)
{
    struct db_support support;
    struct fi_os_file *file;
    uint8_t byte = 0;
    make_store(&support);
    DB_OK(fi_os_file_open(support.dir, FI_STOREFILE_KEYS_NAME, FI_OS_READ | FI_OS_WRITE, 0, &file,
                          &err));
    DB_OK(fi_os_file_read_exact(file, 100, &byte, 1, &err));
    byte ^= 4;
    DB_OK(fi_os_file_write(file, 100, &byte, 1, &err));
    assert_int_equal(open_with(&support, &with_right, false), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, FI_STOREFILE_KEYS_NAME));
    byte ^= 4;
    DB_OK(fi_os_file_write(file, 100, &byte, 1, &err));
    fi_os_file_close(file);
    DB_OK(open_with(&support, &with_right, false));
    DB_OK(fi_os_remove_file(support.dir, FI_STOREFILE_KEYS_NAME, &err));
    assert_int_equal(open_with(&support, &with_right, true), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, FI_STOREFILE_KEYS_NAME));
    db_support_deinit(&support);
}

/* ---- checked without a key ---- */

enum { EDGE_SIZE = 600 };

struct told {
    char wanted[128]; /* what a text must name */
    unsigned named;
    unsigned count;
};

static void
note_damage(void *ctx, const char *text)
{
    struct told *told = ctx;
    told->count++;
    told->named += strstr(text, told->wanted) != NULL;
    assert_null(strstr(text, MARKER));
}

static int
check_locked_part(struct fi_os_dir *dir, bool skips_contents, const char *wanted, struct told *told,
                  firn_store_check_locked_result *report)
{
    const struct fi_inspect_check_options options = {.on_damage = note_damage, .ctx = told};
    *told = (struct told){.count = 0};
    (void)snprintf(told->wanted, sizeof told->wanted, "%s", wanted);
    int rc = fi_inspect_locked(fi_os_dir_os(dir), fi_os_dir_path(dir), skips_contents, &options,
                               report, &err);
    assert_int_equal(report->damaged_count, told->count);
    return rc;
}

static int
check_locked(struct fi_os_dir *dir, const char *wanted, struct told *told,
             firn_store_check_locked_result *report)
{
    return check_locked_part(dir, false, wanted, told, report);
}

struct flips {
    struct fi_os_dir *store;
    struct fi_os_dir *dir; /* of the files below */
    bool skips_contents;   /* those of packs, which takes longest */
    unsigned flips;
};

static void
change_byte(struct fi_os_dir *dir, const char *name, uint64_t at)
{
    struct fi_os_file *file;
    uint8_t byte;
    DB_OK(fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE, 0, &file, &err));
    DB_OK(fi_os_file_read_exact(file, at, &byte, 1, &err));
    byte ^= 0x10;
    DB_OK(fi_os_file_write(file, at, &byte, 1, &err));
    fi_os_file_close(file);
}

/* Bytes from offset to offset + size of a file, each of them once. */
static void
flip_each(struct flips *flips, const char *name, uint64_t offset, uint64_t size, uint64_t step)
{
    struct told told;
    firn_store_check_locked_result report;
    for (uint64_t at = offset; at < offset + size; at += step) {
        change_byte(flips->dir, name, at);
        int rc = check_locked_part(flips->store, flips->skips_contents, name, &told, &report);
        if (rc != FIRN_CORRUPT || told.named == 0) {
            fail_msg("'%s': a change at %llu was not noticed: %d", name, (unsigned long long)at,
                     rc);
        }
        assert_non_null(strstr(err.text, name));
        assert_null(strstr(err.text, MARKER));
        change_byte(flips->dir, name, at);
        flips->flips++;
    }
}

static void
name_newest(struct fi_os_dir *dir, const char *prefix, char *out)
{
    uint64_t number;
    DB_OK(fi_log_segment_newest(dir, prefix, &number, &err));
    fi_log_segment_name(prefix, number, out);
}

/* All but the last record, which says that the log was closed: without it a crash may have been. */
static void
flip_log(struct flips *flips, const char *prefix)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    struct fi_os_stat stat;
    name_newest(flips->dir, prefix, name);
    DB_OK(fi_os_stat(flips->dir, name, &stat, &err));
    assert_true(stat.size_bytes > FI_LOG_FORMAT_SEGMENT_SIZE + FI_LOG_RECORD_HEAD_SIZE);
    flip_each(flips, name, 0, stat.size_bytes - FI_LOG_RECORD_HEAD_SIZE, 1);
}

/* Every byte of a small file; of a large one those of its header, first block, table of contents and
 * footer, and some in between. */
static int
flip_sealed(void *ctx, const struct fi_os_dirent *entry)
{
    struct flips *flips = ctx;
    struct fi_os_stat stat;
    DB_OK(fi_os_stat(flips->dir, entry->name, &stat, &err));
    if (stat.size_bytes < EDGE_SIZE * 4) {
        flip_each(flips, entry->name, 0, stat.size_bytes, 1);
        return FIRN_OK;
    }
    const uint64_t body_size = stat.size_bytes - 2 * EDGE_SIZE;
    flip_each(flips, entry->name, 0, EDGE_SIZE, 1);
    flip_each(flips, entry->name, EDGE_SIZE, body_size, body_size / 100 + 1);
    flip_each(flips, entry->name, EDGE_SIZE + body_size, EDGE_SIZE, 1);
    return FIRN_OK;
}

static void
copy_file(struct fi_os_dir *from, const char *name, struct fi_os_dir *to, const char *new_name)
{
    struct fi_os_file *file;
    struct fi_os_stat stat;
    struct fi_buf bytes = {0};
    DB_OK(fi_os_file_open_stat(from, name, FI_OS_READ, 0, &file, &stat, &err));
    DB_OK(fi_buf_set_size(&bytes, stat.size_bytes));
    DB_OK(fi_os_file_read_exact(file, 0, bytes.data, bytes.size, &err));
    fi_os_file_close(file);
    DB_OK(fi_os_file_open(to, new_name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &err));
    DB_OK(fi_os_file_write(file, 0, bytes.data, bytes.size, &err));
    fi_os_file_close(file);
    fi_buf_deinit(&bytes);
}

struct copying {
    struct fi_os_dir *from;
    struct fi_os_dir *to;
};

static int
copy_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct copying *copying = ctx;
    struct copying below;
    if (fi_os_dir_open(copying->from, entry->name, &below.from, NULL) != FIRN_OK) {
        copy_file(copying->from, entry->name, copying->to, entry->name);
        return FIRN_OK;
    }
    DB_OK(fi_os_make_dir(copying->to, entry->name, 0700, &err));
    DB_OK(fi_os_dir_open(copying->to, entry->name, &below.to, &err));
    DB_OK(fi_os_dir_list(below.from, copy_entry, &below, &err));
    fi_os_dir_close(below.from);
    fi_os_dir_close(below.to);
    return FIRN_OK;
}

/* A pack, and a structure of vectors: this room has no writer of them, but each is a sealed file. */
static void
add_sealed(struct db_support *support, const char *folder, const char *name,
           enum fi_block_file_kind kind, unsigned blocks)
{
    struct fi_os_dir *sealed;
    struct fi_os_dir *dir;
    struct fi_block_writer *writer;
    struct fi_block_ref ref;
    static uint8_t block[30000];
    if (strcmp(folder, "packs") == 0) {
        DB_OK(fi_os_make_dir(support->dir, folder, 0700, &err));
    }
    memset(block, 'm', sizeof block);
    memcpy(block, MARKER, strlen(MARKER));
    DB_OK(fi_db_keys_open(support->dir, FI_CIPHER_XCHACHA20_POLY1305, &with_right, &sealed, &err));
    DB_OK(fi_os_dir_open(sealed, folder, &dir, &err));
    DB_OK(fi_block_writer_create(dir, name, kind, &writer, &err));
    for (unsigned i = 0; i < blocks; i++) {
        DB_OK(fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(block, sizeof block),
                                  sizeof block, &ref, &err));
    }
    DB_OK(fi_block_writer_add_section(writer, 1, &ref, &err));
    DB_OK(fi_block_writer_finish(writer, NULL, &err));
    fi_block_writer_destroy(writer);
    fi_os_dir_close(dir);
    fi_os_dir_close(sealed);
}

static void
make_store_with_all_files(struct db_support *support)
{
    struct firn_db *db;
    uint8_t *large = malloc(70000);
    assert_non_null(large);
    memset(large, 'l', 70000);
    make_store(support);
    DB_OK(fi_db_open(support->dir, &create, &db, &err));
    DB_OK(fi_db_put(db_support_keyspace(db, "k-" MARKER), firn_str("large"),
                    firn_bytes(large, 70000), FIRN_DURABILITY_OS, &err));
    DB_OK(fi_db_maintain_flush(db, &err));
    put_marker(db, 3);
    DB_OK(fi_db_close(db, &err));
    free(large);
    add_sealed(support, "packs", "00000001.pack", FI_BLOCK_FILE_PACK, 80); /* more than two MiB */
    add_sealed(support, "runs", "900000.graph", FI_BLOCK_FILE_VECTOR, 1);
}

/* Each kind of file; every byte of the small ones, and of the log's records. */
static void
damage_is_found_without_a_key(void **state)
{
    struct db_support support;
    struct told told;
    firn_store_check_locked_result report;
    make_store_with_all_files(&support);
    DB_OK(check_locked(support.dir, "", &told, &report));
    assert_true(report.files >= 5 && report.blocks > 80 && report.bytes_read > 1 << 20);
    assert_true(report.log_records > 5);

    struct flips flips = {.store = support.dir, .dir = support.dir, .skips_contents = true};
    struct fi_os_stat stat;
    flip_each(&flips, FI_STOREFILE_IDENTITY_NAME, 0, FI_STOREFILE_IDENTITY_SIZE, 1);
    DB_OK(fi_os_stat(support.dir, FI_STOREFILE_KEYS_NAME, &stat, &err));
    flip_each(&flips, FI_STOREFILE_KEYS_NAME, 0, stat.size_bytes, 1);
    flip_log(&flips, "wal");
    flip_log(&flips, "manifest");
    for (int i = 0; i < 2; i++) {
        flips.skips_contents = i == 0;
        DB_OK(fi_os_dir_open(support.dir, i == 0 ? "runs" : "packs", &flips.dir, &err));
        DB_OK(fi_os_dir_list(flips.dir, flip_sealed, &flips, &err));
        fi_os_dir_close(flips.dir);
    }
    (void)printf("count: %u changes\n", flips.flips);
    assert_true(flips.flips > 3000);
    DB_OK(check_locked(support.dir, "", &told, &report));
    DB_OK(open_with(&support, &with_right, true));
    db_support_deinit(&support);
}

/* A block is told once, and not as part of its MiB again; what follows a prefix that says no more
 * where the next block begins is told by its MiB. */
static void
each_damage_is_told_once_without_a_key(void **state)
{
    static const char name[] = "00000001.pack";
    struct db_support support;
    struct fi_os_dir *packs;
    struct told told;
    firn_store_check_locked_result whole;
    firn_store_check_locked_result report;
    make_store_with_all_files(&support);
    DB_OK(fi_os_dir_open(support.dir, "packs", &packs, &err));
    DB_OK(check_locked(support.dir, "", &told, &whole));
    change_byte(packs, name, 200000);
    change_byte(packs, name, 300000);
    change_byte(packs, name, 1500000);
    assert_int_equal(check_locked(support.dir, "00000001.pack': block at ", &told, &report),
                     FIRN_CORRUPT);
    assert_true(told.count == 3 && told.named == 3);
    assert_int_equal(report.blocks, whole.blocks);
    assert_int_equal(report.bytes_read, whole.bytes_read);
    change_byte(packs, name, FI_BLOCK_BODY_START);
    assert_int_equal(check_locked(support.dir, "bytes 1048576 to 2097152", &told, &report),
                     FIRN_CORRUPT);
    assert_true(told.count == 2 && told.named == 1);
    assert_true(report.blocks < whole.blocks && report.bytes_read < whole.bytes_read);
    assert_int_equal(check_locked(support.dir, "block at 128: its prefix", &told, &report),
                     FIRN_CORRUPT);
    assert_int_equal(told.named, 1);
    fi_os_dir_close(packs);
    db_support_deinit(&support);
}

static void
what_is_not_a_file_of_the_store_is_found_without_a_key(void **state)
{
    struct db_support support;
    struct db_support clear;
    struct fi_os_dir *packs;
    struct fi_os_dir *dir;
    struct fi_block_writer *writer;
    struct told told;
    firn_store_check_locked_result report;
    make_store_with_all_files(&support);
    db_support_init(&clear, 2);
    DB_OK(fi_os_dir_open(support.dir, "packs", &packs, &err));
    DB_OK(fi_os_dir_open_beneath(clear.dir, "", &dir, &err));

    /* A file in clear. */
    DB_OK(fi_block_writer_create(dir, "2.pack", FI_BLOCK_FILE_PACK, &writer, &err));
    DB_OK(fi_block_writer_finish(writer, NULL, &err));
    fi_block_writer_destroy(writer);
    copy_file(dir, "2.pack", packs, "00000002.pack");
    assert_int_equal(check_locked(support.dir, "00000002.pack", &told, &report), FIRN_CORRUPT);
    assert_int_equal(told.named, 1);
    DB_OK(fi_os_remove_file(packs, "00000002.pack", &err));

    /* A file of another kind; names that are not those of files of the store. */
    copy_file(packs, "00000001.pack", packs, "00000003.pack.tmp");
    copy_file(dir, "2.pack", packs, "notes.pack");
    DB_OK(check_locked(support.dir, "", &told, &report));
    struct fi_os_dir *runs;
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    copy_file(packs, "00000001.pack", runs, "800000.row");
    assert_int_equal(check_locked(support.dir, "800000.row", &told, &report), FIRN_CORRUPT);
    assert_int_equal(told.named, 1);
    fi_os_dir_close(runs);
    fi_os_dir_close(packs);
    fi_os_dir_close(dir);
    db_support_deinit(&support);
    db_support_deinit(&clear);
}

static void
parts_that_are_missing_are_named_without_a_key(void **state)
{
    char names[4][FI_LOG_SEGMENT_NAME_SIZE] = {FI_STOREFILE_KEYS_NAME, FI_STOREFILE_IDENTITY_NAME};
    struct told told;
    firn_store_check_locked_result report;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct db_support support;
        make_store(&support);
        name_newest(support.dir, "manifest", names[2]);
        name_newest(support.dir, "wal", names[3]);
        DB_OK(fi_os_remove_file(support.dir, names[i], &err));
        int rc = check_locked(support.dir, "", &told, &report);
        assert_int_equal(rc, FIRN_CORRUPT);
        assert_int_equal(told.count, 1);
        db_support_deinit(&support);
    }
}

static void
a_store_in_clear_is_not_checked_as_a_locked_one(void **state)
{
    struct db_support support;
    struct firn_db *db;
    struct told told;
    firn_store_check_locked_result report;
    const struct fi_db_options clear = {.create_if_missing = true, .memory_bytes = 1 << 20};
    db_support_init(&support, 1);
    assert_int_equal(check_locked(support.dir, "", &told, &report), FIRN_NOT_FOUND);
    DB_OK(fi_db_open(support.dir, &clear, &db, &err));
    DB_OK(fi_db_close(db, &err));
    assert_int_equal(check_locked(support.dir, "", &told, &report), FIRN_INVALID);
    db_support_deinit(&support);
}

/* Its files change, and go, while they are read. */
static void
a_store_that_is_in_use_is_checked_without_a_key(void **state)
{
    struct db_support support;
    struct firn_db *db;
    struct told told;
    firn_store_check_locked_result report;
    make_store(&support);
    DB_OK(fi_db_open(support.dir, &create, &db, &err));
    for (unsigned i = 0; i < 20; i++) {
        put_marker(db, i);
        DB_OK(check_locked(support.dir, "", &told, &report));
        DB_OK(i % 3 == 0 ? fi_db_maintain_flush(db, &err) : FIRN_OK);
        DB_OK(i % 7 == 0 ? fi_db_maintain_compact(db, NULL, &err) : FIRN_OK);
        DB_OK(check_locked(support.dir, "", &told, &report));
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

struct moving {
    struct fi_log *log;
    unsigned moves_left;
};

static void
append_to(struct fi_log *log)
{
    const firn_slice record = firn_str("a record " MARKER);
    DB_OK(fi_log_append(log, FI_LOG_TYPE_USER, &record, 1, NULL, &err));
}

/* When the check goes on to a second segment, all that it has seen is replaced. */
static void
move_on(void *ctx, const struct fi_sim_fault_call *call)
{
    struct moving *moving = ctx;
    const uint64_t newest = fi_log_end(moving->log).segment;
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", newest, name);
    if (moving->moves_left == 0 || strcmp(call->operation, "file_open") != 0 ||
        call->name == NULL || strcmp(call->name, name) != 0 || newest % 2 == 1) {
        return;
    }
    moving->moves_left--;
    DB_OK(fi_log_rotate(moving->log, &err));
    DB_OK(fi_log_remove_before(moving->log, newest + 1, &err));
    append_to(moving->log);
    DB_OK(fi_log_rotate(moving->log, &err));
    append_to(moving->log);
}

static void
a_log_that_moves_on_is_read_again_without_a_key(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 5, 1000};
    const struct fi_log_options options = {.prefix = "wal"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct db_support support;
        struct fi_os *watched;
        struct fi_os_dir *sealed;
        struct fi_os_dir *dir;
        struct moving moving = {.moves_left = counts[i]};
        struct told told;
        firn_store_check_locked_result report;
        make_store(&support);
        DB_OK(
            fi_db_keys_open(support.dir, FI_CIPHER_XCHACHA20_POLY1305, &with_right, &sealed, &err));
        DB_OK(fi_log_open(sealed, &options, NULL, NULL, &moving.log, NULL, &err));
        while (fi_log_end(moving.log).segment % 2 == 1) {
            append_to(moving.log);
            DB_OK(fi_log_rotate(moving.log, &err));
        }
        append_to(moving.log);
        DB_OK(fi_sim_fault_create(support.os, &watched, &err));
        DB_OK(fi_os_dir_open_path(watched, fi_os_dir_path(support.dir), &dir, &err));
        fi_sim_fault_set_hook(watched, move_on, &moving);
        int rc = check_locked(dir, "", &told, &report);
        if (counts[i] == 1000) { /* there is an end to patience, and that is no damage */
            assert_int_equal(rc, FIRN_BUSY);
        } else {
            DB_OK(rc);
            assert_int_equal(moving.moves_left, 0);
        }
        assert_int_equal(told.count, 0);
        fi_log_abandon(moving.log);
        fi_os_dir_close(dir);
        fi_os_dir_close(sealed);
        fi_sim_fault_destroy(watched);
        db_support_deinit(&support);
    }
}

static void
a_check_without_a_key_takes_no_want_of_memory_for_damage(void **state)
{
    struct db_support support;
    struct told told;
    firn_store_check_locked_result report;
    struct test_fault fault = {.counts = true, .for_ever = true};
    make_store_with_all_files(&support);
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = check_locked(support.dir, "", &told, &report);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_int_equal(told.count, 0);
    }
    assert_true(fault.n > 10);
    db_support_deinit(&support);
}

/* Each call of the system once: what could not be read is reported, and the rest is read. */
static void
a_check_without_a_key_passes_over_nothing_that_it_could_not_read(void **state)
{
    struct db_support support;
    struct fi_os *faulty;
    struct told told;
    firn_store_check_locked_result whole;
    firn_store_check_locked_result report;
    struct test_fault fault = {.loop = 1};
    make_store_with_all_files(&support);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(check_locked(support.dir, "", &told, &whole));
    while (test_fault_next(&fault)) {
        struct fi_os_dir *dir;
        DB_OK(fi_os_dir_open_path(faulty, fi_os_dir_path(support.dir), &dir, &err));
        test_fault_call(&fault, faulty);
        int rc = check_locked(dir, "", &told, &report);
        test_fault_end(&fault);
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_IO || (rc == FIRN_OK && !fault.was_hit));
        assert_int_equal(told.count > 0, rc == FIRN_CORRUPT);
        if (rc == FIRN_CORRUPT) { /* at most one file is not counted to its end */
            assert_true(report.files + 1 >= whole.files);
        }
        fi_os_dir_close(dir);
    }
    assert_true(fault.n > 100);
    fi_sim_fault_destroy(faulty);
    db_support_deinit(&support);
}

/* A store that says that it is in clear, with files that are encrypted: as somebody may make it who
 * wants what is written from now on. */
static void
an_encrypted_store_is_not_continued_in_clear(void **state)
{
    struct db_support support;
    struct fi_storefile_identity identity;
    struct fi_os_file *file;
    struct firn_db *db;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    make_store(&support);
    DB_OK(fi_db_create_read_identity(support.dir, &identity, &err));
    assert_int_equal(identity.cipher, FI_CIPHER_XCHACHA20_POLY1305);
    identity.cipher = 0;
    fi_storefile_put_identity(&identity, bytes);
    DB_OK(fi_os_file_open(support.dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_WRITE, 0, &file, &err));
    DB_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err));
    fi_os_file_close(file);
    for (int i = 0; i < 2; i++) {
        const struct fi_db_options options = {.read_only = i == 0, .memory_bytes = 1 << 20};
        assert_int_equal(fi_db_open(support.dir, &options, &db, &err), FIRN_DENIED);
    }
    assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
    db_support_deinit(&support);
}

/* Puts a value, and writes it to a run. */
static void
put_into_run(struct fi_os_dir *dir, const char *value)
{
    struct firn_db *db;
    DB_OK(fi_db_open(dir, &create, &db, &err));
    db_support_put(db_support_keyspace(db, "k-" MARKER), "own", value);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_close(db, &err));
}

struct newest {
    char name[64];
};

static int
note_newest_run(void *ctx, const struct fi_os_dirent *entry)
{
    struct newest *newest = ctx;
    if (strstr(entry->name, ".row") != NULL && strcmp(entry->name, newest->name) > 0) {
        (void)snprintf(newest->name, sizeof newest->name, "%s", entry->name);
    }
    return FIRN_OK;
}

/* The newest run of a store. */
static void
open_runs(struct fi_os_dir *dir, struct fi_os_dir **out, struct newest *newest)
{
    *newest = (struct newest){{0}};
    DB_OK(fi_os_dir_open(dir, "runs", out, &err));
    DB_OK(fi_os_dir_list(*out, note_newest_run, newest, &err));
}

/* Two copies of a store have the same keys. What each then writes differs in contents alone: the
 * runs have the same name, size and counts. */
static void
a_run_of_a_copy_of_the_store_is_not_taken_for_its_own(void **state)
{
    struct db_support support;
    struct copying copying;
    struct newest newest;
    struct newest newest_of_copy;
    struct fi_os_dir *runs;
    struct fi_os_dir *runs_of_copy;
    struct fi_os_dir *root;
    struct firn_db *db;
    struct fi_buf value = {0};
    (void)state;
    make_store(&support);
    DB_OK(fi_os_dir_open_path(support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "copy", 0700, &err));
    copying.from = support.dir;
    DB_OK(fi_os_dir_open(root, "copy", &copying.to, &err));
    DB_OK(fi_os_dir_list(copying.from, copy_entry, &copying, &err));
    put_into_run(support.dir, "of the store");
    put_into_run(copying.to, "of the copy ");
    open_runs(support.dir, &runs, &newest);
    open_runs(copying.to, &runs_of_copy, &newest_of_copy);
    assert_string_equal(newest.name, newest_of_copy.name);
    copy_file(runs_of_copy, newest.name, runs, newest.name);
    int rc = fi_db_open(support.dir, &create, &db, &err);
    if (rc == FIRN_OK) {
        rc = fi_db_get(db_support_keyspace(db, "k-" MARKER), firn_str("own"), &value, &err);
        DB_OK(fi_db_close(db, NULL));
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    assert_non_null(strstr(err.text, newest.name));
    assert_non_null(strstr(err.text, "is not the run that MANIFEST names"));
    fi_buf_deinit(&value);
    fi_os_dir_close(runs);
    fi_os_dir_close(runs_of_copy);
    fi_os_dir_close(copying.to);
    fi_os_dir_close(root);
    db_support_deinit(&support);
}

static void
the_identity_has_a_cipher_where_it_says_so(void **state)
{
    struct fi_storefile_identity identity = {.version = FI_STOREFILE_VERSION, .cipher = 2};
    struct fi_storefile_identity read;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    fi_storefile_put_identity(&identity, bytes);
    DB_OK(fi_storefile_get_identity(firn_bytes(bytes, sizeof bytes), "FIRN", &read, &err));
    assert_int_equal(read.cipher, 2);
    identity.cipher = 0;
    fi_storefile_put_identity(&identity, bytes);
    DB_OK(fi_storefile_get_identity(firn_bytes(bytes, sizeof bytes), "FIRN", &read, &err));
    assert_int_equal(read.cipher, 0);
}

static void
a_cipher_that_is_not_here_makes_no_store(void **state)
{
    struct db_support support;
    struct fi_db_create_survey survey;
    struct firn_db *db;
    struct fi_db_options options = create;
    db_support_init(&support, 1);
    options.new_cipher = 77;
    assert_int_equal(fi_db_open(support.dir, &options, &db, &err), FIRN_NEWER);
    options = create;
    options.unlock = NULL;
    assert_int_equal(fi_db_open(support.dir, &options, &db, &err), FIRN_DENIED);
    DB_OK(fi_db_create_inspect(support.dir, &survey, &err));
    assert_false(survey.has_identity || survey.is_unfinished || survey.has_data);
    DB_OK(fi_db_open(support.dir, &create, &db, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- keys and nonces ---- */

/* Two lives of a store; any call may fail. */
static void
live(struct fi_os_dir *dir)
{
    char value[300];
    memset(value, 'v', sizeof value);
    for (unsigned life = 0; life < 2; life++) {
        struct firn_db *db;
        struct firn_db_keyspace *keyspace;
        if (fi_db_open(dir, &create, &db, NULL) != FIRN_OK) {
            continue;
        }
        if (fi_db_keyspace_open(db, "k", &keyspace, NULL) == FIRN_OK) {
            for (unsigned i = 0; i < 12; i++) {
                char key[8];
                (void)snprintf(key, sizeof key, "k%02u", i);
                FI_IGNORE(fi_db_put(keyspace, firn_str(key), firn_bytes(value, sizeof value),
                                    i % 3 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS, NULL));
                if (i % 5 == 4) {
                    FI_IGNORE(fi_db_maintain_flush(db, NULL));
                }
            }
            FI_IGNORE(fi_db_maintain_compact(db, NULL, NULL));
        }
        if (life == 0) {
            fi_db_abandon(db);
        } else if (fi_db_close(db, NULL) != FIRN_OK) {
            continue;
        }
    }
}

/* Returns whether the call was reached. */
static bool
live_with_fault(uint64_t call, int error_number, bool for_ever, unsigned classes)
{
    struct db_support support;
    struct fi_os *os;
    struct fi_os_dir *dir;
    db_support_init(&support, 5);
    test_nonces_begin();
    DB_OK(fi_sim_fault_create(support.os, &os, &err));
    DB_OK(fi_os_dir_open_path(os, fi_os_dir_path(support.dir), &dir, &err));
    const struct fi_sim_fault_plan plan = {.call = call,
                                           .for_ever = for_ever,
                                           .classes = classes,
                                           .kind = FI_SIM_FAULT_TORN,
                                           .error_number = error_number};
    fi_sim_fault_set_plan(os, &plan);
    live(dir);
    bool was_reached = fi_sim_fault_hits(os) > 0;
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    db_support_cut(&support, call);
    live(support.dir);
    live(support.dir);
    assert_true(test_nonces_count() > 30);
    assert_int_equal(test_nonces_repeated(), 0);
    assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
    db_support_deinit(&support);
    return was_reached;
}

static void
no_key_meets_a_nonce_twice(void **state)
{
    const unsigned written = FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_METADATA;
    unsigned cuts = 0;
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, NULL) != FIRN_OK) {
        skip();
    }
    for (uint64_t call = 1; live_with_fault(call, EIO, true, written); call++) {
        cuts++;
    }
    for (uint64_t call = 3; live_with_fault(call, ENOSPC, false, written); call++) {
        cuts++;
    }
    for (uint64_t call = 5; live_with_fault(call, ENOSPC, true, FI_SIM_FAULT_WRITES); call++) {
        cuts++;
    }
    (void)printf("count: %u power cuts of encrypted stores, no key with a nonce twice\n", cuts);
    assert_true(cuts > 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_clear),
        cmocka_unit_test(large_values_are_read_wherever_they_lie),
        cmocka_unit_test(its_key_opens_it_and_another_does_not),
        cmocka_unit_test(keys_that_are_damaged_or_missing_are_named),
        cmocka_unit_test(damage_is_found_without_a_key),
        cmocka_unit_test(each_damage_is_told_once_without_a_key),
        cmocka_unit_test(what_is_not_a_file_of_the_store_is_found_without_a_key),
        cmocka_unit_test(parts_that_are_missing_are_named_without_a_key),
        cmocka_unit_test(a_store_in_clear_is_not_checked_as_a_locked_one),
        cmocka_unit_test(a_store_that_is_in_use_is_checked_without_a_key),
        cmocka_unit_test(a_log_that_moves_on_is_read_again_without_a_key),
        cmocka_unit_test(a_check_without_a_key_takes_no_want_of_memory_for_damage),
        cmocka_unit_test(a_check_without_a_key_passes_over_nothing_that_it_could_not_read),
        cmocka_unit_test(an_encrypted_store_is_not_continued_in_clear),
        cmocka_unit_test(a_run_of_a_copy_of_the_store_is_not_taken_for_its_own),
        cmocka_unit_test(the_identity_has_a_cipher_where_it_says_so),
        cmocka_unit_test(a_cipher_that_is_not_here_makes_no_store),
        cmocka_unit_test(no_key_meets_a_nonce_twice),
    };
    return cmocka_run_group_tests_name("db_encrypted", tests, NULL, NULL);
}
