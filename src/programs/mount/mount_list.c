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
    if (code != FIRN_OK) {
        fi_mount_list_deinit(out);
    }
    return code;
}

void
fi_mount_list_deinit(struct fi_mount_list *list)
{
    free(list->items);
    *list = (struct fi_mount_list){0};
}

bool
fi_mount_list_equal(const struct fi_mount_list *a, const struct fi_mount_list *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof a->items[0]) == 0);
}

/* ==== names ==== */

/* What an item is, by the directory that lists it. */
static enum fi_mount_place
place_of(const struct fi_mount_item *item)
{
    return item->tag[0] != '\0' ? FI_MOUNT_TAGS
           : item->number > 0   ? FI_MOUNT_NUMBERS
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
