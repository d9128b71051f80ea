/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: what a repair makes of stores of which one file was damaged (test_db_cuts.c) and that
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
 *   where a run or a file of values was damaged it says that something is lost, unless it shows all
 *   events; each value that it shows is one that was committed.
 * Where something is said to be lost, merges add up what is left.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "db_cuts.h"
#include "rescue/rescue.h"
#include "sim/sim_memory.h"

struct telling {
    struct firn_buf text;
};

static void
on_damage(void *ctx, const char *text)
{
    struct telling *telling = ctx;
    assert_int_equal(firn_buf_append_format(&telling->text, "%s\n", text), FIRN_OK);
}

/* ---- looking ---- */

/* FIRN_OK, or what says that the store is damaged. */
static int
look(struct firn_os_dir *dir, const struct firn_db_options *options, bool compacts, char **out,
     firn_error *err)
{
    struct firn_db *db;
    *out = NULL;
    int rc = firn_db_open(dir, options, &db, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (compacts) {
        rc = firn_db_maintain_compact(db, NULL, err);
    }
    rc = rc == FIRN_OK ? db_cuts_show(db, out, err) : rc;
    int close_rc = firn_db_close(db, rc == FIRN_OK ? err : NULL);
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
    struct firn_rescue_result result;
    const char *told;
    const char *shown;
};

static bool
is_as_promised(const struct db_cuts_scene *scene, const struct db_cuts_damage *damage,
               const struct outcome *outcome)
{
    int state = db_cuts_find_state(scene, outcome->shown);
    bool is_all = state == (int)scene->events;
    bool says_loss = outcome->result.state != FIRN_RESCUE_KEPT && outcome->told[0] != '\0';
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

static int
remove_manifest(void *ctx, const struct firn_os_dirent *entry)
{
    firn_error err;
    if (strncmp(entry->name, "manifest-", 9) == 0) {
        DB_OK(firn_os_remove_file(ctx, entry->name, &err));
    }
    return FIRN_OK;
}

/* The repaired store, which has been written to since, loses its MANIFEST: all of it comes back again.
 * Not where checkpoints make up a part of what is shown. */
static void
repair_again(struct db_cuts_scene *scene, struct firn_os_dir *mended, const char *expected)
{
    firn_error err;
    struct telling telling = {{0}};
    struct firn_rescue_result result;
    const struct firn_rescue_options options = {.on_damage = on_damage, .ctx = &telling};
    struct firn_os_dir *again;
    struct firn_os_dir *own;
    char *shown;
    char name[32];
    (void)snprintf(name, sizeof name, "again%llu", (unsigned long long)scene->count);
    again = db_cuts_make_dir(scene, name);
    DB_OK(firn_os_dir_open_beneath(mended, "", &own, &err));
    DB_OK(firn_os_dir_list(mended, remove_manifest, own, &err));
    firn_os_dir_close(own);
    DB_OK(firn_rescue(mended, again, &options, &result, &err));
    DB_OK(look(again, &db_support_existing, true, &shown, &err));
    assert_string_equal(shown, expected);
    firn_free(shown);
    firn_buf_deinit(&telling.text);
    firn_os_dir_close(again);
}

static void
repair(struct db_cuts_scene *scene, const struct db_cuts_damage *damage)
{
    struct firn_os_dir *mended;
    firn_error err;
    struct telling telling = {{0}};
    struct outcome outcome = {.told = ""};
    const struct firn_rescue_options options = {.on_damage = on_damage, .ctx = &telling};
    char *before = NULL;
    char *after = NULL;
    char name[32];
    (void)snprintf(name, sizeof name, "mended%llu", (unsigned long long)scene->count);
    mended = db_cuts_make_dir(scene, name);
    DB_OK(firn_rescue(scene->copy, mended, &options, &outcome.result, &err));
    assert_int_equal(firn_buf_append_u8(&telling.text, 0), FIRN_OK);
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
    firn_free(after);
    DB_OK(look(mended, &db_support_read_only, false, &after, &err));
    assert_string_equal(before, after);
    if (!scene->has_checkpoints && scene->count % 3 == 0) {
        repair_again(scene, mended, before);
    }
    firn_free(before);
    firn_free(after);
    firn_buf_deinit(&telling.text);
    firn_os_dir_close(mended);
}

static void
judge(struct db_cuts_scene *scene, const struct db_cuts_damage *damage)
{
    firn_error err;
    char *shown;
    scene->count++;
    int rc = look(scene->copy, &db_support_read_only, false, &shown, &err);
    firn_free(shown);
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
    (void)state;
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
    struct firn_os *os = scene->support.os;
    db_cuts_put(scene, 9);
    DB_OK(firn_db_maintain_flush(scene->db, &err));
    db_cuts_put(scene, 9);
    DB_OK(firn_db_maintain_compact(scene->db, NULL, &err));
    db_cuts_put(scene, 9);
    firn_sim_memory_set_cut_at(os, firn_sim_memory_calls(os) + call);
    int rc = firn_db_maintain_flush(scene->db, &err);
    rc = rc == FIRN_OK ? firn_db_maintain_compact(scene->db, NULL, &err) : rc;
    firn_sim_memory_set_cut_at(os, 0);
    firn_db_abandon(scene->db);
    firn_os_dir_close(scene->dir);
    db_support_cut(&scene->support, call);
    DB_OK(firn_os_dir_open_path(os, scene->path, &scene->dir, &err));
    return rc != FIRN_OK;
}

static void
a_crash_within_works_and_the_loss_of_manifest_lose_nothing(void **state)
{
    (void)state;
    bool is_cut = true;
    for (uint64_t call = 1; is_cut; call++) {
        struct db_cuts_scene scene;
        firn_error err;
        const struct db_cuts_damage damage = {.path = "manifest-", .at = (size_t)call, .bit = -1};
        db_cuts_begin(&scene);
        is_cut = work_until_cut(&scene, call);
        struct firn_os_dir *own;
        DB_OK(firn_os_dir_open_beneath(scene.dir, "", &own, &err));
        DB_OK(firn_os_dir_list(scene.dir, remove_manifest, own, &err));
        firn_os_dir_close(own);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_within_works_and_the_loss_of_manifest_lose_nothing),
        cmocka_unit_test(what_is_refused_can_be_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
