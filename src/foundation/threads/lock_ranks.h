/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/lock_ranks.h: the one table of mutexes. A thread takes them in ascending order only.
 */
#ifndef FIRN_THREADS_LOCK_RANKS_H
#define FIRN_THREADS_LOCK_RANKS_H

enum firn_lock_rank {
    FIRN_LOCK_WORKSPACE_WALK = 10, /* workspace: the stack of directories to visit */
    FIRN_LOCK_WORKSPACE_TREE = 15, /* workspace: results that walkers share */
    FIRN_LOCK_PACK_WRITER = 20,    /* pack: claimed hashes and the file's end */
    FIRN_LOCK_PACK_SET = 25,       /* pack: open packs, idle working memory */
    FIRN_LOCK_DB_COMMIT = 30,      /* store: the queue of committers */
    FIRN_LOCK_DB_STATE = 40,       /* store: keyspaces, sequence, cursors, failure latch */
    FIRN_LOCK_DB_JOBS = 42,        /* store: background work, its failures, the reserve */
    FIRN_LOCK_LSM = 45,            /* lsm: current versions, memtables, works */
    FIRN_LOCK_LSM_FILES = 47,      /* lsm: which run files are open */
    FIRN_LOCK_LOG = 50,            /* log: the segment's buffer and offsets */
    FIRN_LOCK_BLOCK_WRITER = 55,   /* block: the end of a file being written */
    FIRN_LOCK_LSM_MEMORY = 57,     /* lsm: memory that no memtable uses */
    FIRN_LOCK_BLOCK_CACHE = 60,    /* block: cache shards */
    FIRN_LOCK_OS = 90              /* os: job queues and the memory file system */
};

#endif
