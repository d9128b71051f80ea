/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rescue: what a repair makes of stores of which one file was damaged (test_db_cuts.c) and that
 * are refused, or that show damage when they are read.
 *
 * What must hold of the repaired store:
 *   it opens, is sound to the last byte, can be written to and compacted, and shows the same then;
 *   the damaged one is as it was;
 *   where MANIFEST or the identity was damaged it shows all events, or, where checkpoints were made or
 *   restored, says what it could not know, and each value of now is one that was committed;
 *   where names of keyspaces are lost it says so, and gives others;
 *   where the log was damaged it shows a prefix, with all that was in runs at least; but where a load has
 *   flushed one keyspace alone, that one may be further than others;
 *   where the keys of an encrypted store were damaged there is none;
 *   where a run or a file of values was damaged it says that something is lost, unless it shows all
 *   events; each value that it shows is one that was committed.
 * Where something is said to be lost, merges add up what is left.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lsm/lsm_internal.h"
#include "rescue/rescue.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_cuts.h"
#include "support/test_peak.h"

struct telling {
    struct fi_buf text;
};

static void
on_damage(void *ctx, const char *text)
{
    struct telling *telling = ctx;
    assert_int_equal(fi_buf_append_format(&telling->text, "%s\n", text), FIRN_OK);
}

/* ---- looking ---- */

/* FIRN_OK, or what says that the store is damaged. */
static int
look(struct fi_os_dir *dir, const struct fi_db_options *options, bool compacts, char **out,
     firn_error *err)
{
    struct firn_db *db;
    *out = NULL;
    int rc = fi_db_open(dir, options, &db, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (compacts) {
        rc = fi_db_maintain_compact(db, NULL, err);
    }
    rc = rc == FIRN_OK ? db_cuts_show(db, out, err) : rc;
    int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}

/* Whether every line of now, but for checkpoints, is one of some state. */
static bool
is_of_past(const struct db_cuts_scene *scene, const char *shown, char line_out[256])
{
    const char *end = strstr(shown, "checkpoint ");
    end = end == NULL ? shown + strlen(shown) : end;
    while (shown < end) {
        const char *line_end = strchr(shown, '\n') + 1;
        bool is_found = false;
        (void)snprintf(line_out, 256, "%.*s", (int)(line_end - shown), shown);
        for (unsigned i = 0; i <= scene->events && !is_found; i++) {
            is_found = strstr(scene->states[i], line_out) != NULL;
        }
        is_found = is_found || strncmp(line_out, "keyspace recovered-", 19) == 0 ||
                   strncmp(line_out, " sum=", 5) == 0;
        if (!is_found) {
            return false;
        }
        shown = line_end;
    }
    return true;
}

static bool
is_data(const char *path)
{
    return strncmp(path, "runs/", 5) == 0;
}

struct outcome {
    struct fi_rescue_result result;
    const char *told;
    const char *shown;
};

static bool
is_as_promised(const struct db_cuts_scene *scene, const struct db_cuts_damage *damage,
               const struct outcome *outcome)
{
    int state = db_cuts_find_state(scene, outcome->shown);
    bool is_all = state == (int)scene->events;
    bool says_loss = outcome->result.state != FI_RESCUE_KEPT && outcome->told[0] != '\0';
    char line[256];
    bool is_past = is_of_past(scene, outcome->shown, line);
    bool has_new_names = strstr(outcome->shown, "keyspace recovered-") != NULL;
    if (has_new_names) {
        return says_loss && is_past && strstr(outcome->told, "the name of keyspace") != NULL;
    }
    if (strncmp(damage->path, "wal-", 4) == 0) {
        return (state >= (int)scene->in_runs || (scene->has_loads && is_past)) &&
               (is_all || says_loss);
    }
    if (is_data(damage->path) || scene->has_checkpoints) {
        return is_all || (says_loss && is_past);
    }
    return is_all;
}

/* ---- repairing ---- */

struct removing {
    struct fi_os_dir *dir;
    const char *prefix;
};

static int
remove_one(void *ctx, const struct fi_os_dirent *entry)
{
    const struct removing *removing = ctx;
    firn_error err;
    if (strncmp(entry->name, removing->prefix, strlen(removing->prefix)) == 0) {
        DB_OK(fi_os_remove_file(removing->dir, entry->name, &err));
    }
    return FIRN_OK;
}

static void
remove_files(struct fi_os_dir *dir, const char *prefix)
{
    firn_error err;
    struct removing removing = {.prefix = prefix};
    DB_OK(fi_os_dir_open_beneath(dir, "", &removing.dir, &err));
    DB_OK(fi_os_dir_list(dir, remove_one, &removing, &err));
    fi_os_dir_close(removing.dir);
}

/* The repaired store, which has been written to since, loses its MANIFEST: all of it comes back again.
 * Not where checkpoints make up a part of what is shown. */
static void
repair_again(struct db_cuts_scene *scene, struct fi_os_dir *mended, const char *expected)
{
    firn_error err;
    struct telling telling = {{0}};
    struct fi_rescue_result result;
    const struct fi_rescue_options options = {.on_damage = on_damage, .ctx = &telling};
    struct fi_os_dir *again;
    char *shown;
    char name[32];
    (void)snprintf(name, sizeof name, "again%llu", (unsigned long long)scene->count);
    again = db_cuts_make_dir(scene, name);
    remove_files(mended, "manifest-");
    DB_OK(fi_rescue(mended, again, &options, &result, &err));
    DB_OK(look(again, &db_support_existing, true, &shown, &err));
    assert_string_equal(shown, expected);
    fi_free(shown);
    fi_buf_deinit(&telling.text);
    fi_os_dir_close(again);
}

static void
repair(struct db_cuts_scene *scene, const struct db_cuts_damage *damage)
{
    struct fi_os_dir *mended;
    firn_error err;
    struct telling telling = {{0}};
    struct outcome outcome = {.told = ""};
    const struct fi_rescue_options options = {.on_damage = on_damage, .ctx = &telling};
    char *before = NULL;
    char *after = NULL;
    char name[32];
    (void)snprintf(name, sizeof name, "mended%llu", (unsigned long long)scene->count);
    mended = db_cuts_make_dir(scene, name);
    if (strcmp(damage->path, "FIRN.keys") == 0) {
        DB_FAILS(fi_rescue(scene->copy, mended, &options, &outcome.result, &err), FIRN_CORRUPT,
                 "FIRN.keys");
        fi_os_dir_close(mended);
        return;
    }
    DB_OK(fi_rescue(scene->copy, mended, &options, &outcome.result, &err));
    assert_int_equal(fi_buf_append_u8(&telling.text, 0), FIRN_OK);
    outcome.told = (const char *)telling.text.data;
    DB_OK(look(mended, &db_support_read_only, false, &before, &err));
    assert_non_null(before);
    outcome.shown = before;
    if (!is_as_promised(scene, damage, &outcome)) {
        char line[256] = "";
        bool is_past = is_of_past(scene, before, line);
        print_message(
            "%s at %zu, bit %d: state %d of %u, result %d, runs lost %llu, taken %llu, told:\n%s"
            "%s%s\nshown:\n%s\nexpected:\n%s\n",
            damage->path, damage->at, damage->bit, db_cuts_find_state(scene, before), scene->events,
            (int)outcome.result.state, (unsigned long long)outcome.result.runs_lost,
            (unsigned long long)outcome.result.runs_taken, outcome.told,
            is_past ? "" : "never was: ", is_past ? "" : line, before,
            scene->states[scene->events]);
        fail();
    }
    DB_OK(look(mended, &db_support_existing, true, &after, &err));
    assert_string_equal(before, after);
    fi_free(after);
    DB_OK(look(mended, &db_support_read_only, false, &after, &err));
    assert_string_equal(before, after);
    if (!scene->has_checkpoints && scene->count % 3 == 0) {
        repair_again(scene, mended, before);
    }
    fi_free(before);
    fi_free(after);
    fi_buf_deinit(&telling.text);
    fi_os_dir_close(mended);
}

static void
judge(struct db_cuts_scene *scene, const struct db_cuts_damage *damage)
{
    firn_error err;
    char *shown;
    scene->count++;
    int rc = look(scene->copy, &db_support_read_only, false, &shown, &err);
    fi_free(shown);
    if (rc != FIRN_OK) {
        assert_true(db_cuts_is_finding(rc));
        scene->refused++;
        if (rc != FIRN_NEWER) {
            repair(scene, damage);
        }
    }
}

static void
what_is_refused_can_be_repaired(void **state)
{
    for (size_t i = 0; i < db_cuts_kind_count; i++) {
        db_cuts_run(&db_cuts_kinds[i], 9, judge);
    }
}

/* ---- a crash, and no MANIFEST ---- */

/* Flushes and compacts until the power goes at a call. False where the call never came. */
static bool
work_until_cut(struct db_cuts_scene *scene, uint64_t call)
{
    firn_error err;
    struct fi_os *os = scene->support.os;
    db_cuts_put(scene, 9);
    DB_OK(fi_db_maintain_flush(scene->db, &err));
    db_cuts_put(scene, 9);
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    db_cuts_put(scene, 9);
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
    int rc = fi_db_maintain_flush(scene->db, &err);
    rc = rc == FIRN_OK ? fi_db_maintain_compact(scene->db, NULL, &err) : rc;
    fi_sim_memory_set_cut_at(os, 0);
    fi_db_abandon(scene->db);
    fi_os_dir_close(scene->dir);
    db_support_cut(&scene->support, call);
    DB_OK(fi_os_dir_open_path(os, scene->path, &scene->dir, &err));
    return rc != FIRN_OK;
}

static void
a_crash_within_works_and_the_loss_of_manifest_lose_nothing(void **state)
{
    bool is_cut = true;
    for (uint64_t call = 1; is_cut; call++) {
        struct db_cuts_scene scene;
        const struct db_cuts_damage damage = {.path = "manifest-", .at = (size_t)call, .bit = -1};
        db_cuts_begin(&scene);
        is_cut = work_until_cut(&scene, call);
        remove_files(scene.dir, "manifest-");
        scene.copy = db_cuts_make_dir(&scene, "copy");
        db_support_copy(scene.dir, scene.copy);
        scene.count = call;
        repair(&scene, &damage);
        db_cuts_end(&scene);
        if (!is_cut) {
            print_message("count: %llu crashes within flushes and compactions\n",
                          (unsigned long long)call);
        }
    }
}

/* ---- many keyspaces ---- */

/* The most memory that a repair takes whose MANIFEST is lost. */
static size_t
measure_repair(unsigned keyspaces)
{
    struct db_cuts_scene scene;
    struct telling telling = {{0}};
    const struct fi_rescue_options options = {.on_damage = on_damage, .ctx = &telling};
    struct fi_rescue_result result;
    struct fi_os_dir *mended;
    firn_error err;
    test_peak_install();
    db_support_init(&scene.support, 11);
    struct firn_db *db = db_support_open(scene.support.dir);
    for (unsigned i = 0; i < keyspaces; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%04u", i);
        db_support_put(db_support_keyspace(db, name), "key", name);
    }
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_close(db, &err));
    remove_files(scene.support.dir, "manifest-");
    mended = db_cuts_make_dir(&scene, "mended");
    size_t before = test_peak_in_use();
    (void)test_peak_take();
    DB_OK(fi_rescue(scene.support.dir, mended, &options, &result, &err));
    size_t most = test_peak_take() - before;
    assert_int_equal(result.state, FI_RESCUE_KEPT);
    assert_int_equal(result.runs_taken, keyspaces + 1); /* and the list of them */
    fi_buf_deinit(&telling.text);
    fi_os_dir_close(mended);
    db_support_deinit(&scene.support);
    test_peak_uninstall();
    return most;
}

/* Each run is described once, not once for each keyspace: 500 keyspaces in 500 runs would need 50 MiB. */
static void
a_repair_needs_memory_by_the_number_of_keyspaces(void **state)
{
    size_t few = measure_repair(20);
    size_t many = measure_repair(500);
    print_message("count: %zu bytes for 20 keyspaces, %zu for 500\n", few, many);
    assert_true(many < few + ((size_t)16 << 20));
}

/* ---- the number of a keyspace that nothing names ---- */

static int
note_run(void *ctx, const struct fi_lsm_part *part, firn_error *err)
{
    uint64_t *number = ctx;
    (void)err;
    if (part->memtable == NULL) {
        assert_int_equal(*number, 0);
        *number = part->file->info.number;
    }
    return FIRN_OK;
}

/* A store of one keyspace with that number; the list of keyspaces, MANIFEST and the log are lost. */
static void
make_nameless(struct db_support *support, uint32_t id)
{
    struct fi_os_dir *runs;
    uint64_t number = 0;
    char name[FI_VERSION_FILE_NAME_SIZE];
    firn_error err;
    struct firn_db *db = db_support_open(support->dir);
    fi_db_image(db)->next_id = id;
    db_support_put(db_support_keyspace(db, "far"), "key", "value");
    DB_OK(fi_db_maintain_flush(db, &err));
    const struct fi_db_tree *list = fi_db_trees_find(fi_db_image(db), FI_DB_KEYSPACE_LIST);
    DB_OK(fi_lsm_tree_visit_parts(list->lsm_tree, NULL, note_run, &number, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_os_dir_open(support->dir, "runs", &runs, &err));
    fi_version_file_name(number, fi_db_image_kinds[0], name);
    DB_OK(fi_os_remove_file(runs, name, &err));
    fi_os_dir_close(runs);
    remove_files(support->dir, "manifest-");
    remove_files(support->dir, "wal-");
}

/* Checks what a repair makes of such a keyspace. */
static void
repair_nameless(uint32_t id, const char *expected_name, const char *expected_text)
{
    struct db_cuts_scene scene;
    struct telling telling = {{0}};
    const struct fi_rescue_options options = {.on_damage = on_damage, .ctx = &telling};
    struct fi_rescue_result result;
    struct firn_db_keyspace *keyspace;
    firn_error err;
    db_support_init(&scene.support, 12);
    make_nameless(&scene.support, id);
    struct fi_os_dir *mended = db_cuts_make_dir(&scene, "mended");
    DB_OK(fi_rescue(scene.support.dir, mended, &options, &result, &err));
    assert_int_equal(result.state, FI_RESCUE_SHORTENED);
    assert_int_equal(fi_buf_append_u8(&telling.text, 0), FIRN_OK);
    assert_non_null(strstr((const char *)telling.text.data, expected_text));
    struct firn_db *db = db_support_open(mended);
    if (expected_name != NULL) {
        DB_OK(fi_db_keyspace_open_existing(db, expected_name, &keyspace, &err));
        assert_string_equal(db_support_get(keyspace, "key"), "value");
    } else {
        db_support_put(db_support_keyspace(db, "new"), "key", "value");
    }
    DB_OK(fi_db_close(db, &err));
    fi_buf_deinit(&telling.text);
    fi_os_dir_close(mended);
    db_support_deinit(&scene.support);
}

static void
numbers_of_keyspaces_are_not_believed(void **state)
{
    repair_nameless(40, "recovered-40", "keyspace 40 is lost");
    repair_nameless(4000000000U, NULL, "1 keyspaces whose names are lost are left out");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_within_works_and_the_loss_of_manifest_lose_nothing),
        cmocka_unit_test(what_is_refused_can_be_repaired),
        cmocka_unit_test(a_repair_needs_memory_by_the_number_of_keyspaces),
        cmocka_unit_test(numbers_of_keyspaces_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
