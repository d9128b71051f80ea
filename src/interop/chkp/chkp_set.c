/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_set.c: several packs of one folder, searched in turn.
 *
 * The first pack that has the object answers. A pack that cannot be opened, or is found damaged
 * during a search, is skipped, so that it does not affect the others. (I1) But a miss is
 * only reported as FIRN_NOT_FOUND if every pack was searched and none has the object: otherwise the
 * result is the first error, because the object may well be in the pack that failed.
 *
 * File descriptors are bounded: the first FIRN_CHKP_SET_OPEN_MAX - 1 packs stay open, the others
 * share one further place. Packs are searched from the first on, so it is the first ones that
 * should stay open. When a pack has to be closed, the set notes whether its index was checked, with
 * the identity of its two files; the note is valid if these are the same when the pack is opened
 * again.
 *
 * Memory is a few hundred bytes for each pack. One thread at a time.
 */
#include "base/check.h"
#include "base/mem.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/hex.h"

enum { RESIDENT_MAX = FIRN_CHKP_SET_OPEN_MAX - 1 };
#define NO_GUEST SIZE_MAX

struct member {
    char name[FIRN_CHKP_NAME_SIZE];
    struct firn_chkp *pack; /* NULL while it is closed */
    uint64_t object_count;
    bool index_is_whole; /* the result before it was closed */
    struct fi_chkp_identity identity;
};

struct firn_chkp_set {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct fi_os_dir *dir;
    firn_chkp_options options;
    struct member *members;
    size_t count;
    size_t guest;           /* the open member at or beyond RESIDENT_MAX, or NO_GUEST */
    int left_out_code;      /* of the first pack that could not be opened, or FIRN_OK */
    struct fi_buf left_out; /* the error text of each, with its NUL */
};

/* ---- members ---- */

static bool
is_same_file(const struct fi_os_stat *a, const struct fi_os_stat *b)
{
    return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static void
close_guest(struct firn_chkp_set *set)
{
    if (set->guest == NO_GUEST) {
        return;
    }
    struct member *member = &set->members[set->guest];
    DCHECK(set->guest >= RESIDENT_MAX && member->pack != NULL);
    member->index_is_whole =
        atomic_load_explicit(&member->pack->index_is_whole, memory_order_relaxed);
    member->identity = member->pack->identity;
    fi_chkp_close(member->pack);
    member->pack = NULL;
    set->guest = NO_GUEST;
}

/* The i-th pack, open; valid until the next call. */
static int
borrow(struct firn_chkp_set *set, size_t i, struct firn_chkp **out, firn_error *err)
{
    struct member *member = &set->members[i];
    DCHECK(i <= set->count); /* the next one is being added */
    if (member->pack != NULL) {
        *out = member->pack;
        return FIRN_OK;
    }
    close_guest(set);
    struct firn_chkp *pack;
    int rc = fi_chkp_open(set->dir, member->name, &set->options, &pack, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (member->index_is_whole && is_same_file(&member->identity.dat, &pack->identity.dat) &&
        is_same_file(&member->identity.idx, &pack->identity.idx)) {
        atomic_store_explicit(&pack->index_is_whole, true, memory_order_relaxed);
    }
    DCHECK(set->guest == NO_GUEST && member->pack == NULL);
    if (i >= RESIDENT_MAX) {
        set->guest = i;
    }
    member->pack = pack;
    *out = pack;
    return FIRN_OK;
}

/* ---- open ---- */

/* Which packs are opened, and in what order; or all. */
struct selection {
    const char *const *names;
    size_t count;
    bool is_all; /* all packs in the folder: one that was removed meanwhile is no error */
};

struct reporter {
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
};

static void
chkp_set_report(const struct reporter *reporter, const char *text)
{
    if (reporter->on_damage != NULL) {
        reporter->on_damage(reporter->ctx, text);
    }
}

static int
leave_out(struct firn_chkp_set *set, const struct reporter *reporter, int code, const char *text,
          firn_error *err)
{
    DCHECK(code != FIRN_OK);
    if (fi_buf_append(&set->left_out, text, strlen(text) + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "a set of packs");
    }
    if (set->left_out_code == FIRN_OK) {
        set->left_out_code = code;
    }
    chkp_set_report(reporter, text);
    return FIRN_OK;
}

static int
add_member(struct firn_chkp_set *set, const struct reporter *reporter, const char *name,
           firn_error *err)
{
    firn_error problem;
    struct firn_chkp *pack;
    struct member *member = &set->members[set->count];
    *member = (struct member){.pack = NULL};
    if (!fi_chkp_format_is_name(name, strlen(name))) {
        return fi_error_set(err, FIRN_INVALID,
                            "'%s' is not the name of a CHKP pack: 16 lower-case hex digits", name);
    }
    memcpy(member->name, name, sizeof member->name);
    int rc = borrow(set, set->count, &pack, &problem);
    if (rc == FIRN_OK) {
        member->object_count = pack->index.count;
        set->count++;
        return FIRN_OK;
    }
    if (rc == FIRN_NO_MEMORY || rc == FIRN_NOT_FOUND) {
        return fi_chkp_pass_error(err, rc, &problem);
    }
    return leave_out(set, reporter, rc, problem.text, err);
}

static int
leave_out_misnamed(struct firn_chkp_set *set, const struct reporter *reporter,
                   const struct fi_buf *misnamed, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t at = 0; rc == FIRN_OK && at < misnamed->size;) {
        const char *name = (const char *)misnamed->data + at;
        firn_error problem;
        int code = fi_error_set(&problem, FIRN_CORRUPT,
                                "'%s/%s' is named like a CHKP pack, but no pack has such a name",
                                fi_os_dir_path(set->dir), name);
        rc = leave_out(set, reporter, code, problem.text, err);
        at += strlen(name) + 1;
    }
    return rc;
}

static int
add_members(struct firn_chkp_set *set, const struct reporter *reporter,
            const struct selection *selection, firn_error *err)
{
    set->members = fi_alloc_array(selection->count, sizeof *set->members);
    if (set->members == NULL) {
        return fi_error_no_memory(err, "a set of packs");
    }
    for (size_t i = 0; i < selection->count; i++) {
        firn_error problem;
        int rc = add_member(set, reporter, selection->names[i], &problem);
        if (rc != FIRN_OK && !(rc == FIRN_NOT_FOUND && selection->is_all)) {
            return fi_chkp_pass_error(err, rc, &problem);
        }
    }
    return FIRN_OK;
}

static int
add_all(struct firn_chkp_set *set, const struct reporter *reporter, firn_error *err)
{
    int rc = FIRN_OK;
    const char **names = NULL;
    struct fi_chkp_folder folder = {0};
    FI_TRY(fi_chkp_folder_list(&folder, set->dir, err));
    names = fi_alloc_array(folder.count, sizeof *names);
    if (names == NULL) {
        FI_TRY(fi_error_no_memory(err, "a set of packs"));
    }
    for (size_t i = 0; i < folder.count; i++) {
        names[i] = folder.names[i];
    }
    struct selection all = {names, folder.count, true};
    FI_TRY(add_members(set, reporter, &all, err));
    FI_TRY(leave_out_misnamed(set, reporter, &folder.misnamed, err));
out:
    fi_free(names);
    fi_chkp_folder_deinit(&folder);
    return rc;
}

int
fi_chkp_set_open(struct fi_os_dir *dir, const char *const *names, size_t name_count,
                 const firn_chkp_options *options, void (*on_damage)(void *ctx, const char *text),
                 void *ctx, struct firn_chkp_set **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct reporter reporter = {on_damage, ctx};
    struct selection selection = {names, name_count, false};
    struct firn_chkp_set *set = fi_alloc_zeroed(sizeof *set);
    if (set == NULL) {
        return fi_error_no_memory(err, "a set of packs");
    }
    fi_os_process_init_mark(&set->mark);
    set->options = *options;
    set->guest = NO_GUEST;
    FI_TRY(fi_os_dir_open_beneath(dir, "", &set->dir, err));
    FI_TRY(names == NULL ? add_all(set, &reporter, err)
                         : add_members(set, &reporter, &selection, err));
out:
    if (rc != FIRN_OK) {
        fi_chkp_set_close(set);
        return rc;
    }
    *out = set;
    return FIRN_OK;
}

void
fi_chkp_set_close(struct firn_chkp_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        fi_chkp_close(set->members[i].pack);
    }
    fi_free(set->members);
    fi_buf_deinit(&set->left_out);
    fi_os_dir_close(set->dir);
    fi_free(set);
}

size_t
fi_chkp_set_count(const struct firn_chkp_set *set)
{
    return set->count;
}

uint64_t
fi_chkp_set_object_count(const struct firn_chkp_set *set)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        sum += set->members[i].object_count;
    }
    return sum;
}

const char *
fi_chkp_set_name(const struct firn_chkp_set *set, size_t i)
{
    return i < set->count ? set->members[i].name : NULL;
}

/* ---- asking ---- */

/* One question, asked of one pack after the other. */
struct question {
    const firn_hash *hash;
    int (*ask)(struct question *question, struct firn_chkp *pack, firn_error *err);
    bool is_final; /* the answer is final: no other pack is asked */
    size_t answered_by;
    size_t asked;               /* packs that do not have the object */
    struct fi_chkp_entry entry; /* of locate */
    /* of read */
    size_t size_max;
    uint8_t **out;
    size_t *out_size;
    /* of stream */
    int (*sink)(void *ctx, firn_slice data, firn_error *err);
    void *ctx;
};

/* The result for an object that no pack was found to have (I1). */
static int
answer_of_a_miss(const struct firn_chkp_set *set, const struct question *question, int problem_code,
                 const firn_error *problem, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(question->hash->bytes, sizeof question->hash->bytes, hex);
    if (problem_code != FIRN_OK) {
        return fi_error_set(err, problem_code, "no pack gives object %s: %s", hex, problem->text);
    }
    if (set->left_out_code != FIRN_OK) {
        return fi_error_set(err, set->left_out_code,
                            "no pack that could be opened has object %s: %s", hex,
                            (const char *)set->left_out.data);
    }
    DCHECK(question->asked == set->count); /* (I1) */
    return fi_error_set(err, FIRN_NOT_FOUND, "no pack in '%s' has object %s",
                        fi_os_dir_path(set->dir), hex);
}

/* Whether a failure affects only one pack, and another may still have the object. */
static bool
is_of_one_pack(int rc, bool is_borrowed)
{
    return is_borrowed ? rc == FIRN_CORRUPT || rc == FIRN_IO : rc != FIRN_NO_MEMORY;
}

static int
query_all(struct firn_chkp_set *set, struct question *question, firn_error *err)
{
    firn_error first;
    int first_code = FIRN_OK;
    question->asked = 0;
    for (size_t i = 0; i < set->count; i++) {
        firn_error problem;
        struct firn_chkp *pack;
        int rc = borrow(set, i, &pack, &problem);
        bool is_borrowed = rc == FIRN_OK;
        if (is_borrowed) {
            question->answered_by = i;
            rc = question->ask(question, pack, &problem);
        }
        if (rc == FIRN_NOT_FOUND && is_borrowed && !question->is_final) {
            question->asked++;
            continue;
        }
        if (rc == FIRN_OK || question->is_final || !is_of_one_pack(rc, is_borrowed)) {
            return fi_chkp_pass_error(err, rc, &problem);
        }
        if (first_code == FIRN_OK) {
            first_code = rc;
            first = problem;
        }
    }
    return answer_of_a_miss(set, question, first_code, &first, err);
}

static int
query_for_place(struct question *question, struct firn_chkp *pack, firn_error *err)
{
    return fi_chkp_locate(pack, question->hash, &question->entry, err);
}

int
fi_chkp_set_locate(struct firn_chkp_set *set, const firn_hash *hash, struct fi_chkp_entry *out,
                   const char **out_name, firn_error *err)
{
    struct question question = {.hash = hash, .ask = query_for_place};
    int rc = query_all(set, &question, err);
    if (rc == FIRN_OK) {
        DCHECK(question.answered_by < set->count);
        *out = question.entry;
        if (out_name != NULL) {
            *out_name = set->members[question.answered_by].name;
        }
    }
    return rc;
}

int
fi_chkp_set_contains(struct firn_chkp_set *set, const firn_hash *hash, bool *out, firn_error *err)
{
    firn_error problem;
    struct question question = {.hash = hash, .ask = query_for_place};
    int rc = query_all(set, &question, &problem);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : fi_chkp_pass_error(err, rc, &problem);
}

static int
query_for_content(struct question *question, struct firn_chkp *pack, firn_error *err)
{
    return fi_chkp_read(pack, question->hash, question->size_max, question->out, question->out_size,
                        err);
}

int
fi_chkp_set_read(struct firn_chkp_set *set, const firn_hash *hash, size_t size_max, uint8_t **out,
                 size_t *out_size, firn_error *err)
{
    *out = NULL;
    *out_size = 0;
    struct question question = {.hash = hash,
                                .ask = query_for_content,
                                .size_max = size_max,
                                .out = out,
                                .out_size = out_size};
    return query_all(set, &question, err);
}

static int
pass_to_sink(void *ctx, firn_slice data, firn_error *err)
{
    struct question *question = ctx;
    question->is_final = true;
    return question->sink(question->ctx, data, err);
}

static int
query_for_stream(struct question *question, struct firn_chkp *pack, firn_error *err)
{
    return fi_chkp_stream(pack, question->hash, pass_to_sink, question, err);
}

int
fi_chkp_set_stream(struct firn_chkp_set *set, const firn_hash *hash,
                   int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                   firn_error *err)
{
    struct question question = {.hash = hash, .ask = query_for_stream, .sink = sink, .ctx = ctx};
    return query_all(set, &question, err);
}

/* ---- all packs ---- */

struct listing {
    int (*visit)(void *ctx, const char *name, const struct fi_chkp_entry *entry);
    void *ctx;
    const char *name;
    bool has_ended; /* visit returned an error */
};

static int
pass_to_visit(void *ctx, const struct fi_chkp_entry *entry)
{
    struct listing *listing = ctx;
    int rc = listing->visit(listing->ctx, listing->name, entry);
    listing->has_ended = rc != FIRN_OK;
    return rc;
}

int
fi_chkp_set_list(struct firn_chkp_set *set,
                 int (*visit)(void *ctx, const char *name, const struct fi_chkp_entry *entry),
                 void *ctx, firn_error *err)
{
    int first_code = FIRN_OK;
    struct listing listing = {.visit = visit, .ctx = ctx};
    for (size_t i = 0; i < set->count; i++) {
        struct firn_chkp *pack;
        firn_error problem;
        listing.name = set->members[i].name;
        int rc = borrow(set, i, &pack, &problem);
        if (rc == FIRN_OK) {
            rc = fi_chkp_list(pack, pass_to_visit, &listing, &problem);
        }
        if (listing.has_ended || rc == FIRN_NO_MEMORY) {
            return fi_chkp_pass_error(err, rc, &problem);
        }
        if (rc != FIRN_OK && first_code == FIRN_OK) {
            first_code = fi_chkp_pass_error(err, rc, &problem);
        }
    }
    if (first_code == FIRN_OK && set->left_out_code != FIRN_OK) {
        first_code = fi_error_set(err, set->left_out_code, "a pack could not be opened: %s",
                                  (const char *)set->left_out.data);
    }
    return first_code;
}

/* Verifies every pack that can be opened; *out_code is the worst result. */
static int
verify_members(struct firn_chkp_set *set, const struct reporter *reporter,
               const struct fi_step *step, int *out_code, firn_error *out_problem, firn_error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct firn_chkp *pack;
        firn_error problem;
        int rc = borrow(set, i, &pack, &problem);
        bool is_borrowed = rc == FIRN_OK;
        if (is_borrowed) {
            rc = fi_chkp_verify(pack, reporter->on_damage, reporter->ctx, step, &problem);
        }
        if (rc == FIRN_NO_MEMORY || rc == FIRN_CANCELLED) {
            return fi_chkp_pass_error(err, rc, &problem);
        }
        if (!is_borrowed || (rc != FIRN_OK && rc != FIRN_CORRUPT && rc != FIRN_LIMIT)) {
            chkp_set_report(reporter, problem.text); /* verify has not done so */
        }
        if (rc != FIRN_OK && (*out_code == FIRN_OK || *out_code == FIRN_LIMIT)) {
            *out_code = rc;
            *out_problem = problem;
        }
    }
    return FIRN_OK;
}

int
fi_chkp_set_verify(struct firn_chkp_set *set, void (*on_damage)(void *ctx, const char *text),
                   void *ctx, const struct fi_step *step, firn_error *err)
{
    int code = FIRN_OK;
    firn_error problem;
    struct reporter reporter = {on_damage, ctx};
    int rc = verify_members(set, &reporter, step, &code, &problem, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (size_t at = 0; at < set->left_out.size;) {
        const char *text = (const char *)set->left_out.data + at;
        chkp_set_report(&reporter, text);
        at += strlen(text) + 1;
    }
    if ((code == FIRN_OK || code == FIRN_LIMIT) && set->left_out_code != FIRN_OK) {
        code = fi_error_set(&problem, set->left_out_code, "%s", (const char *)set->left_out.data);
    }
    return fi_chkp_pass_error(err, code, &problem);
}
