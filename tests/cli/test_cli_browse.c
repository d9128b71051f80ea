/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/test_cli_browse.c: the screen of firn browse without a terminal: cells, lists, lines, keys, and what is drawn; on
 * screens of all sizes, with random keys, and while memory runs out. Then the whole program on a pseudo-terminal while each
 * of its allocations fails: it ends, and the terminal is as it was. (tests/cli/browse.py looks at whole screens.)
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "browse/browse_internal.h"
#include "cli/cli.h"
#include "support/test.h"
#include "support/test_random.h"

/* ---- allocations that fail ---- */

static size_t allocations;
static size_t fail_at; /* 0: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool
fails(void)
{
    return __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == fail_at;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

/* ---- cells ---- */

static void
check_cells(const struct fi_browse_cells *cells)
{
    for (size_t row = 0; row < cells->rows; row++) {
        const struct fi_browse_cell *at = &cells->at[row * cells->columns];
        for (size_t column = 0; column < cells->columns; column++) {
            bool is_half = at[column].width == 0;
            assert_true(at[column].width <= 2);
            assert_int_equal(is_half, column > 0 && at[column - 1].width == 2);
            assert_true(is_half || !fi_term_text_is_control(at[column].points[0]));
        }
        assert_true(cells->columns == 0 || at[cells->columns - 1].width != 2);
    }
}

/* A row as text: only for characters of ASCII; others are '#', and what combines is not shown. */
static const char *
row_of(const struct fi_browse_cells *cells, size_t row)
{
    static char text[1024];
    size_t size = 0;
    for (size_t column = 0; column < cells->columns; column++) {
        const struct fi_browse_cell *cell = &cells->at[row * cells->columns + column];
        if (cell->width > 0) {
            text[size++] = (char)(cell->points[0] < 0x80 ? cell->points[0] : '#');
        }
    }
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    text[size] = '\0';
    return text;
}

static size_t
put(struct fi_browse_cells *cells, size_t column, size_t columns, const char *text, size_t skip)
{
    const struct fi_browse_spot spot = {0, column, columns, FI_BROWSE_PLAIN};
    size_t written = fi_browse_cells_put(cells, spot, firn_str(text), skip);
    check_cells(cells);
    return written;
}

static void
texts_are_cut_at_their_spot(void **state)
{
    struct fi_browse_cells cells = {NULL, 0, 0};
    assert_true(fi_browse_cells_resize(&cells, 1, 10));
    assert_int_equal(put(&cells, 2, 5, "abcdefgh", 0), 5);
    assert_string_equal(row_of(&cells, 0), "  abcde");
    assert_int_equal(put(&cells, 8, 100, "xyz", 0), 2);
    assert_string_equal(row_of(&cells, 0), "  abcde xy");
    assert_int_equal(put(&cells, 10, 5, "outside", 0), 0);
    assert_int_equal(put(&cells, 0, 0, "no room", 0), 0);
    assert_int_equal(put(&cells, 0, 10, "0123456789", 4), 6);
    assert_string_equal(row_of(&cells, 0), "456789e xy");
    fi_browse_cells_clear(&cells);
    assert_int_equal(put(&cells, 0, 10, "a\tb\n\x1b[", 0), 10);
    assert_string_equal(row_of(&cells, 0), "a       b?");
    fi_browse_cells_clear(&cells);
    assert_int_equal(put(&cells, 0, 10, "a\tb", 3), 6);
    assert_string_equal(row_of(&cells, 0), "     b");
    assert_int_equal(put(&cells, 0, 10, "\xFF\xFE", 0), 2);
    assert_string_equal(row_of(&cells, 0), "??   b");
    fi_browse_cells_deinit(&cells);
}

static void
wide_characters_are_never_halved(void **state)
{
    struct fi_browse_cells cells = {NULL, 0, 0};
    static const char wide[] = "\xE6\x97\xA5\xE6\x9C\xAC"; /* two characters of two columns each */
    assert_true(fi_browse_cells_resize(&cells, 1, 10));
    assert_int_equal(put(&cells, 0, 3, wide, 0), 2);
    assert_string_equal(row_of(&cells, 0), "#");
    assert_int_equal(put(&cells, 0, 4, wide, 0), 4);
    assert_int_equal(put(&cells, 1, 1, "x", 0), 1);
    assert_string_equal(row_of(&cells, 0), " x#");
    assert_int_equal(put(&cells, 2, 1, "y", 0), 1);
    assert_string_equal(row_of(&cells, 0), " xy");
    fi_browse_cells_clear(&cells);
    assert_int_equal(put(&cells, 0, 10, wide, 1), 3);
    assert_string_equal(row_of(&cells, 0), " #");
    fi_browse_cells_clear(&cells);
    assert_int_equal(put(&cells, 0, 10, "e\xCC\x81\xCC\x82\xCC\x83x", 0), 2);
    assert_int_equal(cells.at[0].points[1], 0x301);
    assert_int_equal(cells.at[0].points[2], 0x302); /* there is no room for the third */
    assert_int_equal(put(&cells, 9, 1, wide, 0), 0);
    const struct fi_browse_spot spot = {0, 0, 20, FI_BROWSE_BAR};
    fi_browse_cells_fill(&cells, spot);
    check_cells(&cells);
    assert_string_equal(row_of(&cells, 0), "");
    fi_browse_cells_deinit(&cells);
}

/* ---- lists ---- */

static void
what_is_chosen_stays_on_the_screen(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 1);
    for (int round = 0; round < 2000; round++) {
        struct fi_browse_list list = {.scrolls = round % 2 == 1};
        for (int i = 0; i < 50; i++) {
            ptrdiff_t by = (ptrdiff_t)(test_random_below(&random, 40)) - 20;
            switch (test_random_below(&random, 4)) {
            case 0:
                fi_browse_list_recount(&list, test_random_below(&random, 30));
                break;
            case 1:
                fi_browse_list_resize(&list, test_random_below(&random, 12));
                break;
            case 2:
                fi_browse_list_choose(&list, test_random_below(&random, 40));
                break;
            default:
                fi_browse_list_move(&list, by);
                break;
            }
            assert_true(list.count == 0 ? list.chosen == 0 : list.chosen < list.count);
            assert_true(list.top <= list.chosen);
            assert_true(list.rows == 0 || list.chosen - list.top < list.rows);
            assert_true(list.rows == 0 || list.top == 0 || list.count - list.top >= list.rows);
        }
    }
    struct fi_browse_list list = {.count = 100, .rows = 10};
    fi_browse_list_move(&list, PTRDIFF_MAX / 2);
    assert_int_equal(list.chosen, 99);
    assert_int_equal(list.top, 90);
    fi_browse_list_move(&list, -1);
    assert_int_equal(list.top, 90);
    fi_browse_list_move(&list, -(PTRDIFF_MAX / 2));
    assert_int_equal(list.chosen, 0);
}

/* ---- lines ---- */

static void
lines_have_the_style_of_their_colour(void **state)
{
    struct fi_browse_text text = {.bytes = NULL};
    static const char printed[] = "\033[1mdiff\033[m\n\033[36m@@\033[m\n\033[31m-a\033[m\n"
                                  "\033[32m+b\033[m\n c\n\nlast";
    static const enum fi_browse_style styles[] = {
        FI_BROWSE_STRONG, FI_BROWSE_RANGE, FI_BROWSE_REMOVED, FI_BROWSE_ADDED,
        FI_BROWSE_PLAIN,  FI_BROWSE_PLAIN, FI_BROWSE_PLAIN};
    static const char *const lines[] = {"diff", "@@", "-a", "+b", " c", "", "last"};
    assert_true(fi_browse_text_set(&text, firn_str(printed)));
    assert_int_equal(text.count, 7);
    for (size_t i = 0; i < text.count; i++) {
        firn_slice line = fi_browse_text_line(&text, i);
        assert_int_equal(line.size, strlen(lines[i]));
        assert_memory_equal(line.data, lines[i], line.size);
        assert_int_equal(text.lines[i].style, styles[i]);
    }
    assert_true(fi_browse_text_set(&text, firn_str("")));
    assert_int_equal(text.count, 0);
    fi_browse_text_deinit(&text);
}

static void
lines_are_wrapped_between_words(void **state)
{
    struct fi_browse_text text = {.bytes = NULL};
    static const char *const lines[] = {
        "one two ",    "three", "abcdefghi",
        "jkl",         "",      "\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5",
        "\xE6\x97\xA5"};
    assert_true(fi_browse_text_set(
        &text, firn_str("one two three\nabcdefghijkl\n\n"
                        "\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\n")));
    assert_true(fi_browse_text_wrap(&text, 9));
    assert_int_equal(text.count, sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < text.count; i++) {
        firn_slice line = fi_browse_text_line(&text, i);
        assert_int_equal(line.size, strlen(lines[i]));
        assert_memory_equal(line.data, lines[i], line.size);
    }
    assert_true(fi_browse_text_wrap(&text, 1)); /* a wide character takes a line, too */
    assert_true(fi_browse_text_wrap(&text, 0));
    assert_int_equal(text.count, 4);
    fi_browse_text_deinit(&text);
}

/* ---- a model ---- */

static bool
add_row(struct fi_browse_model *model, unsigned number, const char *title)
{
    struct fi_browse_row row = {.number = number};
    (void)snprintf(row.id, sizeof(row.id), "kkkkkkkkkkkkkkkkkkkkkkkkkk%06u", number);
    row.title = strdup(title);
    return row.title != NULL && fi_browse_model_add_row(model, &row);
}

static bool
add_change(struct fi_browse_model *model, const char *name)
{
    struct fi_browse_change change = {.name = strdup(name), .path = strdup(name + 2)};
    change.path_size = strlen(name + 2);
    change.has_lines = true;
    change.added = 3;
    return fi_browse_model_add_change(model, &change);
}

static bool
read_changes(struct fi_browse_model *model)
{
    static const char *const names[] = {"M a.c", "A b/with a rather long name.c", "D c"};
    for (size_t i = 0; i < 3; i++) {
        if (!add_change(model, names[i])) {
            fi_browse_model_drop_changes(model);
            return false;
        }
    }
    (void)snprintf(model->names, sizeof(model->names), "12  kkkkkkkk");
    (void)snprintf(model->title, sizeof(model->title), "a title");
    (void)snprintf(model->counts, sizeof(model->counts), "3 files");
    fi_browse_model_finish_changes(model);
    return true;
}

static bool
read_patch(struct fi_browse_model *model)
{
    bool is_read = fi_browse_text_set(
        &model->patch, firn_str("\033[1mdiff\033[m\n\033[31m-one\033[m\n\033[32m+two\033[m\n x\n"
                                " y\n z\n 1\n 2\n 3\n 4\n 5\n 6\n 7\n 8\n last\n"));
    fi_browse_model_finish_patch(model);
    return is_read;
}

static bool
fill(struct fi_browse_model *model, unsigned count)
{
    bool is_whole = true;
    for (unsigned i = count; i > 0; i--) {
        char title[64];
        (void)snprintf(title, sizeof(title), "title %u", i);
        is_whole = add_row(model, i, title) && is_whole;
    }
    is_whole = read_changes(model) && is_whole;
    return is_whole && model->changes_list.count > 0 && read_patch(model);
}

static enum fi_browse_want
type(struct fi_browse_model *model, const char *keys)
{
    enum fi_browse_want want = FI_BROWSE_WANT_NOTHING;
    for (; *keys != '\0'; keys++) {
        uint32_t key = *keys == '\t'   ? FI_BROWSE_KEY_TAB
                       : *keys == '\n' ? FI_BROWSE_KEY_ENTER
                                       : (uint32_t)*keys;
        want = fi_browse_model_press(model, key);
    }
    return want;
}

static void
keys_move_mark_and_ask(void **state)
{
    struct fi_browse_model model;
    fi_browse_model_init(&model, false);
    fi_browse_model_resize(&model, 24, 80);
    assert_int_equal(type(&model, "jkG\tjaau"), FI_BROWSE_WANT_UNDO);
    assert_null(fi_browse_model_row(&model));
    assert_int_equal(type(&model, "\n"), FI_BROWSE_WANT_NOTHING);
    fi_browse_model_deinit(&model);

    fi_browse_model_init(&model, false);
    fi_browse_model_resize(&model, 24, 80);
    assert_true(fill(&model, 50));
    assert_int_equal(type(&model, "\t  "), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.marked, 2);
    assert_true(model.changes[0].is_marked && model.changes[1].is_marked);
    assert_int_equal(type(&model, "a"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.marked, 3);
    assert_int_equal(type(&model, "a "), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.marked, 1);
    assert_int_equal(type(&model, "\n"), FI_BROWSE_WANT_RESTORE);
    assert_true(fi_browse_text_set(&model.page, firn_str("what would change\n")));
    fi_browse_model_show_page(&model, FI_BROWSE_CONFIRM);
    assert_int_equal(type(&model, "\nxjk"), FI_BROWSE_WANT_NOTHING); /* only y is yes */
    assert_int_equal(model.mode, FI_BROWSE_CONFIRM);
    assert_int_equal(type(&model, "n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.mode, FI_BROWSE_LOOK);
    fi_browse_model_show_page(&model, FI_BROWSE_CONFIRM);
    assert_int_equal(type(&model, "y"), FI_BROWSE_WANT_PERFORM);
    assert_int_equal(model.marked, 1);
    assert_int_equal(type(&model, "\t\tj"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.focus, FI_BROWSE_HISTORY);
    assert_false(model.has_changes); /* another checkpoint: other files, and no marks */
    assert_int_equal(model.marked, 0);
    assert_int_equal(type(&model, "q"), FI_BROWSE_WANT_QUIT);
    assert_int_equal(type(&model, "?"), FI_BROWSE_WANT_HELP);
    assert_int_equal(type(&model, "U"), FI_BROWSE_WANT_REDO);
    fi_browse_model_deinit(&model);
}

static void
searching_wraps_around(void **state)
{
    struct fi_browse_model model;
    fi_browse_model_init(&model, false);
    fi_browse_model_resize(&model, 24, 80);
    assert_true(fill(&model, 50));
    assert_int_equal(type(&model, "/TITLE 7\n"), FI_BROWSE_WANT_NOTHING);
    assert_string_equal(model.status, "not found: TITLE 7"); /* capital letters are meant */
    assert_int_equal(type(&model, "/title 7\n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(fi_browse_model_row(&model)->number, 7);
    assert_int_equal(type(&model, "n"), FI_BROWSE_WANT_NOTHING); /* it is the only one */
    assert_int_equal(fi_browse_model_row(&model)->number, 7);
    assert_int_equal(type(&model, "/title 4\n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(fi_browse_model_row(&model)->number, 4);
    assert_int_equal(type(&model, "n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(fi_browse_model_row(&model)->number, 49);
    assert_string_equal(model.status, "from the beginning again");
    assert_int_equal(type(&model, "N"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(fi_browse_model_row(&model)->number, 4);
    model.has_older = true; /* all of it is read first */
    assert_int_equal(type(&model, "n"), FI_BROWSE_WANT_ALL);
    assert_int_equal(type(&model, "G"), FI_BROWSE_WANT_ALL);
    assert_int_equal(type(&model, "/x\n"), FI_BROWSE_WANT_ALL);
    model.has_older = false;
    assert_int_equal(type(&model, "\n"), FI_BROWSE_WANT_NOTHING);
    assert_string_equal(model.status, "not found: x");
    assert_true(read_changes(&model) && read_patch(&model));
    assert_int_equal(type(&model, "\t/long\n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.changes_list.chosen, 1);
    assert_false(model.has_patch);
    assert_true(read_patch(&model));
    assert_int_equal(type(&model, "\t/LAST\x7F\n"), FI_BROWSE_WANT_NOTHING);
    for (int i = 0; i < 200; i++) {
        (void)fi_browse_model_press(&model, i == 0 ? '/' : 0x1F600);
    }
    assert_true(model.typed_size < sizeof(model.typed));
    for (int i = 0; i < 200; i++) {
        (void)fi_browse_model_press(&model, FI_BROWSE_KEY_ERASE);
    }
    assert_int_equal(model.mode, FI_BROWSE_LOOK);
    fi_browse_model_deinit(&model);
}

/* What another process saves comes in above; what was chosen, and its marks, stay. */
static void
rows_are_replaced_under_the_chosen_one(void **state)
{
    struct fi_browse_model model;
    fi_browse_model_init(&model, false);
    fi_browse_model_resize(&model, 10, 80);
    assert_true(fill(&model, 30));
    (void)type(&model, "jjj");
    assert_true(read_changes(&model));
    (void)type(&model, "\t ");
    assert_int_equal(fi_browse_model_row(&model)->number, 27);
    size_t before = model.history_list.count;
    for (unsigned i = 32; i > 0; i--) {
        assert_true(add_row(&model, i, "again"));
    }
    fi_browse_model_replace_rows(&model, before);
    assert_int_equal(model.history_list.count, 32);
    assert_int_equal(fi_browse_model_row(&model)->number, 27);
    assert_int_equal(model.marked, 1);
    before = model.history_list.count;
    assert_true(add_row(&model, 3, "almost all were deleted"));
    fi_browse_model_replace_rows(&model, before);
    assert_int_equal(fi_browse_model_row(&model)->number, 3);
    assert_int_equal(model.marked, 0);
    fi_browse_model_replace_rows(&model, 1);
    assert_null(fi_browse_model_row(&model));
    fi_browse_model_deinit(&model);
}

/* Its row comes and goes above the checkpoints, of which the chosen one stays. */
static void
what_is_not_saved_has_a_row(void **state)
{
    struct fi_browse_model model;
    struct fi_browse_cells cells = {NULL, 0, 0};
    fi_browse_model_init(&model, false);
    assert_true(fi_browse_cells_resize(&cells, 10, 80));
    fi_browse_model_resize(&model, 10, 80);
    assert_true(fill(&model, 30));
    assert_true(fi_browse_model_set_unsaved(&model, true));
    assert_true(fi_browse_model_set_unsaved(&model, true));
    assert_int_equal(model.history_list.count, 31);
    assert_int_equal(fi_browse_model_row(&model)->number, 30);
    assert_true(model.has_changes && model.has_patch); /* they are still those of the chosen one */
    assert_int_equal(type(&model, "\n"), FI_BROWSE_WANT_RESTORE);
    fi_browse_draw(&model, &cells);
    assert_non_null(strstr(row_of(&cells, 0), "1 of 30"));
    assert_non_null(strstr(row_of(&cells, 1), "not saved yet"));
    assert_int_equal(type(&model, "k"), FI_BROWSE_WANT_NOTHING);
    assert_true(fi_browse_model_is_unsaved(&model) && !model.has_changes);
    assert_true(read_changes(&model) && read_patch(&model));
    assert_int_equal(type(&model, "i"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(type(&model, "\n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.focus, FI_BROWSE_CHANGES);
    assert_int_equal(type(&model, "\n\n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(model.focus, FI_BROWSE_PATCH);
    assert_int_equal(type(&model, " \n"), FI_BROWSE_WANT_RESTORE); /* of what is marked */
    assert_true(fi_browse_model_set_unsaved(&model, false));
    assert_int_equal(fi_browse_model_row(&model)->number, 30);
    assert_true(!model.has_changes && model.marked == 0);
    (void)type(&model, "\tG");
    const size_t seen = model.history_list.chosen - model.history_list.top;
    assert_true(fi_browse_model_set_unsaved(&model, true));
    assert_int_equal(fi_browse_model_row(&model)->number, 1);
    assert_int_equal(model.history_list.chosen - model.history_list.top, seen);
    assert_int_equal(type(&model, "/0\n"), FI_BROWSE_WANT_NOTHING);
    assert_int_equal(fi_browse_model_row(&model)->number, 30); /* it has no number */
    fi_browse_cells_deinit(&cells);
    fi_browse_model_deinit(&model);
}

/* ---- all sizes, random keys, no memory ---- */

static void
press_randomly(struct fi_browse_model *model, struct fi_browse_cells *cells,
               struct test_random *random)
{
    static const uint32_t keys[] = {'j', 'k', 'g', 'G', ' ', 'a', 'd',    '/',  'n',  'N',
                                    'x', 'h', 'l', 'i', 's', 'y', 0x65E5, '\\', 0x7F, 0x1F600};
    uint32_t key = test_random_below(random, 3) == 0
                       ? FI_BROWSE_KEY_NONE + (uint32_t)test_random_below(random, 16)
                       : keys[test_random_below(random, sizeof(keys) / sizeof(keys[0]))];
    enum fi_browse_want want = fi_browse_model_press(model, key);
    if (model->history_list.count > 0 && test_random_below(random, 8) == 0) {
        (void)fi_browse_model_set_unsaved(model, !fi_browse_model_has_unsaved(model));
    }
    if (want == FI_BROWSE_WANT_DETAILS || want == FI_BROWSE_WANT_RESTORE) {
        if (fi_browse_text_set(&model->page, firn_str("a page of words and\nlines\n\n"))) {
            fi_browse_model_show_page(model, want == FI_BROWSE_WANT_RESTORE ? FI_BROWSE_CONFIRM
                                                                            : FI_BROWSE_PAGE);
        }
    } else if (want == FI_BROWSE_WANT_ALL) {
        model->has_older = false;
    } else if (want == FI_BROWSE_WANT_REFRESH) {
        size_t before = model->history_list.count;
        for (unsigned i = 20; i > 0 && add_row(model, i, "read again"); i--) {
        }
        fi_browse_model_replace_rows(model, before);
    } else if (fi_browse_model_row(model) != NULL && !model->has_changes) {
        (void)read_changes(model);
    } else if (fi_browse_model_change(model) != NULL && !model->has_patch) {
        (void)read_patch(model);
    }
    fi_browse_draw(model, cells);
    check_cells(cells);
}

static void
every_size_of_a_screen_can_be_drawn(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 2);
    struct fi_browse_cells cells = {NULL, 0, 0};
    for (unsigned round = 0; round < 300; round++) {
        struct fi_browse_model model;
        fi_browse_model_init(&model, round % 4 == 0);
        model.root = "/a/directory/\xE6\x97\xA5";
        assert_true(fill(&model, 1 + (unsigned)test_random_below(&random, 40)));
        for (int i = 0; i < 60; i++) {
            if (i % 10 == 0) {
                size_t rows = test_random_below(&random, i % 20 == 0 ? 40 : 6);
                size_t columns = test_random_below(&random, i % 20 == 0 ? 130 : 12);
                assert_true(fi_browse_cells_resize(&cells, rows, columns));
                fi_browse_model_resize(&model, cells.rows, cells.columns);
            }
            press_randomly(&model, &cells, &random);
        }
        fi_browse_model_deinit(&model);
    }
    assert_true(fi_browse_cells_resize(&cells, SIZE_MAX, SIZE_MAX));
    assert_int_equal(cells.rows, FI_BROWSE_CELLS_ROWS_MAX);
    fi_browse_cells_deinit(&cells);
}

/* The same keys, while each allocation fails once. */
static void
memory_may_run_out_at_any_key(void **state)
{
    size_t calls = 0;
    for (size_t n = 0; n == 0 || n <= calls; n++) {
        struct test_random random = {3};
        struct fi_browse_cells cells = {NULL, 0, 0};
        struct fi_browse_model model;
        assert_true(fi_browse_cells_resize(&cells, 20, 70));
        fi_browse_model_init(&model, false);
        fi_browse_model_resize(&model, cells.rows, cells.columns);
        allocations = 0;
        fail_at = n;
        (void)fill(&model, 100);
        for (int i = 0; i < 100; i++) {
            if (i == 50 && fi_browse_cells_resize(&cells, 24, 80)) {
                fi_browse_model_resize(&model, cells.rows, cells.columns);
            }
            press_randomly(&model, &cells, &random);
        }
        calls = n == 0 ? allocations : calls;
        fail_at = 0;
        fi_browse_model_deinit(&model);
        fi_browse_cells_deinit(&cells);
    }
    assert_true(calls > 20);
}

/* ---- the program on a terminal, without memory ---- */

enum { OUTPUT_SIZE = 1 << 20 };

struct shared {
    size_t allocations;
    int exit_code;
};

static char place[64];
static char output[OUTPUT_SIZE];

static int
run_firn(const char *const *words)
{
    int count = 0;
    char *arguments[16];
    while (words[count] != NULL) {
        arguments[count] = strdup(words[count]);
        assert_non_null(arguments[count]);
        count++;
    }
    arguments[count] = NULL;
    int exit_code = fi_command_line_main(&fi_cli_table, count, arguments);
    for (int i = 0; i < count; i++) {
        free(arguments[i]);
    }
    return exit_code;
}

/* In a process of its own, whose memory is as at the start of a program. */
static void
save(const char *content, const char *message)
{
    char path[128];
    int status = -1;
    (void)snprintf(path, sizeof(path), "%s/tree/file", place);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char tree[128];
        (void)snprintf(tree, sizeof(tree), "%s/tree", place);
        const char *const words[] = {"firn", "-C", tree, "save", "-q", "-m", message, NULL};
        _exit(run_firn(words) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
browse_in_child(int terminal, struct shared *shared, size_t n)
{
    char tree[128];
    (void)snprintf(tree, sizeof(tree), "%s/tree", place);
    (void)setsid();
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(terminal, fd);
    }
    fi_term_signals_setup();
    const char *const words[] = {"firn", "-C", tree, "browse", NULL};
    allocations = 0;
    fail_at = n;
    shared->exit_code = run_firn(words);
    shared->allocations = allocations;
    _exit(0);
}

/* Reads what the child shows until it ends; asks it to after a while. Returns how it ended. */
static int
wait_for_child(pid_t pid, int ours)
{
    enum { TICK_MS = 20, PATIENCE = 150 };
    size_t size = 0;
    int status = -1;
    int ticks = 0;
    bool has_ended = false;
    for (;;) {
        struct pollfd ready = {.fd = ours, .events = POLLIN};
        if (poll(&ready, 1, has_ended ? 0 : TICK_MS) > 0 && size + 1 < sizeof(output)) {
            ssize_t part = read(ours, output + size, sizeof(output) - 1 - size);
            size += part > 0 ? (size_t)part : 0;
            continue;
        }
        if (has_ended) {
            break;
        }
        if (waitpid(pid, &status, WNOHANG) == pid) {
            has_ended = true; /* it may have written since the last look */
            continue;
        }
        if (++ticks == PATIENCE) {
            (void)kill(pid, SIGTERM);
        }
        assert_true(ticks < 10 * PATIENCE);
    }
    output[size] = '\0';
    return status;
}

static bool
is_same_mode(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
           a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

/* Browses with these keys while the n-th allocation fails; 0: none. Returns how many there were. */
static size_t
browse_without_memory(const char *keys, size_t n)
{
    struct winsize window = {.ws_row = 24, .ws_col = 80};
    struct termios before;
    struct termios after;
    int ours;
    int theirs;
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    shared->exit_code = -1;
    assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &window), 0);
    assert_int_equal(tcgetattr(theirs, &before), 0);
    assert_int_equal(write(ours, keys, strlen(keys)), strlen(keys));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        browse_in_child(theirs, shared, n);
    }
    int status = wait_for_child(pid, ours);
    size_t count = shared->allocations;
    const char *enters = strstr(output, "\033[?1049h");
    if (!WIFEXITED(status) || (enters != NULL && strstr(enters, "\033[?1049l") == NULL) ||
        tcgetattr(theirs, &after) != 0 || !is_same_mode(&before, &after)) {
        fail_msg("allocation %zu of %zu: status %d, exit %d", n, count, status, shared->exit_code);
    }
    assert_true(n > 0 || (enters != NULL && shared->exit_code == 0));
    (void)close(ours);
    (void)close(theirs);
    (void)munmap(shared, sizeof(*shared));
    return count;
}

static void
the_terminal_is_given_back_without_memory(void **state)
{
    enum { FIRST = 40, SAMPLE = 60 };
    const bool is_long = getenv("FIRN_TEST_LONG") != NULL; /* each of them */
    /* The files, a mark, a preview that is refused; what differs from the disk; all about it; undo. */
    static const char keys[] = "j\t \rndi k/x\rurnqqqqqqqq";
    char command[96];
    char text[128];
    struct test_random random;
    test_random_init(&random, __func__, 4);
    (void)snprintf(place, sizeof(place), "/tmp/firn-browse-XXXXXX");
    assert_non_null(mkdtemp(place));
    (void)snprintf(text, sizeof(text), "%s/tree", place);
    assert_int_equal(mkdir(text, 0700), 0);
    (void)snprintf(text, sizeof(text), "%s/data", place);
    assert_int_equal(setenv("XDG_DATA_HOME", text, 1), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", text, 1), 0);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    save("one\n", "first");
    save("two\n", "second");
    save("three\n", "third");
    size_t count = browse_without_memory(keys, 0);
    for (size_t i = 1; i <= count && (is_long || i <= FIRST + SAMPLE); i++) {
        bool is_next = is_long || i <= FIRST;
        (void)browse_without_memory(keys, is_next ? i : FIRST + test_random_below(&random, count));
    }
    (void)snprintf(command, sizeof(command), "rm -rf %s", place);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut_at_their_spot),
        cmocka_unit_test(wide_characters_are_never_halved),
        cmocka_unit_test(what_is_chosen_stays_on_the_screen),
        cmocka_unit_test(lines_have_the_style_of_their_colour),
        cmocka_unit_test(lines_are_wrapped_between_words),
        cmocka_unit_test(keys_move_mark_and_ask),
        cmocka_unit_test(searching_wraps_around),
        cmocka_unit_test(rows_are_replaced_under_the_chosen_one),
        cmocka_unit_test(what_is_not_saved_has_a_row),
        cmocka_unit_test(every_size_of_a_screen_can_be_drawn),
        cmocka_unit_test(memory_may_run_out_at_any_key),
        cmocka_unit_test(the_terminal_is_given_back_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
