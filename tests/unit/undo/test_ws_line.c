/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/undo: undo and redo against a plain list of states. Random trees are edited, saved,
 * restored, in whole or in part, reverted, undone and redone, and checkpoints are tagged, pinned and deleted, in any
 * order. The list says which state each undo and redo brings back, and when there is none; so it does for turns of
 * agents, which begin and end, or are interrupted, in between. A restore of a path is undone and redone at that path
 * alone. Also the entry of the line: its
 * limit, and one that is missing or damaged.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs many steps.
 */
#include "base/bytes.h"
#include "base/slice.h"
#include "catalog/catalog_undo_line.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

struct state {
    char *dump;
    char *path;      /* escaped: the step that led to it is limited to it; NULL: it is not */
    uint64_t number; /* of its checkpoint; 0: a safety checkpoint */
    firn_workspace_step_kind kind;
    int64_t time_ns;
    int64_t begun_ns; /* of the turn that ended with it */
    bool has_turn;
    bool is_passed; /* by an undo */
    bool is_deleted;
    /* Of a step that changes facts, and is no state: */
    bool is_facts;
    size_t tag;      /* kind TAG: which */
    uint64_t before; /* TAG: the number that it names, 0: none. PIN, DELETE: whether it is so */
    uint64_t after;
};

enum { TAGS = 2 };
static const char *const tag_names[TAGS] = {"a", "b"};

struct saved {
    char *dump;
    bool is_deleted;
    bool is_pinned;
    bool has_tag[TAGS]; /* when it was deleted */
};

/* Of one conversation. */
struct turn {
    int64_t begun_ns; /* 0: there was none yet */
    bool is_open;
};

enum what { BACK, AHEAD, TURN };

/* Steps that an undo or a redo told. */
struct told {
    firn_workspace_step_kind kinds[1000];
    uint64_t numbers[1000]; /* 0: a safety checkpoint, or none */
    bool has_checkpoint[1000];
    bool has_turn[1000];
    size_t count;
};

struct model {
    struct ws_world world;
    struct test_random random;
    int64_t now_ns;
    struct saved *saved; /* [i] is of number i + 1 */
    size_t saved_count;
    uint64_t tags[TAGS]; /* the numbers that they name; 0: none */
    struct state *states;
    size_t count;
    size_t cursor;
    bool is_written; /* nothing was saved since the entry of the line was written */
    struct turn turns[2];
    int64_t undone_turn_ns; /* when the last interrupted turn began that was undone */
    uint64_t undone;
    uint64_t redone;
    uint64_t turns_undone;
    uint64_t facts;
    uint64_t left;
    uint64_t limited;
    uint64_t beside; /* of these, with edits elsewhere */
};

static uint64_t
below(struct model *model, uint64_t limit)
{
    return test_random_below(&model->random, limit);
}

static void
must(struct model *model, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), model->world.err.text);
    }
}

/* ---- dumps ---- */

/* The tree, with the time of its root. The caller frees it. */
static char *
dump(struct model *model)
{
    struct fi_os_stat stat;
    char *tree = ws_dump(&model->world);
    size_t size = strlen(tree) + 64;
    char *out = malloc(size);
    assert_non_null(out);
    must(model, fi_os_dir_stat(model->world.tree.root, &stat, &model->world.err));
    snprintf(out, size, "/ kind=%d mtime=%lld link=\n%s", FI_TREE_DIR, (long long)stat.mtime_ns,
             tree);
    free(tree);
    return out;
}

static void
assert_dump(struct model *model, const char *expected)
{
    char *now = dump(model);
    assert_string_equal(now, expected);
    free(now);
}

/* ---- the list ---- */

/* A dump without the times of directories, which make no state. The caller frees it. */
static char *
without_times(const char *dump)
{
    char *out = strdup(dump);
    char *to = out;
    assert_non_null(out);
    char kind[24];
    snprintf(kind, sizeof kind, " kind=%d ", FI_TREE_DIR);
    while (*dump != '\0') {
        const char *end = strchr(dump, '\n');
        const char *dir = strstr(dump, kind);
        const char *time = strstr(dump, " mtime=");
        end = end != NULL ? end + 1 : dump + strlen(dump);
        for (; dump < end; dump++) {
            if (dir != NULL && dir < end && dump == time) {
                dump += strcspn(dump + 1, " \n") + 1;
            }
            *to++ = *dump;
        }
    }
    *to = '\0';
    return out;
}

/* The state at an item: its own, or the last one before it. */
static size_t
state_at(const struct model *model, size_t i)
{
    while (model->states[i].is_facts) {
        i--;
    }
    return i;
}

static const struct state *
here_of(const struct model *model)
{
    return &model->states[state_at(model, model->cursor)];
}

static bool
is_at_cursor(const struct model *model, const char *dump)
{
    if (model->count == 0 || here_of(model)->is_deleted) {
        return false;
    }
    const struct state *here = here_of(model);
    char *a = without_times(here->dump);
    char *b = without_times(dump);
    bool is_same = strcmp(a, b) == 0;
    free(a);
    free(b);
    return is_same;
}

static void
add(struct model *model, const char *dump, uint64_t number, firn_workspace_step_kind kind)
{
    if (is_at_cursor(model, dump)) {
        return;
    }
    while (model->count > model->cursor + 1) {
        free(model->states[--model->count].dump);
        free(model->states[model->count].path);
    }
    model->states = realloc(model->states, (model->count + 1) * sizeof *model->states);
    assert_non_null(model->states);
    model->states[model->count] = (struct state){
        .dump = strdup(dump), .number = number, .kind = kind, .time_ns = model->now_ns};
    model->cursor = model->count++;
}

/* Drops the steps that change facts after one index, up to another. */
static void
drop_facts(struct model *model, size_t after, size_t last)
{
    for (size_t i = last; i > after; i--) {
        if (model->states[i].is_facts) {
            memmove(&model->states[i], &model->states[i + 1],
                    (--model->count - i) * sizeof *model->states);
            model->cursor -= i <= model->cursor ? 1 : 0;
        }
    }
}

static void
add_facts(struct model *model, const struct state *step)
{
    model->facts++;
    drop_facts(model, model->cursor, model->count - 1);
    model->states = realloc(model->states, (model->count + 1) * sizeof *model->states);
    assert_non_null(model->states);
    struct state *place = &model->states[++model->cursor];
    memmove(place + 1, place, (model->count++ - model->cursor) * sizeof *place);
    *place = *step;
    place->is_facts = true;
    place->time_ns = model->now_ns;
}

/* The nearest item before or after another that is at a state that was not deleted; with only_stops, that no undo
 * passed over. SIZE_MAX if there is none. */
static size_t
neighbour(const struct model *model, size_t at, bool forward, bool only_stops)
{
    while (forward ? at + 1 < model->count : at > 0) {
        at = forward ? at + 1 : at - 1;
        const struct state *state = &model->states[state_at(model, at)];
        if (!(forward && model->states[at].is_facts) && !state->is_deleted &&
            !(only_stops && state->is_passed)) {
            return at;
        }
    }
    return SIZE_MAX;
}

/* ---- paths ---- */

/* The lines at a path and below it; or all others, without links, whose first name may be at the path. The caller frees
 * them. */
static char *
part_of(const char *dump, const char *path, bool is_inside)
{
    static const char *const links[] = {"link="};
    char *all = ws_edit_without(dump, links, is_inside ? 0 : 1);
    char *out = without_times(all);
    free(all);
    char *to = out;
    for (const char *line = out; *line != '\0';) {
        size_t size = strcspn(line, "\n") + 1;
        if (ws_edit_is_within(line, strcspn(line, " "), path) == is_inside) {
            memmove(to, line, size);
            to += size;
        }
        line += size;
    }
    *to = '\0';
    return out;
}

static bool
is_same_part(const char *a, const char *b, const char *path, bool is_inside)
{
    char *part_a = part_of(a, path, is_inside);
    char *part_b = part_of(b, path, is_inside);
    bool is_same = strcmp(part_a, part_b) == 0;
    free(part_a);
    free(part_b);
    return is_same;
}

/* The line of a path; NULL if it has none. */
static const char *
line_of(const char *dump, const char *path, size_t size)
{
    for (const char *line = dump; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, " ") == size && memcmp(line, path, size) == 0) {
            return line;
        }
    }
    return NULL;
}

/* What the tree is to be, that a restore of a path makes: directories above it keep their times, which they do not
 * on the disk. Frees after. */
static char *
made_of(const char *before, char *after, const char *path)
{
    char *out = calloc(1, strlen(before) + strlen(after) + 1);
    assert_non_null(out);
    for (const char *line = after; *line != '\0'; line += strcspn(line, "\n") + 1) {
        const size_t size = strcspn(line, " ");
        const char *from = ws_edit_is_within(line, size, path) ? line : line_of(before, line, size);
        assert_non_null(from);
        strncat(out, from, strcspn(from, "\n") + 1);
    }
    free(after);
    return out;
}

/* Whether a name of a hard link is at a path or below it: what becomes of the others is not for this model. */
static bool
has_links(const char *dump, const char *path)
{
    for (const char *line = dump; *line != '\0'; line += strcspn(line, "\n") + 1) {
        const char *link = strstr(line, " link=") + strlen(" link=");
        if (*link != '\n' && (ws_edit_is_within(line, strcspn(line, " "), path) ||
                              ws_edit_is_within(link, strcspn(link, "\n"), path))) {
            return true;
        }
    }
    return false;
}

/* Whether a directory above a path is not there. */
static bool
is_blocked(const char *dump, const char *path)
{
    char kind[24];
    snprintf(kind, sizeof kind, " kind=%d ", FI_TREE_DIR);
    bool is = false;
    for (size_t end = 1; path[end] != '\0' && !is; end++) {
        if (path[end] == '/') {
            const char *line = line_of(dump, path, end);
            is = line == NULL || strncmp(line + end, kind, strlen(kind)) != 0;
        }
    }
    return is;
}

/* The path to which a step between two neighbouring items is limited; NULL: to none, or there are edits at it. */
static const char *
free_path(const struct model *model, const char *now, size_t from, bool forward)
{
    const size_t item = forward ? from + 1 : from;
    if (here_of(model)->is_deleted || item >= model->count || item == 0) {
        return NULL;
    }
    const struct state *crossed = &model->states[item];
    const struct state *to = &model->states[state_at(model, forward ? item : item - 1)];
    return !crossed->is_facts && crossed->path != NULL && !to->is_deleted &&
                   !(forward && to->is_passed) && !is_blocked(now, crossed->path) &&
                   is_same_part(now, here_of(model)->dump, crossed->path, true)
               ? crossed->path
               : NULL;
}

/* How many steps are taken before edits are. */
static size_t
count_free(const struct model *model, const char *now, bool forward)
{
    size_t count = 0;
    while (free_path(model, now, model->cursor + (forward ? count : 0 - count), forward) != NULL) {
        count++;
    }
    return count;
}

/* ---- facts ---- */

enum outcome { SAME, LEFT, CHANGED };

static void
set_deleted(struct model *model, uint64_t number, bool is_deleted)
{
    struct saved *saved = &model->saved[number - 1];
    saved->is_deleted = is_deleted;
    for (size_t i = 0; i < TAGS; i++) {
        if (is_deleted) {
            saved->has_tag[i] = model->tags[i] == number;
            model->tags[i] = saved->has_tag[i] ? 0 : model->tags[i];
        } else if (saved->has_tag[i] && model->tags[i] == 0) {
            model->tags[i] = number;
        }
    }
    for (size_t at = 0; at < model->count; at++) {
        struct state *state = &model->states[at];
        if (!state->is_facts && state->number == number) {
            state->is_deleted = is_deleted;
        }
    }
}

/* What the undo or the redo of a step does; with is_done, does it. */
static enum outcome
take_facts(struct model *model, size_t at, bool forward, bool is_done)
{
    const struct state step = model->states[at];
    uint64_t from = forward ? step.before : step.after;
    uint64_t to = forward ? step.after : step.before;
    struct saved *saved = step.number != 0 ? &model->saved[step.number - 1] : NULL;
    uint64_t now = step.kind == FIRN_STEP_TAG   ? model->tags[step.tag]
                   : step.kind == FIRN_STEP_PIN ? saved->is_pinned
                                                : saved->is_deleted;
    bool may = now == from;
    if (now == to) {
        return SAME;
    }
    if (step.kind == FIRN_STEP_TAG && to != 0) {
        may = may && !model->saved[to - 1].is_deleted;
    } else if (step.kind == FIRN_STEP_PIN && to != 0) {
        may = may && !saved->is_deleted;
    } else if (step.kind == FIRN_STEP_DELETE && to != 0) {
        may = may && !saved->is_pinned;
    }
    if (may && is_done) {
        if (step.kind == FIRN_STEP_TAG) {
            model->tags[step.tag] = to;
        } else if (step.kind == FIRN_STEP_PIN) {
            saved->is_pinned = to != 0;
        } else {
            set_deleted(model, step.number, to != 0);
        }
    }
    return may ? CHANGED : LEFT;
}

static int
check_tag(void *ctx, const firn_workspace_tag *tag)
{
    uint64_t *tags = ctx;
    for (size_t i = 0; i < TAGS; i++) {
        if (fi_slice_equal(tag->name, firn_str(tag_names[i]))) {
            tags[i] = tag->number;
        }
    }
    return FIRN_OK;
}

static int
check_pin(void *ctx, const firn_workspace_pin *pin)
{
    struct model *model = ctx;
    assert_true(model->saved[pin->number - 1].is_pinned);
    return FIRN_OK;
}

static int
count_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static void
assert_facts(struct model *model)
{
    uint64_t tags[TAGS] = {0};
    size_t deleted = 0;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    must(model, fi_ws_tag_list(model->world.ws, check_tag, tags, &model->world.err));
    assert_memory_equal(tags, model->tags, sizeof tags);
    must(model, fi_ws_pin_list(model->world.ws, check_pin, model, &model->world.err));
    options.deleted = true;
    must(model,
         fi_ws_list(model->world.ws, &options, count_checkpoint, &deleted, &model->world.err));
    for (size_t i = 0; i < model->saved_count; i++) {
        deleted -= model->saved[i].is_deleted ? 1 : 0;
    }
    assert_int_equal(deleted, 0);
}

/* Where an undo or a redo of a directory without edits goes. SIZE_MAX: nowhere. *out_facts: the step that
 * changes facts that it takes, or 0. */
static size_t
next_of(struct model *model, const char *now, bool forward, size_t *out_facts)
{
    size_t at = model->cursor;
    *out_facts = 0;
    for (;;) {
        size_t facts = forward ? at + 1 : at;
        if (facts < model->count && model->states[facts].is_facts) {
            at = forward ? facts : facts - 1;
            if (take_facts(model, facts, forward, false) != SAME) {
                *out_facts = facts;
                return at;
            }
            continue;
        }
        size_t stop = neighbour(model, at, forward, forward);
        at = stop != SIZE_MAX ? stop : neighbour(model, at, forward, false);
        if (at == SIZE_MAX || strcmp(model->states[state_at(model, at)].dump, now) != 0) {
            return at;
        }
    }
}

/* The newest state, not after index `from`, that is no younger than a time. */
static size_t
state_of_time(const struct model *model, size_t from, int64_t time_ns)
{
    for (size_t i = from + 1; i-- > 0;) {
        if (!model->states[i].is_facts && !model->states[i].is_deleted &&
            model->states[i].time_ns <= time_ns) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Where the last turn began that ended not after index `from`, and when. */
static size_t
ended_turn(const struct model *model, size_t from, int64_t *out_begun_ns)
{
    *out_begun_ns = INT64_MIN;
    for (size_t i = from + 1; i-- > 1;) {
        const struct state *state = &model->states[i];
        if (state->has_turn && !state->is_deleted) {
            bool is_known = state->begun_ns != 0;
            *out_begun_ns = is_known ? state->begun_ns : state->time_ns;
            return state_of_time(model, i - 1, is_known ? state->begun_ns : INT64_MAX);
        }
    }
    return SIZE_MAX;
}

/* Where the last turn began; *out_open_ns is when, if it has not ended, else 0. */
static size_t
last_turn(const struct model *model, const char *now, bool has_edits, int64_t *out_open_ns)
{
    int64_t ended_ns;
    int64_t open_ns = 0;
    const size_t here = state_at(model, model->cursor);
    size_t to = ended_turn(model, here, &ended_ns);
    for (size_t i = 0; i < 2; i++) {
        if (model->turns[i].is_open && model->turns[i].begun_ns > open_ns) {
            open_ns = model->turns[i].begun_ns;
        }
    }
    *out_open_ns = 0;
    if (open_ns > (to != SIZE_MAX ? ended_ns : INT64_MIN) && open_ns > model->undone_turn_ns) {
        size_t open_to = state_of_time(model, here, open_ns);
        if (open_to != SIZE_MAX && (open_to < here || has_edits)) {
            *out_open_ns = open_ns;
            to = open_to;
        }
    }
    while (!has_edits && to != SIZE_MAX && strcmp(model->states[to].dump, now) == 0) {
        *out_open_ns = 0;
        to = ended_turn(model, to, &ended_ns);
    }
    return to;
}

/* The cursor moves, and what it passes over is not reached by a redo. */
static void
move(struct model *model, size_t to)
{
    const size_t here = state_at(model, model->cursor);
    for (size_t i = 0; i < model->count; i++) {
        if ((i > to && i < model->cursor) || (i < to && i > model->cursor)) {
            model->states[i].is_passed = i != here && !model->states[i].is_facts;
        }
    }
    model->states[to].is_passed = false;
    model->cursor = to;
}

/* ---- steps ---- */

static void
edit(struct model *model)
{
    for (uint64_t left = 1 + below(model, 5); left > 0; left--) {
        ws_edit_step(&model->world.tree, &model->random);
    }
}

static void
save(struct model *model)
{
    firn_workspace_save_result result = ws_save(&model->world);
    assert_int_equal(result.checkpoint->number, model->saved_count + 1);
    model->saved = realloc(model->saved, (model->saved_count + 1) * sizeof *model->saved);
    assert_non_null(model->saved);
    model->saved[model->saved_count++] = (struct saved){.dump = dump(model)};
    add(model, model->saved[model->saved_count - 1].dump, model->saved_count, FIRN_STEP_SAVE);
    model->is_written = false;
}

static void
pass_time(struct model *model)
{
    model->now_ns += INT64_C(10) * 1000000000;
    fi_sim_memory_set_time(model->world.tree.os, model->now_ns);
}

/* A turn of an agent begins, ends, or goes on: with a save, if something has changed. */
static void
save_turn(struct model *model, bool begins)
{
    size_t which = below(model, 2);
    struct turn *turn = &model->turns[which];
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.threads = model->world.threads;
    options.if_changed = true;
    options.turn.agent = firn_str("agent");
    options.turn.session = firn_str(which == 0 ? "a" : "b");
    options.turn_begins = begins;
    options.turn_continues = !begins && below(model, 3) == 0;
    must(model, fi_ws_save(model->world.ws, &options, &result, &model->world.err));
    if (result.is_made) {
        size_t count = model->count;
        size_t cursor = model->cursor;
        model->saved = realloc(model->saved, (model->saved_count + 1) * sizeof *model->saved);
        assert_non_null(model->saved);
        model->saved[model->saved_count++] = (struct saved){.dump = dump(model)};
        assert_int_equal(result.checkpoint->number, model->saved_count);
        add(model, model->saved[model->saved_count - 1].dump, model->saved_count, FIRN_STEP_SAVE);
        struct state *here = &model->states[state_at(model, model->cursor)];
        bool is_added = model->count != count || model->cursor != cursor;
        bool ends_here = turn->begun_ns != 0 && here->time_ns > turn->begun_ns && !here->has_turn;
        bool interrupts = turn->is_open && turn->begun_ns > model->undone_turn_ns;
        if ((!begins || interrupts) && (is_added || ends_here)) {
            here->has_turn = true;
            here->begun_ns = turn->begun_ns;
            here->number = model->saved_count;
            here->kind = FIRN_STEP_SAVE;
            free(here->path);
            free(here->dump);
            here->path = NULL;
            here->dump = strdup(model->saved[model->saved_count - 1].dump);
        }
        model->is_written = false;
    }
    turn->is_open = begins || (options.turn_continues && turn->is_open);
    turn->begun_ns = begins ? model->now_ns : turn->begun_ns;
    pass_time(model); /* what comes next is later than the beginning */
}

static size_t
choose(struct model *model)
{
    for (size_t tries = 0; tries < 50; tries++) {
        size_t i = below(model, model->saved_count);
        if (!model->saved[i].is_deleted) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void
restore(struct model *model)
{
    size_t i = choose(model);
    char reference[16];
    if (i == SIZE_MAX) {
        return;
    }
    snprintf(reference, sizeof reference, "%u", (unsigned)i + 1);
    char *before = dump(model);
    firn_workspace_restore_result result = ws_restore(&model->world, reference);
    assert_dump(model, model->saved[i].dump);
    if (result.safety_id[0] != '\0') {
        add(model, before, 0, FIRN_STEP_EDITS);
        add(model, model->saved[i].dump, i + 1, FIRN_STEP_RESTORE);
        model->is_written = true;
    }
    free(before);
}

static void
revert(struct model *model)
{
    size_t i = choose(model);
    char reference[16];
    if (i == SIZE_MAX || i == 0 || model->saved[i - 1].is_deleted) {
        return;
    }
    snprintf(reference, sizeof reference, "%u", (unsigned)i + 1);
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    options.after = reference;
    char *before = dump(model);
    int rc = fi_ws_revert(model->world.ws, &options, &result, &model->world.err);
    char *after = dump(model);
    if (rc == FIRN_OK && result.safety_id[0] != '\0') {
        add(model, before, 0, FIRN_STEP_EDITS);
        add(model, after, 0, FIRN_STEP_REVERT);
        model->is_written = true;
    } else {
        if (rc != FIRN_CONFLICT) {
            must(model, rc);
        }
        assert_string_equal(before, after);
    }
    free(before);
    free(after);
}

/* Restores one path of a checkpoint, which the checkpoint or the tree has. */
static void
restore_part(struct model *model)
{
    struct ws_edit_list list;
    size_t i = choose(model);
    char reference[16];
    char *before = dump(model);
    ws_edit_list_fill(&list, &model->world.tree);
    if (i == SIZE_MAX || list.count == 0) {
        ws_edit_list_deinit(&list);
        free(before);
        return;
    }
    if (below(model, 3) == 0) { /* it may be in the checkpoint alone */
        const struct ws_edit_item *item = &list.items[below(model, list.count)];
        if (item->kind == FI_OS_DIR) {
            scan_remove_tree(&model->world.tree, item->path);
        } else {
            scan_remove_file(&model->world.tree, item->path);
        }
        free(before);
        before = dump(model);
    }
    const char *name = list.items[below(model, list.count)].path;
    const firn_slice path = firn_str(name);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    snprintf(reference, sizeof reference, "%u", (unsigned)i + 1);
    options.threads = model->world.threads;
    options.paths = &path;
    options.path_count = 1;
    char *part = ws_edit_escape(name);
    int rc = has_links(before, part) || has_links(model->saved[i].dump, part)
                 ? FIRN_NOT_FOUND
                 : fi_ws_restore(model->world.ws, reference, &options, &result, &model->world.err);
    char *after = dump(model);
    if (rc == FIRN_OK) {
        assert_true(is_same_part(after, model->saved[i].dump, part, true));
        for (size_t end = 1; part[end] != '\0'; end++) { /* directories that were made for it */
            if (part[end] == '/' && line_of(before, part, end) == NULL) {
                part[end] = '\0';
                break;
            }
        }
        assert_true(is_same_part(after, before, part, false));
        if (result.safety_id[0] != '\0') {
            add(model, before, 0, FIRN_STEP_EDITS);
            size_t cursor = model->cursor;
            after = made_of(before, after, part);
            add(model, after, 0, FIRN_STEP_RESTORE);
            if (model->cursor != cursor) {
                model->states[model->cursor].path = strdup(part);
            }
            model->is_written = true;
        }
    } else {
        assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_CONFLICT);
        assert_string_equal(before, after);
    }
    ws_edit_list_deinit(&list);
    free(part);
    free(before);
    free(after);
}

static int
take_step(void *ctx, const firn_workspace_step *step)
{
    struct told *told = ctx;
    assert_true(told->count < sizeof told->kinds / sizeof told->kinds[0]);
    told->kinds[told->count] = step->kind;
    told->has_checkpoint[told->count] = step->checkpoint != NULL;
    told->has_turn[told->count] = step->turn != NULL;
    told->numbers[told->count++] = step->checkpoint != NULL ? step->checkpoint->number : 0;
    assert_true(step->time_ns != 0 || (step->kind == FIRN_STEP_EDITS && step->checkpoint == NULL));
    return FIRN_OK;
}

static int
try_step_telling(struct model *model, enum what what, bool is_dry, struct told *told)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.dry_run = is_dry;
    options.threads = model->world.threads;
    options.on_step = take_step;
    options.callbacks.ctx = told;
    options.last_turn = what == TURN;
    told->count = 0;
    int rc = what == AHEAD
                 ? fi_ws_restore_redo(model->world.ws, &options, &result, &model->world.err)
                 : fi_ws_restore_undo(model->world.ws, &options, &result, &model->world.err);
    if (rc == FIRN_OK) {
        assert_int_equal(result.steps, told->count);
        assert_true(!result.is_unsaved ||
                    (told->kinds[0] == FIRN_STEP_EDITS && !told->has_checkpoint[0]));
    }
    return rc;
}

static int
try_step(struct model *model, bool forward, bool is_dry)
{
    struct told told;
    return try_step_telling(model, forward ? AHEAD : BACK, is_dry, &told);
}

/* The index of the item that a step must reach; SIZE_MAX: none. */
static size_t
expect(struct model *model, const char *now, bool forward, size_t *out_facts)
{
    *out_facts = 0;
    if (model->count == 0 || is_at_cursor(model, now) || here_of(model)->is_deleted) {
        return next_of(model, now, forward, out_facts);
    }
    return forward ? SIZE_MAX : model->cursor;
}

/* What was told are the steps from the cursor to a state; before it, edits on the disk. */
static void
assert_told(const struct model *model, const struct told *told, size_t to, bool has_edits,
            bool is_of_turn)
{
    size_t at = 0;
    if (has_edits) {
        assert_true(told->count > 0 && told->kinds[0] == FIRN_STEP_EDITS);
        assert_false(told->has_checkpoint[0]);
        at++;
    }
    for (size_t i = model->cursor; i != to;) {
        const struct state *state = &model->states[to > i ? i + 1 : i];
        i = to > i ? i + 1 : i - 1;
        if (is_of_turn && state->is_facts) {
            continue;
        }
        bool has_checkpoint = !state->is_deleted && !state->is_facts;
        assert_true(at < told->count);
        assert_int_equal(told->kinds[at], state->kind);
        assert_int_equal(told->has_checkpoint[at], has_checkpoint);
        assert_int_equal(told->numbers[at], has_checkpoint ? state->number : 0);
        at++;
    }
    assert_int_equal(at, told->count);
}

static void
step(struct model *model, enum what what)
{
    char *now = dump(model);
    bool is_dry = below(model, 4) == 0;
    struct told told;
    bool has_edits = model->count > 0 && !here_of(model)->is_deleted && !is_at_cursor(model, now);
    int64_t open_ns = 0;
    size_t facts = 0;
    const char *path =
        model->count == 0 || what == TURN
            ? NULL
            : free_path(model, now, model->cursor, what == AHEAD); /* of a step that is limited */
    size_t to = model->count == 0 ? SIZE_MAX
                : path != NULL    ? (what == AHEAD ? model->cursor + 1 : model->cursor - 1)
                : what == TURN    ? last_turn(model, now, has_edits, &open_ns)
                                  : expect(model, now, what == AHEAD, &facts);
    int rc = try_step_telling(model, what, is_dry, &told);
    if (path != NULL) {
        model->limited++;
        model->beside += has_edits ? 1 : 0;
        has_edits = false;
    }
    if (to != SIZE_MAX) {
        assert_told(model, &told, to, has_edits, what == TURN);
        assert_true(what != TURN || open_ns == 0 || told.has_turn[told.count - 1]);
    }
    if (to == SIZE_MAX || is_dry) {
        assert_int_equal(rc, to == SIZE_MAX ? FIRN_NOT_FOUND : FIRN_OK);
        assert_dump(model, now);
    } else {
        must(model, rc);
        if (path != NULL) {
            char *after = dump(model);
            assert_true(is_same_part(after, model->states[state_at(model, to)].dump, path, true));
            assert_true(has_links(now, path) || is_same_part(after, now, path, false));
            free(after);
        } else {
            assert_dump(model, facts != 0 ? now : model->states[state_at(model, to)].dump);
        }
    }
    bool is_idle = to != SIZE_MAX && strcmp(model->states[state_at(model, to)].dump, now) == 0;
    if (facts != 0 && !is_dry) {
        model->left += take_facts(model, facts, what == AHEAD, true) == LEFT ? 1 : 0;
        move(model, to);
        model->is_written = true;
        *(what == AHEAD ? &model->redone : &model->undone) += 1;
    } else if (to != SIZE_MAX && !is_dry && !is_idle) {
        if (what == TURN) {
            drop_facts(model, to, model->cursor);
        }
        if (what != AHEAD && path == NULL) {
            add(model, now, 0, FIRN_STEP_EDITS);
        }
        move(model, to);
        model->is_written = true;
        model->undone_turn_ns = what == AHEAD ? 0 : open_ns != 0 ? open_ns : model->undone_turn_ns;
        *(what == AHEAD  ? &model->redone
          : what == TURN ? &model->turns_undone
                         : &model->undone) += 1;
    }
    free(now);
    assert_facts(model);
}

/* The list of steps, with or without a limit. */
static void
look(struct model *model)
{
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result;
    struct told told = {.count = 0};
    char *now = dump(model);
    options.threads = model->world.threads;
    options.limit = below(model, 2) == 0 ? below(model, 5) : UINT64_MAX;
    must(model,
         fi_ws_steps_list(model->world.ws, &options, take_step, &told, &result, &model->world.err));
    assert_dump(model, now);
    bool has_here = model->count > 0 && !here_of(model)->is_deleted;
    bool has_edits = has_here && !is_at_cursor(model, now);
    size_t oldest = 0;
    while (oldest < model->cursor && !model->states[oldest + 1].is_facts &&
           (model->states[oldest].is_facts || model->states[oldest].is_deleted)) {
        oldest++;
    }
    assert_int_equal(result.is_unsaved, has_edits);
    assert_int_equal(result.checkpoint != NULL, has_here);
    size_t free_back = has_edits ? count_free(model, now, false) : 0;
    assert_int_equal(result.redo_steps,
                     has_edits ? count_free(model, now, true) : model->count - 1 - model->cursor);
    assert_int_equal(result.undo_steps, model->cursor - oldest + (has_edits ? 1 : 0));
    size_t ahead = result.redo_steps < options.limit ? result.redo_steps : options.limit;
    size_t back = result.undo_steps < options.limit ? result.undo_steps : options.limit;
    assert_int_equal(told.count, ahead + back);
    for (size_t at = 0; at < told.count; at++) {
        bool is_edits = has_edits && at == ahead + free_back;
        size_t i = model->cursor + ahead - at + (has_edits && at > ahead + free_back ? 1 : 0);
        assert_int_equal(told.kinds[at], is_edits ? FIRN_STEP_EDITS : model->states[i].kind);
        assert_int_equal(told.has_checkpoint[at],
                         !is_edits && !model->states[i].is_deleted && !model->states[i].is_facts);
    }
    free(now);
}

/* Only after the line was written: else a later checkpoint of the same tree takes the place of the
 * deleted one. */
static void
delete_one(struct model *model)
{
    size_t i = choose(model);
    char text[16];
    const char *reference = text;
    if (i == SIZE_MAX || !model->is_written || model->saved[i].is_pinned) {
        return;
    }
    snprintf(text, sizeof text, "%u", (unsigned)i + 1);
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    must(model,
         fi_gc_delete(model->world.ws, &reference, 1, &options, NULL, NULL, &model->world.err));
    const struct state step = {.kind = FIRN_STEP_DELETE, .number = i + 1, .after = 1};
    set_deleted(model, i + 1, true);
    add_facts(model, &step);
}

/* Sets a tag as an older version does: by no step. */
static void
set_tag_unnoted(struct model *model)
{
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    struct fi_catalog_tags_tag tag = {.created_ns = model->now_ns};
    size_t i = choose(model);
    size_t which = below(model, TAGS);
    char text[16];
    firn_error *err = &model->world.err;
    if (i == SIZE_MAX) {
        return;
    }
    snprintf(text, sizeof text, "%u", (unsigned)i + 1);
    must(model, fi_ws_opened_open(model->world.ws, FI_WS_WRITE, &opened, err));
    must(model, fi_ws_find_record(model->world.ws, &opened, text, &record, err));
    memcpy(tag.id, record.id, sizeof tag.id);
    tag.order = record.order;
    must(model, fi_catalog_tags_put(opened.catalog, opened.workspace.number,
                                    firn_str(tag_names[which]), &tag, err));
    must(model, fi_ws_opened_close(model->world.ws, &opened, FIRN_OK, err));
    model->tags[which] = i + 1;
}

/* Sets or deletes a tag, or pins or unpins a checkpoint. */
static void
change_fact(struct model *model)
{
    size_t i = choose(model);
    char text[16];
    const char *reference = text;
    firn_workspace_checkpoint *given;
    firn_error *err = &model->world.err;
    struct state step = {.kind = FIRN_STEP_TAG, .tag = below(model, TAGS)};
    if (i == SIZE_MAX) {
        return;
    }
    snprintf(text, sizeof text, "%u", (unsigned)i + 1);
    step.before = model->tags[step.tag];
    if (below(model, 2) == 0) {
        step.kind = FIRN_STEP_PIN;
        step.number = i + 1;
        step.before = model->saved[i].is_pinned;
        step.after = below(model, 2);
        must(model,
             fi_ws_pin_set(model->world.ws, &reference, 1, step.after != 0, NULL, NULL, err));
        model->saved[i].is_pinned = step.after != 0;
    } else if (below(model, 3) == 0) {
        int rc = fi_ws_tag_delete(model->world.ws, tag_names[step.tag], err);
        assert_int_equal(rc, step.before == 0 ? FIRN_NOT_FOUND : FIRN_OK);
        model->tags[step.tag] = 0;
    } else {
        step.after = i + 1;
        must(model,
             fi_ws_tag_set(model->world.ws, tag_names[step.tag], reference, true, &given, err));
        model->tags[step.tag] = step.after;
    }
    if (step.before != step.after) {
        add_facts(model, &step);
    }
    assert_facts(model);
}

static void
any_step(struct model *model)
{
    if (below(model, 2) == 0) {
        pass_time(model);
    }
    switch (below(model, 39)) {
    case 20:
    case 21:
    case 22:
        save_turn(model, true);
        break;
    case 23:
    case 24:
    case 25:
        save_turn(model, false);
        break;
    case 26:
    case 27:
        step(model, TURN);
        break;
    case 28:
    case 29:
    case 30:
    case 31:
        change_fact(model);
        break;
    case 32:
    case 36:
        set_tag_unnoted(model);
        break;
    case 33:
    case 34:
    case 35:
        restore_part(model);
        if (below(model, 2) == 0) {
            edit(model);
        }
        step(model, BACK);
        if (below(model, 2) == 0) {
            step(model, AHEAD);
        }
        break;
    case 0:
    case 1:
    case 2:
        save(model);
        break;
    case 3:
    case 4:
        restore(model);
        break;
    case 5:
        revert(model);
        break;
    case 6:
        delete_one(model);
        break;
    case 7:
        ws_world_reopen(&model->world);
        look(model);
        break;
    case 8:
    case 9:
    case 10:
        edit(model);
        break;
    case 11:
    case 12:
    case 13:
        step(model, AHEAD);
        break;
    case 14:
        look(model);
        break;
    default:
        step(model, BACK);
        break;
    }
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
run_model(uint64_t seed, struct model *counts)
{
    struct model model = {.now_ns = INT64_C(1800000000) * 1000000000};
    test_random_init(&model.random, "ws_line", seed);
    ws_world_open_memory(&model.world, seed);
    fi_sim_memory_set_time(model.world.tree.os, model.now_ns);
    ws_edit_grow(&model.world.tree, &model.random, 5 + below(&model, 20));
    save(&model);
    for (unsigned i = 0; i < (is_long() ? 1000 : 150); i++) {
        any_step(&model);
    }
    ws_assert_check_clean(&model.world);
    counts->undone += model.undone;
    counts->redone += model.redone;
    counts->turns_undone += model.turns_undone;
    counts->facts += model.facts;
    counts->left += model.left;
    counts->limited += model.limited;
    counts->beside += model.beside;
    for (size_t i = 0; i < model.saved_count; i++) {
        free(model.saved[i].dump);
    }
    for (size_t i = 0; i < model.count; i++) {
        free(model.states[i].dump);
        free(model.states[i].path);
    }
    free(model.saved);
    free(model.states);
    ws_world_close(&model.world);
}

static void
undo_and_redo_are_what_the_list_says(void **state)
{
    struct model counts = {.undone = 0};
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long() ? 40 : 8;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_model(seed, &counts);
    }
    printf("count: %llu steps of undo and redo against a list of states, %llu of them of turns\n",
           (unsigned long long)(counts.undone + counts.redone + counts.turns_undone),
           (unsigned long long)counts.turns_undone);
    printf("count: %llu of them limited to a path, %llu with edits elsewhere\n",
           (unsigned long long)counts.limited, (unsigned long long)counts.beside);
    assert_true(seeds == 1 || (counts.limited > 20 && counts.beside > 3));
    printf("count: %llu changes of tags, pins and deletions, of whose undos %llu found another "
           "value\n",
           (unsigned long long)counts.facts, (unsigned long long)counts.left);
    assert_true(seeds == 1 || (counts.facts > 50 && counts.left > 0));
    assert_true(seeds == 1 || (counts.undone > 20 && counts.redone > 5 && counts.turns_undone > 3));
}

/* ---- the entry ---- */

static void
put(struct model *model, const char *name, const char *content)
{
    scan_put_text(&model->world.tree, name, content);
}

/* Replaces the entry of the line; NULL deletes it. */
static void
damage(struct model *model, const char *bytes)
{
    struct fi_ws_opened opened;
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch;
    uint8_t key[4];
    firn_error *err = &model->world.err;
    must(model, fi_ws_opened_open(model->world.ws, FI_WS_WRITE, &opened, err));
    must(model, fi_db_keyspace_open(opened.db, "firn.undo", &keyspace, err));
    must(model, fi_db_batch_create(&batch, err));
    fi_store_be32(key, opened.workspace.number);
    must(model,
         bytes == NULL
             ? fi_db_batch_delete(batch, keyspace, firn_bytes(key, sizeof key), err)
             : fi_db_batch_put(batch, keyspace, firn_bytes(key, sizeof key), firn_str(bytes), err));
    must(model, fi_db_write(opened.db, batch, FIRN_DURABILITY_FULL, err));
    fi_db_batch_destroy(batch);
    must(model, fi_ws_opened_close(model->world.ws, &opened, FIRN_OK, err));
}

#define TIME "\1\1\1\1\1\1\1\1"

static void
a_line_that_is_lost_is_derived_from_history(void **state)
{
    /* Nothing; another format; a cursor beyond the end; a line that is cut short; a step of no
     * kind. */
    static const char *const entries[] = {NULL, "\1\1\1\1\1",
                                          "\2\1" TIME "\1\1"
                                          "\1\1" TIME,
                                          "\2\1" TIME "\1\5\1\2",
                                          "\2\1" TIME "\1\2"
                                          "\1\1" TIME "\11\1" TIME,
                                          /* A change of facts that follows no state. */
                                          "\2\1" TIME "\1\2"
                                          "\5\1" TIME "\1\1" TIME};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct model model = {.count = 0};
        char *dumps[4];
        ws_world_open_memory(&model.world, i);
        put(&model, "a", "1");
        save(&model);
        dumps[0] = ws_dump(&model.world);
        put(&model, "a", "22");
        save(&model);
        dumps[1] = ws_dump(&model.world);
        put(&model, "a", "333");
        dumps[2] = ws_dump(&model.world);
        ws_restore(&model.world, "1");
        damage(&model, entries[i]);
        for (size_t at = 3; at-- > 0;) {
            must(&model, try_step(&model, false, true));
            if (at > 0) {
                must(&model, try_step(&model, false, false));
                ws_assert_dump(&model.world, dumps[at == 2 ? 2 : 1]);
            }
        }
        must(&model, try_step(&model, false, false));
        ws_assert_dump(&model.world, dumps[0]);
        assert_int_equal(try_step(&model, false, false), FIRN_NOT_FOUND);
        must(&model, try_step(&model, true, false));
        must(&model, try_step(&model, true, false));
        ws_assert_dump(&model.world, dumps[2]);
        for (size_t at = 0; at < 3; at++) {
            free(dumps[at]);
        }
        for (size_t at = 0; at < model.count; at++) {
            free(model.states[at].dump);
            free(model.saved[at].dump);
        }
        free(model.states);
        free(model.saved);
        ws_world_close(&model.world);
    }
}

static void
assert_size(struct model *model, const char *name, const char *size)
{
    char *now = dump(model);
    const char *line = line_of(now, name, strlen(name));
    assert_non_null(line);
    const char *at = strstr(line, " size=") + strlen(" size=");
    assert_true(strncmp(at, size, strlen(size)) == 0 && at[strlen(size)] == ' ');
    free(now);
}

static void
restore_a(struct model *model)
{
    const firn_slice path = firn_str("a");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.paths = &path;
    options.path_count = 1;
    must(model, fi_ws_restore(model->world.ws, "1", &options, &result, &model->world.err));
    assert_int_equal(result.changed, 1);
}

static void
forget_states(struct model *model)
{
    for (size_t at = 0; at < model->count; at++) {
        free(model->states[at].dump);
        free(model->saved[at].dump);
    }
    free(model->states);
    free(model->saved);
}

/* Gives the newest step that is limited to paths another path. */
static void
forge_path(struct model *model, const char *path)
{
    struct fi_ws_opened opened;
    struct firn_db_batch *batch;
    struct fi_buf orders = {0};
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_RESTORE};
    const struct fi_catalog_facts_change change = {.name = firn_str(path)};
    uint64_t order;
    firn_error *err = &model->world.err;
    must(model, fi_ws_opened_open(model->world.ws, FI_WS_WRITE, &opened, err));
    must(model, fi_catalog_facts_newer(opened.catalog, opened.workspace.number, 0, &orders, err));
    assert_int_equal(orders.size, sizeof order);
    memcpy(&order, orders.data, sizeof order);
    must(model, fi_catalog_facts_note(&facts, &change, err));
    must(model, fi_db_batch_create(&batch, err));
    must(model, fi_catalog_facts_put_at(opened.catalog, batch, opened.workspace.number, order,
                                        &facts, 0, err));
    must(model, fi_db_write(opened.db, batch, FIRN_DURABILITY_FULL, err));
    fi_db_batch_destroy(batch);
    fi_catalog_facts_deinit(&facts);
    fi_buf_deinit(&orders);
    must(model, fi_ws_opened_close(model->world.ws, &opened, FIRN_OK, err));
}

/* A path of a foreign store that leads out of the tree, or is none, limits nothing: the step is one of the whole tree, and
 * the edits come first. */
static void
paths_that_are_none_limit_no_step(void **state)
{
    static const char *const paths[] = {"../b", "/b", "a/../b", "a//b", "b/", "."};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct model model = {.count = 0};
        ws_world_open_memory(&model.world, 1);
        put(&model, "a", "1");
        put(&model, "b", "1");
        save(&model);
        put(&model, "a", "22");
        save(&model);
        restore_a(&model);
        forge_path(&model, paths[i]);
        put(&model, "b", "an edit");
        must(&model, try_step(&model, false, false));
        assert_size(&model, "a", "1");
        assert_size(&model, "b", "1");
        must(&model, try_step(&model, false, false));
        assert_size(&model, "a", "2");
        ws_assert_check_clean(&model.world);
        forget_states(&model);
        ws_world_close(&model.world);
    }
}

/* The first name of two is restored: the other one is a file of its own, also in the state that was made. */
static void
a_link_to_a_restored_path_keeps_its_content(void **state)
{
    struct model model = {.count = 0};
    ws_world_open_memory(&model.world, 1);
    put(&model, "a", "1");
    scan_put_link(&model.world.tree, "b", "a");
    scan_put_link(&model.world.tree, "dir/c", "a");
    save(&model);
    scan_remove_file(&model.world.tree, "a");
    scan_remove_file(&model.world.tree, "b");
    scan_remove_tree(&model.world.tree, "dir");
    put(&model, "a", "22");
    scan_put_link(&model.world.tree, "b", "a");
    scan_put_link(&model.world.tree, "dir/c", "a");
    save(&model);
    restore_a(&model);
    assert_size(&model, "a", "1");
    assert_size(&model, "b", "2");
    ws_assert_check_clean(&model.world);
    put(&model, "a", "an edit there");
    put(&model, "b", "and one elsewhere");
    must(&model, try_step(&model, false, false)); /* to the whole state that was made */
    assert_size(&model, "a", "1");
    assert_size(&model, "b", "2");
    assert_size(&model, "dir/c", "2");
    char *now = dump(&model);
    assert_non_null(strstr(now, " link=b\n"));
    free(now);
    must(&model, try_step(&model, false, false));
    assert_size(&model, "a", "2");
    ws_assert_check_clean(&model.world);
    forget_states(&model);
    ws_world_close(&model.world);
}

/* Its record says that its checkpoint is a state. */
static void
a_restore_of_a_path_is_derived_too(void **state)
{
    struct model model = {.count = 0};
    ws_world_open_memory(&model.world, 1);
    put(&model, "a", "1");
    save(&model);
    put(&model, "a", "22");
    save(&model);
    restore_a(&model);
    damage(&model, NULL);
    put(&model, "b", "edited elsewhere");
    must(&model, try_step(&model, false, false));
    assert_size(&model, "a", "2");
    assert_size(&model, "b", "16");
    must(&model, try_step(&model, true, false));
    assert_size(&model, "a", "1");
    forget_states(&model);
    ws_world_close(&model.world);
}

static void
a_line_has_its_newest_states(void **state)
{
    struct fi_catalog_undo_line line = {0};
    size_t at;
    firn_error err;
    struct fi_catalog_undo_line_state item = {.kind = FIRN_STEP_SAVE};
    for (item.order = 1; item.order <= FI_CATALOG_UNDO_LINE_STATES_MAX + 5; item.order++) {
        assert_int_equal(fi_catalog_undo_line_add(&line, &item, &err), FIRN_OK);
        assert_int_equal(fi_catalog_undo_line_at(&line, line.cursor)->order, item.order);
    }
    assert_int_equal(fi_catalog_undo_line_count(&line), FI_CATALOG_UNDO_LINE_STATES_MAX);
    assert_int_equal(fi_catalog_undo_line_at(&line, 0)->order, 6);
    assert_false(fi_catalog_undo_line_find_back(&line, 5, &at));
    assert_true(fi_catalog_undo_line_find_back(&line, 9, &at));
    assert_int_equal(at, 3);
    line.cursor = 3;
    assert_int_equal(fi_catalog_undo_line_add(&line, &item, &err), FIRN_OK);
    assert_int_equal(fi_catalog_undo_line_count(&line), 5);
    assert_int_equal(line.cursor, 4);
    fi_catalog_undo_line_deinit(&line);
}

static void
a_state_is_found_in_the_direction_of_the_step(void **state)
{
    struct fi_catalog_undo_line line = {0};
    static const uint64_t orders[] = {1, 5, 1};
    size_t at;
    firn_error err;
    for (size_t i = 0; i < 3; i++) {
        const struct fi_catalog_undo_line_state item = {orders[i], 7, FIRN_STEP_RESTORE, false};
        assert_int_equal(fi_catalog_undo_line_add(&line, &item, &err), FIRN_OK);
    }
    line.cursor = 1;
    assert_true(fi_catalog_undo_line_find_back(&line, 1, &at));
    assert_int_equal(at, 0);
    assert_true(fi_catalog_undo_line_find_ahead(&line, 1, &at));
    assert_int_equal(at, 2);
    assert_true(fi_catalog_undo_line_find_back(&line, 5, &at));
    assert_false(fi_catalog_undo_line_find_ahead(&line, 5, &at));
    fi_catalog_undo_line_deinit(&line);
    assert_false(fi_catalog_undo_line_find_back(&line, 1, &at));
    assert_false(fi_catalog_undo_line_find_ahead(&line, 1, &at));
}

static void
a_line_is_read_as_it_was_written(void **state)
{
    struct fi_catalog_undo_line line = {.through = 300};
    struct fi_catalog_undo_line read = {0};
    struct fi_buf bytes = {0};
    bool is_valid;
    firn_error err;
    for (uint64_t i = 0; i < 4; i++) {
        const struct fi_catalog_undo_line_state item = {
            200 + i, (int64_t)i - 1, (firn_workspace_step_kind)(FIRN_STEP_SAVE + i), false};
        assert_int_equal(fi_catalog_undo_line_add(&line, &item, &err), FIRN_OK);
    }
    fi_catalog_undo_line_move(&line, 0);
    assert_int_equal(fi_catalog_undo_line_encode(&line, &bytes), FIRN_OK);
    assert_int_equal(fi_catalog_undo_line_decode(fi_buf_slice(&bytes), &read, &is_valid, &err),
                     FIRN_OK);
    assert_true(is_valid);
    assert_int_equal(read.through, 300);
    assert_int_equal(read.cursor, 0);
    assert_int_equal(fi_catalog_undo_line_count(&read), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct fi_catalog_undo_line_state *item = fi_catalog_undo_line_at(&read, i);
        assert_int_equal(item->order, 200 + i);
        assert_int_equal(item->time_ns, (int64_t)i - 1);
        assert_int_equal(item->kind, FIRN_STEP_SAVE + i);
        assert_int_equal(item->is_passed, i == 1 || i == 2);
    }
    fi_catalog_undo_line_deinit(&read);
    for (size_t size = 0; size < bytes.size; size++) { /* cut short: derived anew */
        assert_int_equal(
            fi_catalog_undo_line_decode(firn_bytes(bytes.data, size), &read, &is_valid, &err),
            FIRN_OK);
        assert_false(is_valid);
        fi_catalog_undo_line_deinit(&read);
    }
    line.cursor = 4; /* beyond the end */
    fi_buf_clear(&bytes);
    assert_int_equal(fi_catalog_undo_line_encode(&line, &bytes), FIRN_OK);
    assert_int_equal(fi_catalog_undo_line_decode(fi_buf_slice(&bytes), &read, &is_valid, &err),
                     FIRN_OK);
    assert_false(is_valid);
    fi_catalog_undo_line_deinit(&read);
    fi_buf_deinit(&bytes);
    fi_catalog_undo_line_deinit(&line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_found_in_the_direction_of_the_step),
        cmocka_unit_test(a_line_is_read_as_it_was_written),
        cmocka_unit_test(undo_and_redo_are_what_the_list_says),
        cmocka_unit_test(a_line_that_is_lost_is_derived_from_history),
        cmocka_unit_test(a_restore_of_a_path_is_derived_too),
        cmocka_unit_test(paths_that_are_none_limit_no_step),
        cmocka_unit_test(a_link_to_a_restored_path_keeps_its_content),
        cmocka_unit_test(a_line_has_its_newest_states),
    };
    return cmocka_run_group_tests_name("ws_line", tests, NULL, NULL);
}
