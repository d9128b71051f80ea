/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_internal.h: what the files of this room share. Only share*.c include it.
 */
#ifndef FIRN_SHARE_SHARE_INTERNAL_H
#define FIRN_SHARE_SHARE_INTERNAL_H

#include "base/hash_map.h"
#include "bucket/bucket.h"
#include "far/far.h"
#include "handle/ws_opened.h"
#include "keys/keys.h"
#include "outgoing/outgoing.h"
#include "remote/remote.h"
#include "share/share.h"
#include "unlock/unlock.h"

/* ==== the keyspaces: share_name.c, share_note.c ==== */

/* Of a store:
 *
 *   "firn.remotes":        name → u8 format (1) | le32 number | 16 id | sized URL
 *                          of an encrypted one: the same with format 2 | sized keys file | sized
 *                          ring key, which is empty if the store is in clear (share_keys.c)
 *   "firn.remote.states":  be32 number | be64 state → its bytes, as in the remote
 *   "firn.remote.notes":   be32 number | u8 kind | rest → by kind:
 *     'n'                    varint: the highest number of a state that was seen
 *     'l' | be32 workspace   16 id of its line | varint: the highest order up to which all was
 *                            pushed | varint: the highest that was pushed, if only by its name
 *     'o' | 32 hash          le64 pack | u8 level | u8 1: stored whole | varint epoch
 *     'p' | be64 pack        empty: all its objects are in this store
 *     'q' | be64 pack        of this store → le64 the one of an encrypted remote that it was
 *                            written from
 *     'u' | name             the value of a file that was put and that no state names
 *     'f'                    why the last automatic push failed: struct fi_share_failure
 */
#define FI_SHARE_REMOTES FI_CATALOG_REMOTES
#define FI_SHARE_STATES FI_DB_SYSTEM_PREFIX "remote.states"
#define FI_SHARE_NOTES FI_DB_SYSTEM_PREFIX "remote.notes"

enum {
    FI_SHARE_INLINE_TOTAL_MAX = 256 << 10, /* of all small packs in a state */
    FI_SHARE_ID_SIZE = 16,
    FI_SHARE_LINE_SIZE = 16,
    FI_SHARE_BY_SIZE = 128,
    FI_SHARE_PACK_SIZE_MAX = 64 << 20,  /* of a file in the bucket, about */
    FI_SHARE_PACK_SIZE_LIMIT = 1 << 30, /* no machine makes a larger one */
    FI_SHARE_INLINE_SIZE_MAX = 64 << 10 /* a smaller pack stands in the state */
};

struct fi_share;

struct fi_share_name {
    uint32_t number; /* of this store's own: the prefix of what is kept about it */
    uint8_t id[FI_SHARE_ID_SIZE];
    char name[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    char url[FIRN_REMOTE_URL_SIZE_MAX + 1];
    bool is_encrypted;
};

/* name NULL: the only one, or "origin". FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_share_name_find(struct firn_db *db, const char *name,
                                       struct fi_share_name *out, firn_error *err);
/* The name with that URL, or one without a name, that has nothing but the URL. */
FIRN_MUST_CHECK int fi_share_name_find_url(struct fi_os *os, struct firn_db *db, const char *url,
                                           struct fi_share_name *out, firn_error *err);
FIRN_MUST_CHECK int fi_share_name_list(struct firn_db *db,
                                       int (*visit)(void *ctx, const struct fi_share_name *name),
                                       void *ctx, firn_error *err);

/* ==== packs of a remote ==== */

/* The number by which notes and bases name a pack: the first bytes of its identity. */
static inline uint64_t
fi_share_pack_number(const uint8_t *identity)
{
    return fi_load_le64(identity);
}

/* The value of a file, and the head of that of a small pack in a state (docs/formats/remote.md). */
struct fi_share_pack {
    uint64_t number; /* first: the key */
    struct fi_block_file_id id;
    uint64_t size_bytes;
    uint64_t object_count;
    firn_slice bases;  /* le64 each: packs that have the bases of its deltas; borrowed */
    firn_slice joined; /* le64 each: packs that it took the place of; borrowed */
    firn_slice bytes;  /* of a small pack: all of it; borrowed */
    firn_slice name;   /* of the file or the entry; borrowed */
    bool is_inline;
    bool is_joined; /* its objects are in another one: it has nothing but its number */
    uint64_t by;    /* then the number of that one; 0: it is not known */
};
/* The name of a pack that is a file, in the bucket; for messages, as much of an entry's key as
 * fits: a remote may have longer ones. */
void fi_share_entry_pack_name(const struct fi_share_pack *pack,
                              char out[FI_BUCKET_NAME_SIZE_MAX + 1]);
FIRN_MUST_CHECK int fi_share_entry_encode_pack(const struct fi_share_pack *pack,
                                               struct fi_buf *out);
FIRN_MUST_CHECK int fi_share_entry_decode_pack(firn_slice value, bool is_inline,
                                               struct fi_share_pack *out, firn_error *err);

/* ==== what the store keeps ==== */

/* The value of a name, with its key; and those of notes: false if they are malformed. */
FIRN_MUST_CHECK int fi_share_entry_decode_name(firn_slice key, firn_slice value,
                                               struct fi_share_name *out, firn_error *err);
/* The same, with the keys of an encrypted one; borrowed from value. */
FIRN_MUST_CHECK int fi_share_entry_decode_keys(firn_slice key, firn_slice value,
                                               struct fi_share_name *out, firn_slice *out_file,
                                               firn_slice *out_ring_key, firn_error *err);
/* Of an encrypted one all but the keys: fi_share_keys_append adds them. */
FIRN_MUST_CHECK int fi_share_entry_encode_name(const struct fi_share_name *name,
                                               struct fi_buf *out);

/* What this machine knows of an object in the remote. */
struct fi_share_note {
    firn_hash hash; /* first: the key */
    uint64_t pack;
    uint64_t epoch;
    uint8_t level; /* enum fi_outgoing_has */
    bool is_whole; /* it can be the base of a delta */
    bool is_noted; /* the store has it so */
};

struct fi_share_line {
    uint8_t id[FI_SHARE_LINE_SIZE];
    uint64_t pushed; /* order up to which all was */
    uint64_t sent;   /* order of the last one that was, if only by its name */
    bool is_noted;
};
bool fi_share_entry_decode_note(firn_slice value, struct fi_share_note *out);
bool fi_share_entry_decode_line(firn_slice value, struct fi_share_line *out);
/* Of the last automatic push, if no push has succeeded since. */
enum { FI_SHARE_FAILURE_TEXT_SIZE = 512 };
struct fi_share_failure {
    int64_t failed_ns; /* since the epoch */
    uint64_t count;    /* failures in a row; 0: there was none */
    char text[FI_SHARE_FAILURE_TEXT_SIZE];
};
bool fi_share_entry_decode_failure(firn_slice value, struct fi_share_failure *out);
FIRN_MUST_CHECK int fi_share_entry_encode_failure(const struct fi_share_failure *failure,
                                                  struct fi_buf *out);
/* 0 if it is malformed. */
uint64_t fi_share_entry_decode_number(firn_slice value);

/* The pack of the store with that number, or NULL. */
const struct fi_objects_index_pack *fi_share_pull_find_pack(const struct fi_objects *objects,
                                                            uint32_t number);

/* ==== what a tree stands for: share_extent.c ==== */

struct fi_share_extent;
FIRN_MUST_CHECK int fi_share_extent_open(struct fi_share *share, struct fi_share_extent **out,
                                         firn_error *err);
/* FIRN_LIMIT if the tree, all of which is in the store, stands for far more than its bytes. line:
 * FI_SHARE_LINE_SIZE bytes, of its author. */
FIRN_MUST_CHECK int fi_share_extent_check(struct fi_share_extent *extent, const uint8_t *line,
                                          const firn_hash *root, firn_error *err);
/* NULL is fine. */
void fi_share_extent_close(struct fi_share_extent *extent);

/* ==== lines that are here: share_lines.c ==== */

void fi_share_lines_init(struct fi_hash_map *lines);
FIRN_MUST_CHECK int fi_share_lines_load(const struct fi_share *share, struct fi_hash_map *lines,
                                        firn_error *err);
/* The workspace of the catalog; 0: the line is not here. */
uint32_t fi_share_lines_find(const struct fi_hash_map *lines, const uint8_t id[FI_SHARE_LINE_SIZE]);
/* For a map of records that begin with the id of a line. */
bool fi_share_lines_same(const void *record, const void *key);

/* ==== entries of a remote ==== */

#define FI_SHARE_ENTRY_CHECKPOINT "checkpoint/"
#define FI_SHARE_ENTRY_LINE "line/"
#define FI_SHARE_ENTRY_PACK "pack/"
#define FI_SHARE_ENTRY_TAG "tag/"
#define FI_SHARE_ENTRY_PRUNE "prune"

enum { FI_SHARE_KEY_SIZE = 16 + 2 * 16 + 1 };
/* "checkpoint/<32 hexadecimal digits>" and the like. */
firn_slice fi_share_entry_key(const char *kind, const uint8_t id[16], char out[FI_SHARE_KEY_SIZE]);
/* Whether a key is of that kind; *out is the rest of it. */
bool fi_share_entry_is(firn_slice key, const char *kind, firn_slice *out);

struct fi_share_checkpoint {
    uint8_t line[FI_SHARE_LINE_SIZE];
    uint64_t published; /* the number of the state that made it */
    firn_slice record;  /* borrowed */
};
FIRN_MUST_CHECK int fi_share_entry_encode_checkpoint(const struct fi_share_checkpoint *checkpoint,
                                                     struct fi_buf *out);
FIRN_MUST_CHECK int fi_share_entry_decode_checkpoint(firn_slice value,
                                                     struct fi_share_checkpoint *out,
                                                     firn_error *err);

/* FIRN_CORRUPT if the catalog allows no such record, or it is NULL. */
FIRN_MUST_CHECK int fi_share_entry_check_record(const struct fi_catalog_record *record,
                                                firn_error *err);

/* Whether a label of a line has the character as it is. */
static inline bool
fi_share_is_graphic(char c)
{
    return c > ' ' && c < 0x7f;
}

/* ==== a remote, opened for one operation: share.c ==== */

/* The directory for packs that are on their way: share_stage.c. */
struct fi_share_stage {
    struct fi_os_dir *dir;
    struct fi_os_file *lock;
};

/* The keys of an encrypted remote: share_keys.c. */
struct fi_share_keys {
    struct fi_keys *keys; /* NULL: there are none */
    struct fi_buf file;   /* as it is in the remote */
};
void fi_share_keys_deinit(struct fi_share_keys *keys);

struct fi_share {
    struct firn_ws *ws;
    struct fi_ws_opened opened; /* for reading, or for a pull for writing */
    struct fi_share_name name;
    struct fi_bucket *bucket;
    struct fi_remote remote;
    bool has_remote;
    struct fi_share_keys keys;         /* of an encrypted remote, unlocked */
    bool keys_are_new;                 /* the store keeps older ones */
    bool uploads_are_outdated;         /* remote.uploads: they have older keys, and do not count */
    struct fi_cipher_keyring *keyring; /* NULL: the remote is in clear */
    struct fi_remote_seal seal;
    char by[FI_SHARE_BY_SIZE];
    const firn_callbacks *callbacks;
    int64_t progress_due_ns;
    struct firn_db_keyspace *notes; /* NULL if the store has none yet */
    /* States that became known: le64 number, le64 size, bytes. */
    struct fi_buf kept;
    bool kept_is_whole; /* they begin with one that needs none before it */
    bool is_changed;    /* there is something to note */
    /* Of the present state. */
    struct fi_hash_map packs; /* of fi_share_pack: live files, small packs, uploads */
    int packs_rc;             /* FIRN_OK, or why the first one that is not among them is not */
    firn_error packs_why;
    uint64_t epoch;           /* grows with each prune: what was complete may not be any more */
    struct fi_hash_map fresh; /* of fi_share_note: what this operation came to know */
};

/* Opens the store and the remote, with what is known of it. FIRN_UNTRUSTED. */
FIRN_MUST_CHECK int fi_share_open(struct firn_ws *ws, const char *name, enum fi_ws_open_mode mode,
                                  int64_t bytes_per_second_max, const firn_callbacks *callbacks,
                                  struct fi_share *out, firn_error *err);
/* Opens only the store and the bucket, by the name of the remote or by its URL, which need not have
 * a name: then that is empty, and its number 0. For its keys. FIRN_INVALID: the remote is not
 * encrypted. */
FIRN_MUST_CHECK int fi_share_open_bucket(struct firn_ws *ws, const char *remote,
                                         struct fi_share *out, firn_error *err);
/* Closes all; returns rc, or the first failure if rc is FIRN_OK. */
FIRN_MUST_CHECK int fi_share_close(struct fi_share *share, int rc, firn_error *err);
/* Opens a bucket by the URL that the user gave. is_new: a directory is made if it is missing. */
FIRN_MUST_CHECK int fi_share_bucket_open(struct fi_os *os, const char *url, bool is_new,
                                         int64_t bytes_per_second_max, struct fi_bucket **out,
                                         firn_error *err);
/* FIRN_UNTRUSTED unless the store is known to be this user's. */
FIRN_MUST_CHECK int fi_share_check_trust(const struct firn_ws *ws, struct fi_os_dir *store,
                                         firn_error *err);
/* Finds the packs of the present state, and its epoch. One of which it says nothing that can be
 * read is left out: what it has counts as not there. */
FIRN_MUST_CHECK int fi_share_look(struct fi_share *share, firn_error *err);
/* The next state does not name the pack, which the present one has. */
FIRN_MUST_CHECK int fi_share_pack_remove(const struct fi_share_pack *pack,
                                         struct fi_remote_change *change, firn_error *err);
FIRN_MUST_CHECK int fi_share_progress(struct fi_share *share, const char *phase, uint64_t done,
                                      uint64_t total, firn_error *err);

/* What the remote calls a line: for people, and a part of references. */
enum { FI_SHARE_LABEL_SIZE_MAX = 255 };
firn_slice fi_share_entry_label(const struct fi_share *share,
                                const uint8_t line[FI_SHARE_LINE_SIZE],
                                char out[FI_SHARE_LABEL_SIZE_MAX + 1]);
/* The same, of a line's entry; NULL: it has none. */
firn_slice fi_share_entry_label_of(const struct fi_remote_item *entry,
                                   char out[FI_SHARE_LABEL_SIZE_MAX + 1]);
/* The id of a line from the digits in a key; false if they are none. */
bool fi_share_entry_line_id(firn_slice digits, uint8_t out[FI_SHARE_LINE_SIZE]);

/* A checkpoint of the present state: share_find.c. */
struct fi_share_found {
    struct fi_catalog_record record; /* borrows from the state */
    uint8_t line[FI_SHARE_LINE_SIZE];
};
/* FIRN_NOT_FOUND, FIRN_INVALID, FIRN_CONFLICT. */
FIRN_MUST_CHECK int fi_share_find(const struct fi_share *share, const char *reference,
                                  struct fi_share_found *out, firn_error *err);

/* Gives the checkpoints of lines that are here the tags that they have in the present state, and
 * takes others away, in one durable commit: share_tags.c. */
FIRN_MUST_CHECK int fi_share_tags_bring(struct fi_share *share, firn_error *err);

/* ==== keys of an encrypted remote: share_keys.c ==== */

/* What asks for the key of a remote. What it was told stays for the handle of the workspace. */
struct fi_unlock_source fi_share_keys_source(struct firn_ws *ws);
/* The keys of the remote that is being added, unlocked; if it has none and may_make, new ones. Must
 * be deinitialized after a failure, too. FIRN_DENIED: no key was given, or it is wrong. */
FIRN_MUST_CHECK int fi_share_keys_get(struct firn_ws *ws, struct fi_bucket *bucket, const char *url,
                                      bool may_make, struct fi_share_keys *out, firn_error *err);
/* Whether the store keeps what opens its remotes: if what is written to it is encrypted. */
bool fi_share_keys_are_kept(const struct fi_os_dir *store);
/* Appends what a store keeps of them. */
FIRN_MUST_CHECK int fi_share_keys_append(const struct fi_share_keys *keys, bool with_secret,
                                         struct fi_buf *out, firn_error *err);
/* Wipes an entry with that, and releases it. */
void fi_share_keys_forget(struct fi_buf *entry);
/* What it keeps. */
struct fi_share_keys_kept {
    struct fi_share_name name;
    struct fi_share_keys keys; /* locked */
    void *ring_key;            /* in memory for secrets; NULL: the store is in clear */
};
/* FIRN_NOT_FOUND: there is no such name. Must be deinitialized after a failure, too. */
FIRN_MUST_CHECK int fi_share_keys_kept(struct firn_db *db, const char *name,
                                       struct fi_share_keys_kept *out, firn_error *err);
void fi_share_keys_kept_deinit(struct fi_share_keys_kept *kept);
/* Whether a is an earlier version of b. */
bool fi_share_keys_are_older(const struct fi_keys *a, const struct fi_keys *b);
/* FIRN_CORRUPT: those of the remote are not those that the store keeps, nor a later version. */
FIRN_MUST_CHECK int fi_share_keys_compare(const struct fi_keys *here, const struct fi_keys *there,
                                          firn_error *err);
/* Unlocks the keys of an encrypted remote, and sets keys, keyring and seal. */
FIRN_MUST_CHECK int fi_share_keys_open(struct fi_share *share, firn_error *err);
/* fi_remote_seal.renew; ctx is the share. Its packs have to be looked at again. */
int fi_share_keys_renew(void *ctx, firn_error *err);
/* The same between two looks: what packs borrow of uploads stays until the next one. */
FIRN_MUST_CHECK int fi_share_keys_renew_within(struct fi_share *share, firn_error *err);
/* Puts keys that are newer than those that the store keeps into a batch. */
FIRN_MUST_CHECK int fi_share_keys_write(const struct fi_share *share, struct firn_db *db,
                                        struct firn_db_batch *batch, firn_error *err);

/* The newest keys in a bucket, locked. Must be deinitialized after a failure, too. FIRN_NOT_FOUND:
 * there are none. */
FIRN_MUST_CHECK int fi_share_keys_read(struct fi_bucket *bucket, struct fi_share_keys *out,
                                       firn_error *err);
/* FIRN_CORRUPT: the remote has states, so it had keys. */
FIRN_MUST_CHECK int fi_share_keys_check_none(struct fi_bucket *bucket, firn_error *err);
/* Puts a version of them: FIRN_EXISTS, FIRN_IO as of a put. */
FIRN_MUST_CHECK int fi_share_keys_put(struct fi_bucket *bucket, const struct fi_share_keys *keys,
                                      firn_error *err);
/* Removes earlier versions, some dozens at most. Requires: the newest one was unlocked, so that it
 * is known to be genuine. */
FIRN_MUST_CHECK int fi_share_keys_remove_old(struct fi_bucket *bucket, uint32_t newest,
                                             firn_error *err);
/* The same, if what opens the remote here opens the newest one; that is unlocked then. */
FIRN_MUST_CHECK int fi_share_keys_tidy(const struct fi_share *share, struct fi_share_keys *newest,
                                       firn_error *err);
/* "keys/0000000042". */
enum { FI_SHARE_KEYS_NAME_SIZE = 16 };
void fi_share_keys_name(uint32_t generation, char out[FI_SHARE_KEYS_NAME_SIZE]);
/* The generation that is in the name of an object, which begins with "keys/"; 0: it is no keys
 * file. */
uint32_t fi_share_keys_number(const char *name);

/* ==== pushing: share_push.c, share_automatic.c ==== */

/* stage NULL: it opens one, or fails with FIRN_BUSY. */
FIRN_MUST_CHECK int fi_share_push_once(struct firn_ws *ws, const char *name,
                                       const firn_push_options *options,
                                       struct fi_share_stage *stage, firn_push_result *out,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_share_automatic_push(struct firn_ws *ws, const char *name,
                                            const firn_push_options *options, firn_push_result *out,
                                            firn_error *err);
/* How many checkpoints of the workspace a push would choose. notes may be NULL. share_name.c. */
FIRN_MUST_CHECK int fi_share_name_count(struct firn_ws *ws, struct fi_ws_opened *opened,
                                        struct firn_db_keyspace *notes,
                                        const struct fi_share_name *name, uint64_t *out,
                                        firn_error *err);

/* ==== packs on their way: share_stage.c, share_fold.c ==== */

/* Opens the directory, in the store, and empties it; what is written to it is for the remote, and
 * encrypted with its keys if it has any. FIRN_BUSY: another push is running. */
FIRN_MUST_CHECK int fi_share_stage_open(const struct fi_share *share, struct fi_share_stage *out,
                                        firn_error *err);
/* The same in two parts: the directory, then its lock, which may be tried again after FIRN_BUSY. */
FIRN_MUST_CHECK int fi_share_stage_prepare(struct fi_os_dir *store, struct fi_share_stage *out,
                                           firn_error *err);
FIRN_MUST_CHECK int fi_share_stage_lock(struct fi_share_stage *stage, firn_error *err);
/* Opens a directory of the store, for files that are encrypted with the keys of the remote.
 * Requires: it is encrypted. */
FIRN_MUST_CHECK int fi_share_stage_open_for(const struct fi_share *share, const char *name,
                                            struct fi_os_dir **out, firn_error *err);
/* From now on it is for this remote. */
FIRN_MUST_CHECK int fi_share_stage_assign(struct fi_share_stage *stage,
                                          const struct fi_share *share, firn_error *err);
/* Becomes the one push for this workspace and remote that waits for the lock of the stage, until
 * *out is closed. FIRN_BUSY: there is one. */
FIRN_MUST_CHECK int fi_share_stage_wait(const struct fi_share_stage *stage, uint32_t workspace,
                                        uint32_t remote, struct fi_os_file **out, firn_error *err);
/* Opens it beside a push, for files that are removed once they are open: a push that begins removes
 * their names, too. */
FIRN_MUST_CHECK int fi_share_stage_open_beside(const struct fi_share *share,
                                               struct fi_share_stage *out, firn_error *err);
void fi_share_stage_close(struct fi_share_stage *stage);
/* fi_bucket_body.read of a file; ctx is the file. */
int fi_share_stage_read(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err);
/* Joins the small packs of the state, and a new one that is a file of the stage, into a file that
 * is put; *change removes the entries. *out_done is false, and nothing was done, if there are none,
 * or one is damaged. */
FIRN_MUST_CHECK int fi_share_fold(struct fi_share *share, const struct fi_share_stage *stage,
                                  const struct fi_outgoing_pack *pack,
                                  struct fi_remote_change *change, uint64_t *out_size,
                                  bool *out_done, firn_error *err);

/* ==== packs of an encrypted remote, for this store: share_recode.c ==== */

/* A pack of the store that was written from one of the remote. */
struct fi_share_renumbered {
    uint64_t here;
    uint64_t there;
};
struct fi_share_recode;
/* Requires: the store is open for writing. */
FIRN_MUST_CHECK int fi_share_recode_open(struct fi_share *share, struct fi_share_recode **out,
                                         firn_error *err);
/* NULL is fine. */
void fi_share_recode_close(struct fi_share_recode *recode);
/* An empty file for the bytes of a pack as the remote has it; borrowed until the next call. */
FIRN_MUST_CHECK int fi_share_recode_file(struct fi_share_recode *recode, struct fi_os_file **out,
                                         firn_error *err);
/* Writes the pack in that file to another one, with the keys of the store, or in clear if it has
 * none. *out_id is its identity there. FIRN_CORRUPT, FIRN_DENIED, FIRN_LIMIT, FIRN_NEWER: what is
 * wrong with the pack. */
FIRN_MUST_CHECK int fi_share_recode(struct fi_share_recode *recode,
                                    const struct fi_share_pack *pack, uint64_t bytes_max,
                                    struct fi_os_file *to, struct fi_block_file_id *out_id,
                                    firn_error *err);
/* Whether a file has the pack that it should. FIRN_CORRUPT, FIRN_DENIED. */
FIRN_MUST_CHECK int fi_share_recode_check(struct fi_os_dir *dir, const char *name,
                                          const struct fi_share_pack *pack, firn_error *err);
/* Those that were written so far; borrowed until the next one is. recode may be NULL. */
const struct fi_share_renumbered *fi_share_recode_numbers(const struct fi_share_recode *recode,
                                                          size_t *out_count);

/* ==== which packs are needed: share_mark.c ==== */

/* Opens the packs of the present state where they are, without those whose numbers are in
 * `without` (of uint64_t; NULL: all). */
FIRN_MUST_CHECK int fi_share_mark_open(struct fi_share *share, struct fi_os_dir *dir,
                                       const struct fi_hash_map *without, struct fi_far **out,
                                       firn_error *err);
struct fi_share_mark_root {
    firn_hash hash;
    bool is_tree;
};
/* A walk over what checkpoints need. If another machine publishes first, the next walk goes on from
 * it: what was met is not read again. */
struct fi_share_mark {
    struct fi_share *share;
    struct fi_far *far;        /* NULL: nothing was read */
    struct fi_hash_map known;  /* the packs of far */
    struct fi_hash_map needed; /* of uint64_t: numbers of packs of the present state */
    struct fi_hash_map met;    /* objects */
    struct fi_buf trees;       /* hashes of directories to look into */
    struct fi_buf lists;       /* hashes of lists to look into */
    struct fi_buf object;
};
void fi_share_mark_init(struct fi_share_mark *mark, struct fi_share *share);
void fi_share_mark_deinit(struct fi_share_mark *mark);
/* Sets mark->needed to at least the packs that these trees and contents need, with those that have
 * the bases of their deltas. FIRN_CORRUPT: something is missing or damaged. dir: for what is
 * fetched; borrowed until deinit. */
FIRN_MUST_CHECK int fi_share_mark_walk(struct fi_share_mark *mark, struct fi_os_dir *dir,
                                       const struct fi_share_mark_root *roots, size_t count,
                                       firn_error *err);

/* ==== damage: share_whole.c, share_check.c, share_mend.c ==== */

/* What a checkpoint needs. */
struct fi_share_whole_root {
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    uint8_t line[FI_SHARE_LINE_SIZE];
    uint64_t order;
    firn_hash tree;
    firn_hash rules;
    firn_hash repositories;
    bool has_rules;
    bool has_repositories;
    bool is_broken;    /* something of it is missing, or cannot be read */
    bool is_elsewhere; /* this store does not have it either, or may not send it */
};

struct fi_share_whole {
    /* Packs that do not count, as in fi_share_mark_open; borrowed. */
    const struct fi_hash_map *without;
    struct fi_hash_map bad;     /* of firn_hash: needed, and missing or unreadable */
    struct fi_hash_map damaged; /* of uint64_t: packs that have something that cannot be read */
    firn_error why;             /* what is wrong with the first of bad */
    bool has_newer;             /* a newer firn may be able to read some of bad */
};
void fi_share_whole_init(struct fi_share_whole *whole, const struct fi_hash_map *without);
void fi_share_whole_deinit(struct fi_share_whole *whole);
/* Sets is_broken of each root, and fills what is bad. FIRN_NOT_FOUND: a pack is not there any
 * more. */
FIRN_MUST_CHECK int fi_share_whole(struct fi_share *share, struct fi_far *far,
                                   struct fi_share_whole *whole, struct fi_share_whole_root *roots,
                                   size_t count, firn_error *err);

/* What a check found. */
struct fi_share_damage {
    struct fi_hash_map packs;          /* of uint64_t: those that are damaged or missing */
    struct fi_share_whole_root *roots; /* all checkpoints of the state */
    size_t root_count;
    size_t root_capacity;
};
/* The checkpoints of the present state. Those whose entries cannot be read are left out, and
 * counted in *out_unread. */
FIRN_MUST_CHECK int fi_share_check_roots(struct fi_share *share, struct fi_share_damage *damage,
                                         uint64_t *out_unread, firn_error *err);
/* Sends again what broken checkpoints lack and this store has, and takes damaged packs out of what
 * the state names if nothing is broken without them. may_drop: checkpoints that stay broken are
 * removed: those of damage->roots that are broken and elsewhere, and entries that cannot be read.
 */
struct fi_share_mended {
    uint64_t sent_bytes;
    uint64_t left_broken; /* checkpoints */
    uint64_t left_packs;  /* that are damaged, and still named */
    uint64_t dropped;     /* checkpoints */
    uint64_t unread;      /* of these: could not be read */
};
FIRN_MUST_CHECK int fi_share_mend(struct fi_share *share, struct fi_share_stage *stage,
                                  struct fi_share_damage *damage, bool may_drop,
                                  struct fi_share_mended *out, firn_error *err);
/* FIRN_NEWER: what is broken may be sound. */
FIRN_MUST_CHECK int fi_share_mend_refuse_newer(firn_error *err);

/* ==== notes: share_note.c ==== */

/* Notes what is known of an object, in place of what was. */
FIRN_MUST_CHECK int fi_share_note_put(struct fi_share *share, const struct fi_share_note *note,
                                      firn_error *err);
/* An object that is noted has that level now. */
FIRN_MUST_CHECK int fi_share_note_raise(struct fi_share *share, const firn_hash *hash,
                                        enum fi_outgoing_has level, firn_error *err);
/* fi_outgoing_place.find; ctx is the share. */
int fi_share_note_find(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out,
                       uint64_t *out_base_pack, firn_error *err);

FIRN_MUST_CHECK int fi_share_note_line(struct fi_share *share, uint32_t workspace,
                                       struct fi_share_line *out, firn_error *err);
/* Of share only the name and the notes are used. */
FIRN_MUST_CHECK int fi_share_note_failure(const struct fi_share *share,
                                          struct fi_share_failure *out, firn_error *err);
/* Notes a failure, or with count 0 that there is none any more. */
FIRN_MUST_CHECK int fi_share_note_fail(const struct fi_share *share, struct firn_db *db,
                                       const struct fi_share_failure *failure, firn_error *err);
/* Whether a line is one of this store's own. */
FIRN_MUST_CHECK int fi_share_note_is_own(struct fi_share *share,
                                         const uint8_t line[FI_SHARE_LINE_SIZE], bool *out,
                                         firn_error *err);
/* Notes at once which pack of the store was written last from a pack of the remote. Requires: the
 * store is open for writing. */
FIRN_MUST_CHECK int fi_share_note_renumbered(struct fi_share *share, uint64_t there,
                                             const struct fi_share_recode *recode, firn_error *err);
/* The number by which the remote knows a pack of the store. */
FIRN_MUST_CHECK int fi_share_note_number(struct fi_share *share, uint64_t here, uint64_t *out,
                                         firn_error *err);
FIRN_MUST_CHECK int fi_share_note_has_pack(struct fi_share *share, uint64_t pack, bool *out,
                                           firn_error *err);

/* What is noted besides fresh notes and states. */
struct fi_share_facts {
    const struct fi_share_line *line; /* of `workspace`; NULL: none */
    uint32_t workspace;
    const uint64_t *packs; /* all of whose objects are here */
    size_t pack_count;
    bool has_succeeded; /* a push: the failure that is noted is over */
};
/* Writes all that is new to a store that is open for writing. */
FIRN_MUST_CHECK int fi_share_note_write(struct fi_share *share, struct firn_db *db,
                                        const struct fi_share_facts *facts, firn_error *err);
/* The same, opening the store for that. */
FIRN_MUST_CHECK int fi_share_note_commit(struct fi_share *share, const struct fi_share_facts *facts,
                                         firn_error *err);
/* The highest number of a state that this store has seen; 0: none. Of share only the name and the
 * notes are used. */
FIRN_MUST_CHECK int fi_share_note_number_seen(const struct fi_share *share, uint64_t *out,
                                              firn_error *err);
/* Puts into a batch that no upload is noted any more. */
FIRN_MUST_CHECK int fi_share_note_forget_uploads(const struct fi_share *share,
                                                 struct firn_db_batch *batch,
                                                 struct firn_db_keyspace *notes, firn_error *err);
/* Takes states, uploads and the highest number from the store; not the uploads, if the store keeps
 * older keys. */
FIRN_MUST_CHECK int fi_share_note_load(struct fi_share *share, firn_error *err);
/* fi_remote.keep; ctx is the share. */
int fi_share_note_keep(void *ctx, uint64_t number, firn_slice bytes, firn_error *err);

#endif
