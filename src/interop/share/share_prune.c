/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_prune.c: removing from a remote what no checkpoint there needs.
 *
 * Everything is decided by the newest state and what the remote itself has, so any machine may
 * prune at any time; fi_remote_prune orders it with all others. If another machine publishes first,
 * all is decided again, but only what is new is read. Each prune that takes a pack away makes the
 * entry "prune" one higher: then notes of other machines that a directory is complete there count
 * no more (share_note.c).
 *
 * (I5) What is damaged, or cannot be read, ends the prune before anything is removed. Not
 *      checked: the order in plan_prune.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "share/share_internal.h"

enum { TRIES_MAX = 8 };

static const int64_t DAY_NS = INT64_C(24) * 3600 * 1000000000;

/* A checkpoint of the state. */
struct candidate {
    const struct fi_remote_item *entry;
    uint8_t line[FI_SHARE_LINE_SIZE];
    struct fi_catalog_record record;
    bool is_kept;
};

struct pruning {
    struct fi_share *share;
    const firn_prune_options *options;
    firn_prune_result *result;
    struct fi_share_stage stage;
    struct fi_catalog_policy policy;
    struct candidate **order; /* by lines, newest first */
    struct candidate *candidates;
    size_t count;
    size_t capacity;
    struct fi_share_mark mark;
};

/* ==== which checkpoints stay ==== */

static int
collect_candidates(struct pruning *pruning, firn_error *err)
{
    const struct fi_remote_table *entries = &pruning->share->remote.state.entries;
    pruning->count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        struct candidate candidate = {.entry = &entries->items[i], .is_kept = true};
        struct fi_share_checkpoint checkpoint;
        firn_slice rest;
        if (!fi_share_entry_is(candidate.entry->key, FI_SHARE_ENTRY_CHECKPOINT, &rest)) {
            continue;
        }
        FI_TRY_RETURN(fi_share_entry_decode_checkpoint(candidate.entry->value, &checkpoint, err));
        FI_TRY_RETURN(fi_catalog_record_decode(checkpoint.record, &candidate.record, err));
        memcpy(candidate.line, checkpoint.line, sizeof candidate.line);
        FI_TRY_RETURN(
            FI_VEC_RESERVE(pruning->candidates, pruning->count + 1, pruning->capacity, err));
        pruning->candidates[pruning->count++] = candidate;
    }
    return FIRN_OK;
}

static int
compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = *(struct candidate *const *)a;
    const struct candidate *right = *(struct candidate *const *)b;
    int order = memcmp(left->line, right->line, sizeof left->line);
    return order != 0 ? order
                      : (left->record.order < right->record.order) -
                            (left->record.order > right->record.order);
}

static bool
has_tag(const struct pruning *pruning, const struct candidate *candidate)
{
    const struct fi_remote_table *entries = &pruning->share->remote.state.entries;
    for (size_t i = 0; i < entries->count; i++) {
        firn_slice rest;
        firn_slice value = entries->items[i].value;
        if (fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_TAG, &rest) &&
            value.size > FI_CATALOG_RECORD_ID_SIZE &&
            memcmp(value.data + 1, candidate->record.id, FI_CATALOG_RECORD_ID_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_young(const struct pruning *pruning, const struct candidate *candidate)
{
    int64_t now = fi_os_now_ns(pruning->share->ws->os);
    int64_t created = candidate->record.created_ns;
    return created > now || (uint64_t)now - (uint64_t)created < (uint64_t)DAY_NS;
}

static int
choose_kept(struct pruning *pruning, firn_error *err)
{
    struct fi_catalog_policy_walk walk;
    fi_free(pruning->order);
    pruning->order = fi_alloc_array(pruning->count + 1, sizeof(void *));
    if (pruning->order == NULL) {
        return fi_error_no_memory(err, "the checkpoints of a remote");
    }
    for (size_t i = 0; i < pruning->count; i++) {
        pruning->order[i] = &pruning->candidates[i];
    }
    if (pruning->options->keep == NULL) {
        return FIRN_OK;
    }
    fi_sort(pruning->order, pruning->count, sizeof(void *), compare_candidates);
    for (size_t i = 0; i < pruning->count; i++) {
        struct candidate *candidate = pruning->order[i];
        if (i == 0 ||
            memcmp(candidate->line, pruning->order[i - 1]->line, sizeof candidate->line) != 0) {
            fi_catalog_policy_begin(&walk, &pruning->policy);
        }
        bool is_kept = fi_catalog_policy_next(&walk, candidate->record.created_ns);
        candidate->is_kept = is_kept || is_young(pruning, candidate) || has_tag(pruning, candidate);
    }
    return FIRN_OK;
}

/* ==== which packs stay ==== */

static int
mark_needed(struct pruning *pruning, firn_error *err)
{
    struct fi_share_mark_root *roots =
        fi_alloc_array(3 * pruning->count + 1, sizeof(struct fi_share_mark_root));
    size_t count = 0;
    if (roots == NULL) {
        return fi_error_no_memory(err, "the checkpoints of a remote");
    }
    for (size_t i = 0; i < pruning->count; i++) {
        const struct candidate *candidate = &pruning->candidates[i];
        if (candidate->is_kept) {
            roots[count++] = (struct fi_share_mark_root){candidate->record.root.hash, true};
            if (candidate->record.has_repositories) {
                roots[count++] = (struct fi_share_mark_root){candidate->record.repositories, true};
            }
            if (candidate->record.has_rules) {
                roots[count++] = (struct fi_share_mark_root){candidate->record.rules, false};
            }
        }
    }
    int rc = fi_share_mark_walk(&pruning->mark, pruning->stage.dir, roots, count, err);
    fi_free(roots);
    return rc;
}

/* ==== the plan ==== */

static int
remove_checkpoints(struct pruning *pruning, struct fi_remote_change *change, firn_error *err)
{
    firn_prune_result *result = pruning->result;
    for (size_t i = 0; i < pruning->count; i++) {
        const struct candidate *candidate = &pruning->candidates[i];
        result->checkpoints += candidate->is_kept ? 1 : 0;
        result->removed_checkpoints += candidate->is_kept ? 0 : 1;
        if (!candidate->is_kept) {
            FI_TRY_RETURN(fi_remote_table_put(&change->removed, candidate->entry->key,
                                              firn_bytes(NULL, 0), 0, err));
        }
    }
    return FIRN_OK;
}

/* *out_any: a pack goes. */
static int
remove_packs(struct pruning *pruning, struct fi_remote_change *change, bool *out_any,
             firn_error *err)
{
    firn_prune_result *result = pruning->result;
    const struct fi_hash_map *packs = &pruning->share->packs;
    *out_any = false;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        if (pack->is_joined) {
            continue;
        }
        if (fi_hash_map_find(&pruning->mark.needed, pack->number, &pack->number) != NULL) {
            result->packs++;
            result->bytes += pack->size_bytes;
            continue;
        }
        *out_any = true;
        result->removed_packs++;
        result->removed_bytes += pack->size_bytes;
        FI_TRY_RETURN(fi_share_pack_remove(pack, change, err));
    }
    return FIRN_OK;
}

static int
plan_prune(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    struct pruning *pruning = ctx;
    struct fi_share *share = pruning->share;
    uint8_t epoch[8];
    bool any;
    (void)remote;
    *pruning->result = (firn_prune_result)FIRN_PRUNE_RESULT_INIT;
    FI_TRY_RETURN(fi_share_look(share, err));
    FI_TRY_RETURN(collect_candidates(pruning, err));
    FI_TRY_RETURN(choose_kept(pruning, err));
    FI_TRY_RETURN(mark_needed(pruning, err)); /* (I5) */
    FI_TRY_RETURN(remove_checkpoints(pruning, change, err));
    FI_TRY_RETURN(remove_packs(pruning, change, &any, err));
    if (!any) {
        return FIRN_OK;
    }
    fi_store_le64(epoch, share->epoch + 1);
    return fi_remote_table_put(&change->set, firn_str(FI_SHARE_ENTRY_PRUNE),
                               firn_bytes(epoch, sizeof epoch), 0, err);
}

/* ==== all ==== */

static int
dry_run(struct pruning *pruning, firn_error *err)
{
    struct fi_remote_change change = {0};
    FI_TRY_RETURN(fi_remote_sync(&pruning->share->remote, err));
    int rc = plan_prune(pruning, &pruning->share->remote, &change, err);
    fi_remote_state_change_clear(&change);
    return rc;
}

/* Again, if another prune has taken a pack meanwhile that this one was about to read. */
static int
prune_any(struct pruning *pruning, const struct fi_remote_prune_options *options, firn_error *err)
{
    struct fi_remote *remote = &pruning->share->remote;
    int rc = FIRN_NOT_FOUND;
    bool has_changed = true;
    for (int tries = 0; rc == FIRN_NOT_FOUND && has_changed && tries < TRIES_MAX; tries++) {
        rc = pruning->options->dry_run ? dry_run(pruning, err)
                                       : fi_remote_prune(remote, options, plan_prune, pruning, err);
        if (rc == FIRN_NOT_FOUND) {
            const uint64_t number = remote->state.number;
            has_changed = fi_remote_sync(remote, NULL) == FIRN_OK && remote->state.number > number;
        }
    }
    return rc;
}

static int
prune_opened(struct pruning *pruning, firn_error *err)
{
    struct fi_share *share = pruning->share;
    const struct fi_share_facts nothing = {.line = NULL};
    struct fi_remote_prune_options options = FI_REMOTE_PRUNE_OPTIONS_INIT;
    if (pruning->options->keep != NULL) {
        FI_TRY_RETURN(
            fi_catalog_policy_read(firn_str(pruning->options->keep), &pruning->policy, err));
    }
    FI_TRY_RETURN(fi_share_stage_open(share, &pruning->stage, err));
    if (pruning->options->now) {
        options.orphan_age_s = 0;
    }
    FI_TRY_RETURN(prune_any(pruning, &options, err));
    if (share->is_changed && !pruning->options->dry_run) {
        FI_IGNORE(fi_share_note_commit(share, &nothing, NULL)); /* it is derived */
    }
    return FIRN_OK;
}

int
fi_share_prune(struct firn_ws *ws, const char *name, const firn_prune_options *options,
               firn_prune_result *out, firn_error *err)
{
    struct fi_share share;
    struct pruning pruning = {.share = &share, .options = options, .result = out};
    *out = (firn_prune_result)FIRN_PRUNE_RESULT_INIT;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_READ, 0, &options->callbacks, &share, err));
    fi_share_mark_init(&pruning.mark, &share);
    int rc = prune_opened(&pruning, err);
    out->requests = share.bucket->request_count;
    fi_share_mark_deinit(&pruning.mark);
    fi_share_stage_close(&pruning.stage);
    fi_free(pruning.candidates);
    fi_free(pruning.order);
    return fi_share_close(&share, rc, err);
}
