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
browse_model_check(const struct fi_browse_model *model)
{
    assert(model->has_changes || (model->changes_list.count == 0 && !model->has_patch)); /* (I1) */
    assert(model->marked <= model->changes_list.count);                                  /* (I2) */
    assert(!model->is_single || model->focus != FI_BROWSE_HISTORY);
    (void)model;
}

void
fi_browse_model_init(struct fi_browse_model *model, bool is_single)
{
    *model = (struct fi_browse_model){.is_single = is_single, .is_of_disk = is_single, .root = ""};
    model->focus = is_single ? FI_BROWSE_CHANGES : FI_BROWSE_HISTORY;
    model->patch_list.scrolls = true;
    model->page_list.scrolls = true;
    fi_browse_layout_set(model);
}

static void
free_rows(struct fi_browse_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rows[i].title);
    }
}

static void
free_change(const struct fi_browse_change *change)
{
    free(change->name);
    free(change->path);
    free(change->old_path);
}

void
fi_browse_model_deinit(struct fi_browse_model *model)
{
    fi_browse_model_drop_changes(model);
    free_rows(model->history, model->history_list.count);
    free(model->history);
    free(model->changes);
    fi_browse_text_deinit(&model->patch);
    fi_browse_text_deinit(&model->page);
    memset(model, 0, sizeof(*model));
}

void
fi_browse_model_resize(struct fi_browse_model *model, size_t rows, size_t columns)
{
    model->rows = rows;
    model->columns = columns;
    if (model->mode == FI_BROWSE_CONFIRM || model->mode == FI_BROWSE_PAGE) {
        fi_browse_model_show_page(model, model->mode);
    }
    fi_browse_layout_set(model);
}

void
fi_browse_model_say(struct fi_browse_model *model, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(model->status, sizeof(model->status), format, arguments);
    va_end(arguments);
}

/* ---- what is listed ---- */

const struct fi_browse_row *
fi_browse_model_row(const struct fi_browse_model *model)
{
    const struct fi_browse_list *list = &model->history_list;
    return list->count > 0 ? &model->history[list->chosen] : NULL;
}

bool
fi_browse_model_is_unsaved(const struct fi_browse_model *model)
{
    const struct fi_browse_row *row = fi_browse_model_row(model);
    return row != NULL && row->is_unsaved;
}

bool
fi_browse_model_has_unsaved(const struct fi_browse_model *model)
{
    return model->history_list.count > 0 && model->history[0].is_unsaved;
}

bool
fi_browse_model_is_reversed(const struct fi_browse_model *model)
{
    return model->is_of_disk && !fi_browse_model_is_unsaved(model);
}

struct fi_browse_change *
fi_browse_model_change(const struct fi_browse_model *model)
{
    const struct fi_browse_list *list = &model->changes_list;
    return list->count > 0 ? &model->changes[list->chosen] : NULL;
}

bool
fi_browse_model_is_near_end(const struct fi_browse_model *model)
{
    const struct fi_browse_list *list = &model->history_list;
    return model->has_older && list->count - list->top < 3 * list->rows + 1;
}

bool
fi_browse_model_add_row(struct fi_browse_model *model, const struct fi_browse_row *row)
{
    struct fi_browse_list *list = &model->history_list;
    assert(row->title != NULL && list->count <= model->history_capacity);
    if (list->count == model->history_capacity) {
        size_t capacity = list->count == 0 ? 64 : 2 * list->count;
        struct fi_browse_row *rows = realloc(model->history, capacity * sizeof(*rows));
        if (rows == NULL) {
            free(row->title);
            return false;
        }
        model->history = rows;
        model->history_capacity = capacity;
    }
    model->history[list->count] = *row;
    fi_browse_list_recount(list, list->count + 1);
    return true;
}

bool
fi_browse_model_set_unsaved(struct fi_browse_model *model, bool is_there)
{
    struct fi_browse_list *list = &model->history_list;
    struct fi_browse_row row = {.is_unsaved = true};
    const size_t chosen = list->chosen;
    if (is_there == fi_browse_model_has_unsaved(model)) {
        return true;
    }
    assert(list->count > 0);
    if (is_there) {
        row.title = strdup("not saved yet");
        if (row.title == NULL || !fi_browse_model_add_row(model, &row)) {
            return false;
        }
        memmove(model->history + 1, model->history, (list->count - 1) * sizeof(row));
        model->history[0] = row;
        list->top += list->top > 0 ? 1 : 0; /* what is seen stays where it is */
        fi_browse_list_choose(list, chosen + 1);
        return true;
    }
    if (chosen == 0) {
        fi_browse_model_drop_changes(model);
    }
    free_rows(model->history, 1);
    memmove(model->history, model->history + 1, (list->count - 1) * sizeof(row));
    fi_browse_list_choose(list, chosen > 0 ? chosen - 1 : 0);
    fi_browse_list_recount(list, list->count - 1);
    return true;
}

void
fi_browse_model_replace_rows(struct fi_browse_model *model, size_t first)
{
    struct fi_browse_list *list = &model->history_list;
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
    *list = (struct fi_browse_list){.count = count, .rows = list->rows};
    list->top = chosen > offset && chosen < count ? chosen - offset : 0;
    list->chosen = list->top;
    fi_browse_list_choose(list, chosen);
    if (first == 0 || !is_found) {
        fi_browse_model_drop_changes(model);
    }
}

void
fi_browse_model_forget_rows(struct fi_browse_model *model, size_t first)
{
    struct fi_browse_list *list = &model->history_list;
    assert(first <= list->count);
    if (first < list->count) {
        free_rows(model->history + first, list->count - first);
        fi_browse_list_recount(list, first);
    }
}

bool
fi_browse_model_add_change(struct fi_browse_model *model, const struct fi_browse_change *change)
{
    struct fi_browse_list *list = &model->changes_list;
    assert(list->count <= model->changes_capacity && !change->is_marked);
    bool is_whole = change->name != NULL && change->path != NULL;
    if (is_whole && list->count == model->changes_capacity) {
        size_t capacity = list->count == 0 ? 64 : 2 * list->count;
        struct fi_browse_change *changes = realloc(model->changes, capacity * sizeof(*changes));
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
    fi_browse_list_recount(list, list->count + 1);
    return true;
}

void
fi_browse_model_drop_patch(struct fi_browse_model *model)
{
    model->has_patch = false;
    model->patch_left = 0;
    fi_browse_text_deinit(&model->patch);
    fi_browse_list_recount(&model->patch_list, 0);
}

void
fi_browse_model_drop_changes(struct fi_browse_model *model)
{
    fi_browse_model_drop_patch(model);
    for (size_t i = 0; i < model->changes_list.count; i++) {
        free_change(&model->changes[i]);
    }
    fi_browse_list_recount(&model->changes_list, 0);
    model->has_changes = false;
    model->has_failed = false;
    model->is_cut = false;
    model->marked = 0;
    model->names[0] = '\0';
    model->title[0] = '\0';
    model->counts[0] = '\0';
}

void
fi_browse_model_finish_changes(struct fi_browse_model *model)
{
    model->has_changes = true;
    fi_browse_layout_set(model);
    browse_model_check(model);
}

void
fi_browse_model_finish_patch(struct fi_browse_model *model)
{
    assert(model->has_changes);
    model->has_patch = true;
    fi_browse_list_recount(&model->patch_list, model->patch.count);
    browse_model_check(model);
}

void
fi_browse_model_show_page(struct fi_browse_model *model, enum fi_browse_mode mode)
{
    assert(mode == FI_BROWSE_CONFIRM || mode == FI_BROWSE_PAGE);
    model->mode = mode;
    if (!fi_browse_text_wrap(&model->page, model->columns > 0 ? model->columns : 1)) {
        fi_browse_text_deinit(&model->page);
    }
    fi_browse_list_recount(&model->page_list, model->page.count);
    fi_browse_layout_set(model);
}

/* ---- keys: moving ---- */

/* How far a key moves in a list of so many rows; 0: it is no such key. */
static ptrdiff_t
distance_of(uint32_t key, size_t rows)
{
    ptrdiff_t page = rows > 1 ? (ptrdiff_t)rows - 1 : 1;
    switch (key) {
    case 'k':
    case FI_BROWSE_KEY_UP:
        return -1;
    case 'j':
    case FI_BROWSE_KEY_DOWN:
        return 1;
    case FI_BROWSE_KEY_PAGE_UP:
        return -page;
    case FI_BROWSE_KEY_PAGE_DOWN:
        return page;
    case 'g':
    case FI_BROWSE_KEY_HOME:
        return -(PTRDIFF_MAX / 2);
    case 'G':
    case FI_BROWSE_KEY_END:
        return PTRDIFF_MAX / 2;
    default:
        return 0;
    }
}

static bool
is_end(uint32_t key)
{
    return key == 'G' || key == FI_BROWSE_KEY_END;
}

static void
browse_model_move(struct fi_browse_model *model, ptrdiff_t by)
{
    switch (model->focus) {
    case FI_BROWSE_HISTORY: {
        size_t before = model->history_list.chosen;
        fi_browse_list_move(&model->history_list, by);
        if (model->history_list.chosen != before) {
            fi_browse_model_drop_changes(model);
        }
        break;
    }
    case FI_BROWSE_CHANGES: {
        size_t before = model->changes_list.chosen;
        fi_browse_list_move(&model->changes_list, by);
        if (model->changes_list.chosen != before) {
            fi_browse_model_drop_patch(model);
        }
        break;
    }
    case FI_BROWSE_PATCH:
        fi_browse_list_move(&model->patch_list, by);
        break;
    }
}

/* To the next pane, or to the one before. */
static void
change_focus(struct fi_browse_model *model, bool is_forward)
{
    enum fi_browse_pane first = model->is_single ? FI_BROWSE_CHANGES : FI_BROWSE_HISTORY;
    if (is_forward) {
        model->focus = model->focus == FI_BROWSE_PATCH     ? first
                       : model->focus == FI_BROWSE_HISTORY ? FI_BROWSE_CHANGES
                                                           : FI_BROWSE_PATCH;
    } else {
        model->focus = model->focus == first               ? FI_BROWSE_PATCH
                       : model->focus == FI_BROWSE_CHANGES ? FI_BROWSE_HISTORY
                                                           : FI_BROWSE_CHANGES;
    }
}

static void
press_sideways(struct fi_browse_model *model, bool is_right)
{
    enum fi_browse_pane first = model->is_single ? FI_BROWSE_CHANGES : FI_BROWSE_HISTORY;
    if (model->focus == FI_BROWSE_PATCH && is_right) {
        model->patch_left += COLUMNS_A_STEP;
    } else if (model->focus == FI_BROWSE_PATCH && model->patch_left > 0) {
        model->patch_left -=
            model->patch_left < COLUMNS_A_STEP ? model->patch_left : COLUMNS_A_STEP;
    } else if (is_right || model->focus != first) {
        change_focus(model, is_right);
    }
}

/* ---- keys: marking ---- */

static void
toggle(struct fi_browse_model *model, struct fi_browse_change *change)
{
    change->is_marked = !change->is_marked;
    model->marked += change->is_marked ? 1 : 0;
    model->marked -= change->is_marked ? 0 : 1;
}

static void
press_mark(struct fi_browse_model *model)
{
    struct fi_browse_change *change = fi_browse_model_change(model);
    if (model->focus == FI_BROWSE_HISTORY) {
        fi_browse_model_say(model, "Tab goes to the files, where Space marks one");
    } else if (change != NULL) {
        toggle(model, change);
        if (model->focus == FI_BROWSE_CHANGES) {
            browse_model_move(model, 1);
        }
    }
}

/* All, or none if all are marked. */
static void
mark_all(struct fi_browse_model *model)
{
    bool is_to_be_marked = model->marked < model->changes_list.count;
    for (size_t i = 0; i < model->changes_list.count; i++) {
        if (model->changes[i].is_marked != is_to_be_marked) {
            toggle(model, &model->changes[i]);
        }
    }
}

/* ---- keys: searching ---- */

static enum fi_browse_want
browse_model_search(struct fi_browse_model *model, bool is_forward)
{
    if (model->query_size == 0) {
        fi_browse_model_say(model, "/ searches");
        return FI_BROWSE_WANT_NOTHING;
    }
    if (model->focus == FI_BROWSE_HISTORY && model->has_older) {
        return FI_BROWSE_WANT_ALL;
    }
    enum fi_browse_pane focus = model->focus;
    size_t before =
        focus == FI_BROWSE_HISTORY ? model->history_list.chosen : model->changes_list.chosen;
    bool has_turned = false;
    if (!fi_browse_search_next(model, is_forward, &has_turned)) {
        fi_browse_model_say(model, "not found: %s", model->query);
    } else if (has_turned) {
        fi_browse_model_say(model, is_forward ? "from the beginning again" : "from the end again");
    } else {
        model->status[0] = '\0';
    }
    if (focus == FI_BROWSE_HISTORY && model->history_list.chosen != before) {
        fi_browse_model_drop_changes(model);
    } else if (focus == FI_BROWSE_CHANGES && model->changes_list.chosen != before) {
        fi_browse_model_drop_patch(model);
    }
    return FI_BROWSE_WANT_NOTHING;
}

static void
erase(struct fi_browse_model *model)
{
    do {
        model->typed_size -= model->typed_size > 0 ? 1 : 0;
    } while (model->typed_size > 0 && ((uint8_t)model->typed[model->typed_size] & 0xC0) == 0x80);
    model->typed[model->typed_size] = '\0';
}

static void
type(struct fi_browse_model *model, uint32_t point)
{
    char bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (fi_term_text_is_control(point) || point > 0x10FFFF ||
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

static enum fi_browse_want
press_in_search(struct fi_browse_model *model, uint32_t key)
{
    switch (key) {
    case FI_BROWSE_KEY_ESCAPE:
        model->mode = FI_BROWSE_LOOK;
        break;
    case FI_BROWSE_KEY_ERASE:
        if (model->typed_size == 0) {
            model->mode = FI_BROWSE_LOOK;
        }
        erase(model);
        break;
    case FI_BROWSE_KEY_ENTER:
        if (model->typed_size > 0) {
            memcpy(model->query, model->typed, sizeof(model->query));
            model->query_size = model->typed_size;
        }
        if (model->query_size > 0 && model->focus == FI_BROWSE_HISTORY && model->has_older) {
            return FI_BROWSE_WANT_ALL;
        }
        model->mode = FI_BROWSE_LOOK;
        return browse_model_search(model, true);
    default:
        type(model, key);
        break;
    }
    return FI_BROWSE_WANT_NOTHING;
}

/* ---- keys: pages ---- */

static enum fi_browse_want
press_in_page(struct fi_browse_model *model, uint32_t key)
{
    ptrdiff_t by = distance_of(key, model->page_list.rows);
    bool is_question = model->mode == FI_BROWSE_CONFIRM;
    if (key == ' ' && !is_question &&
        model->page_list.top + model->page_list.rows < model->page_list.count) {
        by = distance_of(FI_BROWSE_KEY_PAGE_DOWN, model->page_list.rows);
    }
    if (by != 0) {
        fi_browse_list_move(&model->page_list, by);
    } else if (!is_question) {
        model->mode = FI_BROWSE_LOOK;
    } else if (key == 'y' || key == 'Y') {
        model->mode = FI_BROWSE_LOOK;
        return FI_BROWSE_WANT_PERFORM;
    } else if (key == 'n' || key == 'N' || key == 'q' || key == FI_BROWSE_KEY_ESCAPE) {
        model->mode = FI_BROWSE_LOOK;
        fi_browse_model_say(model, "nothing was changed");
    }
    return FI_BROWSE_WANT_NOTHING;
}

/* ---- keys: all others ---- */

static void
change_view(struct fi_browse_model *model)
{
    model->is_of_disk = !model->is_of_disk;
    fi_browse_model_drop_changes(model);
}

/* Of what is not saved the marked files can be restored; else the next pane has more about it. */
static enum fi_browse_want
press_enter(struct fi_browse_model *model)
{
    if (!fi_browse_model_is_unsaved(model) || model->marked > 0) {
        return fi_browse_model_row(model) != NULL ? FI_BROWSE_WANT_RESTORE : FI_BROWSE_WANT_NOTHING;
    }
    if (model->focus != FI_BROWSE_PATCH) {
        change_focus(model, true);
    }
    return FI_BROWSE_WANT_NOTHING;
}

static enum fi_browse_want
press_details(struct fi_browse_model *model)
{
    if (fi_browse_model_is_unsaved(model)) {
        fi_browse_model_say(model, "this is no checkpoint yet: firn save makes one");
        return FI_BROWSE_WANT_NOTHING;
    }
    return fi_browse_model_row(model) != NULL ? FI_BROWSE_WANT_DETAILS : FI_BROWSE_WANT_NOTHING;
}

static enum fi_browse_want
press_command(struct fi_browse_model *model, uint32_t key)
{
    switch (key) {
    case 'q':
        return FI_BROWSE_WANT_QUIT;
    case FI_BROWSE_KEY_ENTER:
        return press_enter(model);
    case 'u':
        return FI_BROWSE_WANT_UNDO;
    case 'U':
    case FI_BROWSE_KEY_REDO:
        return FI_BROWSE_WANT_REDO;
    case 'i':
        return press_details(model);
    case '?':
        return FI_BROWSE_WANT_HELP;
    case 's':
        model->shows_safety = !model->shows_safety && !model->is_single;
        return FI_BROWSE_WANT_REFRESH;
    case 'r':
    case FI_BROWSE_KEY_REFRESH:
        fi_browse_model_drop_changes(model);
        return FI_BROWSE_WANT_REFRESH;
    default:
        return FI_BROWSE_WANT_NOTHING;
    }
}

static enum fi_browse_want
press_looking(struct fi_browse_model *model, uint32_t key)
{
    const struct fi_browse_list *list = model->focus == FI_BROWSE_HISTORY   ? &model->history_list
                                        : model->focus == FI_BROWSE_CHANGES ? &model->changes_list
                                                                            : &model->patch_list;
    ptrdiff_t by = distance_of(key, list->rows);
    if (is_end(key) && model->focus == FI_BROWSE_HISTORY && model->has_older) {
        return FI_BROWSE_WANT_ALL;
    }
    model->status[0] = '\0';
    if (by != 0) {
        browse_model_move(model, by);
        return FI_BROWSE_WANT_NOTHING;
    }
    switch (key) {
    case FI_BROWSE_KEY_TAB:
    case FI_BROWSE_KEY_BACK_TAB:
        change_focus(model, key == FI_BROWSE_KEY_TAB);
        break;
    case 'h':
    case FI_BROWSE_KEY_LEFT:
    case 'l':
    case FI_BROWSE_KEY_RIGHT:
        press_sideways(model, key == 'l' || key == FI_BROWSE_KEY_RIGHT);
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
        model->mode = FI_BROWSE_SEARCH;
        model->typed_size = 0;
        model->typed[0] = '\0';
        break;
    case 'n':
    case 'N':
        return browse_model_search(model, key == 'n');
    default:
        return press_command(model, key);
    }
    return FI_BROWSE_WANT_NOTHING;
}

enum fi_browse_want
fi_browse_model_press(struct fi_browse_model *model, uint32_t key)
{
    enum fi_browse_want want = FI_BROWSE_WANT_NOTHING;
    browse_model_check(model);
    switch (model->mode) {
    case FI_BROWSE_LOOK:
        want = press_looking(model, key);
        break;
    case FI_BROWSE_SEARCH:
        want = press_in_search(model, key);
        break;
    case FI_BROWSE_CONFIRM:
    case FI_BROWSE_PAGE:
        want = press_in_page(model, key);
        break;
    }
    fi_browse_layout_set(model);
    browse_model_check(model);
    return want;
}
