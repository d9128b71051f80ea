/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote.h: a remote as one machine knows it: the newest state, uploads that no state names
 * yet, and the operations that make new states. Machines need neither locks nor right clocks, and
 * may die or sleep at any request.
 *
 * What is safe, and why:
 *
 * (a) Names of files are random and put once (M1): a put without an answer may be carried out at
 *     any later time, so it is not repeated under its name, which a prune may have removed
 *     meanwhile.
 * (b) An object of the bucket matters only if the newest state says so.
 * (c) Whatever changes what is needed is a state; states have one order, since each is made by a
 *     put if absent of the number after the newest. Who loses that race reads the winner's state
 *     and plans again.
 * (d) A pusher that uses a file that was doomed meanwhile adds it again; if it is dead already, it
 *     uploads the contents again, under another name.
 * (e) An upload is believed to be there only while this machine has seen every state since it was
 *     made: such a state cannot have killed it unseen. Otherwise the bucket is asked again, after
 *     the newest state is known.
 * (f) Nothing is removed but what the newest state says is dead, and states that are old.
 * (g) States that are old are removed, so their numbers could be made again by a machine that
 *     slept. If much time has passed since it looked, by any clock that it can read, it makes sure
 *     that the next state names its own as the one before, or that there is none. If it then finds
 *     another state in the place of its own, it reads all states again.
 *
 * One thread at a time; other machines, and processes, at any time.
 */
#ifndef FIRN_REMOTE_REMOTE_H
#define FIRN_REMOTE_REMOTE_H

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "bucket/bucket.h"
#include "os/os.h"
#include "remote/remote_seal.h"
#include "remote/remote_state.h"

enum fi_remote_upload_status {
    FI_REMOTE_UPLOAD_NOTED = 1, /* made once; it may have been removed since (e) */
    FI_REMOTE_UPLOAD_SEEN = 2   /* there, as of the present state */
};

/* A moment by every clock that can be read. The greatest difference counts as the age, so a clock
 * that is wrong, or that stood still while the machine was suspended, cannot hide one. */
struct fi_remote_moment {
    int64_t boot_ns;
    int64_t now_ns;
    int64_t storage_s; /* 0: unknown */
};

struct fi_remote {
    struct fi_bucket *bucket;          /* borrowed */
    struct fi_os *os;                  /* clock and randomness */
    const char *by;                    /* borrowed: the author of states, for people */
    const struct fi_remote_seal *seal; /* borrowed; NULL: the remote is in clear */
    struct fi_remote_state state;
    /* Files that this machine put and no state names; value: as the caller gave it. */
    struct fi_remote_table uploads;
    uint64_t number_seen; /* the highest number of a state that was ever seen here */
    bool has_looked;
    struct fi_remote_moment looked; /* when the last complete look at the states began */
    uint64_t lost_race_count;
    /* Puts of states in a row of which nobody knows whether they were carried out. */
    unsigned unknown_put_count;
    struct fi_buf read;   /* bytes of the state that was read last */
    struct fi_buf made;   /* bytes of the state that was made last */
    struct fi_buf sealed; /* as one of them is in the bucket, if that is encrypted */
    /* NULL, or called with the bytes of each state that becomes the present one, so that the caller
     * can keep them for fi_remote_restore. One that needs none before it, full or the first, makes
     * all that were kept earlier useless. */
    int (*keep)(void *ctx, uint64_t number, firn_slice bytes, firn_error *err);
    void *keep_ctx;
};

/* What a push, or a prune, wants of the present state: fills *change, which is empty. Called again
 * whenever another machine was first. */
typedef int fi_remote_plan(void *ctx, struct fi_remote *remote, struct fi_remote_change *change,
                           firn_error *err);

struct fi_remote_prune_options {
    int64_t orphan_age_s; /* younger uploads that no state names are left to their pushers */
    int64_t state_age_s;  /* states younger than this stay */
};
/* Safety does not depend on them, but for state_age_s: less than FI_REMOTE_STATE_AGE_MIN_S is
 * FIRN_INVALID. */
#define FI_REMOTE_PRUNE_OPTIONS_INIT                             \
    {                                                            \
        .orphan_age_s = 86400, .state_age_s = INT64_C(7) * 86400 \
    }
/* How long a look at the states is good for (g). */
enum { FI_REMOTE_LOOK_S = 300, FI_REMOTE_STATE_AGE_MIN_S = 100 * FI_REMOTE_LOOK_S };

/* Nothing is read yet; a caller that remembers number_seen from before sets it. bucket, os and by
 * must outlive it. */
void fi_remote_init(struct fi_remote *remote, struct fi_bucket *bucket, struct fi_os *os,
                    const char *by);
void fi_remote_deinit(struct fi_remote *remote);

/* Takes the bytes of a state that an earlier handle has kept for the present one; to be called with
 * all that are needed, ascending, before anything is read. FIRN_CORRUPT: they are no such states,
 * and nothing is known of the remote. */
FIRN_MUST_CHECK int fi_remote_restore(struct fi_remote *remote, uint64_t number, firn_slice bytes,
                                      firn_error *err);
/* Reads what other machines have published since. FIRN_CORRUPT: a state is damaged, or the bucket
 * has lost states that were seen here; what is known stays, up to the last state that could be
 * read. */
FIRN_MUST_CHECK int fi_remote_sync(struct fi_remote *remote, firn_error *err);
/* The same, but without trust in what is known here. */
FIRN_MUST_CHECK int fi_remote_resync(struct fi_remote *remote, firn_error *err);

/* The most objects of one folder of a bucket that are listed. No remote has nearly as many; a
 * bucket that is none may have no end. */
enum { FI_REMOTE_LISTED_MAX = 1 << 22 };
int fi_remote_too_many_listed(firn_error *err);

enum { FI_REMOTE_FILE_NAME_SIZE = 64 };
/* A new name, "packs/2026-11-26T2209Z-4c0b9e7f5a31d2e86b1d0f3c.pack". */
FIRN_MUST_CHECK int fi_remote_upload_name(struct fi_remote *remote,
                                          char out_name[FI_REMOTE_FILE_NAME_SIZE], firn_error *err);
/* Puts a file under a new name, and notes it. Without an answer it tries other names. */
FIRN_MUST_CHECK int fi_remote_upload(struct fi_remote *remote, const struct fi_bucket_body *body,
                                     firn_slice value, char out_name[FI_REMOTE_FILE_NAME_SIZE],
                                     firn_error *err);
/* The name of a file or an upload, as the bucket takes it. */
static inline void
fi_remote_file_name(const struct fi_remote_item *item, char out[FI_BUCKET_NAME_SIZE_MAX + 1])
{
    CHECK(item->key.size <= FI_BUCKET_NAME_SIZE_MAX);
    memcpy(out, item->key.data, item->key.size);
    out[item->key.size] = 0;
}
/* Afterwards each item of remote->uploads is there, and may be added by the next state. */
FIRN_MUST_CHECK int fi_remote_upload_check(struct fi_remote *remote, firn_error *err);

/* Makes the next state. *out_is_published is false if another machine was first: the present state
 * is that machine's, or a later one; and if nobody knows whether it was made, but FIRN_IO if that
 * happens FI_REMOTE_UNKNOWN_PUT_MAX times in a row. FIRN_INVALID: the change has a name or key that
 * no state may have, or adds a file that is dead; nothing is put. FIRN_LIMIT: the remote would have
 * more than it may (M3); nothing is put. */
enum { FI_REMOTE_UNKNOWN_PUT_MAX = 5 };
FIRN_MUST_CHECK int fi_remote_publish(struct fi_remote *remote,
                                      const struct fi_remote_change *change, bool *out_is_published,
                                      firn_error *err);

/* Visits the newest states, at most `limit` (0: all), as far as they are there, the oldest first,
 * each with the state before it; NULL: that is not known. What is known here of the remote neither
 * counts nor changes. Any result of visit but FIRN_OK ends that and is returned. */
typedef int fi_remote_log_visit(void *ctx, const struct fi_remote_record *record,
                                const struct fi_remote_state *before, firn_error *err);
FIRN_MUST_CHECK int fi_remote_log(struct fi_remote *remote, uint64_t limit,
                                  fi_remote_log_visit *visit, void *ctx, firn_error *err);

/* Publishes what plan wants of the newest state. A plan that wants nothing ends it. */
FIRN_MUST_CHECK int fi_remote_push(struct fi_remote *remote, fi_remote_plan *plan, void *ctx,
                                   firn_error *err);

/* Publishes what plan removes and kills, and removes what nothing needs: killed files, uploads that
 * no state came to name, states that are old. Any machine, at any time, beside others. Of uploads
 * and old states it takes some ten thousand; the next one goes on. FIRN_LIMIT: the storage lists
 * millions of objects. */
FIRN_MUST_CHECK int fi_remote_prune(struct fi_remote *remote,
                                    const struct fi_remote_prune_options *options,
                                    fi_remote_plan *plan, void *ctx, firn_error *err);

/* After the keys of an encrypted remote were rotated: removes states that an older master key
 * opens, once no reader needs them. For that it makes states that change nothing, until a full one
 * is encrypted with the newest key; where there is none, the first. */
struct fi_remote_renewed {
    uint64_t made;    /* states that change nothing */
    uint64_t removed; /* states that an older key opens */
    uint64_t left;    /* of these: younger than FI_REMOTE_STATE_AGE_MIN_S, so they stay (g) */
    int64_t wait_s;   /* until all of them are as old */
};
/* Requires: the seal has the newest master key. FIRN_LIMIT: the storage lists millions of
 * objects. */
FIRN_MUST_CHECK int fi_remote_renew_states(struct fi_remote *remote, struct fi_remote_renewed *out,
                                           firn_error *err);

#endif
