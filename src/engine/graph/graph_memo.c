/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_memo.c: which rows of a run fulfil conditions that were evaluated before.
 *
 * A run does not change, so a condition that is evaluated again gives the same rows. An open graph
 * keeps the bits of the last few conditions: searches that ask for the same condition again, as
 * those of one user or one language do, need not read its columns. The caller's key says all that
 * the bits depend on.
 *
 * A memo is replaced by the clock algorithm: one that was found since the hand last passed stays.
 *
 * Codes of few rows lie far from each other in the graph, and comparing all of them waits for
 * memory most of the time. So the second search that compares those of a memo copies them side by
 * side (fi_graph_memo_gather), for those after it. All memos of a graph together have copies of
 * at most a sixteenth of its codes.
 *
 * (I1) A memo never changes after its slot leads to it, except for is_found, and for the copies,
 *      which it gets once. (Not checked: it is published as const.)
 * (I2) gathered_nodes is at least the room of all copies that are not freed. (Not checked: threads
 *      change both.)
 *
 * Threads: slots are read without locks. A memo that was replaced is released, and its copies with
 * it, when all threads that may look at it have left (base/epoch.h). Several searches may copy the
 * codes of one memo at once: the copies of the first that ends are kept.
 *
 * Memory: at most as many bytes as the run has rows, and the copies. fi_graph_read_bytes counts
 * both. A graph whose blocks are not kept keeps no memos either.
 */
#include "graph/graph_internal.h"

#include "base/epoch.h"
#include "base/mem.h"

enum { SLOTS = 8, KEY_MAX = 2048, GATHERED_PART = 16, CACHE_LINE = 64 };

struct memo {
    struct fi_graph_memo base; /* first */
    struct fi_epoch_node node;
    atomic_bool is_found; /* relaxed: it only says what is worth keeping */
    struct fi_graph_memos *memos;
    _Atomic(struct fi_graph_gathered *)
        gathered; /* release, acquire: what it leads to is whole. NULL: nothing */
    size_t key_size;
    uint64_t data[]; /* the bits, then the key */
};

struct fi_graph_memos {
    struct fi_epoch epoch;
    _Atomic(struct memo *) slots[SLOTS];
    atomic_uint hand;
    _Atomic uint64_t gathered_nodes;
};

uint64_t
fi_graph_memo_bytes(uint64_t rows, size_t stride)
{
    return sizeof(struct fi_graph_memos) +
           SLOTS * (rows / 8 + 8 + sizeof(struct memo) + KEY_MAX + CACHE_LINE +
                    sizeof(struct fi_graph_gathered)) +
           rows / GATHERED_PART * (stride + sizeof(uint32_t));
}

struct fi_graph_memos *
fi_graph_memo_create(void)
{
    struct fi_graph_memos *memos = fi_alloc_zeroed(sizeof *memos);
    if (memos != NULL) {
        fi_epoch_init(&memos->epoch);
    }
    return memos;
}

static void
free_gathered(struct fi_graph_memos *memos, struct fi_graph_gathered *gathered)
{
    if (gathered != NULL) {
        const size_t room = gathered->room;
        fi_free(gathered);
        (void)atomic_fetch_sub_explicit(&memos->gathered_nodes, room, memory_order_relaxed);
    }
}

static void
free_memo(struct memo *memo)
{
    if (memo != NULL) {
        free_gathered(memo->memos, atomic_load(&memo->gathered));
        fi_free(memo);
    }
}

void
fi_graph_memo_destroy(struct fi_graph_memos *memos)
{
    if (memos != NULL) {
        for (size_t i = 0; i < SLOTS; i++) {
            free_memo(atomic_load(&memos->slots[i]));
        }
        fi_epoch_deinit(&memos->epoch);
        fi_free(memos);
    }
}

static void
graph_memo_release(struct fi_epoch_node *node)
{
    free_memo((struct memo *)(void *)((char *)node - offsetof(struct memo, node)));
}

size_t
fi_graph_memo_enter(const struct fi_graph *graph)
{
    return graph->memos == NULL ? 0 : fi_epoch_enter(&graph->memos->epoch);
}

void
fi_graph_memo_leave(const struct fi_graph *graph, size_t slot)
{
    if (graph->memos != NULL) {
        fi_epoch_leave(&graph->memos->epoch, slot);
    }
}

static size_t
words_of(const struct fi_graph *graph)
{
    return (size_t)(graph->rows / 64 + 1);
}

const struct fi_graph_memo *
fi_graph_memo_find(const struct fi_graph *graph, firn_slice key)
{
    for (size_t i = 0; graph->memos != NULL && i < SLOTS; i++) {
        struct memo *memo = atomic_load(&graph->memos->slots[i]); /* pairs with keep */
        if (memo != NULL && memo->key_size == key.size &&
            memcmp(memo->data + words_of(graph), key.data, key.size) == 0) {
            atomic_store_explicit(&memo->is_found, true, memory_order_relaxed);
            return &memo->base;
        }
    }
    return NULL;
}

void
fi_graph_memo_keep(const struct fi_graph *graph, firn_slice key, const uint64_t *bits,
                   uint64_t count)
{
    struct fi_graph_memos *memos = graph->memos;
    const size_t words = words_of(graph);
    DCHECK(count <= graph->rows);
    if (memos == NULL || key.size > KEY_MAX) {
        return;
    }
    struct memo *memo = fi_alloc(sizeof *memo + words * sizeof *bits + key.size);
    if (memo == NULL) {
        return;
    }
    memo->base = (struct fi_graph_memo){.bits = memo->data, .count = count};
    atomic_init(&memo->is_found, false);
    atomic_init(&memo->gathered, NULL);
    memo->memos = memos;
    memo->key_size = key.size;
    memcpy(memo->data, bits, words * sizeof *bits);
    memcpy(memo->data + words, key.data, key.size);
    const size_t slot = fi_epoch_enter(&memos->epoch);
    for (size_t passed = 0;; passed++) {
        _Atomic(struct memo *) *place =
            &memos->slots[atomic_fetch_add_explicit(&memos->hand, 1, memory_order_relaxed) % SLOTS];
        struct memo *old = atomic_load(place);
        if (old == NULL || passed >= SLOTS ||
            !atomic_exchange_explicit(&old->is_found, false, memory_order_relaxed)) {
            old = atomic_exchange(place, memo); /* pairs with find, (I1) */
            if (old != NULL) {
                fi_epoch_retire(&memos->epoch, &old->node, graph_memo_release);
            }
            break;
        }
    }
    fi_epoch_leave(&memos->epoch, slot);
    fi_epoch_reclaim(&memos->epoch);
}

/* ---- codes side by side ---- */

static struct memo *
memo_of(const struct fi_graph_memo *base)
{
    return (struct memo *)(uintptr_t)base;
}

const struct fi_graph_gathered *
fi_graph_memo_gathered(const struct fi_graph_memo *memo)
{
    return atomic_load_explicit(&memo_of(memo)->gathered, memory_order_acquire);
}

struct fi_graph_gathered *
fi_graph_memo_gather(const struct fi_graph *graph, const struct fi_graph_memo *memo)
{
    struct fi_graph_memos *memos = memo_of(memo)->memos;
    const size_t room = (size_t)memo->count;
    DCHECK(memos == graph->memos);
    const uint64_t before =
        atomic_fetch_add_explicit(&memos->gathered_nodes, room, memory_order_relaxed);
    struct fi_graph_gathered *gathered = NULL;
    if (before + room <= graph->rows / GATHERED_PART) {
        gathered = fi_alloc(sizeof *gathered + room * (sizeof(uint32_t) + graph->codes.stride) +
                            CACHE_LINE);
    }
    if (gathered == NULL) {
        (void)atomic_fetch_sub_explicit(&memos->gathered_nodes, room, memory_order_relaxed);
        return NULL;
    }
    uint8_t *codes = (uint8_t *)((uint32_t *)(void *)(gathered + 1) + room);
    codes += -(uintptr_t)codes % CACHE_LINE;
    *gathered = (struct fi_graph_gathered){
        .room = room, .nodes = (uint32_t *)(void *)(gathered + 1), .codes = codes};
    return gathered;
}

void
fi_graph_memo_gather_end(const struct fi_graph *graph, const struct fi_graph_memo *memo,
                         struct fi_graph_gathered *gathered, bool is_whole)
{
    struct fi_graph_gathered *none = NULL;
    DCHECK(memo_of(memo)->memos == graph->memos && gathered->count <= gathered->room);
    if (!is_whole ||
        !atomic_compare_exchange_strong_explicit(&memo_of(memo)->gathered, &none, gathered,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        free_gathered(graph->memos, gathered);
    }
}
