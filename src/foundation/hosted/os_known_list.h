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

enum { FI_OS_KNOWN_LIST_PATH_SIZE_MAX = 1024, FI_OS_KNOWN_LIST_IDS = 2 };

/* Which file it is. Zeros: any (a name that is known alone). */
struct fi_os_known_list_id {
    uint64_t inode;
    int64_t birth_ns;
    uint64_t head; /* a hash of what it begins with; 0: that is not known */
};

struct fi_os_known_list_entry {
    char *path;
    uint64_t hash;
    struct fi_os_known_list_id ids[FI_OS_KNOWN_LIST_IDS]; /* the newest first */
    unsigned id_count;                                    /* 0: the name is not known */
    bool is_ours;                                         /* admitted or settled by this handle */
    bool is_fresh;   /* not known before the last sync of its directory */
    bool is_pending; /* the list does not say yet what the entry says */
    bool is_touched; /* fresh or pending, and in the guard's list of those */
    bool is_seen;    /* by a survey */
};

struct fi_os_known_list {
    struct fi_hash_map entries; /* struct fi_os_known_list_entry * each */
    uint64_t end;               /* of what was read, in the file */
    uint64_t next;              /* number of the next line */
    uint64_t synced;            /* lines up to this number are durable, or were once */
    uint64_t missing;           /* number of the first line that is missing; 0: none is */
    bool has_rest;              /* something that is no line comes after the last line */
    bool has_head;
};

void fi_os_known_list_init(struct fi_os_known_list *list);
void fi_os_known_list_deinit(struct fi_os_known_list *list);

/* Reads lines that come at list->end. False if memory runs out. */
bool fi_os_known_list_read(struct fi_os_known_list *list, firn_slice bytes);
/* Whether it has a head, and every line that was durable. */
bool fi_os_known_list_is_sound(const struct fi_os_known_list *list);

/* The entry of a path, or NULL; also one whose name is not known any more. */
struct fi_os_known_list_entry *fi_os_known_list_find(const struct fi_os_known_list *list,
                                                     const char *path);
/* The same, made if missing; NULL if memory runs out. */
struct fi_os_known_list_entry *fi_os_known_list_get(struct fi_os_known_list *list,
                                                    const char *path);
/* The id of that inode and birth; NULL if there is none. */
const struct fi_os_known_list_id *fi_os_known_list_id_of(const struct fi_os_known_list_entry *entry,
                                                         struct fi_os_known_list_id id);
bool fi_os_known_list_has(const struct fi_os_known_list_entry *entry,
                          struct fi_os_known_list_id id);
/* Makes it the newest. */
void fi_os_known_list_add_id(struct fi_os_known_list_entry *entry, struct fi_os_known_list_id id);

/* Appends a line, and counts it. sign: '+' adds an id, '=' makes it the only one, '-' forgets the
 * name. */
FIRN_MUST_CHECK int fi_os_known_list_write(struct fi_os_known_list *list, struct fi_buf *out,
                                           char sign, const char *path,
                                           struct fi_os_known_list_id id);
/* Appends the head of a list, and a line for each id of each known name. The list counts from there
 * on. */
FIRN_MUST_CHECK int fi_os_known_list_write_all(struct fi_os_known_list *list, struct fi_buf *out);

#endif
