/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_scan_listing.c: names, collected in the order in which the system tells them, then sorted.
 *
 * An item is 16 bytes and names its bytes by offset, so that both arrays may move while they grow: a directory of a
 * million files costs some 30 bytes an entry here. Sorting is a bottom-up merge sort between the array and a spare one
 * that lives only as long: stable, n log n for any input, and from our own allocator, which qsort is not.
 *
 * A file system may tell a name twice when the directory changes during the walk. Sorting drops the second, because an
 * entry must be in a tree once.
 */
#include <string.h>

#include "base/mem.h"
#include "workspace/ws_scan_internal.h"

void
firn_ws_scan_listing_deinit(struct firn_ws_scan_listing *listing)
{
    firn_free(listing->items);
    firn_buf_deinit(&listing->names);
    *listing = (struct firn_ws_scan_listing){0};
}

void
firn_ws_scan_listing_clear(struct firn_ws_scan_listing *listing)
{
    listing->count = 0;
    firn_buf_clear(&listing->names);
}

static int
grow(struct firn_ws_scan_listing *listing)
{
    size_t capacity = listing->capacity == 0 ? 64 : listing->capacity + listing->capacity / 2;
    struct firn_ws_scan_item *items =
        firn_resize_array(listing->items, capacity, sizeof *listing->items);
    if (items == NULL) {
        return FIRN_NO_MEMORY;
    }
    listing->items = items;
    listing->capacity = capacity;
    return FIRN_OK;
}

int
firn_ws_scan_listing_add(struct firn_ws_scan_listing *listing, firn_slice name,
                         enum firn_os_kind kind)
{
    if (name.size > UINT16_MAX) {
        return FIRN_LIMIT;
    }
    int rc;
    if (listing->count == listing->capacity) {
        FIRN_TRY(grow(listing));
    }
    size_t offset = listing->names.size;
    FIRN_TRY(firn_buf_reserve(&listing->names, name.size + 1));
    FIRN_TRY(firn_buf_append_slice(&listing->names, name));
    FIRN_TRY(firn_buf_append_u8(&listing->names, 0));
    listing->items[listing->count++] = (struct firn_ws_scan_item){
        .name_offset = offset, .name_size = (uint16_t)name.size, .kind = (uint8_t)kind};
out:
    return rc;
}

static int
compare(const uint8_t *names, const struct firn_ws_scan_item *a, const struct firn_ws_scan_item *b)
{
    size_t shared = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = memcmp(names + a->name_offset, names + b->name_offset, shared);
    return order != 0 ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

/* Merges [0, middle) and [middle, end) of from into to. */
static void
merge(const uint8_t *names, const struct firn_ws_scan_item *from, size_t middle, size_t end,
      struct firn_ws_scan_item *to)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < end; i++) {
        bool take_left =
            left < middle && (right == end || compare(names, &from[left], &from[right]) <= 0);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

static bool
is_sorted(const struct firn_ws_scan_listing *listing)
{
    for (size_t i = 1; i < listing->count; i++) {
        if (compare(listing->names.data, &listing->items[i - 1], &listing->items[i]) >= 0) {
            return false;
        }
    }
    return true;
}

static void
drop_repeated(struct firn_ws_scan_listing *listing)
{
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++) {
        const struct firn_ws_scan_item *item = &listing->items[i];
        if (kept == 0 || compare(listing->names.data, &listing->items[kept - 1], item) != 0) {
            listing->items[kept++] = *item;
        }
    }
    listing->count = kept;
}

int
firn_ws_scan_listing_sort(struct firn_ws_scan_listing *listing)
{
    if (is_sorted(listing)) {
        return FIRN_OK;
    }
    size_t count = listing->count;
    struct firn_ws_scan_item *spare = firn_alloc_array(count, sizeof *spare);
    if (spare == NULL) {
        return FIRN_NO_MEMORY;
    }
    struct firn_ws_scan_item *from = listing->items;
    struct firn_ws_scan_item *to = spare;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t left = count - start;
            size_t end = left < 2 * width ? left : 2 * width;
            merge(listing->names.data, from + start, width < end ? width : end, end, to + start);
        }
        struct firn_ws_scan_item *done = from;
        from = to;
        to = done;
    }
    if (from != listing->items) {
        memcpy(listing->items, from, count * sizeof *from);
    }
    firn_free(spare);
    drop_repeated(listing);
    return FIRN_OK;
}
