/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_model.c: what is shown, chosen and marked.
 *
 * A key changes the model, or says what is wanted of others: to read, to restore, to leave. What
 * must be read again after a key is dropped here and read later (browse.c), so moving through a
 * long list of checkpoints does not wait for each of them. The model touches neither terminal nor
 * store, and all that a person can do is tested on it.
 *
 * Invariants
 * (I1) Without has_changes there are no changes, no marks, and no patch.
 * (I2) `marked` is the number of changes that are marked.
 * (I3) All texts are escaped: they came from outside, and go to the screen as they are.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_A_STEP = 8 };

static void
check(const struct firn_browse_model *model)
{
    assert(model->has_changes || (model->changes_list.count == 0 && !model->has_patch)); /* (I1) */
    assert(model->marked <= model->changes_list.count);                                  /* (I2) */
    assert(!model->is_single || model->focus != FIRN_BROWSE_HISTORY);
    (void)model;
}

void
firn_browse_model_init(struct firn_browse_model *model, bool is_single)
{
    *model =
        (struct firn_browse_model){.is_single = is_single, .is_of_disk = is_single, .root = ""};
    model->focus = is_single ? FIRN_BROWSE_CHANGES : FIRN_BROWSE_HISTORY;
    model->patch_list.scrolls = true;
    model->page_list.scrolls = true;
    firn_browse_layout_set(model);
}

static void
free_rows(struct firn_browse_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rows[i].title);
    }
}

static void
free_change(const struct firn_browse_change *change)
{
    free(change->name);
    free(change->path);
    free(change->old_path);
}

void
firn_browse_model_deinit(struct firn_browse_model *model)
{
    firn_browse_model_drop_changes(model);
    free_rows(model->history, model->history_list.count);
    free(model->history);
    free(model->changes);
    firn_browse_text_deinit(&model->patch);
    firn_browse_text_deinit(&model->page);
    memset(model, 0, sizeof(*model));
}

void
firn_browse_model_resize(struct firn_browse_model *model, size_t rows, size_t columns)
{
    model->rows = rows;
    model->columns = columns;
    if (model->mode == FIRN_BROWSE_CONFIRM || model->mode == FIRN_BROWSE_PAGE) {
        firn_browse_model_show_page(model, model->mode);
    }
    firn_browse_layout_set(model);
}

void
firn_browse_model_say(struct firn_browse_model *model, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(model->status, sizeof(model->status), format, arguments);
    va_end(arguments);
}

/* ---- what is listed ---- */

const struct firn_browse_row *
firn_browse_model_row(const struct firn_browse_model *model)
{
    const struct firn_browse_list *list = &model->history_list;
    return list->count > 0 ? &model->history[list->chosen] : NULL;
}

bool
firn_browse_model_is_unsaved(const struct firn_browse_model *model)
{
    const struct firn_browse_row *row = firn_browse_model_row(model);
    return row != NULL && row->is_unsaved;
}

bool
firn_browse_model_has_unsaved(const struct firn_browse_model *model)
{
    return model->history_list.count > 0 && model->history[0].is_unsaved;
}

bool
firn_browse_model_is_reversed(const struct firn_browse_model *model)
{
    return model->is_of_disk && !firn_browse_model_is_unsaved(model);
}

struct firn_browse_change *
firn_browse_model_change(const struct firn_browse_model *model)
{
    const struct firn_browse_list *list = &model->changes_list;
    return list->count > 0 ? &model->changes[list->chosen] : NULL;
}

bool
firn_browse_model_is_near_end(const struct firn_browse_model *model)
{
    const struct firn_browse_list *list = &model->history_list;
    return model->has_older && list->count - list->top < 3 * list->rows + 1;
}

bool
firn_browse_model_add_row(struct firn_browse_model *model, const struct firn_browse_row *row)
{
    struct firn_browse_list *list = &model->history_list;
    assert(row->title != NULL && list->count <= model->history_capacity);
    if (list->count == model->history_capacity) {
        size_t capacity = list->count == 0 ? 64 : 2 * list->count;
        struct firn_browse_row *rows = realloc(model->history, capacity * sizeof(*rows));
        if (rows == NULL) {
            free(row->title);
            return false;
        }
        model->history = rows;
        model->history_capacity = capacity;
    }
    model->history[list->count] = *row;
    firn_browse_list_recount(list, list->count + 1);
    return true;
}

bool
firn_browse_model_set_unsaved(struct firn_browse_model *model, bool is_there)
{
    struct firn_browse_list *list = &model->history_list;
    struct firn_browse_row row = {.is_unsaved = true};
    const size_t chosen = list->chosen;
    if (is_there == firn_browse_model_has_unsaved(model)) {
        return true;
    }
    assert(list->count > 0);
    if (is_there) {
        row.title = strdup("not saved yet");
        if (row.title == NULL || !firn_browse_model_add_row(model, &row)) {
            return false;
        }
        memmove(model->history + 1, model->history, (list->count - 1) * sizeof(row));
        model->history[0] = row;
        list->top += list->top > 0 ? 1 : 0; /* what is seen stays where it is */
        firn_browse_list_choose(list, chosen + 1);
        return true;
    }
    if (chosen == 0) {
        firn_browse_model_drop_changes(model);
    }
    free_rows(model->history, 1);
    memmove(model->history, model->history + 1, (list->count - 1) * sizeof(row));
    firn_browse_list_choose(list, chosen > 0 ? chosen - 1 : 0);
    firn_browse_list_recount(list, list->count - 1);
    return true;
}

void
firn_browse_model_replace_rows(struct firn_browse_model *model, size_t first)
{
    struct firn_browse_list *list = &model->history_list;
    assert(first <= list->count);
    size_t count = list->count - first;
    size_t offset = list->chosen - list->top;
    size_t chosen = list->chosen < count ? list->chosen : count;
    bool is_found = false;
    for (size_t i = 0; first > 0 && i < count && !is_found; i++) {
        is_found = strcmp(model->history[first + i].id, model->history[list->chosen].id) == 0;
        chosen = is_found ? i : chosen;
    }
    free_rows(model->history, first);
    if (first > 0 && count > 0) {
        memmove(model->history, model->history + first, count * sizeof(model->history[0]));
    }
    *list = (struct firn_browse_list){.count = count, .rows = list->rows};
    list->top = chosen > offset && chosen < count ? chosen - offset : 0;
    list->chosen = list->top;
    firn_browse_list_choose(list, chosen);
    if (first == 0 || !is_found) {
        firn_browse_model_drop_changes(model);
    }
}

void
firn_browse_model_forget_rows(struct firn_browse_model *model, size_t first)
{
    struct firn_browse_list *list = &model->history_list;
    assert(first <= list->count);
    if (first < list->count) {
        free_rows(model->history + first, list->count - first);
        firn_browse_list_recount(list, first);
    }
}

bool
firn_browse_model_add_change(struct firn_browse_model *model,
                             const struct firn_browse_change *change)
{
    struct firn_browse_list *list = &model->changes_list;
    assert(list->count <= model->changes_capacity && !change->is_marked);
    bool is_whole = change->name != NULL && change->path != NULL;
    if (is_whole && list->count == model->changes_capacity) {
        size_t capacity = list->count == 0 ? 64 : 2 * list->count;
        struct firn_browse_change *changes = realloc(model->changes, capacity * sizeof(*changes));
        is_whole = changes != NULL;
        model->changes = is_whole ? changes : model->changes;
        model->changes_capacity = is_whole ? capacity : model->changes_capacity;
    }
    if (!is_whole) {
        free_change(change);
        return false;
    }
    model->has_changes = true;
    model->changes[list->count] = *change;
    firn_browse_list_recount(list, list->count + 1);
    return true;
}

void
firn_browse_model_drop_patch(struct firn_browse_model *model)
{
    model->has_patch = false;
    model->patch_left = 0;
    firn_browse_text_deinit(&model->patch);
    firn_browse_list_recount(&model->patch_list, 0);
}

void
firn_browse_model_drop_changes(struct firn_browse_model *model)
{
    firn_browse_model_drop_patch(model);
    for (size_t i = 0; i < model->changes_list.count; i++) {
        free_change(&model->changes[i]);
    }
    firn_browse_list_recount(&model->changes_list, 0);
    model->has_changes = false;
    model->has_failed = false;
    model->is_cut = false;
    model->marked = 0;
    model->names[0] = '\0';
    model->title[0] = '\0';
    model->counts[0] = '\0';
}

void
firn_browse_model_finish_changes(struct firn_browse_model *model)
{
    model->has_changes = true;
    firn_browse_layout_set(model);
    check(model);
}

void
firn_browse_model_finish_patch(struct firn_browse_model *model)
{
    assert(model->has_changes);
    model->has_patch = true;
    firn_browse_list_recount(&model->patch_list, model->patch.count);
    check(model);
}

void
firn_browse_model_show_page(struct firn_browse_model *model, enum firn_browse_mode mode)
{
    assert(mode == FIRN_BROWSE_CONFIRM || mode == FIRN_BROWSE_PAGE);
    model->mode = mode;
    if (!firn_browse_text_wrap(&model->page, model->columns > 0 ? model->columns : 1)) {
        firn_browse_text_deinit(&model->page);
    }
    firn_browse_list_recount(&model->page_list, model->page.count);
    firn_browse_layout_set(model);
}

/* ---- keys: moving ---- */

/* How far a key moves in a list of so many rows; 0: it is no such key. */
static ptrdiff_t
distance_of(uint32_t key, size_t rows)
{
    ptrdiff_t page = rows > 1 ? (ptrdiff_t)rows - 1 : 1;
    switch (key) {
    case 'k':
    case FIRN_BROWSE_KEY_UP:
        return -1;
    case 'j':
    case FIRN_BROWSE_KEY_DOWN:
        return 1;
    case FIRN_BROWSE_KEY_PAGE_UP:
        return -page;
    case FIRN_BROWSE_KEY_PAGE_DOWN:
        return page;
    case 'g':
    case FIRN_BROWSE_KEY_HOME:
        return -(PTRDIFF_MAX / 2);
    case 'G':
    case FIRN_BROWSE_KEY_END:
        return PTRDIFF_MAX / 2;
    default:
        return 0;
    }
}

static bool
is_end(uint32_t key)
{
    return key == 'G' || key == FIRN_BROWSE_KEY_END;
}

static void
move(struct firn_browse_model *model, ptrdiff_t by)
{
    switch (model->focus) {
    case FIRN_BROWSE_HISTORY: {
        size_t before = model->history_list.chosen;
        firn_browse_list_move(&model->history_list, by);
        if (model->history_list.chosen != before) {
            firn_browse_model_drop_changes(model);
        }
        break;
    }
    case FIRN_BROWSE_CHANGES: {
        size_t before = model->changes_list.chosen;
        firn_browse_list_move(&model->changes_list, by);
        if (model->changes_list.chosen != before) {
            firn_browse_model_drop_patch(model);
        }
        break;
    }
    case FIRN_BROWSE_PATCH:
        firn_browse_list_move(&model->patch_list, by);
        break;
    }
}

/* To the next pane, or to the one before. */
static void
change_focus(struct firn_browse_model *model, bool is_forward)
{
    enum firn_browse_pane first = model->is_single ? FIRN_BROWSE_CHANGES : FIRN_BROWSE_HISTORY;
    if (is_forward) {
        model->focus = model->focus == FIRN_BROWSE_PATCH     ? first
                       : model->focus == FIRN_BROWSE_HISTORY ? FIRN_BROWSE_CHANGES
                                                             : FIRN_BROWSE_PATCH;
    } else {
        model->focus = model->focus == first                 ? FIRN_BROWSE_PATCH
                       : model->focus == FIRN_BROWSE_CHANGES ? FIRN_BROWSE_HISTORY
                                                             : FIRN_BROWSE_CHANGES;
    }
}

static void
press_sideways(struct firn_browse_model *model, bool is_right)
{
    enum firn_browse_pane first = model->is_single ? FIRN_BROWSE_CHANGES : FIRN_BROWSE_HISTORY;
    if (model->focus == FIRN_BROWSE_PATCH && is_right) {
        model->patch_left += COLUMNS_A_STEP;
    } else if (model->focus == FIRN_BROWSE_PATCH && model->patch_left > 0) {
        model->patch_left -=
            model->patch_left < COLUMNS_A_STEP ? model->patch_left : COLUMNS_A_STEP;
    } else if (is_right || model->focus != first) {
        change_focus(model, is_right);
    }
}

/* ---- keys: marking ---- */

static void
toggle(struct firn_browse_model *model, struct firn_browse_change *change)
{
    change->is_marked = !change->is_marked;
    model->marked += change->is_marked ? 1 : 0;
    model->marked -= change->is_marked ? 0 : 1;
}

static void
press_mark(struct firn_browse_model *model)
{
    struct firn_browse_change *change = firn_browse_model_change(model);
    if (model->focus == FIRN_BROWSE_HISTORY) {
        firn_browse_model_say(model, "Tab goes to the files, where Space marks one");
    } else if (change != NULL) {
        toggle(model, change);
        if (model->focus == FIRN_BROWSE_CHANGES) {
            move(model, 1);
        }
    }
}

/* All, or none if all are marked. */
static void
mark_all(struct firn_browse_model *model)
{
    bool is_to_be_marked = model->marked < model->changes_list.count;
    for (size_t i = 0; i < model->changes_list.count; i++) {
        if (model->changes[i].is_marked != is_to_be_marked) {
            toggle(model, &model->changes[i]);
        }
    }
}

/* ---- keys: searching ---- */

static enum firn_browse_want
search(struct firn_browse_model *model, bool is_forward)
{
    if (model->query_size == 0) {
        firn_browse_model_say(model, "/ searches");
        return FIRN_BROWSE_WANT_NOTHING;
    }
    if (model->focus == FIRN_BROWSE_HISTORY && model->has_older) {
        return FIRN_BROWSE_WANT_ALL;
    }
    enum firn_browse_pane focus = model->focus;
    size_t before =
        focus == FIRN_BROWSE_HISTORY ? model->history_list.chosen : model->changes_list.chosen;
    firn_browse_search_next(model, is_forward);
    if (focus == FIRN_BROWSE_HISTORY && model->history_list.chosen != before) {
        firn_browse_model_drop_changes(model);
    } else if (focus == FIRN_BROWSE_CHANGES && model->changes_list.chosen != before) {
        firn_browse_model_drop_patch(model);
    }
    return FIRN_BROWSE_WANT_NOTHING;
}

static void
erase(struct firn_browse_model *model)
{
    do {
        model->typed_size -= model->typed_size > 0 ? 1 : 0;
    } while (model->typed_size > 0 && ((uint8_t)model->typed[model->typed_size] & 0xC0) == 0x80);
    model->typed[model->typed_size] = '\0';
}

static void
type(struct firn_browse_model *model, uint32_t point)
{
    char bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (firn_term_text_is_control(point) || point > 0x10FFFF ||
        model->typed_size + size >= sizeof(model->typed)) {
        return;
    }
    if (size == 1) {
        bytes[0] = (char)point;
    } else {
        static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
        for (size_t i = size - 1; i > 0; i--) {
            bytes[i] = (char)(0x80 | (point & 0x3F));
            point >>= 6;
        }
        bytes[0] = (char)(leads[size] | point);
    }
    memcpy(model->typed + model->typed_size, bytes, size);
    model->typed_size += size;
    model->typed[model->typed_size] = '\0';
}

static enum firn_browse_want
press_in_search(struct firn_browse_model *model, uint32_t key)
{
    switch (key) {
    case FIRN_BROWSE_KEY_ESCAPE:
        model->mode = FIRN_BROWSE_LOOK;
        break;
    case FIRN_BROWSE_KEY_ERASE:
        if (model->typed_size == 0) {
            model->mode = FIRN_BROWSE_LOOK;
        }
        erase(model);
        break;
    case FIRN_BROWSE_KEY_ENTER:
        if (model->typed_size > 0) {
            memcpy(model->query, model->typed, sizeof(model->query));
            model->query_size = model->typed_size;
        }
        if (model->query_size > 0 && model->focus == FIRN_BROWSE_HISTORY && model->has_older) {
            return FIRN_BROWSE_WANT_ALL;
        }
        model->mode = FIRN_BROWSE_LOOK;
        return search(model, true);
    default:
        type(model, key);
        break;
    }
    return FIRN_BROWSE_WANT_NOTHING;
}

/* ---- keys: pages ---- */

static enum firn_browse_want
press_in_page(struct firn_browse_model *model, uint32_t key)
{
    ptrdiff_t by = distance_of(key, model->page_list.rows);
    bool is_question = model->mode == FIRN_BROWSE_CONFIRM;
    if (key == ' ' && !is_question &&
        model->page_list.top + model->page_list.rows < model->page_list.count) {
        by = distance_of(FIRN_BROWSE_KEY_PAGE_DOWN, model->page_list.rows);
    }
    if (by != 0) {
        firn_browse_list_move(&model->page_list, by);
    } else if (!is_question) {
        model->mode = FIRN_BROWSE_LOOK;
    } else if (key == 'y' || key == 'Y') {
        model->mode = FIRN_BROWSE_LOOK;
        return FIRN_BROWSE_WANT_PERFORM;
    } else if (key == 'n' || key == 'N' || key == 'q' || key == FIRN_BROWSE_KEY_ESCAPE) {
        model->mode = FIRN_BROWSE_LOOK;
        firn_browse_model_say(model, "nothing was changed");
    }
    return FIRN_BROWSE_WANT_NOTHING;
}

/* ---- keys: all others ---- */

static void
change_view(struct firn_browse_model *model)
{
    model->is_of_disk = !model->is_of_disk;
    firn_browse_model_drop_changes(model);
}

/* Of what is not saved the marked files can be restored; else the next pane has more about it. */
static enum firn_browse_want
press_enter(struct firn_browse_model *model)
{
    if (!firn_browse_model_is_unsaved(model) || model->marked > 0) {
        return firn_browse_model_row(model) != NULL ? FIRN_BROWSE_WANT_RESTORE
                                                    : FIRN_BROWSE_WANT_NOTHING;
    }
    if (model->focus != FIRN_BROWSE_PATCH) {
        change_focus(model, true);
    }
    return FIRN_BROWSE_WANT_NOTHING;
}

static enum firn_browse_want
press_details(struct firn_browse_model *model)
{
    if (firn_browse_model_is_unsaved(model)) {
        firn_browse_model_say(model, "this is no checkpoint yet: firn save makes one");
        return FIRN_BROWSE_WANT_NOTHING;
    }
    return firn_browse_model_row(model) != NULL ? FIRN_BROWSE_WANT_DETAILS
                                                : FIRN_BROWSE_WANT_NOTHING;
}

static enum firn_browse_want
press_command(struct firn_browse_model *model, uint32_t key)
{
    switch (key) {
    case 'q':
        return FIRN_BROWSE_WANT_QUIT;
    case FIRN_BROWSE_KEY_ENTER:
        return press_enter(model);
    case 'u':
        return FIRN_BROWSE_WANT_UNDO;
    case 'U':
    case FIRN_BROWSE_KEY_REDO:
        return FIRN_BROWSE_WANT_REDO;
    case 'i':
        return press_details(model);
    case '?':
        return FIRN_BROWSE_WANT_HELP;
    case 's':
        model->shows_safety = !model->shows_safety && !model->is_single;
        return FIRN_BROWSE_WANT_REFRESH;
    case 'r':
    case FIRN_BROWSE_KEY_REFRESH:
        firn_browse_model_drop_changes(model);
        return FIRN_BROWSE_WANT_REFRESH;
    default:
        return FIRN_BROWSE_WANT_NOTHING;
    }
}

static enum firn_browse_want
press_looking(struct firn_browse_model *model, uint32_t key)
{
    const struct firn_browse_list *list = model->focus == FIRN_BROWSE_HISTORY ? &model->history_list
                                          : model->focus == FIRN_BROWSE_CHANGES
                                              ? &model->changes_list
                                              : &model->patch_list;
    ptrdiff_t by = distance_of(key, list->rows);
    if (is_end(key) && model->focus == FIRN_BROWSE_HISTORY && model->has_older) {
        return FIRN_BROWSE_WANT_ALL;
    }
    model->status[0] = '\0';
    if (by != 0) {
        move(model, by);
        return FIRN_BROWSE_WANT_NOTHING;
    }
    switch (key) {
    case FIRN_BROWSE_KEY_TAB:
    case FIRN_BROWSE_KEY_BACK_TAB:
        change_focus(model, key == FIRN_BROWSE_KEY_TAB);
        break;
    case 'h':
    case FIRN_BROWSE_KEY_LEFT:
    case 'l':
    case FIRN_BROWSE_KEY_RIGHT:
        press_sideways(model, key == 'l' || key == FIRN_BROWSE_KEY_RIGHT);
        break;
    case ' ':
        press_mark(model);
        break;
    case 'a':
        mark_all(model);
        break;
    case 'd':
        change_view(model);
        break;
    case '/':
        model->mode = FIRN_BROWSE_SEARCH;
        model->typed_size = 0;
        model->typed[0] = '\0';
        break;
    case 'n':
    case 'N':
        return search(model, key == 'n');
    default:
        return press_command(model, key);
    }
    return FIRN_BROWSE_WANT_NOTHING;
}

enum firn_browse_want
firn_browse_model_press(struct firn_browse_model *model, uint32_t key)
{
    enum firn_browse_want want = FIRN_BROWSE_WANT_NOTHING;
    check(model);
    switch (model->mode) {
    case FIRN_BROWSE_LOOK:
        want = press_looking(model, key);
        break;
    case FIRN_BROWSE_SEARCH:
        want = press_in_search(model, key);
        break;
    case FIRN_BROWSE_CONFIRM:
    case FIRN_BROWSE_PAGE:
        want = press_in_page(model, key);
        break;
    }
    firn_browse_layout_set(model);
    check(model);
    return want;
}
