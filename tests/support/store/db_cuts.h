/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/db_cuts.h: stores with a past of every kind, of which one file after the other is cut
 * short, changed in one bit, or taken away.
 */
#ifndef FIRN_TEST_DB_CUTS_H
#define FIRN_TEST_DB_CUTS_H

#include "db_support.h"

enum { DB_CUTS_EVENTS_MAX = 220, DB_CUTS_NAME_SIZE = 64 };
enum db_cuts_ending { DB_CUTS_CLOSED, DB_CUTS_KILLED, DB_CUTS_POWER_LOST, DB_CUTS_ENDINGS };

struct db_cuts_scene;
struct db_cuts_damage {
    const char *path; /* from the store's directory on */
    size_t at;        /* SIZE_MAX: the file is missing */
    int bit;          /* that was changed; -1: the file ends at `at` */
};
/* Judges one damage to scene->copy. */
typedef void (*db_cuts_judge)(struct db_cuts_scene *scene, const struct db_cuts_damage *damage);

/* An event is a commit, or a change of checkpoints or keyspaces. */
struct db_cuts_scene {
    struct db_support support;
    const char *path;
    struct fi_os_dir *dir; /* of the store that is damaged */
    struct fi_os_dir *copy;
    struct firn_db *db;
    struct firn_db_keyspace *keyspaces[2];
    unsigned puts[2]; /* commits into each */
    unsigned events;
    char *states[DB_CUTS_EVENTS_MAX + 1]; /* what the store shows after so many events */
    bool has_large;                       /* values that go to files of their own */
    bool is_held;                         /* it is a copy of one that was open */
    bool has_loads;
    bool has_checkpoints;
    unsigned kept;       /* events that no damage of the log may take */
    unsigned in_runs;    /* events that no damage of the log can reach */
    struct fi_buf names; /* of files, each DB_CUTS_NAME_SIZE */
    uint64_t points;     /* damages so far, those of others too */
    uint64_t count;      /* for the judge */
    uint64_t refused;
};

/* All that a handle shows, as text: every keyspace with its entries, the checkpoints, and what each
 * of them sees. Another code than FIRN_OK is a finding; *out is the caller's to free. */
FIRN_MUST_CHECK int db_cuts_show(struct firn_db *db, char **out, firn_error *err);
/* How many events lead to what is shown; -1: no number of them does. */
int db_cuts_find_state(const struct db_cuts_scene *scene, const char *shown);
/* Whether the code says that something is damaged or missing. */
bool db_cuts_is_finding(int rc);
/* Events that are there whatever is damaged in a file. */
unsigned db_cuts_least(const struct db_cuts_scene *scene, const char *path);
size_t db_cuts_count_runs(struct fi_os_dir *dir);
/* Opens an empty directory beside the store. */
struct fi_os_dir *db_cuts_make_dir(struct db_cuts_scene *scene, const char *name);

/* Makes the store of each kind, ends it in each way, and shows each damage to the judge. step: about how
 * many bytes lie between two damaged ones in a normal run of the smallest stores. */
struct db_cuts_kind {
    const char *name;
    void (*make)(struct db_cuts_scene *scene);
    size_t step;
};
extern const struct db_cuts_kind db_cuts_kinds[];
extern const size_t db_cuts_kind_count;
/* The pieces of that, for other ends: `begin` makes an empty store with two keyspaces, `end` lets all
 * of it go. */
void db_cuts_begin(struct db_cuts_scene *scene);
void db_cuts_put(struct db_cuts_scene *scene, unsigned count);
void db_cuts_end(struct db_cuts_scene *scene);
void db_cuts_run(const struct db_cuts_kind *kind, size_t sparser, db_cuts_judge judge);

#endif
