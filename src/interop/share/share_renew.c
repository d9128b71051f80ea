/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_renew.c: writing anew what older master keys open in a remote, after a rotation.
 *
 *   1. look at the header of each pack: with which key is it encrypted? Nothing is remembered
 *   2. fetch some that are older, write them anew, put them: each under a new name and identity. A
 *      value says whose place a pack took, as where small packs were joined (share_fold.c)
 *   3. publish a state that names the new ones and kills the old ones; remove these. Again from 1
 *   4. remove the states that older keys open (remote_renew.c)
 *   5. drop the older keys (share_rekey.c), if looking at everything once more finds nothing
 *
 * Packs that are put are noted, so after a kill between 2 and 3 they are there for the next run:
 * an old pack whose place a pack with the newest key took is only killed. If another machine
 * publishes first, 3 is decided again by its state.
 *
 * Files of the bucket that no state names, and that older keys open, are doomed at once, however
 * young: their pusher makes others when it learns of the rotation ((I3) of share_keys.c). The next
 * round kills them.
 *
 * (I9)  A pack is killed only if the same state names one that has the newest key and took its
 *       place. Not asserted: unit/share compares what is there before and after.
 * (I10) Older keys are dropped only when the newest state and all states have the newest key, and
 *       no pack that the newest state names has another. From then on no state can name a pack
 *       with an older key: its author has read one that has the newest key, so he knows that, and
 *       names no such pack (I3 of share_keys.c). Not asserted: unit/share counts what is left.
 *
 * Disk: a pack as it was and as it is. Memory: as joining packs, and some 100 bytes for each pack.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "bucket/bucket_fetch.h"
#include "os/os_seal.h"
#include "share/share_internal.h"

#define JOINED "newer.pack"
enum {
    NAME_SIZE = 32,
    SLICE_BYTES = 256 << 20,
    TRIES_MAX = 8,       /* to fetch packs that others remove meanwhile */
    IDLE_ROUNDS_MAX = 4, /* that write nothing: what one dooms, the next one kills */
    UNNAMED_MAX = 4096   /* names in memory at a time */
};

/* A pack whose header was looked at; its identity is never used again. */
struct looked {
    uint64_t number; /* first: the key */
    bool is_current;
};

/* A pack with an older key, whose place another one took. */
struct replaced {
    uint64_t number; /* first: the key */
    uint64_t by;
    uint64_t object_count; /* of that one */
};

struct renewing {
    struct fi_share *share;
    const firn_remote_rekey_options *options;
    firn_remote_rekey_result *result;
    struct fi_share_stage stage;
    struct fi_bucket_fetch *fetch;
    uint32_t newest; /* number of the master key by which packs were looked at */
    struct fi_hash_map looked;
    struct fi_hash_map replaced;
    struct fi_remote_table unnamed; /* files that no state names as needed: a slice of the list */
    struct fi_remote_table strays;  /* those of all slices that have older keys */
    bool has_more_strays;           /* than one state dooms */
    uint64_t listed;                /* while they are listed */
    uint64_t outdated;              /* packs of the present state with older keys */
    uint64_t outdated_bytes;
    uint64_t written; /* since the last state */
    uint64_t fetched;
    uint64_t total; /* to be fetched, as far as it is known */
    struct fi_buf bytes;
};

/* ==== with which key ==== */

static int
look_at_header(struct renewing *renewing, const struct fi_share_pack *pack, bool *out,
               firn_error *err)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    firn_slice begin = pack->bytes;
    fi_share_entry_pack_name(pack, name);
    if (!pack->is_inline) {
        FI_TRY_RETURN(fi_bucket_get(renewing->share->bucket, name, 0, FI_BLOCK_SEAL_HEADER_SIZE,
                                    &renewing->bytes, err));
        begin = fi_buf_slice(&renewing->bytes);
    }
    return fi_block_seal_header_is_current(fi_os_dir_seal(renewing->stage.dir), begin, name, out,
                                           err);
}

static int
note_looked(struct renewing *renewing, uint64_t number, bool is_current, firn_error *err)
{
    const struct looked looked = {.number = number, .is_current = is_current};
    return fi_hash_map_insert(&renewing->looked, number, &looked) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the packs of a remote");
}

static int
is_current(struct renewing *renewing, const struct fi_share_pack *pack, bool *out, firn_error *err)
{
    const struct looked *looked = fi_hash_map_find(&renewing->looked, pack->number, &pack->number);
    if (looked != NULL) {
        *out = looked->is_current;
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_share_progress(renewing->share, "look", 0, 0, err));
    int rc = look_at_header(renewing, pack, out, err);
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "a pack of the remote, %.*s", (int)pack->name.size,
                        (const char *)pack->name.data);
        return rc;
    }
    return note_looked(renewing, pack->number, *out, err);
}

/* If keys were rotated again, what was current is not any more. */
static int
compare_newest(struct renewing *renewing, firn_error *err)
{
    const uint8_t *key;
    uint32_t newest;
    FI_TRY_RETURN(fi_keys_master(renewing->share->keys.keys, 0, &key, &newest, err));
    if (newest != renewing->newest) {
        renewing->newest = newest;
        fi_hash_map_clear(&renewing->looked);
    }
    return FIRN_OK;
}

static bool
is_upload(const struct renewing *renewing, const struct fi_share_pack *pack)
{
    return !pack->is_inline &&
           fi_remote_table_find(&renewing->share->remote.uploads, pack->name) != NULL;
}

static int
note_replaced(struct renewing *renewing, const struct fi_share_pack *pack, firn_error *err)
{
    for (size_t at = 0; at < pack->joined.size; at += sizeof(uint64_t)) {
        const struct replaced replaced = {fi_load_le64(pack->joined.data + at), pack->number,
                                          pack->object_count};
        struct replaced *known =
            fi_hash_map_find(&renewing->replaced, replaced.number, &replaced.number);
        if (known != NULL) { /* the larger one: the other may be no replacement */
            *known = replaced.object_count > known->object_count ? replaced : *known;
        } else if (fi_hash_map_insert(&renewing->replaced, replaced.number, &replaced) == NULL) {
            return fi_error_no_memory(err, "the packs of a remote");
        }
    }
    return FIRN_OK;
}

/* The pack with the newest key that took the place of this one; NULL: there is none. */
static const struct fi_share_pack *
find_replacement(const struct renewing *renewing, const struct fi_share_pack *pack)
{
    const struct fi_hash_map *packs = &renewing->share->packs;
    const struct replaced *replaced =
        fi_hash_map_find(&renewing->replaced, pack->number, &pack->number);
    if (replaced == NULL) {
        return NULL;
    }
    const struct fi_share_pack *by = fi_hash_map_find(packs, replaced->by, &replaced->by);
    return by != NULL && by->object_count >= pack->object_count ? by : NULL;
}

/* Looks at all packs of the present state. Those that come first are named by it, so they replace
 * others rather than uploads do. An upload with an older key is not named any more. */
static int
look_at_packs(struct renewing *renewing, firn_error *err)
{
    struct fi_share *share = renewing->share;
    bool is_whole;
    do {
        is_whole = true;
        FI_TRY_RETURN(compare_newest(renewing, err));
        FI_TRY_RETURN(fi_share_look(share, err));
        fi_hash_map_clear(&renewing->replaced);
        renewing->outdated = 0;
        renewing->outdated_bytes = 0;
        if (share->packs_rc != FIRN_OK) {
            fi_error_copy(err, &share->packs_why);
            return share->packs_rc;
        }
        for (size_t i = 0; i < share->packs.count && is_whole; i++) {
            const struct fi_share_pack *pack = fi_hash_map_at(&share->packs, i);
            bool current = true;
            FI_TRY_RETURN(pack->is_joined ? FIRN_OK : is_current(renewing, pack, &current, err));
            if (current) {
                FI_TRY_RETURN(pack->is_joined ? FIRN_OK : note_replaced(renewing, pack, err));
            } else if (is_upload(renewing, pack)) {
                fi_remote_table_remove(&share->remote.uploads, pack->name);
                is_whole = false;
            } else {
                renewing->outdated++;
                renewing->outdated_bytes += pack->size_bytes;
            }
        }
    } while (!is_whole);
    return FIRN_OK;
}

/* ==== writing one anew ==== */

/* Packs that become one: a file, or all small ones of the state that are older. */
struct set {
    const struct fi_share_pack **packs;
    char (*names)[NAME_SIZE]; /* in the stage */
    const char **pointers;
    uint64_t *joined;
    uint64_t *bases;
    size_t count;
    size_t joined_count;
    size_t base_count;
    size_t joined_capacity;
    size_t base_capacity;
};

static void
set_deinit(struct set *set)
{
    fi_free(set->packs);
    fi_free(set->names);
    fi_free(set->pointers);
    fi_free(set->joined);
    fi_free(set->bases);
}

static int
append_numbers(uint64_t **numbers, size_t *count, size_t *capacity, firn_slice more,
               firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(*numbers, *count + more.size / 8, *capacity, err));
    for (size_t at = 0; at < more.size; at += 8) {
        (*numbers)[(*count)++] = fi_load_le64(more.data + at);
    }
    return FIRN_OK;
}

static int
set_add(struct set *set, const struct fi_share_pack *pack, firn_error *err)
{
    uint8_t number[8];
    fi_store_le64(number, pack->number);
    (void)snprintf(set->names[set->count], NAME_SIZE, "older-%zu.pack", set->count);
    set->pointers[set->count] = set->names[set->count];
    set->packs[set->count++] = pack;
    FI_TRY_RETURN(append_numbers(&set->joined, &set->joined_count, &set->joined_capacity,
                                 firn_bytes(number, sizeof number), err));
    FI_TRY_RETURN(
        append_numbers(&set->joined, &set->joined_count, &set->joined_capacity, pack->joined, err));
    return append_numbers(&set->bases, &set->base_count, &set->base_capacity, pack->bases, err);
}

/* The next ones that are older and that nothing has taken the place of; perhaps none. */
static int
choose_set(struct renewing *renewing, struct set *set, firn_error *err)
{
    const struct fi_hash_map *packs = &renewing->share->packs;
    set->packs = fi_alloc_array(packs->count + 1, sizeof(void *));
    set->names = fi_alloc_array(packs->count + 1, NAME_SIZE);
    set->pointers = fi_alloc_array(packs->count + 1, sizeof(char *));
    if (set->packs == NULL || set->names == NULL || set->pointers == NULL) {
        return fi_error_no_memory(err, "the packs of a remote");
    }
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        bool current;
        if (pack->is_joined || (set->count > 0 && !pack->is_inline)) {
            continue;
        }
        FI_TRY_RETURN(is_current(renewing, pack, &current, err));
        if (!current && find_replacement(renewing, pack) == NULL) {
            FI_TRY_RETURN(set_add(set, pack, err));
            if (!pack->is_inline) {
                break;
            }
        }
    }
    set->joined_count = fi_sort_unique_u64(set->joined, set->joined_count);
    set->base_count = fi_sort_unique_u64(set->bases, set->base_count);
    return FIRN_OK;
}

static bool
has_number(const uint64_t *numbers, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

static int
fetch_tick(void *ctx, uint64_t bytes, firn_error *err)
{
    struct renewing *renewing = ctx;
    renewing->fetched += bytes;
    return fi_share_progress(renewing->share, "fetch", renewing->fetched, renewing->total, err);
}

static int
stage_pack(struct renewing *renewing, const struct fi_share_pack *pack, const char *file_name,
           firn_error *err)
{
    struct fi_os_file *file = NULL;
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    FI_TRY_RETURN(fi_os_file_open(
        renewing->stage.dir, file_name,
        FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE | FI_OS_SEALED, 0600, &file, err));
    fi_share_entry_pack_name(pack, name);
    int rc = pack->is_inline
                 ? fi_os_file_write(file, 0, pack->bytes.data, pack->bytes.size, err)
                 : fi_bucket_fetch_object(renewing->fetch, name, pack->size_bytes, file, err);
    fi_os_file_close(file);
    rc = rc == FIRN_OK ? fi_share_recode_check(renewing->stage.dir, file_name, pack, err) : rc;
    if (rc == FIRN_DENIED) {
        rc = fi_error_set(err, FIRN_CORRUPT, "it is encrypted with another key than the remote's");
    }
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "a pack of the remote, %s", name);
    }
    return rc;
}

/* Puts what the set was joined to, and notes it at once. */
static int
put_joined(struct renewing *renewing, struct set *set, const struct fi_outgoing_joined *joined,
           firn_error *err)
{
    struct fi_share *share = renewing->share;
    struct fi_share_pack pack = {.number = fi_share_pack_number(joined->id.bytes),
                                 .id = joined->id,
                                 .size_bytes = joined->size_bytes,
                                 .object_count = joined->object_count};
    const struct fi_share_facts nothing = {.line = NULL};
    struct fi_os_file *file = NULL;
    char name[FI_REMOTE_FILE_NAME_SIZE];
    size_t left = 0;
    int rc;
    for (size_t i = 0; i < set->base_count; i++) {
        if (!has_number(set->joined, set->joined_count, set->bases[i])) {
            set->bases[left++] = set->bases[i];
        }
    }
    pack.bases = firn_bytes(set->bases, left * sizeof(uint64_t));
    pack.joined = firn_bytes(set->joined, set->joined_count * sizeof(uint64_t));
    fi_buf_clear(&renewing->bytes);
    FI_TRY(fi_share_entry_encode_pack(&pack, &renewing->bytes) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a pack"));
    FI_TRY(fi_os_file_open(renewing->stage.dir, JOINED, FI_OS_READ, 0, &file, err));
    const struct fi_bucket_body body = {joined->size_bytes, fi_share_stage_read, file};
    FI_TRY(fi_remote_upload(&share->remote, &body, fi_buf_slice(&renewing->bytes), name, err));
    FI_TRY(note_looked(renewing, pack.number, true, err));
    renewing->written += joined->size_bytes;
    renewing->result->bytes += joined->size_bytes;
    renewing->result->packs += set->count;
    FI_TRY(fi_share_progress(share, "send", renewing->result->bytes, renewing->total, err));
    rc = fi_share_note_commit(share, &nothing, err);
    rc = rc == FIRN_BUSY ? FIRN_OK : rc; /* a run that is killed writes the pack again */
out:
    fi_os_file_close(file);
    return rc;
}

static int
rewrite_set(struct renewing *renewing, struct set *set, firn_error *err)
{
    struct fi_os_dir *dir = renewing->stage.dir;
    const struct fi_outgoing_join join = {.dir = dir,
                                          .names = set->pointers,
                                          .count = set->count,
                                          .out_dir = dir,
                                          .out_name = JOINED,
                                          .bytes_max = UINT64_MAX / 2};
    struct fi_outgoing_joined joined;
    int rc = FIRN_OK;
    FI_IGNORE(fi_os_remove_file(dir, JOINED, NULL));
    for (size_t i = 0; i < set->count && rc == FIRN_OK; i++) {
        rc = stage_pack(renewing, set->packs[i], set->names[i], err);
    }
    if (rc == FIRN_OK) {
        rc = fi_outgoing_join(&join, &joined, err);
        if (rc == FIRN_CORRUPT) {
            fi_error_prefix(err, "a pack of the remote, %.*s", (int)set->packs[0]->name.size,
                            (const char *)set->packs[0]->name.data);
        }
    }
    for (size_t i = 0; i < set->count; i++) { /* they need not wait for the upload */
        FI_IGNORE(fi_os_remove_file(dir, set->names[i], NULL));
    }
    rc = rc == FIRN_OK ? put_joined(renewing, set, &joined, err) : rc;
    FI_IGNORE(fi_os_remove_file(dir, JOINED, NULL));
    return rc;
}

static bool
has_enough(const struct renewing *renewing)
{
    const uint64_t most = renewing->options->bytes_max;
    return most > 0 && renewing->result->bytes >= most;
}

/* Those of one state. */
static int
write_slice(struct renewing *renewing, firn_error *err)
{
    bool has_more = true;
    renewing->written = 0;
    while (has_more && renewing->written < SLICE_BYTES && !has_enough(renewing)) {
        struct set set = {.count = 0};
        int rc = look_at_packs(renewing, err);
        renewing->total = renewing->fetched == 0 ? renewing->outdated_bytes : renewing->total;
        rc = rc == FIRN_OK ? choose_set(renewing, &set, err) : rc;
        rc = rc == FIRN_OK && set.count > 0 ? rewrite_set(renewing, &set, err) : rc;
        has_more = set.count > 0;
        set_deinit(&set);
        FI_TRY_RETURN(rc);
    }
    return FIRN_OK;
}

/* ==== files that no state needs ==== */

/* Ends the list where the slice is full: FIRN_LIMIT. */
static int
note_unnamed(void *ctx, const struct fi_bucket_object *object)
{
    struct renewing *renewing = ctx;
    const struct fi_remote *remote = &renewing->share->remote;
    const firn_slice name = firn_str(object->name);
    const struct fi_remote_item *file = fi_remote_table_find(&remote->state.files, name);
    if (++renewing->listed > FI_REMOTE_LISTED_MAX) {
        return FIRN_BUSY; /* told by list_unnamed */
    }
    if (!fi_bucket_is_name(object->name) || (file != NULL && file->status == FI_REMOTE_LIVE) ||
        fi_remote_table_find(&remote->uploads, name) != NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_remote_table_put(&renewing->unnamed, name, firn_bytes(NULL, 0), 0, NULL));
    return renewing->unnamed.count < UNNAMED_MAX ? FIRN_OK : FIRN_LIMIT;
}

/* Whether the newest key opens a file, or it is gone. What is damaged has to go as well. */
static int
look_at_file(struct renewing *renewing, const char *name, bool *out, firn_error *err)
{
    firn_error why;
    *out = true;
    int rc = fi_bucket_get(renewing->share->bucket, name, 0, FI_BLOCK_SEAL_HEADER_SIZE,
                           &renewing->bytes, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_block_seal_header_is_current(fi_os_dir_seal(renewing->stage.dir),
                                         fi_buf_slice(&renewing->bytes), name, out, &why);
    *out = *out && rc != FIRN_CORRUPT;
    return rc == FIRN_NEWER ? fi_error_set(err, rc, "%s", why.text) : FIRN_OK;
}

/* Keeps those of a slice that an older key opens, or none. */
static int
keep_strays(struct renewing *renewing, firn_error *err)
{
    const struct fi_remote_table *unnamed = &renewing->unnamed;
    for (size_t i = 0; i < unnamed->count && !renewing->has_more_strays; i++) {
        char name[FI_BUCKET_NAME_SIZE_MAX + 1];
        bool current;
        fi_remote_file_name(&unnamed->items[i], name);
        FI_TRY_RETURN(look_at_file(renewing, name, &current, err));
        if (!current) {
            renewing->has_more_strays = renewing->strays.count == FI_REMOTE_ITEMS_RESERVE / 2;
            FI_TRY_RETURN(renewing->has_more_strays
                              ? FIRN_OK
                              : fi_remote_table_put(&renewing->strays, firn_str(name),
                                                    firn_bytes(NULL, 0), 0, err));
        }
    }
    return FIRN_OK;
}

/* One slice of a folder, after a name; the last one of the slice replaces it. */
static int
list_unnamed(struct renewing *renewing, const char *folder, char after[FI_BUCKET_NAME_SIZE_MAX + 1],
             bool *out_has_more, firn_error *err)
{
    struct fi_remote_table *unnamed = &renewing->unnamed;
    fi_remote_table_clear(unnamed);
    int rc = fi_bucket_list(renewing->share->bucket, folder, after[0] != '\0' ? after : NULL,
                            note_unnamed, renewing, err);
    *out_has_more = rc == FIRN_LIMIT && unnamed->count == UNNAMED_MAX;
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the files of a remote");
    }
    if (renewing->listed > FI_REMOTE_LISTED_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "the storage lists more than %d objects",
                            FI_REMOTE_LISTED_MAX);
    }
    if (*out_has_more) {
        fi_remote_file_name(&unnamed->items[unnamed->count - 1], after);
        return FIRN_OK;
    }
    return rc;
}

/* If there are more than one state dooms, the next round lists the rest. */
static int
list_strays(struct renewing *renewing, firn_error *err)
{
    static const char *const folders[] = {"packs/", "runs/"};
    fi_remote_table_clear(&renewing->strays);
    renewing->has_more_strays = false;
    renewing->listed = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char after[FI_BUCKET_NAME_SIZE_MAX + 1] = "";
        bool has_more = true;
        while (has_more && !renewing->has_more_strays) {
            FI_TRY_RETURN(list_unnamed(renewing, folders[i], after, &has_more, err));
            FI_TRY_RETURN(keep_strays(renewing, err));
        }
    }
    return FIRN_OK;
}

/* ==== the state ==== */

static int
kill_pack(struct renewing *renewing, const struct fi_share_pack *pack,
          struct fi_remote_change *change, firn_error *err)
{
    const struct fi_remote_table *uploads = &renewing->share->remote.uploads;
    const struct fi_share_pack *by = find_replacement(renewing, pack);
    if (by == NULL) {
        return FIRN_OK; /* its turn comes (I9) */
    }
    const struct fi_remote_item *upload =
        by->is_inline ? NULL : fi_remote_table_find(uploads, by->name);
    if (upload != NULL) {
        FI_TRY_RETURN(
            fi_remote_table_put(&change->added, upload->key, upload->value, FI_REMOTE_LIVE, err));
    }
    return fi_share_pack_remove(pack, change, err);
}

static int
plan_renew(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    struct renewing *renewing = ctx;
    const struct fi_hash_map *packs = &renewing->share->packs;
    FI_TRY_RETURN(look_at_packs(renewing, err));
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        bool current = true;
        FI_TRY_RETURN(pack->is_joined ? FIRN_OK : is_current(renewing, pack, &current, err));
        FI_TRY_RETURN(current ? FIRN_OK : kill_pack(renewing, pack, change, err));
    }
    for (size_t i = 0; i < renewing->strays.count; i++) {
        const firn_slice name = renewing->strays.items[i].key;
        if (fi_remote_table_find(&remote->state.files, name) == NULL) {
            FI_TRY_RETURN(fi_remote_table_put(&change->doomed, name, firn_bytes(NULL, 0),
                                              FI_REMOTE_DOOMED, err));
        }
    }
    return FIRN_OK;
}

/* ==== all packs ==== */

static void
count_left(struct renewing *renewing)
{
    renewing->result->left_packs = renewing->outdated + renewing->strays.count;
    if (renewing->has_more_strays) {
        renewing->result->left_packs++; /* at least */
    }
}

/* One slice. *out_is_done: nothing was left to do. */
static int
renew_round(struct renewing *renewing, bool *out_is_done, firn_error *err)
{
    const struct fi_remote_prune_options options = FI_REMOTE_PRUNE_OPTIONS_INIT;
    const struct fi_share_facts nothing = {.line = NULL};
    struct fi_share *share = renewing->share;
    FI_TRY_RETURN(fi_remote_sync(&share->remote, err));
    FI_TRY_RETURN(fi_remote_upload_check(&share->remote, err));
    FI_TRY_RETURN(write_slice(renewing, err));
    FI_TRY_RETURN(look_at_packs(renewing, err));
    FI_TRY_RETURN(list_strays(renewing, err));
    count_left(renewing);
    *out_is_done = renewing->result->left_packs == 0;
    if (*out_is_done) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_remote_prune(&share->remote, &options, plan_renew, renewing, err));
    FI_IGNORE(fi_share_note_commit(share, &nothing, NULL)); /* it is derived */
    FI_TRY_RETURN(look_at_packs(renewing, err));
    FI_TRY_RETURN(list_strays(renewing, err));
    count_left(renewing);
    return FIRN_OK;
}

/* Again, if another machine has taken a pack away that this one was about to read. */
static int
renew_packs(struct renewing *renewing, firn_error *err)
{
    struct fi_remote *remote = &renewing->share->remote;
    unsigned idle = 0;
    unsigned tries = 0;
    bool is_done = false;
    bool is_lost;
    do {
        const uint64_t number = remote->state.number;
        const uint64_t before = renewing->result->packs;
        int rc = renew_round(renewing, &is_done, err);
        is_lost = rc == FIRN_NOT_FOUND && ++tries < TRIES_MAX &&
                  fi_remote_sync(remote, NULL) == FIRN_OK && remote->state.number > number;
        if (rc == FIRN_NOT_FOUND && !is_lost) {
            fi_error_prefix(err, "firn check --remote --repair may help");
            if (err != NULL) {
                err->code = FIRN_CORRUPT;
            }
            return FIRN_CORRUPT;
        }
        FI_TRY_RETURN(is_lost ? FIRN_OK : rc);
        idle = renewing->result->packs > before || is_lost ? 0 : idle + 1;
    } while (is_lost || (!is_done && idle < IDLE_ROUNDS_MAX && !has_enough(renewing)));
    return FIRN_OK;
}

/* ==== all ==== */

/* The newest keys: by them it is told what is older. */
static int
take_newest_keys(struct fi_share *share, firn_error *err)
{
    firn_error why;
    int rc = fi_share_keys_renew(share, &why);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &why);
        return rc;
    }
    return FIRN_OK;
}

static int
renew_states(struct renewing *renewing, firn_error *err)
{
    firn_remote_rekey_result *result = renewing->result;
    struct fi_share *share = renewing->share;
    struct fi_remote_renewed states;
    if (share->remote.state.number == 0 && fi_keys_master_count(share->keys.keys) == 1) {
        return FIRN_OK; /* nothing was ever there */
    }
    FI_TRY_RETURN(fi_remote_renew_states(&share->remote, &states, err));
    result->states += states.removed;
    result->left_states = states.left;
    result->left_s = states.wait_s;
    return FIRN_OK;
}

/* *out: nothing is left that an older key opens. */
static int
renew_opened(struct renewing *renewing, bool *out, firn_error *err)
{
    struct fi_share *share = renewing->share;
    firn_remote_rekey_result *result = renewing->result;
    *out = false;
    FI_TRY_RETURN(take_newest_keys(share, err));
    FI_TRY_RETURN(fi_share_stage_open(share, &renewing->stage, err));
    FI_TRY_RETURN(fi_bucket_fetch_create(share->ws->os, share->bucket, fetch_tick, renewing,
                                         &renewing->fetch, err));
    FI_TRY_RETURN(renew_packs(renewing, err));
    /* Once more what others have published meanwhile; and all, if keys were rotated again (I10). */
    for (uint32_t newest = 0; newest != renewing->newest && result->left_packs == 0;) {
        newest = renewing->newest;
        FI_TRY_RETURN(renew_states(renewing, err));
        FI_TRY_RETURN(renew_packs(renewing, err));
        *out = newest == renewing->newest && result->left_packs + result->left_states == 0;
    }
    return FIRN_OK;
}

/* Closes the remote, and drops the older keys if that is due. */
static int
finish(struct renewing *renewing, bool is_due, int rc, firn_error *err)
{
    struct fi_share *share = renewing->share;
    struct firn_ws *ws = share->ws;
    struct fi_share_keys used = share->keys;
    char name[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    memcpy(name, share->name.name, sizeof name);
    share->keys = (struct fi_share_keys){.keys = NULL};
    rc = fi_share_close(share, rc, err);
    if (rc == FIRN_OK && is_due && fi_keys_master_count(used.keys) > 1) {
        const struct fi_share_rekey rekey = {
            .ws = ws, .remote = name, .lock_timeout_ms = ws->lock_timeout_ms};
        rc = fi_share_rekey_drop(&rekey, used.keys, err);
    }
    renewing->result->is_done = rc == FIRN_OK && is_due;
    fi_share_keys_deinit(&used);
    return rc;
}

static int
renew(struct firn_ws *ws, const char *name, const firn_remote_rekey_options *options,
      firn_remote_rekey_result *out, firn_error *err)
{
    struct fi_share share;
    struct renewing renewing = {.share = &share, .options = options, .result = out};
    bool is_due = false;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_READ, options->bytes_per_second_max,
                                &options->callbacks, &share, err));
    if (!share.name.is_encrypted) {
        int rc = fi_error_set(err, FIRN_INVALID,
                              "the remote '%s' is not encrypted, and has no keys", share.name.name);
        return fi_share_close(&share, rc, err);
    }
    fi_hash_map_init(&renewing.looked, sizeof(struct looked), fi_hash_map_first,
                     fi_hash_map_same_number);
    fi_hash_map_init(&renewing.replaced, sizeof(struct replaced), fi_hash_map_first,
                     fi_hash_map_same_number);
    int rc = renew_opened(&renewing, &is_due, err);
    out->requests = share.bucket->request_count;
    fi_bucket_fetch_destroy(renewing.fetch);
    fi_share_stage_close(&renewing.stage);
    fi_remote_table_deinit(&renewing.unnamed);
    fi_remote_table_deinit(&renewing.strays);
    fi_hash_map_deinit(&renewing.looked);
    fi_hash_map_deinit(&renewing.replaced);
    fi_buf_deinit(&renewing.bytes);
    return finish(&renewing, is_due, rc, err);
}

/* The name that a URL has here. */
static int
find_name(struct firn_ws *ws, const char *url, struct fi_share_name *out, firn_error *err)
{
    struct fi_ws_opened opened;
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err));
    int rc = fi_share_name_find_url(ws->os, opened.db, url, out, err);
    if (rc == FIRN_OK && out->number == 0) {
        rc = fi_error_set(err, FIRN_NOT_FOUND,
                          "no remote of this store is %s: firn remote add gives it a name", url);
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}

int
fi_share_renew(struct firn_ws *ws, const char *remote, const firn_remote_rekey_options *options,
               firn_remote_rekey_result *out, firn_error *err)
{
    struct fi_share_name name;
    *out = (firn_remote_rekey_result)FIRN_REMOTE_REKEY_RESULT_INIT;
    if (remote == NULL || strchr(remote, '/') == NULL) {
        return renew(ws, remote, options, out, err);
    }
    FI_TRY_RETURN(find_name(ws, remote, &name, err));
    return renew(ws, name.name, options, out, err);
}
