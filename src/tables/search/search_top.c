/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_top.c: the nearest rows so far.
 *
 * A heap with the farthest row on top, so that one comparison shows whether another row is nearer.
 * Rows at the same distance are ordered by their keys, as bytes, which is the order of the rows. So
 * the k nearest rows do not depend on the order in which rows come. Each place of the heap keeps
 * the memory of its key for the next row in it.
 *
 * Threads: one at a time.
 */
#include "search/search_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"

void
fi_search_top_deinit(struct fi_search_top *top)
{
    for (size_t i = 0; i < top->count; i++) {
        fi_buf_deinit(&top->heap[i].key);
    }
    fi_free(top->heap);
    *top = (struct fi_search_top){.k = top->k};
}

static int
search_top_compare(double a, firn_slice a_key, double b, firn_slice b_key)
{
    return a != b ? (a > b) - (a < b) : fi_slice_compare(a_key, b_key);
}

static int
compare_near(const void *a, const void *b)
{
    const struct fi_search_near *left = a;
    const struct fi_search_near *right = b;
    return search_top_compare(left->distance, fi_buf_slice(&left->key), right->distance,
                              fi_buf_slice(&right->key));
}

double
fi_search_top_most(const struct fi_search_top *top)
{
    return top->count < top->k ? __builtin_inf() : top->heap[0].distance;
}

static void
search_top_swap(struct fi_search_top *top, size_t a, size_t b)
{
    DCHECK(a < top->count && b < top->count);
    struct fi_search_near kept = top->heap[a];
    top->heap[a] = top->heap[b];
    top->heap[b] = kept;
}

static void
sift_up(struct fi_search_top *top, size_t at)
{
    DCHECK(at < top->count);
    while (at > 0 && compare_near(&top->heap[at], &top->heap[(at - 1) / 2]) > 0) {
        search_top_swap(top, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void
sift_down(struct fi_search_top *top)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < top->count && compare_near(&top->heap[child], &top->heap[child + 1]) < 0) {
            child++;
        }
        if (child >= top->count || compare_near(&top->heap[at], &top->heap[child]) >= 0) {
            return;
        }
        search_top_swap(top, at, child);
        at = child;
    }
}

int
fi_search_top_put(struct fi_search_top *top, double distance, firn_slice key, firn_error *err)
{
    DCHECK(top->k > 0 && top->count <= top->k);
    if (top->count == top->k) {
        struct fi_search_near *furthest = &top->heap[0];
        if (search_top_compare(distance, key, furthest->distance, fi_buf_slice(&furthest->key)) >=
            0) {
            return FIRN_OK;
        }
        if (fi_buf_assign(&furthest->key, key) != FIRN_OK) {
            return fi_error_no_memory(err, "a search");
        }
        furthest->distance = distance;
        sift_down(top);
        return FIRN_OK;
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(top->heap, top->count + 1, top->capacity, err));
    struct fi_search_near *heap = top->heap;
    heap[top->count] = (struct fi_search_near){.distance = distance};
    if (fi_buf_assign(&heap[top->count].key, key) != FIRN_OK) {
        return fi_error_no_memory(err, "a search");
    }
    top->count++;
    sift_up(top, top->count - 1);
    return FIRN_OK;
}

int
fi_search_top_join(struct fi_search_top *tops, size_t count, size_t k, struct fi_search_top *out,
                   firn_error *err)
{
    size_t total = 0;
    DCHECK(out->count == 0 && out->heap == NULL);
    for (size_t i = 0; i < count; i++) {
        total += tops[i].count;
    }
    out->heap = fi_alloc_array(total > 0 ? total : 1, sizeof out->heap[0]);
    if (out->heap == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    out->capacity = total;
    for (size_t i = 0; i < count; i++) {
        if (tops[i].count > 0) {
            memcpy(out->heap + out->count, tops[i].heap, tops[i].count * sizeof out->heap[0]);
        }
        out->count += tops[i].count;
        tops[i].count = 0;
        fi_search_top_deinit(&tops[i]);
    }
    DCHECK(out->count == total);
    fi_sort(out->heap, total, sizeof out->heap[0], compare_near);
    while (out->count > k) {
        fi_buf_deinit(&out->heap[--out->count].key);
    }
    return FIRN_OK;
}
