/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_listing.c: names, collected in the order in which the system lists them, then
 * sorted.
 *
 * An item is 16 bytes. While items are added it names its bytes by offset, so that both arrays may
 * move as they grow; sorting turns that into a pointer, and after it nothing may be added. A
 * directory of a million files costs some 30 bytes an entry here.
 *
 * A file system may list a name twice if the directory changes meanwhile. Sorting drops the second,
 * because a name must be in a tree only once.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "scan/scan_internal.h"

void
fi_scan_listing_deinit(struct fi_scan_listing *listing)
{
    fi_free(listing->items);
    fi_buf_deinit(&listing->names);
    *listing = (struct fi_scan_listing){0};
}

void
fi_scan_listing_clear(struct fi_scan_listing *listing)
{
    listing->count = 0;
    fi_buf_clear(&listing->names);
}

static int
scan_listing_grow(struct fi_scan_listing *listing)
{
    size_t capacity = listing->capacity == 0 ? 64 : listing->capacity + listing->capacity / 2;
    struct fi_scan_item *items = fi_resize_array(listing->items, capacity, sizeof *listing->items);
    if (items == NULL) {
        return FIRN_NO_MEMORY;
    }
    listing->items = items;
    listing->capacity = capacity;
    return FIRN_OK;
}

int
fi_scan_listing_add(struct fi_scan_listing *listing, firn_slice name, enum fi_os_kind kind)
{
    name.size = name.size < UINT16_MAX ? name.size : UINT16_MAX;
    if (listing->count == listing->capacity) {
        FI_TRY_RETURN(scan_listing_grow(listing));
    }
    size_t offset = listing->names.size;
    FI_TRY_RETURN(fi_buf_reserve(&listing->names, name.size + 1));
    FI_TRY_RETURN(fi_buf_append_slice(&listing->names, name));
    FI_TRY_RETURN(fi_buf_append_u8(&listing->names, 0));
    DCHECK(listing->count < listing->capacity);
    listing->items[listing->count++] = (struct fi_scan_item){
        .name = {.offset = offset}, .name_size = (uint16_t)name.size, .kind = (uint8_t)kind};
    return FIRN_OK;
}

static int
scan_listing_compare(const void *a, const void *b)
{
    const struct fi_scan_item *left = a;
    const struct fi_scan_item *right = b;
    return fi_slice_compare(firn_bytes(left->name.text, left->name_size),
                            firn_bytes(right->name.text, right->name_size));
}

static void
drop_repeated(struct fi_scan_listing *listing)
{
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++) {
        const struct fi_scan_item *item = &listing->items[i];
        if (kept == 0 || scan_listing_compare(&listing->items[kept - 1], item) != 0) {
            listing->items[kept++] = *item;
        }
    }
    listing->count = kept;
}

static bool
is_ascending(const struct fi_scan_listing *listing)
{
    for (size_t i = 1; i < listing->count; i++) {
        if (scan_listing_compare(&listing->items[i - 1], &listing->items[i]) >= 0) {
            return false;
        }
    }
    return true;
}

void
fi_scan_listing_sort(struct fi_scan_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        struct fi_scan_item *item = &listing->items[i];
        item->name.text = (const char *)listing->names.data + item->name.offset;
    }
    fi_sort(listing->items, listing->count, sizeof *listing->items, scan_listing_compare);
    drop_repeated(listing);
    DCHECK(is_ascending(listing));
}
