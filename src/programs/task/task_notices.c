/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_notices.c: notices of the library: entries that were left out, damage, progress.
 *
 * A notice that needs action is printed as a warning at once. Entries that rules leave out are only
 * counted, with the first few names for the summary: they were meant to be left out. With --json
 * all notices are kept until the end, because the object on standard output may be in the middle of
 * an array. Notices beyond a limit are counted only. They arrive in any order, and are kept in the
 * order of their paths.
 *
 * A workspace of many repositories has many entries with the reserved name .git. These are listed
 * one by one only with --json. The summary names a single one by its path, and several of one name
 * by that name and their number.
 *
 * Entries that a restore left unchanged because of rules are summarised in the same way. Of the
 * entries that it could not restore only the first few are printed: a directory of another user may
 * contain any number of files.
 *
 * These entries count as "left out" for the exit code: files that should be in the checkpoint and
 * are not (unreadable, always changing), entries that were not restored, restored ones that lack an
 * owner or attribute, and entries of a checkpoint that are never restored. A fifo or socket can
 * never be saved, and a file that vanished while the save ran is rightly not in it: these are
 * printed but change nothing.
 *
 * Threads: the library calls from any thread, one call at a time.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "term/term.h"

enum {
    KEPT_MAX = 10000,
    NAMES_MAX = 5,
    GROUPS_MAX = 16,
    NOT_RESTORED_TOLD_MAX = 20,
    PRINTED_MAX = 4096
};

struct fi_task_notices_kept {
    firn_notice_kind kind;
    uint8_t *path;
    size_t path_size;
    char *text;
    char checkpoint[FIRN_CHECKPOINT_ID_SIZE]; /* or empty */
};

/* Entries of one reserved name. */
struct fi_task_notices_group {
    uint8_t *path; /* of the one met first */
    size_t path_size;
    size_t name_size; /* of the last component of the path */
    uint64_t count;
};

static void
add_unread_settings(void *ctx, const firn_notice *notice)
{
    fi_task_notices_add(ctx, notice);
}

void
fi_task_notices_init(struct fi_task_notices *notices, const struct fi_cli *cli)
{
    memset(notices, 0, sizeof(*notices));
    notices->cli = cli;
    fi_term_meter_start(!cli->quiet);
    fi_task_settings_unread(add_unread_settings, notices);
}

static void
task_notices_forget(struct fi_task_notices_kept *kept)
{
    free(kept->path);
    free(kept->text);
}

static void
forget_all(struct fi_task_notices *notices)
{
    for (size_t i = 0; i < notices->kept_count; i++) {
        task_notices_forget(&notices->kept[i]);
    }
    free(notices->kept);
    for (size_t i = 0; i < notices->group_count; i++) {
        free(notices->groups[i].path);
    }
    free(notices->groups);
}

void
fi_task_notices_deinit(struct fi_task_notices *notices)
{
    forget_all(notices);
    free(notices->printed);
    free(notices->rows);
    memset(notices, 0, sizeof(*notices));
    fi_term_meter_stop();
}

/* FNV-1a. */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

static uint64_t
add_to_hash(uint64_t hash, firn_slice bytes)
{
    assert(bytes.data != NULL || bytes.size == 0);
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int
compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void
fi_task_notices_again(struct fi_task_notices *notices)
{
    assert(notices->cli != NULL);
    struct fi_task_notices fresh = {.cli = notices->cli,
                                    .tells_special = notices->tells_special,
                                    .tells_restored = notices->tells_restored,
                                    .printed = notices->printed,
                                    .printed_count = notices->printed_count,
                                    .printed_capacity = notices->printed_capacity,
                                    .attempts = notices->attempts + 1,
                                    .rows = notices->rows,
                                    .row_count = notices->row_count,
                                    .row_capacity = notices->row_capacity,
                                    .row_sorted_count = notices->row_count};
    if (notices->attempts == 0) {
        notices->attempts = 1;
        return;
    }
    forget_all(notices);
    *notices = fresh;
    if (notices->row_count > 0) {
        qsort(notices->rows, notices->row_count, sizeof(notices->rows[0]), compare_hashes);
    }
    fi_task_settings_unread(add_unread_settings, notices);
}

bool
fi_task_notices_row(struct fi_task_notices *notices, firn_slice path)
{
    assert(notices->row_sorted_count <= notices->row_count);
    uint64_t hash = add_to_hash(HASH_BASIS, path);
    if (notices->row_sorted_count > 0 && bsearch(&hash, notices->rows, notices->row_sorted_count,
                                                 sizeof(hash), compare_hashes) != NULL) {
        return false;
    }
    if (notices->row_count == notices->row_capacity) {
        size_t capacity = notices->row_capacity == 0 ? 64 : 2 * notices->row_capacity;
        uint64_t *rows = realloc(notices->rows, capacity * sizeof(rows[0]));
        if (rows == NULL) {
            return true; /* it may be shown again */
        }
        notices->rows = rows;
        notices->row_capacity = capacity;
    }
    notices->rows[notices->row_count++] = hash;
    return true;
}

/* Whether a warning is printed for the first time. Where memory is out, or there are very many, it
 * counts as such. */
static bool
is_first(struct fi_task_notices *notices, const firn_notice *notice)
{
    assert(notices->printed_count <= notices->printed_capacity);
    uint64_t hash = add_to_hash(HASH_BASIS ^ (uint64_t)notice->kind, notice->path);
    hash = add_to_hash(hash, firn_str(notice->text));
    for (size_t i = 0; notices->attempts > 1 && i < notices->printed_count; i++) {
        if (notices->printed[i] == hash) {
            return false;
        }
    }
    if (notices->printed_count == notices->printed_capacity &&
        notices->printed_capacity < PRINTED_MAX) {
        size_t capacity = notices->printed_capacity == 0 ? 64 : 2 * notices->printed_capacity;
        uint64_t *printed = realloc(notices->printed, capacity * sizeof(printed[0]));
        if (printed == NULL) {
            return true;
        }
        notices->printed = printed;
        notices->printed_capacity = capacity;
    }
    if (notices->printed_count < notices->printed_capacity) {
        notices->printed[notices->printed_count++] = hash;
    }
    return true;
}

/* The place of a notice among those kept: after all with its path. */
static size_t
place_of(const struct fi_task_notices *notices, firn_slice path)
{
    size_t low = 0;
    size_t high = notices->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fi_task_notices_kept *kept = &notices->kept[middle];
        size_t common = kept->path_size < path.size ? kept->path_size : path.size;
        int order = common == 0 ? 0 : memcmp(kept->path, path.data, common);
        if (order < 0 || (order == 0 && kept->path_size <= path.size)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool
make_room(struct fi_task_notices *notices)
{
    assert(notices->kept_count <= notices->kept_capacity);
    if (notices->kept_count < notices->kept_capacity) {
        return true;
    }
    size_t capacity = notices->kept_capacity == 0 ? 16 : notices->kept_capacity * 2;
    struct fi_task_notices_kept *kept =
        realloc(notices->kept, capacity * sizeof(struct fi_task_notices_kept));
    if (kept == NULL) {
        return false;
    }
    notices->kept = kept;
    notices->kept_capacity = capacity;
    return true;
}

/* Keeps a notice; if there are too many, those with the first paths stay. */
static void
task_notices_keep(struct fi_task_notices *notices, const firn_notice *notice)
{
    assert(notice->text != NULL);
    const size_t most = notices->cli->json ? KEPT_MAX : NAMES_MAX;
    struct fi_task_notices_kept kept = {.kind = notice->kind, .path_size = notice->path.size};
    if (notice->checkpoint != NULL) {
        (void)snprintf(kept.checkpoint, sizeof(kept.checkpoint), "%s", notice->checkpoint);
    }
    size_t at = place_of(notices, notice->path);
    if (at < most && make_room(notices)) {
        kept.path = malloc(notice->path.size + 1);
        kept.text = strdup(notice->text);
    }
    if (kept.path == NULL || kept.text == NULL) {
        task_notices_forget(&kept);
        notices->not_kept++;
        return;
    }
    if (notice->path.size > 0) {
        memcpy(kept.path, notice->path.data, notice->path.size);
    }
    if (notices->kept_count == most) {
        task_notices_forget(&notices->kept[--notices->kept_count]);
        notices->not_kept++;
    }
    memmove(&notices->kept[at + 1], &notices->kept[at],
            (notices->kept_count - at) * sizeof(struct fi_task_notices_kept));
    notices->kept[at] = kept;
    notices->kept_count++;
}

void
fi_task_notices_add(struct fi_task_notices *notices, const firn_notice *notice)
{
    if (notices->cli->json) {
        task_notices_keep(notices, notice);
    }
}

static firn_slice
name_of(firn_slice path)
{
    const uint8_t *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    size_t at = slash != NULL ? (size_t)(slash - path.data) + 1 : 0;
    return firn_bytes(path.data + at, path.size - at);
}

static firn_slice
group_name(const struct fi_task_notices_group *group)
{
    assert(group->name_size <= group->path_size);
    return firn_bytes(group->path + group->path_size - group->name_size, group->name_size);
}

static int
compare_names(firn_slice a, firn_slice b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Counts an entry with those of its name. False where it has to be kept by its path: there are too
 * many names, or memory is out. */
static bool
add_to_group(struct fi_task_notices *notices, firn_slice path)
{
    assert(notices->group_count <= GROUPS_MAX && path.size > 0);
    firn_slice name = name_of(path);
    size_t at = 0;
    int order = 1;
    while (at < notices->group_count &&
           (order = compare_names(name, group_name(&notices->groups[at]))) > 0) {
        at++;
    }
    if (at < notices->group_count && order == 0) {
        notices->groups[at].count++;
        return true;
    }
    if (notices->groups == NULL) {
        notices->groups = malloc(GROUPS_MAX * sizeof(struct fi_task_notices_group));
    }
    struct fi_task_notices_group made = {
        .path_size = path.size, .name_size = name.size, .count = 1};
    if (notices->groups != NULL && notices->group_count < GROUPS_MAX) {
        made.path = malloc(path.size + 1);
    }
    if (made.path == NULL) {
        return false;
    }
    memcpy(made.path, path.data, path.size);
    memmove(&notices->groups[at + 1], &notices->groups[at],
            (notices->group_count - at) * sizeof(struct fi_task_notices_group));
    notices->groups[at] = made;
    notices->group_count++;
    return true;
}

/* What is wrong with a path, before it. */
static const char *
word_of(firn_notice_kind kind)
{
    switch (kind) {
    case FIRN_NOTICE_SPECIAL:
    case FIRN_NOTICE_UNREADABLE:
    case FIRN_NOTICE_CHANGING:
    case FIRN_NOTICE_RESERVED:
        return "left out";
    case FIRN_NOTICE_METADATA:
        return "incomplete";
    case FIRN_NOTICE_CARRIED:
        return "not read";
    case FIRN_NOTICE_NEWER:
        return "made by a newer firn";
    default:
        return firn_notice_kind_name(kind);
    }
}

static bool
is_told(const struct fi_task_notices *notices, firn_notice_kind kind)
{
    return kind != FIRN_NOTICE_EXCLUDED && kind != FIRN_NOTICE_LEFT_ALONE &&
           (kind != FIRN_NOTICE_SPECIAL || notices->tells_special) &&
           (kind != FIRN_NOTICE_NOT_RESTORED || notices->not_restored <= NOT_RESTORED_TOLD_MAX);
}

/* Whether the summary names some entries of this kind. */
static bool
is_kind_named(const struct fi_task_notices *notices, firn_notice_kind kind)
{
    return kind == FIRN_NOTICE_LEFT_ALONE ||
           (kind == FIRN_NOTICE_EXCLUDED && !notices->tells_restored);
}

/* A result like the rows of files, and no warning. */
static void
print_repository(struct fi_task_notices *notices, const firn_notice *notice)
{
    if (notices->cli->json || notices->cli->quiet || !is_first(notices, notice)) {
        return;
    }
    fi_term_meter_clear();
    fi_term_out_text(notices->is_patch ? "# git: " : "git: ");
    (void)fi_term_path_escape(notice->path, fi_term_out_write);
    fi_term_out_text(": ");
    fi_term_text_escape(firn_str(notice->text), fi_term_out_write);
    fi_term_out_text("\n");
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    assert(notice->text != NULL);
    struct fi_task_notices *notices = ctx;
    bool is_excluded = notice->kind == FIRN_NOTICE_EXCLUDED;
    notices->excluded += is_excluded;
    notices->known += is_excluded && notice->is_known;
    notices->left_out += notice->kind == FIRN_NOTICE_CARRIED;
    notices->left_out += notice->kind == FIRN_NOTICE_NOT_RESTORED;
    notices->left_out += notice->kind == FIRN_NOTICE_UNREADABLE ||
                         notice->kind == FIRN_NOTICE_CHANGING ||
                         notice->kind == FIRN_NOTICE_METADATA;
    notices->left_out += notice->kind == FIRN_NOTICE_RESERVED;
    notices->left_alone += notice->kind == FIRN_NOTICE_LEFT_ALONE;
    notices->not_restored += notice->kind == FIRN_NOTICE_NOT_RESTORED;
    bool is_named = is_kind_named(notices, notice->kind) && !notice->is_known;
    bool is_grouped = is_named && notice->is_reserved && !notices->cli->json &&
                      add_to_group(notices, notice->path);
    if ((is_named && !is_grouped) || notices->cli->json) {
        task_notices_keep(notices, notice);
    }
    if (notice->kind == FIRN_NOTICE_REPOSITORY) {
        print_repository(notices, notice);
        return;
    }
    bool is_news = notice->kind != FIRN_NOTICE_GROWING || notices->tells_special;
    if (is_news && is_told(notices, notice->kind) && is_first(notices, notice)) {
        fi_command_report_path(word_of(notice->kind), notice->path, notice->text);
    }
}

/* How far work is that cannot be cancelled any more. */
static const char *
finishing_text(const firn_progress *progress, char *out, size_t size)
{
    assert(progress->is_finishing);
    char done[FI_TERM_TEXT_NUMBER_SIZE];
    char total[FI_TERM_TEXT_NUMBER_SIZE];
    if (strcmp(progress->phase, "place") == 0 || strcmp(progress->phase, "remove") == 0) {
        (void)snprintf(out, size, "%s of %s files are in place",
                       fi_term_text_number(progress->files_done, done),
                       fi_term_text_number(progress->files_total, total));
    } else if (strcmp(progress->phase, "sync") == 0) {
        (void)snprintf(out, size, "everything is written, and waits for the disk");
    } else {
        (void)snprintf(out, size, "everything is in place");
    }
    return out;
}

/* How much of the phase is done, by bytes where their sum is known. */
static double
share_of(const firn_progress *progress)
{
    bool has_bytes = progress->bytes_total > 0;
    uint64_t done = has_bytes ? progress->bytes_done : progress->files_done;
    uint64_t total = has_bytes ? progress->bytes_total : progress->files_total;
    return total > 0 && done <= total ? (double)done / (double)total : 0;
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    char text[160];
    char finishing[192];
    (void)ctx;
    fi_term_text_progress(progress, text, sizeof(text));
    const struct fi_term_meter_state state = {
        .phase = progress->phase,
        .text = text,
        .finishing =
            progress->is_finishing ? finishing_text(progress, finishing, sizeof(finishing)) : NULL,
        .share = share_of(progress),
        .bytes = progress->bytes_done};
    fi_term_meter_show(&state);
    return fi_term_signals_caught() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

firn_callbacks
fi_task_notices_callbacks(struct fi_task_notices *notices)
{
    firn_callbacks callbacks = {on_notice, on_progress, notices};
    return callbacks;
}

/* A list of names on a line: "<title>: .git (12), node_modules and 3 more". */
struct line {
    const char *title;
    size_t names;
    uint64_t told; /* what these names stand for */
};

static void
begin_name(struct line *line, uint64_t count)
{
    assert(line->names < NAMES_MAX);
    fi_term_out_text(line->names == 0 ? line->title : "");
    fi_term_out_text(line->names == 0 ? ": " : ", ");
    line->names++;
    line->told += count;
}

static void
print_group(const struct fi_task_notices_group *group, struct line *line)
{
    assert(group->count > 0);
    char count[FI_TERM_TEXT_NUMBER_SIZE];
    begin_name(line, group->count);
    if (group->count == 1) {
        fi_term_path_print(firn_bytes(group->path, group->path_size));
    } else {
        fi_term_text_escape(group_name(group), fi_term_out_write);
        fi_term_out_format(" (%s)", fi_term_text_number(group->count, count));
    }
}

/* Prints a line with names of the `total` notices of a kind. */
static void
print_names(const struct fi_task_notices *notices, const char *title, firn_notice_kind kind,
            uint64_t total)
{
    struct line line = {.title = title};
    size_t groups = kind == FIRN_NOTICE_EXCLUDED ? notices->group_count : 0;
    for (size_t i = 0; i < groups && line.names < NAMES_MAX; i++) {
        print_group(&notices->groups[i], &line);
    }
    for (size_t i = 0; i < notices->kept_count && line.names < NAMES_MAX; i++) {
        const struct fi_task_notices_kept *kept = &notices->kept[i];
        if (kept->kind == kind) {
            begin_name(&line, 1);
            fi_term_path_print(firn_bytes(kept->path, kept->path_size));
        }
    }
    if (line.names == 0) {
        fi_term_out_format("%s: %llu\n", title, (unsigned long long)total);
    } else if (line.told < total) {
        char more[FI_TERM_TEXT_NUMBER_SIZE];
        fi_term_out_format(" and %s more\n", fi_term_text_number(total - line.told, more));
    } else {
        fi_term_out_text("\n");
    }
}

void
fi_task_notices_print_excluded(const struct fi_task_notices *notices)
{
    char known[FI_TERM_TEXT_NUMBER_SIZE];
    if (notices->cli->quiet) {
        return;
    }
    if (notices->excluded > notices->known) {
        print_names(notices, "left out by rule", FIRN_NOTICE_EXCLUDED,
                    notices->excluded - notices->known);
    }
    if (notices->known > 0) {
        fi_term_out_format("left out by rule as before: %s\n",
                           fi_term_text_number(notices->known, known));
    }
}

void
fi_task_notices_print_not_compared(const struct fi_task_notices *notices)
{
    if (notices->left_alone > 0 && !notices->cli->quiet) {
        print_names(notices, "not compared, excluded by rule", FIRN_NOTICE_LEFT_ALONE,
                    notices->left_alone);
    }
}

void
fi_task_notices_print_left(const struct fi_task_notices *notices)
{
    if (notices->left_alone > 0 && !notices->cli->quiet) {
        print_names(notices, "left alone by rule", FIRN_NOTICE_LEFT_ALONE, notices->left_alone);
    }
    if (notices->not_restored > NOT_RESTORED_TOLD_MAX && !notices->cli->json) {
        char more[FI_TERM_TEXT_NUMBER_SIZE];
        fi_command_report_line(
            "%s more were not restored; with --json all are named",
            fi_term_text_number(notices->not_restored - NOT_RESTORED_TOLD_MAX, more));
    }
}

void
fi_task_notices_json(const struct fi_task_notices *notices)
{
    fi_term_json_array("notices");
    for (size_t i = 0; i < notices->kept_count; i++) {
        const struct fi_task_notices_kept *kept = &notices->kept[i];
        const struct fi_show_notice shown = {firn_notice_kind_name(kept->kind),
                                             firn_bytes(kept->path, kept->path_size), kept->text,
                                             kept->checkpoint[0] != '\0' ? kept->checkpoint : NULL};
        fi_show_notice_write(fi_term_json_writer(), &shown);
    }
    fi_term_json_end();
    if (notices->not_kept > 0) {
        fi_term_json_u64("notices_not_shown", notices->not_kept);
    }
}

void
fi_task_notices_refer(const char *store_path, firn_error *err)
{
    /* A loss of the keys is named: it has a hint of its own. */
    const char *file = strstr(err->text, "/FIRN.keys'") != NULL ? "/FIRN.keys" : "";
    (void)snprintf(err->text, sizeof(err->text), "'%.512s%s' is damaged: see above", store_path,
                   file);
}

int
fi_task_notices_exit(const struct fi_task_notices *notices)
{
    if (notices->left_out == 0) {
        return FI_EXIT_OK;
    }
    return notices->cli->strict ? FI_EXIT_FAILED : FI_EXIT_PARTIAL;
}
