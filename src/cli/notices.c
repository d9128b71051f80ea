/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/notices.c: what the library tells while it works: things left out, damage, progress.
 *
 * A notice that a person should act on is printed as a warning the moment it comes. What rules
 * leave out is only counted, and the first few names kept for the summary: it was asked for. With
 * --json all notices are kept until the end, because the object on standard output may be in the
 * middle of an array; their number has a limit, beyond which they are counted. They come in the
 * order in which threads meet them, and are kept in that of their paths.
 *
 * What counts as "left out" for the exit code: files that should be in the checkpoint and are not
 * (unreadable, always changing), and restored entries that lack an owner or attribute. A fifo or
 * socket cannot be saved by anybody, and a file that vanished while the save ran is rightly not in
 * it: these are told but change nothing.
 *
 * Threads: the library calls from any thread, one call at a time.
 */
#include "cli/notices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_settings.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/text.h"

enum { KEPT_MAX = 10000, NAMES_MAX = 5 };

struct firn_notices_kept {
    firn_notice_kind kind;
    uint8_t *path;
    size_t path_size;
    char *text;
};

static const char *
kind_name(firn_notice_kind kind)
{
    switch (kind) {
    case FIRN_NOTICE_EXCLUDED:
        return "excluded";
    case FIRN_NOTICE_SPECIAL:
        return "special";
    case FIRN_NOTICE_UNREADABLE:
        return "unreadable";
    case FIRN_NOTICE_CHANGING:
        return "changing";
    case FIRN_NOTICE_VANISHED:
        return "vanished";
    case FIRN_NOTICE_METADATA:
        return "metadata";
    case FIRN_NOTICE_KEPT:
        return "kept";
    case FIRN_NOTICE_RESUMED:
        return "resumed";
    case FIRN_NOTICE_DAMAGED:
        return "damaged";
    case FIRN_NOTICE_BAD_RULE:
        return "bad rule";
    case FIRN_NOTICE_STORE:
        return "store";
    case FIRN_NOTICE_SETTINGS:
        return "settings";
    }
    return "other";
}

static void
add_unread_settings(void *ctx, const firn_notice *notice)
{
    firn_notices_add(ctx, notice);
}

void
firn_notices_init(struct firn_notices *notices, const struct firn_cli *cli)
{
    memset(notices, 0, sizeof(*notices));
    notices->cli = cli;
    firn_meter_start(!cli->quiet);
    firn_cli_settings_unread(add_unread_settings, notices);
}

static void
forget(struct firn_notices_kept *kept)
{
    free(kept->path);
    free(kept->text);
}

void
firn_notices_deinit(struct firn_notices *notices)
{
    for (size_t i = 0; i < notices->kept_count; i++) {
        forget(&notices->kept[i]);
    }
    free(notices->kept);
    memset(notices, 0, sizeof(*notices));
}

/* Where a notice belongs: behind all with its path. */
static size_t
place_of(const struct firn_notices *notices, firn_slice path)
{
    size_t low = 0;
    size_t high = notices->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct firn_notices_kept *kept = &notices->kept[middle];
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
make_room(struct firn_notices *notices)
{
    if (notices->kept_count < notices->kept_capacity) {
        return true;
    }
    size_t capacity = notices->kept_capacity == 0 ? 16 : notices->kept_capacity * 2;
    struct firn_notices_kept *kept =
        realloc(notices->kept, capacity * sizeof(struct firn_notices_kept));
    if (kept == NULL) {
        return false;
    }
    notices->kept = kept;
    notices->kept_capacity = capacity;
    return true;
}

/* Of too many, those with the first paths. */
static void
keep(struct firn_notices *notices, const firn_notice *notice)
{
    const size_t most = notices->cli->json ? KEPT_MAX : NAMES_MAX;
    struct firn_notices_kept kept = {notice->kind, NULL, notice->path.size, NULL};
    size_t at = place_of(notices, notice->path);
    if (at < most && make_room(notices)) {
        kept.path = malloc(notice->path.size + 1);
        kept.text = strdup(notice->text);
    }
    if (kept.path == NULL || kept.text == NULL) {
        forget(&kept);
        notices->not_kept++;
        return;
    }
    if (notice->path.size > 0) {
        memcpy(kept.path, notice->path.data, notice->path.size);
    }
    if (notices->kept_count == most) {
        forget(&notices->kept[--notices->kept_count]);
        notices->not_kept++;
    }
    memmove(&notices->kept[at + 1], &notices->kept[at],
            (notices->kept_count - at) * sizeof(struct firn_notices_kept));
    notices->kept[at] = kept;
    notices->kept_count++;
}

void
firn_notices_add(struct firn_notices *notices, const firn_notice *notice)
{
    if (notices->cli->json) {
        keep(notices, notice);
    }
}

/* What is wrong with a path, before it. */
static const char *
word_of(firn_notice_kind kind)
{
    switch (kind) {
    case FIRN_NOTICE_SPECIAL:
    case FIRN_NOTICE_UNREADABLE:
    case FIRN_NOTICE_CHANGING:
        return "left out";
    case FIRN_NOTICE_METADATA:
        return "incomplete";
    default:
        return kind_name(kind);
    }
}

static bool
is_told(const struct firn_notices *notices, firn_notice_kind kind)
{
    return kind != FIRN_NOTICE_EXCLUDED && (kind != FIRN_NOTICE_SPECIAL || notices->tells_special);
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct firn_notices *notices = ctx;
    bool is_excluded = notice->kind == FIRN_NOTICE_EXCLUDED;
    notices->excluded += is_excluded;
    notices->left_out += notice->kind == FIRN_NOTICE_UNREADABLE ||
                         notice->kind == FIRN_NOTICE_CHANGING ||
                         notice->kind == FIRN_NOTICE_METADATA;
    if (is_excluded || notices->cli->json) {
        keep(notices, notice);
    }
    if (is_told(notices, notice->kind)) {
        firn_report_path(word_of(notice->kind), notice->path, notice->text);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    char text[160];
    char done[FIRN_TEXT_NUMBER_SIZE];
    char total[FIRN_TEXT_NUMBER_SIZE];
    char bytes[FIRN_TEXT_SIZE_SIZE];
    (void)ctx;
    if (firn_signals_caught() != 0) {
        return FIRN_CANCELLED;
    }
    if (firn_meter_is_due()) {
        bool has_total = progress->files_total > 0;
        (void)snprintf(text, sizeof(text), "%s: %s%s%s files, %s", progress->phase,
                       firn_text_number(progress->files_done, done), has_total ? " of " : "",
                       has_total ? firn_text_number(progress->files_total, total) : "",
                       firn_text_size(progress->bytes_done, bytes));
        firn_meter_draw(text);
    }
    return FIRN_OK;
}

firn_callbacks
firn_notices_callbacks(struct firn_notices *notices)
{
    firn_callbacks callbacks = {on_notice, on_progress, notices};
    return callbacks;
}

void
firn_notices_print_excluded(const struct firn_notices *notices)
{
    if (notices->excluded == 0 || notices->cli->quiet) {
        return;
    }
    uint64_t shown = 0;
    for (size_t i = 0; i < notices->kept_count && shown < NAMES_MAX; i++) {
        const struct firn_notices_kept *kept = &notices->kept[i];
        if (kept->kind == FIRN_NOTICE_EXCLUDED) {
            firn_out_text(shown == 0 ? "left out by rule: " : ", ");
            firn_text_escape(firn_bytes(kept->path, kept->path_size), firn_out_write);
            shown++;
        }
    }
    if (shown == 0) {
        firn_out_format("left out by rule: %llu\n", (unsigned long long)notices->excluded);
    } else if (shown < notices->excluded) {
        char more[FIRN_TEXT_NUMBER_SIZE];
        firn_out_format(" and %s more\n", firn_text_number(notices->excluded - shown, more));
    } else {
        firn_out_text("\n");
    }
}

void
firn_notices_json(const struct firn_notices *notices)
{
    firn_json_out_array("notices");
    for (size_t i = 0; i < notices->kept_count; i++) {
        const struct firn_notices_kept *kept = &notices->kept[i];
        firn_json_out_object(NULL);
        firn_json_out_string("kind", kind_name(kept->kind));
        firn_json_out_bytes("path", firn_bytes(kept->path, kept->path_size));
        firn_json_out_bytes("text", firn_str(kept->text));
        firn_json_out_end();
    }
    firn_json_out_end();
    if (notices->not_kept > 0) {
        firn_json_out_u64("notices_not_shown", notices->not_kept);
    }
}

int
firn_notices_exit(const struct firn_notices *notices)
{
    if (notices->left_out == 0) {
        return FIRN_EXIT_OK;
    }
    return notices->cli->strict ? FIRN_EXIT_FAILED : FIRN_EXIT_PARTIAL;
}
