/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_list.c: the checkpoints and tags of a workspace, and the names that a mount has for
 * them.
 *
 *   latest            a link to the newest checkpoint
 *   number/12/        what checkpoint 12 contains
 *   tag/v1.0          a link to the checkpoint with this tag; a slash in a tag is %2F
 *   time/2026-...     a link to the checkpoint that was saved then, in local time; "-2" and so on
 *                     is added to the second of those that have the same time
 *   safety/<id>/      what a safety checkpoint contains
 *   remote/origin/LINE/12/  what checkpoint 12 of a line contains that was pulled from a remote
 *
 * Local times repeat: within a second, and in the hour that summer time ends with. The checkpoints
 * of one time are numbered in the order in which they were saved.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mount/mount_internal.h"

enum { NAME_SIZE = 800, TARGET_SIZE = 64, TIME_SIZE = 48 };

static struct fi_mount_item *
add_item(struct fi_mount_list *list)
{
    if (list->count == list->capacity) {
        size_t more = list->capacity == 0 ? 64 : list->capacity * 2;
        struct fi_mount_item *grown = realloc(list->items, more * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        list->items = grown;
        list->capacity = more;
    }
    struct fi_mount_item *item = &list->items[list->count++];
    memset(item, 0, sizeof *item); /* padding too: lists are compared as bytes */
    return item;
}

static int
add_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct fi_mount_item *item = add_item(ctx);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->number = checkpoint->number;
    item->created_ns = checkpoint->created_ns;
    item->root = checkpoint->root;
    memcpy(item->id, checkpoint->id, sizeof item->id);
    return FIRN_OK;
}

static int
add_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct fi_mount_item *item = add_item(ctx);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    assert(tag->name.size < sizeof item->tag);
    item->number = tag->number;
    item->created_ns = tag->created_ns;
    memcpy(item->id, tag->id, sizeof item->id);
    memcpy(item->tag, tag->name.data, tag->name.size);
    return FIRN_OK;
}

/* ==== what was pulled ==== */

struct pulled {
    struct fi_mount_list *list;
    const char *remote;
    int failure;
};

/* A line whose label cannot be the name of a file is named by its id. */
/* Whether it can be the name of a line's directory. */
static bool
is_name(firn_slice name)
{
    const bool is_dots =
        (name.size == 1 || name.size == 2) && memcmp(name.data, "..", name.size) == 0;
    return name.size > 0 && name.size < sizeof((struct fi_mount_line *)NULL)->name && !is_dots &&
           memchr(name.data, '/', name.size) == NULL;
}

static int
add_line(void *ctx, const firn_workspace_line *line)
{
    struct pulled *pulled = ctx;
    struct fi_mount_list *list = pulled->list;
    /* A store from elsewhere may call its lines anything. */
    firn_slice name = is_name(line->name) ? line->name : line->id;
    name = is_name(name) ? name : firn_str("line");
    if (list->line_count == list->line_capacity) {
        size_t more = list->line_capacity == 0 ? 8 : list->line_capacity * 2;
        struct fi_mount_line *grown = realloc(list->lines, more * sizeof *grown);
        if (grown == NULL) {
            return FIRN_NO_MEMORY;
        }
        list->lines = grown;
        list->line_capacity = more;
    }
    struct fi_mount_line *added = &list->lines[list->line_count++];
    memset(added, 0, sizeof *added);
    assert(name.size < sizeof added->name);
    (void)snprintf(added->remote, sizeof added->remote, "%s", pulled->remote);
    memcpy(added->name, name.data, name.size);
    return FIRN_OK;
}

static int
add_pulled(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    const struct pulled *pulled = ctx;
    struct fi_mount_list *list = pulled->list;
    int code = add_checkpoint(list, checkpoint);
    if (code == FIRN_OK) {
        list->items[list->count - 1].line = list->line_count;
    }
    return code;
}

/* The names of the remotes: what they have is listed after that. */
struct remotes {
    char (*names)[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    size_t count;
};

static int
add_remote(void *ctx, const firn_remote_info *remote)
{
    struct remotes *remotes = ctx;
    void *grown = realloc(remotes->names, (remotes->count + 1) * sizeof remotes->names[0]);
    if (grown == NULL) {
        return FIRN_NO_MEMORY;
    }
    remotes->names = grown;
    (void)snprintf(remotes->names[remotes->count++], sizeof remotes->names[0], "%s", remote->name);
    return FIRN_OK;
}

static int
read_pulled(firn_workspace *workspace, struct fi_mount_list *out, firn_error *err)
{
    struct remotes remotes = {NULL, 0};
    int code = firn_remote_list(workspace, add_remote, &remotes, err);
    for (size_t i = 0; i < remotes.count && code == FIRN_OK; i++) {
        firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
        struct pulled pulled = {.list = out, .remote = remotes.names[i]};
        options.remote = remotes.names[i];
        options.on_line = add_line;
        code = firn_workspace_list(workspace, &options, add_pulled, &pulled, err);
        code = code == FIRN_NOT_FOUND ? FIRN_OK : code; /* nothing was */
    }
    free(remotes.names);
    return code;
}

int
fi_mount_list_read(firn_workspace *workspace, struct fi_mount_list *out, firn_error *err)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = true;
    *out = (struct fi_mount_list){0};
    int code = firn_workspace_list(workspace, &options, add_checkpoint, out, err);
    if (code == FIRN_OK) {
        code = firn_workspace_tag_list(workspace, add_tag, out, err);
    }
    if (code == FIRN_OK) {
        code = read_pulled(workspace, out, err);
    }
    if (code != FIRN_OK) {
        fi_mount_list_deinit(out);
    }
    return code;
}

void
fi_mount_list_deinit(struct fi_mount_list *list)
{
    free(list->items);
    free(list->lines);
    *list = (struct fi_mount_list){0};
}

bool
fi_mount_list_equal(const struct fi_mount_list *a, const struct fi_mount_list *b)
{
    return a->count == b->count && a->line_count == b->line_count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof a->items[0]) == 0) &&
           (a->line_count == 0 ||
            memcmp(a->lines, b->lines, a->line_count * sizeof a->lines[0]) == 0);
}

/* ==== names ==== */

/* What an item is, by the directory that lists it. */
static enum fi_mount_place
place_of(const struct fi_mount_item *item)
{
    return item->line > 0         ? FI_MOUNT_REMOTES
           : item->tag[0] != '\0' ? FI_MOUNT_TAGS
           : item->number > 0     ? FI_MOUNT_NUMBERS
                                  : FI_MOUNT_SAFETY;
}

/* "number/12", below `above`. */
static void
write_target(char *out, const char *above, const struct fi_mount_item *item)
{
    if (item->number > 0) {
        (void)snprintf(out, TARGET_SIZE, "%snumber/%" PRIu64, above, item->number);
    } else {
        (void)snprintf(out, TARGET_SIZE, "%ssafety/%s", above, item->id);
    }
}

/* A tag as a file name. */
static void
write_tag(char *out, const char *tag)
{
    size_t at = 0;
    for (; *tag != '\0'; tag++) {
        assert(at + 4 <= NAME_SIZE);
        if (*tag == '/') {
            memcpy(out + at, "%2F", 3);
            at += 3;
        } else {
            out[at++] = *tag;
        }
    }
    out[at] = '\0';
}

static void
write_name(char *out, const struct fi_mount_item *item)
{
    switch (place_of(item)) {
    case FI_MOUNT_NUMBERS:
        (void)snprintf(out, NAME_SIZE, "%" PRIu64, item->number);
        break;
    case FI_MOUNT_SAFETY:
        (void)snprintf(out, NAME_SIZE, "%s", item->id);
        break;
    default:
        write_tag(out, item->tag);
        break;
    }
}

/* A numbered checkpoint and its local time. */
struct timed {
    char text[TIME_SIZE];
    const struct fi_mount_item *item;
};

static void
write_time(char *out, int64_t created_ns)
{
    struct tm parts;
    int64_t seconds = created_ns / 1000000000 - (created_ns % 1000000000 < 0);
    time_t when = (time_t)seconds;
    if (localtime_r(&when, &parts) == NULL ||
        strftime(out, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(out, TIME_SIZE, "%" PRId64, seconds);
    }
}

static int
compare_timed(const void *a, const void *b)
{
    const struct timed *first = a, *second = b;
    int order = strcmp(first->text, second->text);
    return order != 0 ? order
                      : (first->item->number > second->item->number) -
                            (first->item->number < second->item->number);
}

static bool
time_entries(const struct fi_mount_list *list,
             bool (*add)(void *ctx, const char *name, const char *target,
                         const struct fi_mount_item *item),
             void *ctx)
{
    char name[NAME_SIZE], target[TARGET_SIZE];
    struct timed *timed = malloc((list->count + 1) * sizeof *timed);
    bool is_whole = timed != NULL;
    size_t count = 0;
    unsigned nth = 1;
    for (size_t i = 0; is_whole && i < list->count; i++) {
        if (place_of(&list->items[i]) == FI_MOUNT_NUMBERS) {
            write_time(timed[count].text, list->items[i].created_ns);
            timed[count++].item = &list->items[i];
        }
    }
    if (count > 0) {
        qsort(timed, count, sizeof *timed, compare_timed);
    }
    for (size_t i = 0; is_whole && i < count; i++) {
        nth = i > 0 && strcmp(timed[i].text, timed[i - 1].text) == 0 ? nth + 1 : 1;
        if (nth == 1) {
            (void)snprintf(name, sizeof name, "%s", timed[i].text);
        } else {
            (void)snprintf(name, sizeof name, "%s-%u", timed[i].text, nth);
        }
        write_target(target, "../", timed[i].item);
        is_whole = add(ctx, name, target, timed[i].item);
    }
    free(timed);
    return is_whole;
}

/* ==== remotes ==== */

/* Adds bytes to a sum (FNV-1a, in four lanes). */
static void
sum_bytes(uint64_t sum[4], const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        sum[i % 4] = (sum[i % 4] ^ at[i]) * UINT64_C(1099511628211);
    }
}

static void
sum_line(const struct fi_mount_list *list, size_t line, uint64_t sum[4], int64_t *newest_ns)
{
    sum_bytes(sum, list->lines[line - 1].name, sizeof list->lines[0].name);
    for (size_t i = 0; i < list->count; i++) {
        const struct fi_mount_item *item = &list->items[i];
        if (item->line == line) {
            sum_bytes(sum, &item->number, sizeof item->number);
            sum_bytes(sum, &item->root, sizeof item->root);
            *newest_ns = item->created_ns > *newest_ns ? item->created_ns : *newest_ns;
        }
    }
}

/* What stands for lines in a directory: from `first` on, those of its remote; or it alone. */
static struct fi_mount_item
make_sum(const struct fi_mount_list *list, size_t first, bool is_alone)
{
    struct fi_mount_item item = {.created_ns = INT64_MIN};
    uint64_t sum[4] = {1, 2, 3, 4};
    for (size_t line = first; line <= list->line_count; line++) {
        if ((line > first && is_alone) ||
            strcmp(list->lines[line - 1].remote, list->lines[first - 1].remote) != 0) {
            break;
        }
        sum_line(list, line, sum, &item.created_ns);
    }
    memcpy(&item.root, sum, sizeof item.root);
    return item;
}

static bool
remote_entries(const struct fi_mount_list *list,
               bool (*add)(void *ctx, const char *name, const char *target,
                           const struct fi_mount_item *item),
               void *ctx)
{
    for (size_t line = 1; line <= list->line_count; line++) {
        const char *remote = list->lines[line - 1].remote;
        if (line > 1 && strcmp(list->lines[line - 2].remote, remote) == 0) {
            continue;
        }
        const struct fi_mount_item item = make_sum(list, line, false);
        if (!add(ctx, remote, NULL, &item)) {
            return false;
        }
    }
    return true;
}

static bool
line_entries(const struct fi_mount_list *list, size_t line,
             bool (*add)(void *ctx, const char *name, const char *target,
                         const struct fi_mount_item *item),
             void *ctx)
{
    char name[NAME_SIZE];
    for (size_t i = 0; i < list->count; i++) {
        const struct fi_mount_item *item = &list->items[i];
        (void)snprintf(name, sizeof name, "%" PRIu64, item->number);
        if (item->line == line && !add(ctx, name, NULL, item)) {
            return false;
        }
    }
    return true;
}

bool
fi_mount_list_below(const struct fi_mount_list *list, const char *remote,
                    bool (*add)(void *ctx, const char *name, const char *target,
                                const struct fi_mount_item *item),
                    void *ctx)
{
    const size_t size = strcspn(remote, "/");
    for (size_t line = 1; line <= list->line_count; line++) {
        const struct fi_mount_line *at = &list->lines[line - 1];
        if (strlen(at->remote) != size || memcmp(at->remote, remote, size) != 0) {
            continue;
        }
        if (remote[size] == '\0') {
            const struct fi_mount_item item = make_sum(list, line, true);
            if (!add(ctx, at->name, NULL, &item)) {
                return false;
            }
        } else if (strcmp(at->name, remote + size + 1) == 0) {
            return line_entries(list, line, add, ctx);
        }
    }
    return true;
}

bool
fi_mount_list_entries(const struct fi_mount_list *list, enum fi_mount_place place,
                      bool (*add)(void *ctx, const char *name, const char *target,
                                  const struct fi_mount_item *item),
                      void *ctx)
{
    char name[NAME_SIZE], target[TARGET_SIZE];
    assert(place != FI_MOUNT_CONTENT);
    if (place == FI_MOUNT_TIMES) {
        return time_entries(list, add, ctx);
    }
    if (place == FI_MOUNT_REMOTES) {
        return remote_entries(list, add, ctx);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct fi_mount_item *item = &list->items[i];
        if (place == FI_MOUNT_ROOT && place_of(item) == FI_MOUNT_NUMBERS) {
            write_target(target, "", item);
            return add(ctx, "latest", target, item); /* the first is the newest */
        }
        if (place_of(item) == place) {
            write_name(name, item);
            write_target(target, "../", item);
            if (!add(ctx, name, place == FI_MOUNT_TAGS ? target : NULL, item)) {
                return false;
            }
        }
    }
    return true;
}
