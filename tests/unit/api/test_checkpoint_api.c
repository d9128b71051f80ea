/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: the checkpoints of a store's data through the public interface: what an application
 * does, callers of other versions, and every argument that cannot be meant.
 */
#include <glob.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression) assert_int_equal((expression), FIRN_OK)

static firn_store *store;
static firn_keyspace *keyspace;

static int
set_up(void **state)
{
    OK(firn_store_open_memory(1 << 24, NULL, &store, &err));
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    OK(firn_put(keyspace, firn_str("a"), firn_str("1"), NULL, &err));
    return 0;
}

static int
tear_down(void **state)
{
    OK(firn_store_close(store, &err));
    return 0;
}

static void
assert_now(const char *expected)
{
    uint8_t *value;
    size_t size;
    OK(firn_get(keyspace, firn_str("a"), &value, &size, &err));
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(value, expected, size);
    firn_release(value);
}

static int
count(void *ctx, const firn_store_checkpoint *checkpoint)
{
    assert_int_equal(checkpoint->size, sizeof *checkpoint);
    assert_int_equal(strlen(checkpoint->id), 32);
    ++*(int *)ctx;
    return *(int *)ctx == 9 ? FIRN_CANCELLED : FIRN_OK;
}

static void
an_application_goes_back_and_forth(void **state)
{
    firn_store_checkpoint made = {.size = sizeof made};
    firn_store_checkpoint found = {.size = sizeof found};
    firn_store_restore_result report = {.size = sizeof report};
    OK(firn_store_checkpoint_create(store, "one", NULL, &made, &err));
    assert_int_equal(made.number, 1);
    assert_string_equal(made.name, "one");
    assert_string_equal(made.restored, "");
    assert_false(made.is_safety);
    OK(firn_put(keyspace, firn_str("a"), firn_str("2"), NULL, &err));
    OK(firn_store_checkpoint_create(store, NULL, NULL, NULL, &err));
    OK(firn_store_restore(store, "one", &report, &err));
    assert_now("1");
    assert_string_equal(report.restored.id, made.id);
    assert_string_equal(report.safety.restored, made.id);
    assert_true(report.safety.is_safety && report.safety.number == 0);
    OK(firn_store_undo(store, NULL, &err));
    assert_now("2");
    OK(firn_store_restore(store, made.id, NULL, &err));
    assert_now("1");
    OK(firn_store_checkpoint_find(store, "latest", &found, &err));
    assert_int_equal(found.number, 2);
    assert_string_equal(found.name, "");
    OK(firn_store_checkpoint_find(store, report.safety.id, &found, &err));
    assert_true(found.is_safety && found.sequence == report.safety.sequence);
    int seen = 0;
    firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    OK(firn_store_checkpoint_list(store, NULL, count, &seen, &err));
    assert_int_equal(seen, 2);
    options.include_safety = true;
    OK(firn_store_checkpoint_list(store, &options, count, &seen, &err));
    assert_int_equal(seen, 7);
    const char *const all[] = {"one", "2", "1"};
    OK(firn_store_checkpoint_delete(store, all, 3, &err));
    OK(firn_store_checkpoint_delete(store, NULL, 0, &err));
    seen = 0;
    OK(firn_store_checkpoint_list(store, NULL, count, &seen, &err));
    assert_int_equal(seen, 0);
}

static void
a_visitor_ends_the_listing(void **state)
{
    int seen = 7;
    for (int i = 0; i < 3; i++) {
        OK(firn_store_checkpoint_create(store, "", NULL, NULL, &err));
    }
    err.code = FIRN_OK;
    assert_int_equal(firn_store_checkpoint_list(store, NULL, count, &seen, &err), FIRN_CANCELLED);
    assert_int_equal(seen, 9);
    assert_int_equal(err.code, FIRN_CANCELLED);
    assert_string_equal(err.text, "stopped by the caller");
}

static void
snapshots_are_opened_at_checkpoints(void **state)
{
    firn_snapshot *snapshot;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    uint8_t *value;
    size_t size;
    OK(firn_store_checkpoint_create(store, "one", NULL, NULL, &err));
    OK(firn_put(keyspace, firn_str("a"), firn_str("2"), NULL, &err));
    OK(firn_snapshot_open(store, &options, &snapshot, &err));
    firn_snapshot_close(snapshot);
    options.checkpoint = "one";
    OK(firn_snapshot_open(store, &options, &snapshot, &err));
    /* It stays when the checkpoint goes. */
    OK(firn_store_checkpoint_delete(store, &options.checkpoint, 1, &err));
    OK(firn_store_compact(store, NULL, &err));
    OK(firn_snapshot_get(snapshot, keyspace, firn_str("a"), &value, &size, &err));
    assert_int_equal(value[0], '1');
    firn_release(value);
    firn_snapshot_close(snapshot);
    assert_int_equal(firn_snapshot_open(store, &options, &snapshot, &err), FIRN_NOT_FOUND);
    assert_null(snapshot);
    options.checkpoint = "";
    assert_int_equal(firn_snapshot_open(store, &options, &snapshot, &err), FIRN_INVALID);
    options.size = 1;
    assert_int_equal(firn_snapshot_open(store, &options, &snapshot, &err), FIRN_INVALID);
}

struct told {
    char text[256];
    int code;
};

static int
tell(void *ctx, const firn_store_difference *difference)
{
    static const char signs[] = " +-~kd";
    struct told *told = ctx;
    size_t size = strlen(told->text);
    (void)snprintf(told->text + size, sizeof told->text - size, "%c%s:%.*s=%.*s>%.*s ",
                   signs[difference->kind], difference->keyspace, (int)difference->key.size,
                   (const char *)difference->key.data, (int)difference->before.size,
                   (const char *)difference->before.data, (int)difference->after.size,
                   (const char *)difference->after.data);
    return told->code;
}

static void
two_states_are_compared(void **state)
{
    struct told told = {.code = FIRN_OK};
    firn_keyspace *other;
    firn_store_diff_options options = FIRN_STORE_DIFF_OPTIONS_INIT;
    OK(firn_put(keyspace, firn_str("b"), firn_str("1"), NULL, &err));
    OK(firn_store_checkpoint_create(store, "one", NULL, NULL, &err));
    OK(firn_put(keyspace, firn_str("a"), firn_str("2"), NULL, &err));
    OK(firn_delete(keyspace, firn_str("b"), NULL, &err));
    OK(firn_keyspace_open(store, "other", NULL, &other, &err));
    OK(firn_put(other, firn_str("x"), firn_str("y"), NULL, &err));
    OK(firn_store_diff(store, "one", NULL, NULL, tell, &told, &err));
    assert_string_equal(told.text, "~k:a=1>2 -k:b=1> kother:=> +other:x=>y ");
    told.text[0] = '\0';
    OK(firn_store_diff(store, NULL, "one", NULL, tell, &told, &err));
    assert_string_equal(told.text, "~k:a=2>1 +k:b=>1 dother:=> -other:x=y> ");
    told.text[0] = '\0';
    options.keyspace = "other";
    told.code = FIRN_CANCELLED;
    assert_int_equal(firn_store_diff(store, "one", NULL, &options, tell, &told, &err),
                     FIRN_CANCELLED);
    assert_int_equal(err.code, FIRN_CANCELLED);
    assert_string_equal(told.text, "kother:=> ");
    options.size = 0;
    assert_int_equal(firn_store_diff(store, "one", NULL, &options, tell, &told, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_store_diff(NULL, "one", NULL, NULL, tell, &told, &err), FIRN_INVALID);
    assert_int_equal(firn_store_diff(store, "one", NULL, NULL, NULL, &told, &err), FIRN_INVALID);
    assert_int_equal(firn_store_diff(store, "two", NULL, NULL, tell, &told, &err), FIRN_NOT_FOUND);
}

static void
structures_of_other_versions_are_understood(void **state)
{
    /* A caller that knows the number alone, and one that knows more than this version. */
    struct {
        firn_store_checkpoint known;
        uint8_t more[8];
    } longer = {.known.size = sizeof longer, .more = {1, 2, 3, 4, 5, 6, 7, 8}};
    firn_store_checkpoint shorter = {.size = offsetof(firn_store_checkpoint, id), .name = "same"};
    OK(firn_store_checkpoint_create(store, "one", NULL, &shorter, &err));
    assert_int_equal(shorter.number, 1);
    assert_string_equal(shorter.name, "same");
    OK(firn_store_checkpoint_find(store, "one", &longer.known, &err));
    assert_string_equal(longer.known.name, "one");
    for (size_t i = 0; i < sizeof longer.more; i++) {
        assert_int_equal(longer.more[i], 0);
    }
}

static void
arguments_that_cannot_be_meant_are_refused(void **state)
{
    firn_store_checkpoint out = {.size = sizeof out};
    firn_store_checkpoint unset = {0};
    firn_store_restore_result bad = {0};
    const char *const hole[] = {NULL};
    firn_store_checkpoint_list_options options = {0};
    int seen = 0;
#define REFUSED(expression) assert_int_equal((expression), FIRN_INVALID)
    REFUSED(firn_store_checkpoint_create(NULL, "a", NULL, NULL, &err));
    firn_store_checkpoint_options made = FIRN_STORE_CHECKPOINT_OPTIONS_INIT;
    made.created_ns = -1;
    REFUSED(firn_store_checkpoint_create(store, "a", &made, NULL, &err));
    made.size = 1;
    REFUSED(firn_store_checkpoint_create(store, "a", &made, NULL, &err));
    REFUSED(firn_store_checkpoint_create(store, "a", NULL, &unset, &err));
    REFUSED(firn_store_checkpoint_create(store, "not a name", NULL, NULL, &err));
    REFUSED(firn_store_checkpoint_list(NULL, NULL, count, &seen, &err));
    REFUSED(firn_store_checkpoint_list(store, NULL, NULL, NULL, &err));
    REFUSED(firn_store_checkpoint_list(store, &options, count, &seen, &err));
    REFUSED(firn_store_checkpoint_find(NULL, "1", &out, &err));
    REFUSED(firn_store_checkpoint_find(store, NULL, &out, &err));
    REFUSED(firn_store_checkpoint_find(store, "1", NULL, &err));
    REFUSED(firn_store_checkpoint_find(store, "1", &unset, &err));
    REFUSED(firn_store_checkpoint_find(store, "", &out, &err));
    REFUSED(firn_store_checkpoint_delete(NULL, hole, 0, &err));
    REFUSED(firn_store_checkpoint_delete(store, NULL, 1, &err));
    REFUSED(firn_store_checkpoint_delete(store, hole, 1, &err));
    REFUSED(firn_store_restore(NULL, "1", NULL, &err));
    REFUSED(firn_store_restore(store, NULL, NULL, &err));
    REFUSED(firn_store_restore(store, "1", &bad, &err));
    REFUSED(firn_store_undo(NULL, NULL, &err));
    REFUSED(firn_store_undo(store, &bad, &err));
    firn_store_export_options small = {.size = 1};
    firn_store_import_options little = {.size = 1};
    REFUSED(firn_store_export(NULL, "1", "x", NULL, &err));
    REFUSED(firn_store_export(store, "1", NULL, NULL, &err));
    REFUSED(firn_store_export(store, "1", "", NULL, &err));
    REFUSED(firn_store_export(store, "1", "x", &small, &err));
    REFUSED(firn_store_import(NULL, "x", NULL, NULL, &err));
    REFUSED(firn_store_import("x", NULL, NULL, NULL, &err));
    REFUSED(firn_store_import("", "x", NULL, NULL, &err));
    REFUSED(firn_store_import("x", "", NULL, NULL, &err));
    REFUSED(firn_store_import("x", "y", &little, NULL, &err));
    REFUSED(firn_store_import("x", "y", NULL, &unset, &err));
    assert_int_equal(firn_store_checkpoint_find(store, "1", &out, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_store_undo(store, NULL, &err), FIRN_NOT_FOUND);
    assert_now("1");
}

static int
count_calls(void *ctx, const firn_progress *progress)
{
    assert_non_null(progress->phase);
    ++*(int *)ctx;
    return FIRN_OK;
}

static void
remove_store(const char *path)
{
    static const char *const globs[] = {"/runs/*", "/*"};
    char pattern[128];
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
        glob_t found;
        (void)snprintf(pattern, sizeof pattern, "%s%s", path, globs[i]);
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t j = 0; j < found.gl_pathc; j++) {
                (void)remove(found.gl_pathv[j]);
            }
        }
        globfree(&found);
    }
    assert_int_equal(rmdir(path), 0);
}

static void
a_checkpoint_goes_into_a_file_and_back(void **state)
{
    char dir[TEST_TEMP_SIZE];
    char file[64];
    char copy[64];
    int calls = 0;
    firn_store *other;
    firn_keyspace *read;
    firn_store_options read_only = FIRN_STORE_OPTIONS_INIT;
    firn_store_export_options options = FIRN_STORE_EXPORT_OPTIONS_INIT;
    firn_store_checkpoint found = {.size = sizeof found};
    test_temp_make(dir, sizeof dir);
    (void)snprintf(file, sizeof file, "%s/file", dir);
    (void)snprintf(copy, sizeof copy, "%s/copy", dir);
    OK(firn_store_checkpoint_create(store, "one", NULL, NULL, &err));
    firn_store_checkpoint_options made = FIRN_STORE_CHECKPOINT_OPTIONS_INIT;
    made.created_ns = 1234567;
    OK(firn_store_checkpoint_create(store, "imported", &made, &found, &err));
    assert_true(found.created_ns == 1234567);
    OK(firn_store_checkpoint_find(store, "imported", &found, &err));
    assert_true(found.created_ns == 1234567);
    OK(firn_store_checkpoint_delete(store, (const char *const[]){"imported"}, 1, &err));
    options.callbacks.on_progress = count_calls;
    options.callbacks.ctx = &calls;
    OK(firn_store_export(store, "one", file, &options, &err));
    assert_true(calls >= 2);
    assert_int_equal(firn_store_export(store, NULL, file, NULL, &err), FIRN_EXISTS);
    options.replace_existing = true;
    OK(firn_store_export(store, "1", file, &options, &err));
    read_only.read_only = true;
    OK(firn_store_open(file, &read_only, &other, &err));
    OK(firn_keyspace_open(other, "k", NULL, &read, &err));
    assert_int_equal(firn_put(read, firn_str("a"), firn_str("2"), NULL, &err), FIRN_READ_ONLY);
    assert_int_equal(firn_store_clone(other, copy, NULL, &err), FIRN_READ_ONLY);
    OK(firn_store_close(other, &err));
    assert_int_equal(firn_store_open(file, NULL, &other, &err), FIRN_READ_ONLY);
    OK(firn_store_import(file, copy, NULL, &found, &err));
    assert_string_equal(found.name, "one");
    assert_int_equal(found.number, 1);
    OK(firn_store_open(copy, NULL, &other, &err));
    OK(firn_keyspace_open(other, "k", NULL, &read, &err));
    OK(firn_put(read, firn_str("a"), firn_str("2"), NULL, &err));
    OK(firn_store_restore(other, "one", NULL, &err));
    OK(firn_store_close(other, &err));
    assert_int_equal(unlink(file), 0);
    remove_store(copy);
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_application_goes_back_and_forth),
        TEST(a_visitor_ends_the_listing),
        TEST(snapshots_are_opened_at_checkpoints),
        TEST(two_states_are_compared),
        TEST(a_checkpoint_goes_into_a_file_and_back),
        TEST(structures_of_other_versions_are_understood),
        TEST(arguments_that_cannot_be_meant_are_refused),
    };
    return cmocka_run_group_tests_name("checkpoint_api", tests, NULL, NULL);
}
