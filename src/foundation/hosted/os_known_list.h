/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known_list.h: the list of known files: in memory, and as text. Only os_known_internal.h
 * includes it. For one thread at a time.
 */
#ifndef FIRN_HOSTED_OS_KNOWN_LIST_H
#define FIRN_HOSTED_OS_KNOWN_LIST_H

#include "base/buf.h"
#include "base/hash_map.h"
#include "os/os.h"

enum { FIRN_OS_KNOWN_LIST_PATH_SIZE_MAX = 1024, FIRN_OS_KNOWN_LIST_IDS = 2 };

/* Which file it is. Zeros: any (a name that is known alone). */
struct firn_os_known_list_id {
    uint64_t inode;
    int64_t birth_ns;
    uint64_t head; /* a hash of what it begins with; 0: that is not known */
};

struct firn_os_known_list_entry {
    char *path;
    uint64_t hash;
    struct firn_os_known_list_id ids[FIRN_OS_KNOWN_LIST_IDS]; /* the newest first */
    unsigned id_count;                                        /* 0: the name is not known */
    bool is_ours;    /* admitted or settled by this handle */
    bool is_fresh;   /* not known before the last sync of its directory */
    bool is_pending; /* the list does not say yet what the entry says */
    bool is_touched; /* fresh or pending, and in the guard's list of those */
    bool is_seen;    /* by a survey */
};

struct firn_os_known_list {
    struct firn_hash_map entries; /* struct firn_os_known_list_entry * each */
    uint64_t end;                 /* of what was read, in the file */
    uint64_t next;                /* number of the next line */
    uint64_t synced;              /* lines up to this number are durable, or were once */
    uint64_t missing;             /* number of the first line that is missing; 0: none is */
    bool has_rest;                /* something that is no line comes after the last line */
    bool has_head;
};

void firn_os_known_list_init(struct firn_os_known_list *list);
void firn_os_known_list_deinit(struct firn_os_known_list *list);

/* Reads lines that come at list->end. False if memory runs out. */
bool firn_os_known_list_read(struct firn_os_known_list *list, firn_slice bytes);
/* Whether it has a head, and every line that was durable. */
bool firn_os_known_list_is_sound(const struct firn_os_known_list *list);

/* The entry of a path, or NULL; also one whose name is not known any more. */
struct firn_os_known_list_entry *firn_os_known_list_find(const struct firn_os_known_list *list,
                                                         const char *path);
/* The same, made if missing; NULL if memory runs out. */
struct firn_os_known_list_entry *firn_os_known_list_get(struct firn_os_known_list *list,
                                                        const char *path);
/* The id of that inode and birth; NULL if there is none. */
const struct firn_os_known_list_id *
firn_os_known_list_id_of(const struct firn_os_known_list_entry *entry,
                         struct firn_os_known_list_id id);
bool firn_os_known_list_has(const struct firn_os_known_list_entry *entry,
                            struct firn_os_known_list_id id);
/* Makes it the newest. */
void firn_os_known_list_add_id(struct firn_os_known_list_entry *entry,
                               struct firn_os_known_list_id id);

/* Appends a line, and counts it. sign: '+' adds an id, '=' makes it the only one, '-' forgets the
 * name. */
FIRN_MUST_CHECK int firn_os_known_list_write(struct firn_os_known_list *list, struct firn_buf *out,
                                             char sign, const char *path,
                                             struct firn_os_known_list_id id);
/* Appends the head of a list, and a line for each id of each known name. The list counts from there
 * on. */
FIRN_MUST_CHECK int firn_os_known_list_write_all(struct firn_os_known_list *list,
                                                 struct firn_buf *out);

#endif
