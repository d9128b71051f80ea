/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: a workspace against a model. The model is the text of the tree at each
 * checkpoint. Random trees are edited, saved, restored, undone, compared, listed, checked and moved
 * in a random order, checkpoints are pinned, deleted or let go by their age, paths are forgotten and their space is collected, with the power cut in
 * between and every way out of a restore that it interrupts; after each step the tree and every
 * count must be what the model says.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs 5,000 steps for each of eight.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "os/os_memory.h"
#include "ws_edit.h"
#include "ws_support.h"

/* More checkpoints would make the checks of a long run slow, and show nothing else. */
enum { LIVE_MAX = 24 };

struct checkpoint {
    char *dump;          /* NULL: it was deleted */
    uint64_t root_files; /* as the save said */
    bool is_pinned;
};

struct model {
    struct ws_world world;
    struct test_random random;
    struct checkpoint *checkpoints; /* [i] has number i + 1 */
    size_t count;
    size_t live;       /* of them were not deleted; at least one */
    char *safety;      /* what undo brings back; NULL: nothing */
    char *safety_part; /* of it only this path (escaped); NULL: all */
};

static uint64_t
below(struct model *model, uint64_t limit)
{
    return test_random_below(&model->random, limit);
}

static bool
is_in_memory(const struct model *model)
{
    return model->world.tree.temp_path == NULL;
}

static uint64_t
calls(const struct model *model)
{
    return is_in_memory(model) ? firn_os_memory_calls(model->world.tree.os) : 0;
}

static void
must(struct model *model, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), model->world.err.text);
    }
}

static void
reference_of(size_t index, char *out, size_t size)
{
    snprintf(out, size, "%zu", index + 1);
}

/* One that was not deleted. */
static size_t
pick(struct model *model)
{
    size_t index;
    do {
        index = below(model, model->count);
    } while (model->checkpoints[index].dump == NULL);
    return index;
}

/* The newest that was not deleted; its number is one more. */
static size_t
latest(const struct model *model)
{
    size_t index = model->count - 1;
    while (model->checkpoints[index].dump == NULL) {
        index--;
    }
    return index;
}

/* ---- steps ---- */

static void
edit(struct model *model)
{
    for (uint64_t left = 1 + below(model, 12); left > 0; left--) {
        ws_edit_step(&model->world.tree, &model->random);
    }
}

static void
save(struct model *model)
{
    char *dump = ws_dump(&model->world);
    firn_save_result result = ws_save(&model->world);
    assert_int_equal(result.checkpoint.number, model->count + 1);
    assert_int_equal(result.checkpoint.skipped, 0);
    const char *previous = model->count == 0 ? "" : model->checkpoints[latest(model)].dump;
    struct ws_edit_counts counts = ws_edit_compare(previous, dump);
    assert_int_equal(result.added, counts.added);
    assert_int_equal(result.changed, counts.changed);
    assert_int_equal(result.removed, counts.removed);
    assert_int_equal(result.checkpoint.files, counts.added + counts.changed + counts.unchanged);
    ws_assert_dump(&model->world, dump);
    model->checkpoints =
        realloc(model->checkpoints, (model->count + 1) * sizeof *model->checkpoints);
    assert_non_null(model->checkpoints);
    model->checkpoints[model->count++] =
        (struct checkpoint){.dump = dump, .root_files = result.checkpoint.files};
    model->live++;
}

static void
forget_dump(struct model *model, size_t index)
{
    free(model->checkpoints[index].dump);
    model->checkpoints[index].dump = NULL;
    model->live--;
}

static void
set_pin(struct model *model, size_t index, bool is_pinned)
{
    char text[32];
    const char *reference = text;
    reference_of(index, text, sizeof text);
    must(model,
         firn_ws_pin_set(model->world.ws, &reference, 1, is_pinned, NULL, NULL, &model->world.err));
    model->checkpoints[index].is_pinned = is_pinned;
}

struct expiring {
    struct model *model;
    size_t last; /* so many have to stay */
};

static int
meet_expired(void *ctx, const firn_checkpoint *checkpoint)
{
    struct expiring *expiring = ctx;
    struct model *model = expiring->model;
    size_t newer = 0;
    if (checkpoint->is_safety) {
        return FIRN_OK;
    }
    size_t index = checkpoint->number - 1;
    assert_true(index < model->count && model->checkpoints[index].dump != NULL);
    assert_false(model->checkpoints[index].is_pinned);
    assert_true(firn_os_now_ns(model->world.tree.os) - checkpoint->created_ns >
                INT64_C(24) * 3600 * 1000000000);
    for (size_t i = index + 1; i < model->count; i++) {
        newer += model->checkpoints[i].dump != NULL ? 1 : 0;
    }
    assert_true(newer >= expiring->last);
    forget_dump(model, index);
    return FIRN_OK;
}

/* Pins one, lets one go, or all that is too old. They are told newest first, so that whoever is met
 * has all that are newer and stay before him. */
static void
keep(struct model *model)
{
    struct expiring expiring = {.model = model, .last = 1 + below(model, 6)};
    firn_expire_options options = FIRN_EXPIRE_OPTIONS_INIT;
    char policy[32];
    size_t index = pick(model);
    if (below(model, 2) == 0) {
        set_pin(model, index, !model->checkpoints[index].is_pinned);
        return;
    }
    snprintf(policy, sizeof policy, "last:%zu", expiring.last);
    options.keep = policy;
    must(model, firn_ws_expire_request(model->world.ws, &options, meet_expired, &expiring,
                                       &model->world.err));
    ws_assert_check_clean(&model->world);
}

/* Deletes one checkpoint, but never the last. */
static void
delete_one(struct model *model)
{
    if (model->live < 2) {
        return;
    }
    char text[32];
    const char *reference = text;
    size_t index = pick(model);
    reference_of(index, text, sizeof text);
    const firn_delete_options options = FIRN_DELETE_OPTIONS_INIT;
    struct firn_ws *ws = model->world.ws;
    char *before = ws_dump(&model->world);
    if (model->checkpoints[index].is_pinned) {
        assert_int_equal(firn_ws_delete(ws, &reference, 1, &options, NULL, NULL, &model->world.err),
                         FIRN_CONFLICT);
        set_pin(model, index, false);
    }
    must(model, firn_ws_delete(ws, &reference, 1, &options, NULL, NULL, &model->world.err));
    forget_dump(model, index);
    firn_checkpoint found;
    assert_int_equal(firn_ws_find(ws, reference, &found, &model->world.err), FIRN_NOT_FOUND);
    ws_assert_dump(&model->world, before);
    free(before);
}

/* Collects what nobody needs, by turns after a week in which safety checkpoints grew too old: the
 * tree stays as it is, and all checkpoints stay whole. */
static void
collect(struct model *model)
{
    const int64_t week_and_more_ns = INT64_C(8) * 24 * 3600 * 1000 * 1000 * 1000;
    firn_gc_options options = FIRN_GC_OPTIONS_INIT;
    firn_gc_result result;
    struct firn_os *os = model->world.tree.os;
    options.full = below(model, 2) == 0;
    if (is_in_memory(model) && below(model, 2) == 0) {
        firn_os_memory_set_time(os, firn_os_now_ns(os) + week_and_more_ns);
    }
    char *before = ws_dump(&model->world);
    must(model, firn_ws_gc(model->world.ws, &options, &result, &model->world.err));
    assert_int_equal(result.damaged, 0);
    ws_assert_dump(&model->world, before);
    ws_assert_check_clean(&model->world);
    free(before);
}

/* Renames the root; its history comes along when it is adopted. */
static void
move(struct model *model)
{
    struct ws_world *world = &model->world;
    struct firn_os_dir *top;
    char to[32];
    snprintf(to, sizeof to, "/w%u", (unsigned)below(model, 1000));
    if (strcmp(to, world->root_path) == 0) {
        return;
    }
    must(model, firn_os_dir_open_path(world->tree.os, "/", &top, &world->err));
    must(model, firn_os_rename(top, world->root_path + 1, top, to + 1, FIRN_OS_RENAME_NO_REPLACE,
                               &world->err));
    firn_os_dir_close(top);
    free(world->root_path);
    world->root_path = strdup(to);
    ws_world_reopen(world);
    assert_int_equal(ws_try_save(world, NULL), FIRN_CONFLICT);
    must(model, firn_ws_adopt(world->ws, NULL, &world->err));
    ws_world_reopen(world);
}

static void
assert_counts(const firn_restore_result *result, const char *before, const char *after)
{
    struct ws_edit_counts counts = ws_edit_compare(before, after);
    assert_int_equal(result->added, counts.added);
    assert_int_equal(result->changed, counts.changed);
    assert_int_equal(result->removed, counts.removed);
    assert_int_equal(result->unchanged, counts.unchanged);
}

/* before and part (escaped, or NULL) are taken over. */
static void
remember_safety(struct model *model, const firn_restore_result *result, char *before, char *part)
{
    if (result->safety_id[0] == '\0') {
        free(before);
        free(part);
        return;
    }
    free(model->safety);
    free(model->safety_part);
    model->safety = before;
    model->safety_part = part;
}

static void
dry_run(struct model *model, const char *reference, firn_restore_result *out)
{
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    options.dry_run = true;
    options.threads = model->world.threads;
    uint64_t calls_before = calls(model);
    must(model, firn_ws_restore(model->world.ws, reference, &options, out, &model->world.err));
    assert_int_equal(calls(model), calls_before);
}

static void
restore(struct model *model)
{
    char reference[32];
    size_t index = pick(model);
    const char *wanted = model->checkpoints[index].dump;
    reference_of(index, reference, sizeof reference);
    char *before = ws_dump(&model->world);
    firn_restore_result dry;
    dry_run(model, reference, &dry);
    ws_assert_dump(&model->world, before);
    assert_counts(&dry, before, wanted);
    firn_restore_result result = ws_restore(&model->world, reference);
    assert_counts(&result, before, wanted);
    assert_int_equal(result.incomplete, 0);
    ws_assert_dump(&model->world, wanted);
    assert_true(result.safety_id[0] != '\0' || strcmp(before, wanted) == 0);
    remember_safety(model, &result, before, NULL);
}

/* ---- a part of the tree ---- */

struct part {
    const char *path; /* escaped */
    bool inside;
};

static bool
is_in_part(void *ctx, const char *path, size_t size)
{
    const struct part *part = ctx;
    size_t part_size = strlen(part->path);
    bool is_inside = size >= part_size && memcmp(path, part->path, part_size) == 0 &&
                     (size == part_size || path[part_size] == '/');
    bool is_above = size < part_size && memcmp(path, part->path, size) == 0 &&
                    part->path[size] == '/'; /* may have to be made */
    return part->inside ? is_inside : !is_inside && !is_above;
}

/* What a restore of a part may be held to. Outside of it only contents: it moves the times of
 * directories above, and the metadata of an inode is that of all its names. */
static char *
lines_of_part(const char *dump, const struct part *part)
{
    const char *const loose[] = {"mode=", "uid=", "gid=", "mtime=", "xattrs=", "link="};
    char *lines = ws_edit_lines(dump, is_in_part, (void *)(uintptr_t)part);
    char *result =
        part->inside ? ws_edit_without(lines, loose + 5, 1) : ws_edit_without(lines, loose, 6);
    free(lines);
    return result;
}

static void
assert_same_part(const char *found, const char *wanted, const char *path, bool inside)
{
    const struct part part = {.path = path, .inside = inside};
    char *left = lines_of_part(found, &part);
    char *right = lines_of_part(wanted, &part);
    assert_string_equal(left, right);
    free(left);
    free(right);
}

/* ---- undo ---- */

static void
undo(struct model *model)
{
    firn_restore_result result;
    if (model->safety == NULL) {
        assert_int_equal(ws_try_undo(&model->world, &result), FIRN_NOT_FOUND);
        return;
    }
    char *before = ws_dump(&model->world);
    int rc = ws_try_undo(&model->world, &result);
    if (rc == FIRN_CONFLICT && model->safety_part != NULL) {
        /* What was a directory above it is something else by now. */
        ws_assert_dump(&model->world, before);
        free(before);
        return;
    }
    must(model, rc);
    char *part = NULL;
    if (model->safety_part == NULL) {
        assert_counts(&result, before, model->safety);
        ws_assert_dump(&model->world, model->safety);
    } else {
        char *after = ws_dump(&model->world);
        part = strdup(model->safety_part);
        assert_same_part(after, model->safety, part, true);
        assert_same_part(after, before, part, false);
        free(after);
    }
    remember_safety(model, &result, before, part);
}

static void
undo_twice(struct model *model)
{
    char *before = ws_dump(&model->world);
    bool can = model->safety != NULL;
    undo(model);
    if (can) {
        bool is_whole = model->safety_part == NULL;
        undo(model);
        if (is_whole) {
            ws_assert_dump(&model->world, before);
        }
    }
    free(before);
}

/* ---- restoring a part ---- */

static void
restore_part(struct model *model)
{
    struct ws_edit_list list;
    ws_edit_list_fill(&list, &model->world.tree);
    if (list.count == 0) {
        ws_edit_list_deinit(&list);
        return;
    }
    const char *path = list.items[below(model, list.count)].path;
    char *escaped = ws_edit_escape(path);
    char reference[32];
    size_t index = pick(model);
    const char *wanted = model->checkpoints[index].dump;
    reference_of(index, reference, sizeof reference);
    firn_slice slice = firn_str(path);
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result dry;
    firn_restore_result result;
    options.paths = &slice;
    options.path_count = 1;
    options.threads = model->world.threads;
    options.dry_run = true;
    char *before = ws_dump(&model->world);
    uint64_t calls_before = calls(model);
    must(model, firn_ws_restore(model->world.ws, reference, &options, &dry, &model->world.err));
    assert_int_equal(calls(model), calls_before);
    options.dry_run = false;
    must(model, firn_ws_restore(model->world.ws, reference, &options, &result, &model->world.err));
    assert_int_equal(result.added, dry.added);
    assert_int_equal(result.changed, dry.changed);
    assert_int_equal(result.removed, dry.removed);
    assert_int_equal(result.unchanged, dry.unchanged);
    char *after = ws_dump(&model->world);
    assert_same_part(after, wanted, escaped, true);
    assert_same_part(after, before, escaped, false);
    free(after);
    remember_safety(model, &result, before, escaped);
    ws_edit_list_deinit(&list);
}

/* ---- elsewhere ---- */

static void
restore_elsewhere(struct model *model)
{
    char reference[32];
    char target[1200];
    size_t index = pick(model);
    reference_of(index, reference, sizeof reference);
    snprintf(target, sizeof target, "%s.elsewhere", model->world.root_path);
    char *before = ws_dump(&model->world);
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result result;
    options.to_dir = target;
    options.threads = model->world.threads;
    must(model, firn_ws_restore(model->world.ws, reference, &options, &result, &model->world.err));
    assert_int_equal(result.added, model->checkpoints[index].root_files);
    struct scan_world other = {.os = model->world.tree.os};
    must(model, firn_os_dir_open_path(other.os, target, &other.root, &model->world.err));
    char *found = scan_dump_real(&other, true);
    assert_string_equal(found, model->checkpoints[index].dump);
    free(found);
    if (is_in_memory(model)) {
        firn_os_dir_close(other.root);
        must(model, firn_os_dir_open_path(other.os, "/", &other.root, &model->world.err));
        scan_remove_tree(&other, target + 1);
        firn_os_dir_close(other.root);
    } else {
        other.temp_path = strdup(target);
        scan_world_close(&other);
    }
    ws_assert_dump(&model->world, before);
    free(before);
}

/* ---- looking ---- */

static void
status(struct model *model)
{
    char reference[32];
    size_t index = pick(model);
    reference_of(index, reference, sizeof reference);
    char *now = ws_dump(&model->world);
    firn_status_options options = FIRN_STATUS_OPTIONS_INIT;
    firn_status_result result;
    options.reference = reference;
    options.threads = model->world.threads;
    uint64_t calls_before = calls(model);
    must(model, firn_ws_status(model->world.ws, &options, NULL, NULL, &result, &model->world.err));
    assert_int_equal(calls(model), calls_before);
    struct ws_edit_counts counts = ws_edit_compare(model->checkpoints[index].dump, now);
    assert_int_equal(result.added, counts.added);
    assert_int_equal(result.changed, counts.changed);
    assert_int_equal(result.removed, counts.removed);
    assert_int_equal(result.unchanged, counts.unchanged);
    free(now);
}

struct listing {
    const struct model *model;
    size_t next; /* no number above it is to come */
};

static int
count_checkpoint(void *ctx, const firn_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    while (listing->next > 0 && listing->model->checkpoints[listing->next - 1].dump == NULL) {
        listing->next--;
    }
    assert_int_equal(checkpoint->number, listing->next);
    listing->next--;
    return FIRN_OK;
}

static void
print_escaped(FILE *out, firn_slice bytes)
{
    if (bytes.size == 0) {
        return;
    }
    char *text = strndup((const char *)bytes.data, bytes.size);
    assert_non_null(text);
    char *escaped = ws_edit_escape(text);
    fputs(escaped, out);
    free(escaped);
    free(text);
}

/* The same fields in the same form as in the text of a tree, but for attributes, which are not
 * told. */
static int
print_entry(void *ctx, const firn_entry_info *entry)
{
    FILE *out = ctx;
    static const int kinds[] = {
        [FIRN_TYPE_FILE] = 1, [FIRN_TYPE_DIRECTORY] = 2, [FIRN_TYPE_SYMLINK] = 3};
    print_escaped(out, entry->path);
    fprintf(out, " kind=%d mode=%o uid=%" PRIu32 " gid=%" PRIu32 " mtime=%" PRId64,
            kinds[entry->type], (unsigned)entry->mode, entry->uid, entry->gid, entry->mtime_ns);
    fprintf(out, " size=%" PRIu64 " hash=", entry->size);
    for (size_t i = 0; entry->type == FIRN_TYPE_FILE && i < sizeof entry->hash.bytes; i++) {
        fprintf(out, "%02x", entry->hash.bytes[i]);
    }
    fputs(entry->type == FIRN_TYPE_FILE ? " target=" : "- target=", out);
    print_escaped(out, entry->link_target);
    fputs(" link=", out);
    print_escaped(out, entry->hard_link);
    fputc('\n', out);
    return FIRN_OK;
}

static void
look(struct model *model)
{
    uint64_t calls_before = calls(model);
    firn_list_options options = FIRN_LIST_OPTIONS_INIT;
    struct listing listing = {.model = model, .next = model->count};
    must(model,
         firn_ws_list(model->world.ws, &options, count_checkpoint, &listing, &model->world.err));
    while (listing.next > 0) {
        assert_null(model->checkpoints[--listing.next].dump);
    }
    char reference[32];
    size_t index = pick(model);
    reference_of(index, reference, sizeof reference);
    firn_checkpoint found;
    must(model, firn_ws_find(model->world.ws, reference, &found, &model->world.err));
    assert_int_equal(found.number, index + 1);
    assert_int_equal(found.files, model->checkpoints[index].root_files);
    must(model, firn_ws_find(model->world.ws, "latest", &found, &model->world.err));
    assert_int_equal(found.number, latest(model) + 1);

    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    must(model, firn_ws_entries(model->world.ws, reference, print_entry, out, &model->world.err));
    fclose(out);
    const char *const not_told[] = {"xattrs="};
    char *wanted = ws_edit_without(model->checkpoints[index].dump, not_told, 1);
    assert_string_equal(text, wanted);
    assert_int_equal(calls(model), calls_before);
    free(text);
    free(wanted);
}

/* ---- power ---- */

enum way_out { AGAIN, RESUME, UNDO, SAVE, WAYS_OUT };

static void
assert_is_either(struct ws_world *world, const char *a, const char *b)
{
    static const char *const loose[] = {"mtime="};
    const char *const wanted[] = {a, b};
    char *dump = ws_dump(world);
    char *now = ws_edit_without(dump, loose, 1);
    bool is_found = false;
    for (size_t i = 0; i < 2 && !is_found; i++) {
        char *text = ws_edit_without(wanted[i], loose, 1);
        is_found = strcmp(now, text) == 0;
        free(text);
    }
    assert_true(is_found);
    free(now);
    free(dump);
}

/* What is done with a restore of `wanted` over `before` that the power ended, if it was begun. */
static void
find_way_out(struct model *other, const char *reference, const char *before, const char *wanted)
{
    struct ws_world *world = &other->world;
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result result;
    firn_pending_restore pending;
    bool is_edited = below(other, 3) == 0;
    enum way_out way = (enum way_out)below(other, WAYS_OUT);
    options.threads = world->threads;
    must(other, firn_ws_restore_pending(world->ws, &pending, &world->err));
    if (is_edited) {
        edit(other);
    }
    if (way == AGAIN || !pending.is_pending) {
        ws_restore(world, reference);
        ws_assert_dump(world, wanted);
        return;
    }
    if (way == RESUME) {
        must(other, firn_ws_restore_resume(world->ws, &options, &result, &world->err));
    } else if (way == UNDO) {
        must(other, ws_try_undo(world, NULL));
    } else {
        ws_save(world);
    }
    must(other, firn_ws_restore_pending(world->ws, &pending, &world->err));
    assert_false(pending.is_pending);
    if (!is_edited) {
        assert_is_either(world, way == RESUME ? wanted : before, way == UNDO ? before : wanted);
    }
}

/* On a machine of its own: a save or a restore with the power gone at a random call. */
static void
cut(struct model *model)
{
    struct model other = {.random = model->random};
    char reference[32];
    size_t index = pick(model);
    bool is_save = below(model, 2) == 0;
    reference_of(index, reference, sizeof reference);
    must(model, firn_os_dir_sync_filesystem(model->world.tree.root, &model->world.err));
    char *before = ws_dump(&model->world);
    ws_world_clone(&model->world, &other.world);
    struct firn_os *os = other.world.tree.os;
    uint64_t at = below(model, is_save ? 30 : 300);
    firn_os_memory_set_cut_at(os, firn_os_memory_calls(os) + 1 + at);
    int rc =
        is_save ? ws_try_save(&other.world, NULL) : ws_try_restore(&other.world, reference, NULL);
    assert_true(rc == FIRN_OK || firn_os_memory_is_off(os));
    firn_os_memory_power_cut(os, below(model, 1000));
    firn_os_memory_set_cut_at(os, 0);
    ws_world_reopen(&other.world);

    ws_assert_check_clean(&other.world);
    char *now = ws_dump(&other.world);
    const char *wanted = model->checkpoints[index].dump;
    if (is_save) {
        assert_string_equal(now, before);
        firn_checkpoint newest;
        must(&other, firn_ws_find(other.world.ws, "latest", &newest, &other.world.err));
        assert_true(newest.number == model->count + 1 ||
                    (rc != FIRN_OK && newest.number == latest(model) + 1));
    } else {
        assert_true(rc != FIRN_OK || strcmp(now, wanted) == 0);
        assert_true(ws_edit_is_mix(now, before, wanted));
        find_way_out(&other, reference, before, wanted);
    }
    ws_restore(&other.world, reference);
    ws_assert_dump(&other.world, wanted);
    ws_save(&other.world);
    ws_assert_check_clean(&other.world);
    ws_world_close(&other.world);
    free(now);
    free(before);
}

/* ---- forgetting ---- */

static bool
is_not_in_part(void *ctx, const char *path, size_t size)
{
    const struct part *part = ctx;
    size_t part_size = strlen(part->path);
    return !(size >= part_size && memcmp(path, part->path, part_size) == 0 &&
             (size == part_size || path[part_size] == '/'));
}

/* Every checkpoint is what it was, but for the path; hard links may have another first name. */
static void
assert_forgotten(struct model *other, const struct part *part)
{
    static const char *const loose[] = {"link="};
    for (size_t i = 0; i < other->count; i++) {
        char reference[32];
        firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
        firn_restore_result result;
        struct scan_world elsewhere = {.os = other->world.tree.os};
        if (other->checkpoints[i].dump == NULL) {
            continue;
        }
        reference_of(i, reference, sizeof reference);
        options.to_dir = "/elsewhere";
        must(other,
             firn_ws_restore(other->world.ws, reference, &options, &result, &other->world.err));
        must(other,
             firn_os_dir_open_path(elsewhere.os, "/elsewhere", &elsewhere.root, &other->world.err));
        char *dump = scan_dump_real(&elsewhere, true);
        char *lines =
            ws_edit_lines(other->checkpoints[i].dump, is_not_in_part, (void *)(uintptr_t)part);
        char *wanted = ws_edit_without(lines, loose, 1);
        char *found = ws_edit_without(dump, loose, 1);
        assert_string_equal(found, wanted);
        free(found);
        free(wanted);
        free(lines);
        free(dump);
        firn_os_dir_close(elsewhere.root);
        must(other, firn_os_dir_open_path(elsewhere.os, "/", &elsewhere.root, &other->world.err));
        scan_remove_tree(&elsewhere, "elsewhere");
        firn_os_dir_close(elsewhere.root);
    }
}

static int
forget_path(struct model *other, const char *path)
{
    firn_forget_options options = FIRN_FORGET_OPTIONS_INIT;
    firn_forget_result result;
    firn_slice slice = firn_str(path);
    options.paths = &slice;
    options.path_count = 1;
    return firn_ws_forget(other->world.ws, &options, NULL, NULL, &result, &other->world.err);
}

/* On a machine of its own, sometimes with the power gone in between: something is forgotten, and
 * collected. */
static void
forget(struct model *model)
{
    struct model other = *model;
    struct ws_edit_list list;
    ws_edit_list_fill(&list, &model->world.tree);
    if (list.count == 0) {
        ws_edit_list_deinit(&list);
        return;
    }
    const char *path = list.items[below(model, list.count)].path;
    char *escaped = ws_edit_escape(path);
    const struct part part = {.path = escaped};
    must(model, firn_os_dir_sync_filesystem(model->world.tree.root, &model->world.err));
    ws_world_clone(&model->world, &other.world);
    struct firn_os *os = other.world.tree.os;
    if (below(model, 2) == 0) {
        firn_os_memory_set_cut_at(os, firn_os_memory_calls(os) + 1 + below(model, 40));
    }
    int rc = forget_path(&other, path);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND || firn_os_memory_is_off(os));
    if (firn_os_memory_is_off(os)) {
        firn_os_memory_power_cut(os, below(model, 1000));
        firn_os_memory_set_cut_at(os, 0);
        ws_world_reopen(&other.world);
        ws_assert_check_clean(&other.world);
        rc = rc == FIRN_OK ? FIRN_OK : forget_path(&other, path);
    }
    firn_os_memory_set_cut_at(os, 0);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    ws_assert_check_clean(&other.world);
    collect(&other);
    assert_forgotten(&other, &part);
    ws_world_close(&other.world);
    free(escaped);
    ws_edit_list_deinit(&list);
}

/* ---- all of it ---- */

static void
step(struct model *model)
{
    switch (below(model, 20)) {
    case 0:
    case 1:
        save(model);
        break;
    case 2:
    case 3:
        restore(model);
        break;
    case 4:
        undo(model);
        break;
    case 5:
        undo_twice(model);
        break;
    case 6:
        restore_part(model);
        break;
    case 7:
        restore_elsewhere(model);
        break;
    case 8:
        status(model);
        break;
    case 9:
        look(model);
        break;
    case 10:
        ws_assert_check_clean(&model->world);
        break;
    case 11:
        ws_world_reopen(&model->world);
        break;
    case 12:
        if (is_in_memory(model)) {
            cut(model);
        }
        break;
    case 13:
        delete_one(model);
        break;
    case 14:
        collect(model);
        break;
    case 15:
        if (is_in_memory(model)) {
            move(model);
        }
        break;
    case 16:
        keep(model);
        break;
    case 17:
        if (is_in_memory(model)) {
            forget(model);
        }
        break;
    default:
        edit(model);
        break;
    }
    while (model->live > LIVE_MAX) {
        delete_one(model);
    }
}

static void
run_model(struct model *model, size_t entries, unsigned steps)
{
    ws_edit_grow(&model->world.tree, &model->random, entries);
    save(model);
    for (unsigned i = 0; i < steps; i++) {
        step(model);
    }
    ws_assert_check_clean(&model->world);
    for (size_t i = 0; i < model->count; i++) {
        char reference[32];
        if (model->checkpoints[i].dump == NULL) {
            continue;
        }
        reference_of(i, reference, sizeof reference);
        ws_restore(&model->world, reference);
        ws_assert_dump(&model->world, model->checkpoints[i].dump);
        free(model->checkpoints[i].dump);
    }
    free(model->checkpoints);
    free(model->safety);
    free(model->safety_part);
    ws_world_close(&model->world);
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
a_workspace_in_memory_is_what_the_model_says(void **state)
{
    (void)state;
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long() ? 8 : 4;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct model model = {0};
        test_random_init(&model.random, "ws_model, in memory", seed);
        ws_world_open_memory(&model.world, seed);
        uint64_t entries = is_long() ? 40 + below(&model, 161) : 20 + below(&model, 60);
        run_model(&model, entries, is_long() ? 5000 : 80);
    }
}

static void
a_workspace_on_disk_is_what_the_model_says(void **state)
{
    (void)state;
    struct model model = {0};
    test_random_init(&model.random, "ws_model, on disk", 101);
    ws_world_open_disk(&model.world);
    model.world.threads = 4;
    run_model(&model, is_long() ? 2000 : 60, is_long() ? 500 : 30);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_in_memory_is_what_the_model_says),
        cmocka_unit_test(a_workspace_on_disk_is_what_the_model_says),
    };
    return cmocka_run_group_tests_name("ws_model", tests, NULL, NULL);
}
