/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/commit: readers see what the writer has acknowledged: no commit whose sync is still on its way,
 * and every one that has returned, whatever its durability.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "store/db.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

static const struct fi_db_options pending = {.read_only = true, .read_pending = true};

/* A writer on the real disk whose syncs of the log are looked at by readers. */
struct scene {
    struct db_support_disk disk;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct firn_db *writer;
    struct firn_db_keyspace *keyspace;
    struct firn_db *reader;
    struct firn_db *early;
    const char *key; /* looked for while the log is synced */
    unsigned syncs;  /* seen by the hook since key was set */
    bool is_shown;   /* to the reader, at any of them */
    bool is_early;   /* to the one that asked for more */
    bool kills;      /* the process ends instead */
};

static bool
has(struct firn_db *reader, const char *key)
{
    firn_error err;
    DB_OK(fi_db_refresh(reader, &err));
    return db_support_get(db_support_keyspace(reader, "k"), key) != NULL;
}

static void
look_at_sync(void *ctx, const struct fi_sim_fault_call *call)
{
    struct scene *scene = ctx;
    bool is_log = call->name != NULL && strncmp(call->name, "wal-", 4) == 0;
    if (scene->key == NULL || !is_log || strcmp(call->operation, "file_sync") != 0) {
        return;
    }
    if (scene->kills) {
        (void)raise(SIGKILL);
    }
    scene->syncs++;
    scene->is_shown |= has(scene->reader, scene->key);
    scene->is_early |= has(scene->early, scene->key);
}

static void
scene_open_writer(struct scene *scene)
{
    firn_error err;
    DB_OK(fi_sim_fault_create(fi_os_default(), &scene->os, &err));
    DB_OK(fi_os_dir_open_path(scene->os, scene->disk.path, &scene->dir, &err));
    scene->writer = db_support_open(scene->dir);
    scene->keyspace = db_support_keyspace(scene->writer, "k");
    fi_sim_fault_set_hook(scene->os, look_at_sync, scene);
}

static void
scene_init(struct scene *scene)
{
    firn_error err;
    *scene = (struct scene){0};
    db_support_disk_init(&scene->disk);
    scene_open_writer(scene);
    DB_OK(fi_db_open(scene->disk.dir, &db_support_read_only, &scene->reader, &err));
    DB_OK(fi_db_open(scene->disk.dir, &pending, &scene->early, &err));
}

static void
scene_close_writer(struct scene *scene)
{
    fi_sim_fault_set_hook(scene->os, NULL, NULL);
    fi_sim_fault_set_plan(scene->os, NULL);
    fi_os_dir_close(scene->dir);
    fi_sim_fault_destroy(scene->os);
}

static void
scene_deinit(struct scene *scene)
{
    firn_error err;
    DB_OK(fi_db_close(scene->reader, &err));
    DB_OK(fi_db_close(scene->early, &err));
    db_support_disk_deinit(&scene->disk);
}

static void
a_commit_is_hidden_while_it_is_synced_and_seen_when_it_has_returned(void **state)
{
    firn_error err;
    struct scene scene;
    char key[16];
    scene_init(&scene);
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(key, sizeof key, "k%u", i);
        scene.key = key;
        scene.syncs = 0;
        scene.is_early = false;
        bool is_full = i % 3 != 2;
        DB_OK(fi_db_put(scene.keyspace, firn_str(key), firn_str("v"),
                        is_full ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS, &err));
        assert_true((scene.syncs > 0) == is_full);
        assert_true(scene.is_early == is_full);
        assert_false(scene.is_shown);
        scene.key = NULL;
        assert_true(has(scene.reader, key));
        if (i % 10 == 9) {
            DB_OK(fi_db_maintain_flush(scene.writer, &err));
            assert_true(has(scene.reader, key));
        }
    }
    DB_OK(fi_db_close(scene.writer, &err));
    scene_close_writer(&scene);
    assert_true(has(scene.reader, "k39"));
    scene_deinit(&scene);
}

static unsigned
count_checkpoints(struct firn_db *reader)
{
    firn_error err;
    DB_OK(fi_db_refresh(reader, &err));
    return (unsigned)fi_db_image(reader)->history.checkpoints.size;
}

static void
look_for_checkpoint(void *ctx, const struct fi_sim_fault_call *call)
{
    struct scene *scene = ctx;
    if (call->name != NULL && strncmp(call->name, "wal-", 4) == 0 &&
        strcmp(call->operation, "file_sync") == 0) {
        scene->syncs++;
        scene->is_shown |= count_checkpoints(scene->reader) != 0;
    }
}

static void
a_checkpoint_is_hidden_while_it_is_synced(void **state)
{
    firn_error err;
    struct scene scene;
    struct fi_db_checkpoint_info info;
    scene_init(&scene);
    fi_sim_fault_set_hook(scene.os, look_for_checkpoint, &scene);
    DB_OK(fi_db_checkpoint_create(scene.writer, "one", &info, &err));
    assert_true(scene.syncs > 0);
    assert_false(scene.is_shown);
    assert_true(count_checkpoints(scene.reader) != 0);
    DB_OK(fi_db_close(scene.writer, &err));
    scene_close_writer(&scene);
    scene_deinit(&scene);
}

static void
a_commit_whose_sync_fails_is_seen_by_nobody_before_the_next_opening(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene);
    db_support_put(scene.keyspace, "before", "v");
    const struct fi_sim_fault_plan plan = {
        .call = 1, .classes = FI_SIM_FAULT_SYNCS, .error_number = EIO};
    fi_sim_fault_set_plan(scene.os, &plan);
    assert_int_not_equal(
        fi_db_put(scene.keyspace, firn_str("failed"), firn_str("v"), FIRN_DURABILITY_FULL, &err),
        FIRN_OK);
    assert_true(has(scene.reader, "before"));
    assert_false(has(scene.reader, "failed"));
    assert_true(has(scene.early, "failed"));
    fi_db_abandon(scene.writer);
    scene_close_writer(&scene);
    scene_open_writer(&scene);
    bool is_there = db_support_get(scene.keyspace, "failed") != NULL;
    assert_true(has(scene.reader, "failed") == is_there);
    DB_OK(fi_db_close(scene.writer, &err));
    scene_close_writer(&scene);
    scene_deinit(&scene);
}

/* The writer dies in the middle of a sync: what it left counts, as it will at the next opening. */
static void
what_a_killed_writer_left_is_seen_and_stays(void **state)
{
    firn_error err;
    struct scene scene;
    int status;
    scene_init(&scene);
    DB_OK(fi_db_close(scene.writer, &err));
    scene_close_writer(&scene);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        scene_open_writer(&scene);
        scene.kills = true;
        scene.key = "last";
        db_support_put(scene.keyspace, "last", "v");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(has(scene.reader, "last"));
    scene_open_writer(&scene);
    assert_true(has(scene.reader, "last"));
    assert_string_equal(db_support_get(scene.keyspace, "last"), "v");
    DB_OK(fi_db_close(scene.writer, &err));
    scene_close_writer(&scene);
    assert_true(has(scene.reader, "last"));
    scene_deinit(&scene);
}

/* LOCK comes from anywhere: no bytes of it keep a reader from the store. */
static void
a_fence_of_any_bytes_hides_nothing_where_nobody_writes(void **state)
{
    firn_error err;
    struct scene scene;
    struct test_random random;
    test_random_init(&random, "db_fence", 17);
    scene_init(&scene);
    db_support_put(scene.keyspace, "k", "v");
    DB_OK(fi_db_close(scene.writer, &err));
    scene_close_writer(&scene);
    for (unsigned i = 0; i < 50; i++) {
        uint8_t bytes[64];
        struct fi_os_file *lock;
        for (size_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = (uint8_t)test_random_next(&random);
        }
        DB_OK(fi_os_file_open(scene.disk.dir, "LOCK", FI_OS_WRITE, 0, &lock, &err));
        DB_OK(fi_os_file_write(lock, 0, bytes, i, &err));
        DB_OK(fi_os_file_truncate(lock, i, &err));
        fi_os_file_close(lock);
        assert_true(has(scene.reader, "k"));
    }
    scene_deinit(&scene);
}

/* ---- two processes ---- */

struct shared {
    _Atomic uint64_t returned; /* the newest put that has */
    atomic_bool is_over;
};

/* Also if the reader ends without saying so, as it does where it fails. */
static void
write_until_over(const char *path, struct shared *shared, pid_t reader)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_existing, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t n = 1; !atomic_load(&shared->is_over) && getppid() == reader; n++) {
        DB_OK(fi_db_put(keyspace, firn_str("n"), firn_bytes(&n, sizeof n),
                        n % 50 < 40 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS, &err));
        atomic_store(&shared->returned, n);
        if (n % 200 == 0) {
            DB_OK(fi_db_maintain_flush(db, &err));
        }
    }
    DB_OK(fi_db_close(db, &err));
    _exit(0);
}

static uint64_t
read_number(struct firn_db *reader)
{
    firn_error err;
    struct fi_buf value = {0};
    uint64_t n = 0;
    DB_OK(fi_db_refresh(reader, &err));
    int rc = fi_db_get(db_support_keyspace(reader, "k"), firn_str("n"), &value, &err);
    if (rc == FIRN_OK) {
        memcpy(&n, value.data, sizeof n);
    } else {
        assert_int_equal(rc, FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&value);
    return n;
}

/* A put has returned a moment before it is counted, so a reader may be one ahead of the count. For
 * FULL puts alone that moment is no longer than a few instructions: what is ahead of the count and
 * stays so is early. */
static void
a_reader_in_another_process_is_never_behind_and_never_early(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *reader;
    int status;
    uint64_t last = 0;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    db_support_disk_init(&disk);
    struct firn_db *writer = db_support_open(disk.dir);
    (void)db_support_keyspace(writer, "k");
    DB_OK(fi_db_close(writer, &err));
    const pid_t self = getpid();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        write_until_over(disk.path, shared, self);
    }
    DB_OK(fi_db_open(disk.dir, &db_support_read_only, &reader, &err));
    unsigned reads = 0;
    unsigned ahead = 0;
    for (; reads < 300 || (atomic_load(&shared->returned) < 1000 && reads < 20000); reads++) {
        uint64_t before = atomic_load(&shared->returned);
        uint64_t n = read_number(reader);
        uint64_t after = atomic_load(&shared->returned);
        assert_true(n >= before && n >= last && n <= after + 1);
        ahead += n > after;
        last = n;
    }
    print_message("%u reads, %u between the return of a put and its count\n", reads, ahead);
    atomic_store(&shared->is_over, true);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(read_number(reader) == atomic_load(&shared->returned));
    DB_OK(fi_db_close(reader, &err));
    db_support_disk_deinit(&disk);
    (void)munmap(shared, sizeof *shared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_hidden_while_it_is_synced_and_seen_when_it_has_returned),
        cmocka_unit_test(a_checkpoint_is_hidden_while_it_is_synced),
        cmocka_unit_test(a_commit_whose_sync_fails_is_seen_by_nobody_before_the_next_opening),
        cmocka_unit_test(what_a_killed_writer_left_is_seen_and_stays),
        cmocka_unit_test(a_fence_of_any_bytes_hides_nothing_where_nobody_writes),
        cmocka_unit_test(a_reader_in_another_process_is_never_behind_and_never_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
