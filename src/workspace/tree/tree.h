/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree.h: directory objects (docs/formats/tree.md). A directory is the sorted list of its
 * entries; its object is canonical: the same entries give the same bytes, so equal directories have
 * equal hashes, for any writer.
 *
 * A directory whose entries encode to more than 64 KiB is split between entries, at places that the
 * names determine, so one edit in a huge directory changes one part and the index above it.
 */
#ifndef FIRN_TREE_TREE_H
#define FIRN_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "firn/types.h"

/* On disk. */
enum fi_tree_kind { FI_TREE_FILE = 1, FI_TREE_DIR = 2, FI_TREE_SYMLINK = 3 };

enum {
    FI_TREE_NAME_SIZE_MAX = 255,
    FI_TREE_TARGET_SIZE_MAX = 4095,
    FI_TREE_PATH_SIZE_MAX = 1 << 20,
    FI_TREE_XATTRS_SIZE_MAX = 1 << 20,
    FI_TREE_OBJECT_SIZE_MAX = 4 << 20,
    FI_TREE_DEPTH_MAX = 4096, /* of nested directories */
    FI_TREE_LEVELS_MAX = 8    /* of parts of one directory */
};

/* All slices are borrowed. */
struct fi_tree_entry {
    firn_slice name; /* 1 to 255 bytes, no '/', no NUL, not "." or ".." */
    enum fi_tree_kind kind;
    uint32_t mode; /* 12 permission bits; 0777 for links */
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    uint64_t size;        /* of a file's content; 0 for others */
    firn_hash hash;       /* of a file's content, of a directory's object; zero for links */
    firn_slice target;    /* of a symbolic link, 1 to 4095 bytes without NUL */
    firn_slice xattrs;    /* encoded by fi_tree_xattrs_*; empty if there are none */
    firn_slice hard_link; /* path from the root of the group's first name, unless it is that one */
};

/* Appends the encoding of one entry. The entry must be valid (CHECKed). */
FIRN_MUST_CHECK int fi_tree_encode_entry(struct fi_buf *out, const struct fi_tree_entry *entry);
/* Decodes one whole encoded entry at the beginning of *encoded and advances it; FIRN_CORRUPT if the
 * entry is not canonical. */
FIRN_MUST_CHECK int fi_tree_decode_entry(firn_slice *encoded, struct fi_tree_entry *out,
                                         firn_error *err);
/* Whether a name may be in a tree. */
bool fi_tree_name_is_valid(firn_slice name);
/* Whether a path consists of such names, with single slashes between them. */
bool fi_tree_path_is_valid(firn_slice path);

/* Extended attributes: appended in ascending order of names, each once. */
FIRN_MUST_CHECK int fi_tree_xattrs_append(struct fi_buf *out, firn_slice name, firn_slice value);
/* Whether bytes are such a list, complete and in order. */
bool fi_tree_xattrs_are_valid(firn_slice encoded);
/* Takes the first one, of any size; false at the end, and if the bytes are malformed. Whether they
 * are in order is not checked here (decode has checked an entry's xattrs). */
bool fi_tree_xattrs_next(firn_slice *encoded, firn_slice *out_name, firn_slice *out_value);

/* Builds the object, or objects, of a directory from its encoded entries (sorted and concatenated).
 * Calls put for each object, parts before the index above them; *out_hash is that of the
 * directory. */
FIRN_MUST_CHECK int fi_tree_build(firn_slice encoded_entries,
                                  int (*put)(void *ctx, const firn_hash *hash, firn_slice object,
                                             firn_error *err),
                                  void *ctx, firn_hash *out_hash, firn_error *err);

/* Reads an object by its hash: its bytes replace the contents of out. */
struct fi_tree_source {
    int (*read)(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err);
    void *ctx;
    struct fi_budget *budget; /* for what walks do; NULL: no limit */
};

/* A walk over the entries of one directory, in order. Every rule of the format (order, names,
 * sizes, levels) is checked on the way: FIRN_CORRUPT names the directory's hash. */
struct fi_tree_iterator;
FIRN_MUST_CHECK int fi_tree_iterator_create(const struct fi_tree_source *source,
                                            const firn_hash *directory,
                                            struct fi_tree_iterator **out, firn_error *err);
void fi_tree_iterator_destroy(struct fi_tree_iterator *iterator);
/* The next entry, borrowed until the next call; at the end *out_is_end is true instead. */
FIRN_MUST_CHECK int fi_tree_iterator_next(struct fi_tree_iterator *iterator,
                                          const struct fi_tree_entry **out, bool *out_is_end,
                                          firn_error *err);
/* Passes the next parts that are the same in two directories, without reading or checking them:
 * next continues after them. Parts are passed only where both iterators are at the end of a part.
 * Requires: the last entries that next gave have the same name, or next was not called yet. Entries
 * that next gave stay valid. After a failure both iterators may only be destroyed. */
FIRN_MUST_CHECK int fi_tree_iterator_pass_equal(struct fi_tree_iterator *a,
                                                struct fi_tree_iterator *b, firn_error *err);

/* A selection: these paths and everything below them. */

/* A zeroed struct selects everything. */
struct fi_tree_filter {
    firn_slice *paths; /* clean: valid names between single slashes; borrowed bytes */
    bool *was_met;
    size_t count;
};

/* Checks and cleans paths (removes trailing slashes); a path of "" selects everything. FIRN_INVALID
 * names a bad one. The bytes stay borrowed from the caller. */
FIRN_MUST_CHECK int fi_tree_filter_init(struct fi_tree_filter *filter, const firn_slice *paths,
                                        size_t count, firn_error *err);
void fi_tree_filter_deinit(struct fi_tree_filter *filter);

/* Whether a path is selected: one of the paths or below one. Remembers which of them were found. */
bool fi_tree_filter_selects(struct fi_tree_filter *filter, firn_slice path);
/* Whether something below a directory may be selected although the directory itself is not. */
bool fi_tree_filter_leads_on(const struct fi_tree_filter *filter, firn_slice directory);
/* FIRN_NOT_FOUND, naming the path, if one of them was never found. */
FIRN_MUST_CHECK int fi_tree_filter_check_met(const struct fi_tree_filter *filter, firn_error *err);

/* Finding the entry of a path in a tree, and checking what an entry says about another one. */

/* For one tree and one thread. Remembers the directory of the last look-up. */
struct fi_tree_lookup {
    const struct fi_tree_source *source;
    firn_hash root;
    struct fi_buf path; /* of the directory that the iterator walks */
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry; /* the iterator's; NULL at its end */
    unsigned turns;                    /* times that it had to begin a directory anew */
    struct fi_hash_map known;          /* directories that links led to often, and their entries */
};

/* source is borrowed. */
void fi_tree_lookup_init(struct fi_tree_lookup *lookup, const struct fi_tree_source *source,
                         const firn_hash *root);
/* A zeroed struct is fine. */
void fi_tree_lookup_deinit(struct fi_tree_lookup *lookup);

/* The entry of a path, borrowed until the next call; NULL if the tree does not have it. Requires:
 * the path is clean and not empty (the root has no entry). */
FIRN_MUST_CHECK int fi_tree_lookup_find(struct fi_tree_lookup *lookup, firn_slice path,
                                        const struct fi_tree_entry **out, firn_error *err);

/* Whether the path that a hard link names is the first name of its group: an entry of the
 * same kind with the same fields that is not itself a further name. FIRN_CORRUPT, naming both
 * paths, if it is not. */
FIRN_MUST_CHECK int fi_tree_lookup_check_link(struct fi_tree_lookup *lookup, firn_slice path,
                                              const struct fi_tree_entry *link, firn_error *err);

/* One directory object by itself: it has either entries, or parts of the directory. Checked entry
 * by entry, not as part of a directory: FIRN_CORRUPT, FIRN_NEWER. Any result of a visit but FIRN_OK
 * ends the call and is returned. */
struct fi_tree_object_visitor {
    int (*part)(void *ctx, const firn_hash *hash, firn_error *err);
    int (*entry)(void *ctx, const struct fi_tree_entry *entry, firn_error *err);
    void *ctx;
};
FIRN_MUST_CHECK int fi_tree_object_visit(firn_slice object,
                                         const struct fi_tree_object_visitor *visitor,
                                         firn_error *err);

/* Which objects a directory object names. */

/* Calls visit for each object that one directory object (of any level) names: its parts, the
 * objects of its subdirectories (is_tree), the contents of its files (not is_tree). The object is
 * checked entry by entry, not as part of a directory: FIRN_CORRUPT, FIRN_NEWER. Any result of
 * visit but FIRN_OK ends the call and is returned. */
FIRN_MUST_CHECK int fi_tree_references(firn_slice object,
                                       int (*visit)(void *ctx, const firn_hash *hash, bool is_tree,
                                                    firn_error *err),
                                       void *ctx, firn_error *err);

/* The names of entries that no checkpoint contains and that no restore writes, changes or removes:
 * what version control and firn itself keep in a directory. Pure functions over names: any thread,
 * no failure. */

/* Why a name is reserved, one line without a full stop; NULL if it is not, like nearly all. */
const char *fi_tree_reserved_name(firn_slice name);
/* The same for a path with slashes: the first reserved name in it. */
const char *fi_tree_reserved_path(firn_slice path);
/* Whether the name is one that restores of any tree give to new and displaced entries until they
 * end: scans do not save such entries. */
bool fi_tree_reserved_is_temporary(firn_slice name);

#endif
