/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan.h: one parallel pass over a directory tree that reads and hashes every file and
 * builds the directory objects bottom-up. The objects go to a sink: a save's sink adds them to a
 * session; a comparison's keeps only the directories, in memory.
 */
#ifndef FIRN_SCAN_SCAN_H
#define FIRN_SCAN_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/workspace.h"
#include "objects/objects.h"
#include "os/os.h"
#include "pack/pack.h"
#include "pack/pack_cells.h"
#include "rules/rules.h"
#include "tree/tree.h"

enum { FI_SCAN_LARGE_SIZE = 8 << 20 }; /* files above it are cut into pieces */
enum { FI_SCAN_DATABASE = 2 };         /* in fi_scan_result.stores */

struct fi_statcache;

/* A tree in the store. source is borrowed, and any thread may use it; NULL: there is no tree. */
struct fi_scan_last {
    const struct fi_tree_source *source;
    firn_hash root;
};

/* The directories that a scan visits besides the root. The scan's threads call the functions. */
struct fi_scan_confines {
    bool (*is_inside)(void *ctx, firn_slice path);
    /* The entry of a directory that is not inside, borrowed until the next call; *out is NULL if
     * the directory is to be visited nevertheless. */
    int (*entry)(void *ctx, firn_slice path, const struct fi_tree_entry **out, firn_error *err);
    /* If the function entry is NULL, entries are taken from this tree; each thread looks them up
     * itself. */
    struct fi_scan_last outside;
    /* Whether a directory object is in the store; only such directories are noted in the stat
     * cache. NULL: the tree is a true one, so all are noted. */
    int (*is_stored)(void *ctx, const firn_hash *tree, bool *out, firn_error *err);
    /* If true, a new or changed rule file, or a new name of a file with several, fails the scan
     * with FIRN_CONFLICT: only a scan of the whole tree can find out what the rules exclude, and
     * which of the names holds the content. Entries that the stat cache noted in a scan that began
     * after known_ns count as new. */
    bool needs_known;
    int64_t known_ns;
    void *ctx;
};

/* Functions that are called for each directory that is visited, by any thread of the scan. */
struct fi_scan_witness {
    /* Before the directory is listed and its own attributes are read. NULL: no call. */
    void (*enter)(void *ctx, struct fi_os_dir *dir, firn_slice path);
    /* After its object is made, with counts of what is in it, not in subdirectories. is_steady: a
     * visit of the directory as it is now has nothing to report, and no file in it has other
     * names. */
    int (*leave)(void *ctx, firn_slice path, uint64_t files, uint64_t bytes, bool is_steady,
                 firn_error *err);
    void *ctx;
};

/* How the SQLite databases that a process has open are copied (firn_workspace_options). */
struct fi_scan_sqlite {
    int (*copy)(void *ctx, const char *path, char *out_copy, size_t copy_size, firn_error *err);
    void *ctx;
};

/* Which part of the git repositories in a workspace a scan reads, instead of the user's files
 * (scan_repository.c). */
struct fi_scan_repositories {
    const firn_slice *paths; /* of entries .git, ascending; borrowed */
    size_t count;
    bool objects; /* the directories of git's objects; false: everything else */
};

struct fi_scan_options {
    bool names_only; /* files are counted, and neither read nor in the tree that results */
    bool include_deps;
    bool gitignore; /* .gitignore files count as well */
    /* Entries that these exclude are left out too (rules.h). May be NULL; borrowed. */
    const struct fi_rules_list *stored_rules;
    bool no_rules;          /* rule files on disk are files like any other */
    uint64_t file_size_max; /* larger files are left out as if by a rule; 0: none */
    bool strict;
    /* The tree is a copy, which nobody else uses: stores in it are files like any other. With
     * strict also reserved names fail the scan. */
    bool is_copy;
    const firn_workspace_gap *gaps; /* what the tree lacks; as in firn_workspace_save_options */
    size_t gap_count;
    unsigned threads; /* 0: one for each processor, at most 16; never more than 64 */
    /* A directory that is never entered (the store): device and inode, if has_store. */
    bool has_store;
    uint64_t store_device;
    uint64_t store_inode;
    const struct fi_place_nested *nested; /* roots of other workspaces, left out; may be NULL */
    firn_callbacks callbacks;
    struct fi_statcache *stat;               /* what earlier scans saw; NULL: everything is read */
    const struct fi_scan_confines *confines; /* NULL: the whole tree */
    const struct fi_scan_witness *witness;   /* NULL: none */
    struct fi_scan_sqlite sqlite;            /* copy NULL: databases are files like any other */
    /* the tree of the last checkpoint: entries that cannot be read are taken from it */
    struct fi_scan_last last;
    const struct fi_scan_repositories *repositories; /* NULL: the user's files */
};

struct fi_scan_result {
    /* the root directory itself: name empty; xattrs borrowed from root_xattrs */
    struct fi_tree_entry root;
    struct fi_buf root_xattrs;
    struct fi_buf stores; /* firn stores in the tree: of each fi_copy_hot_print, eight bytes,
                               or 0 if it is saved file by file; then 1, or 0 if only its names look
                               like a store's; then its path and a NUL. SQLite databases that are in
                               use, likewise: 0 and FI_SCAN_DATABASE */
    struct fi_buf rules;  /* the object of the rules that counted, empty if they are plain */
    int64_t begun_ns;     /* when the scan began, by the clock of file times */
    bool has_fresh_links; /* a file got a name while the scan ran, and not all of its names were
                               found: one may be in a directory that was visited before */
    uint64_t files;       /* all entries that are not directories */
    uint64_t directories;
    uint64_t bytes;       /* of file contents; a group of hard links counts once */
    uint64_t new_objects; /* file contents for which add said new */
    uint64_t excluded;    /* entries left out by rules; a directory counts once */
    uint64_t skipped;     /* those left out for other reasons, and those that lack attributes */
};

/* Scans the tree at root; mount points are crossed. A file that is appended to all the time is
 * saved up to its size when reading began, and reported (GROWING). A file or directory that cannot
 * be read, went away, or was written to in place each time it was read is saved as `last` has it,
 * and reported (CARRIED). If `last` does not have it, it is left out, reported by a notice
 * (UNREADABLE, VANISHED, CHANGING) and counted in skipped. An entry that is saved without an
 * attribute that could not be read is reported (METADATA) and counted there too. With strict each
 * of these fails the scan with the code of its cause (FIRN_DENIED, FIRN_IO, FIRN_NOT_FOUND,
 * FIRN_CONFLICT …) and names the path. Fifos, sockets and devices are left out, reported and
 * counted (strict: FIRN_UNSUPPORTED). A file larger than file_size_max is left out, reported
 * (EXCLUDED) and counted as excluded by a rule, and the rules in the result exclude its path.
 * FIRN_LIMIT if there are too many such files. The rules in the result exclude the paths of the
 * gaps, too, which are counted in skipped and excluded.
 *
 * With a stat cache, a file that is as an earlier scan saw it is not read, and a directory with
 * only such entries is not built. Nothing is added for either, as their objects are in the store.
 * Entries that differ are noted in the cache if the scan succeeds. If the cache turns out to be
 * broken (fi_statcache_is_broken), the scan fails.
 *
 * The result is canonical: independent of threads and of the order in which the system lists. If
 * the sink has wants_content, a file that changed while it was read may leave pieces in the sink
 * that nothing refers to.
 *
 * Callbacks come from any thread, one at a time. In simulation a sink must not wait for another
 * lane. */
FIRN_MUST_CHECK int fi_scan_tree(struct fi_os_dir *root, const struct fi_scan_options *options,
                                 const struct fi_objects_sink *sink, struct fi_scan_result *out,
                                 firn_error *err);
void fi_scan_result_deinit(struct fi_scan_result *result);

/* The cells of a file on disk that are not holes (pack/pack_cells.h), in order, and the name of
 * the file that results from them. */

/* The caller sets file, size (how much of the file is read), tick and ctx. */
struct fi_scan_cell_walk {
    struct fi_os_file *file;
    uint64_t size;
    /* Called with the number of bytes that were read or are in holes; a return other than FIRN_OK
     * ends the walk. May be NULL. */
    int (*tick)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
    uint64_t offset;   /* of the next cell: the caller adds the size of each cell it has read */
    uint64_t data_end; /* of the run of data that was found last */
    bool is_end;
    bool is_shorter; /* the file has become shorter: the walk is over */
};

/* Moves to the next cell that has data, unless the walk is at one; sets is_end if there is none. */
FIRN_MUST_CHECK int fi_scan_cell_walk_find(struct fi_scan_cell_walk *walk, firn_error *err);
/* Reads the current cell into FI_PACK_CELLS_SIZE bytes; *out_size is its size. */
FIRN_MUST_CHECK int fi_scan_cell_walk_read(struct fi_scan_cell_walk *walk, uint8_t *data,
                                           size_t *out_size, firn_error *err);

/* The name of the first walk->size bytes; if part_size is not 0, also that of the first part_size
 * bytes. Requires: part_size <= walk->size; content of either size is named by its cells. */
FIRN_MUST_CHECK int fi_scan_cell_walk_name(struct fi_scan_cell_walk *walk, firn_hash *out,
                                           uint64_t part_size, firn_hash *out_part,
                                           firn_error *err);

/* SQLite databases (scan_sqlite.c). */

/* The size of the name, or path, of the database that a file of this name (-wal, -shm, -journal)
 * belongs to; 0: none. */
size_t fi_scan_sqlite_beside_size(const char *name, size_t size);
/* Whether an open file of this size is a database that another process has open; false if the file
 * system has no locks. */
FIRN_MUST_CHECK int fi_scan_sqlite_is_in_use(struct fi_os_file *file, uint64_t size, bool *out,
                                             firn_error *err);

#endif
