/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp.h: the seed's pack store, CHKP version 1 (docs/formats/chkp.md). firn/chkp.h
 * documents each function; most of these appear there under their public names. This header
 * documents the differences: a folder is a directory handle, borrowed for the call, and options are
 * complete and never NULL.
 *
 * The parts, lowest first: scan (entries in the order of the .dat), object (one frame, decoded and
 * compared with its name), index (the sorted list of entries, in the .idx or in memory), folder
 * (which packs there are), writer, reader, verify, set.
 */
#ifndef FIRN_CHKP_CHKP_H
#define FIRN_CHKP_CHKP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/step.h"
#include "chkp/chkp_format.h"
#include "os/os.h"
#include "os/os_process.h"
#include "tempfile/tempfile.h"

/* Passes on a failure whose text was kept separately, because it might not have counted: success
 * leaves an error untouched. Returns rc. */
static inline int
fi_chkp_pass_error(firn_error *err, int rc, const firn_error *problem)
{
    if (rc != FIRN_OK && err != NULL) {
        *err = *problem;
    }
    return rc;
}

/* ---- scan (chkp_scan.c): the entries of a .dat, one after the other ---- */

struct fi_chkp_scan {
    struct fi_os_file *file; /* borrowed */
    uint64_t file_size;
    uint32_t count; /* declared by the header */
    uint32_t seen;
    uint64_t next; /* offset of the next entry */
    /* Bytes of the file from window_offset on, read ahead. */
    struct fi_buf window;
    uint64_t window_offset;
};

/* Checks the header, and the file's size against it; FIRN_CORRUPT, or FIRN_NEWER for a later
 * version. Allocates nothing. */
FIRN_MUST_CHECK int fi_chkp_scan_init(struct fi_chkp_scan *scan, struct fi_os_file *file,
                                      firn_error *err);
void fi_chkp_scan_deinit(struct fi_chkp_scan *scan);
/* The next entry, which is inside the file; its frame is not checked. After the last one, which
 * must be the header's last and end with the file, *out_end is true instead. */
FIRN_MUST_CHECK int fi_chkp_scan_next(struct fi_chkp_scan *scan, struct fi_chkp_entry *out,
                                      bool *out_end, firn_error *err);

/* ---- object (chkp_object.c) ---- */

/* The default limit for what one frame may decode to: frames can be made that decode to 32,000
 * times their size. */
#define FI_CHKP_OBJECT_SIZE_MAX ((uint64_t)1024 << 30)

/* Decodes the frame of an entry, gives the content to sink (may be NULL), and compares it with the
 * entry's hash. Here and below sink also fills the error that it returns. Requires: the entry is
 * inside the file. FIRN_LIMIT beyond size_max. Errors name file, offset and object. */
FIRN_MUST_CHECK int fi_chkp_object_stream(struct fi_os_file *file,
                                          const struct fi_chkp_entry *entry, uint64_t size_max,
                                          int (*sink)(void *ctx, firn_slice data, firn_error *err),
                                          void *ctx, firn_error *err);
/* Whether a frame in memory holds the object of this hash; FIRN_CORRUPT if not. */
FIRN_MUST_CHECK int fi_chkp_object_check_frame(firn_slice frame, const firn_hash *hash,
                                               firn_error *err);

/* ---- index (chkp_index.c) ---- */

/* Entries in hash order; equal hashes are adjacent. */
struct fi_chkp_index {
    struct fi_os_file *file;       /* the .idx, owned; or NULL: */
    struct fi_chkp_entry *entries; /* in memory, owned */
    uint64_t count;
};

/* Opens the .idx. FIRN_NOT_FOUND if there is none, FIRN_CORRUPT if its size is not that of
 * count entries. */
FIRN_MUST_CHECK int fi_chkp_index_open(struct fi_chkp_index *index, struct fi_os_dir *dir,
                                       const char *name, uint64_t count,
                                       struct fi_os_stat *out_stat, firn_error *err);
/* Makes one in memory from the .dat: 48 bytes for each entry, FIRN_LIMIT beyond memory_max. */
FIRN_MUST_CHECK int fi_chkp_index_build(struct fi_chkp_index *index, struct fi_os_file *dat,
                                        uint64_t memory_max, firn_error *err);
void fi_chkp_index_deinit(struct fi_chkp_index *index);
/* The entries [first, first + count). Requires: they exist. */
FIRN_MUST_CHECK int fi_chkp_index_get(const struct fi_chkp_index *index, uint64_t first,
                                      size_t count, struct fi_chkp_entry *out, firn_error *err);
/* The first entry with this hash, if a search finds one. Any thread. */
FIRN_MUST_CHECK int fi_chkp_index_find(const struct fi_chkp_index *index, const firn_hash *hash,
                                       bool *out_found, struct fi_chkp_entry *out, firn_error *err);
/* Writes an .idx for sorted entries, replacing an older one: durable when this returns. */
FIRN_MUST_CHECK int fi_chkp_index_write(const struct fi_chkp_entry *entries, size_t count,
                                        struct fi_os_dir *dir, const char *name, firn_error *err);

/* Compares a whole .idx with a whole .dat: sorted, and the same entries. Any thread. */
FIRN_MUST_CHECK int fi_chkp_index_check(const struct fi_chkp_index *index, struct fi_os_file *dat,
                                        firn_error *err);

/* Sorts by hash, then offset; in place. */
void fi_chkp_index_sort(struct fi_chkp_entry *entries, size_t count);

/* ---- temporary files ---- */

/* The kind of temporary files here (tempfile.h). */
#define FI_CHKP_TEMP_KIND "chkp"

/* ---- folder (chkp_folder.c) ---- */

/* Two lists of NUL-terminated texts, one after the other, in ascending order. */
struct fi_chkp_folder {
    char (*names)[FIRN_CHKP_NAME_SIZE]; /* of packs */
    size_t count;
    struct fi_buf misnamed; /* files pack-*.dat that cannot be packs, each with its NUL */
};

FIRN_MUST_CHECK int fi_chkp_folder_list(struct fi_chkp_folder *folder, struct fi_os_dir *dir,
                                        firn_error *err);
void fi_chkp_folder_deinit(struct fi_chkp_folder *folder);

/* ---- writer (chkp_writer.c) ---- */

struct firn_chkp_writer;

FIRN_MUST_CHECK int fi_chkp_writer_create(struct fi_os_dir *dir, struct firn_chkp_writer **out,
                                          firn_error *err);
FIRN_MUST_CHECK int fi_chkp_writer_add(struct firn_chkp_writer *writer, firn_slice content,
                                       firn_hash *out_hash, bool *out_is_new, firn_error *err);
/* source also fills the error that it returns. */
FIRN_MUST_CHECK int fi_chkp_writer_add_stream(struct firn_chkp_writer *writer,
                                              int (*source)(void *ctx, uint8_t *data, size_t size,
                                                            size_t *out_size, firn_error *err),
                                              void *ctx, firn_hash *out_hash, bool *out_is_new,
                                              firn_error *err);
FIRN_MUST_CHECK int fi_chkp_writer_add_frame(struct firn_chkp_writer *writer, const firn_hash *hash,
                                             firn_slice frame, bool *out_is_new, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_writer_add_trusted_frame(struct firn_chkp_writer *writer,
                                                     const firn_hash *hash, firn_slice frame,
                                                     bool *out_is_new, firn_error *err);
uint64_t fi_chkp_writer_count(const struct firn_chkp_writer *writer);
FIRN_MUST_CHECK int fi_chkp_writer_finish(struct firn_chkp_writer *writer,
                                          char out_name[FIRN_CHKP_NAME_SIZE], firn_error *err);
void fi_chkp_writer_destroy(struct firn_chkp_writer *writer);

/* ---- reader (chkp.c, chkp_verify.c): any number of threads on one handle ---- */

/* What the two files were when a pack was opened. */
struct fi_chkp_identity {
    struct fi_os_stat dat;
    struct fi_os_stat idx; /* zeros if the index is in memory */
};

struct firn_chkp {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    char name[FIRN_CHKP_NAME_SIZE];
    firn_chkp_options options;
    struct fi_os_file *dat;
    uint64_t dat_size;
    struct fi_chkp_index index;
    struct fi_chkp_identity identity;
    /* Whether the index is known to list exactly what is in the .dat. Set with release by the
     * thread that has checked it, read with acquire by those that rely on it; it guards no other
     * memory. */
    atomic_bool index_is_whole;
};

FIRN_MUST_CHECK int fi_chkp_open(struct fi_os_dir *dir, const char *name,
                                 const firn_chkp_options *options, struct firn_chkp **out,
                                 firn_error *err);
void fi_chkp_close(struct firn_chkp *pack);
/* Checks that the index lists exactly what is in the .dat, unless that has been done. */
FIRN_MUST_CHECK int fi_chkp_check_index(struct firn_chkp *pack, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_locate(struct firn_chkp *pack, const firn_hash *hash,
                                   struct fi_chkp_entry *out, firn_error *err);
/* Whether an entry that an index names is in the .dat: FIRN_CORRUPT if not. */
FIRN_MUST_CHECK int fi_chkp_check_entry(struct fi_os_file *dat, uint64_t dat_size,
                                        const struct fi_chkp_entry *entry, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_contains(struct firn_chkp *pack, const firn_hash *hash, bool *out,
                                     firn_error *err);
FIRN_MUST_CHECK int fi_chkp_read(struct firn_chkp *pack, const firn_hash *hash, size_t size_max,
                                 uint8_t **out, size_t *out_size, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_stream(struct firn_chkp *pack, const firn_hash *hash,
                                   int (*sink)(void *ctx, firn_slice data, firn_error *err),
                                   void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_list(struct firn_chkp *pack,
                                 int (*visit)(void *ctx, const struct fi_chkp_entry *entry),
                                 void *ctx, firn_error *err);
/* step (may be NULL) gets the bytes of objects and of the file that were verified; if it fails, so
 * does the check, with the same code. */
FIRN_MUST_CHECK int fi_chkp_verify(struct firn_chkp *pack,
                                   void (*on_damage)(void *ctx, const char *text), void *ctx,
                                   const struct fi_step *step, firn_error *err);
/* Whether the content of the whole .dat has the pack's name: FIRN_CORRUPT if not. step may be
 * NULL. */
FIRN_MUST_CHECK int fi_chkp_name_verify(struct firn_chkp *pack, const struct fi_step *step,
                                        firn_error *err);
FIRN_MUST_CHECK int fi_chkp_rebuild_index(struct fi_os_dir *dir, const char *name,
                                          const firn_chkp_options *options, firn_error *err);

/* ---- set (chkp_set.c): one thread at a time ---- */

struct firn_chkp_set;

FIRN_MUST_CHECK int fi_chkp_set_open(struct fi_os_dir *dir, const char *const *names,
                                     size_t name_count, const firn_chkp_options *options,
                                     void (*on_damage)(void *ctx, const char *text), void *ctx,
                                     struct firn_chkp_set **out, firn_error *err);
void fi_chkp_set_close(struct firn_chkp_set *set);
size_t fi_chkp_set_count(const struct firn_chkp_set *set);
uint64_t fi_chkp_set_object_count(const struct firn_chkp_set *set);
const char *fi_chkp_set_name(const struct firn_chkp_set *set, size_t i);
FIRN_MUST_CHECK int fi_chkp_set_contains(struct firn_chkp_set *set, const firn_hash *hash,
                                         bool *out, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_set_locate(struct firn_chkp_set *set, const firn_hash *hash,
                                       struct fi_chkp_entry *out, const char **out_name,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_chkp_set_read(struct firn_chkp_set *set, const firn_hash *hash,
                                     size_t size_max, uint8_t **out, size_t *out_size,
                                     firn_error *err);
FIRN_MUST_CHECK int fi_chkp_set_stream(struct firn_chkp_set *set, const firn_hash *hash,
                                       int (*sink)(void *ctx, firn_slice data, firn_error *err),
                                       void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_set_list(struct firn_chkp_set *set,
                                     int (*visit)(void *ctx, const char *name,
                                                  const struct fi_chkp_entry *entry),
                                     void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_chkp_set_verify(struct firn_chkp_set *set,
                                       void (*on_damage)(void *ctx, const char *text), void *ctx,
                                       const struct fi_step *step, firn_error *err);

#endif
