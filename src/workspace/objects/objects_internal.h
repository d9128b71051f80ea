/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_internal.h: what the files of this room share. Only objects*.c and tests include
 * it.
 */
#ifndef FIRN_OBJECTS_OBJECTS_INTERNAL_H
#define FIRN_OBJECTS_OBJECTS_INTERNAL_H

#include <stdatomic.h>

#include "base/budget.h"
#include "base/hash_map.h"
#include "objects/objects.h"
#include "pack/pack.h"
#include "pack/pack_cells.h"
#include "threads/os_thread.h"

/* Directories that differ between two states of a tree of 80,000 files are in five to seven
 * frames. */
enum { FI_OBJECTS_POOL_FRAMES = 8 };

/* Of a pack's file. */
enum fi_objects_presence { FI_OBJECTS_NOT_LOOKED_FOR, FI_OBJECTS_PRESENT, FI_OBJECTS_ABSENT };

struct fi_objects_pack {
    struct fi_objects_index_pack entry;
    atomic_int presence;    /* enum fi_objects_presence */
    struct firn_pack *file; /* NULL while closed; under mutex */
    unsigned users;         /* readers inside a call; under mutex */
    uint64_t last_use;      /* under mutex */
    uint64_t unearned;      /* bytes that may still be earned; under mutex */
    bool was_opened;        /* under mutex */
};

struct fi_objects {
    struct firn_db *db;
    struct fi_os *os;
    struct firn_db_keyspace *index; /* NULL if the store has none */
    struct firn_db_keyspace *pack_list;
    struct fi_os_dir *dir; /* packs/, NULL if the store has none */
    struct fi_os_mutex mutex;
    /* ascending by number; the array itself changes only by one thread */
    struct fi_objects_pack *packs;
    size_t pack_count;
    struct fi_pack_pool pool; /* for reading trees and bases of deltas */
    struct fi_tree_source trees;
    struct fi_objects_index_pack *retired; /* ascending by number; changes as packs does */
    size_t retired_count;
    bool retired_has_changed; /* differs from the list on disk */
    unsigned open_count;      /* under mutex */
    uint64_t clock;           /* under mutex */
    struct fi_budget *limit;  /* NULL: the store is known as this user's */
    struct fi_budget budget;
    struct fi_hash_map paid_frames; /* uint64_t each: pack and frame; under mutex */
};

/* The pack of a number, or NULL. */
struct fi_objects_pack *fi_objects_pack_of(struct fi_objects *objects, uint32_t number);
/* Finds an object and reads its bytes, or its list of pieces, borrowed from scratch until its next
 * use. A missing one is FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_objects_read_stored(struct fi_objects *objects,
                                           struct fi_pack_scratch *scratch, const firn_hash *hash,
                                           enum fi_pack_kind *out_kind, firn_slice *out,
                                           firn_error *err);

/* The same without comparing the bytes with their name, for callers that verify the whole content
 * of which the object is a piece. */
FIRN_MUST_CHECK int fi_objects_read_piece(struct fi_objects *objects,
                                          struct fi_pack_scratch *scratch, const firn_hash *hash,
                                          enum fi_pack_kind *out_kind, firn_slice *out,
                                          firn_error *err);

/* The same in the stored form: a delta is not turned into the object that it stands for. */
FIRN_MUST_CHECK int fi_objects_read_raw(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                                        const firn_hash *hash, enum fi_pack_kind *out_kind,
                                        firn_slice *out, firn_error *err);

/* ---- objects_enter.c: entering a pack and its objects into the two keyspaces ---- */

struct fi_objects_entering {
    struct fi_objects *objects;
    struct firn_db_batch *batch; /* the caller makes and destroys it */
    uint32_t pack;
    bool frees_space;
};
/* The folder of packs, made if there is none. */
FIRN_MUST_CHECK int fi_objects_enter_make_dir(struct fi_objects *objects, firn_error *err);
/* Makes room for one more pack before anything is committed, so that adding it to the list in
 * memory cannot fail afterwards. */
FIRN_MUST_CHECK int fi_objects_enter_reserve(struct fi_objects *objects, firn_error *err);
/* The pack's own entry, which comes first. */
FIRN_MUST_CHECK int fi_objects_enter_pack(struct fi_objects_entering *entering,
                                          const struct fi_objects_index_pack *entry,
                                          firn_error *err);
/* ctx is a fi_objects_entering: a visitor for fi_pack_list. */
FIRN_MUST_CHECK int fi_objects_enter_object(void *ctx, const firn_hash *hash,
                                            const struct fi_pack_location *at, firn_error *err);
/* Writes what is left. Not synced. */
FIRN_MUST_CHECK int fi_objects_enter_flush(struct fi_objects_entering *entering, firn_error *err);

/* ---- objects_arrival.c ---- */

enum { FI_OBJECTS_ARRIVAL_THREADS_MAX = 4 };

enum fi_objects_arrival_state {
    FI_OBJECTS_ARRIVAL_FREE,
    FI_OBJECTS_ARRIVAL_GIVEN,
    FI_OBJECTS_ARRIVAL_RUNNING,
    FI_OBJECTS_ARRIVAL_DONE
};

/* A pack that is on its way. */
struct fi_objects_arrival {
    struct fi_objects_arrivals *arrivals;
    enum fi_objects_arrival_state state;
    struct fi_os_file *file;
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE + 8]; /* of the file; "" if there is none */
    struct fi_block_file_id id;                     /* that it must have */
    uint64_t number;                                /* the caller's */
    int rc;                                         /* when DONE */
    firn_error why;
    struct fi_pack_scratch *scratch;
    uint64_t decoded; /* with the scratch, as far as paid for */
    uint64_t most;    /* of decoded: what this pack was allowed, and what is free */
};

struct fi_objects_arrivals {
    struct fi_objects *objects;
    struct fi_objects_arrival slots[FI_OBJECTS_ARRIVAL_THREADS_MAX + 1];
    unsigned slot_count;
    struct fi_os_jobs *jobs; /* NULL: the caller's thread */
    uint64_t next_number;    /* of a temporary file */
    fi_objects_tick *tick;
    void *ctx;
    struct fi_os_mutex mutex; /* guards the state of slots and what follows */
    struct fi_os_cond changed;
    uint64_t bytes_free; /* for each pack; what one leaves over, others may use */
    uint64_t bytes_max;
    uint64_t spent;  /* bytes that were decompressed and hashed */
    uint64_t unseen; /* of these, since the caller's thread woke up */
    bool is_ending;
};

/* *arrivals is zeroed. Must be deinitialized after a failure, too. */
FIRN_MUST_CHECK int fi_objects_arrival_init(struct fi_objects_arrivals *arrivals,
                                            struct fi_objects *objects,
                                            const struct fi_objects_adoption_options *options,
                                            firn_error *err);
/* Ends what is running, and removes all files. */
void fi_objects_arrival_deinit(struct fi_objects_arrivals *arrivals);
/* FIRN_LIMIT if that is more than is allowed. Any thread. */
FIRN_MUST_CHECK int fi_objects_arrival_spend(struct fi_objects_arrivals *arrivals, uint64_t bytes,
                                             firn_error *err);
void fi_objects_arrival_allow(struct fi_objects_arrivals *arrivals, uint64_t bytes);
/* A slot in that state, or NULL. */
struct fi_objects_arrival *fi_objects_arrival_find(struct fi_objects_arrivals *arrivals,
                                                   enum fi_objects_arrival_state state);
/* Gives a FREE one an empty file. */
FIRN_MUST_CHECK int fi_objects_arrival_open(struct fi_objects_arrival *arrival, firn_error *err);
/* Begins to verify a GIVEN one. */
FIRN_MUST_CHECK int fi_objects_arrival_start(struct fi_objects_arrival *arrival, firn_error *err);
/* The next one that is DONE; NULL if none is running. */
FIRN_MUST_CHECK int fi_objects_arrival_wait(struct fi_objects_arrivals *arrivals,
                                            struct fi_objects_arrival **out, firn_error *err);
/* Makes one FREE again, and removes its file if that has not got another name. */
void fi_objects_arrival_drop(struct fi_objects_arrival *arrival);

/* ---- objects_waiting.c ---- */

struct fi_objects_waiting {
    struct fi_objects_arrivals *arrivals;
    struct fi_objects_waiting_one *objects;
    size_t count;
    size_t capacity;
    struct fi_buf batch; /* the stored bytes of those that are being verified */
};

/* Notes an object of a pack that may need others. */
FIRN_MUST_CHECK int fi_objects_waiting_add(struct fi_objects_waiting *waiting,
                                           const firn_hash *hash, uint32_t pack,
                                           const struct fi_pack_location *at, firn_error *err);
/* Verifies them, and enters them. FIRN_CORRUPT: some are not what their names say, or need others
 * that are not there; the rest was entered. Requires: nothing arrives any more, and what arrived
 * was entered. */
FIRN_MUST_CHECK int fi_objects_waiting_settle(struct fi_objects_waiting *waiting,
                                              struct fi_objects_entering *entering,
                                              firn_error *err);
void fi_objects_waiting_deinit(struct fi_objects_waiting *waiting);

/* ---- objects_trees.c ---- */

void fi_objects_trees_init(struct fi_objects *objects);

/* ---- objects_list.c: content that a list of pieces names ---- */

struct fi_objects_list {
    const firn_hash *hash; /* of the content */
    firn_slice stored;     /* the list; may be borrowed from the scratch */
    uint64_t size;         /* of the content */
};
/* As fi_objects_stream and fi_objects_stream_verify, for a list of pieces. */
FIRN_MUST_CHECK int
fi_objects_list_stream(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                       const struct fi_objects_list *list,
                       int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                       void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_objects_list_verify(struct fi_objects *objects,
                                           struct fi_pack_scratch *scratch,
                                           const struct fi_objects_list *list,
                                           fi_objects_tick *tick, void *ctx, firn_error *err);
/* As fi_objects_list_verify, but the name is computed however thin the content is: for a list that
 * another user may have made. */
FIRN_MUST_CHECK int fi_objects_list_verify_name(struct fi_objects *objects,
                                                struct fi_pack_scratch *scratch,
                                                const struct fi_objects_list *list,
                                                fi_objects_tick *tick, void *ctx, firn_error *err);
/* Appends the whole content. FIRN_CORRUPT if it is larger than an object can be. */
FIRN_MUST_CHECK int fi_objects_list_whole(struct fi_objects *objects,
                                          struct fi_pack_scratch *scratch, const firn_hash *hash,
                                          firn_slice stored, struct fi_buf *out, firn_error *err);
/* Appends the content of one piece of a list for whole_size bytes. The caller must verify it, by
 * the name of the whole. Requires: the piece is not a hole. */
FIRN_MUST_CHECK int fi_objects_list_piece(struct fi_objects *objects,
                                          struct fi_pack_scratch *scratch,
                                          const struct fi_pack_piece *piece, uint64_t whole_size,
                                          struct fi_buf *out, firn_error *err);

/* ---- objects_delta.c ---- */

struct fi_objects_delta;
FIRN_MUST_CHECK int fi_objects_delta_create(struct fi_objects *objects,
                                            struct fi_objects_delta **out, firn_error *err);
/* NULL is fine. */
void fi_objects_delta_destroy(struct fi_objects_delta *delta);
/* The bytes of a DELTA object for an object that names a base, borrowed until the next call; empty
 * if the object is better stored whole, or its base cannot be read. Fails only if memory runs
 * out. */
FIRN_MUST_CHECK int fi_objects_delta_make(struct fi_objects_delta *delta,
                                          const struct fi_objects_object *object, firn_slice *out,
                                          firn_error *err);

/* ---- objects_budget.c ---- */

void fi_objects_budget_init(struct fi_objects *objects);
void fi_objects_budget_deinit(struct fi_objects *objects);
/* Pays for an object that was read from an open file: `bytes` were decompressed and passed on.
 * FIRN_LIMIT. */
FIRN_MUST_CHECK int fi_objects_budget_read(struct fi_objects *objects, const struct firn_pack *file,
                                           const struct fi_objects_place *place, uint64_t bytes,
                                           firn_error *err);
/* Earns for the pieces of a list before its holes are paid for. */
FIRN_MUST_CHECK int fi_objects_budget_expect(struct fi_objects *objects, firn_slice list,
                                             firn_error *err);

/* ---- objects_retire.c ---- */

/* Notes an entry of the pack list that is not in use. Requires: calls in ascending order of
 * numbers. */
FIRN_MUST_CHECK int fi_objects_retire_note(struct fi_objects *objects,
                                           const struct fi_objects_index_pack *entry,
                                           firn_error *err);
/* Whether the list has a pack of that number that is not in use. */
bool fi_objects_retire_has(const struct fi_objects *objects, uint32_t number);

/* ---- objects_cells.c: content that lists of cells name (pack/pack_cells.h) ---- */

/* A walk over the cells of one content that are not zeros, in order. */
struct fi_objects_cells {
    struct fi_objects *objects;
    uint64_t size;
    unsigned top;
    unsigned level; /* of the list that is being read */
    struct {
        struct fi_buf list;
        struct fi_pack_cells at;
        uint64_t offset; /* of the list's content in the whole */
    } levels[FI_PACK_CELLS_LEVELS];
    bool is_each_once;       /* each list is visited once: for verifying */
    struct fi_hash_map seen; /* firn_hash of each list, then */
};

/* As fi_objects_stream and fi_objects_stream_verify, for a list of cells. */
FIRN_MUST_CHECK int
fi_objects_cells_stream(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                        const firn_hash *hash, uint64_t size,
                        int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                        void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_objects_cells_verify(struct fi_objects *objects,
                                            struct fi_pack_scratch *scratch, const firn_hash *hash,
                                            uint64_t size, fi_objects_tick *tick, void *ctx,
                                            firn_error *err);
/* As fi_objects_spread_read, for a list of cells. */
FIRN_MUST_CHECK int fi_objects_cells_spread(const struct fi_objects_spread *spread,
                                            const firn_hash *hash, uint64_t size,
                                            int (*sink)(void *ctx, uint64_t offset, firn_slice data,
                                                        firn_error *err),
                                            void *ctx, firn_error *err);

#endif
