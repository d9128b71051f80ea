/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_superversion.c: the superversion (*state*) that a tree publishes to its readers.
 *
 * A tree has one pointer to its state. Freezing, flushing and compacting put a new state in its
 * place; the old one lives as long as a reader uses it.
 *
 * (I1) A get enters the epoch, loads the pointer once, and uses the state until it leaves. A cursor
 *      takes a reference inside the epoch and keeps the state after leaving. (Not checked: the
 *      epoch does not know its threads.)
 * (I2) The tree's own reference to a replaced state is released through the epoch, so a reader that
 *      has just loaded the pointer can still take a reference (base/epoch.h).
 * (I3) Once published, everything but counts and the active memtable is immutable.
 *
 * A state holds one reference to its version and to each of its memtables, so a memtable is freed
 * when it has been flushed and the last cursor that uses it is closed. The memory of all existing
 * memtables is summed: the store's budget is for memory, not for the newest state.
 */
#include "lsm/lsm_internal.h"

#include "base/check.h"
#include "base/mem.h"

static size_t
small_part(size_t bytes)
{
    return bytes < FI_LSM_SMALL_BYTES ? bytes : FI_LSM_SMALL_BYTES;
}

int
fi_lsm_superversion_create_memtable(struct fi_lsm_totals *totals, struct fi_tree_memtable **out,
                                    firn_error *err)
{
    struct fi_tree_memtable *memtable = fi_alloc_zeroed(sizeof *memtable);
    *out = NULL;
    if (memtable == NULL) {
        return fi_error_no_memory(err, "a memtable");
    }
    int rc = fi_memtable_create(&memtable->table, err);
    if (rc != FIRN_OK) {
        fi_free(memtable);
        return rc;
    }
    atomic_init(&memtable->refs, 1);
    atomic_init(&memtable->log_segment, 0);
    atomic_init(&memtable->sequence_max, 0);
    atomic_init(&memtable->logged_bytes, 0);
    atomic_init(&memtable->counted_bytes, 0);
    memtable->totals = totals;
    fi_lsm_superversion_count_memtable(memtable);
    *out = memtable;
    return FIRN_OK;
}

void
fi_lsm_superversion_count_memtable(struct fi_tree_memtable *memtable)
{
    /* Relaxed: these are counts, which publish nothing. Memtables never shrink. */
    size_t bytes = fi_memtable_size_bytes(memtable->table);
    size_t counted = atomic_load_explicit(&memtable->counted_bytes, memory_order_relaxed);
    DCHECK(bytes >= counted);
    if (bytes != counted) {
        atomic_store_explicit(&memtable->counted_bytes, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&memtable->totals->bytes, bytes - counted, memory_order_relaxed);
        if (counted < FI_LSM_SMALL_BYTES) {
            atomic_fetch_add_explicit(&memtable->totals->small_bytes, small_part(bytes) - counted,
                                      memory_order_relaxed);
        }
    }
}

void
fi_lsm_superversion_ref_memtable(struct fi_tree_memtable *memtable)
{
    size_t before = atomic_fetch_add_explicit(&memtable->refs, 1, memory_order_relaxed);
    DCHECK(before > 0);
}

void
fi_lsm_superversion_unref_memtable(struct fi_tree_memtable *memtable)
{
    if (memtable == NULL) {
        return;
    }
    size_t before = atomic_fetch_sub_explicit(&memtable->refs, 1, memory_order_acq_rel);
    DCHECK(before > 0);
    if (before != 1) {
        return;
    }
    size_t counted = atomic_load_explicit(&memtable->counted_bytes, memory_order_relaxed);
    size_t total =
        atomic_fetch_sub_explicit(&memtable->totals->bytes, counted, memory_order_relaxed);
    atomic_fetch_sub_explicit(&memtable->totals->small_bytes, small_part(counted),
                              memory_order_relaxed);
    DCHECK(total >= counted);
    fi_memtable_destroy(memtable->table);
    fi_free(memtable);
}

struct fi_lsm_superversion *
fi_lsm_superversion_create(size_t memtable_capacity)
{
    struct fi_lsm_superversion *state =
        fi_alloc_zeroed(sizeof *state + memtable_capacity * sizeof(struct fi_tree_memtable *));
    if (state != NULL) {
        atomic_init(&state->refs, 1);
        state->memtable_capacity = memtable_capacity;
    }
    return state;
}

void
fi_lsm_superversion_add_memtable(struct fi_lsm_superversion *state,
                                 struct fi_tree_memtable *memtable)
{
    DCHECK(atomic_load_explicit(&state->refs, memory_order_relaxed) == 1); /* (I3) */
    CHECK(state->memtable_count < state->memtable_capacity);
    fi_lsm_superversion_ref_memtable(memtable);
    state->memtables[state->memtable_count++] = memtable;
}

void
fi_lsm_superversion_set_version(struct fi_lsm_superversion *state, struct fi_version *version)
{
    DCHECK(atomic_load_explicit(&state->refs, memory_order_relaxed) == 1); /* (I3) */
    CHECK(state->version == NULL);
    fi_version_ref(version);
    state->version = version;
}

/* (I1) of lsm.c: what is in a newer memtable is newer. The first one is not frozen, and may be
 * empty. */
static bool
is_behind(const struct fi_tree_memtable *newer, const struct fi_tree_memtable *older, bool is_first)
{
    uint64_t newest = atomic_load_explicit(&newer->sequence_max, memory_order_relaxed);
    uint64_t oldest = atomic_load_explicit(&older->sequence_max, memory_order_relaxed);
    return older->freeze_number > 0 &&
           (is_first ? newest == 0 || newest > oldest : newest > oldest) &&
           (is_first || newer->freeze_number > older->freeze_number);
}

bool
fi_lsm_superversion_is_sound(const struct fi_lsm_superversion *state)
{
    for (size_t i = 1; i < state->memtable_count; i++) {
        if (!is_behind(state->memtables[i - 1], state->memtables[i], i == 1)) {
            return false;
        }
    }
    return state->version != NULL;
}

void
fi_lsm_superversion_ref(struct fi_lsm_superversion *state)
{
    size_t before = atomic_fetch_add_explicit(&state->refs, 1, memory_order_relaxed);
    DCHECK(before > 0); /* (I2) */
}

void
fi_lsm_superversion_unref(struct fi_lsm_superversion *state)
{
    if (state == NULL) {
        return;
    }
    /* Release this thread's accesses, and acquire those of others before the state is freed. */
    size_t before = atomic_fetch_sub_explicit(&state->refs, 1, memory_order_acq_rel);
    DCHECK(before > 0);
    if (before != 1) {
        return;
    }
    for (size_t i = 0; i < state->memtable_count; i++) {
        fi_lsm_superversion_unref_memtable(state->memtables[i]);
    }
    fi_version_unref(state->version);
    fi_free(state);
}

static void
release_state(struct fi_epoch_node *node)
{
    char *state = (char *)node - offsetof(struct fi_lsm_superversion, node);
    fi_lsm_superversion_unref((struct fi_lsm_superversion *)(void *)state);
}

void
fi_lsm_superversion_retire(struct fi_epoch *epoch, struct fi_lsm_superversion *state)
{
    DCHECK(atomic_load_explicit(&state->refs, memory_order_relaxed) > 0); /* (I2) */
    fi_epoch_retire(epoch, &state->node, release_state);
}

/* Inline: reads have to be fast. */
static inline struct fi_lsm_superversion *
take(struct fi_lsm_tree *tree, bool is_read)
{
    struct fi_epoch *epoch = &tree->lsm->epoch;
    size_t slot = fi_epoch_enter(epoch);
    /* Pairs with the store in publish_tree_locked (lsm_install.c) and in fi_lsm_tree_freeze. */
    struct fi_lsm_superversion *state = atomic_load_explicit(&tree->state, memory_order_seq_cst);
    fi_lsm_superversion_ref(state);
    bool is_due =
        is_read && fi_lsm_superversion_note_read(tree, state, fi_epoch_visits(epoch, slot));
    fi_epoch_leave(epoch, slot);
    if (is_due) {
        fi_lsm_superversion_want_compaction(tree->lsm);
    }
    return state;
}

struct fi_lsm_superversion *
fi_lsm_superversion_of(struct fi_lsm_tree *tree)
{
    return take(tree, false);
}

struct fi_lsm_superversion *
fi_lsm_superversion_to_read(struct fi_lsm_tree *tree)
{
    return take(tree, true);
}

/* ---- reads ---- */

bool
fi_lsm_superversion_note_sample(const struct fi_lsm_tree *tree,
                                const struct fi_lsm_superversion *state)
{
    /* Column runs cost more to write, graphs included, and scans need no merge to be fast. */
    return tree->kind->get_columns == NULL && !tree->lsm->options.is_read_only &&
           tree->lsm->options.host.wants_compaction != NULL && state->memtable_count == 1 &&
           fi_version_reads_note(
               state->version,
               atomic_load_explicit(&state->memtables[0]->sequence_max, memory_order_relaxed));
}

void
fi_lsm_superversion_want_compaction(const struct fi_lsm *lsm)
{
    lsm->options.host.wants_compaction(lsm->options.host.ctx);
}
