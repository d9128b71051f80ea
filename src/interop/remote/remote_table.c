/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_table.c: an array sorted by key; key and value of an item are one allocation. The
 * tables of a state are written and read in the order of their keys, so that filling one appends.
 */
#include "remote/remote_table.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"

static void
remote_table_release(struct fi_remote_item *item)
{
    fi_free((void *)(uintptr_t)item->key.data);
}

void
fi_remote_table_clear(struct fi_remote_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        remote_table_release(&table->items[i]);
    }
    table->count = 0;
}

void
fi_remote_table_deinit(struct fi_remote_table *table)
{
    fi_remote_table_clear(table);
    fi_free(table->items);
    *table = (struct fi_remote_table){NULL, 0, 0};
}

/* The first item that does not come before the key. */
static size_t
place_of(const struct fi_remote_table *table, firn_slice key)
{
    size_t low = 0;
    size_t high = table->count;
    if (high > 0 && fi_slice_compare(table->items[high - 1].key, key) < 0) {
        return high;
    }
    FI_SEARCH_FIRST(low, high, middle, fi_slice_compare(table->items[middle].key, key) < 0)
    return low;
}

static bool
is_at(const struct fi_remote_table *table, size_t place, firn_slice key)
{
    return place < table->count && fi_slice_equal(table->items[place].key, key);
}

struct fi_remote_item *
fi_remote_table_find(const struct fi_remote_table *table, firn_slice key)
{
    size_t place = place_of(table, key);
    return is_at(table, place, key) ? &table->items[place] : NULL;
}

/* Copies key and value. */
static int
make_item(firn_slice key, firn_slice value, uint8_t status, struct fi_remote_item *out,
          firn_error *err)
{
    uint8_t *memory = fi_alloc(key.size + value.size + 1);
    if (memory == NULL) {
        return fi_error_no_memory(err, "an item of a remote");
    }
    memcpy(memory, key.data, key.size);
    if (value.size > 0) {
        memcpy(memory + key.size, value.data, value.size);
    }
    *out = (struct fi_remote_item){.key = firn_bytes(memory, key.size),
                                   .value = firn_bytes(memory + key.size, value.size),
                                   .status = status};
    return FIRN_OK;
}

int
fi_remote_table_put(struct fi_remote_table *table, firn_slice key, firn_slice value, uint8_t status,
                    firn_error *err)
{
    size_t place = place_of(table, key);
    bool is_new = !is_at(table, place, key);
    struct fi_remote_item item;
    if (is_new) {
        FI_TRY_RETURN(FI_VEC_RESERVE(table->items, table->count + 1, table->capacity, err));
    }
    FI_TRY_RETURN(make_item(key, value, status, &item, err));
    if (is_new) {
        memmove(table->items + place + 1, table->items + place,
                (table->count - place) * sizeof *table->items);
        table->count++;
    } else {
        remote_table_release(&table->items[place]);
    }
    table->items[place] = item;
    return FIRN_OK;
}

void
fi_remote_table_remove(struct fi_remote_table *table, firn_slice key)
{
    size_t place = place_of(table, key);
    if (is_at(table, place, key)) {
        remote_table_release(&table->items[place]);
        table->count--;
        memmove(table->items + place, table->items + place + 1,
                (table->count - place) * sizeof *table->items);
    }
}

/* ==== many at once ==== */

/* Replaces items that are there; *out_new_count: how many are not. */
static int
replace_all(struct fi_remote_table *table, const struct fi_remote_table *from, bool has_only_new,
            size_t *out_new_count, firn_error *err)
{
    size_t place = 0;
    *out_new_count = 0;
    for (size_t i = 0; i < from->count; i++) {
        const struct fi_remote_item *item = &from->items[i];
        while (place < table->count && fi_slice_compare(table->items[place].key, item->key) < 0) {
            place++;
        }
        if (!is_at(table, place, item->key)) {
            ++*out_new_count;
        } else if (!has_only_new) {
            struct fi_remote_item copy;
            FI_TRY_RETURN(make_item(item->key, item->value, item->status, &copy, err));
            remote_table_release(&table->items[place]);
            table->items[place] = copy;
        }
    }
    return FIRN_OK;
}

int
fi_remote_table_put_all(struct fi_remote_table *table, const struct fi_remote_table *from,
                        bool has_only_new, firn_error *err)
{
    size_t new_count;
    FI_TRY_RETURN(replace_all(table, from, has_only_new, &new_count, err));
    if (new_count == 0) {
        return FIRN_OK;
    }
    struct fi_remote_table merged = {NULL, 0, 0};
    FI_TRY_RETURN(FI_VEC_RESERVE(merged.items, table->count + new_count, merged.capacity, err));
    CHECK(merged.items != NULL && (table->items != NULL || table->count == 0));
    size_t place = 0;
    int rc = FIRN_OK;
    for (size_t i = 0; i < from->count && rc == FIRN_OK; i++) {
        const struct fi_remote_item *item = &from->items[i];
        while (place < table->count && fi_slice_compare(table->items[place].key, item->key) < 0) {
            merged.items[merged.count++] = table->items[place++];
        }
        if (!is_at(table, place, item->key)) {
            rc = make_item(item->key, item->value, item->status, &merged.items[merged.count], err);
            merged.count += rc == FIRN_OK;
        }
    }
    while (place < table->count) {
        merged.items[merged.count++] = table->items[place++];
    }
    fi_free(table->items);
    *table = merged;
    return rc;
}

void
fi_remote_table_remove_all(struct fi_remote_table *table, const struct fi_remote_table *keys,
                           uint8_t status)
{
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct fi_remote_item *item = &table->items[i];
        while (at < keys->count && fi_slice_compare(keys->items[at].key, item->key) < 0) {
            at++;
        }
        if (is_at(keys, at, item->key) && (status == 0 || item->status == status)) {
            remote_table_release(item);
        } else {
            table->items[kept++] = *item;
        }
    }
    table->count = kept;
}
