/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: SQLite databases in use, with a copy_sqlite that makes no database: what a scan asks to be copied, what it
 * saves of it, and what it says where there is no copy. tests/cli/live_sqlite_save.t does it with SQLite.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "base/slice.h"
#include "handle/ws_opened.h"
#include "scan/scan_internal.h"
#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_os.h"
#include "support/workspace/ws_support.h"

enum { PAGE = 512 };
static const uint64_t locking_byte = UINT64_C(1) << 30;

/* ---- helpers ---- */

struct copying {
    struct ws_world *world;
    int code;         /* what it returns */
    const char *text; /* what it copies */
    unsigned count;
    struct fi_os_file *held; /* is closed with a copy; may be NULL */
};

static int
copy(void *ctx, const char *path, char *out, size_t size, firn_error *err)
{
    struct copying *copying = ctx;
    struct fi_os *os = copying->world->tree.os;
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    char name[32];
    copying->count++;
    fi_os_file_close(copying->held);
    copying->held = NULL;
    assert_true(strncmp(path, "/w/", 3) == 0);
    if (copying->code != FIRN_OK) {
        return fi_error_set(err, copying->code, "no copy of '%s'", path);
    }
    (void)snprintf(name, sizeof name, "copy-%u", copying->count);
    (void)snprintf(out, size, "/c/%s", name);
    assert_int_equal(fi_os_dir_open_path(os, "/c", &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, NULL),
                     FIRN_OK);
    assert_int_equal(fi_os_file_write(file, 0, copying->text, strlen(copying->text), NULL),
                     FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    return FIRN_OK;
}

static int
count_name(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static unsigned
count_copies(struct ws_world *world)
{
    struct fi_os_dir *dir;
    unsigned count = 0;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/c", &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_list(dir, count_name, &count, NULL), FIRN_OK);
    fi_os_dir_close(dir);
    return count;
}

static void
put_database(struct ws_world *world, const char *path)
{
    char page[PAGE] = "SQLite format 3";
    memset(page + 16, 'x', sizeof page - 16);
    scan_put_file(&world->tree, path, page, sizeof page);
}

/* Stands for a process that has it open. */
static struct fi_os_file *
lock(struct ws_world *world, const char *path)
{
    struct fi_os_file *file;
    assert_int_equal(fi_os_file_open(world->tree.root, path, FI_OS_READ, 0, &file, NULL), FIRN_OK);
    assert_int_equal(fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, locking_byte + 2, 1, NULL),
                     FIRN_OK);
    return file;
}

static void
begin(struct ws_world *world, struct copying *copying, uint64_t seed)
{
    struct fi_os_dir *dir;
    ws_world_open_memory(world, seed);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_make_dir(dir, "c", 0700, NULL), FIRN_OK);
    fi_os_dir_close(dir);
    *copying = (struct copying){.world = world, .text = "the copy"};
    world->ws->sqlite = (struct fi_scan_sqlite){copy, copying};
    put_database(world, "app.db");
    scan_put_text(&world->tree, "app.db-wal", "a log");
    scan_put_text(&world->tree, "app.db-shm", "an index");
    scan_put_text(&world->tree, "other-wal", "beside nothing");
}

/* ---- tests ---- */

static void
one_in_use_is_saved_as_its_copy_without_the_files_beside_it(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 420);
    struct fi_os_file *held = lock(&world, "app.db");
    for (unsigned i = 1; i <= 2; i++) { /* a second time too: no look can say that it is the same */
        firn_workspace_save_result saved = ws_save(&world);
        assert_int_equal(copying.count, i);
        assert_int_equal(saved.checkpoint->files, 2);
        assert_int_equal(saved.checkpoint->skipped, 0);
        assert_int_equal(count_copies(&world), 0);
        assert_true(ws_is_kept(&world, "", "the copy"));
        assert_false(ws_is_kept(&world, "", "a log"));
    }
    fi_os_file_close(held);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
one_that_nobody_has_open_is_saved_with_the_files_beside_it(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 421);
    firn_workspace_save_result saved = ws_save(&world);
    assert_int_equal(copying.count, 0);
    assert_int_equal(saved.checkpoint->files, 4);
    ws_world_close(&world);
}

static void
one_without_files_beside_it_is_copied_once_a_lock_is_seen_after_reading(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 422);
    scan_remove_file(&world.tree, "app.db-wal");
    scan_remove_file(&world.tree, "app.db-shm");
    struct fi_os_file *held = lock(&world, "app.db");
    firn_workspace_save_result saved = ws_save(&world);
    assert_int_equal(copying.count, 1);
    assert_int_equal(saved.checkpoint->files, 2);
    assert_true(ws_is_kept(&world, "", "the copy"));
    fi_os_file_close(held);
    ws_world_close(&world);
}

static void
one_that_stays_locked_goes_on_as_the_last_checkpoint_has_it(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 423);
    (void)ws_save(&world);
    scan_put_text(&world.tree, "app.db-wal", "a newer log");
    scan_put_text(&world.tree, "app.db-journal", "of nothing that was saved");
    struct fi_os_file *held = lock(&world, "app.db");
    copying.code = FIRN_BUSY;
    firn_workspace_save_result saved = ws_save(&world);
    /* The database and its log; the index of that has not changed. */
    assert_int_equal(world.notices.counts[FIRN_NOTICE_CARRIED], 2);
    assert_int_equal(saved.checkpoint->skipped, 2);
    assert_int_equal(saved.checkpoint->files, 4);
    assert_true(ws_is_kept(&world, "", "a log"));
    assert_false(ws_is_kept(&world, "", "a newer log"));
    assert_false(ws_is_kept(&world, "", "of nothing that was saved"));
    fi_os_file_close(held);
    ws_world_close(&world);
}

/* It is left as it is, so the log that belongs to an earlier one must not come beside it. */
static void
a_restore_begins_anew_where_one_was_locked_after_it_had_been_read(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 428);
    (void)ws_save(&world);
    char page[PAGE] = "SQLite format 3";
    memset(page + 16, 'y', sizeof page - 16);
    scan_put_file(&world.tree, "app.db", page, sizeof page);
    scan_remove_file(&world.tree, "app.db-wal");
    scan_remove_file(&world.tree, "app.db-shm");
    copying.held = lock(&world, "app.db");
    copying.code = FIRN_BUSY;
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    assert_int_equal(copying.count, 1);
    assert_non_null(strstr(world.err.text, "was in use until now"));
    assert_false(ws_dump_has(&world, "app.db-wal"));
    ws_world_close(&world);
}

static void
without_a_library_all_files_are_saved_and_that_is_told_once(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 424);
    put_database(&world, "more.db");
    scan_put_text(&world.tree, "more.db-journal", "a journal");
    struct fi_os_file *held = lock(&world, "app.db");
    struct fi_os_file *more = lock(&world, "more.db");
    for (int is_other = 0; is_other < 2; is_other++) {
        copying.code = is_other ? FIRN_INVALID : FIRN_UNSUPPORTED;
        scan_put_text(&world.tree, "app.db-wal", is_other ? "changed" : "a log");
        firn_workspace_save_result saved = ws_save(&world);
        assert_int_equal(world.notices.counts[FIRN_NOTICE_SQLITE], 1 + is_other);
        assert_int_equal(saved.checkpoint->files, 6);
        assert_int_equal(saved.checkpoint->skipped, 0);
    }
    assert_int_equal(copying.count, 4);
    fi_os_file_close(held);
    fi_os_file_close(more);
    ws_world_close(&world);
}

/* A killed process leaves its log; nothing else knows that it belongs to the old database. */
static void
a_restore_begins_anew_where_one_was_in_use_until_then(void **state)
{
    struct ws_world world;
    struct copying copying;
    char page[PAGE + 1];
    begin(&world, &copying, 425);
    memset(page, 'c', PAGE);
    page[PAGE] = '\0';
    copying.text = page; /* a database has whole pages */
    (void)ws_save(&world);
    struct fi_os_file *held = lock(&world, "app.db");
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    assert_non_null(strstr(world.err.text, "has it open"));
    copying.held = held;
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    assert_non_null(strstr(world.err.text, "was in use until now"));
    scan_put_text(&world.tree, "app.db-wal", "another log");
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_OK);
    assert_true(ws_is_kept(&world, "", "another log"));
    assert_true(ws_dump_has(&world, "app.db-wal"));
    ws_world_close(&world);
}

static void
rules_decide_about_the_database_and_not_about_its_log(void **state)
{
    struct ws_world world;
    struct copying copying;
    begin(&world, &copying, 426);
    scan_put_text(&world.tree, ".firnignore", "*-wal\n");
    struct fi_os_file *held = lock(&world, "app.db");
    (void)ws_save(&world);
    assert_int_equal(copying.count, 1);
    scan_put_text(&world.tree, ".firnignore", "*.db\n");
    (void)ws_save(&world);
    assert_int_equal(copying.count, 1);
    fi_os_file_close(held);
    ws_world_close(&world);
}

static void
each_of_many_is_found_by_its_name(void **state)
{
    struct ws_world world;
    struct copying copying;
    char name[32];
    begin(&world, &copying, 427);
    for (unsigned i = 0; i < 600; i++) { /* several segments of a directory */
        (void)snprintf(name, sizeof name, "%u", i);
        put_database(&world, name);
        (void)snprintf(name, sizeof name, "%u-journal", i);
        scan_put_text(&world.tree, name, "a journal");
    }
    struct fi_os_file *first = lock(&world, "7");
    struct fi_os_file *last = lock(&world, "599");
    firn_workspace_save_result saved = ws_save(&world);
    assert_int_equal(copying.count, 2);
    assert_int_equal(saved.checkpoint->files, 4 + 2 * 598 + 2);
    assert_int_equal(saved.checkpoint->skipped, 0);
    fi_os_file_close(first);
    fi_os_file_close(last);
    ws_world_close(&world);
}

/* Another process works on app.db beside a save. */
struct meanwhile {
    struct ws_world *world;
    const char *before; /* the file whose opening it comes before */
    const char *name;   /* what it writes */
    const char *text;
    unsigned count; /* how often it has come */
    unsigned skips; /* openings that it lets pass */
    bool is_again;  /* each time, with other bytes */
};

static void
write_meanwhile(void *ctx, const struct fi_sim_fault_call *call)
{
    struct meanwhile *meanwhile = ctx;
    bool is_it = call->name != NULL && strcmp(call->name, meanwhile->before) == 0 &&
                 (meanwhile->is_again || strncmp(call->operation, "file_open", 9) == 0);
    if (!is_it || (!meanwhile->is_again && meanwhile->count > meanwhile->skips)) {
        return;
    }
    if (meanwhile->count++ >= meanwhile->skips) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s%u", meanwhile->text, meanwhile->count);
        scan_put_text(&meanwhile->world->tree, meanwhile->name,
                      meanwhile->is_again ? text : meanwhile->text);
    }
}

/* Saves with a journal beside app.db, and meanwhile; the journal is opened once for the note at the
 * visit, once for that after the database was read, and then to be read. */
static firn_workspace_save_result
save_meanwhile(struct ws_world *world, struct copying *copying, struct meanwhile *meanwhile)
{
    scan_world_wrap(&world->tree);
    ws_world_reopen(world);
    world->ws->sqlite = (struct fi_scan_sqlite){copy, copying};
    world->threads = 1;
    meanwhile->world = world;
    fi_sim_fault_set_hook(world->tree.outer, write_meanwhile, meanwhile);
    firn_workspace_save_result saved = ws_save(world);
    fi_sim_fault_set_hook(world->tree.outer, NULL, NULL);
    assert_true(meanwhile->count > meanwhile->skips);
    return saved;
}

static void
a_journal_that_a_transaction_begins_after_the_database_was_read_is_left_out(void **state)
{
    for (int is_log = 0; is_log < 2; is_log++) {
        struct ws_world world;
        struct copying copying;
        struct meanwhile meanwhile = {.before = is_log ? "app.db-wal" : "app.db-journal",
                                      .name = is_log ? "app.db-wal" : "app.db-journal",
                                      .text = "pages of a later state",
                                      .skips = 2};
        begin(&world, &copying, 429);
        scan_put_text(&world.tree, "app.db-wal", "");
        scan_put_file(&world.tree, "app.db-journal", "\0\0\0\0", 4);
        firn_workspace_save_result saved = save_meanwhile(&world, &copying, &meanwhile);
        assert_int_equal(copying.count, 0);
        assert_int_equal(saved.checkpoint->files, 4); /* of five */
        assert_int_equal(saved.checkpoint->skipped, 0);
        assert_false(ws_is_kept(&world, "", "pages of a later state"));
        ws_world_close(&world);
    }
}

static void
a_journal_that_changes_each_time_it_is_read_is_left_out_too(void **state)
{
    struct ws_world world;
    struct copying copying;
    struct meanwhile meanwhile = {.before = "app.db-journal",
                                  .name = "app.db-journal",
                                  .text = "pages ",
                                  .skips = 8,
                                  .is_again = true};
    begin(&world, &copying, 430);
    scan_put_file(&world.tree, "app.db-journal", "\0\0\0\0", 4);
    firn_workspace_save_result saved = save_meanwhile(&world, &copying, &meanwhile);
    assert_int_equal(saved.checkpoint->files, 4);
    assert_int_equal(saved.checkpoint->skipped, 0);
    ws_world_close(&world);
}

static void
a_journal_that_was_left_and_is_recovered_meanwhile_is_reported(void **state)
{
    struct ws_world world;
    struct copying copying;
    struct meanwhile meanwhile = {.before = "app.db-journal",
                                  .name = "app.db-journal",
                                  .text = "another journal",
                                  .skips = 2};
    begin(&world, &copying, 431);
    scan_put_text(&world.tree, "app.db-journal", "a journal");
    firn_workspace_save_result saved = save_meanwhile(&world, &copying, &meanwhile);
    assert_int_equal(saved.checkpoint->files, 5);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_SQLITE], 1);
    assert_true(ws_is_kept(&world, "", "another journal"));
    ws_world_close(&world);
}

/* What is beside a file that is no database is nobody's journal. */
static void
a_file_named_like_a_journal_is_saved_beside_what_is_no_database(void **state)
{
    struct ws_world world;
    struct copying copying;
    struct meanwhile meanwhile = {
        .before = "notes-journal", .name = "notes-journal", .text = "dear diary"};
    begin(&world, &copying, 432);
    scan_put_text(&world.tree, "notes", "no database");
    scan_put_text(&world.tree, "notes-journal", "");
    firn_workspace_save_result saved = save_meanwhile(&world, &copying, &meanwhile);
    assert_int_equal(saved.checkpoint->files, 6);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_SQLITE], 0);
    assert_true(ws_is_kept(&world, "", "dear diary"));
    ws_world_close(&world);
}

static void *
ask_without_locks(void *arg)
{
    bool *is_refused = arg;
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_file *file;
    uint8_t page[PAGE] = "SQLite format 3";
    bool is_in_use = true;
    test_os_put(dir, "app.db", page, sizeof page);
    assert_int_equal(fi_os_file_open(dir, "app.db", FI_OS_READ, 0, &file, NULL), FIRN_OK);
    *is_refused = test_os_refuse(SYS_fcntl, ENOLCK);
    assert_int_equal(fi_scan_sqlite_is_in_use(file, PAGE, &is_in_use, NULL), FIRN_OK);
    assert_false(is_in_use);
    fi_os_file_close(file);
    test_os_temp_dir_remove(dir);
    return NULL;
}

static void
where_there_are_no_locks_a_database_is_a_file_like_others(void **state)
{
    pthread_t thread;
    bool is_refused = false;
    assert_int_equal(pthread_create(&thread, NULL, ask_without_locks, &is_refused), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (!is_refused) {
        skip();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_use_is_saved_as_its_copy_without_the_files_beside_it),
        cmocka_unit_test(one_that_nobody_has_open_is_saved_with_the_files_beside_it),
        cmocka_unit_test(one_without_files_beside_it_is_copied_once_a_lock_is_seen_after_reading),
        cmocka_unit_test(one_that_stays_locked_goes_on_as_the_last_checkpoint_has_it),
        cmocka_unit_test(a_restore_begins_anew_where_one_was_locked_after_it_had_been_read),
        cmocka_unit_test(without_a_library_all_files_are_saved_and_that_is_told_once),
        cmocka_unit_test(a_restore_begins_anew_where_one_was_in_use_until_then),
        cmocka_unit_test(rules_decide_about_the_database_and_not_about_its_log),
        cmocka_unit_test(each_of_many_is_found_by_its_name),
        cmocka_unit_test(
            a_journal_that_a_transaction_begins_after_the_database_was_read_is_left_out),
        cmocka_unit_test(a_journal_that_changes_each_time_it_is_read_is_left_out_too),
        cmocka_unit_test(a_journal_that_was_left_and_is_recovered_meanwhile_is_reported),
        cmocka_unit_test(a_file_named_like_a_journal_is_saved_beside_what_is_no_database),
        cmocka_unit_test(where_there_are_no_locks_a_database_is_a_file_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
