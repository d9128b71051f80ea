/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: random histories on the machine in memory, with power cuts between, against what a
 * careful reader of sim_memory.h may expect. The model notes what every name led to, and what every
 * file held, since it was last made durable; after a cut each must be one of these. FIRN_TEST_STEPS
 * sets the steps a seed, FIRN_TEST_SEEDS the seeds.
 */
#include "base/mem.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_os.h"
#include "support/test_random.h"

enum {
    DIRS_MAX = 6,
    NAMES = 6,
    FILES_MAX = 64,
    VALUES_MAX = 40,
    VERSIONS_MAX = 24,
    SIZE_MAX_BYTES = 6000,
    SECTOR = 512,
    NOTHING = 0
};

static const char *const names[NAMES] = {"a", "b", "c", "x", "y", "z"};

/* What a name led to since its directory was last synced, oldest first: inode numbers, NOTHING
 * for none. */
struct name_history {
    uint64_t values[VALUES_MAX];
    size_t count;
};

struct version {
    uint8_t bytes[SIZE_MAX_BYTES];
    size_t size;
};

struct model_file {
    uint64_t inode;
    struct version *versions; /* since the last sync, which the first is of */
    size_t version_count;
    uint32_t modes[VERSIONS_MAX]; /* since the attributes were made durable */
    size_t mode_count;
};

struct model_dir {
    uint64_t inode;
    struct fi_os_dir *handle;
    struct name_history history[NAMES];
};

struct model {
    struct test_random random;
    struct fi_os *os;
    struct model_dir dirs[DIRS_MAX]; /* the root first */
    size_t dir_count;
    struct model_file files[FILES_MAX];
    size_t file_count;
    uint64_t anchored[FILES_MAX + DIRS_MAX]; /* had a durable path at some time */
    size_t anchored_count;
};

static void
note_value(struct name_history *history, uint64_t value)
{
    if (history->values[history->count - 1] != value) {
        assert_true(history->count < VALUES_MAX);
        history->values[history->count++] = value;
    }
}

static void
settle_history(struct name_history *history)
{
    history->values[0] = history->values[history->count - 1];
    history->count = 1;
}

static uint64_t
current_value(const struct name_history *history)
{
    return history->values[history->count - 1];
}

static uint64_t
look_up(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat stat;
    firn_error err;
    int rc = fi_os_stat(dir, name, &stat, &err);
    if (rc == FIRN_NOT_FOUND) {
        return NOTHING;
    }
    TEST_OK(rc, &err);
    return stat.inode;
}

static void
note_names(struct model *model)
{
    for (size_t d = 0; d < model->dir_count; d++) {
        for (size_t n = 0; n < NAMES; n++) {
            note_value(&model->dirs[d].history[n], look_up(model->dirs[d].handle, names[n]));
        }
    }
}

static struct model_file *
file_of(struct model *model, uint64_t inode)
{
    for (size_t i = 0; i < model->file_count; i++) {
        if (model->files[i].inode == inode) {
            return &model->files[i];
        }
    }
    return NULL;
}

static struct model_dir *
dir_of(struct model *model, uint64_t inode)
{
    for (size_t i = 0; i < model->dir_count; i++) {
        if (model->dirs[i].inode == inode) {
            return &model->dirs[i];
        }
    }
    return NULL;
}

static void
settle_file(struct model_file *file)
{
    file->versions[0] = file->versions[file->version_count - 1];
    file->version_count = 1;
}

static void
settle_mode(struct model_file *file)
{
    file->modes[0] = file->modes[file->mode_count - 1];
    file->mode_count = 1;
}

static struct model_file *
add_file(struct model *model, uint64_t inode)
{
    assert_true(model->file_count < FILES_MAX);
    struct model_file *file = &model->files[model->file_count++];
    *file = (struct model_file){.inode = inode, .version_count = 1, .mode_count = 1};
    file->versions = fi_alloc_array(VERSIONS_MAX, sizeof *file->versions);
    assert_non_null(file->versions);
    file->versions[0].size = 0;
    return file;
}

static void
add_dir(struct model *model, struct fi_os_dir *handle)
{
    firn_error err;
    struct fi_os_stat stat;
    TEST_OK(fi_os_dir_stat(handle, &stat, &err), &err);
    struct model_dir *dir = &model->dirs[model->dir_count++];
    *dir = (struct model_dir){.inode = stat.inode, .handle = handle};
    for (size_t n = 0; n < NAMES; n++) {
        dir->history[n].count = 1;
    }
}

/* ---- anchors: what must keep a path ---- */

static bool
is_anchored(const struct model *model, uint64_t inode)
{
    for (size_t i = 0; i < model->anchored_count; i++) {
        if (model->anchored[i] == inode) {
            return true;
        }
    }
    return false;
}

static void
anchor(struct model *model, uint64_t inode)
{
    if (!is_anchored(model, inode)) {
        assert_true(model->anchored_count < FILES_MAX + DIRS_MAX);
        model->anchored[model->anchored_count++] = inode;
    }
}

/* Anchors what names that cannot have changed since a sync lead to, from the root. */
static void
anchor_durable(struct model *model, const struct model_dir *dir)
{
    for (size_t n = 0; n < NAMES; n++) {
        uint64_t inode = current_value(&dir->history[n]);
        if (dir->history[n].count == 1 && inode != NOTHING) {
            anchor(model, inode);
            const struct model_dir *child = dir_of(model, inode);
            if (child != NULL) {
                anchor_durable(model, child);
            }
        }
    }
}

/* ---- steps ---- */

static struct model_dir *
some_dir(struct model *model)
{
    return &model->dirs[test_random_below(&model->random, model->dir_count)];
}

static const char *
some_name(struct model *model)
{
    return names[test_random_below(&model->random, NAMES)];
}

/* What a step may answer when chance made it impossible. */
static void
expect_possible(int rc, const firn_error *err)
{
    if (rc != FIRN_NOT_FOUND && rc != FIRN_EXISTS && rc != FIRN_INVALID && rc != FIRN_DENIED) {
        TEST_OK(rc, err);
    }
}

static void
step_write(struct model *model)
{
    struct model_dir *dir = some_dir(model);
    const char *name = some_name(model);
    struct fi_os_file *file;
    struct fi_os_stat stat;
    firn_error err;
    unsigned flags = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE;
    if (model->file_count == FILES_MAX && look_up(dir->handle, name) == NOTHING) {
        return;
    }
    int rc = fi_os_file_open_stat(dir->handle, name, flags, 0644, &file, &stat, &err);
    expect_possible(rc, &err);
    if (rc != FIRN_OK) {
        return;
    }
    struct model_file *known = file_of(model, stat.inode);
    if (known == NULL) {
        known = add_file(model, stat.inode);
        known->modes[0] = stat.mode;
    }
    bool full = known->version_count == VERSIONS_MAX || known->mode_count == VERSIONS_MAX;
    uint64_t what = full ? 9 : test_random_below(&model->random, 10);
    struct version *next = &known->versions[known->version_count];
    if (what < 8) {
        *next = known->versions[known->version_count - 1];
    }
    if (what < 6) {
        size_t at = test_random_below(&model->random, SIZE_MAX_BYTES - 1);
        size_t size = 1 + test_random_below(&model->random, SIZE_MAX_BYTES - at);
        test_random_fill(&model->random, next->bytes + at, size);
        if (at > next->size) {
            memset(next->bytes + next->size, 0, at - next->size);
        }
        next->size = at + size > next->size ? at + size : next->size;
        TEST_OK(fi_os_file_write(file, at, next->bytes + at, size, &err), &err);
        known->version_count++;
    } else if (what < 7) {
        size_t size = test_random_below(&model->random, SIZE_MAX_BYTES);
        if (size > next->size) {
            memset(next->bytes + next->size, 0, size - next->size);
        }
        next->size = size;
        TEST_OK(fi_os_file_truncate(file, size, &err), &err);
        known->version_count++;
    } else if (what < 8) {
        uint32_t mode = (uint32_t)test_random_below(&model->random, 01000);
        TEST_OK(fi_os_set_mode((struct fi_os_node){.file = file}, mode, &err), &err);
        known->modes[known->mode_count++] = mode;
    } else if (what < 9) {
        TEST_OK(fi_os_file_sync(file, &err), &err);
        settle_file(known);
    } else {
        TEST_OK(fi_os_file_sync_all(file, &err), &err);
        settle_file(known);
        settle_mode(known);
    }
    fi_os_file_close(file);
}

static void
step_names(struct model *model)
{
    struct model_dir *from = some_dir(model);
    struct model_dir *to = some_dir(model);
    const char *old = some_name(model);
    const char *new = some_name(model);
    firn_error err;
    int rc = FIRN_OK;
    switch (test_random_below(&model->random, 8)) {
    case 0:
        rc = fi_os_remove_file(from->handle, old, &err);
        break;
    case 1:
        rc = fi_os_remove_dir(from->handle, old, &err);
        break;
    case 2:
        rc = fi_os_link(from->handle, old, to->handle, new, &err);
        break;
    case 3:
        if (model->dir_count < DIRS_MAX) {
            rc = fi_os_make_dir(from->handle, old, 0755, &err);
            if (rc == FIRN_OK) {
                struct fi_os_dir *made;
                TEST_OK(fi_os_dir_open(from->handle, old, &made, &err), &err);
                add_dir(model, made);
            }
        }
        break;
    case 4:
        rc = fi_os_rename(from->handle, old, to->handle, new, FI_OS_RENAME_EXCHANGE, &err);
        break;
    default:
        rc = fi_os_rename(from->handle, old, to->handle, new, FI_OS_RENAME_REPLACE, &err);
        break;
    }
    expect_possible(rc, &err);
}

static void
settle_all(struct model *model)
{
    for (size_t d = 0; d < model->dir_count; d++) {
        for (size_t n = 0; n < NAMES; n++) {
            settle_history(&model->dirs[d].history[n]);
        }
    }
    for (size_t f = 0; f < model->file_count; f++) {
        settle_file(&model->files[f]);
        settle_mode(&model->files[f]);
    }
}

static void
step_sync(struct model *model)
{
    firn_error err;
    struct model_dir *dir = some_dir(model);
    if (test_random_below(&model->random, 8) == 0) {
        TEST_OK(fi_os_dir_sync_filesystem(dir->handle, &err), &err);
        settle_all(model);
    } else {
        TEST_OK(fi_os_dir_sync(dir->handle, &err), &err);
        for (size_t n = 0; n < NAMES; n++) {
            settle_history(&dir->history[n]);
        }
    }
    anchor_durable(model, &model->dirs[0]);
}

/* Makes a directory durable before its history grows beyond what the model keeps. */
static void
sync_full_histories(struct model *model)
{
    firn_error err;
    for (size_t d = 0; d < model->dir_count; d++) {
        for (size_t n = 0; n < NAMES; n++) {
            if (model->dirs[d].history[n].count >= VALUES_MAX - 2) {
                TEST_OK(fi_os_dir_sync_filesystem(model->dirs[0].handle, &err), &err);
                settle_all(model);
                anchor_durable(model, &model->dirs[0]);
            }
        }
    }
}

/* ---- judging what a cut left ---- */

/* A part of a sector: where it is in its file, and its bytes after the cut. */
struct part {
    size_t at;
    const uint8_t *bytes;
    size_t size;
};

/* Whether the part is the version's, with zeros from limit on. */
static bool
part_is_of(const struct part *part, const struct version *version, size_t limit)
{
    for (size_t i = 0; i < part->size; i++) {
        uint8_t expected = part->at + i < limit ? version->bytes[part->at + i] : 0;
        if (part->bytes[i] != expected) {
            return false;
        }
    }
    return true;
}

/* Whether the part could be on the disk: of any version, whole, or cut by a later truncation
 * that was seen although what was written between was not. */
static bool
part_is_possible(const struct part *part, const struct model_file *file)
{
    for (size_t v = 0; v < file->version_count; v++) {
        const struct version *version = &file->versions[v];
        for (size_t w = v; w < file->version_count; w++) {
            size_t limit = file->versions[w].size;
            if (part_is_of(part, version, limit < version->size ? limit : version->size)) {
                return true;
            }
        }
    }
    return false;
}

static void
judge_contents(const struct model_file *file, struct fi_os_dir *dir, const char *name)
{
    size_t size = 0;
    char *bytes = test_os_get(dir, name, &size);
    assert_non_null(bytes);
    size_t smallest = SIZE_MAX;
    size_t largest = 0;
    for (size_t v = 0; v < file->version_count; v++) {
        size_t at = file->versions[v].size;
        smallest = at < smallest ? at : smallest;
        largest = at > largest ? at : largest;
    }
    assert_in_range(size, smallest, largest);
    for (size_t at = 0; at < size; at += SECTOR) {
        struct part part = {at, (const uint8_t *)bytes + at,
                            size - at < SECTOR ? size - at : SECTOR};
        assert_true(part_is_possible(&part, file));
    }
    struct fi_os_stat stat;
    firn_error err;
    TEST_OK(fi_os_stat(dir, name, &stat, &err), &err);
    bool found = false;
    for (size_t m = 0; m < file->mode_count; m++) {
        found = found || file->modes[m] == stat.mode;
    }
    assert_true(found);
    fi_free(bytes);
}

struct survivors {
    uint64_t inodes[DIRS_MAX * NAMES + 1];
    bool is_dir[DIRS_MAX * NAMES + 1];
    size_t count;
};

static bool
survived(const struct survivors *survivors, uint64_t inode)
{
    for (size_t i = 0; i < survivors->count; i++) {
        if (survivors->inodes[i] == inode) {
            return true;
        }
    }
    return false;
}

/* Checks each name of a directory and goes down. */
static void
judge_dir(struct model *model, struct fi_os_dir *handle, struct survivors *survivors)
{
    firn_error err;
    struct fi_os_stat stat;
    TEST_OK(fi_os_dir_stat(handle, &stat, &err), &err);
    const struct model_dir *dir = dir_of(model, stat.inode);
    assert_non_null(dir);
    for (size_t n = 0; n < NAMES; n++) {
        uint64_t inode = look_up(handle, names[n]);
        bool possible = false;
        for (size_t v = 0; v < dir->history[n].count; v++) {
            possible = possible || dir->history[n].values[v] == inode;
        }
        assert_true(possible);
        if (inode == NOTHING) {
            continue;
        }
        const struct model_file *file = file_of(model, inode);
        if (file == NULL) {
            assert_false(survived(survivors, inode)); /* a directory has one name */
        }
        survivors->is_dir[survivors->count] = file == NULL;
        survivors->inodes[survivors->count++] = inode;
        if (file != NULL) {
            judge_contents(file, handle, names[n]);
            continue;
        }
        struct fi_os_dir *child;
        TEST_OK(fi_os_dir_open(handle, names[n], &child, &err), &err);
        judge_dir(model, child, survivors);
        fi_os_dir_close(child);
    }
}

/* Whether the machine saw it somewhere below the root before the cut. */
static bool
was_reachable(struct model *model, const struct model_dir *dir, uint64_t inode)
{
    for (size_t n = 0; n < NAMES; n++) {
        uint64_t value = current_value(&dir->history[n]);
        const struct model_dir *child = value == NOTHING ? NULL : dir_of(model, value);
        if ((value != NOTHING && value == inode) ||
            (child != NULL && was_reachable(model, child, inode))) {
            return true;
        }
    }
    return false;
}

static struct survivors
judge_machine(struct model *model, struct fi_os *os)
{
    struct survivors survivors = {.count = 0};
    struct fi_os_dir *root = test_os_root(os);
    judge_dir(model, root, &survivors);
    fi_os_dir_close(root);
    for (size_t i = 0; i < model->anchored_count; i++) {
        if (was_reachable(model, &model->dirs[0], model->anchored[i])) {
            assert_true(survived(&survivors, model->anchored[i]));
        }
    }
    return survivors;
}

static void
forget_handles(struct model *model)
{
    for (size_t d = 0; d < model->dir_count; d++) {
        fi_os_dir_close(model->dirs[d].handle);
    }
    for (size_t f = 0; f < model->file_count; f++) {
        fi_free(model->files[f].versions);
    }
    model->dir_count = 0;
    model->file_count = 0;
    model->anchored_count = 0;
}

/* Starts over with what is there: all of it is durable. */
static void
learn(struct model *model, struct fi_os_dir *handle)
{
    firn_error err;
    size_t self = model->dir_count;
    add_dir(model, handle);
    for (size_t n = 0; n < NAMES; n++) {
        struct fi_os_stat stat;
        int rc = fi_os_stat(handle, names[n], &stat, &err);
        if (rc == FIRN_NOT_FOUND) {
            continue;
        }
        TEST_OK(rc, &err);
        model->dirs[self].history[n].values[0] = stat.inode;
        anchor(model, stat.inode);
        if (stat.kind == FI_OS_DIR) {
            struct fi_os_dir *child;
            TEST_OK(fi_os_dir_open(handle, names[n], &child, &err), &err);
            learn(model, child);
        } else if (file_of(model, stat.inode) == NULL) {
            struct model_file *file = add_file(model, stat.inode);
            file->modes[0] = stat.mode;
            size_t size = 0;
            char *bytes = test_os_get(handle, names[n], &size);
            memcpy(file->versions[0].bytes, bytes, size);
            file->versions[0].size = size;
            fi_free(bytes);
        }
    }
}

/* Tries some cuts on clones, then makes one for good and goes on from there. */
static void
cut(struct model *model)
{
    firn_error err;
    for (unsigned i = 0; i < 6; i++) {
        struct fi_os *clone;
        TEST_OK(fi_sim_memory_clone(model->os, &clone, &err), &err);
        fi_sim_memory_power_cut(clone, i < 2 ? i : test_random_next(&model->random));
        (void)judge_machine(model, clone);
        fi_sim_memory_destroy(clone);
    }
    if (test_random_below(&model->random, 4) == 0) {
        fi_sim_memory_power_cut(model->os, test_random_next(&model->random));
        (void)judge_machine(model, model->os);
        forget_handles(model);
        learn(model, test_os_root(model->os));
    }
}

static unsigned
number_from(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void
every_cut_leaves_a_state_that_syncs_allow(void **state)
{
    static struct model model;
    unsigned steps = number_from("FIRN_TEST_STEPS", 600);
    unsigned seeds = number_from("FIRN_TEST_SEEDS", 8);
    for (unsigned seed = 0; seed < seeds; seed++) {
        firn_error err;
        memset(&model, 0, sizeof model);
        test_random_init(&model.random, "every_cut", seed);
        TEST_OK(fi_sim_memory_create(test_random_next(&model.random), &model.os, &err), &err);
        learn(&model, test_os_root(model.os));
        for (unsigned step = 0; step < steps; step++) {
            uint64_t what = test_random_below(&model.random, 32);
            if (what < 14) {
                step_write(&model);
            } else if (what < 26) {
                step_names(&model);
            } else if (what < 30) {
                step_sync(&model);
            } else {
                cut(&model);
            }
            note_names(&model);
            sync_full_histories(&model);
        }
        forget_handles(&model);
        fi_sim_memory_destroy(model.os);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_leaves_a_state_that_syncs_allow),
    };
    return cmocka_run_group_tests_name("os_memory_model", tests, NULL, NULL);
}
