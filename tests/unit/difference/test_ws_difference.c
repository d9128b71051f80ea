/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/difference: what differs between checkpoints and the disk, with lines counted, and single
 * files out of a checkpoint.
 */
#include <errno.h>

#include "base/buf.h"
#include "gc/gc.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

/* ---- running one ---- */

struct told {
    char *text; /* a line each: kind, what, path, lines */
    size_t size;
    FILE *stream;
    int answer;              /* what visit returns */
    void (*hook)(void *ctx); /* called once, at the first */
    void *hook_ctx;
};

static void
told_begin(struct told *told)
{
    memset(told, 0, sizeof *told);
    told->stream = open_memstream(&told->text, &told->size);
    assert_non_null(told->stream);
}

static char *
told_end(struct told *told)
{
    assert_int_equal(fclose(told->stream), 0);
    return told->text;
}

static int
tell(void *ctx, const firn_workspace_difference *difference)
{
    struct told *told = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    static const char *const kinds[] = {"?", "added", "removed", "content", "metadata"};
    static const char *const lines[] = {"", "", " binary", " large", " unreadable"};
    fprintf(told->stream, "%s %u %.*s%s", kinds[change->kind], change->what, (int)entry->path.size,
            (const char *)entry->path.data, lines[difference->lines]);
    if (difference->lines == FIRN_LINES_COUNTED) {
        fprintf(told->stream, " +%u -%u", (unsigned)difference->lines_added,
                (unsigned)difference->lines_removed);
        assert_true(difference->lines_are_minimal);
    }
    fprintf(told->stream, "\n");
    if (told->hook != NULL) {
        told->hook(told->hook_ctx);
        told->hook = NULL;
    }
    return told->answer;
}

struct asked {
    const char *before;
    const char *after;
    const char *path; /* NULL: all */
    bool with_lines;
};

static int
try_diff(struct ws_world *world, const struct asked *asked, struct told *told,
         firn_workspace_diff_result *out)
{
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_slice path = firn_str(asked->path == NULL ? "" : asked->path);
    scan_notices_deinit(&world->notices);
    memset(&world->notices, 0, sizeof world->notices);
    options.before = asked->before;
    options.after = asked->after;
    options.paths = &path;
    options.path_count = asked->path == NULL ? 0 : 1;
    options.with_lines = asked->with_lines;
    options.threads = world->threads;
    options.callbacks = scan_notices_callbacks(&world->notices);
    return fi_ws_difference(world->ws, &options, told == NULL ? NULL : tell, told, out,
                            &world->err);
}

static firn_workspace_diff_result
assert_differs(struct ws_world *world, const struct asked *asked, const char *expected)
{
    struct told told;
    firn_workspace_diff_result result;
    told_begin(&told);
    assert_int_equal(try_diff(world, asked, &told, &result), FIRN_OK);
    char *text = told_end(&told);
    assert_string_equal(text, expected);
    free(text);
    return result;
}

/* ---- a tree with every kind of difference ---- */

static void
put_before(struct scan_world *tree)
{
    scan_put_text(tree, "bin", "text\n");
    scan_put_text(tree, "content", "a\nb\nc\n");
    scan_put_text(tree, "dir/same", "same");
    scan_put_text(tree, "gone/f", "1\n2\n");
    scan_put_symlink(tree, "link", "dir");
    scan_put_text(tree, "mode", "mode");
    scan_put_text(tree, "time", "time");
    scan_put_text(tree, "type", "was\nfile\n");
    scan_put_text(tree, "xattr", "x");
    scan_set_mtime(tree, "time", 1000);
}

static void
put_after(struct scan_world *tree)
{
    scan_put_file(tree, "bin", "te\0xt", 5);
    scan_put_text(tree, "content", "a\nB\nc\nd\n");
    scan_put_text(tree, "dir/new", "new");
    scan_remove_tree(tree, "gone");
    scan_remove_file(tree, "link");
    scan_put_symlink(tree, "link", "elsewhere");
    scan_set_mode(tree, "mode", 0600);
    scan_set_mtime(tree, "time", 2000);
    scan_remove_file(tree, "type");
    scan_put_text(tree, "type/in", "a\n");
    scan_set_xattr(tree, "xattr", "user.k", "v");
}

/* Times move with contents; what is told of them depends on the machine's clock. */
static void
hold_times(struct scan_world *tree)
{
    static const char *const paths[] = {"bin", "content", "link", "mode", "xattr", NULL};
    for (size_t i = 0; paths[i] != NULL; i++) {
        scan_set_mtime(tree, paths[i], 5000);
    }
}

static const char every_difference[] = "content 2 bin binary\n"
                                       "content 2 content +2 -1\n"
                                       "added 0 dir/new +1 -0\n"
                                       "removed 0 gone\n"
                                       "removed 0 gone/f +0 -2\n"
                                       "content 2 link\n"
                                       "metadata 8 mode\n"
                                       "metadata 32 time\n"
                                       "content 1 type +0 -2\n"
                                       "added 0 type/in +1 -0\n"
                                       "metadata 64 xattr\n";

static void
tell_differences(struct ws_world *world)
{
    struct asked asked = {.with_lines = true};
    put_before(&world->tree);
    scan_set_mode(&world->tree, "mode", 0644);
    hold_times(&world->tree);
    ws_save(world);
    assert_differs(world, &asked, "");
    put_after(&world->tree);
    hold_times(&world->tree);
    firn_workspace_diff_result result = assert_differs(world, &asked, every_difference);
    assert_null(result.after);
    assert_int_equal(result.before->number, 1);
    assert_int_equal(result.added, 2);
    assert_int_equal(result.changed, 5);
    assert_int_equal(result.times_only, 1);
    assert_int_equal(result.removed, 2);
    assert_int_equal(result.lines_added, 4);
    assert_int_equal(result.lines_removed, 5);
    assert_int_equal(result.skipped, 0);

    ws_save(world);
    asked = (struct asked){"1", "2", NULL, true};
    result = assert_differs(world, &asked, every_difference);
    assert_non_null(result.after);
    assert_int_equal(result.after->number, 2);
    asked = (struct asked){"2", "1", "content", true};
    assert_differs(world, &asked, "content 2 content +1 -2\n");
    asked = (struct asked){"1", "latest", "dir", false};
    assert_differs(world, &asked, "added 0 dir/new\n");
    asked = (struct asked){"2", "2", NULL, true};
    assert_differs(world, &asked, "");
}

static void
every_kind_of_difference_is_told_with_its_lines(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 51);
    tell_differences(&world);
    ws_world_close(&world);
    ws_world_open_disk(&world);
    tell_differences(&world);
    ws_world_close(&world);
}

static void
messages_of_both_checkpoints_come_back(void **state)
{
    struct ws_world world;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result saved;
    firn_workspace_diff_result result;
    ws_world_open_memory(&world, 52);
    save.message = firn_str("the first");
    assert_int_equal(fi_ws_save(world.ws, &save, &saved, &world.err), FIRN_OK);
    save.message = firn_str("and the second one");
    assert_int_equal(fi_ws_save(world.ws, &save, &saved, &world.err), FIRN_OK);
    struct asked asked = {"1", "2", NULL, false};
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_OK);
    assert_int_equal(result.before->message.size, 9);
    assert_memory_equal(result.before->message.data, "the first", 9);
    assert_int_equal(result.after->message.size, 18);
    assert_memory_equal(result.after->message.data, "and the second one", 18);
    ws_world_close(&world);
}

static void
paths_are_found_or_named(void **state)
{
    struct ws_world world;
    firn_workspace_diff_result result;
    ws_world_open_memory(&world, 53);
    scan_put_text(&world.tree, "dir/a", "a");
    scan_put_text(&world.tree, "b", "b");
    ws_save(&world);
    scan_put_text(&world.tree, "b", "B");
    ws_save(&world);
    /* Neither has a difference, both are there. */
    struct asked asked = {"1", "2", "dir/a", false};
    assert_differs(&world, &asked, "");
    asked.path = "dir/";
    assert_differs(&world, &asked, "");
    asked.after = NULL;
    assert_differs(&world, &asked, "");
    asked.path = "dir/nothing";
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_NOT_FOUND);
    assert_non_null(strstr(world.err.text, "'dir/nothing' is neither in the workspace"));
    asked.after = "2";
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_NOT_FOUND);
    assert_non_null(strstr(world.err.text, "in neither of the checkpoints"));
    asked.path = "../x";
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_INVALID);
    asked = (struct asked){"1", "9", NULL, false};
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_NOT_FOUND);
    asked = (struct asked){"9", NULL, NULL, false};
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

static void
a_caller_who_has_enough_is_heard(void **state)
{
    struct ws_world world;
    struct told told;
    firn_workspace_diff_result result;
    struct asked asked = {NULL, NULL, NULL, false};
    ws_world_open_memory(&world, 54);
    ws_save(&world);
    scan_put_text(&world.tree, "a", "a");
    scan_put_text(&world.tree, "b", "b");
    told_begin(&told);
    told.answer = FIRN_CANCELLED;
    assert_int_equal(try_diff(&world, &asked, &told, &result), FIRN_CANCELLED);
    char *text = told_end(&told);
    assert_string_equal(text, "added 0 a\n");
    free(text);
    ws_world_close(&world);
}

/* ---- files that move on while they are compared ---- */

static void
edit_later_files(void *ctx)
{
    struct scan_world *tree = ctx;
    scan_put_text(tree, "b-grown", "b\nand more\n");
    scan_put_text(tree, "c-edited", "C\n");
    scan_remove_file(tree, "d-gone");
    scan_remove_file(tree, "e-link");
    scan_put_symlink(tree, "e-link", "a");
}

static void
lines_of_another_content_are_not_counted(void **state)
{
    static const char *const names[] = {"a", "b-grown", "c-edited", "d-gone", "e-link", "f"};
    struct ws_world world;
    struct told told;
    firn_workspace_diff_result result;
    struct asked asked = {NULL, NULL, NULL, true};
    ws_world_open_memory(&world, 55);
    ws_save(&world);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        scan_put_text(&world.tree, names[i], "b\n");
    }
    told_begin(&told);
    told.hook = edit_later_files;
    told.hook_ctx = &world.tree;
    assert_int_equal(try_diff(&world, &asked, &told, &result), FIRN_OK);
    char *text = told_end(&told);
    assert_string_equal(text, "added 0 a +1 -0\n"
                              "added 0 b-grown unreadable\n"
                              "added 0 c-edited unreadable\n"
                              "added 0 d-gone unreadable\n"
                              "added 0 e-link unreadable\n"
                              "added 0 f +1 -0\n");
    free(text);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_CHANGING], 4);
    ws_world_close(&world);
}

static void
large_files_are_told_from_text(void **state)
{
    struct ws_world world;
    const uint64_t offsets[] = {8192};
    struct asked asked = {NULL, NULL, NULL, true};
    ws_world_open_memory(&world, 56);
    ws_save(&world);
    scan_put_sparse(&world.tree, "large", (32 << 20) + 1, offsets, 1);
    scan_put_sparse(&world.tree, "zeros", 9 << 20, offsets, 1);
    assert_differs(&world, &asked, "added 0 large large\nadded 0 zeros binary\n");
    ws_save(&world);
    asked = (struct asked){"2", "1", NULL, true};
    assert_differs(&world, &asked, "removed 0 large large\nremoved 0 zeros binary\n");
    ws_world_close(&world);
}

/* ---- nothing is changed ---- */

static int
drop(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    *(uint64_t *)ctx += data.size;
    return FIRN_OK;
}

static void
comparing_changes_nothing(void **state)
{
    struct ws_world world;
    firn_workspace_entry *entry;
    firn_workspace_diff_result result;
    struct asked asked = {NULL, NULL, NULL, true};
    uint64_t size = 0;
    ws_world_open_memory(&world, 57);
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_NOT_FOUND);
    assert_int_equal(fi_ws_cat(world.ws, "1", firn_str("a"), drop, &size, &entry, &world.err),
                     FIRN_NOT_FOUND);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    put_before(&world.tree);
    ws_save(&world);
    put_after(&world.tree);
    calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_OK);
    assert_int_equal(fi_ws_cat(world.ws, "1", firn_str("content"), drop, &size, &entry, &world.err),
                     FIRN_OK);
    assert_int_equal(size, 6);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    ws_world_close(&world);
}

/* ---- cat ---- */

struct content {
    struct fi_buf bytes;
    size_t largest; /* piece */
    size_t stop_at; /* bytes after which it has enough; 0: never */
};

static int
take(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    struct content *content = ctx;
    assert_true(data.size > 0 && data.data != NULL);
    assert_int_equal(fi_buf_append_slice(&content->bytes, data), FIRN_OK);
    content->largest = data.size > content->largest ? data.size : content->largest;
    return content->stop_at > 0 && content->bytes.size >= content->stop_at ? FIRN_CANCELLED
                                                                           : FIRN_OK;
}

static int
try_cat(struct ws_world *world, const char *reference, const char *path, struct content *content,
        firn_workspace_entry **entry)
{
    fi_buf_clear(&content->bytes);
    content->largest = 0;
    return fi_ws_cat(world->ws, reference, firn_str(path), take, content, entry, &world->err);
}

static void
assert_cat(struct ws_world *world, const char *reference, const char *path, const char *expected)
{
    struct content content = {.stop_at = 0};
    firn_workspace_entry *entry;
    assert_int_equal(try_cat(world, reference, path, &content, &entry), FIRN_OK);
    assert_int_equal(content.bytes.size, strlen(expected));
    assert_true(content.bytes.size == 0 ||
                memcmp(content.bytes.data, expected, content.bytes.size) == 0);
    assert_int_equal(entry->type, FIRN_ENTRY_FILE);
    assert_int_equal(entry->size_bytes, strlen(expected));
    assert_true(fi_slice_equal(entry->path, firn_str(path)));
    fi_buf_deinit(&content.bytes);
}

static void
files_of_any_checkpoint_are_printed(void **state)
{
    struct ws_world world;
    struct content content = {.stop_at = 0};
    firn_workspace_entry *entry;
    ws_world_open_memory(&world, 58);
    scan_put_text(&world.tree, "dir/sub/f", "one");
    scan_put_text(&world.tree, "empty", "");
    scan_put_link(&world.tree, "other", "dir/sub/f");
    scan_put_symlink(&world.tree, "link", "dir");
    ws_save(&world);
    scan_remove_tree(&world.tree, "dir");
    scan_put_text(&world.tree, "empty", "two");
    ws_save(&world);
    assert_cat(&world, "1", "dir/sub/f", "one");
    assert_cat(&world, "1", "other", "one");
    assert_cat(&world, "1", "empty", "");
    assert_cat(&world, "latest", "empty", "two");
    assert_int_equal(try_cat(&world, "1", "other", &content, &entry), FIRN_OK);
    assert_int_equal(entry->hard_link.size, strlen("dir/sub/f"));
    assert_memory_equal(entry->hard_link.data, "dir/sub/f", entry->hard_link.size);

    static const struct {
        const char *path;
        int code;
        const char *text;
    } refused[] = {
        {"dir", FIRN_INVALID, "'dir' is a directory"},
        {"", FIRN_INVALID, "the root is a directory"},
        {"dir/sub/", FIRN_INVALID, "'dir/sub' is a directory"},
        {"link", FIRN_INVALID, "'link' is a symbolic link to 'dir'"},
        {"link/sub/f", FIRN_NOT_FOUND, "'link/sub/f' is not in the checkpoint"},
        {"empty/x", FIRN_NOT_FOUND, "'empty/x' is not in the checkpoint"},
        {"dir/nothing", FIRN_NOT_FOUND, "'dir/nothing' is not in the checkpoint"},
        {"../dir/sub/f", FIRN_INVALID, "is not a path inside the workspace"},
        {"dir//sub/f", FIRN_INVALID, "is not a path inside the workspace"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(try_cat(&world, "1", refused[i].path, &content, &entry), refused[i].code);
        assert_non_null(strstr(world.err.text, refused[i].text));
        assert_int_equal(content.bytes.size, 0);
    }
    fi_buf_deinit(&content.bytes);
    ws_world_close(&world);
}

/* A file with holes and data in many pieces comes out byte by byte, in pieces of bounded size. */
static void
a_large_file_is_printed_in_pieces(void **state)
{
    enum { SIZE = 12 << 20 };
    struct ws_world world;
    struct content content = {.stop_at = 0};
    firn_workspace_entry *entry;
    const uint64_t offsets[] = {1 << 20, 7 << 20};
    ws_world_open_memory(&world, 59);
    scan_put_sparse(&world.tree, "sparse", SIZE, offsets, 2);
    scan_put_random(&world.tree, "random", 3, SIZE);
    ws_save(&world);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "sparse" : "random";
        uint8_t *expected = malloc(SIZE);
        struct fi_os_file *file;
        assert_non_null(expected);
        assert_int_equal(fi_os_file_open(world.tree.root, name, FI_OS_READ, 0, &file, &world.err),
                         FIRN_OK);
        assert_int_equal(fi_os_file_read_exact(file, 0, expected, SIZE, &world.err), FIRN_OK);
        fi_os_file_close(file);
        assert_int_equal(try_cat(&world, "1", name, &content, &entry), FIRN_OK);
        assert_int_equal(content.bytes.size, SIZE);
        assert_true(memcmp(content.bytes.data, expected, SIZE) == 0);
        assert_true(content.largest <= 4 << 20);
        free(expected);
    }
    content.stop_at = 1;
    assert_int_equal(try_cat(&world, "1", "random", &content, &entry), FIRN_CANCELLED);
    assert_true(content.bytes.size < SIZE);
    fi_buf_deinit(&content.bytes);
    ws_world_close(&world);
}

/* ---- any trees ---- */

enum { STATES = 6, ENTRIES = 120 };

/* Prints every file of the newest checkpoint and compares it with the disk's, which has not been
 * changed since. */
static void
assert_files_are_those_of_the_disk(struct ws_world *world)
{
    struct ws_edit_list list;
    struct content content = {.stop_at = 0};
    firn_workspace_entry *entry;
    ws_edit_list_fill(&list, &world->tree);
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].kind != FI_OS_FILE) {
            continue;
        }
        assert_int_equal(try_cat(world, "latest", list.items[i].path, &content, &entry), FIRN_OK);
        const char *slash = strrchr(list.items[i].path, '/');
        char *parent = slash == NULL
                           ? strdup("")
                           : strndup(list.items[i].path, (size_t)(slash - list.items[i].path));
        struct fi_os_dir *dir;
        struct fi_os_file *file;
        assert_int_equal(fi_os_dir_open_beneath(world->tree.root, parent, &dir, &world->err),
                         FIRN_OK);
        assert_int_equal(fi_os_file_open(dir, slash == NULL ? list.items[i].path : slash + 1,
                                         FI_OS_READ, 0, &file, &world->err),
                         FIRN_OK);
        uint8_t *expected = malloc(content.bytes.size + 1);
        size_t size;
        assert_non_null(expected);
        assert_int_equal(
            fi_os_file_read(file, 0, expected, content.bytes.size + 1, &size, &world->err),
            FIRN_OK);
        assert_int_equal(size, content.bytes.size);
        assert_true(size == 0 || memcmp(expected, content.bytes.data, size) == 0);
        free(expected);
        free(parent);
        fi_os_file_close(file);
        fi_os_dir_close(dir);
    }
    assert_true(list.count > 0);
    ws_edit_list_deinit(&list);
    fi_buf_deinit(&content.bytes);
}

/* Each pair of states, by checkpoints and by the disk: the counts are those of their texts, and
 * turned round they are turned round. */
static void
random_trees_differ_as_their_texts_do(void **state)
{
    for (uint64_t seed = 71; seed < 74; seed++) {
        struct ws_world world;
        struct test_random random;
        char *dumps[STATES];
        test_random_init(&random, "random_trees_differ", seed);
        ws_world_open_memory(&world, seed);
        ws_edit_grow(&world.tree, &random, ENTRIES);
        for (size_t i = 0; i < STATES; i++) {
            for (uint64_t left = test_random_below(&random, 30); left > 0; left--) {
                ws_edit_step(&world.tree, &random);
            }
            dumps[i] = ws_dump(&world);
            ws_save(&world);
        }
        for (size_t i = 0; i < STATES; i++) {
            for (size_t j = 0; j <= STATES; j++) {
                char before[8];
                char after[8];
                snprintf(before, sizeof before, "%zu", i + 1);
                snprintf(after, sizeof after, "%zu", j + 1);
                struct asked asked = {before, j < STATES ? after : NULL, NULL, true};
                struct ws_edit_counts expected =
                    ws_edit_compare(dumps[i], dumps[j < STATES ? j : STATES - 1]);
                firn_workspace_diff_result result;
                assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_OK);
                assert_int_equal(result.added, expected.added);
                assert_int_equal(result.changed + result.times_only, expected.changed);
                assert_int_equal(result.times_only, expected.times_only);
                assert_int_equal(result.removed, expected.removed);
                if (j < STATES) {
                    firn_workspace_diff_result back;
                    asked = (struct asked){after, before, NULL, true};
                    assert_int_equal(try_diff(&world, &asked, NULL, &back), FIRN_OK);
                    assert_int_equal(back.added, result.removed);
                    assert_int_equal(back.changed, result.changed);
                    assert_int_equal(back.lines_added, result.lines_removed);
                    assert_int_equal(back.lines_removed, result.lines_added);
                }
            }
        }
        assert_files_are_those_of_the_disk(&world);
        for (size_t i = 0; i < STATES; i++) {
            free(dumps[i]);
        }
        ws_world_close(&world);
    }
}

/* ---- against the checkpoint before ---- */

static void
a_checkpoint_is_compared_with_the_one_before_it(void **state)
{
    struct ws_world world;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result;
    const firn_slice nowhere = firn_str("nowhere");
    ws_world_open_memory(&world, 62);
    put_before(&world.tree);
    ws_save(&world);
    put_after(&world.tree);
    ws_save(&world);
    options.against_previous = true;
    options.with_lines = true;
    assert_int_equal(fi_ws_difference(world.ws, &options, NULL, NULL, &result, &world.err),
                     FIRN_OK);
    assert_int_equal(result.before->number, 1);
    assert_int_equal(result.after->number, 2);
    assert_non_null(result.after);
    assert_true(result.changed > 0);
    options.after = "1";
    assert_int_equal(fi_ws_difference(world.ws, &options, NULL, NULL, &result, &world.err),
                     FIRN_OK);
    assert_null(result.before);
    assert_int_equal(result.added, result.after->files);
    assert_int_equal(result.changed + result.removed, 0);
    options.against_previous = false;
    options.against_nothing = true;
    options.after = NULL;
    assert_int_equal(fi_ws_difference(world.ws, &options, NULL, NULL, &result, &world.err),
                     FIRN_OK);
    assert_null(result.before);
    assert_int_equal(result.after->number, 2);
    assert_int_equal(result.added, result.after->files);
    assert_int_equal(result.changed + result.removed, 0);
    options.after = "1";
    options.paths = &nowhere;
    options.path_count = 1;
    assert_int_equal(fi_ws_difference(world.ws, &options, NULL, NULL, &result, &world.err),
                     FIRN_NOT_FOUND);
    ws_world_close(&world);
}

/* ---- the history ---- */

struct logged {
    char text[1024];
    firn_slice paths[1];
    const char *skipped; /* the message of a checkpoint that is passed over */
    unsigned left;       /* checkpoints until the walk is ended */
};

static int
log_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct logged *logged = ctx;
    assert_true(*is_compared);
    *is_compared =
        logged->skipped == NULL ||
        !(checkpoint->message.size == strlen(logged->skipped) &&
          memcmp(checkpoint->message.data, logged->skipped, checkpoint->message.size) == 0);
    return FIRN_OK;
}

static int
log_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct logged *logged = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    static const char *const kinds[] = {"?", "added", "removed", "content", "metadata", "renamed"};
    size_t size = strlen(logged->text);
    (void)snprintf(logged->text + size, sizeof logged->text - size, "%s %.*s +%u -%u%s, ",
                   kinds[change->kind], (int)entry->path.size, (const char *)entry->path.data,
                   (unsigned)difference->lines_added, (unsigned)difference->lines_removed,
                   difference->lines == FIRN_LINES_TOO_LARGE ? " large" : "");
    return FIRN_OK;
}

static int
log_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct logged *logged = ctx;
    size_t size = strlen(logged->text);
    (void)snprintf(logged->text + size, sizeof logged->text - size, "%u<%u%s\n",
                   result->before == NULL ? 0 : (unsigned)result->before->number,
                   (unsigned)result->after->number, result->after->is_safety ? "s" : "");
    logged->left--;
    return logged->left > 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
try_log(struct ws_world *world, struct logged *logged, firn_workspace_log_options *options)
{
    logged->text[0] = '\0';
    options->on_checkpoint = log_checkpoint;
    options->on_difference = log_difference;
    return fi_ws_difference_log(world->ws, options, log_compared, logged, &world->err);
}

static void
assert_log(struct ws_world *world, struct logged *logged, firn_workspace_log_options *options,
           const char *expected)
{
    assert_int_equal(try_log(world, logged, options), FIRN_OK);
    assert_string_equal(logged->text, expected);
}

/* Checkpoints 1 to 4; 3 is deleted, and a safety checkpoint is between 2 and 4. */
static void
make_history(struct ws_world *world)
{
    const char *third = "3";
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restored;
    const firn_workspace_delete_options delete_options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    scan_put_text(&world->tree, "a", "1\n");
    ws_save(world);
    scan_put_text(&world->tree, "b", "1\n2\n");
    ws_save(world);
    scan_put_text(&world->tree, "a", "unsaved\n");
    assert_int_equal(fi_ws_restore(world->ws, "2", &restore, &restored, &world->err), FIRN_OK);
    scan_put_text(&world->tree, "a", "1\n2\n");
    ws_save(world);
    scan_rename(&world->tree, "b", "c");
    ws_save(world);
    assert_int_equal(fi_gc_delete(world->ws, &third, 1, &delete_options, NULL, NULL, &world->err),
                     FIRN_OK);
}

static void
a_history_compares_each_checkpoint_with_the_one_before_it_that_is_left(void **state)
{
    struct ws_world world;
    struct logged logged = {.left = 100};
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    ws_world_open_memory(&world, 63);
    assert_log(&world, &logged, &options, ""); /* never saved */
    make_history(&world);
    options.with_lines = true;
    assert_log(&world, &logged, &options,
               "content a +1 -0, removed b +0 -2, added c +2 -0, 2<4\n"
               "added b +2 -0, 1<2\n"
               "added a +1 -0, 0<1\n");
    options.find_renames = true;
    options.include_safety = true;
    options.before = "1";
    assert_log(&world, &logged, &options,
               "content a +1 -0, renamed c +0 -0, 2<4\n"
               "content a +1 -1, 2<0s\n"
               "added b +2 -0, 1<2\n");
    options.after = "2";
    options.before = NULL;
    assert_log(&world, &logged, &options, "added b +2 -0, 1<2\nadded a +1 -0, 0<1\n");
    options.lines_bytes_max = 3;
    assert_log(&world, &logged, &options, "added b +0 -0 large, 1<2\nadded a +1 -0, 0<1\n");
    options.after = NULL;
    logged.paths[0] = firn_str("b");
    options.paths = logged.paths;
    options.path_count = 1;
    assert_log(&world, &logged, &options,
               "removed b +0 -0 large, 2<4\n2<0s\nadded b +0 -0 large, 1<2\n0<1\n");
    logged.left = 1;
    assert_int_equal(try_log(&world, &logged, &options), FIRN_CANCELLED);
    assert_string_equal(logged.text, "removed b +0 -0 large, 2<4\n");
    options.after = "3";
    assert_int_equal(try_log(&world, &logged, &options), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

static void
a_history_passes_over_what_is_not_wanted(void **state)
{
    struct ws_world world;
    struct logged logged = {.left = 100, .skipped = ""};
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    ws_world_open_memory(&world, 64);
    make_history(&world);
    assert_log(&world, &logged, &options, "");
    ws_world_close(&world);
}

static void
allocations_that_fail_in_a_history_fail_clean(void **state)
{
    struct ws_world world;
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    uint64_t failures = 0;
    options.with_lines = true;
    options.find_renames = true;
    options.include_safety = true;
    test_alloc_install();
    ws_world_open_memory(&world, 65);
    make_history(&world);
    for (uint64_t n = 1;; n++) {
        struct logged logged = {.left = 100};
        int64_t alive = test_alloc_alive();
        test_alloc_fail_at(n, false);
        int rc = try_log(&world, &logged, &options);
        uint64_t calls = test_alloc_calls();
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        failures += rc != FIRN_OK;
        assert_true(test_alloc_alive() <= alive + 2);
        if (calls < n) {
            assert_int_equal(rc, FIRN_OK);
            break;
        }
    }
    assert_true(failures > 10);
    ws_world_close(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- failures ---- */

/* Finds dir/new below the root of checkpoint 2 through a reader, and reads it. */
struct search {
    firn_workspace_reader *reader;
    firn_error *err;
    uint64_t size;
};

static int
read_found(void *ctx, const firn_workspace_entry *entry)
{
    struct search *search = ctx;
    if (entry->type == FIRN_ENTRY_DIRECTORY) {
        return fi_ws_reader_entries(search->reader, &entry->hash, read_found, search, search->err);
    }
    return entry->type != FIRN_ENTRY_FILE
               ? FIRN_OK
               : fi_ws_reader_cat(search->reader, &entry->hash, entry->size_bytes, drop,
                                  &search->size, search->err);
}

static int
try_reader(struct ws_world *world, const firn_hash *root)
{
    struct search search = {.err = &world->err};
    int rc = fi_ws_reader_open(world->ws, &search.reader, &world->err);
    if (rc == FIRN_OK) {
        rc = fi_ws_reader_entries(search.reader, root, read_found, &search, &world->err);
    }
    assert_true(rc != FIRN_OK || search.size > 0);
    fi_ws_reader_close(search.reader);
    return rc;
}

static void
allocations_that_fail_fail_clean(void **state)
{
    struct ws_world world;
    struct asked asked = {NULL, NULL, "content", true};
    uint64_t size = 0;
    test_alloc_install();
    ws_world_open_memory(&world, 60);
    world.threads = 1;
    put_before(&world.tree);
    ws_save(&world);
    put_after(&world.tree);
    firn_hash root = {{0}};
    for (int what = 0; what < 4; what++) {
        int rc = FIRN_NO_MEMORY;
        uint64_t failures = 0;
        if (what == 1) {
            ws_save(&world);
            asked = (struct asked){"1", "2", NULL, true};
        } else if (what == 3) {
            firn_workspace_checkpoint *checkpoint;
            assert_int_equal(fi_ws_find(world.ws, "2", &checkpoint, &world.err), FIRN_OK);
            root = checkpoint->root;
        }
        for (uint64_t n = 1;; n++) {
            firn_workspace_diff_result result;
            firn_workspace_entry *entry;
            int64_t alive = test_alloc_alive();
            test_alloc_fail_at(n, false);
            rc = what < 2    ? try_diff(&world, &asked, NULL, &result)
                 : what == 2 ? fi_ws_cat(world.ws, "2", firn_str("dir/new"), drop, &size, &entry,
                                         &world.err)
                             : try_reader(&world, &root);
            uint64_t calls = test_alloc_calls();
            test_alloc_fail_at(0, false);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            failures += rc != FIRN_OK;
            /* The buffers that the handle keeps are all that may come: for a record, for results. */
            fi_ws_given_release(world.ws);
            assert_true(test_alloc_alive() <= alive + 2);
            if (calls < n) {
                break;
            }
        }
        assert_int_equal(rc, FIRN_OK);
        assert_true(failures > 10);
    }
    ws_world_close(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* Whether a list of differences is the right one, but for lines that could not be counted. */
static bool
is_right_or_uncounted(const char *text, const char *expected)
{
    while (*expected != '\0') {
        size_t size = strcspn(expected, "\n");
        size_t common = 0;
        while (common < size && text[common] == expected[common]) {
            common++;
        }
        bool is_same = common == size && text[common] == '\n';
        if (!is_same && strncmp(text + common, "unreadable\n", 11) != 0) {
            return false;
        }
        text += strcspn(text, "\n") + 1;
        expected += size + 1;
    }
    return *text == '\0';
}

/* Compares, or prints a file, while the n-th call of the system fails. Returns whether one did. */
static bool
fail_call(struct ws_world *world, int what, uint64_t n, enum fi_sim_fault_kind kind,
          uint64_t *failures)
{
    const struct asked disk = {"1", NULL, NULL, true};
    const struct asked stored = {"1", "2", NULL, true};
    struct fi_sim_fault_plan plan = {
        .call = n, .classes = FI_SIM_FAULT_ALL, .kind = kind, .error_number = EIO};
    struct content content = {.stop_at = 0};
    struct told told;
    firn_workspace_diff_result result = {.skipped = 0};
    firn_workspace_entry *entry;
    told_begin(&told);
    fi_sim_fault_set_plan(world->tree.outer, &plan);
    int rc = what < 2 ? try_diff(world, what == 0 ? &disk : &stored, &told, &result)
                      : try_cat(world, "1", "content", &content, &entry);
    bool was_hit = fi_sim_fault_hits(world->tree.outer) > 0;
    fi_sim_fault_set_plan(world->tree.outer, NULL);
    char *text = told_end(&told);
    if (rc != FIRN_OK) {
        assert_true(was_hit && world->err.code == rc && world->err.text[0] != '\0');
        *failures += 1;
    } else if (what < 2) {
        assert_true(result.skipped > 0 || is_right_or_uncounted(text, every_difference));
    } else {
        assert_int_equal(content.bytes.size, 6);
    }
    free(text);
    fi_buf_deinit(&content.bytes);
    return was_hit;
}

static void
calls_that_fail_give_no_wrong_difference(void **state)
{
    struct ws_world world;
    uint64_t failures = 0;
    ws_world_open_memory(&world, 62);
    world.threads = 1;
    put_before(&world.tree);
    scan_set_mode(&world.tree, "mode", 0644);
    hold_times(&world.tree);
    ws_save(&world);
    put_after(&world.tree);
    hold_times(&world.tree);
    ws_save(&world);
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    for (int what = 0; what < 3; what++) {
        for (int kind = FI_SIM_FAULT_FAILS; kind <= FI_SIM_FAULT_SHORT; kind++) {
            uint64_t n = 1;
            while (fail_call(&world, what, n, (enum fi_sim_fault_kind)kind, &failures)) {
                n++;
            }
            assert_true(n > 10);
        }
    }
    assert_true(failures > 30);
    ws_world_close(&world);
}

/* A pack with one byte wrong in it: the differences that need it fail and say so. */
static void
damage_is_told_and_named(void **state)
{
    struct ws_world world;
    struct content content = {.stop_at = 0};
    firn_workspace_entry *entry;
    firn_workspace_diff_result result;
    struct asked asked = {"1", NULL, NULL, true};
    ws_world_open_memory(&world, 61);
    scan_put_random(&world.tree, "data", 9, 200000);
    ws_save(&world);
    scan_put_text(&world.tree, "data", "other");
    struct scan_world store = {.os = world.tree.os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/s/packs", &store.root, NULL), FIRN_OK);
    struct fi_os_file *file;
    assert_int_equal(fi_os_file_open(store.root, "00000001.pack", FI_OS_READ | FI_OS_WRITE, 0,
                                     &file, &world.err),
                     FIRN_OK);
    uint8_t byte;
    assert_int_equal(fi_os_file_read_exact(file, 100000, &byte, 1, &world.err), FIRN_OK);
    byte ^= 1;
    assert_int_equal(fi_os_file_write(file, 100000, &byte, 1, &world.err), FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(store.root);
    assert_int_equal(try_cat(&world, "1", "data", &content, &entry), FIRN_CORRUPT);
    assert_non_null(strstr(world.err.text, "data"));
    assert_int_equal(try_diff(&world, &asked, NULL, &result), FIRN_CORRUPT);
    assert_non_null(strstr(world.err.text, "data"));
    fi_buf_deinit(&content.bytes);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_difference_is_told_with_its_lines),
        cmocka_unit_test(messages_of_both_checkpoints_come_back),
        cmocka_unit_test(paths_are_found_or_named),
        cmocka_unit_test(a_caller_who_has_enough_is_heard),
        cmocka_unit_test(lines_of_another_content_are_not_counted),
        cmocka_unit_test(large_files_are_told_from_text),
        cmocka_unit_test(comparing_changes_nothing),
        cmocka_unit_test(files_of_any_checkpoint_are_printed),
        cmocka_unit_test(a_large_file_is_printed_in_pieces),
        cmocka_unit_test(random_trees_differ_as_their_texts_do),
        cmocka_unit_test(a_checkpoint_is_compared_with_the_one_before_it),
        cmocka_unit_test(a_history_compares_each_checkpoint_with_the_one_before_it_that_is_left),
        cmocka_unit_test(a_history_passes_over_what_is_not_wanted),
        cmocka_unit_test(allocations_that_fail_in_a_history_fail_clean),
        cmocka_unit_test(allocations_that_fail_fail_clean),
        cmocka_unit_test(calls_that_fail_give_no_wrong_difference),
        cmocka_unit_test(damage_is_told_and_named),
    };
    return cmocka_run_group_tests_name("ws_difference", tests, NULL, NULL);
}
